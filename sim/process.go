package sim

import "time"

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
	off         bool // down, and its kernel with it
	mute        bool // its effects go nowhere: down, or halted in this very handler
	pausedAt    Time

	cpu    Time    // inside a handler: now plus the CPU time it has spent
	busy   Time    // when the node can serve its next event
	inbox  []event // what arrived while it was busy or paused, in order
	head   int     // of inbox
	parked int     // events at its head that wait for nothing but held effects
	ready  bool    // an evReady is scheduled

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

	slow        int64                // factor of all CPU work; 0 and 1: none
	memory      int64                // bytes that the process has charged
	budget      int64                // and how many it may; 0: any
	version     uint32               // of the program that boots next
	first       func(uint32) Machine // the program of FirstVersion, when another boots next
	adversary   Adversary
	lies        uint32 // occurrence of ChooseLie
	emissions   uint32 // occurrence of ChooseTie on the adversary's stream
	adversaries uint32 // how often one came or went

	keeping timekeeping // of the clock, if it has any
}

func (n *node) reset(w *World, id NodeID, name string) {
	n.w, n.id, n.name = w, id, name
	n.boot, n.client, n.machine = nil, nil, nil
	n.incarnation, n.up, n.paused, n.off, n.mute = 0, false, false, true, true
	n.cpu, n.busy, n.ready = 0, 0, false
	n.inbox, n.head, n.parked = n.inbox[:0], 0, 0
	n.held, n.heldFrom, n.holding = n.held[:0], 0, false
	n.timers = n.timers[:0]
	n.nodeKey = streamKey(w.opts.Seed, NodeStream(id, 0))
	n.diskKey = streamKey(w.opts.Seed, DiskStream(id))
	n.ties, n.rands = 0, 0
	n.observed = [maxFields]int64{}
	n.watches = n.watches[:0]
	n.slow, n.memory, n.budget, n.adversary = 0, 0, w.opts.Memory, nil
	n.lies, n.emissions, n.adversaries = 0, 0, 0
	n.version, n.first = FirstVersion, nil
	n.disk.reset(w, n, w.opts.Disk)
	o := w.opts.Clock
	n.clock = clock{bound: o.Bound}
	if o.DriftMaxPPM > 0 {
		n.clock.driftPPM = int64(n.draw(ChooseBoot, 0, uint64(2*o.DriftMaxPPM+1))) - o.DriftMaxPPM
	}
	if o.OffsetMax > 0 {
		n.clock.wall = time.Duration(n.draw(ChooseBoot, 1, uint64(2*o.OffsetMax+1))) - o.OffsetMax
	}
	n.keeping.reset(n, o)
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
		if most := w.opts.CPU.Queue; most > 0 && ev.what == evFrame && ev.gen == 0 && len(n.inbox)-n.head >= most {
			w.record(TraceLost, n.id, ev.from, ev.kind, lostFull, nil)
			w.frames.drop(ev.arg, ev.size)
			return
		}
		if !n.paused && !n.holding && n.busy <= w.now && n.parked == len(n.inbox)-n.head {
			n.parked++
		}
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
	w.handle(n, n.next())
	w.wake(n)
}

// serveParked serves what arrived when the node was free but for effects that it held
// because an intervention somewhere might have come before them. Without that one it would
// have been served when it came, and no tie drawn (law 3).
func (w *World) serveParked(n *node) {
	for ; n.parked > 0 && !n.paused && n.busy <= w.now && n.heldFrom == len(n.held); n.parked-- {
		w.handle(n, n.next())
	}
	n.parked = 0
}

// next takes the first event out of the inbox.
func (n *node) next() event {
	ev := n.inbox[n.head]
	n.head++
	if n.head == len(n.inbox) {
		n.inbox, n.head = n.inbox[:0], 0
	}
	return ev
}

// handle runs the machine's handler for ev.
func (w *World) handle(n *node, ev event) {
	w.current = n
	n.cpu = w.now
	n.work(w.opts.CPU.Handler)
	switch ev.what {
	case evFrame:
		frame := w.frames.get(ev.arg, ev.size)
		w.record(TraceDeliver, n.id, ev.from, ev.kind, 0, frame)
		if w.armed > 0 {
			w.notice(n, w.now, StepReceive, ev.kind)
		}
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
		io := IO{Op: r.op, Data: r.data, Files: r.files, N: r.n, Err: r.err}
		id := r.id
		// The slot stays taken during the handler: new operations may grow the slab.
		n.machine.Complete(n, id, io)
		w.dropIO(ev.arg)
	case evClosed:
		w.record(TraceClosed, n.id, ev.from, 0, uint64(ev.kind), nil)
		n.machine.(Closer).Closed(n, ev.from, CloseReason(ev.kind))
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
	n.up, n.paused, n.off, n.mute = true, false, false, false
	n.nodeKey = streamKey(w.opts.Seed, NodeStream(id, n.incarnation))
	n.ties, n.rands = 0, 0
	n.busy, n.ready = w.now, false
	n.clock.restart(w.now)
	n.machine = n.boot(n.incarnation)
	w.record(TraceBoot, id, 0, 0, uint64(n.version-FirstVersion)<<32|uint64(n.incarnation), nil)
	before := w.current
	w.current = n
	n.cpu = w.now
	n.work(w.opts.CPU.Handler)
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
	n.off = true
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
	if n.paused {
		w.unsuspend(n, w.now.Sub(n.pausedAt))
	}
	n.up, n.paused, n.mute = false, false, true
	for _, ev := range n.inbox[n.head:] {
		switch ev.what {
		case evFrame:
			w.frames.drop(ev.arg, ev.size)
		case evIO:
			w.dropIO(ev.arg)
		}
	}
	n.inbox, n.head, n.parked = n.inbox[:0], 0, 0
	n.held, n.heldFrom, n.holding = n.held[:0], 0, false
	for i := range n.timers {
		n.timers[i] = timer{entry: n.timers[i].entry}
	}
	n.observed = [maxFields]int64{}
	n.memory = 0
	n.machine = nil
	w.hangUp(n)
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
	w.unsuspend(n, lost)
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
