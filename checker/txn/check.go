package txn

import (
	"fmt"
	"slices"

	"github.com/saros-sim/saros/checker"
)

// Level is an isolation level, weakest first.
type Level uint8

const (
	ReadCommitted Level = iota
	SnapshotIsolation
	Serializable
	StrictSerializable
)

//saros:constant names
var levelNames = [...]string{"read-committed", "snapshot-isolation", "serializable", "strict-serializable"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// Edge is a dependency between two transactions, and the sentence that shows it.
type Edge struct {
	From, To int
	Kind     string // "ww", "wr", "rw" or "realtime"
	Key      string
	Why      string
}

// Coverage counts what a history put to the test.
type Coverage struct {
	Committed, Aborted, Unknown int // by outcome as the clients saw it
	AntiDependencies            int // rw edges of the graph
	MultiKey                    int // committed transactions on two keys or more
}

// Report is a verdict and its grounds. Anomaly, Form, Core and Cycle are empty unless it is Invalid.
type Report struct {
	Verdict  checker.Verdict
	Reason   string // of Unknown
	Anomaly  string // Adya's name, or that of a direct check
	Form     string // the common name of the cycle's shape, if it has one: "lost-update", "stale-read" …
	Core     []int  // IDs that contradict each other; of not_applicable: the offenders
	Cycle    []Edge
	Text     string
	Coverage Coverage
}

// Check judges h at a level. A malformed history is an error, never a verdict. It takes O(n log n) time,
// n being operations and elements of lists, and about 300 bytes a transaction of four operations; a
// cycle that was found takes at most maxSteps more. It keeps nothing of h, and changes nothing in it.
func Check(h *History, level Level) (Report, error) {
	if level > StrictSerializable {
		return Report{}, fmt.Errorf("txn: unknown %s", level)
	}
	c, err := h.columns()
	if err != nil {
		return Report{}, err
	}
	a := &analysis{h: h, columns: c}
	r := a.judge(level)
	r.Coverage = a.coverage
	if r.Verdict == checker.Invalid {
		r.Core = a.witnessed(r.Core)
		r.Text = text(h, level, &r)
	}
	return r, nil
}

func (a *analysis) judge(level Level) Report {
	a.gather()
	if a.coverage.Committed == 0 {
		return Report{Reason: checker.ReasonVacuous, Text: "no transaction committed\n"}
	}
	for _, step := range []func(){a.sortByValue, a.readLists, a.readRegisters, a.orderVersions, a.readOwn} {
		if step(); a.verdict != nil {
			return *a.verdict
		}
	}
	a.build()
	r := a.cycles(level)
	if r.Verdict == checker.Valid {
		if loose := a.withoutVersion(); len(loose) > 0 {
			return Report{Reason: checker.ReasonNotApplicable, Core: loose,
				Text: fmt.Sprintf("an outcome that was inferred from a read, and a write whose version nobody read: transactions %s\n", few(loose))}
		}
	}
	return r
}

// withoutVersion lists the committed transactions with a write to a register that has no place in the
// version order. A cycle is one without them; no cycle proves nothing.
func (a *analysis) withoutVersion() []int {
	var loose []int32
	for i := range a.writes {
		w := &a.writes[i]
		if !a.list[w.key] && w.version == 0 && a.committed[w.txn] {
			loose = append(loose, w.txn)
		}
	}
	return idsOf(slices.Compact(loose))
}

// phenomena are the cycles that have a name, the gravest first; a level forbids as many of them as the
// number of its kind says.
//
//saros:constant table
var phenomena = []struct {
	search
	name string
}{{search{ww, false}, "G0"}, {search{ww | wr, false}, "G1c"}, {search{ww | wr | rw, true}, "G-nonadjacent"}, {search{ww | wr | rw, false}, "G2-item"}}

func (a *analysis) cycles(level Level) Report {
	forbidden := phenomena[:[]int{2, 3, 4, 4}[level]]
	whole := search{mask: forbidden[len(forbidden)-1].mask}
	if level == StrictSerializable {
		a.realTime()
		whole.mask |= rt
	}
	left := a.peel(whole, nil)
	if left.states == 0 {
		return Report{Verdict: checker.Valid}
	}
	for _, time := range []uint8{0, whole.mask & rt} {
		for _, p := range forbidden {
			p.mask |= time
			cyclic := a.peel(p.search, left)
			if cyclic.states == 0 {
				continue
			}
			r := a.report(a.cycle(cyclic, maxSteps), p.name)
			if time == rt {
				r.Anomaly += "-realtime"
			}
			return r
		}
	}
	return a.snapshotWithoutCycle()
}

// snapshotWithoutCycle: a history that is not serializable and has no cycle that snapshots forbid
// depends on the order of the appends that nobody read, if a key has several.
func (a *analysis) snapshotWithoutCycle() Report {
	if one, other := a.lost.from, a.lost.to; one != other {
		return a.lostUpdate(one, other)
	}
	for k := range a.keys {
		if u := a.unreadOf(int32(k)); len(u) > 1 {
			return Report{Reason: checker.ReasonNotApplicable, Core: idsOf(u),
				Text: fmt.Sprintf("key %q: the order of appends that nobody read would decide (transactions %s)\n", a.keys[k], few(idsOf(u)))}
		}
	}
	return Report{Verdict: checker.Valid}
}

// lostUpdate tells of two appends that nobody read, by transactions that saw the same.
func (a *analysis) lostUpdate(one, other int32) Report {
	_, k := a.lost.parts()
	why := fmt.Sprintf("T%d and T%d read the same version of %s and both appended to it", one, other, a.keys[k])
	return Report{Verdict: checker.Invalid, Anomaly: "lost-update", Form: "lost-update", Core: idsOf([]int32{one, other}),
		Cycle: []Edge{{int(one), int(other), "rw", a.keys[k], why}, {int(other), int(one), "rw", a.keys[k], why}}}
}

// few shows no more than maxElements of a list.
func few(ids []int) string {
	if n := len(ids); n > maxElements {
		return fmt.Sprintf("%v and %d more", ids[:maxElements], n-maxElements)
	}
	return fmt.Sprint(ids)
}

func idsOf(u []int32) []int {
	ids := make([]int, len(u))
	for i := range u {
		ids[i] = int(u[i])
	}
	return ids
}
