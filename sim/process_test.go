package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fixed is a Decider that answers some choices with a number, the rest with another.
type fixed struct {
	Decider
	answers map[Choice]uint64
}

func (f fixed) Decide(s Stream, c Choice, n uint32, bound uint64) uint64 {
	if a, ok := f.answers[c&0xff]; ok {
		return min(a, bound-1)
	}
	return f.Decider.Decide(s, c, n, bound)
}

// A kill loses memory and keeps the page cache; a power loss, here of the strictest
// mode, loses what was not synced; a pause loses nothing.
func TestWhatSurvives(t *testing.T) {
	t.Parallel()
	const ms = Time(time.Millisecond)
	type seen struct {
		memory      int
		incarnation uint32
		files       string
	}
	for name, c := range map[string]struct {
		fault func(w *World, n NodeID)
		want  seen
	}{
		"kill":       {func(w *World, n NodeID) { assert.True(t, w.Kill(n)); assert.True(t, w.Restart(n)) }, seen{1, 2, "[{loose 3} {named 6}]"}},
		"power loss": {func(w *World, n NodeID) { assert.True(t, w.PowerLoss(n)); assert.True(t, w.Restart(n)) }, seen{1, 2, "[{named 3}]"}},
		"pause":      {func(w *World, n NodeID) { assert.True(t, w.Pause(n)); assert.True(t, w.Resume(n)) }, seen{2, 1, "[{loose 3} {named 6}]"}},
		"kill, then the power fails too": {func(w *World, n NodeID) {
			w.Kill(n)
			assert.False(t, w.PowerLoss(n), "no process was up")
			w.Restart(n)
		}, seen{1, 2, "[{named 3}]"}},
		"nothing": {func(*World, NodeID) {}, seen{2, 1, "[{loose 3} {named 6}]"}},
	} {
		w := New(Options{Decider: fixed{Keyed{1}, map[Choice]uint64{ChooseCrashMode: crashDropAll}}})
		var got seen
		n := w.AddNode("neptune", func(incarnation uint32) Machine {
			memory := 0
			d := func(env Env) Disk { return env.Disk() }
			return stub{
				boot: func(env Env) {
					memory = 1
					if incarnation > 1 {
						d(env).List()
						return
					}
					d(env).Create("named")
					d(env).Append("named", []byte("abc"))
					d(env).Sync("named")
					d(env).SyncDir()
					env.SetTimer(0, time.Millisecond)
					env.SetTimer(1, 3*time.Millisecond)
				},
				fire: func(env Env, timer TimerID) {
					memory = 2
					if timer == 1 {
						d(env).List()
						return
					}
					d(env).Append("named", []byte("def"))
					d(env).Create("loose")
					d(env).Append("loose", []byte("ghi"))
					d(env).Sync("loose") // its data, not its name
				},
				complete: func(_ Env, _ IOID, io IO) {
					if io.Op == OpList {
						got = seen{memory, incarnation, fmt.Sprint(io.Files)}
					}
				},
			}
		})
		w.At(2*ms, func() { c.fault(w, n) })
		w.Run(End, nil)
		assert.Equal(t, c.want, got, name)
		assert.Equal(t, c.want.incarnation, w.Incarnation(n), name)
		assert.Empty(t, w.Violations())
	}
}

// Every incarnation is a fresh machine with a stream of its own, and hears of no
// operation that an earlier one began, even if the disk goes on with it.
func TestCompletionsOfAnOldIncarnationNeverCome(t *testing.T) {
	t.Parallel()
	type completion struct {
		incarnation uint32
		op          Op
		at          Time
	}
	for _, powerLoss := range []bool{false, true} {
		w := New(Options{Disk: DiskOptions{Sync: 100, Cache: 10}})
		var got []completion
		var begun []map[IOID]bool
		rands := map[uint64]bool{}
		n := w.AddNode("neptune", func(incarnation uint32) Machine {
			begun = append(begun, map[IOID]bool{})
			mine := begun[len(begun)-1]
			require.Len(t, begun, int(incarnation))
			return stub{
				boot: func(env Env) {
					rands[env.Rand(1<<60)] = true
					if incarnation == 1 {
						mine[env.Disk().Create("log")] = true
						mine[env.Disk().Append("log", []byte("data"))] = true
						mine[env.Disk().Sync("log")] = true // until 120
						mine[env.Disk().Append("log", []byte("more"))] = true
						mine[env.Disk().List()] = true
						return
					}
					mine[env.Disk().Read("log", 0, 100)] = true
				},
				complete: func(_ Env, id IOID, io IO) {
					assert.True(t, mine[id], "operation %d is not of incarnation %d", id, incarnation)
					got = append(got, completion{incarnation, io.Op, w.Now()})
				},
			}
		})
		w.At(15, func() {
			if powerLoss {
				w.PowerLoss(n)
			} else {
				w.Kill(n)
			}
		})
		w.At(30, func() { w.Restart(n) })
		w.Run(End, nil)
		want := []completion{{1, OpCreate, 10}, {2, OpRead, 140}}
		if powerLoss {
			want[1].at = 30 // the old operations went with the power
		}
		assert.Equal(t, want, got)
		assert.Len(t, rands, 2, "two lives draw from two streams")
		f := &w.nodes[n].disk.files[0]
		if !powerLoss {
			assert.Equal(t, "data", string(f.durable), "a sync that was submitted goes on after a kill")
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	w := New(Options{CPU: CPUOptions{Handler: 10}, Disk: DiskOptions{Cache: 3}})
	var got []string
	say := func(what any) { got = append(got, fmt.Sprint(w.Now().Sub(0), " ", what)) }
	neptune := addStub(w, "neptune", stub{
		boot:     func(env Env) { env.SetTimer(0, 90) },
		fire:     func(env Env, id TimerID) { say("timer"); env.Disk().List() },
		receive:  func(_ Env, _ NodeID, kind Kind, _ []byte) { say(kind) },
		complete: func(Env, IOID, IO) { say("disk") },
	})
	jupiter := addStub(w, "jupiter", stub{
		boot: func(env Env) { env.SetTimer(0, 90) },
		fire: func(env Env, _ TimerID) { env.Send(neptune, 1, nil); env.Send(neptune, 2, nil) },
	})
	w.SetLink(jupiter, neptune, LinkOptions{Min: 20})
	w.At(105, func() { w.Pause(neptune) }) // it is half way through its timer
	w.At(106, func() { assert.False(t, w.Pause(neptune), "it is paused already") })
	w.At(150, func() {
		assert.True(t, w.Up(neptune))
		assert.True(t, w.Paused(neptune))
		assert.False(t, w.Restart(neptune), "it is up")
	})
	w.At(205, func() { assert.True(t, w.Resume(neptune)) })
	w.At(206, func() { assert.False(t, w.Resume(neptune), "it runs") })
	w.Run(End, nil)
	require.Len(t, got, 4)
	// The timer's handler goes on until 210. The order of the three that waited was
	// the order in which they came.
	assert.Equal(t, "100ns timer", got[0])
	assert.Equal(t, "210ns", got[1][:5])
	assert.Equal(t, "220ns", got[2][:5])
	assert.Equal(t, "230ns disk", got[3], "the operation left when the handler's time had passed")
}

// What cannot be done is refused, and is no event of the trace.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	neptune := addStub(w, "neptune", stub{})
	client := w.AddClient("client", func(c *Client) { c.Sleep(time.Second) })
	w.Run(0, nil)
	before := w.Digest()
	for what, refused := range map[string]bool{
		"restart of a node that is up": w.Restart(neptune),
		"resume of a node that runs":   w.Resume(neptune),
		"kill of a client":             w.Kill(client),
		"power loss of a client":       w.PowerLoss(client),
		"pause of a client":            w.Pause(client),
		"resume of a client":           w.Resume(client),
		"restart of a client":          w.Restart(client),
		"drift that is there":          w.SetDrift(neptune, 0),
		"drift that stops time":        w.SetDrift(neptune, -million),
		"step of nothing":              w.StepClock(neptune, 0),
		"drift of a client's clock":    w.SetDrift(client, 100),
		"step of a client's clock":     w.StepClock(client, time.Second),
		"mend of what is whole":        w.Mend(neptune, client),
	} {
		assert.False(t, refused, what)
	}
	assert.Equal(t, before, w.Digest())
	assert.True(t, w.Kill(neptune))
	before = w.Digest()
	for what, refused := range map[string]bool{
		"kill of a node that is down":  w.Kill(neptune),
		"pause of a node that is down": w.Pause(neptune),
	} {
		assert.False(t, refused, what)
	}
	assert.Equal(t, before, w.Digest())
}

// What a node shows is gone with it.
func TestObserved(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	const term, last Field = 0, maxFields - 1
	neptune := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 10); env.SetTimer(1, 20) },
		fire: func(env Env, id TimerID) {
			env.Observe(term, 7)
			env.Observe(last, -9)
			if id == 1 {
				env.Halt(assert.AnError)
				env.Observe(term, 8)
			}
		},
	})
	w.Run(5, nil)
	assert.Zero(t, w.Observed(neptune, term))
	w.Run(15, nil)
	assert.EqualValues(t, 7, w.Observed(neptune, term))
	assert.EqualValues(t, -9, w.Observed(neptune, last))
	w.Run(25, nil)
	assert.False(t, w.Up(neptune))
	assert.Zero(t, w.Observed(neptune, term))
	assert.Zero(t, w.Observed(neptune, last))
	w.Restart(neptune)
	w.Run(36, nil)
	assert.EqualValues(t, 7, w.Observed(neptune, term))
	w.PowerLoss(neptune)
	assert.Zero(t, w.Observed(neptune, term))
}

func TestObserveHasLimits(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	addStub(w, "neptune", stub{boot: func(env Env) {
		assert.EqualValues(t, 1, env.Self())
		env.Observe(maxFields, 1)
	}})
	w.Run(End, nil)
	require.Len(t, w.Violations(), 1)
	assert.Equal(t, "node neptune panicked: sim: node 1 observes field 32; there are 32", w.Violations()[0].Detail)
}

func TestAlwaysAndSometimes(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 10) },
		fire: func(env Env, id TimerID) {
			env.Sometimes(false, "never")
			env.Sometimes(true, "twice")
			env.Sometimes(true, "twice")
			env.Always(true, "true")
			env.Always(false, "one leader a term")
			env.SetTimer(0, 10)
		},
	})
	w.Run(End, nil)
	assert.Equal(t, map[string]uint64{"twice": 2}, w.Reached())
	assert.Equal(t, []Violation{{"always", "one leader a term", "node neptune: one leader a term does not hold", 10, 2}}, w.Violations())
	assert.Equal(t, Time(10), w.Now(), "the run stops at a violation")
	w.Run(End, nil)
	assert.Equal(t, Time(10), w.Now())
}

// A machine that panics is a failed run, wherever it panics, and whatever the world
// was about to do with its effects.
func TestPanicOfAMachineIsAViolation(t *testing.T) {
	t.Parallel()
	boom := func() { panic("index 3 is not 4") }
	for name, s := range map[string]stub{
		"boot":     {boot: func(Env) { boom() }},
		"receive":  {boot: func(env Env) { env.SetTimer(0, 1) }, fire: func(env Env, _ TimerID) { env.Send(1, 1, nil) }, receive: func(Env, NodeID, Kind, []byte) { boom() }},
		"fire":     {boot: func(env Env) { env.SetTimer(0, 1) }, fire: func(Env, TimerID) { boom() }},
		"complete": {boot: func(env Env) { env.Disk().List() }, complete: func(Env, IOID, IO) { boom() }},
		"a restart in an intervention": {boot: func(env Env) {
			if env.(*node).incarnation == 2 {
				boom()
			}
		}},
	} {
		for _, cost := range []time.Duration{0, 10} {
			w := New(Options{CPU: CPUOptions{Handler: cost, Effect: cost}})
			w.Trace = func(TraceLine) {}
			addStub(w, "saturn", s)
			addStub(w, "neptune", stub{})
			w.At(50, func() { w.Kill(1); w.Restart(1) })
			w.Run(End, nil)
			require.Len(t, w.Violations(), 1, name)
			v := w.Violations()[0]
			assert.Equal(t, "panic", v.Check)
			assert.Equal(t, "machine", v.Class)
			assert.Equal(t, "node saturn panicked: index 3 is not 4", v.Detail)
			assert.Equal(t, w.Now(), v.At)
			assert.Contains(t, string(w.PanicStack), "TestPanicOfAMachine")
		}
	}
}

// Any other panic is a bug of the harness, and goes on to whoever ran the world.
func TestPanicOfTheHarnessGoesOn(t *testing.T) {
	t.Parallel()
	boom := func() { panic("harness") }
	for name, build := range map[string]func(w *World) (done func() bool){
		"client":       func(w *World) func() bool { w.AddClient("client", func(*Client) { boom() }); return nil },
		"intervention": func(w *World) func() bool { w.At(5, boom); return nil },
		"aimed": func(w *World) func() bool {
			w.Watch(1, StepSync, 0, 1, boom)
			return nil
		},
		"after": func(w *World) func() bool { w.After = func(NodeID) { boom() }; return nil },
		"done":  func(*World) func() bool { return func() bool { boom(); return true } },
		"machine": func(w *World) func() bool {
			w.AddNode("jupiter", func(uint32) Machine { boom(); return nil })
			return nil
		},
		"client that a node woke": func(w *World) func() bool {
			w.AddClient("client", func(c *Client) { c.Recv(-1); boom() })
			w.nodes[1].boot = func(uint32) Machine { return soon(func(env Env) { env.Send(2, 1, nil) }) }
			return nil
		},
	} {
		w := New(Options{})
		addStub(w, "neptune", stub{boot: func(env Env) { env.Disk().Create("log"); env.Disk().Sync("log") }})
		done := build(w)
		assert.PanicsWithValue(t, "harness", func() { w.Run(End, done) }, name)
		assert.Empty(t, w.Violations(), name)
		w.Stop()
	}
}

// The hooks are told what they are for.
func TestHooks(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var after []NodeID
	neptune := addStub(w, "neptune", stub{boot: func(env Env) { env.SetTimer(0, 10) }, fire: func(env Env, _ TimerID) { env.Send(2, 1, nil) }})
	jupiter := addStub(w, "jupiter", stub{})
	client := w.AddClient("client", func(c *Client) { c.Sleep(50); c.Send(c.ID(), 1, nil); c.Recv(-1) })
	w.Run(5, nil)
	w.After = func(n NodeID) { after = append(after, n) }
	w.At(20, func() { w.Kill(neptune) })
	w.At(30, func() { w.PowerLoss(jupiter) })
	w.At(40, func() { w.Restart(neptune) })
	w.Run(50, nil)
	assert.Equal(t, []NodeID{neptune, jupiter, neptune, jupiter, neptune, neptune, client, client}, after)
	assert.Equal(t, []string{"", "neptune", "jupiter", "client"}, w.Names())
}

// A run ends when nothing is left, at a time, when somebody is content, and goes on
// from there.
func TestRun(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	fired := 0
	addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 10) },
		fire: func(env Env, _ TimerID) {
			if fired++; fired < 10 {
				env.SetTimer(0, 10)
			}
		},
	})
	w.Run(25, nil)
	assert.Equal(t, 2, fired)
	assert.Equal(t, Time(20), w.Now())
	assert.Equal(t, Time(30), w.Next())
	w.Run(30, nil)
	assert.Equal(t, 3, fired)
	w.Run(End, func() bool { return fired == 5 })
	assert.Equal(t, Time(50), w.Now())
	w.Run(End, nil)
	assert.Equal(t, 10, fired)
	assert.Equal(t, End, w.Next())
	assert.Equal(t, Time(100), w.Now())
	assert.EqualValues(t, 11, w.Events())
	w.Run(End, nil)
	assert.EqualValues(t, 11, w.Events())
	var past Time
	w.At(3, func() { past = w.Now() }) // the past is now
	w.Run(End, nil)
	assert.Equal(t, Time(100), past)
}

// A run that goes on and on ends at its budget, and says so.
func TestBudget(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		budget, events uint64
		exhausted      bool
	}{{0, 100, false}, {99, 99, true}, {101, 100, false}} {
		w := New(Options{})
		w.Budget = c.budget
		n := 0
		addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, 1) },
			fire: func(env Env, _ TimerID) {
				if n++; n < 99 {
					env.SetTimer(0, 1)
				}
			},
		})
		w.Run(End, nil)
		assert.Equal(t, c.events, w.Events())
		assert.Equal(t, c.exhausted, w.Exhausted())
		assert.Empty(t, w.Violations())
	}
}

func TestNodesAreAddedFirst(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	addStub(w, "neptune", stub{})
	w.Run(0, nil)
	assert.PanicsWithValue(t, "sim: jupiter is added after the links were laid out", func() { addStub(w, "jupiter", stub{}) })
}

// What waited for a process that dies is given back: frames and results of its disk.
func TestACrashGivesBackWhatWaits(t *testing.T) {
	t.Parallel()
	for _, end := range []func(w *World, n NodeID){
		func(w *World, n NodeID) { w.Kill(n) },
		func(w *World, n NodeID) { w.PowerLoss(n) },
		func(w *World, n NodeID) { w.Pause(n); w.At(1000, func() { w.Kill(n) }) },
	} {
		w := New(Options{CPU: CPUOptions{Handler: 100}, Disk: DiskOptions{Cache: 10}})
		n := addStub(w, "neptune", soon(func(env Env) {
			for range 20 {
				env.Send(1, 1, []byte("to myself"))
				env.Disk().List()
			}
		}))
		w.At(450, func() {
			assert.Greater(t, len(w.nodes[n].inbox), 10)
			end(w, n)
		})
		w.Run(End, nil)
		assert.Len(t, w.frames.class[0].free, len(w.frames.class[0].slots))
		assert.Len(t, w.freeIO, len(w.ios))
		assert.Zero(t, len(w.nodes[n].inbox))
	}
}

// The order of the inbox is the order of arrival, however full it is.
func TestInboxIsFirstInFirstOut(t *testing.T) {
	t.Parallel()
	w := New(Options{CPU: CPUOptions{Handler: 10}})
	var got []byte
	const n = 200
	addStub(w, "neptune", stub{receive: func(_ Env, _ NodeID, _ Kind, b []byte) { got = append(got, b[0]) }})
	i := 0
	addStub(w, "jupiter", stub{
		boot: func(env Env) { env.SetTimer(0, 1000) },
		fire: func(env Env, _ TimerID) {
			env.Send(1, 1, []byte{byte(i)})
			if i++; i < n {
				env.SetTimer(0, time.Duration(i%5))
			}
		},
	})
	w.opts.CPU.Handler = 10
	w.Run(End, nil)
	require.Len(t, got, n)
	assert.True(t, slices.IsSorted(got), "%v", got)
}

// A node that is never idle does not gather what it has served long ago.
func TestInboxOfABusyNodeStaysSmall(t *testing.T) {
	t.Parallel()
	w := New(Options{CPU: CPUOptions{Handler: time.Microsecond}})
	served := 0
	addStub(w, "neptune", stub{
		boot: func(env Env) {
			for range 3 {
				env.Send(1, 1, nil) // each of them goes round for ever
			}
		},
		receive: func(env Env, _ NodeID, _ Kind, _ []byte) { served++; env.Send(1, 1, nil) },
	})
	w.Run(Time(50*time.Millisecond), nil)
	assert.Greater(t, served, 40_000)
	assert.Less(t, cap(w.nodes[1].inbox), 1000)
}
