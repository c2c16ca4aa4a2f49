package sim

import "time"

// A link that is more than a plain wire: clogged, corrupting, replaying, losing in
// bursts. What it needs for that lives beside the table of links, so that a plain wire
// pays one branch.

// network is the part of a World's network that plain wires know nothing of.
type network struct {
	specials []special // specials[0] is nobody's
	pipes    []pipe
	domains  []domain
	channels bool // there may be one
}

func (n *network) reset(channels bool) {
	if len(n.specials) == 0 {
		n.specials = append(n.specials, special{})
	}
	n.specials = n.specials[:1]
	n.pipes = n.pipes[:0]
	n.domains = n.domains[:0]
	n.channels = channels
}

// special is what one such directed link keeps.
type special struct {
	from, to               NodeID
	clogs                  int
	corrupt, replay, burst int64 // ppm of the disturbances in force
	replayMax              time.Duration
	waiting                []waiting // at a clog, in the order in which they were sent
	bursts                 bursts
	route                  []PipeID
	circuit                circuit
	channel                channel
}

// waiting is a frame that cannot leave yet. Its occurrence was counted when it was sent.
type waiting struct {
	at         Time
	kind       Kind
	occurrence uint32
	arg, size  uint32
}

// special tells whether a link with these options is more than a plain wire.
func (o *LinkOptions) special() bool {
	return o.CorruptPPM > 0 || o.ReplayPPM > 0 || o.BurstLossPPM > 0 || o.Channel
}

// special makes the directed link from → to a special one.
func (w *World) special(from, to NodeID) *special {
	l, net := w.link(from, to), &w.net
	if l.special == 0 {
		k := len(net.specials)
		l.special = uint32(k)
		if k < cap(net.specials) { // its slices are reused
			net.specials = net.specials[:k+1]
		} else {
			net.specials = append(net.specials, special{})
		}
		s := &net.specials[k]
		*s = special{from: from, to: to, waiting: s.waiting[:0], route: s.route[:0]}
	}
	return &net.specials[l.special]
}

// Clog makes frames that are sent on the directed link from → to wait, until as many
// Unclogs have come as Clogs: then they leave in the order in which they were sent, each
// with a delay of its own. Nothing is lost by it (FoundationDB's clogging, Zhou et al.,
// SIGMOD 2021, 4.1).
func (w *World) Clog(from, to NodeID) bool {
	w.layout()
	s := w.special(from, to)
	s.clogs++
	w.record(TraceClog, to, from, 0, uint64(s.clogs), nil)
	return s.clogs == 1
}

// Unclog takes one Clog back. A frame that waited meets the link as it is now: a cut
// loses it.
func (w *World) Unclog(from, to NodeID) bool {
	w.layout()
	l := w.link(from, to)
	if l.special == 0 || w.net.specials[l.special].clogs == 0 {
		return false
	}
	s := &w.net.specials[l.special]
	s.clogs--
	w.record(TraceUnclog, to, from, 0, uint64(s.clogs), nil)
	if s.clogs > 0 {
		return false
	}
	if c := &s.channel; c.state != channelClosed {
		if c.why == 0 && (c.missed || c.state == channelOpen) {
			c.missed = false
			w.wakeChannel(s, w.now)
		}
		return true
	}
	for _, f := range s.waiting {
		draw := w.drawsOf(s, f.kind, f.occurrence)
		w.leave(s, max(f.at, w.now), f.kind, w.frames.get(f.arg, f.size), &draw)
		w.frames.drop(f.arg, f.size)
	}
	s.waiting = s.waiting[:0]
	return true
}

// drawsOf makes the choices of one occurrence of a kind on a special link.
func (w *World) drawsOf(s *special, kind Kind, occurrence uint32) draws {
	l := w.link(s.from, s.to)
	return draws{w: w, s: LinkStream(s.from, s.to), kind: kind, n: occurrence, base: base(l.key, Choice(kind), occurrence)}
}

func (w *World) sendSpecial(s *special, at Time, kind Kind, occurrence uint32, frame []byte, draw *draws) {
	if w.linkOptions[w.link(s.from, s.to).options].Channel {
		w.sendOn(s, at, kind, occurrence, frame, draw)
		return
	}
	if s.clogs > 0 && w.link(s.from, s.to).cuts == 0 {
		s.waiting = append(s.waiting, waiting{at, kind, occurrence, w.frames.put(frame), uint32(len(frame))})
		return
	}
	w.leave(s, at, kind, frame, draw)
}

// leave is the moment at which a frame goes onto the link.
func (w *World) leave(s *special, at Time, kind Kind, frame []byte, draw *draws) {
	l := w.link(s.from, s.to)
	o := &w.linkOptions[l.options]
	if l.cuts > 0 {
		w.record(TraceLost, s.to, s.from, kind, lostCut, nil)
		return
	}
	sent := at
	at, why := w.pass(s, at, len(frame))
	if why != none {
		reason := uint64(lostCut)
		if why == queueFull {
			reason = lostQueue
		}
		w.record(TraceLost, s.to, s.from, kind, reason, nil)
		return
	}
	if p := w.lossPPM(s, l, o, sent); p > 0 && int64(draw.below(ChooseLoss, million)) < p {
		w.record(TraceLost, s.to, s.from, kind, lostLoss, nil)
		return
	}
	ev := event{what: evFrame, kind: kind, node: s.to, from: s.from, size: uint32(len(frame))}
	ev.arg = w.frames.put(frame)
	if p := o.CorruptPPM + s.corrupt; p > 0 && len(frame) > 0 && int64(draw.below(ChooseCorrupt, million)) < p {
		bits := flip(w.frames.get(ev.arg, ev.size), draw.below(ChooseFlip, 1<<63))
		w.record(TraceCorrupt, s.to, s.from, kind, bits, nil)
	}
	delay := l.delay(o, draw, ChooseDelay, ChooseTail)
	w.queue.push(at.Add(delay), w.queue.order(draw.below(ChooseTie, tieBound)), ev)
	if o.Once {
		return
	}
	if p := o.DuplicatePPM + int64(l.dup); p > 0 && int64(draw.below(ChooseDuplicate, million)) < p {
		ev.arg = w.frames.put(frame)
		w.queue.push(at.Add(l.delay(o, draw, ChooseDelayCopy, ChooseTailCopy)), w.queue.order(draw.below(ChooseTieCopy, tieBound)), ev)
		w.record(TraceDuplicate, s.to, s.from, kind, 0, nil)
	}
	late := o.ReplayMax + s.replayMax
	if p := o.ReplayPPM + s.replay; p > 0 && late > 0 && int64(draw.below(ChooseReplay, million)) < p {
		delay += share(late, draw.below(ChooseReplayDelay, 1<<32))
		if o.Max > 0 {
			delay = min(delay, o.Max)
		}
		ev.arg = w.frames.put(frame)
		w.queue.push(at.Add(delay), w.queue.order(draw.below(ChooseTieReplay, tieBound)), ev)
		w.record(TraceReplay, s.to, s.from, kind, 0, nil)
	}
}

// flip turns one to three different bits of b, which is not empty, as v says, and
// returns how many.
func flip(b []byte, v uint64) uint64 {
	n := v%3 + 1
	var at [3]uint64
next:
	for i := uint64(0); i < n; {
		v += phi
		bit := mix(v) % (8 * uint64(len(b)))
		for _, before := range at[:i] {
			if before == bit {
				continue next
			}
		}
		at[i] = bit
		i++
		b[bit/8] ^= 1 << (bit % 8)
	}
	return n
}
