package checker

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// Where every value is written once, nothing unknown is left: what nobody saw is gone, and what somebody
// saw has a return, the first of those who saw it, be it seen directly or through a chain of CAS.
func TestNormaliserResolves(t *testing.T) {
	rng := rand.New(rand.NewPCG(61, 62))
	dropped, settled := 0, 0
	for range 3000 {
		var ops []Operation
		state, at := int64(0), int64(0)
		for i := range 12 {
			at += int64(1 + rng.IntN(2))
			op := Operation{ID: i, Session: int32(i), Key: "x", Outcome: Ok, Call: at, Return: at + int64(rng.IntN(5))}
			switch value := int64(100 + i); {
			case state != 0 && rng.IntN(3) == 0:
				op.Result, op.Found = state, true
				if rng.IntN(3) == 0 { // by a CAS that would have written what another wrote
					op.Kind, op.Old, op.Arg = CAS, 99, int64(100+rng.IntN(12))
				}
			case state != 0 && rng.IntN(2) == 0:
				op.Kind, op.Old, op.Arg, op.Swapped = CAS, state, value, true
				state = value
			default:
				op.Kind, op.Arg = Put, value
				state = value
			}
			if !isRead(&op) && rng.IntN(2) == 0 {
				open(&op)
			}
			ops = append(ops, op)
		}
		before := slices.Clone(ops)
		var n normaliser
		for _, op := range n.normalise(ops) {
			was := before[op.ID]
			switch {
			case op.Outcome != Ok || op.Return == never:
				t.Fatalf("operation %d is left unknown\n%s", op.ID, show(&History{Operations: before}))
			case was.Outcome == Ok && op != was:
				t.Fatalf("operation %d was known and is changed\n%s", op.ID, show(&History{Operations: before}))
			case was.Outcome != Ok:
				settled++
				if want := max(op.Call, firstSeen(before, op.ID)); op.Return != want {
					t.Fatalf("operation %d returns at %d, was first seen at %d\n%s", op.ID, op.Return, want, show(&History{Operations: before}))
				}
			}
		}
		for _, was := range before {
			if was.Outcome != Ok && firstSeen(before, was.ID) == never {
				dropped++
			}
		}
	}
	if dropped < 1000 || settled < 1000 {
		t.Errorf("the generator is lopsided: %d dropped, %d settled", dropped, settled)
	}
}

// firstSeen is when the first reply proved that write id happened, never if none did: every operation in
// sight found its value, or did so unknown and was seen itself.
func firstSeen(ops []Operation, id int) int64 {
	at := int64(never)
	for _, op := range ops {
		switch {
		case isRead(&op) && op.Result == ops[id].Arg, op.Kind == CAS && op.Swapped && op.Old == ops[id].Arg:
			at = min(at, op.Return)
		case op.Kind == CAS && op.Outcome != Ok && op.Old == ops[id].Arg:
			at = min(at, firstSeen(ops, op.ID))
		}
	}
	return at
}

// A history of nothing but known operations is left as it stands.
func TestNormaliserLeavesTheKnown(t *testing.T) {
	ops := []Operation{put(0, 1, 1), get(5, 6, 1)}
	var n normaliser
	if got := n.normalise(slices.Clone(ops)); !slices.Equal(got, ops) {
		t.Errorf("%+v", got)
	}
}

// Twenty unknown writes that nobody saw, and twenty that somebody did, cost a search next to nothing.
func TestUnknownsCostNoSearch(t *testing.T) {
	var ops []Operation
	for i := range int64(40) {
		ops = append(ops, info(put(2*i, 0, 100+i)), put(2*i, 2*i+1, 1000), put(2*i, 2*i+1, 1000)) // not unique: no zones
		if i%2 == 0 {
			ops = append(ops, get(2*i, 2*i+1, 100+i))
		}
	}
	r := CheckLinearizable(history(ops...), Budget{Steps: 3000})
	if r.Verdict != Valid || r.Steps > 2000 {
		t.Errorf("%s %s in %d steps", r.Verdict, r.Reason, r.Steps)
	}
}

// One pass resolves a chain whose links were called in order, however long, seen at its end or not.
func TestNormaliserOfChains(t *testing.T) {
	for _, seen := range []bool{false, true} {
		ops := []Operation{put(0, 1, 100)}
		for i := range int64(50) {
			op := swap(10+i, 0, 100+i, 101+i)
			open(&op)
			ops = append(ops, op)
		}
		if seen {
			ops = append(ops, get(200, 201, 150))
		}
		for i := range ops {
			ops[i].ID, ops[i].Session = i, int32(i)
		}
		var n normaliser
		got := n.normalise(slices.Clone(ops))
		if want := map[bool]int{false: 1, true: 52}[seen]; len(got) != want {
			t.Errorf("seen %v: %d operations left, want %d", seen, len(got), want)
		}
		for _, op := range got {
			if op.Outcome != Ok || op.Return == never || op.Kind == CAS && op.Return != 201 {
				t.Errorf("seen %v: %s", seen, line(&op))
			}
		}
	}
}

// A write that was found by who was called before it, and returned later, is settled like any other.
func TestNormaliserSettlesTheLast(t *testing.T) {
	ops := []Operation{get(0, 10, 1), put(5, 0, 1)}
	open(&ops[1])
	var n normaliser
	if got := n.normalise(ops); len(got) != 2 || got[1].Outcome != Ok || got[1].Return != 10 {
		t.Errorf("%+v", got)
	}
}

// Where links were not called in order a pass resolves one at least.
func TestNormaliserOfReversedChains(t *testing.T) {
	for _, seen := range []bool{false, true} {
		var ops []Operation
		for i := range int64(rounds) {
			op := swap(20-i, 0, 100+i, 101+i)
			open(&op)
			ops = append(ops, op)
		}
		ops = append(ops, put(0, 1, 100))
		if seen {
			ops = append(ops, get(200, 201, 100+rounds))
		}
		slices.SortFunc(ops, func(a, b Operation) int { return cmp.Compare(a.Call, b.Call) })
		var n normaliser
		got := n.normalise(slices.Clone(ops))
		if want := map[bool]int{false: 1, true: rounds + 2}[seen]; len(got) != want {
			t.Errorf("seen %v: %d operations left, want %d", seen, len(got), want)
		}
		for _, op := range got {
			if op.Outcome != Ok || op.Kind == CAS && op.Return != 201 {
				t.Errorf("seen %v: %s", seen, line(&op))
			}
		}
	}
}

// An unknown operation is dropped where nobody who may come after it looks for what it left.
func TestNormaliserDrops(t *testing.T) {
	tombstone := func(op Operation, by int64) Operation { op.Arg = by; return op }
	for _, tt := range []struct {
		name string
		ops  []Operation // the last is unknown
		kept bool
	}{
		{"a value read before", []Operation{put(0, 1, 1), get(2, 3, 1), info(put(4, 0, 1))}, false},
		{"a value read at the instant", []Operation{put(0, 1, 1), get(2, 4, 1), info(put(4, 0, 1))}, true},
		{"missing, found before", []Operation{remove(2, 3, false), info(remove(4, 0, true))}, false},
		{"missing, found at the instant", []Operation{remove(2, 4, false), info(remove(4, 0, true))}, true},
		{"missing by a tombstone, found by who cannot tell", []Operation{remove(2, 4, false), info(tombstone(remove(4, 0, true), 9))}, true},
		{"missing, and the key was found", []Operation{put(0, 1, 1), remove(2, 9, true), info(remove(4, 0, true))}, false},
		{"missing by a tombstone, and the key was found", []Operation{put(0, 1, 1), remove(2, 9, true), info(tombstone(remove(4, 0, true), 9))}, false},
		{"missing, and there are puts", []Operation{put(0, 1, 1), put(2, 9, 2), info(remove(4, 0, true))}, false},
		{"any value, found before", []Operation{put(0, 1, 1), remove(2, 3, true), info(put(4, 0, 2))}, false},
		{"any value, found at the instant", []Operation{put(0, 1, 1), remove(2, 4, true), info(put(4, 0, 2))}, true},
		{"one value for another, and any was found", []Operation{put(0, 1, 1), remove(2, 9, true), info(swap(4, 0, 1, 2))}, false},
		{"a value, and the key was found missing", []Operation{remove(2, 9, false), info(put(4, 0, 2))}, false},
		{"missing by two that look at nothing", []Operation{put(0, 1, 1), info(remove(3, 0, true)), info(remove(4, 0, true))}, false},
		{"a value, and an unknown sum", []Operation{put(0, 1, 1), info(increment(2, 0, 1, 0)), info(put(4, 0, 2))}, true},
		{"a swap, and an unknown sum", []Operation{put(0, 1, 1), info(increment(2, 0, 1, 0)), info(swap(4, 0, 1, 2))}, true},
		{"missing, and an unknown sum", []Operation{put(0, 1, 1), info(increment(2, 0, 1, 0)), info(remove(4, 0, true))}, true},
		{"an unknown sum", []Operation{put(0, 1, 1), info(increment(2, 0, 1, 0))}, true},
	} {
		h := history(tt.ops...)
		for i := range h.Operations {
			if op := &h.Operations[i]; op.Outcome != Ok {
				open(op)
			}
		}
		var n normaliser
		left := n.normalise(h.Operations)
		if last := len(tt.ops) - 1; tt.kept != slices.ContainsFunc(left, func(op Operation) bool { return op.ID == last }) {
			t.Errorf("%s: %+v", tt.name, left)
		}
	}
}

// The search alone, without zones and certificate, says what the oracle says, much being unknown.
func TestOracleSearch(t *testing.T) {
	n := histories(t, 20_000)
	rng := rand.New(rand.NewPCG(63, uint64(n)))
	var c Checker
	counts := map[answer]int{}
	for range n {
		h := generate(rng.IntN, 7)
		for i := range h.Operations {
			op := &h.Operations[i]
			op.Key = "a"
			if rng.IntN(4) == 0 && !isRead(op) && op.Outcome == Ok {
				*op = without(*op, Info)
			}
			if op.Kind == Delete && rng.IntN(2) == 0 {
				op.Arg, op.Result = 0, 0
			}
		}
		if c.gather(h) == 0 {
			continue
		}
		c.search.start(DefaultSteps)
		got := legal
		for _, k := range c.keys {
			sortByCall(k.operations)
			got = c.search.judge(c.openUnknown(k.operations))
		}
		if want := map[bool]answer{true: legal, false: illegal}[oracle(h)]; got != want {
			t.Fatalf("answer %d, the oracle says %d\n%s", got, want, show(h))
		}
		counts[got]++
	}
	t.Logf("%d legal, %d illegal", counts[legal], counts[illegal])
	if counts[legal] < n/10 || counts[illegal] < n/10 {
		t.Errorf("the generator is lopsided: %v", counts)
	}
}

// The memory is kept: a second history of the same size makes no garbage.
func TestNormaliserAllocatesNothing(t *testing.T) {
	ops := []Operation{put(0, 1, 1), info(put(2, 0, 2)), info(put(2, 0, 3)), get(3, 4, 2)}
	for i := range ops {
		if ops[i].Outcome != Ok {
			open(&ops[i])
		}
	}
	var n normaliser
	work := slices.Clone(ops)
	if allocs := testing.AllocsPerRun(10, func() { n.normalise(append(work[:0], ops...)) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}
