package raft

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// judged is a cluster of three in the World, with clients, kills, power losses and
// partitions, of which every event is judged twice.
type judged struct {
	world      *sim.World
	nodes      map[sim.NodeID]*Node
	spare      map[sim.NodeID]*Node
	invariants Invariants
	twin       *twin
	violations []violation
	err        error
}

func newJudged() *judged {
	return &judged{
		world: sim.New(sim.Options{}), nodes: map[sim.NodeID]*Node{}, spare: map[sim.NodeID]*Node{},
		invariants: Invariants{at: map[sim.NodeID]int{}},
	}
}

// run ends at the first event that either judge objects to.
func (j *judged) run(seed uint64, mutant string) error {
	const faults, end = 1200 * time.Millisecond, 1600 * time.Millisecond
	w := j.world
	w.Reset(sim.Options{
		Seed: seed,
		Link: sim.LinkOptions{Min: 500 * time.Microsecond, Mean: 2 * time.Millisecond, TailPPM: 50_000, TailFactor: 30, LossPPM: 5_000, DuplicatePPM: 20_000},
		Disk: sim.DiskOptions{Sync: 200 * time.Microsecond, SyncMean: 3 * time.Millisecond},
		CPU:  sim.CPUOptions{Handler: 2 * time.Microsecond, Effect: time.Microsecond},
	})
	draw := sim.Source{D: w.Decider(), S: sim.NemesisStream(0), C: sim.ChoosePlan}
	rules, steps := broken(mutant)
	entries := 1 << draw.Below(3)
	peers := []sim.NodeID{1, 2, 3}
	for _, id := range peers {
		w.AddNode(fmt.Sprint("node", id), func(uint32) sim.Machine {
			n := New(Config{
				Peers: peers, Machine: new(journal), ElectionTimeout: 40 * time.Millisecond, HeartbeatInterval: 12 * time.Millisecond,
				MaxEntries: entries, Window: 8, MaxWaiting: 50, WAL: wal.Options{SegmentBytes: 2048}, Rules: &rules, Steps: &steps,
			}, j.spare[id])
			j.nodes[id], j.spare[id] = n, n
			return n
		})
	}
	for i := range 3 {
		w.AddClient(fmt.Sprint("client", i), func(c *sim.Client) { talk(c, peers) })
	}
	j.nemesis(&draw, peers, sim.Time(faults))

	j.violations, j.err, j.twin = j.violations[:0], nil, newTwin(peers)
	j.invariants.Reset(peers, func(check, class, detail string) {
		j.violations = append(j.violations, violation{check, class, detail})
	})
	w.After = j.after
	w.Run(sim.Time(end), func() bool { return j.err != nil || len(j.violations) > 0 })
	if j.err == nil && len(j.violations) > 0 {
		return j.violations[0]
	}
	return j.err
}

func (j *judged) after(id sim.NodeID) {
	if int(id) > len(j.twin.peers) || j.err != nil || len(j.violations) > 0 {
		return
	}
	var n *Node
	if j.world.Up(id) {
		n = j.nodes[id]
	}
	incarnation := j.world.Incarnation(id)
	j.invariants.After(id, incarnation, n)
	j.twin.after(id, incarnation, n)
	if err := j.twin.agrees(j.violations); err != nil {
		j.err = fmt.Errorf("%w: %w", errTwins, err)
	}
}

// nemesis crashes and cuts at random moments.
func (j *judged) nemesis(draw *sim.Source, peers []sim.NodeID, end sim.Time) {
	w := j.world
	for at := sim.Time(60 * time.Millisecond); at < end; at = at.Add(time.Duration(draw.Between(int64(5*time.Millisecond), int64(90*time.Millisecond)))) {
		victim := peers[draw.Below(3)]
		back := min(end, at.Add(time.Duration(draw.Between(int64(time.Millisecond), int64(120*time.Millisecond)))))
		switch draw.Below(4) {
		case 0:
			w.At(at, func() { w.Kill(victim) })
			w.At(back, func() { w.Restart(victim) })
		case 1:
			w.At(at, func() { w.PowerLoss(victim) })
			w.At(back, func() { w.Restart(victim) })
		case 2:
			w.At(at, func() { w.Pause(victim) })
			w.At(back, func() { w.Resume(victim) })
		default:
			for _, p := range peers {
				w.At(at, func() { w.Cut(victim, p); w.Cut(p, victim) })
				w.At(back, func() { w.Mend(victim, p); w.Mend(p, victim) })
			}
		}
	}
}

// talk asks one server after the other and does not care for answers.
func talk(c *sim.Client, servers []sim.NodeID) {
	for id := uint64(1); ; id++ {
		frame := (&Request{ID: id, Command: fmt.Appendf(nil, "%d of client %d", id, c.ID())}).Append(nil)
		for _, s := range servers {
			c.Send(s, KindRequest, Seal(frame))
		}
		c.Sleep(time.Duration(c.Rand(uint64(60 * time.Millisecond))))
	}
}

// TestTwinsInTheWorld: on the first event that one of the judges objects to, the other
// objects for the same reason, for Raft and for Raft with a rule replaced.
func TestTwinsInTheWorld(t *testing.T) {
	seeds, enough := uint64(40), 4
	if testing.Short() {
		seeds, enough = 6, 1
	}
	j := newJudged()
	defer j.world.Stop()
	leaders, committed := 0, 0
	for seed := range seeds {
		if err := j.run(seed, ""); err != nil {
			t.Fatalf("seed %d: Raft: %v", seed, err)
		}
		if v := j.world.Violations(); len(v) > 0 {
			t.Fatalf("seed %d: Raft: %+v", seed, v)
		}
		leaders += j.invariants.Leaders()
		committed += j.invariants.Committed()
	}
	t.Logf("%d leaders, %d entries committed", leaders, committed)
	convictions := 0
	for _, m := range mutants {
		if m.rare {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			convicted, first := 0, error(nil)
			for seed := uint64(0); seed < seeds && convicted < enough; seed++ {
				switch err := j.run(seed, m.name); {
				case errors.Is(err, errTwins):
					t.Fatalf("seed %d: %v", seed, err)
				case err != nil:
					if convicted++; first == nil {
						first = fmt.Errorf("seed %d: %w", seed, err)
					}
				}
			}
			t.Logf("convicted %d times; the first: %v", convicted, first)
			convictions += convicted
		})
	}
	if convictions < 10 {
		t.Errorf("%d convictions: there was nothing to agree about", convictions)
	}
}
