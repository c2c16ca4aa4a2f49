package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/sim"
)

// runResult is the JSON result of a run, schema saros/run/v1; replay adds to it.
type runResult struct {
	Schema     string            `json:"schema"`
	Scenario   string            `json:"scenario"`
	Seed       scenarios.Seed    `json:"seed"`
	Mutant     string            `json:"mutant"`
	Params     scenarios.Params  `json:"params"`
	Model      string            `json:"model"`
	Verdict    string            `json:"verdict"`
	Reason     string            `json:"reason"`
	Violations []violationResult `json:"violations"`
	TraceHash  scenarios.Hash    `json:"trace_hash"`
	Events     uint64            `json:"events"`
	Messages   uint64            `json:"messages"`
	Simulated  int64             `json:"simulated_ns"`
	Faults     map[string]int    `json:"faults"`
	Operations operationsResult  `json:"operations"`
	Situations map[string]uint64 `json:"situations"`
	Plan       json.RawMessage   `json:"plan"`
	Replay     string            `json:"replay"`
	*rates
	*replayResult
}

type violationResult struct {
	Check       string `json:"check"`
	Class       string `json:"class"`
	Fingerprint string `json:"fingerprint"`
	Detail      string `json:"detail"`
	At          int64  `json:"at_ns"`
	Event       uint64 `json:"event"`
}

type operationsResult struct {
	OK   int `json:"ok"`
	Fail int `json:"fail"`
	Info int `json:"info"`
}

// rates are what --stats adds: they differ from run to run.
type rates struct {
	Wall             int64 `json:"wall_ns"`
	EventsPerSecond  int64 `json:"events_per_second"`
	SeedsPerSecond   int64 `json:"seeds_per_second,omitempty"`
	SimulatedPerWall int64 `json:"simulated_per_wall"`
}

func ratesOf(wall time.Duration, events uint64, simulated sim.Time, seeds int) *rates {
	wall = max(wall, 1)
	perSecond := func(n uint64) int64 { return int64(float64(n) / wall.Seconds()) }
	return &rates{int64(wall), perSecond(events), perSecond(uint64(seeds)), int64(float64(simulated) / float64(wall))}
}

func (r *rates) print(a *app) {
	a.print("  rates       %v wall, %s events/s, ", time.Duration(r.Wall).Round(time.Millisecond), count(r.EventsPerSecond))
	if r.SeedsPerSecond > 0 {
		a.print("%s seeds/s, ", count(r.SeedsPerSecond))
	}
	a.print("%s times as fast as life\n", count(r.SimulatedPerWall))
}

func resultOf(schema string, r *scenarios.Runner, res *scenarios.Result) *runResult {
	out := &runResult{
		Schema: schema, Scenario: r.Scenario.Name, Seed: scenarios.Seed(res.Seed), Mutant: mutantName(r), Params: r.Params, Model: r.Params.Model().String(),
		Verdict: res.Verdict.String(), Reason: res.Reason, Violations: []violationResult{},
		TraceHash: scenarios.Hash(res.TraceHash), Events: res.Events, Messages: res.Messages, Simulated: int64(res.Simulated),
		Faults: map[string]int{}, Operations: operationsResult(res.Operations), Situations: map[string]uint64{},
		Plan: planJSON(res.Plan), Replay: replayLine(r, res.Seed),
	}
	for _, v := range res.Violations {
		out.Violations = append(out.Violations, violationResult{v.Check, v.Class, v.Fingerprint(), v.Detail, int64(v.At), v.Event})
	}
	for _, c := range res.Fired {
		out.Faults[string(c.Kind)] = c.N
	}
	for i, n := range res.Reached {
		if n > 0 {
			out.Situations[r.Scenario.Situations[i].Name] = n
		}
	}
	return out
}

// verdictLine is the verdict of one run, in one line.
func verdictLine(r *scenarios.Runner, res *scenarios.Result) string {
	s := name(r.Scenario, res.Seed)
	if r.Mutant != nil {
		s += " (" + r.Mutant.Name + ")"
	}
	switch res.Verdict {
	case checker.Valid:
		return s + ": valid: every check held"
	case checker.Invalid:
		return s + ": VIOLATED: " + res.Fingerprint()
	}
	return s + ": unknown: " + reasonText(res.Reason)
}

// reasonText says what the reason of an Unknown verdict means.
func reasonText(reason string) string {
	switch reason {
	case checker.ReasonBudget:
		return "budget: the run, or the search of the checker, is longer than any may be"
	case checker.ReasonVacuous:
		return "vacuous: nothing was tested, for no operation completed or no fault struck"
	case checker.ReasonNotApplicable:
		return "not_applicable: the history is not what the check assumes"
	}
	return reason
}

// printModel prints the system model that a verdict is about.
func (a *app) printModel(r *scenarios.Runner) {
	a.print("  model       %v\n", r.Params.Model())
}

// printCounts prints what happened in a run.
func (a *app) printCounts(res *scenarios.Result) {
	a.print("  run         %s events, %s messages, %s simulated, trace %v\n",
		count(res.Events), count(res.Messages), duration(res.Simulated), res.TraceHash)
	a.print("  operations  %s\n", operationsText(res.Operations))
}

func operationsText(c scenarios.Counts) string {
	return fmt.Sprintf("%s ok, %s failed, %s with unknown outcome", count(c.OK), count(c.Fail), count(c.Info))
}

// printPlan prints the faults as a list, and which kinds of them struck.
func (a *app) printPlan(r *scenarios.Runner, res *scenarios.Result) {
	a.print("  faults      %s planned; struck:", count(len(res.Plan.Faults)))
	if len(res.Fired) == 0 {
		a.print(" none")
	}
	for i, c := range res.Fired {
		if i > 0 {
			a.print(",")
		}
		a.print(" %d %s", c.N, c.Kind)
	}
	a.print("\n")
	for _, f := range res.Plan.Faults {
		a.print("    %s\n", safe(f.String()))
	}
	if h := res.Plan.Heal; h > 0 {
		a.print("    %v heal", sim.Time(h))
		if len(res.Plan.Core) > 0 {
			a.print(" of servers")
			for i, n := range res.Plan.Core {
				if i > 0 {
					a.print(",")
				}
				a.print(" %d", n)
			}
			a.print("; the others are dead for good")
		}
		a.print("\n")
	}
}

// printViolations prints the violations in full.
func (a *app) printViolations(res *scenarios.Result) {
	for _, v := range res.Violations {
		a.print("\n%s\n  after event %s, at %v of the simulation\n\n%s", safe(v.Fingerprint()), count(v.Event), v.At, indent(v.Detail, "  "))
	}
}

// printLines prints lines of a trace for people.
func (a *app) printLines(lines [][]byte) {
	for _, l := range lines {
		a.print("  %s\n", safe(readable(l)))
	}
}

// printServers says which names the numbers of the plan mean.
func (a *app) printServers(servers []string, plan faults.Plan) {
	if len(plan.Faults) == 0 {
		return
	}
	a.print("  servers     ")
	for i, n := range servers {
		if i > 0 {
			a.print(", ")
		}
		a.print("%d %s", i+1, safe(n))
	}
	a.print("\n")
}

// printPanic tells on stderr where a machine panicked.
func (a *app) printPanic(res *scenarios.Result) {
	if len(res.PanicStack) > 0 {
		fmt.Fprintf(a.err, "where the node panicked:\n%s", safe(string(res.PanicStack)))
	}
}
