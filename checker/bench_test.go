package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// workload is a run of a correct store as clients see it: each session waits for its reply and thinks,
// operations take effect at a random instant of their interval, values are unique, one reply in so many
// (lost) never comes, and then half of the time the operation had no effect.
func workload(seed uint64, operations, keys, sessions, lost int) *History {
	rng := rand.New(rand.NewPCG(seed, 0))
	type slot struct {
		call, point, ret int64
		session          int32
	}
	var slots []slot
	clock := make([]int64, sessions)
	for i := range operations {
		s := i % sessions
		call := clock[s] + 1 + rng.Int64N(50)
		length := 1 + rng.Int64N(400)
		clock[s] = call + length
		slots = append(slots, slot{call, call + rng.Int64N(length+1), clock[s], int32(s)})
	}
	h := &History{}
	order := make([]int, operations) // of effect
	for i := range order {
		order[i] = i
	}
	sortBy(order, func(i int) int64 { return slots[i].call })
	for _, i := range order {
		kind := [...]Kind{Get, Get, Get, Put, Put, Put, CAS, CAS, Delete}[rng.IntN(9)]
		h.Invoke(slots[i].session, kind, fmt.Sprintf("key%d", rng.IntN(keys)), 0, int64(1000+i), slots[i].call)
		slots[i].session = int32(len(h.Operations) - 1) // from here on: its ID
	}
	sortBy(order, func(i int) int64 { return slots[i].point })
	store := map[string]oracleCell{}
	for version, i := range order {
		op := &h.Operations[slots[i].session]
		if cell := store[op.Key]; op.Kind == CAS && cell.there && rng.IntN(3) > 0 {
			op.Old = cell.value
		}
		unknown := lost > 0 && rng.IntN(lost) == 0
		if unknown {
			h.Info(op.ID, slots[i].ret)
		} else {
			h.Complete(op.ID, slots[i].ret, Response{Version: uint64(version + 1)})
		}
		if !unknown || rng.IntN(2) == 0 {
			execute(op, store)
		}
	}
	return h
}

func sortBy(order []int, by func(int) int64) {
	for i := range order { // insertion: the orders here are nearly sorted
		for j := i; j > 0 && by(order[j]) < by(order[j-1]); j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
}

func forgetVersions(h *History) {
	for i := range h.Operations {
		h.Operations[i].Version = 0
	}
}

// 250 operations of 5 clients on 6 keys: what one seed of a hunt has to judge.
func BenchmarkLinearizable(b *testing.B) {
	for _, bb := range []struct {
		name     string
		lost     int
		versions bool
		stale    bool
		want     Verdict
	}{
		{"certificate", 0, true, false, Valid},
		{"certificate, 5% unknown", 20, true, false, Valid},
		{"porcupine", 0, false, false, Valid},
		{"porcupine, 5% unknown", 20, false, false, Valid},
		{"invalid", 20, true, true, Invalid},
	} {
		b.Run(bb.name, func(b *testing.B) {
			h := workload(1, 250, 6, 5, bb.lost)
			if !bb.versions {
				forgetVersions(h)
			}
			if bb.stale {
				makeStale(h)
			}
			var c Checker
			b.ReportAllocs()
			steps := int64(0)
			for b.Loop() {
				r := c.CheckLinearizable(h, Budget{})
				if r.Verdict != bb.want {
					b.Fatal(r.Verdict, r.Reason, r.Text)
				}
				steps = r.Steps
			}
			b.ReportMetric(float64(steps), "steps")
		})
	}
}

// makeStale lets the last read that found a value find the first value its key ever had.
func makeStale(h *History) {
	for i := len(h.Operations) - 1; i >= 0; i-- {
		late := &h.Operations[i]
		if late.Kind != Get || !late.Found {
			continue
		}
		for _, early := range h.Operations {
			if early.Kind == Put && early.Outcome == Ok && early.Key == late.Key {
				late.Result = early.Arg
				return
			}
		}
	}
}

// The path of nearly every run must make no garbage, with and without unknown outcomes.
func TestCertificateAllocatesNothing(t *testing.T) {
	for _, lost := range []int{0, 20} {
		var c Checker
		h := workload(1, 250, 6, 5, lost)
		if n := testing.AllocsPerRun(20, func() {
			if r := c.CheckLinearizable(h, Budget{}); r.Verdict != Valid || r.Steps != 0 {
				t.Fatalf("%s after %d steps\n%s", r.Verdict, r.Steps, r.Text)
			}
		}); n > 0 {
			t.Errorf("%v allocations, one reply in %d unknown", n, lost)
		}
	}
}

// A correct store is valid however it is judged, and nearly always by its certificate; a stale read in
// a run of that size is found, with a small core.
func TestWorkload(t *testing.T) {
	var c Checker
	searched, core := 0, 0
	for seed := range uint64(200) {
		h := workload(seed, 250, 6, 5, 10)
		if err := h.Validate(); err != nil {
			t.Fatal(err)
		}
		r := c.CheckLinearizable(h, Budget{})
		if r.Verdict != Valid {
			t.Fatalf("seed %d: %s %s\n%s", seed, r.Verdict, r.Reason, r.Text)
		}
		if r.Steps > 0 {
			searched++
		}
		forgetVersions(h)
		if r := c.CheckLinearizable(h, Budget{}); r.Verdict != Valid {
			t.Fatalf("seed %d without versions: %s %s\n%s", seed, r.Verdict, r.Reason, r.Text)
		}
		makeStale(h)
		if r := c.CheckLinearizable(h, Budget{}); r.Verdict != Invalid || len(r.Core) > 10 {
			t.Fatalf("seed %d, stale: %s %s\n%s", seed, r.Verdict, r.Reason, r.Text)
		} else {
			core += len(r.Core)
		}
	}
	t.Logf("%d of 200 runs needed a search; core %.1f on average", searched, float64(core)/200)
	if searched > 2 {
		t.Errorf("%d of 200 runs needed a search", searched)
	}
}

// Long histories on one key end in bounded time and memory, whatever the verdict.
func TestLongHistories(t *testing.T) {
	for _, tt := range []struct {
		operations, sessions, lost int
		versions, stale            bool
		want                       []Verdict
	}{
		{100_000, 10, 20, true, false, []Verdict{Valid}},
		{3_000, 5, 20, false, false, []Verdict{Valid}},
		{3_000, 100, 5, false, false, []Verdict{Valid, Unknown}},
		{300, 16, 5, true, true, []Verdict{Invalid}}, // without a witness: no end
		{100_000, 50, 5, true, true, []Verdict{Invalid}},
	} {
		h := workload(1, tt.operations, 1, tt.sessions, tt.lost)
		if !tt.versions {
			forgetVersions(h)
		}
		if tt.stale {
			makeStale(h)
		}
		r := CheckLinearizable(h, Budget{})
		t.Logf("%d operations, %d sessions, 1 in %d unknown: %s %s, core %v, %d steps", tt.operations, tt.sessions, tt.lost, r.Verdict, r.Reason, r.Core, r.Steps)
		if !slices.Contains(tt.want, r.Verdict) {
			t.Errorf("%s %s, want one of %v\n%s", r.Verdict, r.Reason, tt.want, r.Text)
		}
	}
}
