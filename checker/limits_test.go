package checker

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// What is at a limit is allowed, and written and read again as it is; one more is refused.
func TestLimits(t *testing.T) {
	at := func(change func(op *Operation)) *History {
		h := history(swap(0, 10, 1, 2))
		change(&h.Operations[0])
		return h
	}
	for _, tt := range []struct {
		name    string
		valid   bool
		changed func(op *Operation)
	}{
		{"least numbers", true, func(op *Operation) {
			op.Old, op.Arg, op.Result, op.Session = math.MinInt64, math.MinInt64, math.MinInt64, math.MinInt32
		}},
		{"greatest numbers", true, func(op *Operation) {
			op.Old, op.Arg, op.Result, op.Session = math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt32
			op.Version, op.CommitTS, op.Found, op.Swapped = math.MaxUint64, math.MaxInt64, true, true
		}},
		{"the last instant", true, func(op *Operation) { op.Call, op.Return = maxTime, maxTime }},
		{"called after it", false, func(op *Operation) { op.Call, op.Return = maxTime+1, maxTime+1 }},
		{"returned after it", false, func(op *Operation) { op.Return = maxTime + 1 }},
		{"the first commit", true, func(op *Operation) { op.CommitTS = 1 }},
		{"a commit before it", false, func(op *Operation) { op.CommitTS = -1 }},
		{"the longest key", true, func(op *Operation) { op.Key = strings.Repeat("\x01", 4<<10) }},
		{"a longer key", false, func(op *Operation) { op.Key = strings.Repeat("k", (4<<10)+1) }},
		{"a key of broken UTF-8", false, func(op *Operation) { op.Key = "a\xc3" }},
		{"an info with a result", false, func(op *Operation) { *op = without(*op, Info); op.Result = 1 }},
		{"an info that found", false, func(op *Operation) { *op = without(*op, Info); op.Found = true }},
		{"an info that swapped", false, func(op *Operation) { *op = without(*op, Info); op.Swapped = true }},
		{"an info with a commit", false, func(op *Operation) { *op = without(*op, Info); op.CommitTS = 1 }},
	} {
		h := at(tt.changed)
		if err := h.Validate(); err == nil != tt.valid {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !tt.valid {
			continue
		}
		if got, err := ReadHistory(strings.NewReader(written(t, h))); err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("%s: %v, got %+v, want %+v", tt.name, err, got, h)
		}
	}
}

// An error of the file is an error of the reader and of the writer, with the line it came in.
func TestBrokenFile(t *testing.T) {
	broken := errors.New("broken")
	file := header + call0 + ok0
	for n, want := range map[string]string{"": "line 1: broken", header: "line 2: broken", header + call0[:9]: "line 2: broken"} {
		h, err := ReadHistory(io.MultiReader(strings.NewReader(n), iotest.ErrReader(broken)))
		if h != nil || !errors.Is(err, broken) || err.Error() != want {
			t.Errorf("%q: %v, want %s", n, err, want)
		}
	}
	if h, err := ReadHistory(iotest.OneByteReader(strings.NewReader(file))); err != nil || len(h.Operations) != 1 {
		t.Errorf("byte by byte: %v", err)
	}
	if h, err := ReadHistory(strings.NewReader(header)); err != nil || h == nil || len(h.Operations) != 0 {
		t.Errorf("an empty history: %v, %v", h, err)
	}
	h := history(put(0, 1, 1))
	if err := WriteHistory(brokenWriter{broken}, h); !errors.Is(err, broken) {
		t.Errorf("written: %v", err)
	}
	var b bytes.Buffer
	if err := WriteHistory(&b, &History{}); err != nil || b.String() != header {
		t.Errorf("%v: %q", err, b.String())
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// Lines that are wrong in a place of their own.
func TestReadMalformedMore(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{`{"schema":"saros/history/v1"`, "line 1: want"},
		{`{"schema":`, `line 1: field "schema": want a string, got the end of the line`},
		{`{"schema":1}`, `line 1: field "schema": want a string, got "1}"`},
		{header + `{`, `line 2: want a string, got the end of the line`},
		{header + strings.TrimSpace(call0) + `x`, `line 2: want the end of the line, got "x"`},
		{header + "{\"type\":\"a\x1f\"}", `line 2: field "type": want a string without control characters`},
		{header + call0 + `{"type":"info","id":0,"at":12,"result":1}`, `line 3: field "result" does not belong to info`},
		{header + call0 + `{"type":"info","id":3,"at":12}`, "line 3: info of id 3, which was not invoked"},
		{strings.TrimSpace(header) + "?", "line 1: want the end of the line"},
		{header + call0 + `{"type":"ok","id":1,"at":12,"result":0,"found":false,"swapped":false,"version":9}`, "line 3: ok of id 1, which was not invoked"},
		{header + strings.Replace(call0, `"id":0`, `"id":1`, 1), "line 2: at the end: id 1 among 1 operations"},
		{header + call0 + strings.Replace(ok0, `}`, `,"commit_ts":0}`, 1), `line 3: field "commit_ts" is 0`},
		{header + call0 + strings.Replace(ok0, `}`, `,"commit_ts":-1}`, 1), "line 3: commit timestamp -1 is negative"},
		{header + strings.Replace(call0, `:2}`, `:2,"commit_ts":1}`, 1), `line 2: field "commit_ts" does not belong to invoke`},
		{header + strings.Replace(call0, `"session":1`, `"session":-2147483649`, 1), `line 2: field "session"`},
		{header + strings.Replace(call0, `"id":0`, `"id":2147483648`, 1), `line 2: field "id"`},
	} {
		h, err := ReadHistory(strings.NewReader(tt.file))
		if err == nil || h != nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%.200q: error %v, want %q", tt.file, err, tt.want)
		}
	}
	const spaced = "{ \"schema\" :\t\"saros/history/v1\" }\n" +
		"{\"type\":\"invoke\",\"id\":0,\"at\":1,\"session\":1,\"kind\":\"get\",\"key\":\"\\\"\",\"old\":0,\"arg\":0}\n" +
		"{\"type\":\"ok\",\"id\":0,\"at\":2,\"result\":0,\"found\": \ttrue,\"swapped\":false,\"version\":0}\r\n"
	h, err := ReadHistory(strings.NewReader(spaced))
	if err != nil || len(h.Operations) != 1 || h.Operations[0].Key != `"` || !h.Operations[0].Found {
		t.Errorf("%v, %+v", err, h)
	}
}

// Calls of a model that cannot be are no verdict.
func TestModelLimits(t *testing.T) {
	call := func(outcome Outcome, from, to int64) []modelCall {
		return []modelCall{{Input: Input{Do: Write, Value: 1}, Outcome: outcome, Call: from, Return: to}}
	}
	for _, tt := range []struct {
		name  string
		calls []modelCall
		want  Verdict
		why   string
	}{
		{"a call", call(Ok, 0, 0), Valid, ""},
		{"the last instant", call(Ok, maxTime, maxTime), Valid, ""},
		{"called too late", call(Info, maxTime+1, 0), Unknown, ReasonNotApplicable},
		{"called too early", call(Info, -1, 0), Unknown, ReasonNotApplicable},
		{"returned too late", call(Ok, 0, maxTime+1), Unknown, ReasonNotApplicable},
		{"returned before it was called", call(Ok, 5, 4), Unknown, ReasonNotApplicable},
		{"no outcome", call(Info+1, 0, 1), Unknown, ReasonNotApplicable},
		{"given up, no matter when", append(call(Info, 5, 4), call(Ok, 0, 1)...), Valid, ""},
		{"nothing", nil, Unknown, ReasonVacuous},
		{"nothing completed", append(call(Info, 5, 4), call(Fail, 0, 1)...), Unknown, ReasonVacuous},
		{"completed, and all of it reads", []modelCall{{Input: Input{Do: Read}, Outcome: Ok}}, Valid, ""},
	} {
		r := RegisterModel().Check(tt.calls, Budget{})
		if r.Verdict != tt.want || r.Reason != tt.why || r.Op != -1 || r.Key != "" {
			t.Errorf("%s: %s %q, operation %d, key %q", tt.name, r.Verdict, r.Reason, r.Op, r.Key)
		}
	}
}

// A model is judged object by object, each alone, in the order of their names; the steps of all are counted.
func TestModelObjects(t *testing.T) {
	one := func(key string, value, read int64) []modelCall {
		return []modelCall{{Input: Input{Key: key, Do: Write, Value: value}, Outcome: Ok, Call: 0, Return: 1},
			{Input: Input{Key: key, Do: Read}, Output: Output{Found: true, Value: read}, Outcome: Ok, Call: 2, Return: 3}}
	}
	m := RegisterModel()
	a, b := m.Check(one("a", 1, 1), Budget{}), m.Check(one("b", 2, 2), Budget{})
	both := m.Check(append(one("b", 2, 2), one("a", 1, 1)...), Budget{})
	if both.Verdict != Valid || both.Steps != a.Steps+b.Steps || both.Steps == 0 {
		t.Errorf("%s in %d steps, alone %d and %d", both.Verdict, both.Steps, a.Steps, b.Steps)
	}
	bad := m.Check(append(append(one("b", 2, 7), one("c", 3, 7)...), one("a", 1, 1)...), Budget{})
	if bad.Verdict != Invalid || bad.Key != "b" || bad.Op != 1 || bad.Class != "linearizability/register" || bad.Steps <= a.Steps {
		t.Errorf("%s %s, key %q, operation %d, %d steps", bad.Verdict, bad.Class, bad.Key, bad.Op, bad.Steps)
	}
	m.Key = nil
	if r := m.Check(append(one("b", 2, 2), one("a", 2, 2)...), Budget{}); r.Verdict != Valid || r.Key != "" {
		t.Errorf("one object: %s, key %q", r.Verdict, r.Key)
	}
	if r := m.Check(append(one("b", 2, 7), one("a", 1, 1)...), Budget{}); r.Verdict != Invalid || r.Key != "" {
		t.Errorf("one object: %s, key %q", r.Verdict, r.Key)
	}
	undecided := m.Check(one("b", 2, 7), Budget{Steps: 1})
	if undecided.Verdict != Unknown || undecided.Reason != ReasonBudget || undecided.Op != -1 || undecided.Steps != 1 {
		t.Errorf("%s %s, operation %d, %d steps", undecided.Verdict, undecided.Reason, undecided.Op, undecided.Steps)
	}
}

// A hash may be as bad as it likes: states are told apart by Equal.
func TestModelHashedBadly(t *testing.T) {
	rng := rand.New(rand.NewPCG(91, 92))
	m := StackModel()
	m.Hash = func([]int64) uint64 { return 0 }
	counts := map[Verdict]int{}
	for range 600 {
		calls := modelHistory(rng.IntN, "stack", 1, []Verb{Insert, Take}, 7)
		r := m.Check(calls, Budget{})
		if counts[r.Verdict]++; r.Reason == ReasonVacuous {
			continue
		}
		if want := map[bool]Verdict{true: Valid, false: Invalid}[dumbly("stack", 1, calls)]; r.Verdict != want {
			t.Fatalf("verdict %s, the oracle says %s\n%+v", r.Verdict, want, calls)
		}
	}
	if counts[Valid] < 60 || counts[Invalid] < 60 {
		t.Errorf("the generator is lopsided: %v", counts)
	}
}

// A file shows the events of one instant session by session, and of one session a return before the next call.
func TestOneInstant(t *testing.T) {
	h := history(put(5, 5, 1), put(5, 5, 2), put(5, 5, 3))
	h.Operations[0].Session, h.Operations[1].Session, h.Operations[2].Session = 7, 3, 7
	var seen []string
	for line := range strings.Lines(written(t, h)) {
		if what, _, ok := strings.Cut(strings.TrimPrefix(line, `{"type":"`), `,"at"`); ok {
			seen = append(seen, what)
		}
	}
	want := []string{`invoke","id":1`, `ok","id":1`, `invoke","id":0`, `ok","id":0`, `invoke","id":2`, `ok","id":2`}
	if !reflect.DeepEqual(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
}
