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

func pingWorld(inFlight int, o Options) (*World, *int) {
	got := new(int)
	w := New(o)
	for range 2 {
		id := NodeID(len(w.nodes))
		w.AddNode(fmt.Sprint(id), func(uint32) Machine {
			return &pinger{peer: id ^ 3, first: (inFlight + 2 - int(id)) / 2, got: got}
		})
	}
	return w, got
}

func BenchmarkMessage(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, got := pingWorld(n, Options{Seed: 1, Link: LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond}})
			w.Run(Time(time.Second), nil)
			*got = 0
			b.ReportAllocs()
			b.ResetTimer()
			w.Run(End-1, func() bool { return *got >= b.N })
		})
	}
}
