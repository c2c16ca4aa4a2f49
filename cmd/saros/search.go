package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/scenarios/hunt"
)

// search shares seeds among workers, each on a goroutine with an arena of its own, and
// hands their outcomes on in the order of the seeds: whoever looks at them cannot tell
// how many workers there were.
//
//	base, base+1, … ─► batches, taken in order ─► workers ─► outcomes, put in order ─► each
type search struct {
	config  hunt.Config
	base    uint64
	seeds   uint64        // how many; 0: until the time is up
	budget  time.Duration // of wall time; 0: none
	workers int
	tick    func() // now and then, on the caller's goroutine
}

// batchSize is how many seeds a worker takes at once: few, so that a search ends soon
// after it was told to.
const batchSize = 4

const (
	maxWorkers  = 1024
	mostPerCore = 4
	overtime    = time.Second // how long a seed may go on when the time is up
)

type batch struct {
	index    uint64
	outcomes []hunt.Outcome
	crash    *harnessPanic
	cut      bool // it was told to stop: what comes after is left out
}

// each calls see with the outcome of every seed, in order, until it returns false, the
// seeds or the budget are used up, or ctx is done.
func (s *search) each(ctx context.Context, see func(*hunt.Outcome) bool) error {
	most := s.seeds // how many seeds; 0: 2^64
	if most == 0 {
		most = -s.base // as many as there are
	}
	n := min(s.workers, mostPerCore*runtime.GOMAXPROCS(0)) // more would need memory and time only
	if most > 0 {
		n = int(min(uint64(n), (most-1)/batchSize+1)) // no worker without a batch
	}
	workers := make([]*hunt.Worker, n)
	for i := range workers {
		w, err := hunt.NewWorker(s.config)
		if err != nil {
			return bad(err)
		}
		workers[i] = w
	}
	var deadline time.Time
	if s.budget > 0 {
		deadline = time.Now().Add(s.budget)
	}
	var next atomic.Uint64
	var stop atomic.Bool
	results := make(chan batch, n)
	var all sync.WaitGroup
	for _, w := range workers {
		w.Runner().Stop = func() bool {
			return stop.Load() || ctx.Err() != nil || !deadline.IsZero() && time.Since(deadline) > overtime
		}
		all.Go(func() {
			for !stop.Load() && ctx.Err() == nil && (deadline.IsZero() || time.Now().Before(deadline)) {
				b := batch{index: next.Add(1) - 1}
				first := b.index * batchSize
				if most > 0 && first >= most {
					return
				}
				n := uint64(batchSize)
				if most > 0 {
					n = min(n, most-first)
				}
				s.run(w, &b, s.base+first, n)
				results <- b
				if b.crash != nil || b.cut {
					return
				}
			}
		})
	}
	go func() {
		all.Wait()
		close(results)
	}()
	return s.inOrder(results, &stop, see)
}

// run runs one batch.
func (s *search) run(w *hunt.Worker, b *batch, first, n uint64) {
	seed := first
	defer func() {
		if r := recover(); r != nil {
			b.crash = &harnessPanic{name(s.config.Scenario, seed), r, debug.Stack()}
		}
	}()
	for i := range n {
		seed = first + i
		o := w.Run(seed)
		if b.cut = o.Reason == scenarios.ReasonStopped; b.cut {
			return
		}
		b.outcomes = append(b.outcomes, o)
	}
}

// inOrder puts the batches in order. Once there is enough, it tells the workers, and
// waits for them: nobody is left behind.
func (s *search) inOrder(results <-chan batch, stop *atomic.Bool, see func(*hunt.Outcome) bool) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	waiting := map[uint64]batch{}
	var turn uint64
	var crash *harnessPanic
	for {
		select {
		case <-ticker.C:
			if s.tick != nil && !stop.Load() {
				s.tick()
			}
			continue
		case b, open := <-results:
			if !open {
				if crash != nil {
					return crash
				}
				return nil
			}
			waiting[b.index] = b
		}
		for !stop.Load() {
			b, here := waiting[turn]
			if !here {
				break
			}
			delete(waiting, turn)
			turn++
			for i := range b.outcomes {
				if !see(&b.outcomes[i]) {
					stop.Store(true)
					break
				}
			}
			if b.cut {
				stop.Store(true)
			}
			if b.crash != nil && !stop.Load() {
				crash = b.crash
				stop.Store(true)
			}
		}
	}
}

// allCores is how many workers there are unless told otherwise.
func allCores() uint64 { return uint64(min(runtime.GOMAXPROCS(0), maxWorkers)) }
