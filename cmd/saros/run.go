package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/sim"
)

func (a *app) runCommand() *cobra.Command {
	var t target
	var trace, history, plan, html string
	var twice, stats bool
	seed := scenarios.Seed(1)
	cmd := &cobra.Command{
		Use:   "run SCENARIO[@SEED]",
		Short: "Run one seed of a scenario and say what came of it",
		Long: `Run one seed of a scenario: draw its faults, let them happen, judge what clients saw.

With --trace - or --history - that goes to stdout, and the report to stderr.`,
		Example: `  saros run kv --seed 0x1f
  saros run kv@0x1f --mutant raft-vote-twice
  saros run kv --set nodes=5 --set faults=0
  saros run kv@7 --twice                 # is it deterministic?
  saros run kv@7 --plan plan.json        # these faults instead of drawn ones
  saros run kv@7 --trace trace.jsonl --history history.jsonl`,
		Args:              arguments(1, 1, "the scenario"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			scenario, s, seeded, err := splitSeed(args[0])
			switch {
			case err != nil:
				return err
			case seeded && cmd.Flags().Changed("seed"):
				return fmt.Errorf("%s names a seed, and so does --seed", quoted(args[0]))
			case seeded:
				seed = s
			}
			if err := htmlTo(html); err != nil {
				return err
			}
			r, err := t.resolve(scenario)
			if err != nil {
				return err
			}
			o := scenarios.Options{Seed: uint64(seed)}
			if plan != "" {
				p, err := readPlan(r, plan)
				if err != nil {
					return err
				}
				o.Plan = &p
			}
			return a.runOnce(r, o, runOutputs{trace, history, html, plan, twice, stats})
		},
	}
	t.flags(cmd)
	cmd.Flags().Var(seedFlag{&seed}, "seed", "the seed, in hex (0x1f) or decimal")
	cmd.Flags().StringVar(&trace, "trace", "", "write the trace to `FILE`, JSON lines; - is stdout")
	cmd.Flags().StringVar(&history, "history", "", "write what clients saw to `FILE`, for saros check; - is stdout")
	cmd.Flags().StringVar(&html, "html", "", htmlUsage)
	cmd.Flags().StringVar(&plan, "plan", "", "the faults from `FILE` (saros/plan/v1) instead of drawn ones")
	cmd.Flags().BoolVar(&twice, "twice", false, "run twice and compare: exit 3 if the runs differ")
	cmd.Flags().BoolVar(&stats, "stats", false, "add wall time and rates")
	return cmd
}

// readPlan reads a plan that r can run.
func readPlan(r *scenarios.Runner, file string) (faults.Plan, error) {
	data, err := readFile(file, faults.MaxBytes)
	if err != nil {
		return faults.Plan{}, err
	}
	p, err := faults.DecodePlan(data)
	if err == nil {
		err = r.Accepts(p)
	} else if _, failure := scenarios.DecodeFailure(data); failure == nil {
		return faults.Plan{}, badf("%s is a failure, not a plan: saros replay %s", file, quoteArg(file))
	}
	if err != nil {
		return faults.Plan{}, badf("%s: %w", file, err)
	}
	return p, nil
}

type runOutputs struct {
	trace, history string
	html           string
	plan           string // a file that is read, and must not be written over
	twice, stats   bool
}

func (a *app) runOnce(r *scenarios.Runner, o scenarios.Options, out runOutputs) error {
	if out.trace == "-" && out.history == "-" {
		return errors.New("--trace - and --history - cannot both be stdout")
	}
	if out.trace != "" && filepath.Clean(out.trace) == filepath.Clean(out.history) {
		return fmt.Errorf("--trace and --history cannot both be %s", quoted(out.trace))
	}
	replay := replayLine(r, o.Seed)
	if out.plan != "" {
		replay = strings.Replace(replay, "saros replay ", "saros run ", 1) + " --plan " + quoteArg(out.plan)
	}
	a.doing = name(r.Scenario, o.Seed)
	if out.twice {
		if _, err := r.Twice(o); err != nil {
			return a.differs(r, o, err)
		}
	}
	report := a
	if out.trace == "-" || out.history == "-" {
		report = &app{out: bufio.NewWriter(a.err), err: a.err, json: a.json}
		defer report.out.Flush()
	}
	servers := r.Servers()
	start := time.Now()
	res, err := a.traced(r, o, out.trace, []string{out.plan})
	wall := time.Since(start)
	if err != nil {
		return err
	}
	if out.history != "" {
		err := a.writeTo(out.history, []string{out.plan}, func(w io.Writer) error { return checker.WriteHistory(w, res.History) })
		if err != nil {
			return err
		}
	}
	if err := a.writeHTML(out.html, []string{out.plan}, &res); err != nil {
		return err
	}
	a.printPanic(&res)
	if a.json {
		result := resultOf("saros/run/v1", r, &res)
		result.Replay = replay
		if out.stats {
			result.rates = ratesOf(wall, res.Events, res.Simulated, 0)
		}
		report.emit(result)
		return status(codeOf(res.Verdict))
	}
	report.print("%s\n", verdictLine(r, &res))
	report.printModel(r)
	report.printCounts(&res)
	report.printPlan(r, &res)
	report.printServers(servers, res.Plan)
	if out.twice {
		report.print("  twice       both runs are the same\n")
	}
	if out.stats {
		ratesOf(wall, res.Events, res.Simulated, 0).print(report)
	}
	report.printViolations(&res)
	if res.Verdict == checker.Invalid {
		report.print("\nreplay: %s\n", replay)
	}
	return status(codeOf(res.Verdict))
}

// traced runs once and writes the trace to a file, if one is named.
func (a *app) traced(r *scenarios.Runner, o scenarios.Options, file string, inputs []string) (res scenarios.Result, err error) {
	if file == "" {
		return r.Run(o), nil
	}
	err = a.writeTo(file, inputs, func(w io.Writer) error {
		res = writeTrace(w, r, o)
		return nil
	})
	return res, err
}

// traceHeader is the first line of a trace.
type traceHeader struct {
	Schema   string           `json:"schema"`
	Scenario string           `json:"scenario"`
	Seed     scenarios.Seed   `json:"seed"`
	Mutant   string           `json:"mutant"`
	Params   scenarios.Params `json:"params"`
	Nodes    []string         `json:"nodes"`
	Version  string           `json:"version"`
}

// writeTrace runs once and writes the trace as JSON lines. An error of w is kept by w.
func writeTrace(w io.Writer, r *scenarios.Runner, o scenarios.Options) scenarios.Result {
	names := r.Names()
	render := r.Renderer()
	w.Write(encode(traceHeader{"saros/trace/v1", r.Scenario.Name, scenarios.Seed(o.Seed), mutantName(r), r.Params, names[1:], version()}))
	var b []byte
	o.Trace = func(l sim.TraceLine) {
		b = append(render(b[:0], &l), '\n')
		w.Write(b)
	}
	return r.Run(o)
}

// differs shows the event in which two runs of a seed differ.
func (a *app) differs(r *scenarios.Runner, o scenarios.Options, err error) error {
	var twice *scenarios.Nondeterminism
	if errors.As(err, &twice) && twice.Event != 0 {
		_, lines := r.Lines(o, twice.Event, 3, 0)
		for _, l := range lines {
			fmt.Fprintf(a.err, "  %s\n", safe(readable(l)))
		}
	}
	return err
}

// readFile reads a file of at most limit bytes.
func readFile(file string, limit int) ([]byte, error) {
	if file == "" {
		return nil, badf("the file has no name")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, bad(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, bad(err)
	}
	if len(data) == 0 {
		return nil, badf("%s is empty", file)
	}
	if len(data) > limit {
		return nil, badf("%s: more than %d bytes, the limit", file, limit)
	}
	return data, nil
}

// writeTo writes to a file that was named for that, or to stdout for "-"; never over
// one of the inputs.
func (a *app) writeTo(file string, inputs []string, write func(io.Writer) error) error {
	if file == "-" {
		if err := write(a.out); err != nil {
			return bad(err)
		}
		return nil
	}
	if have, err := os.Stat(file); err == nil {
		for _, in := range inputs {
			if other, err := os.Stat(in); err == nil && os.SameFile(have, other) {
				return badf("%s is the input: it is not written over", file)
			}
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return bad(err)
	}
	out := bufio.NewWriterSize(f, 1<<16)
	err = write(out)
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return badf("%s: %w", file, err)
	}
	return nil
}
