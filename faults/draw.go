package faults

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/saros-sim/saros/sim"
)

// Profile is the policy of a nemesis: which kinds of faults, how many, how long, how
// bad. A zero field means its default; a share (PPM, parts per million) below zero
// means never.
type Profile struct {
	Kinds []Kind // which kinds may be drawn, in any order; nil: all

	From sim.Time // no fault begins before; 0
	To   sim.Time // … or from here on; 4 s
	Heal sim.Time // when all faults end; To
	Rate int64    // how many faults, in percent of the usual (some 10 in 4 s); 100

	Model Model

	// Damaged is how many servers may lose what their disks had (rot, lies, lost and
	// misdirected writes, a new disk): as many as the protocol repairs from the others. 0:
	// Tolerated; below: none. An unbounded Model knows no such limit.
	Damaged int

	Of map[Kind]Setting // how single kinds are drawn

	Domains []string // that may fail; nil: no faults of domains

	// Whom.
	LeaderPPM  int64 // of all but clocks: whoever leads; 250,000
	ClientsPPM int64 // of the faults of links: the links of clients too; 300,000
	SteadyPPM  int64 // of tail, loss, duplicate, drift: from the beginning until the heal, on all links; 500,000

	// Aim: a crash right after some step, for that is where bugs live.
	AimPPM   int64    // of kill, power loss and pause; 400,000
	AimKinds []string // names of message kinds; nil: only the disk's steps are aimed at
	AimNth   int64    // the greatest Nth; 8

	StormPPM       int64 // of crashes, pauses and partitions in a plan: four times as many of a kind; 150,000
	PartialCorePPM int64 // of the plans: only a random majority is healed, the others are dead; 500,000
}

// withDefaults fills in what is zero.
func (p Profile) withDefaults() Profile {
	def(&p.To, sim.Time(4*time.Second))
	def(&p.Heal, p.To)
	p.To = min(p.To, p.Heal)
	p.From = max(0, min(p.From, p.To-1))
	def(&p.Rate, 100)
	def(&p.LeaderPPM, 250_000)
	def(&p.ClientsPPM, 300_000)
	def(&p.SteadyPPM, 500_000)
	def(&p.AimPPM, 400_000)
	def(&p.AimNth, 8)
	def(&p.StormPPM, 150_000)
	def(&p.PartialCorePPM, 500_000)
	return p
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// mostOfKind bounds the faults of one kind in a long window, so that a plan stays
// within MaxFaults.
const mostOfKind = MaxFaults / 64

// Draw makes the Plan of a seed for a cluster of so many servers. Kind number k of
// All draws from sim.NemesisStream(k+1), whatever the other kinds do; the core from
// stream 0. At least one kind of the profile is on: where chance leaves all out, the
// one that came closest is taken.
func Draw(d sim.Decider, p Profile, servers int) Plan {
	if servers < 1 || servers > MaxServers {
		panic(fmt.Sprintf("faults: Draw for %d servers; there must be 1 to %d", servers, MaxServers))
	}
	for _, k := range p.Kinds {
		if k.index() < 0 {
			panic(fmt.Sprintf("faults: Draw with a kind %q, which is not in All", k))
		}
	}
	n := nemesis{p: p.withDefaults(), n: servers, faults: make([]Fault, 0, 16)}
	closest, least := -1, int64(0)
	for k := range All {
		if !p.allows(&All[k]) {
			continue
		}
		miss := n.begin(d, k)
		if miss < 0 {
			n.draw(k)
		}
		if closest < 0 || miss < least {
			closest, least = k, miss
		}
	}
	if closest >= 0 && least >= 0 {
		n.begin(d, closest)
		n.draw(closest)
	}
	slices.SortStableFunc(n.faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	n.source = sim.Source{D: d, S: sim.NemesisStream(0), C: sim.ChoosePlan}
	heal, core := n.apply(p.Model)
	if len(n.faults) > 0 && !slices.ContainsFunc(n.faults, Fault.certain) {
		n.settle(&n.faults[0])
	}
	return Plan{Schema: Schema, Faults: n.faults, Heal: heal, Core: core}
}

// allows tells whether a kind may be drawn.
func (p *Profile) allows(info *Info) bool {
	if info.damages && p.Damaged < 0 && !p.Model.Unbounded {
		return false
	}
	if info.hits == domains && len(p.Domains) == 0 {
		return false
	}
	return p.Model.admits(info) && (p.Kinds == nil || slices.Contains(p.Kinds, info.Kind))
}

// Drawn lists the kinds that may be drawn, in the order of All.
func (p Profile) Drawn() (kinds []Kind) {
	for k := range All {
		if p.allows(&All[k]) {
			kinds = append(kinds, All[k].Kind)
		}
	}
	return kinds
}

// begin takes up the stream of a kind. Below zero the seed has the kind; the nearer to
// it, the closer it came.
func (n *nemesis) begin(d sim.Decider, kind int) (miss int64) {
	n.source = sim.Source{D: d, S: sim.NemesisStream(kind + 1), C: sim.ChoosePlan}
	return n.below(million) - n.p.setting(kind).OnPPM
}

// setting is how a kind is drawn.
func (p *Profile) setting(kind int) Setting {
	return p.Of[All[kind].Kind].with(All[kind].setting)
}

// certain tells that a fault strikes whatever the system does: nobody has to lead, and
// no step has to come.
func (f Fault) certain() bool { return f.On == nil && f.Target != Leader }

// settle makes a fault certain. A plan of which nothing may come true would leave a
// run that tests nothing.
func (n *nemesis) settle(f *Fault) {
	f.On = nil
	if f.Target != Leader {
		return
	}
	f.Target = ""
	server := n.server()
	switch {
	case All[f.Kind.index()].hits != links: // faults of domains have no target
		f.Node = server
	case n.n == 1:
		f.From, f.To = n.list(0), n.list(1)
	default:
		f.From, f.To = n.list(server), n.all(false, server)
	}
}

// nemesis draws the faults of one plan. What it draws for a fault does not depend on
// what it drew before, so that a changed share changes few faults.
type nemesis struct {
	p       Profile
	n       int // servers
	source  sim.Source
	faults  []Fault
	ints    []int // the sides of all faults, one piece after another
	anchors []Anchor
	mask    []uint32 // scratch of split
}

// draw draws all faults of one kind.
func (n *nemesis) draw(kind int) {
	p := &n.p
	window := min(int64(p.To-p.From)/int64(time.Millisecond), million)
	const usual = 100 * 4000 // percent of a rate, ms of a window
	info, set := &All[kind], p.setting(kind)
	most := (set.Most*min(p.Rate, million)*window + usual/2) / usual
	// Some seeds are stormy in a kind: what needs three failovers in a row is not
	// reached by one fault now and then.
	if n.chance(n.p.StormPPM) && info.stormy {
		most *= 4
	}
	count := 1 + n.below(min(max(most, 1), mostOfKind))
	least := n.span(int64(set.ForMin), int64(set.ForMax))
	for range count {
		f := Fault{Kind: info.Kind, At: n.between(int64(p.From), int64(p.To)-1), For: n.span(least, int64(set.ForMax))}
		before := len(n.faults) // a ring, a swizzle is several faults
		info.draw(n, &f, set)
		n.faults = append(n.faults, f)
		for i := before; i < len(n.faults); i++ {
			if f := &n.faults[i]; f.At+f.For >= int64(p.Heal) && f.On == nil {
				f.For = 0 // the heal ends it
			}
		}
	}
}

// signedAmount draws a server and how far a clock of it goes wrong, either way.
func (n *nemesis) signedAmount(f *Fault, s Setting) {
	f.Node = n.server()
	f.Amount = n.signed(n.span(s.AmountMin, s.AmountMax))
}

// plain draws a server and how badly it is hit.
func (n *nemesis) plain(f *Fault, s Setting) {
	f.Node = n.server()
	if s.AmountMax > 0 {
		f.Amount = n.span(s.AmountMin, s.AmountMax)
	}
}

// steadyPlain is the same for a fault that may last from the beginning to the heal.
func (n *nemesis) steadyPlain(f *Fault, s Setting) {
	n.plain(f, s)
	n.steady(f)
}

// steadyAmount is signedAmount for a fault that may last from the beginning to the heal.
func (n *nemesis) steadyAmount(f *Fault, s Setting) {
	n.signedAmount(f, s)
	n.steady(f)
}

// domain draws which domain fails.
func (n *nemesis) domain(f *Fault, _ Setting) {
	f.Domain = n.p.Domains[n.below(int64(len(n.p.Domains)))]
}

// process draws whom a kill, a power loss or a pause hits, and its anchor.
func (n *nemesis) process(f *Fault, s Setting) {
	server, who := n.server(), n.below(million)
	all, leader := max(s.AllPPM, 0), max(n.p.LeaderPPM, 0)
	switch {
	case who < all:
		f.Target = Everyone
	case who < all+leader:
		f.Target = Leader
	default:
		f.Node = server
	}
	aimed, step, name := n.chance(n.p.AimPPM), n.below(4), n.below(int64(len(n.p.AimKinds)))
	a := Anchor{Nth: int(1 + n.below(n.p.AimNth))}
	switch {
	case !aimed:
		return
	case step < 2 && len(n.p.AimKinds) > 0:
		a.Step, a.Kind = StepSend, n.p.AimKinds[name]
	case step%2 == 0:
		a.Step = StepSync
	default:
		a.Step = StepDurable
	}
	if n.anchors == nil {
		n.anchors = make([]Anchor, 0, 4)
	}
	n.anchors = append(n.anchors, a)
	f.On = &n.anchors[len(n.anchors)-1]
}

// partition draws the shape of a partition:
//
//	isolate   1 | 2,3,4,5        halves   1,4 | 2,3,5
//	pair      1 | 2              bridge   1,2 | 4,5   (3 reaches both sides)
//	leader    whoever leads | all others
//	ring      1 | 3,  1 | 4,  2 | 4,  2 | 5,  3 | 5   (each reaches its neighbours only)
//
// Clients reach both sides, or are on one of them.
func (n *nemesis) partition(f *Fault, _ Setting) {
	shape, a, b, leader := n.below(100), n.server(), n.server(), n.chance(n.p.LeaderPPM)
	clients, side := n.chance(n.p.ClientsPPM), n.below(2)
	n.split()
	b = other(a, b, n.n)
	if n.n == 1 {
		f.From, f.To = n.list(0), n.list(1)
		return
	}
	switch {
	case leader:
		f.Target = Leader
		if clients {
			f.To = n.all(true, 0)
		}
		return
	case shape < 35:
		f.From, f.To = n.list(a), n.all(false, a)
	case shape >= 93 && n.n > 3:
		n.ring(f)
		return
	case shape < 50:
		f.From, f.To = n.list(a), n.list(b)
	case shape < 65 && n.n > 2:
		f.From, f.To = n.sides(a)
	default:
		f.From, f.To = n.sides(0)
	}
	switch {
	case clients && side == 0:
		f.From = n.with0(f.From)
	case clients:
		f.To = n.with0(f.To)
	}
}

// ring cuts all pairs of servers that are not neighbours: f is the last pair, the others
// are faults of their own.
func (n *nemesis) ring(f *Fault) {
	for a := 1; a <= n.n-2; a++ {
		for b := a + 2; b <= n.n; b++ {
			if a == 1 && b == n.n {
				continue // the ring closes
			}
			pair := *f
			pair.From, pair.To = n.list(a), n.list(b)
			n.faults = append(n.faults, pair)
		}
	}
	last := len(n.faults) - 1
	*f, n.faults = n.faults[last], n.faults[:last]
}

// oneWay draws a direction: out of a server, into it, one link, out of or into
// whoever leads; for disturbances also all links.
func (n *nemesis) oneWay(f *Fault, disturbs bool) {
	shape, a, b, leader := n.below(100), n.server(), n.server(), n.chance(n.p.LeaderPPM)
	clients, into := n.chance(n.p.ClientsPPM), n.below(2) == 1
	b = other(a, b, n.n)
	others := 0
	switch {
	case n.n == 1:
		f.From, f.To = n.list(0), n.list(1)
		if !into {
			f.From, f.To = f.To, f.From
		}
		return
	case disturbs && shape < 40:
		f.From, f.To = n.all(clients, 0), n.all(clients, 0)
		return
	case !leader && shape >= 80:
		f.From, f.To = n.list(a), n.list(b)
		return
	case leader:
		f.Target = Leader
	default:
		others = a
		f.From = n.list(a)
	}
	if others > 0 || clients || into {
		f.To = n.all(clients, others)
	}
	if into {
		f.From, f.To = f.To, f.From
	}
}

func (n *nemesis) cutOneWay(f *Fault, _ Setting) { n.oneWay(f, false) }

// clog draws links that clog, or (FoundationDB's swizzle) links of one server that clog
// one after another and open in another order.
func (n *nemesis) clog(f *Fault, _ Setting) {
	swizzle, a := n.below(100) < 40, n.server()
	if !swizzle || n.n == 1 {
		n.oneWay(f, true)
		return
	}
	end := f.At + f.For
	var pair Fault
	for b := 1; b <= n.n; b++ {
		if b == a {
			continue
		}
		for _, into := range [2]bool{false, true} {
			if pair.Kind != "" {
				n.faults = append(n.faults, pair)
			}
			pair = *f
			pair.At = f.At + n.below(f.For/2+1)
			pair.For = max(1, f.For/2+n.below(f.For/2+1)-(pair.At-f.At))
			pair.From, pair.To = n.list(a), n.list(b)
			if into {
				pair.From, pair.To = pair.To, pair.From
			}
			if pair.At >= int64(n.p.To) {
				pair.At = f.At
			}
			if end >= int64(n.p.Heal) {
				pair.For = 0
			}
		}
	}
	*f = pair
}

// burst draws trouble for a while.
func (n *nemesis) burst(f *Fault, s Setting) {
	n.oneWay(f, true)
	f.Amount = n.between(s.AmountMin, s.AmountMax)
}

// disturb draws trouble for a while, or from the beginning to the heal on all links.
func (n *nemesis) disturb(f *Fault, s Setting) {
	n.burst(f, s)
	if n.steady(f) {
		f.Target = ""
		clients := n.p.ClientsPPM > 0
		f.From, f.To = n.all(clients, 0), n.all(clients, 0)
	}
}

// steady makes some faults last from the beginning to the heal.
func (n *nemesis) steady(f *Fault) bool {
	if !n.chance(n.p.SteadyPPM) {
		return false
	}
	f.At, f.For = int64(n.p.From), 0
	return true
}

// core draws the servers that the heal leaves: all, or a random majority.
func (n *nemesis) core() []int {
	majority := n.n/2 + 1
	partial := n.chance(n.p.PartialCorePPM)
	size := int(n.between(int64(majority), int64(n.n)-1))
	if !partial || majority == n.n {
		return nil
	}
	return n.some(size)
}

// some draws so many servers, ascending; every set is as likely (selection sampling,
// Knuth, Algorithm 3.4.2S).
func (n *nemesis) some(size int) []int {
	set := make([]int, 0, size)
	for s := 1; len(set) < size; s++ {
		if n.below(int64(n.n-s+1)) < int64(size-len(set)) {
			set = append(set, s)
		}
	}
	return set
}

// Small draws.

func (n *nemesis) below(bound int64) int64 { return int64(n.source.Below(uint64(max(bound, 1)))) }

func (n *nemesis) between(lo, hi int64) int64 { return n.source.Between(lo, hi) }

func (n *nemesis) chance(ppm int64) bool { return n.source.Chance(ppm) }

func (n *nemesis) server() int { return int(1 + n.below(int64(n.n))) }

func (n *nemesis) signed(v int64) int64 {
	if n.below(2) == 1 {
		return -v
	}
	return v
}

// span draws from lo to hi, every power of two as likely: 20 ms and 1 s are both
// worth trying, 980 ms and 1 s are the same.
func (n *nemesis) span(lo, hi int64) int64 {
	lo = max(lo, 1)
	octaves := int64(bits.Len64(uint64(max(hi, lo) / lo)))
	at := lo << n.below(octaves)
	return n.between(at, min(hi, 2*at-1))
}

// other is b, or the server after it if b is a.
func other(a, b, servers int) int {
	if a == b {
		return b%servers + 1
	}
	return b
}

// split draws a side for every server.
func (n *nemesis) split() {
	n.mask = n.mask[:0]
	for range (n.n + 31) / 32 {
		n.mask = append(n.mask, uint32(n.below(1<<32)))
	}
}

// sides are the two that split drew, without one server (0: with all), neither empty.
func (n *nemesis) sides(without int) (from, to []int) {
	first, last, ones, members := 0, 0, 0, 0
	for s := 1; s <= n.n; s++ {
		if s == without {
			continue
		}
		if first == 0 {
			first = s
		}
		last = s
		members++
		ones += int(n.bit(s))
	}
	if ones == 0 {
		n.mask[(first-1)/32] |= 1 << ((first - 1) % 32)
	}
	if ones == members {
		n.mask[(last-1)/32] &^= 1 << ((last - 1) % 32)
	}
	return n.bySide(1, without), n.bySide(0, without)
}

func (n *nemesis) bit(s int) uint32 { return n.mask[(s-1)/32] >> ((s - 1) % 32) & 1 }

func (n *nemesis) bySide(bit uint32, without int) []int {
	start := n.room()
	for s := 1; s <= n.n; s++ {
		if s != without && n.bit(s) == bit {
			n.ints = append(n.ints, s)
		}
	}
	return n.cut(start)
}

// Sides are cut from one piece of memory; each keeps its own.

// room makes room for one side, and says where it begins.
func (n *nemesis) room() int {
	if cap(n.ints)-len(n.ints) < n.n+1 {
		n.ints = make([]int, 0, max(64, 4*(n.n+1)))
	}
	return len(n.ints)
}

func (n *nemesis) cut(start int) []int { return n.ints[start:len(n.ints):len(n.ints)] }

func (n *nemesis) list(s int) []int {
	start := n.room()
	n.ints = append(n.ints, s)
	return n.cut(start)
}

// all lists every server without one (0: all of them), and the clients if asked.
func (n *nemesis) all(clients bool, without int) []int {
	start := n.room()
	if clients {
		n.ints = append(n.ints, 0)
	}
	for s := 1; s <= n.n; s++ {
		if s != without {
			n.ints = append(n.ints, s)
		}
	}
	return n.cut(start)
}

// with0 is a side with the clients added.
func (n *nemesis) with0(side []int) []int {
	start := n.room()
	n.ints = append(append(n.ints, 0), side...)
	return n.cut(start)
}
