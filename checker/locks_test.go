package checker

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// locksWrong is the definition, pair by pair: the class of what is wrong with the first lock that has
// something, or "".
func locksWrong(h *LockHistory) string {
	for _, l := range []string{"a", "b"} {
		repeated, falls, overlap, fencing := false, false, false, false
		for i, a := range h.Grants {
			for j, b := range h.Grants {
				if i == j || a.Lock != l || b.Lock != l {
					continue
				}
				held := a.From < a.Until && b.From < b.Until && a.From < b.Until && b.From < a.Until
				repeated = repeated || a.Token == b.Token
				falls = falls || a.Return < b.Call && a.Token > b.Token
				overlap = overlap || held && a.Holder != b.Holder
			}
		}
		for _, a := range h.Accesses {
			for _, b := range h.Accesses {
				fencing = fencing || a.Lock == l && b.Lock == l && a.Accepted && b.Accepted && a.At < b.At && a.Token > b.Token
			}
		}
		switch {
		case repeated:
			return "locks/token-repeated"
		case falls:
			return "locks/token-falls"
		case overlap:
			return "locks/overlap"
		case fencing:
			return "locks/fencing"
		}
	}
	return ""
}

// locksSay reports whether any two records could contradict each other.
func locksSay(h *LockHistory) bool {
	grants, accepted := map[string]int{}, map[string]int{}
	for _, g := range h.Grants {
		grants[g.Lock]++
	}
	for _, a := range h.Accesses {
		if a.Accepted {
			accepted[a.Lock]++
		}
	}
	for _, l := range []string{"a", "b"} {
		if grants[l] > 1 || accepted[l] > 1 {
			return true
		}
	}
	return false
}

// leases makes a lock service that keeps its promises, save for a lie in some.
func leases(rng *rand.Rand) *LockHistory {
	h := &LockHistory{}
	now, free := int64(1), [3]int64{}
	base := uint64(rng.IntN(2)) * (1<<63 - 4)
	for i := range rng.IntN(6) {
		holder := rng.IntN(3)
		call := max(free[holder], now-int64(rng.IntN(2))+int64(rng.IntN(3)))
		g := Grant{string(rune('a' + rng.IntN(4)/3)), int32(holder), base + uint64(i+1), call, call + int64(rng.IntN(3)), 0, 0}
		g.From = g.Return
		g.Until = g.From + int64(rng.IntN(3))
		now, free[holder] = g.Until, g.Return
		if rng.IntN(8) == 0 {
			g.Until += 5 // too long, save for its holder
		}
		if rng.IntN(12) == 0 {
			g.Token = base + uint64(1+rng.IntN(6))
		}
		h.Grants = append(h.Grants, g)
	}
	for i := range rng.IntN(5) {
		h.Accesses = append(h.Accesses, Access{string(rune('a' + rng.IntN(4)/3)), 0, base + uint64(i+1+rng.IntN(2)), int64(rng.IntN(4) + i), rng.IntN(3) > 0})
	}
	return h
}

func TestOracleLocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	rounds, invalid := histories(t, 50_000), 0
	seen := map[string]int{}
	for range rounds {
		h := leases(rng)
		r, err := CheckLocks(h)
		want := Valid
		switch {
		case locksWrong(h) != "":
			want = Invalid
		case !locksSay(h):
			want = Unknown
		}
		if err != nil || want != r.Verdict || want == Unknown && r.Reason != ReasonVacuous {
			t.Fatalf("%v, %s, want %s: %+v\n%s", err, r.Verdict, want, h, r.Text)
		}
		toldLocks(t, h, r)
		if r.Verdict != Invalid {
			continue
		}
		invalid++
		seen[r.Class]++
		core := &LockHistory{}
		for _, id := range r.Core {
			if id < len(h.Grants) {
				core.Grants = append(core.Grants, h.Grants[id])
			} else {
				core.Accesses = append(core.Accesses, h.Accesses[id-len(h.Grants)])
			}
		}
		key := ""
		for _, g := range core.Grants {
			key = g.Lock
		}
		for _, a := range core.Accesses {
			key = a.Lock
		}
		if len(r.Core) != 2 || r.Key != key || r.Op != r.Core[1] || r.Class != locksWrong(h) || r.Class != locksWrong(core) {
			t.Fatalf("%s: want %s, core %v alone is %q: %+v", r.Class, locksWrong(h), r.Core, locksWrong(core), core)
		}
	}
	if invalid*10 < rounds || invalid*10 > 9*rounds || len(seen) != 4 {
		t.Errorf("%d of %d invalid: %v", invalid, rounds, seen)
	}
	t.Logf("%d histories, %d invalid: %v", rounds, invalid, seen)
}

// writtenLocks is the file of a history.
func writtenLocks(t *testing.T, h *LockHistory) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteLocks(&b, h); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLockFile(t *testing.T) {
	h := &LockHistory{
		Grants:   []Grant{{"a<\n", -1, 1, 0, 5, 5, 10}, {"b", 2, 1<<64 - 1, 11, 15, 12, 20}},
		Accesses: []Access{{"a<\n", -1, 1, 7, true}, {"b", 2, 2, 16, false}},
	}
	file := writtenLocks(t, h)
	if again, err := ReadLocks(strings.NewReader(file)); err != nil || !reflect.DeepEqual(again, h) {
		t.Errorf("%v: %+v, want %+v", err, again, h)
	}
	if file := writtenLocks(t, &LockHistory{}); file != `{"schema":"saros/locks/v1"}`+"\n" {
		t.Errorf("empty: %q", file)
	}
}

const (
	lockHeader = `{"schema":"saros/locks/v1"}` + "\n"
	grant0     = `{"type":"grant","id":0,"lock":"l","holder":1,"token":1,"call":0,"return":5,"from":5,"until":10}` + "\n"
	access1    = `{"type":"access","id":1,"lock":"l","holder":1,"token":1,"at":7,"accepted":true}` + "\n"
)

var malformedLocks = []struct{ file, want string }{
	{"", "line 1: no header"},
	{"\n", "line 1: want the header"},
	{strings.TrimSuffix(lockHeader, "\n"), "line 1: cut short"},
	{strings.Replace(lockHeader, "v1", "v2", 1), "line 1: want the header"},
	{lockHeader + strings.TrimSuffix(grant0, "\n"), "line 2: cut short"},
	{lockHeader + "\n", "line 2: unexpected end of JSON input"},
	{lockHeader + " " + grant0, "line 2: not spelled as it is written"},
	{lockHeader + grant0 + grant0, "line 3: not spelled as it is written"}, // the second has id 1
	{lockHeader + access1 + grant0, "line 2: not spelled"},
	{lockHeader + grant0 + access1 + strings.Replace(grant0, `"id":0`, `"id":2`, 1), "line 4: a grant behind an access"},
	{lockHeader + strings.Replace(grant0, "grant", "release", 1), `line 2: unknown type "release"`},
	{lockHeader + strings.Replace(grant0, `"lock":"l"`, `"lock":"l","lock":"m"`, 1), "line 2: not spelled"},
	{lockHeader + strings.Replace(grant0, `"until":10`, `"until":10,"note":1`, 1), "line 2: not spelled"},
	{lockHeader + strings.Replace(grant0, `"until":10`, `"until":1e1`, 1), "line 2: json: cannot unmarshal"},
	{lockHeader + strings.Replace(grant0, `"lock":"l"`, "\"lock\":\"\xff\"", 1), "line 2: "},
	{lockHeader + strings.Replace(grant0, `"token":1`, `"token":0`, 1), "line 2: a grant without a token"},
	{lockHeader + strings.Replace(grant0, `"token":1`, `"token":-1`, 1), "line 2: json: cannot unmarshal"},
	{lockHeader + strings.Replace(grant0, `"return":5`, `"return":-5`, 1), "line 2: called at 0, returned at -5"},
	{lockHeader + strings.Replace(grant0, `"call":0`, `"call":-1`, 1), "line 2: called at -1"},
	{lockHeader + strings.Replace(grant0, `"until":10`, `"until":4`, 1), "line 2: called at 0, held from 5 until 4"},
	{lockHeader + strings.Replace(grant0, `"call":0,"return":5,"from":5`, `"call":3,"return":5,"from":2`, 1), "line 2: called at 3, held from 2"},
	{lockHeader + strings.Replace(grant0, `"until":10`, `"until":9000000000000000000`, 1), "line 2: called at 0, held from 5"},
	{lockHeader + grant0 + strings.Replace(access1, `"at":7`, `"at":-7`, 1), "line 3: at -7"},
	{lockHeader + grant0 + strings.Replace(access1, `"token":1`, `"token":0`, 1), "line 3: an access without a token"},
	{lockHeader + grant0 + strings.Replace(access1, `"at":7`, `"at":7.5`, 1), "line 3: json: cannot unmarshal"},
	{lockHeader + grant0 + strings.Replace(grant0, `"id":0`, `"id":1`, 1), "line 3: session 1 calls at 0 while its record 0 is open"},
}

func TestMalformedLocks(t *testing.T) {
	for _, tt := range malformedLocks {
		if h, err := ReadLocks(strings.NewReader(tt.file)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q: %v, %+v, want %q", tt.file, err, h, tt.want)
		}
	}
	for want, h := range map[string]*LockHistory{
		"record 0: a grant without a token":        {Grants: []Grant{{Lock: "l"}}},
		"record 1: an access without a token":      {Grants: []Grant{{Lock: "l", Token: 1}}, Accesses: []Access{{Lock: "l"}}},
		"record 0: session 3 calls at 1 while its": {Grants: []Grant{{"l", 3, 2, 1, 2, 3, 4}, {"m", 3, 1, 0, 2, 3, 4}}},
		`record 0: key "\xff" is not UTF-8`:        {Grants: []Grant{{Lock: "\xff", Token: 1}}},
	} {
		if r, err := CheckLocks(h); err == nil || !strings.Contains(err.Error(), want) || !reflect.DeepEqual(r, Report{}) {
			t.Errorf("%v, %+v, want %q", err, r, want)
		}
		var b bytes.Buffer
		if err := WriteLocks(&b, h); err == nil || b.Len() > 0 {
			t.Errorf("%s: written all the same: %v %q", want, err, b.String())
		}
	}
}

// Whatever the bytes: no panic; and what is read is well formed and written again byte for byte.
func FuzzReadLocks(f *testing.F) {
	for _, tt := range malformedLocks {
		f.Add([]byte(tt.file))
	}
	f.Add([]byte(lockHeader + grant0 + access1))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := ReadLocks(bytes.NewReader(file))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("the error names no line: %v", err)
			}
			return
		}
		if _, err := CheckLocks(h); err != nil {
			t.Fatal(err)
		}
		if again := writtenLocks(t, h); again != string(file) {
			t.Errorf("read %q, wrote %q", file, again)
		}
	})
}
