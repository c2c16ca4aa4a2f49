package sim

import (
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// Pipes: pieces of network that links share. A frame passes the pipes of its link's route
// one after another, before the link's own delay. Packets are stored and forwarded, and
// all flows wait in one queue, which drops what finds it full. A circuit (Reserve) has a
// slice of every pipe for itself and never waits for others. Both as in Kurose and Ross,
// Computer Networking, 1.3; one cut of a pipe is a correlated failure of all its links.
//
// A pipe costs no event: it keeps the times for which it is taken. A frame gets its time
// on all pipes when it is sent, and takes the first gap after it reaches each: first come,
// first served, where frames reach a pipe in the order in which they were sent.

// PipeID names a pipe of a World: 0, 1, 2, … in the order in which they were added.
type PipeID uint32

// PipeOptions describe a pipe. The zero value is one that no frame notices, until it is
// cut.
type PipeOptions struct {
	Bandwidth int64         // bytes of frames a second; 0: no limit
	Queue     int64         // a frame is dropped that would wait and make more bytes wait than that; 0: no bound
	Delay     time.Duration // propagation
}

type pipe struct {
	PipeOptions
	cuts     int
	reserved int64  // bytes a second of circuits
	taken    []span // not over yet, in order, apart from each other
}

type span struct{ from, until Time }

// circuit is a slice of the pipes of one link.
type circuit struct {
	rate int64 // bytes a second; 0: none
	free Time  // when it has carried all
}

// AddPipe adds a pipe.
func (w *World) AddPipe(o PipeOptions) PipeID {
	if o.Bandwidth < 0 || o.Queue < 0 || o.Delay < 0 {
		panic(fmt.Sprintf("sim: a pipe of %d bytes a second, %d bytes of queue, %v of delay", o.Bandwidth, o.Queue, o.Delay))
	}
	k := len(w.net.pipes)
	if k < cap(w.net.pipes) { // its memory is reused
		w.net.pipes = w.net.pipes[:k+1]
	} else {
		w.net.pipes = append(w.net.pipes, pipe{})
	}
	p := &w.net.pipes[k]
	*p = pipe{PipeOptions: o, taken: p.taken[:0]}
	return PipeID(k)
}

// Route makes frames of the directed link from → to pass pipes, in this order. A circuit
// of the link is released.
func (w *World) Route(from, to NodeID, pipes ...PipeID) {
	w.layout()
	for _, id := range pipes {
		if int(id) >= len(w.net.pipes) {
			panic(fmt.Sprintf("sim: a route through pipe %d; there are %d", id, len(w.net.pipes)))
		}
	}
	w.Release(from, to)
	s := w.special(from, to)
	s.route = append(s.route[:0], pipes...)
}

// CutPipe makes a pipe lose all that is sent through it from now on, until as many
// MendPipes have come as CutPipes.
func (w *World) CutPipe(id PipeID) bool {
	p := &w.net.pipes[id]
	p.cuts++
	w.record(TraceCutPipe, 0, 0, 0, uint64(id)<<32|uint64(p.cuts), nil)
	return p.cuts == 1
}

// MendPipe takes one CutPipe back.
func (w *World) MendPipe(id PipeID) bool {
	p := &w.net.pipes[id]
	if p.cuts == 0 {
		return false
	}
	p.cuts--
	w.record(TraceMendPipe, 0, 0, 0, uint64(id)<<32|uint64(p.cuts), nil)
	return p.cuts == 0
}

// Reserve switches a circuit: the directed link from → to gets so many bytes a second of
// every pipe of its route, and packets of others get so many less. It is false, and does
// nothing, when there is a circuit already, no route, or a pipe that has not more than
// that left: the last byte a second is the packets'.
func (w *World) Reserve(from, to NodeID, bytesPerSecond int64) bool {
	w.layout()
	l := w.link(from, to)
	s := &w.net.specials[l.special]
	if l.special == 0 || len(s.route) == 0 || s.circuit.rate > 0 || bytesPerSecond <= 0 {
		return false
	}
	for i, id := range s.route {
		p := &w.net.pipes[id]
		if p.Bandwidth > 0 && p.Bandwidth-p.reserved <= bytesPerSecond {
			w.giveBack(s.route[:i], bytesPerSecond)
			return false
		}
		p.reserved += bytesPerSecond
	}
	s.circuit = circuit{rate: bytesPerSecond}
	w.record(TraceReserve, to, from, 0, uint64(bytesPerSecond), nil)
	return true
}

// Release ends the circuit of the directed link from → to.
func (w *World) Release(from, to NodeID) bool {
	w.layout()
	l := w.link(from, to)
	s := &w.net.specials[l.special]
	if l.special == 0 || s.circuit.rate == 0 {
		return false
	}
	w.giveBack(s.route, s.circuit.rate)
	s.circuit = circuit{}
	w.record(TraceRelease, to, from, 0, 0, nil)
	return true
}

func (w *World) giveBack(route []PipeID, rate int64) {
	for _, id := range route {
		w.net.pipes[id].reserved -= rate
	}
}

// Why a frame does not get through the pipes.
type obstacle uint8

const (
	none obstacle = iota
	pipeCut
	queueFull
)

// pass sends size bytes at a time through the pipes of a link and returns when they are
// through. An empty frame counts as one byte: it waits like any other.
func (w *World) pass(s *special, at Time, size int) (Time, obstacle) {
	if w.severed(s) {
		return at, pipeCut
	}
	size = max(size, 1)
	if c := &s.circuit; c.rate > 0 {
		c.free = max(c.free, at).Add(sending(size, c.rate))
		at = c.free
		for _, id := range s.route {
			at = at.Add(w.net.pipes[id].Delay)
		}
		return at, none
	}
	for _, id := range s.route {
		p := &w.net.pipes[id]
		start, ok := p.take(at, w.now, size)
		if !ok {
			return at, queueFull
		}
		at = start.Add(p.Delay)
	}
	return at, none
}

// severed tells whether a pipe of a link's route is cut.
func (w *World) severed(s *special) bool {
	for _, id := range s.route {
		if w.net.pipes[id].cuts > 0 {
			return true
		}
	}
	return false
}

// sending is how long size bytes take at a rate, rounded up.
func sending(size int, rate int64) time.Duration {
	return time.Duration((int64(size)*int64(time.Second) + rate - 1) / rate)
}

// take finds the first gap from a time on for a frame and returns when it has been sent.
func (p *pipe) take(at, now Time, size int) (sent Time, ok bool) {
	if p.Bandwidth == 0 {
		return at, true
	}
	over := 0
	for over < len(p.taken) && p.taken[over].until <= now {
		over++
	}
	p.taken = slices.Delete(p.taken, 0, over)
	rate := p.Bandwidth - p.reserved
	lasts := sending(size, rate)
	i, _ := slices.BinarySearchFunc(p.taken, at, func(t span, at Time) int {
		if t.until <= at {
			return -1
		}
		return 1
	})
	start := at
	for ; i < len(p.taken) && start.Add(lasts) > p.taken[i].from; i++ {
		start = max(start, p.taken[i].until)
	}
	if start > at && p.Queue > 0 && carried(start.Sub(at), rate)+int64(size) > p.Queue {
		return at, false
	}
	end := start.Add(lasts)
	// Spans that touch become one: a pipe that is never idle has one.
	left, right := i > 0 && p.taken[i-1].until == start, i < len(p.taken) && p.taken[i].from == end
	switch {
	case left && right:
		p.taken[i-1].until = p.taken[i].until
		p.taken = slices.Delete(p.taken, i, i+1)
	case left:
		p.taken[i-1].until = end
	case right:
		p.taken[i].from = start
	default:
		p.taken = slices.Insert(p.taken, i, span{start, end})
	}
	return end, true
}

// carried is how many bytes take so long at a rate.
func carried(d time.Duration, rate int64) int64 {
	hi, lo := bits.Mul64(uint64(d), uint64(rate))
	if hi >= uint64(time.Second) {
		return 1<<62 - 1
	}
	q, _ := bits.Div64(hi, lo, uint64(time.Second))
	return int64(min(q, 1<<62-1))
}
