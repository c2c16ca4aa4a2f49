// Package lane draws what sessions did as a chart of lanes.
package lane

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Row is an operation or a transaction, from its call to its return (ns).
type Row struct {
	Session      int32
	Name         string
	Call, Return int64
	Open         bool // Return is unknown
	Label        string
}

// Draw draws one row an operation: from its call to its return, or to the right edge where it is open.
// Only the order of calls and returns is to scale; at one instant calls are left of returns, since
// operations that touch are concurrent.
//
//	s1  #0  |put 1 -> ok|
//	s2  #1                |put 2 -> ok|
//	s3  #2                              |get -> 1|
func Draw(b *strings.Builder, rows []Row) {
	type edge struct {
		at       int64
		returned bool
	}
	var edges []edge
	for _, row := range rows {
		edges = append(edges, edge{row.Call, false})
		if !row.Open {
			edges = append(edges, edge{row.Return, true})
		}
	}
	order := func(a, b edge) int {
		if c := cmp.Compare(a.at, b.at); c != 0 || a.returned == b.returned {
			return c
		}
		if a.returned {
			return 1
		}
		return -1
	}
	slices.SortFunc(edges, order)
	edges = slices.Compact(edges)
	rank := func(e edge) int { i, _ := slices.BinarySearchFunc(edges, e, order); return i }

	// column of each edge: right of the one before, and of the label that must fit in front of it
	column := make([]int, len(edges))
	for r, e := range edges {
		if r > 0 {
			column[r] = column[r-1] + 2
		}
		for _, row := range rows {
			if !row.Open && e == (edge{row.Return, true}) {
				column[r] = max(column[r], column[rank(edge{row.Call, false})]+1+utf8.RuneCountInString(row.Label))
			}
		}
	}
	for _, row := range rows {
		from := column[rank(edge{row.Call, false})]
		behind := from + 1 + utf8.RuneCountInString(row.Label)
		fmt.Fprintf(b, "  %-5s %-5s %s|%s", fmt.Sprintf("s%d", row.Session), row.Name, strings.Repeat(" ", from), row.Label)
		if !row.Open {
			fmt.Fprintf(b, "%s|\n", strings.Repeat("-", column[rank(edge{row.Return, true})]-behind))
		} else {
			fmt.Fprintf(b, "%s ...\n", strings.Repeat("-", max(0, column[len(column)-1]-behind)))
		}
	}
}
