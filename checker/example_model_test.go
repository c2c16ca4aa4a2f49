package checker_test

import (
	"fmt"

	"github.com/saros-sim/saros/checker"
)

// A specification of one's own: a lease that a holder has until its time is up, in ticks of the service.
func ExampleModel() {
	type lease struct{ holder, until int64 }
	type ask struct{ who, now, long int64 }
	leases := checker.Model[lease, ask, bool]{
		Name: "lease",
		Step: func(l lease, in ask, granted *bool) (lease, bool) {
			free := l.holder == in.who || in.now >= l.until
			if granted != nil && *granted != free {
				return l, false // the reply was wrong
			}
			if free {
				l = lease{in.who, in.now + in.long}
			}
			return l, true
		},
		Describe: func(in ask, granted *bool) string {
			if granted == nil {
				return fmt.Sprintf("%d asks at %d -> info", in.who, in.now)
			}
			return fmt.Sprintf("%d asks at %d -> %v", in.who, in.now, *granted)
		},
	}
	report := leases.Check([]checker.Call[ask, bool]{
		{Session: 1, Input: ask{1, 0, 10}, Output: true, Outcome: checker.Ok, Call: 0, Return: 5},
		{Session: 2, Input: ask{2, 7, 10}, Output: true, Outcome: checker.Ok, Call: 20, Return: 25}, // 1 has it until 10
	}, checker.Budget{})
	fmt.Print(report.Verdict, "\n", report.Text)
	// Output:
	// invalid
	// key "": no order of the operations explains operation 1
	//
	// core: 2 operations that contradict each other, whatever the others did
	//
	//   #0    session 1   [0, 5] 1 asks at 0 -> true
	//   #1    session 2   [20, 25] 2 asks at 7 -> true
	//
	//   s1    #0    |1 asks at 0 -> true|
	//   s2    #1                          |2 asks at 7 -> true|
	//
	// #0 (1 asks at 0 -> true) returned at 5, before #1 (2 asks at 7 -> true) was called at 20.
	// No order of the core that keeps to this, each operation at one instant within its interval, gives every operation its answer; #1 (2 asks at 7 -> true) is the first to return without one.
}

// A queue gives out 2 before 1, which was put in first.
func ExampleQueueModel() {
	insert := func(v, call, ret int64) checker.Call[checker.Input, checker.Output] {
		return checker.Call[checker.Input, checker.Output]{Input: checker.Input{Do: checker.Insert, Value: v}, Outcome: checker.Ok, Call: call, Return: ret}
	}
	take := func(v, call, ret int64) checker.Call[checker.Input, checker.Output] {
		return checker.Call[checker.Input, checker.Output]{Input: checker.Input{Do: checker.Take},
			Output: checker.Output{Found: true, Value: v}, Outcome: checker.Ok, Call: call, Return: ret}
	}
	report := checker.QueueModel().Check([]checker.Call[checker.Input, checker.Output]{
		insert(1, 0, 10), insert(2, 20, 30), take(2, 40, 50), take(1, 60, 70),
	}, checker.Budget{})
	fmt.Println(report.Verdict, report.Core)
	// Output: invalid [0 1 2]
}

// A stream is told what a history is told, and knows at once.
func ExampleStream() {
	var h checker.History
	var s checker.Stream
	call := func(session int32, kind checker.Kind, arg, at int64) int {
		id := h.Invoke(session, kind, "x", 0, arg, at)
		s.Call(&h.Operations[id])
		return id
	}
	reply := func(id int, at int64, res checker.Response) {
		h.Complete(id, at, res)
		s.Return(&h.Operations[id])
		fmt.Println(at, s.Violated(at))
	}
	a := call(1, checker.Put, 1, 0)
	reply(a, 10, checker.Response{})
	b := call(1, checker.Put, 2, 20)
	reply(b, 30, checker.Response{})
	c := call(2, checker.Get, 0, 40)
	reply(c, 50, checker.Response{Result: 1, Found: true})
	fmt.Println(51, s.Violated(51)) // an instant is judged when it is over
	fmt.Println(checker.CheckLinearizable(&h, checker.Budget{}).Core)
	// Output:
	// 10 false
	// 30 false
	// 50 false
	// 51 true
	// [0 1 2]
}
