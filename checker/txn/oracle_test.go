package txn

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/saros-sim/saros/checker"
)

// cell is a key's state: a list, or a register whose version may not be known yet.
type cell struct {
	list           []int64
	value          int64
	version, floor uint64
}

type database map[string]cell

func (d database) clone() database {
	c := database{}
	for k, v := range d {
		v.list = slices.Clone(v.list)
		c[k] = v
	}
	return c
}

// run replays a transaction; it reports whether every answer is that of the database.
func (d database) run(t *Transaction) bool {
	for _, op := range t.Operations {
		c := d[op.Key]
		switch {
		case op.Kind == Append:
			c.list = append(c.list, op.Value)
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
		d[op.Key] = c
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
			ok = committedOrder(all, nil, nil)
		case SnapshotIsolation:
			all = withVersions(all)
			ok = snapshots(all, make([]database, len(all)), make([]int, len(all)), database{}, map[string]int{}, 1)
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
	known := map[string]uint64{}
	for _, t := range all {
		for _, op := range t.Operations {
			if op.Kind == ReadRegister && op.Version != 0 {
				known[fmt.Sprint(op.Key, op.Value)] = op.Version
			}
		}
	}
	var copies []*Transaction
	for _, t := range all {
		u := *t
		u.Operations = slices.Clone(t.Operations)
		for i := range u.Operations {
			if op := &u.Operations[i]; op.Kind == Write && op.Version == 0 {
				op.Version = known[fmt.Sprint(op.Key, op.Value)]
			}
		}
		copies = append(copies, &u)
	}
	return copies
}

func serial(left []*Transaction, d database, strict bool) bool {
	for i, t := range left {
		early := slices.ContainsFunc(left, func(u *Transaction) bool { return u.Outcome == checker.Ok && u.Return < t.Call })
		next := d.clone()
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
func snapshots(all []*Transaction, private []database, started []int, d database, written map[string]int, now int) bool {
	open := false
	for i, t := range all {
		if started[i] < 0 {
			continue
		}
		open = true
		if started[i] == 0 {
			mine := d.clone()
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
		next, times, conflict := d.clone(), map[string]int{}, false
		for k, v := range written {
			times[k] = v
		}
		for _, op := range t.Operations {
			if op.Kind == Append || op.Kind == Write {
				conflict = conflict || written[op.Key] > started[i]
				next[op.Key] = private[i][op.Key]
				times[op.Key] = now
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

// committedOrder tries every order of lists: a read shows whole transactions, a prefix of those before
// it in the order, then its own appends; and all of those before, if it has such.
func committedOrder(left, done []*Transaction, _ []int) bool {
	for i, t := range left {
		if !readsCommitted(t, done) {
			continue
		}
		if committedOrder(slices.Delete(slices.Clone(left), i, i+1), append(slices.Clone(done), t), nil) {
			return true
		}
	}
	return len(left) == 0
}

func readsCommitted(t *Transaction, done []*Transaction) bool {
	for i, op := range t.Operations {
		if op.Kind != ReadList || t.Outcome != checker.Ok {
			continue
		}
		var own []int64
		for _, mine := range t.Operations[:i] {
			if mine.Kind == Append && mine.Key == op.Key {
				own = append(own, mine.Value)
			}
		}
		found := false
		for n := 0; n <= len(done); n++ {
			if len(own) > 0 && n < len(done) {
				continue
			}
			var list []int64
			for _, u := range done[:n] {
				for _, w := range u.Operations {
					if w.Kind == Append && w.Key == op.Key {
						list = append(list, w.Value)
					}
				}
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
// at most so many times.
func random(r *rand.Rand, registers bool, most, edits int) *History {
	h := &History{}
	states := []database{{}}
	version, now := uint64(0), int64(0)
	for id := range 2 + r.IntN(most-1) {
		t := Transaction{ID: id, Session: int32(id), Outcome: checker.Ok}
		now += int64(r.IntN(3))
		t.Call = max(0, now-int64(r.IntN(4)))
		t.Return = now + int64(r.IntN(4))
		d := states[len(states)-1].clone()
		if r.IntN(2) == 0 {
			d = states[r.IntN(len(states))].clone()
		}
		after := states[len(states)-1].clone()
		switch r.IntN(10) {
		case 0:
			t.Outcome = checker.Fail
		case 1, 2:
			t.Outcome = checker.Info
		}
		for i := range 1 + r.IntN(3) {
			key := string(rune('x' + r.IntN(2)))
			op := Operation{Key: key, Kind: Kind(r.IntN(2))}
			c := d[key]
			switch {
			case op.Kind == ReadList && registers:
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
				a := after[key]
				if registers {
					op.Kind = Write
					c = cell{value: op.Value, version: version}
					a = c
					if t.Outcome == checker.Ok {
						op.Version = version
					}
				} else {
					c.list, a.list = append(c.list, op.Value), append(a.list, op.Value)
				}
				d[key], after[key] = c, a
			}
			t.Operations = append(t.Operations, op)
		}
		if t.Outcome == checker.Ok || t.Outcome == checker.Info && r.IntN(2) == 0 || r.IntN(8) == 0 {
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
	case op.Kind == ReadRegister && op.Version > 0:
		op.Version += uint64(r.IntN(2))
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

func TestOracle(t *testing.T) {
	for _, registers := range []bool{false, true} {
		for level := ReadCommitted; level <= StrictSerializable; level++ {
			if registers && level == ReadCommitted {
				continue // the oracle of read committed knows lists only
			}
			most, edits, histories := 6, 2, budget(t, 3000)
			switch level {
			case ReadCommitted:
				edits = 8
			case SnapshotIsolation:
				most, edits, histories = 5, 4, budget(t, 1500)
			}
			t.Run(fmt.Sprintf("%s/registers=%v", level, registers), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(level), 7))
				invalid, undecided := 0, 0
				for range histories {
					h := random(r, registers, most, edits)
					report, err := Check(h, level)
					if err != nil {
						t.Fatal(err)
					}
					if report.Verdict == checker.Unknown {
						undecided++
						continue
					}
					valid := oracle(h, level)
					if valid != (report.Verdict == checker.Valid) {
						t.Fatalf("oracle: valid %v, got %s %s\n%s\n%s", valid, report.Verdict, report.Anomaly, report.Text, dump(h))
					}
					if valid {
						continue
					}
					invalid++
					core := restrict(h, report.Core)
					if oracle(core, level) {
						t.Fatalf("the core alone is valid: %v\n%s\n%s", report.Core, report.Text, dump(h))
					}
				}
				t.Logf("%d histories, %d invalid, %d undecided", histories, invalid, undecided)
				if 10*invalid < histories || 10*(histories-invalid-undecided) < histories || 10*undecided > histories {
					t.Errorf("of %d histories %d are invalid and %d undecided", histories, invalid, undecided)
				}
			})
		}
	}
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
