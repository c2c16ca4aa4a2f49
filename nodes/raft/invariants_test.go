package raft

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// court is three living nodes whose state a test writes, and their judge.
type court struct {
	*stage
	t testing.TB
}

func newCourt(t testing.TB) court {
	rules, steps := broken("")
	s := newStage(stageOptions{names: []string{"neptune", "jupiter", "saturn"}, entries: 4, window: 8, waiting: 8}, rules, steps)
	s.start()
	return court{s, t}
}

// says writes a node's state, as "leader of 3, log 1 1 3, commit 2, applied 2", and
// shows it to the judge. An entry 1x has term 1, and other data than entry 1.
func (c court) says(node int, state string) {
	c.t.Helper()
	a := c.actors[node-1]
	if state == "down" {
		c.kill(a)
		return
	}
	if a.node == nil {
		a.incarnation++
		a.node = New(Config{Peers: c.peers, Machine: new(journal)}, nil)
		a.node.Boot(a)
		for !a.node.Ready() {
			a.complete()
		}
	}
	n := a.node
	for part := range strings.SplitSeq(state, ", ") {
		var number Index
		word, rest, _ := strings.Cut(part, " ")
		fmt.Sscan(strings.TrimPrefix(rest, "of "), &number)
		switch word {
		case "follower":
			n.role, n.term = Follower, Term(number)
		case "leader":
			n.role, n.term = Leader, Term(number)
		case "log":
			n.log.reset()
			for i, entry := range strings.Fields(rest) {
				var t Term
				fmt.Sscan(strings.TrimRight(entry, "x"), &t)
				n.log.append(Entry{Term: t, Data: fmt.Appendf(nil, "%d@%s", i+1, entry)})
			}
		case "changed": // what follows after the log was last looked at
			n.log.changed = number
		case "commit":
			n.commit = number
		case "applied":
			n.applied = number
		case "state":
			n.cfg.Machine.(*journal).digest = n.cfg.Machine.(*journal).digest.Word(uint64(number))
		case "acknowledged":
			n.acknowledged = number
		default:
			c.t.Fatalf("%q", part)
		}
	}
	c.judge.After(a.id, a.incarnation, n)
}

// verdict takes what was violated so far.
func (c court) verdict() string {
	var b []string
	for _, v := range c.violations {
		b = append(b, v.check+", "+v.class)
	}
	c.violations = nil
	return strings.Join(b, "; ")
}

// TestInvariants: each check fires on what it is about, and not on what is like it.
func TestInvariants(t *testing.T) {
	type event struct {
		node  int
		state string
		want  string
	}
	const (
		twoLeaders  = "election_safety, two leaders"
		differs     = "log_matching, prefix differs"
		missing     = "leader_completeness, committed entry missing"
		bounds      = "state_machine_safety, bounds"
		overwritten = "state_machine_safety, committed entry overwritten"
		twoEntries  = "state_machine_safety, two entries at one index"
		states      = "state_machine_safety, states differ"
		lost        = "durability, entry lost"
		changed     = "durability, entry changed"
	)
	for name, events := range map[string][]event{
		"two leaders in a term": {
			{1, "leader of 3", ""},
			{2, "leader of 3", twoLeaders},
		},
		"two leaders in a term, one after the other": {
			{1, "leader of 3", ""},
			{1, "follower of 3", ""},
			{2, "leader of 4", ""},
			{2, "follower of 5", ""},
			{3, "leader of 3", twoLeaders},
		},
		"one leader in two terms, and two in two": {
			{1, "leader of 3", ""},
			{1, "follower of 4", ""},
			{1, "leader of 5", ""},
			{1, "leader of 6", ""}, // without an event in between
			{2, "leader of 4", ""},
			{2, "leader of 4", ""},
		},
		"logs differ before an entry of one index and term": {
			{1, "log 1 2 3", ""},
			{2, "log 1 1 3", differs},
		},
		"logs differ in an entry's bytes": {
			{1, "log 1 2", ""},
			{2, "log 1x", differs},
		},
		"a log differs from one that is no more": {
			{1, "log 1 2 3", ""},
			{1, "log 1 4", ""},
			{1, "down", ""},
			{2, "log 1 1 3", differs},
		},
		"logs may differ at one index, in different terms": {
			{1, "log 1 1 2 2", ""},
			{2, "log 1 1 3 3", ""},
			{3, "log 1 1 1", ""},
		},
		"a new leader's log is too short": {
			{1, "leader of 1, log 1 1 1, commit 2", ""},
			{2, "leader of 2, log 1", missing},
		},
		"a new leader's log has another entry there": {
			{1, "leader of 2, log 1 2 2, commit 2", ""},
			{2, "leader of 3, log 1 1 1", missing},
		},
		"a new leader may lack what is not committed": {
			{1, "leader of 1, log 1 1 1, commit 2", ""},
			{2, "leader of 2, log 1 1 2", ""},
			{3, "leader of 3, log 1 1 1 1", ""},
		},
		// A candidate that slept through an election wins its own, which is over. It
		// lacks what was committed since, and must have what was committed before.
		"a leader of a term that is over": {
			{1, "leader of 1, log 1 1, commit 1", ""},
			{2, "leader of 3, log 1 3 3, commit 3", ""},
			{3, "leader of 2, log 1 1 2", ""},
		},
		"a leader of a term that is over lacks what was committed before it": {
			{1, "leader of 1, log 1 1, commit 1", ""},
			{2, "leader of 3, log 1 3 3, commit 3", ""},
			{3, "leader of 2, log ", missing},
		},
		"more is applied than committed": {
			{1, "leader of 1, log 1 1, commit 1, applied 2", bounds},
		},
		"more is committed than there is": {
			{1, "follower of 1, log 1, commit 2", bounds},
		},
		"a committed entry is overwritten": {
			{1, "leader of 1, log 1 1 1, commit 2", ""},
			{1, "follower of 2, log 1 2 2, changed 2", overwritten},
		},
		"an entry that is not committed is overwritten": {
			{1, "leader of 1, log 1 1 1, commit 2", ""},
			{1, "follower of 2, log 1 1 2, changed 3", ""},
		},
		"two entries are committed at one index": {
			{1, "leader of 1, log 1 1, commit 2", ""},
			{2, "follower of 2, log 1 2, commit 1", ""},
			{2, "commit 2", twoEntries},
		},
		"one entry is committed by all": {
			{1, "leader of 1, log 1 1, commit 2", ""},
			{2, "follower of 1, log 1 1, commit 1", ""},
			{2, "commit 2", ""},
			{3, "follower of 2, log 1 1 2, commit 2", ""},
		},
		"states differ": {
			{1, "log 1 1, commit 2, state 5, applied 2", ""},
			{2, "log 1 1, commit 2, state 4, applied 1", ""},
			{3, "log 1 1, commit 2, state 4, applied 2", states},
		},
		"states are equal where as much is applied": {
			{1, "log 1 1, commit 2, state 5, applied 2", ""},
			{2, "log 1 1, commit 2, state 5, applied 2", ""},
			{3, "log 1 1, commit 2, state 4, applied 1", ""},
		},
		"an acknowledged entry is lost": {
			{1, "leader of 1, log 1 1 1, commit 2", ""},
			{2, "log 1 1 1, acknowledged 3", ""},
			{2, "down", ""},
			{2, "log 1", lost},
		},
		"an acknowledged entry is lost that was committed meanwhile": {
			{1, "leader of 1, log 1 1 1", ""},
			{2, "log 1 1 1, acknowledged 3", ""},
			{2, "down", ""},
			{1, "commit 3", ""},
			{2, "log 1 1", lost},
		},
		"an acknowledged entry is another one": {
			{1, "leader of 1, log 1 1, commit 2", ""},
			{2, "log 1 1, acknowledged 2", ""},
			{2, "down", ""},
			{2, "log 1 2", changed},
		},
		"an entry is lost that was not acknowledged": {
			{1, "leader of 1, log 1 1 1, commit 3", ""},
			{2, "log 1 1 1, acknowledged 1", ""},
			{2, "down", ""},
			{2, "log 1 2", ""},
		},
		"an acknowledged entry is lost that was not committed": {
			{1, "leader of 1, log 1 1 1, commit 1", ""},
			{2, "log 1 1 1, acknowledged 3", ""},
			{2, "down", ""},
			{2, "log 1 2", ""},
		},
		"an acknowledged entry was another one than is committed": {
			{1, "leader of 1, log 1 1", ""},
			{1, "acknowledged 2", ""},
			{2, "leader of 2, log 1 2, commit 2", ""},
			{1, "down", ""},
			{1, "log 1", ""},
		},
		"a lost entry is owed once it was acknowledged in any incarnation": {
			{1, "leader of 1, log 1 1, commit 2", ""},
			{2, "log 1 1, acknowledged 2", ""},
			{2, "down", ""},
			{2, "log 1 1", ""},
			{2, "down", ""},
			{2, "log 1", lost},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourt(t)
			for i, e := range events {
				c.violations = nil
				c.says(e.node, e.state)
				assert.Equal(t, e.want, c.verdict(), "event %d: node %d: %s", i+1, e.node, e.state)
			}
		})
	}
}

// TestEndedTermIsNotAcknowledged: an acknowledgement that waited for the disk while its
// term ended is about entries that may be gone. (deferred_ack.txt is the whole story.)
func TestEndedTermIsNotAcknowledged(t *testing.T) {
	c := newCourt(t)
	a := c.actors[0]
	n := a.node
	n.log.append(Entry{Term: 1})
	n.log.append(Entry{Term: 2})
	n.term = 2
	ack := func(term Term) {
		n.deliver(2, KindAppendReply, (&AppendReply{Term: term, OK: true, Match: 2}).append(nil))
	}
	ack(1)
	assert.Equal(t, Index(0), n.acknowledged)
	n.deliver(2, KindAppendReply, (&AppendReply{Term: 2, Match: 2, Rejected: 2}).append(nil))
	assert.Equal(t, Index(0), n.acknowledged, "a rejection acknowledges nothing")
	ack(2)
	assert.Equal(t, Index(2), n.acknowledged)
	assert.Len(t, c.flying, 3, "all were sent")
}

// TestInvariantsReset: a judge that is reset knows nothing of the last run.
func TestInvariantsReset(t *testing.T) {
	c := newCourt(t)
	c.says(1, "leader of 3, log 1 1 3, commit 3, state 1, applied 3, acknowledged 3")
	c.says(2, "follower of 3, log 1 1 3, commit 2, acknowledged 3")
	assert.Empty(t, c.verdict())
	assert.Equal(t, 1, c.judge.Leaders())
	assert.Equal(t, 3, c.judge.Committed())
	other := newCourt(t)
	c.judge.Reset(other.peers, other.violate)
	assert.Equal(t, 0, c.judge.Leaders())
	assert.Equal(t, 0, c.judge.Committed())
	other.judge = c.judge
	other.says(2, "leader of 3, log 1 2 3, commit 3, state 2, applied 3")
	other.says(1, "log 1")
	assert.Empty(t, other.verdict())
	other.says(1, "log 1 1 3")
	assert.Equal(t, "log_matching, prefix differs", other.verdict(), "and it does judge")
}

// TestNodesThatAreDownAreNotJudged: nor one that still reads its log.
func TestNodesThatAreDownAreNotJudged(t *testing.T) {
	c := newCourt(t)
	c.says(1, "leader of 3, log 1 1 3, commit 3")
	a := c.actors[1]
	c.kill(a)
	a.node = New(Config{Peers: c.peers, Machine: new(journal)}, nil)
	a.node.Boot(a)
	a.node.role, a.node.term, a.node.commit = Leader, 3, 9
	c.judge.After(a.id, 2, a.node)
	assert.Empty(t, c.verdict())
}

// TestLateCommit: an entry is in the log of the leaders of all later terms (Raft, Figure
// 3), those included that were elected before it was committed.
func TestLateCommit(t *testing.T) {
	c := newCourt(t)
	c.says(2, "leader of 2, log 1 2")
	c.says(1, "leader of 1, log 1 1, commit 2")
	assert.Equal(t, "leader_completeness, committed entry missing", c.verdict())
}
