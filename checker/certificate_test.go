package checker

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// truth runs operations in the order of an index, each at one instant of its interval, and records what
// clients see: the reply, and the index as version. A read carries the index of the mutation it follows,
// and operations of one instant are in any order.
func truth(d draw, n int) *History {
	h := &History{}
	store, at, index := map[string]oracleCell{}, int64(0), uint64(0)
	for i := range n {
		at += int64(d(3))
		op := Operation{ID: i, Session: int32(i), Key: "x", Kind: Kind(d(5)), Old: int64(d(3)), Arg: int64(d(3)),
			Outcome: Ok, Call: max(0, at-int64(d(4))), Return: at + int64(d(4))}
		if op.Kind == Delete {
			op.Arg = 0
		}
		execute(&op, store)
		if !isRead(&op) {
			index++
		}
		op.Version = index
		h.Operations = append(h.Operations, op)
	}
	rng := rand.New(rand.NewPCG(uint64(d(1000)), 0))
	rng.Shuffle(n, func(i, j int) { h.Operations[i], h.Operations[j] = h.Operations[j], h.Operations[i] })
	return h
}

// A claimed order that is the true one is proof enough, however the operations stand in the history.
func TestCertificateOfTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	var c Checker
	for range 2000 {
		h := truth(rng.IntN, 1+rng.IntN(40))
		c.gather(h)
		for _, k := range c.keys {
			sortByCall(k.operations)
		}
		if !c.certificate.proves(c.keys[0].operations) {
			t.Fatalf("the truth is no proof\n%s", show(h))
		}
	}
}

// Where nothing is claimed the order of calls is tried: it is the truth where each operation returned
// before the next was called.
func TestCertificateWithoutVersions(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	var c Checker
	for range 1000 {
		h := truth(rng.IntN, 1+rng.IntN(12))
		slices.SortFunc(h.Operations, func(a, b Operation) int { return a.ID - b.ID })
		for i := range h.Operations {
			op := &h.Operations[i]
			op.Version, op.Call, op.Return = 0, int64(10*i), int64(10*i+10) // touching
		}
		rng.Shuffle(len(h.Operations), func(i, j int) { h.Operations[i], h.Operations[j] = h.Operations[j], h.Operations[i] })
		c.gather(h)
		for _, k := range c.keys {
			sortByCall(k.operations)
		}
		if !c.certificate.proves(c.keys[0].operations) {
			t.Fatalf("one after another, and no proof\n%s", show(h))
		}
	}
}

// Whatever the certificate proves the oracle finds legal: claims are random, unknown operations many.
func TestOracleCertificate(t *testing.T) {
	n := histories(t, 5000)
	rng := rand.New(rand.NewPCG(45, uint64(n)))
	var c Checker
	proofs, refuted := 0, 0
	for range n {
		h := truth(rng.IntN, 2+rng.IntN(5))
		for i := range h.Operations {
			switch op := &h.Operations[i]; rng.IntN(6) {
			case 0, 1:
				*op = without(*op, Info)
			case 2:
				op.Version = uint64(rng.IntN(4))
			case 3:
				op.Result += rng.Int64N(2)
			}
		}
		slices.SortFunc(h.Operations, func(a, b Operation) int { return a.ID - b.ID })
		legal := oracle(h)
		if !legal {
			refuted++
		}
		c.gather(h)
		for _, k := range c.keys {
			sortByCall(k.operations)
		}
		if len(c.keys) == 0 || !c.certificate.proves(c.keys[0].operations) {
			continue
		}
		if proofs++; !legal {
			t.Fatalf("a proof of what the oracle refutes\n%s", show(h))
		}
	}
	if proofs < n/10 || refuted < n/10 {
		t.Errorf("the generator is lopsided: %d proofs, %d refuted, of %d", proofs, refuted, n)
	}
}

// Replies demand unknown operations, which are put just before them, the earliest call first, and never one
// that was called too late: each of these is proven without search.
func TestCertificateReaches(t *testing.T) {
	at := func(version uint64, op Operation) Operation { op.Version = version; return op }
	tombstone := func(op Operation, left int64) Operation { op.Arg = left; return op }
	for _, tt := range []struct {
		name   string
		proven bool
		ops    []Operation
	}{
		{"a put", true, []Operation{info(put(0, 0, 1)), get(5, 6, 1)}},
		{"a put at the last instant", true, []Operation{info(put(6, 0, 1)), get(5, 6, 1)}},
		{"a put too late", false, []Operation{info(put(7, 0, 1)), get(5, 6, 1)}},
		{"a put, not the increment by as much", true, []Operation{put(0, 1, 5), info(increment(2, 0, 1, 0)), info(put(3, 0, 1)), get(5, 6, 1), get(7, 8, 2)}},
		{"a chain from what is there", true, []Operation{put(0, 1, 1), info(swap(2, 0, 2, 3)), info(swap(2, 0, 1, 2)), get(5, 6, 3)}},
		{"a chain from an unknown put", true, []Operation{info(put(2, 0, 2)), info(swap(2, 0, 2, 3)), get(5, 6, 3)}},
		{"each of two once", true, []Operation{info(put(0, 0, 1)), info(put(1, 0, 1)), get(2, 3, 1), put(4, 5, 2), get(6, 7, 1)}},
		{"one of one twice", false, []Operation{info(put(0, 0, 1)), get(2, 3, 1), put(4, 5, 2), get(6, 7, 1)}},
		{"increments up", true, []Operation{info(increment(0, 0, 2, 0)), info(increment(1, 0, 3, 0)), get(5, 6, 5)}},
		{"increments down", true, []Operation{info(increment(0, 0, -2, 0)), info(increment(1, 0, -3, 0)), get(5, 6, -5)}},
		{"by one", true, []Operation{info(increment(0, 0, 1, 0)), get(5, 6, 1), info(increment(0, 0, -1, 0)), get(7, 8, 0)}},
		{"past what is too far", true, []Operation{info(increment(0, 0, 9, 0)), info(increment(0, 0, -9, 0)), info(increment(1, 0, 3, 0)), get(5, 6, 3)}},
		{"from another value", true, []Operation{put(0, 1, 4), info(increment(2, 0, 3, 0)), get(5, 6, 7)}},
		{"an increment too late", false, []Operation{put(0, 1, 4), info(increment(7, 0, 3, 0)), get(5, 6, 7)}},
		{"a put for a delete", true, []Operation{info(put(0, 0, 1)), remove(2, 3, true)}},
		{"a delete", true, []Operation{put(0, 1, 1), info(remove(2, 0, true)), getMissing(5, 6)}},
		{"an increment, not a delete that nobody asks for", true, []Operation{info(remove(0, 0, true)), put(0, 1, 4), info(increment(2, 0, 3, 0)), get(5, 6, 7)}},
		{"a put, as there is no delete", true, []Operation{put(0, 1, 5), info(put(2, 0, 0)), increment(3, 4, 1, 1)}},
		{"increments, not a put of more", true, []Operation{info(put(0, 0, 9)), info(increment(0, 0, 2, 0)), info(increment(1, 0, 3, 0)), get(5, 6, 5)}},
		{"an increment, not a put too late", true, []Operation{info(increment(0, 0, 1, 0)), info(put(7, 0, 1)), get(5, 6, 1)}},
		{"a CAS that did not help, later", true, []Operation{put(0, 1, 1), info(swap(2, 0, 2, 3)), info(increment(2, 0, 2, 0)), get(5, 6, 3), put(7, 8, 2), get(9, 10, 3)}},
		{"the earlier of two", true, []Operation{info(put(0, 0, 1)), info(put(8, 0, 1)), get(5, 6, 1)}},
		{"a put, not an increment", true, []Operation{put(0, 1, 5), info(increment(2, 0, 3, 0)), info(put(3, 0, 0)), get(5, 6, 0)}},
		{"none where the reply is right as it is", true, []Operation{put(0, 1, 1), info(put(2, 0, 2)), remove(3, 4, true), getMissing(5, 6), get(7, 8, 2)}},
		{"a delete for a delete", true, []Operation{put(0, 1, 1), info(remove(2, 0, true)), remove(5, 6, false)}},
		{"a put for a delete, not a delete", true, []Operation{info(remove(0, 0, true)), info(put(0, 0, 1)), remove(2, 3, true)}},
		{"an increment, not a put by as much", true, []Operation{put(0, 1, 4), info(put(2, 0, 3)), info(increment(2, 0, 3, 0)), get(5, 6, 7)}},
		{"an increment that was too far", true, []Operation{info(increment(0, 0, 9, 0)), info(put(0, 0, 100)), info(increment(1, 0, 3, 0)), get(5, 6, 3), get(7, 8, 12)}},
		{"a tombstone for a delete", true, []Operation{put(0, 1, 1), tombstone(info(remove(2, 0, true)), 7), remove(5, 6, false)}},
		{"a tombstone at the last instant", true, []Operation{put(0, 1, 1), tombstone(info(remove(6, 0, true)), 7), remove(5, 6, false)}},
		{"a put, not a delete too late", true, []Operation{put(0, 1, 5), info(put(2, 0, 0)), increment(3, 4, 1, 1), info(remove(7, 0, true))}},
		{"no increment by nothing, up", true, []Operation{at(1, get(0, 10, 2)), at(2, get(0, 3, 2)), info(increment(0, 0, 2, 0)), info(increment(5, 0, 0, 0))}},
		{"no increment by nothing, down", true, []Operation{at(1, get(0, 10, -2)), at(2, get(0, 3, -2)), info(increment(0, 0, -2, 0)), info(increment(5, 0, 0, 0))}},
		{"a delete too late", false, []Operation{put(0, 1, 1), info(remove(7, 0, true)), getMissing(5, 6)}},
	} {
		var c Checker
		c.gather(history(tt.ops...))
		sortByCall(c.keys[0].operations)
		if got := c.certificate.proves(c.keys[0].operations); got != tt.proven {
			t.Errorf("%s: proven %v", tt.name, got)
		}
	}
}

// The order of calls is told apart by return, session and number, in this order.
func TestByCall(t *testing.T) {
	sorted := []Operation{
		{ID: 9, Session: 9, Call: 1, Return: 9},
		{ID: 8, Session: 8, Call: 2, Return: 3},
		{ID: 7, Session: 6, Call: 2, Return: 4},
		{ID: 5, Session: 7, Call: 2, Return: 4},
		{ID: 6, Session: 7, Call: 2, Return: 4},
	}
	for i := range sorted {
		for j := range sorted {
			if got, want := byCall(&sorted[i], &sorted[j]), cmp.Compare(i, j); got != want {
				t.Errorf("%d, %d: %d", i, j, got)
			}
		}
	}
}
