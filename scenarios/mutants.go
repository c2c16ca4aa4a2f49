package scenarios

import (
	"fmt"
	"strings"

	"github.com/saros-sim/saros/nodes/kv"
	"github.com/saros-sim/saros/nodes/raft"
	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// Guards are all rules and steps of a system that can be replaced.
type Guards struct {
	WAL    wal.Rules
	Raft   raft.Rules
	Steps  raft.Steps
	KV     kv.Rules
	Client ClientRules
}

// DefaultGuards is the correct system.
func DefaultGuards() Guards {
	return Guards{
		WAL:    wal.DefaultRules(),
		Raft:   raft.DefaultRules(),
		Steps:  raft.DefaultSteps(),
		KV:     kv.DefaultRules(),
		Client: ClientRules{RepeatsUnder: func(seq uint64) uint64 { return seq }},
	}
}

// Mutant is the correct system with one guard taken out. Its absence must be
// convicted by one of the checks in SeenBy.
type Mutant struct {
	Name   string
	Row    string // of the list of guards
	Doc    string
	SeenBy []string
	Break  func(g *Guards)
}

// Mutants lists the mutants.
func Mutants() []Mutant {
	const (
		lin, live, rec, dur = "linearizability", "liveness", "recovery", "durability"
		es, lm, lc, sms     = "election_safety", "log_matching", "leader_completeness", "state_machine_safety"
	)
	seen := func(checks ...string) []string { return checks }
	return []Mutant{
		{"wal-ack-before-sync", "M-W1", "records count as durable when they are written, not when they are synced", seen(dur, lin, es, lc),
			func(g *Guards) { g.WAL.DurableWhen = wal.WhenWritten }},
		{"wal-no-directory-sync", "M-W2", "a new segment's data is synced, its name is not", seen(dur, rec, lin),
			func(g *Guards) { g.WAL.SyncDirectory = wal.NeverSyncDirectory }},
		{"wal-torn-tail-fatal", "M-W4", "a record torn by a crash keeps the node down", seen(rec, live),
			func(g *Guards) { g.WAL.TornTail = wal.RefuseTornTail }},
		{"wal-no-checksum", "P-B1", "a record's checksum is not looked at", seen(rec, lm, dur, sms),
			func(g *Guards) { g.WAL.Checksum = wal.IgnoreChecksum }},
		{"wal-retry-sync", "M-W7", "a sync that failed is tried again, and believed", seen(dur, lin, es, lc, rec),
			func(g *Guards) { g.WAL.SyncFailed = wal.RetrySync }},
		{"wal-sync-old-tail", "P-B1", "recovery syncs the tail that it read instead of writing it anew", seen(dur, lin, es, lc, rec),
			func(g *Guards) { g.WAL.SyncRecovered = wal.SyncTail }},
		{"wal-trust-page-cache", "P-B1", "what recovery read counts as durable, in the page cache or not", seen(dur, lm, rec, lin, es, lc),
			func(g *Guards) { g.WAL.SyncRecovered = wal.TrustPageCache }},

		{"raft-no-checksum", "P-F7", "frames are taken whose checksum is wrong", seen(es, lm, lc, sms, lin, dur, rec, "panic", "always"),
			func(g *Guards) { g.Raft.Whole = func(bool) bool { return true } }},
		{"raft-term-in-memory", "M-R2", "neither term nor vote is written to the log", seen(es, lc, lm),
			func(g *Guards) { g.Steps.SaveHardState = func(*raft.Node) {} }},
		{"raft-vote-without-log-check", "M-R4", "a vote is given whatever the candidate's log lacks", seen(lc, dur, sms),
			func(g *Guards) { g.Raft.UpToDate = func(raft.VoteRequest, raft.Index, raft.Term) bool { return true } }},
		{"raft-vote-twice", "P-C2", "a vote is given again to another candidate of the same term", seen(es),
			func(g *Guards) { g.Raft.FreeToVote = func(sim.NodeID, sim.NodeID) bool { return true } }},
		{"raft-always-truncate", "M-R6", "every append cuts what follows it, conflict or not", seen(dur, lc, sms),
			func(g *Guards) {
				g.Raft.Conflict = func(l *raft.Log, prev raft.Index, entries []raft.Entry) (int, bool) { return 0, prev < l.Last() }
			}},
		{"raft-match-by-index", "M-R7", "an append fits if there is an entry before it, of whatever term", seen(lm),
			func(g *Guards) {
				g.Raft.Matches = func(l *raft.Log, prev raft.Index, _ raft.Term) bool { return prev <= l.Last() }
			}},
		{"raft-no-previous-check", "P-C4", "an append is accepted wherever it lands", seen(lm, sms, lc),
			func(g *Guards) { g.Raft.Matches = func(*raft.Log, raft.Index, raft.Term) bool { return true } }},
		{"raft-nack-is-ack", "M-R10", "a rejection counts as an acknowledgement of what it rejects", seen(dur, sms, lc),
			func(g *Guards) {
				g.Raft.Acknowledges = func(r raft.AppendReply) (raft.Index, bool) { return max(r.Match, r.Rejected), true }
			}},
		{"raft-election-minority", "M-R13", "half of the votes, rounded down, win an election", seen(es, sms, lc),
			func(g *Guards) { g.Raft.ElectionQuorum = func(voters int) int { return max(voters/2, 1) } }},
		{"raft-serve-old-leader", "P-C5", "appends of a deposed leader are accepted", seen(sms, lc, lm, dur),
			func(g *Guards) { g.Raft.Refuses = func(own, seen raft.Term) bool { return false } }},

		{"raft-leader-counts-early", "M-C2", "a leader counts its own copy before its disk has it", seen(dur, lc, sms),
			func(g *Guards) { g.Raft.LeaderCounts = func() raft.When { return raft.WhenAppended } }},
		{"raft-ack-before-sync", "M-W1", "a follower acknowledges entries before its disk has them", seen(dur, lc, sms),
			func(g *Guards) { g.Raft.Acknowledge = func() raft.When { return raft.WhenAppended } }},
		{"raft-commit-minority", "M-C3", "half of the copies, rounded down, commit an entry", seen(lc, sms, dur),
			func(g *Guards) { g.Raft.CommitQuorum = func(voters int) int { return max(voters/2, 1) } }},
		{"raft-commit-beyond-append", "M-C4", "a follower believes the commit index beyond what the append covers", seen(sms),
			func(g *Guards) {
				g.Raft.Covers = func(leaderCommit, lastNew raft.Index) raft.Index { return leaderCommit }
			}},
		{"raft-apply-on-append", "P-C6", "a follower applies entries when it has them, not when they are committed", seen(sms, lin),
			func(g *Guards) { g.Raft.Applies = func(commit, last raft.Index) raft.Index { return last } }},
		{"raft-abandoned-is-refused", "M-C11", "requests that wait when leadership is lost are answered as refused", seen(lin),
			func(g *Guards) { g.Raft.Abandoned = func() raft.Status { return raft.NotLeader } }},

		{"raft-local-read", "M-D1", "a leader answers reads from its own state, without asking anybody", seen(lin),
			func(g *Guards) { g.Raft.ReadLocally = func(r raft.Role) bool { return r == raft.Leader } }},

		{"kv-no-dedup", "M-S1", "a repeated request is done again", seen(lin),
			func(g *Guards) { g.KV.Repeats = func(*kv.Session, uint64) bool { return false } }},
		{"kv-sessions-on-leader", "M-S2", "only the leader keeps the session table", seen(sms, lin),
			func(g *Guards) { g.KV.Remember = func(leader bool) bool { return leader } }},
		{"kv-repeat-without-result", "M-S4", "a repeated request is answered, but not with what the first try got", seen(lin),
			func(g *Guards) {
				g.KV.Recall = func(s *kv.Session) []byte { return (&kv.Reply{Version: s.Seq}).Append(nil) }
			}},
		{"client-new-number", "M-S8", "a client repeats a request under a new number", seen(lin),
			func(g *Guards) { g.Client.RepeatsUnder = func(seq uint64) uint64 { return seq + 1 } }},
	}
}

// FindMutant finds a mutant by name.
func FindMutant(name string) (*Mutant, error) {
	all := Mutants()
	for i := range all {
		if all[i].Name == name {
			return &all[i], nil
		}
	}
	near := ""
	for i := range all {
		if name != "" && (strings.Contains(all[i].Name, name) || all[i].Row == name) {
			near += " " + all[i].Name
		}
	}
	if near != "" {
		return nil, fmt.Errorf(`there is no mutant "%s"; there are:%s`, printable(name), near)
	}
	return nil, fmt.Errorf("there is no mutant \"%s\"; `saros list mutants` shows them", printable(name))
}
