package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Grant is a lock or lease as it was given, in true time (ns).
type Grant struct {
	Lock         string
	Holder       int32
	Token        uint64 // for fencing; 0 is malformed
	Call, Return int64  // of the acquisition, a closed interval
	From, Until  int64  // while the holder took itself for the holder: half-open
}

// Access is a request to a resource that a lock guards.
type Access struct {
	Lock     string
	Holder   int32
	Token    uint64
	At       int64 // true time when the resource decided
	Accepted bool
}

// LockHistory is all that was granted and decided. Core of a report holds indices of Grants, or of
// Accesses if Class is "locks/fencing".
type LockHistory struct {
	Grants   []Grant
	Accesses []Access
}

// CheckLocks judges that tokens are unique and rise in real time, that no two holders overlap, and that
// no resource accepts a token below the highest it accepted at an earlier instant (Kleppmann, "How to do
// distributed locking", 2016).
func CheckLocks(h *LockHistory) Report {
	for i, g := range h.Grants {
		if g.Token == 0 || g.Return < g.Call || g.Until < g.From {
			return unknown(ReasonNotApplicable, g.Lock, fmt.Sprintf("malformed grant %d: %s", i, g.line()))
		}
	}
	for _, check := range [...]func(*LockHistory) Report{repeatedTokens, fallingTokens, overlaps, lateWriters} {
		if r := check(h); r.Verdict == Invalid {
			return r
		}
	}
	return passed(len(h.Grants)+len(h.Accesses), "locks")
}

func repeatedTokens(h *LockHistory) Report {
	by := indices(len(h.Grants), func(i, j int) int {
		a, b := &h.Grants[i], &h.Grants[j]
		return cmp.Or(cmp.Compare(a.Lock, b.Lock), cmp.Compare(a.Token, b.Token), cmp.Compare(i, j))
	})
	for n := 1; n < len(by); n++ {
		if a, b := &h.Grants[by[n-1]], &h.Grants[by[n]]; a.Lock == b.Lock && a.Token == b.Token {
			return h.grants("locks/token-repeated", by[n-1], by[n], "Both grants have one token.")
		}
	}
	return Report{}
}

func fallingTokens(h *LockHistory) Report {
	sorted := func(at func(*Grant) int64) []int {
		return indices(len(h.Grants), func(i, j int) int {
			a, b := &h.Grants[i], &h.Grants[j]
			return cmp.Or(cmp.Compare(a.Lock, b.Lock), cmp.Compare(at(a), at(b)), cmp.Compare(i, j))
		})
	}
	calls := sorted(func(g *Grant) int64 { return g.Call })
	returns := sorted(func(g *Grant) int64 { return g.Return })
	top, next := -1, 0
	for _, i := range calls {
		g := &h.Grants[i]
		if top >= 0 && h.Grants[top].Lock != g.Lock {
			top = -1
		}
		for next < len(returns) {
			a := &h.Grants[returns[next]]
			if a.Lock > g.Lock || a.Lock == g.Lock && a.Return >= g.Call {
				break
			}
			if a.Lock == g.Lock && (top < 0 || a.Token > h.Grants[top].Token) {
				top = returns[next]
			}
			next++
		}
		if top >= 0 && h.Grants[top].Token > g.Token {
			return h.grants("locks/token-falls", top, i, "The first was granted before the second was asked for, and has the higher token.")
		}
	}
	return Report{}
}

// overlaps sweeps the intervals by start; of those so far only the two with the latest ends, of
// different holders, can matter.
func overlaps(h *LockHistory) Report {
	by := indices(len(h.Grants), func(i, j int) int {
		a, b := &h.Grants[i], &h.Grants[j]
		return cmp.Or(cmp.Compare(a.Lock, b.Lock), cmp.Compare(a.From, b.From), cmp.Compare(i, j))
	})
	first, second := -1, -1
	for _, i := range by {
		g := &h.Grants[i]
		if g.From == g.Until {
			continue // held for no time at all
		}
		if first >= 0 && h.Grants[first].Lock != g.Lock {
			first, second = -1, -1
		}
		for _, j := range [...]int{first, second} {
			if j >= 0 && h.Grants[j].Holder != g.Holder && h.Grants[j].Until > g.From {
				return h.grants("locks/overlap", j, i, "Two holders held the lock at one time.")
			}
		}
		switch {
		case first < 0 || h.Grants[first].Holder == g.Holder:
			if first < 0 || g.Until > h.Grants[first].Until {
				first = i
			}
		case g.Until > h.Grants[first].Until:
			first, second = i, first
		case second < 0 || g.Until > h.Grants[second].Until:
			second = i
		}
	}
	return Report{}
}

func lateWriters(h *LockHistory) Report {
	by := indices(len(h.Accesses), func(i, j int) int {
		a, b := &h.Accesses[i], &h.Accesses[j]
		return cmp.Or(cmp.Compare(a.Lock, b.Lock), cmp.Compare(a.At, b.At), cmp.Compare(i, j))
	})
	top, next := -1, 0 // the highest accepted before the instant at hand
	for n, i := range by {
		a := &h.Accesses[i]
		if n > 0 && h.Accesses[by[n-1]].Lock != a.Lock {
			top, next = -1, n
		}
		for ; h.Accesses[by[next]].At < a.At; next++ {
			if b := &h.Accesses[by[next]]; b.Accepted && (top < 0 || b.Token > h.Accesses[top].Token) {
				top = by[next]
			}
		}
		if a.Accepted && top >= 0 && a.Token < h.Accesses[top].Token {
			b := &h.Accesses[top]
			return Report{Verdict: Invalid, Class: "locks/fencing", Key: a.Lock, Op: i, Core: []int{top, i},
				Text: fmt.Sprintf("locks/fencing: %+q accepted token %d of holder %d at %d, and then token %d of holder %d at %d.\n",
					a.Lock, b.Token, b.Holder, b.At, a.Token, a.Holder, a.At)}
		}
	}
	return Report{}
}

func (h *LockHistory) grants(class string, i, j int, why string) Report {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: lock %+q\n\n  %s\n  %s\n\n%s\n", class, h.Grants[i].Lock, h.Grants[i].line(), h.Grants[j].line(), why)
	return Report{Verdict: Invalid, Class: class, Key: h.Grants[i].Lock, Op: j, Core: []int{i, j}, Text: b.String()}
}

func (g *Grant) line() string {
	return fmt.Sprintf("holder %d token %d asked [%d, %d] held [%d, %d)", g.Holder, g.Token, g.Call, g.Return, g.From, g.Until)
}

func indices(n int, order func(i, j int) int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	if !slices.IsSortedFunc(s, order) {
		slices.SortFunc(s, order)
	}
	return s
}

// Attempt is one try of a request; a retry has the same Request.
type Attempt struct {
	Request uint64
	Outcome Outcome
	Reply   int64 // of an Ok
}

// CheckExactlyOnce judges a list to which every request appends its number, as read at the end: none
// stands twice, one that was acknowledged stands there, one whose every attempt failed does not, and
// all replies to one request are equal. Core holds indices of attempts.
func CheckExactlyOnce(attempts []Attempt, final []uint64) Report {
	by := indices(len(attempts), func(i, j int) int {
		return cmp.Or(cmp.Compare(attempts[i].Request, attempts[j].Request), cmp.Compare(i, j))
	})
	list := slices.Clone(final)
	slices.Sort(list)
	bad := func(class string, request uint64, core []int, why string) Report {
		return Report{Verdict: Invalid, Class: class, Op: core[len(core)-1], Core: core,
			Text: fmt.Sprintf("%s: request %d %s\n", class, request, why)}
	}
	at := 0
	for n := 0; n < len(by); {
		request, ok, failed, end := attempts[by[n]].Request, -1, true, n
		for ; end < len(by) && attempts[by[end]].Request == request; end++ {
			i := by[end]
			failed = failed && attempts[i].Outcome == Fail
			if attempts[i].Outcome != Ok {
				continue
			}
			if ok >= 0 && attempts[ok].Reply != attempts[i].Reply {
				return bad("once/other-reply", request, []int{ok, i},
					fmt.Sprintf("was answered %d, and its retry %d.", attempts[ok].Reply, attempts[i].Reply))
			}
			if ok < 0 {
				ok = i
			}
		}
		if at < len(list) && list[at] < request {
			break
		}
		count := 0
		for ; at < len(list) && list[at] == request; at++ {
			count++
		}
		switch {
		case count > 1:
			return bad("once/duplicate-effect", request, slices.Clone(by[n:end]), fmt.Sprintf("took effect %d times.", count))
		case ok >= 0 && count == 0:
			return bad("once/lost", request, []int{ok}, "was acknowledged and had no effect.")
		case failed && count > 0:
			return bad("once/failed-effect", request, slices.Clone(by[n:end]), "failed and had an effect.")
		}
		n = end
	}
	if at < len(list) {
		return unknown(ReasonNotApplicable, "", fmt.Sprintf("the list holds %d, which nobody asked for", list[at]))
	}
	return passed(len(attempts), "once")
}
