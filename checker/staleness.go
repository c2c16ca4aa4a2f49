package checker

import "fmt"

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
// A write of unknown outcome stands nowhere in that order: to have found what it may have left is no
// violation, but whether one place suits all who did is not decided, and then nothing is Valid.
func (c *columnar) prefix(by claim, class string) Report {
	h, excuses := c.h, excusesOf(c)
	write, judged := int32(-1), 0
	var excused Report
	for j, m := range c.order {
		if j > 0 && c.order[j-1].key != m.key {
			write = -1
		}
		op, last := &h.Operations[m.i], write
		if !m.read {
			write = m.i
		}
		want := sightOf(op)
		if want == (sight{}) {
			continue // a put looks at nothing
		}
		judged++
		if want.of(leftBy(h, last)) {
			continue
		}
		if excuses.cover(want, m.key, op.Return) {
			if excused.Reason == "" {
				excused = unknown(ReasonNotApplicable, op.Key, fmt.Sprintf(
					"#%d found what only a write of unknown outcome may have left: its place in the order is not known", op.ID))
			}
			continue
		}
		core, why := []int32{m.i}, fmt.Sprintf("%s #%d at %s %d found what no write before it left.", title(op), op.ID, by, by.of(op))
		if last >= 0 {
			core = []int32{last, m.i}
			w := &h.Operations[last]
			why = fmt.Sprintf("Write #%d (%s %d) is the last before %s %d, where %s #%d looked, and left something else than it found.",
				w.ID, by, by.of(w), by, by.of(op), word(op), op.ID)
		}
		return broken(class, h, core, why)
	}
	if excused.Reason != "" {
		return excused
	}
	return passed(judged, class)
}

func title(op *Operation) string {
	if writes(op) {
		return "Write"
	}
	return "Read"
}

// leftBy is the state behind a completed write, or at the start.
func leftBy(h *History, i int32) state {
	if i < 0 {
		return state{}
	}
	after, _ := leaves(&h.Operations[i])
	return after
}

// of tells whether a state is one of those seen.
func (f sight) of(s state) bool {
	return f.exact && f.state == s || f.existing && s.exists || f.missing && !s.exists
}

// excuses says since when a write of unknown outcome may have left a state of a key.
type excuses struct {
	value, missing []int64           // some value; none. By key
	anyValue       []int64           // whatever value, by key: increments
	left           map[stateOf]int64 // this state
}

type stateOf struct {
	key int32
	state
}

func excusesOf(c *columnar) excuses {
	e := excuses{make([]int64, c.keys), make([]int64, c.keys), make([]int64, c.keys), map[stateOf]int64{}}
	for k := range c.keys {
		e.value[k], e.missing[k], e.anyValue[k] = never, never, never
	}
	for i := range c.h.Operations {
		op := &c.h.Operations[i]
		if op.Kind == Get || op.Outcome == Ok || op.Outcome == Fail {
			continue
		}
		k := c.key[i]
		after, known := leaves(op)
		if !known {
			e.anyValue[k] = min(e.anyValue[k], op.Call)
		} else if since, known := e.left[stateOf{k, after}]; !known || op.Call < since {
			e.left[stateOf{k, after}] = op.Call
		}
		if op.Kind == Delete {
			e.missing[k] = min(e.missing[k], op.Call)
		} else {
			e.value[k] = min(e.value[k], op.Call)
		}
	}
	return e
}

// cover tells whether a state in sight may have been left by the time at.
func (e *excuses) cover(f sight, key int32, at int64) bool {
	since, known := e.left[stateOf{key, f.state}]
	return f.exact && (known && since <= at || f.state.exists && e.anyValue[key] <= at) ||
		f.existing && e.value[key] <= at ||
		f.missing && e.missing[key] <= at
}
