package scenarios

import (
	"fmt"
	"strings"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/sim"
)

// Nondeterminism is two runs of one seed that differ: a fault of the simulator, or of
// whoever hands a run something that its seed does not decide.
type Nondeterminism struct {
	Scenario      string
	Seed          Seed
	First, Second sim.Digest
	Event         uint64 // the first that differs; 0: not known
	Note          string
}

func (e *Nondeterminism) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "two runs of %s@%v differ: trace %v, then %v", e.Scenario, e.Seed, e.First, e.Second)
	switch {
	case e.Event != 0:
		fmt.Fprintf(&b, "; the first event that differs is %d", e.Event)
	case e.First != e.Second:
		b.WriteString("; which event differs first did not show again")
	}
	if e.Note != "" {
		b.WriteString("; " + e.Note)
	}
	return b.String()
}

// marker makes Marks while a run goes on.
type marker struct {
	marks Marks
	last  uint16
}

func (m *marker) line(l sim.TraceLine) {
	if l.Event > MaxMarks {
		return
	}
	m.fill(l.Event)
	m.last = uint16(l.Digest)
	if l.Event > 0 {
		m.marks[2*l.Event-2], m.marks[2*l.Event-1] = byte(m.last>>8), byte(m.last)
	}
}

// fill marks the events that left no line, up to and including event.
func (m *marker) fill(event uint64) {
	for uint64(m.marks.Len()) < min(event, MaxMarks) {
		m.marks = append(m.marks, byte(m.last>>8), byte(m.last))
	}
}

// RunMarked is Run with the marks of all events. o.Trace is shown every line, too.
func (r *Runner) RunMarked(o Options) (Result, Marks) {
	var m marker
	show := o.Trace
	o.Trace = func(l sim.TraceLine) {
		m.line(l)
		if show != nil {
			show(l)
		}
	}
	res := r.Run(o)
	m.fill(res.Events)
	return res, m.marks
}

// Differ is the first event that two runs do not share, 0 if there is none among
// those that are marked.
func (m Marks) Differ(n Marks) uint64 {
	both := min(m.Len(), n.Len())
	for e := uint64(1); e <= uint64(both); e++ {
		if m.At(e) != n.At(e) {
			return e
		}
	}
	if m.Len() != n.Len() {
		return uint64(both) + 1
	}
	return 0
}

// Twice runs a seed twice and compares; an error is a *Nondeterminism. The Result is
// that of the second run.
func (r *Runner) Twice(o Options) (Result, error) {
	first, marks := r.RunMarked(o)
	fingerprint := first.Fingerprint() // the rest of it does not outlive the next run
	if first.Reason == ReasonStopped {
		return first, nil
	}
	second, again := r.RunMarked(o)
	if second.Reason == ReasonStopped {
		return second, nil
	}
	fault := &Nondeterminism{Scenario: r.Scenario.Name, Seed: Seed(o.Seed), First: first.TraceHash, Second: second.TraceHash}
	if first.TraceHash != second.TraceHash {
		fault.Event = marks.Differ(again)
		return second, fault
	}
	if first.Verdict != second.Verdict || first.Reason != second.Reason || fingerprint != second.Fingerprint() || first.Operations != second.Operations {
		fault.Note = fmt.Sprintf("one is %s, with operations %v; the other %s, with operations %v",
			verdict(first.Verdict, fingerprint), first.Operations, verdict(second.Verdict, second.Fingerprint()), second.Operations)
		return second, fault
	}
	return second, nil
}

func verdict(v checker.Verdict, fingerprint string) string {
	return strings.TrimSpace(v.String() + " " + fingerprint)
}

// Names lists the names of nodes and clients by their NodeID. It ends the last run:
// its Result is not valid any more.
func (r *Runner) Names() []string {
	r.CheckPlan(faults.Plan{}) // builds the world
	return r.world.Names()
}

// Servers lists the names of the servers in the order in which a plan counts them, from
// 1. Like Names it ends the last run.
func (r *Runner) Servers() []string {
	names := r.Names()
	var servers []string
	for _, id := range r.system.topology().Servers {
		servers = append(servers, names[id])
	}
	return servers
}

// Renderer renders trace lines as JSON, schema saros/trace/v1, without a newline. It
// ends the last run.
func (r *Runner) Renderer() func(b []byte, l *sim.TraceLine) []byte {
	names := r.Names()
	return func(b []byte, l *sim.TraceLine) []byte { return l.AppendJSON(b, names, &r.Scenario.Vocabulary) }
}

// Lines runs o and returns its result, and lines of its trace as JSON: the last ones
// up to and including an event, at most before of them, and at most after that follow.
func (r *Runner) Lines(o Options, event uint64, before, after int) (Result, [][]byte) {
	render := r.Renderer()
	lines := make([][]byte, 0, before+after)
	last := 0 // lines up to the event, the oldest at last%before once there are so many
	o.Trace = func(l sim.TraceLine) {
		switch {
		case l.Event > event:
			if after > 0 {
				after--
				lines = append(lines, render(nil, &l))
			}
		case before == 0:
		case last < before:
			lines = append(lines, render(nil, &l))
			last++
		default:
			lines[last%before] = render(lines[last%before][:0], &l)
			last++
		}
	}
	res := r.Run(o)
	if last > before {
		at := last % before
		ring := append(append([][]byte(nil), lines[at:before]...), lines[:at]...)
		copy(lines, ring)
	}
	return res, lines
}

// Replayed is what came of running a failure again.
type Replayed struct {
	Runner      *Runner
	Result      Result
	SameTrace   bool
	SameFailure bool        // something was violated, with the fingerprint of the file
	SameMoment  bool        // at the event and the time that the file tells
	Difference  *Difference // of the traces, if the marks of the file tell
}

// Difference is the first event in which a run is not the recorded one.
type Difference struct {
	Event            uint64
	Expected, Actual string   // marks; "none" where a run has no such event
	Lines            [][]byte // of this run's trace, around the event, as JSON
}

// Replay runs a failure again.
func Replay(f *Failure) (*Replayed, error) {
	r, err := f.Runner()
	if err != nil {
		return nil, err
	}
	if err := r.Accepts(f.Plan); err != nil {
		return nil, err
	}
	o := Options{Seed: uint64(f.Seed), Plan: &f.Plan}
	p := &Replayed{Runner: r}
	var marks Marks
	p.Result, marks = r.RunMarked(o)
	p.SameTrace = p.Result.TraceHash == sim.Digest(f.TraceHash) && p.Result.Events == f.Events
	if p.SameTrace && f.Marks.Len() > 0 {
		p.SameTrace = f.Marks.Differ(marks) == 0
	}
	if !p.SameTrace && f.Marks.Len() > 0 {
		if e := f.Marks.Differ(marks); e != 0 {
			d := &Difference{Event: e, Expected: markOf(f.Marks, e), Actual: markOf(marks, e)}
			p.Result, d.Lines = r.Lines(o, e, 8, 4)
			p.Difference = d
		}
	}
	p.SameFailure = p.Result.Verdict == checker.Invalid && p.Result.Fingerprint() == f.Fingerprint
	if p.SameFailure {
		v := p.Result.Violations[0]
		p.SameMoment = v.Event == f.Violation.Event && int64(v.At) == f.Violation.At
	}
	return p, nil
}

func markOf(m Marks, event uint64) string {
	if event > uint64(m.Len()) {
		return "none"
	}
	return fmt.Sprintf("%04x", m.At(event))
}
