package sim

import "time"

// Timers, with soft deadlines: a timer owns one entry of the queue; restarting it
// for later writes the new deadline only, and the entry moves itself when it comes
// up. An election timer that every heartbeat restarts costs no queue operation.

type timer struct {
	deadline Time
	order    uint64 // tie and sequence of the deadline
	queued   Time   // when the entry comes up
	queuedAs uint64 // under which order
	entry    uint32 // generation of the valid entry
	inQueue  bool
	active   bool
	due      bool // came up and waits in the inbox
}

func (n *node) SetTimer(id TimerID, d time.Duration) {
	w := n.w
	if n.mute {
		return
	}
	d = max(d, 0)
	if w.mustHold(n) {
		h := n.hold()
		h.timer, h.id, h.d = true, id, d
		return
	}
	w.setTimer(n, id, n.cpu, d)
}

func (n *node) StopTimer(id TimerID) {
	if int(id) < len(n.timers) {
		n.timers[id].active, n.timers[id].due = false, false
	}
	for i := n.heldFrom; i < len(n.held); i++ {
		if h := &n.held[i]; h.timer && h.id == id {
			h.timer, h.d = true, -1 // a held start that is stopped before it left
		}
	}
}

func (w *World) setTimer(n *node, id TimerID, at Time, d time.Duration) {
	if d < 0 { // stopped while it was held: its tie is drawn all the same (law 3)
		w.tieOf(n)
		return
	}
	for int(id) >= len(n.timers) {
		n.timers = append(n.timers, timer{})
	}
	t := &n.timers[id]
	t.active, t.due = true, false
	t.deadline = at.Add(n.clock.real(at, d))
	t.order = w.queue.order(w.tieOf(n))
	if t.inQueue && (t.queued < t.deadline || t.queued == t.deadline && t.queuedAs < t.order) {
		return
	}
	w.queueTimer(n, id, t)
}

func (w *World) queueTimer(n *node, id TimerID, t *timer) {
	t.entry++
	t.inQueue, t.queued, t.queuedAs = true, t.deadline, t.order
	w.queue.push(t.deadline, t.order, event{what: evTimer, node: n.id, gen: n.incarnation, arg: uint32(id), size: t.entry})
}

func (w *World) timerDue(n *node, k key, ev event) {
	if ev.gen != n.incarnation || !n.up {
		return
	}
	t := &n.timers[ev.arg]
	if ev.size != t.entry {
		return
	}
	t.inQueue = false
	if !t.active {
		return
	}
	if t.deadline > w.now || t.order != k.lo&^slotMask {
		w.queueTimer(n, TimerID(ev.arg), t)
		return
	}
	w.events++
	t.due = true
	if n.client != nil {
		t.due, t.active = false, false
		w.record(TraceWake, n.id, 0, 0, 0, nil)
		n.client.resume(true)
		w.touched(n)
		return
	}
	w.serve(n, ev)
}
