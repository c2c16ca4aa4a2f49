package checker

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// judgement is what a definition says of operations: whether some contradict it, whether any was under a
// duty, and whether a read is explained by nothing but a write of unknown outcome.
type judgement struct {
	wrong, duty, excused bool
	class                string // of the violation, where it is not the name of the check
}

// weak are the definitions, pair by pair.
var weak = map[string]func(ops []Operation, bound int64) judgement{
	"session/read-your-writes":    sessionTwin(true, true, false, "at least"),
	"session/monotonic-reads":     sessionTwin(true, false, false, "at least"),
	"session/monotonic-writes":    sessionTwin(true, true, true, "more"),
	"session/writes-follow-reads": sessionTwin(true, false, true, "more"),
	"log/read-your-writes":        sessionTwin(false, true, false, "at least"),
	"log/monotonic-reads":         sessionTwin(false, false, false, "at least"),
	"log/monotonic-writes":        sessionTwin(false, true, true, "more"),
	"log/writes-follow-reads":     sessionTwin(false, false, true, "more"),
	"staleness/bounded":           staleTwin(true),
	"log/bounded":                 staleTwin(false),
	"staleness/prefix": func(ops []Operation, _ int64) judgement {
		return readTwin(ops, func(o Operation) int64 { return int64(o.Version) })
	},
	"timestamps/snapshot": func(ops []Operation, _ int64) judgement {
		j := readTwin(ops, func(o Operation) int64 { return o.CommitTS })
		unrepeatable, below := false, false
		anyPair(ops, func(a, b Operation) {
			switch {
			case a.Key != b.Key || isWrite(a):
			case isWrite(b):
				below = below || a.Return < b.Call && b.CommitTS <= a.CommitTS
			default:
				vague := a.Kind == Delete || b.Kind == Delete // does not say whose tombstone it found
				unrepeatable = unrepeatable || a.CommitTS == b.CommitTS && (a.Found != b.Found || a.Result != b.Result && !vague)
			}
		})
		switch {
		case unrepeatable:
			j.class = "timestamps/unrepeatable"
		case below:
			j.class = "timestamps/commit-below-read"
		}
		j.wrong = j.wrong || unrepeatable || below
		return j
	},
	"timestamps/external": func(ops []Operation, _ int64) (j judgement) {
		anyPair(ops, func(a, b Operation) {
			if isWrite(a) && isWrite(b) && a.Return < b.Call {
				j.duty = true
				j.wrong = j.wrong || a.CommitTS >= b.CommitTS
			}
		})
		return j
	},
}

func isWrite(o Operation) bool {
	return o.Kind == Put || o.Kind == Increment || o.Kind == CAS && o.Swapped || o.Kind == Delete && (o.Found || o.Arg != 0)
}

// anyPair shows every two completed operations, in either order.
func anyPair(ops []Operation, show func(a, b Operation)) {
	for i, a := range ops {
		for j, b := range ops {
			if i != j && a.Outcome == Ok && b.Outcome == Ok {
				show(a, b)
			}
		}
	}
}

func sessionTwin(sameKey, firstWrites, thenWrites bool, needs string) func([]Operation, int64) judgement {
	return func(ops []Operation, _ int64) (j judgement) {
		anyPair(ops, func(a, b Operation) {
			before := a.Call < b.Call || a.Call == b.Call && (a.Return < b.Return || a.Return == b.Return && a.ID < b.ID)
			if a.Session != b.Session || sameKey && a.Key != b.Key || !before || isWrite(a) != firstWrites || isWrite(b) != thenWrites {
				return
			}
			j.duty = true
			j.wrong = j.wrong || b.Version < a.Version || needs == "more" && b.Version == a.Version
		})
		return j
	}
}

func staleTwin(sameKey bool) func([]Operation, int64) judgement {
	return func(ops []Operation, bound int64) (j judgement) {
		anyPair(ops, func(w, r Operation) {
			if (!sameKey || w.Key == r.Key) && isWrite(w) && !isWrite(r) && r.Call-w.Return > bound {
				j.duty = true
				j.wrong = j.wrong || r.Version < w.Version
			}
		})
		return j
	}
}

// missing is a key without a value, as who deleted it left it.
func missing(tombstone int64) string {
	if tombstone == 0 {
		return "missing"
	}
	return fmt.Sprintf("missing since %d", tombstone)
}

// finds tells whether an operation may have found a state: a number, or missing.
func finds(o Operation, state string) bool {
	switch {
	case o.Kind == CAS && o.Swapped:
		return state == fmt.Sprint(o.Old)
	case o.Kind == Increment:
		return state == fmt.Sprint(o.Result-o.Arg) || strings.HasPrefix(state, "missing") && o.Result == o.Arg
	case o.Kind == Delete && o.Arg == 0:
		return o.Found != strings.HasPrefix(state, "missing")
	case o.Kind == Put:
		return true
	case !o.Found:
		return state == missing(o.Result)
	}
	return state == fmt.Sprint(o.Result)
}

// readTwin tries, key by key, every place for every write of unknown outcome: is there a way in which each
// operation found what the last write before it left, and none that was called after it returned?
func readTwin(ops []Operation, at func(Operation) int64) (j judgement) {
	for _, key := range []string{"a", "b", "x"} {
		var known, unknown []Operation
		vague := false
		for _, o := range ops {
			switch {
			case o.Key != key:
			case o.Outcome == Ok:
				known = append(known, o)
				j.duty = j.duty || o.Kind != Put
				vague = vague || o.Kind == Delete && o.Arg == 0 || o.Kind == Increment && o.Result == o.Arg
			case o.Outcome != Fail && o.Kind != Get:
				for _, u := range unknown { // which of the two?
					j.excused = j.excused || u.Arg == o.Arg && (u.Kind == Delete) == (o.Kind == Delete)
				}
				unknown = append(unknown, o)
				j.excused = j.excused || o.Kind == CAS || o.Kind == Increment // it depends on what they found
			}
		}
		j.excused = j.excused || vague && len(unknown) > 0
		slices.SortStableFunc(known, func(a, b Operation) int {
			switch c := cmp.Compare(at(a), at(b)); {
			case c != 0 || isWrite(a) == isWrite(b):
				return c
			case isWrite(a):
				return -1
			}
			return 1
		})
		j.wrong = j.wrong || !placeable(known, unknown, at, "missing", -1, 0)
	}
	return j
}

// placeable tells whether known, in their order, find what is there: now, left by a write that was called at
// since, when all places up to last are taken.
func placeable(known, unknown []Operation, at func(Operation) int64, now string, since, last int64) bool {
	if len(known) == 0 {
		return true
	}
	r := known[0]
	if r.Kind == Put || finds(r, now) && since <= r.Return {
		then, called := now, since
		if isWrite(r) {
			then, called = leftAs(r, now), -1
		}
		if placeable(known[1:], unknown, at, then, called, at(r)) {
			return true
		}
	}
	if last+1 > at(r) || last+1 == at(r) && isWrite(r) {
		return false
	}
	for i, w := range unknown {
		if w.Kind == CAS && now != fmt.Sprint(w.Old) {
			continue
		}
		rest := slices.Delete(slices.Clone(unknown), i, i+1)
		if placeable(known, rest, at, leftAs(w, now), w.Call, last+1) {
			return true
		}
	}
	return false
}

func leftAs(w Operation, now string) string {
	switch w.Kind {
	case Delete:
		return missing(w.Arg)
	case Increment:
		before := int64(0)
		fmt.Sscan(now, &before) // of a missing key nothing
		return fmt.Sprint(before + w.Arg)
	}
	return fmt.Sprint(w.Arg)
}

// applies tells whether every operation that a check speaks of carries its claim, and no two writes one.
func applies(name string, ops []Operation) bool {
	at := func(o Operation) int64 { return int64(o.Version) }
	if strings.HasPrefix(name, "timestamps/") {
		at = func(o Operation) int64 { return o.CommitTS }
	}
	for i, a := range ops {
		if a.Outcome != Ok {
			continue
		}
		if at(a) == 0 && (isWrite(a) || name != "timestamps/external") {
			return false
		}
		for j, b := range ops {
			if i != j && b.Outcome == Ok && isWrite(a) && isWrite(b) && at(a) == at(b) && (a.Key == b.Key || strings.HasPrefix(name, "log/")) {
				return false
			}
		}
	}
	return true
}

// claims makes a history that keeps its promises, save for a lie in some.
func claims(rng *rand.Rand) *History {
	n := 5 + rng.IntN(7)
	h := &History{}
	store := map[string]state{}
	free := [3]int64{}
	shared := int64(0)
	latest := map[string]*Operation{} // at which place nothing has changed since
	for i := range n {
		s := rng.IntN(2)
		call := max(free[s], shared-int64(rng.IntN(3))) + int64(rng.IntN(2))
		ret := call + int64(rng.IntN(4))
		free[s], shared = ret, max(shared, ret)
		key := string(rune('a' + rng.IntN(6)/5))
		kind := []Kind{Get, Get, Get, Put, Put, CAS, Increment, Delete}[rng.IntN(8)]
		id := h.Invoke(int32(s), kind, key, int64(rng.IntN(3)), int64(rng.IntN(3)), call)
		op := &h.Operations[id]
		settled := rng.IntN(9)
		if settled == 1 {
			h.Fail(id, ret)
			continue
		}
		before := store[key]
		res := Response{Result: before.value, Found: before.exists, Version: uint64(10*i + 10), CommitTS: 20 * int64(i+1)}
		after := before
		switch kind {
		case Put:
			after = state{op.Arg, true}
		case CAS:
			if res.Swapped = before.exists && before.value == op.Old; res.Swapped {
				after = state{op.Arg, true}
			}
		case Increment:
			if after = (state{op.Arg, true}); before.exists {
				after.value += before.value
			}
			res.Result = after.value
		case Delete:
			if before.exists || op.Arg != 0 {
				after = state{op.Arg, false}
			}
		}
		if settled == 0 {
			h.Info(id, ret)
			if rng.IntN(2) == 0 {
				store[key] = after
				delete(latest, key)
			}
			continue
		}
		store[key] = after
		if same := latest[key]; same != nil && kind != Put && kind != Increment && after == before && rng.IntN(3) == 0 {
			res.Version, res.CommitTS = same.Version, same.CommitTS
		}
		h.Complete(id, ret, res)
		done := *op
		latest[key] = &done
	}
	for range rng.IntN(3) * n / 2 {
		op := &h.Operations[rng.IntN(n)]
		if op.Outcome != Ok {
			continue
		}
		switch lie := int64(3 + 7*rng.IntN(2*n)); rng.IntN(16) {
		case 0:
			op.Result++
		case 1:
			switch rng.IntN(16) {
			case 0:
				op.Version = 0
			case 1:
				op.CommitTS = 0
			}
		case 2, 3:
			if other := &h.Operations[rng.IntN(n)]; other.Outcome == Ok && !isWrite(*op) {
				op.Version, op.CommitTS = other.Version, other.CommitTS
			}
		default:
			op.Version, op.CommitTS = uint64(lie), 6+14*int64(rng.IntN(2*n))
		}
	}
	return h
}

// shownInstead returns an operation that r should rather have shown beside r.Op, or -1. Of all that contradict
// that one, a sweep meets the one with the highest claim, and of several such the first: in the order of
// calls, or of returns, as the sweep goes. Of operations that contradict a prefix the first is shown, at the
// lowest place of the key that comes first.
func shownInstead(name string, h *History, r Report, bound int64) int {
	claim := func(op *Operation) uint64 {
		if strings.HasPrefix(r.Class, "timestamps/") {
			return uint64(op.CommitTS)
		}
		return op.Version
	}
	worse := func(core ...Operation) bool {
		j := weak[name](core, bound)
		return j.wrong && cmp.Or(j.class, name) == r.Class
	}
	if strings.HasSuffix(r.Class, "/prefix") || strings.HasSuffix(r.Class, "/snapshot") || strings.HasSuffix(r.Class, "/unrepeatable") {
		return -1
	}
	shown := &h.Operations[r.Core[0]]
	if shown.ID == r.Op {
		shown = &h.Operations[r.Core[1]]
	}
	for i := range h.Operations {
		a := &h.Operations[i]
		if a.Outcome != Ok || a.ID == r.Op || a.ID == shown.ID || !worse(*a, h.Operations[r.Op]) {
			continue
		}
		first := cmp.Or(cmp.Compare(a.Return, shown.Return), cmp.Compare(a.ID, shown.ID))
		if strings.HasPrefix(r.Class, "session/") || strings.HasPrefix(r.Class, "log/") && r.Class != "log/bounded" {
			first = cmp.Or(cmp.Compare(a.Call, shown.Call), first)
		}
		if c := cmp.Compare(claim(a), claim(shown)); c > 0 || c == 0 && first < 0 {
			return a.ID
		}
	}
	return -1
}

func TestOracleWeak(t *testing.T) {
	rounds := histories(t, 4_000)
	for _, check := range Checks {
		rng := rand.New(rand.NewPCG(7, 7))
		judged, invalid := 0, 0
		excused, unlike, vacuous := 0, 0, 0
		for range rounds {
			h := claims(rng)
			bound := int64(rng.IntN(3))
			r := check.Run(h, bound)
			j := weak[check.Name](h.Operations, bound)
			want, reason := Valid, ""
			switch {
			case !applies(check.Name, h.Operations):
				want, reason = Unknown, ReasonNotApplicable
				unlike++
			case j.wrong:
				want = Invalid
				invalid++
			case !j.duty:
				want, reason = Unknown, ReasonVacuous
				vacuous++
			}
			if j.excused && reason == "" && j.class == "" && r.Reason == ReasonNotApplicable {
				want, reason = Unknown, ReasonNotApplicable
				excused++
			} else if reason != ReasonNotApplicable {
				judged++
			}
			if want != r.Verdict || reason != r.Reason {
				t.Fatalf("%s: %s %s, want %s %s\n%s%+v", check.Name, r.Verdict, r.Reason, want, reason, r.Text, h.Operations)
			}
			toldWeak(t, h, r, check.Name)
			if want != Invalid {
				continue
			}
			if class := cmp.Or(j.class, check.Name); class != r.Class {
				t.Fatalf("%s: class %s, want %s\n%s%+v", check.Name, r.Class, class, r.Text, h.Operations)
			}
			var core []Operation
			for _, id := range r.Core {
				core = append(core, h.Operations[id])
			}
			reads := strings.HasSuffix(r.Class, "/prefix") || strings.HasSuffix(r.Class, "/snapshot")
			if len(core) > 2 && !reads || len(core) > 8 || !weak[check.Name](core, bound).wrong || !slices.Contains(r.Core, r.Op) {
				t.Fatalf("%s: core %v is not wrong alone\n%s", check.Name, r.Core, r.Text)
			}
			if better := shownInstead(check.Name, h, r, bound); better >= 0 {
				t.Fatalf("%s: operation %d says more than %v, or as much and earlier\n%s%+v", check.Name, better, r.Core, r.Text, h.Operations)
			}
		}
		if invalid*10 < rounds || judged*2 < rounds || unlike == 0 || vacuous == 0 {
			t.Errorf("%s: %d of %d invalid, of %d; %d unlike, %d vacuous", check.Name, invalid, judged, rounds, unlike, vacuous)
		}
		if reads := strings.HasSuffix(check.Name, "prefix") || strings.HasSuffix(check.Name, "snapshot"); reads != (excused > 0) {
			t.Errorf("%s: %d excused", check.Name, excused)
		}
		t.Logf("%s: %d histories, %d invalid, %d excused, %d not applicable, %d vacuous", check.Name, rounds, invalid, excused, unlike, vacuous)
	}
}

func TestCommitTimestampIsOptional(t *testing.T) {
	const head = `{"schema":"saros/history/v1"}` + "\n" + `{"type":"invoke","id":0,"at":1,"session":1,"kind":"put","key":"x","old":0,"arg":1}` + "\n"
	const ok = `{"type":"ok","id":0,"at":2,"result":0,"found":false,"swapped":false,"version":1`
	for tail, want := range map[string]int64{`}`: 0, `,"commit_ts":7}`: 7, `,"commit_ts":0}`: -1, `,"commit_ts":-7}`: -1} {
		h, err := ReadHistory(strings.NewReader(head + ok + tail + "\n"))
		if (err != nil) != (want < 0) || err == nil && h.Operations[0].CommitTS != want {
			t.Errorf("%s: %v %v", tail, h, err)
		}
	}
}

// A write of unknown outcome explains what returned at the instant of its call, and nothing that returned
// before it.
func TestExcuseTouches(t *testing.T) {
	versioned := func(op Operation, version uint64) Operation {
		op.Version = version
		return op
	}
	for _, ret := range []int64{9, 10} {
		for name, h := range map[string]*History{
			"value":     history(info(put(10, 20, 7)), versioned(get(5, ret, 7), 1)),
			"any value": history(info(increment(10, 20, 1, 0)), versioned(get(5, ret, 7), 1)),
			"existing":  history(info(put(10, 20, 7)), versioned(remove(5, ret, true), 2)),
			"missing":   history(info(remove(10, 20, true)), versioned(put(1, 2, 7), 1), versioned(remove(5, ret, false), 2)),
		} {
			want := Unknown
			switch {
			case ret < 10:
				want = Invalid
			case name == "value":
				want = Valid
			}
			if r := CheckPrefix(h); r.Verdict != want {
				t.Errorf("%s, returned at %d: %s, want %s\n%s", name, ret, r.Verdict, want, r.Text)
			}
		}
	}
}

// dense makes a key whose places are nearly all taken, and of whose writes many have no known outcome; a few
// operations lie.
func dense(rng *rand.Rand) *History {
	h := &History{}
	only := []Kind{Get, Put, CAS, Increment, Delete}
	if rng.IntN(3) > 0 { // what is decided
		only = [][]Kind{{Get, Get, Put}, {Get, Increment}, {Get, Get, Put, CAS}, {Get, Get, Put, Delete}}[rng.IntN(4)]
	}
	few := rng.IntN(3) == 0 // values, so that several may have left one
	now, version := state{}, uint64(rng.IntN(2))
	for i := range 3 + rng.IntN(7) {
		kind := only[rng.IntN(len(only))]
		arg := int64(i + 1)
		if few || kind == Increment {
			arg = int64(rng.IntN(3))
		}
		if kind == Delete && rng.IntN(2) == 0 {
			arg = 0
		}
		op := Operation{Session: int32(i), ID: i, Key: "x", Kind: kind, Arg: arg, Call: int64(4*i + rng.IntN(4)), Outcome: Ok}
		op.Return = op.Call + int64(rng.IntN(12))
		if kind == CAS {
			op.Old = now.value
			if rng.IntN(3) == 0 {
				op.Old = int64(rng.IntN(3))
			}
		}
		then := now
		switch {
		case kind == Put || kind == CAS && now == (state{op.Old, true}):
			then = state{arg, true}
		case kind == Increment && now.exists:
			then = state{now.value + arg, true}
		case kind == Increment:
			then = state{arg, true}
		case kind == Delete && (arg != 0 || now.exists):
			then = state{arg, false}
		}
		unknown := kind != Get && rng.IntN(2) == 0
		switch {
		case unknown && rng.IntN(4) == 0: // it never happens, or later
			then = now
		case then != now || kind != Get && kind != Delete && kind != CAS || rng.IntN(2) == 0:
			version++
		}
		if unknown {
			op.Outcome = []Outcome{Info, Pending}[rng.IntN(2)]
			if op.Outcome == Pending {
				op.Return = 0
			}
		} else {
			op.Version, op.CommitTS = max(1, version), int64(max(1, version))
			op.Result, op.Found = now.value, now.exists
			switch kind {
			case Put:
				op.Result, op.Found = 0, false
			case CAS:
				op.Swapped = now == state{op.Old, true}
			case Increment:
				op.Result, op.Found = then.value, false
			case Delete:
				if arg == 0 {
					op.Result = 0
				}
			}
		}
		now = then
		h.Operations = append(h.Operations, op)
	}
	if rng.IntN(2) == 0 { // a read says something else, or looked elsewhere
		op := &h.Operations[rng.IntN(len(h.Operations))]
		switch {
		case op.Outcome != Ok || isWrite(*op):
		case rng.IntN(3) == 0:
			op.Result, op.Found = int64(rng.IntN(4)), true
		default:
			op.Version = uint64(1 + rng.IntN(int(version)+1))
			op.CommitTS = int64(op.Version)
		}
	}
	return h
}

func TestOraclePlaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 17))
	rounds := histories(t, 20_000)
	seen := map[string]int{}
	for range rounds {
		h := dense(rng)
		if !applies("staleness/prefix", h.Operations) {
			seen["unlike"]++
			continue
		}
		r, j := CheckPrefix(h), weak["staleness/prefix"](h.Operations, 0)
		want := Valid
		switch {
		case !j.duty || j.excused && r.Verdict == Unknown && r.Reason == ReasonNotApplicable:
			want = Unknown
		case j.wrong:
			want = Invalid
		}
		if r.Verdict != want {
			t.Fatalf("%s %s, want %s\n%s%s", r.Verdict, r.Reason, want, r.Text, show(h))
		}
		seen[r.Verdict.String()]++
		toldWeak(t, h, r, "staleness/prefix")
		if r.Verdict != Invalid {
			continue
		}
		var core []Operation
		for _, id := range r.Core {
			core = append(core, h.Operations[id])
		}
		if !weak["staleness/prefix"](core, 0).wrong || !slices.Contains(r.Core, r.Op) {
			t.Fatalf("core %v is not wrong alone\n%s%s", r.Core, r.Text, show(h))
		}
	}
	if seen["valid"]*3 < rounds || seen["invalid"]*20 < rounds || seen["unknown"]*4 > rounds {
		t.Error(seen)
	}
	t.Log(rounds, seen)
}

// One or two writes of unknown outcome, and where they may stand. A number before an operation is its place.
func TestPlaces(t *testing.T) {
	at := func(version uint64, op Operation) Operation {
		op.Version = version
		return op
	}
	bury := func(op Operation, tombstone int64) Operation {
		op.Arg = tombstone
		return op
	}
	absent := func(call, ret, tombstone int64) Operation {
		return Operation{Kind: Get, Call: call, Return: ret, Outcome: Ok, Result: tombstone}
	}
	for _, tt := range []struct {
		name string
		ops  []Operation
		want Verdict
		core []int
		says string
	}{
		{"a swap of what is there", []Operation{at(1, put(0, 1, 1)), info(swap(2, 3, 1, 2)), at(3, get(4, 5, 2))}, Valid, nil, ""},
		{"a swap of something else", []Operation{at(1, put(0, 1, 1)), info(swap(2, 3, 5, 2)), at(3, get(4, 5, 2))}, Unknown, nil, "#2 found"},
		{"the first that is not decided", []Operation{at(1, put(0, 1, 1)), info(swap(2, 3, 5, 2)), info(swap(2, 3, 6, 3)), at(3, get(4, 5, 2)), at(5, get(4, 5, 3))}, Unknown, nil, "#3 found"},
		{"the earlier call is the later operation", []Operation{info(put(50, 60, 2)), info(put(5, 60, 2)), at(1, get(5, 10, 2))}, Valid, nil, ""},
		{"it must have been placed the other way round", []Operation{at(1, put(0, 1, 1)), info(put(0, 1, 2)), info(put(20, 21, 2)), at(2, get(20, 30, 2)), at(3, put(5, 6, 1)), at(4, get(7, 10, 2))}, Unknown, nil, "#5 found"},

		{"increments of nothing", []Operation{info(increment(0, 1, 2, 0)), info(increment(5, 6, 2, 0)), at(2, get(5, 5, 4))}, Valid, nil, ""},
		{"increments of a tombstone", []Operation{at(1, bury(remove(0, 1, false), 7)), info(increment(2, 3, 2, 0)), at(2, get(4, 5, 2))}, Valid, nil, ""},
		{"increments without room", []Operation{info(increment(0, 1, 2, 0)), info(increment(0, 1, 2, 0)), at(1, get(4, 5, 4))}, Unknown, nil, "#2 found"},
		{"one increment was called too late", []Operation{info(increment(0, 1, 2, 0)), info(increment(6, 7, 2, 0)), at(2, get(4, 5, 4))}, Unknown, nil, "#2 found"},
		{"increments leave no tombstone", []Operation{info(increment(0, 1, 2, 0)), at(2, absent(4, 5, 9))}, Invalid, []int{1}, "no write before it left"},
		{"increments are given up", []Operation{at(1, put(0, 1, 1)), info(increment(20, 21, 2, 0)), info(increment(20, 21, 1, 0)), at(3, get(4, 30, 9)), at(4, put(0, 1, 1)), at(6, get(22, 30, 4)), at(7, get(6, 10, 4))}, Unknown, nil, "#3 found"},
		{"a put, or an increment before it", []Operation{at(1, put(0, 1, 1)), info(put(0, 1, 2)), info(increment(0, 1, 1, 0)), at(2, get(4, 5, 2)), at(3, put(4, 5, 0)), at(4, get(6, 7, 2))}, Unknown, nil, "#5 found"},

		{"0, or nothing", []Operation{at(1, put(0, 1, 5)), info(put(0, 1, 0)), info(remove(0, 1, true)), at(3, increment(4, 5, 1, 1)), at(5, get(6, 7, 0))}, Unknown, nil, "#3 found"},
		{"nothing, as 0 was used up", []Operation{at(1, put(0, 1, 5)), info(put(0, 1, 0)), info(remove(0, 1, true)), at(2, get(4, 5, 0)), at(3, put(4, 5, 5)), at(5, increment(6, 7, 1, 1))}, Unknown, nil, "#5 found"},
		{"nothing, by another delete", []Operation{at(1, put(0, 1, 1)), info(remove(0, 1, true)), info(bury(remove(0, 1, true), 9)), at(2, getMissing(4, 5)), at(3, put(4, 5, 2)), at(5, remove(6, 7, false))}, Unknown, nil, "#5 found"},
		{"something, behind a delete", []Operation{at(1, put(0, 1, 1)), info(remove(0, 1, true)), info(put(0, 1, 7)), at(2, getMissing(4, 5)), at(4, remove(6, 7, true))}, Unknown, nil, "#4 found"},
		{"something twice, put once", []Operation{info(remove(0, 1, true)), info(remove(0, 1, true)), info(put(0, 1, 7)), at(3, remove(4, 5, true)), at(6, remove(6, 7, true))}, Unknown, nil, "#3 found"},
		{"something, and only deletes", []Operation{info(remove(0, 1, true)), at(3, remove(4, 5, true))}, Invalid, []int{1}, "no write before it left"},

		{"found before it was called", []Operation{info(put(20, 21, 2)), at(1, get(20, 30, 2)), at(2, get(5, 10, 2))}, Invalid, []int{0, 1, 2}, "only write #0 can have left, as #1 shows"},
		{"and something else before", []Operation{at(1, put(0, 1, 1)), info(put(20, 21, 2)), at(2, get(20, 30, 2)), at(3, get(5, 10, 2))}, Invalid, []int{0, 1, 2, 3}, "only write #1 can have left, as #2 shows"},
		{"and something else between", []Operation{at(1, put(0, 1, 2)), info(put(0, 1, 1)), at(2, get(2, 3, 1)), info(put(20, 21, 2)), at(3, get(20, 30, 2)), at(4, get(5, 10, 2))}, Invalid, []int{0, 2, 3, 4, 5}, "only write #3 can have left, as #4 shows"},
		{"the sum before it was called", []Operation{at(1, getMissing(0, 1)), at(2, put(0, 1, 1)), info(increment(20, 21, 1, 0)), at(3, get(22, 30, 2)), at(4, get(5, 10, 2))}, Invalid, []int{1, 2, 3, 4}, "only write #2 can have left, as #3 shows"},
		{"whoever else left it", []Operation{info(put(0, 1, 9)), info(swap(0, 1, 9, 2)), info(put(20, 21, 2)), at(3, get(20, 30, 2)), at(3, get(5, 10, 2))}, Unknown, nil, "#4 found"},
		{"left by whom is not decided", []Operation{info(put(20, 21, 2)), info(put(20, 21, 9)), info(swap(15, 16, 9, 5)), at(1, get(20, 30, 2)), at(4, get(15, 30, 5)), at(5, get(5, 10, 5))}, Unknown, nil, "#4 found"},
		{"found again", []Operation{at(1, put(0, 1, 1)), info(put(0, 1, 2)), at(2, get(4, 5, 2)), at(3, put(4, 5, 3)), at(5, get(6, 7, 2))}, Invalid, []int{0, 1, 2, 3, 4}, "Only write #1, of unknown outcome"},
		{"the old behind the new", []Operation{at(1, put(0, 1, 1)), info(put(0, 1, 2)), at(2, get(4, 5, 2)), at(3, get(4, 5, 2)), at(4, get(6, 7, 1))}, Invalid, []int{0, 1, 2, 4}, "nobody can have changed"},
		{"no room", []Operation{at(1, put(0, 1, 1)), info(put(0, 1, 2)), at(2, increment(4, 5, 1, 3))}, Invalid, []int{0, 2}, "is the last before"},
		{"something, behind two deletes", []Operation{at(1, put(0, 1, 1)), info(remove(0, 1, true)), at(2, getMissing(4, 5)), at(4, bury(remove(4, 5, false), 5)), at(6, remove(6, 7, true))}, Invalid, []int{3, 4}, "is the last before"},
	} {
		r := CheckPrefix(history(tt.ops...))
		if r.Verdict != tt.want || !sameSet(r.Core, tt.core) || !strings.Contains(r.Text, tt.says) {
			t.Errorf("%s: %s, core %v, want %s %v %q\n%s", tt.name, r.Verdict, r.Core, tt.want, tt.core, tt.says, r.Text)
		}
	}
}

func sameSet(a, b []int) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
