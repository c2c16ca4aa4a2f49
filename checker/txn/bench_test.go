package txn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/saros-sim/saros/checker"
)

// serialHistory is n transactions of ten sessions, serial in effect, lists of at most 32 elements.
func serialHistory(n int) *History {
	r := rand.New(rand.NewPCG(1, 2))
	h := &History{}
	lists := map[string][]int64{}
	for id := range n {
		t := Transaction{ID: id, Session: int32(id % 10), Call: int64(10 * id), Return: int64(10*id + 90), Outcome: checker.Ok}
		for i := range 4 {
			key := fmt.Sprint(id/160*10 + r.IntN(10))
			if r.IntN(2) == 0 {
				t.Operations = append(t.Operations, Operation{Kind: ReadList, Key: key, List: lists[key]})
				continue
			}
			v := int64(4*id + i)
			lists[key] = append(lists[key][:len(lists[key]):len(lists[key])], v)
			t.Operations = append(t.Operations, Operation{Kind: Append, Key: key, Value: v})
		}
		h.Transactions = append(h.Transactions, t)
	}
	return h
}

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if testing.Short() && n > 100_000 {
				b.Skip("large")
			}
			h := serialHistory(n)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if r, err := Check(h, StrictSerializable); err != nil || r.Verdict != checker.Valid {
					b.Fatal(err, r.Text)
				}
			}
		})
	}
}
