package raft

import "github.com/saros-sim/saros/sim"

// Propose appends a command to the log of a leader, for a machine that embeds the node;
// false when it does not lead. Where it is applied says whether it was committed: at
// that index, in that term, or never. It must be called from a handler.
func (n *Node) Propose(command []byte) (Index, Term, bool) {
	if !n.Ready() || n.role != Leader {
		return 0, 0, false
	}
	i := n.propose(EntryCommand, command)
	n.settle()
	return i, n.term, true
}

// Requests: a Singular Update Queue (the node serves one event at a time) and a
// Request Waiting List, keyed by index and term. Each request gets one answer, and a
// true one: done, when its entry was applied under this leadership; unknown, when
// leadership was lost with the entry in the log.

type waiter struct {
	index Index
	term  Term
	from  sim.NodeID
	id    uint64
}

func (n *Node) onRequest(from sim.NodeID, frame []byte) {
	var m Request
	if !m.decode(frame) {
		return
	}
	if n.rules.ReadLocally(n.role) {
		if result, ok := n.cfg.Machine.Read(uint64(n.applied), m.Command, n.result[:0]); ok {
			n.result = result
			n.answer(from, m.ID, Done, result)
			return
		}
	}
	switch {
	case n.role != Leader:
		n.answer(from, m.ID, NotLeader, nil)
		return
	case len(n.waiting) >= n.cfg.MaxWaiting:
		n.answer(from, m.ID, Busy, nil)
		return
	}
	// The waiter first: with one voter and a leader that does not wait for its disk
	// the entry could be applied at once.
	n.waiting = append(n.waiting, waiter{n.log.Last() + 1, n.term, from, m.ID})
	n.propose(EntryCommand, m.Command)
}

func (n *Node) answer(to sim.NodeID, id uint64, s Status, result []byte) {
	n.buf = (&Reply{ID: id, Status: s, Leader: n.leader, Result: result}).append(n.buf[:0])
	n.buf = Seal(n.buf)
	n.env.Send(to, KindReply, n.buf)
}

// apply does entry i and answers whoever waits for it.
func (n *Node) apply(i Index) {
	e := n.log.Entry(i)
	if e.Kind != EntryCommand {
		return
	}
	n.result = n.cfg.Machine.Apply(uint64(i), e.Time, n.role == Leader, e.Data, n.result[:0])
	for len(n.waiting) > 0 && n.waiting[0].index <= i {
		w := n.waiting[0]
		n.waiting = n.waiting[:copy(n.waiting, n.waiting[1:])]
		if w.index == i && w.term == e.Term {
			n.answer(w.from, w.id, Done, n.result)
		} else {
			n.answer(w.from, w.id, n.rules.Abandoned(), nil)
		}
	}
}

// abandon answers all that wait when leadership is lost.
func (n *Node) abandon() {
	n.env.Sometimes(len(n.waiting) > 0, "raft: leadership lost with requests waiting")
	for _, w := range n.waiting {
		n.answer(w.from, w.id, n.rules.Abandoned(), nil)
	}
	n.waiting = n.waiting[:0]
}
