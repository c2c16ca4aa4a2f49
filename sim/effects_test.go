package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Law 6: a handler is not atomic to the world. These tests put something between two
// effects of one handler:
//
//	1 µs          11          21          31
//	─┬────────────┬───────────┬───────────┬──── neptune
//	 handler      send a      send b      send c      10 µs each

const us = Time(time.Microsecond)

// threeSends is a world in which neptune sends a, b and c from one handler.
func threeSends(o Options, got *[]arrival) (w *World, neptune, jupiter NodeID) {
	w = New(o)
	neptune = addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, time.Microsecond) },
		fire: func(env Env, _ TimerID) {
			env.Send(2, 1, []byte("a"))
			env.Send(2, 1, []byte("b"))
			env.Send(2, 1, []byte("c"))
		},
	})
	jupiter = addSink(w, "jupiter", got)
	return w, neptune, jupiter
}

var costly = Options{CPU: CPUOptions{Effect: 10 * time.Microsecond}}

func TestEffectsLeaveOneByOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		between func(w *World, neptune, jupiter NodeID)
		want    []arrival
	}{
		"nothing": {func(*World, NodeID, NodeID) {}, []arrival{{11 * us, 1, 1, "a"}, {21 * us, 1, 1, "b"}, {31 * us, 1, 1, "c"}}},
		"a kill between a and b": {func(w *World, neptune, _ NodeID) {
			w.At(15*us, func() { w.Kill(neptune) })
		}, []arrival{{11 * us, 1, 1, "a"}}},
		"a power loss between b and c": {func(w *World, neptune, _ NodeID) {
			w.At(25*us, func() { w.PowerLoss(neptune) })
		}, []arrival{{11 * us, 1, 1, "a"}, {21 * us, 1, 1, "b"}}},
		"a kill before a": {func(w *World, neptune, _ NodeID) {
			w.At(5*us, func() { w.Kill(neptune) })
		}, nil},
		"a kill and a restart at once": {func(w *World, neptune, _ NodeID) {
			w.At(15*us, func() { w.Kill(neptune); w.Restart(neptune) })
		}, []arrival{{11 * us, 1, 1, "a"}, {26 * us, 1, 1, "a"}, {36 * us, 1, 1, "b"}, {46 * us, 1, 1, "c"}}},
		"a pause between a and b": {func(w *World, neptune, _ NodeID) {
			w.At(15*us, func() { w.Pause(neptune) })
			w.At(115*us, func() { w.Resume(neptune) })
		}, []arrival{{11 * us, 1, 1, "a"}, {121 * us, 1, 1, "b"}, {131 * us, 1, 1, "c"}}},
		"two pauses": {func(w *World, neptune, _ NodeID) {
			w.At(15*us, func() { w.Pause(neptune) })
			w.At(115*us, func() { w.Resume(neptune) })
			w.At(125*us, func() { w.Pause(neptune) })
			w.At(225*us, func() { w.Resume(neptune) })
		}, []arrival{{11 * us, 1, 1, "a"}, {121 * us, 1, 1, "b"}, {231 * us, 1, 1, "c"}}},
		"a pause, and a kill in it": {func(w *World, neptune, _ NodeID) {
			w.At(15*us, func() { w.Pause(neptune) })
			w.At(115*us, func() { w.Kill(neptune) })
			w.At(116*us, func() { assert.False(t, w.Resume(neptune)) })
		}, []arrival{{11 * us, 1, 1, "a"}}},
		"a partition between a and b, healed before c": {func(w *World, neptune, jupiter NodeID) {
			w.At(15*us, func() { w.Cut(neptune, jupiter) })
			w.At(25*us, func() { w.Mend(neptune, jupiter) })
		}, []arrival{{11 * us, 1, 1, "a"}, {31 * us, 1, 1, "c"}}},
		"a partition that heals itself": {func(w *World, neptune, jupiter NodeID) {
			w.At(15*us, func() {
				w.Cut(neptune, jupiter)
				w.At(w.Now()+10*us, func() { w.Mend(neptune, jupiter) })
			})
		}, []arrival{{11 * us, 1, 1, "a"}, {31 * us, 1, 1, "c"}}},
		"something that is no fault": {func(w *World, _, _ NodeID) {
			for at := Time(0); at < 40*us; at += us {
				w.At(at, func() {})
			}
		}, []arrival{{11 * us, 1, 1, "a"}, {21 * us, 1, 1, "b"}, {31 * us, 1, 1, "c"}}},
	} {
		for seed := range uint64(20) {
			var got []arrival
			w, neptune, jupiter := threeSends(seeded(costly, seed), &got)
			c.between(w, neptune, jupiter)
			w.Run(End, nil)
			require.Equal(t, c.want, got, name)
		}
	}
}

// What no one could foresee when the handler ran: a fault that is aimed at a step of
// another node.
func TestEffectsMeetAFaultThatAnotherNodeTriggers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(w *World, neptune, jupiter NodeID)
		want []arrival
	}{
		"kill":  {func(w *World, neptune, _ NodeID) { w.Kill(neptune) }, []arrival{{11 * us, 1, 1, "a"}}},
		"cut":   {func(w *World, neptune, jupiter NodeID) { w.Cut(neptune, jupiter) }, []arrival{{11 * us, 1, 1, "a"}}},
		"pause": {func(w *World, neptune, _ NodeID) { w.Pause(neptune); w.At(115*us, func() { w.Resume(neptune) }) }, []arrival{{11 * us, 1, 1, "a"}, {121 * us, 1, 1, "b"}, {131 * us, 1, 1, "c"}}},
	} {
		var got []arrival
		w, neptune, jupiter := threeSends(costly, &got)
		saturn := addStub(w, "saturn", stub{
			boot: func(env Env) { env.SetTimer(0, 5*time.Microsecond) },
			fire: func(env Env, _ TimerID) { env.Send(3, 9, nil) }, // leaves at 15 µs
		})
		w.Watch(saturn, StepSend, 9, 1, func() {
			assert.Equal(t, 15*us, w.Now())
			c.do(w, neptune, jupiter)
		})
		w.Run(End, nil)
		assert.Equal(t, c.want, got, name)
	}
}

// A busy node serves what arrived after its work, in the order in which it arrived,
// and its clock shows the work.
func TestCPUCosts(t *testing.T) {
	t.Parallel()
	w := New(Options{CPU: CPUOptions{Handler: 7, Effect: 3}})
	type served struct {
		at           Time
		what         string
		before, then time.Duration // readings of the clock
	}
	var got []served
	handle := func(env Env, what string, spend time.Duration) {
		before := env.Monotonic()
		env.Spend(spend)
		env.Send(1, 1, nil)
		env.Disk().List()
		env.Spend(-time.Hour) // nothing
		got = append(got, served{w.Now(), what, before, env.Monotonic()})
	}
	var sent []Time
	addStub(w, "neptune", stub{
		receive: func(Env, NodeID, Kind, []byte) { sent = append(sent, w.Now()) },
	})
	addStub(w, "jupiter", stub{
		boot: func(env Env) {
			env.SetTimer(1, 100-7) // the deadline counts from here, after the handler's cost
			env.SetTimer(2, 105-7)
			env.SetTimer(3, 101-7)
			env.SetTimer(4, 1000-7)
		},
		fire: func(env Env, id TimerID) { handle(env, fmt.Sprint("timer ", id), 20) },
	})
	w.Run(End, nil)
	assert.Equal(t, []served{
		{100, "timer 1", 107, 133},
		{133, "timer 3", 140, 166},
		{166, "timer 2", 173, 199},
		{1000, "timer 4", 1007, 1033},
	}, got[:4])
	assert.Equal(t, []Time{130, 163, 196, 1030}, sent)
}

// An aimed fault strikes right after the nth step and before the next one, whether
// steps take time or not.
func TestWatchStrikesBetweenTwoSends(t *testing.T) {
	t.Parallel()
	deciders := map[string]Decider{"seeds": nil, "least": constant(true), "most": constant(false)}
	for _, cost := range []time.Duration{0, 10 * time.Microsecond} {
		for nth := 1; nth <= 3; nth++ {
			for name, d := range deciders {
				for seed := range uint64(10) {
					o := Options{Seed: seed, Decider: d, CPU: CPUOptions{Effect: cost}}
					var got []arrival
					w, neptune, _ := threeSends(o, &got)
					struck := 0
					w.Watch(neptune, StepSend, 1, nth, func() { struck++; w.Kill(neptune) })
					w.Watch(neptune, StepSend, 2, 1, func() { t.Fatal("no frame of kind 2 was sent") })
					w.Run(End, nil)
					require.Equal(t, 1, struck)
					require.Len(t, got, nth, "kill after send %d, %v each, %s", nth, cost, name)
					require.EqualValues(t, nth, w.Messages())
				}
			}
		}
	}
}

// Aimed faults of all kinds, one after another in one handler.
func TestWatchesInARow(t *testing.T) {
	t.Parallel()
	for _, cost := range []time.Duration{0, 10 * time.Microsecond} {
		var got []arrival
		w, neptune, jupiter := threeSends(Options{CPU: CPUOptions{Effect: cost}}, &got)
		e := Time(cost)
		w.Watch(neptune, StepSend, 1, 1, func() {
			assert.Equal(t, us+e, w.Now())
			w.Cut(neptune, jupiter)
			w.Watch(neptune, StepSend, 1, 1, func() { // armed now: it counts from now on
				assert.Equal(t, us+2*e, w.Now())
				w.Mend(neptune, jupiter)
			})
		})
		w.Watch(neptune, StepSend, 1, 2, func() { w.Pause(neptune); w.At(w.Now()+100*us, func() { w.Resume(neptune) }) })
		w.Run(End, nil)
		assert.Equal(t, []arrival{{us + e, 1, 1, "a"}, {101*us + 3*e, 1, 1, "c"}}, got)
	}
}

func TestUnwatch(t *testing.T) {
	t.Parallel()
	var got []arrival
	w, neptune, _ := threeSends(Options{}, &got)
	w.Watch(neptune, StepSend, 1, 2, func() { t.Error("it was disarmed") })
	w.Unwatch()
	assert.Zero(t, w.armed, "effects need not wait for it")
	w.Run(End, nil)
	assert.Len(t, got, 3)
}

// syncing is a node that creates a file, makes its name durable, and writes and syncs
// from one handler 1 ms after its boot.
func syncing(w *World) NodeID {
	return addStub(w, "neptune", stub{
		boot: func(env Env) {
			env.Disk().Create("log")
			env.Disk().SyncDir()
			env.SetTimer(0, time.Millisecond)
		},
		fire: func(env Env, _ TimerID) {
			env.Disk().Append("log", []byte("data"))
			env.Disk().Sync("log")
			env.Disk().Append("log", []byte("more"))
		},
	})
}

// StepSync strikes when a sync was submitted and nothing is durable, StepDurable when
// its data is; whatever the disk's speed and the ties.
func TestWatchOfASync(t *testing.T) {
	t.Parallel()
	for _, latency := range []time.Duration{0, 100 * time.Microsecond} {
		for _, cost := range []time.Duration{0, 10 * time.Microsecond} {
			for name, d := range map[string]Decider{"seeds": nil, "least": constant(true), "most": constant(false)} {
				for seed := range uint64(10) {
					for _, step := range []Step{StepSync, StepDurable} {
						w := New(Options{Seed: seed, Decider: d, CPU: CPUOptions{Effect: cost}, Disk: DiskOptions{Sync: latency}})
						neptune := syncing(w)
						struck := 0
						w.Watch(neptune, step, 0, 1, func() {
							struck++
							want := "" // of the platter
							if step == StepDurable {
								want = "data"
							}
							f := w.nodes[neptune].disk.names
							require.Len(t, f, 1)
							require.Equal(t, want, string(w.nodes[neptune].disk.files[f[0].file].durable),
								"at step %d, sync takes %v, effects %v, ties: %s", step, latency, cost, name)
							w.PowerLoss(neptune)
						})
						w.Run(End, nil)
						require.Equal(t, 1, struck)
					}
				}
			}
		}
	}
}

// A sync of a file that is not there makes nothing durable.
func TestWatchDoesNotCountFailedSyncs(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	neptune := addStub(w, "neptune", stub{boot: func(env Env) { env.Disk().Sync("none") }})
	w.Watch(neptune, StepSync, 0, 1, func() { t.Error("a sync that failed was taken for one") })
	w.Watch(neptune, StepDurable, 0, 1, func() { t.Error("a sync that failed was taken for durable") })
	w.Run(End, nil)
}

// Nor does one that a power loss overtook; a kill does not stop the disk.
func TestWatchOfASyncUnderWay(t *testing.T) {
	t.Parallel()
	for _, powerLoss := range []bool{false, true} {
		w := New(Options{Disk: DiskOptions{Sync: 100 * time.Microsecond}})
		neptune := syncing(w)
		durable := 0
		w.Watch(neptune, StepDurable, 0, 1, func() { durable++ })
		w.Watch(neptune, StepSync, 0, 1, func() {
			w.Unwatch()
			w.Watch(neptune, StepDurable, 0, 1, func() { durable++ })
			if powerLoss {
				w.PowerLoss(neptune)
			} else {
				w.Kill(neptune)
			}
		})
		w.Run(End, nil)
		if powerLoss {
			assert.Zero(t, durable)
		} else {
			assert.Equal(t, 1, durable)
		}
	}
}

// Halt is an effect too: what was sent before it leaves, what comes after does not,
// and a fault that falls in between is in between.
func TestHaltComesInItsTurn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cost    time.Duration
		between func(w *World)
		want    int
		halted  uint64
	}{
		"at once":                   {0, func(*World) {}, 1, 1},
		"after its time":            {10, func(*World) {}, 1, 1},
		"an unrelated intervention": {10, func(w *World) { w.At(5, func() {}) }, 1, 1},
		"a kill before the send":    {10, func(w *World) { w.At(5, func() { w.Kill(1) }) }, 0, 0},
		"a kill before the halt":    {10, func(w *World) { w.At(15, func() { w.Kill(1) }) }, 1, 0},
	} {
		w := New(Options{CPU: CPUOptions{Effect: c.cost}})
		var got []arrival
		var told []error
		neptune := addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, 1) },
			fire: func(env Env, _ TimerID) {
				env.Send(2, 1, []byte("before"))
				env.Spend(c.cost)
				env.SetTimer(3, 1)
				env.Halt(assert.AnError)
				env.Send(2, 1, []byte("after"))
				env.SetTimer(2, 1)
				env.StopTimer(2)
				env.Disk().Create("after")
				env.Halt(assert.AnError)
			},
		})
		addSink(w, "jupiter", &got)
		w.OnHalt = func(n NodeID, err error) {
			assert.Equal(t, neptune, n)
			told = append(told, err)
		}
		c.between(w)
		w.Run(End, nil)
		assert.Len(t, got, c.want, name)
		assert.Equal(t, c.halted, w.Halted(), name)
		assert.Len(t, told, int(c.halted), name)
		assert.False(t, w.Up(neptune), name)
		assert.Empty(t, w.nodes[neptune].disk.names, name)
		assert.Empty(t, w.Violations(), name)
	}
}

func TestHaltWantsAReason(t *testing.T) {
	t.Parallel()
	for _, cost := range []time.Duration{0, 10} {
		w := New(Options{CPU: CPUOptions{Handler: cost}})
		addStub(w, "neptune", stub{boot: func(env Env) { env.Halt(nil) }})
		w.At(5, func() {})
		w.Run(End, nil)
		require.Len(t, w.Violations(), 1)
		assert.Equal(t, "node neptune panicked: sim: node 1 halts without an error", w.Violations()[0].Detail)
	}
}
