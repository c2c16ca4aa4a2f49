package sim

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// odometer is a Decider that goes through every sequence of answers about a crash, like
// the wheels of an odometer: the dumb twin of AllCrashes.
type odometer struct {
	Keyed
	wheels []wheel
	at     int
}

type wheel struct{ value, bound uint64 }

func (o *odometer) Decide(s Stream, c Choice, n uint32, bound uint64) uint64 {
	if c != ChooseCrash && c != ChooseCrashMode {
		return o.Keyed.Decide(s, c, n, bound)
	}
	if o.at == len(o.wheels) {
		o.wheels = append(o.wheels, wheel{0, bound})
	}
	o.at++
	return o.wheels[o.at-1].value
}

// turn goes to the next sequence; false when there is none.
func (o *odometer) turn() bool {
	for o.at = 0; len(o.wheels) > 0; o.wheels = o.wheels[:len(o.wheels)-1] {
		w := &o.wheels[len(o.wheels)-1]
		if w.value++; w.value < w.bound {
			return true
		}
	}
	return false
}

// drawTiny draws an operation on few bytes.
func drawTiny(t *rapid.T, written *byte) diskOp {
	names := rapid.SampledFrom([]string{"a", "b"})
	o := diskOp{op: rapid.SampledFrom([]Op{OpCreate, OpAppend, OpAppend, OpWrite, OpTruncate, OpRename, OpRename, OpRemove}).Draw(t, "op")}
	o.name = names.Draw(t, "name")
	switch o.op {
	case OpRename:
		o.old = names.Draw(t, "old")
	case OpTruncate, OpWrite:
		o.off = rapid.Int64Range(0, 6).Draw(t, "off")
	}
	if o.op == OpAppend || o.op == OpWrite {
		*written++
		o.data = []byte(fill(string(rune('A'+*written%60)), rapid.IntRange(0, 5).Draw(t, "size")))
	}
	return o
}

// A power loss draws from exactly what AllCrashes visits: each sequence of its choices
// leads to a member, and to each member leads one. No sampling is involved.
func TestAllCrashesAreAllThatAPowerLossDraws(t *testing.T) {
	t.Parallel()
	whole, members := 0, 0
	check(t, 600, func(t *rapid.T) {
		o := DiskOptions{
			Sector:       4,
			Atomic:       rapid.Bool().Draw(t, "atomic"),
			NotPowersafe: rapid.Bool().Draw(t, "not powersafe"),
			Ordered:      rapid.Bool().Draw(t, "ordered"),
			PowerLoss:    LossMode(rapid.IntRange(0, 4).Draw(t, "mode")),
		}
		written := byte(0)
		synced, unsynced := []diskOp{create("a"), appending("a", "12345")}, []diskOp(nil)
		for range rapid.IntRange(0, 5).Draw(t, "synced") {
			synced = append(synced, drawTiny(t, &written))
		}
		for range rapid.IntRange(0, 3).Draw(t, "unsynced") {
			unsynced = append(unsynced, drawTiny(t, &written))
		}
		twin := &odometer{Keyed: Keyed{1}}
		w, wheels := New(Options{}), twin
		build := func() NodeID {
			w.Reset(Options{Decider: wheels, Disk: o})
			n := addStub(w, "neptune", stub{
				boot: func(env Env) {
					for _, o := range synced {
						o.submitTo(env.Disk())
					}
					env.Disk().Sync("a")
					env.Disk().Sync("b")
					env.Disk().SyncDir()
					env.SetTimer(0, time.Millisecond)
				},
				fire: func(env Env, _ TimerID) {
					for _, o := range unsynced {
						o.submitTo(env.Disk())
					}
				},
			})
			w.Run(End, nil)
			return n
		}
		all := map[string]bool{}
		_, err := w.AllCrashes(build(), 1<<20, func(m DiskImage) bool { all[m.show()] = true; return true })
		if err != nil {
			t.Fatal(err)
		}
		drawn := map[string]bool{}
		for i := 0; ; i++ {
			if i == 2000 {
				return // too many sequences: only the first are members for sure
			}
			n := build()
			w.PowerLoss(n)
			left := w.DiskOf(n).show()
			if drawn[left] = true; !all[left] {
				t.Fatalf("a power loss leaves %s, which is none of the %d", left, len(all))
			}
			if !twin.turn() {
				break
			}
		}
		for m := range all {
			if !drawn[m] {
				t.Fatalf("no power loss leaves %s", m)
			}
		}
		whole++
		members += len(all)
	})
	t.Logf("%d sets with %d members", whole, members)
	if whole < 100 || members <= whole { // a set of one shows nothing
		t.Errorf("only %d sets with %d members were gone through", whole, members)
	}
}
