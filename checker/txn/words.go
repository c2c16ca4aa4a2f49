package txn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saros-sim/saros/checker"
)

// report tells a cycle.
func (a *analysis) report(cycle []hop, name string) Report {
	r := Report{Verdict: checker.Invalid, Anomaly: name}
	var core []int32
	count := 0
	for _, h := range cycle {
		edge := a.tell(h)
		r.Cycle = append(r.Cycle, edge)
		core = append(core, h.from)
		kind, key := h.parts()
		if kind == rw {
			count++
			core = append(core, a.replaced(h.from, key, h.to)...)
		}
		if kind != rt {
			core = append(core, a.orderedBy(key)...)
		}
	}
	r.Core = idsOf(core)
	if count == 1 { // a graver one than any with rw edges adjacent
		r.Anomaly = "G-single"
	}
	r.Form = form(r.Cycle)
	return r
}

func (h hop) parts() (kind uint8, key int32) {
	return uint8(h.label & (1<<kindBits - 1)), h.label >> kindBits
}

// replaced is who wrote the register that reader saw and overwriter replaced: without it there is no read.
func (a *analysis) replaced(reader, key, overwriter int32) []int32 {
	if rd := a.readBefore(reader, key, overwriter); !a.list[key] && rd.position > 0 {
		return []int32{a.writes[a.versionsOf(key)[rd.position-1]].txn}
	}
	return nil
}

// readBefore is the read of a key by reader after which overwriter's write comes.
func (a *analysis) readBefore(reader, key, overwriter int32) read {
	order := a.versionsOf(key)
	_, unread := slices.BinarySearch(a.unreadOf(key), overwriter)
	for _, rd := range a.readsOf(reader) {
		if rd.key != key {
			continue
		}
		if last := int(rd.position) == len(order); last && unread || !last && a.writes[order[rd.position]].txn == overwriter {
			return rd
		}
	}
	panic(fmt.Sprintf("txn: T%d has no read of %q that T%d overwrote", reader, a.keys[key], overwriter))
}

// tell says what shows an edge.
func (a *analysis) tell(h hop) Edge {
	kind, key := h.parts()
	e := Edge{From: int(h.from), To: int(h.to), Kind: kindName(kind)}
	if kind == rt {
		e.Why = fmt.Sprintf("T%d returned at %d, before T%d was called at %d", h.from, a.h.Transactions[h.from].Return, h.to, a.h.Transactions[h.to].Call)
		return e
	}
	e.Key = a.keys[key]
	switch kind {
	case ww:
		e.Why = a.tellWrites(h.from, h.to, key)
	case wr:
		e.Why = a.tellRead(h.from, h.to, key)
	case rw:
		e.Why = a.tellMissed(h.from, h.to, key)
	}
	return e
}

func (a *analysis) tellWrites(from, to, key int32) string {
	order := a.versionsOf(key)
	for _, w := range a.writesOf(from) {
		if w.key != key || w.position == 0 || int(w.position) == len(order) {
			continue
		}
		if next := &a.writes[order[w.position]]; next.txn == to {
			if !a.list[key] {
				return fmt.Sprintf("T%d wrote %s version %d (%d), and T%d the next that is known, version %d (%d)",
					from, a.keys[key], w.version, w.value, to, next.version, next.value)
			}
			return fmt.Sprintf("in %s, %d of T%d stands right before %d of T%d: T%d read %s", a.keys[key], w.value, from, next.value, to,
				a.reads[a.longest[key]].txn, a.longestOf(key))
		}
	}
	last := &a.writes[order[len(order)-1]]
	return fmt.Sprintf("nobody read %d, which T%d appended to %s, so it stands behind all that was read, up to %d of T%d: T%d read %s",
		a.unreadValue(to, key), to, a.keys[key], last.value, from, a.reads[a.longest[key]].txn, a.longestOf(key))
}

func (a *analysis) tellRead(from, to, key int32) string {
	for _, rd := range a.readsOf(to) {
		if rd.key != key || rd.position == 0 {
			continue
		}
		if w := &a.writes[a.versionsOf(key)[rd.position-1]]; w.txn == from {
			return fmt.Sprintf("T%d read %s, and T%d wrote the %d", to, a.describe(to, rd.op), from, w.value)
		}
	}
	panic(fmt.Sprintf("txn: T%d has no read of %q that T%d wrote", to, a.keys[key], from))
}

func (a *analysis) tellMissed(from, to, key int32) string {
	rd := a.readBefore(from, key, to)
	saw := fmt.Sprintf("T%d read %s", from, a.describe(from, rd.op))
	order := a.versionsOf(key)
	if int(rd.position) == len(order) {
		return fmt.Sprintf("%s without %d, which T%d appended and nobody read", saw, a.unreadValue(to, key), to)
	}
	next := &a.writes[order[rd.position]]
	if !a.list[key] {
		return fmt.Sprintf("%s, before T%d wrote the next version known, %d (%d)", saw, to, next.version, next.value)
	}
	return fmt.Sprintf("%s without %d, which T%d appended next: T%d read %s", saw, next.value, to, a.reads[a.longest[key]].txn, a.longestOf(key))
}

// unreadValue is the first of t's appends to a list. An edge leads to them because nobody read them, and then
// nobody read any: to read the first of several is G1b.
func (a *analysis) unreadValue(t, key int32) int64 {
	for _, w := range a.writesOf(t) {
		if w.key == key {
			return w.value
		}
	}
	panic(fmt.Sprintf("txn: T%d appended nothing to %q", t, a.keys[key]))
}

func (a *analysis) longestOf(key int32) string {
	rd := &a.reads[a.longest[key]]
	return a.describe(rd.txn, rd.op)
}

// describe says what a read saw.
func (a *analysis) describe(t, op int32) string { return describe(a.op(t, op), checker.Ok) }

// form is the common name of a cycle's shape.
func form(c []Edge) string {
	first := 0
	for i := range c {
		if c[i].Kind == "rw" {
			first = i
			break
		}
	}
	turned := append(slices.Clone(c[first:]), c[:first]...)
	kinds := make([]string, len(c))
	for i := range turned {
		kinds[i] = turned[i].Kind
	}
	same := !slices.ContainsFunc(c, func(e Edge) bool { return e.Kind != "realtime" && e.Key != turned[0].Key })
	switch s := strings.Join(kinds, " "); {
	case s == "rw ww" && same:
		return "lost-update"
	case (s == "rw wr" || s == "rw wr realtime") && !same:
		return "fractured-read"
	case s == "rw wr" && same:
		return "non-repeatable-read"
	case s == "rw rw" && !same:
		return "write-skew"
	case s == "rw wr rw wr" || s == "rw wr rw realtime":
		return "long-fork"
	case s == "rw realtime" || (s == "rw ww realtime" || s == "rw wr realtime") && same:
		return "stale-read"
	case s == "wr realtime" || s == "realtime wr":
		return "future-read"
	case s == "ww ww":
		return "dirty-write"
	}
	return ""
}
