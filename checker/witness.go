package checker

import (
	"cmp"
	"slices"
)

// witness looks for a few operations that contradict each other, without search, in O(n log n): where
// many are concurrent or unknown, Porcupine would not end, and a stale read would stay undecided.
//
// The zone of a value is its write and the operations that found it; in every legal order they stand
// together. Let f be the earliest return in a zone and s the latest call. If f(u) < s(v) and
// f(v) < s(u), an operation of u precedes one of v and the other way round: no order has both zones
// whole (Gibbons and Korach, "Testing Shared Memories", 1997, in other words). The zone of the missing
// key starts before everything, where no delete can make another.
//
// The witness holds the only writer of each value that it finds, so a legal history would stay legal
// with nothing but it left (see sightings.unseen); the caller lets Porcupine confirm that it is illegal.
type witness struct {
	index map[int64]int // value → its place in zones
	zones []zone
	best  [][2]int // of the zones up to each: those with the two latest s, -1 for none
}

type zone struct {
	value       int64
	missing     bool
	writers     int
	writer      *Operation // one that may have left the value
	first, last *Operation // earliest return, latest call
	seen        *Operation // earliest return of those that found it
	f, s        int64
}

// find returns the witness that is complete earliest, or nil. base must be sorted by call. A writer in
// it is made a put where the value that a CAS found lies outside: it then claims less.
func (w *witness) find(base []Operation) []Operation {
	if !w.collect(base) {
		return nil
	}
	var found []*Operation
	end := int64(never)
	offer := func(ops ...*Operation) {
		ops = slices.DeleteFunc(ops, func(op *Operation) bool { return op == nil })
		at := int64(0)
		for _, op := range ops {
			if op.Outcome == Ok {
				at = max(at, op.Return)
			}
		}
		if at < end {
			found, end = ops, at
		}
	}
	for i := range w.zones {
		v := &w.zones[i]
		if !v.missing && (v.writers == 0 || v.seen != nil && v.seen.Return < v.writer.Call) {
			offer(v.seen, v.writer) // from thin air, or from the future
			continue
		}
		earlier, _ := slices.BinarySearchFunc(w.zones, v.s, func(u zone, s int64) int { return cmp.Compare(u.f, s) })
		if earlier == 0 {
			continue
		}
		for _, j := range w.best[earlier-1] {
			if j >= 0 && j != i && v.f < w.zones[j].s {
				u := &w.zones[j]
				offer(u.writer, u.first, u.last, v.writer, v.first, v.last)
				break
			}
		}
	}
	return blinded(found)
}

// collect fills zones, sorted by f, and reports whether they apply: a counter has none.
func (w *witness) collect(base []Operation) bool {
	if w.index == nil {
		w.index = map[int64]int{}
	}
	clear(w.index)
	w.zones = append(w.zones[:0], zone{missing: true})
	deletes := false
	for i := range base {
		op := &base[i]
		if op.Kind == Increment {
			return false
		}
		deletes = deletes || op.Kind == Delete
		if after, _ := leaves(op); !isRead(op) && after.exists {
			z := w.zone(after.value)
			z.writers, z.writer = z.writers+1, op
			z.add(op)
		}
		if sight := sightOf(op); op.Outcome != Ok {
			continue
		} else if sight.missing {
			w.zones[0].add(op)
		} else if sight.hasValue {
			z := w.zone(sight.value)
			z.add(op)
			if z.seen == nil || op.Return < z.seen.Return {
				z.seen = op
			}
		}
	}
	w.zones[0].first = nil
	w.zones = slices.DeleteFunc(w.zones, func(z zone) bool {
		happened := z.seen != nil || z.writer != nil && z.writer.Outcome == Ok
		return z.missing && (deletes || z.last == nil) || !z.missing && (z.writers > 1 || !happened)
	})
	for i := range w.zones {
		z := &w.zones[i]
		if z.f, z.s = -1, z.last.Call; !z.missing {
			z.f = z.first.Return
		}
	}
	slices.SortFunc(w.zones, func(a, b zone) int { return cmp.Or(cmp.Compare(a.f, b.f), cmp.Compare(a.value, b.value)) })
	w.best = w.best[:0]
	top := [2]int{-1, -1}
	for i, z := range w.zones {
		switch {
		case top[0] < 0 || z.s > w.zones[top[0]].s:
			top = [2]int{i, top[0]}
		case top[1] < 0 || z.s > w.zones[top[1]].s:
			top[1] = i
		}
		w.best = append(w.best, top)
	}
	return true
}

func (w *witness) zone(value int64) *zone {
	i, known := w.index[value]
	if !known {
		i = len(w.zones)
		w.index[value] = i
		w.zones = append(w.zones, zone{value: value})
	}
	return &w.zones[i]
}

func (z *zone) add(op *Operation) {
	if z.first == nil || op.Return < z.first.Return {
		z.first = op
	}
	if z.last == nil || op.Call > z.last.Call {
		z.last = op
	}
}

// blinded copies ops, and makes a put of each CAS that found a value from outside.
func blinded(ops []*Operation) (list []Operation) {
	slices.SortFunc(ops, byCall)
	ops = slices.Compact(ops)
	for _, op := range ops {
		found := slices.ContainsFunc(ops, func(other *Operation) bool {
			after, _ := leaves(other)
			return !isRead(other) && after == state{op.Old, true}
		})
		copied := *op
		if op.Kind == CAS && !isRead(op) && !found {
			copied.Kind, copied.Old, copied.Swapped = Put, 0, false
		}
		list = append(list, copied)
	}
	return list
}
