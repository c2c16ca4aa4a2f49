package checker

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

type pageData struct {
	Partitions []struct {
		History []struct {
			ClientId    int
			Description string
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
