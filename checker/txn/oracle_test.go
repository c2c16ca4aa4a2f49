package txn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/saros-sim/saros/checker"
)

// cell is a key's state: a list, or a register whose version may not be known yet.
type cell struct {
	list           []int64
	value          int64
	version, floor uint64
}

// database holds the keys x and y. Lists in it are never changed, so that a copy is a database.
type database [2]cell

func (d *database) at(key string) *cell { return &d[place(key)] }

func place(key string) int { return int(key[0] - 'x') }

// run replays a transaction; it reports whether every answer is that of the database.
func (d *database) run(t *Transaction) bool {
	for _, op := range t.Operations {
		c := *d.at(op.Key)
		switch {
		case op.Kind == Append:
			c.list = append(slices.Clip(c.list), op.Value)
		case op.Kind == Write:
			last := max(c.version, c.floor)
			if op.Version != 0 && op.Version <= last {
				return false
			}
			c = cell{value: op.Value, version: op.Version, floor: last}
		case t.Outcome != checker.Ok:
			continue
		case op.Kind == ReadList:
			if !slices.Equal(c.list, op.List) {
				return false
			}
		case op.Value != c.value:
			return false
		case c.version == 0 && c.value != 0:
			if op.Version <= c.floor {
				return false
			}
			c.version = op.Version
		case op.Version != c.version:
			return false
		}
		*d.at(op.Key) = c
	}
	return true
}

// oracle answers by trying every set of unknown transactions and every order.
func oracle(h *History, level Level) bool {
	var sure, maybe []*Transaction
	for i := range h.Transactions {
		switch t := &h.Transactions[i]; t.Outcome {
		case checker.Ok:
			sure = append(sure, t)
		case checker.Info, checker.Pending:
			maybe = append(maybe, t)
		}
	}
	for set := 0; set < 1<<len(maybe); set++ {
		all := slices.Clone(sure)
		for i, t := range maybe {
			if set>>i&1 == 1 {
				all = append(all, t)
			}
		}
		ok := false
		switch level {
		case ReadCommitted:
			ok = committedOrder(withVersions(all), nil)
		case SnapshotIsolation:
			all = withVersions(all)
			ok = snapshots(all, make([]database, len(all)), make([]int, len(all)), database{}, [2]int{}, 1)
		default:
			ok = serial(all, database{}, level == StrictSerializable)
		}
		if ok {
			return true
		}
	}
	return false
}

// withVersions copies to unknown writes the version that some reader saw their value at.
func withVersions(all []*Transaction) []*Transaction {
	known := map[string]map[int64]uint64{"x": {}, "y": {}}
	for _, t := range all {
		for _, op := range t.Operations {
			if op.Kind == ReadRegister && op.Version != 0 {
				known[op.Key][op.Value] = op.Version
			}
		}
	}
	var copies []*Transaction
	for _, t := range all {
		u := *t
		u.Operations = slices.Clone(t.Operations)
		for i := range u.Operations {
			if op := &u.Operations[i]; op.Kind == Write && op.Version == 0 {
				op.Version = known[op.Key][op.Value]
			}
		}
		copies = append(copies, &u)
	}
	return copies
}

func serial(left []*Transaction, d database, strict bool) bool {
	for i, t := range left {
		early := slices.ContainsFunc(left, func(u *Transaction) bool { return u.Outcome == checker.Ok && u.Return < t.Call })
		next := d
		if strict && early || !next.run(t) {
			continue
		}
		if serial(slices.Delete(slices.Clone(left), i, i+1), next, strict) {
			return true
		}
	}
	return len(left) == 0
}

// snapshots tries every order of starts and commits: a transaction runs on what was committed at its
// start, and commits only if nobody committed a write to a key of its own since.
func snapshots(all []*Transaction, private []database, started []int, d database, written [2]int, now int) bool {
	open := false
	for i, t := range all {
		if started[i] < 0 {
			continue
		}
		open = true
		if started[i] == 0 {
			mine := d
			if !mine.run(t) {
				continue
			}
			private[i], started[i] = mine, now
			if snapshots(all, private, started, d, written, now+1) {
				return true
			}
			started[i] = 0
			continue
		}
		next, times, conflict := d, written, false
		for _, op := range t.Operations {
			if op.Kind == Append || op.Kind == Write {
				k := place(op.Key)
				conflict = conflict || written[k] > started[i]
				next[k], times[k] = private[i][k], now
			}
		}
		if conflict {
			continue
		}
		was := started[i]
		started[i] = -1
		if snapshots(all, private, started, next, times, now+1) {
			return true
		}
		started[i] = was
	}
	return !open
}

// committedOrder tries every order of transactions in which their writes may have been installed (no G0)
// and each reads only what stands before it (no G1c), whole (no G1b) and committed (no G1a): of a list a
// prefix, or all of it and its own appends behind.
func committedOrder(left, done []*Transaction) bool {
	for i, t := range left {
		if !readsLists(t, done) || !readsRegisters(t, done) || !installs(t, done) {
			continue
		}
		if committedOrder(slices.Delete(slices.Clone(left), i, i+1), append(slices.Clone(done), t)) {
			return true
		}
	}
	return len(left) == 0
}

// installs reports whether t's versions are above all before them, those of unknown version apart.
func installs(t *Transaction, done []*Transaction) bool {
	top := map[string]uint64{}
	for _, u := range append(slices.Clone(done), t) {
		for _, op := range u.Operations {
			if op.Kind != Write || op.Version == 0 {
				continue
			}
			if op.Version <= top[op.Key] {
				return false
			}
			top[op.Key] = op.Version
		}
	}
	return true
}

func readsRegisters(t *Transaction, done []*Transaction) bool {
	for i, op := range t.Operations {
		if op.Kind != ReadRegister || t.Outcome != checker.Ok {
			continue
		}
		own := lastWrite(t.Operations[:i], op.Key)
		if own != nil && (op.Value != own.Value || op.Version != own.Version) {
			return false
		}
		if own != nil || op.Version == 0 {
			continue
		}
		if !slices.ContainsFunc(done, func(u *Transaction) bool {
			w := lastWrite(u.Operations, op.Key)
			return w != nil && w.Value == op.Value && w.Version == op.Version
		}) {
			return false
		}
	}
	return true
}

func lastWrite(ops []Operation, key string) (last *Operation) {
	for i := range ops {
		if ops[i].Kind == Write && ops[i].Key == key {
			last = &ops[i]
		}
	}
	return last
}

func readsLists(t *Transaction, done []*Transaction) bool {
	for i, op := range t.Operations {
		if op.Kind != ReadList || t.Outcome != checker.Ok {
			continue
		}
		appended := func(ops []Operation) (list []int64) {
			for _, w := range ops {
				if w.Kind == Append && w.Key == op.Key {
					list = append(list, w.Value)
				}
			}
			return list
		}
		own := appended(t.Operations[:i])
		found := false
		for n := 0; n <= len(done); n++ {
			if len(own) > 0 && n < len(done) {
				continue
			}
			var list []int64
			for _, u := range done[:n] {
				list = append(list, appended(u.Operations)...)
			}
			found = found || slices.Equal(append(list, own...), op.List)
		}
		if !found {
			return false
		}
	}
	return true
}

// random is a history of a store that sometimes runs a transaction on an old state, and then edited
// at most so many times. Keys are x and y; those of registers are registers.
func random(r *rand.Rand, registers string, most, edits int) *History {
	h := &History{}
	states := []database{{}}
	version, now := uint64(0), int64(0)
	for id := range 2 + r.IntN(most-1) {
		t := Transaction{ID: id, Session: int32(id), Outcome: checker.Ok}
		now += int64(r.IntN(3))
		t.Call = max(0, now-int64(r.IntN(4)))
		t.Return = now + int64(r.IntN(4))
		d, after := states[len(states)-1], states[len(states)-1]
		if r.IntN(2) == 0 {
			d = states[r.IntN(len(states))]
		}
		switch r.IntN(10) {
		case 0:
			t.Outcome = checker.Fail
		case 1:
			t.Outcome = checker.Info
		case 2:
			t.Outcome, t.Return = checker.Pending, 0
		}
		for i := range 1 + r.IntN(3) {
			key := string(rune('x' + r.IntN(2)))
			op := Operation{Key: key, Kind: Kind(r.IntN(2))}
			c := *d.at(key)
			switch {
			case op.Kind == ReadList && strings.Contains(registers, key):
				op.Kind = ReadRegister
				if t.Outcome == checker.Ok {
					op.Value, op.Version = c.value, c.version
				}
			case op.Kind == ReadList:
				if t.Outcome == checker.Ok {
					op.List = slices.Clone(c.list)
				}
			default:
				op.Value = int64(10*id + i + 1)
				version++
				a := *after.at(key)
				if strings.Contains(registers, key) {
					op.Kind = Write
					c = cell{value: op.Value, version: version}
					a = c
					if t.Outcome == checker.Ok {
						op.Version = version
					}
				} else {
					c.list, a.list = append(slices.Clip(c.list), op.Value), append(slices.Clip(a.list), op.Value)
				}
				*d.at(key), *after.at(key) = c, a
			}
			t.Operations = append(t.Operations, op)
		}
		if t.Outcome == checker.Ok || t.Outcome != checker.Fail && r.IntN(2) == 0 || r.IntN(8) == 0 {
			states = append(states, after)
		}
		h.Transactions = append(h.Transactions, t)
	}
	for range r.IntN(edits + 1) {
		edit(r, h)
	}
	return h
}

func edit(r *rand.Rand, h *History) {
	t := &h.Transactions[r.IntN(len(h.Transactions))]
	op := &t.Operations[r.IntN(len(t.Operations))]
	switch n := len(op.List); {
	case n > 0 && r.IntN(2) == 0:
		op.List = op.List[:r.IntN(n)]
	case n > 1:
		i, j := r.IntN(n), r.IntN(n)
		op.List[i], op.List[j] = op.List[j], op.List[i]
	case n > 0:
		op.List = append(op.List, op.List[0])
	case op.Kind == ReadRegister && op.Version > 0 && r.IntN(2) == 0:
		op.Version += uint64(r.IntN(2))
	case op.Kind == ReadRegister && op.Version > 0: // what another reply said
		u := &h.Transactions[r.IntN(len(h.Transactions))]
		if o := u.Operations[r.IntN(len(u.Operations))]; u.Outcome == checker.Ok && o.Key == op.Key && o.Version > 0 {
			op.Value, op.Version = o.Value, o.Version
		}
	case op.Kind == Write && op.Version > 1:
		op.Version += uint64(r.IntN(3)) - 1
	case t.Outcome == checker.Pending:
		t.Call += int64(r.IntN(5))
	default:
		t.Call += int64(r.IntN(5))
		t.Return = max(t.Return, t.Call)
	}
}

func budget(t *testing.T, n int) int {
	if s := os.Getenv("SAROS_ORACLE"); s != "" {
		v, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return n
}

// Every level and both models against the enumerators above; the core of what is invalid is invalid on
// its own, and its cycle the shortest of the gravest kind. SAROS_ORACLE=N asks for N histories of each.
func TestOracle(t *testing.T) {
	for _, c := range []struct {
		level       Level
		registers   string
		most, edits int
		histories   int
	}{
		{ReadCommitted, "", 6, 8, 2000}, {ReadCommitted, "xy", 6, 8, 2000}, {ReadCommitted, "y", 6, 8, 500},
		{SnapshotIsolation, "", 5, 4, 1000}, {SnapshotIsolation, "xy", 5, 4, 1000}, {SnapshotIsolation, "y", 5, 4, 500},
		{Serializable, "", 7, 2, 2000}, {Serializable, "xy", 7, 2, 2000}, {Serializable, "y", 7, 2, 500},
		{StrictSerializable, "", 7, 2, 2000}, {StrictSerializable, "xy", 7, 2, 2000}, {StrictSerializable, "y", 7, 2, 500},
	} {
		t.Run(fmt.Sprintf("%s/registers=%s", c.level, c.registers), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(c.level), 7))
			var tally tally
			for range budget(t, c.histories) {
				h := random(r, c.registers, c.most, c.edits)
				tally.judge(t, h, c.level, func(h *History) bool { return oracle(h, c.level) })
			}
			tally.report(t)
		})
	}
}

// Strict serializability against Porcupine, on the whole database as one object.
func TestOraclePorcupine(t *testing.T) {
	for _, registers := range []string{"", "xy", "y"} {
		t.Run("registers="+registers, func(t *testing.T) {
			r := rand.New(rand.NewPCG(11, 7))
			var tally tally
			for range budget(t, 1000) {
				tally.judge(t, random(r, registers, 12, 2), StrictSerializable, linearizable)
			}
			tally.report(t)
		})
	}
}

// linearizable asks Porcupine. An unknown transaction returns after all others, where its effect shows
// to nobody.
func linearizable(h *History) bool {
	var ops []porcupine.Operation
	for i := range h.Transactions {
		t := &h.Transactions[i]
		end := t.Return
		switch t.Outcome {
		case checker.Fail:
			continue
		case checker.Info, checker.Pending:
			end = math.MaxInt64
		}
		ops = append(ops, porcupine.Operation{ClientId: i, Input: t, Call: t.Call, Return: end})
	}
	return porcupine.CheckOperations(porcupine.Model{
		Init: func() any { return database{} },
		Step: func(state, input, _ any) (bool, any) {
			next := state.(database)
			return next.run(input.(*Transaction)), next
		},
		Equal: func(x, y any) bool {
			d, e := x.(database), y.(database)
			return slices.EqualFunc(d[:], e[:], func(a, b cell) bool {
				return slices.Equal(a.list, b.list) && a.value == b.value && a.version == b.version && a.floor == b.floor
			})
		},
	}, ops)
}

// tally counts verdicts and holds them against an oracle.
type tally struct{ histories, invalid, undecided, core int }

func (n *tally) judge(t *testing.T, h *History, level Level, valid func(*History) bool) {
	n.histories++
	report, err := Check(h, level)
	if err != nil {
		t.Fatal(err)
	}
	if report.Verdict == checker.Unknown {
		n.undecided++
		vacuous := !slices.ContainsFunc(h.Transactions, func(t Transaction) bool { return t.Outcome == checker.Ok })
		if vacuous != (report.Reason == checker.ReasonVacuous) || !vacuous && len(report.Core) == 0 {
			t.Fatalf("unknown: %s %v\n%s", report.Reason, report.Core, dump(h))
		}
		return
	}
	if want := valid(h); want != (report.Verdict == checker.Valid) {
		t.Fatalf("oracle: valid %v, got %s %s\n%s\n%s", want, report.Verdict, report.Anomaly, report.Text, dump(h))
	}
	if report.Verdict == checker.Valid {
		return
	}
	n.invalid++
	n.core += len(report.Core)
	if valid(restrict(h, report.Core)) {
		t.Fatalf("the core alone is valid: %v\n%s\n%s", report.Core, report.Text, dump(h))
	}
	gravest(t, h, level, &report)
}

func (n *tally) report(t *testing.T) {
	t.Logf("%d histories, %d invalid, core %.2f on average, %d undecided", n.histories, n.invalid, float64(n.core)/float64(n.invalid), n.undecided)
	if 10*n.invalid < n.histories || 10*(n.histories-n.invalid-n.undecided) < n.histories || 10*n.undecided > n.histories {
		t.Errorf("of %d histories %d are invalid and %d undecided", n.histories, n.invalid, n.undecided)
	}
}

// gravest holds the name and the length of a cycle against all simple cycles of the graph.
func gravest(t *testing.T, h *History, level Level, r *Report) {
	if r.Cycle[0].Kind == "direct" || r.Anomaly == "lost-update" {
		return
	}
	c, _ := h.columns()
	a := &analysis{h: h, columns: c}
	a.judge(level)
	var edges []hop
	n := int32(len(h.Transactions))
	for v := range n {
		for e := a.start[v]; e < a.start[v+1]; e++ {
			u := a.to[e]
			if u < n {
				edges = append(edges, hop{v, u, a.label[e]})
				continue
			}
			for i := a.start[u]; i < a.start[u+1]; i++ {
				edges = append(edges, hop{v, a.to[i], a.label[e]})
			}
		}
		for u := range n {
			x, y := &h.Transactions[v], &h.Transactions[u]
			if a.committed[v] && a.committed[u] && x.Outcome == checker.Ok && x.Return < y.Call {
				edges = append(edges, hop{v, u, int32(rt)})
			}
		}
	}
	for _, time := range []uint8{0, rt} {
		for _, p := range phenomena {
			name := p.name
			if time == rt {
				name += "-realtime"
			}
			length := shortest(edges, p.mask|time, p.apart)
			if said := strings.Replace(r.Anomaly, "G-single", "G-nonadjacent", 1); said == name {
				if length != len(r.Cycle) {
					t.Fatalf("the shortest %s has %d edges, not %d\n%s\n%s", name, length, len(r.Cycle), r.Text, dump(h))
				}
				p.mask |= time
				closed(t, edges, a.cycle(a.peel(p.search, nil), maxSteps), p.search)
				closed(t, edges, a.cycle(a.peel(p.search, nil), 0), p.search)
				return
			}
			if length != 0 {
				t.Fatalf("there is a %s, not only %s\n%s\n%s", name, r.Anomaly, r.Text, dump(h))
			}
		}
	}
	t.Fatalf("no cycle is a %s", r.Anomaly)
}

// closed holds that a cycle consists of edges that there are, and of those that it may.
func closed(t *testing.T, edges, cycle []hop, q search) {
	for i, e := range cycle {
		next := cycle[(i+1)%len(cycle)]
		kind, _ := e.parts()
		nextKind, _ := next.parts()
		if !slices.Contains(edges, e) || e.to != next.from || kind&q.mask == 0 || q.apart && kind == rw && nextKind == rw {
			t.Fatalf("%v is no cycle of %v", cycle, q)
		}
	}
	if len(cycle) < 2 {
		t.Fatalf("%v is no cycle", cycle)
	}
}

// shortest tries every simple path that comes back to where it began; 0: none does.
func shortest(edges []hop, mask uint8, apart bool) (best int) {
	var walk func(path []hop)
	walk = func(path []hop) {
		last := path[len(path)-1]
		if best > 0 && len(path) >= best {
			return
		}
		lastKind, _ := last.parts()
		if firstKind, _ := path[0].parts(); last.to == path[0].from {
			if !apart || lastKind != rw || firstKind != rw {
				best = len(path)
			}
			return
		}
		for _, e := range edges {
			kind, _ := e.parts()
			if e.from != last.to || kind&mask == 0 || apart && kind == rw && lastKind == rw ||
				slices.ContainsFunc(path, func(p hop) bool { return p.to == e.to }) {
				continue
			}
			walk(append(path, e))
		}
	}
	for _, e := range edges {
		if kind, _ := e.parts(); kind&mask != 0 {
			walk([]hop{e})
		}
	}
	return best
}

func dump(h *History) string {
	s := ""
	for i := range h.Transactions {
		s += string(encode(&h.Transactions[i])) + "\n"
	}
	return s
}

// restrict keeps the transactions of the core. Of their reads it cuts what transactions outside wrote: elements
// of lists, and reads of registers altogether; a value that nobody wrote stays.
func restrict(h *History, core []int) *History {
	outside := map[string]bool{}
	for i := range h.Transactions {
		for _, op := range h.Transactions[i].Operations {
			if !slices.Contains(core, i) && (op.Kind == Append || op.Kind == Write) {
				outside[fmt.Sprint(op.Key, op.Value)] = true
			}
		}
	}
	cut := &History{}
	for _, id := range core {
		t := h.Transactions[id]
		t.Operations = nil
		for _, op := range h.Transactions[id].Operations {
			if op.Kind == ReadRegister && outside[fmt.Sprint(op.Key, op.Value)] {
				continue
			}
			op.List = slices.DeleteFunc(slices.Clone(op.List), func(v int64) bool { return outside[fmt.Sprint(op.Key, v)] })
			t.Operations = append(t.Operations, op)
		}
		t.ID = len(cut.Transactions)
		cut.Transactions = append(cut.Transactions, t)
	}
	return cut
}
