package checker

import (
	"fmt"
	"slices"
)

// CheckStaleness judges bounded staleness (in time, as in Terry 2013), key by key: a read has the version of every write of its key, or
// a newer one, that was acknowledged more than bound ns before the read was called. With bound 0 it finds
// acknowledged writes that were lost.
func CheckStaleness(h *History, bound int64) Report { return staleness(h, bound, eachKey) }

func staleness(h *History, bound int64, over scope) Report {
	class := "staleness/bounded"
	if over == oneLog {
		class = "log/bounded"
	}
	c, bad := columns(h, byVersion, true, over)
	if bad.Reason != "" {
		return bad
	}
	if bound < 0 {
		return unknown(ReasonNotApplicable, "", fmt.Sprintf("the bound is %d ns", bound))
	}
	acked := c.byReturn()
	newest := filled(c.keys)
	next, judged := 0, 0
	for _, i := range c.byCall() {
		op := &h.Operations[i]
		if writes(op) {
			continue
		}
		for next < len(acked) && acked[next].at < op.Call-bound {
			w := acked[next].i
			if old := newest[c.key[w]]; old < 0 || h.Operations[w].Version > h.Operations[old].Version {
				newest[c.key[w]] = w
			}
			next++
		}
		top := newest[c.key[i]]
		if top < 0 {
			continue
		}
		judged++
		if w := &h.Operations[top]; op.Version < w.Version {
			return broken(class, h, []int32{top, i}, fmt.Sprintf(
				"Write #%d (version %d) was acknowledged at %d, more than %d ns before read #%d was called at %d; the read has version %d.",
				w.ID, w.Version, w.Return, bound, op.ID, op.Call, op.Version))
		}
	}
	return passed(judged, class)
}

// byReturn returns the completed writes by return.
func (c *columnar) byReturn() []at { return c.ended(true) }

// ended returns the completed writes, or else the reads, by return.
func (c *columnar) ended(write bool) []at {
	list := make([]int32, 0, len(c.done))
	for _, i := range c.done {
		if writes(&c.h.Operations[i]) == write {
			list = append(list, i)
		}
	}
	return ordered(list, func(i int32) int64 { return c.h.Operations[i].Return })
}

func filled(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = -1
	}
	return s
}

// CheckPrefix judges consistent prefix (Terry, "Replicated Data Consistency Explained Through Baseball",
// 2013): a read with version v found what the write of its key with the highest version up to v left, as
// if it had looked at a prefix of the log. Where versions are of one log this holds over all keys, see
// Checks. What a write found, a swap, an increment or a delete, is what the write before it left.
func CheckPrefix(h *History) Report {
	c, bad := columns(h, byVersion, true, eachKey)
	if bad.Reason != "" {
		return bad
	}
	return c.prefix(byVersion, "staleness/prefix")
}

// prefix compares what each operation found with what the last write before it in the claimed order left.
//
// A write of unknown outcome stands nowhere in that order, or at any one free place. It is given a place only
// when an operation found what it leaves, right before that operation: then whoever looks at a later place,
// up to the next write, finds the same. Where a state was found that just one write can have left, that is
// the only place, and a second stretch in which it is found is a violation. What may have been left by one
// of several, or depends on what these found, may stay undecided: then nothing is Valid.
func (c *columnar) prefix(by claim, class string) Report {
	u, judged := unknownsOf(c), 0
	var s stand
	var excused Report
	for j, m := range c.order {
		if j == 0 || c.order[j-1].key != m.key {
			s = stand{write: -1, author: -1, fact: -1}
		}
		op := &c.h.Operations[m.i]
		want := sightOf(op)
		if want != (sight{}) { // a put looks at nothing
			judged++
			switch u.explain(&s, m, want) {
			case illegal:
				return u.broken(&s, m, want, by, class)
			case undecided:
				if excused.Reason == "" {
					excused = unknown(ReasonNotApplicable, op.Key, fmt.Sprintf(
						"#%d found what a write of unknown outcome may have left: its place in the order is not known", op.ID))
				}
			}
		}
		s.pass(m, op, want)
	}
	if excused.Reason != "" {
		return excused
	}
	return passed(judged, class)
}

// stand is how far prefix has come with a key.
type stand struct {
	write  int32  // the last completed write, or -1
	now    state  // as it is known for certain
	author int32  // the write of unknown outcome that was placed and left it, or -1
	fact   int32  // the first operation that shows it, or -1: the start
	at     uint64 // the place of the last one
	last   uint64 // the place that was looked at last
}

func (s *stand) pass(m mark, op *Operation, want sight) {
	switch {
	case !m.read:
		s.now, _ = leaves(op)
		s.author, s.write, s.fact, s.at = -1, m.i, m.i, m.at
	case want.exact:
		if s.at = m.at; s.now != want.state {
			s.now, s.fact = want.state, m.i
		}
	}
	s.last = m.at
}

// room is how many writes have place between one place and an operation.
func room(from uint64, m mark) uint64 {
	if m.read {
		return m.at - from
	}
	return m.at - from - 1
}

func title(op *Operation) string {
	if writes(op) {
		return "Write"
	}
	return "Read"
}

// of tells whether a state is one of those seen.
func (f sight) of(s state) bool {
	return f.exact && f.state == s || f.existing && s.exists || f.missing && !s.exists
}

// unknowns are the writes of unknown outcome.
type unknowns struct {
	c              *columnar
	value, missing []int64             // since when one may have left some value; none. By key
	anyValue       []int64             // since when one may have left whatever value, by key: increments
	left           map[stateOf][]int32 // who leaves this state, by call
	increments     map[int32][]int32   // not yet placed, by key and call
	placed         map[int32]stretch   // puts, swaps and deletes
}

// stretch says why a write was placed: an operation found what it leaves, and another something else before.
type stretch struct{ finder, before int32 }

type stateOf struct {
	key int32
	state
}

func unknownsOf(c *columnar) *unknowns {
	u := &unknowns{c, make([]int64, c.keys), make([]int64, c.keys), make([]int64, c.keys), map[stateOf][]int32{}, map[int32][]int32{}, map[int32]stretch{}}
	for k := range c.keys {
		u.value[k], u.missing[k], u.anyValue[k] = never, never, never
	}
	var list []int32
	for i := range c.h.Operations {
		if op := &c.h.Operations[i]; op.Kind != Get && op.Outcome != Ok && op.Outcome != Fail {
			list = append(list, int32(i))
		}
	}
	for _, o := range ordered(list, func(i int32) int64 { return c.h.Operations[i].Call }) {
		op, k := &c.h.Operations[o.i], c.key[o.i]
		if after, known := leaves(op); known {
			u.left[stateOf{k, after}] = append(u.left[stateOf{k, after}], o.i)
		} else {
			u.increments[k] = append(u.increments[k], o.i)
			u.anyValue[k] = min(u.anyValue[k], op.Call)
		}
		if op.Kind == Delete {
			u.missing[k] = min(u.missing[k], op.Call)
		} else {
			u.value[k] = min(u.value[k], op.Call)
		}
	}
	return u
}

// explain tells whether the operation m may have found what it found, and places who left it. It may be
// illegal only for what is certain: that the state was another at fact, and that of those called in time
// nobody can have changed it since.
func (u *unknowns) explain(s *stand, m mark, want sight) answer {
	h := u.c.h
	op, same := &h.Operations[m.i], want.of(s.now)
	if same && (s.author < 0 || h.Operations[s.author].Call <= op.Return) {
		return legal
	}
	if !u.cover(want, m.key, op.Return) || !same && room(s.at, m) == 0 {
		return illegal
	}
	left := u.left[stateOf{m.key, want.state}]
	if want.exact && !want.missing && room(s.last, m) > 0 {
		for _, i := range left {
			w := &h.Operations[i]
			if _, placed := u.placed[i]; placed || w.Call > op.Return || w.Kind == CAS && s.now != (state{w.Old, true}) {
				continue
			}
			u.placed[i], s.author = stretch{m.i, s.fact}, i
			return legal
		}
		if u.count(s, m, want.state) {
			return legal
		}
		u.increments[m.key] = nil // nothing will be Valid: no use to try again
	}
	if want.exact && !want.missing && len(left) == 1 && u.anyValue[m.key] == never {
		if _, placed := u.placed[left[0]]; placed {
			return illegal
		}
	}
	s.author = -1
	return undecided
}

// count places increments, one after the other, until they have left a state.
func (u *unknowns) count(s *stand, m mark, goal state) bool {
	now, list := s.now, u.increments[m.key]
	for n := range list {
		w := &u.c.h.Operations[list[n]]
		if uint64(n) == room(s.last, m) || w.Call > u.c.h.Operations[m.i].Return {
			return false
		}
		if !now.exists {
			now = state{0, true}
		}
		if now.value += w.Arg; now == goal {
			s.author, u.increments[m.key] = list[n], list[n+1:]
			return true
		}
	}
	return false
}

// cover tells whether a state in sight may have been left by the time at.
func (u *unknowns) cover(f sight, key int32, at int64) bool {
	left := u.left[stateOf{key, f.state}]
	return f.exact && (len(left) > 0 && u.c.h.Operations[left[0]].Call <= at || f.state.exists && u.anyValue[key] <= at) ||
		f.existing && u.value[key] <= at ||
		f.missing && u.missing[key] <= at
}

// broken reports that nobody left what m found: the last write before it, what was found since then, and
// where else the one write stands that would explain it.
func (u *unknowns) broken(s *stand, m mark, want sight, by claim, class string) Report {
	h := u.c.h
	op := &h.Operations[m.i]
	var core []int32
	why := fmt.Sprintf("%s #%d at %s %d found what no write before it left.", title(op), op.ID, by, by.of(op))
	if s.write >= 0 {
		core = append(core, s.write)
		w := &h.Operations[s.write]
		why = fmt.Sprintf("Write #%d (%s %d) is the last before %s %d, where %s #%d looked, and left something else than it found.",
			w.ID, by, by.of(w), by, by.of(op), word(op), op.ID)
	}
	if s.fact != s.write {
		core = append(core, s.fact)
		f := &h.Operations[s.fact]
		why = fmt.Sprintf("What #%d found at %s %d nobody can have changed to what #%d found at %s %d.", f.ID, by, by.of(f), op.ID, by, by.of(op))
	}
	if s.author >= 0 {
		core = append(core, s.author)
		if p, placed := u.placed[s.author]; placed {
			core = append(core, p.before)
		}
		if a := &h.Operations[s.author]; want.of(s.now) {
			why = fmt.Sprintf("%s #%d at %s %d found what only write #%d can have left, as #%d shows; that was called at %d, after #%d returned.",
				title(op), op.ID, by, by.of(op), a.ID, s.fact, a.Call, op.ID)
		}
	}
	if left := u.left[stateOf{m.key, want.state}]; want.exact && len(left) == 1 && left[0] != s.author {
		if p, placed := u.placed[left[0]]; placed {
			core = append(core, left[0], p.finder, p.before)
			why = fmt.Sprintf("Only write #%d, of unknown outcome, may have left what #%d found at %s %d; #%d found it earlier, at %s %d, and something else stood between.",
				left[0], op.ID, by, by.of(op), p.finder, by, by.of(&h.Operations[p.finder]))
		}
	}
	core = slices.DeleteFunc(core, func(i int32) bool { return i < 0 }) // the start
	slices.Sort(core)
	return broken(class, h, append(slices.Compact(core), m.i), why)
}
