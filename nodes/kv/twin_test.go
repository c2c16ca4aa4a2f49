package kv

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/saros-sim/saros/sim"
)

// twin is the dumb twin of a Store: plain maps, no memory reused, a digest that is
// computed from scratch.
type twin struct {
	values   map[string]Versioned
	graves   map[string]Versioned // of deleted keys: the tombstone
	sessions map[uint64]twinSession
	most     int
	timeout  int64
	now      int64
}

type twinSession struct {
	seq    uint64
	active int64
	reply  string
}

func newTwin(o Options) *twin {
	return &twin{values: map[string]Versioned{}, graves: map[string]Versioned{}, sessions: map[uint64]twinSession{}, most: o.Sessions, timeout: int64(o.SessionTimeout)}
}

func (w *twin) apply(index uint64, at int64, c Command) string {
	w.now = max(w.now, at)
	if c.Op == Register {
		if len(w.sessions) == w.most {
			ids := slices.Sorted(maps.Keys(w.sessions))
			idlest := slices.MinFunc(ids, func(a, b uint64) int { return int(w.sessions[a].active - w.sessions[b].active) })
			delete(w.sessions, idlest)
		}
		w.sessions[index] = twinSession{active: w.now}
		return encode(Reply{Session: index, Version: index})
	}
	s, ok := w.sessions[c.Session]
	switch {
	case !ok:
		return encode(Reply{Status: Expired, Version: index})
	case w.now-s.active > w.timeout:
		delete(w.sessions, c.Session)
		return encode(Reply{Status: Expired, Version: index})
	case c.Seq == 0, c.Seq < s.seq:
		return encode(Reply{Status: Stale, Version: index})
	case c.Seq == s.seq:
		return s.reply
	}
	reply := encode(w.do(index, c))
	w.sessions[c.Session] = twinSession{c.Seq, w.now, reply}
	return reply
}

func (w *twin) do(index uint64, c Command) Reply {
	key := string(c.Key)
	v, found := w.values[key]
	if !found {
		v = w.graves[key]
	}
	r := Reply{Version: index, Found: found}
	switch c.Op {
	case Get:
		r.Value = v.Value
	case Put:
		w.values[key] = Versioned{c.Value, index}
	case CompareAndSwap:
		if r.Swapped = found && bytes.Equal(v.Value, c.Old); r.Swapped {
			w.values[key] = Versioned{c.Value, index}
		} else {
			r.Value = v.Value
		}
	case Increment:
		n := int64(0)
		if found {
			if len(v.Value) != 8 {
				r.Status = Mismatch
				break
			}
			n, _ = Number(v.Value)
		}
		r.Value = number(n + c.Delta)
		w.values[key] = Versioned{r.Value, index}
	case Delete:
		r.Value = v.Value
		delete(w.values, key)
		w.graves[key] = Versioned{c.Value, index}
	}
	if w.values[key].Version == index {
		delete(w.graves, key)
	}
	return r
}

func (w *twin) digest() uint64 {
	var sum sim.Digest
	for key, v := range w.values {
		sum += sim.Digest(1).Bytes([]byte(key)).Word(v.Version).Bytes(v.Value)
	}
	for key, v := range w.graves {
		sum += sim.Digest(1).Bytes([]byte(key)).Word(v.Version).Bytes(v.Value).Word(0)
	}
	for id, s := range w.sessions {
		sum += sim.Digest(2).Word(id).Word(s.seq).Word(uint64(s.active)).Bytes([]byte(s.reply))
	}
	return uint64(sum)
}

func encode(r Reply) string { return string(r.Append(nil)) }

// entry is one of the log.
type entry struct {
	index   uint64
	at      int64
	command Command
}

func (e entry) String() string {
	c := e.command
	return fmt.Sprintf("entry %d at %v, %v %s of session %d, number %d,", e.index, time.Duration(e.at), c.Op, c.Key, c.Session, c.Seq)
}

// script draws a log as clients and leaders make it: repeats, late requests, sessions
// that time out, clocks that go back, few keys.
type script struct {
	choose   func(n int) int
	index    uint64
	at       int64
	sessions []uint64
	seqs     map[uint64]uint64
}

func newScript(choose func(n int) int) *script {
	return &script{choose: choose, seqs: map[uint64]uint64{}}
}

func (s *script) next() entry {
	s.index += 1 + uint64(s.choose(10)/9) // now and then the log has a barrier
	s.at += int64(s.choose(4)) * int64(time.Second)
	switch s.choose(30) {
	case 0:
		s.at += int64(20 * time.Second)
	case 1:
		s.at = max(0, s.at-int64(5*time.Second))
	}
	if len(s.sessions) == 0 || s.choose(8) == 0 {
		s.sessions = append(s.sessions, s.index)
		return entry{s.index, s.at, Command{Op: Register}}
	}
	id := s.sessions[max(0, len(s.sessions)-1-s.choose(6))]
	if s.choose(40) == 0 {
		id = uint64(s.choose(int(s.index) + 2)) // perhaps nobody's
	}
	switch s.choose(5) {
	case 0: // a repeat, if there was anything
	case 1:
		if s.choose(2) == 0 {
			s.seqs[id] += 2 // the client gave up on one
		}
	default:
		s.seqs[id]++
	}
	c := Command{
		Op:      Register + 1 + Op(s.choose(int(opEnd-Register)-1)),
		Session: id,
		Seq:     s.seqs[id] - min(s.seqs[id], uint64(s.choose(12)/10)),
		Key:     []byte("key" + string(rune('a'+s.choose(3)))),
		Value:   s.value(),
		Old:     s.value(),
		Delta:   int64(s.choose(5)) - 2,
	}
	if s.choose(10) == 0 {
		c.Key = nil
	}
	return entry{s.index, s.at, c}
}

func (s *script) value() []byte {
	switch s.choose(4) {
	case 0:
		return nil
	case 1:
		return []byte("text")
	}
	return number(int64(s.choose(3)))
}

var small = Options{Sessions: 4, SessionTimeout: 15 * time.Second}

// compare feeds a drawn log to a store and to its twin.
func compare(choose func(n int) int, rules *Rules, steps int) error {
	o := small
	o.Rules = rules
	store, twin, script := NewStore(o), newTwin(o), newScript(choose)
	reply := []byte("before")
	for range steps {
		e := script.next()
		reply = store.Apply(e.index, e.at, choose(2) == 0, e.command.Append(nil), reply[:6])
		if want := twin.apply(e.index, e.at, e.command); string(reply) != "before"+want {
			return fmt.Errorf("%v is answered %x, by the twin %x", e, reply[6:], want)
		}
		if store.Digest() != twin.digest() {
			return fmt.Errorf("%v leaves the digest %x, from scratch it is %x", e, store.Digest(), twin.digest())
		}
	}
	return nil
}

func drawing(t *rapid.T) func(n int) int {
	return func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
}

func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := compare(drawing(t), nil, rapid.IntRange(1, 120).Draw(t, "entries")); err != nil {
			t.Fatal(err)
		}
	})
}

// TestReplicas feeds one log to replicas that take it in batches of their own. One of
// them crashes between any two and is fed from the beginning, into memory that is
// Reset.
func TestReplicas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		choose := drawing(t)
		if err := agree(choose, nil, rapid.IntRange(1, 80).Draw(t, "entries")); err != nil {
			t.Fatal(err)
		}
	})
}

func agree(choose func(n int) int, rules *Rules, entries int) error {
	o := small
	o.Rules = rules
	script := newScript(choose)
	leader, follower := NewStore(o), NewStore(o)
	var log []entry
	var answers [][]byte
	apply := func(s *Store, e entry, leads bool) []byte {
		return s.Apply(e.index, e.at, leads, e.command.Append(nil), nil)
	}
	for done := 0; len(log) < entries; {
		for range 1 + choose(10) {
			e := script.next()
			log = append(log, e)
			answers = append(answers, apply(leader, e, true))
		}
		switch choose(3) {
		case 0: // it falls behind
			continue
		case 1: // it crashes
			follower.Reset(o)
			done = 0
		}
		for ; done < len(log); done++ {
			if b := apply(follower, log[done], false); !bytes.Equal(b, answers[done]) {
				return fmt.Errorf("%v is answered %x by the leader, %x by the follower", log[done], answers[done], b)
			}
		}
		if leader.Digest() != follower.Digest() {
			return fmt.Errorf("after entry %d the digests are %x and %x", log[len(log)-1].index, leader.Digest(), follower.Digest())
		}
	}
	return nil
}

// mutants are the rules of the session table with one replaced, and who notices.
var mutants = []struct {
	name          string
	twin, replica bool
	replace       func(r *Rules)
}{
	{"no repeat is recognized", true, false, func(r *Rules) { r.Repeats = func(*Session, uint64) bool { return false } }},
	{"only the last request is", true, false, func(r *Rules) { r.Repeats = func(s *Session, seq uint64) bool { return seq == s.Seq } }},
	{"only older ones are", true, false, func(r *Rules) { r.Repeats = func(s *Session, seq uint64) bool { return seq < s.Seq } }},
	{"the next one is, too", true, false, func(r *Rules) { r.Repeats = func(s *Session, seq uint64) bool { return seq <= s.Seq+1 } }},
	{"the leader alone remembers", true, true, func(r *Rules) { r.Remember = func(leader bool) bool { return leader } }},
	{"nobody remembers", true, false, func(r *Rules) { r.Remember = func(bool) bool { return false } }},
	{"a repeat is told that all is well", true, false, func(r *Rules) {
		r.Recall = func(s *Session) []byte { return (&Reply{Version: s.Seq}).Append(nil) }
	}},
	{"a repeat is told nothing", true, false, func(r *Rules) { r.Recall = func(*Session) []byte { return nil } }},
}

// TestConvicts replaces each rule: the twin must notice, and other replicas where they
// differ.
func TestConvicts(t *testing.T) {
	const seeds, entries = 40, 100
	run := func(test func(func(int) int, *Rules, int) error, rules Rules) (convicted int, first error) {
		for seed := range uint64(seeds) {
			if err := test(rand.New(rand.NewPCG(seed, 1)).IntN, &rules, entries); err != nil {
				convicted++
				if first == nil {
					first = err
				}
			}
		}
		return convicted, first
	}
	for _, test := range []func(func(int) int, *Rules, int) error{compare, agree} {
		if n, err := run(test, DefaultRules()); n > 0 {
			t.Fatalf("the correct rules: %v", err)
		}
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			rules := DefaultRules()
			m.replace(&rules)
			n, err := run(compare, rules)
			t.Logf("the twin convicts with %d of %d seeds; the first: %v", n, seeds, err)
			if n > 0 != m.twin {
				t.Errorf("convicted by the twin: %v", n > 0)
			}
			n, err = run(agree, rules)
			t.Logf("another replica with %d; the first: %v", n, err)
			if n > 0 != m.replica {
				t.Errorf("convicted by another replica: %v", n > 0)
			}
		})
	}
}
