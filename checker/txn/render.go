package txn

import (
	"fmt"
	"strings"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/checker/internal/lane"
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
	fmt.Fprintf(&b, "\ncore: %d transactions that contradict each other, whatever the others did\n\n", len(r.Core))
	lanes(&b, h, r.Core)
	return b.String()
}

// describe says what an operation did; of a read whose transaction is not ok, what it asked.
func describe(op *Operation, outcome checker.Outcome) string {
	switch {
	case outcome != checker.Ok && (op.Kind == ReadList || op.Kind == ReadRegister):
		return "read " + op.Key
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

// lanes draws the transactions of the core.
func lanes(b *strings.Builder, h *History, core []int) {
	var rows []lane.Row
	for _, t := range core {
		tx := &h.Transactions[t]
		row := lane.Row{Session: tx.Session, Name: fmt.Sprintf("T%d", t), Call: tx.Call, Return: tx.Return, Open: tx.Outcome != checker.Ok}
		end := "..."
		if tx.Outcome == checker.Ok || tx.Outcome == checker.Fail {
			end = fmt.Sprint(tx.Return)
		}
		var ops []string
		for i := range tx.Operations {
			ops = append(ops, describe(&tx.Operations[i], tx.Outcome))
		}
		fmt.Fprintf(b, "  T%-4d session %-3d [%d, %s] %s: %s\n", t, tx.Session, tx.Call, end, tx.Outcome, strings.Join(ops, ", "))
		if row.Label = strings.Join(ops, ", "); row.Open {
			row.Label += " -> " + tx.Outcome.String()
		}
		rows = append(rows, row)
	}
	b.WriteByte('\n')
	lane.Draw(b, rows)
}
