package checker

import (
	"cmp"
	"math"
	"slices"
)

// A set that only grows, as Jepsen has it, and a list, where no value is put in twice and a read sees all.
// Reads then tell the order: each saw the beginning of what a larger one saw. What they saw divides the
// operations into stages,
//
//	adds of what the first read saw | the first read | adds of what the next saw besides | ... | adds that nobody saw
//
// which can stand in this order in every legal order (reads that saw the same stand by call, or are one stage),
// and within a stage in any. So what remains to be seen is whether one operation returned before one of an
// earlier stage was called. What is unknown and seen by nobody is in the last stage, and never returned.
//
// A value can be taken out of a legal history, from all replies: so a contradiction is about two values at
// most, and replies are cut down to them.

// growing is the object at hand.
type growing struct {
	tasks []request
	adds  []int32 // by value
	reads []int32 // by size of what they saw
	stage []int32 // of each task: even for adds, odd for reads; unseen adds are last
}

const unseen = math.MaxInt32

// newGrowing applies where operations are add, or read, and no value is put in twice.
func newGrowing(tasks []request, add Verb) (g *growing, applies bool) {
	g = &growing{tasks: tasks, stage: make([]int32, len(tasks))}
	for i := range tasks {
		switch g.stage[i] = unseen; tasks[i].in.Do {
		case add:
			g.adds = append(g.adds, int32(i))
		case Read:
			g.reads = append(g.reads, int32(i))
		default:
			return nil, false
		}
	}
	slices.SortFunc(g.adds, func(a, b int32) int { return cmp.Compare(g.value(a), g.value(b)) })
	slices.SortStableFunc(g.reads, func(a, b int32) int { return cmp.Compare(len(g.saw(a)), len(g.saw(b))) })
	for i := 1; i < len(g.adds); i++ {
		if g.value(g.adds[i-1]) == g.value(g.adds[i]) {
			return nil, false
		}
	}
	return g, true
}

func (g *growing) value(add int32) int64  { return g.tasks[add].in.Value }
func (g *growing) saw(read int32) []int64 { return g.tasks[read].out.Values }

// add returns what put v in, or none.
func (g *growing) add(v int64) int32 {
	at, is := slices.BinarySearchFunc(g.adds, v, func(add int32, v int64) int { return cmp.Compare(g.value(add), v) })
	if !is {
		return none
	}
	return g.adds[at]
}

// decideSet is for sets without removes; their reads are sorted.
func decideSet(tasks []request) (answer, []request) {
	g, applies := newGrowing(tasks, Add)
	if !applies {
		return undecided, nil
	}
	var smaller []int64
	for n, r := range g.reads {
		if !isSet(g.saw(r)) {
			return illegal, []request{tasks[r]}
		}
		more, lost, lacks := beyond(smaller, g.saw(r))
		if lacks {
			return illegal, g.about(g.reads[n-1:n+1], append(more[:1], lost)...)
		}
		for _, v := range more {
			add := g.add(v)
			if add == none {
				return illegal, g.about([]int32{r}, v)
			}
			g.stage[add] = int32(2 * n)
		}
		g.stage[r], smaller = int32(2*n+1), g.saw(r)
	}
	return g.inStages(func(add int32) int32 { return g.reads[g.stage[add]/2] })
}

func isSet(values []int64) bool {
	for i := 1; i < len(values); i++ {
		if values[i-1] >= values[i] {
			return false
		}
	}
	return true
}

// beyond returns what is in large and not in small, both sorted; and, if there is such, what is in small and
// not in large.
func beyond(small, large []int64) (more []int64, lost int64, lacks bool) {
	for len(small) > 0 || len(large) > 0 {
		switch {
		case len(large) == 0 || len(small) > 0 && small[0] < large[0]:
			lost, lacks, small = small[0], true, small[1:]
		case len(small) == 0 || large[0] < small[0]:
			more, large = append(more, large[0]), large[1:]
		default:
			small, large = small[1:], large[1:]
		}
	}
	return more, lost, lacks
}

// decideList is for lists; the longest read tells the order of appends.
func decideList(tasks []request) (answer, []request) {
	g, applies := newGrowing(tasks, Append)
	if !applies {
		return undecided, nil
	}
	if len(g.reads) == 0 {
		return legal, nil
	}
	longest := g.reads[len(g.reads)-1]
	order := g.saw(longest)
	for i, v := range order {
		add := g.add(v)
		if add == none || g.stage[add] != unseen { // not there, or twice
			return illegal, g.about([]int32{longest}, v)
		}
		g.stage[add] = int32(2*i + 2)
	}
	for _, r := range g.reads {
		for i, v := range g.saw(r) {
			if v != order[i] {
				return illegal, g.about([]int32{r, longest}, v, order[i])
			}
		}
		g.stage[r] = int32(2*len(g.saw(r)) + 1)
	}
	return g.inStages(func(int32) int32 { return longest })
}

// inStages decides whether the stages can stand one behind the other. witness is a read that saw add, and
// nothing of a later stage before it.
func (g *growing) inStages(witness func(add int32) int32) (answer, []request) {
	byStage := make([]int32, len(g.tasks))
	for i := range byStage {
		byStage[i] = int32(i)
	}
	slices.SortFunc(byStage, func(a, b int32) int { return cmp.Or(cmp.Compare(g.stage[a], g.stage[b]), cmp.Compare(a, b)) })
	latest := int32(none) // called, of those before t: of the same stage none was called after t
	for _, t := range byStage {
		if latest != none && g.tasks[t].ret < g.tasks[latest].call {
			return illegal, g.backwards(latest, t, witness)
		}
		if latest == none || g.tasks[t].call > g.tasks[latest].call {
			latest = t
		}
	}
	return legal, nil
}

// backwards returns what proves that x stands before y, which returned before x was called.
func (g *growing) backwards(x, y int32, witness func(add int32) int32) []request {
	adds := func(t int32) bool { return g.tasks[t].in.Do != Read }
	switch {
	case adds(x) && adds(y):
		return g.about([]int32{witness(x)}, g.value(x), g.value(y))
	case adds(x):
		return g.about([]int32{y}, g.value(x))
	case adds(y):
		return g.about([]int32{x}, g.value(y))
	}
	fewer := slices.Sorted(slices.Values(g.saw(x)))
	at := slices.IndexFunc(g.saw(y), func(v int64) bool { _, is := slices.BinarySearch(fewer, v); return !is })
	return g.about([]int32{x, y}, g.saw(y)[at])
}

// about returns the adds of values and the reads, cut down to values, by call.
func (g *growing) about(reads []int32, values ...int64) []request {
	places := slices.Clone(reads)
	for _, v := range values {
		if add := g.add(v); add != none {
			places = append(places, add)
		}
	}
	list := pick(g.tasks, places)
	for i := range list {
		if t := &list[i]; t.in.Do == Read {
			saw := slices.DeleteFunc(slices.Clone(t.out.Values), func(v int64) bool { return !slices.Contains(values, v) })
			t.excerpt = len(saw) < len(t.out.Values)
			t.out = &Output{Found: t.out.Found, Values: saw}
		}
	}
	return list
}
