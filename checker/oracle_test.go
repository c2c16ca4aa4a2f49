package checker

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"
)

// oracle decides linearizability by trying every order of the operations, over all keys at once. It
// shares nothing with the checker but the types: no state, no partition by key, no normalising.
func oracle(h *History) bool {
	var ops []Operation
	for _, op := range h.Operations {
		if op.Outcome != Fail {
			ops = append(ops, op)
		}
	}
	return oracleFrom(ops, map[string]oracleCell{})
}

// oracleCell is what a key holds: a value, or the tombstone of who deleted it.
type oracleCell struct {
	value int64
	there bool
}

func oracleFrom(todo []Operation, store map[string]oracleCell) bool {
	if !slices.ContainsFunc(todo, func(op Operation) bool { return op.Outcome == Ok }) {
		return true // what is unknown may never have happened
	}
	for i, op := range todo {
		overtakes := slices.ContainsFunc(todo, func(other Operation) bool {
			return other.Outcome == Ok && other.Return < op.Call
		})
		if overtakes {
			continue
		}
		next, right := oracleApply(op, store)
		if right && oracleFrom(slices.Delete(slices.Clone(todo), i, i+1), next) {
			return true
		}
	}
	return false
}

// oracleApply carries out op on a copy of store and reports whether its reply is right, looking only at
// the fields that mean something for the kind.
func oracleApply(op Operation, store map[string]oracleCell) (next map[string]oracleCell, right bool) {
	next = maps.Clone(store)
	cell := store[op.Key]
	read := op.Found == cell.there && op.Result == cell.value
	switch op.Kind {
	case Get:
		right = read
	case Put:
		next[op.Key], right = oracleCell{op.Arg, true}, true
	case CAS:
		if cell == (oracleCell{op.Old, true}) {
			next[op.Key], right = oracleCell{op.Arg, true}, op.Swapped
		} else {
			right = !op.Swapped && read
		}
	case Increment:
		if !cell.there {
			cell.value = 0
		}
		next[op.Key], right = oracleCell{cell.value + op.Arg, true}, op.Result == cell.value+op.Arg
	case Delete:
		next[op.Key] = oracleCell{op.Arg, false}
		right = op.Found == cell.there && (op.Arg == 0 || op.Result == cell.value)
	}
	return next, right || op.Outcome != Ok
}

// draw returns a number in [0, n).
type draw func(n int) int

func (d draw) one(in int) bool { return d(in) == 0 }

// generate runs random operations in a true order, records what clients see, and then, two times in
// three, tells a lie or two. Times are few, so that many are tied.
func generate(d draw, maxOps int) *History {
	n := 1 + d(maxOps)
	unique := d.one(2)
	counters := d.one(3)
	tombstones := d.one(2)
	keys := []string{"a", "b"}[:1+d(4)/3]
	value := func(i int) int64 {
		if unique {
			return int64(10 + i)
		}
		return int64(d(3))
	}
	type planned struct {
		op    Operation
		point int
		acts  bool
	}
	var plan []planned
	for i := range n {
		call := d(10 + n)
		op := Operation{ID: i, Session: int32(i), Key: keys[d(len(keys))], Outcome: Ok,
			Call: int64(call), Return: int64(call + d(6))}
		switch k := d(8); {
		case k < 3:
			op.Kind = Get
		case k < 5 && counters:
			op.Kind, op.Arg = Increment, int64(d(4)-1)
		case k < 5:
			op.Kind, op.Arg = Put, value(i)
		case k < 7:
			op.Kind, op.Old, op.Arg = CAS, value(d(i+1)), value(i)
		default:
			if op.Kind = Delete; tombstones && !d.one(8) {
				op.Arg = value(i)
			}
		}
		p := planned{op, call + d(int(op.Return)-call+1), true}
		switch d(8) {
		case 0, 1:
			p.op.Outcome = []Outcome{Info, Pending}[d(2)]
			p.point, p.acts = call+d(n+10), !d.one(3)
		case 2:
			p.op.Outcome, p.acts = Fail, false
		}
		plan = append(plan, p)
	}
	slices.SortStableFunc(plan, func(a, b planned) int { return a.point - b.point })
	store := map[string]oracleCell{}
	h := &History{Operations: make([]Operation, n)}
	versions := d(4)
	for i, p := range plan {
		op := p.op
		if p.acts {
			execute(&op, store)
		}
		if op.Outcome == Pending {
			op.Return = 0
		}
		if op.Outcome == Ok && versions > 0 {
			op.Version = uint64(i + 1)
		} else if op.Outcome == Ok && d.one(2) {
			op.Version = uint64(d(3))
		}
		h.Operations[op.ID] = op
	}
	if d(3) > 0 {
		for range 1 + d(3) {
			lie(d, h)
		}
	}
	return h
}

// execute answers op from a true store.
func execute(op *Operation, store map[string]oracleCell) {
	said := Operation{Outcome: Ok}
	cell := store[op.Key]
	next, _ := oracleApply(*op, store)
	clear(store)
	maps.Copy(store, next)
	switch op.Kind {
	case Get:
		said.Result, said.Found = cell.value, cell.there
	case CAS:
		if said.Swapped = cell == (oracleCell{op.Old, true}); !said.Swapped {
			said.Result, said.Found = cell.value, cell.there
		}
	case Increment:
		said.Result = op.Arg
		if cell.there {
			said.Result += cell.value
		}
	case Delete:
		if said.Found = cell.there; op.Arg != 0 {
			said.Result = cell.value
		}
	}
	if op.Outcome == Ok {
		op.Result, op.Found, op.Swapped = said.Result, said.Found, said.Swapped
	}
}

// lie changes one thing that a client saw or that a reply claimed.
func lie(d draw, h *History) {
	op := &h.Operations[d(len(h.Operations))]
	other := h.Operations[d(len(h.Operations))]
	if op.Outcome != Ok {
		if op.Outcome == Fail && d.one(2) { // a refusal that had been carried out
			op.Outcome = Ok
		}
		return
	}
	switch d(12) {
	case 0, 8, 9: // one value in the place of another
		op.Result, op.Found = other.Arg, true
	case 10, 11: // two replies exchanged
		if other.Outcome == Ok && other.Kind == op.Kind {
			o := &h.Operations[other.ID]
			o.Result, o.Found, o.Swapped = op.Result, op.Found, op.Swapped
			op.Result, op.Found, op.Swapped = other.Result, other.Found, other.Swapped
		}
	case 1:
		if op.Result, op.Found = 0, false; d.one(2) && other.Kind == Delete {
			op.Result = other.Arg
		}
	case 2:
		op.Result++
	case 3:
		op.Swapped, op.Result, op.Found = !op.Swapped, 0, false
	case 4:
		length := op.Return - op.Call
		op.Call = int64(d(20))
		op.Return = op.Call + length
	case 5:
		op.Version = other.Version
	case 6:
		op.Found = !op.Found
	case 7: // an acknowledgement without effect
		*op = Operation{ID: op.ID, Session: op.Session, Key: op.Key, Kind: Put, Arg: op.Arg, Outcome: Ok,
			Call: op.Call, Return: op.Return, Version: op.Version}
	}
}

// tester is what testing.T and rapid.T share.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// agree compares the checker with the oracle on one history and returns the report.
func agree(t tester, c *Checker, h *History) Report {
	t.Helper()
	r := c.CheckLinearizable(h, Budget{})
	if !slices.ContainsFunc(h.Operations, func(op Operation) bool { return op.Outcome == Ok }) {
		if r.Verdict != Unknown || r.Reason != ReasonVacuous {
			t.Fatalf("nothing completed, yet the verdict is %s %s\n%s", r.Verdict, r.Reason, show(h))
		}
		return r
	}
	if want := map[bool]Verdict{true: Valid, false: Invalid}[oracle(h)]; r.Verdict != want {
		t.Fatalf("verdict %s, the oracle says %s\n%s\n%s", r.Verdict, want, show(h), r.Text)
	}
	if r.Verdict != Invalid {
		return r
	}
	core := &History{}
	for _, id := range r.Core {
		core.Operations = append(core.Operations, h.Operations[id])
	}
	if !slices.Contains(r.Core, r.Op) || oracle(core) {
		t.Fatalf("the core is legal, or without its operation\n%s\n%s", show(h), r.Text)
	}
	if again := c.CheckLinearizable(core, Budget{}); again.Verdict != Invalid {
		t.Fatalf("the core alone is not invalid\n%s\n%s\n%s", show(h), r.Text, again.Text)
	}
	return r
}

func show(h *History) (s string) {
	for i := range h.Operations {
		s += h.Operations[i].Key + " " + line(&h.Operations[i]) + "\n"
	}
	return s
}

// histories is how many an oracle test judges: few, or as many as SAROS_ORACLE says.
func histories(t *testing.T, few int) int {
	t.Helper()
	s := os.Getenv("SAROS_ORACLE")
	if s == "" {
		return few
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The verdict of the checker is that of the oracle, over histories of which a good part is valid and a
// good part not, decided by certificates and by search. SAROS_ORACLE=N asks for N histories.
func TestOracle(t *testing.T) {
	n := histories(t, 20_000)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	var c Checker
	valid, certified, invalid, core := 0, 0, 0, 0
	for range n {
		r := agree(t, &c, generate(rng.IntN, 7))
		switch r.Verdict {
		case Valid:
			valid++
			if r.Steps == 0 {
				certified++
			}
		case Invalid:
			invalid++
			core += len(r.Core)
		}
	}
	t.Logf("%d histories: %d valid (%d by certificate), %d invalid (core %.2f on average)", n, valid, certified, invalid, float64(core)/float64(invalid))
	if valid < n/10 || invalid < n/10 || certified < n/10 || valid-certified < n/50 {
		t.Errorf("the generator is lopsided")
	}
}

// The same, drawn by rapid, which shrinks what fails.
func TestOracleRapid(t *testing.T) {
	var c Checker
	rapid.Check(t, func(t *rapid.T) {
		h := generate(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }, 7)
		agree(t, &c, h)
	})
}

// On histories too long for the oracle the pipeline, and the stream where it can judge, agree with Porcupine
// alone, which is given neither certificate nor normaliser.
func TestOraclePorcupine(t *testing.T) {
	n := histories(t, 3000)
	rng := rand.New(rand.NewPCG(2, uint64(n)))
	var c Checker
	var s Stream
	counts, streamed := map[Verdict]int{}, 0
	for range n {
		h := generate(rng.IntN, 12)
		if rng.IntN(2) == 0 {
			h = register(rng.IntN, 12)
			swaps(rng.IntN, h)
		}
		r := c.CheckLinearizable(h, Budget{})
		if r.Reason == ReasonVacuous {
			continue
		}
		want := Invalid
		if alone(h) {
			want = Valid
		}
		counts[want]++
		if r.Verdict != want {
			t.Fatalf("verdict %s, Porcupine alone says %s\n%s\n%s", r.Verdict, want, show(h), r.Text)
		}
		s.Reset()
		told := &History{Operations: make([]Operation, len(h.Operations))}
		for _, e := range happenings(rng, h) {
			tell(&s, told, &h.Operations[e.id], e)
		}
		if v, _ := s.Verdict(); v != Unknown {
			streamed++
			if v != want {
				t.Fatalf("the stream says %s, Porcupine alone says %s\n%s", v, want, show(h))
			}
		}
	}
	t.Logf("%d histories: %v, %d by the stream, too", n, counts, streamed)
	if counts[Valid] < n/10 || counts[Invalid] < n/10 || streamed < n/3 {
		t.Errorf("the generator is lopsided: %v, %d by the stream", counts, streamed)
	}
}

func alone(h *History) bool {
	for _, key := range []string{"a", "b", "x"} {
		var ops []porcupine.Operation
		for _, op := range h.Operations {
			if op.Key != key || op.Outcome == Fail {
				continue
			}
			if op.Outcome != Ok {
				op.Return = never
			}
			ops = append(ops, porcupine.Operation{Input: op, Call: op.Call, Return: op.Return})
		}
		model := porcupine.Model{
			Init: func() any { return oracleCell{} },
			Step: func(s, in, _ any) (bool, any) {
				op := in.(Operation)
				next, right := oracleApply(op, map[string]oracleCell{key: s.(oracleCell)})
				return right, next[key]
			},
		}
		if !porcupine.CheckOperations(model, ops) {
			return false
		}
	}
	return true
}
