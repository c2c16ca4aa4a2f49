package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/nodes/kv"
	"github.com/saros-sim/saros/nodes/raft"
	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// kv: clients of a replicated key-value store under every fault at once. After the
// faults the cluster, or a random majority of it, is healed, and every client must
// come to an end: all operations answered and every key read once more.

func kv3() *Scenario {
	return kvScenario("kv", "5 clients of a replicated key-value store on 3 nodes, all faults at once", 3, flat)
}
func kv5() *Scenario { return kvScenario("kv5", "the same on 5 nodes", 5, flat) }

func kvracks() *Scenario {
	return kvScenario("kvracks", "the same on 5 nodes in 3 racks, whose switches and power fail for all in them", 5, racks)
}

func kvScenario(name, doc string, nodes, topology int64) *Scenario {
	return &Scenario{
		Name: name,
		Doc:  doc,
		Params: append([]Param{
			{"nodes", "servers", nodes, 1, 9},
			{"clients", "clients, each with one operation at a time", 5, 1, 64},
			{"registers", "keys that are read, written, swapped and deleted", 4, 1, 64},
			{"counters", "keys that are incremented and read", 2, 0, 64},
			{"think_ms", "mean pause of a client between two operations", 3, 0, 1000},
			{"fault_ms", "how long the faults last; then comes the heal", 4000, 1, 3_600_000},
			{"bound_ms", "how soon after the heal all clients must have come to an end", 5000, 5000, 3_600_000},
			{"perfect", "1 for a world without noise: no loss, no duplicates, no heavy tail, quick disks, true clocks", 0, 0, 1},
			{"topology", "0: all reach all, 1: three racks, 2: three regions, 3: leaves and spines (Clos), 4: torus", topology, flat, torus},
			{"faults", "how many faults, in percent of the usual, at most 156 of a kind; 0 for none", 100, 0, 1000},
		}, modelParams()...),
		Checks: []Check{
			{"linearizability", "what clients saw is what one copy, serving one operation at a time, could have answered"},
			{"election_safety", "at most one leader a term"},
			{"log_matching", "logs that agree on an entry agree on all before it"},
			{"leader_completeness", "a leader has every entry that was committed before"},
			{"state_machine_safety", "what is committed or applied at an index never differs and never changes"},
			{"durability", "what a node acknowledged is there after every crash"},
			{"recovery", "a node starts again whatever the crash left, and never stops itself"},
			{"liveness", "after the heal every operation is answered within bound_ms"},
			{"bounded", "a run comes to an end within a number of events that any healthy run needs a small part of"},
			{"always", "assertions in the nodes' own code"},
			{"panic", "no node panics"},
		},
		Situations: []Situation{
			{"raft: leader changed", "more than one leader was elected in a run"},
			{"raft: leader deposed", "a leader learned of a newer term"},
			{"raft: leader without a quorum steps down", "a leader noticed that a majority does not answer"},
			{"raft: election without a winner", "a candidate's votes were split or lost"},
			{"raft: append rejected", "a follower's log did not fit"},
			{"raft: entries overwritten after a failover", "a new leader replaced entries that were never committed"},
			{"raft: leadership lost with requests waiting", "clients were told that nobody knows"},
			{"raft: recovered a log", "a node came back with entries"},
			{"wal: torn tail cut", "a recovery found a record that a crash had torn"},
			{"wal: segment rotated", "a log went on in a new segment"},
			{"kv: request repeated at another server", "a client tried again after a failover"},
			{"kv: repeat answered from the session table", "a request arrived again after it was done"},
			{"kv: operation with unknown outcome", "a client gave up and will never know"},
			{"kv: minority left behind", "the heal left some servers dead for good"},
		},
		Vocabulary: sim.Vocabulary{Kinds: raft.KindNames(), Fields: raft.FieldNames(), Timers: raft.TimerNames()},
		system:     func() system { return newKVSystem() },
	}
}

const (
	electionTimeout   = 150 * time.Millisecond
	heartbeatInterval = 50 * time.Millisecond
)

// kvSystem is the live system of a kv scenario.
type kvSystem struct {
	params  Params
	guards  Guards
	nemesis faults.Profile
	network sim.Topology // with its domains; empty where all reach all
	hosts   []sim.NodeID // by host of network; 0: empty
	servers []sim.NodeID
	ids     []sim.NodeID // of clients
	clients []*kvClient
	keys    []kvKey

	world      *sim.World
	nodes      []*raft.Node // the live machine by position in servers; nil before the first boot
	spare      []*raft.Node
	stores     []*kv.Store // by position in servers: of the live machine
	history    checker.History
	stream     checker.Stream // judges the history while it grows
	checker    checker.Checker
	invariants *raft.Invariants
	maxEntries int   // of this run: entries an append
	sessions   int32 // of the history, given out so far
	left       int   // clients that have not come to an end
	healed     sim.Time
}

type kvKey struct {
	name    string
	counter bool
}

func newKVSystem() *kvSystem {
	s := &kvSystem{invariants: raft.NewInvariants(nil, nil)}
	return s
}

func (s *kvSystem) configure(p Params, m *Mutant) {
	s.params = p
	s.network = layout(p["topology"], int(p["nodes"]+p["clients"]))
	s.nemesis = s.drawFrom()
	s.guards = DefaultGuards()
	if m != nil {
		m.Break(&s.guards)
	}
	s.keys = s.keys[:0]
	for i := range p["registers"] {
		s.keys = append(s.keys, kvKey{fmt.Sprintf("r%d", i), false})
	}
	for i := range p["counters"] {
		s.keys = append(s.keys, kvKey{fmt.Sprintf("n%d", i), true})
	}
	if len(s.keys) == 0 {
		s.keys = append(s.keys, kvKey{"r0", false})
	}
}

func (s *kvSystem) ms(name string) time.Duration {
	return time.Duration(s.params[name]) * time.Millisecond
}

func (s *kvSystem) options(seed uint64) sim.Options {
	if s.params["perfect"] == 1 {
		return sim.Options{Seed: seed,
			Link: sim.LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond, TailFactor: 60},
			Disk: sim.DiskOptions{Sync: 100 * time.Microsecond}}
	}
	o := sim.Options{
		Seed: seed,
		// Delays are heavy-tailed and drawn for each message: that, more than the mean,
		// decides what a run can find.
		Link: sim.LinkOptions{Min: 500 * time.Microsecond, Mean: 1000 * time.Microsecond, TailPPM: 40_000, TailFactor: 60,
			// Frames do not live for ever: the heal would not be one while the network is
			// full of what was said before it.
			Max: time.Second, LossPPM: 2_000, DuplicatePPM: 10_000},
		Disk: sim.DiskOptions{Cache: 5 * time.Microsecond, Read: 100 * time.Microsecond, Sync: 200 * time.Microsecond, SyncMean: 800 * time.Microsecond},
		Clock: sim.ClockOptions{OffsetMax: 50 * time.Millisecond, DriftMaxPPM: 50, Bound: 60 * time.Millisecond,
			NTP: sim.NTPOptions{Poll: 500 * time.Millisecond, Servers: 3, ServerMax: 2 * time.Millisecond, DelayMin: time.Millisecond, DelayMean: 4 * time.Millisecond}},
		CPU:     sim.CPUOptions{Handler: 2 * time.Microsecond, Effect: 1 * time.Microsecond},
		Buggify: true,
	}
	if s.params.Model().Timing == faults.Synchronous {
		o.Link.TailPPM, o.Link.LossPPM, o.Link.Max = 0, 0, 10*time.Millisecond
	}
	return o
}

func (s *kvSystem) build(w *sim.World) {
	s.world = w
	s.history.Reset()
	s.stream.Reset()
	s.sessions = 0
	// What an append holds is drawn for each run: few entries leave a leader's own
	// entry behind those of older terms for longer (Figure 8), many fill a flight.
	knobs := sim.Source{D: w.Decider(), S: sim.NemesisStream(1000), C: sim.ChoosePlan}
	s.maxEntries = 1 << knobs.Below(4)
	for _, n := range s.nodes {
		if n != nil {
			s.spare = append(s.spare, n)
		}
	}
	n := int(s.params["nodes"])
	s.servers, s.ids = s.servers[:0], s.ids[:0]
	s.nodes = append(s.nodes[:0], make([]*raft.Node, n)...)
	for i := range n {
		s.servers = append(s.servers, sim.NodeID(i+1))
		if i == len(s.stores) {
			s.stores = append(s.stores, kv.NewStore(kv.Options{}))
		}
	}
	for i := range n {
		w.AddNode(serverName(i), func(uint32) sim.Machine { return s.machine(i) })
	}
	s.invariants.Reset(s.servers, w.Violate)
	for i := range int(s.params["clients"]) {
		if i == len(s.clients) {
			s.clients = append(s.clients, new(kvClient))
		}
		c := s.clients[i]
		s.ids = append(s.ids, w.AddClient(fmt.Sprintf("client%d", i+1), c.run))
		c.reset(s, i)
	}
	s.left = len(s.ids)
	// Clients speak over connections: a frame arrives at most once. That is what makes
	// a refusal certain; a second copy could be accepted later.
	connection := s.options(0).Link
	connection.Once = true
	for _, c := range s.ids {
		for _, n := range s.servers {
			w.SetLink(c, n, connection)
			w.SetLink(n, c, connection)
		}
	}
	s.place(w)
}

func serverName(i int) string {
	names := [...]string{"neptune", "jupiter", "saturn", "uranus", "mars", "venus", "mercury", "earth", "pluto"}
	return names[i]
}

// machine makes server i's machine for a new incarnation. The memory of the one that
// crashed is reused; New and Reset forget its contents.
func (s *kvSystem) machine(i int) sim.Machine {
	s.stores[i].Reset(kv.Options{Sessions: 256, SessionTimeout: time.Minute, Rules: &s.guards.KV})
	old := s.nodes[i]
	if k := len(s.spare); old == nil && k > 0 {
		old, s.spare = s.spare[k-1], s.spare[:k-1]
	}
	s.nodes[i] = raft.New(raft.Config{
		Peers:             s.servers,
		Machine:           s.stores[i],
		ElectionTimeout:   electionTimeout,
		HeartbeatInterval: heartbeatInterval,
		MaxEntries:        s.maxEntries,
		Window:            12,
		MaxWaiting:        1000,
		WAL:               wal.Options{Name: "wal", SegmentBytes: 4096, Rules: s.guards.WAL},
		Rules:             &s.guards.Raft,
		Steps:             &s.guards.Steps,
	}, old)
	return s.nodes[i]
}

func (s *kvSystem) profile() faults.Profile { return s.nemesis }

func (s *kvSystem) drawFrom() faults.Profile {
	p := faults.Profile{
		From: sim.Time(100 * time.Millisecond),
		To:   sim.Time(s.ms("fault_ms")),
		Heal: sim.Time(s.ms("fault_ms")),
		Of: map[faults.Kind]faults.Setting{
			faults.Kill:      {ForMin: time.Millisecond},
			faults.PowerLoss: {ForMin: time.Millisecond},
		},
		Domains:  s.domains(),
		Rate:     s.params["faults"],
		Model:    s.params.Model(),
		Damaged:  -1, // Raft takes every disk for one that forgets nothing
		AimKinds: []string{"vote_reply", "append_reply", "append", "vote", "reply"},
	}
	if p.Rate == 0 {
		p.Kinds, p.PartialCorePPM = []faults.Kind{}, -1
	}
	return p
}

func (s *kvSystem) topology() faults.Topology {
	return faults.Topology{Servers: s.servers, Clients: s.ids, Domains: s.nemesis.Domains, Leader: s.leader, Kinds: func(name string) (sim.Kind, bool) {
		for i, k := range raft.KindNames() {
			if k == name && i > 0 {
				return sim.Kind(i), true
			}
		}
		return 0, false
	}}
}

// leader is who leads in the newest term; nobody: 0.
func (s *kvSystem) leader() sim.NodeID {
	var id sim.NodeID
	var term int64
	for _, n := range s.servers {
		if t := s.world.Observed(n, raft.FieldTerm); s.world.Observed(n, raft.FieldRole) == int64(raft.Leader) && t > term {
			id, term = n, t
		}
	}
	return id
}

func (s *kvSystem) after(id sim.NodeID) {
	i := int(id) - 1
	if i >= len(s.servers) {
		return
	}
	var n *raft.Node
	if s.world.Up(id) {
		n = s.nodes[i]
	}
	s.invariants.After(id, s.world.Incarnation(id), n)
}

// done: a history that is no longer linearizable will not be again.
func (s *kvSystem) done() bool { return s.left == 0 || s.stream.Violated(int64(s.world.Now())) }

func (s *kvSystem) deadline(heal sim.Time) sim.Time {
	s.healed = heal
	if heal == 0 { // a plan whose faults end by themselves
		s.healed = sim.Time(s.ms("fault_ms"))
	}
	return s.healed.Add(s.ms("bound_ms"))
}

// budget is some fifteen times what the busiest of thousands of runs needed. A cluster
// without noise and think time does more in the same time.
func (s *kvSystem) budget() uint64 {
	n := uint64(s.params["nodes"]*s.params["clients"]) * uint64(1000+int64(s.healed)/1e6+s.params["bound_ms"])
	if s.params["perfect"] == 1 || s.params["think_ms"] < 5 {
		n *= 10
	}
	return n
}

func (s *kvSystem) stuck() string {
	for _, c := range s.clients[:len(s.ids)] {
		if c.doing != "" {
			return fmt.Sprintf("%d of %d clients have not come to an end %v after the heal; client%d waits for %s",
				s.left, len(s.ids), s.ms("bound_ms"), c.number+1, c.doing)
		}
	}
	return fmt.Sprintf("%d of %d clients have not come to an end", s.left, len(s.ids))
}

func (s *kvSystem) judge(r *Result) {
	w := s.world
	w.Sometimes(s.invariants.Leaders() > 1, "raft: leader changed")
	w.Sometimes(len(r.Plan.Core) > 0 && len(r.Plan.Core) < len(s.servers), "kv: minority left behind")
	repeats := uint64(0)
	for _, st := range s.stores[:len(s.servers)] {
		repeats += st.Repeats()
	}
	w.Sometimes(repeats > 0, "kv: repeat answered from the session table")
	for _, n := range s.nodes {
		w.Sometimes(n != nil && n.WAL().Segments() > 1, "wal: segment rotated")
	}
	for i := range s.history.Operations {
		switch s.history.Operations[i].Outcome {
		case checker.Ok:
			r.Operations.OK++
		case checker.Fail:
			r.Operations.Fail++
		default:
			r.Operations.Info++
		}
	}
	w.Sometimes(r.Operations.Info > 0, "kv: operation with unknown outcome")
	r.History = &s.history
	report := s.checker.CheckLinearizable(&s.history, checker.Budget{})
	r.Verdict, r.Reason = report.Verdict, report.Reason
	switch {
	case report.Verdict != checker.Invalid && s.stream.Violated(int64(s.world.Now())):
		r.Verdict, r.Reason = checker.Unknown, ReasonDisagree
	case report.Verdict == checker.Invalid:
		r.Violations = append(r.Violations, Violation{"linearizability", strings.TrimPrefix(report.Class, "linearizability/"), report.Text, w.Now(), w.Events()})
	}
}
