package checker

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

type modelCall = Call[Input, Output]

// judged are the models with what they are asked in the test; dumb carries an operation out on a list.
//
//saros:constant table
var judged = []struct {
	name  string
	check func([]modelCall, Budget) Report
	verbs []Verb
	take  int // where a queue-like model takes: 0 oldest, 1 newest, 2 smallest
}{
	{"queue", QueueModel().Check, []Verb{Insert, Take}, 0},
	{"stack", StackModel().Check, []Verb{Insert, Take}, 1},
	{"priority-queue", PriorityQueueModel().Check, []Verb{Insert, Take}, 2},
	{"set", SetModel().Check, []Verb{Add, Remove, Read}, 0},
	{"list-append", ListModel().Check, []Verb{Append, Read}, 0},
	{"membership", MembershipModel().Check, []Verb{TryAdd, TryRemove, Contains}, 0},
	{"counter", CounterModel().Check, []Verb{Add, Read}, 0},
	{"lock", LockModel().Check, []Verb{Acquire, Release}, 0},
	{"register", RegisterModel().Check, []Verb{Write, Read, Swap}, 0},
	{"text", TextModel().Check, []Verb{Write, Append, Read}, 0},
}

// dumb is the reply to in from a store that is one plain list of whatever the model holds, and the list
// after it. possible is false where in must wait: a lock that is held.
func dumb(name string, take int, in Input, list []int64, text string) (out Output, after []int64, textAfter string, possible bool) {
	after, textAfter, possible = slices.Clone(list), text, true
	switch {
	case in.Do == Insert:
		after = append(after, in.Value)
	case in.Do == Take && len(list) > 0:
		at := []int{0, len(list) - 1, slices.Index(list, slices.Min(list))}[take]
		out.Found, out.Value = true, list[at]
		after = slices.Delete(after, at, at+1)
	case (name == "set" || name == "list-append") && in.Do == Read:
		out.Values = after
	case name == "list-append":
		after = append(after, in.Value)
	case name == "membership":
		out.Found = slices.Contains(list, in.Value) == (in.Do != TryAdd)
		after = slices.DeleteFunc(after, func(v int64) bool { return v == in.Value && in.Do != Contains })
		if in.Do == TryAdd {
			after = append(after, in.Value)
		}
	case name == "set":
		after = slices.DeleteFunc(after, func(v int64) bool { return v == in.Value })
		if in.Do == Add {
			after = append(after, in.Value)
			slices.Sort(after)
		}
	case name == "counter":
		for _, v := range list {
			out.Value += v
		}
		if in.Do == Add {
			out, after = Output{}, append(after, in.Value)
		}
	case name == "lock":
		possible = (len(list) == 0) == (in.Do == Acquire)
		if after = nil; in.Do == Acquire {
			after = []int64{1}
		}
	case name == "register" && in.Do == Write:
		after = []int64{in.Value}
	case name == "register" && in.Do == Read && len(list) > 0:
		out.Found, out.Value = true, list[0]
	case name == "register" && in.Do == Swap && len(list) > 0 && list[0] == in.Old:
		out.Found, after = true, []int64{in.Value}
	case name == "text" && in.Do == Read:
		out.Text = text
	case name == "text" && in.Do == Write:
		textAfter = in.Text
	case in.Do == Append:
		textAfter += in.Text
	}
	return out, after, textAfter, possible
}

func same(a, b Output) bool {
	return a.Found == b.Found && a.Value == b.Value && a.Text == b.Text && slices.Equal(a.Values, b.Values)
}

// dumbOrder tries every order.
func dumbOrder(name string, take int, todo []modelCall, list []int64, text string) bool {
	if !slices.ContainsFunc(todo, func(c modelCall) bool { return c.Outcome == Ok }) {
		return true
	}
	for i, c := range todo {
		if slices.ContainsFunc(todo, func(o modelCall) bool { return o.Outcome == Ok && o.Return < c.Call }) {
			continue
		}
		out, after, textAfter, possible := dumb(name, take, c.Input, list, text)
		if possible && (c.Outcome != Ok || same(out, c.Output)) &&
			dumbOrder(name, take, slices.Delete(slices.Clone(todo), i, i+1), after, textAfter) {
			return true
		}
	}
	return false
}

func dumbly(name string, take int, calls []modelCall) bool {
	return dumbOrder(name, take, slices.DeleteFunc(slices.Clone(calls), func(c modelCall) bool { return c.Outcome == Fail }), nil, "")
}

// modelHistory runs up to n operations in a true order and then, two times in three, changes a reply
// or an interval.
func modelHistory(d draw, name string, take int, verbs []Verb, n int) []modelCall {
	var calls []modelCall
	var list []int64
	text, width := "", 1+d(8)
	for i := range 2 + d(n-1) {
		in := Input{Do: verbs[d(len(verbs))], Value: int64(1 + d(4)), Old: int64(1 + d(3))}
		if name == "text" {
			in.Text = string(rune('a' + d(3)))
		}
		if in.Do == Insert {
			in.Value = int64(1 + i)
			if take == 2 {
				in.Value = int64((i*5)%7 + 1)
			}
		}
		point := int64(3 * i)
		c := modelCall{Session: int32(i), Input: in, Call: max(0, point-int64(d(width))), Return: point + int64(d(width)), Outcome: Ok}
		out, after, textAfter, possible := dumb(name, take, in, list, text)
		switch acts := d(6); {
		case !possible:
			c.Outcome = Fail
		case acts == 0:
			c.Outcome = Fail
		case acts == 1:
			c.Outcome = Info
			if d.one(2) {
				list, text = after, textAfter
			}
		default:
			c.Output, list, text = out, after, textAfter
		}
		calls = append(calls, c)
	}
	if d.one(4) {
		return calls
	}
	for range 2 + d(4) {
		c := &calls[d(len(calls))]
		switch other := calls[d(len(calls))]; d(8) {
		case 0, 1:
			if c.Input.Do == other.Input.Do && c.Outcome == Ok && other.Outcome == Ok {
				c.Output = other.Output
			}
		case 2:
			length := c.Return - c.Call
			c.Call = int64(d(3 * n))
			c.Return = c.Call + length
		case 3:
			if c.Outcome == Fail {
				c.Outcome = Ok
			}
		case 4:
			if c.Outcome == Ok && (c.Input.Do == Read || c.Input.Do == Take) {
				c.Output = Output{}
			}
		case 5, 6, 7: // what another asked for
			if c.Outcome != Ok {
				c.Outcome = Ok
			} else if c.Input.Do == Read || c.Input.Do == Take {
				switch name {
				case "set", "list-append":
					c.Output = Output{Values: []int64{other.Input.Value}}
				case "text":
					c.Output = Output{Text: other.Input.Text}
				case "counter":
					c.Output = Output{Value: other.Input.Value}
				default:
					c.Output = Output{Found: true, Value: other.Input.Value}
				}
			}
		}
	}
	return calls
}

// Each model's verdict is that of the enumerator, and its core is illegal on its own. SAROS_ORACLE=N
// asks for N histories a model.
func TestOracleModel(t *testing.T) {
	n := 1500
	if s := os.Getenv("SAROS_ORACLE"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range judged {
		rng := rand.New(rand.NewPCG(7, uint64(n)))
		counts, core := map[Verdict]int{}, 0
		for range n {
			calls := modelHistory(rng.IntN, m.name, m.take, m.verbs, 7)
			r := m.check(calls, Budget{})
			counts[r.Verdict]++
			if r.Reason == ReasonVacuous {
				continue
			}
			if want := map[bool]Verdict{true: Valid, false: Invalid}[dumbly(m.name, m.take, calls)]; r.Verdict != want {
				t.Fatalf("%s: verdict %s, the oracle says %s\n%+v\n%s", m.name, r.Verdict, want, calls, r.Text)
			}
			if r.Verdict != Invalid {
				continue
			}
			core += len(r.Core)
			var alone []modelCall
			for _, id := range r.Core {
				alone = append(alone, calls[id])
			}
			if !slices.Contains(r.Core, r.Op) || dumbly(m.name, m.take, alone) {
				t.Fatalf("%s: the core is legal, or without its operation\n%+v\n%s", m.name, calls, r.Text)
			}
			if !unexplained(m.name, m.take, calls, r) {
				t.Fatalf("%s: not the first that nothing explains, or the core could spare something\n%+v\n%s", m.name, calls, r.Text)
			}
			if r.Class != "linearizability/"+m.name {
				t.Fatalf("%s: class %s", m.name, r.Class)
			}
			if again := m.check(calls, Budget{}); again.Text != r.Text || again.Steps != r.Steps {
				t.Fatalf("%s: two reports of one history", m.name)
			}
		}
		t.Logf("%-14s %v, core %.1f", m.name, counts, float64(core)/float64(counts[Invalid]))
		if counts[Valid] < n/10 || counts[Invalid] < n/10 {
			t.Errorf("%s: the generator is lopsided: %v", m.name, counts)
		}
	}
}

// unexplained tells whether the operation of an invalid report is the first, of its core, without which the
// core is legal (of everything, where search decides, or at least where nobody can have come to the rescue),
// and whether each read and each value in the core is needed.
func unexplained(name string, take int, calls []modelCall, r Report) bool {
	if name == "set" || name == "list-append" {
		return true // replies in the report are cut down to what matters, and nothing else is needed
	}
	last := calls[r.Op]
	then := func(id int) (c modelCall, met bool) { // as it stood when the operation returned
		if c = calls[id]; c.Outcome == Fail || c.Call > last.Return {
			return c, false
		}
		if c.Outcome == Ok && id != r.Op && (c.Return > last.Return || c.Return == last.Return && (c.Call > last.Call || c.Call == last.Call && id > r.Op)) {
			c.Outcome = Info
		}
		return c, true
	}
	searched := slices.Contains([]string{"counter", "lock", "register", "text"}, name)
	open := slices.ContainsFunc(calls, func(c modelCall) bool { return c.Outcome == Info })
	var core, before []modelCall
	for id := range calls {
		c, met := then(id)
		if !met && slices.Contains(r.Core, id) && (searched || !open) {
			return false
		}
		if slices.Contains(r.Core, id) {
			core = append(core, c)
		}
		if !met {
			continue
		}
		if searched || !open && slices.Contains(r.Core, id) {
			if id == r.Op {
				c.Outcome = Info
			}
			before = append(before, c)
		}
	}
	if dumbOrder(name, take, core, nil, "") || !dumbOrder(name, take, before, nil, "") {
		return false
	}
	about := func(c modelCall) int64 {
		switch {
		case c.Input.Do == Insert:
			return c.Input.Value
		case c.Input.Do == Take && c.Outcome == Ok && c.Output.Found:
			return c.Output.Value
		}
		return none
	}
	for i, c := range core {
		reads := c.Input.Do == Read || c.Input.Do == Contains || c.Outcome == Ok && !c.Output.Found &&
			(c.Input.Do == Take || c.Input.Do == TryAdd || c.Input.Do == TryRemove || c.Input.Do == Swap)
		if v := about(c); reads || v != none {
			less := slices.Delete(slices.Clone(core), i, i+1)
			if v != none {
				less = slices.DeleteFunc(slices.Clone(core), func(c modelCall) bool { return about(c) == v })
			}
			if !dumbOrder(name, take, less, nil, "") {
				return false
			}
		}
	}
	return true
}

// A model of one's own: it begins where it says, every step is counted, and a fast algorithm that is wrong
// does not convict.
func TestModelOfOnesOwn(t *testing.T) {
	var steps int64
	m := &Model[int64, Input, Output]{
		Name: "countdown", Init: 2, Read: readOnly, Describe: describeCall, Key: keyOfInput,
		Step: func(s int64, in Input, out *Output) (int64, bool) {
			steps++
			if in.Do == Read {
				return s, out == nil || out.Value == s
			}
			return s - 1, true
		},
	}
	read := func(key string, v, call, ret int64) modelCall {
		return modelCall{Input: Input{Key: key}, Output: Output{Value: v}, Outcome: Ok, Call: call, Return: ret}
	}
	write := func(key string, call, ret int64) modelCall {
		return modelCall{Input: Input{Key: key, Do: Write}, Outcome: Ok, Call: call, Return: ret}
	}
	good := []modelCall{read("", 2, 0, 1), write("", 2, 9), read("", 1, 3, 4), write("", 5, 9), read("", 0, 10, 11)}
	bad := append(slices.Clone(good), read("", 2, 12, 13), read("", 0, 14, 15))
	for _, tt := range []struct {
		calls []modelCall
		want  Verdict
		op    int
	}{{good, Valid, -1}, {bad, Invalid, 5}} {
		steps = 0
		if r := m.Check(tt.calls, Budget{}); r.Verdict != tt.want || r.Op != tt.op || r.Steps != steps {
			t.Errorf("%s of %d in %d steps, want %s of %d in %d\n%s", r.Verdict, r.Op, r.Steps, tt.want, tt.op, steps, r.Text)
		}
	}
	m.fast = func(tasks []request) (answer, []request) { return illegal, tasks[:min(1, len(tasks))] }
	if r := m.Check(good, Budget{}); r.Verdict != Valid {
		t.Errorf("%s on a wrong word\n%s", r.Verdict, r.Text)
	}
	m.fast = nil
	two := []modelCall{read("b", 7, 0, 1), read("c", 7, 0, 1), read("a", 7, 2, 3)}
	if r := m.Check(two, Budget{}); r.Verdict != Invalid || r.Key != "a" {
		t.Errorf("%s %q, want the first key", r.Verdict, r.Key)
	}
	var undecided []modelCall
	for _, key := range []string{"b", "a"} {
		undecided = append(undecided, write(key, 0, 1), write(key, 0, 1), read(key, 0, 2, 3))
	}
	if r := m.Check(undecided, Budget{Steps: 1}); r.Reason != ReasonBudget || r.Key != "a" {
		t.Errorf("%s %q, want the first key that was not decided", r.Reason, r.Key)
	}
}

// A read leaves the state alone; where the reply is unknown nothing is refused but what a lock must; states that
// are not equal have, in this test, hashes that are not.
func TestModelSteps(t *testing.T) {
	stepwise(t, RegisterModel())
	stepwise(t, TextModel())
	stepwise(t, CounterModel())
	stepwise(t, LockModel())
	stepwise(t, SetModel())
	stepwise(t, ListModel())
	stepwise(t, QueueModel())
	stepwise(t, StackModel())
	stepwise(t, PriorityQueueModel())
	stepwise(t, MembershipModel())
}

func stepwise[S any](t *testing.T, m *Model[S, Input, Output]) {
	rng := rand.New(rand.NewPCG(51, 52))
	hashes := map[uint64]S{}
	equal := func(a, b S) bool {
		if m.Equal != nil {
			return m.Equal(a, b)
		}
		return any(a) == any(b)
	}
	s := m.Init
	for i := range 3000 {
		if i%10 == 0 {
			s = m.Init
		}
		in := Input{Do: Verb(rng.IntN(int(Contains) + 2)), Value: int64(rng.IntN(3)), Old: int64(rng.IntN(3)), Text: string(rune('a' + rng.IntN(3)))}
		var out *Output
		if rng.IntN(2) == 0 {
			out = &Output{Found: rng.IntN(2) == 0, Value: int64(rng.IntN(3))}
		}
		after, agrees := m.Step(s, in, out)
		reads := m.Read != nil && m.Read(in, out)
		if !agrees {
			after = s
		}
		if reads && !equal(s, after) {
			t.Fatalf("%s: %s reads, yet %v became %v", m.Name, m.Describe(in, out), s, after)
		}
		known := map[string][]Verb{"lock": {}}[m.Name]
		for _, j := range judged {
			if j.name == m.Name && m.Name != "lock" {
				known = j.verbs
			}
		}
		if out == nil && !agrees && slices.Contains(known, in.Do) {
			t.Fatalf("%s: %s refused in %v", m.Name, m.Describe(in, out), s)
		}
		if m.Hash != nil {
			if other, met := hashes[m.Hash(after)]; met && !equal(other, after) {
				t.Fatalf("%s: one hash for %v and %v", m.Name, other, after)
			}
			hashes[m.Hash(after)] = after
		}
		s = after
	}
}

// With no steps to spend nothing is decided.
func TestModelBudget(t *testing.T) {
	insert := modelCall{Input: Input{Do: Insert, Value: 1}, Outcome: Ok, Return: 1}
	calls := []modelCall{insert, insert, // twice the same value: nothing but the search decides
		{Input: Input{Do: Take}, Output: Output{Found: true, Value: 2}, Outcome: Ok, Call: 2, Return: 3}}
	if r := QueueModel().Check(calls, Budget{Steps: 1}); r.Verdict != Unknown || r.Reason != ReasonBudget {
		t.Errorf("%s %s", r.Verdict, r.Reason)
	}
	other := insert
	other.Input.Value, other.Call, other.Return = 2, 2, 3
	take := func(v, call, ret int64) modelCall {
		return modelCall{Input: Input{Do: Take}, Output: Output{Found: true, Value: v}, Outcome: Ok, Call: call, Return: ret}
	}
	overtaken := []modelCall{insert, other, take(2, 4, 5), take(1, 6, 7)}
	if r := QueueModel().Check(overtaken, Budget{Steps: 1}); r.Verdict != Unknown || r.Reason != ReasonBudget { // to confirm it takes more
		t.Errorf("%s %s", r.Verdict, r.Reason)
	}
	// The first take is wrong whatever follows; unless one of which nobody knows was called in time to matter.
	for call, op := range map[int64]int{6: 3, 7: 3, 8: 2} {
		unknown := modelCall{Input: Input{Do: Take}, Outcome: Info, Call: call}
		if r := QueueModel().Check(append(slices.Clip(overtaken), unknown), Budget{}); r.Verdict != Invalid || r.Op != op {
			t.Errorf("unknown at %d: %s, operation %d, want %d", call, r.Verdict, r.Op, op)
		}
	}
	if r := QueueModel().Check(calls, Budget{}); r.Verdict != Invalid || r.Class != "linearizability/queue" {
		t.Errorf("%s %s", r.Verdict, r.Class)
	}
}
