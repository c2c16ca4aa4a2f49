package checker

import (
	"fmt"
	"math"
	"slices"
)

// Stream judges registers while they run: it is told calls and returns in the order of time, and knows
// after each whether what it was told so far is linearizable. It is zones, in one pass, and keeps of the
// past what a later return can still contradict. Of each key:
//
//   - Let horizon be the earliest call of an open operation. All that returns from now on was called at
//     horizon or later, and so must stand behind every block with f < horizon. Such blocks are settled; a
//     block contradicts them exactly if its f is less than the latest call in one of the others. Two numbers
//     remember that: the latest s among them, and the latest of another block.
//   - A settled block whose own f is less than such an s is over: nobody may find its states again. The same
//     holds of a zone once one behind it in its block has f < horizon. What is over is forgotten, and who
//     finds such a state later finds what nobody wrote.
//
// So memory is bounded by the operations open at one time and the writes of unknown outcome that nobody
// found yet. The zero value is ready, for keys that are missing at the start.
//
// It does not know increments, deletes without a tombstone, and a state that is left twice while the first
// is not forgotten: on such a key nothing but Invalid is said from then on, and it is Unknown,
// not_applicable. (A state that is left again after it was forgotten is another: the old one cannot come
// back.)
//
// CheckLinearizable of the History so far says why.
type Stream struct {
	keys    map[string]*streamKey
	now     int64
	orphans []orphan     // found at this instant, and not written yet: who writes them may call at this instant
	broken  []*streamKey // violated at this instant, unless it makes them unfit

	completed, invalid, unfit bool
}

type orphan struct {
	key  *streamKey
	zone *streamZone
}

func (o orphan) violates() bool { return !o.zone.written && !o.key.unfit }

// streamKey is one key.
type streamKey struct {
	horizon   int64
	open      []streamCall // by time
	zones     map[state]*streamZone
	unsettled []*streamBlock  // f at horizon or later
	settled   []*streamBlock  // and not over
	top       [2]*streamBlock // latest of the settled blocks, those that are over too; nil: none
	violated  bool
	unfit     bool
}

type streamCall struct {
	id int
	at int64
}

// streamZone and streamBlock are what their namesakes in zones are. A block is made when its first zone
// happened.
type streamZone struct {
	state
	f, s    int64
	found   int64 // earliest return of those that found the state, by what they say or what followed from it
	written bool
	swapped bool // the writer found from
	from    state
	before  *streamZone // bound by the writer; nil: not yet, or not at all
	behind  *streamZone
	block   *streamBlock
	own     streamBlock    // that the zone began with
	alone   [1]*streamZone // the zones of that
}

type streamBlock struct {
	f, s    int64
	zones   []*streamZone // from first to last
	settled bool
}

// Reset forgets everything and keeps memory for the next run.
func (s *Stream) Reset() {
	for _, k := range s.keys { //saros:unordered each is emptied
		clear(k.zones)
		k.start()
	}
	*s = Stream{keys: s.keys, orphans: s.orphans[:0], broken: s.broken[:0]}
}

// Violated tells whether what Stream was told is not linearizable whatever comes, now that it is at (ns).
func (s *Stream) Violated(at int64) bool {
	s.advance(at)
	return s.invalid
}

// Call tells of a call: op is as History.Invoke left it. Like all that Stream is told it must not lie
// before what it was told earlier.
func (s *Stream) Call(op *Operation) {
	s.advance(op.Call)
	k := s.key(op.Key)
	if slices.ContainsFunc(k.open, func(c streamCall) bool { return c.id == op.ID }) {
		panic(fmt.Sprintf("checker: operation %d, called at %d, is open already", op.ID, op.Call))
	}
	k.open = append(k.open, streamCall{op.ID, op.Call})
	switch {
	case op.Kind == Increment || op.Kind == Delete && op.Arg == 0:
		s.giveUp(k)
	case !s.invalid && !k.unfit && mayWrite(op):
		s.write(k, op)
	}
}

// Return tells of the outcome of an operation that Call told of: op has a return now.
func (s *Stream) Return(op *Operation) {
	k := s.key(op.Key)
	at := slices.IndexFunc(k.open, func(c streamCall) bool { return c.id == op.ID })
	if at < 0 || op.Outcome == Pending {
		panic(fmt.Sprintf("checker: operation %d returned at %d, %s, and is not open", op.ID, op.Return, op.Outcome))
	}
	k.open = slices.Delete(k.open, at, at+1)
	s.advance(op.Return)
	s.completed = s.completed || op.Outcome == Ok
	if s.over(k) {
		return
	}
	left, _ := leaves(op)
	switch {
	case op.Outcome == Info:
	case op.Outcome == Fail && mayWrite(op):
		s.unwrite(k, k.zones[left])
	case op.Outcome == Fail:
	case op.Kind == CAS && !op.Swapped && seen(op) == state{op.Old, true}:
		s.violate(k)
	case isRead(op):
		if mayWrite(op) {
			s.unwrite(k, k.zones[left])
		}
		s.find(k, op, seen(op))
	case !mayWrite(op): // a CAS that replaced a value with itself
		s.find(k, op, left)
	default:
		z := k.zones[left]
		if op.Kind == Delete {
			z.swapped, z.from = true, seen(op)
		}
		s.change(k, z, op)
	}
	if !s.over(k) {
		k.settle(s.now)
	}
}

// mayWrite tells whether op, before its outcome is known, may leave a state that is not there.
func mayWrite(op *Operation) bool { return op.Kind != Get && !(op.Kind == CAS && op.Old == op.Arg) }

// Verdict is that of what was told so far, with the reason of Unknown. Invalid stays once this instant is
// over; until then somebody may still write a state that was found, or make a key one that is not judged.
func (s *Stream) Verdict() (Verdict, string) {
	switch {
	case s.invalid || s.wrong():
		return Invalid, ""
	case s.unfit:
		return Unknown, ReasonNotApplicable
	case !s.completed:
		return Unknown, ReasonVacuous
	}
	return Valid, ""
}

func (s *Stream) over(k *streamKey) bool { return s.invalid || k.unfit || k.violated }

func (s *Stream) giveUp(k *streamKey) { k.unfit, s.unfit = true, true }

func (s *Stream) violate(k *streamKey) {
	k.violated = true
	s.broken = append(s.broken, k)
}

// wrong tells whether this instant, as it was told so far, violates.
func (s *Stream) wrong() bool {
	return slices.ContainsFunc(s.broken, func(k *streamKey) bool { return !k.unfit }) || slices.ContainsFunc(s.orphans, orphan.violates)
}

func (s *Stream) key(name string) *streamKey {
	k := s.keys[name]
	if k != nil {
		return k
	}
	if s.keys == nil {
		s.keys = map[string]*streamKey{}
	}
	k = &streamKey{zones: map[state]*streamZone{}}
	s.keys[name] = k
	k.start()
	return k
}

// start makes the missing key of the start, which returned before all time. zones must be empty.
func (k *streamKey) start() {
	*k = streamKey{open: k.open[:0], zones: k.zones, unsettled: k.unsettled[:0], settled: k.settled[:0]}
	first := k.zone(state{})
	first.f, first.written = math.MinInt64, true
	k.happen(first)
	first.block.measure()
}

func (s *Stream) advance(at int64) {
	if at < s.now {
		panic(fmt.Sprintf("checker: told of %d after %d", at, s.now))
	}
	if at == s.now {
		return
	}
	s.now = at
	s.invalid = s.invalid || s.wrong()
	s.orphans, s.broken = s.orphans[:0], s.broken[:0]
}

func (k *streamKey) zone(of state) *streamZone {
	z := k.zones[of]
	if z == nil {
		z = &streamZone{state: of, f: never, s: math.MinInt64, found: never}
		k.zones[of] = z
	}
	return z
}

func (s *Stream) write(k *streamKey, op *Operation) {
	left, _ := leaves(op)
	z := k.zone(left)
	if z.written {
		s.giveUp(k)
		return
	}
	z.written, z.s = true, max(z.s, op.Call)
	if op.Kind == CAS {
		z.swapped, z.from = true, state{op.Old, true}
	}
	if z.block != nil { // found already, at this instant
		s.join(k, z)
	}
}

// unwrite takes a zone's writer away; whoever found the state has found what nobody wrote.
func (s *Stream) unwrite(k *streamKey, z *streamZone) {
	z.written = false
	switch {
	case z.block == nil:
		delete(k.zones, z.state)
	case z.found < s.now:
		s.violate(k)
	case z.before != nil:
		s.giveUp(k) // it may be written again at this instant, and then be bound to another
	default:
		s.orphans = append(s.orphans, orphan{k, z})
	}
}

// find counts an operation in that returned now and found the state of.
func (s *Stream) find(k *streamKey, op *Operation, of state) {
	z := k.zone(of)
	s.saw(k, z)
	s.change(k, z, op)
}

func (s *Stream) saw(k *streamKey, z *streamZone) {
	if z.found = min(z.found, s.now); !z.written {
		s.orphans = append(s.orphans, orphan{k, z})
	}
}

// change counts an operation on z in that returned now.
func (s *Stream) change(k *streamKey, z *streamZone, op *Operation) {
	z.f, z.s = min(z.f, op.Return), max(z.s, op.Call)
	if z.block == nil {
		k.happen(z)
	}
	s.join(k, z)
}

func (k *streamKey) happen(z *streamZone) {
	z.begin()
	k.unsettled = append(k.unsettled, z.block)
}

// begin makes a block of z alone.
func (z *streamZone) begin() {
	z.alone[0], z.block = z, &z.own
	z.own = streamBlock{f: never, s: math.MinInt64, zones: z.alone[:]}
}

// join binds z to the zone that its writer found, and that one, if it happened by this, to the next; then
// it compares the block that z belongs to with all others.
func (s *Stream) join(k *streamKey, z *streamZone) {
	for v := z; v.swapped && v.before == nil; v = v.before {
		u := k.zone(v.from)
		s.saw(k, u)
		if u.behind != nil || u.block == v.block {
			s.violate(k) // two of one state, or one of itself
			return
		}
		u.behind, v.before = v, u
		if u.block == nil {
			k.happen(u)
		}
		k.merge(u.block, v.block)
	}
	b := z.block
	if !b.measure() || !k.agrees(b) {
		s.violate(k)
		return // and forget nothing: the state may be written again at this instant
	}
	if b.settled {
		k.raise(b)
		k.trim(b)
	}
}

// merge puts the zones of b, which is not settled, behind those of a.
func (k *streamKey) merge(a, b *streamBlock) {
	for _, z := range b.zones {
		z.block = a
	}
	a.zones = append(a.zones, b.zones...)
	at := slices.Index(k.unsettled, b)
	k.unsettled = slices.Delete(k.unsettled, at, at+1)
}

// measure finds f and s of a block, and reports whether no zone in it must stand before one in front of it.
func (b *streamBlock) measure() bool {
	latest, right := int64(math.MinInt64), true
	for _, z := range b.zones {
		right = right && z.f >= latest
		b.f, latest = min(b.f, z.f), max(latest, z.s)
	}
	b.s = latest
	return right
}

// agrees compares b, changed by an operation called at horizon or later, with all other blocks.
func (k *streamKey) agrees(b *streamBlock) bool {
	if other := k.latestBut(b); other != nil && b.f < other.s {
		return false
	}
	return !slices.ContainsFunc(k.unsettled, func(u *streamBlock) bool { return u != b && u.f < b.s && b.f < u.s })
}

// latestBut is the settled block with the latest call that is not b.
func (k *streamKey) latestBut(b *streamBlock) *streamBlock {
	if k.top[0] == b {
		return k.top[1]
	}
	return k.top[0]
}

// settle moves horizon to the earliest call of an open operation, or to now.
func (k *streamKey) settle(now int64) {
	horizon := now
	if len(k.open) > 0 {
		horizon = k.open[0].at
	}
	if horizon == k.horizon {
		return
	}
	k.horizon = horizon
	moved := false
	keep := k.unsettled[:0]
	for _, b := range k.unsettled {
		if b.f >= horizon {
			keep = append(keep, b)
			continue
		}
		b.settled, moved = true, true
		k.settled = append(k.settled, b)
		k.raise(b)
		k.trim(b)
	}
	clear(k.unsettled[len(keep):])
	k.unsettled = keep
	if moved {
		k.forget()
	}
}

// raise counts b, settled, among the latest.
func (k *streamKey) raise(b *streamBlock) {
	switch {
	case k.top[0] == b:
	case k.top[0] == nil || b.s > k.top[0].s:
		k.top = [2]*streamBlock{b, k.top[0]}
	case k.top[1] == nil || b.s > k.top[1].s:
		k.top[1] = b
	}
}

// trim drops the zones of b that are over. Who of them was called last does not matter any more: that was no
// later than the f of the zone behind it, so before horizon, and what returns from now on was called after that.
func (k *streamKey) trim(b *streamBlock) {
	for at := len(b.zones) - 1; at > 0; at-- {
		if b.zones[at].f < k.horizon {
			for _, z := range b.zones[:at] {
				delete(k.zones, z.state)
			}
			b.zones = slices.Delete(b.zones, 0, at)
			return
		}
	}
}

// forget drops the settled blocks that are over.
func (k *streamKey) forget() {
	k.settled = slices.DeleteFunc(k.settled, func(b *streamBlock) bool {
		other := k.latestBut(b)
		if other == nil || b.f >= other.s {
			return false
		}
		for _, z := range b.zones {
			delete(k.zones, z.state)
		}
		return true
	})
}
