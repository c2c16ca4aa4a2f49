package faults

import (
	"slices"
	"time"

	"github.com/saros-sim/saros/sim"
)

// Topology tells which nodes of a World a plan's server indices mean.
type Topology struct {
	Servers []sim.NodeID                       // server i is Servers[i-1]
	Clients []sim.NodeID                       // what 0 stands for in From and To
	Domains []string                           // what fails together (sim.World.Domains)
	Leader  func() sim.NodeID                  // who leads now; nil or 0: nobody
	Kinds   func(name string) (sim.Kind, bool) // message kinds that an Anchor may name; nil: none
}

// Limits on what faults of links may add up to on one link, so that no sum of a
// hostile plan passes what the network counts with.
const (
	maxFactor     = 1_000_000 // product of all delay factors in force
	maxOpen       = 1_000     // tail, loss and duplicate faults in force
	maxDriftTotal = 500_000   // ppm, sum of the drifts of one clock
)

// Injector lets a plan happen to a World, and knows what of it really did.
type Injector struct {
	w *sim.World
	p Plan
	t Topology

	state  []state // by position in p.Faults
	owner  []owner // by server index
	count  []int   // by position in All
	strike []Strike
	healed bool
	factor int64 // product of the delay factors in force
	open   int   // tail, loss and duplicate faults in force

	from, to []sim.NodeID // scratch: the sides of one fault
}

// state is what became of one fault.
type state struct {
	struck bool // it had its moment; it never strikes twice
	open   bool // it changed something that its end has to undo
	hit    int  // the server it hit; everyone; 0: links that were named
	steps  int  // of whoever led, counted for an anchor
}

const everyone = -1

// owner is the fault that took a server down or paused it, and will bring it back.
type owner struct {
	fault    int // position+1; 0: nobody
	until    sim.Time
	power    bool // the server is without power, not only its process dead
	drift    int64
	slowDisk int64 // product of the factors by which its disk is slow
	lies     bool  // an adversary is between it and the network
	loop     bool  // every boot is killed
	tight    bool  // it has little memory
	had      int64 // memory budget before that
}

// Strike is a fault that changed something.
type Strike struct {
	Fault int // position in Plan.Faults
	At    sim.Time
	Node  int // index of the server that was hit; 0: links that were named, or everyone
}

// Count is how many faults of a kind changed something.
type Count struct {
	Kind Kind
	N    int
}

// Apply schedules everything in p. The plan must be valid in t (Apply panics if it
// is not) and must not be changed while the World runs. Faults whose time has passed
// strike at once.
func Apply(w *sim.World, p Plan, t Topology) *Injector {
	if err := p.Validate(t); err != nil {
		panic("faults: Apply: " + err.Error())
	}
	in := &Injector{
		w: w, p: p, t: t, factor: 1,
		count:  make([]int, len(All)),
		state:  make([]state, len(p.Faults)),
		owner:  make([]owner, len(t.Servers)+1),
		strike: make([]Strike, 0, len(p.Faults)),
		from:   make([]sim.NodeID, 0, len(t.Servers)+len(t.Clients)),
		to:     make([]sim.NodeID, 0, len(t.Servers)+len(t.Clients)),
	}
	for i := range p.Faults {
		w.At(sim.Time(p.Faults[i].At), func() { in.begin(i) })
	}
	if p.Heal > 0 {
		w.At(sim.Time(p.Heal), in.heal)
	}
	return in
}

// Fired lists the kinds that changed something, in the order of All, with how often.
func (in *Injector) Fired() []Count {
	var fired []Count
	for i, n := range in.count {
		if n > 0 {
			fired = append(fired, Count{All[i].Kind, n})
		}
	}
	return fired
}

// Strikes lists what changed something, in order of time. The caller must not write
// to it.
func (in *Injector) Strikes() []Strike { return in.strike }

// revival is how long an operator takes to restart what the heal cannot.
const revival = 10 * time.Millisecond

// Revive restarts, a little later, a process that stops itself after the heal because of
// what was under way before it: a sync that failed may end after the fault has. Those
// outside of the core stay dead.
func (in *Injector) Revive(id sim.NodeID) {
	s := slices.Index(in.t.Servers, id) + 1
	if in.healed && s > 0 && (in.p.Core == nil || slices.Contains(in.p.Core, s)) {
		in.w.At(in.w.Now().Add(revival), func() { in.w.Restart(id) })
	}
}

// Healed tells whether the heal has come.
func (in *Injector) Healed() bool { return in.healed }

// begin is the moment At of fault i: it strikes, or its anchor is armed.
func (in *Injector) begin(i int) {
	f := &in.p.Faults[i]
	switch {
	case in.healed:
	case f.On == nil:
		in.fire(i, in.whom(f))
	case f.Target == "":
		in.watch(i, f.Node, f.On.Nth)
	case f.Target == Everyone:
		for s := range in.t.Servers {
			in.watch(i, s+1, f.On.Nth)
		}
	default: // the steps of whoever leads: every server's are looked at one by one
		for s := range in.t.Servers {
			in.watch(i, s+1, 1)
		}
	}
}

// whom is the server that f hits now; everyone; 0: links that are named, or nobody.
func (in *Injector) whom(f *Fault) int {
	switch f.Target {
	case Everyone:
		return everyone
	case Leader:
		return in.leader()
	}
	return f.Node
}

func (in *Injector) leader() int {
	if in.t.Leader == nil {
		return 0
	}
	if id := in.t.Leader(); id != 0 {
		for i, have := range in.t.Servers {
			if have == id {
				return i + 1
			}
		}
	}
	return 0
}

// watch arms fault i at the nth matching step of a server.
func (in *Injector) watch(i, server, nth int) {
	f := &in.p.Faults[i]
	on, kind := sim.StepSend, sim.Kind(0)
	switch f.On.Step {
	case StepSend:
		kind, _ = in.t.Kinds(f.On.Kind)
	case StepSync:
		on = sim.StepSync
	case StepDurable:
		on = sim.StepDurable
	}
	id := in.t.Servers[server-1]
	var do func()
	do = func() {
		st := &in.state[i]
		if in.healed || st.struck {
			return
		}
		hit := server
		switch f.Target {
		case Everyone:
			hit = everyone
		case Leader:
			if in.leader() == server {
				st.steps++
			}
			if st.steps < f.On.Nth {
				in.w.Watch(id, on, kind, 1, do)
				return
			}
		}
		in.fire(i, hit)
	}
	in.w.Watch(id, on, kind, nth, do)
}

// fire lets fault i strike.
func (in *Injector) fire(i, hit int) {
	f, st := &in.p.Faults[i], &in.state[i]
	st.struck = true
	if f.Target == Leader && hit == 0 {
		return // nobody leads
	}
	st.hit = hit
	kind, changed := f.Kind.index(), false
	if All[kind].hits == links {
		st.open, changed = in.trouble(kind, i)
	} else {
		lo, hi := in.servers(hit)
		for s := lo; s <= hi; s++ {
			open, hurt := All[kind].strike(in, i, s)
			st.open, changed = st.open || open, changed || hurt
		}
	}
	if st.open && f.For > 0 {
		in.w.At(in.until(f), func() {
			if !in.healed {
				in.end(i, false)
			}
		})
	}
	if changed {
		in.count[kind]++
		in.strike = append(in.strike, Strike{Fault: i, At: in.w.Now(), Node: max(hit, 0)})
	}
}

// until is when a fault that strikes now ends by itself.
func (in *Injector) until(f *Fault) sim.Time {
	if f.For == 0 {
		return sim.End
	}
	return in.w.Now().Add(time.Duration(f.For))
}

// servers is the range of server indices that a hit means.
func (in *Injector) servers(hit int) (lo, hi int) {
	if hit == everyone {
		return 1, len(in.t.Servers)
	}
	return hit, hit
}

// end undoes fault i. The heal looks after processes and drifts itself.
func (in *Injector) end(i int, heal bool) {
	f, st := &in.p.Faults[i], &in.state[i]
	if !st.open {
		return
	}
	st.open = false
	kind := f.Kind.index()
	if All[kind].hits == links {
		in.calm(kind, i)
		return
	}
	lo, hi := in.servers(st.hit)
	for s := lo; s <= hi; s++ {
		All[kind].undo(in, i, s, heal)
	}
}

// Faults of processes.

func (in *Injector) kill(i, s int) (open, changed bool) {
	return in.took(i, s, in.w.Kill(in.t.Servers[s-1]))
}

func (in *Injector) pause(i, s int) (open, changed bool) {
	return in.took(i, s, in.w.Pause(in.t.Servers[s-1]))
}

// suspend stops the whole machine of a server, its clock too.
func (in *Injector) suspend(i, s int) (open, changed bool) {
	return in.took(i, s, in.w.Suspend(in.t.Servers[s-1]))
}

// took notes that fault i stopped a server, if it did.
func (in *Injector) took(i, s int, changed bool) (bool, bool) {
	if changed {
		in.owner[s].take(i, in.until(&in.p.Faults[i]), false)
	}
	return changed, changed
}

func (in *Injector) restart(i, s int, heal bool) {
	in.owner[s].loop = in.owner[s].loop && in.p.Faults[i].Kind != CrashLoop
	if o := &in.owner[s]; !heal && o.fault == i+1 { // no other fault took it over
		o.release()
		in.w.Restart(in.t.Servers[s-1])
	}
}

func (in *Injector) resume(i, s int, heal bool) {
	if o := &in.owner[s]; !heal && o.fault == i+1 {
		o.release()
		in.w.Resume(in.t.Servers[s-1])
	}
}

// powerLoss strikes a server whose process may be dead already: what the kill left
// in the page cache goes, and without power nothing restarts.
//
//	kill        |-------------|           restart belongs to the kill ...
//	power loss        |=============|     ... until the power loss takes it over
//	down        |===================|
func (in *Injector) powerLoss(i, s int) (open, changed bool) {
	f, id, o := &in.p.Faults[i], in.t.Servers[s-1], &in.owner[s]
	until := in.until(f)
	if in.w.Up(id) {
		o.release()
	}
	if !o.power {
		in.w.PowerLoss(id)
		o.power, changed = true, true
	}
	if o.fault == 0 || until > o.until {
		o.take(i, until, true)
		open = true
	}
	return open, changed
}

func (o *owner) take(i int, until sim.Time, power bool) {
	o.fault, o.until, o.power = i+1, until, power
}

func (o *owner) release() { o.fault, o.until, o.power = 0, 0, false }

// crashLoop kills a server, lets it restart at once, and kills it again at its first
// write, until the fault ends.
func (in *Injector) crashLoop(i, s int) (open, changed bool) {
	if in.owner[s].loop {
		return false, false // one at a time
	}
	open, changed = in.kill(i, s)
	if changed {
		in.owner[s].loop = true
		in.loopOnce(i, s)
	}
	return open, changed
}

const loopPause = 10 * time.Millisecond // between a crash and the restart

func (in *Injector) loopOnce(i, s int) {
	id := in.t.Servers[s-1]
	mine := func() bool { // without power nothing restarts
		return !in.healed && in.state[i].open && in.owner[s].fault == i+1 && !in.owner[s].power
	}
	in.w.At(in.w.Now().Add(loopPause), func() {
		if !mine() {
			return
		}
		in.w.Watch(id, sim.StepWrite, 0, 1, func() {
			if mine() && in.w.Kill(id) {
				in.loopOnce(i, s)
			}
		})
		in.w.Restart(id)
	})
}

// Faults of domains. They have no server of their own: s is 0.

// cutDomain counts, as all cuts do: a domain that is cut already has to be mended once more.
func (in *Injector) cutDomain(i, _ int) (open, changed bool) {
	return true, in.w.CutDomain(in.p.Faults[i].Domain)
}

func (in *Injector) mendDomain(i, _ int, _ bool) { in.w.MendDomain(in.p.Faults[i].Domain) }

// darkenDomain takes the power of a domain: its network and all servers in it.
func (in *Injector) darkenDomain(i, _ int) (open, changed bool) {
	_, changed = in.cutDomain(i, 0)
	in.inDomain(i, func(s int) {
		_, hurt := in.powerLoss(i, s)
		changed = changed || hurt
	})
	return true, changed
}

func (in *Injector) lightDomain(i, _ int, heal bool) {
	in.mendDomain(i, 0, heal)
	in.inDomain(i, func(s int) { in.restart(i, s, heal) })
}

// inDomain does something to every server in the domain of fault i.
func (in *Injector) inDomain(i int, do func(s int)) {
	for _, id := range in.w.InDomain(in.p.Faults[i].Domain) {
		if s := slices.Index(in.t.Servers, id) + 1; s > 0 {
			do(s)
		}
	}
}

// Faults of resources.

func (in *Injector) shrinkMemory(i, s int) (open, changed bool) {
	o, id := &in.owner[s], in.t.Servers[s-1]
	if o.tight {
		return false, false // one at a time
	}
	o.had = in.w.MemoryBudget(id)
	o.tight = in.w.SetMemory(id, in.p.Faults[i].Amount)
	return o.tight, o.tight
}

// growMemory gives the memory back, and restarts a process that was killed for want of it.
func (in *Injector) growMemory(_, s int, heal bool) {
	o := &in.owner[s]
	o.tight = false
	in.w.SetMemory(in.t.Servers[s-1], o.had)
	in.operate(s, heal)
}

// operate restarts a process that stopped itself or was killed by its kernel. What another
// fault took down is that fault's, and the heal looks after processes itself.
func (in *Injector) operate(s int, heal bool) {
	if !heal && in.owner[s].fault == 0 {
		in.w.Restart(in.t.Servers[s-1])
	}
}

// Liars.

func lies(adversary func(ppm uint64) sim.Adversary) func(*Injector, int, int) (bool, bool) {
	return func(in *Injector, i, s int) (open, changed bool) {
		if in.owner[s].lies {
			return false, false // one adversary at a time
		}
		in.owner[s].lies = true
		in.w.SetAdversary(in.t.Servers[s-1], adversary(uint64(in.p.Faults[i].Amount)))
		return true, true
	}
}

func (in *Injector) honest(_, s int, _ bool) {
	in.owner[s].lies = false
	in.w.SetAdversary(in.t.Servers[s-1], nil)
}

// Faults of links.

// trouble begins fault i on its links. Cuts count: a partition of links that are cut
// already changes nothing, and still has to be undone.
func (in *Injector) trouble(kind, i int) (open, changed bool) {
	amount := in.p.Faults[i].Amount
	switch info := &All[kind]; {
	case info.Amount == "": // links count these themselves
	case info.Kind == Delay:
		if in.factor*amount > maxFactor {
			return false, false
		}
		in.factor *= amount
	default:
		if in.open >= maxOpen {
			return false, false
		}
		in.open++
	}
	return true, in.links(i, true)
}

// calm ends fault i on its links.
func (in *Injector) calm(kind, i int) {
	in.links(i, false)
	switch info := &All[kind]; {
	case info.Amount == "":
	case info.Kind == Delay:
		in.factor /= in.p.Faults[i].Amount
	default:
		in.open--
	}
}

// links begins or ends fault i on each of its directed links and says whether that
// changed anything. Links of a node to itself and among clients are left out.
func (in *Injector) links(i int, begins bool) (changed bool) {
	f := &in.p.Faults[i]
	do := All[f.Kind.index()].link
	hit := in.state[i].hit
	var a, b int // so many of each side are servers, before the clients
	in.from, a = in.expand(in.from[:0], f.From, hit)
	if len(f.To) == 0 && len(f.From) == 0 { // the leader and every other server
		in.to, b = append(in.to[:0], in.t.Servers...), len(in.t.Servers)
	} else {
		in.to, b = in.expand(in.to[:0], f.To, hit)
	}
	both := f.Kind == Partition
	for x, from := range in.from {
		for y, to := range in.to {
			if from == to || x >= a && y >= b {
				continue
			}
			if do(in.w, from, to, f.Amount, begins) {
				changed = true
			}
			if both && do(in.w, to, from, f.Amount, begins) {
				changed = true
			}
		}
	}
	return changed
}

// expand appends the nodes that a side means, servers first, and counts these. An
// empty side means the server that was hit.
func (in *Injector) expand(ids []sim.NodeID, side []int, hit int) (_ []sim.NodeID, servers int) {
	if len(side) == 0 {
		return append(ids, in.t.Servers[hit-1]), 1
	}
	for _, s := range side {
		if s != 0 {
			ids = append(ids, in.t.Servers[s-1])
		}
	}
	servers = len(ids)
	if side[0] == 0 {
		ids = append(ids, in.t.Clients...)
	}
	return ids, servers
}

// heal ends everything: links are whole and calm and clocks run true again, and the
// servers of the core run. The others are dead and cut off for good: what makes
// progress from here on makes it without them.
func (in *Injector) heal() {
	in.healed = true
	for i := range in.state {
		in.end(i, true)
	}
	core := in.p.Core
	for s := 1; s <= len(in.t.Servers); s++ {
		in.owner[s] = owner{}
		id := in.t.Servers[s-1]
		if in.p.Core != nil {
			if len(core) == 0 || core[0] != s {
				in.w.Kill(id)
				in.cutOff(id)
				continue
			}
			core = core[1:]
		}
		in.w.SetDrift(id, 0)
		in.w.Resume(id)
		in.w.Restart(id)
	}
}

func (in *Injector) cutOff(id sim.NodeID) {
	for _, others := range [...][]sim.NodeID{in.t.Servers, in.t.Clients} {
		for _, other := range others {
			if other != id {
				in.w.Cut(id, other)
				in.w.Cut(other, id)
			}
		}
	}
}
