package checker

import (
	"cmp"
	"slices"
)

// lifo: what was put in before a and taken after it was put in proves that a was gone.
//
//saros:constant functions
var lifo = discipline{
	judge:  judgeStack,
	placed: func(b *stay, _ int32) int32 { return b.in.ret },
	asks:   func(a *stay, _ int32) int32 { return a.in.call },
	since:  func(b *stay) int32 { return b.out.call },
}

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
	piles := s.split(nil, section{0, len(s.stays)}, section{1, len(s.stays)})
	for len(piles) > 0 {
		p := piles[len(piles)-1] // a section of the stays
		piles = piles[:len(piles)-1]
		lowest, some := s.returns.best(p)
		if !some {
			continue
		}
		bottom := s.bottom(p, s.stays[lowest].in.ret)
		if bottom == none {
			return s.tasks(p)
		}
		piles = s.remove(piles, p, bottom)
	}
	return c.neverEmpty()
}

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
		s.gaps.add(section{i + 1, s.ends[i]}, 1)
		s.returns.set(i, -v.in.ret)
		s.pops.set(i, v.out.call)
		s.waiting.set(i, -v.in.call)
	}
	return s
}

// bottom returns a bottom of p, in which the first push returned at lowest.
func (s *stack) bottom(p section, lowest int32) int {
	for {
		i, some := s.waiting.best(p)
		if !some || s.stays[i].in.call > lowest {
			break
		}
		s.waiting.set(i, absent)
		s.early.set(i, s.stays[i].out.ret)
	}
	last, _ := s.pops.best(p)
	if i, _ := s.early.best(p); s.stays[i].out.ret >= s.stays[last].out.call { // the first push is early
		return i
	}
	return none
}

// remove takes stay i out of p, and adds what is left of p to piles.
func (s *stack) remove(piles []section, p section, i int) []section {
	for _, t := range []*tournament{&s.returns, &s.pops, &s.waiting, &s.early} {
		t.set(i, absent)
	}
	reach := section{i + 1, s.ends[i]}
	s.gaps.add(reach, -1)
	return s.split(piles, p, reach)
}

// split adds the parts of p to piles: it is divided where a gap in reach has nothing left over it.
func (s *stack) split(piles []section, p, reach section) []section {
	for {
		gap, some := s.gaps.takeZero(reach)
		if !some {
			return append(piles, p)
		}
		piles = append(piles, section{p.from, gap})
		p.from, reach.from = gap, gap
	}
}

func (s *stack) tasks(p section) (list []int32) {
	for i := p.from; i < p.to; i++ {
		if s.returns.key[i] != absent {
			list = s.stays[i].tasks(list)
		}
	}
	return list
}
