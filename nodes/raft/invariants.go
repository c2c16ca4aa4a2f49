package raft

import (
	"fmt"

	"github.com/saros-sim/saros/sim"
)

// Invariants judges the nodes of one cluster after every event, from outside, by what
// Raft promises (Raft, Figure 3). It looks at what changed, so that it can be always
// on: an event that appends nothing costs a few comparisons.
type Invariants struct {
	nodes   []watched // by position
	at      map[sim.NodeID]int
	leaders []leaderOf
	// prefixes[i-1] lists, for index i, the terms seen there and the digest of the
	// log up to it: log matching says that there is one digest a term.
	prefixes [][]prefix
	// committed[i-1] is the log up to i when i was first committed: its digest, and
	// the term in which that happened.
	committed []prefix
	applied   []appliedAt

	violate func(check, class, detail string)
}

type watched struct {
	id          sim.NodeID
	incarnation uint32
	ready       bool
	role        Role
	term        Term
	commit      Index
	applied     Index
	chain       []sim.Digest // chain[i-1] digests the log up to i
	// How far it acknowledged the log to a leader, in this incarnation; and how much
	// of the committed log it ever acknowledged.
	acknowledged, acked Index
}

type leaderOf struct {
	term Term
	id   sim.NodeID
}

type prefix struct {
	term   Term
	digest sim.Digest
}

type appliedAt struct {
	digest uint64
	by     sim.NodeID
}

// NewInvariants judges a cluster; violate is told what does not hold. The zero
// Invariants can be Reset, too.
func NewInvariants(peers []sim.NodeID, violate func(check, class, detail string)) *Invariants {
	v := &Invariants{at: make(map[sim.NodeID]int)}
	v.Reset(peers, violate)
	return v
}

// Reset forgets everything, for another run, and keeps memory.
func (v *Invariants) Reset(peers []sim.NodeID, violate func(check, class, detail string)) {
	clear(v.at)
	for len(v.nodes) < len(peers) {
		v.nodes = append(v.nodes, watched{})
	}
	v.nodes = v.nodes[:len(peers)]
	for i, id := range peers {
		v.at[id] = i
		v.nodes[i] = watched{id: id, chain: v.nodes[i].chain[:0]}
	}
	v.leaders, v.committed, v.applied = v.leaders[:0], v.committed[:0], v.applied[:0]
	for i := range v.prefixes {
		v.prefixes[i] = v.prefixes[i][:0]
	}
	v.prefixes = v.prefixes[:0]
	v.violate = violate
}

// Leaders is how many leaders were elected so far.
func (v *Invariants) Leaders() int { return len(v.leaders) }

// Committed is how many entries were committed so far.
func (v *Invariants) Committed() int { return len(v.committed) }

// After looks at a node after an event; n is nil while it is down.
func (v *Invariants) After(id sim.NodeID, incarnation uint32, n *Node) {
	w := &v.nodes[v.at[id]]
	if n == nil || !n.Ready() {
		w.ready = false
		return
	}
	won := n.role == Leader && (!w.ready || w.incarnation != incarnation || w.role != Leader || w.term != n.term)
	if won {
		v.elected(w, n)
	}
	if !w.ready || w.incarnation != incarnation {
		v.returned(w, incarnation, n)
	} else if i := n.log.TakeChanged(); i > 0 {
		v.changed(w, n, i)
	}
	w.role, w.term = n.role, n.term
	if won {
		v.complete(w)
	}
	if n.acknowledged != w.acknowledged {
		w.acknowledged = n.acknowledged
		v.credit(w)
	}
	if n.commit != w.commit {
		v.advanced(w, n)
	}
	if n.applied != w.applied {
		v.appliedTo(w, n)
	}
	if n.applied > n.commit || n.commit > n.log.Last() {
		v.violate("state_machine_safety", "bounds", fmt.Sprintf("node %d has applied %d, committed %d, and its log ends at %d",
			id, n.applied, n.commit, n.log.Last()))
	}
}

// returned looks at a node that has just recovered: what it acknowledged of the
// committed log before it crashed it must still have: others counted on it.
func (v *Invariants) returned(w *watched, incarnation uint32, n *Node) {
	n.log.TakeChanged()
	w.ready, w.incarnation, w.role, w.commit, w.applied, w.acknowledged = true, incarnation, Follower, 0, 0, 0
	w.chain = w.chain[:0]
	v.changed(w, n, 1)
	if w.acked > n.log.Last() {
		v.violate("durability", "entry lost", fmt.Sprintf("node %d acknowledged the committed entry %d; after its recovery its log ends at %d",
			w.id, w.acked, n.log.Last()))
		return
	}
	if w.acked > 0 && w.chain[w.acked-1] != v.committed[w.acked-1].digest {
		v.violate("durability", "entry changed", fmt.Sprintf("node %d acknowledged the committed entry %d; after its recovery its log has another there",
			w.id, w.acked))
	}
}

// changed takes in the log from index i on.
func (v *Invariants) changed(w *watched, n *Node, from Index) {
	if from <= Index(len(v.committed)) && from <= w.commit {
		v.violate("state_machine_safety", "committed entry overwritten",
			fmt.Sprintf("node %d overwrites entry %d, which it knows to be committed (up to %d)", w.id, from, w.commit))
	}
	w.chain = w.chain[:min(int(from-1), len(w.chain))]
	var before sim.Digest
	if len(w.chain) > 0 {
		before = w.chain[len(w.chain)-1]
	}
	for i := Index(len(w.chain)) + 1; i <= n.log.Last(); i++ {
		e := n.log.Entry(i)
		before = before.Word(uint64(e.Term)).Word(uint64(e.Time)<<8 | uint64(e.Kind)).Bytes(e.Data)
		w.chain = append(w.chain, before)
		v.matching(w.id, i, e.Term, before)
	}
}

// matching: if two logs have an entry of one index and term, they agree up to it.
func (v *Invariants) matching(id sim.NodeID, i Index, t Term, d sim.Digest) {
	for Index(len(v.prefixes)) < i {
		if len(v.prefixes) < cap(v.prefixes) {
			v.prefixes = v.prefixes[:len(v.prefixes)+1]
		} else {
			v.prefixes = append(v.prefixes, nil)
		}
	}
	for _, p := range v.prefixes[i-1] {
		if p.term == t {
			if p.digest != d {
				v.violate("log_matching", "prefix differs", fmt.Sprintf("node %d has an entry of term %d at index %d, as another log had, but they differ up to it", id, t, i))
			}
			return
		}
	}
	v.prefixes[i-1] = append(v.prefixes[i-1], prefix{t, d})
}

// elected: one leader a term.
func (v *Invariants) elected(w *watched, n *Node) {
	for i := len(v.leaders) - 1; i >= 0; i-- {
		if l := v.leaders[i]; l.term == n.term && l.id != w.id {
			v.violate("election_safety", "two leaders", fmt.Sprintf("nodes %d and %d both lead in term %d", l.id, w.id, n.term))
			return
		}
	}
	v.leaders = append(v.leaders, leaderOf{n.term, w.id})
}

// complete: a leader has every entry that was committed in an earlier term. It may
// lack entries of later terms: a candidate that slept through an election can still
// win its own, which is over, and lead a term in which nobody follows it.
func (v *Invariants) complete(w *watched) {
	for c := len(v.committed); c > 0; c-- {
		p := v.committed[c-1]
		if p.term >= w.term {
			continue
		}
		if len(w.chain) < c || w.chain[c-1] != p.digest {
			v.violate("leader_completeness", "committed entry missing",
				fmt.Sprintf("node %d leads in term %d without entry %d, which was committed in term %d", w.id, w.term, c, p.term))
		}
		return
	}
}

// advanced: what is committed at an index never changes.
func (v *Invariants) advanced(w *watched, n *Node) {
	known := Index(len(v.committed))
	for i := w.commit + 1; i <= min(n.commit, Index(len(w.chain))); i++ {
		d := w.chain[i-1]
		if i > known {
			v.committed = append(v.committed, prefix{n.term, d})
		} else if v.committed[i-1].digest != d {
			v.violate("state_machine_safety", "two entries at one index",
				fmt.Sprintf("node %d commits at index %d another entry than was committed there before", w.id, i))
			break
		}
	}
	w.commit = n.commit
	if Index(len(v.committed)) > known {
		for k := range v.nodes {
			other := &v.nodes[k]
			v.credit(other)
			if other.ready && other.role == Leader && other.term > n.term {
				v.complete(other) // elected before this was committed
			}
		}
	}
}

// credit notes how much of the committed log a node has acknowledged: that much it
// must have for ever, whatever happens to its process and its power.
func (v *Invariants) credit(w *watched) {
	c := min(int(w.acknowledged), len(v.committed), len(w.chain))
	if Index(c) > w.acked && w.chain[c-1] == v.committed[c-1].digest {
		w.acked = Index(c)
	}
}

// appliedTo: replicas that have applied as much are equal.
func (v *Invariants) appliedTo(w *watched, n *Node) {
	w.applied = n.applied
	for Index(len(v.applied)) < n.applied {
		v.applied = append(v.applied, appliedAt{})
	}
	a := &v.applied[n.applied-1]
	d := n.cfg.Machine.Digest()
	if a.by == 0 {
		*a = appliedAt{d, w.id}
	} else if a.digest != d {
		v.violate("state_machine_safety", "states differ",
			fmt.Sprintf("nodes %d and %d have applied up to %d and their states differ", a.by, w.id, n.applied))
	}
}
