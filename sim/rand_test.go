package sim

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// draw is one question to a Decider.
type draw struct {
	s     Stream
	c     Choice
	n     uint32
	bound uint64
}

// recorder is a Decider that asks another, and keeps what was asked, by stream.
type recorder struct {
	Decider
	asked map[Stream][]draw
}

func newRecorder(d Decider) *recorder { return &recorder{d, map[Stream][]draw{}} }

func (r *recorder) Decide(s Stream, c Choice, n uint32, bound uint64) uint64 {
	r.asked[s] = append(r.asked[s], draw{s, c, n, bound})
	return r.Decider.Decide(s, c, n, bound)
}

// stormDigest is the digest of a stormy run.
func stormDigest(w *World) Digest {
	stormy(w)
	w.Run(stormEnd, nil)
	return w.Digest()
}

// The default Decider, which is inlined, is Keyed: choice for choice.
func TestKeyedIsTheDefaultDecider(t *testing.T) {
	t.Parallel()
	for name, o := range worlds {
		for seed := range uint64(20) {
			byDefault, explicit := New(seeded(o, seed)), seeded(o, seed)
			explicit.Decider = Keyed{seed}
			require.Equal(t, stormDigest(byDefault), stormDigest(New(explicit)), "%s, seed %d", name, seed)
			assert.Equal(t, Keyed{seed}, byDefault.Decider())
		}
	}
}

// A decider is asked each question once, with a bound of at least one, and answers are
// below it.
func TestNoChoiceIsMadeTwice(t *testing.T) {
	t.Parallel()
	o := seeded(rough, 1)
	r := newRecorder(Keyed{1})
	o.Decider = r
	w := New(o)
	assert.Same(t, r, w.Decider())
	stormDigest(w)
	count := map[draw]int{}
	purposes := map[Stream]bool{}
	for s, asked := range r.asked {
		purposes[s>>48] = true
		for _, d := range asked {
			require.NotZero(t, d.bound)
			require.Less(t, Keyed{1}.Decide(d.s, d.c, d.n, d.bound), d.bound)
			d.bound = 0
			count[d]++
			require.Equal(t, 1, count[d], "asked twice: stream %x, %v, occurrence %d", uint64(d.s), d.c, d.n)
		}
	}
	for _, p := range []Stream{purposeLink, purposeDisk, purposeNode, purposeClient, purposeWorld} {
		assert.True(t, purposes[p], "purpose %d", p)
	}
}

// Law 3: whatever is taken away from one corner of the world, the draws of all others
// stay as they were, question for question and in the same order, and so does what
// the other nodes live through.
func TestTakingAwayLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type kindOfDraw struct {
		s Stream
		c Choice
	}
	type corner struct {
		pause, kill, powerLoss, drift, cut, watch, client, traffic bool
	}
	everything := corner{true, true, true, true, true, true, true, true}
	// neptune and jupiter speak with each other; saturn and uranus, and their clients,
	// are another corner of the same world.
	run := func(c corner) (asked map[kindOfDraw][]draw, lived []string, names map[Stream]string) {
		o := seeded(rough, 17)
		r := newRecorder(Keyed{17})
		o.Decider = r
		w := New(o)
		ours := gossipAmong(w, "neptune", "jupiter")
		theirs := gossipAmong(w, "saturn", "uranus")
		if !c.traffic {
			for _, id := range theirs {
				w.nodes[id].boot = func(uint32) Machine { return stub{} }
			}
		}
		names = map[Stream]string{}
		for _, a := range ours {
			names[DiskStream(a)] = fmt.Sprint("disk of ", a)
			names[NodeStream(a, 0)], names[NodeStream(a, 1)] = fmt.Sprint("birth of ", a), fmt.Sprint("life of ", a)
			for _, b := range ours {
				names[LinkStream(a, b)] = fmt.Sprint("link ", a, " to ", b)
			}
		}
		addCaller(w, "our client", ours, 1000)
		names[ClientStream(5)] = "client"
		if c.client {
			addCaller(w, "another client", theirs, 1000)
		}
		at := func(on bool, every time.Duration, do func(saturn, uranus NodeID)) {
			if on {
				for d := every; d < 100*ms; d += every {
					w.At(Time(d), func() { do(theirs[0], theirs[1]) })
				}
			}
		}
		at(c.pause, 7*ms, func(s, _ NodeID) { w.Pause(s); w.At(w.Now().Add(ms), func() { w.Resume(s) }) })
		at(c.kill, 31*ms, func(_, u NodeID) { w.Kill(u); w.Restart(u) })
		at(c.powerLoss, 41*ms, func(s, _ NodeID) { w.PowerLoss(s); w.Restart(s) })
		at(c.drift, 11*ms, func(s, _ NodeID) { w.SetDrift(s, int64(w.Now()%500)); w.StepClock(s, ms) })
		at(c.cut, 5*ms, func(s, u NodeID) { w.Cut(s, u); w.At(w.Now().Add(ms), func() { w.Mend(s, u) }) })
		at(c.watch, 13*ms, func(s, u NodeID) {
			w.Watch(u, StepSend, gossipReply, 2, func() { w.Pause(u); w.Resume(u) })
			w.Watch(s, StepSync, 0, 1, func() { w.Cut(u, s); w.Mend(u, s) })
			w.Watch(s, StepDurable, 0, 2, func() { w.Kill(s); w.Restart(s) })
		})
		w.Trace = func(l TraceLine) {
			if l.Type == TraceIO || l.Type == TraceDuplicate || l.Type == TraceLost && l.Arg != lostDown {
				return // what is told when the handler runs, or, if it was held, when it leaves
			}
			if slices.Contains(ours, l.Node) && (l.From == 0 || l.From <= ours[1]) || l.Node == 5 {
				lived = append(lived, fmt.Sprint(l.Time, l.Type, l.Node, l.From, l.Kind, l.Bytes))
			}
		}
		w.Run(Time(100*ms), nil)
		require.Empty(t, w.Violations())
		// Of one stream, the choices of each kind are counted; how they interleave
		// depends on whether a handler's effects had to wait.
		asked = map[kindOfDraw][]draw{}
		for s := range names {
			for _, d := range r.asked[s] {
				k := kindOfDraw{s, d.c}
				asked[k] = append(asked[k], d)
			}
		}
		return asked, lived, names
	}
	want, wantLived, names := run(everything)
	require.Greater(t, len(wantLived), 500)
	for name, without := range map[string]func(c *corner){
		"the same again": func(*corner) {},
		"a pause":        func(c *corner) { c.pause = false },
		"a kill":         func(c *corner) { c.kill = false },
		"a power loss":   func(c *corner) { c.powerLoss = false },
		"clocks":         func(c *corner) { c.drift = false },
		"a partition":    func(c *corner) { c.cut = false },
		"watches":        func(c *corner) { c.watch = false },
		"a client":       func(c *corner) { c.client = false },
		"traffic":        func(c *corner) { c.traffic = false },
		"all":            func(c *corner) { *c = corner{} },
	} {
		c := everything
		without(&c)
		asked, lived, _ := run(c)
		for k := range want {
			require.Equal(t, want[k], asked[k], "without %s the %v draws of the %s moved", name, k.c, names[k.s])
		}
		require.Len(t, asked, len(want))
		require.Equal(t, wantLived, lived, "without %s the others lived another life", name)
	}
}

// And the order of an intervention among the events of its instant does not depend on
// how many others a plan has, or have struck before it.
func TestTakingAwayAnInterventionLeavesTheOthersInPlace(t *testing.T) {
	t.Parallel()
	order := func(seed uint64, others int) (said string) {
		w := New(Options{Seed: seed})
		addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(1, 100); env.Send(1, 7, nil) },
			fire: func(Env, TimerID) { said += "timer " },
		})
		for i := range others {
			w.At(Time(10*i), func() { w.At(w.Now()+5, func() {}) })
			w.Watch(1, StepSend, 7, 1, func() {})
		}
		w.At(100, func() { said += "intervention " })
		w.Run(End, nil)
		return said
	}
	for seed := range uint64(50) {
		for others := range 5 {
			require.Equal(t, order(seed, 0), order(seed, others), "seed %d, %d other interventions", seed, others)
		}
	}
}

// constant is a Decider that always takes the same end of the range.
type constant bool

func (least constant) Decide(_ Stream, _ Choice, _ uint32, bound uint64) uint64 {
	if least {
		return 0
	}
	return bound - 1
}

// A run under any Decider is a run: rapid and fuzzing shrink towards the mildest.
func TestExtremeDeciders(t *testing.T) {
	t.Parallel()
	for _, d := range []Decider{constant(true), constant(false)} {
		o := rough
		o.Decider = d
		a, b := New(o), New(o)
		require.Equal(t, stormDigest(a), stormDigest(b))
		assert.Empty(t, a.Violations())
		assert.Greater(t, a.Events(), uint64(200), "%v", d)
	}
}

func TestKeyedAnswersBelowTheBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.OneOf(rapid.Uint64Range(1, 10), rapid.Uint64Range(1, 1<<63)).Draw(t, "bound")
		k := Keyed{rapid.Uint64().Draw(t, "seed")}
		s, c, n := Stream(rapid.Uint64().Draw(t, "stream")), Choice(rapid.Uint16().Draw(t, "choice")), rapid.Uint32().Draw(t, "n")
		got := k.Decide(s, c, n, bound)
		if got >= bound || got != k.Decide(s, c, n, bound) {
			t.Fatalf("%d of %d, then %d", got, bound, k.Decide(s, c, n, bound))
		}
	})
}

// Draws are spread evenly, along every one of their arguments: chi-squared over
// sixteen cells, and neighbours share no more than half of their bits.
func TestKeyedIsEven(t *testing.T) {
	t.Parallel()
	const cells, n = 16, 16_000
	along := map[string]func(i uint32) uint64{
		"seeds":       func(i uint32) uint64 { return Keyed{uint64(i)}.Decide(LinkStream(1, 2), ChooseDelay, 0, 1<<63) },
		"occurrences": func(i uint32) uint64 { return Keyed{1}.Decide(LinkStream(1, 2), ChooseDelay, i, 1<<63) },
		"links":       func(i uint32) uint64 { return Keyed{1}.Decide(LinkStream(NodeID(i), 1), ChooseDelay, 0, 1<<63) },
		"receivers":   func(i uint32) uint64 { return Keyed{1}.Decide(LinkStream(1, NodeID(i)), ChooseDelay, 0, 1<<63) },
		"kinds":       func(i uint32) uint64 { return Keyed{1}.Decide(1, Choice(i&0xff)<<8, i>>8, 1<<63) },
		"choices": func(i uint32) uint64 {
			return Keyed{1}.Decide(1, Choice(i%uint32(chooseEnd)), i/uint32(chooseEnd), 1<<63)
		},
		"lives": func(i uint32) uint64 { return Keyed{1}.Decide(NodeStream(1, i), ChooseRand, 0, 1<<63) },
	}
	for name, at := range along {
		var count [cells]int
		differ := 0
		for i := range uint32(n) {
			x := at(i)
			count[x>>59]++
			differ += bits.OnesCount64((x ^ at(i+1)) >> 1)
		}
		chi := 0.0
		for _, c := range count {
			d := float64(c) - n/cells
			chi += d * d / (n / cells)
		}
		assert.Less(t, chi, 45.0, name) // 15 degrees of freedom: p < 1e-4
		assert.InDelta(t, 31, float64(differ)/n, 0.3, name)
	}
}

func TestStreamsAreApart(t *testing.T) {
	t.Parallel()
	seen := map[Stream]string{}
	add := func(s Stream, name string) {
		require.Empty(t, seen[s], "%s is also %s", name, seen[s])
		seen[s] = name
	}
	add(WorldStream, "world")
	ids := []NodeID{1, 2, 3, 255, 256, 257, 32767, 65535}
	for _, a := range ids {
		add(DiskStream(a), fmt.Sprint("disk ", a))
		add(ClientStream(a), fmt.Sprint("client ", a))
		add(NemesisStream(int(a)), fmt.Sprint("nemesis ", a))
		for _, i := range []uint32{0, 1, 2, 255, 256, 1<<24 - 1} {
			add(NodeStream(a, i), fmt.Sprint("node ", a, " life ", i))
		}
		for _, b := range ids {
			add(LinkStream(a, b), fmt.Sprint("link ", a, b))
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	s := Source{D: Keyed{5}, S: NemesisStream(2), C: ChoosePlan}
	for n := range uint32(10) {
		assert.Equal(t, Keyed{5}.Decide(NemesisStream(2), ChoosePlan, n, 100), s.Below(100))
	}
	assert.Zero(t, s.Below(0))
	assert.EqualValues(t, 9, s.Between(9, 3))
	assert.EqualValues(t, 9, s.Between(9, 9))
	seen := map[int64]bool{}
	for range 200 {
		x := s.Between(-2, 2)
		assert.LessOrEqual(t, max(x, -x), int64(2))
		seen[x] = true
	}
	assert.Len(t, seen, 5)
	least, most := Source{D: constant(true)}, Source{D: constant(false)}
	assert.False(t, least.Chance(0))
	assert.True(t, least.Chance(1))
	assert.False(t, most.Chance(million-1))
	assert.True(t, most.Chance(million))
	hits := 0
	for range 10_000 {
		if s.Chance(250_000) {
			hits++
		}
	}
	near(t, "chances", hits, 10_000, 250_000)
}

func TestChoicesHaveNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for c := range chooseEnd {
		assert.NotEmpty(t, c.String())
		assert.False(t, seen[c.String()])
		seen[c.String()] = true
		assert.Equal(t, c.String(), (c | 7<<8).String(), "the kind of a message is no part of the name")
	}
	assert.Equal(t, "choice?", chooseEnd.String())
}

// Law 2: two events of one instant come in both orders over the seeds, and in one
// order for one seed.
func TestOrderOfOneInstantIsChosen(t *testing.T) {
	t.Parallel()
	const instant = 100
	send := func(env Env, _ TimerID) { env.Send(1, 1, nil) }
	sender := stub{boot: func(env Env) { env.SetTimer(0, instant) }, fire: send}
	for name, build := range map[string]func(w *World, say func(what string)){
		"frames of two senders": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{receive: func(_ Env, from NodeID, _ Kind, _ []byte) { say(fmt.Sprint(from)) }})
			addStub(w, "jupiter", sender)
			addStub(w, "saturn", sender)
		},
		"frames of one sender": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{receive: func(_ Env, _ NodeID, kind Kind, _ []byte) { say(fmt.Sprint(kind)) }})
			addStub(w, "jupiter", soon(func(env Env) { env.Send(1, 1, nil); env.Send(1, 2, nil) }))
		},
		"equal frames of one sender": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{receive: func(_ Env, _ NodeID, _ Kind, b []byte) { say(string(b)) }})
			addStub(w, "jupiter", soon(func(env Env) { env.Send(1, 1, []byte("a")); env.Send(1, 1, []byte("b")) }))
		},
		"boots of two nodes": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{boot: func(Env) { say("neptune") }})
			addStub(w, "jupiter", stub{boot: func(Env) { say("jupiter") }})
		},
		"starts of a node and a client": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{boot: func(Env) { say("neptune") }})
			w.AddClient("client", func(*Client) { say("client") })
		},
		"timers of one node": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{
				boot: func(env Env) { env.SetTimer(1, instant); env.SetTimer(2, instant) },
				fire: func(_ Env, id TimerID) { say(fmt.Sprint(id)) },
			})
		},
		"timers of two nodes": func(w *World, say func(string)) {
			for _, name := range []string{"neptune", "jupiter"} {
				addStub(w, name, stub{boot: func(env Env) { env.SetTimer(1, instant) }, fire: func(Env, TimerID) { say(name) }})
			}
		},
		"a timer and a frame": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{
				boot:    func(env Env) { env.SetTimer(1, instant) },
				fire:    func(Env, TimerID) { say("timer") },
				receive: func(Env, NodeID, Kind, []byte) { say("frame") },
			})
			addStub(w, "jupiter", stub{boot: func(env Env) { env.Send(1, 1, nil) }})
			w.SetLink(2, 1, LinkOptions{Min: instant})
		},
		"a timer and an intervention": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{boot: func(env Env) { env.SetTimer(1, instant) }, fire: func(Env, TimerID) { say("timer") }})
			w.At(instant, func() { say("intervention") })
		},
		"two interventions": func(w *World, say func(string)) {
			w.At(instant, func() { say("first") })
			w.At(instant, func() { say("second") })
		},
		"a disk operation and a timer": func(w *World, say func(string)) {
			w.opts.Disk.Cache = instant
			addStub(w, "neptune", stub{
				boot:     func(env Env) { env.SetTimer(1, instant); env.Disk().List() },
				fire:     func(Env, TimerID) { say("timer") },
				complete: func(Env, IOID, IO) { say("disk") },
			})
		},
		"a client's timeout and its frame": func(w *World, say func(string)) {
			addStub(w, "neptune", stub{
				boot: func(env Env) { env.SetTimer(0, instant) },
				fire: func(env Env, _ TimerID) { env.Send(2, 1, nil) },
			})
			w.AddClient("client", func(c *Client) {
				_, err := c.Recv(instant)
				say(fmt.Sprint(err))
				say("in time?")
			})
		},
	} {
		order := func(seed uint64) string {
			w := New(Options{Seed: seed})
			var said []string
			build(w, func(what string) { said = append(said, what) })
			w.Run(End, nil)
			require.Empty(t, w.Violations(), name)
			require.Len(t, said, 2, name)
			return said[0] + ", " + said[1]
		}
		const seeds = 200
		count := map[string]int{}
		for seed := range uint64(seeds) {
			o := order(seed)
			require.Equal(t, o, order(seed), "%s: one seed, one order", name)
			count[o]++
		}
		require.Len(t, count, 2, "%s: %v", name, count)
		for o, c := range count {
			near(t, name+": "+o, c, seeds, million/2)
		}
	}
}

// And what is not of one instant is not reordered.
func TestOrderOfTimeIsKept(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		w := New(seeded(rough, seed))
		stormy(w)
		last := Time(0)
		w.Run(stormEnd, func() bool {
			require.GreaterOrEqual(t, w.Now(), last)
			last = w.Now()
			return false
		})
	}
}
