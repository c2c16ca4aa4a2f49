package sim

import (
	"fmt"
	"math/bits"
	"time"
)

// The network: a frame that is sent is lost, delayed, duplicated and overtaken as
// its directed link decides. Packets that are under way when a partition begins
// still arrive: a cut refuses what is sent, not what has left.

// LinkOptions describe a directed link. The zero value is a perfect wire.
type LinkOptions struct {
	Min          time.Duration // least delay
	Mean         time.Duration // mean of the random part on top of it
	Shape        DelayShape    // distribution of the random part
	SigmaMille   int64         // LogNormal: standard deviation of the logarithm, in thousandths
	AlphaMille   int64         // Pareto: tail index in thousandths, above 1,000
	Table        *Quantiles    // Measured: the distribution; Mean does not count
	TailPPM      int64         // share of messages in the heavy tail
	TailFactor   int64         // by which their delay is multiplied; 0 counts as 1
	Max          time.Duration // no frame is under way for longer, whatever disturbs the link; 0: no limit
	LossPPM      int64
	DuplicatePPM int64
	CorruptPPM   int64         // share of frames of which 1 to 3 bits are flipped
	ReplayPPM    int64         // share of frames of which a copy arrives late, even after a crash or a cut
	ReplayMax    time.Duration // by at most so much; 0: there are no late copies
	BurstLossPPM int64         // added to LossPPM while the link is in its bad state
	BurstGood    time.Duration // mean time in the good state; 0: 1 s
	BurstBad     time.Duration // mean time in the bad state; 0: 50 ms
	Once         bool          // a connection: a frame arrives at most once, whatever disturbs the link

	Channel        bool          // a connection that also keeps order, retransmits, and can end: Closer
	ChannelTimeout time.Duration // after which silence ends it; 0: 10 s
	Retransmit     time.Duration // first retransmission time-out; it doubles; 0: 200 ms
}

// Disturbance is trouble added to a directed link for a while.
type Disturbance struct {
	DelayFactor  int64 // multiplies every delay; 0 and 1 leave it alone
	TailPPM      int64 // these are added to the link's own
	LossPPM      int64
	DuplicatePPM int64
	CorruptPPM   int64
	ReplayPPM    int64
	ReplayMax    time.Duration
	BurstLossPPM int64
}

// kindSlots is how many message kinds a link counts apart: kinds that are equal
// modulo kindSlots share a counter (and still hash differently).
const kindSlots = 16

type link struct {
	key             uint64 // of the default Decider
	sent            [kindSlots]uint32
	options         uint16 // index into World.linkOptions
	cuts            uint16 // partitions in force
	factor          int32  // product of the disturbances' delay factors
	tail, loss, dup int32
	special         uint32 // index into World.net.specials; 0: a plain wire
}

func (w *World) link(from, to NodeID) *link {
	return &w.links[int(from)*w.stride+int(to)]
}

// SetLink gives the directed link from → to options of its own.
func (w *World) SetLink(from, to NodeID, o LinkOptions) {
	w.layout()
	o = o.checked()
	if o.special() {
		w.special(from, to)
	}
	w.net.channels = w.net.channels || o.Channel
	for i, have := range w.linkOptions {
		if have == o {
			w.link(from, to).options = uint16(i)
			return
		}
	}
	w.linkOptions = append(w.linkOptions, o)
	w.link(from, to).options = uint16(len(w.linkOptions) - 1)
}

// Cut makes the directed link from → to lose everything that is sent from now on,
// until as many Mends have come as Cuts.
func (w *World) Cut(from, to NodeID) bool {
	w.layout()
	l := w.link(from, to)
	l.cuts++
	w.record(TraceCut, to, from, 0, uint64(l.cuts), nil)
	return l.cuts == 1
}

// Mend takes one Cut back.
func (w *World) Mend(from, to NodeID) bool {
	w.layout()
	l := w.link(from, to)
	if l.cuts == 0 {
		return false
	}
	l.cuts--
	w.record(TraceMend, to, from, 0, uint64(l.cuts), nil)
	return l.cuts == 0
}

// Disturb adds trouble to the directed link from → to; Calm takes the same away.
func (w *World) Disturb(from, to NodeID, d Disturbance) bool {
	if d == (Disturbance{}) || d == (Disturbance{DelayFactor: 1}) {
		return false
	}
	w.disturb(from, to, d, 1)
	return true
}

// Calm takes back a Disturbance that was added to the link before.
func (w *World) Calm(from, to NodeID, d Disturbance) bool {
	w.disturb(from, to, d, -1)
	return true
}

// disturbance is what of a link a Disturbance changes, as its trace tells it.
type disturbance uint8

const (
	delayFactor disturbance = iota
	tailPPM
	lossPPM
	duplicatePPM
	corruptPPM
	replayPPM
	burstLossPPM
)

//saros:constant names
var disturbanceNames = [...]string{"delay_factor", "tail_ppm", "loss_ppm", "duplicate_ppm", "corrupt_ppm", "replay_ppm", "burst_loss_ppm"}

// disturb adds sign times d to a link. The trace has a line for each part that
// changes, with what is in force then.
func (w *World) disturb(from, to NodeID, d Disturbance, sign int64) {
	w.layout()
	l := w.link(from, to)
	if factor := int32(max(d.DelayFactor, 1)); factor > 1 {
		if l.factor = max(l.factor, 1); sign > 0 {
			l.factor *= factor
		} else {
			l.factor /= factor
		}
		w.disturbed(from, to, delayFactor, int64(l.factor))
	}
	disturbPart(w, from, to, tailPPM, &l.tail, sign*d.TailPPM)
	disturbPart(w, from, to, lossPPM, &l.loss, sign*d.LossPPM)
	disturbPart(w, from, to, duplicatePPM, &l.dup, sign*d.DuplicatePPM)
	if d.CorruptPPM|d.ReplayPPM|int64(d.ReplayMax)|d.BurstLossPPM == 0 {
		return
	}
	s := w.special(from, to)
	s.replayMax += time.Duration(sign) * d.ReplayMax
	disturbPart(w, from, to, corruptPPM, &s.corrupt, sign*d.CorruptPPM)
	disturbPart(w, from, to, replayPPM, &s.replay, sign*d.ReplayPPM)
	disturbPart(w, from, to, burstLossPPM, &s.burst, sign*d.BurstLossPPM)
}

// disturbPart changes one part of what disturbs a link, if it changes.
func disturbPart[T int32 | int64](w *World, from, to NodeID, part disturbance, have *T, by int64) {
	if by != 0 {
		*have += T(by)
		w.disturbed(from, to, part, int64(*have))
	}
}

func (w *World) disturbed(from, to NodeID, part disturbance, now int64) {
	w.record(TraceDisturb, to, from, Kind(part), uint64(now), nil)
}

// admit panics when a frame cannot be sent: now, in the handler that has the bug, not
// when the frame leaves.
func (w *World) admit(n *node, to NodeID, frame []byte) {
	if to == 0 || int(to) >= len(w.nodes) {
		panic(fmt.Sprintf("sim: node %d sends to node %d, which is not there (%d nodes)", n.id, to, len(w.nodes)-1))
	}
	if len(frame) > MaxFrame {
		panic(fmt.Sprintf("sim: node %d sends a frame of %d bytes; the limit is %d", n.id, len(frame), MaxFrame))
	}
}

// send puts a frame on the link from n at time at. The frame is copied.
func (w *World) send(n *node, at Time, to NodeID, kind Kind, frame []byte) {
	l := w.link(n.id, to)
	o := &w.linkOptions[l.options]
	occurrence := l.sent[kind%kindSlots]
	l.sent[kind%kindSlots]++
	w.messages++
	draw := draws{w: w, s: 0, kind: kind, n: occurrence, base: base(l.key, Choice(kind), occurrence)}
	if w.decider != nil {
		draw.s = LinkStream(n.id, to)
	}
	if l.special != 0 {
		w.sendSpecial(&w.net.specials[l.special], at, kind, occurrence, frame, &draw)
		return
	}
	if l.cuts > 0 {
		w.record(TraceLost, to, n.id, kind, lostCut, nil)
		return
	}
	if p := o.LossPPM + int64(l.loss); p > 0 && int64(draw.below(ChooseLoss, million)) < p {
		w.record(TraceLost, to, n.id, kind, lostLoss, nil)
		return
	}
	ev := event{what: evFrame, kind: kind, node: to, from: n.id, size: uint32(len(frame))}
	ev.arg = w.frames.put(frame)
	w.queue.push(at.Add(l.delay(o, &draw, ChooseDelay, ChooseTail)), w.queue.order(draw.below(ChooseTie, tieBound)), ev)
	if p := o.DuplicatePPM + int64(l.dup); p > 0 && !o.Once && int64(draw.below(ChooseDuplicate, million)) < p {
		ev.arg = w.frames.put(frame)
		w.queue.push(at.Add(l.delay(o, &draw, ChooseDelayCopy, ChooseTailCopy)), w.queue.order(draw.below(ChooseTieCopy, tieBound)), ev)
		w.record(TraceDuplicate, to, n.id, kind, 0, nil)
	}
}

// delay draws one delay: the least plus a random part, multiplied in the heavy
// tail and under a disturbance.
func (l *link) delay(o *LinkOptions, draw *draws, delay, tail Choice) time.Duration {
	d := o.Min
	if o.Mean > 0 {
		if u := draw.below(delay, 1<<32); o.Shape == Exponential {
			d += exponential(o.Mean, u)
		} else {
			d += o.quantile(u)
		}
	}
	if p := o.TailPPM + int64(l.tail); p > 0 && int64(draw.below(tail, million)) < p {
		d *= time.Duration(max(o.TailFactor, 1))
	}
	if l.factor > 1 {
		d *= time.Duration(l.factor)
	}
	if o.Max > 0 && d > o.Max {
		return o.Max
	}
	return d
}

// draws makes the several choices of one occurrence: inline for the default Decider,
// for it is asked a few times a message, through the interface for any other.
type draws struct {
	w    *World
	s    Stream
	kind Kind
	n    uint32
	base uint64
}

func (d *draws) below(c Choice, bound uint64) uint64 {
	if d.w.decider == nil {
		hi, _ := bits.Mul64(fork(d.base, c), bound)
		return hi
	}
	return d.w.decider.Decide(d.s, Choice(d.kind)<<8|c, d.n, bound)
}

// exponential is the quantile u/2^32 of an exponential distribution with a mean,
// from a table of integers: machines round floats differently (law 4). Between two
// entries it is linear; past the last one it is capped at 11.1 means.
func exponential(mean time.Duration, u uint64) time.Duration {
	i := u >> (32 - expBits)
	frac := u & (1<<(32-expBits) - 1)
	lo, hi := uint64(expTable[i]), uint64(expTable[i+1])
	q := lo + (hi-lo)*frac>>(32-expBits)
	high, low := bits.Mul64(uint64(mean), q)
	return time.Duration(high<<(64-expShift) | low>>expShift)
}

// frames holds the bytes of all frames under way, in slots of a few sizes that are
// reused: a frame costs a copy and no allocation.
type frames struct {
	class [frameClasses]struct {
		slots [][]byte
		free  []uint32
	}
}

// spoilt is what a frame holds after its handler has returned.
const spoilt = "\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb" +
	"\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb" +
	"\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb" +
	"\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb\xdb"

const (
	frameClasses = 8
	frameMin     = 64 // bytes of the smallest class; each class is four times the one before
	frameBlock   = 16 // slots made at a time
)

func frameClass(n int) int {
	c := 0
	for size := frameMin; size < n; size *= 4 {
		c++
	}
	return c
}

func (f *frames) reset() {
	for i := range f.class {
		c := &f.class[i]
		c.free = c.free[:0]
		for j := len(c.slots) - 1; j >= 0; j-- {
			c.free = append(c.free, uint32(j))
		}
	}
}

// put copies b into a slot and returns its handle.
func (f *frames) put(b []byte) uint32 {
	class := frameClass(len(b))
	c := &f.class[class]
	if len(c.free) == 0 {
		size := frameMin << (2 * class)
		n := frameBlock
		if size > 4096 {
			n = 1
		}
		block := make([]byte, n*size)
		for i := range n {
			c.slots = append(c.slots, block[i*size:(i+1)*size:(i+1)*size])
			c.free = append(c.free, uint32(len(c.slots)-1))
		}
	}
	i := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	copy(c.slots[i], b)
	return uint32(class)<<24 | i
}

func (f *frames) get(handle, size uint32) []byte {
	return f.class[handle>>24].slots[handle&0xffffff][:size:size]
}

// drop gives a slot back. Its bytes are spoiled first, so that a machine that keeps
// a frame is found out at once.
func (f *frames) drop(handle, size uint32) {
	c := &f.class[handle>>24]
	b := c.slots[handle&0xffffff][:size]
	for len(b) > 0 {
		b = b[copy(b, spoilt):]
	}
	c.free = append(c.free, handle&0xffffff)
}
