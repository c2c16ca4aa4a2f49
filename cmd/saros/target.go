package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saros-sim/saros/scenarios"
)

// target is what is to be run: a scenario, with parameters, perhaps with a mutant.
type target struct {
	mutant string
	set    []string

	model, failures string
	unbounded       bool

	scenario *scenarios.Scenario
	params   scenarios.Params // as they were set
}

// flags adds the flags of a target.
func (t *target) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.mutant, "mutant", "", "the mutant `NAME`: the correct system with one guard taken out (saros list mutants)")
	cmd.Flags().StringArrayVar(&t.set, "set", nil, "set a parameter of the scenario, `KEY=VALUE` (saros list scenarios); may be repeated")
	cmd.Flags().StringVar(&t.model, "model", "", "the timing `MODEL`: sync, partial (the default) or async; without bounds safety only is asked for")
	cmd.Flags().StringVar(&t.failures, "failures", "", "how nodes fail, `MODEL`: stop, recovery (the default) or byzantine")
	cmd.Flags().BoolVar(&t.unbounded, "unbounded", false, "hit more servers than a correct system must survive; safety only is asked for")
	cmd.RegisterFlagCompletionFunc("set", completeSet)
	cmd.RegisterFlagCompletionFunc("model", words(timingModels[:]))
	cmd.RegisterFlagCompletionFunc("failures", words(failureModels[:]))
	cmd.RegisterFlagCompletionFunc("mutant", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return mutantNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

// given tells whether a flag of the target was used.
func (t *target) given() bool {
	return t.mutant != "" || len(t.set) > 0 || t.model != "" || t.failures != "" || t.unbounded
}

// The system models by name; positions are the values of the parameters.
var (
	timingModels  = [...]string{"partial", "sync", "async"}
	failureModels = [...]string{"recovery", "stop", "byzantine"}
)

// setModel sets the parameter that a flag of the system model stands for.
func (t *target) setModel(flag, param, value string, names []string) error {
	i := indexOf(names, value)
	if value == "" {
		return nil
	}
	if i < 0 {
		return badf("--%s %s: it must be one of %s", flag, quoted(value), strings.Join(names, ", "))
	}
	if _, twice := t.params[param]; twice {
		return badf("--%s and --set %s are one and the same", flag, param)
	}
	t.params[param] = int64(i)
	return nil
}

// completeSet completes --set with the parameters of the scenario that is named.
func completeSet(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	scenario := "kv"
	if len(args) > 0 {
		scenario, _, _ = strings.Cut(args[0], "@")
	}
	if s, err := scenarios.Find(scenario); err == nil {
		for _, p := range s.Params {
			names = append(names, p.Name+"=")
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// words completes a flag with words.
func words(list []string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}

// resolve makes a Runner of a scenario and the flags.
func (t *target) resolve(scenario string) (*scenarios.Runner, error) {
	s, err := scenarios.Find(scenario)
	if err != nil {
		return nil, bad(err)
	}
	t.scenario, t.params = s, scenarios.Params{}
	for _, kv := range t.set {
		name, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, badf("--set %s: it must be KEY=VALUE", quoted(kv))
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, badf("--set %s: %s is no integer", quoted(kv), quoted(value))
		}
		if _, twice := t.params[name]; twice {
			return nil, badf("--set %s: %s is set twice", quoted(kv), quoted(name))
		}
		t.params[name] = n
	}
	err = t.setModel("model", "timing", t.model, timingModels[:])
	if err == nil {
		err = t.setModel("failures", "failures", t.failures, failureModels[:])
	}
	if err == nil && t.unbounded {
		err = t.setModel("unbounded", "unbounded", "on", []string{"off", "on"})
	}
	if err != nil {
		return nil, err
	}
	r, err := scenarios.NewRunner(s, t.mutant, t.params)
	if err != nil {
		return nil, bad(err)
	}
	return r, nil
}

// quoted is a word from outside, for an error.
func quoted(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	return strconv.QuoteToASCII(s)
}

// splitSeed reads SCENARIO@SEED.
func splitSeed(arg string) (scenario string, seed scenarios.Seed, seeded bool, err error) {
	scenario, text, seeded := strings.Cut(arg, "@")
	if !seeded {
		return arg, 0, false, nil
	}
	seed, err = scenarios.ParseSeed(text)
	if err != nil {
		return "", 0, true, bad(err)
	}
	return scenario, seed, true, nil
}

// name is how a run is spoken of: kv@0x1f.
func name(s *scenarios.Scenario, seed uint64) string {
	return s.Name + "@" + scenarios.Seed(seed).String()
}

// replayLine is the line that runs a seed again.
func replayLine(r *scenarios.Runner, seed uint64) string {
	var b strings.Builder
	b.WriteString("saros replay " + name(r.Scenario, seed))
	if r.Mutant != nil {
		b.WriteString(" --mutant " + r.Mutant.Name)
	}
	for _, p := range r.Scenario.Params {
		if v := r.Params[p.Name]; v != p.Default {
			fmt.Fprintf(&b, " --set %s=%d", p.Name, v)
		}
	}
	return b.String()
}

func mutantName(r *scenarios.Runner) string {
	if r.Mutant == nil {
		return ""
	}
	return r.Mutant.Name
}

func scenarioNames() []string {
	var names []string
	for _, s := range scenarios.All() {
		names = append(names, s.Name)
	}
	return names
}

func mutantNames() []string {
	var names []string
	for _, m := range scenarios.Mutants() {
		names = append(names, m.Name)
	}
	return names
}

// completeScenario completes the first argument.
func completeScenario(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return scenarioNames(), cobra.ShellCompDirectiveNoFileComp
}

// completeFile completes the first argument with scenarios and files.
func completeFile(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return scenarioNames(), cobra.ShellCompDirectiveDefault
}

// arguments wants between least and most of them.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("%s is missing", what)
		case len(args) > most:
			return fmt.Errorf("%s is one argument too many", quoted(args[most]))
		}
		return nil
	}
}

// whole is a flag that is a number within limits.
type whole struct {
	n           *uint64
	least, most uint64
}

func (w whole) String() string {
	if w.n == nil {
		return "0"
	}
	return strconv.FormatUint(*w.n, 10)
}
func (w whole) Type() string { return "N" }

func (w whole) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n < w.least || n > w.most {
		return fmt.Errorf("it must be a number from %d to %d", w.least, w.most)
	}
	*w.n = n
	return nil
}

// seedFlag is a flag that is a seed.
type seedFlag struct{ seed *scenarios.Seed }

func (f seedFlag) String() string {
	if f.seed == nil {
		return "0"
	}
	return f.seed.String()
}
func (f seedFlag) Type() string { return "SEED" }

func (f seedFlag) Set(s string) (err error) {
	*f.seed, err = scenarios.ParseSeed(s)
	return err
}

// span is a flag that is a wall time.
type span struct{ d *time.Duration }

const longest = 1000 * time.Hour

func (f span) String() string {
	if f.d == nil {
		return "0s"
	}
	return f.d.String()
}
func (f span) Type() string { return "DURATION" }

func (f span) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > longest {
		return fmt.Errorf("it must be a duration up to %v, such as 30s or 10m", longest)
	}
	*f.d = d
	return nil
}

func indexOf(names []string, name string) int { return slices.Index(names, name) }
