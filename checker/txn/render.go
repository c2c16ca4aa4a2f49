package txn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saros-sim/saros/checker"
)

// text is the report that a person reads.
func text(h *History, level Level, r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s does not hold: %s", level, r.Anomaly)
	if r.Form != "" && r.Form != r.Anomaly {
		fmt.Fprintf(&b, " (%s)", r.Form)
	}
	b.WriteString("\n\n")
	for _, e := range r.Cycle {
		fmt.Fprintf(&b, "  T%d -> T%d %-8s %s\n", e.From, e.To, e.Kind, e.Why)
	}
	b.WriteByte('\n')
	lanes(&b, h, r.Core)
	return b.String()
}

func describe(op *Operation) string {
	switch {
	case op.Kind == Append:
		return fmt.Sprintf("%s += %d", op.Key, op.Value)
	case op.Kind == ReadList:
		return op.Key + " = " + elements(op.List)
	case op.Kind == Write && op.Version == 0:
		return fmt.Sprintf("%s := %d", op.Key, op.Value)
	case op.Kind == Write:
		return fmt.Sprintf("%s := %d @%d", op.Key, op.Value, op.Version)
	case op.Version == 0:
		return op.Key + " missing"
	}
	return fmt.Sprintf("%s = %d @%d", op.Key, op.Value, op.Version)
}

const maxElements = 12 // of a list that are shown: the first of them and the last

func elements(list []int64) string {
	n := len(list)
	if n <= maxElements {
		return fmt.Sprint(list)
	}
	head, tail := fmt.Sprint(list[:maxElements/2]), fmt.Sprint(list[n-maxElements/2:])
	return fmt.Sprintf("%s … %s (%d elements)", head[:len(head)-1], tail[1:], n)
}

// lanes draws one row a transaction; only the order of calls and returns is to scale.
//
//	s1    T0    |--------|       [0, 5] x += 1
//	s2    T1        |--------|   [3, 9] x = [1]
func lanes(b *strings.Builder, h *History, core []int) {
	var times []int64 // twice the time, and one more for a return: what touches is concurrent
	for _, t := range core {
		tx := &h.Transactions[t]
		times = append(times, 2*tx.Call)
		if tx.Outcome == checker.Ok {
			times = append(times, 2*tx.Return+1)
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	for _, t := range core {
		tx := &h.Transactions[t]
		from, _ := slices.BinarySearch(times, 2*tx.Call)
		to, end, edge := len(times), "...", "."
		if tx.Outcome == checker.Ok {
			to, _ = slices.BinarySearch(times, 2*tx.Return+1)
			end, edge = fmt.Sprint(tx.Return), "|"
		}
		var ops []string
		for i := range tx.Operations {
			ops = append(ops, describe(&tx.Operations[i]))
		}
		fmt.Fprintf(b, "  s%-4d T%-4d %s|%s%s%s [%d, %s] %s %s\n", tx.Session, t, strings.Repeat("   ", from),
			strings.Repeat("---", max(1, to-from)), edge, strings.Repeat("   ", len(times)-to), tx.Call, end, tx.Outcome, strings.Join(ops, ", "))
	}
}
