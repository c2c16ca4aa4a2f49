package checker

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// Of a core no read can be spared but the one that the report is about, nor a put that nobody in it found:
// without it the rest is legal. An operation that is open counts as its client saw it.
func TestOracleCore(t *testing.T) {
	n := histories(t, 3000)
	rng := rand.New(rand.NewPCG(51, uint64(n)))
	var c Checker
	invalid, spared, puts := 0, 0, 0
	for range n {
		h := generate(rng.IntN, 7)
		if rng.IntN(2) == 0 {
			h = register(rng.IntN, 7)
		}
		r := c.CheckLinearizable(h, Budget{})
		if r.Verdict != Invalid {
			continue
		}
		invalid++
		for _, id := range r.Core {
			asSeen := asOfOracle(h, id, r.Op)
			switch {
			case id == r.Op:
				continue
			case asSeen.Outcome == Ok && isRead(&asSeen):
				spared++
			case asSeen.Kind == Put && !slices.ContainsFunc(r.Core, func(other int) bool {
				o := h.Operations[other]
				return o.Kind == Delete || o.Kind == Increment || o.Found && o.Result == asSeen.Arg || o.Kind == CAS && o.Old == asSeen.Arg
			}):
				puts++
			default:
				continue
			}
			rest := &History{}
			for _, other := range r.Core {
				if op := asOfOracle(h, other, r.Op); other != id {
					if op.Swapped && !slices.ContainsFunc(r.Core, func(w int) bool { return h.Operations[w].Kind != Get && h.Operations[w].Arg == op.Old }) {
						op = Operation{ID: op.ID, Session: op.Session, Key: op.Key, Kind: Put, Arg: op.Arg, Outcome: Ok, Call: op.Call, Return: op.Return}
					} // the core does without the writer of what it replaced
					rest.Operations = append(rest.Operations, op)
				}
			}
			if !oracle(rest) {
				t.Fatalf("operation %d can be spared\n%s\n%s", id, show(h), r.Text)
			}
		}
	}
	if invalid < n/10 || spared < n/100 || puts < n/100 {
		t.Errorf("the generator is lopsided: %d invalid, %d reads and %d unseen puts in cores, of %d", invalid, spared, puts, n)
	}
}

// asOfOracle is operation id as it stood when operation last returned; of returns at one instant the earlier
// call is first.
func asOfOracle(h *History, id, last int) Operation {
	op := h.Operations[id]
	if op.Outcome == Ok && cmp.Or(cmp.Compare(op.Return, h.Operations[last].Return), byCall(&op, &h.Operations[last])) > 0 {
		return without(op, Info)
	}
	return op
}

// The same of models: neither a read nor all that is about one element can be spared.
func TestModelCore(t *testing.T) {
	rng := rand.New(rand.NewPCG(53, 54))
	for _, m := range judged {
		tried := 0
		for range 400 {
			calls := modelHistory(rng.IntN, m.name, m.take, m.verbs, 7)
			r := m.check(calls, Budget{})
			if r.Verdict != Invalid {
				continue
			}
			var core []modelCall
			var parts []int64 // what can go at a time: what has this number
			for _, id := range r.Core {
				c, end := calls[id], calls[r.Op]
				if c.Outcome == Ok && cmp.Or(cmp.Compare(c.Return, end.Return), cmp.Compare(c.Call, end.Call), cmp.Compare(id, r.Op)) > 0 {
					c.Outcome = Info
				}
				part := int64(-1)
				switch do := c.Input.Do; {
				case do == Insert:
					part = c.Input.Value
				case do == Take && c.Outcome == Ok && c.Output.Found:
					part = c.Output.Value
				case do == Take && c.Outcome != Ok:
				case do == Read || do == Take:
					part = int64(1000 + id)
				}
				core, parts = append(core, c), append(parts, part)
			}
			keep := parts[slices.Index(r.Core, r.Op)]
			for _, part := range parts {
				if part < 0 || part == keep {
					continue
				}
				tried++
				var rest []modelCall
				for i, c := range core {
					if parts[i] != part {
						rest = append(rest, c)
					}
				}
				if !dumbly(m.name, m.take, rest) {
					t.Fatalf("%s: %d can be spared\n%+v\n%s", m.name, part, calls, r.Text)
				}
			}
		}
		if m.verbs[0] == Insert && tried < 20 {
			t.Errorf("%s: the generator is lopsided: %d tried", m.name, tried)
		}
	}
}

// A long history with one lie about it has a core of a few operations, and the operation that the report is
// about is the first that no order explains.
func TestModelCoreOfALongHistory(t *testing.T) {
	var calls []modelCall
	at := int64(0)
	do := func(in Input, out Output) {
		calls = append(calls, modelCall{Session: 1, Input: in, Output: out, Outcome: Ok, Call: at, Return: at + 1})
		at += 2
	}
	for v := int64(1); v <= 40; v++ {
		do(Input{Do: Insert, Value: v}, Output{})
	}
	for v := int64(1); v <= 40; v++ {
		do(Input{Do: Take}, Output{Found: true, Value: v})
		if v == 20 { // again
			do(Input{Do: Take}, Output{Found: true, Value: 7})
		}
	}
	r := QueueModel().Check(calls, Budget{})
	if want := []int{6, 46, 60}; r.Verdict != Invalid || r.Op != 60 || !slices.Equal(r.Core, want) {
		t.Errorf("%s, operation %d, core %v, want 60 and %v\n%s", r.Verdict, r.Op, r.Core, want, r.Text)
	}
	if r.Steps == 0 || r.Text == "" || r.Key != "" {
		t.Errorf("%d steps, key %q, text %q", r.Steps, r.Key, r.Text)
	}

	calls = nil
	for v := int64(1); v <= 40; v++ {
		do(Input{Do: Write, Value: v}, Output{})
		do(Input{Do: Read}, Output{Found: true, Value: v})
	}
	do(Input{Do: Read}, Output{Found: true, Value: 39})
	for range 10 {
		do(Input{Do: Read}, Output{Found: true, Value: 40})
	}
	r = RegisterModel().Check(calls, Budget{})
	if r.Verdict != Invalid || r.Op != 80 || r.Core[len(r.Core)-1] != 80 || len(r.Core) > 41 {
		t.Errorf("%s, operation %d, core %v", r.Verdict, r.Op, r.Core)
	}
}

// A sweep takes all that can go, whatever stands together, and says whether that was anything.
func TestSweep(t *testing.T) {
	for n := range 12 {
		for needed := range 1 << n {
			var candidates [][]int
			for i := range n {
				candidates = append(candidates, []int{2 * i, 2*i + 1})
			}
			gone, was := make([]bool, 2*n), make([]bool, 2*n)
			took := sweep(candidates, gone, func() bool {
				if slices.Equal(gone, was) {
					t.Fatalf("%d candidates, needed %b: what is gone is tried again", n, needed)
				}
				for i := range n {
					if needed>>i&1 == 1 && (gone[2*i] || gone[2*i+1]) {
						return false
					}
				}
				was = slices.Clone(gone)
				return true
			})
			for i := range gone {
				if gone[i] != (needed>>(i/2)&1 == 0) {
					t.Fatalf("%d candidates, needed %b: gone %v", n, needed, gone)
				}
			}
			if took != (needed != 1<<n-1) {
				t.Fatalf("%d candidates, needed %b: took %v", n, needed, took)
			}
		}
	}
}

// The operation that a report is about has the earliest return that no order explains, and the history goes as
// it stood then: what was called later is gone, what had not returned is open, and such reads are gone.
func TestFirstUnexplained(t *testing.T) {
	n := histories(t, 4000)
	rng := rand.New(rand.NewPCG(55, uint64(n)))
	var c Checker
	count := 0
	for range n {
		h := generate(rng.IntN, 7)
		for i := range h.Operations {
			h.Operations[i].Key, h.Operations[i].CommitTS = "x", 0
			if rng.IntN(2) == 0 && h.Operations[i].Outcome == Ok {
				h.Operations[i].CommitTS = 7
			}
		}
		if oracle(h) {
			continue
		}
		count++
		c.gather(h)
		ops := c.keys[0].operations
		sortByCall(ops)
		c.search.start(DefaultSteps)
		base := c.openUnknown(ops)
		last, got := c.firstUnexplained(base)
		stood := func(last Operation) (list []Operation) {
			for _, op := range base {
				op = asOfOracle(h, op.ID, last.ID)
				if op.Outcome != Ok {
					op.Outcome, op.Return, op.Version, op.CommitTS = Info, never, 0, 0
				}
				if op.Call <= last.Return && (op.Outcome == Ok || op.Kind != Get) {
					list = append(list, op)
				}
			}
			return list
		}
		if want := stood(last); !slices.Equal(got, want) || oracle(&History{Operations: got}) {
			t.Fatalf("when %d returned: %+v, want %+v\n%s", last.ID, got, want, show(h))
		}
		for _, op := range base {
			earlier := cmp.Or(cmp.Compare(op.Return, last.Return), byCall(&op, &last)) < 0
			if op.Outcome == Ok && earlier && !oracle(&History{Operations: stood(op)}) {
				t.Fatalf("operation %d, yet nothing explains %d\n%s", last.ID, op.ID, show(h))
			}
		}
	}
	if count < n/10 {
		t.Errorf("the generator is lopsided: %d of %d illegal", count, n)
	}
}

// What only a read that was spared had found is spared, too. Values are written twice, so that the zones, which
// see less, do not decide.
func TestCoreWithoutWhatNobodyFinds(t *testing.T) {
	r := CheckLinearizable(history(put(0, 1, 1), get(2, 3, 1), put(4, 5, 7), put(4, 5, 7), put(6, 7, 8), put(6, 7, 8), get(8, 9, 7)), Budget{})
	if r.Verdict != Invalid || r.Op != 6 || slices.Contains(r.Core, 0) || slices.Contains(r.Core, 1) || len(r.Core) != 4 {
		t.Errorf("%s, operation %d, core %v\n%s", r.Verdict, r.Op, r.Core, r.Text)
	}
}

// A CAS is reported as a CAS where the evidence makes do with a put, even if steps run short and it is not the
// first that no order explains.
func TestReportNamesWhatWasSeen(t *testing.T) {
	h := history(put(0, 4, 9), swap(10, 100, 9, 3), get(20, 30, 3), put(0, 5, 1), get(40, 50, 1))
	swaps := 0
	for steps := range int64(60) {
		r := CheckLinearizable(h, Budget{Steps: 1 + steps})
		if r.Verdict == Invalid && r.Class != "linearizability/"+h.Operations[r.Op].Kind.String() {
			t.Errorf("%d steps: operation %d, %s\n%s", 1+steps, r.Op, r.Class, r.Text)
		}
		if r.Verdict == Invalid && r.Op == 1 {
			swaps++
		}
	}
	if swaps == 0 {
		t.Error("never about the CAS")
	}
}

// Whatever the budget, what is said is true, and the steps of the search and of the minimiser are within it.
func TestOracleBudget(t *testing.T) {
	n := histories(t, 6000)
	rng := rand.New(rand.NewPCG(57, uint64(n)))
	var c Checker
	counts := map[Verdict]int{}
	for range n {
		h := generate(rng.IntN, 8)
		if rng.IntN(3) > 0 {
			h = register(rng.IntN, 8)
			swaps(rng.IntN, h)
		}
		for i := range h.Operations {
			h.Operations[i].Key = "x"
		}
		b := Budget{Steps: 1 + rng.Int64N(20)}
		r := c.CheckLinearizable(h, b)
		counts[r.Verdict]++
		switch {
		case r.Steps > 2*b.Steps:
			t.Fatalf("%d steps of %d\n%s", r.Steps, b.Steps, show(h))
		case r.Verdict == Unknown && r.Reason != ReasonBudget && r.Reason != ReasonVacuous:
			t.Fatalf("%s\n%s", r.Reason, show(h))
		case r.Verdict != Unknown && (r.Verdict == Valid) != oracle(h):
			t.Fatalf("%s\n%s", r.Verdict, show(h))
		case r.Verdict != Invalid:
			continue
		}
		core := &History{}
		for _, id := range r.Core {
			core.Operations = append(core.Operations, asOfOracle(h, id, r.Op))
		}
		if r.Class != "linearizability/"+h.Operations[r.Op].Kind.String() || !slices.Contains(r.Core, r.Op) || oracle(core) {
			t.Fatalf("%s, operation %d\n%s\n%s", r.Class, r.Op, show(h), r.Text)
		}
	}
	t.Log(counts)
	for v := Unknown; v <= Invalid; v++ {
		if counts[v] < n/20 {
			t.Errorf("the generator is lopsided: %v", counts)
		}
	}
}

// The steps of a report are those of the search and those of the minimiser, each counted once.
func TestStepsCountedOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(59, 60))
	var c Checker
	count := 0
	for range 2000 {
		h := generate(rng.IntN, 7)
		for i := range h.Operations {
			h.Operations[i].Key = "x"
		}
		r := c.CheckLinearizable(h, Budget{})
		if r.Verdict != Invalid {
			continue
		}
		c.gather(h)
		ops := c.keys[0].operations
		sortByCall(ops)
		if answer, _ := c.zones.decide(ops); answer == illegal {
			continue // fewer operations are searched
		}
		count++
		base := c.openUnknown(ops)
		c.search.start(DefaultSteps)
		c.search.judge(base)
		want := c.search.steps
		c.search.start(DefaultSteps)
		c.explain(h, ops, base)
		if want += c.search.steps; r.Steps != want {
			t.Fatalf("%d steps, want %d\n%s", r.Steps, want, show(h))
		}
	}
	if count < 50 {
		t.Errorf("the generator is lopsided: %d", count)
	}
}
