package wal

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/saros-sim/saros/sim"
)

// Every crash of a short run, and every crash of every recovery from it. What the random
// crashes of TestWorld sample is enumerated here (sim.World.AllCrashes), so that a rule
// taken away is convicted for sure, not over enough seeds.
//
//	run ──▶ at each event: every disk after a power loss ──▶ recovery ─┐
//	   └──▶ at each event, and between each write and its sync:        │
//	        a kill ──▶ recovery ───────────────────────────────────────┤
//	                                                                   ▼
//	               at each event: every disk after a power loss ──▶ recovery

// short is a run of three flights, of which the last begins a segment, and is flushed
// while the one before is under way.
var short = struct {
	bursts  [][][]string
	segment int64
}{
	bursts:  [][][]string{{{"a"}}, {{"bb", "c"}, {"ddd"}}},
	segment: 80,
}

// scribe appends the bursts, each when the one before has landed.
type scribe struct {
	log     *Log
	rules   Rules
	bursts  [][][]string
	got     [][]byte
	written int // records appended since the recovery
	halted  error
}

func (s *scribe) Boot(env sim.Env) {
	s.log = New(Options{SegmentBytes: short.segment, Rules: s.rules})
	s.log.Open(env, func(record []byte) error {
		s.got = append(s.got, slices.Clone(record))
		return nil
	})
	s.next(env)
}

func (s *scribe) Complete(env sim.Env, id sim.IOID, io sim.IO) {
	if _, err := s.log.Complete(env, id, io); err != nil {
		s.halted = err
		env.Halt(err)
		return
	}
	s.next(env)
}

func (s *scribe) next(env sim.Env) {
	if !s.log.Ready() || len(s.bursts) == 0 || len(s.log.pending) > 0 {
		return
	}
	flights := s.bursts[0]
	s.bursts = s.bursts[1:]
	for _, flight := range flights {
		for _, record := range flight {
			s.log.Append([]byte(record))
			s.written++
		}
		s.log.Flush(env)
	}
}

func (s *scribe) Receive(sim.Env, sim.NodeID, sim.Kind, []byte) {}
func (s *scribe) Fire(sim.Env, sim.TimerID)                     {}

// known is what must hold of a recovery: at least need records, and at most have.
type known struct{ need, have int }

// exhaustive checks recoveries; what it has checked it does not check again.
type exhaustive struct {
	rules   Rules
	disk    sim.DiskOptions
	records [][]byte
	worlds  []*sim.World
	done    map[checked]bool
	disks   map[sim.Digest]bool
	err     error
}

type checked struct {
	disk  sim.Digest
	known known
	depth int
}

const mostDisks = 50_000

func newExhaustive(rules Rules, disk sim.DiskOptions, depth int) *exhaustive {
	disk.Cache, disk.Read, disk.Sync = time.Microsecond, time.Microsecond, 10*time.Microsecond
	x := &exhaustive{rules: rules, disk: disk, done: map[checked]bool{}, disks: map[sim.Digest]bool{}}
	for _, record := range slices.Concat(slices.Concat(short.bursts...)...) {
		x.records = append(x.records, []byte(record))
	}
	for range depth + 1 {
		x.worlds = append(x.worlds, sim.New(sim.Options{}))
	}
	return x
}

// start makes world number depth anew, with a scribe on its only node.
func (x *exhaustive) start(depth int, bursts [][][]string) (w *sim.World, n sim.NodeID, s **scribe) {
	w, s = x.worlds[depth], new(*scribe)
	w.Reset(sim.Options{Disk: x.disk})
	n = w.AddNode("neptune", func(incarnation uint32) sim.Machine {
		*s = &scribe{rules: x.rules}
		if incarnation == 1 {
			(*s).bursts = bursts
		}
		return *s
	})
	return w, n, s
}

// learn moves what is known by what the scribe says.
func (k known) learn(s *scribe) known {
	if s != nil && s.log.Ready() {
		k.need = max(k.need, int(s.log.Durable()))
		k.have = len(s.got) + s.written
	}
	return k
}

// crash recovers from every disk that a power loss may leave now.
func (x *exhaustive) crash(w *sim.World, n sim.NodeID, k known, depth int) {
	_, err := w.AllCrashes(n, mostDisks, func(m sim.DiskImage) bool {
		x.recover(m, k, depth)
		return x.err == nil
	})
	if x.err == nil {
		x.err = err
	}
}

// recover lets a log recover from a disk, and crashes it at each event if there is depth
// left.
func (x *exhaustive) recover(m sim.DiskImage, k known, depth int) {
	digest := m.Digest()
	key := checked{digest, k, depth}
	if x.done[key] {
		return
	}
	x.done[key], x.disks[digest] = true, true
	w, n, s := x.start(depth, nil)
	w.LoadDisk(n, m)
	if x.watch(w, n, s, k, depth); x.err != nil {
		x.err = fmt.Errorf("from %q: %w", m, x.err)
	}
}

// watch runs a recovery to its end.
func (x *exhaustive) watch(w *sim.World, n sim.NodeID, s **scribe, k known, depth int) {
	w.Run(sim.End, func() bool {
		if k = k.learn(*s); depth > 0 {
			x.crash(w, n, k, depth-1)
		}
		return x.err != nil
	})
	if x.err == nil {
		x.err = x.judge(w, *s, k)
	}
}

func (x *exhaustive) judge(w *sim.World, s *scribe, k known) error {
	switch {
	case len(w.Violations()) > 0:
		return fmt.Errorf("%s", w.Violations()[0].Detail)
	case s.halted != nil:
		return fmt.Errorf("halted: %w", s.halted)
	case !s.log.Ready():
		return fmt.Errorf("recovery does not end")
	case len(s.got) < k.need:
		return fmt.Errorf("recovered %d records of %d that were durable", len(s.got), k.need)
	case len(s.got) > k.have:
		return fmt.Errorf("recovered %d records, only %d were appended", len(s.got), k.have)
	}
	for i, got := range s.got {
		if !bytes.Equal(got, x.records[i]) {
			return fmt.Errorf("record %d was recovered as %q, appended as %q", i+1, got, x.records[i])
		}
	}
	return nil
}

// run is the whole check: power losses and kills at each event of the run.
func (x *exhaustive) run(depth int) (events int) {
	k := known{}
	w, n, s := x.start(depth, short.bursts)
	w.Run(sim.End, func() bool {
		events++
		k = k.learn(*s)
		x.crash(w, n, k, depth-1)
		return x.err != nil
	})
	if x.err == nil && k.need != len(x.records) {
		x.err = fmt.Errorf("without a crash %d of %d records became durable", k.need, len(x.records))
	}
	for e := 1; e <= events && x.err == nil; e++ {
		k, left := known{}, e
		w, n, s := x.start(depth, short.bursts)
		w.Run(sim.End, func() bool {
			k = k.learn(*s)
			left--
			return left == 0
		})
		w.Kill(n)
		w.Restart(n)
		if x.watch(w, n, s, k, depth-1); x.err != nil {
			x.err = fmt.Errorf("after a kill at event %d: %w", e, x.err)
		}
	}
	for write, killed := 1, true; killed && x.err == nil; write++ {
		killed = false
		w, n, s := x.start(depth, short.bursts)
		k := known{}
		w.Watch(n, sim.StepWrite, 0, write, func() {
			killed = true
			k = k.learn(*s)
			w.Kill(n)
			w.Restart(n)
		})
		w.Run(sim.End, func() bool { k = k.learn(*s); return killed })
		if killed {
			if x.watch(w, n, s, k, depth-1); x.err != nil {
				x.err = fmt.Errorf("after a kill between write %d and its sync: %w", write, x.err)
			}
		}
	}
	return events
}

// TestEveryCrash: whatever a power loss or a kill leaves, and whatever a power loss
// leaves of the recovery from that, what was durable is there, nothing is invented, and
// the records are a prefix. Each rule that protects from crashes is needed for it.
func TestEveryCrash(t *testing.T) {
	for _, c := range []struct {
		name  string
		disk  sim.DiskOptions
		depth int // crashes in a row
	}{
		{"small sectors in any order", sim.DiskOptions{Sector: 16, Atomic: true}, 3},
		{"torn sectors", sim.DiskOptions{Sector: 64}, 1}, // each counts for many
		{"ext4", sim.DiskOptions{Sector: 16, Atomic: true, SyncNames: true, Ordered: true}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := newExhaustive(DefaultRules(), c.disk, c.depth)
			events := x.run(c.depth)
			if x.err != nil {
				t.Fatal(x.err)
			}
			t.Logf("%d events, %d recoveries, %d distinct disks", events, len(x.done), len(x.disks))
		})
	}
	for _, m := range mutants {
		if m.faked {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			x := newExhaustive(m.rules, sim.DiskOptions{Sector: 16, Atomic: true}, 2)
			x.run(2)
			if x.err == nil {
				t.Fatalf("not convicted by %d recoveries", len(x.done))
			}
			t.Logf("convicted after %d recoveries: %v", len(x.done), x.err)
		})
	}
}
