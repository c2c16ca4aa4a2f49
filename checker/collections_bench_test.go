package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// collectionRun is n operations of 10 clients on a correct store, each at a random instant of its interval;
// values are unique, lists and sets hold up to 64.
func collectionRun(name string, verbs []Verb, n int, wrong bool) []modelCall {
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
			if in.Key = fmt.Sprintf("key%d", at/128); at%128 == 0 {
				list = nil
			}
			if in.Do != Read {
				list = append(list, in.Value)
			} else if out.Found, out.Values = true, slices.Clone(list); name == "set" {
				slices.Sort(out.Values)
			}
		default:
			in.Value %= int64(n/10_000 + 1)
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
// two that were inside goes first; cuts a read; or turns what a reply says around.
func spoil(name string, calls []modelCall, order []int) {
	insert := map[int64]*modelCall{}
	for i := range calls {
		if c := &calls[i]; c.Input.Do == Insert {
			insert[c.Input.Value] = c
		}
	}
	takes := func(c *modelCall) bool { return c.Input.Do == Take && c.Output.Found }
	before := func(a, b *modelCall) bool { return a.Return < b.Call }
	for at, i := range order {
		c := &calls[i]
		switch {
		case c.Input.Do == Read && len(c.Output.Values) > 32:
			c.Output.Values = slices.Delete(c.Output.Values, 5, 6)
			return
		case c.Input.Do == Contains:
			c.Output.Found = !c.Output.Found
			return
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
		for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
			for _, wrong := range []bool{false, true} {
				calls := collectionRun(s.name, s.verbs, n, wrong)
				want := map[bool]Verdict{false: Valid, true: Invalid}[wrong]
				run := func(how string, check func([]modelCall, Budget) Report) {
					b.Run(fmt.Sprintf("%s/%d/%s/%s", s.name, n, want, how), func(b *testing.B) {
						var r Report
						b.ReportAllocs()
						for b.Loop() {
							if r = check(calls, Budget{}); r.Verdict != want && (how == "fast" || r.Reason != ReasonBudget) {
								b.Fatal(r.Verdict, r.Reason)
							}
						}
						if r.Verdict == Unknown {
							b.ReportMetric(1, "undecided")
						}
						b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/operation")
						b.ReportMetric(float64(len(r.Core)), "core")
					})
				}
				run("fast", s.plain)
				if n == 1_000 {
					run("search", s.search)
				}
			}
		}
	}
}
