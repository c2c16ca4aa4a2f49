package sim

import (
	"math"
	"strings"
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
		assert.False(t, w.Quicken(n, 2), "nobody slowed it by that")
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
	n := addStub(w, "neptune", stub{receive: func(env Env, _ NodeID, _ Kind, _ []byte) {
		for _, c := range charge {
			env.Memory(c)
		}
	}})
	killed := 0
	w.OnOutOfMemory = func(id NodeID) { assert.Equal(t, n, id); assert.False(t, w.Up(n)); killed++ }
	w.OnHalt = func(NodeID, error) { t.Error("it did not stop itself") }
	reasons := 0
	w.Trace = func(l TraceLine) {
		if strings.Contains(string(l.AppendJSON(nil, w.Names(), vocabulary)), `"type":"kill","node":"neptune","reason":"out of memory"`) {
			reasons++
		}
	}
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
	require.False(t, step(20, 51, -1000), "after that, nobody hears it")
	assert.Zero(t, w.MemoryOf(n), "a crash releases all")
	require.True(t, w.Restart(n))
	require.True(t, step(80))
	assert.True(t, w.SetMemory(n, 80))
	assert.False(t, w.SetMemory(n, 80))
	assert.Equal(t, int64(80), w.MemoryBudget(n))
	require.True(t, w.Up(n), "it holds no more than that")
	assert.True(t, w.SetMemory(n, 50))
	require.True(t, step(-10, 0), "it holds more than there is, and asks for none")
	require.False(t, step(1), "and now it does")
	assert.True(t, w.SetMemory(n, 40), "the node is down, and has little memory all the same")
	w.Restart(n)
	require.False(t, step(41))
	assert.Equal(t, []int{3, 3}, []int{killed, reasons})
	assert.Zero(t, w.Halted())
	assert.True(t, w.SetMemory(n, 0))
	w.Restart(n)
	assert.True(t, step(math.MaxInt64-1, math.MaxInt64), "no limit")
	assert.Equal(t, int64(math.MaxInt64), w.MemoryOf(n))
	w.Kill(n)
	assert.Zero(t, w.MemoryOf(n))
	assert.False(t, w.SetMemory(c, 1), "a client is no machine")
	assert.False(t, w.SetMemory(n, -1))
	w.Stop()
}

// Who releases what he does not hold has a bug.
func TestMemoryIsReleasedOnce(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	addStub(w, "neptune", stub{boot: func(env Env) { env.Memory(10); env.Memory(-4); env.Memory(-7) }})
	w.Run(End, nil)
	require.Len(t, w.Violations(), 1)
	assert.Equal(t, "node neptune panicked: sim: node 1 releases 7 bytes of memory and holds 6", w.Violations()[0].Detail)
}

// The kill is an effect (law 6): what was sent before it leaves, what comes after does
// not, and a fault that falls in between is in between.
func TestOutOfMemoryComesInItsTurn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cost    time.Duration
		between func(w *World)
		sent    int
		killed  int
	}{
		"at once":                   {0, func(*World) {}, 1, 1},
		"after its time":            {10, func(*World) {}, 1, 1},
		"an unrelated intervention": {10, func(w *World) { w.At(5, func() {}) }, 1, 1},
		"a kill before the send":    {10, func(w *World) { w.At(5, func() { w.Kill(1) }) }, 0, 0},
		"a kill after the send":     {10, func(w *World) { w.At(15, func() { w.Kill(1) }) }, 1, 0},
		"a restart after it":        {10, func(w *World) { w.At(40, func() { assert.True(t, w.Restart(1)) }) }, 2, 2},
	} {
		w := New(Options{CPU: CPUOptions{Effect: c.cost}, Memory: 5})
		var got []arrival
		addStub(w, "neptune", soon(func(env Env) {
			env.Send(2, 1, []byte("before"))
			env.Spend(c.cost)
			env.Memory(6)
			env.Send(2, 1, []byte("after"))
			env.SetTimer(2, 1)
			env.Disk().Create("after")
		}))
		addSink(w, "jupiter", &got)
		killed := 0
		w.OnOutOfMemory = func(NodeID) { killed++ }
		c.between(w)
		w.Run(End, nil)
		assert.Len(t, got, c.sent, name)
		assert.Equal(t, c.killed, killed, name)
		assert.False(t, w.Up(1), name)
		assert.Zero(t, w.MemoryOf(1), name)
		assert.Empty(t, w.nodes[1].disk.names, name)
	}
}
