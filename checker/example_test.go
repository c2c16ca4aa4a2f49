package checker_test

import (
	"fmt"

	"github.com/saros-sim/saros/checker"
)

// A store acknowledges 2 and then answers with 1: a replica that lags behind served the read.
func Example() {
	var h checker.History
	first := h.Invoke(1, checker.Put, "x", 0, 1, 100)
	h.Complete(first, 120, checker.Response{})
	second := h.Invoke(1, checker.Put, "x", 0, 2, 130)
	h.Complete(second, 150, checker.Response{})
	read := h.Invoke(2, checker.Get, "x", 0, 0, 160)
	h.Complete(read, 165, checker.Response{Result: 1, Found: true})

	report := checker.CheckLinearizable(&h, checker.Budget{})
	fmt.Println(report.Verdict, report.Class, report.Core)
	fmt.Print(report.Text)
	// Output:
	// invalid linearizability/get [0 1 2]
	// key "x": no order of the operations explains operation 2
	//
	//   #2    session 2   [160, 165] get -> 1
	//
	// core: 3 operations that contradict each other, whatever the others did
	//
	//   #0    session 1   [100, 120] put 1 -> ok
	//   #1    session 1   [130, 150] put 2 -> ok
	//   #2    session 2   [160, 165] get -> 1
	//
	//   s1    #0    |put 1 -> ok|
	//   s1    #1                  |put 2 -> ok|
	//   s2    #2                                |get -> 1|
	//
	// around it on this key (> cannot be placed, * in the core)
	//
	// * #0    session 1   [100, 120] put 1 -> ok
	// * #1    session 1   [130, 150] put 2 -> ok
	// > #2    session 2   [160, 165] get -> 1
	//
	// #0 (put 1 -> ok) returned at 120, before #1 (put 2 -> ok) was called at 130: 2 was there after 1.
	// #1 (put 2 -> ok) returned at 150, before #2 (get -> 1) was called at 160: 1 was there after 2.
	// In the core 2 is written once, so it cannot be there both before and after.
}
