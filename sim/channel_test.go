package sim

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// closer is a stub that is told of the end of its connections.
type closer struct {
	stub
	closed func(env Env, peer NodeID, why CloseReason)
}

func (c closer) Closed(env Env, peer NodeID, why CloseReason) {
	if c.closed != nil {
		c.closed(env, peer, why)
	}
}

// A connection that loses nothing carries everything, in order, after a round trip,
// however the delays of its frames differ.
func TestAChannelKeepsOrder(t *testing.T) {
	t.Parallel()
	w := New(Options{Seed: 1, Link: LinkOptions{Min: time.Millisecond, Channel: true}})
	got := tick(w, time.Microsecond, 10)
	count := countTrace(w)
	w.Run(End, nil)
	assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, numbers(*got))
	assert.Equal(t, Time(3*time.Millisecond+time.Microsecond), (*got)[0].at)
	assert.Equal(t, 1, count[TraceOpen])
	assert.Zero(t, count[TraceReset])

	w = New(Options{Seed: 1, Link: LinkOptions{Mean: time.Millisecond, TailPPM: 100_000, TailFactor: 50, DuplicatePPM: million, Channel: true}})
	got = tick(w, time.Microsecond, 2000)
	w.Run(End, nil)
	require.Len(t, *got, 2000)
	for i, a := range *got {
		require.Equal(t, i, number(a))
		require.True(t, i == 0 || a.at > (*got)[i-1].at)
	}
}

// A lost or corrupt frame is late by a time-out for each loss in a row, 1, 3, 7, … of the
// first; those behind it wait for it.
func TestAChannelRetransmits(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for name, o := range map[string]LinkOptions{
		"lost":    {LossPPM: 200_000},
		"corrupt": {CorruptPPM: 200_000},
		"both":    {LossPPM: 50_000, CorruptPPM: 150_000},
	} {
		o.Channel, o.Retransmit = true, time.Microsecond
		w := New(Options{Seed: 3})
		got := tick(w, time.Second, n) // far apart: nobody waits for another
		w.SetLink(1, 2, o)
		w.Run(End, nil)
		require.Len(t, *got, n)
		late := map[time.Duration]int{}
		for i, a := range *got {
			require.Equal(t, i, number(a))
			late[a.at.Sub(Time(i+1)*Time(time.Second))/time.Microsecond]++
		}
		p := int64(million)
		for lost := range 4 {
			near(t, fmt.Sprint(name, ": lost ", lost, " times"), late[1<<lost-1], n, p*4/5)
			p /= 5
		}
	}
}

// ends is a run of two nodes with a channel of 10 ms each way, a timeout of 1,005 ms and a
// first retransmission after 100 ms; neptune sends a number every 50 ms, at 50, 100, …
type ends struct {
	got   []int
	told  []string
	count *[traceEnd]int
}

func runEnds(until time.Duration, plan map[time.Duration]func(w *World)) ends {
	var e ends
	w := New(Options{})
	i := 0
	w.AddNode("neptune", func(uint32) Machine {
		return closer{
			stub: stub{
				boot: func(env Env) { env.SetTimer(0, 50*time.Millisecond) },
				fire: func(env Env, _ TimerID) {
					env.Send(2, 1, []byte{byte(i)})
					i++
					env.SetTimer(0, 50*time.Millisecond)
				},
			},
			closed: func(_ Env, peer NodeID, why CloseReason) {
				e.told = append(e.told, fmt.Sprint(peer, " ", why, " at ", w.Now()))
			},
		}
	})
	addStub(w, "jupiter", stub{receive: func(_ Env, _ NodeID, _ Kind, b []byte) { e.got = append(e.got, int(b[0])) }})
	w.SetLink(1, 2, LinkOptions{Min: 10 * time.Millisecond, Channel: true, ChannelTimeout: 1005 * time.Millisecond, Retransmit: 100 * time.Millisecond})
	w.SetLink(2, 1, LinkOptions{Min: 10 * time.Millisecond})
	e.count = countTrace(w)
	for ms := range until / time.Millisecond {
		if do := plan[ms*time.Millisecond]; do != nil {
			w.At(Time(ms)*Time(time.Millisecond), func() { do(w) })
		}
	}
	w.Run(Time(until), nil)
	return e
}

// upTo counts from one number to another, both included.
func upTo(from, to int) (all []int) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

// How a connection ends, and when its sender learns of it.
func TestHowConnectionsEnd(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type plan = map[time.Duration]func(w *World)
	cut := func(w *World) { w.Cut(1, 2) }
	mend := func(w *World) { w.Mend(1, 2) }
	kill := func(w *World) { w.Kill(2) }
	restart := func(w *World) { w.Restart(2) }
	off := func(w *World) { w.PowerLoss(2) }
	for name, c := range map[string]struct {
		plan  plan
		until time.Duration
		got   []int // numbers that arrive; number n is sent at 50(n+1) ms
		told  []string
	}{
		"nothing happens": {plan{}, 511 * ms, upTo(0, 9), nil},
		// 3, 4, 5 are sent into the cut. The first time-out is at 300, then at 500: it is mended.
		"a short cut": {plan{190 * ms: cut, 320 * ms: mend}, 705 * ms, upTo(0, 12), nil},
		// The frame of 200 ms waits for 1,005 ms, and all behind it. That of 1,250 opens
		// another connection, which takes until 1,270.
		"a long cut": {plan{190 * ms: cut, 1230 * ms: mend}, 1405 * ms, append(upTo(0, 2), upTo(24, 26)...), []string{"2 timed_out at 1.205s"}},
		// Its kernel says so at once: after 10 ms of the way back. The frame of 200 ms opens
		// another connection and is refused after a round trip, and so on.
		"killed":               {plan{155 * ms: kill}, 291 * ms, upTo(0, 1), []string{"2 reset at 165ms", "2 refused at 220ms", "2 refused at 270ms"}},
		"killed and restarted": {plan{155 * ms: kill, 158 * ms: restart}, 311 * ms, append(upTo(0, 1), upTo(3, 5)...), []string{"2 reset at 165ms"}},
		// Nobody answers number 3: from 200 on it is retransmitted.
		"power off": {plan{190 * ms: off}, 1220 * ms, upTo(0, 2), []string{"2 timed_out at 1.205s"}},
		// It is up again when the first time-out has passed: it knows no such connection.
		"power off and on": {plan{190 * ms: off, 220 * ms: restart}, 405 * ms, append(upTo(0, 2), upTo(5, 6)...), []string{"2 reset at 270ms"}},
		// Frames arrive, answers do not. 3 is sent at 200.
		"the way back is cut":          {plan{190 * ms: func(w *World) { w.Cut(2, 1) }}, 1190 * ms, upTo(0, 22), nil},
		"the way back is cut for long": {plan{190 * ms: func(w *World) { w.Cut(2, 1) }, 1300 * ms: func(w *World) { w.Mend(2, 1) }}, 1215 * ms, upTo(0, 22), []string{"2 timed_out at 1.205s"}},
		// A clog is no silence: nobody counts time.
		"clogged": {plan{190 * ms: func(w *World) { w.Clog(1, 2) }, 1990 * ms: func(w *World) { w.Unclog(1, 2) }}, 2011 * ms, upTo(0, 39), nil},
		// A kernel answers for a process that is stopped, but not when it is suspended itself.
		"suspended": {plan{190 * ms: func(w *World) { w.Suspend(2) }}, 1215 * ms, upTo(0, 2), []string{"2 timed_out at 1.205s"}},
		"paused":    {plan{190 * ms: func(w *World) { w.Pause(2) }, 1990 * ms: func(w *World) { w.Resume(2) }}, 2011 * ms, upTo(0, 39), nil},
	} {
		e := runEnds(c.until, c.plan)
		assert.Equal(t, c.got, e.got, name)
		assert.Equal(t, c.told, e.told, name)
		assert.Equal(t, e.count[TraceClosed], len(c.told), name)
	}
}

// Per connection the receiver sees a prefix of what was sent, in order, once; what is sent
// on a new connection comes after all of the one before. After the heal everything
// arrives again; without a fault, all of it did (1 % is lost: never four in a row).
func TestChannelsDeliverPrefixes(t *testing.T) {
	check(t, 200, func(t *rapid.T) {
		o := LinkOptions{Min: time.Millisecond, Mean: 3 * time.Millisecond, LossPPM: 10_000, DuplicatePPM: 100_000, TailPPM: 50_000, TailFactor: 20,
			Channel: true, ChannelTimeout: 300 * time.Millisecond, Retransmit: 20 * time.Millisecond}
		w := New(Options{Seed: rapid.Uint64().Draw(t, "seed"), Link: o})
		var sent []uint32 // the connection of each frame
		var got []int
		send := func(env Env) {
			env.Send(2, Kind(len(sent)%3), binary.LittleEndian.AppendUint32(nil, uint32(len(sent))))
			sent = append(sent, w.net.specials[w.link(1, 2).special].channel.number)
		}
		w.AddNode("neptune", func(uint32) Machine {
			return closer{stub: stub{
				boot: func(env Env) { env.SetTimer(0, 3*time.Millisecond) },
				fire: func(env Env, _ TimerID) {
					send(env)
					if w.Now() < Time(time.Second) {
						env.SetTimer(0, time.Duration(env.Rand(8_000))*time.Microsecond)
					}
				},
			}}
		})
		addStub(w, "jupiter", stub{receive: func(_ Env, _ NodeID, _ Kind, b []byte) {
			got = append(got, int(binary.LittleEndian.Uint32(b)))
		}})
		pipe := w.AddPipe(PipeOptions{Bandwidth: 10_000, Queue: 20})
		if rapid.Bool().Draw(t, "a pipe") {
			w.Route(1, 2, pipe)
		}
		faults := rapid.IntRange(0, 6).Draw(t, "faults")
		for range faults {
			at := Time(rapid.IntRange(0, 1000).Draw(t, "at")) * Time(time.Millisecond)
			end := at + Time(rapid.IntRange(1, 500).Draw(t, "lasts"))*Time(time.Millisecond)
			n := NodeID(rapid.IntRange(1, 2).Draw(t, "node"))
			d := Disturbance{DelayFactor: 5, LossPPM: 500_000, CorruptPPM: 100_000, ReplayPPM: million, ReplayMax: time.Second}
			var begin, heal func()
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0:
				begin, heal = func() { w.Kill(n) }, func() { w.Restart(n) }
			case 1:
				begin, heal = func() { w.PowerLoss(n) }, func() { w.Restart(n) }
			case 2:
				begin, heal = func() { w.Cut(n, 3-n) }, func() { w.Mend(n, 3-n) }
			case 3:
				begin, heal = func() { w.Clog(n, 3-n) }, func() { w.Unclog(n, 3-n) }
			case 4:
				begin, heal = func() { w.Pause(n) }, func() { w.Resume(n) }
			case 5:
				begin, heal = func() { w.Disturb(n, 3-n, d) }, func() { w.Calm(n, 3-n, d) }
			case 6:
				begin, heal = func() { w.CutPipe(pipe) }, func() { w.MendPipe(pipe) }
			}
			w.At(at, begin)
			w.At(end, heal)
		}
		w.Run(Time(10*time.Second), nil)
		before := len(got)
		if faults == 0 && before != len(sent) {
			t.Fatalf("%d frames of %d arrived", before, len(sent))
		}
		send(w.nodes[1]) // it may find out that its connection is an old one
		w.Run(Time(20*time.Second), nil)
		last := len(sent)
		for range 5 {
			send(w.nodes[1])
		}
		w.Run(Time(30*time.Second), nil)
		if len(got) < 5 || got[len(got)-5] != last {
			t.Fatalf("after the heal frames %d to %d were sent, and the last that arrived are %v", last, last+4, got[max(0, len(got)-5):])
		}
		for i, x := range got {
			if i > 0 && x <= got[i-1] {
				t.Fatalf("frame %d arrived after frame %d", x, got[i-1])
			}
			if x > 0 && sent[x-1] == sent[x] && (i == 0 || got[i-1] != x-1) {
				t.Fatalf("frame %d arrived, but not the one before it on connection %d", x, sent[x])
			}
		}
		if violations := w.Violations(); len(violations) > 0 {
			t.Fatal(violations)
		}
	})
}

// A run queue that is full drops frames, but not those of a connection: it has flow control.
func TestAFullRunQueueDropsNoFrameOfAChannel(t *testing.T) {
	t.Parallel()
	w := New(Options{Link: LinkOptions{Channel: true}, CPU: CPUOptions{Handler: time.Millisecond, Queue: 2}})
	got := 0
	addStub(w, "neptune", soon(func(env Env) {
		for range 10 {
			env.Send(2, 1, nil)
		}
	}))
	addStub(w, "jupiter", stub{receive: func(Env, NodeID, Kind, []byte) { got++ }})
	w.Run(End, nil)
	assert.Equal(t, 10, got)
}
