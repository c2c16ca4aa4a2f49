package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Check is a property weaker than linearizability, judged from what the replies claim.
type Check struct {
	Name  string // of the check; the class of its violations begins with it
	Needs string // which claim every completed operation must carry
	// Run judges h. Bound (ns, at least 0) is used by the check of bounded staleness alone.
	Run func(h *History, bound int64) Report
}

// Checks lists the checks of key-value histories.
//
//saros:constant a table
var Checks = []Check{
	{"session/read-your-writes", "version", session(readYourWrites)},
	{"session/monotonic-reads", "version", session(monotonicReads)},
	{"session/monotonic-writes", "version", session(monotonicWrites)},
	{"session/writes-follow-reads", "version", session(writesFollowReads)},
	{"staleness/bounded", "version", CheckStaleness},
	{"staleness/prefix", "version", func(h *History, _ int64) Report { return CheckPrefix(h) }},
	{"timestamps/snapshot", "commit_ts", func(h *History, _ int64) Report { return CheckSnapshots(h) }},
	{"timestamps/external", "commit_ts", func(h *History, _ int64) Report { return CheckExternal(h) }},
}

// guarantee is one of Terry et al., "Session Guarantees for Weakly Consistent Replicated Data", 1994:
// for operations of one session on one key, first and then, the version of then must be no lower.
type guarantee struct {
	name           string
	first, then    bool // whether that operation writes
	strict         bool // equal versions break it, too
	text, relation string
}

//saros:constant the four guarantees
var (
	readYourWrites    = guarantee{"session/read-your-writes", true, false, false, "read", "at least"}
	monotonicReads    = guarantee{"session/monotonic-reads", false, false, false, "read", "at least"}
	monotonicWrites   = guarantee{"session/monotonic-writes", true, true, true, "write", "more than"}
	writesFollowReads = guarantee{"session/writes-follow-reads", false, true, true, "write", "more than"}
)

// session judges a guarantee. An operation of unknown outcome has no version and imposes no duty.
func session(g guarantee) func(*History, int64) Report {
	return func(h *History, _ int64) Report {
		c, bad := columns(h, byVersion, true)
		if bad.Reason != "" {
			return bad
		}
		highest := map[uint64]int32{} // session and key → the first operation with the highest version
		judged := 0
		for _, i := range c.byCall() {
			op := &h.Operations[i]
			pair := uint64(uint32(op.Session))<<32 | uint64(c.key[i])
			top, known := highest[pair]
			if known && writes(op) == g.then {
				judged++
				if first := &h.Operations[top]; op.Version < first.Version || g.strict && op.Version == first.Version {
					return broken(g.name, h, []int32{top, i}, fmt.Sprintf(
						"Session %d had version %d of %s #%d when it called #%d, a %s that must have %s that; it has %d.",
						op.Session, first.Version, word(first), first.ID, op.ID, g.text, g.relation, op.Version))
				}
			}
			if writes(op) == g.first && (!known || op.Version > h.Operations[top].Version) {
				highest[pair] = i
			}
		}
		return passed(judged, g.name)
	}
}

// writes tells whether a completed operation changed its key. A CAS that failed and a delete of nothing
// are reads.
func writes(op *Operation) bool {
	return op.Kind == Put || op.Kind == Increment || op.Kind == CAS && op.Swapped || op.Kind == Delete && op.Found
}

func word(op *Operation) string {
	if writes(op) {
		return "write"
	}
	return "read"
}

// A claim is the field that a check orders operations by.
type claim bool

const (
	byVersion   claim = false
	byTimestamp claim = true
)

func (c claim) of(op *Operation) uint64 {
	if c == byTimestamp {
		return uint64(op.CommitTS)
	}
	return op.Version
}

func (c claim) String() string {
	if c == byTimestamp {
		return "commit_ts"
	}
	return "version"
}

// columnar is a history made ready for sweeps: completed operations, keys as numbers.
type columnar struct {
	h    *History
	key  []int32 // of every operation
	done []int32 // completed operations
	keys int32
}

// columns interns keys and looks after what every check assumes: a well-formed history, a claim with
// every completed operation (reads only if asked), and no two writes of a key with one claim. If that
// does not hold it returns the report to give.
func columns(h *History, by claim, reads bool) (columnar, Report) {
	c := columnar{h: h, key: make([]int32, len(h.Operations)), done: make([]int32, 0, len(h.Operations))}
	numbers := map[string]int32{}
	writers := make([]mark, 0, len(h.Operations))
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.ID != i || op.Kind > Delete || op.Outcome > Info || op.Call < 0 || op.CommitTS < 0 ||
			op.Outcome == Ok && op.Return < op.Call {
			return c, unknown(ReasonNotApplicable, op.Key, fmt.Sprintf("malformed history: %s", line(op)))
		}
		n, known := numbers[op.Key]
		if !known {
			n = int32(len(numbers))
			numbers[op.Key] = n
		}
		c.key[i] = n
		if op.Outcome != Ok {
			continue
		}
		c.done = append(c.done, int32(i))
		if w := writes(op); by.of(op) == 0 && (w || reads) {
			return c, unknown(ReasonNotApplicable, op.Key, fmt.Sprintf("no %s: %s", by, line(op)))
		} else if w {
			writers = append(writers, mark{n, by.of(op), int32(i), false})
		}
	}
	c.keys = int32(len(numbers))
	slices.SortFunc(writers, byMark)
	for j := 1; j < len(writers); j++ {
		if a, b := writers[j-1], writers[j]; a.key == b.key && a.at == b.at {
			return c, unknown(ReasonNotApplicable, h.Operations[a.i].Key, fmt.Sprintf("two writes of one key with one %s:\n  %s\n  %s",
				by, line(&h.Operations[a.i]), line(&h.Operations[b.i])))
		}
	}
	return c, Report{}
}

// mark is an operation at a place in an order of its key.
type mark struct {
	key  int32
	at   uint64
	i    int32
	read bool // stands behind the writes of its place
}

func byMark(a, b mark) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.at, b.at), falseFirst(a.read, b.read), cmp.Compare(a.i, b.i))
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// byCall returns the completed operations by call: within a session that is program order.
func (c *columnar) byCall() []int32 {
	order := func(i, j int32) int {
		a, b := &c.h.Operations[i], &c.h.Operations[j]
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.Return, b.Return), cmp.Compare(i, j))
	}
	if !slices.IsSortedFunc(c.done, order) {
		slices.SortFunc(c.done, order)
	}
	return c.done
}

// passed is the verdict when nothing is wrong: Valid if anything was judged.
func passed(judged int, name string) Report {
	if judged == 0 {
		return unknown(ReasonVacuous, "", name+": no operation had a duty")
	}
	return Report{Verdict: Valid, Op: -1}
}

// broken reports operations that contradict each other; the last is the one that shows it.
func broken(class string, h *History, core []int32, why string) Report {
	var ops []Operation
	for _, i := range core {
		ops = append(ops, h.Operations[i])
	}
	last := ops[len(ops)-1]
	slices.SortFunc(ops, func(a, b Operation) int { return byCall(&a, &b) })
	r := Report{Verdict: Invalid, Class: class, Key: last.Key, Op: last.ID}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: key %+q\n\n", class, last.Key)
	for i := range ops {
		r.Core = append(r.Core, ops[i].ID)
		fmt.Fprintf(&b, "  %s", line(&ops[i]))
		if ops[i].CommitTS != 0 {
			fmt.Fprintf(&b, " ts %d", ops[i].CommitTS)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	lanes(&b, rowsOf(ops))
	fmt.Fprintf(&b, "\n%s\n", why)
	r.Text = b.String()
	return r
}
