package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// collectionRun is n operations of 10 clients on a correct store, each at a random instant of its interval;
// values are unique, lists and sets hold up to 64, memberships 10. Of one in so many (lost) nobody knows
// what came of it; half of these had no effect.
func collectionRun(name string, verbs []Verb, n, lost int, wrong bool) []modelCall {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	calls, points := make([]modelCall, n), make([]int64, n)
	var clock [10]int64
	for i := range calls {
		c := &calls[i]
		c.Session, c.Outcome = int32(i%10), Ok
		c.Call = clock[i%10] + 1 + rng.Int64N(50)
		c.Return = c.Call + 1 + rng.Int64N(400)
		clock[i%10] = c.Return
		c.Input = Input{Do: verbs[rng.IntN(len(verbs))], Value: int64(i*7919%n + 1)}
	}
	slices.SortFunc(calls, func(a, b modelCall) int { return int(a.Call - b.Call) }) // as they were invoked
	order := make([]int, n)
	for i := range order {
		order[i] = i
		points[i] = calls[i].Call + rng.Int64N(calls[i].Return-calls[i].Call+1)
	}
	slices.SortFunc(order, func(a, b int) int { return int(points[a] - points[b]) })
	var list []int64
	there := map[int64]bool{}
	for at, i := range order {
		in, out := &calls[i].Input, &calls[i].Output
		if in.Key = ""; in.Do == Add || in.Do == Append || in.Do == Read {
			in.Key = fmt.Sprintf("key%d", at/128)
		}
		if at%128 == 0 && in.Key != "" {
			list = nil
		}
		if lost > 0 && rng.IntN(lost) == 0 {
			if calls[i].Outcome = Info; rng.IntN(2) == 0 {
				continue
			}
		}
		switch in.Do {
		case Insert:
			to := len(list)
			if name == "priority-queue" {
				to, _ = slices.BinarySearchFunc(list, in.Value, func(a, b int64) int { return int(b - a) })
			}
			list = slices.Insert(list, to, in.Value)
		case Take:
			if out.Found = len(list) > 0; !out.Found {
				break
			}
			if name == "queue" {
				out.Value, list = list[0], list[1:]
			} else {
				out.Value, list = list[len(list)-1], list[:len(list)-1]
			}
		case Add, Append, Read:
			if in.Do != Read {
				list = append(list, in.Value)
			} else if out.Found, out.Values = true, slices.Clone(list); name == "set" {
				slices.Sort(out.Values)
			}
		default:
			in.Value %= 10
			was := there[in.Value]
			out.Found = was == (in.Do != TryAdd)
			if in.Do != Contains {
				there[in.Value] = in.Do == TryAdd
			}
		}
	}
	if wrong {
		spoil(name, calls, order[n*8/10:])
	}
	return calls
}

// spoil changes what the first can be changed of: it swaps the values of two takes, so that the wrong one of
// two that were inside goes first; cuts a read; or lets three more try-adds change the set.
func spoil(name string, calls []modelCall, order []int) {
	insert := map[int64]*modelCall{}
	for i := range calls {
		if c := &calls[i]; c.Input.Do == Insert {
			insert[c.Input.Value] = c
		}
	}
	takes := func(c *modelCall) bool { return c.Input.Do == Take && c.Output.Found && c.Outcome == Ok }
	turned := 0
	before := func(a, b *modelCall) bool { return a.Return < b.Call }
	for at, i := range order {
		c := &calls[i]
		switch {
		case c.Input.Do == Read && len(c.Output.Values) > 32:
			c.Output.Values = slices.Delete(c.Output.Values, 5, 6)
			return
		case c.Outcome != Ok:
			continue
		case c.Input.Do == TryAdd && !c.Output.Found:
			c.Output.Found = true
			if turned++; turned == 3 {
				return
			}
		case !takes(c):
			continue
		}
		for _, j := range order[at+1:] {
			later := &calls[j]
			if !takes(later) || !before(c, later) {
				continue
			}
			own, others := insert[c.Output.Value], insert[later.Output.Value]
			wrong := map[string]bool{"queue": before(own, others), "stack": before(others, own),
				"priority-queue": own.Input.Value < others.Input.Value}[name]
			if wrong && before(own, c) && before(others, c) {
				c.Output, later.Output = later.Output, c.Output
				return
			}
		}
	}
}

func BenchmarkCollections(b *testing.B) {
	for _, s := range subjects() {
		for _, lost := range []int{0, 20} {
			for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
				for _, want := range []Verdict{Valid, Invalid} {
					calls := collectionRun(s.name, s.verbs, n, lost, want == Invalid)
					name := fmt.Sprintf("%s/lost=%d/%d/%s", s.name, lost, n, want)
					b.Run(name+"/fast", func(b *testing.B) { judgeCalls(b, s.plain, calls, want) })
					if n == 1_000 {
						b.Run(name+"/search", func(b *testing.B) { judgeCalls(b, s.search, calls, want) })
					}
				}
			}
		}
	}
}

func judgeCalls(b *testing.B, check func([]modelCall, Budget) Report, calls []modelCall, want Verdict) {
	var r Report
	b.ReportAllocs()
	for b.Loop() {
		r = check(calls, Budget{})
		if r.Verdict != want && r.Reason != ReasonBudget {
			b.Fatal(r.Verdict, r.Reason)
		}
	}
	if r.Verdict == Unknown {
		b.ReportMetric(1, "undecided")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(calls)), "ns/operation")
	b.ReportMetric(float64(len(r.Core)), "core")
}
