package bench

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkQueue is the hold model on container/heap with pointers: pop the earliest
// event, read it, push one at a later time. Saros' queue is measured the same way by
// BenchmarkQueue of package sim.
func BenchmarkQueue(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := &heapWorld{rand: rand.New(rand.NewPCG(1, 1))}
			do := func() {}
			later := func() time.Duration {
				return 50*time.Microsecond + time.Duration(w.rand.ExpFloat64()*float64(time.Millisecond))
			}
			for range n {
				w.after(later(), do)
			}
			sum := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				e := heap.Pop(&w.events).(*heapEvent)
				sum += e.seq
				w.now = e.at
				w.after(later(), do)
			}
			if sum == 0 {
				b.Fatal("no event was popped")
			}
		})
	}
}

// BenchmarkCalibration is arithmetic and no memory: when it moves, so did the machine.
func BenchmarkCalibration(b *testing.B) {
	x := uint64(b.N)
	for b.Loop() {
		for range 1000 {
			x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		}
	}
	if x == 1 {
		b.Fatal("cannot be")
	}
}
