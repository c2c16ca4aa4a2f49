package checker

import (
	"cmp"
	"math"
	"slices"
)

// zones decides a register in O(n log n), without search: Valid, or a few operations that contradict
// each other (Gibbons and Korach, "Testing Shared Memories", 1997, in other words).
//
// A zone is a state of the key (a value, or missing by one tombstone), the one operation that left it,
// and those that found it. In every legal order they stand together: once another state is there, nobody
// finds this one again. A CAS binds the zone of the state that it found to that of the state that it left,
// and so does a delete that says what it replaced; zones so bound form a block, which stands together too.
// The missing key of the start is a zone that nobody wrote; it returned before all time. Let f be the
// earliest return in a block and s the latest call:
//
//	v must stand behind u if some operation of u returned before one of v was called: f(u) < s(v)
//
// A legal order exists exactly when every block has one within and no two blocks must each stand behind
// the other. Two are enough: in a longer circle take the block with the least f; all others of the circle
// must stand behind it, for each must stand behind some block of the circle; and it behind one of them.
//
// Unknown outcomes: a write whose state nobody found is left out; one whose state was found did happen,
// and returns never; a CAS that happened found its old value.
//
// No contradiction proves the key valid if values and tombstones are unique on it: no increment, no delete
// without a tombstone that can have made the missing key that was seen. Where that does not hold, the
// zones of states with one writer are still zones, and contradictions between them still proofs.
type zones struct {
	ops      []*Operation // of the key at hand, by call
	complete bool         // the assumptions hold

	table   []int32 // open addressing, by value: place in zones, and 1; 0 is free
	zones   []zone
	blocks  []block
	sorting []block // scratch of sortBlocks

	missingUntil int64 // latest return of those that found the key missing without a tombstone
	deletedFrom  int64 // earliest call of a delete without a tombstone, of unknown outcome
	anonymous    bool  // a delete without a tombstone found the key missing
	tombstones   bool

	best     contradiction
	evidence []*Operation
}

// zone is one state. Operations are places in ops, other zones places in zones; none is none.
type zone struct {
	state
	f, s        int64 // earliest return and latest call
	first, last int32 // the operations that have them
	writer      int32
	seen        int32 // of those that found the state, those that replaced it too, the earliest return
	before      int32 // zone of the state that the writer found, if it says so
	behind      int32 // zone of the state that replaced this one, if its writer says so
	stage       stage
}

const start = 0 // the place in zones of the missing key that nobody deleted

type stage uint8

const (
	dormant   stage = iota // unknown whether it was ever written
	happened               // it was, and before and behind say what is bound to it
	placed                 // and it belongs to a block
	ambiguous              // it may have several writers and claims nothing
)

type block struct {
	f, s int64
	root int32 // the zone that stands first
}

const none = -1

// contradiction is one way in which operations exclude each other.
type contradiction struct {
	how  how
	a, b int32 // see how
	at   int64 // when it was complete, about: of several the earliest is reported
}

type how uint8

const (
	nowhere   how = iota
	thinAir       // zone a was found, and nobody wrote it
	future        // zone a was found by an operation that returned before its writer was called
	refused       // operation a, a CAS, found the value it wanted and did not swap
	forked        // zones a and b were both made of one state
	circular      // zone a was made of itself, by CAS after CAS
	backwards     // zones a and b, in this order in their block, must stand the other way round
	crossed       // the blocks that begin with zones a and b must each stand behind the other
)

// decide judges the operations of one key, sorted by call, failed ones and unknown reads left out. With
// illegal comes evidence; see there.
func (z *zones) decide(ops []*Operation) (answer, []Operation) {
	z.start(ops)
	if !z.collect() {
		return undecided, nil
	}
	z.bind()
	z.build()
	z.compare()
	switch {
	case z.best.how != nowhere:
		return illegal, z.contradict()
	case z.complete:
		return legal, nil
	}
	return undecided, nil
}

func (z *zones) start(ops []*Operation) {
	size := 8
	for size <= 2*len(ops) { // an operation names two values at most: never full
		size *= 2
	}
	z.table = slices.Grow(z.table[:0], size)[:size]
	clear(z.table)
	z.ops, z.complete, z.best = ops, true, contradiction{}
	z.zones = slices.Grow(z.zones[:0], len(ops)+1)
	z.blocks = z.blocks[:0]
	z.missingUntil, z.deletedFrom, z.anonymous, z.tombstones = math.MinInt64, never, false, false
	z.zones[z.find(state{})].f = -1
}

func emptyZone(s state) zone {
	return zone{state: s, f: never, s: math.MinInt64, first: none, last: none, writer: none, seen: none,
		before: none, behind: none}
}

// collect puts the operations into zones and reports whether there can be any: a counter has none.
func (z *zones) collect() bool {
	for i, op := range z.ops {
		i, known := int32(i), op.Outcome == Ok
		switch {
		case op.Kind == Increment:
			return false
		case op.Kind == Put, op.Kind == Delete && op.Arg != 0 && !known:
			z.write(i, op)
		case op.Kind == Delete && op.Arg != 0:
			z.swap(i, op, seen(op))
		case op.Kind == Delete && !known:
			z.deletedFrom = min(z.deletedFrom, op.Call)
		case op.Kind == Delete && op.Found:
			z.deletedFrom = math.MinInt64 // from the start on, as far as anybody can tell
		case op.Kind == Delete: // found it missing, by whatever tombstone
			z.read(i, op, state{})
			z.anonymous = true
		case op.Kind == CAS && (!known || op.Swapped):
			z.swap(i, op, state{op.Old, true})
		default:
			z.read(i, op, seen(op))
			if op.Kind == CAS && seen(op) == (state{op.Old, true}) {
				z.offer(refused, i, none, op.Return)
			}
		}
	}
	if z.deletedFrom <= z.missingUntil || z.anonymous && z.tombstones {
		z.complete = false
		z.zones[start].stage = ambiguous // it may be another missing key than that of the start
	}
	return true
}

func (z *zones) write(i int32, op *Operation) (at int32) {
	left, _ := leaves(op)
	z.tombstones = z.tombstones || !left.exists
	at = z.find(left)
	v := &z.zones[at]
	if v.writer >= 0 {
		v.stage, z.complete = ambiguous, false
		return at
	}
	v.writer = i
	v.add(i, op)
	return at
}

func (z *zones) read(i int32, op *Operation, s state) {
	at := z.find(s)
	z.zones[at].add(i, op)
	z.saw(at, i)
}

// swap takes an operation that replaced the state from, or may have. One that replaces it with itself only
// reads it.
func (z *zones) swap(i int32, op *Operation, from state) {
	left, _ := leaves(op)
	switch known := op.Outcome == Ok; {
	case from != left:
		before := z.find(from)
		if known {
			z.saw(before, i)
		}
		v := &z.zones[z.write(i, op)]
		v.before = before
	case known:
		z.read(i, op, from)
	}
}

// add counts op in. The earlier in ops wins a tie, so that the order of ops alone decides.
func (v *zone) add(i int32, op *Operation) {
	if op.Outcome == Ok && op.Return < v.f {
		v.f, v.first = op.Return, i
	}
	if op.Call > v.s {
		v.s, v.last = op.Call, i
	}
}

// saw notes that operation i found the state of zone at.
func (z *zones) saw(at, i int32) {
	v, returned := &z.zones[at], z.ops[i].Return
	if v.seen < 0 || returned < z.ops[v.seen].Return {
		v.seen = i
	}
	if at == start {
		z.missingUntil = max(z.missingUntil, returned)
	}
}

// find returns the place of a state's zone, a new one if it has none yet. Values that differ in the last
// bits alone lie side by side in the table: they tend to be written one after the other.
func (z *zones) find(s state) int32 {
	mask := uint64(len(z.table) - 1)
	x := uint64(s.value)
	slot := (x>>5*0x9e3779b97f4a7c15>>32<<5 | x&31) & mask
	for ; z.table[slot] != 0; slot = (slot + 1) & mask {
		if at := z.table[slot] - 1; z.zones[at].state == s {
			return at
		}
	}
	at := int32(len(z.zones))
	z.table[slot] = at + 1
	z.zones = append(z.zones, emptyZone(s))
	return at
}

// offer notes a contradiction if it is the earliest so far.
func (z *zones) offer(how how, a, b int32, at int64) {
	if z.best.how == nowhere || at < z.best.at {
		z.best = contradiction{how, a, b, at}
	}
}

// bind finds out which zones happened, and binds those that CAS made to those they were made of.
func (z *zones) bind() {
	for at := range z.zones {
		v := &z.zones[at]
		if v.stage != dormant || v.f == never && v.seen < 0 {
			continue
		}
		z.bindDown(int32(at))
	}
}

// bindDown binds zone at, which happened, and those below it that happened because it did.
func (z *zones) bindDown(at int32) {
	for {
		v := &z.zones[at]
		v.stage = happened
		switch {
		case at == start:
			return
		case v.writer < 0:
			z.offer(thinAir, at, none, z.knownAt(at))
			return
		case v.seen >= 0 && z.ops[v.seen].Return < z.ops[v.writer].Call:
			z.offer(future, at, none, z.ops[v.seen].Return)
		}
		if v.before == none {
			return
		}
		u := &z.zones[v.before]
		switch {
		case u.stage == ambiguous:
			v.before = none
			return
		case u.behind != none:
			z.offer(forked, u.behind, at, max(z.knownAt(u.behind), z.knownAt(at)))
			v.before = none
			return
		}
		u.behind = at
		if u.stage != dormant {
			return
		}
		at = v.before
	}
}

// knownAt is when a return first proved that zone at happened, by an operation of its own at least.
func (z *zones) knownAt(at int32) int64 {
	v := &z.zones[at]
	if v.seen < 0 {
		return v.f
	}
	return min(v.f, z.ops[v.seen].Return)
}

// build makes blocks of the zones that happened, from each that is bound to none before.
func (z *zones) build() {
	for at := range z.zones {
		if v := &z.zones[at]; v.stage == happened && v.before == none {
			z.buildFrom(int32(at))
		}
	}
	for at := range z.zones {
		if z.zones[at].stage == happened {
			z.offer(circular, int32(at), none, z.knownAt(int32(at)))
		}
	}
}

// buildFrom makes the block that begins with zone root.
func (z *zones) buildFrom(root int32) {
	b := block{f: never, s: math.MinInt64, root: root}
	latest := root // zone with the latest call so far, the nearest such
	for at := root; at != none; at = z.zones[at].behind {
		v := &z.zones[at]
		if v.f < b.s {
			z.offer(backwards, latest, at, v.f)
		}
		if v.s >= b.s {
			b.s, latest = v.s, at
		}
		b.f = min(b.f, v.f)
		v.stage = placed
	}
	z.blocks = append(z.blocks, b)
}

// compare looks for blocks that must each stand behind the other, in one pass by f. Of the blocks so far
// only the one with the latest call can be one of them: with two that reach beyond the f at hand, these two
// would have been. The start returned before all time, so it comes first, and if it contradicts any block then
// the next; it counts from the latest return that found it, and hides no others.
func (z *zones) compare() {
	z.sortBlocks()
	if len(z.blocks) == 0 {
		return
	}
	latest := z.blocks[0]
	for _, v := range z.blocks[1:] {
		if v.f < latest.s && latest.f < v.s {
			at := v.f
			if latest.root == start {
				at = max(at, z.missingUntil)
			}
			z.offer(crossed, latest.root, v.root, at)
		}
		if v.s > latest.s || latest.root == start {
			latest = v
		}
	}
}

func byF(a, b block) int { return cmp.Compare(a.f, b.f) }

const digitBits = 11

// sortBlocks sorts by f: by radix from the lowest digit, where there are many, as times are integers of few
// digits.
func (z *zones) sortBlocks() {
	if len(z.blocks) < 1<<digitBits {
		slices.SortStableFunc(z.blocks, byF)
		return
	}
	least, most := slices.MinFunc(z.blocks, byF).f, slices.MaxFunc(z.blocks, byF).f
	z.sorting = slices.Grow(z.sorting[:0], len(z.blocks))[:len(z.blocks)]
	for shift := uint(0); uint64(most-least)>>shift > 0; shift += digitBits {
		var from [1 << digitBits]int32
		digit := func(b *block) uint64 { return uint64(b.f-least) >> shift & (1<<digitBits - 1) }
		for i := range z.blocks {
			from[digit(&z.blocks[i])]++
		}
		sum := int32(0)
		for d, n := range from {
			from[d] = sum
			sum += n
		}
		for i := range z.blocks {
			d := digit(&z.blocks[i])
			z.sorting[from[d]] = z.blocks[i]
			from[d]++
		}
		z.blocks, z.sorting = z.sorting, z.blocks
	}
}
