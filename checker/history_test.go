package checker

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestHistory(t *testing.T) {
	var h History
	a := h.Invoke(1, CAS, "x", 1, 2, 10)
	b := h.Invoke(2, Get, "x", 0, 0, 11)
	h.Complete(a, 12, Response{Result: 5, Found: true, Version: 9})
	h.Info(b, 13)
	c := h.Invoke(1, Delete, "y", 0, 0, 14)
	h.Fail(c, 15)
	h.Invoke(1, Increment, "y", 0, 3, 15)
	want := []Operation{
		{ID: 0, Session: 1, Key: "x", Kind: CAS, Old: 1, Arg: 2, Result: 5, Found: true, Version: 9, Outcome: Ok, Call: 10, Return: 12},
		{ID: 1, Session: 2, Key: "x", Kind: Get, Outcome: Info, Call: 11, Return: 13},
		{ID: 2, Session: 1, Key: "y", Kind: Delete, Outcome: Fail, Call: 14, Return: 15},
		{ID: 3, Session: 1, Key: "y", Kind: Increment, Arg: 3, Call: 15},
	}
	if !reflect.DeepEqual(h.Operations, want) {
		t.Errorf("got  %+v\nwant %+v", h.Operations, want)
	}
	if err := h.Validate(); err != nil {
		t.Error(err)
	}
	const file = `{"schema":"saros/history/v1"}
{"type":"invoke","id":0,"at":10,"session":1,"kind":"cas","key":"x","old":1,"arg":2}
{"type":"invoke","id":1,"at":11,"session":2,"kind":"get","key":"x","old":0,"arg":0}
{"type":"ok","id":0,"at":12,"result":5,"found":true,"swapped":false,"version":9}
{"type":"info","id":1,"at":13}
{"type":"invoke","id":2,"at":14,"session":1,"kind":"delete","key":"y","old":0,"arg":0}
{"type":"fail","id":2,"at":15}
{"type":"invoke","id":3,"at":15,"session":1,"kind":"increment","key":"y","old":0,"arg":3}
`
	if got := written(t, &h); got != file {
		t.Errorf("got\n%s\nwant\n%s", got, file)
	}
	h.Reset()
	if len(h.Operations) != 0 || cap(h.Operations) < 4 {
		t.Errorf("after Reset: %d operations, room for %d", len(h.Operations), cap(h.Operations))
	}
}

func TestSettledTwice(t *testing.T) {
	var h History
	h.Info(h.Invoke(3, Put, "x", 0, 1, 0), 5)
	defer func() {
		const want = "checker: operation 0 of session 3 became info at 5 and now ok at 7"
		if got := recover(); got != want {
			t.Errorf("panic %v, want %q", got, want)
		}
	}()
	h.Complete(0, 7, Response{})
}

func written(t *testing.T, h *History) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHistory(&b, h); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestValidate(t *testing.T) {
	edit := func(change func(ops []Operation)) *History {
		h := history(put(0, 10, 1), get(5, 20, 1), info(put(6, 9, 2)))
		change(h.Operations)
		return h
	}
	for _, tt := range []struct {
		want   string // "" for a valid one
		change func(ops []Operation)
	}{
		{"", func(ops []Operation) {}},
		{"", func(ops []Operation) { ops[2].Session, ops[2].Call, ops[2].Return = 0, 10, 10 }},
		{"operation 1: its ID is 2", func(ops []Operation) { ops[1].ID = 2 }},
		{"operation 0: unknown kind(5)", func(ops []Operation) { ops[0].Kind = 5 }},
		{"operation 0: unknown outcome(4)", func(ops []Operation) { ops[0].Outcome = 4 }},
		{"operation 1: called at 5, returned at 4", func(ops []Operation) { ops[1].Return = 4 }},
		{"operation 0: called at -1", func(ops []Operation) { ops[0].Call = -1 }},
		{"operation 1: called at 5, returned at 9", func(ops []Operation) { ops[1].Return = 9e18 }},
		{"operation 2: pending, yet it returned at 9", func(ops []Operation) { ops[2].Outcome = Pending }},
		{"operation 2: info, yet it carries a response", func(ops []Operation) { ops[2].Version = 1 }},
		{"operation 1: session 0 calls it at 5 while its operation 0 is open", func(ops []Operation) { ops[1].Session = 0 }},
		{"operation 1: session 2 calls it at 8 while its operation 2 is open",
			func(ops []Operation) { ops[1].Session, ops[1].Call = 2, 8; ops[2].Outcome, ops[2].Return = Pending, 0 }},
		{"operation 1: key of 5000 bytes", func(ops []Operation) { ops[1].Key = strings.Repeat("k", 5000) }},
		{`operation 1: key "\xff" is not UTF-8`, func(ops []Operation) { ops[1].Key = "\xff" }},
		{`operation 1: key "\ufffd" is not UTF-8, or holds U+FFFD`, func(ops []Operation) { ops[1].Key = "\ufffd" }},
	} {
		h := edit(tt.change)
		err := h.Validate()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%v, want none", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %q", err, tt.want)
		}
		var b bytes.Buffer
		if werr := WriteHistory(&b, h); werr == nil || b.Len() > 0 {
			t.Errorf("%s: written all the same: %v, %d bytes", tt.want, werr, b.Len())
		}
	}
}

func TestReadWritten(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 2000 {
		h := generate(rng.IntN, 12)
		for i := range h.Operations {
			op := &h.Operations[i]
			op.Old *= rng.Int64() // any integers
			op.Key += string([]rune{' ', '"', '<', 'é', '\n', ' '}[:rng.IntN(7)])
			if op.Outcome == Ok {
				op.Version = rng.Uint64()
			}
			op.Return = max(op.Return, op.Call)
			if op.Outcome == Pending {
				op.Return = 0
			}
		}
		got, err := ReadHistory(strings.NewReader(written(t, h)))
		if err != nil {
			t.Fatalf("%v\n%s", err, written(t, h))
		}
		if !reflect.DeepEqual(got, h) {
			t.Fatalf("got  %+v\nwant %+v", got, h)
		}
	}
	// One session, back to back, at one instant: returns stand before the calls that follow them.
	h := history(put(5, 5, 1), put(5, 5, 2), put(3, 5, 3), put(5, 9, 4))
	for i := range h.Operations {
		h.Operations[i].Session = 1
	}
	if got, err := ReadHistory(strings.NewReader(written(t, h))); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("%v: got %+v, want %+v", err, got, h)
	}
}

const (
	header = `{"schema":"saros/history/v1"}` + "\n"
	call0  = `{"type":"invoke","id":0,"at":10,"session":1,"kind":"put","key":"x","old":0,"arg":2}` + "\n"
	ok0    = `{"type":"ok","id":0,"at":12,"result":0,"found":false,"swapped":false,"version":9}` + "\n"
)

var malformed = []struct{ file, want string }{
	{"", "line 1: no header"},
	{"\n", "line 1: want"},
	{call0, `line 1: field "type" does not belong to header`},
	{`{"schema":"saros/history/v2"}`, `line 1: schema "saros/history/v2", want`},
	{`{"schema":"saros/history/v1","schema":"saros/history/v1"}`, `line 1: field "schema" stands twice`},
	{"\ufeff" + header, "line 1: want"},
	{header + "\n", `line 2: want "{", got the end`},
	{header + "[]", `line 2: want "{"`},
	{header + "{}", `line 2: want a string`},
	{header + `{"id":0}`, `line 2: field "type" is missing`},
	{header + `{"type":"invoke"}`, `line 2: field "id" of invoke is missing`},
	{header + `{"type":"launch"}`, `line 2: unknown type "launch"`},
	{header + `{"type":"launch}`, `line 2: field "type": want a closed string`},
	{header + "{\"type\":\"a\tb\"}", `line 2: field "type": want a string without control characters`},
	{header + `{"type":"\q"}`, `line 2: field "type": invalid character`},
	{header + `{"type":{"type":{}}}`, `line 2: field "type": want a string`},
	{header + `{"type" "ok"}`, `line 2: want ":"`},
	{header + `{"type":"ok" "id":0}`, `line 2: want "," or "}"`},
	{header + `{"type":"ok",}`, `line 2: want a string`},
	{header + "{\"type\":\"\xff\"}", `line 2: not UTF-8`},
	{header + strings.Replace(call0, `"arg"`, `"args"`, 1), `line 2: unknown field "args"`},
	{header + strings.Replace(call0, `"arg"`, `"Arg"`, 1), `line 2: unknown field "Arg"`},
	{header + strings.Replace(call0, `"arg"`, `"old"`, 1), `line 2: field "old" stands twice`},
	{header + strings.Replace(call0, `,"arg":2`, ``, 1), `line 2: field "arg" of invoke is missing`},
	{header + strings.Replace(call0, `:2`, `:2,"result":1`, 1), `line 2: field "result" does not belong to invoke`},
	{header + strings.Replace(call0, `:2`, `:2.0`, 1), `line 2: field "arg": strconv.ParseInt: parsing "2.0"`},
	{header + strings.Replace(call0, `:2`, `:2e1`, 1), `line 2: field "arg"`},
	{header + strings.Replace(call0, `:2`, `:+2`, 1), `line 2: field "arg"`},
	{header + strings.Replace(call0, `:2`, `:02`, 1), `line 2: field "arg"`},
	{header + strings.Replace(call0, `:2`, `:-0`, 1), `line 2: field "arg"`},
	{header + strings.Replace(call0, `:2`, `:"2"`, 1), `line 2: field "arg"`},
	{header + strings.Replace(call0, `:2`, `:null`, 1), `line 2: field "arg"`},
	{header + strings.Replace(call0, `:2`, `:9223372036854775808`, 1), `line 2: field "arg"`},
	{header + strings.Replace(call0, `:1,`, `:2147483648,`, 1), `line 2: field "session"`},
	{header + strings.Replace(call0, `"put"`, `"Put"`, 1), `line 2: unknown kind "Put"`},
	{header + strings.Replace(call0, `"x"`, `"\ud800"`, 1), `line 2: key "\ufffd" is not UTF-8`},
	{header + strings.Replace(call0, `"x"`, `"`+strings.Repeat("x", 5000)+`"`, 1), `line 2: key of 5000 bytes`},
	{header + strings.Replace(call0, `"x"`, `"`+strings.Repeat("x", maxLineBytes)+`"`, 1), `line 2: longer than 1048576 bytes`},
	{header + strings.Replace(call0, `:10,`, `:-10,`, 1), `line 2: time goes back from 0 to -10`},
	{header + strings.Replace(call0, `:10,`, `:9000000000000000000,`, 1), `line 2: called at 9000000000000000000, outside`},
	{header + strings.Replace(call0, `"id":0`, `"id":-1`, 1), `line 2: id -1`},
	{header + strings.Replace(call0, `"id":0`, `"id":10000000`, 1), `line 2: id 10000000, the limit is 10000000`},
	{header + strings.Replace(call0, `"id":0`, `"id":4`, 1), `line 2: at the end: id 4 among 1 operations`},
	{header + strings.TrimSpace(call0) + `{}`, `line 2: want the end of the line`},
	{header + ok0, `line 2: ok of id 0, which was not invoked`},
	{header + call0 + call0, `line 3: id 0 is invoked twice`},
	{header + call0 + strings.Replace(call0, `"id":0`, `"id":1`, 1), `line 3: session 1 invokes 1 while 0 is open`},
	{header + call0 + ok0 + ok0, `line 4: ok of id 0, which is ok already`},
	{header + call0 + `{"type":"fail","id":0,"at":12,"result":1}`, `line 3: field "result" does not belong to fail`},
	{header + call0 + strings.Replace(ok0, `:12`, `:9`, 1), `line 3: time goes back from 10 to 9`},
	{header + call0 + strings.Replace(ok0, `:false`, `:0`, 1), `line 3: field "found": want true or false`},
	{header + call0 + strings.Replace(ok0, `:9`, `:-9`, 1), `line 3: field "version"`},
	{header + call0 + strings.Replace(ok0, `:12`, `:9000000000000000000`, 1), `line 3: called at 10, returned at 9000000000000000000`},
	{header + call0 + ok0[:len(ok0)-5], `line 3: want`},
}

func TestReadMalformed(t *testing.T) {
	for _, tt := range malformed {
		h, err := ReadHistory(strings.NewReader(tt.file))
		if err == nil || h != nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%.200q: error %v, want %q", tt.file, err, tt.want)
		}
	}
	// What is no error: other white space, another order of fields and ids, no newline at the end.
	const other = ` { "schema" : "saros/history/v1" } ` + "\r\n" +
		`{"id":1,"type":"invoke","at":0,"session":-4,"arg":0,"old":0,"key":"\u0078","kind":"get"}` + "\n" +
		`{"type":"invoke","id":0,"at":0,"session":4,"kind":"get","key":"x","old":0,"arg":0}`
	want := &History{Operations: []Operation{{Session: 4, Key: "x"}, {ID: 1, Session: -4, Key: "x"}}}
	if h, err := ReadHistory(strings.NewReader(other)); err != nil || !reflect.DeepEqual(h, want) {
		t.Errorf("%v, %+v, want %+v", err, h, want)
	}
}

// Whatever the bytes: no panic; and what is read is well formed, can be judged, and written again is
// read as the same.
func FuzzReadHistory(f *testing.F) {
	for _, tt := range malformed {
		if len(tt.file) < 10_000 {
			f.Add([]byte(tt.file))
		}
	}
	f.Add([]byte(header + call0 + ok0))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := ReadHistory(bytes.NewReader(file))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("the error names no line: %v", err)
			}
			return
		}
		if err := h.Validate(); err != nil {
			t.Fatal(err)
		}
		CheckLinearizable(h, Budget{Steps: 1000})
		again, err := ReadHistory(strings.NewReader(written(t, h)))
		if err != nil || len(again.Operations) != len(h.Operations) ||
			len(h.Operations) > 0 && !reflect.DeepEqual(again, h) {
			t.Errorf("%v: read %+v, written and read %+v", err, h, again)
		}
	})
}

// Whether a session calls again while it waits, pair by pair, in whatever order the operations stand.
func TestOpenCallsPairByPair(t *testing.T) {
	rng := rand.New(rand.NewPCG(14, 14))
	wrong := 0
	rounds := histories(t, 5000)
	for range rounds {
		h, now := &History{}, int64(1)
		for range rng.IntN(6) {
			if rng.IntN(6) > 0 {
				now += rng.Int64N(4)
			} else {
				now = rng.Int64N(10)
			}
			id := h.Invoke(int32(rng.IntN(3)), Put, "x", 0, 0, now)
			if rng.IntN(8) > 0 {
				h.Complete(id, now+rng.Int64N(3), Response{})
			}
		}
		want := false
		for _, a := range h.Operations {
			for _, b := range h.Operations {
				forever := a.Outcome == Pending
				first := a.Call < b.Call || a.Call == b.Call && !forever && a.Return == a.Call
				want = want || a.ID != b.ID && a.Session == b.Session &&
					(first && (forever || b.Call < a.Return) || a.Call == b.Call && !(a.Return == a.Call && !forever) && !(b.Return == b.Call && b.Outcome != Pending))
			}
		}
		if want {
			wrong++
		}
		if err := h.Validate(); want != (err != nil) {
			t.Fatalf("%v, want an error %v: %+v", err, want, h.Operations)
		}
	}
	if wrong*10 < rounds || wrong*10 > 9*rounds {
		t.Errorf("%d of %d wrong", wrong, rounds)
	}
}
