package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// entries are the mutants of a list of equivalent ones, with the line that names each.
//
//	The table only tells how long a search takes, never what it finds.
//	- hash: x >> 30 => x << 30
//	- zones.find: x >> 5 => x << 5 #2
//
// A paragraph is a reason, followed by the mutants that it holds for; "FUNCTION: *" are all of a function
// that survive.
type entries map[string]int

func readList(name string) (entries, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := entries{}
	reason, named := false, false
	for i, line := range strings.Split(string(bytes.TrimSpace(text)), "\n") {
		key, entry := strings.CutPrefix(line, "- ")
		switch {
		case strings.TrimSpace(line) == "":
			reason, named = false, false
		case strings.HasPrefix(line, "#"): // for readers
		case !entry && named:
			return nil, fmt.Errorf("%s:%d: a reason stands above its mutants, and an empty line above it", name, i+1)
		case !entry:
			reason = true
		case !reason:
			return nil, fmt.Errorf("%s:%d: no reason", name, i+1)
		case list[key] != 0:
			return nil, fmt.Errorf("%s:%d: listed in line %d", name, i+1, list[key])
		default:
			list[key], named = i+1, true
		}
	}
	return list, nil
}

type report struct {
	total, killed, equivalent, uncompiled, known int
	survivors                                    []string
	stale                                        []string
}

// newReport compares what survived with what is listed. Only a run over all files can tell that an entry
// matches nothing.
func newReport(t *target, mutants []*mutant, results []result, listed entries, all bool) *report {
	r := &report{total: len(mutants), uncompiled: t.uncompiled}
	used := map[string]bool{}
	for i, m := range mutants {
		key, any := m.key(), m.function+": *"
		switch res := results[i]; {
		case res.fate == killed:
			r.killed++
			if at := listed[key]; at > 0 {
				r.stale = append(r.stale, fmt.Sprintf("line %d: %s: killed by %s", at, key, res.by))
				used[key] = true
			}
		case listed[key] > 0:
			r.equivalent++
			used[key] = true
		case listed[any] > 0:
			r.equivalent++
			used[any] = true
		default:
			note := ""
			if res.fate == unreached {
				note = " (no test runs it)"
			}
			r.survivors = append(r.survivors, fmt.Sprintf("%s:%d: %s%s", m.file, m.line, key, note))
		}
	}
	for key, at := range listed {
		if all && !used[key] {
			r.stale = append(r.stale, fmt.Sprintf("line %d: %s: matches nothing that survives", at, key))
		}
	}
	return r
}

// print says what is to be done, and whether that is anything.
func (r *report) print(w io.Writer, pattern string, took time.Duration) (bad bool) {
	for _, s := range r.survivors {
		fmt.Fprintln(w, s)
	}
	for _, s := range r.stale {
		fmt.Fprintf(w, "mutants-equivalent.txt, %s\n", s)
	}
	fmt.Fprintf(w, "%s: %d mutants: %d killed, %d equivalent, %d survived; %d lines not mutated, as they would not compile; %.0f s\n",
		pattern, r.total, r.killed, r.equivalent, len(r.survivors), r.uncompiled, took.Seconds())
	return len(r.survivors)+len(r.stale) > 0
}
