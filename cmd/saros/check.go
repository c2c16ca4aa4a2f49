package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/scenarios"
)

// checkResult is the JSON result of a check.
type checkResult struct {
	Schema     string           `json:"schema"`
	File       string           `json:"file"`
	Verdict    string           `json:"verdict"`
	Reason     string           `json:"reason"`
	Class      string           `json:"class"`
	Key        string           `json:"key"`
	Operation  int              `json:"operation"` // that no order explains; -1
	Core       []int            `json:"core"`
	Text       string           `json:"text"`
	Operations operationsResult `json:"operations"`
}

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check HISTORY",
		Short: "Judge a history: is it linearizable?",
		Long: `Judge a history of operations (saros/history/v1, JSON lines; - is stdin), from saros run
--history or from a real system: could one copy that serves one operation at a time have
answered like that?`,
		Example: `  saros run kv@7 --history history.jsonl
  saros check history.jsonl`,
		Args: arguments(1, 1, "the history"),
		RunE: func(_ *cobra.Command, args []string) error { return a.check(args[0]) },
	}
}

func (a *app) check(file string) error {
	in := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return bad(err)
		}
		defer f.Close()
		in = f
	}
	h, err := checker.ReadHistory(io.Reader(in))
	if err != nil {
		return badf("%s: %w", file, err)
	}
	var counts scenarios.Counts
	for i := range h.Operations {
		switch h.Operations[i].Outcome {
		case checker.Ok:
			counts.OK++
		case checker.Fail:
			counts.Fail++
		default:
			counts.Info++
		}
	}
	report := checker.CheckLinearizable(h, checker.Budget{})
	if a.json {
		a.emit(checkResult{"saros/check/v1", file, report.Verdict.String(), report.Reason, report.Class, report.Key, report.Op,
			append([]int{}, report.Core...), report.Text, operationsResult(counts)})
		return status(codeOf(report.Verdict))
	}
	switch report.Verdict {
	case checker.Valid:
		a.print("%s: valid: linearizable\n", safe(file))
	case checker.Invalid:
		a.print("%s: VIOLATED: %s\n", safe(file), safe(report.Class))
	default:
		a.print("%s: unknown: %s\n", safe(file), reasonText(report.Reason))
	}
	a.print("  operations  %s\n", operationsText(counts))
	if report.Text != "" {
		a.print("\n%s", indent(report.Text, "  "))
	}
	return status(codeOf(report.Verdict))
}
