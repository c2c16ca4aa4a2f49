package checker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/saros-sim/saros/checker/internal/lane"
)

// told looks at a report. If it convicts, its text is its class and what it speaks of, a line for each record
// of the core, their picture, and a sentence that names them; else it names no operation.
func told(t *testing.T, r Report, name, what string, lines []string, rows []lane.Row) {
	t.Helper()
	if r.Verdict != Invalid {
		if r.Op != -1 || len(r.Core) > 0 || r.Class != "" || r.Verdict == Valid && (r.Key != "" || r.Text != "") {
			t.Fatalf("%s: %+v", r.Verdict, r)
		}
		if r.Reason == ReasonVacuous && (r.Key != "" || r.Text != name+": no operation had a duty\n") {
			t.Fatalf("%s: %+v", r.Reason, r)
		}
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", r.Class, what)
	for _, line := range lines {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\n")
	lane.Draw(&b, rows)
	sentence, ok := strings.CutPrefix(r.Text, b.String()+"\n")
	if !ok || strings.Count(sentence, "\n") != 1 || !strings.HasSuffix(sentence, ".\n") {
		t.Fatalf("got\n%s\nwant\n%s", r.Text, b.String())
	}
	if strings.HasPrefix(r.Class, "once/") {
		return // a sentence of all attempts, or of the list
	}
	for _, row := range rows {
		if len(rows) > 2 && row.Name != fmt.Sprintf("#%d", r.Op) {
			continue // the lines show the rest
		}
		if !slices.Contains(strings.FieldsFunc(sentence, func(c rune) bool { return strings.ContainsRune(" ,.()", c) }), row.Name) {
			t.Fatalf("%q does not say what %s has to do with it", sentence, row.Name)
		}
	}
}

func toldWeak(t *testing.T, h *History, r Report, name string) {
	t.Helper()
	var lines []string
	var rows []lane.Row
	several := false
	for _, id := range r.Core {
		op := &h.Operations[id]
		several = several || op.Key != h.Operations[r.Op].Key
		rows = append(rows, lane.Row{Session: op.Session, Name: fmt.Sprintf("#%d", id), Call: op.Call, Return: op.Return,
			Open: op.Outcome != Ok, Label: describe(op)})
	}
	for _, id := range r.Core {
		op := &h.Operations[id]
		text := line(op)
		if op.CommitTS > 0 {
			text += fmt.Sprintf(" ts %d", op.CommitTS)
		}
		if several {
			text += fmt.Sprintf(" key %q", op.Key)
		}
		lines = append(lines, text)
	}
	if !slices.IsSortedFunc(r.Core, func(i, j int) int { return cmp.Compare(h.Operations[i].Call, h.Operations[j].Call) }) {
		t.Fatalf("core %v is not in the order of calls", r.Core)
	}
	what := ""
	if r.Verdict == Invalid {
		if what = fmt.Sprintf("key %q", r.Key); r.Key != h.Operations[r.Op].Key {
			t.Fatalf("key %q of operation %d", r.Key, r.Op)
		}
	}
	told(t, r, name, what, lines, rows)
}

func toldLocks(t *testing.T, h *LockHistory, r Report) {
	t.Helper()
	var lines []string
	var rows []lane.Row
	for _, id := range r.Core {
		row := lane.Row{Name: fmt.Sprintf("#%d", id)}
		text := ""
		if n := len(h.Grants); id < n {
			g := &h.Grants[id]
			row.Session, row.Call, row.Return, row.Label = g.Holder, g.Call, g.Return, fmt.Sprintf("token %d", g.Token)
			if r.Class == "locks/overlap" {
				row.Call, row.Return = g.From, g.Until
			}
			text = g.line()
		} else {
			a := &h.Accesses[id-n]
			row.Session, row.Call, row.Return, row.Label = a.Holder, a.At, a.At, fmt.Sprintf("token %d accepted", a.Token)
			text = a.line()
		}
		lines, rows = append(lines, fmt.Sprintf("%-5s %s", row.Name, text)), append(rows, row)
	}
	told(t, r, "locks", fmt.Sprintf("lock %q", r.Key), lines, rows)
}

func toldOnce(t *testing.T, h *RequestHistory, r Report) {
	t.Helper()
	request := uint64(0)
	if r.Verdict == Invalid {
		if _, err := fmt.Sscanf(strings.SplitN(r.Text, "\n", 2)[0], r.Class+": request %d", &request); err != nil {
			t.Fatalf("%v: %s", err, r.Text)
		}
	}
	var lines []string
	var rows []lane.Row
	for _, id := range r.Core {
		row := lane.Row{Name: fmt.Sprintf("#%d", id)}
		end := ""
		if id == len(h.Attempts) {
			stands := len(slices.DeleteFunc(slices.Clone(h.Final.List), func(n uint64) bool { return n != request }))
			row.Session, row.Call, row.Return, end = h.Final.Session, h.Final.Call, h.Final.Return, fmt.Sprint(h.Final.Return)
			row.Label = fmt.Sprintf("read: %d of request %d", stands, request)
		} else {
			a := &h.Attempts[id]
			if a.Request != request {
				t.Fatalf("attempt %d is of request %d\n%s", id, a.Request, r.Text)
			}
			row.Session, row.Call, row.Return, end = a.Session, a.Call, a.Return, fmt.Sprint(a.Return)
			switch row.Label = fmt.Sprintf("request %d -> %s", request, a.Outcome); a.Outcome {
			case Ok:
				row.Label += fmt.Sprintf(" %d", a.Reply)
			case Info, Pending:
				row.Open, end = true, "..."
			}
		}
		lines = append(lines, fmt.Sprintf("%-5s session %-3d [%d, %s] %s", row.Name, row.Session, row.Call, end, row.Label))
		rows = append(rows, row)
	}
	told(t, r, "once", fmt.Sprintf("request %d", request), lines, rows)
}

// A core of more records than a picture takes shows the last of them.
func TestToldInPart(t *testing.T) {
	for _, tries := range []int{11, 12, 13, 20} {
		h := &RequestHistory{Final: Final{9, 1000, 1001, []uint64{7}}}
		for i := range tries {
			h.Attempts = append(h.Attempts, Attempt{1, 7, Fail, 0, int64(2 * i), int64(2*i + 1)})
		}
		r, err := CheckExactlyOnce(h)
		hidden := max(0, tries+1-12)
		if err != nil || r.Class != "once/failed-effect" || len(r.Core) != tries+1 {
			t.Fatalf("%v, %+v", err, r)
		}
		shown := strings.Count(r.Text, "\n  #")
		if says := strings.Contains(r.Text, fmt.Sprintf("\n\n  (%d earlier records not shown)\n  #%-4d ", hidden, hidden)); shown != tries+1-hidden || says != (hidden > 0) {
			t.Errorf("%d attempts, %d shown\n%s", tries, shown, r.Text)
		}
		if lanes := strings.Count(r.Text, "\n  s"); lanes != tries+1-hidden {
			t.Errorf("%d attempts, %d drawn\n%s", tries, lanes, r.Text)
		}
	}
}

// What is at a limit is well-formed, and one more is not.
func TestRecordLimits(t *testing.T) {
	end := Final{2, maxTime, maxTime, nil}
	for _, tt := range []struct {
		name  string
		valid bool
		err   error
	}{
		{"a grant at the last instant", true, (&Grant{"l", 1, 1, maxTime, maxTime, maxTime, maxTime}).validate()},
		{"a grant that returned behind it", false, (&Grant{"l", 1, 1, 0, maxTime + 1, 0, 0}).validate()},
		{"a grant held behind it", false, (&Grant{"l", 1, 1, 0, 0, 0, maxTime + 1}).validate()},
		{"an access at the first instant", true, (&Access{"l", 1, 1, 0, true}).validate()},
		{"an access before it", false, (&Access{"l", 1, 1, -1, true}).validate()},
		{"an access at the last instant", true, (&Access{"l", 1, 1, maxTime, true}).validate()},
		{"an access behind it", false, (&Access{"l", 1, 1, maxTime + 1, true}).validate()},
		{"an access to a lock without a name in UTF-8", false, (&Access{"\xff", 1, 1, 0, true}).validate()},
		{"an attempt at the last instant", true, (&Attempt{1, 1, Ok, 0, maxTime, maxTime}).validate()},
		{"an attempt called behind it", false, (&Attempt{1, 1, Pending, 0, maxTime + 1, 0}).validate()},
		{"an attempt that returned behind it", false, (&Attempt{1, 1, Ok, 0, 0, maxTime + 1}).validate()},
		{"a final read at the first instant", true, (&Final{1, 0, 0, nil}).validate()},
		{"a final read before it", false, (&Final{1, -1, 0, nil}).validate()},
		{"a final read at the last instant", true, end.validate()},
		{"a final read that returned behind it", false, (&Final{1, 0, maxTime + 1, nil}).validate()},
		{"given up after the list was read", true, (&RequestHistory{[]Attempt{{1, 1, Info, 0, 0, 30}}, Final{2, 10, 20, nil}}).Validate()},
		{"failed after the list was read", false, (&RequestHistory{[]Attempt{{1, 1, Fail, 0, 0, 30}}, Final{2, 10, 20, nil}}).Validate()},
	} {
		if (tt.err == nil) != tt.valid {
			t.Errorf("%s: %v", tt.name, tt.err)
		}
	}
}

// A file holds as many records as is allowed, and what cannot be written is an error.
func TestRecordFiles(t *testing.T) {
	for n, want := range map[string]string{"1\n2\n": "", "1\n2\n3\n": "line 4: more than 2 records"} {
		err := readRecords(strings.NewReader(`{"schema":"s"}`+"\n"+n), "s", 2, func(line []byte) (any, error) { return int(line[0] - '0'), nil })
		if fmt.Sprint(err) != cmp.Or(want, "<nil>") {
			t.Errorf("%q: %v, want %q", n, err, want)
		}
	}
	broken := errors.New("broken")
	if err := WriteLocks(brokenWriter{broken}, &LockHistory{}); !errors.Is(err, broken) {
		t.Errorf("locks: %v", err)
	}
	if err := WriteRequests(brokenWriter{broken}, &RequestHistory{}); !errors.Is(err, broken) {
		t.Errorf("requests: %v", err)
	}
}

// No check judges a malformed history, nor one against a bound that is none.
func TestWeakNotApplicable(t *testing.T) {
	for _, check := range Checks {
		for name, h := range map[string]*History{"an instant before the first": history(put(-1, 0, 1)), "no such kind": history(Operation{Kind: Delete + 1})} {
			if r := check.Run(h, 0); r.Verdict != Unknown || r.Reason != ReasonNotApplicable || r.Key != "" || r.Op != -1 || r.Text != "malformed history: "+h.Validate().Error()+"\n" {
				t.Errorf("%s, %s: %+v", check.Name, name, r)
			}
		}
	}
	h := history(put(0, 1, 1), get(2, 3, 1))
	h.Operations[0].Version, h.Operations[1].Version = 1, 1
	for bound, want := range map[int64]Verdict{0: Valid, -1: Unknown, -2: Unknown} {
		r := CheckStaleness(h, bound)
		if r.Verdict != want || r.Key != "" || r.Op != -1 || want == Unknown && r.Reason != ReasonNotApplicable {
			t.Errorf("bound %d: %+v", bound, r)
		}
	}
}

// Of several that contradict as much, the first is shown.
func TestFirstShown(t *testing.T) {
	for name, tt := range map[string]struct {
		h     LockHistory
		class string
		core  []int
	}{
		"held until one instant": {LockHistory{Grants: []Grant{{"l", 1, 1, 0, 0, 0, 10}, {"l", 1, 2, 1, 1, 2, 10}, {"l", 2, 3, 0, 1, 5, 6}}}, "locks/overlap", []int{0, 2}},
		"one token":              {LockHistory{Accesses: []Access{{"l", 1, 5, 1, true}, {"l", 1, 5, 2, true}, {"l", 1, 4, 3, true}}}, "locks/fencing", []int{0, 2}},
	} {
		if r, err := CheckLocks(&tt.h); err != nil || r.Class != tt.class || !slices.Equal(r.Core, tt.core) {
			t.Errorf("%s: %v, %s, core %v, want %v", name, err, r.Class, r.Core, tt.core)
		}
	}

	at := func(ts int64, ops ...Operation) *History {
		for i := range ops {
			ops[i].CommitTS, ops[i].Version = ts, uint64(ts)
		}
		return history(ops...)
	}
	absent := func(call, ret, tombstone int64) Operation {
		return Operation{Kind: Get, Call: call, Return: ret, Outcome: Ok, Result: tombstone}
	}
	for name, tt := range map[string]struct {
		h     *History
		class string
		core  []int
	}{
		"then it found nothing":   {at(5, get(0, 1, 7), remove(2, 3, false)), "timestamps/unrepeatable", []int{0, 1}},
		"who does not say whose":  {at(5, remove(0, 1, false), absent(2, 3, 1), remove(4, 5, false), absent(6, 7, 2)), "timestamps/unrepeatable", []int{1, 3}},
		"the first of two others": {at(5, get(0, 1, 7), get(2, 3, 8), get(4, 5, 9)), "timestamps/unrepeatable", []int{0, 1}},
		"two from thin air":       {at(5, get(2, 3, 7), get(0, 1, 7)), "timestamps/snapshot", []int{0}},
	} {
		if r := CheckSnapshots(tt.h); r.Class != tt.class || !slices.Equal(r.Core, tt.core) {
			t.Errorf("%s: %s, core %v, want %v", name, r.Class, r.Core, tt.core)
		}
	}
	if falseFirst(false, true) >= 0 || falseFirst(true, false) <= 0 || falseFirst(true, true) != 0 || falseFirst(false, false) != 0 {
		t.Error("false does not come first")
	}
}
