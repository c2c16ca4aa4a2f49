package checker

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// happening is a call or a return of a history, as a Stream is told of it.
type happening struct {
	at       int64
	id       int
	returned bool
}

// happenings lists calls and returns by time, at one instant in any order that puts a call first.
func happenings(rng *rand.Rand, h *History) (list []happening) {
	for i := range h.Operations {
		op := &h.Operations[i]
		list = append(list, happening{op.Call, i, false})
		if op.Outcome != Pending {
			list = append(list, happening{op.Return, i, true})
		}
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b happening) int {
		switch {
		case a.at != b.at:
			return int(a.at - b.at)
		case a.id == b.id && a.returned != b.returned && b.returned:
			return -1
		}
		return 0
	})
	for i := range list { // of one operation, at one instant
		for j := range i {
			if list[i].id == list[j].id && list[j].returned {
				list[i], list[j] = list[j], list[i]
			}
		}
	}
	return list
}

// tell passes one happening on, to the stream and to the history of what it was told.
func tell(s *Stream, told *History, op *Operation, e happening) {
	i := e.id
	if !e.returned {
		told.Operations[i] = Operation{ID: i, Session: op.Session, Key: op.Key, Kind: op.Kind, Old: op.Old, Arg: op.Arg, Call: op.Call}
		s.Call(&told.Operations[i])
		return
	}
	told.Operations[i] = *op
	s.Return(op)
}

// register draws a history of one register: puts of unique values and reads, unknown, failed and false
// ones among them.
func register(d draw, maxOps int) *History {
	n := 1 + d(maxOps)
	h := &History{}
	var puts []int64
	for i := range n {
		call := int64(d(2 * n))
		op := Operation{ID: i, Session: int32(i), Key: "x", Kind: Put, Arg: int64(10 + i), Outcome: Ok, Call: call, Return: call + int64(d(6))}
		if d(5) < 3 {
			op.Kind, op.Arg = Get, 0
		} else {
			puts = append(puts, op.Arg)
		}
		switch d(10) {
		case 0, 1:
			op.Outcome = Info
		case 2:
			op.Outcome, op.Return = Pending, 0
		case 3:
			if d.one(2) {
				op.Outcome = Fail
			}
		}
		h.Operations = append(h.Operations, op)
	}
	h.answer(d, puts)
	return h
}

// answer lets known reads find values, near ones rather than far ones.
func (h *History) answer(d draw, puts []int64) {
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.Kind != Get || op.Outcome != Ok || len(puts) == 0 {
			continue
		}
		var near []int64
		for _, w := range h.Operations {
			if w.Kind == Put && w.Outcome != Fail && w.Call <= op.Return && w.Call+20 > op.Call {
				near = append(near, w.Arg)
			}
		}
		switch {
		case len(near) > 0 && d(10) > 0:
			op.Result, op.Found = near[d(len(near))], true
		case d(4) == 0:
			op.Result, op.Found = puts[d(len(puts))], true
		}
	}
}

// After every call and every return the stream says what the oracle says of the history so far: it stops
// at the first violation, not earlier and not later. On the whole history the zones say the same.
func TestOracleStream(t *testing.T) {
	n := histories(t, 15_000)
	rng := rand.New(rand.NewPCG(21, uint64(n)))
	var z Checker
	counts, unfit := map[Verdict]int{}, 0
	for range n {
		h := register(rng.IntN, 7)
		if rng.IntN(2) == 0 {
			swaps(rng.IntN, h)
		}
		if rng.IntN(3) == 0 {
			for h = generate(rng.IntN, 7); !unique(h); {
				h = generate(rng.IntN, 7)
			}
		}
		told := &History{Operations: make([]Operation, len(h.Operations))}
		var s Stream
		for i := range told.Operations {
			told.Operations[i].Outcome = Fail // not called yet
		}
		for _, e := range happenings(rng, h) {
			tell(&s, told, &h.Operations[e.id], e)
			got, reason := s.Verdict()
			if s.unfit {
				break
			}
			want := map[bool]Verdict{true: Valid, false: Invalid}[oracle(told)]
			if !slices.ContainsFunc(told.Operations, func(op Operation) bool { return op.Outcome == Ok }) {
				want = Unknown
			}
			if got != want {
				t.Fatalf("at %d: %s %s, the oracle says %s\n%s", e.at, got, reason, want, show(told))
			}
			if got == Invalid && s.invalid {
				break
			}
		}
		got, _ := s.Verdict()
		if counts[got]++; s.unfit {
			unfit++
			continue
		}
		if r := z.CheckLinearizable(h, Budget{}); r.Verdict != got || r.Verdict == Valid && r.Steps > 0 {
			t.Fatalf("the stream says %s, zones say %s in %d steps\n%s", got, r.Verdict, r.Steps, show(h))
		}
	}
	t.Logf("%d histories: %v, %d unfit", n, counts, unfit)
	if counts[Valid] < n/10 || counts[Invalid] < n/10 || unfit > n/20 {
		t.Errorf("the generator is lopsided: %v, %d unfit", counts, unfit)
	}
}

// Runs long enough for the stream to forget: it stops where the history so far has become illegal, by the
// zones, and one happening earlier it had not; and it forgets.
func TestStreamForgets(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	var z zones
	judge := func(told *History) answer {
		var c Checker
		c.gather(told)
		got, _ := z.decide(c.keys[0].operations)
		return got
	}
	counts := map[Verdict]int{}
	for range 300 {
		h := registers(100+rng.IntN(200), 1, 1+rng.IntN(6), 10*rng.IntN(3))
		for range rng.IntN(3) {
			op, other := &h.Operations[rng.IntN(len(h.Operations))], &h.Operations[rng.IntN(len(h.Operations))]
			if op.Kind == Get && op.Outcome == Ok && other.Kind == Put {
				op.Result, op.Found = other.Arg, true
			}
		}
		told, before := &History{Operations: make([]Operation, len(h.Operations))}, &History{}
		for i := range told.Operations {
			told.Operations[i].Outcome = Fail
		}
		var s Stream
		unseen := 0
		for _, e := range happenings(rng, h) {
			before.Operations = append(before.Operations[:0], told.Operations...)
			op := &h.Operations[e.id]
			tell(&s, told, op, e)
			if e.returned && op.Kind == Put && op.Outcome == Info {
				unseen++
			}
			if n := len(s.keys[op.Key].zones); n > 40+unseen {
				t.Fatalf("%d states remembered", n)
			}
			if v, _ := s.Verdict(); v != Invalid {
				continue
			}
			if judge(told) != illegal || judge(before) != legal {
				t.Fatalf("stopped at %d of operation %d: %d, before it %d\n%s", e.at, e.id, judge(told), judge(before), show(told))
			}
			break
		}
		got, reason := s.Verdict()
		if got == Valid && judge(h) != legal || got == Unknown {
			t.Fatalf("%s %s\n%s", got, reason, show(h))
		}
		counts[got]++
	}
	if counts[Valid] < 30 || counts[Invalid] < 30 {
		t.Errorf("the generator is lopsided: %v", counts)
	}
}

// A value found when its put fails may be put again at this instant, and not later.
func TestStreamPutAgain(t *testing.T) {
	for at, want := range map[int64]Verdict{10: Valid, 11: Invalid} {
		var s Stream
		s.Call(&Operation{ID: 0, Kind: Put, Arg: 1})
		s.Call(&Operation{ID: 1, Kind: Get})
		s.Return(&Operation{ID: 1, Kind: Get, Return: 10, Result: 1, Found: true, Outcome: Ok})
		s.Return(&Operation{ID: 0, Kind: Put, Arg: 1, Return: 10, Outcome: Fail})
		s.Call(&Operation{ID: 2, Kind: Put, Arg: 1, Call: at})
		if v, _ := s.Verdict(); v != want {
			t.Errorf("put at %d: %s, want %s", at, v, want)
		}
	}
}

// What a stream cannot judge it says, and of other keys it still tells violations.
func TestStreamUnfit(t *testing.T) {
	put := Operation{Kind: Put, Arg: 1}
	for name, next := range map[string]Operation{
		"increment":                  {ID: 1, Kind: Increment, Arg: 1, Call: 2},
		"delete without a tombstone": {ID: 1, Kind: Delete, Call: 2},
		"one value twice":            {ID: 1, Kind: Put, Arg: 1, Call: 2},
	} {
		var s Stream
		s.Call(&put)
		s.Return(&Operation{Kind: Put, Arg: 1, Return: 1, Outcome: Ok})
		s.Call(&next)
		if v, reason := s.Verdict(); v != Unknown || reason != ReasonNotApplicable {
			t.Errorf("%s: %s %s", name, v, reason)
		}
		s.Call(&Operation{ID: 2, Key: "other", Kind: Get, Call: 3})
		s.Return(&Operation{ID: 2, Key: "other", Kind: Get, Call: 3, Return: 4, Result: 7, Found: true, Outcome: Ok})
		if v, _ := s.Verdict(); v != Invalid {
			t.Errorf("%s: a value that nobody wrote, on another key: %s", name, v)
		}
	}
}

// Within one instant it is not settled who came first: what looks violated may be made right, or unfit.
func TestStreamWithinAnInstant(t *testing.T) {
	old := []Operation{
		{ID: 0, Kind: Put, Arg: 1, Return: 1, Outcome: Ok},
		{ID: 1, Kind: Put, Arg: 2, Call: 2, Return: 3, Outcome: Ok},
		{ID: 5, Kind: Get, Call: 4, Return: 4, Result: 2, Found: true, Outcome: Ok}, // now 1 is forgotten
	}
	stale := Operation{ID: 2, Kind: Get, Call: 5, Return: 10, Result: 1, Found: true, Outcome: Ok}
	for name, c := range map[string]struct {
		next Operation
		want Verdict
	}{
		"the value again":           {Operation{ID: 3, Kind: Put, Arg: 1, Call: 10}, Valid},
		"the value again, too late": {Operation{ID: 3, Kind: Put, Arg: 1, Call: 11}, Invalid},
		"an increment":              {Operation{ID: 3, Kind: Increment, Arg: -1, Call: 10}, Unknown},
		"an increment, too late":    {Operation{ID: 3, Kind: Increment, Arg: -1, Call: 11}, Invalid},
		"a value that is there":     {Operation{ID: 3, Kind: Put, Arg: 2, Call: 10}, Unknown},
		"another value":             {Operation{ID: 3, Kind: Put, Arg: 3, Call: 10}, Invalid},
	} {
		var s Stream
		for i := range old {
			s.Call(&old[i])
			s.Return(&old[i])
		}
		s.Call(&stale)
		s.Return(&stale)
		if v, _ := s.Verdict(); v != Invalid {
			t.Fatalf("a stale read: %s", v)
		}
		s.Call(&c.next)
		s.Call(&Operation{ID: 4, Key: "other", Kind: Get, Call: 20})
		s.Return(&Operation{ID: 4, Key: "other", Kind: Get, Call: 20, Return: 21, Outcome: Ok})
		if v, _ := s.Verdict(); v != c.want || s.Violated(22) != (c.want == Invalid) {
			t.Errorf("%s: %s, want %s", name, v, c.want)
		}
	}
}

// script tells a stream of operations on one key, each of which is called, and returned if it has an outcome;
// at one instant in the order of the list, first calls.
func script(s *Stream, ops ...Operation) {
	var list []happening
	for i := range ops {
		if ops[i].ID = i; ops[i].Outcome != Pending {
			list = append(list, happening{ops[i].Return, i, true})
		}
		list = append(list, happening{ops[i].Call, i, false})
	}
	slices.SortStableFunc(list, func(a, b happening) int {
		switch {
		case a.at != b.at:
			return int(a.at - b.at)
		case a.id == b.id && a.returned != b.returned && b.returned:
			return -1
		case a.id == b.id && a.returned != b.returned:
			return 1
		}
		return a.id - b.id
	})
	for _, e := range list {
		if op := &ops[e.id]; e.returned {
			s.Return(op)
		} else {
			s.Call(op)
		}
	}
}

func puts(arg, call, ret int64, o Outcome) Operation {
	return Operation{Kind: Put, Arg: arg, Call: call, Return: ret, Outcome: o}
}

func gets(value, call, ret int64) Operation {
	return Operation{Kind: Get, Result: value, Found: value != 0, Call: call, Return: ret, Outcome: Ok}
}

func swapsTo(old, arg, call, ret int64, o Outcome) Operation {
	return Operation{Kind: CAS, Old: old, Arg: arg, Call: call, Return: ret, Outcome: o, Swapped: o == Ok}
}

func TestStreamScripts(t *testing.T) {
	for _, tt := range []struct {
		name string
		want Verdict
		ops  []Operation
	}{
		{"put at the first instant, and missing after it", Invalid, []Operation{puts(1, 0, 0, Ok), gets(0, 1, 1)}},
		{"put and missing at the first instant", Valid, []Operation{puts(1, 0, 0, Ok), gets(0, 0, 0)}},
		{"a value replaced by itself", Valid, []Operation{puts(1, 0, 1, Ok), swapsTo(1, 1, 2, 3, Ok), gets(1, 4, 5)}},
		// found at 9, the put fails and another puts it again: at the first instant of this it was too late
		{"found, failed, put again", Invalid, []Operation{puts(1, 0, 11, Fail), gets(1, 0, 9), puts(1, 11, 0, Pending)}},
		{"found twice, failed, put again", Invalid, []Operation{puts(1, 0, 11, Fail), gets(1, 0, 9), gets(1, 9, 10), gets(1, 9, 11), puts(1, 11, 0, Pending)}},
		// 1, 3, 2: the failed CAS must not bind 2 to 1 any longer
		{"found, a CAS failed, put instead", Unknown, []Operation{puts(1, 0, 1, Ok), gets(2, 6, 10), swapsTo(1, 2, 5, 10, Fail),
			puts(3, 7, 8, Ok), puts(2, 10, 0, Pending)}},
		// 9 was put by 5, and 1 was there at 10 and is not any more: the CAS behind it is found, 1 is trimmed
		{"an old value, when its successor is trimmed", Invalid, []Operation{puts(9, 0, 5, Ok), puts(1, 0, 1, Ok), gets(1, 10, 11),
			swapsTo(1, 2, 2, 12, Ok), puts(7, 15, 16, Fail), gets(9, 30, 31)}},
		// found when it was over, put at once again
		{"put again at the instant at which it was found over", Unknown, []Operation{puts(10, 0, 1, Ok), swapsTo(10, 11, 2, 3, Ok), gets(11, 4, 5),
			gets(11, 6, 7), swapsTo(11, 6, 8, 9, Ok), puts(10, 11, 14, Ok), gets(11, 14, 17), swapsTo(10, 11, 17, 19, Ok)}},
		{"found when it was over, put again at this instant", Unknown, []Operation{puts(1, 1, 2, Ok), puts(2, 3, 5, Ok), gets(1, 10, 13),
			puts(1, 13, 0, Pending)}},
		// and in between a return that lets the horizon move
		{"found when it was replaced, put again at this instant", Unknown, []Operation{puts(1, 1, 2, Ok), swapsTo(1, 2, 3, 5, Ok), gets(1, 10, 13),
			{Kind: Get, Return: 13, Outcome: Info}, puts(1, 13, 0, Pending)}},
		// over when 2 returned at 3; that 3 returned late enough does not help
		{"the first of a chain, over since the second", Invalid, []Operation{puts(1, 0, 1, Ok), swapsTo(1, 2, 2, 3, Ok), swapsTo(2, 3, 2, 20, Ok),
			gets(1, 10, 25)}},
		// 4 returned at 17, 1 was there at 20; 3 settles at the same time, after them, and was called at 15
		{"an old value, and who settled last was not called last", Invalid, []Operation{puts(1, 0, 1, Ok), puts(4, 0, 17, Ok), puts(3, 15, 25, Ok),
			gets(1, 20, 21), {Kind: Get, Call: 15, Return: 27, Outcome: Info}, gets(4, 30, 31)}},
		// 1 was called last, 2 at 18, after the return of 1; 3, that settles after 2, was called at 15
		{"the value that was called last, over by the one before it", Invalid, []Operation{puts(1, 0, 16, Ok), puts(3, 15, 30, Ok), puts(2, 18, 22, Ok),
			gets(1, 20, 21), {Kind: Get, Call: 14, Return: 31, Outcome: Info}, gets(1, 40, 41)}},
	} {
		var s Stream
		script(&s, tt.ops...)
		v, reason := s.Verdict()
		if v != tt.want || (reason == "") != (v != Unknown) || s.Violated(100) != (v == Invalid) {
			t.Errorf("%s: %s %q, want %s", tt.name, v, reason, tt.want)
		}
	}
}

// Of a chain, and of what is not judged any more, nothing is kept.
func TestStreamKeepsLittle(t *testing.T) {
	var s Stream
	at := int64(0)
	do := func(op Operation) {
		at += 2
		op.ID, op.Call, op.Return = int(at), at, at+1
		s.Call(&op)
		s.Return(&op)
	}
	do(puts(1, 0, 0, Ok))
	for v := range int64(100) {
		do(swapsTo(v+1, v+2, 0, 0, Ok))
		if n := len(s.keys[""].zones); n > 3 { // the last, what it was before, and that which this one replaced
			t.Fatalf("%d states of a chain", n)
		}
		if len(s.orphans)+len(s.broken) > 0 {
			t.Fatal("what was written is kept as an orphan")
		}
	}
	for range 2 {
		do(gets(101, 0, 0))
	}
	if n := len(s.keys[""].zones); n != 1 {
		t.Errorf("%d states, of which one can be found", n)
	}
	waiting := Operation{ID: 1000, Kind: Get, Call: at + 1}
	s.Call(&waiting)
	do(puts(200, 0, 0, Ok))
	for v := range int64(100) {
		do(swapsTo(v+200, v+201, 0, 0, Ok))
	}
	if n := len(s.keys[""].zones); n != 102 {
		t.Errorf("%d states that one who waits may find", n)
	}
	waiting.Outcome, waiting.Return = Info, at+2
	s.Return(&waiting)
	if n := len(s.keys[""].zones); n != 1 {
		t.Errorf("%d states, of which one can be found by who calls now", n)
	}
	at += 2
	s.Call(&Operation{ID: 1, Key: "early", Kind: Get, Call: at + 2})
	s.Return(&Operation{ID: 1, Key: "early", Kind: Get, Call: at + 2, Return: at + 3, Result: 5, Found: true, Outcome: Ok})
	s.Call(&Operation{ID: 2, Key: "early", Kind: Put, Arg: 5, Call: at + 3})
	if at += 4; s.Violated(at) || len(s.orphans) != 0 {
		t.Errorf("%t, %d orphans, of an instant that is over", s.Violated(at), len(s.orphans))
	}
	do(Operation{Kind: Increment, Arg: 1, Outcome: Ok})
	for v := range int64(100) {
		do(puts(1000+v, 0, 0, Ok))
	}
	if n := len(s.keys[""].zones); n > 1 {
		t.Errorf("%d states of a key that is not judged", n)
	}
	s.Reset()
	at = 0
	do(gets(7, 0, 0))
	for v := range int64(100) {
		do(puts(1000+v, 0, 0, Ok))
	}
	if n := len(s.keys[""].zones); n > 2 {
		t.Errorf("%d states after a violation", n)
	}
}

// What nobody can be told: a call or a return twice, a return of nothing, the past.
func TestStreamToldWrong(t *testing.T) {
	put := puts(1, 5, 6, Pending)
	done := puts(1, 5, 6, Ok)
	for name, tell := range map[string]func(s *Stream){
		"one call twice":                     func(s *Stream) { s.Call(&put); s.Call(&put) },
		"a return of what was not called":    func(s *Stream) { s.Return(&done) },
		"one return twice":                   func(s *Stream) { s.Call(&put); s.Return(&done); s.Return(&done) },
		"a return without an outcome":        func(s *Stream) { s.Call(&put); s.Return(&put) },
		"a call before what was told":        func(s *Stream) { s.Violated(6); s.Call(&put) },
		"a look at what was before the last": func(s *Stream) { s.Call(&put); s.Violated(4) },
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.HasPrefix(p, "checker: ") {
					t.Errorf("%s: told nobody, %q", name, p)
				}
			}()
			tell(&Stream{})
		}()
	}
}
