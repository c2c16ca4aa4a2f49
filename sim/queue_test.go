package sim

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sortedQueue is the dumb twin of queue: a slice, searched from end to end.
type sortedQueue struct {
	pending []twinEvent
	seq     uint32
}

type twinEvent struct {
	at  Time
	tie uint64
	seq uint32
}

func (a twinEvent) before(b twinEvent) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	if a.tie != b.tie {
		return a.tie < b.tie
	}
	return a.seq < b.seq
}

func (s *sortedQueue) push(at Time, tie uint64) twinEvent {
	s.seq++
	e := twinEvent{at, tie, s.seq}
	s.pending = append(s.pending, e)
	return e
}

func (s *sortedQueue) least() int {
	least := 0
	for i := range s.pending {
		if s.pending[i].before(s.pending[least]) {
			least = i
		}
	}
	return least
}

func (s *sortedQueue) pop() twinEvent {
	i := s.least()
	e := s.pending[i]
	s.pending = append(s.pending[:i], s.pending[i+1:]...)
	return e
}

// queueAgreesWithTwin draws a mix of pushes, pops and looks, with many events at one
// instant and many equal ties.
func queueAgreesWithTwin(t *rapid.T) {
	var q queue
	var twin sortedQueue
	times := rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 1000), rapid.Just(int64(End)))
	ties := rapid.OneOf(rapid.Uint64Range(0, 1), rapid.SampledFrom([]uint64{0, 1, tieBound / 2, tieBound - 2, tieBound - 1}))
	push := func(t *rapid.T) {
		e := twin.push(Time(times.Draw(t, "at")), ties.Draw(t, "tie"))
		order := q.first()
		if e.tie > 0 {
			order = q.order(e.tie)
		}
		q.push(e.at, order, event{arg: e.seq})
	}
	pop := func(t *rapid.T) {
		if len(twin.pending) == 0 {
			return
		}
		want := twin.pop()
		k, ev := q.pop()
		if k.at != want.at || ev.arg != want.seq || k.lo>>(slotBits+seqBits) != want.tie {
			t.Fatalf("popped event %d at %d, tie %d; the twin says %+v", ev.arg, k.at, k.lo>>(slotBits+seqBits), want)
		}
	}
	look := func(t *rapid.T) {
		want := End
		if len(twin.pending) > 0 {
			want = twin.pending[twin.least()].at
		}
		if got := q.next(); got != want {
			t.Fatalf("next event is due at %d; the twin says %d", got, want)
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"push":          push,
		"push more":     push,
		"pop":           pop,
		"pop then push": func(t *rapid.T) { pop(t); push(t) }, // the hole is filled
		"next":          look,
		"": func(t *rapid.T) {
			if q.len() != len(twin.pending) {
				t.Fatalf("%d events pending; the twin says %d", q.len(), len(twin.pending))
			}
		},
	})
	for len(twin.pending) > 0 {
		pop(t)
	}
	look(t)
}

func TestQueueAgreesWithTwin(t *testing.T) { check(t, 300, queueAgreesWithTwin) }

func FuzzQueue(f *testing.F) { f.Fuzz(rapid.MakeFuzz(queueAgreesWithTwin)) }

// A deep queue: small mixes alone would never see a third level of the heap.
func TestQueueDrainsInOrder(t *testing.T) {
	t.Parallel()
	var q queue
	r := Source{D: Keyed{7}, S: NemesisStream(0)}
	const n = 5000
	for i := range uint32(n) {
		q.push(Time(r.Below(500)), q.order(r.Below(tieBound)), event{arg: i})
	}
	seen := make([]bool, n)
	last := key{}
	for i := range n {
		k, ev := q.pop()
		require.False(t, k.before(last), "event %d came before its turn: %v after %v", i, k, last)
		require.False(t, seen[ev.arg], "event %d was popped twice", ev.arg)
		last, seen[ev.arg] = k, true
	}
	assert.Zero(t, q.len())
	assert.Equal(t, End, q.next())
}

// The tie and the sequence decide, the slot of the slab never does.
func TestQueueSlotDecidesNothing(t *testing.T) {
	t.Parallel()
	var fresh, used queue
	for i := range uint32(100) { // leaves the free list in another order
		used.push(Time(i*37%50), used.order(0), event{})
	}
	for used.len() > 0 {
		used.pop()
	}
	for i := range uint32(100) {
		fresh.push(5, fresh.order(3), event{arg: i})
		used.push(5, used.order(3), event{arg: i})
	}
	for i := range uint32(100) {
		_, a := fresh.pop()
		_, b := used.pop()
		require.Equal(t, i, a.arg)
		require.Equal(t, i, b.arg)
	}
}

// Tie 0 is kept for what must come before all else in an instant.
func TestQueueFirstIsFirst(t *testing.T) {
	t.Parallel()
	var q queue
	q.push(5, q.order(0), event{arg: 1})
	q.push(5, q.first(), event{arg: 2})
	q.push(4, q.order(tieBound-1), event{arg: 3})
	for _, want := range []uint32{3, 2, 1} {
		_, ev := q.pop()
		assert.Equal(t, want, ev.arg)
	}
}

func TestQueueSaysWhenItIsFull(t *testing.T) {
	var q queue
	for range maxPending {
		q.push(9, q.order(0), event{})
	}
	assert.PanicsWithValue(t, fmt.Sprintf("sim: more than %d events pending at 9ns", maxPending),
		func() { q.push(9, q.order(0), event{}) })
}

func TestQueueResetForgets(t *testing.T) {
	t.Parallel()
	var q queue
	for range 10 {
		q.push(1, q.order(0), event{arg: 1})
	}
	q.pop() // leaves a hole
	q.reset()
	assert.Zero(t, q.len())
	assert.Zero(t, q.seq)
	assert.Equal(t, End, q.next())
	q.push(4, q.order(0), event{arg: 2})
	k, ev := q.pop()
	assert.Equal(t, Time(4), k.at)
	assert.EqualValues(t, 2, ev.arg)
}
