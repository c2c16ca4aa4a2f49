// Package hunt searches: it runs a scenario over many seeds and adds up what they
// came to.
//
// A Worker runs seeds and reduces each run to a small Outcome; a Summary adds up
// Outcomes in the order of their seeds. Both are pure: the same seeds give the same
// Summary, however many Workers, on however many goroutines, shared the seeds.
//
//	seeds ─► Worker ─► Outcome ─┐
//	seeds ─► Worker ─► Outcome ─┴─ in seed order ─► Summary
//
// Parallelism, time and files are the command's.
package hunt

import (
	"cmp"
	"slices"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/sim"
)

// Config is what is hunted in.
type Config struct {
	Scenario *scenarios.Scenario
	Mutant   string // "": the correct system
	Params   scenarios.Params
}

// Outcome is what one seed came to. It keeps nothing of the run's own memory.
type Outcome struct {
	Seed       uint64
	Verdict    checker.Verdict
	Reason     string // of Unknown
	Violations []scenarios.Violation
	Hash       sim.Digest
	Events     uint64
	Messages   uint64
	Simulated  sim.Time
	Operations scenarios.Counts
	Fired      []faults.Count
	Reached    []uint64 // by position in Scenario.Situations
	Fault      error    // *scenarios.Nondeterminism: a second run was another one
}

// Worker runs seeds, one after the other, in one arena. Use one a goroutine.
type Worker struct{ runner *scenarios.Runner }

// NewWorker makes a Worker.
func NewWorker(c Config) (*Worker, error) {
	r, err := scenarios.NewRunner(c.Scenario, c.Mutant, c.Params)
	if err != nil {
		return nil, err
	}
	return &Worker{r}, nil
}

// Runner is the worker's own, for questions between two seeds.
func (w *Worker) Runner() *scenarios.Runner { return w.runner }

// Run runs a seed; those of Doubted twice.
func (w *Worker) Run(seed uint64) Outcome {
	var res scenarios.Result
	var fault error
	if Doubted(seed) {
		res, fault = w.runner.Twice(scenarios.Options{Seed: seed})
	} else {
		res = w.runner.Run(scenarios.Options{Seed: seed})
	}
	return Outcome{
		Seed: seed, Verdict: res.Verdict, Reason: res.Reason, Violations: slices.Clone(res.Violations),
		Hash: res.TraceHash, Events: res.Events, Messages: res.Messages, Simulated: res.Simulated,
		Operations: res.Operations, Fired: res.Fired, Reached: slices.Clone(res.Reached), Fault: fault,
	}
}

// Doubted tells the seeds that are run twice, to see that the runs are the same: one
// in a hundred, chosen by a hash.
func Doubted(seed uint64) bool {
	z := seed + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return (z^z>>31)%100 == 0
}

// Summary adds up a hunt.
type Summary struct {
	Scenario   *scenarios.Scenario
	Seeds      int
	First      uint64 // seed
	Last       uint64
	Valid      int
	Invalid    int
	Unknown    []Reason // in the order of names
	Failures   []Failure
	Events     uint64
	Messages   uint64
	Simulated  sim.Time
	Operations scenarios.Counts
	Doubted    int      // seeds that were run twice
	Fired      []Fired  // the kinds that may be drawn
	Reached    []uint64 // runs, by position in Scenario.Situations
}

// Reason is why nothing can be said of some runs.
type Reason struct {
	Name string
	Runs int
}

// Failure is a kind of failure: one fingerprint.
type Failure struct {
	Fingerprint string
	Violation   scenarios.Violation // of the first seed
	Seed        uint64              // the first
	Hash        sim.Digest          // of its trace
	Runs        int
}

// Fired is how often a kind of fault changed something.
type Fired struct {
	Kind  faults.Kind
	Runs  int
	Times int
}

// NewSummary makes an empty Summary of runs that may have these kinds of faults.
func NewSummary(s *scenarios.Scenario, kinds []faults.Kind) *Summary {
	sum := &Summary{Scenario: s, Reached: make([]uint64, len(s.Situations))}
	for _, k := range kinds {
		sum.Fired = append(sum.Fired, Fired{Kind: k})
	}
	return sum
}

// Add adds the outcome of the next seed. It returns the failure, if it is of a kind
// that was not seen before.
func (s *Summary) Add(o *Outcome) (found *Failure) {
	if s.Seeds == 0 {
		s.First = o.Seed
	}
	s.Last = o.Seed
	s.Seeds++
	s.Events += o.Events
	s.Messages += o.Messages
	s.Simulated += o.Simulated
	s.Operations.OK += o.Operations.OK
	s.Operations.Fail += o.Operations.Fail
	s.Operations.Info += o.Operations.Info
	if Doubted(o.Seed) {
		s.Doubted++
	}
	for _, c := range o.Fired {
		i := slices.IndexFunc(s.Fired, func(f Fired) bool { return f.Kind == c.Kind })
		if i < 0 { // a plan that was not drawn has it
			i = len(s.Fired)
			s.Fired = append(s.Fired, Fired{Kind: c.Kind})
		}
		s.Fired[i].Runs++
		s.Fired[i].Times += c.N
	}
	for i, n := range o.Reached {
		if n > 0 {
			s.Reached[i]++
		}
	}
	switch {
	case o.Verdict == checker.Valid:
		s.Valid++
	case o.Verdict == checker.Invalid:
		s.Invalid++
		return s.fail(o)
	default:
		i, known := slices.BinarySearchFunc(s.Unknown, o.Reason, func(r Reason, name string) int { return cmp.Compare(r.Name, name) })
		if !known {
			s.Unknown = slices.Insert(s.Unknown, i, Reason{Name: o.Reason})
		}
		s.Unknown[i].Runs++
	}
	return nil
}

func (s *Summary) fail(o *Outcome) *Failure {
	v := o.Violations[0]
	fingerprint := v.Fingerprint()
	for i := range s.Failures {
		if f := &s.Failures[i]; f.Fingerprint == fingerprint {
			f.Runs++
			return nil
		}
	}
	s.Failures = append(s.Failures, Failure{fingerprint, v, o.Seed, o.Hash, 1})
	return &s.Failures[len(s.Failures)-1]
}

// UnknownRuns is how many runs nothing can be said of.
func (s *Summary) UnknownRuns() int { return s.Seeds - s.Valid - s.Invalid }

// Verdict is that of the whole hunt: one violation convicts, and one run of which
// nothing can be said leaves it open.
func (s *Summary) Verdict() checker.Verdict {
	switch {
	case s.Invalid > 0:
		return checker.Invalid
	case s.UnknownRuns() > 0 || s.Seeds == 0:
		return checker.Unknown
	}
	return checker.Valid
}

// Never lists the situations that no run reached and the kinds of faults that never
// changed anything: what the hunt did not test.
func (s *Summary) Never() (situations []string, kinds []faults.Kind) {
	for i, runs := range s.Reached {
		if runs == 0 {
			situations = append(situations, s.Scenario.Situations[i].Name)
		}
	}
	for _, f := range s.Fired {
		if f.Runs == 0 {
			kinds = append(kinds, f.Kind)
		}
	}
	return situations, kinds
}
