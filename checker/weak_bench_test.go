package checker

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// sizes are what shows how cost grows.
var sizes = [...]int{10_000, 100_000, 1_000_000}

// keepsAll is a run of a store that keeps every promise: n operations of ten sessions, half of them
// reads, that overlap and take effect in another order than they are called.
func keepsAll(n int) *History {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	h := &History{Operations: make([]Operation, 0, n)}
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("key%d", i)
	}
	for i := range n {
		h.Invoke(int32(i%10), []Kind{Get, Put}[rng.IntN(2)], names[rng.IntN(len(names))], 0, int64(i+1), int64(i)*10)
	}
	// Five neighbours, all open at once, take effect in a random order; then they return.
	values := map[string]int64{}
	version := uint64(0)
	for from := 0; from < n; from += 5 {
		for _, j := range rng.Perm(min(5, n-from)) {
			op := &h.Operations[from+j]
			version++
			res := Response{Version: version, CommitTS: int64(version)}
			if op.Kind == Put {
				values[op.Key] = op.Arg
			} else {
				res.Result, res.Found = values[op.Key], values[op.Key] != 0
			}
			h.Complete(op.ID, int64(from)*10+50+rng.Int64N(10), res)
		}
	}
	return h
}

func BenchmarkWeak(b *testing.B) {
	for _, n := range sizes {
		h := keepsAll(n)
		if err := h.Validate(); err != nil {
			b.Fatal(err)
		}
		for _, check := range Checks {
			b.Run(fmt.Sprintf("%s/n=%d", check.Name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if r := check.Run(h, 0); r.Verdict != Valid {
						b.Fatal(r.Verdict, r.Text)
					}
				}
			})
		}
	}
}

// grantsOf is a hundred locks and ten holders; every grant writes once in time, and once too late.
func grantsOf(n int) *LockHistory {
	rng := rand.New(rand.NewPCG(2, uint64(n)))
	h := &LockHistory{}
	names, token := make([]string, 100), make([]uint64, 100)
	for i := range names {
		names[i] = fmt.Sprintf("lock%d", i)
	}
	for i := range n / 3 {
		l, at := rng.IntN(100), int64(i)*10
		token[l]++
		h.Grants = append(h.Grants, Grant{names[l], int32(i % 10), token[l], at, at + 4, at + 4, at + 9})
		h.Accesses = append(h.Accesses, Access{names[l], int32(i % 10), token[l], at + 5, true}, Access{names[l], int32(i % 10), token[l], at + 20, false})
	}
	return h
}

func BenchmarkLocks(b *testing.B) {
	for _, n := range sizes {
		h := grantsOf(n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, err := CheckLocks(h); err != nil || r.Verdict != Valid {
					b.Fatal(err, r.Verdict, r.Text)
				}
			}
		})
	}
}

// attemptsOf is requests of ten sessions, a third of them tried twice, in a list of another order.
func attemptsOf(n int) *RequestHistory {
	rng := rand.New(rand.NewPCG(3, uint64(n)))
	h := &RequestHistory{}
	for i := 0; len(h.Attempts) < n; i++ {
		request := rng.Uint64()
		if rng.IntN(3) == 0 {
			at := int64(len(h.Attempts)) * 10
			h.Attempts = append(h.Attempts, Attempt{int32(i % 10), request, Info, 0, at, at + 5})
		}
		at := int64(len(h.Attempts)) * 10
		h.Attempts = append(h.Attempts, Attempt{int32(i % 10), request, Ok, 1, at, at + 5})
		h.Final.List = append(h.Final.List, request)
	}
	h.Final.Call, h.Final.Return = int64(len(h.Attempts))*10, int64(len(h.Attempts))*10+5
	return h
}

func BenchmarkOnce(b *testing.B) {
	for _, n := range sizes {
		h := attemptsOf(n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, err := CheckExactlyOnce(h); err != nil || r.Verdict != Valid {
					b.Fatal(err, r.Verdict, r.Text)
				}
			}
		})
	}
}
