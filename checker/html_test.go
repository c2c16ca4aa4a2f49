package checker

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type pageData struct {
	Partitions []struct {
		History []struct {
			ClientId    int
			Description string
			OriginalEnd string
		}
		PartialLinearizations []partialOrder
		Largest               map[int]int
	}
	Annotations []struct{ Tag, Description string }
}

// dataOf is what a page draws.
func dataOf(t *testing.T, page []byte) (d pageData) {
	t.Helper()
	_, text, _ := bytes.Cut(page, []byte("const data = "))
	text, _, _ = bytes.Cut(text, []byte("\n"))
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Twenty pages of one report are one page; and it draws what it is told and what the partial orders hold.
func TestHTMLIsDeterministic(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	several := 0
	for range 10 {
		// Of many swaps of one value any may be the first, and each stands in an order of its own.
		ops := []Operation{put(0, 10, 1)}
		for i := range 4 + rng.IntN(4) {
			ops = append(ops, swap(20, 30, 1, int64(i+2)))
		}
		h := history(append(ops, get(40, 50, 9))...)
		r := CheckLinearizable(h, Budget{})
		r.Core = nil // more than a core holds
		for i := range h.Operations {
			r.Core = append(r.Core, i)
		}
		var first []byte
		for range 20 {
			var page bytes.Buffer
			if err := WriteHTML(&page, h, r); err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = page.Bytes()
			}
			if !bytes.Equal(first, page.Bytes()) {
				t.Fatal("another page")
			}
		}
		d := dataOf(t, first)
		if len(d.Partitions) != 1 || len(d.Partitions[0].History) != len(r.Core) || len(d.Annotations) != 0 {
			t.Fatalf("%+v of core %v", d, r.Core)
		}
		p := d.Partitions[0]
		if len(p.PartialLinearizations) > 1 {
			several++
		}
		for op := range r.Core {
			longest, held := -1, false
			for _, order := range p.PartialLinearizations {
				for _, step := range order {
					if step.Index == op {
						longest, held = max(longest, len(order)), true
					}
				}
			}
			if at, named := p.Largest[op]; named != held || held && len(p.PartialLinearizations[at]) != longest {
				t.Errorf("operation %d: %v", op, p.Largest)
			}
		}
	}
	if several == 0 {
		t.Error("no page has several partial orders: their order was not tested")
	}
}

func TestHTMLAnnotations(t *testing.T) {
	h := history(put(10, 20, 1), put(30, 40, 2), get(50, 60, 1))
	r := CheckLinearizable(h, Budget{})
	notes := []Annotation{
		{60, 90, "touches the end </script>"}, {0, 10, "touches the beginning"}, {15, 45, "const data = {}"}, {0, 9, "before"}, {61, 99, "behind"}, {30, 0, "an instant"},
	}
	want := []string{"faults  1: touches the beginning", "faults  1: const data = {}", "faults  2: an instant", "faults  1: touches the end </script>"}
	var first string
	for range 2 {
		var page bytes.Buffer
		if err := WriteHTML(&page, h, r, notes...); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range dataOf(t, page.Bytes()).Annotations {
			got = append(got, a.Tag+": "+a.Description)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if first == "" {
			first = page.String()
		}
		if page.String() != first {
			t.Error("another page for notes in another order")
		}
		slices.Reverse(notes)
	}
	if strings.Count(first, "</script>") != 1 {
		t.Error("a note ends the script")
	}
	if err := WriteHTML(&bytes.Buffer{}, h, Report{}); err == nil {
		t.Error("no core, and no error")
	}
}

// What is drawn is what was called and answered, and the states between; what nobody heard of is open, and a
// note that touches its call is shown.
func TestHTMLSays(t *testing.T) {
	notes := []Annotation{{45, 50, "touches the last call"}, {51, 60, "behind it"}}
	h := history(put(0, 10, 1), getMissing(20, 30), info(remove(50, 55, false)))
	var page bytes.Buffer
	if err := WriteHTML(&page, h, Report{Core: []int{0, 1, 2}}, notes...); err != nil {
		t.Fatal(err)
	}
	check := func(d pageData, ops []string) {
		t.Helper()
		for i, op := range d.Partitions[0].History {
			if end := []string{"10", "30", "9223372036854775807"}[i]; op.ClientId != i || op.Description != ops[i] || op.OriginalEnd != end {
				t.Errorf("%+v, want %q until %s", op, ops[i], end)
			}
		}
		if len(d.Partitions[0].History) != len(ops) || len(d.Annotations) != 1 || d.Annotations[0].Description != "touches the last call" {
			t.Errorf("%+v", d)
		}
	}
	d := dataOf(t, page.Bytes())
	check(d, []string{"put 1 -> ok", "get -> missing", "delete -> info"})
	var states [][]string
	for _, order := range d.Partitions[0].PartialLinearizations {
		var after []string
		for _, step := range order {
			after = append(after, step.StateDescription)
		}
		states = append(states, after)
	}
	// The delete may take effect from 50 on, which is too late for the get.
	if want := [][]string{{"1"}}; !reflect.DeepEqual(states, want) {
		t.Errorf("%q, want %q", states, want)
	}

	calls := []modelCall{
		{Session: 0, Input: Input{Do: Write, Value: 1}, Outcome: Ok, Call: 0, Return: 10},
		{Session: 1, Input: Input{Do: Read}, Outcome: Ok, Call: 20, Return: 30},
		{Session: 2, Input: Input{Do: Write, Value: 2}, Outcome: Info, Call: 50, Return: 55},
	}
	m := RegisterModel()
	m.Describe = func(in Input, out *Output) string {
		return map[bool]string{true: "known", false: "unknown"}[out != nil]
	}
	page.Reset()
	if err := m.WriteHTML(&page, calls, Report{Core: []int{0, 1, 2}}, notes...); err != nil {
		t.Fatal(err)
	}
	check(dataOf(t, page.Bytes()), []string{"known", "known", "unknown"})

	page.Reset()
	if err := WriteHTML(&page, history(put(0, 1, 1), remove(2, 3, true)), Report{Core: []int{0, 1}}); err != nil {
		t.Fatal(err)
	}
	if order := dataOf(t, page.Bytes()).Partitions[0].PartialLinearizations[0]; order[0].StateDescription != "1" || order[1].StateDescription != "missing" {
		t.Errorf("%+v", order)
	}
	broken := errors.New("broken")
	if err := WriteHTML(brokenWriter{broken}, h, Report{Core: []int{0}}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if err := m.WriteHTML(brokenWriter{broken}, calls, Report{Core: []int{0}}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// Notes that touch stand in rows of their own.
func TestRowsOfNotes(t *testing.T) {
	var rows []string
	for _, n := range rowsOfNotes([]Annotation{{0, 10, ""}, {10, 20, ""}, {11, 20, ""}, {12, 13, ""}, {14, 15, ""}}) {
		rows = append(rows, n.Tag[len(n.Tag)-1:])
	}
	if want := []string{"1", "2", "1", "3", "3"}; !slices.Equal(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
}

// Of the partial orders the longest come first, and equally long ones in the order of their operations; each
// operation names the first that holds it. What stands around the data is left alone.
func TestSettle(t *testing.T) {
	order := func(ops ...int) (p partialOrder) {
		for _, op := range ops {
			p = append(p, partialStep{op, "s"})
		}
		return p
	}
	var data pageData
	if err := json.Unmarshal([]byte(`{"Partitions":[{}]}`), &data); err != nil {
		t.Fatal(err)
	}
	data.Partitions[0].PartialLinearizations = []partialOrder{order(3), order(2, 0), order(0, 2), order(0, 1), order(4), order(3, 1, 0)}
	data.Partitions[0].Largest = map[int]int{9: 9}
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	page, err := settle([]byte("<head>const data = " + string(text) + "\nand the rest\n"))
	if err != nil || !strings.HasPrefix(string(page), "<head>const data = {") || !strings.HasSuffix(string(page), "}\nand the rest\n") {
		t.Fatalf("%v: %s", err, page)
	}
	got := dataOf(t, page).Partitions[0]
	if want := []partialOrder{order(3, 1, 0), order(0, 1), order(0, 2), order(2, 0), order(3), order(4)}; !reflect.DeepEqual(got.PartialLinearizations, want) {
		t.Errorf("orders %v, want %v", got.PartialLinearizations, want)
	}
	if want := map[int]int{0: 0, 1: 0, 3: 0, 2: 2, 4: 5}; !reflect.DeepEqual(got.Largest, want) {
		t.Errorf("first orders %v, want %v", got.Largest, want)
	}
	for _, bad := range []string{"", "data = {}\n", "const data = {}", "const data = {\n"} {
		if page, err := settle([]byte(bad)); err == nil {
			t.Errorf("%q became %q", bad, page)
		}
	}
}
