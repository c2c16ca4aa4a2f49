package checker

import (
	"bufio"
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"strconv"
)

const schema = "saros/history/v1"

// WriteHistory writes h as JSON Lines: a header, then its events in the order of time.
//
//	{"schema":"saros/history/v1"}
//	{"type":"invoke","id":0,"at":10,"session":1,"kind":"cas","key":"x","old":1,"arg":2}
//	{"type":"ok","id":0,"at":25,"result":0,"found":false,"swapped":true,"version":7}
//	{"type":"fail","id":1,"at":30}
//	{"type":"info","id":2,"at":31}
//
// Every field of a type is always there, in this order, save the commit_ts of a reply that has none; numbers are integers. A pending operation has
// no second event. A malformed history is refused before the first byte.
func WriteHistory(w io.Writer, h *History) error {
	if err := h.Validate(); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.WriteString(`{"schema":"` + schema + "\"}\n") // bufio keeps the first error for Flush
	var line []byte
	for _, e := range h.events() {
		line = appendEvent(line[:0], &h.Operations[e.index], e.returned)
		out.Write(line)
	}
	return out.Flush()
}

// event is the call or the return of an operation.
type event struct {
	at       int64
	place    int // of its operation in the session order: at one instant a session returns before it calls again
	returned bool
	index    int
}

func (h *History) events() []event {
	events := make([]event, 0, 2*len(h.Operations))
	for place, i := range h.sessionOrder() {
		op := &h.Operations[i]
		events = append(events, event{op.Call, place, false, i})
		if op.Outcome != Pending {
			events = append(events, event{op.Return, place, true, i})
		}
	}
	// The call of an operation stands before its return already: a stable sort keeps it there.
	slices.SortStableFunc(events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.place, b.place))
	})
	return events
}

func appendEvent(b []byte, op *Operation, returned bool) []byte {
	name, at := "invoke", op.Call
	if returned {
		name, at = op.Outcome.String(), op.Return
	}
	b = append(b, `{"type":"`...)
	b = append(b, name...)
	b = append(b, '"')
	b = appendInt(b, "id", int64(op.ID))
	b = appendInt(b, "at", at)
	switch {
	case !returned:
		b = appendInt(b, "session", int64(op.Session))
		b = append(append(append(b, `,"kind":"`...), op.Kind.String()...), '"')
		key, _ := json.Marshal(op.Key) // a string cannot fail
		b = append(append(b, `,"key":`...), key...)
		b = appendInt(b, "old", op.Old)
		b = appendInt(b, "arg", op.Arg)
	case op.Outcome == Ok:
		b = appendInt(b, "result", op.Result)
		b = strconv.AppendBool(append(b, `,"found":`...), op.Found)
		b = strconv.AppendBool(append(b, `,"swapped":`...), op.Swapped)
		b = strconv.AppendUint(append(b, `,"version":`...), op.Version, 10)
		if op.CommitTS != 0 {
			b = appendInt(b, "commit_ts", op.CommitTS)
		}
	}
	return append(b, '}', '\n')
}

func appendInt(b []byte, name string, v int64) []byte {
	b = append(append(append(b, ',', '"'), name...), '"', ':')
	return strconv.AppendInt(b, v, 10)
}
