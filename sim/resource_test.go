package sim

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A slow node does the same things later: each handler, effect and Spend takes a
// multiple of its time, until it is quickened.
func TestSlow(t *testing.T) {
	t.Parallel()
	w := New(Options{CPU: CPUOptions{Handler: 3 * time.Microsecond, Effect: 2 * time.Microsecond}})
	var sent []Time
	client := w.AddClient("client", func(*Client) {})
	other := addStub(w, "jupiter", stub{receive: func(env Env, _ NodeID, _ Kind, _ []byte) { sent = append(sent, w.now) }})
	n := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(1, 100*time.Microsecond) },
		fire: func(env Env, _ TimerID) {
			env.SetTimer(1, 100*time.Microsecond-10*time.Microsecond)
			env.Spend(5 * time.Microsecond)
			env.Send(other, 1, nil)
		},
	})
	const us = Time(time.Microsecond)
	w.At(150*us, func() {
		assert.False(t, w.Slow(n, 1), "no factor")
		assert.True(t, w.Slow(n, 2))
		assert.True(t, w.Slow(n, 3))
		assert.False(t, w.Slow(n, MaxSlow), "beyond the bound")
	})
	w.At(250*us, func() { assert.True(t, w.Quicken(n, 2)) })
	w.At(350*us, func() {
		assert.True(t, w.Quicken(n, 3))
		assert.False(t, w.Quicken(n, 3), "it is quick")
	})
	w.Run(450*us, nil)
	require.Len(t, sent, 4)
	// The timer comes due 100 µs after the boot's handler, later 90 µs after a handler's
	// beginning; the frame leaves after a handler of 3, 5 of its own, and 2.
	cost := func(slow Time) Time { return 10 * slow * us }
	fired := 103 * us
	for i, slow := range []Time{1, 6, 3, 1} {
		assert.Equal(t, fired+cost(slow), sent[i], "frame %d", i)
		fired += 90*us + 3*slow*us // SetTimer reads the clock after the handler's cost
	}
	assert.False(t, w.Slow(client, 2), "a client is no machine")
}

// Frames that find the run queue full are lost; timers and completions never are.
func TestRunQueueIsBounded(t *testing.T) {
	t.Parallel()
	run := func(most int) (served, lost, timers int) {
		w := New(Options{CPU: CPUOptions{Queue: most}})
		n := addStub(w, "neptune", stub{
			boot:    func(env Env) { env.SetTimer(1, 50*time.Microsecond) },
			fire:    func(Env, TimerID) { timers++ },
			receive: func(env Env, _ NodeID, _ Kind, _ []byte) { served++; env.Spend(time.Second) },
		})
		addStub(w, "jupiter", soon(func(env Env) {
			for range 10 {
				env.Send(n, 1, nil)
			}
		}))
		w.Trace = func(l TraceLine) {
			if l.Type == TraceLost {
				assert.Equal(t, uint64(lostFull), l.Arg)
				lost++
			}
		}
		w.Run(Time(500*time.Millisecond), nil)
		assert.LessOrEqual(t, w.Waiting(n), max(most, 9)+1)
		w.Run(Time(time.Hour), nil)
		assert.Zero(t, w.Waiting(n))
		return served, lost, timers
	}
	for _, c := range []struct{ most, served int }{{0, 10}, {1, 2}, {4, 5}, {9, 10}, {100, 10}} {
		served, lost, timers := run(c.most)
		assert.Equal(t, []int{c.served, 10 - c.served, 1}, []int{served, lost, timers}, "%d may wait", c.most)
	}
}

// A process that holds more memory than its node has is killed; a crash releases all.
func TestMemory(t *testing.T) {
	t.Parallel()
	w := New(Options{Memory: 100})
	var charge []int64
	n := addStub(w, "neptune", stub{receive: func(env Env, _ NodeID, _ Kind, frame []byte) {
		for _, c := range charge {
			env.Memory(c)
		}
	}})
	var halts []error
	w.OnHalt = func(_ NodeID, err error) { halts = append(halts, err) }
	c := w.AddClient("client", func(c *Client) {
		for c.Sleep(time.Second) == nil && c.Send(n, 1, nil) == nil {
		}
	})
	until := Time(500 * time.Millisecond)
	step := func(charges ...int64) bool {
		charge = charges
		until += Time(time.Second)
		w.Run(until, nil)
		return w.Up(n)
	}
	require.True(t, step(60, 40))
	assert.Equal(t, int64(100), w.MemoryOf(n))
	require.True(t, step(-70))
	assert.Equal(t, int64(30), w.MemoryOf(n))
	require.True(t, step(-70), "more than was charged")
	assert.Zero(t, w.MemoryOf(n))
	require.False(t, step(50, 51))
	assert.Zero(t, w.MemoryOf(n), "a crash releases all")
	require.Len(t, halts, 1)
	assert.True(t, errors.Is(halts[0], ErrOutOfMemory))
	require.True(t, w.Restart(n))
	require.True(t, step(80))
	assert.True(t, w.SetMemory(n, 50))
	assert.False(t, w.SetMemory(n, 50))
	assert.Equal(t, int64(50), w.MemoryBudget(n))
	require.True(t, step(-40))
	require.False(t, step(20), "80 - 40 + 20 is more than 50")
	assert.True(t, w.SetMemory(n, 0))
	w.Restart(n)
	assert.True(t, step(1<<60), "no limit")
	assert.False(t, w.SetMemory(c, 1))
}

// A node that is upgraded runs another program from its next boot on, over the disk
// that the one before has left.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var log []string
	program := func(version string) func(uint32) Machine {
		return func(incarnation uint32) Machine {
			return stub{
				boot: func(env Env) { env.Disk().List() },
				complete: func(env Env, _ IOID, io IO) {
					if io.Op == OpList {
						names := version + ":"
						for _, f := range io.Files {
							names += " " + f.Name
						}
						log = append(log, names)
						env.Disk().Create(version)
						env.Disk().SyncDir()
					}
				},
			}
		}
	}
	n := w.AddNode("neptune", program("old"))
	for _, version := range []string{"new", "old2"} {
		w.Run(End-1, nil)
		w.Upgrade(n, program(version))
		w.Kill(n)
		w.Restart(n)
	}
	w.Run(End-1, nil)
	assert.Equal(t, []string{"old:", "new: old", "old2: new old"}, log)
}

// A crash can be aimed at a write: submitted to the disk, and not yet complete.
func TestAimedAtAWrite(t *testing.T) {
	t.Parallel()
	w := New(Options{Disk: DiskOptions{Cache: time.Millisecond}, CPU: CPUOptions{Effect: time.Microsecond}})
	completed := 0
	n := addStub(w, "neptune", stub{
		boot: func(env Env) {
			env.Disk().Create("f")
			env.Disk().Append("f", []byte("one"))
			env.Disk().Append("f", []byte("two"))
			env.Disk().Append("f", []byte("three"))
		},
		complete: func(Env, IOID, IO) { completed++ },
	})
	w.Watch(n, StepWrite, 0, 2, func() { w.Kill(n) })
	w.Run(End-1, nil)
	assert.False(t, w.Up(n))
	assert.Zero(t, completed, "its completions go nowhere")
	assert.Equal(t, "onetwo", string(w.nodes[n].disk.files[0].data), "the third never reached the disk")
}

// A node whose every boot is killed never gets further, incarnation after incarnation.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	w := New(Options{Disk: DiskOptions{Cache: time.Millisecond}, CPU: CPUOptions{Effect: time.Microsecond}})
	opened := 0
	n := addStub(w, "neptune", stub{
		boot:     func(env Env) { env.Disk().Append("f", []byte("x")); env.Disk().List() },
		complete: func(_ Env, _ IOID, io IO) { opened++ },
	})
	var crash func()
	crash = func() {
		w.Kill(n)
		if w.Incarnation(n) < 10 {
			w.Watch(n, StepWrite, 0, 1, crash)
			w.At(w.now+Time(time.Second), func() { w.Restart(n) })
		}
	}
	w.Watch(n, StepWrite, 0, 1, crash)
	w.Run(End-1, nil)
	assert.Equal(t, uint32(10), w.Incarnation(n))
	assert.Zero(t, opened)
}

// Power losses of all nodes in one intervention are one instant: nothing that one of
// them did leaks out between.
func TestPowerLossOfAllAtOnce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		w := New(seeded(rough, seed))
		nodes := gossipAmong(w, "neptune", "jupiter", "saturn")
		w.Run(Time(20*time.Millisecond), nil)
		before := w.Messages()
		w.At(w.now, func() {
			for _, n := range nodes {
				w.PowerLoss(n)
			}
		})
		w.Run(End-1, nil)
		assert.Equal(t, before, w.Messages(), "seed %d", seed)
		for _, n := range nodes {
			assert.False(t, w.Up(n))
		}
	}
}
