package raft

import (
	"github.com/saros-sim/saros/sim"
)

// An election (Raft 5.2, with the pre-vote of Ongaro 9.6):
//
//	Neptune ──pre-vote──▶ Jupiter, Saturn      "would you vote for me in term 4?"
//	        ◀──granted──
//	Neptune: term 4, votes for itself, makes both durable
//	Neptune ──vote──────▶ Jupiter, Saturn
//	        ◀──granted──  after their vote is durable
//	Neptune: leader of term 4; appends a barrier entry

func (n *Node) resetElectionTimer() {
	n.env.SetTimer(timerElection, n.rules.ElectionTimeout(n.env, n.cfg.ElectionTimeout))
}

func (n *Node) onElectionTimeout() {
	if n.role == Leader {
		return
	}
	n.env.Sometimes(n.role == Candidate, "raft: election without a winner")
	n.role, n.leader = PreCandidate, 0
	n.openVote()
	n.resetElectionTimer()
	n.ask(KindPreVote, n.term+1)
	n.votes.grant(n.env.Self())
	n.preVoted()
}

// ask requests everybody else's vote of a term, and again after a while of those who
// have not answered (Raft 5.1: requests are retried).
func (n *Node) ask(kind sim.Kind, t Term) {
	m := VoteRequest{Term: t, LastIndex: n.log.Last(), LastTerm: n.log.LastTerm()}
	for i := range n.peers {
		if p := &n.peers[i]; p.id != n.env.Self() && !p.answered {
			n.buf = m.append(n.buf[:0])
			n.say(0, p.id, kind)
		}
	}
	n.env.SetTimer(timerHeartbeat, n.cfg.HeartbeatInterval)
}

// openVote begins to collect votes.
func (n *Node) openVote() {
	n.votes.reset()
	for i := range n.peers {
		n.peers[i].answered = false
	}
}

// answered notes that a peer has voted, for or against.
func (n *Node) answered(from sim.NodeID) {
	if p := n.peer(from); p != nil {
		p.answered = true
	}
}

func (n *Node) onHeartbeat() {
	switch n.role {
	case PreCandidate:
		n.ask(KindPreVote, n.term+1)
	case Candidate:
		n.ask(KindVote, n.term)
	case Leader:
		n.beat()
	}
}

// onPreVote answers without any change: would this node vote so? Not while it hears
// from a leader.
func (n *Node) onPreVote(from sim.NodeID, frame []byte) {
	var m VoteRequest
	if !m.decode(frame) {
		return
	}
	led := n.leader != 0 && n.env.Monotonic()-n.heard < n.cfg.ElectionTimeout || n.role == Leader
	reply := VoteReply{Term: n.term}
	if m.Term > n.term && !led && n.rules.UpToDate(m, n.log.Last(), n.log.LastTerm()) {
		reply = VoteReply{Term: m.Term, Granted: true}
	}
	n.buf = reply.append(n.buf[:0])
	n.say(0, from, KindPreVoteReply)
}

func (n *Node) onPreVoteReply(from sim.NodeID, frame []byte) {
	var m VoteReply
	if !m.decode(frame) {
		return
	}
	if !m.Granted {
		n.observeTerm(m.Term)
		return // asked again: whoever heard from a leader just now may have lost it since
	}
	if n.role != PreCandidate || !n.rules.CurrentVote(n.term+1, m.Term) {
		return
	}
	n.answered(from)
	n.votes.grant(from)
	n.preVoted()
}

func (n *Node) preVoted() {
	if n.role == PreCandidate && n.rules.Won(&n.votes, n.rules.ElectionQuorum(len(n.peers))) {
		n.campaign()
	}
}

// campaign begins an election in a new term.
func (n *Node) campaign() {
	n.role, n.leader = Candidate, 0
	n.enter(n.term+1, n.env.Self())
	n.openVote()
	n.resetElectionTimer()
	n.ask(KindVote, n.term)
	n.buf = (&VoteReply{Term: n.term, Granted: true}).append(n.buf[:0])
	n.say(0, n.env.Self(), KindVoteReply)
}

// enter makes a term and a vote this node's. They are durable before it says
// anything more.
func (n *Node) enter(t Term, vote sim.NodeID) {
	n.term, n.vote = t, vote
	n.steps.SaveHardState(n)
}

// observeTerm makes a follower of a node that learns of a newer term (Raft 5.1).
func (n *Node) observeTerm(t Term) {
	if !n.rules.Deposes(n.term, t) {
		return
	}
	n.enter(t, 0)
	n.follow(0)
}

// follow ends whatever role the node has.
func (n *Node) follow(leader sim.NodeID) {
	led := n.role == Leader
	if n.role != Follower || n.leader != leader {
		n.resetElectionTimer()
	}
	n.role, n.leader = Follower, leader
	if led {
		n.env.Sometimes(true, "raft: leader deposed")
		n.env.StopTimer(timerHeartbeat)
		n.abandon()
	}
}

func (n *Node) onVote(from sim.NodeID, frame []byte) {
	var m VoteRequest
	if !m.decode(frame) {
		return
	}
	n.observeTerm(m.Term)
	granted := m.Term == n.term && n.rules.FreeToVote(n.vote, from) && n.rules.UpToDate(m, n.log.Last(), n.log.LastTerm())
	if granted {
		if n.vote != from {
			n.enter(n.term, from)
		}
		n.resetElectionTimer()
	}
	n.buf = (&VoteReply{Term: n.term, Granted: granted}).append(n.buf[:0])
	n.say(0, from, KindVoteReply)
}

func (n *Node) onVoteReply(from sim.NodeID, frame []byte) {
	var m VoteReply
	if !m.decode(frame) {
		return
	}
	n.observeTerm(m.Term)
	if n.role != Candidate || !n.rules.CurrentVote(n.term, m.Term) {
		return
	}
	n.answered(from)
	if !m.Granted {
		return
	}
	n.votes.grant(from)
	if n.rules.Won(&n.votes, n.rules.ElectionQuorum(len(n.peers))) {
		n.lead()
	}
}

// lead begins a leadership: nobody's progress is known, and a barrier entry of the
// new term lets everything before it be committed (Raft 8).
func (n *Node) lead() {
	n.role, n.leader = Leader, n.env.Self()
	n.env.StopTimer(timerElection)
	now := n.env.Monotonic()
	for i := range n.peers {
		p := &n.peers[i]
		*p = progress{id: p.id, next: n.log.Last() + 1, probing: true, heard: now}
	}
	n.env.SetTimer(timerHeartbeat, n.cfg.HeartbeatInterval)
	n.propose(EntryBarrier, nil)
}
