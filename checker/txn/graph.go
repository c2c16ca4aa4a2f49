package txn

import (
	"cmp"
	"slices"

	"github.com/saros-sim/saros/checker"
)

// Kinds of edges, as a set. A pass leads out of a hub and goes on with the kind that led in. Real time
// is no edge of the graph: where it counts, calls and returns in order stand for it.
const (
	ww uint8 = 1 << iota
	wr
	rw
	pass
	rt

	kindBits = 5
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

// graph holds edges by their source. Its nodes are the transactions, then a hub for each key.
type graph struct {
	start  []int32 // by node, and two more: where its edges begin
	to     []int32
	label  []int32 // key and kind
	placed bool    // edges are being placed: before that they are counted
	steps  int64   // edges looked at
}

func (a *analysis) add(from, to, key int32, kind uint8) {
	switch {
	case from == to:
	case !a.placed:
		a.start[from+2]++
	default:
		e := a.start[from+1]
		a.start[from+1]++
		a.to[e], a.label[e] = to, key<<kindBits|int32(kind)
		if kind == rw {
			a.coverage.AntiDependencies++
		}
	}
}

// build runs over all dependencies twice: to count the edges of each node, and to place them. Between
// the two start[v+1] is where the next edge of v goes, and at the end it is where those of v+1 begin.
func (a *analysis) build() {
	nodes := len(a.h.Transactions) + len(a.keys)
	a.start, a.authors = make([]int32, nodes+2), make([]int32, len(a.order))
	for k := range a.keys {
		for i, w := range a.versionsOf(int32(k)) {
			a.authors[a.group[k]+int32(i)] = a.writes[w].txn
		}
	}
	a.dependencies()
	for v := range nodes {
		a.start[v+2] += a.start[v+1]
	}
	a.to, a.label = make([]int32, a.start[nodes+1]), make([]int32, a.start[nodes+1])
	a.placed = true
	a.dependencies()
}

// dependencies adds ww, wr and rw edges between adjacent versions; those before and after suffice.
func (a *analysis) dependencies() {
	for k := range a.keys {
		authors := a.authorsOf(int32(k))
		for i := 1; i < len(authors); i++ {
			a.add(authors[i-1], authors[i], int32(k), ww)
		}
	}
	first := make([]int32, len(a.keys)) // by key: who goes before all other unread appends, from 1
	for k := range a.keys {
		for _, t := range a.unreadOf(int32(k)) {
			a.add(int32(len(a.h.Transactions)+k), t, int32(k), pass)
		}
		if authors := a.authorsOf(int32(k)); len(authors) > 0 {
			a.beforeUnread(int32(k), authors[len(authors)-1], ww, &first[k])
		}
	}
	for _, rd := range a.reads {
		k, authors := rd.key, a.authorsOf(rd.key)
		if rd.position > 0 {
			a.add(authors[rd.position-1], rd.txn, k, wr)
		}
		if int(rd.position) < len(authors) {
			a.add(rd.txn, authors[rd.position], k, rw)
		} else if a.unreadCount[k] > 0 {
			a.beforeUnread(k, rd.txn, rw, &first[k])
		}
	}
}

// beforeUnread puts t, the last writer or a reader of the last version, before every append that nobody
// read: through one hub, save those who have such an append themselves, as the hub would lead them back
// to themselves. The first of these goes before all the others, and each other before the first: both
// have read the same. (The last writer is asked before all readers. If it has an unread append itself, to
// read what it wrote before that is G1b, and no other reader comes here.)
func (a *analysis) beforeUnread(k, t int32, kind uint8, first *int32) {
	unread := a.unreadOf(k)
	if _, own := slices.BinarySearch(unread, t); !own {
		a.add(t, int32(len(a.h.Transactions))+k, k, kind)
		return
	}
	switch f := *first - 1; {
	case f < 0:
		*first = t + 1
		for _, u := range unread {
			a.add(t, u, k, kind)
		}
	case f != t:
		a.add(t, f, k, kind)
		a.lost = hop{f, t, k<<kindBits | int32(kind)}
	}
}

// realTime sorts returns and calls.
func (a *analysis) realTime() {
	txns := a.h.Transactions
	a.calls, a.returns = make([]int32, 0, len(txns)), make([]int32, 0, a.coverage.Committed)
	for t := range txns {
		a.calls = append(a.calls, int32(t))
		if txns[t].Outcome == checker.Ok {
			a.returns = append(a.returns, int32(t))
		}
	}
	sortBy(a.returns, func(t int32) int64 { return txns[t].Return })
	sortBy(a.calls, func(t int32) int64 { return txns[t].Call })
}

func sortBy(ids []int32, at func(int32) int64) {
	type moment struct {
		at int64
		id int32
	}
	all := make([]moment, len(ids))
	for i, id := range ids {
		all[i] = moment{at(id), id}
	}
	slices.SortFunc(all, func(x, y moment) int { return cmp.Compare(x.at, y.at) })
	for i := range all {
		ids[i] = all[i].id
	}
}

// search is what a cycle may consist of. Apart: no two rw edges are adjacent in it.
type search struct {
	mask  uint8
	apart bool
}

// width is the number of states of a node: of a search for rw edges apart, state 2v+1 is v reached by
// an rw edge, to be left by any other.
func (q search) width() int32 {
	if q.apart {
		return 2
	}
	return 1
}

// step is which state of its target an edge leads to, from which state of its source.
func (q search) step(label, from int32) (to int32, leads bool) {
	switch kind := uint8(label & (1<<kindBits - 1)); {
	case kind == pass:
		return from, true
	case kind&q.mask == 0:
		return 0, false
	case q.apart && kind == rw:
		return 1, from == 0
	}
	return 0, true
}

// rest is what peel left.
type rest struct {
	search
	degree []int32 // by state: how many edges lead to it from what is left; negative: it is gone
	states int     // that are left
	oldest int32   // of the transactions left the one that returned first, if real time counts
}

func (r *rest) holds(s int32) bool { return r.degree[s] >= 0 }

// node reports whether a state of v is left.
func (r *rest) node(v int32) bool {
	w := r.width()
	return r.holds(v*w) || r.holds(v*w+w-1)
}

// peel takes states away, again and again, that nothing left leads to (Kahn 1962). What stays is on a
// cycle or behind one, so that nothing stays iff there is no cycle. A transaction called after another
// returned has to wait for it: of all that are left only those may go that were called no later than
// the first of them returned. Within: only nodes that it holds count; nil: all.
func (a *analysis) peel(q search, within *rest) *rest {
	r := &rest{search: q, degree: a.degrees(q, within)}
	w := q.width()
	for s := range r.degree {
		if r.holds(int32(s)) {
			r.states++
		}
	}
	queue := make([]int32, 0, r.states)
	for s, d := range r.degree {
		if d == 0 {
			queue = append(queue, int32(s))
		}
	}
	late, returned := a.calls, 0
	for head := 0; ; {
		for ; head < len(queue); head++ {
			s := queue[head]
			r.degree[s] = -1
			v := s / w
			for e := a.start[v]; e < a.start[v+1]; e++ {
				bit, leads := q.step(a.label[e], s%w)
				if !leads {
					continue
				}
				u := a.to[e]*w + bit
				if r.degree[u]--; r.degree[u] == 0 {
					queue = append(queue, u)
				}
			}
			a.steps += int64(a.start[v+1] - a.start[v])
		}
		if q.mask&rt == 0 {
			break
		}
		for returned < len(a.returns) && !r.node(a.returns[returned]) {
			returned++
		}
		for len(late) > 0 {
			c := late[0]
			if returned < len(a.returns) && a.h.Transactions[c].Call > a.h.Transactions[a.returns[returned]].Return {
				break
			}
			late = late[1:]
			s := c * w
			if r.degree[s]--; r.degree[s] == 0 {
				queue = append(queue, s)
			}
		}
		if head == len(queue) {
			break
		}
	}
	if returned < len(a.returns) {
		r.oldest = a.returns[returned]
	}
	r.states -= len(queue)
	return r
}

// degrees counts the edges that lead to each state, and for real time one more.
func (a *analysis) degrees(q search, within *rest) []int32 {
	w := q.width()
	nodes := int32(len(a.start) - 2)
	degree := make([]int32, nodes*w)
	if within != nil {
		for s := range degree {
			if !within.node(int32(s) / w) {
				degree[s] = -1
			}
		}
	}
	for v := range nodes {
		for from := range w {
			if degree[v*w+from] < 0 {
				continue
			}
			for e := a.start[v]; e < a.start[v+1]; e++ {
				to, leads := q.step(a.label[e], from)
				if leads { // from what is left to what is left
					degree[a.to[e]*w+to]++
				}
			}
		}
	}
	if q.mask&rt != 0 {
		for _, c := range a.calls {
			if degree[c*w] >= 0 {
				degree[c*w]++
			}
		}
	}
	return degree
}
