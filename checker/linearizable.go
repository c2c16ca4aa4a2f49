package checker

import (
	"cmp"
	"fmt"
	"slices"
)

// Verdict is what a check found. The zero value is Unknown: a report that nobody filled in is no success.
type Verdict uint8

const (
	Unknown Verdict = iota
	Valid
	Invalid
)

//saros:constant names
var verdictNames = [...]string{"unknown", "valid", "invalid"}

func (v Verdict) String() string { return nameOf(verdictNames[:], uint8(v), "verdict") }

// Reasons of an Unknown verdict.
const (
	ReasonBudget        = "budget"         // the search ran out of steps
	ReasonVacuous       = "vacuous"        // no operation completed: nothing was tested
	ReasonNotApplicable = "not_applicable" // the history is not what the check assumes: malformed, a claim is missing
)

// Report is a verdict and its grounds. Op is -1 and Core empty unless the verdict is Invalid.
type Report struct {
	Verdict Verdict
	Reason  string // of Unknown
	Class   string // of Invalid: "linearizability/" and the kind of Op; for fingerprints, holds no numbers
	Key     string // the key that decided, if one did
	Op      int    // ID of the operation in Core with the earliest return that no order explains
	Core    []int  // IDs of a small set of operations that no order explains, without the others; by call
	Text    string // for people
	Steps   int64  // of the search and the minimiser; 0 where certificates proved everything
}

// Budget bounds a check, deterministically.
type Budget struct {
	// Steps of the model a key may take, and as many again to minimise a failure; 0 means DefaultSteps.
	// On a key of n operations a step that succeeds counts n/1024 more, as Porcupine then keeps n bits:
	// that bounds its memory, at the default to some hundreds of MB.
	Steps int64
}

// DefaultSteps is a second of search or a few.
const DefaultSteps = 2_000_000

// CheckLinearizable judges h with a fresh Checker.
func CheckLinearizable(h *History, b Budget) Report {
	var c Checker
	return c.CheckLinearizable(h, b)
}

// Checker holds the memory of a check, to be used again for the next history, which need not be
// smaller. Its zero value is ready; it refers to the last history until then.
type Checker struct {
	numbers map[string]int32 // key → its number in keys
	keys    []keyOperations  // in the order of first use; sorted before judging
	number  []int32          // of the key of each operation, or skipped
	flat    []*Operation     // the operations of all keys, key after key

	certificate certificate
	zones       zones
	search      search
	base        []Operation // the operations of the key at hand, unknown ones open for ever, when searched
}

// keyOperations are the operations on one key that can matter: failed ones had no effect, and a read of
// unknown outcome says nothing.
type keyOperations struct {
	key        string
	operations []*Operation
	count      int
	mixed      bool // increments or deletes without a tombstone among them: zones may not prove them valid, the certificate goes first
}

const skipped = -1

// CheckLinearizable judges every key on its own, in sorted order, and stops at the first that is
// invalid. With none invalid the verdict is Unknown if one key was not decided, and Valid if all were.
func (c *Checker) CheckLinearizable(h *History, b Budget) Report {
	for i := range h.Operations {
		if op := &h.Operations[i]; op.Kind > Delete || op.Outcome > Info || op.Call < 0 || op.Outcome == Ok && op.Return < op.Call {
			return unknown(ReasonNotApplicable, op.Key, fmt.Sprintf("malformed history: %s", line(op)))
		}
	}
	if c.gather(h) == 0 {
		return unknown(ReasonVacuous, "", fmt.Sprintf("none of %d operations completed", len(h.Operations)))
	}
	limit := cmp.Or(b.Steps, DefaultSteps)
	report, steps := Report{Verdict: Valid, Op: -1}, int64(0)
	for _, k := range c.keys {
		sortByCall(k.operations)
		if k.mixed && c.certificate.proves(k.operations) {
			continue
		}
		c.search.start(limit)
		answer, evidence := c.zones.decide(k.operations)
		switch {
		case answer == legal || answer == undecided && !k.mixed && c.certificate.proves(k.operations):
			continue
		case answer == illegal:
			answer = c.search.judge(evidence)
		}
		if answer != illegal {
			evidence = c.openUnknown(k.operations)
			answer = c.search.judge(evidence)
		}
		steps += c.search.steps
		if answer == illegal {
			c.search.start(limit)
			report = c.explain(h, k.operations, evidence)
			steps += c.search.steps
			break
		}
		if answer == undecided && report.Verdict == Valid {
			report = unknown(ReasonBudget, k.key, fmt.Sprintf("key %+q: %d operations not decided in %d steps",
				k.key, len(k.operations), limit))
		}
	}
	report.Steps = steps
	return report
}

func unknown(reason, key, text string) Report {
	return Report{Verdict: Unknown, Reason: reason, Key: key, Op: -1, Text: text + "\n"}
}

// gather sorts out the operations by key, in time linear in their number, and returns how many
// completed.
func (c *Checker) gather(h *History) (completed int) {
	if c.numbers == nil {
		c.numbers = map[string]int32{}
	}
	clear(c.numbers)
	c.keys, c.number = c.keys[:0], slices.Grow(c.number[:0], len(h.Operations))
	total := 0
	for i := range h.Operations {
		op := &h.Operations[i]
		if op.Outcome == Ok {
			completed++
		}
		if op.Outcome == Fail || op.Outcome != Ok && op.Kind == Get {
			c.number = append(c.number, skipped)
			continue
		}
		n, known := c.numbers[op.Key]
		if !known {
			n = int32(len(c.keys))
			c.numbers[op.Key] = n
			c.keys = append(c.keys, keyOperations{key: op.Key})
		}
		c.keys[n].count++
		c.keys[n].mixed = c.keys[n].mixed || op.Kind == Increment || op.Kind == Delete && op.Arg == 0
		c.number = append(c.number, n)
		total++
	}
	c.flat = slices.Grow(c.flat[:0], total)[:total]
	from := 0
	for n := range c.keys {
		k := &c.keys[n]
		k.operations = c.flat[from : from : from+k.count]
		from += k.count
	}
	for i, n := range c.number {
		if n != skipped {
			k := &c.keys[n]
			k.operations = append(k.operations, &h.Operations[i]) // into flat: the room was counted
		}
	}
	slices.SortFunc(c.keys, func(a, b keyOperations) int { return cmp.Compare(a.key, b.key) })
	return completed
}

// sortByCall sorts by byCall what a History nearly always has sorted, but for calls at one instant.
func sortByCall(ops []*Operation) {
	from := 0
	for i := 1; i < len(ops); i++ {
		switch was, is := ops[i-1].Call, ops[i].Call; {
		case was > is:
			slices.SortFunc(ops, byCall)
			return
		case was < is:
			if i-from > 1 {
				slices.SortFunc(ops[from:i], byCall)
			}
			from = i
		}
	}
	slices.SortFunc(ops[min(from, len(ops)):], byCall)
}

// openUnknown copies the operations of a key, each unknown one open for ever.
func (c *Checker) openUnknown(ops []*Operation) []Operation {
	c.base = c.base[:0]
	for _, op := range ops {
		c.base = append(c.base, *op)
		if op.Outcome != Ok {
			open(&c.base[len(c.base)-1])
		}
	}
	return c.base
}

// open forgets what came of op.
func open(op *Operation) {
	op.Outcome, op.Return = Info, never
	op.Result, op.Found, op.Swapped, op.Version, op.CommitTS = 0, false, false, 0, 0
}
