package checker

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// callsOf are tasks as calls.
func callsOf(tasks []request) (calls []modelCall) {
	for _, t := range tasks {
		c := modelCall{Session: t.session, Input: *t.in, Outcome: Info, Call: t.call}
		if t.out != nil {
			c.Outcome, c.Output, c.Return = Ok, *t.out, t.ret
		}
		calls = append(calls, c)
	}
	return calls
}

// A fast algorithm decides what it says it decides, right, and what it holds against a history is illegal alone
// and part of it. Where takes were lost it is a sandwich as coarse as its comment says, not coarser.
func TestOracleFast(t *testing.T) {
	n := histories(t, 3000)
	for _, s := range subjects() {
		rng := rand.New(rand.NewPCG(41, uint64(n)))
		counts := map[answer]int{}
		for range n {
			calls := collectionHistory(rng.IntN, s, 7)
			if s.verbs[1] == Take && rng.IntN(3) > 0 {
				if rng.IntN(3) > 0 {
					calls = stays(rng.IntN, 7)
				}
				for i := range calls { // more that nobody knows
					if calls[i].Input.Do == Take && rng.IntN(2) == 0 && calls[i].Outcome == Ok {
						calls[i].Outcome = Info
					}
				}
			}
			s.objects(calls, func(tasks []request, found answer, against []request) {
				counts[found]++
				own := callsOf(tasks)
				want := map[bool]answer{true: legal, false: illegal}[dumbly(s.name, s.take, own)]
				if s.verbs[1] == Take {
					want = sandwich(s, own)
				}
				if found != want {
					t.Fatalf("%s: %d, want %d\n%+v", s.name, found, want, own)
				}
				if found != illegal {
					return
				}
				if dumbly(s.name, s.take, callsOf(against)) {
					t.Fatalf("%s: what is held against it is legal\n%+v\n%+v", s.name, own, callsOf(against))
				}
				for i, a := range against {
					c := calls[a.id]
					opened := a.out == nil && c.Outcome == Ok
					if i > 0 && taskByCall(against[i-1], a) >= 0 && s.name != "membership" || *a.in != c.Input || a.call != c.Call ||
						!opened && a.out != nil && a.excerpt == same(*a.out, c.Output) {
						t.Fatalf("%s: %+v in place of %+v", s.name, a, c)
					}
				}
			})
		}
		t.Logf("%-14s %v", s.name, counts)
		if counts[legal] < n/20 || counts[illegal] < n/20 {
			t.Errorf("%s: the generator is lopsided: %v", s.name, counts)
		}
	}
}

// sandwich is settle, by trying every order and every pair of values.
func sandwich(s *subject, own []modelCall) answer {
	type life struct {
		put, take modelCall
		taken     bool
		due       int64
	}
	values := map[int64]*life{}
	var lost, empties []modelCall
	for _, c := range own {
		if c.Input.Do == Insert {
			if c.Outcome == Info {
				c.Return = never
			}
			values[c.Input.Value] = &life{put: c, due: never}
		}
	}
	var taken []modelCall // below: without what nobody took
	for _, c := range own {
		switch {
		case c.Input.Do == Insert:
		case c.Outcome == Info:
			lost = append(lost, c)
		case !c.Output.Found:
			empties, taken = append(empties, c), append(taken, c)
		default:
			if taken = append(taken, c); values[c.Output.Value] != nil {
				values[c.Output.Value].take, values[c.Output.Value].taken = c, true
			}
		}
	}
	legally := func(calls []modelCall) answer {
		return map[bool]answer{true: legal, false: illegal}[dumbly(s.name, s.take, calls)]
	}
	if len(lost) == 0 {
		return legally(own)
	}
	all := slices.Clone(taken)
	var stayed []*life
	for _, v := range values {
		if all = append(all, v.put); v.taken {
			taken = append(taken, v.put)
			continue
		}
		for _, b := range values {
			if b.taken && map[string]bool{
				"queue":          v.put.Return < b.put.Call,
				"stack":          b.put.Return < v.put.Call && v.put.Return < b.take.Call && b.put.Outcome == Ok,
				"priority-queue": b.put.Input.Value > v.put.Input.Value && v.put.Return < b.take.Call,
			}[s.name] {
				v.due = min(v.due, b.take.Return)
			}
		}
		for _, e := range empties {
			if v.put.Return < e.Call {
				v.due = min(v.due, e.Return)
			}
		}
		if v.due < never {
			stayed = append(stayed, v)
		}
	}
	if legally(taken) == illegal {
		return illegal
	}
	slices.SortFunc(lost, func(a, b modelCall) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortFunc(stayed, func(a, b *life) int {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.put.Input.Value, b.put.Input.Value))
	})
	for i, v := range stayed {
		if i >= len(lost) || lost[i].Call > v.due {
			return illegal
		}
		all = append(all, modelCall{Input: Input{Do: Take}, Output: Output{Found: true, Value: v.put.Input.Value},
			Outcome: Ok, Call: max(v.put.Call, lost[i].Call), Return: 1_000_000})
	}
	if legally(all) == legal {
		return legal
	}
	return undecided
}

// Elements of a membership are objects of their own, each by its name.
func TestMembershipKeys(t *testing.T) {
	add := func(key string, value int64, found bool) modelCall {
		return modelCall{Input: Input{Key: key, Do: TryAdd, Value: value}, Output: Output{Found: found}, Outcome: Ok, Return: 1}
	}
	for want, wrong := range map[string]modelCall{"10": add("", 10, false), "k 10": add("k", 10, false)} {
		others := []modelCall{add("", 9, true), add("k", 9, true), add("k 1", 0, true), add("l", 10, true), add("", 100, true)}
		if r := MembershipModel().Check(others, Budget{}); r.Verdict != Valid {
			t.Errorf("%s: %s\n%s", want, r.Verdict, r.Text)
		}
		if r := MembershipModel().Check(append(others, wrong), Budget{}); r.Verdict != Invalid || r.Key != want {
			t.Errorf("%s %q, want %q", r.Verdict, r.Key, want)
		}
	}
}

// The trees and the heap against loops.
func TestTrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 44))
	for range 2000 {
		n := 1 + rng.IntN(20)
		tree, keys := newTournament(n), make([]int32, n)
		over, count, found := newGaps(n), make([]int, n), make([]bool, n)
		for i := range keys {
			keys[i] = absent
		}
		var heap minHeap
		var sorted []int32
		for range 1 + rng.IntN(40) {
			if i := rng.IntN(n); rng.IntN(3) > 0 {
				keys[i] = int32(rng.IntN(6) - 3)
				if rng.IntN(4) == 0 {
					keys[i] = absent
				}
				tree.set(i, keys[i])
			}
			from := rng.IntN(n + 1)
			s := section{from, from + rng.IntN(n+1-from)}
			best := none
			for i := s.from; i < s.to; i++ {
				if keys[i] != absent && (best == none || keys[i] > keys[best]) {
					best = i
				}
			}
			if got, some := tree.best(s); some != (best != none) || some && got != best {
				t.Fatalf("%v: best of %v is %d %t", keys, s, got, some)
			}
			switch rng.IntN(3) {
			case 0:
				over.add(s, 1)
				for i := s.from; i < s.to; i++ {
					count[i]++
				}
			case 1:
				if slices.Min(append(slices.Clone(count[s.from:s.to]), 1)) > 0 {
					over.add(s, -1)
					for i := s.from; i < s.to; i++ {
						count[i]--
					}
				}
			case 2:
				want := none
				for i := s.from; i < s.to && want == none; i++ {
					if count[i] == 0 && !found[i] {
						want = i
					}
				}
				if got, some := over.takeZero(s); got != want || some != (want != none) {
					t.Fatalf("%v: first of %v is %d, want %d", count, s, got, want)
				}
				if want != none {
					found[want] = true
				}
			}
			if x := int32(rng.IntN(1000)); len(sorted) == 0 || rng.IntN(3) > 0 {
				heap.push(x)
				at, _ := slices.BinarySearch(sorted, x)
				sorted = slices.Insert(sorted, at, x)
			} else if got := heap.pop(); got != sorted[0] {
				t.Fatalf("popped %d of %v", got, sorted)
			} else {
				sorted = sorted[1:]
			}
		}
		for _, want := range sorted {
			if got := heap.pop(); got != want {
				t.Fatalf("popped %d, want %d", got, want)
			}
		}
	}
}

// A model refuses what it does not know: known to have happened, no order gives it; else it has no effect.
func TestModelForeignVerb(t *testing.T) {
	for _, m := range judged {
		for do := Read; do <= Contains+1; do++ {
			if slices.Contains(m.verbs, do) {
				continue
			}
			for _, out := range []Output{{}, {Found: true}, {Found: true, Value: 1}} {
				foreign := modelCall{Input: Input{Do: do, Value: 1, Old: 1}, Output: out, Outcome: Ok, Call: 2, Return: 3}
				first := modelCall{Input: Input{Do: m.verbs[0], Value: 1}, Outcome: Ok, Return: 1}
				if m.name == "membership" {
					first.Output.Found = true
				}
				for _, calls := range [][]modelCall{{first, foreign}, {foreign}} {
					if r := m.check(calls, Budget{}); r.Verdict != Invalid {
						t.Errorf("%s: %s of a %s, %+v", m.name, r.Verdict, do, out)
					}
				}
				foreign.Outcome = Info
				if r := m.check([]modelCall{first, foreign}, Budget{}); r.Verdict != Valid {
					t.Errorf("%s: %s of an unknown %s\n%s", m.name, r.Verdict, do, r.Text)
				}
			}
		}
	}
}

// Of two reasons why a value must be gone since one instant, the one that asks for it earlier counts.
func TestEarlierDue(t *testing.T) {
	put := func(v, call, ret int64) modelCall {
		return modelCall{Input: Input{Do: Insert, Value: v}, Outcome: Ok, Call: call, Return: ret}
	}
	take := func(v, call, ret int64) modelCall {
		return modelCall{Input: Input{Do: Take}, Output: Output{Found: v > 0, Value: v}, Outcome: Ok, Call: call, Return: ret}
	}
	lost := modelCall{Input: Input{Do: Take}, Outcome: Info, Call: 7}
	queue, stack, priority := subjects()[0], subjects()[1], subjects()[2]
	for i, tt := range []struct {
		s     *subject
		calls []modelCall
	}{
		{queue, []modelCall{put(1, 0, 1), take(0, 4, 5), take(0, 4, 9), lost}},
		{stack, []modelCall{put(1, 0, 1), take(0, 4, 5), take(0, 4, 9), lost}},
		{priority, []modelCall{put(1, 0, 1), take(0, 4, 5), take(0, 4, 9), lost}},
		{queue, []modelCall{put(1, 0, 1), put(2, 3, 4), put(3, 3, 4), take(2, 5, 9), take(3, 5, 6), lost}},
		{queue, []modelCall{put(1, 0, 1), put(2, 3, 4), put(3, 3, 4), take(2, 5, 6), take(3, 5, 9), lost}},
		{priority, []modelCall{put(1, 0, 1), put(2, 0, 1), put(3, 0, 1), take(2, 4, 9), take(3, 4, 5), lost}},
		{priority, []modelCall{put(1, 0, 1), put(2, 0, 1), put(3, 0, 1), take(2, 4, 5), take(3, 4, 9), lost}},
	} {
		tt.s.objects(tt.calls, func(_ []request, found answer, _ []request) {
			if found != illegal || dumbly(tt.s.name, tt.s.take, tt.calls) {
				t.Errorf("%d: %d, the value must be gone before any take was called that is lost", i, found)
			}
		})
	}
}

// What is held against a history of many lost takes is named without search.
func TestLostTakesCount(t *testing.T) {
	const n = 30
	for _, s := range subjects()[:3] {
		var calls []modelCall
		add := func(do Verb, value, call, ret int64) {
			c := modelCall{Session: int32(len(calls)), Input: Input{Do: do, Value: value}, Outcome: Ok, Call: call, Return: ret}
			if do == Take {
				c.Input.Value, c.Output = 0, Output{Found: value > 0, Value: value}
			}
			calls = append(calls, c)
		}
		for v := range int64(n) {
			add(Insert, v+1, 0, 1)
		}
		for i := range n - 1 {
			add(Take, 0, 2, 3)
			calls[n+i].Outcome = Info
		}
		add(Take, 0, 4, 5) // found nothing: all are gone
		s.objects(calls, func(tasks []request, found answer, against []request) {
			if found != illegal || len(against) != 2*n {
				t.Errorf("%s: %d, by %d", s.name, found, len(against))
			}
		})
		calls[n].Outcome = Info
		calls = append(calls, calls[n])
		s.objects(calls, func(tasks []request, found answer, against []request) {
			if found != legal {
				t.Errorf("%s: %d, though there are takes enough", s.name, found)
			}
		})
	}
}
