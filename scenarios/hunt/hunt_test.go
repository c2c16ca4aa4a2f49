package hunt

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/sim"
)

func config(t *testing.T, mutant string, set scenarios.Params) Config {
	t.Helper()
	s, err := scenarios.Find("kv")
	require.NoError(t, err)
	return Config{Scenario: s, Mutant: mutant, Params: set}
}

// TestWorkersAgree: how seeds are shared among workers, and what a worker ran before,
// changes nothing.
func TestWorkersAgree(t *testing.T) {
	t.Parallel()
	c := config(t, "raft-term-in-memory", scenarios.Params{"fault_ms": 1000})
	const seeds = 40
	sum := func(workers int) *Summary {
		outcomes := make([]Outcome, seeds)
		for i := range workers {
			w, err := NewWorker(c)
			require.NoError(t, err)
			for seed := seeds - 1 - i; seed >= 0; seed -= workers { // backwards
				outcomes[seed] = w.Run(uint64(seed))
			}
		}
		s := NewSummary(c.Scenario, nil)
		for i := range outcomes {
			s.Add(&outcomes[i])
		}
		return s
	}
	one := sum(1)
	require.Equal(t, one, sum(3))
	assert.Equal(t, seeds, one.Seeds)
	assert.Equal(t, seeds, one.Valid+one.Invalid+one.UnknownRuns())
	assert.EqualValues(t, 0, one.First)
	assert.EqualValues(t, seeds-1, one.Last)
}

// TestOutcome: an outcome is the run's result, and does not change with the next run.
func TestOutcome(t *testing.T) {
	t.Parallel()
	c := config(t, "", scenarios.Params{"fault_ms": 500})
	w, err := NewWorker(c)
	require.NoError(t, err)
	r, err := scenarios.NewRunner(c.Scenario, "", c.Params)
	require.NoError(t, err)
	var twice uint64
	for !Doubted(twice) {
		twice++
	}
	for _, seed := range []uint64{1, twice} {
		got := w.Run(seed)
		w.Run(seed + 1)
		want := r.Run(scenarios.Options{Seed: seed})
		assert.Equal(t, Outcome{Seed: seed, Verdict: want.Verdict, Reason: want.Reason, Hash: want.TraceHash, Events: want.Events,
			Messages: want.Messages, Simulated: want.Simulated, Operations: want.Operations, Fired: want.Fired, Reached: want.Reached}, got)
	}
}

func TestNewWorkerRefuses(t *testing.T) {
	t.Parallel()
	_, err := NewWorker(config(t, "no-such-mutant", nil))
	require.ErrorContains(t, err, "no-such-mutant")
	_, err = NewWorker(config(t, "", scenarios.Params{"nodes": 1000}))
	require.ErrorContains(t, err, "it must be from")
}

func TestDoubted(t *testing.T) {
	t.Parallel()
	n := 0
	for seed := range uint64(100_000) {
		if Doubted(seed) {
			n++
		}
	}
	assert.InDelta(t, 1000, n, 120, "about one in a hundred")
}

func TestSummary(t *testing.T) {
	t.Parallel()
	scenario := &scenarios.Scenario{Name: "toy", Situations: []scenarios.Situation{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	violated := func(check, class string) []scenarios.Violation {
		return []scenarios.Violation{{Check: check, Class: class}, {Check: "second", Class: "is not counted"}}
	}
	everything := faults.Profile{}.Drawn()
	s := NewSummary(scenario, everything)
	assert.Equal(t, checker.Unknown, s.Verdict(), "nothing was run")
	situations, kinds := s.Never()
	assert.Equal(t, []string{"a", "b", "c"}, situations)
	assert.Equal(t, everything, kinds)

	require.Nil(t, s.Add(&Outcome{Seed: 5, Verdict: checker.Valid, Events: 10, Messages: 4, Simulated: 100, Operations: scenarios.Counts{OK: 3, Fail: 2, Info: 1},
		Fired: []faults.Count{{Kind: faults.Kill, N: 3}, {Kind: faults.ClockDrift, N: 1}}, Reached: []uint64{7, 0, 0}}))
	assert.Equal(t, checker.Valid, s.Verdict())
	for _, reason := range []string{"vacuous", "budget", "vacuous"} {
		require.Nil(t, s.Add(&Outcome{Seed: 6, Verdict: checker.Unknown, Reason: reason, Reached: []uint64{1, 0, 2}}))
	}
	assert.Equal(t, []Reason{{"budget", 1}, {"vacuous", 2}}, s.Unknown)
	assert.Equal(t, checker.Unknown, s.Verdict(), "one run of which nothing can be said leaves it open")

	f := s.Add(&Outcome{Seed: 9, Verdict: checker.Invalid, Violations: violated("liveness", "no progress"), Hash: 77, Fired: []faults.Count{{Kind: faults.Kill, N: 2}}})
	require.NotNil(t, f)
	assert.Equal(t, Failure{"liveness/no_progress", scenarios.Violation{Check: "liveness", Class: "no progress"}, 9, 77, 1}, *f)
	require.Nil(t, s.Add(&Outcome{Seed: 10, Verdict: checker.Invalid, Violations: violated("liveness", "no progress")}))
	require.NotNil(t, s.Add(&Outcome{Seed: 11, Verdict: checker.Invalid, Violations: violated("liveness", "")}))
	assert.Equal(t, checker.Invalid, s.Verdict())
	assert.Equal(t, []int{2, 1}, []int{s.Failures[0].Runs, s.Failures[1].Runs})

	assert.Equal(t, []int{7, 1, 3, 3}, []int{s.Seeds, s.Valid, s.Invalid, s.UnknownRuns()})
	assert.Equal(t, []uint64{5, 11, 10, 4}, []uint64{s.First, s.Last, s.Events, s.Messages})
	assert.Equal(t, sim.Time(100), s.Simulated)
	assert.Equal(t, scenarios.Counts{OK: 3, Fail: 2, Info: 1}, s.Operations)
	assert.Equal(t, Fired{faults.Kill, 2, 5}, s.Fired[0])
	assert.Equal(t, []uint64{4, 0, 3}, s.Reached)
	situations, kinds = s.Never()
	assert.Equal(t, []string{"b"}, situations)
	assert.Len(t, kinds, len(everything)-2)
	assert.NotContains(t, kinds, faults.Kill)
}
