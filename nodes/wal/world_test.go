package wal

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/saros-sim/saros/sim"
)

// recorder is a machine that does nothing but append numbered records and flush.
type recorder struct {
	truth *truth
	log   *Log
	rules Rules
	got   [][]byte
}

// truth is what the test knows of a recorder's log, over all its incarnations.
type truth struct {
	records [][]byte
	acked   int
	readies int
	torn    int
	wrong   error
}

func (r *recorder) Boot(env sim.Env) {
	r.log = New(Options{SegmentBytes: 8 << 10, Rules: r.rules})
	r.log.Open(env, func(record []byte) error {
		r.got = append(r.got, slices.Clone(record))
		return nil
	})
}

func (r *recorder) Complete(env sim.Env, id sim.IOID, io sim.IO) {
	recovering := !r.log.Ready()
	mine, err := r.log.Complete(env, id, io)
	switch {
	case !mine:
		panic("whose operation was that?")
	case err != nil:
		env.Halt(err)
	case r.log.Ready():
		if recovering {
			r.recovered()
			env.SetTimer(0, time.Millisecond)
		}
		r.truth.acked = max(r.truth.acked, int(r.log.Durable()))
	}
}

func (r *recorder) recovered() {
	t := r.truth
	t.readies++
	t.torn += r.log.TornTails()
	if len(r.got) < t.acked {
		t.wrong = fmt.Errorf("recovered %d records of %d that were acknowledged", len(r.got), t.acked)
	}
	for i, record := range r.got {
		if i >= len(t.records) || !bytes.Equal(record, t.records[i]) {
			t.wrong = fmt.Errorf("record %d was recovered, and not appended like that", i+1)
			return
		}
	}
	t.records = t.records[:len(r.got)]
}

// Fire appends a few records, now and then large ones, and flushes.
func (r *recorder) Fire(env sim.Env, _ sim.TimerID) {
	for range 1 + env.Rand(4) {
		size := env.Rand(100)
		if env.Rand(4) == 0 {
			size = env.Rand(3000)
		}
		record := fmt.Appendf(nil, "%d of %d ", len(r.truth.records)+1, r.truth.readies)
		for len(record) < int(size) {
			record = append(record, byte(env.Rand(255)+1))
		}
		r.truth.records = append(r.truth.records, record)
		r.log.Append(record)
	}
	r.log.Flush(env)
	env.SetTimer(0, time.Duration(env.Rand(uint64(4*time.Millisecond))))
}

func (r *recorder) Receive(sim.Env, sim.NodeID, sim.Kind, []byte) {}

// crashRun lets one recorder live through kills and power losses at random moments.
func crashRun(w *sim.World, seed uint64, rules Rules) (*truth, error) {
	w.Reset(sim.Options{
		Seed: seed,
		Disk: sim.DiskOptions{Cache: 50 * time.Microsecond, Read: 100 * time.Microsecond, Sync: time.Millisecond, SyncMean: 4 * time.Millisecond},
		CPU:  sim.CPUOptions{Handler: 2 * time.Microsecond, Effect: 100 * time.Microsecond},
	})
	t := new(truth)
	n := w.AddNode("neptune", func(uint32) sim.Machine { return &recorder{truth: t, rules: rules} })
	w.OnHalt = func(_ sim.NodeID, err error) { t.wrong = fmt.Errorf("halted: %w", err) }
	draw := sim.Source{D: w.Decider(), S: sim.NemesisStream(0), C: sim.ChoosePlan}
	at := sim.Time(0)
	for range 12 {
		gap := 60 * time.Millisecond
		if draw.Chance(300_000) { // into the recovery
			gap = 4 * time.Millisecond
		}
		at = at.Add(time.Duration(draw.Between(0, int64(gap))))
		kill := draw.Chance(400_000)
		w.At(at, func() {
			if kill {
				w.Kill(n)
			} else {
				w.PowerLoss(n)
			}
		})
		at = at.Add(time.Duration(draw.Between(0, int64(time.Millisecond))))
		w.At(at, func() { w.Restart(n) })
	}
	w.Run(at.Add(100*time.Millisecond), func() bool { return t.wrong != nil })
	for _, v := range w.Violations() {
		t.wrong = fmt.Errorf("%s: %s", v.Check, v.Detail)
	}
	if t.wrong == nil && t.acked == 0 {
		t.wrong = fmt.Errorf("nothing was ever acknowledged")
	}
	return t, t.wrong
}

// TestWorld crashes the log in the World: acknowledged records survive and every
// recovery succeeds; and each rule's mutant is convicted by the same runs.
func TestWorld(t *testing.T) {
	const seeds, enough = 300, 3
	w := sim.New(sim.Options{})
	var total truth
	for seed := range uint64(seeds) {
		one, err := crashRun(w, seed, DefaultRules())
		if err != nil {
			t.Fatalf("seed %d: the correct log: %v", seed, err)
		}
		total.acked += one.acked
		total.readies += one.readies
		total.torn += one.torn
	}
	t.Logf("%d seeds: %d recoveries, %d torn tails, %d records acknowledged", seeds, total.readies, total.torn, total.acked)
	if total.torn == 0 {
		t.Error("no tail was torn: the runs do not reach what they are for")
	}
	for _, m := range mutants {
		if m.faked {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			convicted, seed, first := 0, uint64(0), error(nil)
			for ; seed < seeds && convicted < enough; seed++ {
				if _, err := crashRun(w, seed, m.rules); err != nil {
					convicted++
					first = cmpOr(first, fmt.Errorf("seed %d: %w", seed, err))
				}
			}
			t.Logf("convicted by %d of %d seeds; the first: %v", convicted, seed, first)
			if convicted == 0 {
				t.Error("not convicted")
			}
		})
	}
}
