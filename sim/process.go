package sim

import (
	"fmt"
	"slices"
	"time"
)

// A node: a process with a run queue on a machine with a disk and two clocks. A kill
// or a power loss ends an incarnation; a restart begins the next.

const maxFields = 32

type node struct {
	w    *World
	id   NodeID
	name string
	boot func(uint32) Machine
	// A client has no machine, a node no client.
	client *Client

	machine     Machine
	incarnation uint32
	up, paused  bool
	mute        bool // its effects go nowhere: down, or halted in this very handler
	pausedAt    Time

	cpu   Time    // inside a handler: now plus the CPU time it has spent
	busy  Time    // when the node can serve its next event
	inbox []event // what arrived while it was busy or paused, in order
	head  int     // of inbox
	ready bool    // an evReady is scheduled

	// Effects that wait because an intervention stands before them (law 6).
	held     []heldEffect
	heldFrom int
	holding  bool // everything is held until the intervention at hand has run

	timers   []timer
	clock    clock
	disk     disk
	nodeKey  uint64 // default Decider's key of this incarnation's stream
	diskKey  uint64
	ties     uint32 // occurrence of ChooseTie on the node's stream
	rands    uint32 // occurrence of ChooseRand
	observed [maxFields]int64
	watches  []watch
}

func (n *node) reset(w *World, id NodeID, name string) {
	n.w, n.id, n.name = w, id, name
	n.boot, n.client, n.machine = nil, nil, nil
	n.incarnation, n.up, n.paused, n.mute = 0, false, false, true
	n.cpu, n.busy, n.ready = 0, 0, false
	n.inbox, n.head = n.inbox[:0], 0
	n.held, n.heldFrom, n.holding = n.held[:0], 0, false
	n.timers = n.timers[:0]
	n.nodeKey = streamKey(w.opts.Seed, NodeStream(id, 0))
	n.diskKey = streamKey(w.opts.Seed, DiskStream(id))
	n.ties, n.rands = 0, 0
	n.observed = [maxFields]int64{}
	n.watches = n.watches[:0]
	n.disk.reset(w, n, w.opts.Disk)
	o := w.opts.Clock
	n.clock = clock{bound: o.Bound}
	if o.DriftMaxPPM > 0 {
		n.clock.driftPPM = int64(n.draw(ChooseBoot, 0, uint64(2*o.DriftMaxPPM+1))) - o.DriftMaxPPM
	}
	if o.OffsetMax > 0 {
		n.clock.wall = time.Duration(n.draw(ChooseBoot, 1, uint64(2*o.OffsetMax+1))) - o.OffsetMax
	}
}

func (n *node) draw(c Choice, occurrence uint32, bound uint64) uint64 {
	d := draws{w: n.w, n: occurrence, base: base(n.nodeKey, 0, occurrence)}
	if n.w.decider != nil {
		d.s = NodeStream(n.id, n.incarnation)
		if n.client != nil {
			d.s = ClientStream(n.id)
		}
	}
	return d.below(c, bound)
}

// tieOf draws the order of the node's next event among others of its instant.
func (w *World) tieOf(n *node) uint64 {
	n.ties++
	return n.draw(ChooseTie, n.ties-1, tieBound)
}

// Serving events.

// serve lets the node handle ev, now or when it is free.
func (w *World) serve(n *node, ev event) {
	if n.paused || n.busy > w.now || n.head < len(n.inbox) || n.heldFrom < len(n.held) {
		n.inbox, n.head = enqueue(n.inbox, n.head, ev)
		w.wake(n)
		return
	}
	w.handle(n, ev)
}

// enqueue appends ev to a box of which the first head events were taken out. A box
// that is never empty moves to the front of its memory now and then.
func enqueue(box []event, head int, ev event) ([]event, int) {
	if len(box) == cap(box) && head > len(box)/2 {
		box, head = box[:copy(box, box[head:])], 0
	}
	return append(box, ev), head
}

// wake makes sure that a waiting event will be served.
func (w *World) wake(n *node) {
	if n.ready || n.paused || n.head == len(n.inbox) || n.heldFrom < len(n.held) {
		return
	}
	n.ready = true
	w.queue.push(max(n.busy, w.now), w.queue.order(w.tieOf(n)), event{what: evReady, node: n.id, gen: n.incarnation})
}

func (w *World) serveNext(n *node) {
	if n.paused || n.head == len(n.inbox) || n.heldFrom < len(n.held) {
		return
	}
	if n.busy > w.now {
		w.wake(n)
		return
	}
	ev := n.inbox[n.head]
	n.head++
	if n.head == len(n.inbox) {
		n.inbox, n.head = n.inbox[:0], 0
	}
	w.handle(n, ev)
	w.wake(n)
}

// handle runs the machine's handler for ev.
func (w *World) handle(n *node, ev event) {
	w.current = n
	n.cpu = w.now.Add(w.opts.CPU.Handler)
	switch ev.what {
	case evFrame:
		frame := w.frames.get(ev.arg, ev.size)
		w.record(TraceDeliver, n.id, ev.from, ev.kind, 0, frame)
		n.machine.Receive(n, ev.from, ev.kind, frame)
		w.frames.drop(ev.arg, ev.size)
	case evTimer:
		t := &n.timers[ev.arg]
		if !t.due || ev.size != t.entry { // stopped or restarted while the event waited
			w.current = nil
			return
		}
		t.due, t.active = false, false
		w.record(TraceTimer, n.id, 0, 0, uint64(ev.arg), nil)
		n.machine.Fire(n, TimerID(ev.arg))
	case evIO:
		r := &w.ios[ev.arg]
		failed := uint64(0)
		if r.err != nil {
			failed = 1
		}
		w.record(TraceDone, n.id, 0, Kind(r.op), failed, r.data)
		io := IO{Op: r.op, Data: r.data, Files: r.files, Err: r.err}
		id := r.id
		// The slot stays taken during the handler: new operations may grow the slab.
		n.machine.Complete(n, id, io)
		w.dropIO(ev.arg)
	}
	w.handled(n)
}

func (w *World) handled(n *node) {
	w.current = nil
	n.busy = n.cpu
	if n.up {
		w.settle(n)
	}
	w.touched(n)
}

// settle schedules the release of the effects that the handler left behind.
func (w *World) settle(n *node) {
	if n.heldFrom == len(n.held) {
		n.holding = false
		return
	}
	if n.paused {
		return
	}
	at := max(n.held[n.heldFrom].at, w.now)
	w.queue.push(at, w.queue.order(tieBound-1), event{what: evRelease, node: n.id, gen: n.incarnation})
}

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
// intervention that is due by then, or one that is aimed at a step of any node.
func (w *World) mayIntervene(at Time) bool { return w.armed > 0 || at >= w.nextIntervention() }

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
	w.wake(n)
	w.touched(n)
}

// depart is the moment at which a frame leaves.
func (w *World) depart(n *node, at Time, to NodeID, kind Kind, frame []byte) {
	w.send(n, at, to, kind, frame)
	w.notice(n, at, StepSend, kind)
}

func (w *World) effectIO(n *node, o diskOp) {
	if n.mute {
		return
	}
	n.cpu = n.cpu.Add(w.opts.CPU.Effect)
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
func (n *node) Wall() Wall               { return n.clock.read(n.cpu) }
func (n *node) Disk() Disk               { return &n.disk }
func (n *node) Spend(d time.Duration)    { n.cpu = n.cpu.Add(max(d, 0)) }

func (n *node) Send(to NodeID, kind Kind, frame []byte) {
	w := n.w
	if n.mute {
		return
	}
	w.admit(n, to, frame)
	n.cpu = n.cpu.Add(w.opts.CPU.Effect)
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
	if w.mustHold(n) {
		n.hold().halt = err
		n.mute = true
		return
	}
	w.halt(n, err)
}

func (w *World) halt(n *node, err error) {
	w.halted++
	w.record(TraceHalt, n.id, 0, 0, 0, []byte(err.Error()))
	if w.OnHalt != nil {
		w.OnHalt(n.id, err)
	}
	w.down(n)
}

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

// The life of a process.

// Up tells whether a node's process runs (paused or not).
func (w *World) Up(n NodeID) bool { return w.nodes[n].up }

// Paused tells whether a node is paused.
func (w *World) Paused(n NodeID) bool { return w.nodes[n].paused }

// Incarnation counts the boots of a node.
func (w *World) Incarnation(n NodeID) uint32 { return w.nodes[n].incarnation }

// Observed is what the node showed last in a field; 0 after a crash.
func (w *World) Observed(n NodeID, f Field) int64 { return w.nodes[n].observed[f] }

// MonotonicOf is a node's monotonic clock, for checks; nodes read their own.
func (w *World) MonotonicOf(n NodeID) time.Duration { return w.nodes[n].clock.at(w.now) }

// Restart boots a node that is down.
func (w *World) Restart(id NodeID) bool {
	n := w.nodes[id]
	if n.up || n.boot == nil {
		return false
	}
	n.incarnation++
	n.up, n.paused, n.mute = true, false, false
	n.nodeKey = streamKey(w.opts.Seed, NodeStream(id, n.incarnation))
	n.ties, n.rands = 0, 0
	n.busy, n.ready = w.now, false
	if n.clock.since > w.now { // the rate was to change when the process that died was done
		n.clock.setDrift(w.now, n.clock.driftPPM)
	}
	n.machine = n.boot(n.incarnation)
	w.record(TraceBoot, id, 0, 0, uint64(n.incarnation), nil)
	before := w.current
	w.current = n
	n.cpu = w.now.Add(w.opts.CPU.Handler)
	n.machine.Boot(n)
	w.handled(n)
	w.current = before
	return true
}

// Kill ends the process: its memory is lost, the page cache of its disk is kept.
func (w *World) Kill(id NodeID) bool {
	n := w.nodes[id]
	if !n.up || n.client != nil {
		return false
	}
	w.record(TraceKill, id, 0, 0, 0, nil)
	w.down(n)
	w.touched(n)
	return true
}

// PowerLoss ends the process, if one runs, and loses what the disk had not synced, in
// part or whole as the seed decides.
func (w *World) PowerLoss(id NodeID) bool {
	n := w.nodes[id]
	if n.client != nil {
		return false
	}
	was := n.up
	w.record(TracePowerLoss, id, 0, 0, 0, nil)
	if was {
		w.down(n)
	}
	n.disk.powerLoss()
	w.touched(n)
	return was
}

// down forgets all that lived in memory.
func (w *World) down(n *node) {
	n.up, n.paused, n.mute = false, false, true
	for _, ev := range n.inbox[n.head:] {
		switch ev.what {
		case evFrame:
			w.frames.drop(ev.arg, ev.size)
		case evIO:
			w.dropIO(ev.arg)
		}
	}
	n.inbox, n.head = n.inbox[:0], 0
	n.held, n.heldFrom, n.holding = n.held[:0], 0, false
	for i := range n.timers {
		n.timers[i] = timer{entry: n.timers[i].entry}
	}
	n.observed = [maxFields]int64{}
	n.machine = nil
}

// Pause stops the process as SIGSTOP or a virtual machine's pause does: memory stays,
// time passes, what arrives waits.
func (w *World) Pause(id NodeID) bool {
	n := w.nodes[id]
	if !n.up || n.paused || n.client != nil {
		return false
	}
	n.paused, n.pausedAt = true, w.now
	w.record(TracePause, id, 0, 0, 0, nil)
	return true
}

// Resume lets a paused process go on: what it was doing takes the rest of its time,
// timers that came due meanwhile fire in a burst.
func (w *World) Resume(id NodeID) bool {
	n := w.nodes[id]
	if !n.paused {
		return false
	}
	n.paused = false
	w.record(TraceResume, id, 0, 0, 0, nil)
	lost := w.now.Sub(n.pausedAt)
	if n.busy > n.pausedAt {
		n.busy = n.busy.Add(lost)
	}
	for i := n.heldFrom; i < len(n.held); i++ {
		n.held[i].at = n.held[i].at.Add(lost)
	}
	w.settle(n)
	w.wake(n)
	return true
}

// Aimed interventions.

// Step is a step of a node that an intervention can be aimed at.
type Step uint8

// The steps.
const (
	StepSend    Step = iota + 1 // a frame of some kind left
	StepSync                    // a sync was submitted to the disk
	StepDurable                 // a sync ended: its data is durable
)

type watch struct {
	on   Step
	kind Kind
	left int
	do   func()
}

// Watch arms an intervention that runs once, right after the nth step (from 1) that
// the node makes from now on; kind tells which frames StepSend counts. Disarm all
// with Unwatch.
func (w *World) Watch(id NodeID, on Step, kind Kind, nth int, do func()) {
	n := w.nodes[id]
	n.watches = append(n.watches, watch{on, kind, max(nth, 1), do})
	w.armed++
}

// Unwatch disarms every aimed intervention.
func (w *World) Unwatch() {
	for _, n := range w.nodes[1:] {
		n.watches = n.watches[:0]
	}
	w.armed = 0
}

// notice tells the watches that node n makes a step at a time.
func (w *World) notice(n *node, at Time, on Step, kind Kind) {
	for i := 0; i < len(n.watches); i++ {
		h := &n.watches[i]
		if h.on != on || on == StepSend && h.kind != kind {
			continue
		}
		if h.left--; h.left > 0 {
			continue
		}
		do := h.do
		n.watches = slices.Delete(n.watches, i, i+1)
		i--
		w.armed--
		n.holding = true
		w.intervene(at, w.queue.first(), do)
	}
}
