package txn

import (
	"slices"

	"github.com/saros-sim/saros/checker"
)

// maxSteps bounds the search for a shorter cycle, in edges looked at: a second or less.
const maxSteps int64 = 1 << 26

// hop is an edge of a cycle between two transactions.
type hop struct{ from, to, label int32 }

// finder looks for cycles in what peel left, by breadth: nothing leads out of that. A hub costs nothing, and real time needs one
// hop in a cycle and no more: of two, T1 before T2 and T3 before T4, either T1 returned before T4 was
// called, or else T3 before T2 was, and one hop there cuts the cycle short.
type finder struct {
	*rest
	a     *analysis
	round int32
	seen  []int32 // by state: the last round that came by
	prev  []int32 // by state of a transaction: the state before, its length from the origin, and how
	depth []int32
	via   []int32
	queue []int32
}

// cycle is a shortest cycle. If to know that takes more than so many steps, it is a shortest of those
// through some transaction.
func (a *analysis) cycle(r *rest, steps int64) []hop {
	n := len(r.degree)
	f := &finder{rest: r, a: a, seen: make([]int32, n), prev: make([]int32, n), depth: make([]int32, n), via: make([]int32, n)}
	best := f.around(f.some(), n)
	origins := f.origins()
	end := a.steps + steps
	for limit := 2; limit < len(best); limit++ {
		for _, s := range origins {
			if c := f.around(s, limit); c != nil {
				return c
			}
			if a.steps > end {
				return best
			}
		}
	}
	return best
}

// origins are the states where a shortest cycle may begin.
func (f *finder) origins() (states []int32) {
	for s := range int32(len(f.a.h.Transactions)) * f.width() {
		if f.holds(s) {
			states = append(states, s)
		}
	}
	return states
}

// some is the origin of some cycle: from any state that is left one goes backwards, over what is left,
// until one has been there before. Whatever has no edge that leads to it waits for the oldest.
func (f *finder) some() int32 {
	w, n := f.width(), int32(len(f.a.h.Transactions))
	const none, waits = -1, -2
	from := make([]int32, len(f.degree))
	for s := range from {
		from[s] = waits
	}
	at := int32(none)
	for s := range int32(len(from)) {
		if !f.holds(s) {
			continue
		}
		at = s
		for e := f.a.start[s/w]; e < f.a.start[s/w+1]; e++ {
			if to, leads := f.step(f.a.label[e], s%w); leads {
				from[f.a.to[e]*w+to] = s
			}
		}
	}
	oldest := f.oldest * w
	if !f.holds(oldest) {
		oldest += w - 1
	}
	been := make([]bool, len(from))
	for !been[at] {
		been[at] = true
		if at = from[at]; at == waits {
			at = oldest
		}
	}
	// at is on a cycle: of its states, the one that waits, or one that is no hub
	origin := int32(none)
	for s := at; ; {
		if from[s] == waits {
			return s
		}
		if s/w < n {
			origin = s
		}
		if s = from[s]; s == at {
			return origin
		}
	}
}

// around is a shortest cycle through a state of at most so many hops, or nil.
func (f *finder) around(origin int32, limit int) []hop {
	a, w := f.a, f.width()
	f.round++
	f.queue = append(f.queue[:0], origin)
	f.depth[origin] = 0
	for head := 0; head < len(f.queue); head++ {
		s := f.queue[head]
		if int(f.depth[s]) >= limit {
			return nil
		}
		for e := a.start[s/w]; e < a.start[s/w+1]; e++ {
			a.steps++
			to, leads := f.step(a.label[e], s%w)
			if !leads {
				continue
			}
			switch u := a.to[e]*w + to; {
			case u/w < int32(len(a.h.Transactions)):
				if c := f.visit(origin, s, u, a.label[e], limit); c != nil {
					return c
				}
			case f.seen[u] != f.round: // a hub
				f.seen[u] = f.round
				for i := a.start[u/w]; i < a.start[u/w+1]; i++ {
					a.steps++
					if c := f.visit(origin, s, a.to[i]*w+to, a.label[e], limit); c != nil {
						return c
					}
				}
			}
		}
	}
	return nil
}

func (f *finder) visit(origin, s, u, label int32, limit int) []hop {
	w := f.width()
	if u == origin {
		return append(f.path(s), hop{s / w, u / w, label})
	}
	if f.seen[u] == f.round {
		return nil
	}
	f.seen[u], f.prev[u], f.via[u], f.depth[u] = f.round, s, label, f.depth[s]+1
	f.queue = append(f.queue, u)
	if f.mask&rt != 0 && int(f.depth[u]) < limit && f.a.precedes(u/w, origin/w) {
		return append(f.path(u), hop{u / w, origin / w, int32(rt)})
	}
	return nil
}

// path leads from the origin to s.
func (f *finder) path(s int32) (hops []hop) {
	w := f.width()
	for ; f.depth[s] > 0; s = f.prev[s] {
		hops = append(hops, hop{f.prev[s] / w, s / w, f.via[s]})
	}
	slices.Reverse(hops)
	return hops
}

// precedes reports whether x returned before y was called.
func (a *analysis) precedes(x, y int32) bool {
	tx := &a.h.Transactions[x]
	return tx.Outcome == checker.Ok && tx.Return < a.h.Transactions[y].Call
}
