package raft

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// Storage: what is durable when. The log and the hard state are records of one WAL,
// so that their order on disk is the order in which they happened.

const (
	recordHardState = 1 // term, vote
	recordEntry     = 2 // index, entry: replaces what the log has from index on
)

var errRecord = errors.New("raft: malformed record")

// WriteHardState appends a term and a vote to the WAL. Whatever is said from now on
// waits for it to be durable.
func (n *Node) WriteHardState(t Term, vote sim.NodeID) {
	b := append(n.record[:0], recordHardState)
	b = binary.LittleEndian.AppendUint64(b, uint64(t))
	b = binary.LittleEndian.AppendUint16(b, uint16(vote))
	n.record = b
	n.stated = n.wal.Append(b)
}

// store appends an entry to the log and the WAL.
func (n *Node) store(e Entry) (Index, wal.Position) {
	i := n.log.append(e)
	n.env.Memory(n.log.grown())
	b := append(n.record[:0], recordEntry)
	b = binary.LittleEndian.AppendUint64(b, uint64(i))
	b = e.append(b)
	n.record = b
	return i, n.wal.Append(b)
}

// replay rebuilds term, vote and log from one record.
func (n *Node) replay(record []byte) error {
	r := reader{b: record}
	switch r.byte() {
	case recordHardState:
		t, v := Term(r.u64()), r.take(2)
		if !r.done() {
			return errRecord
		}
		n.term, n.vote = t, sim.NodeID(binary.LittleEndian.Uint16(v))
	case recordEntry:
		i := Index(r.u64())
		e := r.entry()
		if !r.done() {
			return errRecord
		}
		if i == 0 || i > n.log.Last()+1 {
			return fmt.Errorf("raft: the log ends at %d and goes on at %d: entries are missing", n.log.Last(), i)
		}
		if i <= n.log.Last() {
			n.log.cut(i)
		}
		n.log.append(e)
		n.env.Memory(n.log.grown())
	default:
		return errRecord
	}
	return nil
}

// deferredMessage waits until the WAL is durable up to a position.
type deferredMessage struct {
	at   wal.Position
	to   sim.NodeID
	kind sim.Kind
	size int
}

// say sends the frame in n.buf once the WAL is durable up to at, and the present term
// and vote with it: a node says nothing that a crash could make it forget.
func (n *Node) say(at wal.Position, to sim.NodeID, kind sim.Kind) {
	at = max(at, n.stated)
	if at <= n.wal.Durable() {
		n.deliver(to, kind, n.buf)
		return
	}
	n.deferred = append(n.deferred, deferredMessage{at, to, kind, len(n.buf)})
	n.held = append(n.held, n.buf...)
}

// release sends what waited for the WAL.
func (n *Node) release() {
	durable := n.wal.Durable()
	sent, used := 0, 0
	for _, d := range n.deferred {
		if d.at > durable {
			break
		}
		n.buf = append(n.buf[:0], n.held[used:used+d.size]...)
		used += d.size
		sent++
		n.deliver(d.to, d.kind, n.buf)
	}
	// Handling a message to oneself may have deferred more, behind these.
	n.deferred = n.deferred[:copy(n.deferred, n.deferred[sent:])]
	n.held = n.held[:copy(n.held, n.held[used:])]
}

// deliver hands the frame in n.buf to the network, or to this node itself: a leader is its own
// follower, a candidate its own voter, and both wait for their disk as others do.
func (n *Node) deliver(to sim.NodeID, kind sim.Kind, frame []byte) {
	if kind == KindAppendReply {
		var m AppendReply
		// One that waited while its term ended is about entries that may be gone.
		if m.decode(frame); m.OK && m.Term == n.term {
			n.acknowledged = max(n.acknowledged, min(m.Match, n.log.Last()))
		}
	}
	if to != n.env.Self() {
		n.buf = Seal(frame)
		n.env.Send(to, kind, n.buf)
		return
	}
	switch kind {
	case KindVoteReply:
		n.onVoteReply(to, frame)
	case KindAppendReply:
		n.onAppendReply(to, frame)
	}
}
