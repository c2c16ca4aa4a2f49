package checker

import (
	"cmp"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// subject is a model whose fast algorithm is under test.
type subject struct {
	name   string
	verbs  []Verb
	take   int // as in judged
	check  func([]modelCall, Budget) Report
	plain  func([]modelCall, Budget) Report // the same without a look at what it does
	search func([]modelCall, Budget) Report // without the fast algorithm
	// objects calls each with what fast says of each object.
	objects func(calls []modelCall, each func(tasks []request, found answer, against []request))
	found   map[answer]int // what fast said, of whole objects
	alone   int            // contradictions that the search did not confirm
}

func newSubject[S any](m *Model[S, Input, Output], take int, verbs ...Verb) *subject {
	s := &subject{name: m.Name, verbs: verbs, take: take, found: map[answer]int{}}
	slow, quick := *m, *m
	slow.fast, slow.Hash = nil, nil
	s.search = slow.Check
	quick.fast = func(tasks []request) (answer, []request) {
		found, against := m.fast(tasks)
		s.found[found]++
		var steps meter
		if steps.start(DefaultSteps); found == illegal && len(against) < 20 && slow.judge(&steps, against) != illegal {
			s.alone++
		}
		return found, against
	}
	s.check, s.plain = quick.Check, m.Check
	s.objects = func(calls []modelCall, each func(tasks []request, found answer, against []request)) {
		for _, o := range m.objects(calls) {
			slices.SortFunc(o.tasks, taskByCall)
			found, against := m.fast(o.tasks)
			each(o.tasks, found, against)
		}
	}
	return s
}

func subjects() []*subject {
	return []*subject{
		newSubject(QueueModel(), 0, Insert, Take),
		newSubject(StackModel(), 1, Insert, Take),
		newSubject(PriorityQueueModel(), 2, Insert, Take),
		newSubject(SetModel(), 0, Add, Read),
		newSubject(ListModel(), 0, Append, Read),
		newSubject(MembershipModel(), 0, TryAdd, TryRemove, Contains),
	}
}

// collectionHistory runs up to n operations on a collection, each value put in once, as clients see it. In
// some the store takes wrong values, or none, in some clients tell a few lies. Times are few, so that many are tied.
func collectionHistory(d draw, s *subject, n int) []modelCall {
	if s.verbs[1] == Take && d.one(2) {
		return stays(d, n)
	}
	var calls []modelCall
	var list []int64
	width, pace, unknown := 1+d(1+d(12)), int64(1+d(3)), d(3)
	wrong := d(4) // 0: nobody, 3: the clients, else the store
	values := rand.New(rand.NewPCG(uint64(d(1000)), 0)).Perm(n + 1)
	for i := range 2 + d(n-1) {
		in := Input{Do: s.verbs[d(len(s.verbs))], Value: int64(1 + values[i])}
		if s.name == "membership" {
			in.Value = int64(1 + d(2))
		}
		if len(list) == 0 && !d.one(4) {
			in.Do = s.verbs[0]
		}
		point := 12 + pace*int64(i)
		c := modelCall{Session: int32(i), Input: in, Call: point - int64(d(width)), Return: point + int64(d(width)), Outcome: Ok}
		take := s.take
		if wrong%3 > 0 && d.one(2) {
			take = d(3)
		}
		out, after, _, _ := dumb(s.name, take, in, list, "")
		if wrong%3 > 0 && d.one(5) && in.Do != s.verbs[0] {
			out, after = wrongly(d, out), list
		}
		switch acts := d(10); {
		case acts == 0:
			c.Outcome = Fail
		case acts <= 2 && unknown == 0:
			if c.Outcome = Info; d.one(2) {
				list = after
			}
		default:
			c.Output, list = out, after
		}
		calls = append(calls, c)
	}
	for range (wrong / 3) * (1 + d(3)) {
		misreport(d, calls)
	}
	return calls
}

// stays puts values in and takes each out at any time: most such histories have no order, for no simple reason.
func stays(d draw, n int) (calls []modelCall) {
	span, width, unknown := 2+d(3*n), 1+d(8), d.one(4)
	interval := func() (int64, int64) { call := int64(d(span)); return call, call + int64(d(width)) }
	for v := range 1 + d(n/2) {
		in := modelCall{Input: Input{Do: Insert, Value: int64(1 + v)}, Outcome: Ok}
		out := modelCall{Input: Input{Do: Take}, Output: Output{Found: true, Value: int64(1 + v)}, Outcome: Ok}
		in.Call, in.Return = interval()
		if out.Call, out.Return = interval(); out.Return < in.Call {
			in.Call, in.Return, out.Call, out.Return = out.Call, out.Return, in.Call, in.Return
		}
		calls = append(calls, in)
		switch d(12) {
		case 0:
			out.Output = Output{}
		case 1:
			if unknown {
				out.Outcome = Info
			}
		case 2:
			continue
		}
		calls = append(calls, out)
	}
	if unknown && d.one(2) {
		calls[d(len(calls))].Outcome = Info
	}
	return calls
}

// wrongly is a reply that is not as it should be: nothing, or some of what is there.
func wrongly(d draw, out Output) Output {
	if len(out.Values) == 0 {
		return Output{}
	}
	at := d(len(out.Values))
	return Output{Values: slices.Delete(slices.Clone(out.Values), at, at+1)}
}

// misreport changes a reply, an interval or an outcome.
func misreport(d draw, calls []modelCall) {
	c, other := &calls[d(len(calls))], calls[d(len(calls))]
	switch kind := d(7); {
	case kind < 2 && c.Outcome == Ok && other.Outcome == Ok:
		length := c.Return - c.Call
		c.Call = max(0, other.Call+int64(d(9)-4))
		c.Return = c.Call + length
	case kind == 2:
		c.Call, c.Return = max(0, c.Call-int64(d(5))), c.Return+int64(d(5))
	case c.Outcome != Ok:
		if c.Outcome = Ok; c.Input.Do == Take {
			c.Output = Output{Found: true, Value: other.Input.Value}
		}
	case c.Input.Do == Take && other.Input.Do == Insert:
		c.Output = Output{Found: true, Value: other.Input.Value}
	case c.Input.Do == other.Input.Do && other.Outcome == Ok:
		c.Output = other.Output
	case c.Input.Do == Read && len(c.Output.Values) > 1 && kind < 5:
		at := d(len(c.Output.Values))
		c.Output.Values = slices.Delete(slices.Clone(c.Output.Values), at, at+1)
	case c.Input.Do == Read && len(c.Output.Values) > 0 && kind == 5: // one twice, or the wrong way round
		if c.Output.Values = slices.Insert(slices.Clone(c.Output.Values), 0, c.Output.Values[0]); d.one(2) {
			c.Output.Values = c.Output.Values[1:]
			slices.Reverse(c.Output.Values)
		}
	case c.Input.Do == Read && other.Input.Do == Append:
		c.Output.Values = append(slices.Clone(c.Output.Values), other.Input.Value)
	case c.Input.Do == Read && other.Input.Do == Add:
		c.Output.Values = append(slices.Clone(c.Output.Values), other.Input.Value)
		slices.Sort(c.Output.Values)
		c.Output.Values = slices.Compact(c.Output.Values)
	case c.Input.Do == Take:
		c.Output = Output{}
	case c.Input.Do >= TryAdd:
		c.Output.Found = !c.Output.Found
	}
}

// oracleHistories is how many histories an oracle test looks at.
func oracleHistories(t *testing.T, usual int) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("SAROS_ORACLE"), strconv.Itoa(usual)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The fast algorithms against an enumerator of all orders, up to 7 operations.
func TestOracleCollections(t *testing.T) {
	collectionOracle(t, oracleHistories(t, 3000), 7, func(s *subject, calls []modelCall) Verdict {
		return map[bool]Verdict{true: Valid, false: Invalid}[dumbly(s.name, s.take, calls)]
	})
}

// The fast algorithms against Porcupine, up to 12 operations.
func TestOracleCollectionsSearch(t *testing.T) {
	collectionOracle(t, oracleHistories(t, 1000), 12, func(s *subject, calls []modelCall) Verdict {
		return s.search(calls, Budget{}).Verdict
	})
}

func collectionOracle(t *testing.T, n, operations int, oracle func(*subject, []modelCall) Verdict) {
	for _, s := range subjects() {
		rng := rand.New(rand.NewPCG(11, uint64(operations)))
		counts, cores := map[Verdict]int{}, make([]int, 13)
		for range n {
			calls := collectionHistory(rng.IntN, s, operations)
			r := s.check(calls, Budget{})
			if r.Reason == ReasonVacuous {
				continue
			}
			want := oracle(s, calls)
			if counts[want]++; want == Unknown {
				continue // a search out of steps
			}
			if r.Verdict != want || s.alone > 0 {
				t.Fatalf("%s: verdict %s, the oracle says %s; %d contradictions are none\n%+v\n%s", s.name, r.Verdict, want, s.alone, calls, r.Text)
			}
			if r.Verdict != Invalid {
				continue
			}
			cores[len(r.Core)]++
			var alone []modelCall
			for _, id := range r.Core {
				alone = append(alone, calls[id])
			}
			for i, c := range calls { // nor can what nobody knows come to its rescue
				if c.Outcome == Info && !slices.Contains(r.Core, i) {
					alone = append(alone, c)
				}
			}
			if !slices.Contains(r.Core, r.Op) || oracle(s, alone) == Valid {
				t.Fatalf("%s: the core is legal, or without its operation\n%+v\n%s", s.name, calls, r.Text)
			}
			if !unexplained(s.name, s.take, calls, r) {
				t.Fatalf("%s: not the first that nothing explains, or the core could spare something\n%+v\n%s", s.name, calls, r.Text)
			}
		}
		t.Logf("%-14s %v, search decided %d objects, cores by size %v", s.name, counts, s.found[undecided], cores)
		if counts[Valid] < n/10 || counts[Invalid] < n/10 || counts[Unknown] > n/100 {
			t.Errorf("%s: the generator is lopsided: %v", s.name, counts)
		}
		if s.found[undecided] > n/40 || s.verbs[1] != Take && s.found[undecided] > 0 {
			t.Errorf("%s: %d of %d were left to the search", s.name, s.found[undecided], n)
		}
	}
}

// Of ten thousand operations a right store is proven right without search, and a wrong one by a few.
func TestCollectionsLarge(t *testing.T) {
	for _, s := range subjects() {
		for _, lost := range []int{0, 20} {
			if r := s.plain(collectionRun(s.name, s.verbs, 10_000, lost, false), Budget{}); r.Verdict != Valid || r.Steps > 0 {
				t.Errorf("%s, lost %d: %s after %d steps\n%s", s.name, lost, r.Verdict, r.Steps, r.Text)
			}
			if s.name == "membership" && lost > 0 {
				continue // among so many changes of which nobody knows, most lies are possible
			}
			r := s.plain(collectionRun(s.name, s.verbs, 10_000, lost, true), Budget{})
			if r.Verdict != Invalid || len(r.Core) > 10 || r.Steps > 1000 {
				t.Errorf("%s, lost %d: %s, core of %d, after %d steps", s.name, lost, r.Verdict, len(r.Core), r.Steps)
			}
			if whole := strings.Contains(r.Text, "of the replies only"); whole != (s.verbs[1] == Read) {
				t.Errorf("%s: what the replies are cut down to is not said, or said of what has none\n%s", s.name, r.Text)
			}
		}
	}
}

// A try-add finds its element there before anybody can have added it. What returned later is no part of that:
// an add of unknown outcome might explain it.
func TestMembershipCore(t *testing.T) {
	member := func(do Verb, found bool, o Outcome, call, ret int64) modelCall {
		return modelCall{Input: Input{Do: do, Value: 2}, Output: Output{Found: found}, Outcome: o, Call: call, Return: ret}
	}
	r := MembershipModel().Check([]modelCall{
		member(TryAdd, false, Ok, 4, 15),
		member(TryRemove, true, Ok, 12, 21),
		member(TryAdd, false, Info, 17, 28),
	}, Budget{})
	if r.Verdict != Invalid || r.Op != 0 || !slices.Equal(r.Core, []int{0, 1}) { // 1 was open by then
		t.Errorf("%s, core %v\n%s", r.Verdict, r.Core, r.Text)
	}
}
