package raft

import (
	"fmt"
	"slices"

	"github.com/saros-sim/saros/sim"
)

// twin is the dumb twin of Invariants: it keeps full copies of all logs that there
// ever were, and after every event it compares everything with everything.
type twin struct {
	nodes     map[sim.NodeID]*portrait
	peers     []sim.NodeID
	past      [][]line              // logs that are no more
	leaders   map[Term][]sim.NodeID // of each term
	committed []line
	within    []Term                // in which term each was committed
	owed      map[sim.NodeID][]line // what it acknowledged of the committed log
	states    map[Index]uint64      // the state machine's digest when so much was applied
	fired     []string              // checks
	details   []string
}

// portrait is a full copy of what the twin looks at; of a node that is down, the last.
type portrait struct {
	up           bool
	incarnation  uint32
	role         Role
	term         Term
	commit       Index
	applied      Index
	acknowledged Index
	digest       uint64
	log          []line
}

// line is an entry of a log.
type line struct {
	term Term
	time int64
	kind EntryKind
	data string
}

func newTwin(peers []sim.NodeID) *twin {
	w := &twin{
		nodes: map[sim.NodeID]*portrait{}, peers: peers, leaders: map[Term][]sim.NodeID{},
		owed: map[sim.NodeID][]line{}, states: map[Index]uint64{},
	}
	for _, id := range peers {
		w.nodes[id] = new(portrait)
	}
	return w
}

func (w *twin) violate(check, format string, args ...any) {
	w.fired = append(w.fired, check)
	w.details = append(w.details, check+": "+fmt.Sprintf(format, args...))
}

// agrees tells where the twin and Invariants differ. An assertion of the nodes' own is
// no business of either. And Invariants sees more in one case: a node that writes a
// committed entry over with itself leaves nothing to be seen afterwards.
func (w *twin) agrees(others []violation) error {
	var checks []string
	for _, v := range others {
		if v.check != "always" && (v.class != "committed entry overwritten" || len(w.fired) > 0) {
			checks = append(checks, v.check)
		}
	}
	distinct := func(s []string) []string { return slices.Compact(slices.Sorted(slices.Values(s))) }
	if one, two := distinct(checks), distinct(w.fired); !slices.Equal(one, two) {
		return fmt.Errorf("Invariants: %+v; its twin: %q", others, w.details)
	}
	return nil
}

func (w *twin) after(id sim.NodeID, incarnation uint32, n *Node) {
	last := w.nodes[id]
	if n == nil || !n.Ready() {
		last.up = false
		return
	}
	returned := !last.up || last.incarnation != incarnation
	p := &portrait{true, incarnation, n.role, n.term, n.commit, n.applied, n.acknowledged, n.cfg.Machine.Digest(), copyOf(&n.log, last.log)}
	w.nodes[id] = p
	if !startsWith(p.log, last.log) {
		w.past = append(w.past, last.log)
	}
	w.electionSafety()
	w.logMatching(id)
	if returned && !startsWith(p.log, w.owed[id]) {
		w.violate("durability", "node %d acknowledged %d committed entries and came back without them", id, len(w.owed[id]))
	}
	w.stateMachineSafety()
	w.leaderCompleteness()
	w.credit()
}

// copyOf copies a log. What is as it was is shared with the last copy.
func copyOf(l *Log, last []line) []line {
	same := 0
	for same < len(last) && Index(same) < l.Last() && last[same].is(l.Entry(Index(same+1))) {
		same++
	}
	if same == len(last) && Index(same) == l.Last() {
		return last
	}
	lines := last[:same:same]
	for i := Index(same + 1); i <= l.Last(); i++ {
		e := l.Entry(i)
		lines = append(lines, line{e.Term, e.Time, e.Kind, string(e.Data)})
	}
	return lines
}

func (l line) is(e Entry) bool {
	return l.term == e.Term && l.time == e.Time && l.kind == e.Kind && l.data == string(e.Data)
}

func startsWith(log, prefix []line) bool {
	return len(prefix) <= len(log) && slices.Equal(log[:len(prefix)], prefix)
}

// At most one leader a term.
func (w *twin) electionSafety() {
	for _, id := range w.peers {
		p := w.nodes[id]
		if !p.up || p.role != Leader || slices.Contains(w.leaders[p.term], id) {
			continue
		}
		if others := w.leaders[p.term]; len(others) > 0 {
			w.violate("election_safety", "nodes %d and %d lead in term %d", others[0], id, p.term)
		}
		w.leaders[p.term] = append(w.leaders[p.term], id)
	}
}

// Logs that have an entry of one index and term agree up to it.
func (w *twin) logMatching(id sim.NodeID) {
	p := w.nodes[id]
	for _, other := range w.peers {
		w.match(id, p.log, w.nodes[other].log)
	}
	for _, log := range w.past {
		w.match(id, p.log, log)
	}
}

func (w *twin) match(id sim.NodeID, a, b []line) {
	n := min(len(a), len(b))
	for n > 0 && a[n-1].term != b[n-1].term {
		n--
	}
	if !slices.Equal(a[:n], b[:n]) {
		w.violate("log_matching", "node %d and another have an entry of term %d at %d and differ before", id, a[n-1].term, n)
	}
}

// What is committed is the same everywhere, and for ever; nobody applies anything else.
func (w *twin) stateMachineSafety() {
	for _, id := range w.peers {
		p := w.nodes[id]
		if !p.up {
			continue
		}
		commit := min(int(p.commit), len(p.log))
		for i := len(w.committed); i < commit; i++ {
			w.committed = append(w.committed, p.log[i])
			w.within = append(w.within, p.term)
		}
		switch {
		case p.applied > p.commit || int(p.commit) > len(p.log):
			w.violate("state_machine_safety", "node %d has applied %d, committed %d, of %d", id, p.applied, p.commit, len(p.log))
		case !slices.Equal(p.log[:commit], w.committed[:commit]):
			w.violate("state_machine_safety", "node %d has committed %d entries, others than before", id, commit)
		}
		if _, known := w.states[p.applied]; !known {
			w.states[p.applied] = p.digest
		}
		if w.states[p.applied] != p.digest {
			w.violate("state_machine_safety", "node %d has applied %d entries, and its state is not what it was elsewhere", id, p.applied)
		}
	}
}

// A leader has every entry that was committed in an earlier term.
func (w *twin) leaderCompleteness() {
	for _, id := range w.peers {
		p := w.nodes[id]
		if !p.up || p.role != Leader {
			continue
		}
		for i, term := range w.within {
			if term < p.term && (i >= len(p.log) || p.log[i] != w.committed[i]) {
				w.violate("leader_completeness", "node %d leads in term %d without entry %d, committed in term %d", id, p.term, i+1, term)
				break
			}
		}
	}
}

// credit notes what each node, up or down, has acknowledged of the committed log.
func (w *twin) credit() {
	for _, id := range w.peers {
		p := w.nodes[id]
		acked := min(int(p.acknowledged), len(p.log), len(w.committed))
		for acked > len(w.owed[id]) && !slices.Equal(p.log[:acked], w.committed[:acked]) {
			acked--
		}
		if acked > len(w.owed[id]) {
			w.owed[id] = w.committed[:acked]
		}
	}
}
