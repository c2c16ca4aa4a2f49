package checker

import (
	"cmp"
	"slices"
)

// Queues, stacks and priority queues in O(n log n), where no value is put in twice: Abdulla, Grahn, Jonsson,
// Krishna, Mishra, "Efficient Linearizability Monitoring" (PLDI 2025); Lee, Mathur, "Efficient
// Decrease-and-Conquer Linearizability Monitoring" (OOPSLA 2025); for queues already Henzinger, Sezgin,
// Vafeiadis, "Aspect-Oriented Linearizability Proofs" (CONCUR 2013).
//
// A value is certainly inside between the return of its insert and the call of its take:
//
//	insert |------|
//	               (.....inside.....)
//	                                 |------| take
//
// What decides is how these open intervals lie. Everything about one value can be taken out of a legal
// history, which stays legal: so a contradiction is a few values.

// request is an operation on one of the models of this package.
type request = task[Input, Output]

// span is the interval of an operation in ranks, which are in the order of time: that of an instant is how
// many calls and returns came before it. What is between two instants has no rank: whatever fills both and what
// is between, or leaves anything of it, does so at one of them. The last rank is never.
type span struct{ call, ret int32 }

// stay is a value and the operations about it, places in the tasks. What nobody took is taken at never, by
// nobody: none.
type stay struct {
	in, out   span
	put, took int32
}

// visit is a take that got no value.
type visit struct {
	span
	task int32
}

// collection is an object into which no value is put twice, and from which nothing comes that was not put
// in, or not yet, or was taken before.
type collection struct {
	stays   []stay  // by value; no take returned before the insert was called
	empties []visit // found nothing
	lost    []visit // takes of unknown outcome, by call: each took a value that nobody else took, or nothing
	last    int32   // the rank of never
}

// collect sorts out tasks, which are sorted by call. What contradicts itself about one value is returned
// instead. It does not apply where a value is put in twice.
func collect(tasks []request) (c *collection, against []int32, applies bool) {
	c = &collection{}
	spans := c.ranks(tasks)
	type move struct {
		value int64
		kind  uint8 // 0: put in; 1: taken
		task  int32
	}
	moves := make([]move, 0, len(tasks))
	for i := range tasks {
		t, at := &tasks[i], int32(i)
		switch {
		case t.in.Do == Insert:
			moves = append(moves, move{t.in.Value, 0, at})
		case t.in.Do != Take:
			return nil, nil, false
		case t.out == nil:
			c.lost = append(c.lost, visit{spans[i], at})
		case t.out.Found:
			moves = append(moves, move{t.out.Value, 1, at})
		default:
			c.empties = append(c.empties, visit{spans[i], at})
		}
	}
	slices.SortFunc(moves, func(a, b move) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.kind, b.kind), cmp.Compare(a.task, b.task))
	})
	c.stays = make([]stay, 0, len(moves))
	for len(moves) > 0 {
		n := 1
		for n < len(moves) && moves[n].value == moves[0].value {
			n++
		}
		first, others := moves[0], moves[1:n]
		moves = moves[n:]
		s := stay{in: spans[first.task], out: span{c.last, c.last}, put: first.task, took: none}
		switch {
		case first.kind == 1: // and never put in
			return nil, []int32{first.task}, true
		case len(others) > 0 && others[0].kind == 0:
			return nil, nil, false
		case len(others) > 1:
			return nil, []int32{first.task, others[0].task, others[1].task}, true
		case len(others) == 1:
			s.took, s.out = others[0].task, spans[others[0].task]
		}
		if s.out.ret < s.in.call {
			return nil, []int32{s.put, s.took}, true
		}
		c.stays = append(c.stays, s)
	}
	return c, nil, true
}

// ranks returns the spans of tasks.
func (c *collection) ranks(tasks []request) []span {
	times := make([]int64, 0, 2*len(tasks))
	for i := range tasks {
		times = append(times, tasks[i].call, tasks[i].ret)
	}
	slices.Sort(times)
	rank := func(at int64) int32 {
		k, _ := slices.BinarySearch(times, at)
		return int32(k)
	}
	spans := make([]span, len(tasks))
	for i := range tasks {
		spans[i] = span{rank(tasks[i].call), rank(tasks[i].ret)}
	}
	c.last = rank(never)
	return spans
}

// tasks appends the operations about s to list.
func (s *stay) tasks(list []int32) []int32 {
	if list = append(list, s.put); s.took != none {
		list = append(list, s.took)
	}
	return list
}

// discipline is the order in which a collection gives back what was put in.
type discipline struct {
	// judge decides a collection of which no take was lost. against is illegal on its own; nil: legal.
	judge func(*collection) (against []int32)
	// When somebody took b, then a was gone by the return of that take, if placed(b) < asks(a) and the insert
	// of a returned before since(b). place is that in stays.
	placed, asks func(s *stay, place int32) int32
	since        func(b *stay) int32
}

func (d *discipline) decide(tasks []request) (answer, []request) {
	c, against, applies := collect(tasks)
	if !applies {
		return undecided, nil
	}
	found := illegal
	if against == nil {
		found, against = d.settle(c)
	}
	return found, pick(tasks, against)
}

// pick returns the tasks at places, by call.
func pick(tasks []request, places []int32) (list []request) {
	slices.Sort(places)
	for _, at := range slices.Compact(places) {
		list = append(list, tasks[at])
	}
	return list
}

// neverEmpty returns a take that found nothing although there was something inside at every instant of its
// interval, and that. nil: there is none such.
func (c *collection) neverEmpty() []int32 {
	full := newCover(c.last)
	for i := range c.stays {
		if s := &c.stays[i]; s.in.ret < s.out.call {
			full.fill(s.in.ret, s.out.call)
		}
	}
	if e := c.within(full); e != nil {
		return c.filling(e)
	}
	return nil
}

// within returns a take that found nothing although all of its interval is in full.
func (c *collection) within(full cover) *visit {
	for i, e := range c.empties {
		if full.free(e.call) > e.ret {
			return &c.empties[i]
		}
	}
	return nil
}

// filling returns e and the fewest stays that fill its interval: always the one, of those inside already, that
// stays longest.
func (c *collection) filling(e *visit) []int32 {
	byReturn := slices.SortedFunc(slices.Values(c.stays), func(a, b stay) int { return cmp.Compare(a.in.ret, b.in.ret) })
	list, longest := []int32{e.task}, stay{}
	for filled := e.call; filled <= e.ret; filled = longest.out.call {
		for len(byReturn) > 0 && byReturn[0].in.ret < filled {
			if byReturn[0].out.call > longest.out.call {
				longest = byReturn[0]
			}
			byReturn = byReturn[1:]
		}
		list = longest.tasks(list)
	}
	return list
}

// cover is a set of ranks; at each a rank that is no farther than the next that is not in it.
type cover []int32

func newCover(last int32) cover {
	c := make(cover, last+1)
	for i := range c {
		c[i] = int32(i)
	}
	return c
}

// free returns the first rank from at on that is not in the set.
func (c cover) free(at int32) int32 {
	for c[at] != at {
		c[at] = c[c[at]]
		at = c[at]
	}
	return at
}

// fill adds the open interval from, to.
func (c cover) fill(from, to int32) {
	for at := c.free(from + 1); at < to; at = c.free(at) {
		c[at] = at + 1
	}
}
