package checker

// state is one key of the sequential specification. A missing key holds 0, so that equal states are ==.
type state struct {
	value  int64
	exists bool
}

// step applies op and reports whether the reply agrees. An operation of unknown outcome has no reply
// to disagree with; not having happened is the same as happening after everything else.
func (s state) step(op *Operation) (state, bool) {
	known := op.Outcome == Ok
	switch op.Kind {
	case Get:
		return s, !known || s == seen(op)
	case Put:
		return state{op.Arg, true}, true
	case CAS:
		swaps := s == state{op.Old, true}
		switch {
		case swaps:
			return state{op.Arg, true}, !known || op.Swapped
		case known && op.Swapped:
			return s, false
		}
		return s, !known || s == seen(op)
	case Increment:
		sum := s.value + op.Arg
		return state{sum, true}, !known || sum == op.Result
	case Delete:
		return state{}, !known || s.exists == op.Found
	}
	return s, false
}

// seen is the state that a known get or failed CAS replied with.
func seen(op *Operation) state {
	if !op.Found {
		return state{}
	}
	return state{op.Result, true}
}

// isRead reports whether the reply proves that op left the state alone.
func isRead(op *Operation) bool {
	if op.Outcome != Ok {
		return op.Kind == Get
	}
	return op.Kind == Get || op.Kind == CAS && !op.Swapped || op.Kind == Delete && !op.Found
}

// sight is the set of states an operation may find: those in which its reply would be right and, for an
// operation of unknown outcome, those that decide what it leaves behind.
type sight struct {
	hasValue bool // finds value
	value    int64
	missing  bool // finds the key missing
	existing bool // finds the key, with any value
}

func sightOf(op *Operation) sight {
	known := op.Outcome == Ok
	switch op.Kind {
	case Get:
		if !known {
			return sight{}
		}
		return replySight(op)
	case CAS:
		if known && !op.Swapped {
			return replySight(op)
		}
		return sight{hasValue: true, value: op.Old}
	case Increment:
		if !known {
			return sight{missing: true, existing: true}
		}
		before := op.Result - op.Arg
		return sight{hasValue: true, value: before, missing: before == 0}
	case Delete:
		if !known {
			return sight{}
		}
		return sight{missing: !op.Found, existing: op.Found}
	}
	return sight{} // a put looks at nothing
}

func replySight(op *Operation) sight {
	if !op.Found {
		return sight{missing: true}
	}
	return sight{hasValue: true, value: op.Result}
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
	return state{}, true
}
