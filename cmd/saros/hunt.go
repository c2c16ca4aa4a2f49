package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/scenarios/hunt"
)

const (
	maxSeeds      = 1_000_000_000
	defaultBudget = 10 * time.Second
)

type huntFlags struct {
	seeds, workers, failures uint64
	budget                   time.Duration
	base                     scenarios.Seed
	out                      string
	hashes, stats, progress  bool
}

func (a *app) huntCommand() *cobra.Command {
	var t target
	f := huntFlags{base: 1, workers: allCores(), failures: 3, budget: defaultBudget}
	cmd := &cobra.Command{
		Use:   "hunt [SCENARIO]",
		Short: "Look for failures: many seeds, all faults",
		Long: `Run a scenario (kv unless named) over many seeds and look for failures. For each kind of
failure the first seed is written to a file that saros replay reads.

The summary says what happened, too: which faults struck, how many operations ended, which
interesting situations were reached and which never. A hunt that reaches little proves little.`,
		Example: `  saros hunt                          # kv, for ten seconds, on all cores
  saros hunt kv5 --for 10m --out failures
  saros hunt kv --seeds 2000          # the same output every time
  saros hunt kv --mutant raft-vote-twice
  saros hunt kv --set clients=20 --set fault_ms=10000`,
		Args:              arguments(0, 1, ""),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			scenario := "kv"
			if len(args) > 0 {
				scenario = args[0]
			}
			if cmd.Flags().Changed("seeds") {
				if cmd.Flags().Changed("for") {
					return errors.New("--seeds and --for exclude each other")
				}
				f.budget = 0
			}
			if f.hashes && !cmd.Flags().Changed("stop-after") {
				f.failures = 0
			}
			r, err := t.resolve(scenario)
			if err != nil {
				return err
			}
			return a.hunt(r, hunt.Config{Scenario: r.Scenario, Mutant: t.mutant, Params: t.params}, &f)
		},
	}
	t.flags(cmd)
	flags := cmd.Flags()
	flags.Var(whole{&f.seeds, 1, maxSeeds}, "seeds", "how many seeds, instead of a time")
	flags.Var(span{&f.budget}, "for", "for how long")
	flags.Var(seedFlag{&f.base}, "seed", "the first seed, in hex (0x1f) or decimal")
	flags.Var(whole{&f.workers, 1, maxWorkers}, "workers", "how many seeds at a time")
	flags.StringVar(&f.out, "out", ".", "the directory `DIR` for failure files; it is made if it is not there")
	flags.Var(whole{&f.failures, 0, 1_000_000}, "stop-after", "stop after so many kinds of failures; 0: never")
	flags.BoolVar(&f.hashes, "hashes", false, "print the trace hash of every seed and nothing else; writes no files")
	flags.BoolVar(&f.stats, "stats", false, "add wall time and rates")
	flags.BoolVar(&f.progress, "progress", false, "show progress on stderr even if it is no terminal")
	return cmd
}

// found is a kind of failure, written down.
type found struct {
	hunt.Failure
	file string // "" if it could not be written
}

// hunter is one hunt.
type hunter struct {
	*app
	flags   *huntFlags
	runner  *scenarios.Runner // for what has to be run again
	summary *hunt.Summary
	found   []found
	fault   error
	start   time.Time
	status  statusLine
}

func (a *app) hunt(r *scenarios.Runner, c hunt.Config, f *huntFlags) error {
	if f.hashes && a.json {
		return errors.New("--hashes is one line of text a seed; it has no --json")
	}
	if f.out == "" {
		return errors.New("--out: the directory has no name")
	}
	last := f.seeds
	if last > 0 && uint64(f.base) > math.MaxUint64-(last-1) {
		return badf("--seed %v and %d more: seeds have 64 bits", f.base, last-1)
	}
	if !f.hashes {
		if err := os.MkdirAll(f.out, 0o777); err != nil {
			return badf("--out: %w", err)
		}
		probe, err := os.CreateTemp(f.out, ".saros-*") // now, not at the first failure
		if err != nil {
			return badf("--out: %w", err)
		}
		probe.Close()
		os.Remove(probe.Name())
	}
	saveMemory()
	h := &hunter{app: a, flags: f, runner: r, summary: hunt.NewSummary(r.Scenario, r.Kinds()), start: time.Now()}
	h.status = newStatusLine(a.err, f.progress)
	ctx, release := interruptible()
	defer release()
	s := search{config: c, base: uint64(f.base), seeds: f.seeds, budget: f.budget, workers: int(f.workers), tick: h.tick}
	err := s.each(ctx, h.see)
	h.status.clear()
	switch {
	case err != nil:
		return err
	case h.fault != nil:
		return a.differs(r, scenarios.Options{Seed: h.summary.Last}, h.fault)
	}
	interrupted := ctx.Err() != nil
	if !f.hashes {
		h.report(interrupted)
	}
	if interrupted {
		return status(exitInterrupted)
	}
	return status(codeOf(h.summary.Verdict()))
}

// interruptible is a context that ^C and SIGTERM end; a second one ends the program.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, release)
	return ctx, release
}

// see looks at the outcome of the next seed; false ends the hunt.
func (h *hunter) see(o *hunt.Outcome) bool {
	failure := h.summary.Add(o)
	if o.Fault != nil {
		h.fault = o.Fault
		return false
	}
	if h.flags.hashes {
		_, err := fmt.Fprintf(h.out, "%s %v\n", name(h.summary.Scenario, o.Seed), o.Hash)
		return err == nil // or nobody listens
	} else if failure != nil {
		if h.fault = h.write(*failure); h.fault != nil {
			return false
		}
	}
	return failure == nil || h.flags.failures == 0 || uint64(len(h.summary.Failures)) < h.flags.failures
}

// write writes the failure file and tells of it.
func (h *hunter) write(f hunt.Failure) error {
	h.doing = name(h.summary.Scenario, f.Seed)
	failure, err := scenarios.Capture(h.runner, scenarios.Options{Seed: f.Seed}, f.Hash, version())
	if err != nil {
		return err
	}
	h.doing = ""
	file, err := writeFailure(h.flags.out, &failure)
	if err != nil {
		h.status.clear()
		fmt.Fprintf(h.err, "saros: the failure cannot be written: %s\n", line(err.Error()))
	}
	h.found = append(h.found, found{f, file})
	if h.json {
		return nil
	}
	h.status.clear()
	h.print("%s at %s, after event %s, %v\n  %s\n", safe(f.Fingerprint), name(h.summary.Scenario, f.Seed), count(f.Violation.Event),
		f.Violation.At, short(f.Violation.Detail, 200))
	if file != "" {
		h.print("  saros replay %s\n", safe(quoteArg(file)))
	}
	h.print("  %s\n\n", replayLine(h.runner, f.Seed))
	h.out.Flush()
	return nil
}

// writeFailure writes a failure file. Its name is made of names that the program knows
// and of the seed; another file of that name stays as it is.
func writeFailure(dir string, f *scenarios.Failure) (file string, err error) {
	base := "saros-" + f.Scenario
	if f.Mutant != "" {
		base += "-" + f.Mutant
	}
	base += "-" + f.Seed.String()
	data := f.Encode()
	for i := 1; i <= 1000; i++ {
		file = filepath.Join(dir, base)
		if i > 1 {
			file += fmt.Sprintf("-%d", i)
		}
		file += ".json"
		out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, os.ErrExist) {
			if have, err := readFile(file, scenarios.MaxFailureBytes); err == nil && string(have) == string(data) {
				return file, nil
			}
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = out.Write(data)
		if closed := out.Close(); err == nil {
			err = closed
		}
		if err != nil {
			os.Remove(file)
			return "", err
		}
		return file, nil
	}
	return "", fmt.Errorf("%s.json and 999 more are there already", filepath.Join(dir, base))
}

func (h *hunter) tick() {
	s := h.summary
	wall := time.Since(h.start)
	left := ""
	if h.flags.seeds > 0 {
		left = fmt.Sprintf("%s seeds left", count(h.flags.seeds-uint64(s.Seeds)))
	} else {
		left = fmt.Sprintf("%v left", max(h.flags.budget-wall, 0).Round(time.Second))
	}
	h.status.show(fmt.Sprintf("%s: %s, %s/s, %s, %s", s.Scenario.Name, several(s.Seeds, "seed", "seeds"),
		count(ratesOf(wall, 0, 0, s.Seeds).SeedsPerSecond), several(len(s.Failures), "failure", "failures"), left))
}

// huntResult is the JSON result of a hunt.
type huntResult struct {
	Schema      string                 `json:"schema"`
	Scenario    string                 `json:"scenario"`
	Mutant      string                 `json:"mutant"`
	Params      scenarios.Params       `json:"params"`
	Verdict     string                 `json:"verdict"`
	FirstSeed   scenarios.Seed         `json:"first_seed"`
	SeedsRun    int                    `json:"seeds_run"`
	Valid       int                    `json:"valid"`
	Invalid     int                    `json:"invalid"`
	Unknown     map[string]int         `json:"unknown"`
	Failures    []failureResult        `json:"failures"`
	Events      uint64                 `json:"events"`
	Messages    uint64                 `json:"messages"`
	Simulated   int64                  `json:"simulated_ns"`
	Operations  operationsResult       `json:"operations"`
	Faults      map[string]firedResult `json:"faults"`
	Situations  map[string]uint64      `json:"situations"`
	Never       neverResult            `json:"never"`
	RunTwice    int                    `json:"run_twice"`
	Interrupted bool                   `json:"interrupted"`
	*rates
}

type failureResult struct {
	Seed        scenarios.Seed `json:"seed"`
	Check       string         `json:"check"`
	Fingerprint string         `json:"fingerprint"`
	Detail      string         `json:"detail"`
	Runs        int            `json:"runs"`
	File        string         `json:"file"`
	Replay      string         `json:"replay"`
	ReplaySeed  string         `json:"replay_seed"`
}

type firedResult struct {
	Runs  int `json:"runs"`
	Times int `json:"times"`
}

type neverResult struct {
	Situations []string      `json:"situations"`
	Faults     []faults.Kind `json:"faults"`
}

func (h *hunter) report(interrupted bool) {
	s := h.summary
	var r *rates
	if h.flags.stats {
		r = ratesOf(time.Since(h.start), s.Events, s.Simulated, s.Seeds)
	}
	if h.json {
		h.emit(h.result(interrupted, r))
		return
	}
	if s.Seeds == 0 {
		h.print("%s\n", h.verdict(interrupted))
		return
	}
	h.print("%s", name(s.Scenario, uint64(h.flags.base)))
	if s.Seeds > 1 {
		h.print(" to %v", scenarios.Seed(s.Last))
	}
	if h.runner.Mutant != nil {
		h.print(" (%s)", h.runner.Mutant.Name)
	}
	h.print(": %s\n", several(s.Seeds, "seed", "seeds"))
	h.print("  runs        %s valid, %s violated, %s unknown", count(s.Valid), count(s.Invalid), count(s.UnknownRuns()))
	for _, u := range s.Unknown {
		h.print("; %s %s", count(u.Runs), u.Name)
	}
	h.print("\n  simulated   %s, %s events, %s messages\n", duration(s.Simulated), count(s.Events), count(s.Messages))
	h.print("  operations  %s\n", operationsText(s.Operations))
	h.printModel(h.runner)
	h.print("  run twice   %s, all the same\n", several(s.Doubted, "seed", "seeds"))
	if r != nil {
		r.print(h.app)
	}
	h.print("\n%12s %9s  faults that struck\n", "runs", "times")
	for _, f := range s.Fired {
		if f.Runs > 0 {
			h.print("%12s %9s  %s\n", count(f.Runs), count(f.Times), f.Kind)
		}
	}
	h.print("\n%12s  situations reached\n", "runs")
	for i, n := range s.Reached {
		if n > 0 {
			h.print("%12s  %s\n", count(n), s.Scenario.Situations[i].Name)
		}
	}
	situations, kinds := s.Never()
	if len(situations)+len(kinds) > 0 {
		h.print("\nnever reached:\n")
	}
	for _, n := range situations {
		h.print("  %s\n", n)
	}
	for _, k := range kinds {
		h.print("  a fault of kind %s\n", k)
	}
	if len(s.Failures) > 0 {
		h.print("\n%12s  failures\n", "runs")
	}
	for _, f := range s.Failures {
		h.print("%12s  %s, first at %s\n", count(f.Runs), safe(f.Fingerprint), name(s.Scenario, f.Seed))
	}
	h.print("\n%s\n", h.verdict(interrupted))
}

func (h *hunter) verdict(interrupted bool) string {
	s := h.summary
	var b strings.Builder
	switch v := s.Verdict(); {
	case v == checker.Valid:
		fmt.Fprintf(&b, "valid: every check held in %s", several(s.Seeds, "run", "runs"))
	case v == checker.Invalid:
		fmt.Fprintf(&b, "VIOLATED: %s in %d of %s", several(len(s.Failures), "kind of failure", "kinds of failures"), s.Invalid, several(s.Seeds, "run", "runs"))
	case s.Seeds == 0:
		b.WriteString("unknown: no seed was run to its end")
	default:
		fmt.Fprintf(&b, "unknown: nothing can be said of %s of %s", count(s.UnknownRuns()), several(s.Seeds, "run", "runs"))
	}
	if interrupted {
		b.WriteString("; interrupted")
	}
	return b.String()
}

func (h *hunter) result(interrupted bool, r *rates) *huntResult {
	s := h.summary
	out := &huntResult{
		Schema: "saros/hunt/v1", Scenario: s.Scenario.Name, Mutant: mutantName(h.runner), Params: h.runner.Params,
		Verdict: s.Verdict().String(), FirstSeed: h.flags.base, SeedsRun: s.Seeds, Valid: s.Valid, Invalid: s.Invalid,
		Unknown: map[string]int{}, Failures: []failureResult{}, Events: s.Events, Messages: s.Messages, Simulated: int64(s.Simulated),
		Operations: operationsResult(s.Operations), Faults: map[string]firedResult{}, Situations: map[string]uint64{},
		Never: neverResult{[]string{}, []faults.Kind{}}, RunTwice: s.Doubted, Interrupted: interrupted, rates: r,
	}
	for _, u := range s.Unknown {
		out.Unknown[u.Name] = u.Runs
	}
	for i, f := range h.found {
		runs := s.Failures[i].Runs // the latest count
		line := replayLine(h.runner, f.Seed)
		out.Failures = append(out.Failures, failureResult{scenarios.Seed(f.Seed), f.Violation.Check, f.Fingerprint, f.Violation.Detail,
			runs, f.file, line, line})
		if f.file != "" {
			out.Failures[i].Replay = "saros replay " + quoteArg(f.file)
		}
	}
	for _, f := range s.Fired {
		if f.Runs > 0 {
			out.Faults[string(f.Kind)] = firedResult{f.Runs, f.Times}
		}
	}
	for i, n := range s.Reached {
		if n > 0 {
			out.Situations[s.Scenario.Situations[i].Name] = n
		}
	}
	situations, kinds := s.Never()
	out.Never.Situations = append(out.Never.Situations, situations...)
	out.Never.Faults = append(out.Never.Faults, kinds...)
	return out
}
