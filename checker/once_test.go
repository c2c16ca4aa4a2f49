package checker

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// numbers are those of requests, in their order.
var numbers = [...]uint64{0, 1, 1 << 63, 1<<63 + 1, 1<<64 - 2000}

// onceWrong is the definition, request by request: the class of what is wrong with the lowest that has
// something, or "".
func onceWrong(h *RequestHistory) string {
	for _, request := range numbers {
		count, asked, possible, acknowledged, differ := 0, false, false, false, false
		for _, f := range h.Final.List {
			if f == request {
				count++
			}
		}
		for _, a := range h.Attempts {
			if a.Request != request {
				continue
			}
			asked, possible, acknowledged = true, possible || a.Outcome != Fail, acknowledged || a.Outcome == Ok
			for _, b := range h.Attempts {
				differ = differ || b.Request == request && a.Outcome == Ok && b.Outcome == Ok && a.Reply != b.Reply
			}
		}
		switch {
		case differ:
			return "once/other-reply"
		case !asked && count > 0:
			return "once/thin-air"
		case count > 1:
			return "once/duplicate-effect"
		case acknowledged && count == 0:
			return "once/lost"
		case !possible && count > 0:
			return "once/failed-effect"
		}
	}
	return ""
}

// requests makes a list that keeps its promise, save for a lie in some.
func requests(rng *rand.Rand) *RequestHistory {
	h := &RequestHistory{}
	free := [3]int64{}
	for range rng.IntN(7) {
		s := rng.IntN(3)
		if free[s] < 0 {
			continue // it waits for ever
		}
		a := Attempt{int32(s), numbers[rng.IntN(4)], []Outcome{Ok, Ok, Fail, Info, Pending}[rng.IntN(5)], 0, 0, 0}
		a.Call = free[s] + int64(rng.IntN(2))
		free[s] = -1
		if a.Outcome != Pending {
			a.Return = a.Call + int64(rng.IntN(4))
			free[s] = a.Return
		}
		if a.Outcome == Ok {
			a.Reply = int64(rng.IntN(8) / 7)
		}
		h.Attempts = append(h.Attempts, a)
		if !slices.Contains(h.Final.List, a.Request) && (a.Outcome == Ok || a.Outcome != Fail && rng.IntN(2) == 0) || rng.IntN(25) == 0 {
			h.Final.List = append(h.Final.List, a.Request)
		}
	}
	if n := len(h.Final.List); n > 0 && rng.IntN(12) == 0 {
		h.Final.List = slices.Delete(h.Final.List, n-1, n)
	}
	if rng.IntN(25) == 0 {
		h.Final.List = append(h.Final.List, numbers[rng.IntN(5)])
	}
	rng.Shuffle(len(h.Final.List), func(i, j int) { l := h.Final.List; l[i], l[j] = l[j], l[i] })
	h.Final.Session, h.Final.Call, h.Final.Return = 9, 100, 110
	return h
}

// onlyCore is h with nothing but the core of r, and what the list says of its requests.
func onlyCore(h *RequestHistory, r Report) *RequestHistory {
	core := &RequestHistory{Final: h.Final}
	core.Final.List = nil
	gone := map[uint64]bool{}
	for i, a := range h.Attempts {
		if slices.Contains(r.Core, i) {
			core.Attempts = append(core.Attempts, a)
		} else {
			gone[a.Request] = true
		}
	}
	for _, a := range core.Attempts {
		delete(gone, a.Request)
	}
	if !slices.Contains(r.Core, len(h.Attempts)) { // the list, left out, says nothing: as if it were right
		core.Final.List = []uint64{core.Attempts[0].Request}
		return core
	}
	for _, f := range h.Final.List {
		if !gone[f] {
			core.Final.List = append(core.Final.List, f)
		}
	}
	return core
}

func TestOracleOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	rounds, invalid := histories(t, 50_000), 0
	seen := map[string]int{}
	for range rounds {
		h := requests(rng)
		r, err := CheckExactlyOnce(h)
		want := Valid
		switch {
		case onceWrong(h) != "":
			want = Invalid
		case len(h.Attempts) == 0:
			want = Unknown
		}
		if err != nil || want != r.Verdict || want == Unknown && r.Reason != ReasonVacuous {
			t.Fatalf("%v, %s, want %s: %+v\n%s", err, r.Verdict, want, h, r.Text)
		}
		toldOnce(t, h, r)
		if want != Invalid {
			continue
		}
		invalid++
		seen[r.Class]++
		if a := r.Core[0]; r.Class == "once/duplicate-effect" && h.Attempts[a].Outcome == Fail && slices.ContainsFunc(h.Attempts, func(b Attempt) bool {
			return b.Request == h.Attempts[a].Request && b.Outcome != Fail
		}) {
			t.Fatalf("attempt %d, which failed, for an effect that another may have had: %+v", a, h)
		}
		if core := onlyCore(h, r); len(r.Core) == 0 || !slices.IsSorted(r.Core) || r.Class != onceWrong(h) || r.Class != onceWrong(core) {
			t.Fatalf("%s: want %s, core %v alone is %q: %+v\n%s", r.Class, onceWrong(h), r.Core, onceWrong(core), core, r.Text)
		}
	}
	if invalid*10 < rounds || invalid*10 > 9*rounds || len(seen) != 5 {
		t.Errorf("%d of %d invalid: %v", invalid, rounds, seen)
	}
	t.Logf("%d histories, %d invalid: %v", rounds, invalid, seen)
}

func writtenRequests(t *testing.T, h *RequestHistory) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteRequests(&b, h); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRequestFile(t *testing.T) {
	h := &RequestHistory{
		Attempts: []Attempt{{-1, 1<<64 - 1, Info, 0, 0, 5}, {2, 7, Ok, -7, 1, 2}, {3, 8, Fail, 0, 1, 2}, {4, 9, Pending, 0, 1, 0}},
		Final:    Final{2, 6, 7, []uint64{7, 1<<64 - 1}},
	}
	if again, err := ReadRequests(strings.NewReader(writtenRequests(t, h))); err != nil || !reflect.DeepEqual(again, h) {
		t.Errorf("%v: %+v, want %+v", err, again, h)
	}
}

const (
	requestHeader = `{"schema":"saros/requests/v1"}` + "\n"
	attempt0      = `{"type":"attempt","id":0,"session":1,"request":5,"outcome":"ok","reply":7,"call":0,"return":5}` + "\n"
	final1        = `{"type":"final","id":1,"session":1,"call":10,"return":12}` + "\n"
	effect5       = `{"type":"effect","request":5}` + "\n"
)

var malformedRequests = []struct{ file, want string }{
	{"", "line 1: no header"},
	{requestHeader, "line 1: at the end: no final read"},
	{requestHeader + attempt0, "line 2: at the end: no final read"},
	{requestHeader + final1, "line 2: not spelled as it is written"}, // its id is 0
	{requestHeader + attempt0 + effect5, "line 3: effect out of place"},
	{requestHeader + attempt0 + final1 + final1, "line 4: final out of place"},
	{requestHeader + attempt0 + final1 + attempt0, "line 4: attempt out of place"},
	{requestHeader + attempt0 + final1 + strings.TrimSuffix(effect5, "\n"), "line 4: cut short"},
	{requestHeader + attempt0 + final1 + strings.Replace(effect5, "effect", "affect", 1), `line 4: unknown type "affect"`},
	{requestHeader + strings.Replace(attempt0, `"ok"`, `"yes"`, 1) + final1, `line 2: unknown outcome "yes"`},
	{requestHeader + strings.Replace(attempt0, `"ok"`, `"info"`, 1) + final1, "line 2: info, yet it carries a reply"},
	{requestHeader + strings.Replace(attempt0, `"ok","reply":7`, `"pending","reply":0`, 1) + final1, "line 2: pending, yet it returned at 5"},
	{requestHeader + strings.Replace(attempt0, `"return":5`, `"return":-1`, 1) + final1, "line 2: called at 0, returned at -1"},
	{requestHeader + strings.Replace(attempt0, `"call":0`, `"call":-1`, 1) + final1, "line 2: called at -1"},
	{requestHeader + "\n", "line 2: unexpected end of JSON input"},
	{requestHeader + strings.Replace(attempt0, `"reply":7`, `"reply":7.5`, 1) + final1, "line 2: json: cannot unmarshal"},
	{requestHeader + attempt0 + strings.Replace(final1, `"call":10`, `"call":9.5`, 1), "line 3: json: cannot unmarshal"},
	{requestHeader + attempt0 + final1 + strings.Replace(effect5, `5`, `5.5`, 1), "line 4: json: cannot unmarshal"},
	{requestHeader + attempt0 + strings.Replace(final1, `"return":12`, `"return":9`, 1), "line 3: called at 10, returned at 9"},
	{requestHeader + attempt0 + strings.Replace(final1, `"call":10`, `"call":5`, 1), "line 2: returned at 5, not before the list was read at 5"},
	{requestHeader + strings.Replace(attempt0, `"ok","reply":7,"call":0,"return":5`, `"pending","reply":0,"call":10,"return":0`, 1) + final1,
		"line 2: called at 10, not before the list was read at 10"},
	{requestHeader + strings.Replace(attempt0, `"ok","reply":7,"call":0,"return":5`, `"pending","reply":0,"call":1,"return":0`, 1) + final1,
		"line 3: session 1 calls at 10 while its record 0 is open"},
}

func TestMalformedRequests(t *testing.T) {
	for _, tt := range malformedRequests {
		if h, err := ReadRequests(strings.NewReader(tt.file)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q: %v, %+v, want %q", tt.file, err, h, tt.want)
		}
	}
	end := Final{1, 100, 100, nil}
	for want, h := range map[string]*RequestHistory{
		"record 0: unknown outcome(4)":             {Attempts: []Attempt{{Outcome: 4}}, Final: end},
		"record 1: called at 3, returned at 2":     {Attempts: []Attempt{{Outcome: Ok}}, Final: Final{1, 3, 2, nil}},
		"record 1: session 0 calls at 2 while its": {Attempts: []Attempt{{Outcome: Ok, Return: 5}, {Outcome: Ok, Call: 2, Return: 6}}, Final: end},
		"record 0: returned at 2, not before":      {Attempts: []Attempt{{Outcome: Fail, Return: 2}}, Final: Final{1, 1, 3, nil}},
	} {
		if r, err := CheckExactlyOnce(h); err == nil || !strings.Contains(err.Error(), want) || !reflect.DeepEqual(r, Report{}) {
			t.Errorf("%v, %+v, want %q", err, r, want)
		}
		var b bytes.Buffer
		if err := WriteRequests(&b, h); err == nil || b.Len() > 0 {
			t.Errorf("%s: written all the same: %v %q", want, err, b.String())
		}
	}
}

// Whatever the bytes: no panic; and what is read is well formed and written again byte for byte.
func FuzzReadRequests(f *testing.F) {
	for _, tt := range malformedRequests {
		f.Add([]byte(tt.file))
	}
	f.Add([]byte(requestHeader + attempt0 + final1 + effect5))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := ReadRequests(bytes.NewReader(file))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("the error names no line: %v", err)
			}
			return
		}
		if _, err := CheckExactlyOnce(h); err != nil {
			t.Fatal(err)
		}
		if again := writtenRequests(t, h); again != string(file) {
			t.Errorf("read %q, wrote %q", file, again)
		}
	})
}
