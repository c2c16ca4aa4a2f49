package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const toy = `package toy

import "cmp"

type kind uint8

const (
	small kind = iota
	large
)

// Clamp has no test at its upper end.
func Clamp(v, least, most int) int {
	return max(least, min(v, most))
}

func Kind(v int) kind {
	if v < 10 && v > -10 {
		return small
	}
	return large
}

func Sum(values []int) (sum int) {
	for _, v := range values[0:] {
		if v == 0 {
			continue // nothing to add: equivalent
		}
		sum += v
	}
	return sum
}

func Order(a, b int) int { return cmp.Compare(a, b) }

func Name(v int) string { return "prose, and not mutated" }

func Unused() bool { return true }
`

const toyTest = `package toy

import "testing"

func Test(t *testing.T) {
	if Clamp(-1, 0, 5) != 0 || Clamp(3, 0, 5) != 3 {
		t.Error()
	}
	if Kind(9) != small || Kind(10) != large || Kind(-9) != small || Kind(-10) != large {
		t.Error()
	}
	if Sum([]int{1, 0, 2}) != 3 || Order(1, 2) >= 0 {
		t.Error()
	}
}
`

// A toy package whose tests have known holes: what survives is exactly that.
func TestToy(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module toy\n\ngo 1.26\n")
	write("toy.go", toy)
	write("toy_test.go", toyTest)
	write("testdata/mutants-equivalent.txt", `# of the toy

Nothing is added where there is nothing to add.
- Sum: if v == 0 => false
- Sum: continue => nothing

An entry that is killed, and one that matches nothing.
- Sum: sum += v => nothing
- Sum: gone => nothing
`)
	o := &options{root: root, cache: "bin", budgets: []int{0}, files: regexp.MustCompile(""), workers: 2}
	for again := range 2 { // the second time from the cache
		r, err := judge(".", o)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"toy.go:38: Unused: return true => return false (no test runs it)",
		}
		if !slices.Equal(r.survivors, want) {
			t.Errorf("survived:\n%s\nwant\n%s", strings.Join(r.survivors, "\n"), strings.Join(want, "\n"))
		}
		if again > 0 && r.known != r.total {
			t.Errorf("only %d of %d results are known from the run before", r.known, r.total)
		}
		if len(r.stale) != 2 || r.equivalent != 2 || r.uncompiled != 0 || r.total != r.killed+3 {
			t.Errorf("%+v", r)
		}
	}
}

func TestReadList(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"a reason\n- f: x => y\n- f: x => y #2\n\n# note\nanother\n- g: *\n", ""},
		{"- f: x => y\n", ":1: no reason"},
		{"a reason\n- f: x => y\n\n- f: z => y\n", ":4: no reason"},
		{"a reason\n- f: x => y\n- f: x => y\n", ":3: listed in line 2"},
		{"a reason\n- f: x => y\nanother reason\n", ":3: a reason stands above"},
	} {
		name := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(name, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := readList(name)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
	if list, err := readList(filepath.Join(t.TempDir(), "none")); err != nil || len(list) > 0 {
		t.Errorf("no list: %v, %v", list, err)
	}
}
