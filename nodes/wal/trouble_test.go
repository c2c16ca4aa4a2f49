package wal

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/saros-sim/saros/sim"
)

// diskTrouble is something that a disk does wrong, now and then in a run.
type diskTrouble struct {
	name  string
	do    func(w *sim.World, n sim.NodeID, draw *sim.Source) bool
	calm  func(w *sim.World, n sim.NodeID) // nil: it strikes or it stays
	loses bool                             // what is durable, or should be
}

var failedSync = diskTrouble{name: "sync error", do: func(w *sim.World, n sim.NodeID, d *sim.Source) bool {
	return w.FailSyncs(n, 1, d.Chance(500_000))
}}

var diskTroubles = []diskTrouble{
	failedSync,
	{"write error", func(w *sim.World, n sim.NodeID, _ *sim.Source) bool { return w.SpoilWrites(n, sim.DiskWriteError, 1) }, nil, false},
	{"short write", func(w *sim.World, n sim.NodeID, _ *sim.Source) bool { return w.SpoilWrites(n, sim.DiskShortWrite, 1) }, nil, false},
	{"full disk", func(w *sim.World, n sim.NodeID, d *sim.Source) bool { return w.SetCapacity(n, d.Between(1, 20_000)) },
		func(w *sim.World, n sim.NodeID) { w.SetCapacity(n, 0) }, false},
	{"stall", func(w *sim.World, n sim.NodeID, d *sim.Source) bool { return w.StallDisk(n, d.Chance(500_000)) },
		func(w *sim.World, n sim.NodeID) { w.UnstallDisk(n) }, false},
	{"unreadable sector", func(w *sim.World, n sim.NodeID, _ *sim.Source) bool { return w.SpoilSector(n) }, nil, false},
	{"bit rot", func(w *sim.World, n sim.NodeID, _ *sim.Source) bool { return w.RotBits(n, 1) }, nil, true},
	{"misdirected write", func(w *sim.World, n sim.NodeID, _ *sim.Source) bool { return w.SpoilWrites(n, sim.DiskMisdirected, 1) }, nil, true},
	{"lost write", func(w *sim.World, n sim.NodeID, _ *sim.Source) bool { return w.SpoilWrites(n, sim.DiskLost, 1) }, nil, true},
	{"lying disk", func(w *sim.World, n sim.NodeID, _ *sim.Source) bool { return w.SetLying(n, true) },
		func(w *sim.World, n sim.NodeID) { w.SetLying(n, false) }, true},
}

// run lets a recorder live through four rounds of trouble, each with a crash that begins
// the next.
func (c diskTrouble) run(w *sim.World, seed uint64, rules Rules) (t *truth, struck int, halts []error) {
	ms := func(n int64) sim.Time { return sim.Time(time.Duration(n) * time.Millisecond) }
	w.Reset(sim.Options{Seed: seed, Disk: sim.DiskOptions{Cache: 50 * time.Microsecond, Sync: time.Millisecond, SyncMean: time.Millisecond}})
	t = new(truth)
	n := w.AddNode("neptune", func(uint32) sim.Machine { return &recorder{truth: t, rules: rules} })
	w.OnHalt = func(_ sim.NodeID, err error) { halts = append(halts, err) }
	draw := sim.Source{D: w.Decider(), S: sim.NemesisStream(0), C: sim.ChoosePlan}
	for at := int64(0); at < 160; at += 40 {
		w.At(ms(at+draw.Between(5, 15)), func() {
			if c.do(w, n, &draw) {
				struck++
			}
		})
		crash := w.Kill
		if draw.Chance(500_000) {
			crash = w.PowerLoss
		}
		w.At(ms(at+25), func() { crash(n) })
		if c.calm != nil {
			w.At(ms(at+30), func() { c.calm(w, n) })
		}
		w.At(ms(at+31), func() { w.Restart(n) })
	}
	w.Budget = 100_000
	w.Run(ms(200), func() bool { return t.wrong != nil })
	return t, struck, halts
}

// damageIn is the first *Damage among the reasons of halts.
func damageIn(halts []error) error {
	for _, err := range halts {
		if damage := new(Damage); errors.As(err, &damage) {
			return err
		}
	}
	return nil
}

// TestTroubledDisk: whatever a disk does wrong, the log neither panics nor hangs. It may
// halt, with a reason. What was acknowledged may be missing only after a disk that lied,
// lost or misdirected a write, or flipped bits in the last flight (doc.go, "What it
// leaves out"); nor is there damage otherwise.
func TestTroubledDisk(t *testing.T) {
	const seeds = 60
	for _, c := range diskTroubles {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hits, lost, readies := 0, 0, 0
			reasons := map[string]int{}
			w := sim.New(sim.Options{})
			for seed := range uint64(seeds) {
				truth, struck, halts := c.run(w, seed, DefaultRules())
				for _, err := range halts {
					if damageIn([]error{err}) != nil {
						reasons["damage"]++
					} else {
						reasons[fmt.Sprint(errors.Unwrap(err))]++
					}
				}
				hits += struck
				readies += truth.readies
				if len(w.Violations()) > 0 {
					t.Fatalf("seed %d: %v\n%s", seed, w.Violations()[0], w.PanicStack)
				}
				if w.Exhausted() {
					t.Fatalf("seed %d: the log runs in circles", seed)
				}
				if err := cmpOr(truth.wrong, damageIn(halts)); err != nil && !c.loses {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if truth.wrong != nil {
					lost++
				}
				if truth.readies == 0 {
					t.Fatalf("seed %d: never ready", seed)
				}
			}
			t.Logf("struck %d times: %d recoveries, halts %v, %d runs lost records", hits, readies, reasons, lost)
			if hits == 0 {
				t.Error("the fault never struck")
			}
		})
	}
}

// TestFailedSyncs convicts the rules that are about failed syncs, and need a disk on
// which they happen.
func TestFailedSyncs(t *testing.T) {
	w := sim.New(sim.Options{})
	for _, m := range mutants {
		if !m.faked {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			const seeds = 300
			for seed := range uint64(seeds) {
				truth, _, halts := failedSync.run(w, seed, m.rules)
				if err := cmpOr(truth.wrong, damageIn(halts)); err != nil {
					t.Logf("convicted by seed %d: %v", seed, err)
					return
				}
			}
			t.Errorf("not convicted by %d seeds", seeds)
		})
	}
}
