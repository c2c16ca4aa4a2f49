package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/scenarios"
)

const htmlUsage = "write what contradicts itself of a history that is not linearizable to `FILE`, with the faults, for a browser"

// htmlTo refuses what --html cannot be written to.
func htmlTo(file string) error {
	if file == "-" {
		return errors.New("--html - would mix the page with the report")
	}
	return nil
}

// writeHTML draws the core of a violated history with the faults of the plan, if a file is named. Of a
// run whose clients saw nothing wrong there is nothing to draw, and it says so.
func (a *app) writeHTML(file string, inputs []string, res *scenarios.Result) error {
	if file == "" {
		return nil
	}
	report := checker.CheckLinearizable(res.History, checker.Budget{})
	if report.Verdict != checker.Invalid {
		fmt.Fprintf(a.err, "no page %s: the history is %s\n", quoted(file), report.Verdict)
		return nil
	}
	return a.writeTo(file, inputs, func(w io.Writer) error {
		return checker.WriteHTML(w, res.History, report, annotations(res.Plan)...)
	})
}

// annotations are the faults as they were planned; one that is aimed at a step strikes later than that.
func annotations(plan faults.Plan) (list []checker.Annotation) {
	for _, f := range plan.Faults {
		until := f.At + f.For
		if f.For == 0 {
			until = plan.Heal
		}
		list = append(list, checker.Annotation{At: f.At, Until: until, Text: f.String()})
	}
	return list
}
