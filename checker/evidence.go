package checker

import "slices"

// contradict returns operations that contradict each other on their own: copies, sorted by call, unknown
// ones open for ever. They hold the only writer of each value that is found in them, so a legal history
// would stay legal with nothing but them left; the caller lets Porcupine confirm that they are not. A CAS
// is made a put where the writer of the value that it found is left out: it then claims less.
func (z *zones) contradict() []Operation {
	z.evidence = z.evidence[:0]
	a, b := z.best.a, z.best.b
	switch z.best.how {
	case thinAir:
		z.because(a)
	case future:
		z.take(z.zones[a].seen)
		z.take(z.zones[a].writer)
	case refused:
		z.take(a) // and who wrote what it found
	case forked:
		z.take(z.zones[z.zones[a].before].writer)
		for _, at := range [...]int32{a, b} {
			z.take(z.zones[at].writer)
			z.because(at)
		}
	case circular:
		z.take(z.zones[a].writer)
		for at := z.zones[a].before; at != a; at = z.zones[at].before {
			z.take(z.zones[at].writer)
		}
		z.because(a)
	case backwards:
		z.take(z.zones[b].first)
		z.takeChain(a, b, z.lateIn(a, z.zones[b].f))
	case crossed:
		z.cross(a, b)
	}
	return z.copies()
}

// cross takes, from two blocks that must each stand behind the other, operations as near to each other as
// there are.
func (z *zones) cross(a, b int32) {
	other := z.span(b)
	a1, a2 := z.nearest(a, other.s, other.f)
	b1, b2 := z.nearest(b, z.zones[a2].s, z.zones[a1].f)
	late := z.lateIn(a2, z.zones[b1].f)
	z.take(z.zones[a1].first)
	z.take(z.zones[b1].first)
	z.takeChain(a1, a2, late)
	z.takeChain(b1, b2, z.lateIn(b2, z.zones[a1].f))
}

func (z *zones) span(root int32) block {
	b := block{f: never, root: root, s: z.zones[root].s}
	for at := root; at != none; at = z.zones[at].behind {
		b.f, b.s = min(b.f, z.zones[at].f), max(b.s, z.zones[at].s)
	}
	return b
}

// nearest returns, of the block that begins with root, two zones with few between them: one that must stand
// before a block called as late as s, and one that must stand behind a block that returned at f.
func (z *zones) nearest(root int32, s, f int64) (early, late int32) {
	e, l := int32(none), int32(none)
	distance := len(z.zones) + 1
	eAt, lAt, position := 0, 0, 0
	for at := root; at >= 0; at = z.zones[at].behind {
		v := &z.zones[at]
		if v.f < s {
			e, eAt = at, position
		}
		if v.s > f {
			l, lAt = at, position
		}
		if e >= 0 && l >= 0 && max(eAt-lAt, lAt-eAt) < distance {
			distance, early, late = max(eAt-lAt, lAt-eAt), e, l
		}
		position++
	}
	return early, late
}

// lateIn returns, of the operations of zone at that were called after f, the one that returned first.
func (z *zones) lateIn(at int32, f int64) int32 {
	v := &z.zones[at]
	best := v.last
	for i, op := range z.ops {
		if op.Call <= f || op.Outcome != Ok || op.Return >= until(z.ops[best]) {
			continue
		}
		if int32(i) == v.writer || found(op, v.state) {
			best = int32(i)
		}
	}
	return best
}

// found reports whether the reply of op proves that it found the state s and left it.
func found(op *Operation, s state) bool {
	switch op.Kind {
	case CAS:
		if op.Swapped {
			return op.Old == op.Arg && s == state{op.Old, true}
		}
		return seen(op) == s
	case Delete: // where one found a value and left no tombstone, the start claims nothing and is not asked for
		return op.Arg == 0 && s == state{}
	}
	return op.Kind == Get && seen(op) == s
}

// takeChain takes what binds two zones of a block, in either order, and op, an operation of the second.
func (z *zones) takeChain(a, b int32, op int32) {
	z.take(op)
	bottom, top := a, b
	if !z.below(a, b) {
		bottom, top = b, a
	}
	for at := top; ; at = z.zones[at].before {
		z.take(z.zones[at].writer)
		if at == bottom {
			break
		}
	}
	z.because(top)
}

func (z *zones) below(a, b int32) bool {
	for at := b; at >= 0; at = z.zones[at].before {
		if at == a {
			return true
		}
	}
	return false
}

// because takes what proves that zone at happened, the zone's writer aside if it is not that.
func (z *zones) because(at int32) {
	if at == start {
		return
	}
	for v := &z.zones[at]; v.writer == none || z.ops[v.writer].Outcome != Ok; v = &z.zones[v.behind] {
		if v.seen != none {
			z.take(v.seen)
			return
		}
		z.take(z.zones[v.behind].writer)
	}
}

// take adds operation i to the evidence, if there is one, and whoever wrote what its reply says it found: of
// deletes that is not there for another reason.
func (z *zones) take(i int32) {
	for i >= 0 {
		op := z.ops[i]
		known := slices.Contains(z.evidence, op)
		z.evidence = append(z.evidence, op)
		if known {
			return
		}
		i = z.zones[z.find(seen(op))].writer
	}
}

func (z *zones) copies() (list []Operation) {
	slices.SortFunc(z.evidence, byCall)
	z.evidence = slices.Compact(z.evidence)
	for _, op := range z.evidence {
		copied := *op
		if op.Outcome != Ok {
			open(&copied)
		}
		if op.Kind == CAS && !isRead(op) && z.zones[z.find(state{op.Old, true})].writer >= 0 && !z.writes(state{op.Old, true}) {
			copied.Kind, copied.Old, copied.Swapped = Put, 0, false
		}
		list = append(list, copied)
	}
	return list
}

// writes reports whether an operation of the evidence may leave s.
func (z *zones) writes(s state) bool {
	return slices.ContainsFunc(z.evidence, func(op *Operation) bool {
		left, _ := leaves(op)
		return !isRead(op) && left == s
	})
}

// until is the end of op's interval.
func until(op *Operation) int64 {
	if op.Outcome != Ok {
		return never
	}
	return op.Return
}
