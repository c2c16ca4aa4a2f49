package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/scenarios/hunt"
)

type mutantFlags struct {
	seeds, control, workers uint64
	base                    scenarios.Seed
	progress                bool
}

func (a *app) mutantsCommand() *cobra.Command {
	var t target
	f := mutantFlags{seeds: 2000, workers: allCores(), base: 1}
	cmd := &cobra.Command{
		Use:   "mutants [SCENARIO]",
		Short: "Convict every mutant: do the checks see what they should?",
		Long: `Hunt in every mutant, the correct system with one guard taken out, until a check that is
expected to see it does. The correct system goes first, on the same seeds: it must pass.
Exit code 1: a mutant was missed, or the correct system was convicted.`,
		Example: `  saros mutants
  saros mutants kv --mutant raft-vote-twice --seeds 500 --control 100`,
		Args:              arguments(0, 1, ""),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			scenario := "kv"
			if len(args) > 0 {
				scenario = args[0]
			}
			if !cmd.Flags().Changed("control") {
				f.control = f.seeds
			}
			r, err := t.resolve(scenario)
			if err != nil {
				return err
			}
			return a.mutants(r.Scenario, &t, &f)
		},
	}
	t.flags(cmd)
	cmd.Flags().Lookup("mutant").Usage = "only the mutant `NAME`"
	cmd.Flags().Var(whole{&f.seeds, 1, maxSeeds}, "seeds", "at most so many seeds for each mutant")
	cmd.Flags().Var(whole{&f.control, 0, maxSeeds}, "control", "so many seeds of the correct system (default: as --seeds)")
	cmd.Flags().Var(seedFlag{&f.base}, "seed", "the first seed, in hex (0x1f) or decimal")
	cmd.Flags().Var(whole{&f.workers, 1, maxWorkers}, "workers", "how many seeds at a time")
	cmd.Flags().BoolVar(&f.progress, "progress", false, "show progress on stderr even if it is no terminal")
	return cmd
}

// mutantResult is the JSON result of one mutant; the correct system is the mutant "".
type mutantResult struct {
	Schema      string          `json:"schema"`
	Scenario    string          `json:"scenario"`
	Mutant      string          `json:"mutant"`
	Row         string          `json:"row"`
	Verdict     string          `json:"verdict"` // "convicted", "missed"; of the correct system that of the hunt, or "interrupted"
	SeedsRun    int             `json:"seeds_run"`
	Seed        *scenarios.Seed `json:"seed"` // that convicted it
	Check       string          `json:"check"`
	Fingerprint string          `json:"fingerprint"`
	SeenBy      []string        `json:"seen_by"`
	Others      map[string]int  `json:"others"` // runs until then that only other checks convicted, by fingerprint
	Replay      string          `json:"replay"`
}

func (a *app) mutants(s *scenarios.Scenario, t *target, f *mutantFlags) error {
	saveMemory()
	ctx, release := interruptible()
	defer release()
	progress := newStatusLine(a.err, f.progress)
	defer progress.clear()
	code := exitHeld
	if f.control > 0 {
		convicted, err := a.control(ctx, s, t, f, &progress)
		if err != nil {
			return err
		}
		code = max(code, convicted)
	}
	names := mutantNames()
	width := 0
	for _, n := range names {
		width = max(width, len(n))
	}
	if !a.json {
		a.print("%-*s  %-5s %8s  convicted by\n", width, "mutant", "row", "seeds")
	}
	convicted, tried := 0, 0
	for _, m := range scenarios.Mutants() {
		if t.mutant != "" && m.Name != t.mutant {
			continue
		}
		r, err := a.convict(ctx, s, &m, t, f, &progress)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		tried++
		if r.Seed != nil {
			convicted++
		} else {
			code = exitViolated
		}
		progress.clear()
		if a.json {
			a.emit(r)
		} else {
			a.print("%-*s  %-5s %8s  %s\n", width, m.Name, m.Row, count(r.SeedsRun), r.text())
		}
		a.out.Flush()
	}
	if !a.json {
		interrupted := ""
		if ctx.Err() != nil {
			interrupted = "; interrupted"
		}
		a.print("\n%s, %d convicted, %d missed%s\n", several(tried, "mutant", "mutants"), convicted, tried-convicted, interrupted)
	}
	if ctx.Err() != nil {
		return status(exitInterrupted)
	}
	return status(code)
}

func (r *mutantResult) text() string {
	others := ""
	for _, fingerprint := range slices.Sorted(maps.Keys(r.Others)) {
		others += fmt.Sprintf("; %s in %s", safe(fingerprint), several(r.Others[fingerprint], "run", "runs"))
	}
	if r.Seed == nil {
		return "MISSED" + others
	}
	return fmt.Sprintf("%s at %v%s", safe(r.Fingerprint), *r.Seed, others)
}

// control runs the correct system.
func (a *app) control(ctx context.Context, s *scenarios.Scenario, t *target, f *mutantFlags, progress *statusLine) (int, error) {
	sum := hunt.NewSummary(s, nil)
	var fault error
	search := search{config: hunt.Config{Scenario: s, Params: t.params}, base: uint64(f.base), seeds: f.control, workers: int(f.workers), tick: func() {
		progress.show(fmt.Sprintf("the correct system: %s of %s seeds", count(sum.Seeds), count(f.control)))
	}}
	if err := search.each(ctx, func(o *hunt.Outcome) bool {
		sum.Add(o)
		fault = o.Fault
		return fault == nil
	}); err != nil || fault != nil {
		return exitFault, cmp.Or(err, fault)
	}
	progress.clear()
	r := mutantResult{Schema: "saros/mutants/v1", Scenario: s.Name, Verdict: sum.Verdict().String(), SeedsRun: sum.Seeds, SeenBy: []string{}, Others: map[string]int{}}
	if ctx.Err() != nil {
		r.Verdict = "interrupted"
	}
	for _, f := range sum.Failures {
		r.Others[f.Fingerprint] = f.Runs
	}
	if a.json {
		a.emit(r)
	} else {
		a.print("the correct system: %s, %s violated, %s unknown%s\n\n", several(sum.Seeds, "seed", "seeds"), count(sum.Invalid), count(sum.UnknownRuns()),
			r.text()[len("MISSED"):])
	}
	a.out.Flush()
	return codeOf(sum.Verdict()), nil
}

// convict hunts in a mutant until one of its checks sees it.
func (a *app) convict(ctx context.Context, s *scenarios.Scenario, m *scenarios.Mutant, t *target, f *mutantFlags, progress *statusLine) (*mutantResult, error) {
	r := &mutantResult{Schema: "saros/mutants/v1", Scenario: s.Name, Mutant: m.Name, Row: m.Row, Verdict: "missed", SeenBy: m.SeenBy, Others: map[string]int{}}
	var fault error
	search := search{config: hunt.Config{Scenario: s, Mutant: m.Name, Params: t.params}, base: uint64(f.base), seeds: f.seeds, workers: int(f.workers), tick: func() {
		progress.show(fmt.Sprintf("%s: %s of %s seeds", m.Name, count(r.SeedsRun), count(f.seeds)))
	}}
	err := search.each(ctx, func(o *hunt.Outcome) bool {
		r.SeedsRun++
		if fault = o.Fault; fault != nil {
			return false
		}
		if o.Verdict != checker.Invalid {
			return true
		}
		i := slices.IndexFunc(o.Violations, func(v scenarios.Violation) bool { return slices.Contains(m.SeenBy, v.Check) })
		if i < 0 {
			r.Others[o.Violations[0].Fingerprint()]++
			return true
		}
		seed := scenarios.Seed(o.Seed)
		r.Verdict, r.Seed, r.Check, r.Fingerprint = "convicted", &seed, o.Violations[i].Check, o.Violations[i].Fingerprint()
		return false
	})
	if err := cmp.Or(err, fault); err != nil {
		return nil, err
	}
	if r.Seed != nil {
		runner, err := scenarios.NewRunner(s, m.Name, t.params)
		if err != nil {
			return nil, bad(err)
		}
		r.Replay = replayLine(runner, uint64(*r.Seed))
	}
	return r, nil
}
