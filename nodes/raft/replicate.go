package raft

import (
	"slices"
	"time"

	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// Replication (Raft 5.3). The leader sends each follower what it has not, a window of
// entries ahead of the acknowledgements (a pipeline). An append that does not fit is
// rejected with a hint, and the leader probes: one append, until one fits. What is not
// acknowledged by the next heartbeat counts as lost, and the leader probes again.
//
// Only news makes the leader send: a repeated acknowledgement, or a rejection of
// anything but the probe that is out, changes nothing. Otherwise each duplicate would
// beget a message, and duplicates of that more, without end.

// progress is what a leader knows of one follower.
type progress struct {
	id      sim.NodeID
	match   Index         // the follower's log agrees up to here, durably
	next    Index         // next entry to send
	probing bool          // where the logs agree is not known
	asked   bool          // a probe is out
	moved   bool          // match grew since the last heartbeat
	heard   time.Duration // monotonic time of its last answer

	answered bool // a candidate's: it has voted, for or against
}

func (n *Node) peer(id sim.NodeID) *progress {
	for i := range n.peers {
		if n.peers[i].id == id {
			return &n.peers[i]
		}
	}
	return nil
}

// propose appends an entry of the leader's own.
func (n *Node) propose(kind EntryKind, data []byte) Index {
	at := n.env.Wall().Reading
	if last := n.log.Last(); last > 0 {
		at = max(at, n.log.Entry(last).Time)
	}
	i, pos := n.store(Entry{n.term, at, kind, data})
	n.buf = (&AppendReply{Term: n.term, OK: true, Match: i}).append(n.buf[:0])
	if n.rules.LeaderCounts() == WhenAppended {
		pos = 0
	}
	n.say(pos, n.env.Self(), KindAppendReply)
	n.replicate()
	return i
}

// replicate sends every follower what it may be sent.
func (n *Node) replicate() {
	for i := range n.peers {
		if p := &n.peers[i]; p.id != n.env.Self() {
			n.sendEntries(p)
		}
	}
}

func (n *Node) sendEntries(p *progress) {
	for n.role == Leader && p.next <= n.log.Last() {
		if p.probing {
			if !p.asked {
				p.asked = true
				n.sendAppend(p, min(n.log.Last(), p.next+Index(n.cfg.MaxEntries)-1))
			}
			return
		}
		last := min(n.log.Last(), p.next+Index(n.cfg.MaxEntries)-1, p.match+Index(n.cfg.Window))
		if p.next > last {
			return // the window is full
		}
		p.next = n.sendAppend(p, last) + 1
	}
}

// sendAppend sends entries from p.next on, up to last or to what fits into a frame; none
// when last is before p.next. It returns the last entry sent.
func (n *Node) sendAppend(p *progress, last Index) Index {
	m := AppendRequest{Term: n.term, PrevIndex: p.next - 1, PrevTerm: n.log.Term(p.next - 1), Commit: n.commit}
	m.Entries = n.entries[:0]
	if last > p.next && n.env.Buggify("raft: one entry an append") {
		last = p.next
	}
	room := sim.MaxFrame - appendHeader - sealBytes
	for i := p.next; i <= last; i++ {
		e := n.log.Entry(i)
		if room -= entryHeader + len(e.Data); room < 0 {
			last = i - 1
			break
		}
		m.Entries = append(m.Entries, e)
	}
	n.entries = m.Entries
	n.buf = m.append(n.buf[:0])
	n.say(0, p.id, KindAppend)
	return last
}

// beat is a leader's heartbeat: it asserts the leadership, and finds out what was
// lost and who is gone.
func (n *Node) beat() {
	now := n.env.Monotonic()
	active := 0
	for i := range n.peers {
		p := &n.peers[i]
		if p.id == n.env.Self() || now-p.heard < n.cfg.ElectionTimeout {
			active++
		}
	}
	if active < Majority(len(n.peers)) {
		// A leader that a majority does not answer may have been replaced without
		// knowing it; it must not keep its clients waiting (Ongaro, 6.2).
		n.env.Sometimes(true, "raft: leader without a quorum steps down")
		n.follow(0)
		return
	}
	n.env.SetTimer(timerHeartbeat, n.cfg.HeartbeatInterval)
	if n.env.Buggify("raft: heartbeat left out") {
		return
	}
	for i := range n.peers {
		p := &n.peers[i]
		if p.id == n.env.Self() {
			continue
		}
		if !p.moved && !p.probing && p.next > p.match+1 {
			p.probing, p.next = true, p.match+1
		}
		p.moved, p.asked = false, false
		if p.probing && p.next <= n.log.Last() {
			n.sendEntries(p)
		} else {
			n.sendAppend(p, p.next-1)
		}
	}
}

// onAppend is the follower's side.
func (n *Node) onAppend(from sim.NodeID, frame []byte) {
	m := &n.in
	if !m.decode(frame) {
		return
	}
	if n.rules.Refuses(n.term, m.Term) {
		n.reject(from, 0, 0, 0)
		return
	}
	n.observeTerm(m.Term)
	if !n.rules.Follows(n.role) {
		return
	}
	if n.role == Leader && m.Term == n.term {
		n.env.Always(false, "raft: a leader is sent an append of its own term")
		return
	}
	n.follow(from)
	n.heard = n.env.Monotonic()
	n.resetElectionTimer()
	if !n.rules.Matches(&n.log, m.PrevIndex, m.PrevTerm) {
		hint := n.log.agreement(m.PrevIndex, m.PrevTerm)
		n.reject(from, m.PrevIndex, hint, n.log.Term(hint))
		return
	}
	var pos wal.Position
	fresh, cut := n.rules.Conflict(&n.log, m.PrevIndex, m.Entries)
	if cut {
		n.env.Sometimes(true, "raft: entries overwritten after a failover")
		n.log.cut(m.PrevIndex + 1 + Index(fresh))
		n.acknowledged = min(n.acknowledged, n.log.Last())
	}
	for _, e := range m.Entries[fresh:] {
		_, pos = n.store(e)
	}
	match := m.PrevIndex + Index(len(m.Entries))
	n.commitTo(n.rules.Covers(m.Commit, match))
	if fresh == len(m.Entries) {
		// Nothing new; but what is there may have come a moment ago and not be
		// durable yet.
		pos = n.wal.Appended()
	}
	if n.rules.Acknowledge() == WhenAppended {
		pos = 0
	}
	n.buf = (&AppendReply{Term: n.term, OK: true, Match: match}).append(n.buf[:0])
	n.say(pos, from, KindAppendReply)
}

func (n *Node) reject(to sim.NodeID, prev, hint Index, hintTerm Term) {
	n.buf = (&AppendReply{Term: n.term, Rejected: prev, Hint: hint, HintTerm: hintTerm}).append(n.buf[:0])
	n.say(0, to, KindAppendReply)
}

// onAppendReply is the leader's side; from may be itself.
func (n *Node) onAppendReply(from sim.NodeID, frame []byte) {
	var m AppendReply
	if !m.decode(frame) {
		return
	}
	n.observeTerm(m.Term)
	p := n.peer(from)
	if n.role != Leader || p == nil || !n.rules.CurrentAck(n.term, m.Term) {
		return
	}
	p.heard = n.env.Monotonic()
	if match, ok := n.rules.Acknowledges(m); ok {
		switch {
		case match > n.log.Last():
			return // nobody can match what was never sent
		case match > p.match:
			p.match, p.moved, p.probing = match, true, false
		case p.probing && match == p.next-1:
			p.probing = false // a heartbeat fits
		default:
			return // no news
		}
		p.next = max(p.next, p.match+1)
		n.advance()
	} else if m.Rejected > p.match && (!p.probing || m.Rejected == p.next-1) {
		n.env.Sometimes(true, "raft: append rejected")
		p.next = max(p.match, min(n.log.agreement(m.Hint, m.HintTerm), m.Rejected-1)) + 1
		p.probing, p.asked = true, false
	}
	if p.id != n.env.Self() {
		n.sendEntries(p)
	}
}

// advance commits what a majority has (Raft 5.4.2).
func (n *Node) advance() {
	var space [16]Index
	matches := space[:0]
	for i := range n.peers {
		matches = append(matches, n.peers[i].match)
	}
	slices.Sort(matches)
	i := matches[len(matches)-n.rules.CommitQuorum(len(n.peers))]
	if i > n.commit && n.rules.MayCommit(n.log.Term(i), n.term) {
		n.commitTo(i)
	}
}

// commitTo moves the high-water mark and applies up to it.
func (n *Node) commitTo(i Index) {
	n.commit = max(n.commit, i)
	for end := n.rules.Applies(n.commit, n.log.Last()); n.applied < end; {
		n.applied++
		n.apply(n.applied)
	}
}
