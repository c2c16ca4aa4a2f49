package checker

// state is one key of the sequential specification. A missing key holds the tombstone of the delete that
// took it away, 0 if that left none or there was none yet.
type state struct {
	value  int64
	exists bool
}

// step applies op and reports whether the reply agrees. A mutation of unknown outcome has no reply to
// disagree with, and unknown reads are gone; not having happened is the same as happening after everything else.
func (s state) step(op *Operation) (state, bool) {
	known := op.Outcome == Ok
	switch op.Kind {
	case Get:
		return s, s == seen(op)
	case Put:
		return state{op.Arg, true}, true
	case CAS:
		swaps := s == state{op.Old, true}
		switch {
		case swaps:
			return state{op.Arg, true}, !known || op.Swapped
		case op.Swapped:
			return s, false
		}
		return s, !known || s == seen(op)
	case Increment:
		sum := op.Arg
		if s.exists {
			sum += s.value
		}
		return state{sum, true}, !known || sum == op.Result
	case Delete:
		if op.Arg != 0 {
			return state{op.Arg, false}, !known || s == seen(op)
		}
		return state{}, !known || s.exists == op.Found
	}
	return s, false
}

// seen is the state that a known get, failed CAS, or delete with a tombstone replied with.
func seen(op *Operation) state { return state{op.Result, op.Found} }

// isRead reports whether the reply proves that op left the state alone.
func isRead(op *Operation) bool {
	if op.Outcome != Ok {
		return op.Kind == Get
	}
	return op.Kind == Get || op.Kind == CAS && !op.Swapped
}

// sight is the set of states an operation may find: those in which its reply would be right and, for an
// operation of unknown outcome, those that decide what it leaves behind.
type sight struct {
	exact    bool // finds state
	state    state
	missing  bool // finds the key missing, with any tombstone
	existing bool // finds the key, with any value
}

func sightOf(op *Operation) sight {
	known := op.Outcome == Ok
	switch op.Kind {
	case Get:
		return sight{exact: true, state: seen(op)} // unknown reads are gone
	case CAS:
		if known && !op.Swapped {
			return sight{exact: true, state: seen(op)}
		}
		return sight{exact: true, state: state{op.Old, true}}
	case Increment:
		if !known {
			return sight{missing: true, existing: true}
		}
		before := op.Result - op.Arg
		return sight{exact: true, state: state{before, true}, missing: before == 0}
	case Delete:
		switch {
		case !known:
			return sight{}
		case op.Arg != 0:
			return sight{exact: true, state: seen(op)}
		}
		return sight{missing: !op.Found, existing: op.Found}
	}
	return sight{} // a put looks at nothing
}

// leaves is the state a mutation leaves behind when it takes effect; known is false where that depends
// on the state before.
func leaves(op *Operation) (after state, known bool) {
	switch op.Kind {
	case Put, CAS:
		return state{op.Arg, true}, true
	case Increment:
		return state{op.Result, true}, op.Outcome == Ok
	}
	return state{op.Arg, false}, true
}
