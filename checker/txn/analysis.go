package txn

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/saros-sim/saros/checker"
)

// write is one append or write, of whatever outcome.
type write struct {
	txn, op, key int32
	reader       int32 // the first found to have read it, or -1
	last         bool  // the last of its transaction on its key
	position     int32
	version      uint64
	value        int64
}

// read is one read of an Ok transaction. It saw the first position versions of its key.
type read struct {
	txn, op, key, position int32
}

type element struct {
	key   int32
	value int64
}

type analysis struct {
	h        *History
	keys     []string // in the order of first use
	writes   []write
	writer   map[element]int32 // index in writes
	reads    []read
	observed []bool    // by transaction: one of its writes was read
	versions [][]int32 // by key: the writes in version order
	unread   [][]int32 // by key: committed transactions with an append that nobody read
	longest  []int32   // by key: the read that shows the version order, or -1
	found    *Report   // of a direct check
	lost     *Report   // lost update among unread appends: only snapshot isolation needs to be told
	coverage Coverage

	from, to, key []int32 // edges
	kind          []uint8
	nodes         int32
	start, edge   []int32 // edges by their source
}

func (a *analysis) op(t, i int32) *Operation { return &a.h.Transactions[t].Operations[i] }

func (a *analysis) invalid(name, why string, key int32, from, to int32) {
	if a.found == nil {
		e := Edge{From: int(from), To: int(to), Kind: "direct", Key: a.keys[key], Why: why}
		core := []int32{from, to}
		a.found = &Report{Verdict: checker.Invalid, Anomaly: name, Core: sortedIDs(core), Cycle: []Edge{e}}
	}
}

func sortedIDs(core []int32) []int {
	slices.Sort(core)
	return idsOf(slices.Compact(core))
}

// gather interns keys and lists writes and reads, in the order of the history.
func (a *analysis) gather() {
	n := len(a.h.Transactions)
	a.observed, a.nodes = make([]bool, n), int32(n)
	a.writer = make(map[element]int32, n)
	numbers := map[string]int32{}
	lastOf := map[int32]int32{} // key → the latest write of the transaction at hand
	for t := range a.h.Transactions {
		tx := &a.h.Transactions[t]
		clear(lastOf)
		first, several := int32(-1), false
		for i := range tx.Operations {
			op := &tx.Operations[i]
			k, known := numbers[op.Key]
			if !known {
				k = int32(len(a.keys))
				numbers[op.Key] = k
				a.keys = append(a.keys, op.Key)
			}
			several = several || first >= 0 && first != k
			first = k
			if op.Kind == ReadList || op.Kind == ReadRegister {
				if tx.Outcome == checker.Ok {
					a.reads = append(a.reads, read{int32(t), int32(i), k, 0})
				}
				continue
			}
			w := int32(len(a.writes))
			a.writes = append(a.writes, write{txn: int32(t), op: int32(i), key: k, reader: -1, last: true, version: op.Version, value: op.Value})
			if before, again := lastOf[k]; again {
				a.writes[before].last = false
			}
			lastOf[k] = w
			e := element{k, op.Value}
			if other, twice := a.writer[e]; twice {
				a.found = &Report{Reason: checker.ReasonNotApplicable, Core: sortedIDs([]int32{a.writes[other].txn, int32(t)}),
					Text: fmt.Sprintf("key %q: transactions %d and %d both write %d; values must be unique\n", op.Key, a.writes[other].txn, t, op.Value)}
				return
			}
			a.writer[e] = w
		}
		a.count(tx.Outcome, several)
	}
	a.versions, a.unread = make([][]int32, len(a.keys)), make([][]int32, len(a.keys))
	a.longest = make([]int32, len(a.keys))
	for k := range a.longest {
		a.longest[k] = -1
	}
}

func (a *analysis) count(outcome checker.Outcome, several bool) {
	switch outcome {
	case checker.Ok:
		a.coverage.Committed++
		if several {
			a.coverage.MultiKey++
		}
	case checker.Fail:
		a.coverage.Aborted++
	default:
		a.coverage.Unknown++
	}
}

// readLists finds the longest list of each key, and holds every other against it: it must be a prefix.
func (a *analysis) readLists() {
	for r, rd := range a.reads {
		if op := a.op(rd.txn, rd.op); op.Kind == ReadList {
			a.reads[r].position = int32(len(op.List))
			if l := a.longest[rd.key]; l < 0 || a.reads[l].position < a.reads[r].position {
				a.longest[rd.key] = int32(r)
			}
		}
	}
	for k, l := range a.longest {
		if l >= 0 {
			a.versions[k] = a.elements(&a.reads[l])
		}
	}
	for r := range a.reads {
		rd := &a.reads[r]
		l := a.longest[rd.key]
		if l < 0 || a.found != nil {
			continue
		}
		list, whole := a.op(rd.txn, rd.op).List, a.op(a.reads[l].txn, a.reads[l].op).List
		if slices.Equal(list, whole[:len(list)]) {
			continue
		}
		if a.elements(rd); a.found == nil {
			a.invalid("incompatible-order", fmt.Sprintf("T%d read %s = %v, T%d read %v: neither begins with the other",
				rd.txn, a.keys[rd.key], list, a.reads[l].txn, whole), rd.key, rd.txn, a.reads[l].txn)
			at := 0
			for list[at] == whole[at] {
				at++
			}
			e, f := element{rd.key, list[at]}, element{rd.key, whole[at]}
			a.found.Core = sortedIDs([]int32{rd.txn, a.reads[l].txn, a.writes[a.writer[e]].txn, a.writes[a.writer[f]].txn})
		}
	}
}

// elements lists the writes that a list consists of.
func (a *analysis) elements(rd *read) []int32 {
	list := a.op(rd.txn, rd.op).List
	writes := make([]int32, 0, len(list))
	for i, v := range list {
		w := a.source(rd, v)
		if w < 0 {
			return nil
		}
		if a.writes[w].position != 0 && slices.Contains(list[:i], v) {
			a.invalid("duplicate-effect", fmt.Sprintf("T%d read %s = %v: %d, which T%d appended once, stands there twice",
				rd.txn, a.keys[rd.key], list, v, a.writes[w].txn), rd.key, a.writes[w].txn, rd.txn)
			return nil
		}
		if a.writes[w].position == 0 {
			a.writes[w].position = int32(i + 1)
		}
		writes = append(writes, w)
	}
	return writes
}

// source is the write of a value that was read; a value from nowhere or from an aborted write decides.
func (a *analysis) source(rd *read, value int64) int32 {
	w, known := a.writer[element{rd.key, value}]
	if !known {
		a.invalid("garbage-read", fmt.Sprintf("T%d read %d from %s, which no transaction wrote", rd.txn, value, a.keys[rd.key]), rd.key, rd.txn, rd.txn)
		return -1
	}
	t := a.writes[w].txn
	if a.h.Transactions[t].Outcome == checker.Fail {
		a.invalid("G1a", fmt.Sprintf("T%d read %d from %s, which T%d wrote and aborted", rd.txn, value, a.keys[rd.key], t), rd.key, t, rd.txn)
		return -1
	}
	a.observed[t] = true
	if a.writes[w].reader < 0 {
		a.writes[w].reader = rd.txn
	}
	return w
}

// witnessed adds to a core, for each transaction of unknown outcome, who read its writes: that it
// committed, and which versions it wrote, is known from them alone.
func (a *analysis) witnessed(core []int) []int {
	all := slices.Clone(core)
	for _, t := range core {
		if a.h.Transactions[t].Outcome == checker.Ok {
			continue
		}
		from, _ := slices.BinarySearchFunc(a.writes, int32(t), func(w write, t int32) int { return cmp.Compare(w.txn, t) })
		for _, w := range a.writes[from:] {
			if w.txn != int32(t) {
				break
			}
			if w.reader >= 0 {
				all = append(all, int(w.reader))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// readRegisters learns the versions of unknown writes from who read them.
func (a *analysis) readRegisters() {
	witness := map[int32]int32{} // write → who read it first
	for r := range a.reads {
		rd := &a.reads[r]
		op := a.op(rd.txn, rd.op)
		if op.Kind != ReadRegister || op.Version == 0 || a.found != nil {
			continue
		}
		w := a.source(rd, op.Value)
		if w < 0 {
			return
		}
		if a.writes[w].version == 0 {
			a.writes[w].version = op.Version
			witness[w] = rd.txn
		}
		if a.writes[w].version != op.Version {
			other := a.writes[w].txn
			if first, learned := witness[w]; learned {
				other = first
			}
			a.invalid("duplicate-effect", fmt.Sprintf("T%d read version %d of %s with the value %d, which is that of version %d",
				rd.txn, op.Version, a.keys[rd.key], op.Value, a.writes[w].version), rd.key, other, rd.txn)
			a.found.Core = sortedIDs([]int32{other, rd.txn, a.writes[w].txn})
		}
	}
}

func (a *analysis) committed(t int32) bool {
	return a.h.Transactions[t].Outcome == checker.Ok || a.observed[t]
}

// orderVersions sorts the writes of registers, gathers the appends that nobody read, and places reads.
func (a *analysis) orderVersions() {
	for w := range a.writes {
		wr := &a.writes[w]
		if !a.committed(wr.txn) {
			continue
		}
		switch {
		case a.op(wr.txn, wr.op).Kind == Write:
			if wr.version != 0 {
				a.versions[wr.key] = append(a.versions[wr.key], int32(w))
			}
		case wr.position == 0:
			if u := a.unread[wr.key]; len(u) == 0 || u[len(u)-1] != wr.txn {
				a.unread[wr.key] = append(u, wr.txn)
			}
		}
	}
	for k, order := range a.versions {
		if len(order) == 0 || a.op(a.writes[order[0]].txn, a.writes[order[0]].op).Kind != Write {
			continue
		}
		slices.SortStableFunc(order, func(i, j int32) int { return cmp.Compare(a.writes[i].version, a.writes[j].version) })
		for i, w := range order {
			a.writes[w].position = int32(i + 1)
			if i > 0 && a.writes[order[i-1]].version == a.writes[w].version {
				x, y := a.writes[order[i-1]].txn, a.writes[w].txn
				a.invalid("incompatible-order", fmt.Sprintf("T%d and T%d both wrote version %d of %s", x, y, a.writes[w].version, a.keys[k]), int32(k), x, y)
			}
		}
	}
	for r := range a.reads {
		rd := &a.reads[r]
		if op := a.op(rd.txn, rd.op); op.Kind == ReadRegister && op.Version != 0 {
			rd.position = a.writes[a.writer[element{rd.key, op.Value}]].position
		}
	}
}

// readOwn holds each transaction against itself: its writes stand in its order, its reads see exactly
// those that it made before; and no read ends at a write that its transaction overwrote (G1b).
func (a *analysis) readOwn() {
	r := 0
	for w := 0; w < len(a.writes); {
		t := a.writes[w].txn
		end := w
		for end < len(a.writes) && a.writes[end].txn == t {
			end++
		}
		own := a.writes[w:end]
		if w = end; !a.committed(t) {
			continue
		}
		for i := range own {
			for j := range own[:i] {
				x, y := &own[j], &own[i]
				if x.key == y.key && y.position != 0 && (x.position == 0 && a.op(t, x.op).Kind == Append || x.position > y.position) {
					a.invalid("incompatible-order", fmt.Sprintf("T%d wrote %d to %s and then %d, which stands first", t, x.value, a.keys[x.key], y.value), x.key, t, t)
					if l := a.longest[x.key]; l >= 0 {
						a.found.Core = sortedIDs([]int32{t, a.reads[l].txn})
					}
					return
				}
			}
		}
		for ; r < len(a.reads) && a.reads[r].txn < t; r++ {
		}
		for ; r < len(a.reads) && a.reads[r].txn == t; r++ {
			rd := &a.reads[r]
			for i := range own {
				seen := own[i].position != 0 && own[i].position <= rd.position
				if own[i].key == rd.key && seen != (own[i].op < rd.op) {
					core := []int32{t}
					if rd.position > 0 {
						core = append(core, a.writes[a.versions[rd.key][rd.position-1]].txn)
					}
					if l := a.longest[rd.key]; l >= 0 {
						core = append(core, a.reads[l].txn)
					}
					a.invalid("internal", fmt.Sprintf("T%d read %s, and what it saw is not what it had itself written (%d) by then", t, a.keys[rd.key], own[i].value), rd.key, t, t)
					a.found.Core = sortedIDs(core)
					return
				}
			}
		}
	}
	for _, rd := range a.reads {
		if rd.position == 0 {
			continue
		}
		w := &a.writes[a.versions[rd.key][rd.position-1]]
		if w.txn != rd.txn && !w.last {
			a.invalid("G1b", fmt.Sprintf("T%d read %d from %s, which T%d overwrote itself", rd.txn, w.value, a.keys[rd.key], w.txn), rd.key, w.txn, rd.txn)
			return
		}
	}
}
