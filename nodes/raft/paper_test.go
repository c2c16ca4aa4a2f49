package raft

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/saros-sim/saros/sim"
)

// The paper's tables: each test is named after the place in the extended Raft paper
// (Ongaro and Ousterhout, 2014) that argues for the rule.

func logOf(terms ...Term) *Log {
	var l Log
	for i, t := range terms {
		l.append(Entry{Term: t, Data: fmt.Appendf(nil, "%d@%d", i+1, t)})
	}
	return &l
}

func entriesOf(terms ...Term) (entries []Entry) {
	for _, t := range terms {
		entries = append(entries, Entry{Term: t})
	}
	return entries
}

// Raft 5.1: a higher term ends a role, a lower one is refused, and answers belong to
// the term of their question.
func TestTerms5_1(t *testing.T) {
	r := DefaultRules()
	for _, c := range []struct {
		own, seen                 Term
		deposes, refuses, current bool
	}{
		{3, 2, false, true, false},
		{3, 3, false, false, true},
		{3, 4, true, false, false},
		{0, 0, false, false, true},
		{math.MaxUint64, 0, false, true, false},
	} {
		assert.Equal(t, c.deposes, r.Deposes(c.own, c.seen), "%+v", c)
		assert.Equal(t, c.refuses, r.Refuses(c.own, c.seen), "%+v", c)
		assert.Equal(t, c.current, r.CurrentVote(c.own, c.seen), "%+v", c)
		assert.Equal(t, c.current, r.CurrentAck(c.own, c.seen), "%+v", c)
	}
}

// Raft 5.2: one vote a term, first come, first served; again to the same candidate, for
// its request may have been retried.
func TestFreeToVote5_2(t *testing.T) {
	r := DefaultRules()
	for _, c := range []struct {
		votedFor, candidate sim.NodeID
		want                bool
	}{{0, 1, true}, {1, 1, true}, {2, 1, false}} {
		assert.Equal(t, c.want, r.FreeToVote(c.votedFor, c.candidate), "%+v", c)
	}
}

// Raft 5.2: a majority of the voters wins.
func TestMajority5_2(t *testing.T) {
	r := DefaultRules()
	for voters, want := range map[int]int{1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4} {
		assert.Equal(t, want, Majority(voters), "%d voters", voters)
		assert.Equal(t, want, r.ElectionQuorum(voters), "%d voters", voters)
		assert.Equal(t, want, r.CommitQuorum(voters), "%d voters", voters)
		assert.Greater(t, 2*want, voters, "two majorities of %d share a voter", voters)
		assert.LessOrEqual(t, 2*(want-1), voters, "and it is the least")
	}
	for _, c := range []struct {
		from []sim.NodeID
		want bool
	}{
		{nil, false},
		{[]sim.NodeID{1, 2}, false},
		{[]sim.NodeID{1, 2, 2, 2}, false},
		{[]sim.NodeID{1, 2, 3}, true},
		{[]sim.NodeID{1, 2, 1, 3, 4}, true},
	} {
		var v Votes
		for _, from := range c.from {
			v.grant(from)
		}
		assert.Equal(t, c.want, r.Won(&v, 3), "votes of %v", c.from)
		v.reset()
		assert.False(t, r.Won(&v, 1))
	}
}

// Raft 5.2: election timeouts are drawn from [base, 2·base).
func TestElectionTimeout5_2(t *testing.T) {
	r := DefaultRules()
	const base = 150 * time.Millisecond
	for _, c := range []struct {
		draw uint64
		want time.Duration
	}{{0, base}, {7, base + 7}, {uint64(base) - 1, 2*base - 1}} {
		a := &actor{rand: func(bound uint64) uint64 {
			assert.Equal(t, uint64(base), bound)
			return c.draw
		}}
		assert.Equal(t, c.want, r.ElectionTimeout(a, base))
	}
}

// Raft 5.2: who hears from the leader of its term follows, whatever it was.
func TestFollows5_2(t *testing.T) {
	r := DefaultRules()
	for role := Follower; role < Leader; role++ {
		assert.True(t, r.Follows(role), "%d", role)
	}
}

// Raft 5.3: an append fits if the log has the entry before it, of that term.
func TestMatches5_3(t *testing.T) {
	r := DefaultRules()
	l := logOf(1, 1, 2)
	for _, c := range []struct {
		prev Index
		term Term
		want bool
	}{{0, 0, true}, {1, 1, true}, {3, 2, true}, {3, 1, false}, {2, 2, false}, {4, 2, false}, {0, 1, false}} {
		assert.Equal(t, c.want, r.Matches(l, c.prev, c.term), "%+v", c)
	}
}

// Raft 5.3: what the log has already is not touched; from the first entry that
// conflicts on, all goes.
func TestConflict5_3(t *testing.T) {
	r := DefaultRules()
	for _, c := range []struct {
		name  string
		log   *Log
		prev  Index
		terms []Term
		fresh int
		cut   bool
	}{
		{"a heartbeat", logOf(1, 1), 2, nil, 0, false},
		{"a heartbeat that was overtaken", logOf(1, 1), 1, nil, 0, false},
		{"the first entry", logOf(), 0, []Term{1}, 0, false},
		{"at the end", logOf(1, 1), 2, []Term{1, 2}, 0, false},
		{"all there", logOf(1, 1, 2), 1, []Term{1, 2}, 2, false},
		{"all there, and more", logOf(1, 1, 2, 2), 0, []Term{1, 1}, 2, false},
		{"partly there", logOf(1, 1, 2), 1, []Term{1, 2, 2, 3}, 2, false},
		{"a conflict at once", logOf(1, 1, 1), 1, []Term{2, 2}, 0, true},
		{"a conflict later", logOf(1, 1, 1, 1), 1, []Term{1, 3}, 1, true},
		{"a conflict at the last entry", logOf(1, 1, 1), 1, []Term{1, 2}, 1, true},
		{"a conflict with newer terms", logOf(1, 4, 4), 1, []Term{3}, 0, true},
	} {
		fresh, cut := r.Conflict(c.log, c.prev, entriesOf(c.terms...))
		assert.Equal(t, c.fresh, fresh, c.name)
		assert.Equal(t, c.cut, cut, c.name)
	}
}

// Raft 5.3: a rejection acknowledges nothing.
func TestAcknowledges5_3(t *testing.T) {
	r := DefaultRules()
	match, ok := r.Acknowledges(AppendReply{OK: true, Match: 4})
	assert.True(t, ok)
	assert.Equal(t, Index(4), match)
	_, ok = r.Acknowledges(AppendReply{Rejected: 4, Hint: 3})
	assert.False(t, ok)
	assert.Equal(t, WhenDurable, r.Acknowledge())
	assert.Equal(t, WhenDurable, r.LeaderCounts())
}

// Raft 5.3, end: one rejection a conflicting term. The logs are the follower's of
// Figure 7 and its leader's.
func TestAgreement5_3(t *testing.T) {
	leader := logOf(1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
	for _, c := range []struct {
		name     string
		follower *Log
		hint     Index // the follower's: how far it could agree with 10@6
		next     Index // the leader's: how far it could agree with the hint
	}{
		{"a", logOf(1, 1, 1, 4, 4, 5, 5, 6, 6), 9, 9},
		{"b", logOf(1, 1, 1, 4), 4, 4},
		{"c", logOf(1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6), 10, 10},
		{"d", logOf(1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7), 10, 10},
		{"e", logOf(1, 1, 1, 4, 4, 4, 4), 7, 5},
		{"f", logOf(1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3), 10, 3},
		{"nothing", logOf(), 0, 0},
		{"newer terms only", logOf(7, 7, 7), 0, 0},
	} {
		hint := c.follower.agreement(10, 6)
		assert.Equal(t, c.hint, hint, c.name)
		assert.Equal(t, c.next, leader.agreement(hint, c.follower.Term(hint)), c.name)
	}
}

// Raft 5.4.1: the log with the later term is newer; of equal terms, the longer one.
func TestUpToDate5_4_1(t *testing.T) {
	r := DefaultRules()
	for _, c := range []struct {
		lastIndex Index
		lastTerm  Term
		ownIndex  Index
		ownTerm   Term
		want      bool
		why       string
	}{
		{0, 0, 0, 0, true, "both are empty"},
		{5, 2, 5, 2, true, "they are equal"},
		{6, 2, 5, 2, true, "it is longer"},
		{4, 2, 5, 2, false, "it is shorter"},
		{1, 3, 5, 2, true, "it is shorter, and of a later term"},
		{9, 1, 5, 2, false, "it is longer, and of an earlier term"},
		{0, 0, 1, 1, false, "it is empty"},
	} {
		assert.Equal(t, c.want, r.UpToDate(VoteRequest{LastIndex: c.lastIndex, LastTerm: c.lastTerm}, c.ownIndex, c.ownTerm), c.why)
	}
}

// Raft 5.4.2 and Figure 8: only entries of the leader's own term are committed by
// counting.
func TestMayCommit5_4_2(t *testing.T) {
	r := DefaultRules()
	for _, c := range []struct {
		entry, own Term
		want       bool
	}{{4, 4, true}, {2, 4, false}, {0, 4, false}} {
		assert.Equal(t, c.want, r.MayCommit(c.entry, c.own), "%+v", c)
	}
}

// Raft, Figure 2, AppendEntries, 5: min(leaderCommit, index of last new entry). And a
// node applies what is committed and what it has.
func TestCovers_Figure2(t *testing.T) {
	r := DefaultRules()
	for _, c := range []struct{ a, b, want Index }{{3, 5, 3}, {5, 3, 3}, {4, 4, 4}, {0, 2, 0}} {
		assert.Equal(t, c.want, r.Covers(c.a, c.b), "%+v", c)
		assert.Equal(t, c.want, r.Applies(c.a, c.b), "%+v", c)
	}
}

// Ongaro 6.4, Raft 8: a leader may have been deposed without knowing it, and nobody
// knows what becomes of its requests.
func TestRequests8(t *testing.T) {
	r := DefaultRules()
	assert.Equal(t, Unknown, r.Abandoned())
	assert.False(t, r.ReadLocally(Leader))
	assert.False(t, r.ReadLocally(Follower))
}
