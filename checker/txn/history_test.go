package txn

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saros-sim/saros/checker"
)

const header = `{"schema":"saros/transactions/v1"}`

// line spells a transaction as WriteHistory does.
func line(id, session int, call, ret int64, outcome string, operations ...string) string {
	return fmt.Sprintf(`{"id":%d,"session":%d,"call":%d,"return":%d,"outcome":%q,"operations":[%s]}`,
		id, session, call, ret, outcome, strings.Join(operations, ","))
}

func operation(kind, key string, value int64, version uint64, list string) string {
	return fmt.Sprintf(`{"kind":%q,"key":%q,"value":%d,"version":%d,"list":[%s]}`, kind, key, value, version, list)
}

func TestRefused(t *testing.T) {
	ok := func(operations ...string) string { return line(0, 0, 0, 1, "ok", operations...) }
	app := operation("append", "x", 1, 0, "")
	for _, c := range []struct{ text, want string }{
		{"", "line 1: no header"},
		{`{"schema":"saros/transactions/v2"}`, "line 1: want the header"},
		{header + "\n{", "line 2: unexpected end of JSON"},
		{header + "\n" + strings.Repeat("x", maxLineBytes+1), "line 2: bufio.Scanner: token too long"},
		{header + "\n" + ok() + "\n\n", "line 3: unexpected end of JSON"},
		{header + "\n" + ok() + " ", "line 2: not spelled as WriteHistory does"},
		{header + "\n" + strings.Replace(ok(), "id", "ID", 1), "line 2: not spelled as WriteHistory does"},
		{header + "\n" + strings.Replace(ok(), `"id":0,`, `"id":0,"id":0,`, 1), "line 2: not spelled as WriteHistory does"},
		{header + "\n" + strings.Replace(ok(), `"id":0,`, `"id":0,"more":0,`, 1), "line 2: not spelled as WriteHistory does"},
		{header + "\n" + strings.Replace(ok(), `"session":0,`, ``, 1), "line 2: not spelled as WriteHistory does"},
		{header + "\n" + strings.Replace(ok(), `"call":0`, `"call":0.5`, 1), "line 2: json: cannot unmarshal"},
		{header + "\n" + line(0, 0, 0, 1, "done"), `line 2: unknown outcome "done"`},
		{header + "\n" + ok(operation("fly", "x", 0, 0, "")), `line 2: unknown kind "fly"`},
		{header + "\n" + line(1, 0, 0, 1, "ok"), "line 2: its ID is 1"},
		{header + "\n" + ok() + "\n" + line(0, 1, 0, 1, "ok"), "line 3: its ID is 0"},
		{header + "\n" + line(0, 0, -1, 1, "ok"), "line 2: called at -1, outside"},
		{header + "\n" + line(0, 0, 3153600000000000001, 3153600000000000001, "ok"), "line 2: called at 3153600000000000001, outside"},
		{header + "\n" + line(0, 0, 0, 1, "pending"), "line 2: pending, yet it returned at 1"},
		{header + "\n" + line(0, 0, 2, 1, "ok"), "line 2: called at 2, returned at 1"},
		{header + "\n" + line(0, 0, 2, 3153600000000000001, "ok"), "line 2: called at 2, returned at 3153600000000000001"},
		{header + "\n" + ok(app, operation("write", "x", 2, 1, "")), `line 2: operation 1: key "x" is a list and a register`},
		{header + "\n" + ok(app) + "\n" + line(1, 1, 0, 1, "ok", operation("read-register", "x", 0, 0, "")), `line 3: operation 0: key "x" is a list and a register`},
		{header + "\n" + ok(operation("append", "\ufffd", 1, 0, "")), "line 2: operation 0: key"},
		{header + "\n" + ok(operation("append", strings.Repeat("x", 5000), 1, 0, "")), "line 2: operation 0: key"},
		{header + "\n" + ok(operation("append", "x", 1, 2, "")), "line 2: operation 0: append carries fields of another kind"},
		{header + "\n" + ok(operation("append", "x", 1, 0, "1")), "line 2: operation 0: append carries fields of another kind"},
		{header + "\n" + ok(operation("read-list", "x", 1, 0, "1")), "line 2: operation 0: read-list carries fields of another kind"},
		{header + "\n" + ok(operation("read-list", "x", 0, 1, "1")), "line 2: operation 0: read-list carries fields of another kind"},
		{header + "\n" + ok(operation("write", "x", 1, 1, "1")), "line 2: operation 0: write carries fields of another kind"},
		{header + "\n" + line(0, 0, 0, 1, "info", operation("read-list", "x", 0, 0, "1")), "line 2: operation 0: info, yet it carries a response"},
		{header + "\n" + line(0, 0, 0, 1, "fail", operation("write", "x", 1, 1, "")), "line 2: operation 0: fail, yet it carries a response"},
		{header + "\n" + line(0, 0, 0, 0, "pending", operation("read-register", "x", 1, 0, "")), "line 2: operation 0: pending, yet it carries a response"},
		{header + "\n" + ok(operation("write", "x", 1, 0, "")), "line 2: operation 0: a write that is ok has no version"},
		{header + "\n" + ok(operation("read-register", "x", 1, 0, "")), "line 2: operation 0: version 0 is a missing key, yet value 1"},
		{header + "\n" + line(0, 5, 0, 9, "ok") + "\n" + line(1, 6, 0, 9, "ok") + "\n" + line(2, 5, 8, 9, "ok"), "line 4: session 5 calls it at 8 while its transaction 0 is open"},
		{header + "\n" + line(0, 5, 8, 9, "ok") + "\n" + line(1, 6, 0, 9, "ok") + "\n" + line(2, 5, 0, 10, "ok"), "line 2: session 5 calls it at 8 while its transaction 2 is open"},
		{header + "\n" + line(0, 5, 8, 0, "pending") + "\n" + line(1, 5, 9, 10, "ok"), "line 3: session 5 calls it at 9 while its transaction 0 is open"},
	} {
		if _, err := ReadHistory(strings.NewReader(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.200q: error %v, want %s", c.text, err, c.want)
		}
	}
}

// What a file cannot say, a program can.
func TestValidate(t *testing.T) {
	one := func(tx Transaction) *History { return &History{Transactions: []Transaction{tx}} }
	for want, h := range map[string]*History{
		"txn: transaction 0: unknown outcome(9)":                       one(Transaction{Outcome: 9}),
		"txn: transaction 0: operation 0: unknown kind(9)":             one(Transaction{Operations: []Operation{{Kind: 9}}}),
		`txn: transaction 0: operation 0: key "\xff" is not UTF-8, or`: one(Transaction{Operations: []Operation{{Key: "\xff"}}}),
		"txn: transaction 1: session 0 calls it at 1 while its transaction 0 is open": {Transactions: []Transaction{
			{Outcome: checker.Info, Return: 2}, {ID: 1, Call: 1}}},
	} {
		if err := h.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if err := WriteHistory(new(bytes.Buffer), h); err == nil {
			t.Error("it was written")
		}
		if r, err := Check(h, Serializable); err == nil || r.Verdict == checker.Valid {
			t.Error("it was judged")
		}
	}
	if err := WriteHistory(new(bytes.Buffer), one(Transaction{Outcome: checker.Ok, Operations: []Operation{{Kind: ReadList, List: make([]int64, maxLineBytes/2)}}})); err == nil ||
		!strings.HasPrefix(err.Error(), "txn: transaction 0: a line of ") {
		t.Error(err)
	}
	if _, err := Check(&History{}, StrictSerializable+1); err == nil || err.Error() != "txn: unknown level(4)" {
		t.Error(err)
	}
	if r, err := Check(&History{}, Serializable); err != nil || r.Verdict != checker.Unknown || r.Reason != checker.ReasonVacuous || r.Text != "no transaction committed\n" {
		t.Error(err, r)
	}
}

// broken takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

// Lists that are nil are written empty; what cannot be written is an error.
func TestWriteHistory(t *testing.T) {
	h := &History{Transactions: []Transaction{{Session: 1, Return: 5, Outcome: checker.Ok, Operations: []Operation{{Key: "x", Value: 1}}}}}
	var out bytes.Buffer
	want := header + "\n" + line(0, 1, 0, 5, "ok", operation("append", "x", 1, 0, "")) + "\n"
	if err := WriteHistory(&out, h); err != nil || out.String() != want {
		t.Errorf("%v, %s, want %s", err, out.String(), want)
	}
	if err := WriteHistory(broken{}, h); err == nil || err.Error() != "broken" {
		t.Error(err)
	}
}

// The longest line that is written can be read; one byte more is refused.
func TestLongestLine(t *testing.T) {
	h := &History{Transactions: []Transaction{{Outcome: checker.Ok, Operations: []Operation{{Kind: ReadList, Key: ""}}}}}
	op := &h.Transactions[0].Operations[0]
	least := len(encode(&h.Transactions[0]))
	for range (maxLineBytes - least) / len("-9223372036854775808,") {
		op.List = append(op.List, math.MinInt64)
	}
	op.Key = strings.Repeat("x", maxLineBytes-1-len(encode(&h.Transactions[0])))
	var out bytes.Buffer
	if err := WriteHistory(&out, h); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHistory(&out); err != nil {
		t.Error(err)
	}
	op.Key += "x"
	if err := WriteHistory(&out, h); err == nil {
		t.Error("it was written")
	}
}

// What is read is written with the same bytes, and judged without a panic.
func FuzzReadHistory(f *testing.F) {
	files, err := filepath.Glob("../../testdata/histories/txn/*.jsonl")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadHistory(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteHistory(&out, h); err != nil || !bytes.Equal(bytes.TrimSuffix(out.Bytes(), []byte("\n")), bytes.TrimSuffix(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"))) {
			t.Fatalf("%v, wrote\n%s", err, out.Bytes())
		}
		for level := ReadCommitted; level <= StrictSerializable; level++ {
			if _, err := Check(h, level); err != nil {
				t.Fatal(err)
			}
		}
	})
}
