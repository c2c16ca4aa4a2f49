package txn

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saros-sim/saros/checker"
)

// serialHistory is n transactions of ten sessions, serial in effect, four operations each, ten keys for
// every 160 transactions, so that a list has about 32 elements. Skewed: the first two show write skew,
// and all others come after them.
func serialHistory(n int, registers, skewed bool) *History {
	r := rand.New(rand.NewPCG(1, 2))
	h := &History{Transactions: make([]Transaction, 0, n)}
	lists := map[string][]int64{}
	version := map[string]uint64{}
	read := func(key string) Operation {
		switch l := lists[key]; {
		case !registers:
			return Operation{Kind: ReadList, Key: key, List: l}
		case len(l) == 0:
			return Operation{Kind: ReadRegister, Key: key}
		default:
			return Operation{Kind: ReadRegister, Key: key, Value: l[len(l)-1], Version: version[key]}
		}
	}
	write := func(key string, v int64) Operation {
		lists[key] = append(slices.Clip(lists[key]), v)
		if version[key]++; registers {
			return Operation{Kind: Write, Key: key, Value: v, Version: version[key]}
		}
		return Operation{Kind: Append, Key: key, Value: v}
	}
	for id := range n {
		t := Transaction{ID: id, Session: int32(id % 10), Call: int64(10 * id), Return: int64(10*id + 90), Outcome: checker.Ok}
		v := int64(4 * id)
		switch {
		case skewed && id == 0:
			t.Operations = []Operation{read("a"), write("b", v), write("0", v)}
		case skewed && id == 1:
			seen := read("b")
			seen.List, seen.Value, seen.Version = nil, 0, 0
			t.Operations = []Operation{seen, write("a", v)}
		default:
			for i := range int64(4) {
				key := fmt.Sprint(id/160*10 + r.IntN(10))
				if r.IntN(2) == 0 {
					t.Operations = append(t.Operations, read(key))
				} else {
					t.Operations = append(t.Operations, write(key, v+i))
				}
			}
		}
		h.Transactions = append(h.Transactions, t)
	}
	return h
}

//saros:constant table
var benchmarks = []struct {
	name              string
	registers, skewed bool
}{{"lists", false, false}, {"lists-invalid", false, true}, {"registers", true, false}, {"registers-invalid", true, true}}

// 300 bytes a transaction, 360 if there is a cycle. TestGrowth holds that steps grow with n; what ns/txn
// grows beside is the price of memory that no cache holds.
func BenchmarkCheck(b *testing.B) {
	for _, c := range benchmarks {
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				if testing.Short() && n > 100_000 {
					b.Skip("large")
				}
				h := serialHistory(n, c.registers, c.skewed)
				want := map[bool]checker.Verdict{false: checker.Valid, true: checker.Invalid}[c.skewed]
				b.ReportAllocs()
				for b.Loop() {
					if r, err := Check(h, StrictSerializable); err != nil || r.Verdict != want {
						b.Fatal(err, r.Text)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/txn")
			})
		}
	}
}

// Ten times the transactions cost ten times the steps, at every level, whatever the verdict.
func TestGrowth(t *testing.T) {
	steps := func(n int, registers, skewed bool, level Level) int64 {
		h := serialHistory(n, registers, skewed)
		c, err := h.columns()
		if err != nil {
			t.Fatal(err)
		}
		a := &analysis{h: h, columns: c}
		// snapshots allow the skew, unless it stands in the order of appends that nobody read
		if r := a.judge(level); level != SnapshotIsolation && (r.Verdict == checker.Invalid) != (skewed && level >= Serializable) {
			t.Fatal(r.Verdict, r.Text)
		}
		return a.steps
	}
	for _, c := range benchmarks {
		for level := ReadCommitted; level <= StrictSerializable; level++ {
			small, large := steps(1_000, c.registers, c.skewed, level), steps(10_000, c.registers, c.skewed, level)
			if 2*large > 21*small || small == 0 {
				t.Errorf("%s at %s: %d steps for 1,000, %d for 10,000", c.name, level, small, large)
			}
		}
	}
}

// A long transaction that appends to one key, and lists as long, are no worse: were any of it quadratic,
// the second round would take minutes.
func TestGrowthOfOne(t *testing.T) {
	for _, n := range []int64{1_000, 100_000} {
		h := &History{Transactions: []Transaction{{Outcome: checker.Ok}, {ID: 1, Session: 1, Outcome: checker.Ok}}}
		all := make([]int64, n)
		for i := range n {
			all[i] = n - i
			h.Transactions[0].Operations = append(h.Transactions[0].Operations, Operation{Key: "x", Value: n - i})
		}
		for range 20 {
			h.Transactions[1].Operations = append(h.Transactions[1].Operations, Operation{Key: "x", Kind: ReadList, List: all})
		}
		if r, err := Check(h, StrictSerializable); err != nil || r.Verdict != checker.Valid {
			t.Fatal(err, r.Text)
		}
		forked := slices.Clone(all)
		forked[0], forked[1] = forked[1], forked[0]
		h.Transactions[1].Operations[3].List = forked
		if r, err := Check(h, StrictSerializable); err != nil || r.Anomaly != "incompatible-order" {
			t.Fatal(err, r.Anomaly)
		}
	}
}

// A search for a shorter cycle ends after its steps, in which every edge is counted, those of a hub once.
func TestSteps(t *testing.T) {
	type ops = []Operation
	rest := func(h *History) (*analysis, *rest) {
		c, err := h.columns()
		if err != nil {
			t.Fatal(err)
		}
		a := &analysis{h: h, columns: c}
		a.judge(ReadCommitted)
		return a, a.peel(search{mask: ww | wr | rw}, nil)
	}
	// each of a ring read what the next wrote; two in their midst read each other's
	const n = 200
	var ring []ops
	for i := range int64(n) {
		ring = append(ring, ops{app(fmt.Sprint(i), 1), list(fmt.Sprint((i+1)%n), 1)})
	}
	ring = slices.Insert(ring, n/2, ops{app("a", 1), list("b", 1)}, ops{app("b", 1), list("a", 1)})
	for steps, most := range map[int64]int64{0: 3 * n, 1000: 1000 + 3*n, maxSteps: 10 * n} {
		a, r := rest(concurrent(ring...))
		a.steps = 0
		c := a.cycle(r, steps)
		if a.steps > most || steps == 0 && a.steps == 0 || (len(c) == 2) != (steps > 0) {
			t.Errorf("%d steps, %d were allowed; a cycle of %d", a.steps, steps, len(c))
		}
	}
	// to take away all is to look at every edge once
	b, left := rest(serialHistory(n, false, false))
	b.steps = 0
	if b.peel(left.search, nil); left.states != 0 || b.steps != int64(len(b.to)) {
		t.Errorf("%d steps for %d edges", b.steps, len(b.to))
	}
	// three are a cycle; n saw the first of them, and missed n appends that nobody read
	fan := []ops{{app("a", 1), list("b", 1)}, {list("c", 1), app("b", 1)}, {list("a", 1), app("c", 1)}}
	for i := range int64(n) {
		fan = append(fan, ops{list("a", 1), list("x")}, ops{app("x", i)})
	}
	a, r := rest(concurrent(fan...))
	a.steps = 0
	f := &finder{rest: r, a: a}
	l := len(r.degree)
	f.seen, f.prev, f.depth, f.via = make([]int32, l), make([]int32, l), make([]int32, l), make([]int32, l)
	if c := f.around(0, l); len(c) != 3 || a.steps < 3*n || a.steps > 5*n {
		t.Errorf("%d steps, %v", a.steps, c)
	}
}

// How often memory is asked for does not depend on the number of transactions.
func TestAllocations(t *testing.T) {
	for _, kinds := range [][2]Kind{{Append, ReadList}, {Write, ReadRegister}} {
		for level := ReadCommitted; level <= StrictSerializable; level++ {
			allocations := func(n int) float64 {
				h := &History{}
				for id := range n {
					t := Transaction{ID: id, Session: int32(id % 3), Call: int64(id), Return: int64(id), Outcome: checker.Ok}
					t.Operations = []Operation{{Kind: kinds[0], Key: "x", Value: int64(id + 1)}, {Kind: kinds[1], Key: "y"}}
					if kinds[0] == Write {
						t.Operations[0].Version = uint64(id + 1)
					}
					h.Transactions = append(h.Transactions, t)
				}
				return testing.AllocsPerRun(5, func() {
					if r, err := Check(h, level); err != nil || r.Verdict != checker.Valid {
						panic(r.Text)
					}
				})
			}
			if few, many := allocations(100), allocations(5000); many > few+3 { // the runtime may ask, too
				t.Errorf("%s, %s: %g for 100 transactions, %g for 5,000", kinds[0], level, few, many)
			}
		}
	}
}

func BenchmarkReadHistory(b *testing.B) {
	var file bytes.Buffer
	if err := WriteHistory(&file, serialHistory(100_000, false, false)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		if _, err := ReadHistory(bytes.NewReader(file.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
