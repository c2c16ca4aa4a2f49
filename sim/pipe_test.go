package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// burst sends frames of size bytes from each of nodes 1 to senders to the node after them
// at time 1, and returns when they arrive, by sender.
func burst(w *World, senders, frames, size int) [][]Time {
	arrivals := make([][]Time, senders+1)
	for i := range senders {
		addStub(w, string(rune('a'+i)), soon(func(env Env) {
			for range frames {
				env.Send(NodeID(senders+1), 1, make([]byte, size))
			}
		}))
	}
	addStub(w, "sink", stub{receive: func(_ Env, from NodeID, _ Kind, _ []byte) {
		arrivals[from] = append(arrivals[from], w.Now()-1)
	}})
	return arrivals
}

// Store and forward: each pipe sends a frame when it has all of it, one at a time.
func TestPipesStoreAndForward(t *testing.T) {
	t.Parallel()
	const us = Time(time.Microsecond)
	w := New(Options{Link: LinkOptions{Min: 7 * time.Microsecond}})
	got := burst(w, 1, 3, 1000)
	fast := w.AddPipe(PipeOptions{Bandwidth: 1e9, Delay: 10 * time.Microsecond}) // 1 µs a frame
	slow := w.AddPipe(PipeOptions{Bandwidth: 1e8, Delay: 20 * time.Microsecond}) // 10 µs
	w.Route(1, 2, fast, slow)
	w.Run(End, nil)
	// 1 + 10 through the fast one, 10 + 20 through the slow one, 7 of the link; the slow one sets the pace.
	assert.Equal(t, []Time{48 * us, 58 * us, 68 * us}, got[1])
}

// A pipe is a first-come, first-served server (Lindley 1952), its queue drops what does
// not fit. The twin keeps every frame and counts the bytes that wait.
func TestAPipeIsAQueue(t *testing.T) {
	check(t, 500, func(t *rapid.T) {
		rate := rapid.Int64Range(1, 5).Draw(t, "rate") * int64(time.Second) // bytes a nanosecond
		bound := rapid.SampledFrom([]int64{0, 100, 1000}).Draw(t, "bound")
		p := pipe{PipeOptions: PipeOptions{Bandwidth: rate, Queue: bound}}
		at, free := Time(0), Time(0)
		for range rapid.IntRange(1, 40).Draw(t, "frames") {
			at += Time(rapid.IntRange(0, 60).Draw(t, "gap"))
			size := rapid.IntRange(1, 300).Draw(t, "size")
			sent, ok := p.take(at, at, size)
			wait := max(free-at, 0)
			waiting := int64(wait) * rate / int64(time.Second)
			if fits := bound == 0 || wait == 0 || waiting+int64(size) <= bound; fits != ok {
				t.Fatalf("%d bytes at %d behind %d bytes of %d: passed %v", size, at, waiting, bound, ok)
			}
			if !ok {
				continue
			}
			free = max(free, at).Add(sending(size, rate))
			if sent != free {
				t.Fatalf("%d bytes at %d were sent at %d, not at %d", size, at, sent, free)
			}
			if len(p.taken) > 1 {
				t.Fatalf("a queue that is served in order is taken for one span, not %v", p.taken)
			}
		}
	})
}

// Whatever the order in which times are asked for, no two frames are sent at once, none
// before it is there, and none waits while the pipe is idle.
func TestAPipeSendsOneFrameAtATime(t *testing.T) {
	check(t, 500, func(t *rapid.T) {
		p := pipe{PipeOptions: PipeOptions{Bandwidth: int64(time.Second)}} // a byte a nanosecond
		var taken [4000]bool
		for range rapid.IntRange(1, 30).Draw(t, "frames") {
			at, size := rapid.IntRange(0, 200).Draw(t, "at"), rapid.IntRange(1, 50).Draw(t, "size")
			sent, _ := p.take(Time(at), 0, size)
			want := at // the first gap
			for i := 0; i < size; i++ {
				if taken[want+i] {
					want, i = want+1, -1
				}
			}
			if int(sent) != want+size {
				t.Fatalf("%d bytes at %d were sent at %d, not at %d", size, at, sent, want+size)
			}
			for i := range size {
				taken[want+i] = true
			}
		}
	})
}

// Flows share a pipe, each other's bursts included; a queue takes ten frames and drops
// the others.
func TestFlowsShareAQueue(t *testing.T) {
	t.Parallel()
	for _, bound := range []int64{0, 10_000} {
		w := New(Options{})
		got := burst(w, 2, 50, 1000)
		pipe := w.AddPipe(PipeOptions{Bandwidth: 1e9, Queue: bound})
		w.Route(1, 3, pipe)
		w.Route(2, 3, pipe)
		full := 0
		w.Trace = func(l TraceLine) {
			if l.Type == TraceLost {
				require.EqualValues(t, lostQueue, l.Arg)
				full++
			}
		}
		w.Run(End, nil)
		all := append(got[1], got[2]...)
		latest := Time(0)
		for _, at := range all {
			latest = max(latest, at)
		}
		if bound == 0 {
			assert.Equal(t, Time(100*time.Microsecond), latest)
			assert.Len(t, all, 100)
			assert.Zero(t, full)
		} else {
			assert.Equal(t, Time(10*time.Microsecond), latest)
			assert.Len(t, all, 10)
			assert.Equal(t, 90, full)
		}
	}
}

// A frame that is still far away takes no time from one that is here.
func TestFarFramesDoNotBlockNearOnes(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	got := burst(w, 2, 1, 1000)
	far := w.AddPipe(PipeOptions{Delay: 100 * time.Millisecond})
	shared := w.AddPipe(PipeOptions{Bandwidth: 1e9})
	w.Route(1, 3, far, shared)
	w.Route(2, 3, shared)
	w.Run(End, nil)
	assert.Equal(t, []Time{Time(100*time.Millisecond + time.Microsecond)}, got[1])
	assert.Equal(t, []Time{Time(time.Microsecond)}, got[2])
}

// A cut of a pipe is a cut of everything that goes through it, and of nothing else.
func TestCutPipe(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	got := burst(w, 3, 1, 10)
	a, b := w.AddPipe(PipeOptions{}), w.AddPipe(PipeOptions{})
	w.Route(1, 4, a)
	w.Route(2, 4, a, b)
	w.Route(3, 4, b)
	assert.True(t, w.CutPipe(a))
	assert.False(t, w.CutPipe(a))
	assert.False(t, w.MendPipe(a))
	assert.False(t, w.MendPipe(b))
	w.Run(End, nil)
	assert.Equal(t, []int{0, 0, 1}, []int{len(got[1]), len(got[2]), len(got[3])})
	assert.True(t, w.MendPipe(a))
	assert.False(t, w.MendPipe(a))
	for n := NodeID(1); n <= 3; n++ {
		w.Kill(n)
		w.Restart(n)
	}
	w.Run(End, nil)
	assert.Equal(t, []int{1, 1, 2}, []int{len(got[1]), len(got[2]), len(got[3])})
}

// A circuit takes its time, whatever others send; a packet of the same size is quicker on
// an idle pipe and slower on a busy one (Kurose and Ross, 1.3).
func TestCircuits(t *testing.T) {
	t.Parallel()
	const ms = Time(time.Millisecond)
	for name, c := range map[string]struct {
		others  bool // send 100 frames before it
		reserve int64
		want    Time
	}{
		"packet, idle":  {false, 0, 1 * ms},
		"packet, busy":  {true, 0, 101 * ms},
		"circuit, idle": {false, 200_000, 5 * ms},
		"circuit, busy": {true, 200_000, 5 * ms},
	} {
		w := New(Options{})
		var got [3]Time // of the last frame of each
		addStub(w, "neptune", soon(func(env Env) {
			if c.others {
				for range 100 {
					env.Send(3, 1, make([]byte, 1000))
				}
			}
		}))
		addStub(w, "jupiter", stub{
			boot: func(env Env) { env.SetTimer(0, 2) },
			fire: func(env Env, _ TimerID) { env.Send(3, 1, make([]byte, 1000)) },
		})
		addStub(w, "saturn", stub{receive: func(_ Env, from NodeID, _ Kind, _ []byte) { got[from] = w.Now() }})
		pipe := w.AddPipe(PipeOptions{Bandwidth: 1e6}) // 1 ms a frame
		w.Route(1, 3, pipe)
		w.Route(2, 3, pipe)
		if c.reserve > 0 {
			require.True(t, w.Reserve(2, 3, c.reserve))
		}
		w.Run(End, nil)
		assert.InDelta(t, float64(c.want), float64(got[2]), 2, name)
		if c.others && c.reserve > 0 { // the packets have four fifths of the pipe
			assert.InDelta(t, float64(125*ms), float64(got[1]), 2, name)
		}
	}
}

func TestReserve(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	burst(w, 2, 0, 0)
	wide, narrow := w.AddPipe(PipeOptions{Bandwidth: 1000}), w.AddPipe(PipeOptions{Bandwidth: 100})
	assert.False(t, w.Reserve(1, 3, 1), "no route")
	w.Route(1, 3, wide, narrow)
	w.Route(2, 3, narrow)
	assert.False(t, w.Release(1, 3), "no circuit")
	assert.False(t, w.Reserve(1, 3, 0))
	assert.False(t, w.Reserve(1, 3, 100), "all of the narrow one")
	assert.Zero(t, w.net.pipes[wide].reserved, "what was refused holds nothing")
	assert.True(t, w.Reserve(1, 3, 60))
	assert.False(t, w.Reserve(1, 3, 1), "it has one")
	assert.False(t, w.Reserve(2, 3, 40), "the last of the narrow one")
	assert.True(t, w.Reserve(2, 3, 39))
	assert.True(t, w.Release(1, 3))
	assert.False(t, w.Release(1, 3))
	assert.True(t, w.Reserve(1, 3, 60))
	w.Route(1, 3, wide)
	assert.EqualValues(t, 39, w.net.pipes[narrow].reserved, "another route releases the circuit")
	assert.Zero(t, w.net.pipes[wide].reserved)
}
