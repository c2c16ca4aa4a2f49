package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// longHistory is what clients of a right store see in n operations on a few keys, and then some lies. Times are tied or far apart; values and tombstones are new, or come round again; CAS asks for what
// is there, for what was there, or for anything; some outcomes nobody knows, of some the client gave up at
// once and the effect comes late or never.
func longHistory(d draw, n int) *History {
	keys, sessions := 1+d(3), 1+d(8)
	pace := []int{1, 2, 4, 20}[d(4)]
	unknown, failed := []int{0, 0, 3, 15, 40}[d(5)], []int{0, 5, 30}[d(3)]
	round := []int{1 << 30, 1 << 30, 1 + n/2, 1 + n/4, 1 + n/8}[d(5)] // so many values, then the first again
	verbs := [][]Kind{
		{Get, Put}, {Get, Get, CAS, CAS, CAS, Put}, {Get, CAS, CAS, CAS, CAS}, {Get, Put, CAS, Delete}, {Get, Put, Delete, Delete},
	}[d(5)]
	type planned struct {
		op    Operation
		point int64
		acts  bool
	}
	var plan []planned
	clock := make([]int64, sessions)
	for i := range n {
		s := i % sessions
		op := Operation{ID: i, Session: int32(s), Key: string(rune('a' + d(keys))), Kind: verbs[d(len(verbs))], Outcome: Ok}
		op.Call = clock[s] + int64(d(pace+1))
		op.Return = op.Call + int64(d(4*pace))
		if d(20) == 0 {
			op.Return += int64(d(40 * pace))
		}
		p := planned{op, op.Call + int64(d(int(op.Return-op.Call)+1)), true}
		clock[s] = op.Return + int64(d(2))
		switch k := d(100); {
		case k < unknown:
			p.op.Outcome = []Outcome{Info, Pending}[d(4)/3]
			p.point, p.acts = op.Call+int64(d(10*pace*sessions)), !d.one(3)
		case k < unknown+failed:
			p.op.Outcome, p.acts = Fail, false
		}
		plan = append(plan, p)
	}
	slices.SortStableFunc(plan, func(a, b planned) int { return int(a.point - b.point) })
	store, fresh := map[string]oracleCell{}, 0
	past, lost := map[string][]int64{}, map[int64]bool{} // values left, by key; of unknown writes
	h := &History{Operations: make([]Operation, n)}
	for _, p := range plan {
		op := p.op
		if op.Kind != Get {
			for fresh++; lost[int64(1+fresh%round)] && len(lost) < round; fresh++ {
			}
			op.Arg = int64(1 + fresh%round)
			lost[op.Arg] = lost[op.Arg] || op.Outcome != Ok
		}
		if op.Kind == CAS {
			op.Old = store[op.Key].value
			if old := past[op.Key]; len(old) > 0 && d(4) == 0 {
				op.Old = old[max(0, len(old)-1-d(6))]
			}
			if d(40) == 0 {
				op.Arg = op.Old
			}
		}
		if p.acts {
			execute(&op, store)
			if now := store[op.Key]; now.there {
				past[op.Key] = append(past[op.Key], now.value)
			}
		}
		if op.Outcome == Pending {
			op.Return = 0
		}
		h.Operations[op.ID] = op
	}
	for range d(4) {
		lie(d, h)
	}
	return h
}

// prefix cuts a history after an instant.
func prefix(h *History, at int64) *History {
	var p History
	for _, op := range h.Operations {
		if op.Call > at {
			continue
		}
		if op.Outcome != Pending && op.Return > at {
			op = Operation{Session: op.Session, Key: op.Key, Kind: op.Kind, Old: op.Old, Arg: op.Arg, Call: op.Call}
		}
		op.ID = len(p.Operations)
		p.Operations = append(p.Operations, op)
	}
	return &p
}

// outOfStep returns the first instant at whose end a stream and CheckLinearizable differ about what h was so
// far, and how; -1: they do not. A stream stops at a key that it cannot judge.
func outOfStep(s *Stream, h *History, list []happening, steps int64) (at int64, how string) {
	var c Checker
	first := map[string]int64{} // of each key that is illegal: since which instant
	end := list[len(list)-1].at
	for name, own := range h.byKey() {
		undecided := false
		judge := func(at int64) bool {
			r := c.CheckLinearizable(prefix(own, at), Budget{Steps: steps})
			undecided = undecided || r.Reason == ReasonBudget
			return r.Verdict == Invalid
		}
		if first[name] = end + 1; judge(end) {
			low, high := int64(-1), end
			for high-low > 1 {
				if middle := (low + high) / 2; judge(middle) {
					high = middle
				} else {
					low = middle
				}
			}
			first[name] = high
		}
		if undecided {
			return -1, "undecided"
		}
	}
	s.Reset()
	told := &History{Operations: make([]Operation, len(h.Operations))}
	invalid := false
	for i, e := range list {
		tell(s, told, &h.Operations[e.id], e)
		if i+1 < len(list) && list[i+1].at == e.at {
			continue
		}
		for name, at := range first {
			if k := s.keys[name]; at == e.at && k != nil && !k.unfit {
				invalid = true
			}
		}
		if v, _ := s.Verdict(); (v == Invalid) != invalid || s.Violated(e.at+1) != invalid {
			return e.at, fmt.Sprintf("at %d the stream says %s, illegal since %v", e.at, v, first)
		}
	}
	v, _ := s.Verdict()
	return -1, v.String()
}

// byKey divides a history.
func (h *History) byKey() map[string]*History {
	keys := map[string]*History{}
	for _, op := range h.Operations {
		own := keys[op.Key]
		if own == nil {
			own = &History{}
			keys[op.Key] = own
		}
		op.ID = len(own.Operations)
		own.Operations = append(own.Operations, op)
	}
	return keys
}

// without drops an operation.
func (h *History) without(list []happening, id int) (*History, []happening) {
	less := &History{Operations: slices.Delete(slices.Clone(h.Operations), id, id+1)}
	for i := range less.Operations {
		less.Operations[i].ID = i
	}
	var left []happening
	for _, e := range list {
		if e.id == id {
			continue
		}
		if e.id > id {
			e.id--
		}
		left = append(left, e)
	}
	return less, left
}

// At the end of each instant a stream says of each key what CheckLinearizable says of the history so far.
func TestOracleStreamLong(t *testing.T) {
	n := histories(t, 6000)
	rng := rand.New(rand.NewPCG(31, uint64(n)))
	counts := map[string]int{}
	var s Stream
	for i := range n {
		size := 5 + rng.IntN(25)
		if i%20 == 0 {
			size = 100 + rng.IntN(301)
		}
		h := longHistory(rng.IntN, size)
		list := happenings(rng, h)
		at, how := outOfStep(&s, h, list, 10_000)
		if counts[how]++; at < 0 {
			continue
		}
		for id, tries := 0, 0; tries < 2*len(h.Operations); id, tries = id+1, tries+1 {
			id %= len(h.Operations)
			less, left := h.without(list, id)
			if len(left) == 0 {
				continue
			}
			if at, now := outOfStep(&s, less, left, 10_000); at >= 0 {
				h, list, how, tries = less, left, now, 0
			}
		}
		t.Fatalf("%s\n%s%v", how, show(h), list)
	}
	t.Log(counts)
	if counts["valid"] < n/10 || counts["invalid"] < n/10 || counts["undecided"] > n/10 {
		t.Errorf("the generator is lopsided: %v", counts)
	}
}
