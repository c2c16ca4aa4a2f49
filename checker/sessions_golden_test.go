package checker

import (
	"os"
	"slices"
	"testing"
)

// Each minimal history has one anomaly, and its twin one edit away has none.
func TestGoldenSessions(t *testing.T) {
	for _, g := range []struct {
		file, check, class string
		bound              int64
		core               []int
	}{
		{"read-your-writes", "session/read-your-writes", "session/read-your-writes", 0, []int{1, 2}},
		{"non-monotonic-read", "session/monotonic-reads", "session/monotonic-reads", 0, []int{2, 3}},
		{"writes-out-of-order", "session/monotonic-writes", "session/monotonic-writes", 0, []int{0, 1}},
		{"write-before-read", "session/writes-follow-reads", "session/writes-follow-reads", 0, []int{1, 2}},
		{"lost-write", "staleness/bounded", "staleness/bounded", 0, []int{1, 2}},
		{"stale-beyond-bound", "staleness/bounded", "staleness/bounded", 110, []int{1, 2}},
		{"prefix-broken", "staleness/prefix", "staleness/prefix", 0, []int{1, 2}},
		{"snapshot-unrepeatable", "timestamps/snapshot", "timestamps/unrepeatable", 0, []int{1, 2}},
		{"commit-below-read", "timestamps/snapshot", "timestamps/commit-below-read", 0, []int{1, 2}},
		{"external-consistency", "timestamps/external", "timestamps/external", 0, []int{0, 1}},
	} {
		check := Checks[slices.IndexFunc(Checks, func(c Check) bool { return c.Name == g.check })]
		for _, twin := range []string{"", "-valid"} {
			f, err := os.Open("../testdata/histories/session/" + g.file + twin + ".jsonl")
			if err != nil {
				t.Fatal(err)
			}
			h, err := ReadHistory(f)
			f.Close()
			if err != nil {
				t.Fatalf("%s%s: %v", g.file, twin, err)
			}
			r := check.Run(h, g.bound)
			if twin != "" && r.Verdict != Valid {
				t.Errorf("%s%s: %s %s\n%s", g.file, twin, r.Verdict, r.Reason, r.Text)
			}
			if twin == "" && (r.Verdict != Invalid || r.Class != g.class || !slices.Equal(r.Core, g.core)) {
				t.Errorf("%s: %s %s %v\n%s", g.file, r.Verdict, r.Class, r.Core, r.Text)
			}
		}
	}
}
