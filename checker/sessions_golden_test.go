package checker

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// A golden is a minimal history with one anomaly, reasoned by hand; its twin one edit away has none.
type golden struct {
	file, check, class string
	bound              int64
	core               []int
	why                string
}

var goldenSessions = []golden{
	{"read-your-writes", "session/read-your-writes", "session/read-your-writes", 0, []int{1, 2}, "session 1 wrote version 2 and read version 1"},
	{"non-monotonic-read", "session/monotonic-reads", "session/monotonic-reads", 0, []int{2, 3}, "version 2, then version 1"},
	{"writes-out-of-order", "session/monotonic-writes", "session/monotonic-writes", 0, []int{0, 1}, "the second write has the lower version"},
	{"write-before-read", "session/writes-follow-reads", "session/writes-follow-reads", 0, []int{1, 2}, "a write below what its session had read"},
	{"lost-write", "staleness/bounded", "staleness/bounded", 0, []int{1, 2}, "version 2 was acknowledged, and then version 1 read"},
	{"stale-beyond-bound", "staleness/bounded", "staleness/bounded", 110, []int{1, 2}, "acknowledged at 40, missed at 151"},
	{"prefix-broken", "staleness/prefix", "staleness/prefix", 0, []int{1, 2}, "version 2 left 2, and the read at version 2 found 1"},
	{"snapshot-unrepeatable", "timestamps/snapshot", "timestamps/unrepeatable", 0, []int{1, 2}, "two answers at timestamp 7"},
	{"commit-below-read", "timestamps/snapshot", "timestamps/commit-below-read", 0, []int{1, 2}, "read at 9 and over, then a commit at 8"},
	{"snapshot-stale", "timestamps/snapshot", "timestamps/snapshot", 0, []int{1, 2}, "a read at 9 missed the commit at 8"},
	{"external-consistency", "timestamps/external", "timestamps/external", 0, []int{0, 1}, "x was over before y was called, and has the higher timestamp"},
	{"log-read-your-writes", "log/read-your-writes", "log/read-your-writes", 0, []int{1, 2}, "wrote x at 2, then read y of a log that ends at 1"},
	{"log-monotonic-reads", "log/monotonic-reads", "log/monotonic-reads", 0, []int{2, 3}, "read y at 2, then x at 1"},
	{"log-monotonic-writes", "log/monotonic-writes", "log/monotonic-writes", 0, []int{0, 1}, "wrote x at 2, then y at 1"},
	{"log-writes-follow-reads", "log/writes-follow-reads", "log/writes-follow-reads", 0, []int{1, 2}, "read x at 2, then wrote y at 1"},
	{"log-stale", "log/bounded", "log/bounded", 0, []int{1, 2}, "x was acknowledged at 2, then y read of a log that ends at 1"},
}

var goldenLocks = []golden{
	{"token-repeated", "locks", "locks/token-repeated", 0, []int{0, 1}, "two grants with token 1"},
	{"token-falls", "locks", "locks/token-falls", 0, []int{0, 1}, "token 3 was granted, then 2 asked for"},
	{"overlap", "locks", "locks/overlap", 0, []int{0, 1}, "held until 16, and from 15"},
	{"fencing", "locks", "locks/fencing", 0, []int{2, 3}, "token 2 was accepted, then 1"},
}

var goldenOnce = []golden{
	{"duplicate-effect", "once", "once/duplicate-effect", 0, []int{0, 2}, "5 stands twice"},
	{"lost", "once", "once/lost", 0, []int{1, 2}, "5 was acknowledged and is not there"},
	{"failed-effect", "once", "once/failed-effect", 0, []int{0, 1, 2}, "both attempts failed, and 5 is there"},
	{"other-reply", "once", "once/other-reply", 0, []int{0, 1}, "answered 7 and 8"},
	{"thin-air", "once", "once/thin-air", 0, []int{2}, "nobody asked for 6"},
}

func TestGoldenSessions(t *testing.T) {
	for _, c := range Checks {
		if !slices.ContainsFunc(goldenSessions, func(g golden) bool { return g.class == c.Name }) {
			t.Errorf("no golden history of %s", c.Name)
		}
	}
	judge := func(g golden, r io.Reader, w io.Writer) (Report, error) {
		h, err := ReadHistory(r)
		if err != nil {
			return Report{}, err
		}
		// What is wrong over several keys is not wrong on any one.
		if name, log := strings.CutPrefix(g.check, "log/"); log {
			for _, c := range Checks {
				if strings.HasSuffix(c.Name, "/"+name) && c.Name != g.check && c.Run(h, g.bound).Verdict == Invalid {
					t.Errorf("%s: %s finds it, too", g.file, c.Name)
				}
			}
		}
		check := Checks[slices.IndexFunc(Checks, func(c Check) bool { return c.Name == g.check })]
		return check.Run(h, g.bound), WriteHistory(w, h)
	}
	testGolden(t, "session", goldenSessions, judge)
}

func TestGoldenLocks(t *testing.T) {
	testGolden(t, "locks", goldenLocks, func(_ golden, r io.Reader, w io.Writer) (Report, error) {
		h, err := ReadLocks(r)
		if err == nil {
			err = WriteLocks(w, h)
		}
		if err != nil {
			return Report{}, err
		}
		return CheckLocks(h)
	})
}

func TestGoldenOnce(t *testing.T) {
	testGolden(t, "once", goldenOnce, func(_ golden, r io.Reader, w io.Writer) (Report, error) {
		h, err := ReadRequests(r)
		if err == nil {
			err = WriteRequests(w, h)
		}
		if err != nil {
			return Report{}, err
		}
		return CheckExactlyOnce(h)
	})
}

// testGolden lets judge read each history, judge it, and write it again.
func testGolden(t *testing.T, dir string, list []golden, judge func(golden, io.Reader, io.Writer) (Report, error)) {
	for _, g := range list {
		var files [2]string
		for i, twin := range []string{"", "-valid"} {
			name := dir + "/" + g.file + twin
			b, err := os.ReadFile("../testdata/histories/" + name + ".jsonl")
			if err != nil {
				t.Fatal(err)
			}
			files[i] = string(b)
			var again bytes.Buffer
			r, err := judge(g, bytes.NewReader(b), &again)
			if err != nil || again.String() != files[i] {
				t.Fatalf("%s: %v, wrote\n%s", name, err, again.String())
			}
			if twin != "" && r.Verdict != Valid {
				t.Errorf("%s: %s %s\n%s", name, r.Verdict, r.Reason, r.Text)
			}
			if twin == "" && (r.Verdict != Invalid || r.Class != g.class || !slices.Equal(r.Core, g.core)) {
				t.Errorf("%s: %s %s %v, want %s %v: %s\n%s", name, r.Verdict, r.Class, r.Core, g.class, g.core, g.why, r.Text)
			}
		}
		if !oneEdit(files[0], files[1]) {
			t.Errorf("%s/%s: its twin is more than one line away", dir, g.file)
		}
	}
	entries, err := os.ReadDir("../testdata/histories/" + dir)
	if err != nil || len(entries) != 2*len(list) {
		t.Errorf("%v: %d files of %s, and %d pairs judged", err, len(entries), dir, len(list))
	}
}

// oneEdit reports whether one line was changed, added, or taken away.
func oneEdit(a, b string) bool {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	return len(x) <= 1 && len(y) <= 1 && len(x)+len(y) > 0
}
