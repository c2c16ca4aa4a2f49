package sim

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"
)

// pinger bounces frames to its peer; every message restarts a timer that never fires.
type pinger struct {
	peer  NodeID
	first int
	got   *int
	buf   [60]byte
}

func (p *pinger) Boot(env Env) {
	for range p.first {
		env.Send(p.peer, 1, p.buf[:])
	}
}
func (p *pinger) Receive(env Env, from NodeID, kind Kind, frame []byte) {
	*p.got++
	binary.LittleEndian.PutUint64(p.buf[:], binary.LittleEndian.Uint64(frame)+1)
	env.SetTimer(0, 150*time.Millisecond+time.Duration(*p.got&63)*time.Millisecond)
	env.Send(from, 1, p.buf[:])
}
func (p *pinger) Fire(Env, TimerID)      {}
func (p *pinger) Complete(Env, IOID, IO) {}

// addPingers adds two nodes with some frames between them.
func addPingers(w *World, inFlight int) (got *int) {
	got = new(int)
	first := NodeID(len(w.nodes))
	for i, name := range []string{"neptune", "jupiter"} {
		w.AddNode(name, func(uint32) Machine {
			return &pinger{peer: first + NodeID(1-i), first: (inFlight + 1 - i) / 2, got: got}
		})
	}
	return got
}

func pingWorld(inFlight int, o Options) (*World, *int) {
	w := New(o)
	return w, addPingers(w, inFlight)
}

func BenchmarkMessage(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, got := pingWorld(n, Options{Seed: 1, Link: LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond}})
			w.Run(Time(time.Second), nil)
			*got = 0
			b.ReportAllocs()
			b.ResetTimer()
			w.Run(End, func() bool { return *got >= b.N })
		})
	}
}

// What it costs that faults are possible and none strikes: every share of the link is drawn
// and practically never hit, clocks are kept, memory is bounded, points are asked.
func BenchmarkHooks(b *testing.B) {
	plain := Options{Seed: 1, Link: LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond}}
	armed := plain
	armed.Link.LossPPM, armed.Link.DuplicatePPM, armed.Link.TailPPM = 1, 1, 1
	armed.Memory, armed.Buggify, armed.CPU.Queue = 1<<40, true, 1<<20
	armed.Clock = ClockOptions{OffsetMax: time.Millisecond, Bound: 2 * time.Millisecond, NTP: NTPOptions{Poll: 16 * time.Second, Servers: 3}}
	for _, o := range []struct {
		name string
		o    Options
	}{{"off", plain}, {"armed", armed}} {
		b.Run(o.name, func(b *testing.B) {
			w, got := pingWorld(100, o.o)
			w.Run(Time(time.Second), nil)
			*got = 0
			b.ReportAllocs()
			b.ResetTimer()
			w.Run(End, func() bool { return *got >= b.N })
		})
	}
}

// The cost of an event in worlds of more and more nodes that all speak, write and sync.
func BenchmarkNodes(b *testing.B) {
	for _, n := range []int{3, 10, 30, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := New(seeded(rough, 1))
			var names []string
			for i := range n {
				names = append(names, fmt.Sprint("node", i))
			}
			gossipAmong(w, names...)
			w.Run(Time(100*time.Millisecond), nil)
			b.ReportAllocs()
			b.ResetTimer()
			end := w.Events() + uint64(b.N)
			w.Run(End, func() bool { return w.Events() >= end })
		})
	}
}

// The cost of an event in runs of more and more events, from a fresh seed on.
func BenchmarkLength(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := New(Options{})
			for i := range b.N {
				w.Reset(seeded(Options{Link: LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond}}, uint64(i)))
				addPingers(w, 100)
				w.Run(End, func() bool { return w.Events() >= uint64(n) })
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(n), "ns/event")
		})
	}
}

// What a frame costs on a link that is more than a plain wire.
func BenchmarkLink(b *testing.B) {
	for _, c := range []struct {
		name string
		link LinkOptions
		lay  bool
	}{
		{name: "plain"},
		{name: "log-normal", link: LinkOptions{Shape: LogNormal, SigmaMille: 500}},
		{name: "corrupt and bursty", link: LinkOptions{CorruptPPM: 100, BurstLossPPM: 1}},
		{name: "pipes", lay: true},
		{name: "channel", link: LinkOptions{Channel: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.link.Min, c.link.Mean = 200*time.Microsecond, 800*time.Microsecond
			w, got := pingWorld(10, Options{Seed: 1, Link: c.link})
			if c.lay {
				w.Lay(Racks(2, 1, PipeOptions{Bandwidth: 1e9}, PipeOptions{Bandwidth: 1e9}), 1, 2)
			}
			w.Run(Time(time.Second), nil)
			*got = 0
			b.ReportAllocs()
			b.ResetTimer()
			w.Run(End, func() bool { return *got >= b.N })
		})
	}
}

// The hold model: pop the earliest event, read it, push one at a later time.
func BenchmarkQueue(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var q queue
			delay := func(i int) Time {
				u := mix(uint64(i))
				return Time(50*time.Microsecond + exponential(time.Millisecond, u>>32))
			}
			for i := range n {
				q.push(delay(-i), q.order(uint64(i)&0xffff), event{arg: uint32(i)})
			}
			sum := uint32(0)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				k, ev := q.pop()
				sum += ev.arg
				q.push(k.at+delay(i), q.order(uint64(i)&0xffff), ev)
				i++
			}
			_ = sum
		})
	}
}

// Timers of four kinds on n nodes: one ticks; one is restarted later by every tick,
// and never fires; one is moved to and fro; one is stopped. Time is per tick.
func BenchmarkTimers(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := New(Options{Seed: 1})
			ticks := 0
			for i := range n {
				addStub(w, fmt.Sprint("node ", i), stub{
					boot: func(env Env) { env.SetTimer(0, time.Duration(i)) },
					fire: func(env Env, t TimerID) {
						if t != 0 {
							return
						}
						ticks++
						env.SetTimer(0, 900*time.Microsecond+time.Duration(ticks&255)*time.Microsecond)
						env.SetTimer(1, 150*time.Millisecond)
						env.SetTimer(2, time.Millisecond+time.Duration(ticks&1)*time.Second)
						env.SetTimer(3, 500*time.Microsecond)
						env.StopTimer(3)
					},
				})
			}
			w.Run(Time(time.Second), nil)
			ticks = 0
			b.ReportAllocs()
			b.ResetTimer()
			w.Run(End, func() bool { return ticks >= b.N })
		})
	}
}

// One append of a 100-byte record and its sync, again and again.
func BenchmarkDisk(b *testing.B) {
	for _, rotate := range []bool{false, true} {
		name := "log"
		if rotate {
			name = "rotated"
		}
		b.Run(name, func(b *testing.B) {
			w := New(Options{Seed: 1, Disk: DiskOptions{Cache: 2 * time.Microsecond, Sync: 100 * time.Microsecond, SyncMean: 300 * time.Microsecond}})
			l := &logger{rotate: rotate}
			w.AddNode("neptune", func(uint32) Machine { return l })
			w.Run(Time(time.Second), nil)
			l.n = 0
			b.ReportAllocs()
			b.ResetTimer()
			w.Run(End, func() bool { return l.n >= b.N })
		})
	}
}

// A client calls a node and waits for its answer: two messages, two switches of the
// coroutine, one timer set and stopped.
func BenchmarkClient(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := New(Options{Seed: 1, Link: LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond}})
			echo := addEcho(w, "echo")
			calls := 0
			for i := range n {
				w.AddClient(fmt.Sprint("client ", i), func(c *Client) {
					var buf [32]byte
					for {
						if _, err := c.Call(echo, 1, buf[:], time.Second, anyFrame); err == ErrStopped {
							return
						}
						calls++
					}
				})
			}
			w.Run(Time(time.Second), nil)
			calls = 0
			b.ReportAllocs()
			b.ResetTimer()
			w.Run(End, func() bool { return calls >= b.N })
			b.StopTimer()
			w.Stop()
		})
	}
}

// A fresh seed of a small world with all faults, its memory reused.
func BenchmarkSeed(b *testing.B) {
	w := New(rough)
	events := uint64(0)
	seed := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		seed++
		w.Reset(seeded(rough, seed))
		stormy(w)
		w.Run(stormEnd, nil)
		events += w.Events()
	}
	b.ReportMetric(float64(events)/float64(seed), "events/op")
	w.Stop()
}
