package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/sim"
)

// lastLines is how much of the trace before a violation is shown.
const lastLines = 20

func (a *app) replayCommand() *cobra.Command {
	var t target
	var trace, html string
	cmd := &cobra.Command{
		Use:   "replay FILE | SCENARIO@SEED",
		Short: "Bring a failure back, and show it",
		Long: `Run a failure again, from the file that saros hunt wrote or from its seed, and show it in
full: what was violated, the faults, and the end of the trace before it.

Exit code 1: the failure came back. 0: it did not, on another version of the program than
wrote the file. 4: this very version wrote the file, but for another trace; then the first
event that differs is named.`,
		Example: `  saros replay saros-kv-0x1f.json
  saros replay kv@0x1f --mutant raft-vote-twice
  saros replay kv@0x1f --trace trace.jsonl`,
		Args:              arguments(1, 1, "a failure file or SCENARIO@SEED"),
		ValidArgsFunction: completeFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if trace == "-" {
				return fmt.Errorf("--trace - would mix the trace with the report: saros trace %s", quoteArg(args[0]))
			}
			if err := htmlTo(html); err != nil {
				return err
			}
			subject, err := t.subject(args[0])
			if err != nil {
				return err
			}
			if subject.failure == nil {
				return a.replaySeed(subject, trace, html)
			}
			return a.replayFile(args[0], subject, trace, html)
		},
	}
	t.flags(cmd)
	cmd.Flags().StringVar(&trace, "trace", "", "write the trace to `FILE`, JSON lines")
	cmd.Flags().StringVar(&html, "html", "", htmlUsage)
	return cmd
}

// subject is what FILE or SCENARIO@SEED means.
type subject struct {
	runner  *scenarios.Runner
	options scenarios.Options
	failure *scenarios.Failure // of a file
	inputs  []string
}

// subject reads FILE or SCENARIO@SEED.
func (t *target) subject(arg string) (*subject, error) {
	_, missing := os.Stat(arg)
	if missing != nil && strings.Contains(arg, "@") {
		scenario, seed, _, err := splitSeed(arg)
		if err != nil {
			return nil, err
		}
		r, err := t.resolve(scenario)
		if err != nil {
			return nil, err
		}
		return &subject{runner: r, options: scenarios.Options{Seed: uint64(seed)}}, nil
	}
	if missing != nil && indexOf(scenarioNames(), arg) >= 0 {
		return nil, badf("%s is a scenario; which seed of it? %s@SEED", arg, arg)
	}
	if missing == nil && t.given() {
		return nil, badf("--mutant and --set are for SCENARIO@SEED: %s says for itself what it is", arg)
	}
	data, err := readFile(arg, scenarios.MaxFailureBytes)
	if err != nil {
		return nil, err
	}
	f, err := scenarios.DecodeFailure(data)
	if err != nil {
		return nil, badf("%s: %w", arg, err)
	}
	r, err := f.Runner()
	if err != nil {
		return nil, badf("%s: %w", arg, err)
	}
	return &subject{r, scenarios.Options{Seed: uint64(f.Seed), Plan: &f.Plan}, &f, []string{arg}}, nil
}

// replayResult is what a replay adds to the result of a run.
type replayResult struct {
	File            string           `json:"file"`
	CameBack        bool             `json:"came_back"`
	SameTrace       bool             `json:"same_trace"`
	Expected        expectedResult   `json:"expected"`
	Version         string           `json:"version"`
	FirstDifference *differentResult `json:"first_difference"`
}

type expectedResult struct {
	Fingerprint string         `json:"fingerprint"`
	TraceHash   scenarios.Hash `json:"trace_hash"`
	Events      uint64         `json:"events"`
	Version     string         `json:"version"`
}

type differentResult struct {
	Event    uint64 `json:"event"`
	Expected string `json:"expected"`
	Actual   string `json:"actual"`
}

// replaySeed runs a seed and shows what it was.
func (a *app) replaySeed(s *subject, trace, html string) error {
	a.doing = name(s.runner.Scenario, s.options.Seed)
	servers := s.runner.Servers()
	res, lines, err := a.again(s, trace)
	if err != nil {
		return err
	}
	if err := a.writeHTML(html, s.inputs, &res); err != nil {
		return err
	}
	a.printPanic(&res)
	if a.json {
		a.emit(resultOf("saros/run/v1", s.runner, &res))
		return status(codeOf(res.Verdict))
	}
	a.print("%s\n", verdictLine(s.runner, &res))
	a.printModel(s.runner)
	a.show(s.runner, &res, servers, lines)
	return status(codeOf(res.Verdict))
}

// again runs once more and collects the lines before the violation; the trace goes to
// a file, if one is named.
func (a *app) again(s *subject, trace string) (scenarios.Result, [][]byte, error) {
	if trace != "" {
		err := a.writeTo(trace, s.inputs, func(w io.Writer) error { writeTrace(w, s.runner, s.options); return nil })
		if err != nil {
			return scenarios.Result{}, nil, err
		}
	}
	res := s.runner.Run(s.options)
	if res.Verdict != checker.Invalid {
		return res, nil, nil
	}
	hash := res.TraceHash
	res, lines := s.runner.Lines(s.options, res.Violations[0].Event, lastLines, 0)
	if res.TraceHash != hash || res.Verdict != checker.Invalid {
		return res, nil, &scenarios.Nondeterminism{Scenario: s.runner.Scenario.Name, Seed: scenarios.Seed(s.options.Seed), First: hash, Second: res.TraceHash}
	}
	return res, lines, nil
}

// show prints a run in full.
func (a *app) show(r *scenarios.Runner, res *scenarios.Result, servers []string, lines [][]byte) {
	a.printCounts(res)
	a.printPlan(r, res)
	a.printServers(servers, res.Plan)
	if res.Verdict != checker.Invalid {
		return
	}
	a.print("\nthe end of the trace (event, time, node, what):\n")
	a.printLines(lines)
	a.printViolations(res)
	a.print("\nreplay: %s\n", replayLine(r, res.Seed))
}

// replayFile runs a failure file and judges whether it came back.
func (a *app) replayFile(file string, s *subject, trace, html string) error {
	f := s.failure
	a.doing = name(s.runner.Scenario, s.options.Seed) + " from " + file
	p, err := scenarios.Replay(f)
	if err != nil {
		return badf("%s: %w", file, err)
	}
	servers := s.runner.Servers()
	res, lines, err := a.again(s, trace)
	if err != nil {
		return err
	}
	if res.TraceHash != p.Result.TraceHash {
		return &scenarios.Nondeterminism{Scenario: f.Scenario, Seed: f.Seed, First: p.Result.TraceHash, Second: res.TraceHash}
	}
	if err := a.writeHTML(html, s.inputs, &res); err != nil {
		return err
	}
	a.printPanic(&res)
	same := sameProgram(f.Version)
	code := codeOf(res.Verdict)
	if same && !(p.SameTrace && p.SameFailure && p.SameMoment) {
		code = exitOtherTrace
	}
	if a.json {
		a.emitReplay(file, s, p, &res)
		return status(code)
	}
	a.print("%s: %s\n", safe(file), outcome(f, p, &res, same))
	if !p.SameTrace {
		a.printDifference(f, p, &res)
	}
	a.print("%s\n", verdictLine(s.runner, &res))
	a.printModel(s.runner)
	a.show(s.runner, &res, servers, lines)
	return status(code)
}

// sameProgram tells whether this program wrote what carries the version.
func sameProgram(v string) bool { return v == version() && !strings.HasSuffix(v, unhashed) }

// outcome says in a line what came of a replay.
func outcome(f *scenarios.Failure, p *scenarios.Replayed, res *scenarios.Result, same bool) string {
	other := fmt.Sprintf("another version (%s; this is %s)", safe(f.Version), version())
	switch {
	case same && !p.SameTrace:
		return "this version wrote the file, but for another trace: the file was changed, or the simulator is at fault"
	case same && !p.SameFailure:
		return fmt.Sprintf("this version wrote the file; the trace is the same, but the failure is not: it was %s", safe(f.Fingerprint))
	case same && !p.SameMoment:
		return fmt.Sprintf("this version wrote the file; trace and failure are the same, but the file tells of event %s, at %v: it was changed", count(f.Violation.Event), sim.Time(f.Violation.At))
	case p.SameFailure && p.SameTrace:
		return fmt.Sprintf("the failure came back, the trace is the same: %s", safe(f.Fingerprint))
	case p.SameFailure:
		return fmt.Sprintf("the failure came back, in another trace, for the file is from %s: %s", other, safe(f.Fingerprint))
	case res.Verdict == checker.Invalid:
		return fmt.Sprintf("another failure than %s, on %s", safe(f.Fingerprint), other)
	case res.Verdict == checker.Valid:
		return fmt.Sprintf("the failure did not come back (it was %s), on %s", safe(f.Fingerprint), other)
	}
	return fmt.Sprintf("nothing can be said (it was %s), on %s", safe(f.Fingerprint), other)
}

func (a *app) printDifference(f *scenarios.Failure, p *scenarios.Replayed, res *scenarios.Result) {
	if f.TraceHash != scenarios.Hash(res.TraceHash) || f.Events != res.Events {
		a.print("  expected trace %v, %s events; this one is %v, %s events\n", f.TraceHash, count(f.Events), res.TraceHash, count(res.Events))
	}
	d := p.Difference
	switch {
	case d == nil && f.Marks.Len() > 0:
		a.print("  every event is as the file marks it: the hash in the file was changed\n")
		return
	case d == nil:
		a.print("  the file does not tell which event differs first\n")
		return
	}
	a.print("  the first event that differs is %d: its digest ended in %s, here in %s\n", d.Event, d.Expected, d.Actual)
	for _, l := range d.Lines {
		text := readable(l)
		if strings.HasPrefix(strings.TrimSpace(text), fmt.Sprintf("%d ", d.Event)) {
			a.print("> %s\n", safe(text))
			continue
		}
		a.print("  %s\n", safe(text))
	}
}

func (a *app) emitReplay(file string, s *subject, p *scenarios.Replayed, res *scenarios.Result) {
	f := s.failure
	out := resultOf("saros/replay/v1", s.runner, res)
	out.replayResult = &replayResult{
		File: file, CameBack: p.SameFailure, SameTrace: p.SameTrace, Version: version(),
		Expected: expectedResult{f.Fingerprint, f.TraceHash, f.Events, f.Version},
	}
	if d := p.Difference; d != nil {
		out.FirstDifference = &differentResult{d.Event, d.Expected, d.Actual}
	}
	a.emit(out)
}
