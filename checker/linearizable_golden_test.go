package checker

import (
	"io"
	"testing"
)

var goldenRegisters = []golden{
	{"stale-read", "", "linearizability/get", 0, []int{0, 1, 2}, "2 was put behind 1, and then 1 read"},
	{"lost-write", "", "linearizability/get", 0, []int{0, 1}, "1 was put, and then nothing read"},
	{"thin-air", "", "linearizability/get", 0, []int{1}, "nobody put 7"},
	{"future-read", "", "linearizability/get", 0, []int{0}, "1 was read at 10 and put from 20 on: without the future a value from thin air"},
	{"non-monotonic-read", "", "linearizability/get", 0, []int{0, 1, 2, 3}, "2 was read, then 1, put before it"},
	{"two-orders", "", "linearizability/get", 0, []int{0, 1, 2, 3}, "both puts were over when 1 was read, and then 2"},
	{"flickering-info", "", "linearizability/get", 0, []int{0, 1, 2, 3, 4}, "1, 2, 1, each put once"},
	{"failed-write-read", "", "linearizability/get", 0, []int{1}, "the put of 1 failed, and 1 was read"},
	{"swapped-twice", "", "linearizability/cas", 0, []int{0, 1, 2}, "1 was swapped for 2 and for 3"},
	{"refused-swap", "", "linearizability/cas", 0, []int{0, 1}, "found the 1 that it wanted, and did not swap"},
	{"swap-of-nothing", "", "linearizability/cas", 0, []int{0}, "nobody put the 1 that it swapped"},
	{"swap-circle", "", "linearizability/cas", 0, []int{0, 1}, "2 was made of 1, and 1 of 2"},
	{"duplicate-effect", "", "linearizability/increment", 0, []int{1}, "3 after two increments: nobody left the 2 that the second says to have found"},
	{"lost-update", "", "linearizability/increment", 0, []int{0, 1}, "two increments made 1"},
	{"read-after-delete", "", "linearizability/get", 0, []int{0, 1, 2}, "deleted, and then read"},
	{"old-tombstone", "", "linearizability/get", 0, []int{0, 1, 3}, "missing by tombstone 5, and a value was put since"},
	{"deleted-what-is-gone", "", "linearizability/delete", 0, []int{0, 1, 2}, "replaced 1, and 2 was put since"},
}

func TestGoldenRegisters(t *testing.T) {
	testGolden(t, "linearizability", goldenRegisters, func(_ golden, r io.Reader, w io.Writer) (Report, error) {
		h, err := ReadHistory(r)
		if err != nil {
			return Report{}, err
		}
		return CheckLinearizable(h, Budget{}), WriteHistory(w, h)
	})
}
