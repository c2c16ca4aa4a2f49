package checker

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// history numbers operations on key "x", a session each.
func history(ops ...Operation) *History {
	for i := range ops {
		ops[i].ID, ops[i].Session = i, int32(i)
		if ops[i].Key == "" {
			ops[i].Key = "x"
		}
	}
	return &History{Operations: ops}
}

func get(call, ret, value int64) Operation {
	return Operation{Kind: Get, Call: call, Return: ret, Outcome: Ok, Result: value, Found: true}
}

func getMissing(call, ret int64) Operation {
	return Operation{Kind: Get, Call: call, Return: ret, Outcome: Ok}
}

func put(call, ret, value int64) Operation {
	return Operation{Kind: Put, Call: call, Return: ret, Outcome: Ok, Arg: value}
}

func swap(call, ret, old, value int64) Operation {
	return Operation{Kind: CAS, Call: call, Return: ret, Outcome: Ok, Old: old, Arg: value, Swapped: true}
}

func swapSaw(call, ret, old, value, saw int64) Operation {
	return Operation{Kind: CAS, Call: call, Return: ret, Outcome: Ok, Old: old, Arg: value, Result: saw, Found: true}
}

func increment(call, ret, by, result int64) Operation {
	return Operation{Kind: Increment, Call: call, Return: ret, Outcome: Ok, Arg: by, Result: result}
}

func remove(call, ret int64, found bool) Operation {
	return Operation{Kind: Delete, Call: call, Return: ret, Outcome: Ok, Found: found}
}

// info and fail take the reply away.
func info(op Operation) Operation { return without(op, Info) }
func fail(op Operation) Operation { return without(op, Fail) }

func without(op Operation, outcome Outcome) Operation {
	op.Outcome, op.Result, op.Found, op.Swapped = outcome, 0, false, false
	return op
}

// The smallest history of each anomaly, and a twin one edit away that is valid.
func TestAnomalies(t *testing.T) {
	for _, tt := range []struct {
		name     string
		bad      []Operation
		op       int
		class    string
		core     []int
		sentence string // part of the text
		good     []Operation
	}{
		{
			"stale read",
			[]Operation{put(0, 10, 1), put(20, 30, 2), get(40, 50, 1)},
			2, "linearizability/get", []int{0, 1, 2}, "#1 (put 2 -> ok) returned at 30, before #2 (get -> 1) was called at 40: 1 was there after 2.",
			[]Operation{put(0, 10, 1), put(20, 40, 2), get(40, 50, 1)},
		},
		{
			"stale read of a swapped value", // the witness does without the put that the cas found
			[]Operation{put(0, 10, 1), swap(20, 30, 1, 2), put(40, 50, 3), get(60, 70, 2)},
			3, "linearizability/get", []int{1, 2, 3}, "|cas 1 to 2 -> swapped|",
			[]Operation{put(0, 10, 1), swap(20, 30, 1, 2), put(40, 60, 3), get(60, 70, 2)},
		},
		{
			"a new value, then the old",
			[]Operation{put(0, 10, 1), put(20, 90, 2), get(30, 40, 2), get(50, 60, 1)},
			3, "linearizability/get", []int{0, 1, 2, 3}, "#2 (get -> 2) returned at 40, before #3 (get -> 1) was called at 50: 1 was there after 2.",
			[]Operation{put(0, 10, 1), put(20, 90, 2), get(30, 50, 2), get(50, 60, 1)},
		},
		{
			"lost acknowledged write",
			[]Operation{put(0, 10, 1), getMissing(20, 30)},
			1, "linearizability/get", []int{0, 1}, "Nothing is there before the start.",
			[]Operation{info(put(0, 10, 1)), getMissing(20, 30)},
		},
		{
			"lost write, after a delete",
			[]Operation{put(0, 10, 1), remove(20, 30, false)},
			1, "linearizability/delete", []int{0, 1}, "#0 (put 1 -> ok) returned at 10, before #1 (delete -> missing) was called at 20",
			[]Operation{put(0, 10, 1), remove(20, 30, true)},
		},
		{
			"thin-air read",
			[]Operation{put(0, 10, 1), get(20, 30, 7)},
			1, "linearizability/get", []int{1}, "a value from thin air",
			[]Operation{put(0, 10, 7), get(20, 30, 7)},
		},
		{
			"future read",
			[]Operation{get(0, 10, 1), put(20, 30, 1)},
			0, "linearizability/get", []int{0}, "before operation 1, which wrote it, was called",
			[]Operation{get(0, 20, 1), put(20, 30, 1)},
		},
		{
			"future read of an unknown write",
			[]Operation{get(0, 10, 1), info(put(20, 30, 1))},
			0, "linearizability/get", []int{0}, "before operation 1, which wrote it, was called",
			[]Operation{get(0, 10, 1), info(put(5, 30, 1))},
		},
		{
			"duplicate increment",
			[]Operation{increment(0, 10, 1, 1), increment(20, 30, 1, 3)},
			1, "linearizability/increment", []int{1}, "found 2, which no operation wrote",
			[]Operation{increment(0, 10, 1, 1), increment(20, 30, 2, 3)},
		},
		{
			"lost increment",
			[]Operation{increment(0, 10, 1, 1), increment(0, 10, 1, 1)},
			1, "linearizability/increment", []int{0, 1}, "No order of the core, each operation at one instant within its interval, gives every operation its answer; #1 (increment +1 -> 1) is the first to return without one.",
			[]Operation{increment(0, 10, 1, 1), increment(0, 10, 1, 2)},
		},
		{
			"failed write observed",
			[]Operation{put(0, 10, 1), fail(put(20, 30, 2)), get(40, 50, 2)},
			2, "linearizability/get", []int{2}, "which only operation 1 wrote, and that failed",
			[]Operation{put(0, 10, 1), info(put(20, 30, 2)), get(40, 50, 2)},
		},
		{
			"two winners of one cas",
			[]Operation{put(0, 10, 1), swap(20, 30, 1, 2), swap(20, 30, 1, 3)},
			2, "linearizability/cas", []int{0, 1, 2}, "#1 (cas 1 to 2 -> swapped) and #2 (cas 1 to 3 -> swapped) both replaced 1.",
			[]Operation{put(0, 10, 1), swap(20, 30, 1, 2), swap(20, 30, 2, 3)},
		},
		{
			"cas refused without reason",
			[]Operation{put(0, 10, 1), swapSaw(20, 30, 1, 2, 1)},
			1, "linearizability/cas", []int{0, 1}, "#1 (cas 1 to 2 -> 1) found the value that it wanted, and did not swap.",
			[]Operation{put(0, 10, 1), swapSaw(20, 30, 3, 2, 1)},
		},
		{
			"an unknown write takes effect twice",
			[]Operation{info(put(0, 5, 1)), get(10, 20, 1), put(30, 40, 2), get(50, 60, 2), get(70, 80, 1)},
			4, "linearizability/get", []int{0, 1, 2, 4}, "#2 (put 2 -> ok) returned at 40, before #4 (get -> 1) was called at 70: 1 was there after 2.",
			[]Operation{info(put(0, 5, 1)), get(10, 20, 1), put(30, 90, 2), get(50, 60, 1), get(70, 80, 1)},
		},
		{
			"a deleted value comes back",
			[]Operation{put(0, 10, 1), remove(20, 30, true), get(40, 50, 1)},
			2, "linearizability/get", []int{0, 1, 2}, "#1 (delete -> found) returned at 30, before #2 (get -> 1) was called at 40.\nNo order of the core that keeps to this",
			[]Operation{put(0, 10, 1), info(remove(20, 30, true)), get(40, 50, 1)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := CheckLinearizable(history(tt.good...), Budget{}); r.Verdict != Valid {
				t.Errorf("the twin is %s %s\n%s", r.Verdict, r.Reason, r.Text)
			}
			r := CheckLinearizable(history(tt.bad...), Budget{})
			if r.Verdict != Invalid || r.Class != tt.class || r.Op != tt.op || r.Key != "x" || !slices.Equal(r.Core, tt.core) {
				t.Errorf("got %s %s, key %q, operation %d, core %v; want %s, operation %d, core %v\n%s",
					r.Verdict, r.Class, r.Key, r.Op, r.Core, tt.class, tt.op, tt.core, r.Text)
			}
			if !strings.Contains(r.Text, tt.sentence) {
				t.Errorf("the text does not say %q:\n%s", tt.sentence, r.Text)
			}
		})
	}
}

// An unknown operation may take effect at any time after its call, once, or never.
func TestUnknownOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  []Operation
		want Verdict
	}{
		{"never", []Operation{put(0, 1, 1), info(put(2, 3, 2)), get(4, 5, 1)}, Valid},
		{"late", []Operation{put(0, 1, 1), info(put(2, 3, 2)), get(4, 5, 1), get(6, 7, 2)}, Valid},
		{"a chain of cas seen at its end", []Operation{put(0, 1, 1), info(swap(2, 3, 1, 2)), info(swap(2, 3, 2, 3)), get(4, 5, 3)}, Valid},
		{"a chain, and an old value after it", []Operation{put(0, 1, 1), info(swap(2, 3, 1, 2)), info(swap(2, 3, 2, 3)), get(4, 5, 3), get(6, 7, 2)}, Invalid},
		{"a delete proves an unknown put", []Operation{info(put(0, 1, 1)), remove(2, 3, true)}, Valid},
		{"a delete proves one put, not two", []Operation{info(put(0, 1, 1)), remove(2, 3, true), remove(4, 5, true)}, Invalid},
		{"unknown delete seen", []Operation{put(0, 1, 1), info(remove(2, 3, true)), getMissing(4, 5)}, Valid},
		{"unknown delete, called too late", []Operation{put(0, 1, 1), getMissing(4, 5), info(remove(6, 7, true))}, Invalid},
		{"unknown increments make up the gap", []Operation{info(increment(0, 1, 1, 0)), info(increment(0, 1, 2, 0)), increment(2, 3, 1, 4)}, Valid},
		{"too few of them", []Operation{info(increment(0, 1, 1, 0)), info(increment(0, 1, 2, 0)), increment(2, 3, 1, 5)}, Invalid},
		{"an unknown increment hides the put below it", []Operation{info(put(0, 1, 5)), info(increment(0, 1, 1, 0)), get(2, 3, 6)}, Valid},
		{"a counter read before its unknown put", []Operation{get(0, 10, 1), info(put(20, 30, 1)), increment(40, 50, 1, 2)}, Invalid},
		{"a counter, put and read at one instant", []Operation{get(0, 20, 1), info(put(20, 30, 1)), increment(40, 50, 1, 2)}, Valid},
		{"an unknown read says nothing", []Operation{put(0, 1, 1), info(get(2, 3, 9))}, Valid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if r := CheckLinearizable(history(tt.ops...), Budget{}); r.Verdict != tt.want {
				t.Errorf("%s %s, want %s\n%s", r.Verdict, r.Reason, tt.want, r.Text)
			}
		})
	}
}

// A claimed order that holds needs no search, even where operations only just touch; one that does not
// hold proves nothing.
func TestCertificate(t *testing.T) {
	at := func(version uint64, op Operation) Operation { op.Version = version; return op }
	for _, tt := range []struct {
		name     string
		ops      []Operation
		verdict  Verdict
		searched bool
	}{
		{"touching", []Operation{at(2, get(0, 10, 1)), at(1, put(10, 20, 1))}, Valid, false},
		{"a read carries the version of its write", []Operation{at(7, get(0, 10, 1)), at(7, put(0, 10, 1)), at(8, put(0, 9, 2))}, Valid, false},
		{"no versions, one after another", []Operation{put(0, 1, 1), get(2, 3, 1), remove(4, 5, true), getMissing(6, 7)}, Valid, false},
		{"unknown ones where replies demand them", []Operation{info(put(0, 1, 1)), info(swap(0, 1, 1, 2)), at(5, get(2, 3, 2)),
			info(remove(4, 5, true)), at(6, getMissing(6, 7)), info(increment(6, 7, 3, 0)), at(8, increment(8, 9, 1, 4))}, Valid, false},
		{"a lie about a legal history", []Operation{at(3, put(0, 1, 1)), at(2, get(2, 3, 1)), at(1, remove(4, 5, true))}, Valid, true},
		{"the right state, against real time", []Operation{at(2, get(0, 9, 1)), at(1, put(10, 20, 1))}, Invalid, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := CheckLinearizable(history(tt.ops...), Budget{})
			if r.Verdict != tt.verdict || r.Steps > 0 != tt.searched {
				t.Errorf("%s in %d steps, want %s, searched: %v\n%s", r.Verdict, r.Steps, tt.verdict, tt.searched, r.Text)
			}
		})
	}
}

func TestUnknownVerdicts(t *testing.T) {
	backwards := put(0, 1, 1)
	backwards.Call = 5
	onKey := func(key string, op Operation) Operation { op.Key = key; return op }
	stale := []Operation{put(0, 9, 1), put(0, 9, 2), put(0, 9, 3), put(0, 9, 4), get(10, 11, 1), get(12, 13, 2)}
	for _, tt := range []struct {
		name    string
		ops     []Operation
		steps   int64
		verdict Verdict
		reason  string
	}{
		{"empty", nil, 0, Unknown, ReasonVacuous},
		{"nothing completed", []Operation{info(put(0, 1, 1)), fail(put(0, 1, 2))}, 0, Unknown, ReasonVacuous},
		{"malformed interval", []Operation{backwards}, 0, Unknown, ReasonNotApplicable},
		{"malformed kind", []Operation{{Kind: 9}}, 0, Unknown, ReasonNotApplicable},
		{"out of steps", stale, 5, Unknown, ReasonBudget},
		{"enough steps", stale, 5000, Invalid, ""},
		{"undecided, and a later key invalid", append(slices.Clone(stale), onKey("y", get(0, 1, 1))), 5, Invalid, ""},
		{"undecided, and a later key valid", append(slices.Clone(stale), onKey("y", put(0, 1, 1))), 5, Unknown, ReasonBudget},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := CheckLinearizable(history(tt.ops...), Budget{Steps: tt.steps})
			if r.Verdict != tt.verdict || r.Reason != tt.reason {
				t.Errorf("%s %q, want %s %q\n%s", r.Verdict, r.Reason, tt.verdict, tt.reason, r.Text)
			}
			if r.Verdict == Unknown && (r.Op != -1 || r.Text == "") {
				t.Errorf("operation %d, text %q", r.Op, r.Text)
			}
		})
	}
}

// Whatever the budget, the verdict is the right one or Unknown, and a report is the same twice.
func TestBudgetNeverLies(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var c Checker
	undecided := 0
	for range 300 {
		h := generate(rng.IntN, 10)
		full := c.CheckLinearizable(h, Budget{})
		for steps := int64(1); steps < 40; steps += 3 {
			r := c.CheckLinearizable(h, Budget{Steps: steps})
			if r.Verdict == Unknown {
				undecided++
			} else if r.Verdict != full.Verdict {
				t.Fatalf("%s in %d steps, %s with all\n%s", r.Verdict, steps, full.Verdict, show(h))
			}
			if r.Reason == ReasonBudget && r.Steps > 2*steps {
				t.Fatalf("%d steps of %d", r.Steps, steps)
			}
			if again := CheckLinearizable(h, Budget{Steps: steps}); !reflect.DeepEqual(r, again) {
				t.Fatalf("two reports of one history:\n%s\n%s", r.Text, again.Text)
			}
		}
	}
	if undecided < 50 {
		t.Errorf("only %d undecided", undecided)
	}
}

// The report does not depend on the order in which operations stand, nor on what a Checker did before.
func TestDeterminism(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var c Checker
	for range 2000 {
		h := generate(rng.IntN, 12)
		want := c.CheckLinearizable(h, Budget{})
		shuffled := &History{Operations: slices.Clone(h.Operations)}
		rng.Shuffle(len(h.Operations), func(i, j int) {
			shuffled.Operations[i], shuffled.Operations[j] = shuffled.Operations[j], shuffled.Operations[i]
		})
		if got := CheckLinearizable(shuffled, Budget{}); !reflect.DeepEqual(got, want) {
			t.Fatalf("shuffled, the report is another:\n%+v\n%+v", got, want)
		}
	}
}

// Names and the origin of time do not matter, nor does a wider interval or a missing read to a valid
// history. What versions claim never changes a verdict.
func TestMetamorphic(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	var c Checker
	for range 5000 {
		h := generate(rng.IntN, 9)
		base := c.CheckLinearizable(h, Budget{})
		change := func(name string, to func(op *Operation)) {
			twin := &History{Operations: slices.Clone(h.Operations)}
			for i := range twin.Operations {
				to(&twin.Operations[i])
			}
			r := c.CheckLinearizable(twin, Budget{})
			same := r.Verdict == base.Verdict && r.Class == base.Class && r.Op == base.Op && slices.Equal(r.Core, base.Core)
			if !same {
				t.Fatalf("%s: %s %s %v, was %s %s %v\n%s\n%s", name, r.Verdict, r.Class, r.Core,
					base.Verdict, base.Class, base.Core, show(h), show(twin))
			}
		}
		change("rename keys", func(op *Operation) { op.Key = "key/" + op.Key })
		change("rename sessions", func(op *Operation) { op.Session += 100 })
		change("shift time", func(op *Operation) { op.Call += 1000; op.Return += 1000 })
		change("scale time", func(op *Operation) { op.Call *= 7; op.Return *= 7 })
		change("drop versions", func(op *Operation) { op.Version = 0 })
		change("invent versions", func(op *Operation) {
			if op.Outcome == Ok {
				op.Version = rng.Uint64N(5)
			}
		})
		if base.Verdict != Valid {
			continue
		}
		change("widen intervals", func(op *Operation) { op.Call = max(0, op.Call-2); op.Return += 3 })
		if slices.ContainsFunc(h.Operations, func(op Operation) bool { return op.Outcome == Ok && op.Kind != Get }) {
			change("forget the replies of reads", func(op *Operation) {
				if op.Kind == Get {
					*op = without(*op, Info)
				}
			})
		}
	}
}

// The whole text, as a person sees it.
func TestText(t *testing.T) {
	h := history(put(0, 10, 1), get(12, 15, 1), put(20, 30, 2), info(put(21, 0, 3)), get(40, 50, 1), get(60, 70, 2))
	h.Operations[0].Version = 4
	const want = `key "x": no order of the operations explains operation 4

  #4    session 4   [40, 50] get -> 1

core: 3 operations that contradict each other, whatever the others did

  #0    session 0   [0, 10] put 1 -> ok @4
  #2    session 2   [20, 30] put 2 -> ok
  #4    session 4   [40, 50] get -> 1

  s0    #0    |put 1 -> ok|
  s2    #2                  |put 2 -> ok|
  s4    #4                                |get -> 1|

around it on this key (> cannot be placed, * in the core)

* #0    session 0   [0, 10] put 1 -> ok @4
  #1    session 1   [12, 15] get -> 1
* #2    session 2   [20, 30] put 2 -> ok
  #3    session 3   [21, ...] put 3 -> info
> #4    session 4   [40, 50] get -> 1
  #5    session 5   [60, 70] get -> 2

#0 (put 1 -> ok) returned at 10, before #2 (put 2 -> ok) was called at 20: 2 was there after 1.
#2 (put 2 -> ok) returned at 30, before #4 (get -> 1) was called at 40: 1 was there after 2.
In the core 2 is written once, so it cannot be there both before and after.
`
	if got := CheckLinearizable(h, Budget{}).Text; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]string{
		"get": Get.String(), "put": Put.String(), "cas": CAS.String(), "increment": Increment.String(),
		"delete": Delete.String(), "kind(7)": Kind(7).String(), "pending": Pending.String(), "ok": Ok.String(),
		"fail": Fail.String(), "info": Info.String(), "valid": Valid.String(), "invalid": Invalid.String(),
		"unknown": Unknown.String(), "outcome(9)": Outcome(9).String(), "verdict(3)": Verdict(3).String(),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
