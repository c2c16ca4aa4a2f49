package raft

import (
	"fmt"
	"time"

	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// Role is what a node is in its term.
type Role uint8

// The roles. A pre-candidate asks whether it could win before it raises its term
// (Ongaro, 9.6), so that a node that was cut off does not depose a leader.
const (
	Follower Role = iota
	PreCandidate
	Candidate
	Leader
)

// Fields that a node observes.
const (
	FieldRole sim.Field = iota
	FieldTerm
	FieldCommit
	FieldApplied
	FieldLast
)

// FieldNames names the fields for traces and viewers.
func FieldNames() []string { return []string{"role", "term", "commit", "applied", "last"} }

const (
	timerElection sim.TimerID = iota
	timerHeartbeat
)

// TimerNames names the timers.
func TimerNames() []string { return []string{"election", "heartbeat"} }

// StateMachine is what the log replicates. Apply does the command of an entry and
// appends its answer to reply; its state must be a function of the entries applied.
// Read answers a command that changes nothing from the present state, false for any
// other. Digest tells states apart.
type StateMachine interface {
	Apply(index uint64, at int64, leader bool, command, reply []byte) []byte
	Read(index uint64, command, reply []byte) ([]byte, bool)
	Digest() uint64
}

// Config of a node.
type Config struct {
	Peers             []sim.NodeID // all voters, this node included
	Machine           StateMachine // empty: the log is replayed into it
	ElectionTimeout   time.Duration
	HeartbeatInterval time.Duration
	MaxEntries        int // entries an append, at most
	Window            int // entries sent to one follower and not acknowledged, at most
	MaxWaiting        int // requests that wait for their answer, at most
	WAL               wal.Options
	Rules             *Rules // nil: DefaultRules
	Steps             *Steps // nil: DefaultSteps
}

// Node is one replica.
type Node struct {
	cfg   Config
	rules Rules
	steps Steps
	env   sim.Env

	// Persistent: in the WAL before anything is said that depends on it.
	term Term
	vote sim.NodeID // in term; 0: nobody yet
	log  Log

	// Volatile.
	role    Role
	leader  sim.NodeID    // of term, as far as known
	heard   time.Duration // monotonic time of the leader's last append
	commit  Index         // high-water mark
	applied Index
	votes   Votes

	// A leader's.
	peers   []progress // by position in cfg.Peers; its own entry too
	waiting []waiter   // request waiting list, in order of index

	// Storage.
	wal      *wal.Log
	stated   wal.Position // where the present term and vote are in the WAL
	deferred []deferredMessage
	held     []byte // their frames, one after another
	// How far this incarnation has acknowledged its log to a leader, itself included.
	acknowledged Index

	buf     []byte // of the frame being made
	record  []byte // header of the record being made
	result  []byte
	entries []Entry       // of the append being made
	in      AppendRequest // being handled; its entries are reused
}

// New makes a node. Memory of a node of an earlier run can be handed in to be reused.
func New(c Config, reuse *Node) *Node {
	n := reuse
	if n == nil {
		n = &Node{wal: wal.New(c.WAL)}
	} else {
		n.wal.Reset(c.WAL)
	}
	*n = Node{
		cfg: c, rules: DefaultRules(), steps: DefaultSteps(), wal: n.wal, log: n.log, votes: n.votes,
		peers: n.peers[:0], waiting: n.waiting[:0], deferred: n.deferred[:0], held: n.held[:0],
		buf: n.buf, record: n.record, result: n.result, entries: n.entries, in: n.in,
	}
	n.log.reset()
	n.votes.reset()
	if c.Rules != nil {
		n.rules = *c.Rules
	}
	if c.Steps != nil {
		n.steps = *c.Steps
	}
	for _, p := range c.Peers {
		n.peers = append(n.peers, progress{id: p})
	}
	return n
}

// What others may see of a node.

func (n *Node) Ready() bool           { return n.wal.Ready() } // recovery has ended
func (n *Node) Term() Term            { return n.term }
func (n *Node) Role() Role            { return n.role }
func (n *Node) Vote() sim.NodeID      { return n.vote } // in the present term; 0: nobody
func (n *Node) Leader() sim.NodeID    { return n.leader }
func (n *Node) Log() *Log             { return &n.log }
func (n *Node) Commit() Index         { return n.commit }
func (n *Node) Applied() Index        { return n.applied }
func (n *Node) Machine() StateMachine { return n.cfg.Machine }
func (n *Node) WAL() *wal.Log         { return n.wal }
func (n *Node) Waiting() int          { return len(n.waiting) }

// Majority is the least number of voters such that any two sets of as many share one.
func Majority(voters int) int { return voters/2 + 1 }

// Boot starts recovery: the node takes part once its log is read.
func (n *Node) Boot(env sim.Env) {
	n.env = env
	n.wal.Open(env, n.replay)
}

// Receive handles a message. Before recovery has ended the node is deaf, and to
// strangers it is: who is no member neither votes nor leads. Clients are strangers,
// too, and send requests only.
func (n *Node) Receive(env sim.Env, from sim.NodeID, kind sim.Kind, frame []byte) {
	if !n.Ready() || kind != KindRequest && n.peer(from) == nil {
		return
	}
	frame, whole := Unseal(frame)
	if !n.rules.Whole(whole) {
		n.env.Sometimes(true, "raft: damaged frame dropped")
		return
	}
	switch kind {
	case KindPreVote:
		n.onPreVote(from, frame)
	case KindPreVoteReply:
		n.onPreVoteReply(from, frame)
	case KindVote:
		n.onVote(from, frame)
	case KindVoteReply:
		n.onVoteReply(from, frame)
	case KindAppend:
		n.onAppend(from, frame)
	case KindAppendReply:
		n.onAppendReply(from, frame)
	case KindRequest:
		n.onRequest(from, frame)
	}
	n.settle()
}

// Fire handles a timer.
func (n *Node) Fire(env sim.Env, t sim.TimerID) {
	switch t {
	case timerElection:
		n.onElectionTimeout()
	case timerHeartbeat:
		n.onHeartbeat()
	}
	n.settle()
}

// Complete handles the end of a disk operation.
func (n *Node) Complete(env sim.Env, id sim.IOID, io sim.IO) {
	was := n.Ready()
	mine, err := n.wal.Complete(env, id, io)
	if !mine {
		panic(fmt.Sprintf("raft: node %d: disk operation %d (%v) is nobody's", env.Self(), id, io.Op))
	}
	if err != nil {
		env.Halt(err)
		return
	}
	if !n.Ready() {
		return
	}
	if !was {
		n.recovered()
	}
	n.release()
	n.settle()
}

// settle ends every handler: what was appended goes to the disk in one write, and the
// world is shown the state.
func (n *Node) settle() {
	n.wal.Flush(n.env)
	n.env.Observe(FieldRole, int64(n.role))
	n.env.Observe(FieldTerm, int64(n.term))
	n.env.Observe(FieldCommit, int64(n.commit))
	n.env.Observe(FieldApplied, int64(n.applied))
	n.env.Observe(FieldLast, int64(n.log.Last()))
}

func (n *Node) recovered() {
	n.env.Sometimes(n.log.Last() > 0, "raft: recovered a log")
	n.resetElectionTimer()
}
