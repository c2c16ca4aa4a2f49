package checker

import "slices"

// rounds bounds the passes over chains of unknown CAS. One pass resolves a chain whose links were
// called in order; stopping early costs Porcupine time, never the verdict.
const rounds = 8

// normaliser resolves operations of unknown outcome that need no search: those that nobody can have
// seen are dropped, those that somebody has seen did happen, before the first who saw them returned.
// Both keep the verdict, in both directions; without them a search is exponential in their number.
type normaliser struct {
	sightings sightings
	writers   map[state]int   // how many operations may have left it
	first     map[state]int64 // earliest return of an operation that found it for certain
}

// normalise works in place and returns what is left. ops must be sorted by call, unknown ones have
// Outcome Info and Return never, and unknown reads be gone.
func (n *normaliser) normalise(ops []Operation) []Operation {
	if !slices.ContainsFunc(ops, func(op Operation) bool { return op.Outcome != Ok }) {
		return ops
	}
	ops = n.dropUnseen(ops)
	n.settleSeen(ops)
	return ops
}

func (n *normaliser) dropUnseen(ops []Operation) []Operation {
	for range rounds {
		n.sightings.reset()
		for i := range ops {
			n.sightings.add(&ops[i], 1)
		}
		all := len(ops)
		// Latest call first: the last link of a chain goes, and then nobody has seen the one before it.
		for i := len(ops) - 1; i >= 0; i-- {
			if op := &ops[i]; op.Outcome != Ok && n.sightings.unseen(op) {
				n.sightings.add(op, -1)
				op.Kind = Get // marks it: an unknown read says nothing
			}
		}
		if ops = slices.DeleteFunc(ops, func(op Operation) bool { return op.Outcome != Ok && op.Kind == Get }); len(ops) == all {
			break
		}
	}
	return ops
}

// settleSeen turns unknown puts and CAS whose value was found into known ones, and gives deletes whose
// tombstone was found a return. It must be the only operation that can have left that state. Then in
// every legal order it took effect, and earlier than each operation that found the state took effect,
// hence no later than any of those returned. (What a delete replaced stays unknown.)
func (n *normaliser) settleSeen(ops []Operation) {
	if n.writers == nil {
		n.writers, n.first = map[state]int{}, map[state]int64{}
	}
	clear(n.writers)
	clear(n.first)
	n.writers[state{}] = 1 // the start; every delete without a tombstone is one more
	for i := range ops {
		op := &ops[i]
		after, known := leaves(op)
		switch {
		case !known: // an increment that may have left any value
			return
		case !isRead(op):
			n.writers[after]++
		}
		if op.Outcome == Ok {
			n.found(op)
		}
	}
	for range rounds {
		changed := false
		for i := len(ops) - 1; i >= 0; i-- {
			op := &ops[i]
			if op.Return != never {
				continue
			}
			after, _ := leaves(op)
			first, found := n.first[after]
			if !found || n.writers[after] != 1 {
				continue
			}
			op.Return = max(first, op.Call) // found before it was called: illegal with any return
			if op.Kind != Delete {
				op.Outcome, op.Swapped = Ok, op.Kind == CAS
			}
			n.found(op)
			changed = true
		}
		if !changed {
			break
		}
	}
}

// found notes the state that a known operation found for certain.
func (n *normaliser) found(op *Operation) {
	s := sightOf(op)
	if !s.exact || s.missing {
		return
	}
	first, known := n.first[s.state]
	if !known {
		first = never
	}
	n.first[s.state] = min(first, op.Return)
}

// sightings counts who may find what, and how late.
type sightings struct {
	states   map[state]tally
	missing  tally // the key missing, with any tombstone
	existing tally // the key with any value: known deletes
	all      tally // unknown increments: what they find decides what they leave
}

type tally struct {
	count int
	last  int64 // latest return of those counted; not lowered again, which errs towards seen
}

func (t *tally) add(op *Operation, by int) {
	t.count += by
	t.last = max(t.last, op.Return)
}

// since reports whether one of them may come after an operation called at call.
func (t tally) since(call int64) bool { return t.count > 0 && t.last >= call }

func (s *sightings) reset() {
	if s.states == nil {
		s.states = map[state]tally{}
	}
	clear(s.states)
	*s = sightings{states: s.states}
}

// add counts op in (by = 1) or out (by = -1).
func (s *sightings) add(op *Operation, by int) {
	what := sightOf(op)
	if what.exact {
		t := s.states[what.state]
		t.add(op, by)
		s.states[what.state] = t
	}
	switch {
	case what.missing && what.existing:
		s.all.add(op, by)
	case what.missing:
		s.missing.add(op, by)
	case what.existing:
		s.existing.add(op, by)
	}
}

// unseen reports that a legal history stays legal without the mutation m, which is counted in.
//
// Take a legal order and remove m. Until the next change of state, no operation can have found what m
// left: that is the condition. So the operations in that stretch are puts, unknown deletes and unknown
// CAS that did not swap. Puts and deletes leave the same state as before. The CAS might swap now; move
// them behind everything else, which their open interval allows. The change that ends the stretch is
// again a put or an unknown delete, as all others would have found what m left; from there on the
// states are the same. A CAS leaves the key in existence as it was, so deletes cannot tell whether it
// happened.
func (s *sightings) unseen(m *Operation) bool {
	after, _ := leaves(m) // where that is not known m is one of all
	switch {
	case s.all.since(m.Call):
		return false
	case !after.exists && s.missing.since(m.Call), m.Kind != CAS && after.exists && s.existing.since(m.Call):
		return false
	}
	return !s.states[after].since(m.Call)
}
