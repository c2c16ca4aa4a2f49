package checker

import (
	"fmt"
	"slices"
)

// Verb is what an operation on an object of one of the models below asks.
type Verb uint8

const (
	Read      Verb = iota
	Write          // sets Value, or Text
	Swap           // compare and swap: Old to Value
	Append         // adds Text, or Value, at the end
	Add            // of a counter: adds Value; of a set: Value is in it
	Remove         // of a set: Value is not in it
	Insert         // of a queue, stack, priority queue: puts Value in
	Take           // takes one out; nothing where it is empty
	Acquire        // of a lock, that was free
	Release        // of a lock, that was held
	TryAdd         // of a membership: Value is in it; Found: it was not before
	TryRemove      // of a membership: Value is not in it; Found: it was before
	Contains       // of a membership: Found: Value is in it
)

//saros:constant names
var verbNames = [...]string{"read", "write", "cas", "append", "add", "remove", "insert", "take", "acquire", "release",
	"try-add", "try-remove", "contains"}

func (v Verb) String() string { return nameOf(verbNames[:], uint8(v), "verb") }

// Input is what a call asks of the object named Key.
type Input struct {
	Key        string
	Do         Verb
	Value, Old int64
	Text       string
}

// Output is the reply. Found: there was a value to read or take, the swap took place, or as the verb says.
type Output struct {
	Found  bool
	Value  int64
	Values []int64 // of a set, sorted; of a list
	Text   string
}

func describeCall(in Input, out *Output) string {
	ask := in.Do.String()
	switch in.Do {
	case Swap:
		ask = fmt.Sprintf("cas %d to %d", in.Old, in.Value)
	case Append:
		if ask = fmt.Sprintf("append %q", in.Text); in.Text == "" {
			ask = fmt.Sprintf("append %d", in.Value)
		}
	case Write:
		if in.Text != "" {
			ask = fmt.Sprintf("write %q", in.Text)
			break
		}
		ask = fmt.Sprintf("write %d", in.Value)
	case Add, Remove, Insert, TryAdd, TryRemove, Contains:
		ask = fmt.Sprintf("%s %d", in.Do, in.Value)
	}
	switch {
	case out == nil:
		return ask + " -> info"
	case in.Do == Swap && !out.Found:
		return ask + " -> refused"
	case in.Do >= TryAdd:
		return fmt.Sprintf("%s -> %t", ask, out.Found)
	case in.Do != Read && in.Do != Take:
		return ask + " -> ok"
	case out.Values != nil:
		return fmt.Sprintf("%s -> %v", ask, out.Values)
	case out.Text != "":
		return fmt.Sprintf("%s -> %q", ask, out.Text)
	case !out.Found:
		return ask + " -> nothing"
	}
	return fmt.Sprintf("%s -> %d", ask, out.Value)
}

func keyOfInput(in Input) string { return in.Key }

// RegisterModel is a register with compare and swap whose refusal does not say what it saw.
func RegisterModel() *Model[state, Input, Output] {
	return &Model[state, Input, Output]{
		Name: "register", Key: keyOfInput, Describe: describeCall, Hash: hash,
		Read: func(in Input, out *Output) bool {
			return in.Do == Read || in.Do == Swap && out != nil && !out.Found
		},
		Step: func(s state, in Input, out *Output) (state, bool) {
			switch in.Do {
			case Read:
				return s, out == nil || s == state{out.Value, out.Found}
			case Write:
				return state{in.Value, true}, true
			case Swap:
				if s == (state{in.Old, true}) {
					return state{in.Value, true}, out == nil || out.Found
				}
				return s, out == nil || !out.Found
			}
			return s, false
		},
	}
}

// TextModel is a string, empty at first, that is written, appended to and read.
func TextModel() *Model[string, Input, Output] {
	return &Model[string, Input, Output]{
		Name: "text", Key: keyOfInput, Describe: describeCall, Read: readOnly,
		Hash: func(s string) uint64 { // FNV-1a
			h := uint64(14695981039346656037)
			for i := range len(s) {
				h = (h ^ uint64(s[i])) * 1099511628211
			}
			return h
		},
		Step: func(s string, in Input, out *Output) (string, bool) {
			switch in.Do {
			case Read:
				return s, out == nil || s == out.Text
			case Write:
				return in.Text, true
			case Append:
				return s + in.Text, true
			}
			return s, false
		},
	}
}

// CounterModel is a sum, 0 at first; it wraps.
func CounterModel() *Model[int64, Input, Output] {
	return &Model[int64, Input, Output]{
		Name: "counter", Key: keyOfInput, Describe: describeCall, Read: readOnly,
		Hash: func(s int64) uint64 { return hash(state{s, true}) },
		Step: func(s int64, in Input, out *Output) (int64, bool) {
			switch in.Do {
			case Read:
				return s, out == nil || out.Value == s
			case Add:
				return s + in.Value, true
			}
			return s, false
		},
	}
}

// LockModel is a lock without an owner: acquiring it is possible while it is free, releasing while held.
func LockModel() *Model[bool, Input, Output] {
	return &Model[bool, Input, Output]{
		Name: "lock", Key: keyOfInput, Describe: describeCall,
		Step: func(held bool, in Input, _ *Output) (bool, bool) {
			switch in.Do {
			case Acquire:
				return true, !held
			case Release:
				return false, held
			}
			return held, false
		},
	}
}

// SetModel is a set, empty at first; a read sees all of it.
func SetModel() *Model[[]int64, Input, Output] {
	m := elements("set", nil, nil)
	m.Element, m.Read, m.fast = nil, readOnly, decideSet
	m.Step = func(s []int64, in Input, out *Output) ([]int64, bool) {
		at, has := slices.BinarySearch(s, in.Value)
		switch {
		case in.Do == Read:
			return s, out == nil || slices.Equal(s, out.Values)
		case in.Do == Add && !has:
			return slices.Insert(slices.Clone(s), at, in.Value), true
		case in.Do == Remove && has:
			return slices.Delete(slices.Clone(s), at, at+1), true
		}
		return s, in.Do == Add || in.Do == Remove
	}
	return m
}

// ListModel is a list, empty at first; a read sees all of it.
func ListModel() *Model[[]int64, Input, Output] {
	m := elements("list-append", nil, nil)
	m.Element, m.Read, m.fast = nil, readOnly, decideList
	m.Step = func(s []int64, in Input, out *Output) ([]int64, bool) {
		switch in.Do {
		case Read:
			return s, out == nil || slices.Equal(s, out.Values)
		case Append:
			return append(slices.Clip(s), in.Value), true
		}
		return s, false
	}
	return m
}

// QueueModel is a queue, empty at first: first in, first out.
func QueueModel() *Model[[]int64, Input, Output] {
	return elements("queue", &fifo, func(s []int64, v int64) int { return len(s) })
}

// StackModel is a stack, empty at first: last in, first out.
func StackModel() *Model[[]int64, Input, Output] {
	return elements("stack", &lifo, func([]int64, int64) int { return 0 })
}

// PriorityQueueModel gives the smallest first.
func PriorityQueueModel() *Model[[]int64, Input, Output] {
	return elements("priority-queue", &smallest, func(s []int64, v int64) int { at, _ := slices.BinarySearch(s, v); return at })
}

// elements is a model whose state is a list of which the first is taken; place says where one goes.
func elements(name string, order *discipline, place func(s []int64, v int64) int) *Model[[]int64, Input, Output] {
	return &Model[[]int64, Input, Output]{
		Name: name, Key: keyOfInput, Describe: describeCall, Equal: slices.Equal[[]int64], fast: order.decide,
		Hash: func(s []int64) (h uint64) {
			for _, v := range s {
				h = hash(state{int64(h) ^ v, true})
			}
			return h
		},
		Read: func(in Input, out *Output) bool { return in.Do == Take && out != nil && !out.Found },
		Element: func(in Input, out *Output) (int64, bool) {
			switch {
			case in.Do != Take:
				return in.Value, true
			case out == nil:
				return 0, false
			}
			return out.Value, out.Found
		},
		Step: func(s []int64, in Input, out *Output) ([]int64, bool) {
			switch {
			case in.Do == Insert:
				return slices.Insert(slices.Clone(s), place(s, in.Value), in.Value), true
			case in.Do != Take:
				return s, false
			case len(s) == 0:
				return s, out == nil || !out.Found
			case out != nil && (!out.Found || out.Value != s[0]):
				return s, false
			}
			return s[1:], true
		},
	}
}

func readOnly(in Input, _ *Output) bool { return in.Do == Read }
