package checker

import (
	"cmp"
	"math"
	"slices"
)

// lifo: what was put in before a and taken after it was put in proves that a was gone.
//
//saros:constant functions
var lifo = discipline{judgeStack,
	func(b *stay, _ int32) int32 { return b.in.ret }, func(a *stay, _ int32) int32 { return a.in.call },
	func(b *stay, _ int32) int32 { return b.out.call }}

// judgeStack takes values away that cannot matter until none is left. One whose push and pop can meet goes
// at once. Of the others the intervals in which they are certainly inside form piles: sets that are
// connected by overlap. Piles do not see each other. In a pile there must be a bottom, a value that can be
// pushed before and popped behind all others of the pile:
//
//	push.call <= the least push.return of the pile    pop.return >= the latest pop.call of the pile
//
// It wraps the others whatever they do: any bottom may be taken away, and may leave several piles. A pile
// without a bottom has no order.
func judgeStack(c *collection) []int32 {
	s := newStack(c)
	piles := s.split(nil, pile{0, len(s.stays)}, pile{0, len(s.stays)})
	for len(piles) > 0 {
		h := piles[len(piles)-1]
		piles = piles[:len(piles)-1]
		lowest, some := s.returns.best(h)
		if !some {
			continue
		}
		bottom := s.bottom(h, s.stays[lowest].in.ret)
		if bottom == none {
			return s.tasks(h)
		}
		piles = s.remove(piles, h, bottom)
	}
	return c.neverEmpty(c.residences())
}

// pile is a range of stays: from, and less than to.
type pile struct{ from, to int }

type stack struct {
	stays []stay // by the return of the push
	ends  []int  // the first stay pushed, in this order, when this one may have been popped
	gaps  gaps   // before each stay: how many stays reach over it
	// Of the stays that are left:
	returns tournament // least push.return
	pops    tournament // latest pop.call
	waiting tournament // least push.call of those not known to be pushed early enough for a bottom
	early   tournament // latest pop.return of those that are: a pile only shrinks, they stay it
}

func newStack(c *collection) *stack {
	s := &stack{stays: make([]stay, 0, len(c.stays))}
	for _, v := range c.stays {
		if v.in.ret < v.out.call {
			s.stays = append(s.stays, v)
		}
	}
	slices.SortFunc(s.stays, func(a, b stay) int { return cmp.Or(cmp.Compare(a.in.ret, b.in.ret), cmp.Compare(a.put, b.put)) })
	n := len(s.stays)
	s.ends, s.gaps = make([]int, n), newGaps(n)
	s.returns, s.pops, s.waiting, s.early = newTournament(n), newTournament(n), newTournament(n), newTournament(n)
	for i, v := range s.stays {
		s.ends[i], _ = slices.BinarySearchFunc(s.stays, v.out.call, func(other stay, at int32) int { return cmp.Compare(other.in.ret, at) })
		s.gaps.add(pile{i + 1, s.ends[i]}, 1)
		s.returns.set(i, -v.in.ret)
		s.pops.set(i, v.out.call)
		s.waiting.set(i, -v.in.call)
	}
	return s
}

// bottom returns a bottom of h, in which the first push returned at lowest.
func (s *stack) bottom(h pile, lowest int32) int {
	for {
		i, some := s.waiting.best(h)
		if !some || s.stays[i].in.call > lowest {
			break
		}
		s.waiting.set(i, absent)
		s.early.set(i, s.stays[i].out.ret)
	}
	last, _ := s.pops.best(h)
	if i, some := s.early.best(h); some && s.stays[i].out.ret >= s.stays[last].out.call {
		return i
	}
	return none
}

// remove takes stay i out of h, and adds what is left of h to piles.
func (s *stack) remove(piles []pile, h pile, i int) []pile {
	for _, t := range []*tournament{&s.returns, &s.pops, &s.waiting, &s.early} {
		t.set(i, absent)
	}
	reach := pile{i + 1, s.ends[i]}
	s.gaps.add(reach, -1)
	return s.split(piles, h, reach)
}

// split adds the parts of h to piles: it is divided where a gap in reach has nothing left over it.
func (s *stack) split(piles []pile, h, reach pile) []pile {
	for {
		gap, some := s.gaps.takeZero(reach)
		if !some {
			return append(piles, h)
		}
		piles = append(piles, pile{h.from, gap})
		h.from, reach.from = gap, gap
	}
}

func (s *stack) tasks(h pile) (list []int32) {
	for i := h.from; i < h.to; i++ {
		if s.returns.key[i] != absent {
			list = s.stays[i].tasks(list)
		}
	}
	return list
}

// absent is the key of who does not take part in a tournament.
const absent = math.MinInt32

// tournament finds the greatest key of a range; of equals the first.
type tournament struct {
	key []int32
	won []int32 // the winner of a node, whose halves are 2i and 2i+1; leaves begin at len(key)
}

func newTournament(n int) tournament {
	t := tournament{make([]int32, n), make([]int32, 2*n)}
	for i := range n {
		t.key[i], t.won[n+i] = absent, int32(i)
	}
	for i := n - 1; i > 0; i-- {
		t.won[i] = t.better(t.won[2*i], t.won[2*i+1])
	}
	return t
}

func (t *tournament) better(a, b int32) int32 {
	if t.key[b] > t.key[a] || t.key[b] == t.key[a] && b < a {
		return b
	}
	return a
}

func (t *tournament) set(i int, key int32) {
	t.key[i] = key
	for i = (i + len(t.key)) / 2; i > 0; i /= 2 {
		t.won[i] = t.better(t.won[2*i], t.won[2*i+1])
	}
}

// best returns who has the greatest key in h, if anybody takes part.
func (t *tournament) best(h pile) (int, bool) {
	if h.from >= h.to {
		return none, false
	}
	best := int32(h.from)
	for from, to := h.from+len(t.key), h.to+len(t.key); from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			best = t.better(best, t.won[from])
			from++
		}
		if to%2 == 1 {
			to--
			best = t.better(best, t.won[to])
		}
	}
	return int(best), t.key[best] != absent
}

// gaps counts how many reach over each gap, and finds those with none. It is a tree of the minima.
type gaps struct {
	n     int
	least []int32 // of the node, without added of the nodes above it
	added []int32
}

const struck = math.MaxInt32 / 2 // a zero that was found

func newGaps(n int) gaps { return gaps{n, make([]int32, 4*n+4), make([]int32, 4*n+4)} }

func (g *gaps) add(h pile, by int32) {
	if h.from < h.to {
		g.addBelow(1, pile{0, g.n}, h, by)
	}
}

func (g *gaps) addBelow(node int, all, h pile, by int32) {
	if h.from <= all.from && all.to <= h.to {
		g.least[node] += by
		g.added[node] += by
		return
	}
	middle := (all.from + all.to) / 2
	if h.from < middle {
		g.addBelow(2*node, pile{all.from, middle}, h, by)
	}
	if h.to > middle {
		g.addBelow(2*node+1, pile{middle, all.to}, h, by)
	}
	g.least[node] = min(g.least[2*node], g.least[2*node+1]) + g.added[node]
}

// takeZero returns the first gap of h with nothing over it; it is not found again.
func (g *gaps) takeZero(h pile) (at int, some bool) {
	if h.from >= h.to {
		return none, false
	}
	if at = g.zeroBelow(1, pile{0, g.n}, h, 0); at == none {
		return none, false
	}
	g.add(pile{at, at + 1}, struck)
	return at, true
}

func (g *gaps) zeroBelow(node int, all, h pile, above int32) int {
	if g.least[node]+above > 0 || h.to <= all.from || all.to <= h.from {
		return none
	}
	if all.to-all.from == 1 {
		return all.from
	}
	above += g.added[node]
	middle := (all.from + all.to) / 2
	if at := g.zeroBelow(2*node, pile{all.from, middle}, h, above); at != none {
		return at
	}
	return g.zeroBelow(2*node+1, pile{middle, all.to}, h, above)
}
