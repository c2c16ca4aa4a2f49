package checker

import "math"

// section is a range of places: from, and less than to.
type section struct{ from, to int }

// absent is the key of who does not take part in a tournament.
const absent = math.MinInt32

// tournament finds the greatest key of a range; of equals the first.
type tournament struct {
	key []int32
	won []int32 // the winner of a node, whose halves are 2i and 2i+1; leaves begin at len(key)
}

func newTournament(n int) tournament {
	t := tournament{make([]int32, n), make([]int32, 2*n)}
	for i := range n {
		t.key[i], t.won[n+i] = absent, int32(i)
	}
	for i := n - 1; i > 0; i-- { // nobody takes part: any of the range is as good
		t.won[i] = t.won[2*i]
	}
	return t
}

func (t *tournament) better(a, b int32) int32 {
	if t.key[b] > t.key[a] || t.key[b] == t.key[a] && b < a {
		return b
	}
	return a
}

func (t *tournament) set(i int, key int32) {
	t.key[i] = key
	for i = (i + len(t.key)) / 2; i > 0; i /= 2 {
		t.won[i] = t.better(t.won[2*i], t.won[2*i+1])
	}
}

// best returns who has the greatest key in s, if anybody takes part.
func (t *tournament) best(s section) (int, bool) {
	if s.from >= s.to {
		return none, false
	}
	best := int32(s.from)
	for from, to := s.from+len(t.key), s.to+len(t.key); from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			best = t.better(best, t.won[from])
			from++
		}
		if to%2 == 1 {
			to--
			best = t.better(best, t.won[to])
		}
	}
	return int(best), t.key[best] != absent
}

// gaps counts how many reach over each gap, and finds those with none. It is a tree of the minima.
type gaps struct {
	n     int
	least []int32 // of the node, without added of the nodes above it
	added []int32
}

const struck = math.MaxInt32 / 2 // a zero that was found

func newGaps(n int) gaps { return gaps{n, make([]int32, 4*n), make([]int32, 4*n)} }

func (g *gaps) add(s section, by int32) {
	if s.from < s.to {
		g.addBelow(1, section{0, g.n}, s, by)
	}
}

func (g *gaps) addBelow(node int, all, s section, by int32) {
	if s.from <= all.from && all.to <= s.to {
		g.least[node] += by
		g.added[node] += by
		return
	}
	middle := (all.from + all.to) / 2
	if s.from < middle {
		g.addBelow(2*node, section{all.from, middle}, s, by)
	}
	if s.to > middle {
		g.addBelow(2*node+1, section{middle, all.to}, s, by)
	}
	g.least[node] = min(g.least[2*node], g.least[2*node+1]) + g.added[node]
}

// takeZero returns the first gap of s with nothing over it; it is not found again.
func (g *gaps) takeZero(s section) (at int, some bool) {
	if at = g.zeroBelow(1, section{0, g.n}, s, 0); at == none {
		return none, false
	}
	g.add(section{at, at + 1}, struck)
	return at, true
}

func (g *gaps) zeroBelow(node int, all, s section, above int32) int {
	if s.to <= all.from || all.to <= s.from || g.least[node]+above > 0 {
		return none
	}
	if all.to-all.from == 1 {
		return all.from
	}
	above += g.added[node]
	middle := (all.from + all.to) / 2
	if at := g.zeroBelow(2*node, section{all.from, middle}, s, above); at != none {
		return at
	}
	return g.zeroBelow(2*node+1, section{middle, all.to}, s, above)
}
