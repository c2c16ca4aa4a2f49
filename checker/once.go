package checker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/saros-sim/saros/checker/internal/valid"
)

// Attempt is one try of a request; a retry has the same Request. Call, Return and Outcome are as in
// Operation.
type Attempt struct {
	Session      int32
	Request      uint64
	Outcome      Outcome
	Reply        int64 // 0 unless the outcome is Ok
	Call, Return int64
}

// Final is a read, after everything, of the list to which every request appended its number.
type Final struct {
	Session      int32
	Call, Return int64
	List         []uint64
}

// RequestHistory is all attempts that there were, and what they left. An attempt's ID is its index; the
// final read has the ID behind the last.
type RequestHistory struct {
	Attempts []Attempt
	Final    Final
}

// CheckExactlyOnce judges that no request stands twice in the final list, that one which was acknowledged
// stands there, that one whose every attempt failed does not, nor one that nobody asked for, and that all
// replies to one request are equal. It is an error if h is malformed. A core holds all attempts of its
// request where only all together prove something.
func CheckExactlyOnce(h *RequestHistory) (Report, error) {
	if err := h.Validate(); err != nil {
		return Report{}, err
	}
	by := make([]at, len(h.Attempts))
	for i := range h.Attempts {
		by[i] = at{ordinal(h.Attempts[i].Request), int32(i)}
	}
	slices.SortFunc(by, func(a, b at) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.i, b.i)) })
	list := slices.Clone(h.Final.List)
	slices.Sort(list)
	for len(by) > 0 || len(list) > 0 {
		request := ^uint64(0)
		if len(list) > 0 {
			request = list[0]
		}
		if len(by) > 0 {
			request = min(request, h.Attempts[by[0].i].Request)
		}
		tries, effects := 0, 0
		for tries < len(by) && h.Attempts[by[tries].i].Request == request {
			tries++
		}
		for effects < len(list) && list[effects] == request {
			effects++
		}
		if r := h.judge(request, by[:tries], effects); r.Verdict == Invalid {
			return r, nil
		}
		by, list = by[tries:], list[effects:]
	}
	return passed(len(h.Attempts), "once"), nil
}

// ordinal orders unsigned numbers as signed ones.
func ordinal(n uint64) int64 { return int64(n ^ 1<<63) }

// judge looks at one request, its attempts in the order of their IDs.
func (h *RequestHistory) judge(request uint64, tries []at, effects int) Report {
	ok, possible := -1, -1
	for _, t := range tries {
		i, a := int(t.i), &h.Attempts[t.i]
		if a.Outcome != Fail && possible < 0 {
			possible = i
		}
		switch {
		case a.Outcome != Ok:
		case ok < 0:
			ok = i
		case h.Attempts[ok].Reply != a.Reply:
			return h.report("once/other-reply", request, []int{ok, i}, fmt.Sprintf(
				"Request %d was answered %d (#%d) and %d (#%d).", request, h.Attempts[ok].Reply, ok, a.Reply, i))
		}
	}
	final := len(h.Attempts)
	switch {
	case len(tries) == 0:
		return h.report("once/thin-air", request, []int{final}, fmt.Sprintf("The list holds %d, and nobody asked for it.", request))
	case effects > 1:
		evidence := max(int(tries[0].i), possible) // the first that may have had one, if there is any
		return h.report("once/duplicate-effect", request, []int{evidence, final}, fmt.Sprintf(
			"Request %d took effect %d times, as read at %d.", request, effects, h.Final.Return))
	case ok >= 0 && effects == 0:
		return h.report("once/lost", request, []int{ok, final}, fmt.Sprintf(
			"Request %d was acknowledged at %d (#%d), and had no effect, as read from %d.", request, h.Attempts[ok].Return, ok, h.Final.Call))
	case possible < 0 && effects > 0:
		var core []int
		for _, t := range tries {
			core = append(core, int(t.i))
		}
		return h.report("once/failed-effect", request, append(core, final), fmt.Sprintf(
			"Every attempt of request %d failed, yet it had an effect, as read at %d.", request, h.Final.Return))
	}
	return Report{}
}

func (h *RequestHistory) report(class string, request uint64, core []int, why string) Report {
	var lines []string
	var rows []row
	for _, id := range core {
		if id == len(h.Attempts) {
			f := &h.Final
			count := 0
			for _, n := range f.List {
				if n == request {
					count++
				}
			}
			label := fmt.Sprintf("read: %d of request %d", count, request)
			lines = append(lines, fmt.Sprintf("session %-3d [%d, %d] %s", f.Session, f.Call, f.Return, label))
			rows = append(rows, row{id, f.Session, f.Call, f.Return, false, label})
			continue
		}
		a := &h.Attempts[id]
		label, end := fmt.Sprintf("request %d -> %s", request, a.Outcome), "..."
		if a.Outcome == Ok {
			label += fmt.Sprintf(" %d", a.Reply)
		}
		if a.Outcome == Ok || a.Outcome == Fail {
			end = fmt.Sprint(a.Return)
		}
		lines = append(lines, fmt.Sprintf("session %-3d [%d, %s] %s", a.Session, a.Call, end, label))
		rows = append(rows, row{id, a.Session, a.Call, a.Return, a.Outcome != Ok && a.Outcome != Fail, label})
	}
	return conflict(class, fmt.Sprintf("request %d", request), lines, rows, why)
}

// Validate returns an error that names the first malformed record, or nil.
func (h *RequestHistory) Validate() error {
	for i := range h.Attempts {
		if err := h.Attempts[i].validate(); err != nil {
			return fmt.Errorf("checker: record %d: %w", i, err)
		}
	}
	if err := h.Final.validate(); err != nil {
		return fmt.Errorf("checker: record %d: %w", len(h.Attempts), err)
	}
	if id, err := h.order(); err != nil {
		return fmt.Errorf("checker: record %d: %w", id, err)
	}
	return nil
}

func (a *Attempt) validate() error {
	switch {
	case a.Outcome > Info:
		return fmt.Errorf("unknown %s", a.Outcome)
	case a.Outcome != Ok && a.Reply != 0:
		return fmt.Errorf("%s, yet it carries a reply", a.Outcome)
	case a.Call < 0 || a.Call > maxTime:
		return fmt.Errorf("called at %d, outside [0, %d]", a.Call, int64(maxTime))
	case a.Outcome == Pending && a.Return != 0:
		return fmt.Errorf("pending, yet it returned at %d", a.Return)
	case a.Outcome != Pending && (a.Return < a.Call || a.Return > maxTime):
		return fmt.Errorf("called at %d, returned at %d, outside [call, %d]", a.Call, a.Return, int64(maxTime))
	}
	return nil
}

func (f *Final) validate() error {
	if f.Call < 0 || f.Return < f.Call || f.Return > maxTime {
		return fmt.Errorf("called at %d, returned at %d, outside [0, %d]", f.Call, f.Return, int64(maxTime))
	}
	return nil
}

// order returns the record, if there is one, that stands where it cannot: a session calls while it waits,
// or an attempt is not over when the list is read.
func (h *RequestHistory) order() (id int, err error) {
	f, n := &h.Final, len(h.Attempts)
	for i := range h.Attempts {
		a := &h.Attempts[i]
		switch {
		case a.Call >= f.Call:
			return i, fmt.Errorf("called at %d, not before the list was read at %d", a.Call, f.Call)
		case (a.Outcome == Ok || a.Outcome == Fail) && a.Return >= f.Call:
			return i, fmt.Errorf("returned at %d, not before the list was read at %d", a.Return, f.Call)
		}
	}
	return sequential(n+1, func(i int) valid.Call {
		switch {
		case i == n:
			return valid.Call{Session: f.Session, Call: f.Call, End: f.Return}
		case h.Attempts[i].Outcome == Pending:
			return valid.Call{Session: h.Attempts[i].Session, Call: h.Attempts[i].Call, End: never}
		}
		return valid.Call{Session: h.Attempts[i].Session, Call: h.Attempts[i].Call, End: h.Attempts[i].Return}
	})
}

const requestSchema = "saros/requests/v1"

type jsonAttempt struct {
	Type    string `json:"type"`
	ID      int    `json:"id"`
	Session int32  `json:"session"`
	Request uint64 `json:"request"`
	Outcome string `json:"outcome"`
	Reply   int64  `json:"reply"`
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
}

type jsonFinal struct {
	Type    string `json:"type"`
	ID      int    `json:"id"`
	Session int32  `json:"session"`
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
}

type jsonEffect struct {
	Type    string `json:"type"`
	Request uint64 `json:"request"`
}

// WriteRequests writes h as JSON Lines: a header, the attempts, the final read, and what that found, in
// the order of the list.
//
//	{"schema":"saros/requests/v1"}
//	{"type":"attempt","id":0,"session":1,"request":5,"outcome":"ok","reply":7,"call":0,"return":5}
//	{"type":"final","id":1,"session":1,"call":10,"return":12}
//	{"type":"effect","request":5}
//
// Every field is always there, in this order. A malformed history is refused before the first byte.
func WriteRequests(w io.Writer, h *RequestHistory) error {
	if err := h.Validate(); err != nil {
		return err
	}
	return writeRecords(w, requestSchema, len(h.Attempts)+1+len(h.Final.List), h.record)
}

func (h *RequestHistory) record(i int) any {
	switch n, f := len(h.Attempts), &h.Final; {
	case i < n:
		a := &h.Attempts[i]
		return jsonAttempt{"attempt", i, a.Session, a.Request, a.Outcome.String(), a.Reply, a.Call, a.Return}
	case i == n:
		return jsonFinal{"final", n, f.Session, f.Call, f.Return}
	default:
		return jsonEffect{"effect", f.List[i-n-1]}
	}
}

// ReadRequests reads what WriteRequests wrote, and only that, byte for byte. An error names the line.
func ReadRequests(r io.Reader) (*RequestHistory, error) {
	h, final := &RequestHistory{}, false
	lines := 1
	err := readRecords(r, requestSchema, maxOperations, func(line []byte) (any, error) {
		lines++
		return h.take(line, &final)
	})
	if err != nil {
		return nil, err
	}
	if !final {
		return nil, fmt.Errorf("line %d: at the end: no final read", lines)
	}
	if id, err := h.order(); err != nil {
		return nil, fmt.Errorf("line %d: %w", lineOf(id), err)
	}
	return h, nil
}

func (h *RequestHistory) take(line []byte, final *bool) (any, error) {
	kind, err := typeOf(line)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == "attempt" && !*final:
		var a jsonAttempt
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, err
		}
		outcome := slices.Index(outcomeNames[:], a.Outcome)
		if outcome < 0 {
			return nil, fmt.Errorf("unknown outcome %q", a.Outcome)
		}
		h.Attempts = append(h.Attempts, Attempt{a.Session, a.Request, Outcome(outcome), a.Reply, a.Call, a.Return})
		return h.record(len(h.Attempts) - 1), h.Attempts[len(h.Attempts)-1].validate()
	case kind == "final" && !*final:
		*final = true
		var f jsonFinal
		if err := json.Unmarshal(line, &f); err != nil {
			return nil, err
		}
		h.Final = Final{Session: f.Session, Call: f.Call, Return: f.Return}
		return h.record(len(h.Attempts)), h.Final.validate()
	case kind == "effect" && *final:
		var e jsonEffect
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		h.Final.List = append(h.Final.List, e.Request)
		return jsonEffect{"effect", e.Request}, nil
	case kind == "attempt" || kind == "final" || kind == "effect":
		return nil, errors.New(kind + " out of place: attempts come first, then one final, then its effects")
	}
	return nil, fmt.Errorf("unknown type %q", kind)
}
