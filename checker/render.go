package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saros-sim/saros/checker/internal/lane"
)

const (
	maxLanes = 12 // the diagram and the list of the core show its last operations
	before   = 6  // operations shown around the one that cannot be placed
	after    = 3
)

// text is the report that a person reads. Operations are listed by call; core is what contradicts
// itself, as it stood when op returned; why says what, if it is not nil.
func text(h *History, op *Operation, core []Operation, why []string) string {
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
	if len(why) == 0 {
		why = []string{sentence(op, key)}
	}
	if why[0] == "" {
		why = noOrder(rowsOf(core), fmt.Sprintf("#%d (%s)", op.ID, describe(op)))
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(why, "\n"))
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

func lanes(b *strings.Builder, ops []row) {
	rows := make([]lane.Row, len(ops))
	for i, op := range ops {
		rows[i] = lane.Row{Session: op.session, Name: fmt.Sprintf("#%d", op.id), Call: op.call, Return: op.ret, Open: op.open, Label: op.label}
	}
	lane.Draw(b, rows)
}

// sentence says of a state that was found why nobody can have left it; "" if somebody can.
func sentence(op *Operation, key []*Operation) string {
	found := sightOf(op)
	if !found.exact || found.missing || found.state == (state{}) {
		return ""
	}
	var failed, late, other int // operations that may have left the value
	var example int
	for _, w := range key {
		left, known := leaves(w)
		switch {
		case w.ID == op.ID || isRead(w) || !known && w.Outcome == Fail:
		case !known: // an increment that may have left any value
			return ""
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
		return ""
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
