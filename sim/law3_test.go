package sim

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// ledger is the default Decider, and keeps what was decided.
type ledger struct {
	Keyed
	w   *World
	log map[owner][]decision
}

// owner is a sequence of decisions: a choice on a stream, of a message kind on a link.
type owner struct {
	s Stream
	c Choice
}

type decision struct {
	n     uint32
	bound uint64
	value uint64
	at    Time // the event in which it was made; no part of the decision
}

func (r *ledger) Decide(s Stream, c Choice, n uint32, bound uint64) uint64 {
	v := r.Keyed.Decide(s, c, n, bound)
	o := owner{s, c}
	r.log[o] = append(r.log[o], decision{n, bound, v, r.w.now})
	return v
}

// same tells whether two decisions are one. When they were made does not count: effects
// that wait for an intervention to pass (law 6) are decided when they leave.
func (d decision) same(e decision) bool {
	d.at, e.at = 0, 0
	return d == e
}

// node is whose stream it is; 0 for the plan's, and for whether a run has a Buggify point.
func (s Stream) node() NodeID {
	switch s >> 48 {
	case purposeWorld:
		return 0
	case purposeBuggify:
		return NodeID(s >> 32)
	}
	return NodeID(s >> 24 & 0xffff)
}

// nervous is gossip that has Buggify points and needs memory.
type nervous struct {
	gossip
	name string
}

func (m *nervous) Receive(env Env, from NodeID, kind Kind, frame []byte) {
	env.Memory(int64(len(frame)))
	if env.Buggify(m.name) {
		env.Spend(100 * time.Microsecond)
	}
	m.gossip.Receive(env, from, kind, frame)
}

// trouble is a fault of one of three nodes, and its end.
type trouble struct {
	at, lasts time.Duration
	what      int
	node      int
}

// troubles are the faults that a world knows, each with its end.
var troubles = []struct {
	begin, end func(w *World, n, other NodeID)
}{
	{func(w *World, n, _ NodeID) { w.Kill(n) }, restart},
	{func(w *World, n, _ NodeID) { w.PowerLoss(n) }, restart},
	{func(w *World, n, other NodeID) { w.PowerLoss(n); w.PowerLoss(other) }, restart},
	{func(w *World, n, _ NodeID) { w.Watch(n, StepSend, gossipReply, 2, func() { w.Kill(n) }) }, restart},
	{func(w *World, n, _ NodeID) { w.Watch(n, StepWrite, 0, 1, func() { w.PowerLoss(n) }) }, restart},
	{func(w *World, n, _ NodeID) { w.Watch(n, StepReceive, gossipRumour, 1, func() { w.Kill(n) }) }, restart},
	{func(w *World, n, _ NodeID) { w.Pause(n) }, func(w *World, n, _ NodeID) { w.Resume(n) }},
	{func(w *World, n, other NodeID) { w.Cut(n, other) }, func(w *World, n, other NodeID) { w.Mend(n, other) }},
	{func(w *World, n, other NodeID) { w.Disturb(n, other, disturbed) }, func(w *World, n, other NodeID) { w.Calm(n, other, disturbed) }},
	{func(w *World, n, _ NodeID) { w.SetDrift(n, 700) }, func(w *World, n, _ NodeID) { w.SetDrift(n, 0) }},
	{func(w *World, n, _ NodeID) { w.StepClock(n, time.Second) }, func(w *World, n, _ NodeID) { w.StepClock(n, -time.Second) }},
	{func(w *World, n, _ NodeID) { w.Slow(n, 7) }, func(w *World, n, _ NodeID) { w.Quicken(n, 7) }},
	{func(w *World, n, _ NodeID) { w.SetMemory(n, 300) }, func(w *World, n, other NodeID) { w.SetMemory(n, 0); restart(w, n, other) }},
	{func(w *World, n, _ NodeID) { w.SetAdversary(n, &Replay{PPM: 300_000}) }, func(w *World, n, _ NodeID) { w.SetAdversary(n, nil) }},
	{func(w *World, n, other NodeID) { w.Upgrade(n, 2, w.nodes[n].boot); w.Kill(n); w.Restart(n) }, func(w *World, n, _ NodeID) { w.Downgrade(n) }},
	{func(w *World, n, _ NodeID) {
		w.FailSyncs(n, 3, true)
		w.SpoilWrites(n, DiskMisdirected, 2)
		w.SlowDisk(n, 5)
	},
		func(w *World, n, _ NodeID) { w.CalmSyncs(n); w.CalmWrites(n, DiskMisdirected); w.QuickenDisk(n, 5) }},
	{func(w *World, n, _ NodeID) { w.RotBits(n, 3); w.SpoilSector(n); w.StallDisk(n, false) },
		func(w *World, n, _ NodeID) { w.MendSectors(n); w.UnstallDisk(n) }},
	{func(w *World, n, other NodeID) { w.Clog(n, other) }, func(w *World, n, other NodeID) { w.Unclog(n, other) }},
	{func(w *World, n, other NodeID) { w.Disturb(n, other, spoiled) }, func(w *World, n, other NodeID) { w.Calm(n, other, spoiled) }},
}

const (
	law3Judged = Time(85 * time.Millisecond)
	law3End    = Time(90 * time.Millisecond)
)

var disturbed = Disturbance{DelayFactor: 3, LossPPM: 300_000, DuplicatePPM: 200_000}

var spoiled = Disturbance{CorruptPPM: 300_000, ReplayPPM: 300_000, ReplayMax: 10 * time.Millisecond, BurstLossPPM: 500_000}

func restart(w *World, n, other NodeID) { w.Restart(n); w.Restart(other) }

// Taking one fault away leaves every decision that does not depend on it where
// it was, with the same bound and the same answer, and in its order: all of a group of
// nodes that never hears of the group that was hit, and all that were made before the
// fault struck.
func TestLaw3(t *testing.T) {
	t.Parallel()
	gen := rapid.Custom(func(t *rapid.T) trouble {
		return trouble{
			at:    time.Duration(rapid.IntRange(1, 60_000).Draw(t, "at")) * time.Microsecond,
			lasts: time.Duration(rapid.IntRange(1, 20_000).Draw(t, "lasts")) * time.Microsecond,
			what:  rapid.IntRange(0, len(troubles)-1).Draw(t, "what"),
			node:  rapid.IntRange(0, 2).Draw(t, "node"),
		}
	})
	runs, moved := 0, 0
	check(t, 200, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		var plans [2][]trouble
		for g := range plans {
			plans[g] = rapid.SliceOfN(gen, 1, 5).Draw(t, "plan")
			for i := range plans[g] { // no two in one instant: these would change places
				plans[g][i].at += time.Duration(10*g + i)
			}
		}
		o := rapid.SampledFrom([]Options{lawOptions, lawCoarse, weather, channels}).Draw(t, "world")
		hit := rapid.IntRange(0, 1).Draw(t, "group")
		out := rapid.IntRange(0, len(plans[hit])-1).Draw(t, "taken away")
		gone := plans[hit][out]
		with, group := law3Run(o, seed, plans)
		plans[hit] = slices.Delete(slices.Clone(plans[hit]), out, out+1)
		without, _ := law3Run(o, seed, plans)
		law3Compare(t, with, without, group, hit, gone)
		runs++
		for o, a := range with.log { // in some order: it is only asked whether there is any
			if group[o.s.node()] == hit && !slices.EqualFunc(a, without.log[o], decision.same) {
				moved++
				break
			}
		}
	})
	if !t.Failed() {
		assert.Greater(t, moved, runs/2, "a fault does change what its own group decides after it")
	}
}

// lawCoarse is a world in which many events share an instant.
var lawCoarse = Options{
	Buggify: true,
	Link:    LinkOptions{Min: 100 * time.Microsecond},
	CPU:     CPUOptions{Handler: 100 * time.Microsecond, Effect: 100 * time.Microsecond},
	Disk:    DiskOptions{Cache: 100 * time.Microsecond, Sync: 100 * time.Microsecond},
}

var lawOptions = func() Options { o := rough; o.Buggify = true; return o }()

// law3Run runs two groups of three nodes and a client each under their plans; group tells
// of which group a node is.
func law3Run(o Options, seed uint64, plans [2][]trouble) (r *ledger, group map[NodeID]int) {
	r = &ledger{Keyed: Keyed{seed}, log: map[owner][]decision{}}
	o.Seed, o.Decider = seed, r
	w := New(Options{})
	r.w = w
	w.Reset(o)
	group = map[NodeID]int{}
	var nodes [2][3]NodeID
	for g, names := range [2][3]string{{"neptune", "jupiter", "saturn"}, {"uranus", "mars", "venus"}} {
		for i := range names {
			nodes[g][i] = NodeID(len(w.nodes) + i)
		}
		for i, name := range names {
			peers := []NodeID{nodes[g][(i+1)%3], nodes[g][(i+2)%3]}
			w.AddNode(name, func(uint32) Machine {
				return &nervous{gossip: gossip{peers: peers, pace: 2 * time.Millisecond}, name: name}
			})
			group[nodes[g][i]] = g
		}
		group[addCaller(w, "client of "+names[0], nodes[g][:], 30)] = g
		for _, f := range plans[g] {
			n, other := nodes[g][f.node], nodes[g][(f.node+1)%3]
			w.At(Time(f.at), func() { troubles[f.what].begin(w, n, other) })
			w.At(Time(f.at+f.lasts), func() { troubles[f.what].end(w, n, other) })
		}
	}
	w.Run(law3End, nil)
	w.Stop()
	return r, group
}

func law3Compare(t interface{ Fatalf(string, ...any) }, with, without *ledger, group map[NodeID]int, hit int, gone trouble) {
	begins := func(a, b []decision) bool { // b begins with a
		return len(a) <= len(b) && slices.EqualFunc(a, b[:len(a)], decision.same)
	}
	compare := func(o owner, a, b []decision) {
		if o.s.node() == 0 {
			return
		}
		ok := false
		if group[o.s.node()] == hit {
			ok = begins(before(a, Time(gone.at)), b)
		} else { // the last effects may be decided now or after the end
			ok = begins(before(a, law3Judged), b) && begins(before(b, law3Judged), a)
		}
		if !ok {
			i := 0
			for i < min(len(a), len(b)) && a[i].same(b[i]) {
				i++
			}
			t.Fatalf("%v on stream %x (node %d) was decided otherwise without %+v of group %d: %d decisions and %d, of which %d are the same; then\n%+v\n%+v",
				o.c, uint64(o.s), o.s.node(), gone, hit, len(a), len(b), i, a[i:min(i+1, len(a))], b[i:min(i+1, len(b))])
		}
	}
	for o, a := range with.log {
		compare(o, a, without.log[o])
	}
	for o, b := range without.log {
		if _, both := with.log[o]; !both {
			compare(o, nil, b)
		}
	}
}

// A connection is reset between the decision to send on it and the sending: what is
// sent meets the channel as it is then, whether or not a watch that is armed elsewhere
// makes every effect wait for its time.
func TestResetBeforeASend(t *testing.T) {
	gone := trouble{at: 4 * time.Microsecond, lasts: 2 * time.Microsecond, what: 3, node: 1}
	others := []trouble{{at: 2 * time.Microsecond, lasts: 24 * time.Microsecond, what: 5, node: 2}, {at: 4 * time.Microsecond, lasts: 4 * time.Microsecond, what: 12}}
	with, group := law3Run(channels, 0x35c, [2][]trouble{{gone}, others})
	without, _ := law3Run(channels, 0x35c, [2][]trouble{nil, others})
	law3Compare(t, with, without, group, 0, gone)
}

// before is what was decided before t.
func before(log []decision, t Time) []decision {
	i, _ := slices.BinarySearchFunc(log, t, func(d decision, t Time) int { return cmp.Compare(d.at, t) })
	return log[:i]
}
