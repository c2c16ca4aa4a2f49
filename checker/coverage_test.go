package checker

import (
	"math/rand/v2"
	"testing"
)

// coverageTwin compares every operation with every other one.
func coverageTwin(h *History) (c Coverage) {
	for _, op := range h.Operations {
		switch op.Outcome {
		case Ok:
			c.Ok++
		case Fail:
			c.Fail++
			continue
		default:
			c.Info++
		}
		overlaps := false
		for _, other := range h.Operations {
			if other.ID != op.ID && other.Key == op.Key && other.Outcome != Fail &&
				(other.Outcome != Ok || other.Return >= op.Call) && (op.Outcome != Ok || op.Return >= other.Call) {
				overlaps = true
			}
		}
		if overlaps {
			c.Overlapping++
		}
		if foreign(h, &op) {
			c.Foreign++
		}
	}
	return c
}

func foreign(h *History, op *Operation) bool {
	value, there := op.Result, op.Found
	switch {
	case op.Outcome != Ok || op.Kind == Put || op.Kind == Delete && op.Arg == 0:
		return false
	case op.Kind == CAS && op.Swapped:
		value, there = op.Old, true
	case op.Kind == Increment:
		value, there = op.Result-op.Arg, true
	}
	var first *Operation
	for i := range h.Operations {
		w := &h.Operations[i]
		left, leaves := w.Arg, w.Kind == Put || w.Kind == CAS && (w.Outcome != Ok || w.Swapped)
		switch {
		case w.Kind == Increment && w.Outcome == Ok:
			left, leaves = w.Result, true
		case w.Kind == Delete && w.Arg != 0:
			leaves = true
		}
		if leaves && left == value && there == (w.Kind != Delete) && w.Key == op.Key && w.Outcome != Fail &&
			(first == nil || byCall(w, first) < 0) {
			first = w
		}
	}
	return first != nil && first.Session != op.Session
}

func TestCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var sum Coverage
	for range 5000 {
		h := generate(rng.IntN, 9)
		for i := range h.Operations {
			h.Operations[i].Session = int32(rng.IntN(4))
		}
		got := h.Coverage()
		if want := coverageTwin(h); got != want {
			t.Fatalf("%+v, want %+v\n%s", got, want, show(h))
		}
		sum.Foreign += got.Foreign
		sum.Overlapping += got.Overlapping
	}
	if sum.Foreign < 1000 || sum.Overlapping < 1000 {
		t.Errorf("the generator is lopsided: %+v", sum)
	}
}
