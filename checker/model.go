package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// Call is one operation on an object that a Model specifies. Its number is its index in the slice.
// Call and Return are as in Operation.
type Call[I, O any] struct {
	Session      int32
	Input        I
	Output       O // the reply; means nothing unless the outcome is Ok
	Outcome      Outcome
	Call, Return int64
}

// Model is the sequential specification of an object that package checker has no algorithm for; it is
// judged by search. Every function must be pure, and none may change what it is given.
type Model[S, I, O any] struct {
	Name string // of the class of a violation
	Init S
	// Step is the state after in took effect in s, and whether it may, with reply out. out is nil where
	// nobody knows the reply; refusing then means that in has no effect in s.
	Step func(s S, in I, out *O) (S, bool)
	// Equal compares states; nil is ==. Hash is nil, or the same number for equal states.
	Equal func(a, b S) bool
	Hash  func(s S) uint64
	// Key names the object that in is about; nil: there is one. A history is judged object by object.
	Key func(in I) string
	// Read reports that in, with this reply, leaves every state alone. nil: nothing does.
	Read func(in I, out *O) bool
	// Element is the element that an operation is about, if it is about one. To set it promises: a legal
	// history stays legal when everything about one element is taken out, as in a queue. Only the core of
	// a violation depends on it. nil: no such promise.
	Element  func(in I, out *O) (element int64, about bool)
	Describe func(in I, out *O) string

	// fast is nil, or decides an object, whose tasks are sorted by call, without search where its assumptions
	// hold; undecided: they do not. Where illegal it returns some tasks that are illegal on their own.
	fast func(tasks []task[I, O]) (found answer, against []task[I, O])
}

// task is a call as the search knows it: one of unknown outcome has no reply and never returns.
type task[I, O any] struct {
	id        int
	session   int32
	in        *I
	out       *O
	call, ret int64
	excerpt   bool // of the reply out holds only what matters to a contradiction
}

func (t task[I, O]) opened() task[I, O] {
	t.out, t.ret = nil, never
	return t
}

// Check judges calls, object after object in sorted order, as CheckLinearizable does.
func (m *Model[S, I, O]) Check(calls []Call[I, O], b Budget) Report {
	completed := 0
	for i := range calls {
		c := &calls[i]
		if c.Outcome > Info || c.Call < 0 || c.Call > maxTime || c.Outcome == Ok && (c.Return < c.Call || c.Return > maxTime) {
			return unknown(ReasonNotApplicable, "", fmt.Sprintf("malformed history: call %d is %s in [%d, %d]", i, c.Outcome, c.Call, c.Return))
		}
		if c.Outcome == Ok {
			completed++
		}
	}
	if completed == 0 {
		return unknown(ReasonVacuous, "", fmt.Sprintf("none of %d operations completed", len(calls)))
	}
	limit := cmp.Or(b.Steps, DefaultSteps)
	report, steps := Report{Verdict: Valid, Op: -1}, int64(0)
	var s meter
	for _, o := range m.objects(calls) {
		slices.SortFunc(o.tasks, taskByCall)
		s.start(limit)
		found, evidence := m.decide(&s, o.tasks)
		steps += s.steps
		if found == illegal {
			s.start(limit)
			report = m.explain(&s, o.key, evidence, m.closed(o.tasks, evidence))
			steps += s.steps
			break
		}
		if found == undecided && report.Verdict == Valid {
			report = unknown(ReasonBudget, o.key, fmt.Sprintf("key %+q: %d operations not decided in %d steps", o.key, len(o.tasks), limit))
		}
	}
	report.Steps = steps
	return report
}

// object is what its key names, and the tasks that can matter to it.
type object[I, O any] struct {
	key   string
	count int
	tasks []task[I, O]
}

// objects sorts out calls by object, sorted by key.
func (m *Model[S, I, O]) objects(calls []Call[I, O]) (list []object[I, O]) {
	numbers := map[string]int32{} // of keys, in list
	all, number := make([]task[I, O], 0, len(calls)), make([]int32, 0, len(calls))
	for i := range calls {
		c := &calls[i]
		t := task[I, O]{id: i, session: c.Session, in: &c.Input, out: &c.Output, call: c.Call, ret: c.Return}
		if c.Outcome != Ok {
			t = t.opened()
		}
		if c.Outcome == Fail || t.out == nil && m.reads(t) {
			continue
		}
		key := ""
		if m.Key != nil {
			key = m.Key(c.Input)
		}
		n, known := numbers[key]
		if !known {
			n = int32(len(list))
			numbers[key] = n
			list = append(list, object[I, O]{key: key})
		}
		all, number = append(all, t), append(number, n)
		list[n].count++
	}
	room := make([]task[I, O], len(all))
	for n := range list {
		o := &list[n]
		o.tasks, room = room[:0:o.count], room[o.count:]
	}
	for i, n := range number {
		list[n].tasks = append(list[n].tasks, all[i])
	}
	slices.SortFunc(list, func(a, b object[I, O]) int { return cmp.Compare(a.key, b.key) })
	return list
}

func (m *Model[S, I, O]) reads(t task[I, O]) bool { return m.Read != nil && m.Read(*t.in, t.out) }

func taskByCall[I, O any](a, b task[I, O]) int {
	return cmp.Or(cmp.Compare(a.call, b.call), cmp.Compare(a.ret, b.ret), cmp.Compare(a.session, b.session), cmp.Compare(a.id, b.id))
}

// decide judges tasks without search where that is possible; what is illegal then is confirmed by search.
// evidence is illegal: all of them, or a few.
func (m *Model[S, I, O]) decide(s *meter, tasks []task[I, O]) (found answer, evidence []task[I, O]) {
	if m.fast != nil {
		switch found, evidence = m.fast(tasks); found {
		case legal:
			return legal, nil
		case illegal:
			if evidence = m.shrink(evidence); m.judge(s, evidence) == illegal {
				return illegal, evidence
			}
		}
	}
	return m.judge(s, tasks), tasks
}

// shrink takes away what a legal history could spare as long as fast knows that the rest is illegal.
func (m *Model[S, I, O]) shrink(tasks []task[I, O]) []task[I, O] {
	for took := true; took; {
		gone := make([]bool, len(tasks))
		left := func() (list []task[I, O]) {
			for i := range tasks {
				if !gone[i] {
					list = append(list, tasks[i])
				}
			}
			return list
		}
		took = sweep(m.spare(tasks, gone), gone, func() bool { found, _ := m.fast(left()); return found == illegal })
		tasks = left()
	}
	return tasks
}

func (m *Model[S, I, O]) judge(s *meter, tasks []task[I, O]) answer {
	if s.spent {
		return undecided
	}
	input := make([]porcupine.Operation, len(tasks))
	for i := range tasks {
		input[i] = porcupine.Operation{Input: &tasks[i], Call: tasks[i].call, Return: tasks[i].ret}
	}
	return s.ask(m.porcupine(), input)
}

func (m *Model[S, I, O]) porcupine() porcupine.Model {
	p := porcupine.Model{
		Init: func() any { return m.Init },
		Step: func(st, in, _ any) (bool, any) {
			t := in.(*task[I, O])
			after, agrees := m.Step(st.(S), *t.in, t.out)
			if !agrees {
				return t.out == nil, st
			}
			return true, after
		},
	}
	if m.Equal != nil {
		p.Equal = func(a, b any) bool { return m.Equal(a.(S), b.(S)) }
	}
	if m.Hash != nil {
		p.Hash = func(s any) uint64 { return m.Hash(s.(S)) }
	}
	return p
}

// replies are the tasks with a reply, by return.
func (m *Model[S, I, O]) replies(tasks []task[I, O]) []task[I, O] {
	list := slices.DeleteFunc(slices.Clone(tasks), func(t task[I, O]) bool { return t.out == nil })
	slices.SortFunc(list, taskByReturn)
	return list
}

// firstUnexplained returns tasks, sorted by call, as of the first reply that nothing explains, as in Checker.
func (m *Model[S, I, O]) firstUnexplained(s *meter, tasks []task[I, O]) []task[I, O] {
	returns := m.replies(tasks)
	explained, unexplained := 0, len(returns)
	for unexplained-explained > 1 {
		middle := explained + (unexplained-explained)/2
		if m.judge(s, m.asOf(tasks, returns[middle-1])) == illegal {
			unexplained = middle
		} else {
			explained = middle
		}
	}
	return m.asOf(tasks, returns[unexplained-1])
}

func taskByReturn[I, O any](a, b task[I, O]) int {
	return cmp.Or(cmp.Compare(a.ret, b.ret), taskByCall(a, b))
}

func (m *Model[S, I, O]) asOf(tasks []task[I, O], last task[I, O]) (then []task[I, O]) {
	for _, t := range tasks {
		if t.call > last.ret {
			break
		}
		if taskByReturn(t, last) > 0 {
			if t = t.opened(); m.reads(t) {
				continue
			}
		}
		then = append(then, t)
	}
	return then
}

// lastReply returns the one of tasks that returned last.
func (m *Model[S, I, O]) lastReply(tasks []task[I, O]) task[I, O] {
	list := m.replies(tasks)
	return list[len(list)-1]
}

// closed reports whether evidence holds all of tasks that are of unknown outcome and called in time to matter.
func (m *Model[S, I, O]) closed(tasks, evidence []task[I, O]) bool {
	open := func(list []task[I, O], until int64) (n int) {
		for i := range list {
			if list[i].out == nil && list[i].call <= until {
				n++
			}
		}
		return n
	}
	until := m.lastReply(evidence).ret
	return open(tasks, until) <= open(evidence, until)
}

// explain takes away what a legal history could spare: reads, elements whole, and, if the evidence is closed
// (else what is unknown might stand in for it), what returned later.
func (m *Model[S, I, O]) explain(s *meter, key string, evidence []task[I, O], closed bool) Report {
	then := evidence
	if closed {
		then = m.firstUnexplained(s, evidence)
	}
	gone := make([]bool, len(then))
	left := func() (list []task[I, O]) {
		for i, t := range then {
			if !gone[i] {
				list = append(list, t)
			}
		}
		return list
	}
	illegalStill := func() bool { return m.judge(s, left()) == illegal }
	for took := true; took; {
		took = sweep(m.spare(then, gone), gone, illegalStill)
	}
	core := left()
	op := m.lastReply(core)
	core = slices.DeleteFunc(core, func(t task[I, O]) bool { return t.call > op.ret }) // too late to have helped
	r := Report{Verdict: Invalid, Class: "linearizability/" + m.Name, Key: key, Op: op.id}
	for _, t := range core {
		r.Core = append(r.Core, t.id)
	}
	r.Text = m.text(key, op, core)
	return r
}

// spare lists what may be tried: each read, then each element with all that is about it.
func (m *Model[S, I, O]) spare(tasks []task[I, O], gone []bool) (list [][]int) {
	var about [][]int
	place := map[int64]int{}
	for i, t := range tasks {
		if gone[i] {
			continue
		}
		if m.reads(t) {
			list = append(list, []int{i})
		} else if m.Element != nil {
			if e, is := m.Element(*t.in, t.out); is {
				n, known := place[e]
				if !known {
					n = len(about)
					place[e] = n
					about = append(about, nil)
				}
				about[n] = append(about[n], i)
			}
		}
	}
	return append(list, about...)
}

func (m *Model[S, I, O]) text(key string, op task[I, O], core []task[I, O]) string {
	rows := make([]row, len(core))
	for i, t := range core {
		rows[i] = row{t.id, t.session, t.call, t.ret, t.out == nil, m.Describe(*t.in, t.out)}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "key %+q: no order of the operations explains operation %d\n", key, op.id)
	fmt.Fprintf(&b, "\ncore: %d operations that contradict each other, whatever the others did\n", len(core))
	if slices.ContainsFunc(core, func(t task[I, O]) bool { return t.excerpt }) {
		b.WriteString("(of the replies only what contradicts)\n")
	}
	b.WriteByte('\n')
	if hidden := len(rows) - maxLanes; hidden > 0 {
		fmt.Fprintf(&b, "  (%d earlier operations not shown)\n", hidden)
		rows = rows[hidden:]
	}
	for _, r := range rows {
		end := "..."
		if !r.open {
			end = fmt.Sprint(r.ret)
		}
		fmt.Fprintf(&b, "  #%-4d session %-3d [%d, %s] %s\n", r.id, r.session, r.call, end, r.label)
	}
	b.WriteByte('\n')
	lanes(&b, rows)
	fmt.Fprintf(&b, "\n%s\n", strings.Join(noOrder(rows, fmt.Sprintf("#%d (%s)", op.id, m.Describe(*op.in, op.out))), "\n"))
	return b.String()
}
