package checker

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// kvChecks are all checks of a History, the one of linearizability too.
func kvChecks() []Check {
	linearizable := Check{Name: "linearizability", Run: func(h *History, _ int64) Report { return CheckLinearizable(h, Budget{}) }}
	return append(slices.Clone(Checks), linearizable)
}

// edited is h with every operation changed.
func edited(h *History, edit func(op *Operation)) *History {
	out := &History{Operations: slices.Clone(h.Operations)}
	for i := range out.Operations {
		edit(&out.Operations[i])
	}
	return out
}

// What a history is called by and when it began is no matter: the verdict, the class and the core stay.
func TestVerdictSurvivesRenaming(t *testing.T) {
	changes := []struct {
		name string
		edit func(op *Operation)
	}{
		{"keys", func(op *Operation) { op.Key = "renamed " + op.Key }}, // in the same order
		{"sessions", func(op *Operation) { op.Session = op.Session*1000 - 7 }},
		{"times", func(op *Operation) {
			if op.Call += 1e15; op.Outcome != Pending {
				op.Return += 1e15
			}
		}},
		{"versions", func(op *Operation) {
			op.Version *= 3
			op.CommitTS *= 3
		}},
	}
	for _, check := range kvChecks() {
		rng := rand.New(rand.NewPCG(8, 8))
		seen := map[Verdict]int{}
		for range histories(t, 300) {
			h, bound := claims(rng), int64(rng.IntN(3))
			want := check.Run(h, bound)
			seen[want.Verdict]++
			for _, c := range changes {
				if got := check.Run(edited(h, c.edit), bound); got.Verdict != want.Verdict || got.Reason != want.Reason ||
					got.Class != want.Class || got.Op != want.Op || !slices.Equal(got.Core, want.Core) {
					t.Fatalf("%s, other %s: %s %s %v, want %s %s %v: %+v", check.Name, c.name,
						got.Verdict, got.Class, got.Core, want.Verdict, want.Class, want.Core, h.Operations)
				}
			}
		}
		if seen[Valid] == 0 || seen[Invalid] == 0 {
			t.Errorf("%s: %v", check.Name, seen)
		}
	}
}

// A read that nobody heard of proves nothing: without it, a valid history stays so, or says nothing at all.
func TestValidSurvivesWithoutReads(t *testing.T) {
	for _, check := range kvChecks() {
		rng := rand.New(rand.NewPCG(9, 9))
		valid, vacuous := 0, 0
		for range histories(t, 500) {
			h, bound := claims(rng), int64(rng.IntN(3))
			if check.Run(h, bound).Verdict != Valid {
				continue
			}
			less := &History{}
			for _, op := range h.Operations {
				if op.Outcome == Ok && isRead(&op) && rng.IntN(2) == 0 {
					continue
				}
				op.ID = len(less.Operations)
				less.Operations = append(less.Operations, op)
			}
			switch r := check.Run(less, bound); {
			case r.Verdict == Valid:
				valid++
			case r.Verdict == Unknown && r.Reason == ReasonVacuous:
				vacuous++
			default:
				t.Fatalf("%s: %s %s without some reads of %+v\n%s", check.Name, r.Verdict, r.Reason, h.Operations, r.Text)
			}
		}
		if valid == 0 {
			t.Errorf("%s: %d vacuous, none valid", check.Name, vacuous)
		}
	}
}

// interleaved is h with its operations in another order, and numbered so; those of a session keep theirs.
func interleaved(rng *rand.Rand, h *History) *History {
	sessions := map[int32][]Operation{}
	var turns []int32
	for _, op := range h.Operations {
		sessions[op.Session] = append(sessions[op.Session], op)
		turns = append(turns, op.Session)
	}
	rng.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	out := &History{}
	for _, s := range turns {
		op := sessions[s][0]
		sessions[s] = sessions[s][1:]
		op.ID = len(out.Operations)
		out.Operations = append(out.Operations, op)
	}
	return out
}

// The numbers of operations say nothing. (What they may decide is which of several cores is reported.)
func TestVerdictSurvivesNumbering(t *testing.T) {
	for _, check := range kvChecks() {
		rng := rand.New(rand.NewPCG(11, 11))
		for range histories(t, 300) {
			h, bound := claims(rng), int64(rng.IntN(3))
			want, got := check.Run(h, bound), check.Run(interleaved(rng, h), bound)
			if got.Verdict != want.Verdict || got.Reason != want.Reason || got.Class != want.Class && check.Name != "linearizability" {
				t.Fatalf("%s: %s %s %s, want %s %s %s: %+v", check.Name, got.Verdict, got.Reason, got.Class,
					want.Verdict, want.Reason, want.Class, h.Operations)
			}
		}
	}
}

func TestVerdictOfLocksSurvives(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	seen := map[Verdict]int{}
	for range histories(t, 2000) {
		h := leases(rng)
		want, _ := CheckLocks(h)
		seen[want.Verdict]++
		other := &LockHistory{slices.Clone(h.Grants), slices.Clone(h.Accesses)}
		for i := range other.Grants {
			g := &other.Grants[i]
			g.Lock, g.Holder, g.Token = "renamed "+g.Lock, 7-g.Holder, g.Token+1000
			g.Call, g.Return, g.From, g.Until = g.Call+1e15, g.Return+1e15, g.From+1e15, g.Until+1e15
		}
		for i := range other.Accesses {
			a := &other.Accesses[i]
			a.Lock, a.Holder, a.Token, a.At = "renamed "+a.Lock, 7-a.Holder, a.Token+1000, a.At+1e15
		}
		if got, err := CheckLocks(other); err != nil || got.Verdict != want.Verdict || got.Class != want.Class || !slices.Equal(got.Core, want.Core) {
			t.Fatalf("renamed and later: %v %+v, want %+v", err, got, want)
		}
		rng.Shuffle(len(other.Grants), func(i, j int) { g := other.Grants; g[i], g[j] = g[j], g[i] })
		rng.Shuffle(len(other.Accesses), func(i, j int) { a := other.Accesses; a[i], a[j] = a[j], a[i] })
		if got, err := CheckLocks(other); err != nil || got.Verdict != want.Verdict || got.Class != want.Class {
			t.Fatalf("shuffled: %v %+v, want %+v", err, got, want)
		}
		if want.Verdict == Valid && len(h.Accesses) > 0 { // a resource that was not asked finds nothing wrong
			less := &LockHistory{h.Grants, h.Accesses[1:]}
			if got, err := CheckLocks(less); err != nil || got.Verdict == Invalid {
				t.Fatalf("without an access: %v %+v", err, got)
			}
		}
	}
	if len(seen) != 3 {
		t.Error(seen)
	}
}

func TestVerdictOfRequestsSurvives(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	seen := map[Verdict]int{}
	for range histories(t, 2000) {
		h := requests(rng)
		want, _ := CheckExactlyOnce(h)
		seen[want.Verdict]++
		other := &RequestHistory{slices.Clone(h.Attempts), h.Final}
		other.Final.List = slices.Clone(h.Final.List)
		other.Final.Call, other.Final.Return = h.Final.Call+1e15, h.Final.Return+1e15
		for i := range other.Attempts {
			a := &other.Attempts[i]
			a.Session, a.Request, a.Call = 7-a.Session, a.Request+1000, a.Call+1e15
			if a.Outcome != Pending {
				a.Return += 1e15
			}
			if a.Outcome == Ok {
				a.Reply += 5
			}
		}
		for i := range other.Final.List {
			other.Final.List[i] += 1000
		}
		if got, err := CheckExactlyOnce(other); err != nil || got.Verdict != want.Verdict || got.Class != want.Class || !slices.Equal(got.Core, want.Core) {
			t.Fatalf("renamed and later: %v %+v, want %+v", err, got, want)
		}
		rng.Shuffle(len(other.Attempts), func(i, j int) { a := other.Attempts; a[i], a[j] = a[j], a[i] })
		slices.Reverse(other.Final.List)
		if got, err := CheckExactlyOnce(other); err != nil || got.Verdict != want.Verdict || got.Class != want.Class {
			t.Fatalf("shuffled: %v %+v, want %+v", err, got, want)
		}
	}
	if len(seen) != 3 {
		t.Error(seen)
	}
}

// A copy gets the same report, byte for byte. (CheckLinearizable also takes a slice in any order; see
// TestDeterminism.)
func TestReportsAreDeterministic(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	for range histories(t, 200) {
		h, bound := claims(rng), int64(rng.IntN(3))
		for _, check := range kvChecks() {
			if a, b := check.Run(h, bound), check.Run(edited(h, func(*Operation) {}), bound); !reflect.DeepEqual(a, b) {
				t.Fatalf("%s: %+v, and then %+v", check.Name, a, b)
			}
		}
		l, q := leases(rng), requests(rng)
		a, _ := CheckLocks(l)
		b, _ := CheckLocks(&LockHistory{slices.Clone(l.Grants), slices.Clone(l.Accesses)})
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("locks: %+v, and then %+v", a, b)
		}
		a, _ = CheckExactlyOnce(q)
		b, _ = CheckExactlyOnce(&RequestHistory{slices.Clone(q.Attempts), q.Final})
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("once: %+v, and then %+v", a, b)
		}
	}
}
