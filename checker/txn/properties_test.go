package txn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/saros-sim/saros/checker"
)

// each judges random histories of both models at every level, and hands each to f with its report.
func each(t *testing.T, n int, f func(r *rand.Rand, h *History, level Level, report Report)) {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	for i := range n {
		level := Level(i % 4)
		h := random(r, []string{"", "xy", "y"}[i/4%3], 7, i/12%6)
		f(r, h, level, check(t, h, level))
	}
}

func check(t *testing.T, h *History, level Level) Report {
	t.Helper()
	r, err := Check(h, level)
	if err != nil {
		t.Fatalf("%v\n%s", err, dump(h))
	}
	return r
}

// changed is a deep copy with a change in each transaction and each operation.
func changed(h *History, transaction func(*Transaction), operation func(*Operation)) *History {
	c := &History{Transactions: slices.Clone(h.Transactions)}
	for i := range c.Transactions {
		t := &c.Transactions[i]
		t.Operations = slices.Clone(t.Operations)
		for j := range t.Operations {
			t.Operations[j].List = slices.Clone(t.Operations[j].List)
			operation(&t.Operations[j])
		}
		transaction(t)
	}
	return c
}

func TestSameBytes(t *testing.T) {
	each(t, 2000, func(_ *rand.Rand, h *History, level Level, report Report) {
		again := check(t, changed(h, func(*Transaction) {}, func(*Operation) {}), level)
		if one, two := fmt.Sprintf("%#v", report), fmt.Sprintf("%#v", again); one != two {
			t.Fatalf("%s\n%s", one, two)
		}
	})
}

// A transaction of no effect, failed or unknown, changes neither verdict nor anomaly, nor what is undecided.
func TestWithoutEffect(t *testing.T) {
	each(t, 4000, func(_ *rand.Rand, h *History, level Level, report Report) {
		seen := map[int64]bool{}
		for _, t := range h.Transactions {
			for _, op := range t.Operations {
				if op.Kind == ReadRegister && op.Version != 0 {
					seen[op.Value] = true
				}
				for _, v := range op.List {
					seen[v] = true
				}
			}
		}
		fewer := &History{}
		for _, t := range h.Transactions {
			if t.Outcome == checker.Ok || slices.ContainsFunc(t.Operations, func(op Operation) bool {
				return (op.Kind == Append || op.Kind == Write) && seen[op.Value]
			}) {
				t.ID = len(fewer.Transactions)
				fewer.Transactions = append(fewer.Transactions, t)
			}
		}
		again := check(t, fewer, level)
		if again.Verdict != report.Verdict || again.Reason != report.Reason || again.Anomaly != report.Anomaly || len(again.Core) != len(report.Core) {
			t.Fatalf("%+v\n%+v\n%s", report, again, dump(h))
		}
	})
}

// Outcomes and keys are counted as a plain count does it.
func TestCounted(t *testing.T) {
	each(t, 1000, func(_ *rand.Rand, h *History, level Level, report Report) {
		var want Coverage
		for _, t := range h.Transactions {
			keys := map[string]bool{}
			for _, op := range t.Operations {
				keys[op.Key] = true
			}
			switch {
			case t.Outcome == checker.Fail:
				want.Aborted++
			case t.Outcome != checker.Ok:
				want.Unknown++
			default:
				want.Committed++
				if len(keys) > 1 {
					want.MultiKey++
				}
			}
		}
		if want.AntiDependencies = report.Coverage.AntiDependencies; report.Coverage != want {
			t.Fatalf("%+v, want %+v\n%s", report.Coverage, want, dump(h))
		}
	})
}

// Names, numbers and the beginning of time do not matter: but for them the report is the same.
func TestRenamed(t *testing.T) {
	each(t, 4000, func(r *rand.Rand, h *History, level Level, report Report) {
		value := func(v int64) int64 { return 1_000_000 - 3*v }
		shift := int64(r.IntN(1000))
		other := changed(h, func(t *Transaction) {
			t.Session = 1000 - t.Session
			t.Call += shift
			if t.Outcome != checker.Pending {
				t.Return += shift
			}
		}, func(op *Operation) {
			op.Key = map[string]string{"x": "z", "y": "a"}[op.Key]
			if op.Kind == Append || op.Kind == Write || op.Version != 0 {
				op.Value = value(op.Value)
			}
			for i, v := range op.List {
				op.List[i] = value(v)
			}
		})
		again := check(t, other, level)
		if again.Verdict != report.Verdict || again.Reason != report.Reason || again.Anomaly != report.Anomaly ||
			again.Form != report.Form || !slices.Equal(again.Core, report.Core) || again.Coverage != report.Coverage {
			t.Fatalf("%+v\n%+v\n%s", report, again, dump(h))
		}
	})
}

// The order of transactions in the file does not matter, nor that of neighbours on different keys.
func TestShuffled(t *testing.T) {
	each(t, 4000, func(r *rand.Rand, h *History, level Level, report Report) {
		other := changed(h, func(t *Transaction) {
			for i := 1; i < len(t.Operations); i++ {
				if ops := t.Operations; ops[i-1].Key != ops[i].Key && r.IntN(2) == 0 {
					ops[i-1], ops[i] = ops[i], ops[i-1]
				}
			}
		}, func(*Operation) {})
		r.Shuffle(len(other.Transactions), func(i, j int) {
			other.Transactions[i], other.Transactions[j] = other.Transactions[j], other.Transactions[i]
		})
		for i := range other.Transactions {
			other.Transactions[i].ID = i
		}
		again := check(t, other, level)
		direct := func(r Report) bool { return len(r.Cycle) == 1 } // of several direct checks the first is told
		if again.Verdict != report.Verdict || direct(again) != direct(report) ||
			!direct(report) && (again.Anomaly != report.Anomaly || len(again.Cycle) != len(report.Cycle)) || again.Coverage.Committed != report.Coverage.Committed {
			t.Fatalf("%+v\n%+v\n%s", report, again, dump(h))
		}
	})
}

// Of a valid history the intervals may be wider, and who only reads may be left out.
func TestWeakened(t *testing.T) {
	valid := 0
	each(t, 4000, func(r *rand.Rand, h *History, level Level, report Report) {
		if report.Verdict != checker.Valid {
			return
		}
		valid++
		wide := changed(h, func(t *Transaction) {
			t.Call = max(0, t.Call-int64(r.IntN(4)))
			if t.Outcome != checker.Pending {
				t.Return += int64(r.IntN(4))
			}
		}, func(*Operation) {})
		if again := check(t, wide, level); again.Verdict != checker.Valid {
			t.Fatalf("wider: %s %s\n%s", again.Verdict, again.Text, dump(h))
		}
		fewer := &History{}
		for _, t := range h.Transactions {
			if r.IntN(2) == 0 || slices.ContainsFunc(t.Operations, func(op Operation) bool { return op.Kind == Append || op.Kind == Write }) {
				t.ID = len(fewer.Transactions)
				fewer.Transactions = append(fewer.Transactions, t)
			}
		}
		// without a reader it may be unknown who committed, or what stands in which order
		if again := check(t, fewer, level); again.Verdict == checker.Invalid {
			t.Fatalf("fewer: %s\n%s\n%s", again.Text, dump(fewer), dump(h))
		}
	})
	if valid < 1000 {
		t.Errorf("%d valid", valid)
	}
}

// Writes that nobody read stand behind those that somebody read, and a long list is cut in the middle.
func TestWordsOfUnread(t *testing.T) {
	var list []int64
	h := &History{Transactions: []Transaction{{Outcome: checker.Ok}, {ID: 1, Session: 1, Outcome: checker.Ok}, {ID: 2, Session: 2, Outcome: checker.Ok}}}
	for v := range int64(20) {
		list = append(list, v)
		h.Transactions[0].Operations = append(h.Transactions[0].Operations, Operation{Key: "x", Value: v})
	}
	h.Transactions[0].Operations = append(h.Transactions[0].Operations, Operation{Kind: ReadList, Key: "y", List: []int64{7}})
	h.Transactions[1].Operations = []Operation{{Key: "x", Value: 99}, {Key: "y", Value: 7}}
	h.Transactions[2].Operations = []Operation{{Kind: ReadList, Key: "x", List: list}}
	r := check(t, h, ReadCommitted)
	want := "nobody read 99, which T1 appended to x, so it stands behind all that was read, up to 19 of T0: " +
		"T2 read x = [0 1 2 3 4 5 … 14 15 16 17 18 19] (20 elements)"
	if r.Anomaly != "G1c" || !slices.ContainsFunc(r.Cycle, func(e Edge) bool { return e.Why == want }) {
		t.Errorf("%s\nwant %s", r.Text, want)
	}
}

// A cycle counts, whatever is undecided beside it; and two appends of one transaction are in its order.
func TestDecided(t *testing.T) {
	type ops = []Operation
	loose := unknown(0, concurrent(ops{put("a", 1, 0), put("b", 2, 0)}, ops{get("a", 1, 1)},
		ops{get("x", 0, 0), put("y", 3, 1)}, ops{get("y", 0, 0), put("x", 4, 1)}))
	if r := check(t, loose, Serializable); r.Verdict != checker.Invalid || !slices.Equal(r.Core, []int{2, 3}) {
		t.Errorf("%s %v\n%s", r.Verdict, r.Core, r.Text)
	}
	lost := concurrent(ops{list("a"), list("x"), app("x", 1)}, ops{list("x"), app("x", 2)}, ops{list("y"), list("y"), app("y", 3)})
	if r := check(t, lost, SnapshotIsolation); r.Anomaly != "lost-update" || !slices.Equal(r.Core, []int{0, 1}) || r.Cycle[0].Key != "x" {
		t.Errorf("%s %v\n%s", r.Verdict, r.Core, r.Text)
	}
	skew := concurrent(ops{list("x"), app("y", 3), app("u", 1), app("u", 2)}, ops{list("y"), app("x", 4)})
	if r := check(t, skew, SnapshotIsolation); r.Verdict != checker.Valid {
		t.Errorf("%s %v\n%s", r.Verdict, r.Core, r.Text)
	}
}

// What could not be decided names who stands in the way, and in words only some of them.
func TestUndecided(t *testing.T) {
	skew := &History{}
	for id := range 20 { // all read an empty y and append to x unread; the first two are skewed
		tx := Transaction{ID: id, Session: int32(id), Outcome: checker.Ok, Operations: []Operation{{Key: "x", Value: int64(id)}}}
		switch id {
		case 0:
			tx.Operations = append(tx.Operations, Operation{Kind: ReadList, Key: "y"}, Operation{Key: "z", Value: 1})
		case 1:
			tx.Operations = append(tx.Operations, Operation{Kind: ReadList, Key: "z"}, Operation{Key: "y", Value: 1})
		}
		skew.Transactions = append(skew.Transactions, tx)
	}
	for _, c := range []struct {
		h     *History
		level Level
		core  int
		text  string
	}{
		{skew, SnapshotIsolation, 20, `key "x": the order of appends that nobody read would decide (transactions [0 1 2 3 4 5 6 7 8 9 10 11] and 8 more)`},
		{&History{Transactions: []Transaction{
			{Outcome: checker.Info, Operations: []Operation{{Kind: Write, Key: "x", Value: 1}, {Kind: Write, Key: "y", Value: 2}}},
			{ID: 1, Session: 1, Outcome: checker.Ok, Operations: []Operation{{Kind: ReadRegister, Key: "x", Value: 1, Version: 1}}},
		}}, Serializable, 1, "an outcome that was inferred from a read, and a write whose version nobody read: transactions [0]"},
		{&History{Transactions: []Transaction{
			{Outcome: checker.Ok, Operations: []Operation{{Key: "x", Value: 1}}},
			{ID: 1, Session: 1, Outcome: checker.Fail, Operations: []Operation{{Key: "x", Value: 1}}},
		}}, Serializable, 2, `key "x": transactions 0 and 1 both write 1; values must be unique`},
		{concurrent([]Operation{app("x", 2), app("x", 2)}, []Operation{app("y", 3)}, []Operation{app("y", 3)}), Serializable, 1,
			`key "x": transactions 0 and 0 both write 2; values must be unique`},
	} {
		r := check(t, c.h, c.level)
		if r.Verdict != checker.Unknown || r.Reason != checker.ReasonNotApplicable || len(r.Core) != c.core || r.Text != c.text+"\n" {
			t.Errorf("%s %s %v %q", r.Verdict, r.Reason, r.Core, r.Text)
		}
	}
}
