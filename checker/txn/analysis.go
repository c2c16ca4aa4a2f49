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
	position     int32 // in the version order of its key, from 1; 0: none
	last         bool  // the last of its transaction on its key
	version      uint64
	value        int64
}

// read is one read of an Ok transaction. It saw the first position versions of its key.
type read struct {
	txn, op, key, position int32
}

// analysis is a history in columns. Whatever belongs to a key stands between group[k] and group[k+1] of
// byValue, order and unread, which have room for every write of it.
type analysis struct {
	h *History
	*columns
	writes    []write // by transaction and operation
	reads     []read  // by transaction and operation
	committed []bool  // by transaction: it is ok, or one of its writes was read

	group       []int32
	byValue     []int32   // the writes of a key, by value
	order       []int32   // the writes of a key in version order
	authors     []int32   // the transactions of these writes
	versions    []int32   // by key: how many that are
	unread      []int32   // of a list: committed transactions with an append that nobody read
	unreadCount []int32   // by key: how many that are
	whole       [][]int64 // by key: the longest list that was read, which is its version order
	longest     []int32   // by key: the first to read it, unless it is empty
	forked      bool      // two reads of a key contradict each other
	verdict     *Report   // of a direct check
	lost        hop       // a lost update among unread appends, if not to itself: only snapshot isolation needs to be told
	coverage    Coverage
	returns     []int32 // transactions that are ok, by return
	calls       []int32 // transactions by call
	graph
}

func (a *analysis) op(t, i int32) *Operation { return &a.h.Transactions[t].Operations[i] }

// versionsOf lists the writes of a key in version order.
func (a *analysis) versionsOf(k int32) []int32 {
	return a.order[a.group[k] : a.group[k]+a.versions[k]]
}

func (a *analysis) authorsOf(k int32) []int32 {
	return a.authors[a.group[k] : a.group[k]+a.versions[k]]
}

// unreadOf lists the transactions with an append to k that nobody read, in their order.
func (a *analysis) unreadOf(k int32) []int32 {
	return a.unread[a.group[k] : a.group[k]+a.unreadCount[k]]
}

// invalid is the verdict of a direct check, unless one before has spoken. The core is of from, to and others.
func (a *analysis) invalid(name, why string, key, from, to int32, others ...int32) {
	if a.verdict == nil {
		e := Edge{From: int(from), To: int(to), Kind: "direct", Key: a.keys[key], Why: why}
		a.verdict = &Report{Verdict: checker.Invalid, Anomaly: name, Core: idsOf(append(others, from, to)), Cycle: []Edge{e}}
	}
}

// gather lists writes and reads in the order of the history, and writes by key and value.
func (a *analysis) gather() {
	keys := len(a.keys)
	a.committed = make([]bool, len(a.h.Transactions))
	a.writes, a.reads = make([]write, 0, a.columns.writes), make([]read, 0, a.columns.reads)
	a.group, a.longest = make([]int32, keys+1), make([]int32, keys)
	a.whole = make([][]int64, keys)
	latest := make([]int32, keys) // by key: its latest write, from 1
	next := 0
	for t := range a.h.Transactions {
		tx := &a.h.Transactions[t]
		several := false
		for i := range tx.Operations {
			op, k := &tx.Operations[i], a.key[next]
			several = several || i > 0 && a.key[next-1] != k
			next++
			if op.Kind == ReadList || op.Kind == ReadRegister {
				if tx.Outcome == checker.Ok {
					a.read(read{int32(t), int32(i), k, int32(len(op.List))}, op.List)
				}
				continue
			}
			if w := latest[k] - 1; w >= 0 && a.writes[w].txn == int32(t) {
				a.writes[w].last = false
			}
			a.writes = append(a.writes, write{txn: int32(t), op: int32(i), key: k, reader: -1, last: true, version: op.Version, value: op.Value})
			latest[k] = int32(len(a.writes))
			a.group[k+1]++
		}
		a.committed[t] = tx.Outcome == checker.Ok
		a.count(tx.Outcome, several)
	}
	for k := range keys {
		a.group[k+1] += a.group[k]
	}
	a.versions, a.unreadCount = make([]int32, keys), make([]int32, keys)
	a.order = make([]int32, len(a.writes))
}

// read keeps the longest list of each key, and holds every other against it while it is at hand: of two
// lists one must begin with the other.
func (a *analysis) read(rd read, list []int64) {
	whole := a.whole[rd.key]
	if n := min(len(list), len(whole)); !slices.Equal(list[:n], whole[:n]) {
		a.forked = true
	}
	if len(list) > len(whole) {
		a.longest[rd.key], a.whole[rd.key] = int32(len(a.reads)), list
	}
	a.reads = append(a.reads, rd)
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

// sortByValue sorts the writes of each key by value; of two with the same nobody could tell which was read.
func (a *analysis) sortByValue() {
	a.byValue = make([]int32, len(a.writes))
	next := slices.Clone(a.group)
	for w := range a.writes {
		k := a.writes[w].key
		a.byValue[next[k]] = int32(w)
		next[k]++
	}
	order := func(i, j int32) int {
		return cmp.Or(cmp.Compare(a.writes[i].value, a.writes[j].value), cmp.Compare(i, j))
	}
	for k, key := range a.keys {
		part := a.byValue[a.group[k]:a.group[k+1]]
		slices.SortFunc(part, order)
		for i := 1; i < len(part); i++ {
			if x, y := &a.writes[part[i-1]], &a.writes[part[i]]; x.value == y.value {
				a.verdict = &Report{Reason: checker.ReasonNotApplicable, Core: idsOf(slices.Compact([]int32{x.txn, y.txn})),
					Text: fmt.Sprintf("key %q: transactions %d and %d both write %d; values must be unique\n", key, x.txn, y.txn, x.value)}
				return
			}
		}
	}
}

// writer is the write of a value, or -1.
func (a *analysis) writer(k int32, value int64) int32 {
	part := a.byValue[a.group[k]:a.group[k+1]]
	i, known := slices.BinarySearchFunc(part, value, func(w int32, v int64) int { return cmp.Compare(a.writes[w].value, v) })
	if !known {
		return -1
	}
	return part[i]
}

// readLists makes the longest list of each key its version order; every other must be a prefix of it.
func (a *analysis) readLists() {
	for k := range a.keys {
		a.readLongest(int32(k))
	}
	for r := 0; a.forked && a.verdict == nil; r++ {
		rd := &a.reads[r]
		whole := a.whole[rd.key]
		if list := a.op(rd.txn, rd.op).List; !slices.Equal(list, whole[:len(list)]) {
			a.incompatible(rd, &a.reads[a.longest[rd.key]])
		}
	}
}

func (a *analysis) readLongest(k int32) {
	for i, v := range a.whole[k] {
		rd := &a.reads[a.longest[k]]
		w := a.source(rd, v)
		if w < 0 {
			return
		}
		if a.writes[w].position != 0 {
			a.duplicate(rd, w)
			return
		}
		a.writes[w].position = int32(i + 1)
		a.order[a.group[k]+int32(i)] = w
		a.versions[k]++
	}
}

func (a *analysis) duplicate(rd *read, w int32) {
	op := a.op(rd.txn, rd.op)
	a.invalid("duplicate-effect", fmt.Sprintf("T%d read %s: %d, which T%d appended once, stands there twice",
		rd.txn, describe(op, checker.Ok), a.writes[w].value, a.writes[w].txn), rd.key, a.writes[w].txn, rd.txn)
}

// incompatible says what is wrong with a list that is no prefix of the longest.
func (a *analysis) incompatible(rd, longest *read) {
	list, whole := a.op(rd.txn, rd.op).List, a.op(longest.txn, longest.op).List
	seen := make([]bool, len(a.writes))
	for _, v := range list {
		w := a.source(rd, v)
		if w < 0 {
			return
		}
		if seen[w] {
			a.duplicate(rd, w)
			return
		}
		seen[w] = true
	}
	at := 0
	for list[at] == whole[at] {
		at++
	}
	e, f := &a.writes[a.writer(rd.key, list[at])], &a.writes[a.writer(rd.key, whole[at])]
	a.invalid("incompatible-order", fmt.Sprintf("T%d read %s, T%d read %s: neither begins with the other",
		rd.txn, a.describe(rd.txn, rd.op), longest.txn, a.describe(longest.txn, longest.op)), rd.key, rd.txn, longest.txn, e.txn, f.txn)
}

// source is the write of a value that was read; a value from nowhere or from an aborted write decides.
func (a *analysis) source(rd *read, value int64) int32 {
	w := a.writer(rd.key, value)
	if w < 0 {
		a.invalid("garbage-read", fmt.Sprintf("T%d read %s, and no transaction wrote %d", rd.txn, a.describe(rd.txn, rd.op), value), rd.key, rd.txn, rd.txn)
		return -1
	}
	t := a.writes[w].txn
	if a.h.Transactions[t].Outcome == checker.Fail {
		a.invalid("G1a", fmt.Sprintf("T%d read %s, and T%d, which wrote %d, aborted", rd.txn, a.describe(rd.txn, rd.op), t, value), rd.key, t, rd.txn)
		return -1
	}
	a.committed[t] = true
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
		for _, w := range a.writesOf(int32(t)) {
			if w.reader >= 0 {
				all = append(all, int(w.reader))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// orderedBy is who showed the version order of a list, if anybody did.
func (a *analysis) orderedBy(k int32) []int32 {
	if len(a.whole[k]) == 0 {
		return nil
	}
	return []int32{a.reads[a.longest[k]].txn}
}

func (a *analysis) writesOf(t int32) []write {
	from, _ := slices.BinarySearchFunc(a.writes, t, func(w write, t int32) int { return cmp.Compare(w.txn, t) })
	to := from
	for to < len(a.writes) && a.writes[to].txn == t {
		to++
	}
	return a.writes[from:to]
}

func (a *analysis) readsOf(t int32) []read {
	from, _ := slices.BinarySearchFunc(a.reads, t, func(rd read, t int32) int { return cmp.Compare(rd.txn, t) })
	to := from
	for to < len(a.reads) && a.reads[to].txn == t {
		to++
	}
	return a.reads[from:to]
}

// readRegisters learns the versions of unknown writes from who read them.
func (a *analysis) readRegisters() {
	for r := range a.reads {
		rd := &a.reads[r]
		op := a.op(rd.txn, rd.op)
		if op.Version == 0 { // a key that is missing, or a list
			continue
		}
		i := a.source(rd, op.Value)
		if i < 0 {
			return
		}
		rd.position = i + 1 // its write, until the order is known
		w := &a.writes[i]
		if w.version == 0 {
			w.version = op.Version
		}
		if w.version != op.Version {
			a.invalid("duplicate-effect", fmt.Sprintf("T%d read %s, but that value is version %d", rd.txn, describe(op, checker.Ok), w.version), rd.key, w.txn, rd.txn)
			return
		}
	}
}

// orderVersions sorts the writes of registers, gathers the appends that nobody read, and places reads.
func (a *analysis) orderVersions() {
	a.unread = make([]int32, len(a.writes))
	for i := range a.writes {
		w := &a.writes[i]
		k := w.key
		if w.position != 0 || !a.committed[w.txn] {
			continue
		}
		if !a.list[k] {
			if w.version != 0 {
				a.order[a.group[k]+a.versions[k]] = int32(i)
				a.versions[k]++
			}
		} else if u := a.unreadOf(k); len(u) == 0 || u[len(u)-1] != w.txn {
			a.unread[a.group[k]+a.unreadCount[k]] = w.txn
			a.unreadCount[k]++
		}
	}
	by := func(i, j int32) int { return cmp.Compare(a.writes[i].version, a.writes[j].version) }
	for k := range a.keys {
		if order := a.versionsOf(int32(k)); !a.list[k] {
			slices.SortFunc(order, by)
			a.placeRegister(int32(k), order)
		}
	}
	for r := range a.reads {
		rd := &a.reads[r]
		if w := rd.position - 1; !a.list[rd.key] && w >= 0 {
			rd.position = a.writes[w].position
		}
	}
}

func (a *analysis) placeRegister(k int32, order []int32) {
	for i, w := range order {
		a.writes[w].position = int32(i + 1)
		if i == 0 {
			continue
		}
		if x, y := &a.writes[order[i-1]], &a.writes[w]; x.version == y.version {
			a.invalid("incompatible-order", fmt.Sprintf("T%d and T%d both wrote version %d of %s", x.txn, y.txn, y.version, a.keys[k]), k, x.txn, y.txn)
		}
	}
}

// readOwn holds each transaction against itself: its writes stand in its order, its reads see exactly
// those that it made before; and no read ends at a write that its transaction overwrote (G1b). By key,
// the latest write that has a place, or of a list any, and the read that saw most decide: before them
// everything is in order.
func (a *analysis) readOwn() {
	latest, most := make([]int32, len(a.keys)), make([]int32, len(a.keys)) // from 1; 0 or another transaction's: none
	w, r := 0, 0
	for w < len(a.writes) || r < len(a.reads) {
		if r == len(a.reads) || w < len(a.writes) && (a.writes[w].txn < a.reads[r].txn ||
			a.writes[w].txn == a.reads[r].txn && a.writes[w].op < a.reads[r].op) {
			y := &a.writes[w]
			w++
			if a.ownWrite(y, latest[y.key]-1, most[y.key]-1); a.list[y.key] || y.position != 0 {
				latest[y.key] = int32(w)
			}
		} else {
			rd := &a.reads[r]
			r++
			a.ownRead(rd, latest[rd.key]-1)
			if m := most[rd.key] - 1; m < 0 || a.reads[m].txn != rd.txn || a.reads[m].position < rd.position {
				most[rd.key] = int32(r)
			}
		}
	}
}

func (a *analysis) ownWrite(y *write, latest, most int32) {
	if y.position == 0 {
		return
	}
	if latest >= 0 && a.writes[latest].txn == y.txn {
		if x := &a.writes[latest]; x.position == 0 || x.position > y.position {
			a.invalid("incompatible-order", fmt.Sprintf("T%d wrote %d to %s and then %d, which stands first", y.txn, x.value, a.keys[y.key], y.value), y.key, y.txn, y.txn, a.orderedBy(y.key)...)
			return
		}
	}
	if most >= 0 && a.reads[most].txn == y.txn && y.position <= a.reads[most].position {
		a.internal(&a.reads[most], fmt.Sprintf("where %d stands, which it wrote only afterwards", y.value))
	}
}

func (a *analysis) ownRead(rd *read, latest int32) {
	if latest >= 0 && a.writes[latest].txn == rd.txn {
		if x := &a.writes[latest]; x.position == 0 || x.position > rd.position {
			a.internal(rd, fmt.Sprintf("and missed %d, which it had written itself", x.value))
			return
		}
	}
	if rd.position == 0 {
		return
	}
	if w := &a.writes[a.versionsOf(rd.key)[rd.position-1]]; w.txn != rd.txn && !w.last {
		a.invalid("G1b", fmt.Sprintf("T%d read %s, and %d was not the last that T%d wrote there", rd.txn, a.describe(rd.txn, rd.op), w.value, w.txn), rd.key, w.txn, rd.txn)
	}
}

func (a *analysis) internal(rd *read, what string) {
	var author []int32
	if rd.position > 0 {
		author = []int32{a.writes[a.versionsOf(rd.key)[rd.position-1]].txn}
	}
	a.invalid("internal", fmt.Sprintf("T%d read %s, %s", rd.txn, a.describe(rd.txn, rd.op), what), rd.key, rd.txn, rd.txn, author...)
}
