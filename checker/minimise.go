package checker

import (
	"cmp"
	"fmt"
	"slices"
)

// firstUnexplained returns the operation with the earliest return that no order explains, and the
// history as it stood at that instant: what was called later is gone, what had not returned is open.
// A legal history is legal at every earlier instant, so halving finds it. base must be illegal; what
// is returned is proven illegal, even where steps run short and an earlier return might do.
func (c *Checker) firstUnexplained(base []Operation) (Operation, []Operation) {
	var returns []Operation
	for _, op := range base {
		if op.Outcome == Ok {
			returns = append(returns, op)
		}
	}
	slices.SortFunc(returns, func(a, b Operation) int { return cmp.Or(cmp.Compare(a.Return, b.Return), byCall(&a, &b)) })
	explained, unexplained := 0, len(returns)
	for unexplained-explained > 1 {
		middle := explained + (unexplained-explained)/2
		if c.search.judge(asOf(base, returns[middle-1])) == illegal {
			unexplained = middle
		} else {
			explained = middle
		}
	}
	last := returns[unexplained-1]
	return last, asOf(base, last)
}

// asOf is base at the instant when last returned. Of returns at one instant the earlier call is first.
func asOf(base []Operation, last Operation) []Operation {
	then := make([]Operation, 0, len(base))
	for _, op := range base {
		if op.Call > last.Return {
			break // base is sorted by call
		}
		if op.Outcome == Ok && cmp.Or(cmp.Compare(op.Return, last.Return), byCall(&op, &last)) > 0 {
			if op.Kind == Get {
				continue
			}
			open(&op)
		}
		then = append(then, op)
	}
	return then
}

// minimiser takes operations away from an illegal history as long as it stays illegal. It takes only
// what a legal history could spare (reads, and mutations nobody left has seen): what remains is then a
// contradiction of the history itself and not of the cutting. To take the write away from under its
// read would make a thin-air read of anything.
type minimiser struct {
	search *search
	ops    []Operation
	keep   int // ID of the operation the report is about
	gone   []bool
	left   []Operation // scratch: ops without the gone
}

func (m *minimiser) run() []Operation {
	m.gone = make([]bool, len(m.ops))
	m.sweep(m.candidates(isRead))
	var s sightings
	for changed := true; changed; {
		s.reset()
		for i := range m.ops {
			if !m.gone[i] {
				s.add(&m.ops[i], 1)
			}
		}
		changed = m.sweep(m.candidates(func(op *Operation) bool { return !isRead(op) && s.unseen(op) }))
	}
	return m.remaining()
}

// sweep tries to take the candidates, see sweep.
func (m *minimiser) sweep(candidates [][]int) (took bool) {
	return sweep(candidates, m.gone, func() bool { return m.search.judge(m.remaining()) == illegal })
}

// sweep tries to take the candidates, each some operations, all at once, then in halves, quarters and
// so on down to single ones, and reports whether it took any.
func sweep(candidates [][]int, gone []bool, illegal func() bool) (took bool) {
	mark := func(part [][]int, as bool) {
		for _, candidate := range part {
			for _, i := range candidate {
				gone[i] = as
			}
		}
	}
	for size := len(candidates); size > 0; size /= 2 {
		for part := range slices.Chunk(candidates, size) {
			mark(part, true)
			if illegal() {
				took = true
			} else {
				mark(part, false)
			}
		}
		candidates = slices.DeleteFunc(candidates, func(c []int) bool { return gone[c[0]] })
	}
	return took
}

func (m *minimiser) candidates(ok func(*Operation) bool) (list [][]int) {
	for i := range m.ops {
		if op := &m.ops[i]; !m.gone[i] && op.ID != m.keep && ok(op) {
			list = append(list, []int{i})
		}
	}
	return list
}

func (m *minimiser) remaining() []Operation {
	m.left = m.left[:0]
	for i, op := range m.ops {
		if !m.gone[i] {
			m.left = append(m.left, op)
		}
	}
	return m.left
}

// explain reports on the key whose operations are ops. evidence is illegal: all of them, or a few.
func (c *Checker) explain(h *History, ops []*Operation, evidence []Operation) Report {
	op, then := c.firstUnexplained(evidence)
	m := minimiser{search: &c.search, ops: then, keep: op.ID}
	core := m.run()
	op = asSeen(ops, op)
	r := Report{Verdict: Invalid, Class: "linearizability/" + op.Kind.String(), Key: op.Key, Op: op.ID}
	why := c.zones.why(core, func(op *Operation) string {
		seen := asSeen(ops, *op)
		return fmt.Sprintf("#%d (%s)", op.ID, describe(&seen))
	})
	for i := range core {
		core[i] = asSeen(ops, core[i])
		r.Core = append(r.Core, core[i].ID)
	}
	r.Text = text(h, &op, core, why)
	return r
}

// asSeen returns op as the client saw it, of which evidence may know less; if it is open it stays open.
func asSeen(ops []*Operation, op Operation) Operation {
	at := slices.IndexFunc(ops, func(other *Operation) bool { return other.ID == op.ID })
	seen := *ops[at]
	if op.Outcome != Ok {
		open(&seen)
	}
	return seen
}
