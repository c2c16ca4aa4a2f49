package checker

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/saros-sim/saros/checker/internal/valid"
)

// Outcome is what a client knows about its operation, in Jepsen's words.
type Outcome uint8

const (
	Pending Outcome = iota // no response yet; at the end of a history the same as Info
	Ok                     // took effect, and the reply is known
	Fail                   // proven to have had no effect
	Info                   // may take effect at any time after its call, once, or never
)

//saros:constant names
var outcomeNames = [...]string{"pending", "ok", "fail", "info"}

func (o Outcome) String() string { return nameOf(outcomeNames[:], uint8(o), "outcome") }

// Kind is what an operation asks of its key.
type Kind uint8

const (
	Get       Kind = iota
	Put            // sets the value, whatever was there
	CAS            // sets Arg iff the key exists and its value is Old
	Increment      // adds Arg; a missing key counts as 0; overflow wraps
	Delete         // removes the key, and leaves the tombstone Arg
)

//saros:constant names
var kindNames = [...]string{"get", "put", "cas", "increment", "delete"}

func (k Kind) String() string { return nameOf(kindNames[:], uint8(k), "kind") }

func nameOf(names []string, i uint8, what string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", what, i)
}

// Operation is one call of a client and what came of it. Fields of the response are zero unless the
// outcome is Ok.
type Operation struct {
	ID      int    // index in History.Operations
	Session int32  // the sequential client that invoked it; at most one open operation a session
	Key     string // at most valid.MaxKeyBytes of UTF-8
	Kind    Kind
	Old     int64  // CAS: expected value
	Arg     int64  // Put, CAS: new value; Increment: delta; Delete: tombstone, 0 for none
	Result  int64  // Get, failed CAS: value seen, or tombstone of a missing key; Increment: value after
	Found   bool   // Get, failed CAS, Delete: key existed before
	Swapped bool   // CAS only
	Version uint64 // log index where it was executed, as its reply said; 0 if none. A claim, never trusted
	Outcome Outcome

	// CommitTS is the timestamp (ns) at which a write committed or a read looked, as the reply said; 0 if
	// none. A claim, like Version.
	CommitTS int64

	// Virtual time in nanoseconds, a closed interval. Return is meaningless while Pending; of an Info it
	// is when the client gave up, which bounds nothing.
	Call, Return int64
}

// Response is what the reply to an operation carried; see Operation for the fields.
type Response struct {
	Result         int64
	Found, Swapped bool
	Version        uint64
	CommitTS       int64
}

// History is what all clients of a run saw. Its zero value is empty and ready for use.
type History struct {
	Operations []Operation
}

// Reset empties the history and keeps its memory for the next run.
func (h *History) Reset() { h.Operations = h.Operations[:0] }

// Invoke records a call at time at (ns) and returns the operation's ID.
func (h *History) Invoke(session int32, kind Kind, key string, old, arg int64, at int64) int {
	id := len(h.Operations)
	h.Operations = append(h.Operations, Operation{
		ID: id, Session: session, Key: key, Kind: kind, Old: old, Arg: arg, Call: at,
	})
	return id
}

// Complete records the reply to an operation. Like Fail and Info it panics on an operation that has
// its outcome already: a client that changes its mind is a bug of the harness.
func (h *History) Complete(id int, at int64, res Response) {
	op := h.settle(id, at, Ok)
	op.Result, op.Found, op.Swapped = res.Result, res.Found, res.Swapped
	op.Version, op.CommitTS = res.Version, res.CommitTS
}

// Fail records that an operation is proven to have had no effect, now or later.
func (h *History) Fail(id int, at int64) { h.settle(id, at, Fail) }

// Info records that the client stopped waiting and knows nothing of the effect.
func (h *History) Info(id int, at int64) { h.settle(id, at, Info) }

func (h *History) settle(id int, at int64, outcome Outcome) *Operation {
	op := &h.Operations[id]
	if op.Outcome != Pending {
		panic(fmt.Sprintf("checker: operation %d of session %d became %s at %d and now %s at %d",
			id, op.Session, op.Outcome, op.Return, outcome, at))
	}
	op.Outcome, op.Return = outcome, at
	return op
}

const (
	maxTime = valid.MaxTime
	never   = math.MaxInt64 // the return of an operation that may take effect at any time
)

// Validate returns an error that names the first malformed operation, or nil.
func (h *History) Validate() error {
	for i := range h.Operations {
		if err := h.Operations[i].validate(i); err != nil {
			return fmt.Errorf("checker: operation %d: %w", i, err)
		}
	}
	i, open := valid.Sessions(len(h.Operations), func(i int) valid.Call {
		op := &h.Operations[i]
		return valid.Call{Session: op.Session, Call: op.Call, End: op.end()}
	})
	if i >= 0 {
		op := &h.Operations[i]
		return fmt.Errorf("checker: operation %d: session %d calls it at %d while its operation %d is open", i, op.Session, op.Call, open)
	}
	return nil
}

func (op *Operation) validate(index int) error {
	switch {
	case op.ID != index:
		return fmt.Errorf("its ID is %d", op.ID)
	case op.Kind > Delete:
		return fmt.Errorf("unknown %s", op.Kind)
	case op.Outcome > Info:
		return fmt.Errorf("unknown %s", op.Outcome)
	case op.Outcome != Ok && (Response{op.Result, op.Found, op.Swapped, op.Version, op.CommitTS}) != Response{}:
		return fmt.Errorf("%s, yet it carries a response", op.Outcome)
	case op.CommitTS < 0:
		return fmt.Errorf("commit timestamp %d is negative", op.CommitTS)
	}
	return cmp.Or(valid.Interval(op.Call, op.Return, op.Outcome == Pending), valid.Key(op.Key))
}

// sessionOrder lists the indices of all operations, session after session, in program order.
func (h *History) sessionOrder() []int {
	order := make([]int, len(h.Operations))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &h.Operations[i], &h.Operations[j]
		return cmp.Or(cmp.Compare(a.Session, b.Session), cmp.Compare(a.Call, b.Call),
			cmp.Compare(a.end(), b.end()), cmp.Compare(a.ID, b.ID))
	})
	return order
}

// end is when the client stopped waiting.
func (op *Operation) end() int64 {
	if op.Outcome == Pending {
		return never
	}
	return op.Return
}
