package sim

import "fmt"

// The event queue: a 4-ary heap of 16-byte keys over a slab of pointer-free events.
// Popping leaves a hole at the root that the next push fills, for most events
// schedule another: one sift instead of two (performance.md measures the choice).
//
// Order is (time, tie, sequence), the kernel's law 2. The low word of a key packs
//
//	63      48 47                 20 19          0
//	+---------+---------------------+-------------+
//	|   tie   |      sequence       |    slot     |
//	+---------+---------------------+-------------+
//
// and the slot, which says where the event lies, never decides: no two pending
// events share a sequence number.
const (
	slotBits   = 20
	seqBits    = 28
	maxPending = 1 << slotBits
	slotMask   = maxPending - 1
	seqMask    = 1<<seqBits - 1
	tieBound   = 1 << 16
)

type key struct {
	at Time
	lo uint64
}

func (a key) before(b key) bool { return a.at < b.at || a.at == b.at && a.lo < b.lo }

type queue struct {
	keys []key
	hole bool // keys[0] was popped and is to be filled
	slab []event
	free []uint32
	seq  uint64
}

func (q *queue) reset() {
	q.keys, q.slab, q.free = q.keys[:0], q.slab[:0], q.free[:0]
	q.hole, q.seq = false, 0
}

func (q *queue) len() int {
	if q.hole {
		return len(q.keys) - 1
	}
	return len(q.keys)
}

// order makes the part of a key above the slot: the tie, and the next sequence number.
// Tie 0 is kept for first, and counts as 1.
func (q *queue) order(tie uint64) uint64 { return q.sequence(max(tie, 1)) }

// first makes an order that comes before all of order's in the same instant.
func (q *queue) first() uint64 { return q.sequence(0) }

func (q *queue) sequence(tie uint64) uint64 {
	q.seq++
	return tie<<(slotBits+seqBits) | (q.seq&seqMask)<<slotBits
}

// push schedules ev at a time, under an order made by order.
func (q *queue) push(at Time, order uint64, ev event) {
	var slot uint32
	if n := len(q.free); n > 0 {
		slot = q.free[n-1]
		q.free = q.free[:n-1]
		q.slab[slot] = ev
	} else {
		if len(q.slab) == maxPending {
			panic(fmt.Sprintf("sim: more than %d events pending at %v", maxPending, at))
		}
		slot = uint32(len(q.slab))
		q.slab = append(q.slab, ev)
	}
	k := key{at, order | uint64(slot)}
	if q.hole {
		q.hole = false
		q.down(k)
		return
	}
	q.keys = append(q.keys, k)
	i := len(q.keys) - 1
	for i > 0 {
		p := (i - 1) / 4
		if !k.before(q.keys[p]) {
			break
		}
		q.keys[i] = q.keys[p]
		i = p
	}
	q.keys[i] = k
}

// next is the time of the earliest event; End if there is none.
func (q *queue) next() Time {
	q.fill()
	if len(q.keys) == 0 {
		return End
	}
	return q.keys[0].at
}

// pop takes the earliest event out. The queue must not be empty.
func (q *queue) pop() (key, event) {
	q.fill()
	k := q.keys[0]
	q.hole = true
	slot := uint32(k.lo & slotMask)
	q.free = append(q.free, slot)
	return k, q.slab[slot]
}

func (q *queue) fill() {
	if !q.hole {
		return
	}
	q.hole = false
	n := len(q.keys) - 1
	k := q.keys[n]
	q.keys = q.keys[:n]
	if n > 0 {
		q.down(k)
	}
}

// down places k at the root and sifts it to its place.
func (q *queue) down(k key) {
	keys := q.keys
	i := 0
	for {
		c := 4*i + 1
		if c >= len(keys) {
			break
		}
		least := c
		for j := c + 1; j < min(c+4, len(keys)); j++ {
			if keys[j].before(keys[least]) {
				least = j
			}
		}
		if !keys[least].before(k) {
			break
		}
		keys[i] = keys[least]
		i = least
	}
	keys[i] = k
}

// event is what the queue holds: no pointers, so that the garbage collector has
// nothing to look at.
type event struct {
	what eventKind
	kind Kind   // of a frame
	node NodeID // whom it concerns
	from NodeID // sender of a frame
	gen  uint32 // incarnation that asked for it
	arg  uint32 // frame slot, timer, disk operation, intervention
	size uint32 // bytes of a frame; generation of a timer entry
}

type eventKind uint8

const (
	evFrame     eventKind = iota // a frame arrives
	evTimer                      // a timer may be due
	evIO                         // a disk operation ends
	evReady                      // a busy node can serve its next event
	evRelease                    // held effects leave
	evIntervene                  // a fault or a heal
	evStart                      // a client starts
	evEmit                       // an adversary sends what it has kept; from: to whom
	evAnswer                     // an NTP client's servers have answered
	evChannel                    // the next step of a connection
	evClosed                     // a machine is told of the end of a connection
)
