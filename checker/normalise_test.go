package checker

import (
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
			op := Operation{ID: i, Session: int32(i), Key: "x", Outcome: Ok, Call: at, Return: at}
			switch value := int64(100 + i); {
			case state != 0 && rng.IntN(3) == 0:
				op.Result, op.Found = state, true
			case state != 0 && rng.IntN(2) == 0:
				op.Kind, op.Old, op.Arg, op.Swapped = CAS, state, value, true
				state = value
			default:
				op.Kind, op.Arg = Put, value
				state = value
			}
			if op.Kind != Get && rng.IntN(2) == 0 {
				open(&op)
			}
			ops = append(ops, op)
		}
		before := slices.Clone(ops)
		rng.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
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
				if want := firstSeen(before, op.ID); op.Return != want {
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
		case op.Kind == Get && op.Result == ops[id].Arg, op.Kind == CAS && op.Outcome == Ok && op.Old == ops[id].Arg:
			at = min(at, op.Return)
		case op.Kind == CAS && op.Old == ops[id].Arg:
			at = min(at, firstSeen(ops, op.ID))
		}
	}
	return at
}

// A history of nothing but known operations is left as it stands.
func TestNormaliserLeavesTheKnown(t *testing.T) {
	ops := []Operation{get(5, 6, 1), put(0, 1, 1)}
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
