package txn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/saros-sim/saros/checker"
)

// Kinds of edges, as a set. A pass leads out of a hub and goes on with the kind that led in.
const (
	ww uint8 = 1 << iota
	wr
	rw
	rt
	pass
)

func kindName(k uint8) string {
	switch k {
	case ww:
		return "ww"
	case wr:
		return "wr"
	case rw:
		return "rw"
	case rt:
		return "realtime"
	}
	return ""
}

func (a *analysis) add(from, to, key int32, kind uint8) {
	if from == to {
		return
	}
	a.from, a.to, a.key, a.kind = append(a.from, from), append(a.to, to), append(a.key, key), append(a.kind, kind)
	if kind == rw {
		a.coverage.AntiDependencies++
	}
}

// dependencies adds ww, wr and rw edges between adjacent versions; those before and after suffice.
func (a *analysis) dependencies() {
	for k, order := range a.versions {
		for i := 1; i < len(order); i++ {
			a.add(a.writes[order[i-1]].txn, a.writes[order[i]].txn, int32(k), ww)
		}
	}
	last := make([][]int32, len(a.keys)) // readers of the last version
	for _, rd := range a.reads {
		order := a.versions[rd.key]
		if rd.position > 0 {
			a.add(a.writes[order[rd.position-1]].txn, rd.txn, rd.key, wr)
		}
		if int(rd.position) < len(order) {
			a.add(rd.txn, a.writes[order[rd.position]].txn, rd.key, rw)
		} else if len(a.unread[rd.key]) > 0 {
			last[rd.key] = append(last[rd.key], rd.txn)
		}
	}
	for k, unread := range a.unread {
		if len(unread) > 0 {
			a.beforeUnread(int32(k), unread, last[k])
		}
	}
}

// beforeUnread puts the last writer and the readers of the last version before every append that nobody
// read: through one hub, save those who have such an append themselves, as the hub would lead them back
// to themselves. The first of these goes before all the others, and each other before the first.
func (a *analysis) beforeUnread(k int32, unread, readers []int32) {
	hub := a.nodes
	a.nodes++
	for _, u := range unread {
		a.add(hub, u, k, pass)
	}
	first := int32(-1)
	one := func(t int32, kind uint8) {
		if _, own := slices.BinarySearch(unread, t); !own {
			a.add(t, hub, k, kind)
			return
		}
		switch {
		case first < 0:
			first = t
			for _, u := range unread {
				a.add(t, u, k, kind)
			}
		case first != t:
			a.add(t, first, k, kind)
			if kind == rw && a.lost == nil {
				why := fmt.Sprintf("T%d and T%d read the same version of %s and both appended to it", first, t, a.keys[k])
				core := []int32{first, t}
				if l := a.longest[k]; l >= 0 {
					core = append(core, a.reads[l].txn)
				}
				a.lost = &Report{Verdict: checker.Invalid, Anomaly: "lost-update", Form: "lost-update", Core: sortedIDs(core),
					Cycle: []Edge{{int(first), int(t), "rw", a.keys[k], why}, {int(t), int(first), "rw", a.keys[k], why}}}
			}
		}
	}
	if order := a.versions[k]; len(order) > 0 {
		one(a.writes[order[len(order)-1]].txn, ww)
	}
	for _, t := range slices.Compact(readers) {
		one(t, rw)
	}
}

// realTime adds one chain of time nodes: a return leads into it, and out of it go the calls after.
func (a *analysis) realTime() {
	var returns, calls []int32
	for t := range a.h.Transactions {
		if a.committed(int32(t)) {
			calls = append(calls, int32(t))
			if a.h.Transactions[t].Outcome == checker.Ok {
				returns = append(returns, int32(t))
			}
		}
	}
	txns := a.h.Transactions
	slices.SortFunc(returns, func(i, j int32) int { return cmp.Or(cmp.Compare(txns[i].Return, txns[j].Return), cmp.Compare(i, j)) })
	slices.SortFunc(calls, func(i, j int32) int { return cmp.Or(cmp.Compare(txns[i].Call, txns[j].Call), cmp.Compare(i, j)) })
	next := 0
	for _, c := range calls {
		for ; next < len(returns) && txns[returns[next]].Return < txns[c].Call; next++ {
			a.add(returns[next], a.nodes, -1, rt)
			if next > 0 {
				a.add(a.nodes-1, a.nodes, -1, rt)
			}
			a.nodes++
		}
		if next > 0 {
			a.add(a.nodes-1, c, -1, rt)
		}
	}
}

// index sorts the edges by their source, by counting.
func (a *analysis) index() {
	a.start, a.edge = make([]int32, a.nodes+1), make([]int32, len(a.from))
	for _, f := range a.from {
		a.start[f+1]++
	}
	for i := int32(0); i < a.nodes; i++ {
		a.start[i+1] += a.start[i]
	}
	at := slices.Clone(a.start)
	for e, f := range a.from {
		a.edge[at[f]] = int32(e)
		at[f]++
	}
}

// search is what a cycle may consist of. Doubled: each node stands twice, 2v+1 being reached by an rw
// edge and left by any other, so that no two rw edges are adjacent in a cycle.
type search struct {
	mask    uint8
	doubled bool
}

// follow is the state that edge e leads to from state s, or -1.
func (a *analysis) follow(q search, s, e int32) int32 {
	k := a.kind[e]
	switch {
	case k != pass && k&q.mask == 0, q.doubled && k == rw && s&1 == 1:
		return -1
	case q.doubled && (k == rw || k == pass && s&1 == 1):
		return 2*a.to[e] + 1
	}
	return 2 * a.to[e]
}

// cycle is a shortest cycle of the smallest strong component, as edges, or nil. Past 64 nodes of it not
// every one is tried as a beginning: then a shorter one may exist.
func (a *analysis) cycle(q search) []int32 {
	component, id := a.components(q)
	var best []int32
	for _, s := range component[:min(64, len(component))] {
		if c := a.around(q, s, id); c != nil && (best == nil || len(c) < len(best)) {
			best = c
		}
	}
	return best
}

// components is Tarjan's algorithm without recursion. It returns the smallest component of more than
// one state, and marks the states in it.
func (a *analysis) components(q search) (smallest []int32, member []bool) {
	n := 2 * a.nodes
	low, number, next := make([]int32, n), make([]int32, n), make([]int32, n)
	const done = 1 << 30
	var stack, path []int32
	count := int32(0)
	for root := int32(0); root < n; root += 2 {
		if number[root] != 0 {
			continue
		}
		path = append(path, root)
		for len(path) > 0 {
			s := path[len(path)-1]
			v := s / 2
			if number[s] == 0 {
				count++
				number[s], low[s], next[s] = count, count, a.start[v]
				stack = append(stack, s)
			}
			deeper := false
			for next[s] < a.start[v+1] && !deeper {
				u := a.follow(q, s, a.edge[next[s]])
				switch {
				case u < 0:
				case number[u] == 0:
					path, deeper = append(path, u), true
					continue // comes back to this edge, to take u's low
				default:
					low[s] = min(low[s], low[u])
				}
				next[s]++
			}
			if deeper {
				continue
			}
			path = path[:len(path)-1]
			if low[s] == number[s] {
				from := len(stack) - 1
				for stack[from] != s {
					from--
				}
				if c := stack[from:]; len(c) > 1 && (smallest == nil || len(c) < len(smallest)) {
					smallest = slices.Clone(c)
				}
				for _, u := range stack[from:] {
					low[u] = done
				}
				stack = stack[:from]
			}
		}
	}
	if smallest != nil {
		member = make([]bool, n)
		for _, s := range smallest {
			member[s] = true
		}
		slices.Sort(smallest)
	}
	return smallest, member
}

// around is a shortest way from a state back to it, by breadth.
func (a *analysis) around(q search, origin int32, member []bool) []int32 {
	by := map[int32]int32{} // state → edge that led there
	back := map[int32]int32{}
	queue := []int32{origin}
	for i := 0; i < len(queue); i++ {
		s := queue[i]
		for _, e := range a.edge[a.start[s/2]:a.start[s/2+1]] {
			u := a.follow(q, s, e)
			if u < 0 || !member[u] {
				continue
			}
			if _, seen := by[u]; seen {
				continue
			}
			by[u], back[u] = e, s
			if u == origin {
				var cycle []int32
				for at := origin; ; {
					cycle = append(cycle, by[at])
					if at = back[at]; at == origin {
						slices.Reverse(cycle)
						return cycle
					}
				}
			}
			queue = append(queue, u)
		}
	}
	return nil
}

// report tells a cycle. Hubs and time nodes are left out of it.
func (a *analysis) report(path []int32, name string) Report {
	n := int32(len(a.h.Transactions))
	for i := range path { // begin at a transaction
		if a.from[path[i]] < n {
			path = append(slices.Clone(path[i:]), path[:i]...)
			break
		}
	}
	r := Report{Verdict: checker.Invalid, Anomaly: name}
	var core []int32
	from, first := int32(-1), int32(0)
	count := 0
	for _, e := range path {
		if a.from[e] < n {
			from, first = a.from[e], e
		}
		if a.to[e] >= n {
			continue
		}
		edge := a.tell(from, a.to[e], a.key[first], a.kind[first])
		r.Cycle = append(r.Cycle, edge)
		core = append(core, from)
		if a.kind[first] == rw {
			count++
		}
		if a.kind[first] == rw {
			core = append(core, a.replaced(from, a.key[first], a.to[e])...)
		}
		if k := a.key[first]; k >= 0 && a.kind[first] != rt && a.longest[k] >= 0 {
			core = append(core, a.reads[a.longest[k]].txn)
		}
	}
	r.Core = sortedIDs(core)
	if name == "G-nonadjacent" && count == 1 {
		r.Anomaly = "G-single"
	}
	r.Form = form(r.Cycle)
	return r
}

// replaced is who wrote the register that reader saw and overwriter replaced: without it there is no read.
func (a *analysis) replaced(reader, key, overwriter int32) []int32 {
	from, _ := slices.BinarySearchFunc(a.reads, reader, func(rd read, t int32) int { return cmp.Compare(rd.txn, t) })
	for _, rd := range a.reads[from:] {
		if rd.txn != reader {
			break
		}
		order := a.versions[key]
		if rd.key == key && rd.position > 0 && int(rd.position) < len(order) && a.writes[order[rd.position]].txn == overwriter {
			if w := &a.writes[order[rd.position-1]]; a.op(w.txn, w.op).Kind == Write {
				return []int32{w.txn}
			}
		}
	}
	return nil
}

func (a *analysis) tell(from, to, key int32, kind uint8) Edge {
	e := Edge{From: int(from), To: int(to), Kind: kindName(kind)}
	x, y := &a.h.Transactions[from], &a.h.Transactions[to]
	if kind == rt {
		e.Why = fmt.Sprintf("T%d returned at %d, before T%d was called at %d", from, x.Return, to, y.Call)
		return e
	}
	e.Key = a.keys[key]
	switch kind {
	case ww:
		e.Why = fmt.Sprintf("T%d's write of %s stands right after T%d's in the version order, or nobody read it", to, e.Key, from)
	case wr:
		e.Why = fmt.Sprintf("T%d read %s, as T%d had left it", to, a.saw(to, key), from)
	case rw:
		e.Why = fmt.Sprintf("T%d read %s, which T%d's write replaced", from, a.saw(from, key), to)
	}
	return e
}

func (a *analysis) saw(t, key int32) string {
	for _, op := range a.h.Transactions[t].Operations {
		if op.Key == a.keys[key] && (op.Kind == ReadList || op.Kind == ReadRegister) {
			return describe(&op)
		}
	}
	return a.keys[key]
}

// form is the common name of a cycle's shape.
func form(c []Edge) string {
	kinds := make([]string, len(c))
	first := 0
	for i := range c {
		if c[i].Kind == "rw" && c[first].Kind != "rw" {
			first = i
		}
	}
	for i := range c {
		kinds[i] = c[(first+i)%len(c)].Kind
	}
	same := len(c) > 1 && c[0].Key == c[1].Key
	switch s := strings.Join(kinds, " "); {
	case s == "rw ww" && same:
		return "lost-update"
	case s == "rw wr" && !same:
		return "fractured-read"
	case s == "rw wr" && same:
		return "non-repeatable-read"
	case s == "rw rw" && !same:
		return "write-skew"
	case s == "rw wr rw wr":
		return "long-fork"
	case s == "rw realtime":
		return "stale-read"
	case s == "wr realtime" || s == "realtime wr":
		return "future-read"
	case s == "ww ww":
		return "dirty-write"
	}
	return ""
}
