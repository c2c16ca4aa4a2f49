package checker

import (
	"cmp"
	"slices"
)

// settle decides c, whose lost takes each took a value that nobody else took, or nothing. It is exact where
// there are none, or nothing that they can have taken. Otherwise it is a sandwich. From below: without the
// values that nobody took, and without the lost takes, a legal history is legal still; and the values that
// must have been taken need as many lost takes, called in time. From above: they are given to lost takes; if
// that is legal it is an order. In between the search decides.
func (d *discipline) settle(c *collection) (found answer, against []int32) {
	taken := *c
	if len(c.lost) > 0 {
		taken.stays = slices.DeleteFunc(slices.Clone(c.stays), func(s stay) bool { return s.took == none })
	}
	if against = d.judge(&taken); against == nil && len(c.lost) > 0 {
		if against = d.give(c); against == nil && d.judge(c) != nil {
			return undecided, nil
		}
	}
	if against != nil {
		return illegal, against
	}
	return legal, nil
}

// owed is a value, a place in stays, that must be gone by due: so prove the tasks.
type owed struct {
	due, stay int32
	proof     []int32
}

// give lets the values that must be gone be taken by lost takes: the first due by the first called. Where
// there are not enough in time, it returns the values due by then, why they are, and the takes.
func (d *discipline) give(c *collection) (against []int32) {
	list := d.dues(c)
	slices.SortFunc(list, func(a, b owed) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.stay, b.stay)) })
	for i, o := range list {
		if i == len(c.lost) || c.lost[i].call > o.due {
			for _, t := range c.lost[:i] {
				against = append(against, t.task)
			}
			for _, o := range list[:i+1] {
				against = append(c.stays[o.stay].tasks(against), o.proof...)
			}
			return against
		}
		s := &c.stays[o.stay]
		s.out.call = max(s.in.call, c.lost[i].call)
	}
	return nil
}

// dues returns the values that nobody took but must be gone, as somebody took one that they stood in the way
// of, or found nothing.
func (d *discipline) dues(c *collection) (list []owed) {
	due := newTournament(int(c.last)) // at each instant since which values must be gone: by when
	proofs := make([][]int32, len(due.key))
	prove := func(since, by int32, proof ...int32) {
		if due.key[since] == absent || -due.key[since] > by {
			due.set(int(since), -by)
			proofs[since] = proof
		}
	}
	for _, e := range c.empties {
		prove(e.call, e.ret, e.task)
	}
	var takers, stayed []int32
	for i := range c.stays {
		if c.stays[i].took == none {
			stayed = append(stayed, int32(i))
		} else {
			takers = append(takers, int32(i))
		}
	}
	sort := func(places []int32, by func(*stay, int32) int32) {
		slices.SortStableFunc(places, func(a, b int32) int { return cmp.Compare(by(&c.stays[a], a), by(&c.stays[b], b)) })
	}
	sort(takers, d.placed)
	sort(stayed, d.asks)
	for _, i := range stayed {
		a := &c.stays[i]
		for len(takers) > 0 {
			b := &c.stays[takers[0]]
			if d.placed(b, takers[0]) >= d.asks(a, i) {
				break
			}
			prove(d.since(b), b.out.ret, b.put, b.took)
			takers = takers[1:]
		}
		if best, some := due.best(section{int(a.in.ret) + 1, len(due.key)}); some {
			list = append(list, owed{-due.key[best], i, proofs[best]})
		}
	}
	return list
}
