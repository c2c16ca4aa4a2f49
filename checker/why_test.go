package checker

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What a report says of times is true of the operations that it names, which are in its core.
func TestWhyIsTrue(t *testing.T) {
	order := regexp.MustCompile(`^#(\d+) .*\) returned at (\d+), before #(\d+) .* was called at (\d+): `)
	rng := rand.New(rand.NewPCG(41, 42))
	var c Checker
	told, kinds := 0, map[how]int{}
	for range 20_000 {
		h := register(rng.IntN, 8)
		swaps(rng.IntN, h)
		r := c.CheckLinearizable(h, Budget{})
		if r.Verdict != Invalid {
			continue
		}
		kinds[c.zones.best.how]++
		number := func(s string) int64 {
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		_, sentences, _ := strings.Cut(r.Text, "around it on this key")
		for _, line := range strings.Split(sentences, "\n") {
			m := order.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			told++
			first, then := h.Operations[number(m[1])], h.Operations[number(m[3])]
			right := first.Outcome == Ok && first.Return == number(m[2]) && then.Call == number(m[4]) && first.Return < then.Call &&
				slices.Contains(r.Core, first.ID) && slices.Contains(r.Core, then.ID)
			if !right {
				t.Fatalf("%s\n%s", line, r.Text)
			}
		}
	}
	for k := refused; k <= crossed; k++ {
		if kinds[k] == 0 {
			t.Errorf("contradiction %d never came up", k)
		}
	}
	if told < 1000 {
		t.Errorf("%d sentences about time", told)
	}
}

// Each way to contradict is told in words of its own.
func TestWhy(t *testing.T) {
	bury := func(call, ret, tombstone, was int64) Operation {
		return Operation{Kind: Delete, Arg: tombstone, Result: was, Found: true, Outcome: Ok, Call: call, Return: ret}
	}
	grave := func(call, ret, tombstone int64) Operation {
		return Operation{Kind: Get, Result: tombstone, Outcome: Ok, Call: call, Return: ret}
	}
	for name, c := range map[string]struct {
		h    *History
		want []string
	}{
		"a swap made what was read before": {
			history(put(0, 5, 1), swap(10, 100, 1, 2), get(20, 30, 2), get(40, 50, 1)),
			[]string{"2 was made of 1, so it was there later.",
				"#2 (get -> 2) returned at 30, before #3 (get -> 1) was called at 40: 1 was there later."},
		},
		"of two states": {
			history(put(0, 5, 1), bury(10, 20, 7, 1), put(30, 40, 2), grave(50, 60, 7)),
			// 1 and the tombstone that replaced it stand together; 1 was there first.
			[]string{"#0 (put 1 -> ok) returned at 5, before #2 (put 2 -> ok) was called at 30: 2 was there after (1, then missing ~7).",
				"#2 (put 2 -> ok) returned at 40, before #3 (get -> missing ~7) was called at 50: (1, then missing ~7) was there after 2.",
				"In the core 2 is written once, so it cannot be there both before and after."},
		},
		"the start": {
			history(put(0, 5, 1), getMissing(10, 20)),
			[]string{"#0 (put 1 -> ok) returned at 5, before #1 (get -> missing) was called at 10: the missing key of the start was there after 1.",
				"Nothing is there before the start."},
		},
		"what replaced another returned first": {
			history(put(0, 50, 1), bury(10, 20, 7, 1), put(30, 40, 2), grave(60, 70, 7)),
			[]string{"#1 (delete ~7 -> 1) returned at 20, before #2 (put 2 -> ok) was called at 30: 2 was there after (1, then missing ~7)."},
		},
		"of two tombstones": {
			history(put(0, 5, 1), swap(10, 20, 1, 2), bury(30, 40, 7, 2), bury(30, 40, 8, 2)),
			[]string{"#2 (delete ~7 -> 2) and #3 (delete ~8 -> 2) both replaced 2.", "In the core 2 is written once, and what is replaced is gone."},
		},
		"in a circle": {
			// As it stood at 20, when the first of the two returned.
			history(swap(0, 30, 1, 2), swap(0, 20, 2, 1)),
			[]string{"#1 (cas 2 to 1 -> swapped) made 1 of 2.", "#0 (cas 1 to 2 -> info) made 2 of 1.", "So each must stand behind itself."},
		},
	} {
		r := CheckLinearizable(c.h, Budget{})
		for _, want := range c.want {
			if !strings.Contains(r.Text, want+"\n") {
				t.Errorf("%s: no %q in\n%s", name, want, r.Text)
			}
		}
		if r.Verdict != Invalid {
			t.Error(name, r.Verdict, fmt.Sprint(r.Core))
		}
	}
}

// Who was over before whom: what touches is not in order, what is open is over before nobody, and what
// follows from others is left out.
func TestNoOrder(t *testing.T) {
	rows := []row{
		{id: 0, call: 0, ret: 10, label: "a"},
		{id: 1, call: 10, ret: 20, label: "touches a"},
		{id: 2, call: 30, ret: 40, label: "b"},
		{id: 3, call: 50, ret: 60, label: "c"},
		{id: 4, call: 0, ret: 5, open: true, label: "open"},
	}
	got := noOrder(rows, "#3 (c)")
	for i, want := range []string{"#0 (a) returned at 10, before #2 (b) was called at 30.",
		"#1 (touches a) returned at 20, before #2 (b) was called at 30.", "#2 (b) returned at 40, before #3 (c) was called at 50."} {
		if got[i] != want {
			t.Errorf("%q, want %q", got[i], want)
		}
	}
	if len(got) != 4 || !strings.HasSuffix(got[3], "gives every operation its answer; #3 (c) is the first to return without one.") {
		t.Errorf("%q", got)
	}
}

// Of the states of a block that tie, the first speaks.
func TestWhyOfEquals(t *testing.T) {
	h := history(put(0, 10, 2), put(20, 30, 1),
		Operation{Kind: Delete, Arg: 7, Result: 1, Found: true, Outcome: Ok, Call: 20, Return: 30}, get(80, 90, 2))
	var z zones
	got := z.why(h.Operations, func(op *Operation) string { return fmt.Sprint("#", op.ID) })
	for _, want := range []string{"#0 returned at 10, before #1 was called at 20: (1, then missing ~7) was there after 2.",
		"#1 returned at 30, before #3 was called at 80: 2 was there after (1, then missing ~7)."} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}
