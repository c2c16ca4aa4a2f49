package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const (
	maxLanes = 12 // the diagram and the list of the core show its last operations
	before   = 6  // operations shown around the one that cannot be placed
	after    = 3
)

// text is the report that a person reads. Operations are listed by call; core is what contradicts
// itself, as it stood when op returned.
func text(h *History, op *Operation, core []Operation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "key %+q: no order of the operations explains operation %d\n", op.Key, op.ID)
	fmt.Fprintf(&b, "\n  %s\n", line(op))

	fmt.Fprintf(&b, "\ncore: %d operations that contradict each other, whatever the others did\n\n", len(core))
	if hidden := len(core) - maxLanes; hidden > 0 {
		fmt.Fprintf(&b, "  (%d earlier operations not shown)\n", hidden)
		core = core[hidden:]
	}
	for i := range core {
		fmt.Fprintf(&b, "  %s\n", line(&core[i]))
	}
	b.WriteByte('\n')
	lanes(&b, rowsOf(core))

	count := 0
	for i := range h.Operations {
		if h.Operations[i].Key == op.Key {
			count++
		}
	}
	key := make([]*Operation, 0, count) // of a million operations, no byte more than needed
	for i := range h.Operations {
		if h.Operations[i].Key == op.Key {
			key = append(key, &h.Operations[i])
		}
	}
	sortByCall(key)
	at := slices.IndexFunc(key, func(other *Operation) bool { return other.ID == op.ID })
	fmt.Fprintf(&b, "\naround it on this key (> cannot be placed, * in the core)\n\n")
	for i := max(0, at-before); i < min(len(key), at+after+1); i++ {
		mark := byte(' ')
		switch {
		case i == at:
			mark = '>'
		case slices.ContainsFunc(core, func(other Operation) bool { return other.ID == key[i].ID }):
			mark = '*'
		}
		fmt.Fprintf(&b, "%c %s\n", mark, line(key[i]))
	}
	fmt.Fprintf(&b, "\n%s\n", sentence(op, key))
	return b.String()
}

// line shows an operation with its interval.
func line(op *Operation) string {
	end := "..."
	if op.Outcome == Ok || op.Outcome == Fail {
		end = fmt.Sprint(op.Return)
	}
	s := fmt.Sprintf("#%-4d session %-3d [%d, %s] %s", op.ID, op.Session, op.Call, end, describe(op))
	if op.Version != 0 {
		s += fmt.Sprintf(" @%d", op.Version)
	}
	return s
}

// describe says what was asked and, after an arrow, what was answered.
func describe(op *Operation) string {
	call := op.Kind.String()
	switch op.Kind {
	case Put:
		call = fmt.Sprintf("put %d", op.Arg)
	case CAS:
		call = fmt.Sprintf("cas %d to %d", op.Old, op.Arg)
	case Increment:
		call = fmt.Sprintf("increment %+d", op.Arg)
	case Delete:
		call += tombstone(op.Arg)
	}
	if op.Outcome != Ok {
		return fmt.Sprintf("%s -> %s", call, op.Outcome)
	}
	switch {
	case op.Kind == CAS && op.Swapped:
		return call + " -> swapped"
	case op.Kind == Put:
		return call + " -> ok"
	case op.Kind == Delete && op.Found && op.Arg == 0:
		return call + " -> found"
	case op.Kind == Increment:
		return fmt.Sprintf("%s -> %d", call, op.Result)
	}
	return fmt.Sprintf("%s -> %s", call, seen(op))
}

func (s state) String() string {
	if s.exists {
		return fmt.Sprint(s.value)
	}
	return "missing" + tombstone(s.value)
}

func tombstone(value int64) string {
	if value == 0 {
		return ""
	}
	return fmt.Sprintf(" ~%d", value)
}

// row is an operation of any model, as the pictures show it.
type row struct {
	id        int
	session   int32
	call, ret int64
	open      bool // ret is unknown
	label     string
}

func rowsOf(ops []Operation) []row {
	rows := make([]row, len(ops))
	for i := range ops {
		op := &ops[i]
		rows[i] = row{op.ID, op.Session, op.Call, op.Return, op.Outcome != Ok, describe(op)}
	}
	return rows
}

// lanes draws one row an operation: from its call to its return, or to the right edge where it is open.
// Only the order of calls and returns is to scale; at one instant calls are left of returns, since
// operations that touch are concurrent.
//
//	s1  #0  |put 1 -> ok|
//	s2  #1                |put 2 -> ok|
//	s3  #2                              |get -> 1|
func lanes(b *strings.Builder, ops []row) {
	type edge struct {
		at       int64
		returned bool
	}
	var edges []edge
	for _, op := range ops {
		edges = append(edges, edge{op.call, false})
		if !op.open {
			edges = append(edges, edge{op.ret, true})
		}
	}
	order := func(a, b edge) int {
		if c := cmp.Compare(a.at, b.at); c != 0 || a.returned == b.returned {
			return c
		}
		if a.returned {
			return 1
		}
		return -1
	}
	slices.SortFunc(edges, order)
	edges = slices.Compact(edges)
	rank := func(e edge) int { i, _ := slices.BinarySearchFunc(edges, e, order); return i }

	// column of each edge: right of the one before, and of the label that must fit in front of it
	column := make([]int, len(edges))
	for r, e := range edges {
		if r > 0 {
			column[r] = column[r-1] + 2
		}
		for _, op := range ops {
			if !op.open && e == (edge{op.ret, true}) {
				column[r] = max(column[r], column[rank(edge{op.call, false})]+1+len(op.label))
			}
		}
	}
	for _, op := range ops {
		from := column[rank(edge{op.call, false})]
		fmt.Fprintf(b, "  %-5s %-5s %s|%s", fmt.Sprintf("s%d", op.session), fmt.Sprintf("#%d", op.id),
			strings.Repeat(" ", from), op.label)
		if !op.open {
			fill := column[rank(edge{op.ret, true})] - from - 1 - len(op.label)
			fmt.Fprintf(b, "%s|\n", strings.Repeat("-", fill))
		} else {
			fill := max(0, column[len(column)-1]-from-1-len(op.label))
			fmt.Fprintf(b, "%s ...\n", strings.Repeat("-", fill))
		}
	}
}

// sentence says what is wrong, as closely as can be told without proof of more than the core proves.
func sentence(op *Operation, key []*Operation) string {
	found := sightOf(op)
	whole := fmt.Sprintf("Operation %d (%s) returned at %d; no order of the core, each operation at one instant within its interval, gives that answer.",
		op.ID, describe(op), op.Return)
	if !found.exact || found.missing || found.state == (state{}) {
		return whole
	}
	var failed, late, other int // operations that may have left the value
	var example int
	for _, w := range key {
		left, known := leaves(w)
		switch {
		case w.ID == op.ID || isRead(w) || !known && w.Outcome == Fail:
		case !known: // an increment that may have left any value
			return whole
		case left != found.state:
		case w.Outcome == Fail:
			failed, example = failed+1, w.ID
		case w.Call > op.Return:
			late, example = late+1, w.ID
		default:
			other++
		}
	}
	switch {
	case other > 0:
		return whole
	case late > 0:
		return fmt.Sprintf("Operation %d (%s) found %s at %d, before operation %d, which wrote it, was called.",
			op.ID, describe(op), found.state, op.Return, example)
	case failed > 0:
		return fmt.Sprintf("Operation %d (%s) found %s, which only operation %d wrote, and that failed.",
			op.ID, describe(op), found.state, example)
	}
	return fmt.Sprintf("Operation %d (%s) found %s, which no operation wrote: a value from thin air.",
		op.ID, describe(op), found.state)
}
