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

func TestGoldenLocks(t *testing.T) {
	valid := LockHistory{
		Grants:   []Grant{{"l", 1, 1, 0, 5, 5, 10}, {"l", 2, 2, 11, 15, 15, 20}},
		Accesses: []Access{{"l", 1, 1, 7, true}, {"l", 2, 2, 16, true}, {"l", 1, 1, 18, false}},
	}
	if r := CheckLocks(&valid); r.Verdict != Valid {
		t.Fatal(r)
	}
	for class, edit := range map[string]func(*LockHistory){
		"locks/token-repeated": func(h *LockHistory) { h.Grants[1].Token = 1 },
		"locks/token-falls":    func(h *LockHistory) { h.Grants[0].Token = 3 },
		"locks/overlap":        func(h *LockHistory) { h.Grants[0].Until = 16 },
		"locks/fencing":        func(h *LockHistory) { h.Accesses[2].Accepted = true },
	} {
		h := LockHistory{slices.Clone(valid.Grants), slices.Clone(valid.Accesses)}
		edit(&h)
		if r := CheckLocks(&h); r.Verdict != Invalid || r.Class != class {
			t.Errorf("%s: %+v", class, r)
		}
	}
}

func TestGoldenExactlyOnce(t *testing.T) {
	attempts := []Attempt{{1, Info, 0}, {1, Ok, 7}, {2, Fail, 0}}
	for class, final := range map[string][]uint64{"": {1}, "once/duplicate-effect": {1, 1}, "once/lost": {}, "once/failed-effect": {1, 2}} {
		if r := CheckExactlyOnce(attempts, final); r.Class != class || (class == "") != (r.Verdict == Valid) {
			t.Errorf("%s: %+v", class, r)
		}
	}
	again := append(attempts, Attempt{1, Ok, 8})
	if r := CheckExactlyOnce(again, []uint64{1}); r.Class != "once/other-reply" {
		t.Errorf("%+v", r)
	}
}
