package kv

// Rules are the guards of the session table. DefaultRules is the correct set; a
// mutant replaces one.
type Rules struct {
	// Repeats tells a repeated request from a new one (Raft, section 8).
	Repeats func(s *Session, seq uint64) bool
	// Remember tells whether this replica writes the session table: every replica
	// does, for any may answer the repeat after a failover (Ongaro, 6.3).
	Remember func(leader bool) bool
	// Recall is the answer to a repeat: the very answer that the first try got.
	Recall func(s *Session) []byte
}

// DefaultRules is the correct session table.
func DefaultRules() Rules {
	return Rules{
		Repeats:  func(s *Session, seq uint64) bool { return seq <= s.Seq },
		Remember: func(bool) bool { return true },
		Recall:   func(s *Session) []byte { return s.Reply },
	}
}
