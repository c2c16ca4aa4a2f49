package checker

import "fmt"

// CheckSnapshots judges reads at a timestamp, key by key: equal timestamps give equal answers for ever,
// no write that was called after a read returned commits at or below the timestamp it was served, and a
// read found what the last write committed up to its timestamp left.
func CheckSnapshots(h *History) Report {
	c, bad := columns(h, byTimestamp, true, eachKey)
	if bad.Reason != "" {
		return bad
	}
	if r := c.unrepeatable(); r.Verdict == Invalid {
		return r
	}
	if r := c.commitBelow(); r.Verdict == Invalid {
		return r
	}
	return c.prefix(byTimestamp, "timestamps/snapshot")
}

// unrepeatable compares each read with the first at its place in the order that says most: a delete of
// nothing does not say whose tombstone it found.
func (c *columnar) unrepeatable() Report {
	first := 0
	for j, m := range c.order {
		f := c.order[first]
		if !f.read || f.key != m.key || f.at != m.at {
			first = j
			continue
		}
		a, b := &c.h.Operations[f.i], &c.h.Operations[m.i]
		was, is := sightOf(a), sightOf(b)
		if was.exact && !is.of(was.state) || is.exact && !was.of(is.state) {
			return broken("timestamps/unrepeatable", c.h, []int32{f.i, m.i}, fmt.Sprintf(
				"Reads #%d and #%d looked at the same timestamp %d and found different things.", a.ID, b.ID, b.CommitTS))
		}
		if !was.exact {
			first = j
		}
	}
	return Report{}
}

// commitBelow sweeps writes by call against reads by return, with the highest timestamp served.
func (c *columnar) commitBelow() Report {
	reads := c.ended(false)
	top := filled(c.keys)
	next := 0
	for _, i := range c.byCall() {
		op := &c.h.Operations[i]
		if !writes(op) {
			continue
		}
		for next < len(reads) && reads[next].at < op.Call {
			r := reads[next].i
			if old := top[c.key[r]]; old < 0 || c.h.Operations[r].CommitTS > c.h.Operations[old].CommitTS {
				top[c.key[r]] = r
			}
			next++
		}
		if j := top[c.key[i]]; j >= 0 && op.CommitTS <= c.h.Operations[j].CommitTS {
			r := &c.h.Operations[j]
			return broken("timestamps/commit-below-read", c.h, []int32{j, i}, fmt.Sprintf(
				"Read #%d was served at timestamp %d and returned at %d; write #%d was called later, at %d, and committed at timestamp %d.",
				r.ID, r.CommitTS, r.Return, op.ID, op.Call, op.CommitTS))
		}
	}
	return Report{}
}

// CheckExternal judges external consistency (Corbett et al., "Spanner", OSDI 2012, section 1): a write
// that returned before another was called, on whatever keys, has the lower timestamp. Reads may look
// into the past and are not judged.
func CheckExternal(h *History) Report {
	c, bad := columns(h, byTimestamp, false, eachKey)
	if bad.Reason != "" {
		return bad
	}
	done := c.byReturn()
	top, next, judged := int32(-1), 0, 0
	for _, i := range c.byCall() {
		op := &h.Operations[i]
		if !writes(op) {
			continue
		}
		for ; done[next].at < op.Call; next++ { // up to op itself at the latest
			if w := done[next].i; top < 0 || h.Operations[w].CommitTS > h.Operations[top].CommitTS {
				top = w
			}
		}
		if top < 0 {
			continue
		}
		judged++
		if w := &h.Operations[top]; w.CommitTS >= op.CommitTS {
			return broken("timestamps/external", h, []int32{top, i}, fmt.Sprintf(
				"Write #%d returned at %d, before write #%d was called at %d, yet its timestamp %d is not below %d.",
				w.ID, w.Return, op.ID, op.Call, w.CommitTS, op.CommitTS))
		}
	}
	return passed(judged, "timestamps/external")
}
