package txn

import (
	"bytes"
	"os"
	"testing"

	"github.com/saros-sim/saros/checker"
)

// Each history shows one anomaly, reasoned by hand; the levels from the named one upwards forbid it. Its
// twin (NAME-valid.jsonl), one edit away, is valid at every level.
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		file, anomaly, form string
		from                Level
		why                 string
	}{
		{"g0", "G0", "dirty-write", ReadCommitted, "T0 is before T1 on x and after it on y"},
		{"g1a", "G1a", "", ReadCommitted, "T0 aborted, and T1 read it"},
		{"g1b", "G1b", "", ReadCommitted, "T1 read between two appends of T0"},
		{"g1c", "G1c", "", ReadCommitted, "each read what the other wrote"},
		{"g-single", "G-single", "", SnapshotIsolation, "T0 saw T2, which saw T1, which T0 missed"},
		{"fractured-read", "G-single", "fractured-read", SnapshotIsolation, "T1 saw half of T0"},
		{"lost-update", "G-single", "lost-update", SnapshotIsolation, "T1 appended without having seen T0's append"},
		{"lost-update-register", "G-single", "lost-update", SnapshotIsolation, "T1 overwrote T0 without having read it"},
		{"long-fork", "G-nonadjacent", "long-fork", SnapshotIsolation, "T2 and T3 saw T0 and T1 in opposite orders"},
		{"g-nonadjacent", "G-nonadjacent", "", SnapshotIsolation, "as long-fork, with one more reader between"},
		{"g2-item", "G2-item", "write-skew", Serializable, "each missed what the other wrote to another key"},
		{"stale-read", "G-single-realtime", "stale-read", StrictSerializable, "T0 had returned before T1 was called"},
		{"future-read", "G1c-realtime", "future-read", StrictSerializable, "T0 returned before its value was written"},
		{"duplicate-effect", "duplicate-effect", "", ReadCommitted, "one append, twice in the list"},
		{"garbage-read", "garbage-read", "", ReadCommitted, "nobody wrote 7"},
		{"incompatible-order", "incompatible-order", "", ReadCommitted, "two orders of one key"},
		{"internal", "internal", "", ReadCommitted, "T0 missed its own append"},
	} {
		bad, good := load(t, c.file), load(t, c.file+"-valid")
		for level := ReadCommitted; level <= StrictSerializable; level++ {
			r, err := Check(bad, level)
			want := checker.Valid
			if level >= c.from {
				want = checker.Invalid
			}
			if err != nil || r.Verdict != want || want == checker.Invalid && (r.Anomaly != c.anomaly || r.Form != c.form || r.Text == "") {
				t.Errorf("%s at %s: %v %s %q %q, want %s %q %q: %s\n%s", c.file, level, err, r.Verdict, r.Anomaly, r.Form, want, c.anomaly, c.form, c.why, r.Text)
			}
			if r, err = Check(good, level); err != nil || r.Verdict != checker.Valid {
				t.Errorf("%s-valid at %s: %v %s %s\n%s", c.file, level, err, r.Verdict, r.Anomaly, r.Text)
			}
		}
	}
}

// Nobody reads the appends: snapshot isolation has a name of its own for it, serializability two rw edges.
func TestLostUpdateUnread(t *testing.T) {
	for level, want := range []string{"", "lost-update", "G2-item", "G2-item"} {
		r, err := Check(load(t, "lost-update-unread"), Level(level))
		if err != nil || r.Anomaly != want {
			t.Errorf("%s: %v %s %q, want %q", Level(level), err, r.Verdict, r.Anomaly, want)
		}
		if r, err = Check(load(t, "lost-update-unread-valid"), Level(level)); err != nil || r.Verdict != checker.Valid {
			t.Errorf("twin at %s: %v %s", Level(level), err, r.Verdict)
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
