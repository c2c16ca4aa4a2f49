package sim

import (
	"slices"
	"time"
)

// Channels: a link that is connection-oriented, as TCP is (RFC 9293). The first frame
// opens a connection, which takes a round trip. Its frames arrive in order, at most once;
// one that is lost or corrupted is late, not lost, and holds up those behind it. A
// connection carries one direction: each end opens its own.
//
//	sender                             receiver
//	  │ Send ─────── handshake ──────────▶ │ process dead, kernel alive: Refused
//	  │ ◀──────────────────────────────────│ alive: open
//	  │ frames ──────────────────────────▶ │ killed, or another incarnation: Reset
//	  │    ✂ cut, power off, machine suspended: retransmit after 1, 2, 4, … time-outs
//	  │ TimedOut after ChannelTimeout without an answer
//
// Answers come over the link back: while that is cut, frames still arrive, and the sender
// times out all the same. What was not delivered when the sender learns of the end is lost
// for good; its next Send opens another connection. A frame of an old connection is never
// delivered on a new one. When the sender dies, what has left it may still arrive.

// CloseReason is why a connection ended.
type CloseReason uint8

// The reasons.
const (
	Refused  CloseReason = iota + 1 // there was no process to accept the connection
	Reset                           // its other end was killed, or is not the one it was opened with
	TimedOut                        // nobody answered for ChannelTimeout
)

var closeNames = [...]string{"none", "refused", "reset", "timed_out"} //saros:constant names

// String names the reason as traces do.
func (r CloseReason) String() string { return closeNames[r] }

// Closer is what a Machine implements besides that wants to know of the end of the
// connections that it opened.
type Closer interface {
	// Closed handles the end of the connection to peer. Frames of it may be lost.
	Closed(env Env, peer NodeID, why CloseReason)
}

// Where LinkOptions leave them open.
const (
	channelTimeout = 10 * time.Second
	retransmit     = 200 * time.Millisecond
)

func (o *LinkOptions) timeout() time.Duration {
	if o.ChannelTimeout > 0 {
		return o.ChannelTimeout
	}
	return channelTimeout
}

// backoff is the time from the first transmission to the one after n lost ones, at most
// the timeout.
func (o *LinkOptions) backoff(n int) time.Duration {
	first, most := o.Retransmit, o.timeout()
	if first <= 0 {
		first = retransmit
	}
	if times := time.Duration(1)<<min(n, 40) - 1; times <= most/first {
		return times * first
	}
	return most
}

type channelState uint8

const (
	channelClosed channelState = iota
	channelOpening
	channelOpen
)

// channel is the connection of a directed link. While it is opening, or a frame cannot
// get through, what is sent waits in special.waiting.
type channel struct {
	state    channelState
	why      CloseReason // an answer is under way that ends the connection
	stalled  bool        // since a time nobody answers
	since    Time
	tries    int
	missed   bool   // a step fell into a clog
	number   uint32 // of the latest connection, from 1
	accepted uint32 // the connection whose frames are taken; 0: none
	sender   uint32 // incarnations
	receiver uint32
	last     Time   // when its latest frame arrives
	alarm    uint32 // number of the valid evChannel
}

// answer is what the other end of a connection says to a frame.
type answer uint8

const (
	yes     answer = iota
	silence        // the way there or back is cut, the power is off, the machine suspended
	refusal        // no process, or another one than the connection's
)

// sendOn sends a frame on the connection of a link, and opens one if there is none.
func (w *World) sendOn(s *special, at Time, kind Kind, occurrence uint32, frame []byte, draw *draws) {
	c := &s.channel
	if c.state == channelClosed {
		w.open(s, at)
	}
	blocked := c.state == channelOpening || s.clogs > 0 || len(s.waiting) > 0
	if blocked || !w.transmit(s, at, kind, frame, draw) {
		s.waiting = append(s.waiting, waiting{at, kind, occurrence, w.frames.put(frame), uint32(len(frame))})
		if !blocked {
			w.stall(s, at)
		}
		return
	}
	if w.response(s) == silence { // a refusal comes when the frame arrives
		w.stall(s, at)
	}
}

// open begins a connection: its first answer is due after a round trip, and after what it
// takes to get through.
func (w *World) open(s *special, at Time) {
	c, l := &s.channel, w.link(s.from, s.to)
	o := &w.linkOptions[l.options]
	*c = channel{state: channelOpening, since: at, number: c.number + 1, accepted: c.accepted,
		sender: w.nodes[s.from].incarnation, receiver: c.receiver, alarm: c.alarm}
	draw := draws{w: w, s: LinkStream(s.from, s.to), n: c.number, base: base(l.key, 0, c.number)}
	late := o.backoff(lostBefore(w.lossPPM(s, l, o, at), int64(draw.below(ChooseHandshakeLoss, million))))
	if late >= o.timeout() {
		w.end(s, TimedOut, at.Add(o.timeout()))
		return
	}
	there := l.delay(o, &draw, ChooseHandshake, ChooseHandshakeTail)
	w.wakeChannel(s, at.Add(late+there+w.back(s, ChooseReply, ChooseReplyTail)))
}

// transmit puts a frame on its way; false if it cannot get through for now. The
// retransmissions that a lossy link costs it are counted at once.
func (w *World) transmit(s *special, at Time, kind Kind, frame []byte, draw *draws) bool {
	c, l := &s.channel, w.link(s.from, s.to)
	o := &w.linkOptions[l.options]
	if l.cuts > 0 {
		return false
	}
	lost := 0
	if p := w.lossPPM(s, l, o, at) + o.CorruptPPM + s.corrupt; p > 0 {
		lost = lostBefore(p, int64(draw.below(ChooseLoss, million)))
	}
	late := o.backoff(lost)
	if late >= o.timeout() {
		return false
	}
	at, why := w.pass(s, at.Add(late), len(frame))
	if why != none {
		return false
	}
	ev := event{what: evFrame, kind: kind, node: s.to, from: s.from, gen: c.number, size: uint32(len(frame))}
	ev.arg = w.frames.put(frame)
	c.last = max(at.Add(l.delay(o, draw, ChooseDelay, ChooseTail)), c.last.Add(1))
	w.queue.push(c.last, w.queue.order(draw.below(ChooseTie, tieBound)), ev)
	return true
}

// lostBefore is how many transmissions in a row are lost, each with p ppm, as u says.
func lostBefore(p, u int64) (n int) {
	p = min(p, million)
	for q := p; u < q && n < 64; q = q * p / million {
		n++
	}
	return n
}

// response says what the receiver would answer now.
func (w *World) response(s *special) answer {
	n := w.nodes[s.to]
	switch {
	case w.link(s.from, s.to).cuts > 0 || w.link(s.to, s.from).cuts > 0 || w.severed(s),
		!n.up && n.off, n.keeping.suspended:
		return silence
	case !n.up || s.channel.state == channelOpen && n.incarnation != s.channel.receiver:
		return refusal
	}
	return yes
}

// back is how long an answer takes on the link back. The choice is the connection's.
func (w *World) back(s *special, delay, tail Choice) time.Duration {
	l, n := w.link(s.to, s.from), s.channel.number
	draw := draws{w: w, s: LinkStream(s.from, s.to), n: n, base: base(w.link(s.from, s.to).key, 0, n)}
	return l.delay(&w.linkOptions[l.options], &draw, delay, tail)
}

// wakeChannel schedules the next step of a connection, instead of any other.
func (w *World) wakeChannel(s *special, at Time) {
	c, l := &s.channel, w.link(s.from, s.to)
	c.alarm++
	draw := draws{w: w, s: LinkStream(s.from, s.to), n: c.alarm, base: base(l.key, 0, c.alarm)}
	w.queue.push(at, w.queue.order(draw.below(ChooseTieChannel, tieBound)),
		event{what: evChannel, node: s.to, from: s.from, gen: c.alarm, arg: l.special})
}

// stall notes that nobody answers a frame that was sent at a time.
func (w *World) stall(s *special, at Time) {
	if c := &s.channel; !c.stalled && c.why == 0 {
		c.stalled, c.since, c.tries = true, at, 0
		w.again(s, at)
	}
}

// again tries once more when the time-out, which doubles, has passed.
func (w *World) again(s *special, at Time) {
	c := &s.channel
	o := &w.linkOptions[w.link(s.from, s.to).options]
	if at >= c.since.Add(o.timeout()) {
		w.closeChannel(s, TimedOut)
		return
	}
	c.tries++
	w.wakeChannel(s, c.since.Add(min(max(o.backoff(c.tries), at.Sub(c.since)+1), o.timeout())))
}

// end lets the sender know at a time that its connection has ended.
func (w *World) end(s *special, why CloseReason, at Time) {
	if c := &s.channel; c.why == 0 {
		c.why = why
		w.wakeChannel(s, at)
	}
}

// onChannel takes the next step of a connection.
func (w *World) onChannel(ev event) {
	s := &w.net.specials[ev.arg]
	c := &s.channel
	if ev.gen != c.alarm || c.state == channelClosed {
		return
	}
	w.events++
	switch {
	case c.why != 0:
		w.closeChannel(s, c.why)
	case s.clogs > 0:
		c.missed = true // Unclog goes on
	case c.state == channelOpening:
		w.onHandshake(s)
	default:
		w.onRetransmit(s)
	}
}

func (w *World) onHandshake(s *special) {
	c := &s.channel
	switch w.response(s) {
	case silence:
		w.again(s, w.now)
	case refusal:
		w.closeChannel(s, Refused)
	case yes:
		c.state, c.stalled, c.last = channelOpen, false, w.now
		c.accepted, c.receiver = c.number, w.nodes[s.to].incarnation
		w.record(TraceOpen, s.to, s.from, 0, uint64(c.number), nil)
		w.onRetransmit(s)
	}
}

// onRetransmit sends what waits, as far as it gets through.
func (w *World) onRetransmit(s *special) {
	answer := w.response(s)
	if answer == refusal {
		w.closeChannel(s, Reset)
		return
	}
	through := 0
	for _, f := range s.waiting {
		draw := w.drawsOf(s, f.kind, f.occurrence)
		if !w.transmit(s, max(f.at, w.now), f.kind, w.frames.get(f.arg, f.size), &draw) {
			break
		}
		w.frames.drop(f.arg, f.size)
		through++
	}
	s.waiting = slices.Delete(s.waiting, 0, through)
	c := &s.channel
	switch {
	case len(s.waiting) == 0 && answer == yes:
		c.stalled = false
	case c.stalled && through == 0:
		w.again(s, w.now)
	default:
		c.stalled = false
		w.stall(s, w.now)
	}
}

// closeChannel ends a connection and tells its sender.
func (w *World) closeChannel(s *special, why CloseReason) {
	c := &s.channel
	w.record(TraceReset, s.from, s.to, 0, uint64(why), nil)
	w.forget(s)
	c.accepted = 0
	n := w.nodes[s.from]
	if _, ok := n.machine.(Closer); ok && n.up && n.incarnation == c.sender {
		w.serve(n, event{what: evClosed, kind: Kind(why), node: s.from, from: s.to, gen: n.incarnation})
	}
}

// forget drops what waits for a connection, and the connection at its sender's end.
func (w *World) forget(s *special) {
	c := &s.channel
	for _, f := range s.waiting {
		w.record(TraceLost, s.to, s.from, f.kind, lostReset, nil)
		w.frames.drop(f.arg, f.size)
	}
	s.waiting = s.waiting[:0]
	c.state, c.why, c.stalled = channelClosed, 0, false
	c.alarm++
}

// accepts tells whether node n takes a frame that arrives on a connection. If not, the
// frame is lost, and its sender finds out.
func (w *World) accepts(n *node, ev event) bool {
	s := &w.net.specials[w.link(ev.from, ev.node).special]
	c := &s.channel
	if n.up && c.accepted == ev.gen && c.receiver == n.incarnation {
		return true
	}
	reason := uint64(lostReset)
	if !n.up {
		reason = lostDown
	}
	w.record(TraceLost, n.id, ev.from, ev.kind, reason, nil)
	w.frames.drop(ev.arg, ev.size)
	if c.state == channelOpen && c.number == ev.gen {
		if w.response(s) == silence {
			w.stall(s, w.now)
		} else {
			w.end(s, Reset, w.now.Add(w.back(s, ChooseReset, ChooseResetTail)))
		}
	}
	return false
}

// hangUp is what the connections of node n, whose process ends now, come to: a kernel
// that lives resets those that lead to it.
func (w *World) hangUp(n *node) {
	for i := range w.net.specials[1:] {
		s := &w.net.specials[i+1]
		c := &s.channel
		switch {
		case c.state == channelClosed:
		case s.from == n.id:
			w.forget(s)
		case s.to == n.id && c.state == channelOpen && !n.off && w.link(s.to, s.from).cuts == 0:
			w.end(s, Reset, w.now.Add(w.back(s, ChooseReset, ChooseResetTail)))
		}
	}
}
