package valid

import (
	"math/rand/v2"
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
			if i, j := look(len(calls), at); (i >= 0) != some || some && !overlap(i, j) {
				t.Fatalf("%d, %d, overlap %v: %+v", i, j, some, calls)
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
