package checker

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// weak are the definitions, pair by pair: whether some operations of h contradict the check.
var weak = map[string]func(ops []Operation, bound int64) bool{
	"session/read-your-writes": sessionTwin(func(a, b Operation) bool { return isWrite(a) && !isWrite(b) && b.Version < a.Version }),
	"session/monotonic-reads":  sessionTwin(func(a, b Operation) bool { return !isWrite(a) && !isWrite(b) && b.Version < a.Version }),
	"session/monotonic-writes": sessionTwin(func(a, b Operation) bool { return isWrite(a) && isWrite(b) && b.Version <= a.Version }),
	"session/writes-follow-reads": sessionTwin(func(a, b Operation) bool {
		return !isWrite(a) && isWrite(b) && b.Version <= a.Version
	}),
	"staleness/bounded": func(ops []Operation, bound int64) bool {
		return anyPair(ops, func(a, b Operation) bool {
			return a.Key == b.Key && isWrite(a) && !isWrite(b) && a.Return < b.Call-bound && b.Version < a.Version
		})
	},
	"staleness/prefix": func(ops []Operation, _ int64) bool {
		return wrongRead(ops, func(o Operation) int64 { return int64(o.Version) })
	},
	"timestamps/snapshot": func(ops []Operation, _ int64) bool {
		return wrongRead(ops, func(o Operation) int64 { return o.CommitTS }) || anyPair(ops, func(a, b Operation) bool {
			if a.Key != b.Key || isWrite(a) {
				return false
			}
			if isWrite(b) {
				return a.Return < b.Call && b.CommitTS <= a.CommitTS
			}
			return a.CommitTS == b.CommitTS && (a.Found != b.Found || a.Found && a.Result != b.Result)
		})
	},
	"timestamps/external": func(ops []Operation, _ int64) bool {
		return anyPair(ops, func(a, b Operation) bool {
			return isWrite(a) && isWrite(b) && a.Return < b.Call && a.CommitTS >= b.CommitTS
		})
	},
}

func isWrite(o Operation) bool {
	return o.Kind == Put || o.Kind == Increment || o.Kind == CAS && o.Swapped || o.Kind == Delete && o.Found
}

func anyPair(ops []Operation, wrong func(a, b Operation) bool) bool {
	for i, a := range ops {
		for j, b := range ops {
			if i != j && a.Outcome == Ok && b.Outcome == Ok && wrong(a, b) {
				return true
			}
		}
	}
	return false
}

func sessionTwin(wrong func(a, b Operation) bool) func([]Operation, int64) bool {
	return func(ops []Operation, _ int64) bool {
		return anyPair(ops, func(a, b Operation) bool {
			before := a.Call < b.Call || a.Call == b.Call && (a.Return < b.Return || a.Return == b.Return && a.ID < b.ID)
			return a.Session == b.Session && a.Key == b.Key && before && wrong(a, b)
		})
	}
}

func wrongRead(ops []Operation, at func(Operation) int64) bool {
	for _, r := range ops {
		if r.Outcome != Ok || isWrite(r) {
			continue
		}
		explained, last, value := false, int64(-1), "missing"
		found := "missing"
		if r.Found {
			found = fmt.Sprint(r.Result)
		}
		for _, w := range ops {
			left := fmt.Sprint(w.Arg)
			if w.Kind == Delete {
				left = "missing"
			}
			if w.Kind == Increment {
				left = fmt.Sprint(w.Result)
			}
			unknown := w.Outcome == Info || w.Outcome == Pending
			switch {
			case w.Key != r.Key:
			case unknown && w.Kind != Get && w.Call <= r.Return && (left == found || w.Kind == Increment):
				explained = true
			case w.Outcome == Ok && isWrite(w) && at(w) <= at(r) && at(w) > last:
				last, value = at(w), left
			}
		}
		if !explained && found != value {
			return true
		}
	}
	return false
}

// claims makes a history that keeps its promises, save for a lie in some.
func claims(rng *rand.Rand) *History {
	n := 2 + rng.IntN(6)
	h := &History{}
	store := map[string]state{}
	free := [3]int64{}
	shared := int64(0)
	for i := range n {
		s := rng.IntN(2)
		call := max(free[s], shared-int64(rng.IntN(3))) + int64(rng.IntN(2))
		ret := call + int64(rng.IntN(4))
		free[s], shared = ret, max(shared, ret)
		key := string(rune('a' + rng.IntN(4)/3))
		kind := []Kind{Get, Get, Get, Put, Put, CAS, Increment, Delete}[rng.IntN(8)]
		id := h.Invoke(int32(s), kind, key, int64(rng.IntN(3)), int64(rng.IntN(3)), call)
		op := &h.Operations[id]
		settled := rng.IntN(8)
		if settled == 1 {
			h.Fail(id, ret)
			continue
		}
		before := store[key]
		res := Response{Result: before.value, Found: before.exists, Version: uint64(10*i + 10), CommitTS: 10 * int64(i+1)}
		after := before
		switch kind {
		case Put:
			after = state{op.Arg, true}
		case CAS:
			if res.Swapped = before.exists && before.value == op.Old; res.Swapped {
				after = state{op.Arg, true}
			}
		case Increment:
			after = state{before.value + op.Arg, true}
			res.Result = after.value
		case Delete:
			after = state{}
		}
		if settled == 0 {
			h.Info(id, ret)
			if rng.IntN(2) == 0 {
				store[key] = after
			}
			continue
		}
		store[key] = after
		h.Complete(id, ret, res)
	}
	for range rng.IntN(8) {
		op := &h.Operations[rng.IntN(n)]
		if op.Outcome != Ok {
			continue
		}
		switch rng.IntN(3) {
		case 0:
			op.Version = uint64(3 + 7*rng.IntN(2*n))
		case 1:
			op.CommitTS = int64(3 + 7*rng.IntN(2*n))
		default:
			op.Result++
		}
	}
	return h
}

func TestWeakChecksAgreeWithTheirDefinitions(t *testing.T) {
	rounds := histories(t, 20_000)
	for _, check := range Checks {
		rng := rand.New(rand.NewPCG(7, 7))
		judged, invalid := 0, 0
		for range rounds {
			h := claims(rng)
			bound := int64(rng.IntN(3))
			r := check.Run(h, bound)
			if r.Verdict == Unknown {
				if r.Reason == ReasonVacuous && weak[check.Name](h.Operations, bound) {
					t.Fatalf("%s: vacuous, yet wrong: %+v", check.Name, h.Operations)
				}
				continue
			}
			judged++
			if want := weak[check.Name](h.Operations, bound); want != (r.Verdict == Invalid) {
				t.Fatalf("%s: %s, want invalid %v\n%s%+v", check.Name, r.Verdict, want, r.Text, h.Operations)
			}
			if r.Verdict == Invalid {
				invalid++
				var core []Operation
				for _, id := range r.Core {
					core = append(core, h.Operations[id])
				}
				if len(core) > 2 || !weak[check.Name](core, bound) {
					t.Fatalf("%s: core %v is not wrong alone\n%s", check.Name, r.Core, r.Text)
				}
			}
		}
		if invalid*10 < judged || judged*8 < rounds {
			t.Errorf("%s: %d of %d invalid, of %d", check.Name, invalid, judged, rounds)
		}
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

func BenchmarkWeak(b *testing.B) {
	h := &History{}
	for i := range 1_000_000 {
		kind := []Kind{Get, Put}[i/3%2]
		id := h.Invoke(int32(i%10), kind, fmt.Sprint("k", i%100), 0, int64(i), int64(i*10))
		h.Operations[id].Outcome, h.Operations[id].Return = Ok, int64(i*10+60)
		h.Operations[id].Version, h.Operations[id].CommitTS = uint64(i+1), int64(i+1)
	}
	last := map[string]int64{}
	for i := range h.Operations {
		if op := &h.Operations[i]; op.Kind == Put {
			last[op.Key] = op.Arg
		} else if op.Result, op.Found = last[op.Key], false; op.Result != 0 {
			op.Found = true
		}
	}
	for _, check := range Checks {
		b.Run(check.Name, func(b *testing.B) {
			for b.Loop() {
				if r := check.Run(h, 0); r.Verdict != Valid {
					b.Fatal(r.Verdict, r.Text)
				}
			}
		})
	}
}
