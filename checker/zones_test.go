package checker

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// On registers of unique values the zones alone, without certificate, normaliser and Porcupine, decide
// each history as the oracle does, and what they put into evidence is illegal alone.
func TestOracleZones(t *testing.T) {
	n := histories(t, 20_000)
	rng := rand.New(rand.NewPCG(31, uint64(n)))
	var c Checker
	counts, contradictions := map[answer]int{}, map[how]int{}
	for judged := 0; judged < n; {
		h := generate(rng.IntN, 7)
		if rng.IntN(2) == 0 {
			h = register(rng.IntN, 7)
			swaps(rng.IntN, h)
		}
		if !unique(h) {
			continue
		}
		judged++
		c.gather(h)
		got := legal
		for _, k := range c.keys {
			answer, evidence := c.zones.decide(k.operations)
			if answer == undecided {
				t.Fatalf("the zones do not decide\n%s", show(h))
			}
			if answer == legal {
				continue
			}
			got = illegal
			contradictions[c.zones.best.how]++
			if oracle(&History{Operations: evidence}) {
				t.Fatalf("the evidence is legal\n%s\n%s", show(h), show(&History{Operations: evidence}))
			}
		}
		if want := map[bool]answer{true: legal, false: illegal}[oracle(h)]; got != want {
			t.Fatalf("answer %d, the oracle says %d\n%s", got, want, show(h))
		}
		counts[got]++
	}
	t.Logf("%d histories: %d legal, %d illegal; by contradiction %v", n, counts[legal], counts[illegal], contradictions)
	if counts[legal] < n/10 || counts[illegal] < n/10 {
		t.Errorf("the generator is lopsided")
	}
	for how := thinAir; how <= crossed; how++ {
		if contradictions[how] == 0 {
			t.Errorf("contradiction %d never came up", how)
		}
	}
}

// unique reports whether zones decide h: no increments, no deletes without a tombstone, nothing twice.
func unique(h *History) bool {
	var states []state
	for i := range h.Operations {
		op := &h.Operations[i]
		left, _ := leaves(op)
		switch {
		case op.Kind == Get:
			continue
		case op.Kind == Increment, left == state{}, slices.Contains(states, left):
			return false
		}
		states = append(states, left)
	}
	return true
}

// swaps makes CAS and deletes of some puts, one after another's state, and refused CAS of some reads.
func swaps(d draw, h *History) {
	for i := range h.Operations {
		if op := &h.Operations[i]; op.Kind == Put && d(5) == 0 {
			op.Kind = Delete
			for j := range h.Operations {
				if r := &h.Operations[j]; r.Kind == Get && r.Found && r.Result == op.Arg {
					r.Found = false
				}
			}
		}
	}
	for i := range h.Operations {
		op, other := &h.Operations[i], h.Operations[d(len(h.Operations))]
		switch {
		case op.Kind == Put && other.Kind != Get && d(3) > 0:
			op.Kind, op.Old, op.Swapped = CAS, other.Arg, op.Outcome == Ok
		case op.Kind == Delete && op.Outcome == Ok && d(4) > 0:
			if left, _ := leaves(&other); other.Kind != Get {
				op.Result, op.Found = left.value, left.exists
			}
		case op.Kind == Get && d(8) == 0:
			op.Kind, op.Old, op.Arg = CAS, 10+int64(d(7)), int64(20+i)
		}
	}
}

// Blocks are longer than the oracle can take: zones agree with Porcupine alone on long chains of CAS, run
// truly, and with two replies exchanged.
func TestZonesChains(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	var c Checker
	counts := map[answer]int{}
	for range 1500 {
		h := registers(12+rng.IntN(30), 1, 1+rng.IntN(5), 10*rng.IntN(3))
		for i := range h.Operations {
			op := &h.Operations[i]
			op.Key = "a"
			op.Return += rng.Int64N(100)
		}
		if rng.IntN(3) > 0 {
			for range 1 + rng.IntN(3) {
				lie(rng.IntN, h)
			}
		}
		if !unique(h) {
			continue
		}
		c.gather(h)
		got, evidence := c.zones.decide(c.keys[0].operations)
		if want := map[bool]answer{true: legal, false: illegal}[alone(h)]; got != want {
			t.Fatalf("answer %d, Porcupine says %d\n%s", got, want, show(h))
		}
		if got == illegal && alone(&History{Operations: evidence}) {
			t.Fatalf("the evidence is legal\n%s\n%s", show(h), show(&History{Operations: evidence}))
		}
		counts[got]++
	}
	t.Logf("%d legal, %d illegal", counts[legal], counts[illegal])
	if counts[legal] < 150 || counts[illegal] < 150 {
		t.Errorf("the generator is lopsided: %v", counts)
	}
}

// A CAS from a value to itself writes nothing, so the value stays unique.
func TestZonesSwapToItself(t *testing.T) {
	h := history(put(0, 1, 1), swap(2, 3, 1, 1), info(swap(2, 3, 1, 1)), get(4, 5, 1))
	if r := CheckLinearizable(h, Budget{}); r.Verdict != Valid || r.Steps != 0 {
		t.Errorf("%s in %d steps", r.Verdict, r.Steps)
	}
	var z zones
	var c Checker
	c.gather(h)
	if got, _ := z.decide(c.keys[0].operations); got != legal {
		t.Errorf("answer %d", got)
	}
}

// The columns are kept: a second history of the same size makes no garbage.
func TestZonesAllocateNothing(t *testing.T) {
	var c Checker
	h := registers(20_000, 3, 10, 10)
	if n := testing.AllocsPerRun(3, func() {
		if r := c.CheckLinearizable(h, Budget{}); r.Verdict != Valid || r.Steps != 0 {
			t.Fatalf("%s after %d steps\n%s", r.Verdict, r.Steps, r.Text)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is sorted by radix is what is sorted by comparison, with equal and negative times.
func TestSortBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(35, 36))
	for _, span := range []int64{1, 3, 5000, 1 << 40, maxTime} {
		var z zones
		for i := range 5000 {
			z.blocks = append(z.blocks, block{f: rng.Int64N(span) - span/2, root: int32(i)})
		}
		want := slices.Clone(z.blocks)
		slices.SortStableFunc(want, func(a, b block) int {
			if a.f < b.f {
				return -1
			} else if a.f > b.f {
				return 1
			}
			return 0
		})
		if z.sortBlocks(); !slices.Equal(z.blocks, want) {
			t.Errorf("span %d: not sorted", span)
		}
	}
}
