package valid

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// The two ways of looking for overlapping calls of a session agree with a comparison of every pair.
func TestSessions(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 5000 {
		var calls []Call
		for range 1 + r.IntN(6) {
			at := int64(r.IntN(8))
			calls = append(calls, Call{int32(r.IntN(3)), at, at + int64(r.IntN(3))})
		}
		overlap := func(i, j int) bool {
			a, b := calls[i], calls[j]
			return i != j && a.Session == b.Session && a.Call < b.End && b.Call < a.End
		}
		some := false
		for i := range calls {
			for j := range i {
				some = some || overlap(i, j)
			}
		}
		at := func(i int) Call { return calls[i] }
		for _, look := range []func(int, func(int) Call) (int, int){Sessions, sorted} {
			i, j := look(len(calls), at)
			if some && (i < 0 || !overlap(i, j)) || !some && (i != -1 || j != -1) {
				t.Fatalf("%d, %d, overlap %v: %+v", i, j, some, calls)
			}
			if !some {
				continue
			}
			if c := compare(calls[j], calls[i]); c > 0 || c == 0 && j > i {
				t.Fatalf("%d was called before %d: %+v", i, j, calls)
			}
		}
		if some {
			refused++
		}
	}
	if refused < 500 || refused > 4500 {
		t.Errorf("%d of 5000 refused", refused)
	}
}

// Sessions that call in order, at one instant or later, are looked at without sorting.
func TestSessionsInOrder(t *testing.T) {
	const n = 1000
	asked := 0
	if i, _ := Sessions(n, func(i int) Call {
		asked++
		return Call{int32(i % 3), int64(i / 6), int64(i / 6)}
	}); i >= 0 || asked > 2*n {
		t.Errorf("%d, asked %d times for %d calls", i, asked, n)
	}
}

// Of several sessions that are wrong the lowest is named.
func TestSorted(t *testing.T) {
	calls := []Call{{2, 0, 5}, {2, 1, 5}, {1, 0, 5}, {1, 1, 5}}
	if i, j := sorted(len(calls), func(i int) Call { return calls[i] }); i != 3 || j != 2 {
		t.Error(i, j)
	}
}

func TestKey(t *testing.T) {
	for key, want := range map[string]string{
		"": "", "x": "", "ключ": "", strings.Repeat("x", MaxKeyBytes): "",
		strings.Repeat("x", MaxKeyBytes+1): "key of 4097 bytes",
		"\xff":                             `key "\xff" is not UTF-8`,
		"a\ufffd":                          `key "a\ufffd" is not UTF-8`,
	} {
		if err := Key(key); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.10q: %v, want %s", key, err, want)
		}
	}
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		call, ret int64
		pending   bool
		want      string
	}{
		{0, 0, false, ""}, {0, 0, true, ""}, {MaxTime, MaxTime, false, ""}, {MaxTime, 0, true, ""}, {5, 7, false, ""},
		{-1, 7, false, "called at -1, outside [0, "},
		{MaxTime + 1, MaxTime + 1, false, "called at 3153600000000000001, outside [0, "},
		{MaxTime + 1, 0, true, "called at 3153600000000000001, outside [0, "},
		{0, 1, true, "pending, yet it returned at 1"},
		{2, 1, false, "called at 2, returned at 1, outside"},
		{2, MaxTime + 1, false, "called at 2, returned at 3153600000000000001, outside"},
	} {
		if err := Interval(c.call, c.ret, c.pending); (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
