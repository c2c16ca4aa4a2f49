package sim

import (
	"fmt"
	"time"
)

// Effects (law 6). An effect leaves when the CPU time before it has passed. If no
// intervention stands between now and then, nothing can come between, and it is
// carried out at once with its own time; otherwise it is held, and a crash in
// between takes it.

type heldEffect struct {
	at    Time
	io    bool
	timer bool
	halt  error
	to    NodeID
	kind  Kind
	id    TimerID
	d     time.Duration
	frame []byte // reused
	op    diskOp
}

func (w *World) mustHold(n *node) bool {
	return n.holding || n.heldFrom < len(n.held) || n.cpu > w.now && w.mayIntervene(n.cpu)
}

// mayIntervene tells whether something may come between now and a later time: an
// intervention that is due by then, one that is aimed at a step of any node, or a channel
// that opens or is reset, as it may at any time.
func (w *World) mayIntervene(at Time) bool {
	return w.armed > 0 || w.net.channels || at >= w.nextIntervention()
}

// hold returns the slot of the next held effect.
func (n *node) hold() *heldEffect {
	if k := len(n.held); k < cap(n.held) {
		n.held = n.held[:k+1]
	} else {
		n.held = append(n.held, heldEffect{})
	}
	h := &n.held[len(n.held)-1]
	*h = heldEffect{at: n.cpu, frame: h.frame[:0]}
	return h
}

func (w *World) release(n *node) {
	n.holding = false
	for n.heldFrom < len(n.held) {
		h := &n.held[n.heldFrom]
		if n.paused {
			return
		}
		if n.holding || h.at > w.now && w.mayIntervene(h.at) {
			w.settle(n)
			return
		}
		n.heldFrom++
		at := max(h.at, w.now)
		switch {
		case h.io:
			h.op.data = h.frame
			n.disk.submit(at, h.op)
		case h.timer:
			w.setTimer(n, h.id, at, h.d)
		case h.halt != nil:
			w.halt(n, h.halt)
			w.touched(n)
			return
		default:
			w.depart(n, at, h.to, h.kind, h.frame)
		}
	}
	n.held, n.heldFrom, n.holding = n.held[:0], 0, false
	n.busy = max(n.busy, w.now)
	w.serveParked(n)
	w.wake(n)
	w.touched(n)
}

// depart is the moment at which a frame leaves.
func (w *World) depart(n *node, at Time, to NodeID, kind Kind, frame []byte) {
	if n.adversary != nil {
		w.lie(n, at, to, kind, frame)
	} else {
		w.send(n, at, to, kind, frame)
	}
	w.notice(n, at, StepSend, kind)
}

func (w *World) effectIO(n *node, o diskOp) {
	if n.mute {
		return
	}
	n.work(w.opts.CPU.Effect)
	if w.mustHold(n) {
		h := n.hold()
		h.io, h.op = true, o
		h.frame = append(h.frame, o.data...)
		h.op.data = nil
		return
	}
	n.disk.submit(n.cpu, o)
}

// Env: what the machine sees.

func (n *node) Self() NodeID             { return n.id }
func (n *node) Monotonic() time.Duration { return n.clock.at(n.cpu) }
func (n *node) Wall() Wall               { return n.told(n.cpu) }
func (n *node) Disk() Disk               { return &n.disk }
func (n *node) Spend(d time.Duration)    { n.work(max(d, 0)) }

func (n *node) Send(to NodeID, kind Kind, frame []byte) {
	w := n.w
	if n.mute {
		return
	}
	w.admit(n, to, frame)
	n.work(w.opts.CPU.Effect)
	if w.mustHold(n) {
		h := n.hold()
		h.to, h.kind = to, kind
		h.frame = append(h.frame, frame...)
		return
	}
	w.depart(n, n.cpu, to, kind, frame)
}

func (n *node) Rand(bound uint64) uint64 {
	n.rands++
	return n.draw(ChooseRand, n.rands-1, max(bound, 1))
}

func (n *node) Observe(f Field, value int64) {
	if f >= maxFields {
		panic(fmt.Sprintf("sim: node %d observes field %d; there are %d", n.id, f, maxFields))
	}
	if !n.mute {
		n.observed[f] = value
	}
}

func (n *node) Always(cond bool, name string) {
	if !cond {
		n.w.Violate("always", name, fmt.Sprintf("node %s: %s does not hold", n.name, name))
	}
}

func (n *node) Sometimes(cond bool, name string) { n.w.Sometimes(cond, name) }

func (n *node) Halt(err error) {
	w := n.w
	if n.mute {
		return
	}
	if err == nil {
		panic(fmt.Sprintf("sim: node %d halts without an error", n.id))
	}
	if w.mustHold(n) {
		n.hold().halt = err
		n.mute = true
		return
	}
	w.halt(n, err)
}

func (w *World) halt(n *node, err error) {
	if err == errOutOfMemory {
		w.outOfMemory(n)
		return
	}
	w.halted++
	w.record(TraceHalt, n.id, 0, 0, 0, []byte(err.Error()))
	if w.OnHalt != nil {
		w.OnHalt(n.id, err)
	}
	w.down(n)
}
