package checker

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

func on(key string, ops ...Operation) []Operation {
	for i := range ops {
		ops[i].Key = key
	}
	return ops
}

// Keys are judged in the order of their names: the first invalid one is reported, and of the undecided ones
// the first, if none is invalid. Whatever is not Invalid names no operation.
func TestWhichKey(t *testing.T) {
	stale := func(key string) []Operation { // takes search: values are written twice
		return on(key, put(0, 9, 1), put(0, 9, 1), put(0, 9, 2), put(0, 9, 3), get(10, 11, 1), get(12, 13, 2))
	}
	thin := func(key string) []Operation { return on(key, put(0, 1, 1), get(2, 3, 9)) }
	fine := func(key string) []Operation { return on(key, put(0, 1, 1), get(2, 3, 1)) }
	for _, tt := range []struct {
		name    string
		keys    [][]Operation
		steps   int64
		verdict Verdict
		key     string
	}{
		{"valid", [][]Operation{fine("b"), fine("a")}, 0, Valid, ""},
		{"two invalid", [][]Operation{thin("b"), fine("c"), thin("a")}, 0, Invalid, "a"},
		{"the second invalid", [][]Operation{thin("b"), fine("c"), fine("a")}, 0, Invalid, "b"},
		{"two undecided", [][]Operation{stale("b"), stale("a")}, 3, Unknown, "a"},
		{"undecided, then invalid", [][]Operation{stale("b"), thin("c"), stale("a")}, 3, Invalid, "c"},
		{"invalid, then undecided", [][]Operation{stale("b"), thin("a")}, 3, Invalid, "a"},
		{"vacuous", [][]Operation{on("a", info(put(0, 1, 1)))}, 0, Unknown, ""},
	} {
		var ops []Operation
		for _, k := range tt.keys {
			ops = append(ops, k...)
		}
		r := CheckLinearizable(history(ops...), Budget{Steps: tt.steps})
		if r.Verdict != tt.verdict || r.Key != tt.key || r.Verdict != Invalid && (r.Op != -1 || len(r.Core) > 0) {
			t.Errorf("%s: %s on key %q, operation %d\n%s", tt.name, r.Verdict, r.Key, r.Op, r.Text)
		}
		if r.Verdict == Unknown && strings.Count(r.Text, "\n") != 1 || r.Verdict != Valid && !strings.HasSuffix(r.Text, "\n") {
			t.Errorf("%s: %q is no line", tt.name, r.Text)
		}
	}
}

func TestMalformedIsNoVerdict(t *testing.T) {
	for _, change := range []func(op *Operation){
		func(op *Operation) { op.Kind = Delete + 1 },
		func(op *Operation) { op.Outcome = Info + 1 },
		func(op *Operation) { op.Call = -1 },
		func(op *Operation) { op.Call, op.Return = 5, 4 },
	} {
		h := history(put(0, 1, 1), get(2, 3, 1))
		change(&h.Operations[1])
		if r := CheckLinearizable(h, Budget{}); r.Verdict != Unknown || r.Reason != ReasonNotApplicable || r.Op != -1 || r.Key != "x" {
			t.Errorf("%s %q: operation %d, key %q", r.Verdict, r.Reason, r.Op, r.Key)
		}
	}
	h := history(put(0, 1, 1), without(get(5, 4, 1), Info)) // given up, no matter when
	if r := CheckLinearizable(h, Budget{}); r.Verdict != Valid {
		t.Errorf("%s %q", r.Verdict, r.Reason)
	}
}

// Where zones do not apply a true claim is proof enough, without a step.
func TestClaimsBeforeSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(81, 82))
	for range 500 {
		if r := CheckLinearizable(truth(rng.IntN, 1+rng.IntN(12)), Budget{}); r.Verdict != Valid || r.Steps != 0 {
			t.Fatalf("%s in %d steps", r.Verdict, r.Steps)
		}
	}
}

// Steps are those of the search and of the minimiser, and each of them may take all that the budget allows.
func TestStepsOfBoth(t *testing.T) {
	rng := rand.New(rand.NewPCG(83, 84))
	more := 0
	for range 500 {
		h := generate(rng.IntN, 10)
		full := CheckLinearizable(h, Budget{})
		if full.Verdict != Invalid {
			continue
		}
		for limit := int64(1); limit < 60; limit++ {
			r := CheckLinearizable(h, Budget{Steps: limit})
			if r.Verdict != Invalid {
				continue
			}
			if r.Steps > limit {
				more++
			}
			if h.Operations[r.Op].Outcome != Ok {
				t.Fatalf("operation %d had no reply to explain\n%s", r.Op, show(h))
			}
			if r.Steps < 1 {
				t.Fatalf("%d steps of search and minimiser\n%s", r.Steps, show(h))
			}
			break
		}
	}
	if more < 20 {
		t.Errorf("only %d took more steps than the search might", more)
	}
}

// On n operations a step that succeeds counts n/1024 more, one that does not counts 1; what is left over from
// a key does not carry over to the next.
func TestMeter(t *testing.T) {
	const n = 3*1024 + 1
	ops := make([]Operation, 0, n)
	for i := range int64(n - 1) {
		ops = append(ops, put(2*i, 2*i+1, i))
	}
	ops = append(ops, get(2*n, 2*n+1, -1))
	var input []porcupine.Operation
	for i := range ops {
		input = append(input, porcupine.Operation{Input: &ops[i], Call: ops[i].Call, Return: ops[i].Return})
	}
	var m meter
	for range 2 {
		m.start(1 << 30)
		if got := m.ask(keyModel, input); got != illegal || m.steps != 4*(n-1)+1 || m.spent {
			t.Errorf("answer %d in %d steps, want %d", got, m.steps, 4*(n-1)+1)
		}
	}
	if m.start(1 << 30); m.ask(keyModel, input[:1023]) != legal || m.steps != 1023 {
		t.Errorf("%d steps for 1023 operations", m.steps)
	}
	if m.start(10); m.ask(keyModel, input) != undecided || m.steps < 10 || m.steps > 14 || !m.spent {
		t.Errorf("%d steps of 10", m.steps)
	}
	if m.start(3); m.ask(keyModel, input[:3]) != legal || m.spent {
		t.Errorf("an order found with the last step is one")
	}
}

// Nothing has an order, and so has what is only unknown.
func TestNothingIsLegal(t *testing.T) {
	var s search
	s.start(1)
	for _, ops := range [][]Operation{nil, {info(put(0, never, 1))}, {info(increment(0, never, 1, 0))}} {
		for i := range ops {
			open(&ops[i])
		}
		if got := s.judge(ops); got != legal {
			t.Errorf("answer %d", got)
		}
	}
}

// What returned later than the operation that no order explains is shown open, as it was then.
func TestCoreAsItStood(t *testing.T) {
	r := CheckLinearizable(history(put(0, 10, 1), put(20, 90, 2), get(30, 40, 2), get(50, 60, 1)), Budget{})
	if r.Verdict != Invalid || !strings.Contains(r.Text, "  #1    session 1   [20, ...] put 2 -> info") {
		t.Errorf("%s\n%s", r.Verdict, r.Text)
	}
}
