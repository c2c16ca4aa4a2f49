package checker

import (
	"cmp"
	"slices"
)

// certificate replays the order that the versions of the replies claim, and is a proof when that
// succeeds: each reply agrees with the specification, and no operation returns before one that stands
// earlier is called, so that an instant within every interval can be found in this order.
//
// Operations of unknown outcome claim nothing. They are put where a reply demands one of them, just
// before it, and those left over at the end, where nothing contradicts them. This choice may miss a
// legal order, never invent one: all of it goes through place.
type certificate struct {
	order []*Operation // known outcomes, as claimed
	open  []*Operation // unknown outcomes not yet placed, by call
	chain []*Operation // scratch of reach
	state state
	// latest is the maximum call of all that is placed. Whatever follows must not have returned before.
	latest int64
}

// proves reports whether the certificate holds. ops are the operations of one key, the failed ones and
// the unknown reads left out.
func (c *certificate) proves(ops []*Operation) bool {
	c.order, c.open, c.state, c.latest = c.order[:0], c.open[:0], state{}, 0
	for _, op := range ops {
		if op.Outcome == Ok {
			c.order = append(c.order, op)
		} else {
			c.open = append(c.open, op)
		}
	}
	slices.SortFunc(c.order, byClaim)
	slices.SortFunc(c.open, byCall)
	for _, op := range c.order {
		if c.place(op) {
			continue
		}
		c.reach(op)
		if !c.place(op) {
			return false
		}
	}
	return true
}

// byClaim orders by version. A read served at an index without an entry of its own carries the version
// of the write it follows; where nothing has a version, the order of the calls is the best guess.
func byClaim(a, b *Operation) int {
	if a.Version != b.Version {
		return cmp.Compare(a.Version, b.Version)
	}
	if ra, rb := isRead(a), isRead(b); ra != rb && a.Version != 0 {
		if ra {
			return 1
		}
		return -1
	}
	return byCall(a, b)
}

// byCall is a total order for operations with distinct IDs, whatever order they stood in before.
func byCall(a, b *Operation) int {
	if a.Call != b.Call {
		return cmp.Compare(a.Call, b.Call)
	}
	return cmp.Or(cmp.Compare(a.Return, b.Return), cmp.Compare(a.Session, b.Session), cmp.Compare(a.ID, b.ID))
}

// place puts op next in the order, if real time and its reply allow.
func (c *certificate) place(op *Operation) bool {
	if op.Outcome == Ok && op.Return < c.latest {
		return false
	}
	after, agrees := c.state.step(op)
	if !agrees {
		return false
	}
	c.state, c.latest = after, max(c.latest, op.Call)
	return true
}

// reach places unknown operations that lead to a state in which op's reply is right, if it finds any.
func (c *certificate) reach(op *Operation) {
	want := sightOf(op)
	if want.existing && c.placeFirst(op, func(u *Operation) bool { return u.Kind == Put }) {
		return
	}
	if want.missing && c.placeFirst(op, func(u *Operation) bool { return u.Kind == Delete }) {
		return
	}
	if want.hasValue && !c.reachByWrites(op, want.value) {
		c.reachByIncrements(op, want.value)
	}
}

// reachByWrites looks backwards for a put, or a chain of CAS, that ends in value.
func (c *certificate) reachByWrites(op *Operation, value int64) bool {
	c.chain = c.chain[:0]
	for c.state != (state{value, true}) {
		i := slices.IndexFunc(c.open, func(u *Operation) bool {
			return u.Call <= op.Return && (u.Kind == Put || u.Kind == CAS) && u.Arg == value && !slices.Contains(c.chain, u)
		})
		if i < 0 {
			return false
		}
		u := c.open[i]
		c.chain = append(c.chain, u)
		if u.Kind == Put {
			break
		}
		value = u.Old
	}
	for _, u := range slices.Backward(c.chain) {
		c.place(u)
		i := slices.Index(c.open, u)
		c.open = slices.Delete(c.open, i, i+1)
	}
	return true
}

// reachByIncrements adds increments, earliest first, while they lead towards value.
func (c *certificate) reachByIncrements(op *Operation, value int64) {
	for c.state.value != value && c.placeFirst(op, func(u *Operation) bool {
		gap := value - c.state.value
		return u.Kind == Increment && (u.Arg > 0 && u.Arg <= gap || u.Arg < 0 && u.Arg >= gap)
	}) {
	}
}

// placeFirst places the unknown operation that fits with the earliest call: of equals it binds later
// operations least.
func (c *certificate) placeFirst(op *Operation, fits func(u *Operation) bool) bool {
	for i, u := range c.open {
		if u.Call > op.Return {
			break
		}
		if fits(u) {
			c.place(u)
			c.open = slices.Delete(c.open, i, i+1)
			return true
		}
	}
	return false
}
