package txn

import (
	"bytes"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/saros-sim/saros/checker"
)

// Each history shows one anomaly, reasoned by hand; the levels from the named one upwards forbid it, those
// below allow it. Its twin (NAME-valid.jsonl), one edit away, is valid at every level. What needs no cycle
// has no form in real time, nor has a lost update, where a return before a call is a stale read.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file, anomaly, form string
		from                Level
		core                []int
		why                 string
	}{
		{"g0", "G0", "dirty-write", ReadCommitted, []int{0, 1, 2}, "T0 is before T1 on x and after it on y, as T2 saw"},
		{"g0-realtime", "G0-realtime", "", StrictSerializable, []int{0, 1, 2}, "T1 had returned before T0 was called, yet T2 saw it behind"},
		{"dirty-write-register", "G0", "dirty-write", ReadCommitted, []int{0, 1}, "T0 is before T1 on x and after it on y, by version"},
		{"g1a", "G1a", "", ReadCommitted, []int{0, 1}, "T0 aborted, and T1 read it"},
		{"g1b", "G1b", "", ReadCommitted, []int{0, 1}, "T1 read between two appends of T0"},
		{"g1c", "G1c", "", ReadCommitted, []int{0, 1}, "each read what the other wrote"},
		{"g-single", "G-single", "", SnapshotIsolation, []int{0, 1, 2}, "T0 saw T2, which saw T1, which T0 missed"},
		{"fractured-read", "G-single", "fractured-read", SnapshotIsolation, []int{0, 1}, "T1 saw half of T0"},
		{"fractured-read-realtime", "G-single-realtime", "fractured-read", StrictSerializable, []int{0, 1, 2}, "T1 saw half of T0, and then T2 missed the other half"},
		{"lost-update", "G-single", "lost-update", SnapshotIsolation, []int{0, 1, 2}, "T1 appended without having seen T0's append"},
		{"lost-update-register", "G-single", "lost-update", SnapshotIsolation, []int{0, 1}, "T1 overwrote T0 without having read it"},
		{"long-fork", "G-nonadjacent", "long-fork", SnapshotIsolation, []int{0, 1, 2, 3}, "T2 and T3 saw T0 and T1 in opposite orders"},
		{"long-fork-realtime", "G-nonadjacent-realtime", "long-fork", StrictSerializable, []int{0, 1, 2, 3}, "T2 saw T1 without T3; T0, called after T3 returned, is without T1"},
		{"g-nonadjacent", "G-nonadjacent", "", SnapshotIsolation, []int{0, 1, 2, 3, 4}, "as long-fork, with one more reader between"},
		{"g2-item", "G2-item", "write-skew", Serializable, []int{0, 1}, "each missed what the other wrote to another key"},
		{"g2-item-realtime", "G2-item-realtime", "", StrictSerializable, []int{0, 1, 2}, "T0 missed T1, which missed T2, which had returned before T0 was called"},
		{"stale-read", "G-single-realtime", "stale-read", StrictSerializable, []int{0, 1}, "T0 had returned before T1 was called"},
		{"stale-read-register", "G-single-realtime", "stale-read", StrictSerializable, []int{0, 1}, "T0 had returned before T1 was called"},
		{"future-read", "G1c-realtime", "future-read", StrictSerializable, []int{0, 1}, "T0 returned before its value was written"},
		{"duplicate-effect", "duplicate-effect", "", ReadCommitted, []int{0, 1}, "one append, twice in the list"},
		{"garbage-read", "garbage-read", "", ReadCommitted, []int{1}, "nobody wrote 7"},
		{"incompatible-order", "incompatible-order", "", ReadCommitted, []int{0, 1, 2, 3}, "two orders of one key"},
		{"internal", "internal", "", ReadCommitted, []int{0}, "T0 missed its own append"},
	} {
		bad, good := load(t, c.file), load(t, c.file+"-valid")
		if n := edits(bad, good); n != 1 {
			t.Errorf("%s: its twin is %d edits away", c.file, n)
		}
		for level := ReadCommitted; level <= StrictSerializable; level++ {
			r, err := Check(bad, level)
			want := checker.Valid
			if level >= c.from {
				want = checker.Invalid
			}
			if err != nil || r.Verdict != want || want == checker.Invalid && (r.Anomaly != c.anomaly || r.Form != c.form || !slices.Equal(r.Core, c.core)) {
				t.Errorf("%s at %s: %v %s %q %q %v, want %s %q %q %v: %s\n%s", c.file, level, err,
					r.Verdict, r.Anomaly, r.Form, r.Core, want, c.anomaly, c.form, c.core, c.why, r.Text)
			}
			if r, err = Check(good, level); err != nil || r.Verdict != checker.Valid {
				t.Errorf("%s-valid at %s: %v %s %s\n%s", c.file, level, err, r.Verdict, r.Anomaly, r.Text)
			}
		}
	}
}

// edits counts what differs: a time, an outcome, or a step with its answer.
func edits(a, b *History) (n int) {
	if len(a.Transactions) != len(b.Transactions) {
		return math.MaxInt
	}
	for i := range a.Transactions {
		x, y := &a.Transactions[i], &b.Transactions[i]
		if len(x.Operations) != len(y.Operations) {
			return math.MaxInt
		}
		for _, differs := range []bool{x.Session != y.Session, x.Call != y.Call, x.Return != y.Return, x.Outcome != y.Outcome} {
			if differs {
				n++
			}
		}
		for j := range x.Operations {
			if !reflect.DeepEqual(x.Operations[j], y.Operations[j]) {
				n++
			}
		}
	}
	return n
}

// Nobody reads the appends: snapshot isolation has a name of its own for it, serializability two rw edges.
func TestLostUpdateUnread(t *testing.T) {
	bad, good := load(t, "lost-update-unread"), load(t, "lost-update-unread-valid")
	if n := edits(bad, good); n != 1 {
		t.Errorf("the twin is %d edits away", n)
	}
	for level, want := range []string{"", "lost-update", "G2-item", "G2-item"} {
		r, err := Check(bad, Level(level))
		if want == "lost-update" && (r.Verdict != checker.Invalid || r.Form != want || len(r.Cycle) != 2) {
			t.Errorf("%s %q\n%s", r.Verdict, r.Form, r.Text)
		}
		for i, e := range r.Cycle {
			if e.Kind != "rw" || e.From+e.To != 1 || e.From != r.Cycle[1-i].To {
				t.Errorf("%s: %+v", Level(level), r.Cycle)
			}
		}
		if err != nil || r.Anomaly != want || want != "" && !slices.Equal(r.Core, []int{0, 1}) {
			t.Errorf("%s: %v %s %q %v, want %q", Level(level), err, r.Verdict, r.Anomaly, r.Core, want)
		}
		if r, err = Check(good, Level(level)); err != nil || r.Verdict != checker.Valid {
			t.Errorf("twin at %s: %v %s", Level(level), err, r.Verdict)
		}
	}
}

// Every history of the directory is judged by a test above.
func TestGoldenFiles(t *testing.T) {
	files, err := os.ReadDir("../../testdata/histories/txn")
	if err != nil || len(files) != 2*24 {
		t.Errorf("%v, %d files", err, len(files))
	}
}

// A student understands each edge by its sentence alone.
func TestWords(t *testing.T) {
	for file, want := range map[string][]string{
		"g0": {"in x, 1 of T0 stands right before 3 of T1: T2 read x = [1 3]", "in y, 4 of T1 stands right before 2 of T0: T2 read y = [4 2]"},
		"dirty-write-register": {"T0 wrote x version 1 (1), and T1 the next that is known, version 2 (3)",
			"T1 wrote y version 1 (4), and T0 the next that is known, version 2 (2)"},
		"g1a":                  {"T1 read x = [1], and T0, which wrote 1, aborted"},
		"g1b":                  {"T1 read x = [1], and 1 was not the last that T0 wrote there"},
		"g1c":                  {"T1 read x = [1], and T0 wrote the 1", "T0 read y = [2], and T1 wrote the 2"},
		"lost-update":          {"T1 read x = [] without 1, which T0 appended next: T2 read x = [1 2]", "in x, 1 of T0 stands right before 2 of T1: T2 read x = [1 2]"},
		"lost-update-register": {"T1 read x missing, before T0 wrote the next version known, 1 (1)"},
		"lost-update-unread":   {"T0 read x = [] without 2, which T1 appended and nobody read"},
		"g2-item":              {"T0 read x = [] without 2, which T1 appended and nobody read"},
		"stale-read":           {"T0 returned at 1, before T1 was called at 2", "T1 read x = [] without 1, which T0 appended and nobody read"},
		"stale-read-register":  {"T1 read x missing, before T0 wrote the next version known, 1 (1)"},
		"duplicate-effect":     {"T1 read x = [1 1]: 1, which T0 appended once, stands there twice"},
		"garbage-read":         {"T1 read x = [7], and no transaction wrote 7"},
		"incompatible-order":   {"T3 read x = [2 1], T2 read x = [1 2]: neither begins with the other"},
		"internal":             {"T0 read x = [], and missed 1, which it had written itself"},
	} {
		r, err := Check(load(t, file), StrictSerializable)
		for _, w := range want {
			if err != nil || !slices.ContainsFunc(r.Cycle, func(e Edge) bool { return e.Why == w }) || !strings.Contains(r.Text, w) {
				t.Errorf("%s: want %q\n%s", file, w, r.Text)
			}
		}
	}
}

// load reads a file, and holds the writer against it: the same bytes come back.
func load(t *testing.T, name string) *History {
	t.Helper()
	b, err := os.ReadFile("../../testdata/histories/txn/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	h, err := ReadHistory(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out bytes.Buffer
	if err := WriteHistory(&out, h); err != nil || !bytes.Equal(out.Bytes(), b) {
		t.Fatalf("%s: %v, wrote\n%s", name, err, out.Bytes())
	}
	return h
}

func app(key string, v int64) Operation     { return Operation{Key: key, Value: v} }
func list(key string, l ...int64) Operation { return Operation{Kind: ReadList, Key: key, List: l} }
func put(key string, v int64, n uint64) Operation {
	return Operation{Kind: Write, Key: key, Value: v, Version: n}
}
func get(key string, v int64, n uint64) Operation {
	return Operation{Kind: ReadRegister, Key: key, Value: v, Version: n}
}

// concurrent is a history of committed transactions, all at the same time.
func concurrent(txns ...[]Operation) *History {
	h := &History{}
	for id, ops := range txns {
		h.Transactions = append(h.Transactions, Transaction{ID: id, Session: int32(id), Outcome: checker.Ok, Operations: ops})
	}
	return h
}

// unknown makes the outcome of a transaction unknown.
func unknown(id int, h *History) *History {
	h.Transactions[id].Outcome = checker.Info
	for i := range h.Transactions[id].Operations {
		h.Transactions[id].Operations[i].List = nil
	}
	return h
}

// Direct checks beyond the golden ones: no cycle shows them, so read committed forbids them.
func TestDirect(t *testing.T) {
	type ops = []Operation
	for _, c := range []struct {
		anomaly string
		core    []int
		h       *History
	}{
		{"internal", []int{0}, concurrent(ops{list("x", 1), list("x"), app("x", 1)})},
		{"internal", []int{0}, concurrent(ops{get("x", 1, 1), get("x", 0, 0), put("x", 1, 1)})},
		{"internal", []int{0, 1}, concurrent(ops{app("x", 1), list("x", 2)}, ops{app("x", 2)})},
		{"internal", []int{0, 1}, concurrent(ops{put("x", 1, 2), get("x", 2, 1)}, ops{put("x", 2, 1)})},
		{"duplicate-effect", []int{0, 1}, concurrent(ops{app("x", 1), app("x", 2), app("x", 3)}, ops{list("x", 1, 1)}, ops{list("x", 1, 2, 3)})},
		{"duplicate-effect", []int{0, 1}, concurrent(ops{put("x", 1, 1)}, ops{get("x", 1, 2)})},
		{"incompatible-order", []int{0, 1}, concurrent(ops{put("x", 1, 1)}, ops{put("x", 2, 1)})},
		{"incompatible-order", []int{0, 1}, concurrent(ops{app("x", 1), app("x", 2)}, ops{list("x", 2, 1)})},
		{"incompatible-order", []int{0, 1}, concurrent(ops{app("x", 1), app("x", 2)}, ops{list("x", 2)})},
		{"incompatible-order", []int{0}, concurrent(ops{put("x", 1, 2), put("x", 2, 1)})},
		{"G1b", []int{0, 1}, concurrent(ops{put("x", 1, 1), put("x", 2, 2)}, ops{get("x", 1, 1)})},
		{"garbage-read", []int{0}, concurrent(ops{get("x", 1, 1)})},
		{"garbage-read", []int{0}, concurrent(ops{list("x", 1), list("y", 2, 2)}, ops{app("y", 2)})}, // the first is told
		{"internal", []int{1}, concurrent(ops{app("x", 1), list("x", 1)}, ops{list("x", 1), list("x", 1, 2), app("x", 2)})},
		{"internal", []int{1}, concurrent(ops{app("x", 1), list("x", 1)}, ops{list("x", 1, 2), list("x", 1), app("x", 2)})},
		{"internal", []int{2}, concurrent(ops{list("x", 1, 2)}, ops{app("x", 1)}, ops{list("x", 1, 2), app("x", 2)})},
		{"duplicate-effect", []int{0, 1, 2}, unknown(1, concurrent(ops{get("x", 1, 1)}, ops{put("x", 1, 0)}, ops{get("x", 1, 2)}))},
	} {
		for level := ReadCommitted; level <= StrictSerializable; level++ {
			r, err := Check(c.h, level)
			if err != nil || r.Anomaly != c.anomaly || !slices.Equal(r.Core, c.core) {
				t.Errorf("%s: %v %q %v, want %q %v\n%s", level, err, r.Anomaly, r.Core, c.anomaly, c.core, r.Text)
			}
			if oracle(c.h, level) {
				t.Errorf("%s: the oracle takes it for valid\n%s", level, dump(c.h))
			}
		}
	}
}

func TestCoverage(t *testing.T) {
	for file, want := range map[string]Coverage{
		"long-fork": {Committed: 4, AntiDependencies: 2, MultiKey: 2}, // T2 missed T1 on y, T3 missed T0 on x
		"g1a-valid": {Committed: 2},
		"g2-item":   {Committed: 2, AntiDependencies: 2, MultiKey: 2},
	} {
		if r, err := Check(load(t, file), Serializable); err != nil || r.Coverage != want {
			t.Errorf("%s: %v %+v, want %+v", file, err, r.Coverage, want)
		}
	}
	h := concurrent([]Operation{app("x", 1)}, []Operation{app("x", 2)}, []Operation{app("x", 3)}, []Operation{app("x", 4), app("y", 5), app("x", 6)})
	h.Transactions[0].Outcome, h.Transactions[1].Outcome, h.Transactions[2].Outcome = checker.Info, checker.Pending, checker.Fail
	if r, err := Check(h, Serializable); err != nil || r.Coverage != (Coverage{Committed: 1, Aborted: 1, Unknown: 2, MultiKey: 1}) {
		t.Errorf("%v %+v", err, r.Coverage)
	}
}

// The core of a cycle is who is on it, who showed the order or the version behind an edge and who read what
// came of an unknown outcome. It is without others: T0, on a key before.
func TestCore(t *testing.T) {
	type ops = []Operation
	aside := ops{app("z", 9), list("z", 9)}
	late := concurrent(aside, ops{app("x", 1)}, ops{list("x")})
	late.Transactions[2].Call, late.Transactions[2].Return = 1, 1
	for _, c := range []struct {
		h       *History
		anomaly string
		core    []int
	}{
		{late, "G-single-realtime", []int{1, 2}},
		// T1 wrote what T2 and T3 read and does not matter; T2 missed T3's append, and saw it on y
		{concurrent(aside, ops{app("x", 1)}, ops{list("x", 1), list("y", 3)}, ops{app("x", 2), app("y", 3)}, ops{list("x", 1, 2)}), "G-single", []int{2, 3, 4}},
		// of T1, unknown, T2 saw y, and so it is in; what T3 and T4 did is not
		{unknown(1, concurrent(aside, ops{app("x", 1), app("y", 2)}, ops{list("x"), list("y", 2)}, ops{app("v", 3)}, ops{list("v", 3)})), "G-single", []int{1, 2}},
	} {
		r, err := Check(c.h, StrictSerializable)
		if err != nil || r.Anomaly != c.anomaly || !slices.Equal(r.Core, c.core) {
			t.Errorf("%v %q %v, want %q %v\n%s", err, r.Anomaly, r.Core, c.anomaly, c.core, r.Text)
		}
	}
}

// Each edge of a graph, and its sentence: the reads and writes that show it, where a transaction has others.
func TestEdges(t *testing.T) {
	type ops = []Operation
	h := concurrent(
		ops{app("x", 1)},
		ops{list("x"), list("x", 1), list("x", 1, 2)},
		ops{app("v", 7), app("x", 2)},
		ops{app("v", 8), app("x", 3)},
		ops{list("v", 7)})
	c, err := h.columns()
	if err != nil {
		t.Fatal(err)
	}
	a := &analysis{h: h, columns: c}
	a.judge(Serializable)
	for e, want := range map[hop]string{
		{1, 0, a.number["x"]<<kindBits | int32(rw)}: "T1 read x = [] without 1, which T0 appended next: T1 read x = [1 2]",
		{1, 2, a.number["x"]<<kindBits | int32(rw)}: "T1 read x = [1] without 2, which T2 appended next: T1 read x = [1 2]",
		{1, 3, a.number["x"]<<kindBits | int32(rw)}: "T1 read x = [1 2] without 3, which T3 appended and nobody read",
		{0, 1, a.number["x"]<<kindBits | int32(wr)}: "T1 read x = [1], and T0 wrote the 1",
		{2, 1, a.number["x"]<<kindBits | int32(wr)}: "T1 read x = [1 2], and T2 wrote the 2",
		{0, 2, a.number["x"]<<kindBits | int32(ww)}: "in x, 1 of T0 stands right before 2 of T2: T1 read x = [1 2]",
		{2, 3, a.number["x"]<<kindBits | int32(ww)}: "nobody read 3, which T3 appended to x, so it stands behind all that was read, up to 2 of T2: T1 read x = [1 2]",
		{4, 3, a.number["v"]<<kindBits | int32(rw)}: "T4 read v = [7] without 8, which T3 appended and nobody read",
	} {
		if got := a.tell(e); got.Why != want {
			t.Errorf("%q, want %q", got.Why, want)
		}
	}
}
