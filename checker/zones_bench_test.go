package checker

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// registers is a run of a correct store of registers as clients see it: gets, puts and CAS, unique
// values, no versions. Of 100 replies, lost never come; half of those operations had no effect.
func registers(operations, keys, sessions, lost int) *History {
	rng := rand.New(rand.NewPCG(uint64(sessions), uint64(lost)))
	type slot struct {
		call, point, ret int64
		id               int
		session          int32
	}
	slots := make([]slot, operations)
	clock := make([]int64, sessions)
	for i := range slots {
		s := i % sessions
		call := clock[s] + 1 + rng.Int64N(50)
		length := 1 + rng.Int64N(400)
		clock[s] = call + length
		slots[i] = slot{call: call, point: call + rng.Int64N(length+1), ret: clock[s], session: int32(s)}
	}
	h := &History{Operations: make([]Operation, 0, operations)}
	slices.SortFunc(slots, func(a, b slot) int { return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(a.session, b.session)) })
	names := make([]string, keys)
	for k := range names {
		names[k] = fmt.Sprintf("key%d", k)
	}
	for i := range slots {
		s := &slots[i]
		kind := [...]Kind{Get, Get, Get, Put, Put, CAS}[rng.IntN(6)]
		s.id = h.Invoke(s.session, kind, names[rng.IntN(keys)], 0, int64(1000+i), s.call)
	}
	slices.SortFunc(slots, func(a, b slot) int { return cmp.Or(cmp.Compare(a.point, b.point), cmp.Compare(a.id, b.id)) })
	store := map[string]state{}
	for _, s := range slots {
		op := &h.Operations[s.id]
		now := store[op.Key]
		if op.Kind == CAS && now.exists && rng.IntN(3) > 0 {
			op.Old = now.value
		}
		unknown := rng.IntN(100) < lost
		var res Response
		after := state{op.Arg, true}
		switch {
		case op.Kind == CAS && now == state{op.Old, true}:
			res.Swapped = true
		case op.Kind != Put:
			res.Result, res.Found, after = now.value, now.exists, now
		}
		if unknown {
			h.Info(s.id, s.ret)
		} else {
			h.Complete(s.id, s.ret, res)
		}
		if !unknown || rng.IntN(2) == 0 {
			store[op.Key] = after
		}
	}
	return h
}

// The pipeline beside Porcupine, one after the other in each benchmark: x-porcupine is how many times longer
// Porcupine takes for the same history, key by key, unknown outcomes normalised (without that it ends for none
// of them); x-and-no-end, after how many times longer it was stopped. It is left out where Porcupine
// alone needs more than 8 GB.
func BenchmarkRegisters(b *testing.B) {
	for _, bb := range []struct {
		operations, keys, sessions, lost int
		stale, beside                    bool
	}{
		{1_000, 1, 10, 0, false, true},
		{10_000, 1, 10, 0, false, true},
		{100_000, 1, 10, 0, false, false},
		{1_000_000, 1, 10, 0, false, false},
		{1_000, 1, 10, 5, false, true},
		{10_000, 1, 10, 5, false, true},
		{1_000_000, 1, 10, 5, false, false},
		{1_000, 1, 10, 20, false, true},
		{10_000, 1, 10, 20, false, true},
		{1_000_000, 1, 10, 20, false, false},
		{1_000, 1, 50, 0, false, true},
		{10_000, 1, 50, 0, false, true},
		{1_000_000, 1, 50, 0, false, false},
		{1_000, 1, 50, 20, false, true},
		{10_000, 1, 50, 20, false, true},
		{1_000_000, 1, 50, 20, false, false},
		{1_000, 100, 50, 20, false, true},
		{10_000, 100, 50, 20, false, true},
		{1_000_000, 10_000, 50, 20, false, true},
		{1_000, 1, 10, 0, true, true},
		{10_000, 1, 10, 0, true, true},
		{1_000, 1, 10, 20, true, true},
		{10_000, 1, 10, 20, true, true},
		{100_000, 1, 10, 20, true, false},
		{1_000_000, 1, 10, 20, true, false},
		{1_000_000, 1, 50, 20, true, false},
		{1_000_000, 10_000, 50, 20, true, true},
	} {
		want := Valid
		if bb.stale {
			want = Invalid
		}
		b.Run(fmt.Sprintf("n=%d/keys=%d/clients=%d/unknown=%d%%/%s", bb.operations, bb.keys, bb.sessions, bb.lost, want), func(b *testing.B) {
			h := registers(bb.operations, bb.keys, bb.sessions, bb.lost)
			if bb.stale {
				makeStale(h)
			}
			b.ReportAllocs()
			for b.Loop() {
				var c Checker // its memory is part of the cost
				if r := c.CheckLinearizable(h, Budget{}); r.Verdict != want {
					b.Fatal(r.Verdict, r.Reason, r.Text)
				}
			}
			each := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			if bb.beside {
				begin := time.Now()
				switch got := onlyPorcupine(h); got {
				case want:
					b.ReportMetric(float64(time.Since(begin).Nanoseconds())/each, "x-porcupine")
				case Unknown:
					b.ReportMetric(float64(time.Since(begin).Nanoseconds())/each, "x-and-no-end")
				default:
					b.Fatal("Porcupine says", got)
				}
			}
			b.ReportMetric(each/float64(bb.operations), "ns/operation")
		})
	}
}

// onlyPorcupine judges h as CheckLinearizable does, with neither zones nor certificates, in ten million steps.
func onlyPorcupine(h *History) Verdict {
	var c Checker
	c.gather(h)
	for _, k := range c.keys {
		c.search.start(10_000_000)
		switch c.search.judge(c.openUnknown(k.operations)) {
		case illegal:
			return Invalid
		case undecided:
			return Unknown
		}
	}
	return Valid
}

// A stream is told a million calls and returns in order, of reads, puts, CAS and deletes; in percent of them
// are of unknown outcome.
func BenchmarkStream(b *testing.B) {
	for _, bb := range []struct{ sessions, keys, unknown int }{{5, 1, 0}, {50, 1, 0}, {5, 1, 20}, {50, 1, 20}, {50, 1000, 5}} {
		b.Run(fmt.Sprintf("clients=%d/keys=%d/unknown=%d%%", bb.sessions, bb.keys, bb.unknown), func(b *testing.B) {
			h := registers(1_000_000, bb.keys, bb.sessions, bb.unknown)
			list := make([]happening, 0, 2*len(h.Operations))
			for i := range h.Operations {
				list = append(list, happening{h.Operations[i].Call, i, false}, happening{h.Operations[i].Return, i, true})
			}
			slices.SortStableFunc(list, func(x, y happening) int { return cmp.Compare(x.at, y.at) })
			kept := 0
			for b.Loop() {
				var s Stream
				for _, e := range list {
					op := &h.Operations[e.id]
					if !e.returned {
						s.Call(op)
						continue
					}
					s.Return(op)
					if k := s.keys[op.Key]; e.id%64 == 0 {
						kept = max(kept, len(k.zones))
					}
				}
				if v, _ := s.Verdict(); v != Valid {
					b.Fatal(v)
				}
			}
			b.ReportMetric(float64(kept), "states/key")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/operation")
		})
	}
}
