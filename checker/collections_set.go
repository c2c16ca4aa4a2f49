package checker

import (
	"slices"
	"strconv"
)

// MembershipModel is a set, empty at first, whose operations are about one element and say what they found:
// a try-add and a try-remove whether they changed the set, contains whether it is there (Found). Elements do
// not see each other: each is an object.
func MembershipModel() *Model[bool, Input, Output] {
	return &Model[bool, Input, Output]{
		Name: "membership", Describe: describeCall, fast: decideMembership,
		Key: func(in Input) string {
			if in.Key == "" {
				return strconv.FormatInt(in.Value, 10)
			}
			return in.Key + " " + strconv.FormatInt(in.Value, 10)
		},
		Read: func(in Input, out *Output) bool {
			return in.Do == Contains || out != nil && !out.Found
		},
		Step: func(there bool, in Input, out *Output) (bool, bool) {
			switch in.Do {
			case TryAdd:
				return true, out == nil || out.Found == !there
			case TryRemove:
				return false, out == nil || out.Found == there
			case Contains:
				return there, out == nil || out.Found == there
			}
			return there, false
		},
	}
}

// stateFound is the state that t finds, 1: the element is there; changes: it leaves the other.
func stateFound(t *request) (state int, changes bool) {
	if t.in.Do != Contains && (t.out == nil || t.out.Found) {
		if t.in.Do == TryRemove {
			state = 1
		}
		return state, true
	}
	if t.out.Found == (t.in.Do != TryAdd) {
		state = 1
	}
	return state, false
}

// decideMembership looks at one element, in the order of returns: each operation in turn must take effect,
// but no more than must. What finds the present state and leaves it may always go at once. Then only the
// operation in turn can need a change, by the operation of the other kind that returns first: one that must
// go later may stand wherever this one could. (Two states make this greedy exact; Lee, Mathur, OOPSLA 2025,
// for sets.) Changes of unknown outcome never return: they are the last resort.
func decideMembership(tasks []request) (answer, []request) {
	byReturn := make([]int32, len(tasks))
	for i := range tasks {
		if do := tasks[i].in.Do; do != TryAdd && do != TryRemove && do != Contains {
			return undecided, nil
		}
		byReturn[i] = int32(i)
	}
	slices.SortFunc(byReturn, func(a, b int32) int { return taskByReturn(tasks[a], tasks[b]) })
	turn := make([]int32, len(tasks)) // of each operation: its place in byReturn
	for n, i := range byReturn {
		turn[i] = int32(n)
	}
	done := make([]bool, len(tasks))
	var reads [2][]int32   // called and not done, by the state that they find
	var changes [2]minHeap // the same, of those that change it: turns
	there, called := 0, 0
	read := func() {
		for _, i := range reads[there] {
			done[i] = true
		}
		reads[there] = reads[there][:0]
	}
	for _, i := range byReturn {
		if tasks[i].out == nil {
			break
		}
		for ; called < len(tasks) && tasks[called].call <= tasks[i].ret; called++ {
			if state, change := stateFound(&tasks[called]); change {
				changes[state].push(turn[called])
			} else {
				reads[state] = append(reads[state], int32(called))
			}
		}
		for read(); !done[i]; read() {
			if len(changes[there]) == 0 {
				return illegal, sinceQuiet(standing(tasks[:called], tasks[i]))
			}
			done[byReturn[changes[there].pop()]] = true
			there = 1 - there
		}
	}
	return legal, nil
}

// standing is tasks as they stood when last returned: what had not returned is open, if it is a change.
func standing(tasks []request, last request) (then []request) {
	for _, t := range tasks {
		if taskByReturn(t, last) > 0 {
			if _, change := stateFound(&t); !change {
				continue
			}
			t = t.opened()
		}
		then = append(then, t)
	}
	return then
}

// sinceQuiet returns those of tasks, sorted by call, behind the last instant at which no operation was open,
// and before them one that makes the state at that instant, if it was not the first. All that returned before
// has an order, and as many try-adds that changed the set as try-removes, or one more.
func sinceQuiet(tasks []request) []request {
	var quiet, more int
	var until int64
	before, add := none, none
	for i, t := range tasks {
		if until < t.call {
			if quiet, before = i, none; more > 0 {
				before = add
			}
		}
		until = max(until, t.ret)
		switch {
		case t.out == nil: // open for ever
		case !t.out.Found:
		case t.in.Do == TryAdd:
			more, add = more+1, i
		case t.in.Do == TryRemove:
			more--
		}
	}
	if before == none {
		return tasks[quiet:]
	}
	return append([]request{tasks[before]}, tasks[quiet:]...)
}

// minHeap gives the least first.
type minHeap []int32

func (h *minHeap) push(x int32) {
	*h = append(*h, x)
	s := *h
	for i := len(s) - 1; i > 0 && s[i] < s[(i-1)/2]; i = (i - 1) / 2 {
		s[i], s[(i-1)/2] = s[(i-1)/2], s[i]
	}
}

func (h *minHeap) pop() int32 {
	s := *h
	least, n := s[0], len(s)-1
	s[0] = s[n]
	for i, child := 0, 1; child < n; i, child = child, 2*child+1 {
		if child+1 < n && s[child+1] < s[child] {
			child++
		}
		if s[i] <= s[child] {
			break
		}
		s[i], s[child] = s[child], s[i]
	}
	*h = s[:n]
	return least
}
