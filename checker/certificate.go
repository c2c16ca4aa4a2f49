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
	order  []*Operation // known outcomes, as claimed
	open   []*Operation // unknown outcomes, by call
	left   []int32      // places in open, by the state that the operation leaves, then by call
	placed []bool       // by place in open
	first  [Delete + 1]int
	chain  []int32 // scratch of reach
	state  state
	// latest is the maximum call of all that is placed. Whatever follows must not have returned before.
	latest int64
}

// proves reports whether the certificate holds. ops are the operations of one key, sorted by call, the
// failed ones and the unknown reads left out.
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
	c.prepare()
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

// prepare puts the unknown operations where reach finds them.
func (c *certificate) prepare() {
	c.left = slices.Grow(c.left[:0], len(c.open))
	for i, op := range c.open {
		if op.Kind != Increment { // what that leaves depends on what it finds
			c.left = append(c.left, int32(i))
		}
	}
	slices.SortFunc(c.left, func(i, j int32) int { return cmp.Or(compare(c.leaves(i), c.leaves(j)), cmp.Compare(i, j)) })
	c.placed = slices.Grow(c.placed[:0], len(c.open))[:len(c.open)]
	clear(c.placed)
	c.first = [Delete + 1]int{}
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
	if want.existing && c.placeFirst(op, Put, 0) || want.missing && c.placeFirst(op, Delete, 0) {
		return
	}
	// A delete that wants any value, or none, loses nothing by trying for a state.
	c.reachByWrites(op, want.state)
	for c.placeFirst(op, Increment, want.state.value-c.state.value) {
	}
}

// reachByWrites looks backwards for a put, a delete, or a chain of CAS, that ends in want.
func (c *certificate) reachByWrites(op *Operation, want state) {
	c.chain = c.chain[:0]
	for c.state != want {
		i := c.openThat(op, want)
		if i < 0 {
			for _, i := range c.chain {
				c.placed[i] = false
			}
			return
		}
		c.placed[i] = true
		c.chain = append(c.chain, i)
		if c.open[i].Kind != CAS {
			break
		}
		want = state{c.open[i].Old, true}
	}
	for _, i := range slices.Backward(c.chain) {
		c.place(c.open[i])
	}
}

func (c *certificate) leaves(i int32) state {
	left, _ := leaves(c.open[i])
	return left
}

func compare(a, b state) int {
	return cmp.Or(cmp.Compare(a.value, b.value), falseFirst(a.exists, b.exists))
}

// openThat is the place of the unknown write with the earliest call that leaves want, if it was called before
// op returned and is not placed yet; or none.
func (c *certificate) openThat(op *Operation, want state) int32 {
	at, _ := slices.BinarySearchFunc(c.left, want, func(i int32, want state) int { return compare(c.leaves(i), want) })
	for ; at < len(c.left); at++ {
		i := c.left[at]
		if c.open[i].Call > op.Return || c.leaves(i) != want {
			break
		}
		if !c.placed[i] {
			return i
		}
	}
	return none
}

// placeFirst places the unknown operation of a kind with the earliest call: of equals it binds later
// operations least. Of increments it takes those that lead towards a value that is gap away.
func (c *certificate) placeFirst(op *Operation, kind Kind, gap int64) bool {
	for i := c.first[kind]; i < len(c.open); i++ {
		u := c.open[i]
		if c.placed[i] || u.Kind != kind {
			if i == c.first[kind] {
				c.first[kind]++
			}
			continue
		}
		if u.Call > op.Return {
			break
		}
		if kind != Increment || u.Arg > 0 && u.Arg <= gap || u.Arg < 0 && u.Arg >= gap {
			c.placed[i] = true
			c.place(u)
			return true
		}
	}
	return false
}
