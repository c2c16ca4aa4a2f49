package sim

import (
	"bytes"
	"time"
)

// Adversary makes a liar of a node: every frame that the node's machine sends is handed
// to it when it leaves, instead of to the network (Byzantine failure: Lamport, Shostak,
// Pease 1982; the machine itself stays correct, for others see no more of a node than its
// frames). It may let the frame pass, change it, keep it, or send others. What it
// remembers outlives the node's incarnations; make a new one for every node of every run.
//
// The adversaries here know no protocol. One that must encode and sign lives beside
// its protocol.
type Adversary interface {
	// Outgoing is given a copy of the frame that the adversary may change, valid during
	// the call.
	Outgoing(env AdversaryEnv, to NodeID, kind Kind, frame []byte)
}

// AdversaryEnv is what an Adversary can do. It is valid during the call of Outgoing.
type AdversaryEnv interface {
	// Self is the node whose frames are handed in.
	Self() NodeID
	// Now is true time: nothing is hidden from the worst of liars.
	Now() Time
	// Rand returns a number in [0, bound), from the adversary's own stream.
	Rand(bound uint64) uint64
	// Emit sends a frame to anybody, of any kind; it is copied. It leaves after a while,
	// whether the node is up by then or not, unless the adversary is gone.
	Emit(to NodeID, kind Kind, frame []byte, after time.Duration)
}

// SetAdversary puts an adversary between node n and the network; nil takes it away, and
// with it what it has not sent yet.
func (w *World) SetAdversary(id NodeID, a Adversary) bool {
	n := w.nodes[id]
	if n.client != nil || n.adversary == nil && a == nil {
		return false
	}
	n.adversary = a
	n.adversaries++
	present := uint64(0)
	if a != nil {
		present = 1
	}
	w.record(TraceAdversary, id, 0, 0, present, nil)
	return true
}

// liar is the AdversaryEnv of one outgoing frame.
type liar struct {
	n       *node
	at      Time
	to      NodeID
	kind    Kind
	frame   []byte // as the machine sent it
	copied  []byte // and as the adversary may change it
	emitted uint64
	passed  bool // emitted once as it was
}

// lie hands a frame to the adversary. The trace tells of it unless the adversary lets the
// frame pass.
func (w *World) lie(n *node, at Time, to NodeID, kind Kind, frame []byte) {
	l := &w.liar
	*l = liar{n: n, at: at, to: to, kind: kind, frame: frame, copied: append(l.copied[:0], frame...)}
	n.adversary.Outgoing(l, to, kind, l.copied)
	l.frame = nil
	if l.emitted != 1 || !l.passed {
		w.record(TraceLie, n.id, to, kind, l.emitted, nil)
	}
}

func (l *liar) Self() NodeID { return l.n.id }
func (l *liar) Now() Time    { return l.at }

func (l *liar) Rand(bound uint64) uint64 {
	l.n.lies++
	return l.n.w.decide(AdversaryStream(l.n.id), ChooseLie, l.n.lies-1, max(bound, 1))
}

func (l *liar) Emit(to NodeID, kind Kind, frame []byte, after time.Duration) {
	n, w := l.n, l.n.w
	w.admit(n, to, frame)
	l.emitted++
	l.passed = to == l.to && kind == l.kind && after <= 0 && bytes.Equal(frame, l.frame)
	if after <= 0 {
		w.send(n, l.at, to, kind, frame)
		return
	}
	n.emissions++
	tie := w.decide(AdversaryStream(n.id), ChooseTie, n.emissions-1, tieBound)
	w.queue.push(l.at.Add(after), w.queue.order(tie),
		event{what: evEmit, kind: kind, node: n.id, from: to, gen: n.adversaries, arg: w.frames.put(frame), size: uint32(len(frame))})
}

// emit is the moment at which a frame leaves that an adversary has kept for a while.
func (w *World) emit(n *node, ev event) {
	if ev.gen == n.adversaries {
		w.events++
		w.send(n, w.now, ev.from, ev.kind, w.frames.get(ev.arg, ev.size))
	}
	w.frames.drop(ev.arg, ev.size)
}

// Withhold keeps a share of the frames.
type Withhold struct{ PPM uint64 }

// Outgoing implements Adversary.
func (a Withhold) Outgoing(env AdversaryEnv, to NodeID, kind Kind, frame []byte) {
	if env.Rand(million) >= a.PPM {
		env.Emit(to, kind, frame, 0)
	}
}

// Flip turns one bit of a share of the frames.
type Flip struct{ PPM uint64 }

// Outgoing implements Adversary.
func (a Flip) Outgoing(env AdversaryEnv, to NodeID, kind Kind, frame []byte) {
	if env.Rand(million) < a.PPM && len(frame) > 0 {
		bit := env.Rand(uint64(len(frame)) * 8)
		frame[bit/8] ^= 1 << (bit % 8)
	}
	env.Emit(to, kind, frame, 0)
}

// Replay sends, with a share of the frames, one of the last sixteen again, to whom it
// went then, within a second.
type Replay struct {
	PPM  uint64
	sent [16]sentFrame
	n    int
}

type sentFrame struct {
	to    NodeID
	kind  Kind
	frame []byte
}

// Outgoing implements Adversary.
func (a *Replay) Outgoing(env AdversaryEnv, to NodeID, kind Kind, frame []byte) {
	env.Emit(to, kind, frame, 0)
	if a.n > 0 && env.Rand(million) < a.PPM {
		old := &a.sent[env.Rand(uint64(min(a.n, len(a.sent))))]
		env.Emit(old.to, old.kind, old.frame, time.Duration(env.Rand(uint64(time.Second))))
	}
	old := &a.sent[a.n%len(a.sent)]
	old.to, old.kind, old.frame = to, kind, append(old.frame[:0], frame...)
	a.n++
}

// Equivocate tells a share of its frames to each receiver in another version: the same
// frame, sent to two, differs in one byte.
type Equivocate struct {
	PPM  uint64
	last []byte
	at   uint64
	lies bool
}

// Outgoing implements Adversary.
func (a *Equivocate) Outgoing(env AdversaryEnv, to NodeID, kind Kind, frame []byte) {
	if !bytes.Equal(a.last, frame) {
		a.last = append(a.last[:0], frame...)
		a.lies, a.at = env.Rand(million) < a.PPM, env.Rand(uint64(max(len(frame), 1)))
	}
	if a.lies && len(frame) > 0 {
		frame[a.at] += byte(to)
	}
	env.Emit(to, kind, frame, 0)
}
