package raft

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/saros-sim/saros/sim"
)

func newCluster(o stageOptions, nodes int) *stage {
	o.names = []string{"neptune", "jupiter", "saturn"}[:nodes]
	rules, steps := broken("")
	s := newStage(o, rules, steps)
	s.start()
	return s
}

// elected is a cluster that neptune leads.
func elected(o stageOptions, nodes int) *stage {
	s := newCluster(o, nodes)
	s.fire(s.actors[0], timerElection)
	s.settle()
	return s
}

// appends decodes the appends that are under way to a node, and takes them.
func (s *stage) appends(t testing.TB, to sim.NodeID) (appends []AppendRequest) {
	for _, f := range s.take(func(f *flight) bool { return f.to == to && f.kind == KindAppend }) {
		var m AppendRequest
		require.True(t, m.decode(f.frame))
		appends = append(appends, m)
	}
	return appends
}

// TestSingleVoter: a cluster of one elects itself, and commits when its disk has it
// (etcd #14370), not before.
func TestSingleVoter(t *testing.T) {
	s := elected(stageOptions{entries: 4, window: 8, waiting: 8}, 1)
	a := s.actors[0]
	require.Equal(t, Leader, a.node.role)
	a.slow = true
	id := s.request(a, "x")
	assert.Empty(t, s.answers[id])
	assert.Equal(t, Index(1), a.node.commit)
	s.powerLoss(a)
	s.restart(a)
	assert.Equal(t, Index(1), a.node.log.Last(), "x was not durable, and nobody was told that it was")
	a.slow = false
	s.fire(a, timerElection)
	id = s.request(a, "y")
	assert.Equal(t, "y@3", string(s.answers[id][0].Result))
	for range 10 { // nobody to answer: it leads all the same
		s.fire(a, timerHeartbeat)
	}
	assert.Equal(t, Leader, a.node.role)
	assert.Zero(t, s.sent)
	assert.Empty(t, s.violations)
}

// TestPropose: a machine that embeds the node proposes when it leads.
func TestPropose(t *testing.T) {
	s := elected(stageOptions{entries: 4, window: 8, waiting: 8}, 3)
	_, _, ok := s.actors[1].node.Propose([]byte("x"))
	assert.False(t, ok)
	i, term, ok := s.actors[0].node.Propose([]byte("x"))
	assert.True(t, ok)
	assert.Equal(t, []any{Index(2), Term(1)}, []any{i, term})
	s.settle()
	assert.Equal(t, Index(2), s.actors[0].node.Applied())
	assert.Equal(t, []string{"x"}, s.actors[0].node.Machine().(*journal).lines)
	s.kill(s.actors[0])
	fresh := New(Config{Peers: s.peers}, nil)
	_, _, ok = fresh.Propose([]byte("x"))
	assert.False(t, ok, "before recovery")
}

// TestDeafBeforeRecovery: a node that reads its log answers nothing, and knows nothing
// of what it was sent.
func TestDeafBeforeRecovery(t *testing.T) {
	s := newCluster(stageOptions{}, 3)
	a := s.actors[0]
	s.kill(a)
	a.node = New(Config{Peers: s.peers, Machine: new(journal)}, nil)
	a.node.Boot(a)
	frame := Seal((&VoteRequest{Term: 7}).append(nil))
	for kind := KindPreVote; kind <= KindReply; kind++ {
		a.node.Receive(a, 2, kind, frame)
	}
	assert.Zero(t, s.sent)
	assert.Empty(t, s.answers)
	assert.Zero(t, a.node.Term())
	assert.False(t, a.running[timerElection])
}

// TestHalts: a node whose disk fails, or whose log is damaged, stops itself. An
// operation that nobody asked for is a bug.
func TestHalts(t *testing.T) {
	s := elected(stageOptions{entries: 4, window: 8, waiting: 8, slow: true}, 3)
	a := s.actors[1]
	for a.node.Ready() && len(a.disk.queue) == 0 {
		s.arrive(&flight{1, 2, KindVote, (&VoteRequest{Term: a.node.Term() + 1, LastIndex: 9, LastTerm: 9}).append(nil)})
	}
	o, _ := a.disk.step()
	broken := errors.New("input/output error")
	o.io.Err = broken
	sent := s.sent
	s.happens(a, func(n *Node) { n.Complete(a, o.id, o.io) })
	require.ErrorIs(t, a.halted, broken)
	assert.Equal(t, sent, s.sent)

	b := s.actors[2]
	assert.PanicsWithValue(t, "raft: node 3: disk operation 12345 (sync) is nobody's", func() {
		b.node.Complete(b, 12345, sim.IO{Op: sim.OpSync})
	})
}

// TestReplayRefuses: entries that are missing in the log are not made up.
func TestReplayRefuses(t *testing.T) {
	n := New(Config{}, nil)
	n.env = &actor{}
	record := func(i Index) []byte {
		b := []byte{recordEntry, byte(i), 0, 0, 0, 0, 0, 0, 0}
		return (&Entry{Term: 1}).append(b)
	}
	require.NoError(t, n.replay(record(1)))
	assert.EqualError(t, n.replay(record(3)), "raft: the log ends at 1 and goes on at 3: entries are missing")
	assert.Error(t, n.replay(record(0)))
	assert.ErrorIs(t, n.replay([]byte{9}), errRecord)
	assert.ErrorIs(t, n.replay(nil), errRecord)
	require.NoError(t, n.replay(record(2)))
	require.NoError(t, n.replay(record(1)), "it replaces what the log has from there on")
	assert.Equal(t, Index(1), n.log.Last())
}

// TestReuse: a node in the memory of an earlier one is as good as new.
func TestReuse(t *testing.T) {
	tell := func(seed uint64, reuse bool) string {
		rules, steps := broken("")
		c := newChaos(numbers(seed), 3, rules, steps)
		for range 400 {
			c.step()
			for _, a := range c.actors {
				if !reuse {
					a.spare = nil
				}
			}
		}
		b := fmt.Sprint(c.sent, c.answers, len(c.flying))
		for _, a := range c.actors {
			if a.node != nil {
				b += fmt.Sprint("; ", a.node.term, a.node.vote, a.node.commit, " ", termsOf(&a.node.log), len(a.disk.queue))
			}
		}
		return b
	}
	for seed := range uint64(20) {
		require.Equal(t, tell(seed, false), tell(seed, true), "seed %d", seed)
	}
}

// TestLogTime: the log's clock never goes back, whatever a leader's own does.
func TestLogTime(t *testing.T) {
	s := elected(stageOptions{entries: 4, window: 8, waiting: 8}, 3)
	a := s.actors[0]
	for _, skew := range []int64{0, 50, -100, 0, 60, 59} {
		a.skew = skew
		s.request(a, "x")
	}
	var last int64
	for i := Index(1); i <= a.node.log.Last(); i++ {
		e := a.node.log.Entry(i)
		assert.GreaterOrEqual(t, e.Time, last)
		last = e.Time
	}
	assert.Equal(t, int64(s.now)+60, last)
}

// TestStorm: in a network that delivers everything twice, a cluster that has nothing to
// do says no more than twice what it says otherwise.
func TestStorm(t *testing.T) {
	beats := func(copies int) int {
		s := elected(stageOptions{entries: 1, window: 4, waiting: 8}, 3)
		for range 6 {
			s.request(s.actors[0], "x")
		}
		s.cutOff(s.actors[2]) // and saturn has missed it all
		s.settle()
		s.mendAll()
		before := s.sent
		for range 20 {
			s.fire(s.actors[0], timerHeartbeat)
			for len(s.flying) > 0 {
				f := s.flying[0]
				s.flying = s.flying[1:]
				for range copies {
					s.arrive(f)
				}
				require.Less(t, s.sent, 5000)
			}
		}
		require.Equal(t, Index(7), s.actors[2].node.Commit())
		return s.sent - before
	}
	once := beats(1)
	assert.LessOrEqual(t, beats(2), 2*once)
	assert.LessOrEqual(t, beats(4), 4*once)
}

// TestElectionTimer: the leader of the present term and a vote that is given put the
// next election off; nothing else does, least of all one who leads no more.
func TestElectionTimer(t *testing.T) {
	entry := []Entry{{Term: 2}}
	for _, c := range []struct {
		name string
		kind sim.Kind
		m    codec
		want bool // restarted
	}{
		{"a heartbeat", KindAppend, &AppendRequest{Term: 2}, true},
		{"an append that does not fit", KindAppend, &AppendRequest{Term: 2, PrevIndex: 5, PrevTerm: 2, Entries: entry}, true},
		{"an append of a newer term", KindAppend, &AppendRequest{Term: 3}, true},
		{"an append of an older term", KindAppend, &AppendRequest{Term: 1}, false},
		{"a vote that is given", KindVote, &VoteRequest{Term: 3, LastIndex: 9, LastTerm: 9}, true},
		{"a vote that is refused for the log", KindVote, &VoteRequest{Term: 2, LastIndex: 0, LastTerm: 0}, false},
		{"a vote that is refused for the term", KindVote, &VoteRequest{Term: 1, LastIndex: 9, LastTerm: 9}, false},
		{"a pre-vote that is given", KindPreVote, &VoteRequest{Term: 3, LastIndex: 9, LastTerm: 9}, false},
		{"a vote of somebody's", KindVoteReply, &VoteReply{Term: 2, Granted: true}, false},
		{"an acknowledgement", KindAppendReply, &AppendReply{Term: 2, OK: true}, false},
	} {
		s := newCluster(stageOptions{entries: 4, window: 8, waiting: 8}, 3)
		a := s.actors[0]
		s.kill(a)
		s.write(a, 2, 3, []Term{1})
		s.restart(a)
		s.arrive(&flight{3, 1, KindAppend, (&AppendRequest{Term: 2, PrevIndex: 1, PrevTerm: 1}).append(nil)})
		before := a.due[timerElection]
		s.now += stageElection // just about to fire, and nobody is heard any more
		s.arrive(&flight{3, 1, c.kind, c.m.append(nil)})
		assert.True(t, a.running[timerElection], c.name)
		assert.Equal(t, c.want, a.due[timerElection] > before, c.name)
	}
}

// TestNewerTerm: whatever a node is, and whatever it hears it from, a newer term makes
// a follower of it (Raft 5.1), with its timer running. Pre-votes are about a term that
// nobody is in yet.
func TestNewerTerm(t *testing.T) {
	for _, c := range []struct {
		name string
		kind sim.Kind
		m    codec
		want bool
	}{
		{"append", KindAppend, &AppendRequest{Term: 9}, true},
		{"append reply", KindAppendReply, &AppendReply{Term: 9, OK: true}, true},
		{"rejection", KindAppendReply, &AppendReply{Term: 9, Rejected: 1}, true},
		{"vote", KindVote, &VoteRequest{Term: 9}, true},
		{"vote reply", KindVoteReply, &VoteReply{Term: 9}, true},
		{"granted vote", KindVoteReply, &VoteReply{Term: 9, Granted: true}, true},
		{"refused pre-vote", KindPreVoteReply, &VoteReply{Term: 9}, true},
		{"granted pre-vote", KindPreVoteReply, &VoteReply{Term: 9, Granted: true}, false},
		{"pre-vote", KindPreVote, &VoteRequest{Term: 9}, false},
	} {
		for role := Follower; role <= Leader; role++ {
			s := inRole(t, role)
			a := s.actors[0]
			term := a.node.term
			s.arrive(&flight{2, 1, c.kind, c.m.append(nil)})
			if !c.want {
				assert.Equal(t, []any{role, term}, []any{a.node.role, a.node.term}, "%s to a %s", c.name, roles[role])
				continue
			}
			assert.Equal(t, []any{Follower, Term(9)}, []any{a.node.role, a.node.term}, "%s to a %s", c.name, roles[role])
			assert.True(t, a.running[timerElection], "%s to a %s", c.name, roles[role])
		}
	}
}

// inRole is a cluster of three in which neptune has a role.
func inRole(t testing.TB, role Role) *stage {
	s := newCluster(stageOptions{entries: 2, window: 4, waiting: 2}, 3)
	deliver := func(kind sim.Kind) {
		for _, f := range s.take(func(f *flight) bool { return f.kind == kind }) {
			s.arrive(f)
		}
	}
	switch a := s.actors[0]; role {
	case PreCandidate:
		s.fire(a, timerElection)
	case Candidate:
		s.fire(a, timerElection)
		deliver(KindPreVote)
		deliver(KindPreVoteReply)
	case Leader:
		s.fire(a, timerElection)
		s.settle()
	}
	require.Equal(t, role, s.actors[0].node.role)
	return s
}

// TestOneRoundTripATerm: a follower with many entries of a newer term than its leader's
// log has at that place says so in one rejection (Raft 5.3, end).
func TestOneRoundTripATerm(t *testing.T) {
	s := newCluster(stageOptions{entries: 4, window: 8, waiting: 8}, 3)
	for i, terms := range [][]Term{
		{1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 5},
		{1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 5},
		{1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3},
	} {
		a := s.actors[i]
		s.kill(a)
		s.write(a, 5, 0, terms)
		s.restart(a)
	}
	s.fire(s.actors[0], timerElection)
	s.settle()
	s.fire(s.actors[0], timerHeartbeat)
	s.settle()
	assert.Equal(t, Index(13), s.actors[2].node.commit)
	assert.LessOrEqual(t, s.reached["raft: append rejected"], 2)
}

// TestHint: who steps down does not know who leads. It must not name itself.
func TestHint(t *testing.T) {
	s := elected(stageOptions{entries: 4, window: 8, waiting: 8}, 3)
	a := s.actors[0]
	id := s.request(a, "x")
	s.arrive(&flight{2, 1, KindAppendReply, (&AppendReply{Term: 2}).append(nil)})
	require.Equal(t, Unknown, s.answers[id][0].Status)
	assert.Zero(t, s.answers[id][0].Leader)
}

// TestLostProbe: a probe that was lost is repeated where it was, not at the beginning of
// the log. Otherwise one lost frame costs the transfer of the whole log.
func TestLostProbe(t *testing.T) {
	s := newCluster(stageOptions{entries: 4, window: 8, waiting: 8}, 3)
	terms := make([]Term, 100)
	for i := range terms {
		terms[i] = 1
	}
	for _, a := range s.actors {
		s.kill(a)
		s.write(a, 1, 0, terms)
		s.restart(a)
	}
	a := s.actors[0]
	s.cutOff(s.actors[2])
	s.fire(a, timerElection)
	s.settle()
	require.Equal(t, Leader, a.node.role)
	s.mendAll()
	s.fire(a, timerHeartbeat)
	m := s.appends(t, 3)[0]
	assert.Equal(t, Index(100), m.PrevIndex)
}

// TestWindow: a follower is sent its window ahead of its acknowledgements, and no more.
func TestWindow(t *testing.T) {
	s := elected(stageOptions{entries: 4, window: 6, waiting: 100}, 3)
	for range 40 {
		s.request(s.actors[0], "x")
	}
	s.fire(s.actors[0], timerHeartbeat)
	s.appends(t, 2)
	s.fire(s.actors[0], timerHeartbeat) // what was sent counts as lost: a probe
	for _, f := range s.take(func(f *flight) bool { return f.to == 2 }) {
		s.arrive(f)
	}
	for _, f := range s.take(func(f *flight) bool { return f.from == 2 }) {
		s.arrive(f)
	}
	entries := 0
	for _, m := range s.appends(t, 2) {
		entries += len(m.Entries)
	}
	assert.Equal(t, 6, entries)
}

// TestLargeCommands: an append is bounded in bytes, too: commands that are legal one by
// one must not add up to a frame that is not.
func TestLargeCommands(t *testing.T) {
	s := elected(stageOptions{entries: 8, window: 16, waiting: 100}, 3)
	s.cutOff(s.actors[2])
	for range 8 {
		s.request(s.actors[0], strings.Repeat("x", sim.MaxFrame/6))
	}
	s.settle()
	s.mendAll()
	assert.NotPanics(t, func() {
		s.fire(s.actors[0], timerHeartbeat)
		s.settle() // saturn rejects it, and gets all that it has missed
	})
	assert.Equal(t, Index(9), s.actors[2].node.log.Last())
}

// TestStrangers: who is no member of the cluster neither leads nor gets a vote.
func TestStrangers(t *testing.T) {
	s := newCluster(stageOptions{entries: 4, window: 8, waiting: 8}, 3)
	n := s.actors[0].node
	s.arrive(&flight{7, 1, KindVote, (&VoteRequest{Term: 1}).append(nil)})
	assert.Zero(t, n.vote)
	s.arrive(&flight{7, 1, KindAppend, (&AppendRequest{Term: 1, Commit: 1, Entries: []Entry{{Term: 1}}}).append(nil)})
	assert.Zero(t, n.leader)
	assert.Zero(t, n.log.Last())
	s.fire(s.actors[0], timerElection)
	for kind := KindPreVoteReply; kind <= KindVoteReply; kind += 2 {
		s.arrive(&flight{7, 1, kind, (&VoteReply{Term: n.term + 1, Granted: true}).append(nil)})
	}
	assert.NotEqual(t, Leader, n.role)
}
