package checker

import (
	"cmp"
	"slices"
)

// Coverage says what a history put to the test. A verdict about operations that never met says little.
type Coverage struct {
	Ok, Fail, Info int // outcomes; what is pending is counted with Info
	// Foreign counts the completed operations that found what another session wrote, in a known or unknown
	// operation: a value, or a tombstone. Of a state written twice, the first by call counts.
	Foreign int
	// Overlapping counts the operations that were open while another one of their key was, failed ones left
	// out. Closed intervals: those that touch overlap.
	Overlapping int
}

// Coverage counts in O(n log n).
func (h *History) Coverage() (c Coverage) {
	type write struct {
		key string
		state
	}
	writer := map[write]int32{}
	order := make([]int32, 0, len(h.Operations))
	for i := range h.Operations {
		switch op := &h.Operations[i]; op.Outcome {
		case Ok:
			c.Ok++
		case Fail:
			c.Fail++
			continue
		default:
			c.Info++
		}
		order = append(order, int32(i))
	}
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &h.Operations[i], &h.Operations[j]
		return cmp.Or(cmp.Compare(a.Key, b.Key), byCall(a, b))
	})
	for _, i := range order {
		op := &h.Operations[i]
		left, known := leaves(op)
		w := write{op.Key, left}
		if _, twice := writer[w]; known && !twice && left != (state{}) && !isRead(op) {
			writer[w] = op.Session
		}
	}
	// latest is the operation of the key at hand that ends last so far, met whether it overlaps an earlier one.
	var latest int32
	var met bool
	for n, i := range order {
		op := &h.Operations[i]
		if op.Outcome == Ok { // who finds no state in particular has state{}, which nobody left
			if session, known := writer[write{op.Key, sightOf(op).state}]; known && session != op.Session {
				c.Foreign++
			}
		}
		switch {
		case n == 0 || h.Operations[order[n-1]].Key != op.Key:
			latest, met = i, false
		case op.Call <= until(&h.Operations[latest]):
			if c.Overlapping++; !met {
				c.Overlapping++
			}
			met = true
			if until(op) > until(&h.Operations[latest]) {
				latest = i
			}
		default:
			latest, met = i, false
		}
	}
	return c
}
