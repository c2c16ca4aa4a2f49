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
// session/... and staleness/... judge key by key: they assume that versions order the operations of one
// key. log/... judge the same over all keys. They assume that a version is a position in one log of all
// keys, and that an operation with version v looked at all that the log holds up to v, and at nothing
// behind (as in nodes/kv). Of a store that counts the versions of each key, or that answers a read with
// the version of the write which it found, log/... says nothing that is true.
//
// staleness/prefix and timestamps/snapshot compare each read with the writes of its key, and that is all
// there is to compare over several keys too, where versions (timestamps) are of one order: reads that each
// agree with the prefix up to their version agree with each other.
//
//saros:constant a table
var Checks = []Check{
	{"session/read-your-writes", "version", session(readYourWrites, eachKey)},
	{"session/monotonic-reads", "version", session(monotonicReads, eachKey)},
	{"session/monotonic-writes", "version", session(monotonicWrites, eachKey)},
	{"session/writes-follow-reads", "version", session(writesFollowReads, eachKey)},
	{"staleness/bounded", "version", CheckStaleness},
	{"staleness/prefix", "version", func(h *History, _ int64) Report { return CheckPrefix(h) }},
	{"log/read-your-writes", oneLogNeeds, session(readYourWrites, oneLog)},
	{"log/monotonic-reads", oneLogNeeds, session(monotonicReads, oneLog)},
	{"log/monotonic-writes", oneLogNeeds, session(monotonicWrites, oneLog)},
	{"log/writes-follow-reads", oneLogNeeds, session(writesFollowReads, oneLog)},
	{"log/bounded", oneLogNeeds, func(h *History, bound int64) Report { return staleness(h, bound, oneLog) }},
	{"timestamps/snapshot", "commit_ts", func(h *History, _ int64) Report { return CheckSnapshots(h) }},
	{"timestamps/external", "commit_ts", func(h *History, _ int64) Report { return CheckExternal(h) }},
}

const oneLogNeeds = "version: a position in one log of all keys"

// A scope is what versions order.
type scope bool

const (
	eachKey scope = false
	oneLog  scope = true
)

func (s scope) class(name string) string {
	if s == oneLog {
		return "log/" + name
	}
	return "session/" + name
}

// guarantee is one of Terry et al., "Session Guarantees for Weakly Consistent Replicated Data", 1994,
// section 3: for operations of one session, first and then, the version of then must be no lower. The
// paper speaks of the writes that a server holds; here a version stands for all writes up to it. A read
// that goes back over positions at which nothing was written is reported too, which the paper would let
// pass, and a write that has no higher version than a read before it, though in the paper's words that read
// saw a write of its future.
type guarantee struct {
	name           string
	first, then    bool // whether that operation writes
	strict         bool // equal versions break it, too
	text, relation string
}

//saros:constant the four guarantees
var (
	readYourWrites    = guarantee{"read-your-writes", true, false, false, "read", "at least"}
	monotonicReads    = guarantee{"monotonic-reads", false, false, false, "read", "at least"}
	monotonicWrites   = guarantee{"monotonic-writes", true, true, true, "write", "more than"}
	writesFollowReads = guarantee{"writes-follow-reads", false, true, true, "write", "more than"}
)

// session judges a guarantee. An operation of unknown outcome has no version and imposes no duty.
func session(g guarantee, over scope) func(*History, int64) Report {
	class := over.class(g.name)
	return func(h *History, _ int64) Report {
		c, bad := columns(h, byVersion, true, over)
		if bad.Reason != "" {
			return bad
		}
		type place struct{ session, key int32 }
		highest := map[place]int32{} // the first operation with the highest version
		judged := 0
		for _, i := range c.byCall() {
			op := &h.Operations[i]
			at := place{op.Session, c.key[i]}
			top, known := highest[at]
			if known && writes(op) == g.then {
				judged++
				if first := &h.Operations[top]; op.Version < first.Version || g.strict && op.Version == first.Version {
					return broken(class, h, []int32{top, i}, fmt.Sprintf(
						"Session %d had version %d of %s #%d when it called #%d, a %s that must have %s that; it has %d.",
						op.Session, first.Version, word(first), first.ID, op.ID, g.text, g.relation, op.Version))
				}
			}
			if writes(op) == g.first && (!known || op.Version > h.Operations[top].Version) {
				highest[at] = i
			}
		}
		return passed(judged, class)
	}
}

// writes tells whether a completed operation changed its key. A CAS that failed is a read, and so is a
// delete that found nothing and left no tombstone.
func writes(op *Operation) bool {
	return !isRead(op) && !(op.Kind == Delete && !op.Found && op.Arg == 0)
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

// columnar is a history made ready for sweeps.
type columnar struct {
	h     *History
	key   []int32 // of every operation, as a number; 0 if versions order all keys
	keys  int
	done  []int32 // completed operations
	order []mark  // those that carry the claim, in its order
}

// mark is an operation at a place in an order of its key.
type mark struct {
	key, i int32
	at     uint64
	read   bool // stands behind the writes of its place
}

// columns interns keys and looks after what every check assumes: a well-formed history, a claim with
// every completed write (and read, if asked), and no two writes of a key with one claim. If that does not
// hold it returns the report to give.
func columns(h *History, by claim, reads bool, over scope) (columnar, Report) {
	if err := h.Validate(); err != nil {
		return columnar{}, unknown(ReasonNotApplicable, "", "malformed history: "+err.Error())
	}
	c := columnar{h: h, key: make([]int32, len(h.Operations)), done: make([]int32, 0, len(h.Operations)), keys: 1}
	if over == eachKey {
		c.internKeys()
	}
	counts := make([]int, c.keys+1) // of marks, by the number of the key behind
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.Outcome != Ok {
			continue
		}
		c.done = append(c.done, int32(i))
		if !reads && !writes(op) {
			continue
		}
		if by.of(op) == 0 {
			return columnar{}, unknown(ReasonNotApplicable, op.Key, fmt.Sprintf("no %s: %s", by, line(op)))
		}
		counts[c.key[i]+1]++
	}
	c.sortMarks(by, reads, counts)
	for j := 1; j < len(c.order); j++ {
		if a, b := c.order[j-1], c.order[j]; a.key == b.key && a.at == b.at && !b.read {
			return columnar{}, unknown(ReasonNotApplicable, h.Operations[a.i].Key, fmt.Sprintf("two writes with one %s:\n  %s\n  %s",
				by, line(&h.Operations[a.i]), line(&h.Operations[b.i])))
		}
	}
	return c, Report{}
}

func (c *columnar) internKeys() {
	numbers := map[string]int32{}
	for i := range c.h.Operations {
		op := &c.h.Operations[i]
		n, known := numbers[op.Key]
		if !known {
			n = int32(len(numbers))
			numbers[op.Key] = n
		}
		c.key[i] = n
	}
	c.keys = len(numbers)
}

// sortMarks deals the marks out by key, in the order of their IDs, which is nearly that of their claims.
func (c *columnar) sortMarks(by claim, reads bool, counts []int) {
	for k := range c.keys {
		counts[k+1] += counts[k]
	}
	c.order = make([]mark, counts[c.keys])
	next := counts // of each key; runs up to where the next key begins
	for _, i := range c.done {
		op := &c.h.Operations[i]
		if w := writes(op); w || reads {
			c.order[next[c.key[i]]] = mark{c.key[i], i, by.of(op), !w}
			next[c.key[i]]++
		}
	}
	from := 0
	for _, to := range next[:c.keys] {
		slices.SortFunc(c.order[from:to], byMark)
		from = to
	}
}

// byMark orders the marks of a key.
func byMark(a, b mark) int {
	if a.at != b.at {
		return cmp.Compare(a.at, b.at)
	}
	return cmp.Or(falseFirst(a.read, b.read), cmp.Compare(a.i, b.i))
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
	slices.SortFunc(c.done, func(i, j int32) int {
		a, b := &c.h.Operations[i], &c.h.Operations[j]
		return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.Return, b.Return), cmp.Compare(i, j))
	})
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
	keys := ops[0].Key != last.Key
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
		if keys {
			fmt.Fprintf(&b, " key %+q", ops[i].Key)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	lanes(&b, rowsOf(ops))
	fmt.Fprintf(&b, "\n%s\n", why)
	r.Text = b.String()
	return r
}
