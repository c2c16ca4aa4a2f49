package raft

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// stage is a cluster in which nothing happens by itself: a frame arrives, a timer
// fires, a disk completes when the test says so. Invariants judges every event.
type stage struct {
	actors []*actor // by NodeID-1
	peers  []sim.NodeID
	opts   stageOptions
	rules  Rules
	steps  Steps
	now    time.Duration
	flying []*flight // in order of sending
	late   []*flight // set aside
	sent   int       // frames between nodes, ever
	judge  *Invariants
	twin   *twin // nil: nobody looks twice

	asked      uint64              // requests of clients
	answers    map[uint64][]answer // by request
	reached    map[string]int      // situations
	violations []violation
	tell       func(a *actor, after bool) // nil: nobody listens
	heard      func(line string)          // what the clients are told
}

// stageOptions are the knobs of a cluster.
type stageOptions struct {
	names           []string
	entries, window int
	waiting         int
	slow            bool // disks
}

const (
	stageElection  = 100 * time.Millisecond
	stageHeartbeat = 30 * time.Millisecond
	client         = sim.NodeID(100)
)

// flight is a frame under way.
type flight struct {
	from, to sim.NodeID
	kind     sim.Kind
	frame    []byte
}

type violation struct{ check, class, detail string }

func (v violation) Error() string { return fmt.Sprintf("%s (%s): %s", v.check, v.class, v.detail) }

type answer struct {
	from sim.NodeID
	Reply
}

func newStage(o stageOptions, rules Rules, steps Steps) *stage {
	s := &stage{opts: o, rules: rules, steps: steps, answers: map[uint64][]answer{}, reached: map[string]int{}}
	for i, name := range o.names {
		id := sim.NodeID(i + 1)
		s.peers = append(s.peers, id)
		s.actors = append(s.actors, &actor{s: s, id: id, name: name, disk: newFakeDisk(), slow: o.slow, cut: map[sim.NodeID]bool{}})
	}
	s.judge = NewInvariants(s.peers, s.violate)
	return s
}

func (s *stage) start() {
	for _, a := range s.actors {
		s.restart(a)
	}
}

func (s *stage) violate(check, class, detail string) {
	s.violations = append(s.violations, violation{check, class, detail})
}

// actor is a node on the stage, and its Env.
type actor struct {
	s           *stage
	id          sim.NodeID
	name        string
	node        *Node // nil while it is down
	spare       *Node // of the last incarnation: its memory is reused
	incarnation uint32
	disk        *fakeDisk
	slow        bool // the disk completes when it is told to
	cut         map[sim.NodeID]bool
	skew        int64 // of its time of day
	due         [2]time.Duration
	running     [2]bool // timers
	rand        func(bound uint64) uint64
	halted      error
}

// Env.

func (a *actor) Self() sim.NodeID         { return a.id }
func (a *actor) Monotonic() time.Duration { return a.s.now + time.Duration(a.id)*time.Hour }
func (a *actor) Wall() sim.Wall           { return sim.Wall{Reading: int64(a.s.now) + a.skew} }
func (a *actor) Disk() sim.Disk           { return a.disk }
func (a *actor) Spend(time.Duration)      {}

func (a *actor) Observe(sim.Field, int64) {}

func (a *actor) SetTimer(t sim.TimerID, d time.Duration) {
	a.running[t], a.due[t] = true, a.s.now+d
}
func (a *actor) StopTimer(t sim.TimerID) { a.running[t] = false }

func (a *actor) Rand(bound uint64) uint64 {
	if a.rand == nil {
		return 0
	}
	return a.rand(bound)
}

func (a *actor) Send(to sim.NodeID, kind sim.Kind, frame []byte) {
	if len(frame) > sim.MaxFrame {
		panic(fmt.Sprintf("stage: a frame of %d bytes, at most %d", len(frame), sim.MaxFrame))
	}
	frame, whole := Unseal(frame)
	if !whole {
		panic("stage: a frame without its checksum")
	}
	s := a.s
	if to == client {
		s.answered(a, kind, frame)
		return
	}
	if int(to) > len(s.actors) || to == 0 {
		return // a stranger, who is not there any more
	}
	s.sent++
	if !a.cut[to] {
		s.flying = append(s.flying, &flight{a.id, to, kind, slices.Clone(frame)})
	}
}

func (a *actor) Always(cond bool, name string) {
	if !cond {
		a.s.violate("always", name, a.name)
	}
}

func (a *actor) Memory(int64)        {}
func (a *actor) Buggify(string) bool { return false }

func (a *actor) Sometimes(cond bool, name string) {
	if cond {
		a.s.reached[name]++
	}
}

func (a *actor) Halt(err error) { a.halted = err }

func (s *stage) answered(a *actor, kind sim.Kind, frame []byte) {
	var m Reply
	if kind != KindReply || !m.Decode(frame) {
		panic(fmt.Sprintf("stage: %s sends a client a frame of kind %d, %x", a.name, kind, frame))
	}
	m.Result = slices.Clone(m.Result)
	s.answers[m.ID] = append(s.answers[m.ID], answer{a.id, m})
	if s.heard != nil {
		s.heard(fmt.Sprintf("%s answers request %d: %s", a.name, m.ID, s.outcome(m)))
	}
}

func (s *stage) outcome(m Reply) string {
	b := [...]string{"done", "not the leader", "unknown", "busy"}[m.Status]
	if len(m.Result) > 0 {
		b += fmt.Sprintf(", %q", m.Result)
	}
	if m.Leader != 0 {
		b += ", the leader is " + s.name(m.Leader)
	}
	return b
}

func (s *stage) name(id sim.NodeID) string {
	if id == 0 {
		return "nobody"
	}
	if int(id) > len(s.actors) {
		return fmt.Sprint("stranger ", id)
	}
	return s.actors[id-1].name
}

// Events.

// happens runs an event of a living node, and then its disk, if that is fast.
func (s *stage) happens(a *actor, event func(n *Node)) {
	if s.tell != nil {
		s.tell(a, false)
	}
	event(a.node)
	s.after(a)
	for a.node != nil && !a.slow && a.complete() {
		s.after(a)
	}
	if s.tell != nil {
		s.tell(a, true)
	}
}

// after judges a node after an event.
func (s *stage) after(a *actor) {
	if a.halted != nil {
		a.node = nil
	}
	s.judge.After(a.id, a.incarnation, a.node)
	if s.twin != nil {
		s.twin.after(a.id, a.incarnation, a.node)
	}
}

// complete ends the oldest operation of a living node's disk.
func (a *actor) complete() bool {
	o, ok := a.disk.step()
	if ok {
		a.node.Complete(a, o.id, o.io)
	}
	return ok
}

// sync lets the disk end what it has to do, and what that begets.
func (s *stage) sync(a *actor) {
	for a.node != nil && len(a.disk.queue) > 0 {
		s.happens(a, func(*Node) { a.complete() })
	}
}

func (s *stage) fire(a *actor, t sim.TimerID) bool {
	if a.node == nil || !a.running[t] {
		return false
	}
	s.now = max(s.now, a.due[t])
	a.running[t] = false
	s.happens(a, func(n *Node) { n.Fire(a, t) })
	return true
}

// arrive hands a frame to its receiver, if that is up.
func (s *stage) arrive(f *flight) bool {
	a := s.actors[f.to-1]
	if a.node == nil {
		return false
	}
	frame := Seal(slices.Clone(f.frame))
	s.happens(a, func(n *Node) { n.Receive(a, f.from, f.kind, frame) })
	for i := range frame {
		frame[i] = 0xdb // the node must have kept nothing of it
	}
	return true
}

// request lets a client ask a node.
func (s *stage) request(a *actor, command string) (id uint64) {
	s.asked++
	frame := (&Request{ID: s.asked, Command: []byte(command)}).Append(nil)
	s.arrive(&flight{client, a.id, KindRequest, frame})
	return s.asked
}

// take removes the frames that match from those under way.
func (s *stage) take(match func(f *flight) bool) (taken []*flight) {
	s.flying = slices.DeleteFunc(s.flying, func(f *flight) bool {
		if match(f) {
			taken = append(taken, f)
			return true
		}
		return false
	})
	return taken
}

// settle delivers everything, and lets every disk complete, until nothing is under
// way. It returns how many frames arrived; a storm does not end.
func (s *stage) settle() (delivered int) {
	const storm = 10_000
	for {
		for _, a := range s.actors {
			s.sync(a)
		}
		if len(s.flying) == 0 || delivered > storm {
			return delivered
		}
		f := s.flying[0]
		s.flying = s.flying[1:]
		s.arrive(f)
		delivered++
	}
}

// cutOff cuts all of a node's links.
func (s *stage) cutOff(a *actor) {
	for _, b := range s.actors {
		a.cut[b.id], b.cut[a.id] = true, true
	}
}

func (s *stage) mendAll() {
	for _, a := range s.actors {
		clear(a.cut)
	}
}

// The life of a process.

func (s *stage) restart(a *actor) {
	a.incarnation++
	a.halted = nil
	a.node = New(Config{
		Peers: s.peers, Machine: new(journal), ElectionTimeout: stageElection, HeartbeatInterval: stageHeartbeat,
		MaxEntries: s.opts.entries, Window: s.opts.window, MaxWaiting: s.opts.waiting, WAL: wal.Options{SegmentBytes: 600},
		Rules: &s.rules, Steps: &s.steps,
	}, a.spare)
	a.spare = a.node
	s.happens(a, func(n *Node) { n.Boot(a) })
	for a.node != nil && !a.node.Ready() { // a slow disk is not slow to read
		s.happens(a, func(*Node) { a.complete() })
	}
}

// kill ends the process; what it has submitted to its disk still ends, for nobody.
func (s *stage) kill(a *actor) { s.down(a, false) }

// powerLoss ends the process and loses what the disk had not synced.
func (s *stage) powerLoss(a *actor) { s.down(a, true) }

func (s *stage) down(a *actor, power bool) {
	if s.tell != nil {
		s.tell(a, false)
	}
	a.node = nil
	a.running = [2]bool{}
	if power {
		a.disk.powerLoss()
	} else {
		a.disk.kill()
	}
	s.after(a)
	if s.tell != nil {
		s.tell(a, true)
	}
}

// write gives a node that is down a disk with a log of those terms: entry i of term t
// is the same on every node. It is written and recovered as a node does it.
func (s *stage) write(a *actor, term Term, vote sim.NodeID, terms []Term) {
	a.disk = newFakeDisk()
	n := New(Config{Peers: s.peers, Machine: new(journal)}, nil)
	n.Boot(a)
	settle := func() {
		for {
			o, ok := a.disk.step()
			if !ok {
				return
			}
			if _, err := n.wal.Complete(a, o.id, o.io); err != nil {
				panic(err)
			}
		}
	}
	settle()
	for i, t := range terms {
		n.store(Entry{Term: t, Data: fmt.Appendf(nil, "%d@%d", i+1, t)})
	}
	n.WriteHardState(term, vote)
	n.wal.Flush(a)
	settle()
}

// journal is a state machine that keeps everything it was told.
type journal struct {
	lines  []string
	digest sim.Digest
}

func (j *journal) Apply(index uint64, _ int64, _ bool, command, reply []byte) []byte {
	j.lines = append(j.lines, string(command))
	j.digest = j.digest.Word(index).Bytes(command)
	return fmt.Appendf(reply, "%s@%d", command, index)
}

func (j *journal) Read(_ uint64, command, reply []byte) ([]byte, bool) {
	if string(command) != "last" {
		return reply, false
	}
	if len(j.lines) == 0 {
		return reply, true
	}
	return append(reply, j.lines[len(j.lines)-1]...), true
}

func (j *journal) Digest() uint64 { return uint64(j.digest) }

// fakeDisk is a dumb disk. Operations take effect in the page cache at once and end
// one by one, in order; a power loss leaves what was synced, and nothing else.
type fakeDisk struct {
	names, platter map[string]*file
	queue          []operation
	next           sim.IOID
}

type file struct{ cache, platter []byte }

type operation struct {
	id   sim.IOID
	io   sim.IO
	land func()
}

func newFakeDisk() *fakeDisk {
	return &fakeDisk{names: map[string]*file{}, platter: map[string]*file{}}
}

func (d *fakeDisk) submit(op sim.Op, io sim.IO, land func()) sim.IOID {
	d.next++
	io.Op = op
	d.queue = append(d.queue, operation{d.next, io, land})
	return d.next
}

func (d *fakeDisk) Create(name string) sim.IOID {
	d.names[name] = new(file)
	return d.submit(sim.OpCreate, sim.IO{}, nil)
}

func (d *fakeDisk) Append(name string, b []byte) sim.IOID {
	f := d.names[name]
	f.cache = append(f.cache, b...)
	return d.submit(sim.OpAppend, sim.IO{}, nil)
}

func (d *fakeDisk) Read(name string, off int64, n int) sim.IOID {
	data := d.names[name].cache[off:]
	return d.submit(sim.OpRead, sim.IO{Data: slices.Clone(data[:min(n, len(data))])}, nil)
}

func (d *fakeDisk) Sync(name string) sim.IOID {
	f := d.names[name]
	data := slices.Clone(f.cache)
	return d.submit(sim.OpSync, sim.IO{}, func() { f.platter = data })
}

func (d *fakeDisk) Rename(from, to string) sim.IOID {
	d.names[to] = d.names[from]
	delete(d.names, from)
	return d.submit(sim.OpRename, sim.IO{}, nil)
}

func (d *fakeDisk) Remove(name string) sim.IOID {
	delete(d.names, name)
	return d.submit(sim.OpRemove, sim.IO{}, nil)
}

func (d *fakeDisk) List() sim.IOID {
	var io sim.IO
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		io.Files = append(io.Files, sim.FileInfo{Name: name, Size: int64(len(d.names[name].cache))})
	}
	return d.submit(sim.OpList, io, nil)
}

func (d *fakeDisk) SyncDir() sim.IOID {
	names := maps.Clone(d.names)
	return d.submit(sim.OpSyncDir, sim.IO{}, func() { d.platter = names })
}

func (d *fakeDisk) Write(string, int64, []byte) sim.IOID { panic("the log writes nothing in place") }
func (d *fakeDisk) Truncate(string, int64) sim.IOID      { panic("the log truncates nothing") }

// step ends the oldest operation on the disk's side.
func (d *fakeDisk) step() (operation, bool) {
	if len(d.queue) == 0 {
		return operation{}, false
	}
	o := d.queue[0]
	d.queue = d.queue[1:]
	if o.land != nil {
		o.land()
	}
	return o, true
}

func (d *fakeDisk) kill() {
	for len(d.queue) > 0 {
		d.step()
	}
}

func (d *fakeDisk) powerLoss() {
	d.queue = nil
	d.names = maps.Clone(d.platter)
	for _, f := range d.names {
		f.cache = slices.Clone(f.platter)
	}
}

// termsOf writes a log down: the term of each entry.
func termsOf(l *Log) string {
	terms := make([]string, l.Last())
	for i := range terms {
		terms[i] = fmt.Sprint(l.Term(Index(i + 1)))
	}
	return strings.Join(terms, " ")
}
