package kv

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// replica is a store that is fed a log entry by entry, as a table test wants it.
type replica struct {
	t testing.TB
	*Store
	index uint64
	now   time.Duration // log time of the next entry
}

func newReplica(t testing.TB, o Options) *replica { return &replica{t: t, Store: NewStore(o)} }

// apply does a command as the next entry and returns its reply and the reply's bytes.
func (r *replica) apply(c Command) (Reply, string) {
	r.t.Helper()
	r.index++
	b := r.Apply(r.index, int64(r.now), true, c.Append(nil), nil)
	reply, err := DecodeReply(b)
	require.NoError(r.t, err, "the reply to %v %q", c.Op, c.Key)
	return reply, string(b)
}

// register opens a session.
func (r *replica) register() uint64 {
	r.t.Helper()
	reply, _ := r.apply(Command{Op: Register})
	require.Equal(r.t, Reply{Version: r.index, Session: r.index, Value: []byte{}}, reply)
	return reply.Session
}

func number(n int64) []byte { return AppendNumber(nil, n) }

func TestOperations(t *testing.T) {
	get := Command{Op: Get, Key: []byte("k")}
	remove := Command{Op: Delete, Key: []byte("k")}
	put := func(value string) Command { return Command{Op: Put, Key: []byte("k"), Value: []byte(value)} }
	swap := func(old, value string) Command {
		return Command{Op: CompareAndSwap, Key: []byte("k"), Old: []byte(old), Value: []byte(value)}
	}
	add := func(n int64) Command { return Command{Op: Increment, Key: []byte("k"), Delta: n} }
	bury := func(tombstone string) Command {
		return Command{Op: Delete, Key: []byte("k"), Value: []byte(tombstone)}
	}
	grave := func(tombstone string) Reply { return Reply{Value: []byte(tombstone)} }
	found := func(value string) Reply { return Reply{Found: true, Value: []byte(value)} }
	missing, was := Reply{}, Reply{Found: true}
	swapped := Reply{Found: true, Swapped: true}

	for _, c := range []struct {
		name     string
		commands []Command
		want     []Reply // without Version, which is the entry's index
	}{
		{"get of a missing key", []Command{get}, []Reply{missing}},
		{"put, then get", []Command{put("1"), get}, []Reply{missing, found("1")}},
		{"put over a value", []Command{put("one"), put("2"), get}, []Reply{missing, was, found("2")}},
		{"put of nothing is a value", []Command{put(""), get}, []Reply{missing, found("")}},
		{"delete of a missing key", []Command{remove, get}, []Reply{missing, missing}},
		{"delete, then get", []Command{put("1"), remove, get, remove}, []Reply{missing, found("1"), missing, missing}},
		{"a tombstone stays until the next value", []Command{bury("a"), get, bury("b"), put("1"), bury("c"), swap("1", "2"), get},
			[]Reply{missing, grave("a"), grave("a"), missing, found("1"), grave("c"), grave("c")}},
		{"a tombstone is no number", []Command{bury("a"), add(2), get}, []Reply{missing, {Value: number(2)}, found(string(number(2)))}},
		{"put after delete", []Command{put("one"), remove, put("2"), get}, []Reply{missing, found("one"), missing, found("2")}},
		{"swap", []Command{put("1"), swap("1", "2"), get}, []Reply{missing, swapped, found("2")}},
		{"swap that expects another value shows the present one", []Command{put("1"), swap("2", "3"), get},
			[]Reply{missing, found("1"), found("1")}},
		{"swap of a missing key", []Command{swap("", "1"), get}, []Reply{missing, missing}},
		{"swap of a deleted key expects nothing", []Command{put(""), remove, swap("", "1"), get},
			[]Reply{missing, found(""), missing, missing}},
		{"swap for the same value", []Command{put("1"), swap("1", "1")}, []Reply{missing, swapped}},
		{"increment of a missing key", []Command{add(5), get},
			[]Reply{{Value: number(5)}, found(string(number(5)))}},
		{"increment of a deleted key", []Command{add(5), remove, add(2)},
			[]Reply{{Value: number(5)}, found(string(number(5))), {Value: number(2)}}},
		{"increment of a number", []Command{put(string(number(40))), add(2), add(-50)},
			[]Reply{missing, found(string(number(42))), found(string(number(-8)))}},
		{"increment of something else", []Command{put("1"), add(1), get},
			[]Reply{missing, {Status: Mismatch, Found: true}, found("1")}},
		{"swap of a counter", []Command{add(1), swap(string(number(1)), "x"), get},
			[]Reply{{Value: number(1)}, swapped, found("x")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReplica(t, Options{})
			session := r.register()
			for i, command := range c.commands {
				command.Session, command.Seq = session, uint64(i+1)
				reply, _ := r.apply(command)
				want := c.want[i]
				want.Version = r.index
				if want.Value == nil {
					want.Value = []byte{}
				}
				assert.Equal(t, want, reply, "%d: %v", i+1, command.Op)
			}
		})
	}
}

func TestKeysAreApart(t *testing.T) {
	r := newReplica(t, Options{})
	session := r.register()
	keys := []string{"", "a", "aa", "b", strings.Repeat("k", MaxBytes)}
	for i, key := range keys {
		r.apply(Command{Op: Put, Session: session, Seq: uint64(i + 1), Key: []byte(key), Value: []byte(fmt.Sprint("value ", i))})
	}
	for i, key := range keys {
		reply, ok := r.Read(99, (&Command{Op: Get, Key: []byte(key)}).Append(nil), nil)
		require.True(t, ok)
		got, err := DecodeReply(reply)
		require.NoError(t, err)
		assert.Equal(t, Reply{Found: true, Version: 99, Value: []byte(fmt.Sprint("value ", i))}, got)
	}
}

// TestRead: a read from the present state answers gets only, and changes nothing.
func TestRead(t *testing.T) {
	r := newReplica(t, Options{})
	session := r.register()
	r.apply(Command{Op: Increment, Session: session, Seq: 1, Key: []byte("k"), Delta: 3})
	digest := r.Digest()
	for op := Register; op < opEnd; op++ {
		reply, ok := r.Read(7, (&Command{Op: op, Session: session, Seq: 2, Key: []byte("k")}).Append(nil), []byte("before"))
		assert.Equal(t, op == Get, ok, "%v", op)
		if !ok {
			assert.Equal(t, "before", string(reply), "%v", op)
		}
	}
	reply, ok := r.Read(7, []byte("no command"), nil)
	assert.False(t, ok)
	assert.Empty(t, reply)
	assert.Equal(t, digest, r.Digest())
}

func TestMalformedCommandsChangeNothing(t *testing.T) {
	r := newReplica(t, Options{})
	r.register()
	digest := r.Digest()
	good := (&Command{Op: Put, Session: 1, Seq: 1, Key: []byte("key"), Value: []byte("value")}).Append(nil)
	for name, bad := range map[string][]byte{
		"empty":                {},
		"header cut":           good[:commandHeader-1],
		"value cut":            good[:len(good)-1],
		"trailing byte":        append(bytes.Clone(good), 0),
		"no operation":         append([]byte{0}, good[1:]...),
		"an unknown operation": append([]byte{byte(opEnd)}, good[1:]...),
	} {
		reply, err := DecodeReply(r.Apply(9, 0, true, bad, nil))
		require.NoError(t, err)
		assert.Equal(t, Reply{Status: Malformed, Version: 9, Value: []byte{}}, reply, name)
		assert.Equal(t, digest, r.Digest(), name)
	}
}

// TestMemoryIsItsOwn: the store keeps nothing of what is handed in, and hands out
// nothing that it keeps.
func TestMemoryIsItsOwn(t *testing.T) {
	r := newReplica(t, Options{})
	session := r.register()
	command := (&Command{Op: Put, Session: session, Seq: 1, Key: []byte("key"), Value: []byte("value")}).Append(nil)
	put := r.Apply(2, 0, true, command, nil)
	first := string(put)
	digest := r.Digest()
	clear(command)
	clear(put)
	get := (&Command{Op: Get, Session: session, Seq: 2, Key: []byte("key")}).Append(nil)
	b, _ := r.Read(3, get, nil)
	reply, err := DecodeReply(b)
	require.NoError(t, err)
	assert.Equal(t, "value", string(reply.Value))
	clear(b)
	b, _ = r.Read(3, get, nil)
	reply, _ = DecodeReply(b)
	assert.Equal(t, "value", string(reply.Value))
	assert.Equal(t, digest, r.Digest())
	repeat := (&Command{Op: Put, Session: session, Seq: 1, Key: []byte("key"), Value: []byte("value")}).Append(nil)
	b = r.Apply(3, 0, true, repeat, []byte("before "))
	assert.Equal(t, "before "+first, string(b), "the reply is appended")
}

func TestCountersAndNames(t *testing.T) {
	r := newReplica(t, Options{})
	session := r.register()
	c := Command{Op: Put, Session: session, Seq: 1, Key: []byte("k")}
	r.apply(c)
	r.apply(c)
	r.apply(c)
	r.apply(Command{Op: Get, Session: 77, Seq: 1})
	assert.Equal(t, uint64(2), r.Repeats())
	assert.Equal(t, uint64(1), r.Expired())
	r.Reset(Options{})
	assert.Zero(t, r.Repeats())
	assert.Zero(t, r.Expired())
	assert.Zero(t, r.Digest())

	assert.Equal(t, "cas", CompareAndSwap.String())
	assert.Equal(t, "op?", opEnd.String())
}

// TestSteadyStateAllocatesNothing: puts and gets of known keys, and repeats.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	s := NewStore(Options{})
	s.Apply(1, 0, true, (&Command{Op: Register}).Append(nil), nil)
	commands := []Command{
		{Op: Put, Session: 1, Key: []byte("a key"), Value: []byte("a value")},
		{Op: Get, Session: 1, Key: []byte("a key")},
		{Op: CompareAndSwap, Session: 1, Key: []byte("a key"), Old: []byte("a value"), Value: []byte("a val")},
		{Op: Increment, Session: 1, Key: []byte("a counter"), Delta: 1},
		{Op: Delete, Session: 1, Key: []byte("a key")},
	}
	index, seq := uint64(1), uint64(0)
	var frame, reply []byte
	round := func() {
		for i := range commands {
			seq++
			commands[i].Seq = seq
			frame = commands[i].Append(frame[:0])
			for range 2 { // and once more
				index++
				reply = s.Apply(index, int64(index), true, frame, reply[:0])
			}
		}
	}
	round()
	assert.Zero(t, testing.AllocsPerRun(1000, round))
	assert.Equal(t, seq, s.Repeats())
}

func BenchmarkApply(b *testing.B) {
	s := NewStore(Options{})
	s.Apply(1, 0, true, (&Command{Op: Register}).Append(nil), nil)
	c := Command{Op: Put, Session: 1, Key: []byte("a key"), Value: []byte("a value")}
	var frame, reply []byte
	b.ReportAllocs()
	for b.Loop() {
		c.Seq++
		frame = c.Append(frame[:0])
		reply = s.Apply(c.Seq, int64(c.Seq), true, frame, reply[:0])
	}
}
