package sim

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// steady is a load that goes on for ever without growing.
type steady struct {
	name  string
	build func(w *World)
	o     Options
}

// logger appends to a log, syncs it, and begins anew when it is long, for ever.
type logger struct {
	rotate bool
	record [100]byte
	n      int
	synced IOID
}

func (l *logger) Boot(env Env) {
	env.Disk().Create("log")
	l.write(env)
}

func (l *logger) write(env Env) {
	d := env.Disk()
	binary.LittleEndian.PutUint64(l.record[:], uint64(l.n))
	d.Append("log", l.record[:])
	if l.n++; l.n%50 == 0 {
		if l.rotate {
			d.Rename("log", "old")
			d.Create("log")
			d.SyncDir()
			d.List()
			d.Remove("old")
			d.SyncDir()
		} else {
			d.Read("log", 1000, 200)
			d.Truncate("log", 0)
		}
	}
	l.synced = d.Sync("log")
}

func (l *logger) Receive(Env, NodeID, Kind, []byte) {}
func (l *logger) Fire(Env, TimerID)                 {}
func (l *logger) Complete(env Env, id IOID, io IO) {
	if id == l.synced {
		l.write(env)
	}
}

// flicker sets, moves and stops timers, for ever.
type flicker struct{ n int }

func (f *flicker) Boot(env Env) { env.SetTimer(0, time.Microsecond) }
func (f *flicker) Fire(env Env, id TimerID) {
	f.n++
	d := time.Duration(env.Rand(1000)) * time.Nanosecond
	env.SetTimer(0, d)
	env.SetTimer(1, 10*time.Microsecond) // later and later: it never fires
	env.SetTimer(TimerID(2+f.n%5), d/2)  // earlier, now and then
	env.StopTimer(TimerID(2 + f.n%3))
	env.Observe(1, int64(f.n))
	env.Sometimes(f.n%2 == 0, "even")
	env.Always(f.n > 0, "positive")
}
func (f *flicker) Receive(Env, NodeID, Kind, []byte) {}
func (f *flicker) Complete(Env, IOID, IO)            {}

var steadyLoads = []steady{
	{name: "messages", o: rough, build: func(w *World) { addPingers(w, 10) }},
	{name: "many messages", o: rough, build: func(w *World) { addPingers(w, 1000) }},
	{name: "messages of a saturated node", o: Options{CPU: CPUOptions{Handler: time.Microsecond, Effect: time.Microsecond}}, build: func(w *World) { addPingers(w, 10) }},
	{name: "messages in bad weather", o: Options{Link: LinkOptions{Min: time.Millisecond, CorruptPPM: 100_000, BurstLossPPM: 1}}, build: func(w *World) { addPingers(w, 10) }},
	{name: "messages on channels", o: Options{Link: LinkOptions{Mean: 100 * time.Microsecond, CorruptPPM: 10_000, Channel: true, Retransmit: time.Millisecond}}, build: func(w *World) { addPingers(w, 10) }},
	{name: "messages through pipes", o: Options{Link: LinkOptions{Mean: 100 * time.Microsecond}}, build: func(w *World) {
		addPingers(w, 10)
		w.Lay(Racks(2, 1, PipeOptions{Bandwidth: 1e8}, PipeOptions{Bandwidth: 1e8, Delay: 10 * time.Microsecond}), 1, 2)
	}},
	{name: "timers", o: Options{Clock: ClockOptions{DriftMaxPPM: 200}}, build: func(w *World) {
		w.AddNode("neptune", func(uint32) Machine { return &flicker{} })
	}},
	{name: "disk", o: rough, build: func(w *World) {
		w.AddNode("neptune", func(uint32) Machine { return &logger{} })
	}},
	{name: "rotated disk", o: rough, build: func(w *World) {
		w.AddNode("neptune", func(uint32) Machine { return &logger{rotate: true} })
	}},
	{name: "client", o: rough, build: func(w *World) {
		echo := addEcho(w, "echo")
		w.AddClient("client", func(c *Client) {
			b := []byte("ping")
			for {
				if _, err := c.Call(echo, 1, b, 2*time.Millisecond, anyFrame); err == ErrStopped || c.Sleep(time.Microsecond) != nil {
					return
				}
			}
		})
	}},
	{name: "liars", o: Options{Link: LinkOptions{Min: time.Millisecond, Mean: time.Millisecond}}, build: func(w *World) {
		addPingers(w, 20)
		w.SetAdversary(1, &Equivocate{PPM: 500_000})
		w.SetAdversary(2, twist(func(env AdversaryEnv, to NodeID, kind Kind, frame []byte) {
			env.Emit(to, kind, frame, time.Duration(env.Rand(1000)))
		}))
	}},
	{name: "held effects", o: rough, build: func(w *World) {
		addPingers(w, 3)
		w.AddNode("saturn", func(uint32) Machine { return &logger{} })
		w.Watch(1, StepSend, 77, 1, func() {}) // armed for ever: everything is held
	}},
}

// Law 8: steady state allocates nothing.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations cannot be counted under the race detector")
	}
	for _, s := range steadyLoads {
		o := s.o
		o.Seed = 1
		o.Link.LossPPM, o.Link.DuplicatePPM = 0, 0 // no message is lost for ever, none more
		w := New(o)
		s.build(w)
		run := func(d time.Duration) uint64 {
			before := w.Events()
			w.Run(max(w.Now(), w.Next()).Add(d), nil)
			return w.Events() - before
		}
		for w.Events() < 100_000 { // everything has found its size
			run(10 * time.Millisecond)
		}
		events := uint64(0)
		allocations := testing.AllocsPerRun(20, func() { events += run(5 * time.Millisecond) })
		require.Empty(t, w.Violations(), s.name)
		assert.Zero(t, allocations, s.name)
		assert.Greater(t, events, uint64(500), s.name)
		w.Stop()
	}
}

// A World that is reset and runs the same size again allocates little: its machines,
// and coroutines for its clients.
func TestAFreshSeedAllocatesLittle(t *testing.T) {
	if raceDetector {
		t.Skip("allocations cannot be counted under the race detector")
	}
	w := New(rough)
	seed := uint64(0)
	run := func() {
		seed++
		w.Reset(seeded(rough, seed%20))
		stormy(w)
		w.Run(stormEnd, nil)
	}
	for range 40 {
		run()
	}
	allocations := testing.AllocsPerRun(40, run)
	assert.Greater(t, w.Events(), uint64(1000))
	assert.Less(t, allocations, 250.0) // machines, closures of the plan, names of gossip's files, text of the client
	w.Stop()
}
