package sim

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// ledger is the default Decider, and keeps what each stream decided, in order.
type ledger struct {
	Keyed
	w   *World
	log map[Stream][]decision
}

type decision struct {
	at    Time
	c     Choice
	n     uint32
	bound uint64
	value uint64
}

func (r *ledger) Decide(s Stream, c Choice, n uint32, bound uint64) uint64 {
	v := r.Keyed.Decide(s, c, n, bound)
	r.log[s] = append(r.log[s], decision{r.w.now, c, n, bound, v})
	return v
}

// within tells whether all of a were decided in b, too: on the same occurrence, the same.
// When, and in which order of occurrences of different choices, does not count: effects
// that wait for an intervention to pass (law 6) are decided when they leave.
func within(a, b []decision) bool {
	type place struct {
		c Choice
		n uint32
	}
	decided := map[place]decision{}
	for _, d := range b {
		d.at = 0
		decided[place{d.c, d.n}] = d
	}
	for _, d := range a {
		d.at = 0
		if decided[place{d.c, d.n}] != d {
			return false
		}
	}
	return true
}

// trouble is a fault of one of three nodes, and its end.
type trouble struct {
	at, lasts time.Duration
	what      int
	node      int
}

func (f trouble) apply(w *World, group []NodeID) {
	n, other := group[f.node], group[(f.node+1)%len(group)]
	at := func(when time.Duration, do func()) { w.At(Time(when), do) }
	end := f.at + f.lasts
	d := Disturbance{DelayFactor: 3, LossPPM: 300_000, DuplicatePPM: 200_000}
	switch f.what {
	case 0:
		at(f.at, func() { w.Kill(n) })
		at(end, func() { w.Restart(n) })
	case 1:
		at(f.at, func() { w.PowerLoss(n) })
		at(end, func() { w.Restart(n) })
	case 2:
		at(f.at, func() { w.Pause(n) })
		at(end, func() { w.Resume(n) })
	case 3:
		at(f.at, func() { w.Cut(n, other) })
		at(end, func() { w.Mend(n, other) })
	case 4:
		at(f.at, func() { w.Disturb(n, other, d) })
		at(end, func() { w.Calm(n, other, d) })
	case 5:
		at(f.at, func() { w.SetDrift(n, 700) })
		at(end, func() { w.SetDrift(n, 0) })
	case 6:
		at(f.at, func() { w.Slow(n, 7) })
		at(end, func() { w.Quicken(n, 7) })
	case 7:
		at(f.at, func() { w.SetAdversary(n, &Replay{PPM: 300_000}) })
		at(end, func() { w.SetAdversary(n, nil) })
	case 8:
		at(f.at, func() { w.Clog(n, other) })
		at(end, func() { w.Unclog(n, other) })
	case 9:
		d := Disturbance{CorruptPPM: 300_000, ReplayPPM: 300_000, ReplayMax: 10 * time.Millisecond, BurstLossPPM: 500_000}
		at(f.at, func() { w.Disturb(n, other, d) })
		at(end, func() { w.Calm(n, other, d) })
	}
}

// TestLaw3: taking one fault away leaves every decision that does not depend on it where
// it was: all of a group of nodes that never hears of the group that was hit, and all
// that were made before the fault struck.
func TestLaw3(t *testing.T) {
	gen := rapid.Custom(func(t *rapid.T) trouble {
		return trouble{
			at:    time.Duration(rapid.IntRange(1, 60_000).Draw(t, "at")) * time.Microsecond,
			lasts: time.Duration(rapid.IntRange(1, 20_000).Draw(t, "lasts")) * time.Microsecond,
			what:  rapid.IntRange(0, 9).Draw(t, "what"),
			node:  rapid.IntRange(0, 2).Draw(t, "node"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		plans := [2][]trouble{}
		for g := range plans {
			plans[g] = rapid.SliceOfN(gen, 1, 5).Draw(t, "plan")
			for i := range plans[g] { // no two in one instant: these would change places
				plans[g][i].at += time.Duration(10*g + i)
			}
		}
		hit := rapid.IntRange(0, 1).Draw(t, "group")
		out := rapid.IntRange(0, len(plans[hit])-1).Draw(t, "taken away")
		run := func(without bool) (*ledger, [2][]NodeID) {
			r := &ledger{Keyed: Keyed{seed}, log: map[Stream][]decision{}}
			o := seeded(rough, seed)
			o.Decider = r
			w := &World{sometimes: map[string]uint64{}, pointAt: map[string]int{}, calls: map[buggifyCall]uint32{}}
			r.w = w
			w.Reset(o)
			groups := [2][]NodeID{gossipAmong(w, "neptune", "jupiter", "saturn"), gossipAmong(w, "uranus", "mars", "venus")}
			for g, plan := range plans {
				for i, f := range plan {
					if !without || g != hit || i != out {
						f.apply(w, groups[g])
					}
				}
			}
			w.Run(Time(90*time.Millisecond), nil)
			return r, groups
		}
		with, groups := run(false)
		without, _ := run(true)
		struck := Time(plans[hit][out].at)
		for g, ids := range groups {
			for _, s := range streamsOf(ids) {
				a, b := with.log[s], without.log[s]
				if g == hit {
					a = before(a, struck)
				}
				if !within(a, b) || g != hit && len(a) != len(b) {
					t.Fatalf("stream %x of group %d decided otherwise without %+v of group %d", uint64(s), g, plans[hit][out], hit)
				}
			}
		}
	})
}

func streamsOf(ids []NodeID) (all []Stream) {
	for _, n := range ids {
		all = append(all, DiskStream(n), AdversaryStream(n))
		for incarnation := range uint32(12) {
			all = append(all, NodeStream(n, incarnation))
		}
		for _, to := range ids {
			all = append(all, LinkStream(n, to))
		}
	}
	return all
}

func before(log []decision, t Time) []decision {
	for i := range log {
		if log[i].at >= t {
			return log[:i]
		}
	}
	return log
}
