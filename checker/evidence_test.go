package checker

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// Evidence is made of operations of the history: by call, each once, known ones as they were, unknown ones
// open for ever, and a CAS as the put that it would be if nobody looked at what it found. It is small:
// blocks short enough for the oracle contradict each other by about three operations on average.
func TestEvidence(t *testing.T) {
	rng := rand.New(rand.NewPCG(71, 72))
	var c Checker
	count, size, puts := map[how]int{}, map[how]int{}, 0
	for range 20_000 {
		h := register(rng.IntN, 7)
		if rng.IntN(3) > 0 {
			swaps(rng.IntN, h)
		}
		if !unique(h) {
			continue
		}
		c.gather(h)
		for _, k := range c.keys {
			sortByCall(k.operations)
			answer, evidence := c.zones.decide(k.operations)
			if answer != illegal {
				continue
			}
			how := c.zones.best.how
			count[how]++
			size[how] += len(evidence)
			if !slices.IsSortedFunc(evidence, func(a, b Operation) int { return cmp.Compare(a.Call, b.Call) }) {
				t.Fatalf("not by call\n%s", show(&History{Operations: evidence}))
			}
			for _, op := range evidence { // no write is taken from under its reader
				found := sightOf(&op)
				for _, w := range h.Operations {
					left, _ := leaves(&w)
					if !found.exact || w.Outcome == Fail || isRead(&w) || left != found.state || op.Outcome != Ok || sightOf(&w).exact && sightOf(&w).state == left || w.ID == op.ID { // or it only found it too
						continue
					}
					if !slices.ContainsFunc(evidence, func(o Operation) bool { return o.ID == w.ID }) {
						t.Fatalf("operation %d is there without %d, which wrote what it found\n%s\n%s", op.ID, w.ID, show(h), show(&History{Operations: evidence}))
					}
				}
			}
			for i, op := range evidence {
				was := h.Operations[op.ID]
				if op.Kind == Put && was.Kind == CAS {
					puts++
					if slices.ContainsFunc(evidence, func(w Operation) bool { return !isRead(&w) && w.Arg == was.Old }) {
						t.Fatalf("CAS %d is a put, though what it found is there\n%s", op.ID, show(&History{Operations: evidence}))
					}
					was.Kind, was.Old, was.Swapped = Put, 0, false
				}
				if was.Outcome != Ok {
					was.Outcome, was.Return = Info, never
				}
				if op != was || slices.ContainsFunc(evidence[:i], func(o Operation) bool { return o.ID == op.ID }) {
					t.Fatalf("operation %d is not as it was, or there twice\n%s\n%s", op.ID, show(h), show(&History{Operations: evidence}))
				}
			}
		}
	}
	t.Log(count, size)
	for how := range count {
		if 10*size[how] > 31*count[how] {
			t.Errorf("contradiction %d: %.2f operations on average", how, float64(size[how])/float64(count[how]))
		}
	}
	if puts < 20 {
		t.Errorf("the generator is lopsided: %d puts of CAS", puts)
	}
}

// Of two blocks that cross, zones are shown that have as few as possible between them.
func TestNearest(t *testing.T) {
	rng := rand.New(rand.NewPCG(73, 74))
	for range 3000 {
		n := 1 + rng.IntN(9)
		var z zones
		for i := range n {
			v := emptyZone(state{int64(i), true})
			v.f, v.s, v.behind = rng.Int64N(20), rng.Int64N(20), int32(i+1)
			z.zones = append(z.zones, v)
		}
		z.zones[n-1].behind = none
		s, f := rng.Int64N(20), rng.Int64N(20)
		want, first := -1, 0 // the least distance, and where the first such two are complete
		for i := range n {
			for j := range n {
				d, end := max(i-j, j-i), max(i, j)
				if z.zones[i].f < s && z.zones[j].s > f && (want < 0 || d < want || d == want && end < first) {
					want, first = d, end
				}
			}
		}
		if want < 0 {
			continue
		}
		early, late := z.nearest(0, s, f)
		if z.zones[early].f >= s || z.zones[late].s <= f || max(early-late, late-early) != int32(want) || max(early, late) != int32(first) {
			t.Fatalf("zones %d and %d of %+v for %d, %d: there is a distance of %d", early, late, z.zones, s, f, want)
		}
	}
}

// Of the operations of a zone that were called after an instant the one that returned first is shown.
func TestLateIn(t *testing.T) {
	rng := rand.New(rand.NewPCG(75, 76))
	var c Checker
	tried := 0
	for range 3000 {
		h := register(rng.IntN, 9)
		swaps(rng.IntN, h)
		for i := range h.Operations { // 0 is a value like any other
			for _, v := range []*int64{&h.Operations[i].Old, &h.Operations[i].Arg, &h.Operations[i].Result} {
				if h.Operations[i].Kind != Delete && *v == 10 {
					*v = 0
				}
			}
		}
		if !unique(h) {
			continue
		}
		c.gather(h)
		for _, k := range c.keys {
			sortByCall(k.operations)
			var z zones
			z.start(k.operations)
			z.collect()
			for at := range z.zones {
				v := &z.zones[at]
				f := rng.Int64N(20)
				want, at0 := int64(-1), int32(none)
				for i, op := range k.operations {
					found := isRead(op) && seen(op) == v.state || op.Kind == CAS && op.Swapped && op.Old == op.Arg && v.state == (state{op.Old, true})
					if op.Outcome == Ok && op.Call > f && (int32(i) == v.writer || found) && (want < 0 || op.Return < want) {
						want, at0 = op.Return, int32(i)
					}
				}
				if want < 0 {
					continue
				}
				tried++
				// The latest call may do as well, or be there for another reason.
				place := z.lateIn(int32(at), f)
				if got := z.ops[place]; got.Outcome != Ok || got.Call <= f || got.Return > want || place != at0 && place != v.last || place == at0 && place != v.last && z.ops[v.last].Call > f && until(z.ops[v.last]) <= want {
					t.Fatalf("after %d in the zone of %+v: %s, want a return at %d at the latest\n%s", f, v.state, line(got), want, show(h))
				}
			}
		}
	}
	if tried < 1000 {
		t.Errorf("the generator is lopsided: %d", tried)
	}
}
