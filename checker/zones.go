package checker

import (
	"cmp"
	"math"
	"slices"
)

// zones decides a register in O(n log n), without search: Valid, or a few operations that contradict
// each other (Gibbons and Korach, "Testing Shared Memories", 1997, in other words).
//
// A zone is a value, the one operation that wrote it, and those that found it. In every legal order they
// stand together: once another value is there, nobody finds this one again. A CAS binds the zone of the
// value that it found to that of the value that it left; zones so bound form a block, which stands
// together too. Let f be the earliest return in a block and s the latest call:
//
//	v must stand behind u if some operation of u returned before one of v was called: f(u) < s(v)
//
// A legal order exists exactly when every block has one within and no two blocks must each stand behind
// the other. Two are enough: in a longer circle take the block with the least f; all others of the circle
// must stand behind it, for each must stand behind some block of the circle; and it behind one of them.
//
// Unknown outcomes: a write whose value nobody found is left out; one whose value was found did happen,
// and returns never; a CAS that happened found its old value.
//
// No contradiction proves the key valid if values are unique on it and the missing key that was seen is
// the one at the start: no increment, no delete that can have made it. Where that does not hold, the
// zones of values with one writer are still zones, and contradictions between them still proofs.
type zones struct {
	ops      []*Operation // of the key at hand, by call
	complete bool         // the assumptions hold

	table   []int32 // open addressing, by value: place in zones, and 1; 0 is free
	zones   []zone
	blocks  []block
	sorting []block // scratch of sortBlocks

	missing      zone  // the key before the first write
	missingUntil int64 // latest return of those that found it missing
	deletedFrom  int64 // earliest call of a delete of unknown outcome

	bound    int // zones that happened and belong to no block yet
	best     contradiction
	evidence []*Operation
}

// zone is one value. Operations are places in ops, other zones places in zones; none is none.
type zone struct {
	value       int64
	f, s        int64 // earliest return and latest call
	first, last int32 // the operations that have them
	writer      int32
	seen        int32 // of those that found the value, CAS that replaced it too, the earliest return
	before      int32 // zone of the value that the writer, a CAS, found
	behind      int32 // zone of the value that a CAS replaced this one with
	stage       stage
}

type stage uint8

const (
	dormant   stage = iota // unknown whether it was ever written
	happened               // it was, and before and behind say what is bound to it
	placed                 // and it belongs to a block
	ambiguous              // it has several writers and claims nothing
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
	forked        // zones a and b were both made of one value, by CAS
	circular      // zone a was made of itself, by CAS after CAS
	backwards     // zones a and b, in this order in their block, must stand the other way round
	crossed       // the blocks that begin with zones a and b must each stand behind the other
	lost          // the key was found missing behind zone a
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
	z.ops, z.complete, z.bound, z.best = ops, true, 0, contradiction{}
	z.zones = slices.Grow(z.zones[:0], len(ops))
	z.blocks = z.blocks[:0]
	z.missing, z.missingUntil, z.deletedFrom = emptyZone(0), math.MinInt64, never
}

func emptyZone(value int64) zone {
	return zone{value: value, f: never, s: math.MinInt64, first: none, last: none, writer: none, seen: none,
		before: none, behind: none}
}

// collect puts the operations into zones and reports whether there can be any: a counter has none.
func (z *zones) collect() bool {
	for i, op := range z.ops {
		i, known := int32(i), op.Outcome == Ok
		switch {
		case op.Kind == Increment:
			return false
		case op.Kind == Put:
			z.write(i, op)
		case op.Kind == Delete && !known:
			z.deletedFrom = min(z.deletedFrom, op.Call)
		case op.Kind == Delete && op.Found:
			z.complete = false
			z.deletedFrom = math.MinInt64
		case op.Kind == CAS && (!known || op.Swapped):
			z.swap(i, op)
		case !op.Found: // what is left are reads
			z.missing.add(i, op)
			z.missingUntil = max(z.missingUntil, op.Return)
		default:
			z.read(i, op, op.Result)
			if op.Kind == CAS && op.Result == op.Old {
				z.offer(refused, i, none, op.Return)
			}
		}
	}
	if z.deletedFrom <= z.missingUntil {
		z.complete = false
		z.missing.last = none // it may be another missing key than that of the start: no zone
	}
	return true
}

func (z *zones) write(i int32, op *Operation) (at int32) {
	at = z.find(op.Arg)
	v := &z.zones[at]
	if v.writer >= 0 {
		v.stage, z.complete = ambiguous, false
		return at
	}
	v.writer = i
	v.add(i, op)
	return at
}

func (z *zones) read(i int32, op *Operation, value int64) {
	v := &z.zones[z.find(value)]
	v.add(i, op)
	v.saw(z.ops, i)
}

// swap takes a CAS that swapped, or may have. One that replaces a value with itself only reads it.
func (z *zones) swap(i int32, op *Operation) {
	switch known := op.Outcome == Ok; {
	case op.Old != op.Arg:
		before := z.find(op.Old)
		if known {
			z.zones[before].saw(z.ops, i)
		}
		v := &z.zones[z.write(i, op)]
		v.before = before
	case known:
		z.read(i, op, op.Old)
	}
}

// add counts op in. The earlier in ops wins a tie, so that the order of ops alone decides.
func (v *zone) add(i int32, op *Operation) {
	if op.Outcome == Ok && op.Return < v.f {
		v.f, v.first = op.Return, i
	}
	if op.Call > v.s || v.last < 0 {
		v.s, v.last = op.Call, i
	}
}

func (v *zone) saw(ops []*Operation, i int32) {
	if v.seen < 0 || ops[i].Return < ops[v.seen].Return {
		v.seen = i
	}
}

// find returns the place of a value's zone, a new one if it has none yet. Values that differ in the last
// bits alone lie side by side in the table: they tend to be written one after the other.
func (z *zones) find(value int64) int32 {
	mask := uint64(len(z.table) - 1)
	x := uint64(value)
	slot := (x>>5*0x9e3779b97f4a7c15>>32<<5 | x&31) & mask
	for ; z.table[slot] != 0; slot = (slot + 1) & mask {
		if at := z.table[slot] - 1; z.zones[at].value == value {
			return at
		}
	}
	at := int32(len(z.zones))
	z.table[slot] = at + 1
	z.zones = append(z.zones, emptyZone(value))
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
		z.bound++
		switch {
		case v.writer < 0:
			z.offer(thinAir, at, none, z.knownAt(at))
			return
		case v.seen >= 0 && z.ops[v.seen].Return < z.ops[v.writer].Call:
			z.offer(future, at, none, z.ops[v.seen].Return)
		}
		if v.before < 0 {
			return
		}
		u := &z.zones[v.before]
		switch {
		case u.stage == ambiguous:
			v.before = none
			return
		case u.behind >= 0:
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
	z.blocks = slices.Grow(z.blocks, z.bound)
	for at := range z.zones {
		if v := &z.zones[at]; v.stage == happened && v.before < 0 {
			z.buildFrom(int32(at))
		}
	}
	if z.bound == 0 {
		return
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
	latest := root // zone with the latest call so far
	for at := root; at >= 0; at = z.zones[at].behind {
		v := &z.zones[at]
		if v.f < b.s {
			z.offer(backwards, latest, at, v.f)
		}
		if v.s > b.s {
			b.s, latest = v.s, at
		}
		b.f = min(b.f, v.f)
		v.stage = placed
		z.bound--
	}
	if b.f < never { // else what was bound to it has several writers: it may stand anywhere
		z.blocks = append(z.blocks, b)
	}
}

// compare looks for blocks that must each stand behind the other, in one pass by f. Of the blocks so far
// only the one with the latest call can be one of them: with two that reach beyond the f at hand, these two
// would have been.
func (z *zones) compare() {
	z.sortBlocks()
	if z.missing.last >= 0 && len(z.blocks) > 0 && z.blocks[0].f < z.missing.s {
		z.offer(lost, z.blocks[0].root, none, z.ops[z.missing.last].Return)
	}
	if len(z.blocks) == 0 {
		return
	}
	latest := z.blocks[0]
	for _, v := range z.blocks[1:] {
		if v.f < latest.s && latest.f < v.s {
			z.offer(crossed, latest.root, v.root, v.f)
		}
		if v.s > latest.s {
			latest = v
		}
	}
}

const digitBits = 11

// sortBlocks sorts by f: by radix from the lowest digit, where there are many, as times are integers of few
// digits.
func (z *zones) sortBlocks() {
	if len(z.blocks) < 1<<digitBits {
		slices.SortStableFunc(z.blocks, func(a, b block) int { return cmp.Compare(a.f, b.f) })
		return
	}
	least, most := z.blocks[0].f, z.blocks[0].f
	for _, b := range z.blocks {
		least, most = min(least, b.f), max(most, b.f)
	}
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
