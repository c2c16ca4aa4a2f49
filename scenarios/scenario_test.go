package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/sim"
)

func runner(t *testing.T, s *Scenario, mutant string, set Params) *Runner {
	t.Helper()
	r, err := NewRunner(s, mutant, set)
	require.NoError(t, err)
	return r
}

// The correct code holds, every kind of fault strikes, and every situation is reached.
func TestCorrect(t *testing.T) {
	for _, c := range []struct {
		s     *Scenario
		seeds uint64
	}{{kv3(), 500}, {kv5(), 100}, {kvracks(), 100}} {
		t.Run(c.s.Name, func(t *testing.T) {
			r := runner(t, c.s, "", nil)
			reached := make([]int, len(c.s.Situations))
			struck := map[faults.Kind]int{}
			for seed := range c.seeds {
				res := r.Run(Options{Seed: 1_000_000 + seed})
				if res.Verdict != checker.Valid {
					t.Fatalf("%s@%d: %v %s %+v\n%s", c.s.Name, res.Seed, res.Verdict, res.Reason, res.Violations, res.PanicStack)
				}
				for i, n := range res.Reached {
					if n > 0 {
						reached[i]++
					}
				}
				for _, f := range res.Fired {
					struck[f.Kind] += f.N
				}
			}
			for i, s := range c.s.Situations {
				if reached[i] == 0 {
					t.Errorf("no run reached: %s", s.Name)
				}
			}
			for _, k := range r.Kinds() {
				if struck[k] == 0 {
					t.Errorf("never struck: %s", k)
				}
			}
		})
	}
}

// Every mutant is convicted by a check that ought to see it, under the nemesis that the
// correct code survives.
func TestMutants(t *testing.T) {
	names := map[string]bool{}
	for _, m := range Mutants() {
		require.False(t, names[m.Name], m.Name)
		names[m.Name] = true
		t.Run(m.Name, func(t *testing.T) {
			r := runner(t, kv3(), m.Name, nil)
			for seed := uint64(1); seed <= 2000; seed++ {
				res := r.Run(Options{Seed: seed})
				if slices.ContainsFunc(res.Violations, func(v Violation) bool { return slices.Contains(m.SeenBy, v.Check) }) {
					return
				}
			}
			t.Errorf("not convicted in 2,000 seeds by any of %v", m.SeenBy)
		})
	}
}

// checks of mutants must be checks of the scenario.
func TestMutantsNameChecks(t *testing.T) {
	for _, m := range Mutants() {
		for _, c := range m.SeenBy {
			require.True(t, slices.ContainsFunc(kv3().Checks, func(have Check) bool { return have.Name == c }), "%s: %s", m.Name, c)
		}
	}
}

// Memory that is reused from run to run leaves no trace (law 7), and an explicit Decider
// that is the default makes the same run.
func TestSameRun(t *testing.T) {
	used := runner(t, kv3(), "", nil)
	for seed := range uint64(40) {
		a := used.Run(Options{Seed: seed})
		hash, events := a.TraceHash, a.Events
		fresh := runner(t, kv3(), "", nil).Run(Options{Seed: seed})
		require.Equal(t, hash, fresh.TraceHash, "kv@%d: reused and fresh memory differ", seed)
		require.Equal(t, events, fresh.Events)
		explicit := used.Run(Options{Seed: seed, Decider: sim.Keyed{Seed: seed}, Trace: func(sim.TraceLine) {}})
		require.Equal(t, hash, explicit.TraceHash, "kv@%d: an explicit decider and a trace change the run", seed)
		given := used.Run(Options{Seed: seed, Plan: &fresh.Plan})
		require.Equal(t, hash, given.TraceHash, "kv@%d: the drawn plan, given, is another run", seed)
	}
}

// A run in which no fault of its plan struck says so, and is not taken for a success.
func TestVacuous(t *testing.T) {
	r := runner(t, kv3(), "", nil)
	never := faults.Plan{Schema: faults.Schema, Heal: 1e9, Faults: []faults.Fault{
		{Kind: faults.Kill, Node: 1, At: 1, On: &faults.Anchor{Step: faults.StepSync, Nth: 1000}},
	}}
	require.NoError(t, r.CheckPlan(never))
	res := r.Run(Options{Seed: 1, Plan: &never})
	require.Equal(t, checker.Unknown, res.Verdict)
	require.Equal(t, "vacuous", res.Reason)
	require.Empty(t, res.Violations)

	// A plan without faults asks for none.
	calm := faults.Plan{Schema: faults.Schema, Heal: 1e9}
	require.Equal(t, checker.Valid, r.Run(Options{Seed: 1, Plan: &calm}).Verdict)
}

// Liveness is judged apart: a cluster whose core is no majority makes no progress, and
// does no wrong.
func TestLivenessIsJudged(t *testing.T) {
	r := runner(t, kv3(), "", nil)
	minority := faults.Plan{Schema: faults.Schema, Heal: 1e9, Core: []int{1}, Faults: []faults.Fault{{Kind: faults.Pause, Node: 2, At: 1, For: 1}}}
	require.NoError(t, r.CheckPlan(minority))
	res := r.Run(Options{Seed: 1, Plan: &minority})
	require.Equal(t, checker.Invalid, res.Verdict)
	require.Len(t, res.Violations, 1)
	require.Equal(t, "liveness/no_progress", res.Violations[0].Fingerprint())
}

func TestBadInput(t *testing.T) {
	_, err := Find("kv\x1b[31m")
	require.EqualError(t, err, `there is no scenario "kv\x1b[31m"; there are: kv, kv5, kvracks`)
	_, err = NewRunner(kv3(), "no-such", nil)
	require.ErrorContains(t, err, `there is no mutant "no-such"`)
	_, err = NewRunner(kv3(), "dedup", nil)
	require.EqualError(t, err, `there is no mutant "dedup"; there are: kv-no-dedup`)
	for _, p := range kv3().Params {
		_, err = NewRunner(kv3(), "", Params{p.Name: p.Max + 1})
		require.EqualError(t, err, fmt.Sprintf("parameter %s is %d; it must be from %d to %d", p.Name, p.Max+1, p.Min, p.Max))
	}
	_, err = NewRunner(kv3(), "", Params{"cleints": 1})
	require.ErrorContains(t, err, `has no parameter "cleints"; it has: nodes, clients,`)
	r := runner(t, kv3(), "", nil)
	require.Error(t, r.CheckPlan(faults.Plan{Schema: faults.Schema, Faults: []faults.Fault{{Kind: faults.Kill, Node: 4, At: 1}}}))
}

// Parameters at their limits make runs that end.
func TestParameterLimits(t *testing.T) {
	for _, set := range []Params{
		{"nodes": 1}, {"nodes": 2}, {"nodes": 9, "clients": 1}, {"clients": 64, "fault_ms": 300}, {"registers": 64, "counters": 64},
		{"registers": 1, "counters": 0}, {"think_ms": 0, "fault_ms": 500}, {"fault_ms": 1}, {"faults": 0}, {"faults": 1000, "fault_ms": 1000},
	} {
		var names []string
		for _, k := range sortedKeys(set) {
			names = append(names, fmt.Sprint(k, "=", set[k]))
		}
		t.Run(strings.Join(names, ","), func(t *testing.T) {
			r := runner(t, kv3(), "", set)
			for seed := range uint64(5) {
				res := r.Run(Options{Seed: seed})
				require.NotEqual(t, checker.Invalid, res.Verdict, "kv@%d %v: %+v", seed, set, res.Violations)
			}
		})
	}
}

// A log that stops because its disk lied about what was durable does what it must.
func TestALyingDiskIsNoFailedRecovery(t *testing.T) {
	res := runner(t, kv3(), "", Params{"unbounded": 1}).Run(Options{Seed: 0x6d})
	lied := false
	for _, c := range res.Fired {
		lied = lied || c.Kind == faults.DiskLies
	}
	require.True(t, lied)
	for _, v := range res.Violations {
		require.NotEqual(t, "recovery", v.Check, v.Detail)
	}
}

// A run ends where its history stops being linearizable: without its last two returns it still is. (Two: of
// a value that nobody wrote the instant must have passed, for somebody may write it at that instant.)
func TestARunStopsAtItsFirstViolation(t *testing.T) {
	r := runner(t, kv3(), "kv-repeat-without-result", nil)
	stopped, full := 0, 0
	for seed := range uint64(40) {
		res := r.Run(Options{Seed: seed})
		if len(res.Violations) == 0 || res.Violations[0].Check != "linearizability" {
			continue
		}
		system := r.system.(*kvSystem)
		if !system.stream.Violated(int64(res.Simulated)) {
			full++ // a counter: judged at the end
			continue
		}
		stopped++
		require.Positive(t, system.left, "seed %d", seed)
		var before checker.History
		var returns []int64
		for _, op := range res.History.Operations {
			returns = append(returns, op.Return)
		}
		slices.Sort(returns)
		last := returns[len(returns)-2]
		for _, op := range res.History.Operations {
			if op.Outcome != checker.Pending && op.Return >= last {
				op.Outcome, op.Return, op.CommitTS = checker.Pending, 0, 0
				op.Result, op.Found, op.Swapped, op.Version = 0, false, false, 0
			}
			if op.Key[0] == 'r' {
				before.Operations = append(before.Operations, op)
			}
		}
		require.Equal(t, checker.Valid, checker.CheckLinearizable(&before, checker.Budget{}).Verdict, "seed %d", seed)
	}
	require.Greater(t, stopped, 5, "of %d violations", stopped+full)
}
