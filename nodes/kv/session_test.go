package kv

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Sessions (Ongaro, 6.3): a repeat is answered and not done again.

func increment(session, seq uint64) Command {
	return Command{Op: Increment, Session: session, Seq: seq, Key: []byte("n"), Delta: 1}
}

// counter reads the counter that increment counts.
func (r *replica) counter() int64 {
	r.t.Helper()
	b, _ := r.Read(0, (&Command{Op: Get, Key: []byte("n")}).Append(nil), nil)
	reply, err := DecodeReply(b)
	require.NoError(r.t, err)
	n, _ := Number(reply.Value)
	return n
}

// TestRepeat: the answer to a repeat is the very answer of the first try, whatever
// happened in between, and the state stays what it was.
func TestRepeat(t *testing.T) {
	for _, c := range []Command{
		{Op: Get, Key: []byte("n")},
		{Op: Put, Key: []byte("n"), Value: number(3)},
		{Op: CompareAndSwap, Key: []byte("n"), Old: number(1), Value: number(5)},
		{Op: CompareAndSwap, Key: []byte("n"), Old: number(2), Value: number(5)},
		{Op: Increment, Key: []byte("n"), Delta: 7},
		{Op: Increment, Key: []byte("text"), Delta: 7},
		{Op: Delete, Key: []byte("n")},
	} {
		t.Run(fmt.Sprint(c.Op, " ", string(c.Key)), func(t *testing.T) {
			r := newReplica(t, Options{})
			mine, other := r.register(), r.register()
			r.apply(increment(other, 1))
			r.apply(Command{Op: Put, Session: other, Seq: 2, Key: []byte("text"), Value: []byte("text")})
			c.Session, c.Seq = mine, 1
			first, bytes := r.apply(c)
			assert.Equal(t, r.index, first.Version)
			r.apply(increment(other, 3))
			before := r.Digest()
			for range 3 {
				r.now += time.Second
				_, again := r.apply(c)
				assert.Equal(t, bytes, again)
			}
			assert.Equal(t, before, r.Digest(), "a repeat changed the state")
			// Only the number tells a repeat: the client vouches for the rest.
			_, again := r.apply(Command{Op: Delete, Session: mine, Seq: 1, Key: []byte("n")})
			assert.Equal(t, bytes, again)
		})
	}
}

// TestStale: a request older than the session's last is neither done nor answered as
// if it were: its answer is gone, and its client has moved on.
func TestStale(t *testing.T) {
	r := newReplica(t, Options{})
	session := r.register()
	r.apply(increment(session, 1))
	r.apply(increment(session, 5)) // numbers may be left out
	for seq := uint64(1); seq < 5; seq++ {
		reply, _ := r.apply(increment(session, seq))
		assert.Equal(t, Reply{Status: Stale, Version: r.index, Value: []byte{}}, reply)
	}
	assert.Equal(t, int64(2), r.counter())
	reply, _ := r.apply(increment(session, 6))
	assert.Equal(t, OK, reply.Status)
	assert.Equal(t, int64(3), r.counter())
}

// TestExactlyOnce: a counter incremented n times reads n, however often each request
// arrives, early or late.
func TestExactlyOnce(t *testing.T) {
	r := newReplica(t, Options{})
	session := r.register()
	const n = 20
	for seq := uint64(1); seq <= n; seq++ {
		for range 1 + seq%3 {
			r.apply(increment(session, seq))
		}
		r.apply(increment(session, max(1, seq-seq%5))) // one that was long under way
	}
	assert.Equal(t, int64(n), r.counter())
}

// TestExpiry: a session ends when it was idle for longer than the timeout by the clock
// of the log. It is not created again by a late repeat, which would be done twice.
func TestExpiry(t *testing.T) {
	const timeout = time.Minute
	expired := func(t *testing.T, r *replica, c Command) {
		t.Helper()
		before := r.counter()
		for range 2 {
			reply, _ := r.apply(c)
			assert.Equal(t, Reply{Status: Expired, Version: r.index, Value: []byte{}}, reply)
		}
		assert.Equal(t, before, r.counter())
	}
	t.Run("idle for the timeout and no longer", func(t *testing.T) {
		r := newReplica(t, Options{SessionTimeout: timeout})
		session := r.register()
		for seq := uint64(1); seq < 4; seq++ {
			r.now += timeout
			reply, _ := r.apply(increment(session, seq))
			assert.Equal(t, OK, reply.Status)
		}
		r.now += timeout + 1
		expired(t, r, increment(session, 4))
		expired(t, r, increment(session, 3)) // the repeat of what was done
		assert.Equal(t, int64(3), r.counter())
		assert.Equal(t, uint64(4), r.Expired())
	})
	t.Run("a repeat keeps nothing alive", func(t *testing.T) {
		r := newReplica(t, Options{SessionTimeout: timeout})
		session := r.register()
		r.apply(increment(session, 1))
		r.now += timeout
		reply, _ := r.apply(increment(session, 1))
		assert.Equal(t, OK, reply.Status)
		r.now++
		expired(t, r, increment(session, 1))
	})
	t.Run("a session that was never used", func(t *testing.T) {
		r := newReplica(t, Options{SessionTimeout: timeout})
		session := r.register()
		r.now += timeout + 1
		expired(t, r, increment(session, 1))
	})
	t.Run("the log's clock does not go back", func(t *testing.T) {
		r := newReplica(t, Options{SessionTimeout: timeout})
		session := r.register()
		r.now = timeout + 1
		other := r.register() // an entry with a late clock
		r.now = 0             // and one of a leader whose clock is behind
		expired(t, r, increment(session, 1))
		reply, _ := r.apply(increment(other, 1))
		assert.Equal(t, OK, reply.Status)
		r.now = 2*timeout + 1 // idle since the log's time, not since the entry's
		reply, _ = r.apply(increment(other, 2))
		assert.Equal(t, OK, reply.Status)
	})
	t.Run("a session that never was", func(t *testing.T) {
		r := newReplica(t, Options{SessionTimeout: timeout})
		expired(t, r, increment(0, 1))
		expired(t, r, increment(77, 1))
		r.register()
		expired(t, r, increment(77, 1))
		assert.Len(t, r.sessions, 1)
	})
	t.Run("defaults", func(t *testing.T) {
		r := newReplica(t, Options{})
		session := r.register()
		r.now = time.Hour
		reply, _ := r.apply(increment(session, 1))
		assert.Equal(t, OK, reply.Status)
		r.now = 2*time.Hour + 1
		expired(t, r, increment(session, 2))
	})
}

// TestExpiryIsTheLogs: replicas that differ in role and in when they learn of the
// entries let a session end at the same entry.
func TestExpiryIsTheLogs(t *testing.T) {
	const timeout = time.Minute
	o := Options{SessionTimeout: timeout}
	leader, follower, late := NewStore(o), NewStore(o), NewStore(o)
	var log [][]byte
	at := []time.Duration{0, time.Second, time.Second + timeout, time.Second, time.Second + 2*timeout, 2 + time.Second + 3*timeout, 3*timeout - 1}
	for i := range at {
		c := increment(1, uint64(i))
		if i == 0 {
			c = Command{Op: Register}
		}
		log = append(log, c.Append(nil))
	}
	var statuses []Status
	for i, command := range log {
		a := leader.Apply(uint64(i+1), int64(at[i]), true, command, nil)
		b := follower.Apply(uint64(i+1), int64(at[i]), false, command, nil)
		assert.Equal(t, a, b, "entry %d", i+1)
		assert.Equal(t, leader.Digest(), follower.Digest(), "entry %d", i+1)
		reply, err := DecodeReply(a)
		require.NoError(t, err)
		statuses = append(statuses, reply.Status)
	}
	for i, command := range log { // all at once, when all is long over
		late.Apply(uint64(i+1), int64(at[i]), i%2 == 0, command, nil)
	}
	assert.Equal(t, leader.Digest(), late.Digest())
	assert.Equal(t, []Status{OK, OK, OK, OK, OK, Expired, Expired}, statuses)
}

// TestEviction: one session too many ends the idlest one. Its owner learns of it and
// must not be taken for somebody new.
func TestEviction(t *testing.T) {
	r := newReplica(t, Options{Sessions: 3})
	a := r.register()
	b := r.register()
	c := r.register()
	r.now = time.Second
	r.apply(increment(a, 1))
	r.now = 2 * time.Second
	r.apply(increment(c, 1)) // b is the idlest: it has done nothing since 0 s
	d := r.register()
	for _, s := range []struct {
		session uint64
		want    Status
	}{{a, OK}, {b, Expired}, {c, OK}, {d, OK}, {b, Expired}} {
		reply, _ := r.apply(increment(s.session, 2))
		assert.Equal(t, s.want, reply.Status, "session %d", s.session)
	}
	assert.Equal(t, int64(5), r.counter())

	// Of equally idle ones the oldest goes: every replica must choose the same.
	r = newReplica(t, Options{Sessions: 2})
	a, b = r.register(), r.register()
	c = r.register()
	reply, _ := r.apply(increment(a, 1))
	assert.Equal(t, Expired, reply.Status)
	d = r.register() // a's late try did not bring it back: b is the next
	for _, s := range []struct {
		session uint64
		want    Status
	}{{a, Expired}, {b, Expired}, {c, OK}, {d, OK}} {
		reply, _ := r.apply(increment(s.session, 1))
		assert.Equal(t, s.want, reply.Status, "session %d", s.session)
	}
	assert.Len(t, r.sessions, 2)
}

// TestEvictedBeforeRepeat is the schedule of a lost update: the request is done, its
// answer is lost, the session is evicted, the client repeats the request.
func TestEvictedBeforeRepeat(t *testing.T) {
	r := newReplica(t, Options{Sessions: 1})
	session := r.register()
	r.apply(increment(session, 1))
	r.register()
	reply, _ := r.apply(increment(session, 1))
	assert.Equal(t, Expired, reply.Status)
	assert.Equal(t, int64(1), r.counter())
}

// TestNumberZero: requests are numbered from 1. One with the number 0 is neither new nor
// the repeat of anything, and it gets an answer.
func TestNumberZero(t *testing.T) {
	r := newReplica(t, Options{})
	reply, _ := r.apply(increment(r.register(), 0))
	assert.Equal(t, Stale, reply.Status)
	assert.Zero(t, r.counter())
}
