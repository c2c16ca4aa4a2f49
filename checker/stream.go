package checker

import (
	"fmt"
	"math"
	"slices"
)

// Stream judges one register key while it runs: it is told calls and returns in the order of time, and
// knows after each whether what it was told so far is linearizable. It is zones, in one pass, and keeps
// of the past what a later return can still contradict:
//
//   - Let horizon be the earliest call of an open operation. All that returns from now on was called at
//     horizon or later, and so must stand behind every zone with f < horizon. Such zones are settled; a
//     zone contradicts them exactly if its f is less than the latest call in one of the others. Two numbers
//     remember that: the latest s among them, and the latest of another zone.
//   - A settled zone whose own f is less than such an s is over: nobody may find its value again. It is
//     forgotten, and a later read of the value is one of a value that nobody wrote.
//
// So memory is bounded by the operations open at one time and the writes of unknown outcome that nobody
// found yet. The zero value is ready, for a key that is missing at the start.
//
// Get and Put are what it knows. Anything else, or a value written twice while the first is not forgotten,
// makes the verdict Unknown, not_applicable, unless it is Invalid already. (A value written again after
// it was forgotten is another value: the old one cannot come back.)
//
// What it says is for the caller to act on; CheckLinearizable of the History so far says why.
type Stream struct {
	now       int64
	horizon   int64
	open      map[int]streamOp
	calls     []streamCall // of open operations, by time; a closed one leaves when it comes first
	values    map[int64]*streamZone
	unsettled []*streamZone // happened, f at horizon or later
	settled   []*streamZone // and not over
	orphans   []*streamZone // found, and not written yet: the write may be called at the same instant

	top      [2]streamTop // latest of the settled zones, those that are over too
	earliest int64        // least f of all zones
	missing  int64        // latest call of those that found the key missing

	completed, invalid, unfit bool
}

type streamOp struct {
	kind  Kind
	value int64 // of a Put
	call  int64
}

type streamCall struct {
	id int
	at int64
}

// streamZone is a zone of which only f and s are known; see zones.
type streamZone struct {
	value   int64
	f, s    int64
	found   int64 // earliest return of those that found the value
	written bool
	settled bool
}

type streamTop struct {
	s    int64
	zone *streamZone
}

// Invoke tells of a call at time at (ns), by the id that History.Invoke returned. Like all that Stream is
// told it must not lie before what it was told earlier.
func (s *Stream) Invoke(id int, kind Kind, arg int64, at int64) {
	if s.open == nil {
		s.open, s.values = map[int]streamOp{}, map[int64]*streamZone{}
		s.now, s.horizon, s.earliest, s.missing = at, at, never, math.MinInt64
		s.top = [2]streamTop{{s: math.MinInt64}, {s: math.MinInt64}}
	}
	s.advance(at)
	if _, twice := s.open[id]; twice {
		panic(fmt.Sprintf("checker: operation %d invoked at %d is open already", id, at))
	}
	s.open[id] = streamOp{kind, arg, at}
	s.calls = append(s.calls, streamCall{id, at})
	switch {
	case kind == Put:
		s.write(arg, at)
	case kind != Get:
		s.unfit = true
	}
}

// Complete, Fail and Info tell of the outcome, as those of History do.
func (s *Stream) Complete(id int, at int64, res Response) {
	op := s.close(id, at)
	s.completed = true
	switch {
	case s.done():
	case op.kind == Put:
		s.change(s.values[op.value], op.call, at)
	case !res.Found:
		if s.missing = max(s.missing, op.call); s.earliest < s.missing {
			s.invalid = true
		}
	default:
		z := s.zone(res.Result)
		if z.found = min(z.found, at); !z.written {
			s.orphans = append(s.orphans, z)
		}
		s.change(z, op.call, at)
	}
	s.settle()
}

// Fail of a put takes its zone away; whoever found it has found what nobody wrote.
func (s *Stream) Fail(id int, at int64) {
	if op := s.close(id, at); op.kind == Put && !s.done() {
		z := s.values[op.value]
		if z.written = false; z.found == never {
			delete(s.values, op.value)
		} else {
			s.orphans = append(s.orphans, z)
			s.invalid = s.invalid || z.found < at
		}
	}
	s.settle()
}

func (s *Stream) Info(id int, at int64) {
	s.close(id, at)
	s.settle()
}

// Verdict is that of what was told so far, with the reason of Unknown. Invalid stays, but for one case: a
// value found at this very instant that nobody wrote may still be written at this instant.
func (s *Stream) Verdict() (Verdict, string) {
	switch {
	case s.invalid:
		return Invalid, ""
	case s.unfit:
		return Unknown, ReasonNotApplicable
	case slices.ContainsFunc(s.orphans, func(z *streamZone) bool { return !z.written }):
		return Invalid, ""
	case !s.completed:
		return Unknown, ReasonVacuous
	}
	return Valid, ""
}

func (s *Stream) done() bool { return s.invalid || s.unfit }

func (s *Stream) advance(at int64) {
	if at < s.now {
		panic(fmt.Sprintf("checker: told of %d after %d", at, s.now))
	}
	if at == s.now || s.done() {
		s.now = at
		return
	}
	s.now = at
	for _, z := range s.orphans {
		s.invalid = s.invalid || !z.written
	}
	s.orphans = s.orphans[:0]
}

func (s *Stream) close(id int, at int64) streamOp {
	op, open := s.open[id]
	if !open {
		panic(fmt.Sprintf("checker: operation %d returned at %d and is not open", id, at))
	}
	s.advance(at)
	delete(s.open, id)
	return op
}

func (s *Stream) zone(value int64) *streamZone {
	z := s.values[value]
	if z == nil {
		z = &streamZone{value: value, f: never, s: math.MinInt64, found: never}
		s.values[value] = z
	}
	return z
}

func (s *Stream) write(value, at int64) {
	if s.done() {
		return
	}
	z := s.zone(value)
	if z.written {
		s.unfit = true // written twice
		return
	}
	z.written = true
	z.s = max(z.s, at) // contradicts nothing yet: whoever found the value returned at this instant
}

// change counts an operation on z in that was called at call and returned now.
func (s *Stream) change(z *streamZone, call, now int64) {
	if z.f == never {
		s.unsettled = append(s.unsettled, z)
	}
	z.f, z.s = min(z.f, now), max(z.s, call)
	s.earliest = min(s.earliest, z.f)
	s.check(z)
	if z.settled {
		s.raise(z)
	}
}

// check compares z, changed by an operation called at horizon or later, with all other zones.
func (s *Stream) check(z *streamZone) {
	others := s.top[0].s
	if s.top[0].zone == z {
		others = s.top[1].s
	}
	if z.f < others || z.f < s.missing {
		s.invalid = true
	}
	for _, u := range s.unsettled {
		if u != z && u.f < z.s && z.f < u.s {
			s.invalid = true
		}
	}
}

// settle moves horizon to the earliest call of an open operation, or to now.
func (s *Stream) settle() {
	if s.done() {
		s.calls, s.unsettled, s.settled, s.orphans = nil, nil, nil, nil
		clear(s.values)
		return
	}
	for len(s.calls) > 0 {
		if _, open := s.open[s.calls[0].id]; open {
			break
		}
		s.calls = s.calls[1:]
	}
	horizon := s.now
	if len(s.calls) > 0 {
		horizon = s.calls[0].at
	}
	if horizon == s.horizon {
		return
	}
	s.horizon = horizon
	moved := false
	keep := s.unsettled[:0]
	for _, z := range s.unsettled {
		if z.f >= horizon {
			keep = append(keep, z)
			continue
		}
		z.settled, moved = true, true
		s.settled = append(s.settled, z)
		s.raise(z)
	}
	clear(s.unsettled[len(keep):])
	s.unsettled = keep
	if moved {
		s.forget()
	}
}

// raise counts z, settled, among the latest.
func (s *Stream) raise(z *streamZone) {
	switch is := (streamTop{z.s, z}); {
	case s.top[0].zone == z:
		s.top[0] = is
	case z.s > s.top[0].s:
		s.top = [2]streamTop{is, s.top[0]}
	case s.top[1].zone == z || z.s > s.top[1].s:
		s.top[1] = is
	}
}

// forget drops the settled zones that are over.
func (s *Stream) forget() {
	s.settled = slices.DeleteFunc(s.settled, func(z *streamZone) bool {
		over := s.top[0].s
		if s.top[0].zone == z {
			over = s.top[1].s
		}
		if z.f >= over {
			return false
		}
		delete(s.values, z.value)
		return true
	})
}
