package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/sim"
)

// Scenario is a system under test, its clients, its nemesis and its checks.
type Scenario struct {
	Name       string
	Doc        string
	Params     []Param
	Checks     []Check
	Situations []Situation // in which a hunt is expected to put the system
	Vocabulary sim.Vocabulary

	system func() system
}

// Param is a parameter of a scenario: an integer within limits.
type Param struct {
	Name              string
	Doc               string
	Default, Min, Max int64
}

// modelParams are the parameters of every scenario that choose its system model
// (faults.Model).
func modelParams() []Param {
	return []Param{
		{"timing", "0: partially synchronous, 1: synchronous, 2: asynchronous (--model)", 0, 0, 2},
		{"failures", "0: crash-recovery, 1: crash-stop, 2: Byzantine (--failures)", 0, 0, 2},
		{"unbounded", "1: more servers may be bad than a correct system must survive (--unbounded)", 0, 0, 1},
	}
}

// Model is the system model that the parameters choose.
func (p Params) Model() faults.Model {
	return faults.Model{Timing: faults.Timing(p["timing"]), Failures: faults.Failures(p["failures"]), Unbounded: p["unbounded"] == 1}
}

// Check is a property that a scenario judges.
type Check struct {
	Name string
	Doc  string
}

// Situation is an interesting state of affairs, named by a Sometimes call. One that
// no run of a whole hunt reached means that the hunt tests less than it seems to.
type Situation struct {
	Name string
	Doc  string
}

// All lists the scenarios.
func All() []*Scenario { return []*Scenario{kv3(), kv5(), kvracks()} }

// Find finds a scenario by name.
func Find(name string) (*Scenario, error) {
	var names []string
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf(`there is no scenario "%s"; there are: %s`, printable(name), strings.Join(names, ", "))
}

// printable keeps hostile names out of terminals.
func printable(s string) string {
	if len(s) > 60 {
		s = s[:60] + "..."
	}
	q := fmt.Sprintf("%+q", s)
	return q[1 : len(q)-1]
}

// Params are the values of a scenario's parameters.
type Params map[string]int64

// Resolve checks set against the scenario's parameters and fills in the defaults.
func (s *Scenario) Resolve(set Params) (Params, error) {
	p := make(Params, len(s.Params))
	for _, d := range s.Params {
		p[d.Name] = d.Default
	}
	for _, name := range sortedKeys(set) {
		i := slices.IndexFunc(s.Params, func(d Param) bool { return d.Name == name })
		if i < 0 {
			var names []string
			for _, d := range s.Params {
				names = append(names, d.Name)
			}
			return nil, fmt.Errorf(`scenario %s has no parameter "%s"; it has: %s`, s.Name, printable(name), strings.Join(names, ", "))
		}
		if d, v := s.Params[i], set[name]; v < d.Min || v > d.Max {
			return nil, fmt.Errorf("parameter %s is %d; it must be from %d to %d", d.Name, v, d.Min, d.Max)
		}
		p[name] = set[name]
	}
	return p, nil
}

// Violation is a property that did not hold.
type Violation struct {
	Check  string
	Class  string // stable words; no numbers
	Detail string
	At     sim.Time
	Event  uint64
}

// Fingerprint tells kinds of failures apart: two failures with one fingerprint are
// taken for one bug.
func (v Violation) Fingerprint() string { return v.Check + "/" + strings.ReplaceAll(v.Class, " ", "_") }

// Counts are the outcomes of the clients' operations.
type Counts struct{ OK, Fail, Info int }

// Result is what a run came to. Its slices and History are the Runner's, valid until
// its next run.
type Result struct {
	Seed       uint64
	Verdict    checker.Verdict
	Reason     string // of Unknown
	Violations []Violation
	TraceHash  sim.Digest
	Events     uint64
	Messages   uint64
	Simulated  sim.Time
	Plan       faults.Plan
	Fired      []faults.Count
	Operations Counts
	Reached    []uint64 // by position in Scenario.Situations
	History    *checker.History
	PanicStack []byte // where a machine panicked; for a person, no part of the run
}

// Options of one run.
type Options struct {
	Seed    uint64
	Plan    *faults.Plan // nil: the nemesis draws one
	Trace   func(sim.TraceLine)
	Decider sim.Decider // nil: the default, keyed by the seed
}

// system is what a scenario builds in a World. It is reused from run to run.
type system interface {
	// options of the World.
	options(seed uint64) sim.Options
	// build adds nodes and clients.
	build(w *sim.World)
	// profile and topology are for the nemesis.
	profile() faults.Profile
	topology() faults.Topology
	// after looks at a node after an event (sim.World.After).
	after(n sim.NodeID)
	// done is true when nothing more is to be waited for; deadline is when a system
	// that is not done has failed to make progress, given the time of the heal.
	done() bool
	deadline(heal sim.Time) sim.Time
	// budget is how many events a run to the deadline can need, with a wide margin.
	budget() uint64
	// stuck says what a system that is not done waits for.
	stuck() string
	// judge judges what clients saw; it appends to the violations and may find that
	// nothing can be said.
	judge(r *Result)
}

// Runner runs one scenario, with one set of parameters and one mutant or none, again
// and again. It reuses its memory from run to run; use one a goroutine.
type Runner struct {
	Scenario *Scenario
	Mutant   *Mutant // nil: the correct system
	Params   Params
	// Stop, if set, is asked now and then during a run. Once it is true the run ends, and
	// its verdict is Unknown, with ReasonStopped.
	Stop func() bool

	world   *sim.World
	system  system
	reached []uint64
	viol    []Violation
}

// ReasonStopped is why nothing can be said of a run that Runner.Stop ended.
const ReasonStopped = "interrupted"

// ReasonDisagree is a bug of the checkers: the one that looked on and the one that looked back say
// different things of one history.
const ReasonDisagree = "checkers disagree"

// MaxRunEvents bounds one run, and so its memory, whatever its parameters.
const MaxRunEvents = 1 << 22

const stopEvery = 4096 // events between two questions to Runner.Stop

// NewRunner makes a Runner. mutant "" is the correct system.
func NewRunner(s *Scenario, mutant string, set Params) (*Runner, error) {
	p, err := s.Resolve(set)
	if err != nil {
		return nil, err
	}
	r := &Runner{Scenario: s, Params: p, world: sim.New(sim.Options{}), system: s.system()}
	if mutant != "" {
		if r.Mutant, err = FindMutant(mutant); err != nil {
			return nil, err
		}
	}
	r.reached = make([]uint64, len(s.Situations))
	r.system.(interface{ configure(Params, *Mutant) }).configure(p, r.Mutant)
	return r, nil
}

// Kinds lists the kinds of faults that a seed may have.
func (r *Runner) Kinds() []faults.Kind { return r.system.profile().Drawn() }

// CheckPlan tells whether a plan can be carried out in this scenario.
func (r *Runner) CheckPlan(p faults.Plan) error {
	r.world.Reset(r.system.options(0))
	r.system.build(r.world)
	return p.Validate(r.system.topology())
}

// Run runs the scenario once. A Plan in o must have passed CheckPlan.
func (r *Runner) Run(o Options) Result {
	w, s := r.world, r.system
	so := s.options(o.Seed)
	so.Decider = o.Decider
	w.Reset(so)
	s.build(w)
	w.Trace, w.After = o.Trace, s.after
	t := s.topology()
	var plan faults.Plan
	if o.Plan != nil {
		plan = *o.Plan
	} else {
		plan = faults.Draw(w.Decider(), s.profile(), len(t.Servers))
	}
	injector := faults.Apply(w, plan, t)
	w.OnHalt = func(n sim.NodeID, err error) {
		if errors.Is(err, sim.ErrIO) || errors.Is(err, sim.ErrNoSpace) {
			injector.Revive(n)
			return // its disk failed: to stop is what it must do
		}
		if len(w.DamageOf(n)) > 0 || w.Lied(n) {
			return // what it had to keep is bad, and it says so
		}
		w.Violate("recovery", "halted", fmt.Sprintf("node %s stopped itself: %v", w.Names()[n], err))
	}
	deadline := s.deadline(sim.Time(plan.Heal))
	w.Budget = min(s.budget(), MaxRunEvents)
	done, stopped, n := s.done, false, 0
	if r.Stop != nil {
		done = func() bool {
			if n++; n%stopEvery == 0 {
				stopped = r.Stop()
			}
			return stopped || s.done()
		}
	}
	w.Run(deadline, done)

	res := Result{Seed: o.Seed, Plan: plan, Simulated: w.Now(), Events: w.Events(), Messages: w.Messages(), TraceHash: w.Digest(),
		Fired: injector.Fired(), PanicStack: w.PanicStack}
	r.viol = r.viol[:0]
	for _, v := range w.Violations() {
		r.viol = append(r.viol, Violation(v))
	}
	spent := len(r.viol) == 0 && !s.done() && w.Exhausted()
	switch {
	case stopped:
	case spent && w.Budget < MaxRunEvents:
		r.viol = append(r.viol, Violation{"bounded", "event budget",
			fmt.Sprintf("%d events, %d of them messages, and no end; any healthy run needs a small part of that", w.Events(), w.Messages()), w.Now(), w.Events()})
	case len(r.viol) == 0 && !s.done() && !spent && r.Params.Model().Asks():
		r.viol = append(r.viol, Violation{"liveness", "no progress", s.stuck(), w.Now(), w.Events()})
	}
	res.Violations = r.viol
	s.judge(&res)
	r.viol = res.Violations
	clear(r.reached)
	for i, sit := range r.Scenario.Situations {
		r.reached[i] = w.Reached()[sit.Name]
	}
	res.Reached = r.reached
	switch {
	case stopped:
		r.viol, res.Violations = r.viol[:0], nil
		res.Verdict, res.Reason = checker.Unknown, ReasonStopped
	case len(res.Violations) > 0:
		res.Verdict, res.Reason = checker.Invalid, ""
	case spent: // the run is longer than any may be
		res.Verdict, res.Reason = checker.Unknown, "budget"
	case res.Verdict == checker.Valid && len(plan.Faults) > 0 && len(res.Fired) == 0:
		res.Verdict, res.Reason = checker.Unknown, "vacuous"
	}
	w.Stop()
	return res
}

func sortedKeys(m Params) []string {
	names := make([]string, 0, len(m))
	for name := range m { //saros:unordered sorted below
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
