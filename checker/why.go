package checker

import (
	"fmt"
	"slices"
	"strings"
)

// noOrder says who was over before whom, in a core of which no order gives an operation its answer.
func noOrder(core []row, op string) (list []string) {
	before := func(a, b *row) bool { return !a.open && a.ret < b.call }
	for i := range core {
		for j := range core {
			a, b := &core[i], &core[j]
			between := func(c row) bool { return before(a, &c) && before(&c, b) }
			if before(a, b) && !slices.ContainsFunc(core, between) {
				list = append(list, fmt.Sprintf("#%d (%s) returned at %d, before #%d (%s) was called at %d.", a.id, a.label, a.ret, b.id, b.label, b.call))
			}
		}
	}
	keeps := " that keeps to this"
	if len(list) == 0 {
		keeps = ""
	}
	return append(list, fmt.Sprintf("No order of the core%s, each operation at one instant within its interval, gives every operation its answer; %s is the first to return without one.", keeps, op))
}

// why says in sentences what contradicts itself in a core, one for each thing that a reader must see; name
// is what to call an operation. It is empty where zones find nothing.
func (z *zones) why(core []Operation, name func(op *Operation) string) []string {
	ops := make([]*Operation, len(core))
	for i := range core {
		ops[i] = &core[i]
	}
	z.decide(ops)
	called := func(i int32) string { return name(ops[i]) }
	a, b := z.best.a, z.best.b
	switch z.best.how {
	case refused:
		return []string{fmt.Sprintf("%s found the value that it wanted, and did not swap.", called(a))}
	case forked:
		return []string{
			fmt.Sprintf("%s and %s both replaced %s.", called(z.zones[a].writer), called(z.zones[b].writer), z.zones[z.zones[a].before].state),
			z.once(z.zones[z.zones[a].before].state) + ", and what is replaced is gone.",
		}
	case circular:
		list := []string{}
		for at := a; len(list) == 0 || at != a; at = z.zones[at].before {
			list = append(list, fmt.Sprintf("%s made %s of %s.", called(z.zones[at].writer), z.zones[at].state, z.zones[z.zones[at].before].state))
		}
		return append(list, "So each must stand behind itself.")
	case backwards:
		return []string{
			fmt.Sprintf("%s was made of %s, so it was there later.", z.chain(a, b), z.zones[a].state),
			z.order(z.zones[b].first, z.zones[a].last, name) + fmt.Sprintf(": %s was there later.", z.zones[a].state),
		}
	case crossed:
		return z.whyCrossed(a, b, name)
	}
	return nil // of a value that nobody wrote, or not yet, sentence knows more
}

func (z *zones) whyCrossed(a, b int32, name func(op *Operation) string) (list []string) {
	for _, pair := range [...][2]int32{{a, b}, {b, a}} {
		early, late := z.earliest(pair[0]), z.latest(pair[1])
		if early == none {
			continue // of the start
		}
		list = append(list, z.order(early, late, name)+fmt.Sprintf(": %s was there after %s.", z.block(pair[1]), z.block(pair[0])))
	}
	if a == start {
		return append(list, "Nothing is there before the start.")
	}
	return append(list, fmt.Sprintf("%s, so it cannot be there both before and after.", z.once(z.zones[b].state)))
}

// once says that nobody brings s back.
func (z *zones) once(s state) string {
	switch {
	case s.exists:
		return fmt.Sprintf("In the core %d is written once", s.value)
	case s == state{}:
		return "Nobody brings the missing key of the start back"
	}
	return fmt.Sprintf("In the core tombstone %d is left once", s.value)
}

// order says that one operation was over before another one was called.
func (z *zones) order(early, late int32, name func(op *Operation) string) string {
	e, l := z.ops[early], z.ops[late]
	return fmt.Sprintf("%s returned at %d, before %s was called at %d", name(e), e.Return, name(l), l.Call)
}

// earliest is the operation of a block that returned first; none of the start.
func (z *zones) earliest(root int32) int32 {
	best := root
	for at := root; at >= 0; at = z.zones[at].behind {
		if z.zones[at].f < z.zones[best].f {
			best = at
		}
	}
	return z.zones[best].first
}

// latest is the operation of a block that was called last.
func (z *zones) latest(root int32) int32 {
	best := root
	for at := root; at >= 0; at = z.zones[at].behind {
		if z.zones[at].s > z.zones[best].s {
			best = at
		}
	}
	return z.zones[best].last
}

// block names the states of a block, chain those of a part of one, behind its first.
func (z *zones) block(root int32) string { return z.states(root, none) }

func (z *zones) chain(a, b int32) string { return z.states(z.zones[a].behind, b) }

func (z *zones) states(from, to int32) string {
	var names []string
	for at := from; at >= 0; at = z.zones[at].behind {
		switch {
		case at == start:
			names = append(names, "the missing key of the start")
		default:
			names = append(names, z.zones[at].state.String())
		}
		if at == to {
			break
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return "(" + strings.Join(names, ", then ") + ")"
}
