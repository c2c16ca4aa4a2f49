package checker

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// On registers of unique values the zones alone, without certificate, normaliser and Porcupine, decide
// each history as the oracle does, and what they put into evidence is illegal alone.
func TestOracleZones(t *testing.T) {
	n := histories(t, 20_000)
	rng := rand.New(rand.NewPCG(31, uint64(n)))
	var c Checker
	counts, contradictions := map[answer]int{}, map[how]int{}
	for judged := 0; judged < n; {
		h := generate(rng.IntN, 7)
		if rng.IntN(2) == 0 {
			h = register(rng.IntN, 7)
			swaps(rng.IntN, h)
		}
		if !unique(h) {
			continue
		}
		judged++
		c.gather(h)
		got := legal
		for _, k := range c.keys {
			answer, evidence := c.zones.decide(k.operations)
			if answer == undecided {
				t.Fatalf("the zones do not decide\n%s", show(h))
			}
			if answer == legal {
				continue
			}
			got = illegal
			contradictions[c.zones.best.how]++
			if oracle(&History{Operations: evidence}) {
				t.Fatalf("the evidence is legal\n%s\n%s", show(h), show(&History{Operations: evidence}))
			}
		}
		if want := map[bool]answer{true: legal, false: illegal}[oracle(h)]; got != want {
			t.Fatalf("answer %d, the oracle says %d\n%s", got, want, show(h))
		}
		counts[got]++
	}
	t.Logf("%d histories: %d legal, %d illegal; by contradiction %v", n, counts[legal], counts[illegal], contradictions)
	if counts[legal] < n/10 || counts[illegal] < n/10 {
		t.Errorf("the generator is lopsided")
	}
	for how := thinAir; how <= crossed; how++ {
		if contradictions[how] == 0 {
			t.Errorf("contradiction %d never came up", how)
		}
	}
}

// unique reports whether zones decide h: no increments, no deletes without a tombstone, nothing twice.
func unique(h *History) bool {
	var states []state
	for i := range h.Operations {
		op := &h.Operations[i]
		left, _ := leaves(op)
		switch {
		case isRead(op):
			continue
		case op.Kind == Increment, left == state{}, slices.Contains(states, left):
			return false
		}
		states = append(states, left)
	}
	return true
}

// swaps makes CAS and deletes of some puts, one after another's state, and refused CAS of some reads.
func swaps(d draw, h *History) {
	for i := range h.Operations {
		if op := &h.Operations[i]; op.Kind == Put && d(5) == 0 {
			op.Kind = Delete
			for j := range h.Operations {
				if r := &h.Operations[j]; r.Kind == Get && r.Found && r.Result == op.Arg {
					r.Found = false
				}
			}
		}
	}
	for i := range h.Operations {
		op, other := &h.Operations[i], h.Operations[d(len(h.Operations))]
		switch {
		case op.Kind == Put && other.Kind != Get && d(3) > 0:
			op.Kind, op.Old, op.Swapped = CAS, other.Arg, op.Outcome == Ok
		case op.Kind == Delete && op.Outcome == Ok && d(4) > 0:
			if left, _ := leaves(&other); other.Kind != Get {
				op.Result, op.Found = left.value, left.exists
			}
		case op.Kind == Get && d(8) == 0:
			op.Kind, op.Old, op.Arg = CAS, 10+int64(d(7)), int64(20+i)
			if op.Outcome == Ok && d.one(2) {
				op.Arg = other.Arg // it did not write it
			}
		}
	}
}

// Blocks are longer than the oracle can take: zones agree with Porcupine alone on long chains of CAS, run
// truly, and with two replies exchanged.
func TestZonesChains(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	var c Checker
	counts := map[answer]int{}
	for range 1500 {
		h := registers(12+rng.IntN(30), 1, 1+rng.IntN(5), 10*rng.IntN(3))
		for i := range h.Operations {
			op := &h.Operations[i]
			op.Key = "a"
			op.Return += rng.Int64N(100)
		}
		if rng.IntN(3) > 0 {
			for range 1 + rng.IntN(3) {
				lie(rng.IntN, h)
			}
		}
		if !unique(h) {
			continue
		}
		c.gather(h)
		got, evidence := c.zones.decide(c.keys[0].operations)
		if want := map[bool]answer{true: legal, false: illegal}[alone(h)]; got != want {
			t.Fatalf("answer %d, Porcupine says %d\n%s", got, want, show(h))
		}
		if got == illegal && alone(&History{Operations: evidence}) {
			t.Fatalf("the evidence is legal\n%s\n%s", show(h), show(&History{Operations: evidence}))
		}
		counts[got]++
	}
	t.Logf("%d legal, %d illegal", counts[legal], counts[illegal])
	if counts[legal] < 150 || counts[illegal] < 150 {
		t.Errorf("the generator is lopsided: %v", counts)
	}
}

// A CAS from a value to itself writes nothing, so the value stays unique.
func TestZonesSwapToItself(t *testing.T) {
	h := history(put(0, 1, 1), swap(2, 3, 1, 1), info(swap(2, 3, 1, 1)), get(4, 5, 1))
	if r := CheckLinearizable(h, Budget{}); r.Verdict != Valid || r.Steps != 0 {
		t.Errorf("%s in %d steps", r.Verdict, r.Steps)
	}
	var z zones
	var c Checker
	c.gather(h)
	if got, _ := z.decide(c.keys[0].operations); got != legal {
		t.Errorf("answer %d", got)
	}
}

// The columns are kept: a second history of the same size makes no garbage.
func TestZonesAllocateNothing(t *testing.T) {
	var c Checker
	h := registers(20_000, 3, 10, 10)
	if n := testing.AllocsPerRun(3, func() {
		if r := c.CheckLinearizable(h, Budget{}); r.Verdict != Valid || r.Steps != 0 {
			t.Fatalf("%s after %d steps\n%s", r.Verdict, r.Steps, r.Text)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is sorted by radix is what is sorted by comparison, with equal and negative times.
func TestSortBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(35, 36))
	for _, span := range []int64{1, 3, 3000, 5000, // in 3000 the highest digit is 1
		1 << 40, maxTime} {
		var z zones
		for i := range 5000 {
			z.blocks = append(z.blocks, block{f: rng.Int64N(span) - span/2, root: int32(i)})
		}
		z.blocks[7].f, z.blocks[3].f = -span/2, span-span/2 // a span with many zero bits at its end, too
		want := slices.Clone(z.blocks)
		slices.SortStableFunc(want, func(a, b block) int {
			if a.f < b.f {
				return -1
			} else if a.f > b.f {
				return 1
			}
			return 0
		})
		if z.sortBlocks(); !slices.Equal(z.blocks, want) {
			t.Errorf("span %d: not sorted", span)
		}
	}
}

// zonesTwin says what decide must say of operations sorted by call, from the definition of a zone, comparing
// all with all: the answer, each contradiction with the zones that make it, and when it was complete.
type zonesTwin struct {
	ops   []*Operation
	zones map[state]*zoneTwin
	list  []*zoneTwin
	found []contradictionTwin
	vague bool // forks are chosen from, and what is chosen decides what else there is
}

type zoneTwin struct {
	state
	writers, finders, replacers []int // places in ops; replacers are those whose reply says so
	f, s, known                 int64 // known is the first reply that proves the zone by itself
	ambiguous, happened         bool
	before                      *zoneTwin
}

type contradictionTwin struct {
	how  how
	a, b *zoneTwin
	at   int64
}

func (t *zonesTwin) zone(s state) *zoneTwin {
	if t.zones[s] == nil {
		t.zones[s] = &zoneTwin{state: s}
		t.list = append(t.list, t.zones[s])
	}
	return t.zones[s]
}

func (t *zonesTwin) tell(how how, a, b *zoneTwin, at int64) {
	t.found = append(t.found, contradictionTwin{how, a, b, at})
}

func twin(ops []*Operation) (t zonesTwin, want answer) {
	t = zonesTwin{ops: ops, zones: map[state]*zoneTwin{}}
	complete, anonymous, tombstones, start := true, false, false, t.zone(state{})
	replaced := map[int]state{} // by the place of the write, known or not
	for i, op := range ops {
		known := op.Outcome == Ok
		said := state{op.Result, op.Found}
		switch {
		case op.Kind == Increment:
			return t, undecided
		case op.Kind == Get, op.Kind == CAS && known && !op.Swapped:
			t.zone(said).finders = append(t.zone(said).finders, i)
			if op.Kind == CAS && said == (state{op.Old, true}) {
				t.tell(refused, nil, nil, op.Return)
			}
		case op.Kind == Put:
			t.zone(state{op.Arg, true}).writers = append(t.zone(state{op.Arg, true}).writers, i)
		case op.Kind == Delete && op.Arg == 0:
			if known && !op.Found {
				start.finders = append(start.finders, i)
				anonymous = true
			}
		default: // from one state to another, or to the same
			from, to := state{op.Old, true}, state{op.Arg, true}
			if op.Kind == Delete {
				from, to = said, state{op.Arg, false}
			}
			certain := op.Kind == CAS || known // that it replaced that state if it did anything
			switch {
			case certain && from == to:
				if known {
					t.zone(from).finders = append(t.zone(from).finders, i)
				}
				continue
			case certain:
				replaced[i] = from
				if u := t.zone(from); known {
					u.replacers = append(u.replacers, i)
				}
			}
			t.zone(to).writers = append(t.zone(to).writers, i)
			tombstones = tombstones || op.Kind == Delete
		}
	}
	for _, v := range t.list {
		v.ambiguous = len(v.writers) > 1
		complete = complete && !v.ambiguous
	}
	// Another delete without a tombstone may have made the missing key that some operation found.
	for _, op := range ops {
		if op.Kind != Delete || op.Arg != 0 {
			continue
		}
		late := slices.ContainsFunc(slices.Concat(start.finders, start.replacers), func(i int) bool { return ops[i].Return >= op.Call })
		if op.Outcome == Ok && op.Found || op.Outcome != Ok && late {
			start.ambiguous, complete = true, false
		}
	}
	if anonymous && tombstones {
		start.ambiguous, complete = true, false
	}
	for _, v := range t.list {
		v.f, v.s, v.known = never, -1, never
		for _, i := range slices.Concat(v.writers, v.finders) {
			v.s = max(v.s, ops[i].Call)
			if ops[i].Outcome == Ok {
				v.f = min(v.f, ops[i].Return)
			}
		}
		v.known = v.f
		for _, i := range v.replacers {
			v.known = min(v.known, ops[i].Return)
		}
		if len(v.writers) == 1 {
			if from, ok := replaced[v.writers[0]]; ok && !t.zone(from).ambiguous {
				v.before = t.zone(from)
			}
		}
	}
	start.f = -1
	for _, v := range t.list {
		if !v.ambiguous && (v.known < never || v == start) {
			for u := v; u != nil && !u.happened; u = u.before {
				u.happened = true
			}
		}
	}
	happened := slices.DeleteFunc(slices.Clone(t.list), func(v *zoneTwin) bool { return !v.happened })
	// distance of a zone below another in their block, none if it is not below
	below := func(u, v *zoneTwin) int {
		for d := 0; v != nil && d <= len(happened); d++ {
			if u == v {
				return d
			}
			v = v.before
		}
		return none
	}
	for i, v := range happened {
		found := never
		for _, j := range slices.Concat(v.finders, v.replacers) {
			found = min(found, int(ops[j].Return))
		}
		switch {
		case v == start:
		case len(v.writers) == 0:
			t.tell(thinAir, v, nil, v.known)
		case int64(found) < ops[v.writers[0]].Call:
			t.tell(future, v, nil, int64(found))
		}
		if v.before != nil && below(v, v.before) >= 0 {
			t.tell(circular, v, nil, v.known)
		}
		for _, u := range happened[:i] {
			if u.before != nil && u.before == v.before {
				t.vague = true
				t.tell(forked, u, v, max(u.known, v.known))
			}
		}
	}
	top := func(v *zoneTwin) (b zoneTwin) { // the block of v
		b = zoneTwin{f: never, s: -1}
		for _, u := range happened {
			if below(u, v) >= 0 || below(v, u) >= 0 {
				b.f, b.s = min(b.f, u.f), max(b.s, u.s)
			}
		}
		return b
	}
	for _, u := range happened {
		for _, v := range happened {
			if d := below(u, v); d > 0 && below(v, u) < 0 && v.f < u.s {
				t.tell(backwards, u, v, v.f)
			}
			if below(u, v) >= 0 || below(v, u) >= 0 || u.before != nil || v.before != nil {
				continue
			}
			if a, b := top(u), top(v); a.f <= b.f && b.f < a.s && a.f < b.s {
				at := b.f
				if u == start {
					for _, i := range slices.Concat(start.finders, start.replacers) {
						at = max(at, ops[i].Return)
					}
				}
				t.tell(crossed, u, v, at)
			}
		}
	}
	switch {
	case len(t.found) > 0:
		return t, illegal
	case complete:
		return t, legal
	}
	return t, undecided
}

// placed compares the operations that a zone claims with those that the twin knows. Of equals the first counts.
func (t *zonesTwin) placed(test *testing.T, z *zones, v *zone) {
	test.Helper()
	w := t.zones[v.state]
	if w == nil || w.ambiguous {
		return
	}
	least := func(list []int, f func(op *Operation) int64) int32 {
		best := none
		for _, i := range slices.Sorted(slices.Values(list)) {
			if f(t.ops[i]) < never && (best == none || f(t.ops[i]) < f(t.ops[best])) {
				best = i
			}
		}
		return int32(best)
	}
	all := slices.Concat(w.writers, w.finders)
	first, last := least(all, until), least(all, func(op *Operation) int64 { return -op.Call })
	seen := least(slices.Concat(w.finders, w.replacers), until)
	if w.state == (state{}) {
		first = none // it returned before all time
	}
	if v.first != first || v.last != last || v.seen != seen || v.f != w.f {
		test.Fatalf("zone %+v, want first %d, last %d, seen %d, return %d\n%s", *v, first, last, seen, w.f, show(&History{Operations: deref(t.ops)}))
	}
	if b := z.best; b.how == backwards && v.state == z.zones[b.b].state { // of those called last the nearest
		for u := w.before; u != nil && u != t.zones[z.zones[b.a].state]; u = u.before {
			if u.s >= z.zones[b.a].s {
				test.Fatalf("zone %+v is nearer to %+v than %+v", *u, *v, z.zones[b.a])
			}
		}
	}
}

func deref(ops []*Operation) (list []Operation) {
	for _, op := range ops {
		list = append(list, *op)
	}
	return list
}

// Whatever the history, unique or not, the zones say what their definition says, and of several contradictions
// the earliest, which is one indeed.
func TestZonesTwin(t *testing.T) {
	n := histories(t, 20_000)
	rng := rand.New(rand.NewPCG(37, uint64(n)))
	var c Checker
	answers, kinds, vague := map[answer]int{}, map[how]int{}, 0
	for range n {
		h := anyRegister(rng.IntN, 4+rng.IntN(12))
		c.gather(h)
		for _, k := range c.keys {
			sortByCall(k.operations)
			got, evidence := c.zones.decide(k.operations)
			tw, want := twin(k.operations)
			answers[got]++
			if got != want {
				t.Fatalf("answer %d, want %d: %+v\n%s", got, want, tw.found, show(h))
			}
			if got != illegal {
				continue
			}
			if alone(&History{Operations: evidence}) {
				t.Fatalf("the evidence is legal\n%s\n%s", show(h), show(&History{Operations: evidence}))
			}
			best := c.zones.best
			kinds[best.how]++
			earliest := slices.MinFunc(tw.found, func(a, b contradictionTwin) int { return cmp.Compare(a.at, b.at) }).at
			if tw.vague {
				vague++
			} else if best.at != earliest {
				t.Fatalf("contradiction %+v, the earliest is at %d: %+v\n%s", best, earliest, tw.found, show(h))
			}
			for at := range c.zones.zones {
				tw.placed(t, &c.zones, &c.zones.zones[at])
			}
			place := func(at int32) *zoneTwin { return tw.zones[c.zones.zones[at].state] }
			if !slices.ContainsFunc(tw.found, func(f contradictionTwin) bool {
				return f.how == best.how && f.at == best.at && (f.a == nil || f.a == place(best.a) && (f.b == nil || f.b == place(best.b)) || f.how == forked && f.a == place(best.b) && f.b == place(best.a))
			}) && !(tw.vague && best.how != forked) {
				t.Fatalf("contradiction %+v is none of %+v\n%s", best, tw.found, show(h))
			}
		}
	}
	t.Logf("answers %v, contradictions %v, %d vague", answers, kinds, vague)
	for how := thinAir; how <= crossed; how++ {
		if kinds[how] < n/500 {
			t.Errorf("contradiction %d came up %d times", how, kinds[how])
		}
	}
	for a := undecided; a <= illegal; a++ {
		if answers[a] < n/30 {
			t.Errorf("the generator is lopsided: answers %v", answers)
		}
	}
}

// anyRegister draws a history of every kind that zones are asked about.
func anyRegister(d draw, n int) *History {
	h := register(d, n)
	if d.one(4) {
		h = generate(d, n)
	}
	swaps(d, h)
	var ops []Operation // without much of what would be a contradiction in nearly all
	for _, op := range h.Operations {
		switch {
		case op.Kind == Increment && d(10) > 0:
			continue
		case op.Kind == Delete && d(6) == 0:
			op.Arg, op.Result = 0, 0
		case op.Kind == Put && d(30) == 0:
			op.Arg = 10 + int64(d(n))
		case op.Kind == CAS && d(30) == 0:
			op.Old = op.Arg
		case d(40) == 0:
			op.Arg, op.Result = 0, op.Result*int64(d(2))
		}
		op.ID = len(ops)
		ops = append(ops, op)
	}
	return &History{Operations: ops}
}

// Of contradictions that are complete at one instant the first that is found is reported, and where nothing but
// a read of the missing key is wrong, that read, not one before it.
func TestZonesFirst(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  []Operation
		want []int
	}{
		{"two refused at once", []Operation{put(0, 1, 1), swapSaw(2, 9, 1, 2, 1), swapSaw(3, 9, 1, 3, 1)}, []int{0, 1}},
		{"a read of the missing key", []Operation{getMissing(0, 5), put(0, 10, 1), getMissing(20, 30)}, []int{1, 2}},
		// It was called early, but nobody knew before 90.
		{"a read of the missing key that lasts", []Operation{put(0, 1, 1), getMissing(2, 90), put(10, 20, 2), get(30, 40, 1)}, []int{0, 2, 3}},
		{"another after it", []Operation{put(0, 1, 1), getMissing(2, 30), put(40, 50, 2), get(60, 70, 1)}, []int{0, 1}},
		{"a delete that found it missing, and returned first", []Operation{put(0, 1, 1), remove(2, 5, false), getMissing(3, 90)}, []int{0, 1}},
	} {
		var c Checker
		c.gather(history(tt.ops...))
		answer, evidence := c.zones.decide(c.keys[0].operations)
		var got []int
		for _, op := range evidence {
			got = append(got, op.ID)
		}
		if answer != illegal || !slices.Equal(got, tt.want) {
			t.Errorf("%s: answer %d, evidence %v, want %v", tt.name, answer, got, tt.want)
		}
	}
}

// The table has room for two states an operation and the start, whatever their number.
func TestZonesManyStates(t *testing.T) {
	var z zones
	for n := range 70 {
		var ops []*Operation
		for i := range int64(n) {
			op := swap(i, i, 1000+i, 2000+i)
			ops = append(ops, &op)
		}
		z.start(ops)
		z.collect()
		if len(z.zones) != 2*n+1 || len(z.table) <= len(z.zones) {
			t.Errorf("%d CAS: %d zones in a table of %d", n, len(z.zones), len(z.table))
		}
	}
}
