package raft

import "github.com/saros-sim/saros/sim"

// mutants are Raft with one rule or step replaced. Chaos finds the rare ones too
// seldom: they have a play of their own.
var mutants = []struct {
	name    string
	rare    bool
	replace func(r *Rules, s *Steps)
}{
	{"vote-in-memory", true, func(_ *Rules, s *Steps) { s.SaveHardState = func(n *Node) { n.WriteHardState(n.term, 0) } }},
	{"term-in-memory", false, func(_ *Rules, s *Steps) { s.SaveHardState = func(*Node) {} }},
	{"vote-without-log-check", false, func(r *Rules, _ *Steps) { r.UpToDate = func(VoteRequest, Index, Term) bool { return true } }},
	{"vote-twice", false, func(r *Rules, _ *Steps) { r.FreeToVote = func(_, _ sim.NodeID) bool { return true } }},
	{"count-votes", true, func(r *Rules, _ *Steps) { r.Won = func(v *Votes, quorum int) bool { return v.Replies >= quorum } }},
	{"stale-vote", true, func(r *Rules, _ *Steps) { r.CurrentVote = func(_, _ Term) bool { return true } }},
	{"election-minority", false, func(r *Rules, _ *Steps) { r.ElectionQuorum = func(voters int) int { return max(voters/2, 1) } }},
	{"stubborn-candidate", false, func(r *Rules, _ *Steps) { r.Follows = func(role Role) bool { return role == Follower } }},
	{"serve-old-leader", true, func(r *Rules, _ *Steps) { r.Refuses = func(_, _ Term) bool { return false } }},
	{"match-by-index", false, func(r *Rules, _ *Steps) {
		r.Matches = func(l *Log, prev Index, _ Term) bool { return prev <= l.Last() }
	}},
	{"no-previous-check", false, func(r *Rules, _ *Steps) { r.Matches = func(*Log, Index, Term) bool { return true } }},
	{"always-truncate", false, func(r *Rules, _ *Steps) {
		r.Conflict = func(l *Log, prev Index, _ []Entry) (int, bool) { return 0, prev < l.Last() }
	}},
	{"stale-ack", true, func(r *Rules, _ *Steps) { r.CurrentAck = func(_, _ Term) bool { return true } }},
	{"nack-is-ack", false, func(r *Rules, _ *Steps) {
		r.Acknowledges = func(m AppendReply) (Index, bool) { return max(m.Match, m.Rejected), true }
	}},
	{"ack-before-sync", false, func(r *Rules, _ *Steps) { r.Acknowledge = func() When { return WhenAppended } }},
	{"leader-counts-early", true, func(r *Rules, _ *Steps) { r.LeaderCounts = func() When { return WhenAppended } }},
	{"commit-minority", false, func(r *Rules, _ *Steps) { r.CommitQuorum = func(voters int) int { return max(voters/2, 1) } }},
	{"commit-old-term", true, func(r *Rules, _ *Steps) { r.MayCommit = func(_, _ Term) bool { return true } }},
	{"commit-beyond-append", false, func(r *Rules, _ *Steps) { r.Covers = func(leaderCommit, _ Index) Index { return leaderCommit } }},
	{"apply-on-append", false, func(r *Rules, _ *Steps) { r.Applies = func(_, last Index) Index { return last } }},
	{"abandoned-is-refused", false, func(r *Rules, _ *Steps) { r.Abandoned = func() Status { return NotLeader } }},
	{"local-read", true, func(r *Rules, _ *Steps) { r.ReadLocally = func(role Role) bool { return role == Leader } }},
}

// broken is the mutant of that name; "" is none.
func broken(name string) (Rules, Steps) {
	r, s := DefaultRules(), DefaultSteps()
	if name == "" {
		return r, s
	}
	for _, m := range mutants {
		if m.name == name {
			m.replace(&r, &s)
			return r, s
		}
	}
	panic("no mutant is called " + name)
}
