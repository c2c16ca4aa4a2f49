package sim

import (
	"fmt"
	"runtime/debug"
	"time"
)

// Options describe a World. The zero value is the perfect world: no delay, no loss,
// disks and handlers that take no time, perfect clocks.
type Options struct {
	Seed    uint64
	Decider Decider // nil: Keyed{Seed}, inlined
	Link    LinkOptions
	Disk    DiskOptions
	Clock   ClockOptions
	CPU     CPUOptions
	Memory  int64 // bytes that each node's process may charge (Env.Memory); 0: any
	Buggify bool  // whether Env.Buggify ever fires
}

// CPUOptions are the costs of a node's work. A node serves one event at a time; what
// arrives meanwhile waits in its run queue.
type CPUOptions struct {
	Handler time.Duration // per event served
	Effect  time.Duration // per frame sent and per disk operation
	Queue   int           // frames that find so many events waiting are dropped; 0: no bound
}

// World is one simulated run: its event queue, nodes, network, disks, clocks. It is
// a plain value used from one goroutine; run many of them for parallelism.
type World struct {
	opts    Options
	decider Decider // nil: the default, inlined
	now     Time
	queue   queue
	nodes   []*node // by NodeID; nodes[0] is nobody
	spare   []*node // nodes of earlier runs, to be reused

	links       []link
	stride      int
	linkOptions []LinkOptions
	frames      frames
	messages    uint64
	net         network

	ios    []ioResult
	freeIO []uint32

	interventions []func()
	pendingAt     []Time // times of the interventions that have not run, latest first
	armed         int    // watches of all nodes that wait for their step

	digest     Digest
	events     uint64
	violations []Violation
	sometimes  map[string]uint64
	current    *node // whose handler runs
	halted     uint64

	// NTP: events that are no part of the run, pending and past; the servers' errors.
	background           int
	answers              uint64
	serverOff, serverLie [MaxServers]time.Duration

	points []Point // of Buggify
	named  []byte
	liar   liar

	// Budget is how many events the run may have; 0: MaxEvents.
	Budget uint64
	// Trace, when set, is shown every line of the trace. It must not call the World.
	Trace func(TraceLine)
	// After, when set, is called after every event that may have changed a node.
	After func(n NodeID)
	// OnHalt, when set, is told of a process that stopped itself.
	OnHalt func(n NodeID, err error)
	// OnOutOfMemory, when set, is told of a process that was killed for the memory that
	// it held. Who restarts it does so in an intervention (At), not here.
	OnOutOfMemory func(n NodeID)
	// PanicStack is where a machine panicked, for a person to read; no part of the run.
	PanicStack []byte
}

// Violation is something that must always hold and did not.
type Violation struct {
	Check  string // "election_safety", "linearizability", "panic", …
	Class  string // stable words that tell kinds of this violation apart; no numbers
	Detail string
	At     Time
	Event  uint64
}

// New makes a World.
func New(o Options) *World {
	w := &World{sometimes: make(map[string]uint64)}
	w.Reset(o)
	return w
}

// Reset makes the World as new, for another run. It reuses memory: everything that
// was obtained from the World before is invalid. The hooks are cleared.
func (w *World) Reset(o Options) {
	w.Stop()
	if o.Clock.NTP.Servers > MaxServers {
		panic(fmt.Sprintf("sim: %d NTP servers; the limit is %d", o.Clock.NTP.Servers, MaxServers))
	}
	w.opts, w.decider = o, o.Decider
	w.now = 0
	w.queue.reset()
	if len(w.nodes) > 1 {
		w.spare = append(w.spare, w.nodes[1:]...)
	}
	w.nodes = append(w.nodes[:0], nil)
	w.links, w.stride = w.links[:0], 0
	w.linkOptions = append(w.linkOptions[:0], o.Link.checked())
	w.frames.reset()
	w.messages = 0
	w.net.reset(o.Link.Channel)
	w.freeIO = w.freeIO[:0]
	for i := len(w.ios) - 1; i >= 0; i-- {
		w.freeIO = append(w.freeIO, uint32(i))
	}
	clear(w.interventions)
	w.interventions, w.pendingAt, w.armed = w.interventions[:0], w.pendingAt[:0], 0
	w.digest, w.events, w.halted = Digest(mix(o.Seed)), 0, 0
	w.violations = w.violations[:0]
	clear(w.sometimes)
	w.points = w.points[:0]
	w.resetNTP()
	w.current = nil
	w.Trace, w.After, w.OnHalt, w.OnOutOfMemory, w.PanicStack, w.Budget = nil, nil, nil, nil, nil, 0
}

// Stop ends all client programs in order: their pending calls unwind.
func (w *World) Stop() {
	for _, n := range w.nodes {
		if n != nil && n.client != nil {
			n.client.stop()
		}
	}
}

// AddNode adds a node that boots at the beginning of the run. boot makes the machine
// of every incarnation, counted from 1; it must not hand memory of one incarnation
// to the next that a crash would lose.
func (w *World) AddNode(name string, boot func(incarnation uint32) Machine) NodeID {
	n := w.add(name)
	n.boot = boot
	w.queue.push(0, w.queue.order(w.tieOf(n)), event{what: evReady, node: n.id, gen: 0})
	w.startNTP(n)
	return n.id
}

// AddClient adds a client: a sequential program that starts at the beginning.
func (w *World) AddClient(name string, run func(c *Client)) NodeID {
	n := w.add(name)
	n.client = newClient(w, n, run)
	n.nodeKey = streamKey(w.opts.Seed, ClientStream(n.id))
	n.clock = clock{} // the harness' own clock is true
	n.up = true
	w.queue.push(0, w.queue.order(w.tieOf(n)), event{what: evStart, node: n.id})
	return n.id
}

func (w *World) add(name string) *node {
	if len(w.nodes) > 1<<15 {
		panic("sim: more than 32,768 nodes")
	}
	if w.stride != 0 {
		panic("sim: " + name + " is added after the links were laid out")
	}
	var n *node
	if k := len(w.spare); k > 0 {
		n, w.spare = w.spare[k-1], w.spare[:k-1]
	} else {
		n = new(node)
	}
	n.reset(w, NodeID(len(w.nodes)), name)
	w.nodes = append(w.nodes, n)
	return n
}

// layout makes the table of links; no node can be added after that.
func (w *World) layout() {
	if w.stride == len(w.nodes) {
		return
	}
	w.stride = len(w.nodes)
	size := w.stride * w.stride
	if cap(w.links) < size {
		w.links = make([]link, size)
	}
	w.links = w.links[:size]
	for from := 1; from < w.stride; from++ {
		for to := 1; to < w.stride; to++ {
			w.links[from*w.stride+to] = link{key: streamKey(w.opts.Seed, LinkStream(NodeID(from), NodeID(to)))}
			if w.opts.Link.special() {
				w.special(NodeID(from), NodeID(to))
			}
		}
	}
}

// Now is true time.
func (w *World) Now() Time { return w.now }

// Next is when the next event is due; End when there is none. An answer to an NTP client
// is no event of the run, but counts while there are others to come.
func (w *World) Next() Time {
	if w.queue.len() == w.background {
		return End
	}
	return w.queue.next()
}

// Events is how many events have happened.
func (w *World) Events() uint64 { return w.events }

// MaxEvents bounds every run: the queue numbers no more.
const MaxEvents = 1 << 27

// Exhausted tells that the run has had the events of its Budget.
func (w *World) Exhausted() bool {
	return w.events+w.answers >= MaxEvents || w.Budget > 0 && w.events >= w.Budget
}

// Messages is how many frames were sent.
func (w *World) Messages() uint64 { return w.messages }

// Digest tells this run from any other: it covers every event so far, its time and
// its bytes.
func (w *World) Digest() Digest { return w.digest }

// Decider is what makes this run's choices.
func (w *World) Decider() Decider {
	if w.decider == nil {
		return Keyed{w.opts.Seed}
	}
	return w.decider
}

// Violations is what was violated so far.
func (w *World) Violations() []Violation { return w.violations }

// Violate reports a violation at this event.
func (w *World) Violate(check, class, detail string) {
	w.violations = append(w.violations, Violation{check, class, detail, w.now, w.events})
}

// Reached is how often each situation that a machine or scenario named with
// Sometimes was reached.
func (w *World) Reached() map[string]uint64 { return w.sometimes }

// Sometimes notes an interesting situation.
func (w *World) Sometimes(cond bool, name string) {
	if cond {
		w.sometimes[name]++
	}
}

// Names lists the names of nodes and clients by NodeID.
func (w *World) Names() []string {
	names := make([]string, len(w.nodes))
	for i, n := range w.nodes[1:] {
		names[i+1] = n.name
	}
	return names
}

// Halted counts the processes that stopped themselves with Env.Halt.
func (w *World) Halted() uint64 { return w.halted }

// At schedules an intervention: a fault, a heal, a question. It is ordered among the
// events by (time, tie) like any other.
func (w *World) At(t Time, do func()) {
	t = max(t, w.now)
	// Its tie comes from its instant, and from how many others are planned for it: not
	// from the rest of the plan, which may be taken away (law 3).
	occurrence := uint32(mix(uint64(t)))
	for _, at := range w.pendingAt {
		if at == t {
			occurrence++
		}
	}
	d := draws{w: w, s: WorldStream, n: occurrence, base: base(streamKey(w.opts.Seed, WorldStream), 0, occurrence)}
	w.intervene(t, w.queue.order(d.below(ChooseTie, tieBound)), do)
}

func (w *World) intervene(t Time, order uint64, do func()) {
	w.interventions = append(w.interventions, do)
	w.queue.push(t, order, event{what: evIntervene, arg: uint32(len(w.interventions) - 1)})
	// Kept with the earliest last: taking it is cheap, and there are few.
	w.pendingAt = append(w.pendingAt, t)
	for i := len(w.pendingAt) - 1; i > 0 && w.pendingAt[i-1] < t; i-- {
		w.pendingAt[i-1], w.pendingAt[i] = w.pendingAt[i], w.pendingAt[i-1]
	}
}

// nextIntervention is when the next fault may change what an effect meets.
func (w *World) nextIntervention() Time {
	if n := len(w.pendingAt); n > 0 {
		return w.pendingAt[n-1]
	}
	return End
}

// Run runs events until one is due after until, none is left, done (if given) is
// true after an event, something was violated, or the budget is spent. NTP clients poll
// as long as there is something else to come. A panic of a machine is a violation
// ("panic"); any other panic is a bug of the harness and goes on.
func (w *World) Run(until Time, done func() bool) {
	w.layout()
	defer w.caught()
	for len(w.violations) == 0 && !w.Exhausted() && w.queue.next() <= until && w.queue.len() > w.background {
		w.step()
		if done != nil && done() {
			return
		}
	}
}

func (w *World) caught() {
	n := w.current
	if n == nil || n.client != nil {
		return // the harness panics, or nobody does
	}
	if r := recover(); r != nil {
		w.current = nil
		w.PanicStack = debug.Stack()
		w.Violate("panic", "machine", fmt.Sprintf("node %s panicked: %v", n.name, r))
	}
}

// step runs the earliest event.
func (w *World) step() {
	k, ev := w.queue.pop()
	w.now = k.at
	n := w.nodes[ev.node]
	switch ev.what {
	case evFrame:
		w.events++
		if ev.gen != 0 && !w.accepts(n, ev) {
			return
		}
		if !n.up {
			w.record(TraceLost, n.id, ev.from, ev.kind, lostDown, nil)
			w.frames.drop(ev.arg, ev.size)
			return
		}
		if n.client != nil {
			w.record(TraceDeliver, n.id, ev.from, ev.kind, 0, w.frames.get(ev.arg, ev.size))
			n.client.deliver(ev)
			w.touched(n)
			return
		}
		w.serve(n, ev)
	case evTimer:
		w.timerDue(n, k, ev)
	case evIO:
		r := &w.ios[ev.arg]
		if n.disk.faulty && n.disk.parks(r, ev) {
			return
		}
		if r.epoch == n.disk.epoch {
			n.disk.finish(r)
			if r.op == OpSync && r.err == nil && ev.gen == n.incarnation {
				w.notice(n, w.now, StepDurable, 0)
			}
		}
		if ev.gen != n.incarnation || !n.up {
			w.dropIO(ev.arg)
			return
		}
		w.events++
		w.serve(n, ev)
	case evReady:
		if ev.gen != n.incarnation {
			return
		}
		if n.incarnation == 0 {
			w.events++
			w.Restart(n.id)
			return
		}
		n.ready = false
		w.serveNext(n)
	case evRelease:
		if ev.gen == n.incarnation && n.up {
			w.release(n)
		}
	case evIntervene:
		w.events++
		w.pendingAt = w.pendingAt[:len(w.pendingAt)-1]
		w.interventions[ev.arg]()
		w.interventions[ev.arg] = nil
	case evEmit:
		w.emit(n, ev)
	case evAnswer:
		w.onAnswers(n)
	case evChannel:
		w.onChannel(ev)
	case evStart:
		w.events++
		w.record(TraceStart, n.id, 0, 0, 0, nil)
		n.client.resume(false)
		w.touched(n)
	}
}

func (w *World) touched(n *node) {
	if w.After != nil {
		w.After(n.id)
	}
}

func (w *World) newIO() uint32 {
	if n := len(w.freeIO); n > 0 {
		slot := w.freeIO[n-1]
		w.freeIO = w.freeIO[:n-1]
		r := &w.ios[slot]
		r.data, r.files = r.data[:0], r.files[:0]
		return slot
	}
	w.ios = append(w.ios, ioResult{})
	return uint32(len(w.ios) - 1)
}

func (w *World) dropIO(slot uint32) { w.freeIO = append(w.freeIO, slot) }
