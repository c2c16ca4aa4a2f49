package raft

import (
	"time"

	"github.com/saros-sim/saros/sim"
)

// Rules are the guards of the protocol: predicates and choices that the paper argues
// for, each replaceable by name. DefaultRules is Raft; a mutant is Raft with one rule
// replaced.
type Rules struct {
	// Elections.

	// ElectionTimeout spreads the timeouts, so that split votes are rare and soon
	// resolved (Raft 5.2).
	ElectionTimeout func(env sim.Env, base time.Duration) time.Duration
	// UpToDate tells whether a candidate's log is at least as new as the voter's:
	// only then may it win, so that a leader has every committed entry (Raft 5.4.1).
	UpToDate func(r VoteRequest, lastIndex Index, lastTerm Term) bool
	// FreeToVote tells whether the voter has given its vote of this term to nobody
	// else (Raft 5.2).
	FreeToVote func(votedFor, candidate sim.NodeID) bool
	// Won counts voters, not votes: a grant that arrives twice is one (Raft 5.2).
	Won func(votes *Votes, quorum int) bool

	// Terms.

	// Deposes tells whether a message's term ends the present role (Raft 5.1).
	Deposes func(own, seen Term) bool
	// CurrentVote and CurrentAck tell whether a vote, an acknowledgement, belongs to
	// the term that asked for it (Raft 5.1).
	CurrentVote func(asked, reply Term) bool
	CurrentAck  func(own, reply Term) bool
	// Follows tells whether an append of the present term turns a node of this role
	// into a follower: somebody else won the election (Raft 5.2).
	Follows func(role Role) bool
	// Refuses tells whether an append comes from a deposed leader (Raft 5.1).
	Refuses func(own, seen Term) bool

	// Replication.

	// Matches is the consistency check of an append (Raft 5.3).
	Matches func(l *Log, prev Index, prevTerm Term) bool
	// Conflict returns the first entry of an append that the log does not have, and
	// whether what the log has from there on must go: only where it conflicts, for
	// an append that was overtaken by a later one must not undo it (Raft 5.3).
	Conflict func(l *Log, prev Index, entries []Entry) (fresh int, cut bool)
	// Covers is how far an append's commit index may be believed: no farther than
	// the append itself reaches, for what lies behind it may differ (Raft, Figure 2).
	Covers func(leaderCommit, lastNew Index) Index
	// Acknowledges tells whether a reply is an acknowledgement, and of how much: a
	// rejection is none (Raft 5.3).
	Acknowledges func(r AppendReply) (Index, bool)

	// Durability.

	// Acknowledge is when a follower may say that it has entries: when they are
	// durable (Raft 5.3; Figure 2, "updated on stable storage before responding").
	Acknowledge func() When
	// LeaderCounts is when the leader counts its own copy: not before its own disk
	// has it (Ongaro, 10.2.1).
	LeaderCounts func() When

	// Commitment.

	// CommitQuorum is how many copies commit an entry, ElectionQuorum how many votes
	// win: majorities, so that any two quorums share a node (Majority Quorum).
	CommitQuorum   func(voters int) int
	ElectionQuorum func(voters int) int
	// MayCommit tells whether counting copies may commit an entry: only one of the
	// leader's own term; older ones are committed by it in passing (Raft 5.4.2,
	// Figure 8).
	MayCommit func(entry, own Term) bool
	// Applies tells how far entries may be applied (High-Water Mark).
	Applies func(commit, last Index) Index

	// Messages.

	// Whole tells whether a frame is taken whose checksum is right, or is not: bits flip
	// on the way, in memory and in what forwards (Stone and Partridge, SIGCOMM 2000).
	Whole func(right bool) bool

	// Requests.

	// Abandoned is the true answer to a request that waits when leadership is lost:
	// nobody knows.
	Abandoned func() Status
	// ReadLocally tells whether a leader may answer a read from its own state. It
	// may not: it can have been deposed without knowing it.
	ReadLocally func(role Role) bool
}

// When is a moment of an entry's way to the disk.
type When uint8

// An entry is durable, or just handed to the log in memory.
const (
	WhenDurable When = iota
	WhenAppended
)

// Votes collects the grants of one election.
type Votes struct {
	From    []sim.NodeID // who granted, each once
	Replies int          // how many grants arrived
}

func (v *Votes) reset() { v.From, v.Replies = v.From[:0], 0 }

func (v *Votes) grant(from sim.NodeID) {
	v.Replies++
	for _, f := range v.From {
		if f == from {
			return
		}
	}
	v.From = append(v.From, from)
}

// DefaultRules is Raft.
func DefaultRules() Rules {
	return Rules{
		ElectionTimeout: func(env sim.Env, base time.Duration) time.Duration {
			return base + time.Duration(env.Rand(uint64(base)))
		},
		UpToDate: func(r VoteRequest, lastIndex Index, lastTerm Term) bool {
			return r.LastTerm > lastTerm || r.LastTerm == lastTerm && r.LastIndex >= lastIndex
		},
		FreeToVote:  func(votedFor, candidate sim.NodeID) bool { return votedFor == 0 || votedFor == candidate },
		Won:         func(v *Votes, quorum int) bool { return len(v.From) >= quorum },
		Deposes:     func(own, seen Term) bool { return seen > own },
		CurrentVote: func(asked, reply Term) bool { return reply == asked },
		CurrentAck:  func(own, reply Term) bool { return reply == own },
		Follows:     func(Role) bool { return true },
		Refuses:     func(own, seen Term) bool { return seen < own },
		Matches:     func(l *Log, prev Index, prevTerm Term) bool { return l.Has(prev, prevTerm) },
		Conflict: func(l *Log, prev Index, entries []Entry) (int, bool) {
			for i := range entries {
				at := prev + 1 + Index(i)
				if at > l.Last() {
					return i, false
				}
				if l.Term(at) != entries[i].Term {
					return i, true
				}
			}
			return len(entries), false
		},
		Covers:         func(leaderCommit, lastNew Index) Index { return min(leaderCommit, lastNew) },
		Acknowledges:   func(r AppendReply) (Index, bool) { return r.Match, r.OK },
		Acknowledge:    func() When { return WhenDurable },
		LeaderCounts:   func() When { return WhenDurable },
		CommitQuorum:   Majority,
		ElectionQuorum: Majority,
		MayCommit:      func(entry, own Term) bool { return entry == own },
		Applies:        func(commit, last Index) Index { return min(commit, last) },
		Whole:          func(right bool) bool { return right },
		Abandoned:      func() Status { return Unknown },
		ReadLocally:    func(Role) bool { return false },
	}
}

// Steps are the actions of the machine whose slips are mutants: something forgotten
// rather than a predicate turned. DefaultSteps is Raft.
type Steps struct {
	// SaveHardState writes term and vote to the log before anything is said in the
	// term (Raft, Figure 2: persistent state).
	SaveHardState func(n *Node)
}

// DefaultSteps is Raft.
func DefaultSteps() Steps {
	return Steps{
		SaveHardState: func(n *Node) { n.WriteHardState(n.term, n.vote) },
	}
}
