package faults

import (
	"testing"
	"time"

	"github.com/saros-sim/saros/sim"
)

// TestKind: every kind of fault, alone, changes something in some run of a few, and is
// over after the heal: all servers run, every ping arrives once and in its time, every
// sync completes, and clocks run at the rate of true time.
func TestKind(t *testing.T) {
	for _, info := range All {
		t.Run(string(info.Kind), func(t *testing.T) {
			fired := 0
			for seed := range uint64(12) {
				fired += oneKind(t, info.Kind, seed)
			}
			if fired == 0 {
				t.Error("it never struck")
			}
		})
	}
}

// settled is how long after the heal the world is as before: what was under way has
// come, and clocks that were wrong have been put right.
const settled = 3 * time.Second

func oneKind(t *testing.T, kind Kind, seed uint64) (fired int) {
	t.Helper()
	o := net
	o.Seed, o.Clock = seed, kept
	b := newBench(3, o)
	b.t.Leader = func() sim.NodeID { return 1 + sim.NodeID(b.w.Now()/sim.Time(time.Second))%3 }
	p := Draw(b.w.Decider(), Profile{Kinds: []Kind{kind}, AimKinds: aims, PartialCorePPM: -1, Domains: twoRacks, Model: Model{Failures: Byzantine}}, 3)
	in := Apply(b.w, p, b.t)
	heal := sim.Time(p.Heal)
	b.w.Run(heal.Add(settled), nil)
	for _, c := range in.Fired() {
		if c.Kind != kind {
			t.Errorf("seed %d: %s struck", seed, c.Kind)
		}
		fired += c.N
	}
	for _, f := range p.Faults {
		if f.Kind != kind {
			t.Fatalf("seed %d: drew %v", seed, f)
		}
	}
	damaged := kindDamages(kind)
	b.got = b.got[:0]
	before := append([]int(nil), b.synced...)
	wall := append([]int64(nil), b.wall...)
	const window = time.Second
	b.w.Run(heal.Add(settled+window), nil)
	b.w.Stop()
	if damaged {
		return fired // a server may be gone for good
	}
	type pair struct{ from, to sim.NodeID }
	arrived := map[pair]int{}
	for _, a := range b.got {
		if a.kind != kindPing || a.from > 3 || a.to > 3 || a.sent < heal.Add(settled) {
			continue // what was said before may still be under way
		}
		if a.at.Sub(a.sent) > 2*time.Millisecond {
			t.Fatalf("seed %d: %v: a ping from %d to %d was under way for %v after the heal", seed, p.Faults, a.from, a.to, a.at.Sub(a.sent))
		}
		arrived[pair{a.from, a.to}]++
	}
	const beats = int(window / period)
	for from := sim.NodeID(1); from <= 3; from++ {
		for to := sim.NodeID(1); to <= 3; to++ {
			if n := arrived[pair{from, to}]; from != to && (n < beats-1 || n > beats) {
				t.Errorf("seed %d: %v: %d pings from %d to %d in a second after the heal, want %d", seed, p.Faults, n, from, to, beats)
			}
		}
		if n := b.synced[from] - before[from]; n < beats-1 || n > beats+1 {
			t.Errorf("seed %d: %v: %d syncs of %d in a second after the heal, want %d", seed, p.Faults, n, from, beats)
		}
		if d := time.Duration(b.wall[from]-wall[from]) - window; d < -2*period || d > 2*period {
			t.Errorf("seed %d: %v: the clock of %d is %v off after a second", seed, p.Faults, from, d)
		}
	}
	return fired
}

// kindDamages tells whether a kind may take a server for good.
func kindDamages(kind Kind) bool { return All[kind.index()].damages }
