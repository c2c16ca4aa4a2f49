package sim

import "time"

// NTP: every node's machine has a client that asks servers outside of the world for the
// time of day, and corrects its own (RFC 5905, and ntpd's numbers). It is part of the
// world: it costs the node nothing, and asks on while the process is paused or down.
//
//	client  ──request──►            server          the client takes the middle of
//	  sent        out    ────────►  its clock       sent and received for the instant
//	  received    back   ◄────────  answers         at which the server answered: it is
//	                                                wrong by (out-back)/2
//
// An answer gives an interval: half the round trip, the error that the server admits, and
// the drift since. Of the last 8 answers of a server the one with the narrowest counts.
// Of all servers' intervals, the time of day is where all but a minority of them agree
// (Marzullo 1984), so that a minority may lie. The clock is slewed to the middle of it,
// or stepped from 128 ms on; beyond 1000 s the client gives up. Left out: the
// frequency discipline (drift stays what it is), ntpd's wait before a step, adaptive polling.

// NTPOptions describe the NTP clients of all nodes and their servers. The zero value is
// no client.
type NTPOptions struct {
	Poll      time.Duration // from one request to the next; ntpd: 64 s to 1024 s, chrony 1 s and more; 0: no client
	Servers   int           // that every node asks, at most MaxServers; 0 counts as 1
	ServerMax time.Duration // each server's clock is off by up to ± this, and it says so
	DelayMin  time.Duration // least delay, each way
	DelayMean time.Duration // mean of the exponential part on top of it
}

// MaxServers is how many NTP servers there can be.
const MaxServers = 8

// The numbers of ntpd and RFC 5905.
const (
	ntpSamples = 8                      // of each server that are looked at
	ntpStep    = 128 * time.Millisecond // an offset from here on is stepped
	ntpPanic   = 1000 * time.Second     // beyond it the client gives up

	pollsToFree    = 8  // unanswered, and the clock is FreeRunning: the reach register is empty
	pollsToUnknown = 64 // and Unknown (ClockBound: 1000 s, chrony's polls are 16 s apart)
)

// ntp is the client of one node.
type ntp struct {
	polls  uint32 // that were sent
	sent   Time   // the last of them
	silent uint16 // firewalls that swallow the answers
	gone   bool   // it has given up

	under   [MaxServers]exchange // the poll under way
	samples [MaxServers][ntpSamples]sample
	taken   uint32 // samples of each server
}

// exchange is the two ways of one request and its answer.
type exchange struct{ out, back time.Duration }

// sample is what one answer said.
type sample struct {
	ahead time.Duration // time of day minus what the oscillator had counted
	trip  time.Duration
	at    time.Duration // counted
}

// startNTP schedules a node's first poll.
func (w *World) startNTP(n *node) {
	if o := &w.opts.Clock.NTP; o.Poll > 0 {
		d := clockDraws(w, n.id, 0, 0)
		n.keeping.ntp.sent = Time(d.below(ChoosePhase, uint64(o.Poll)))
		w.ask(n)
	}
}

func (w *World) servers() int { return max(w.opts.Clock.NTP.Servers, 1) }

// ask sends a node's requests: the next event comes with the last answer. It is not one
// of the run: a world in which nothing else will happen has ended.
func (w *World) ask(n *node) {
	c, o := n.keeping.ntp, &w.opts.Clock.NTP
	longest := time.Duration(0)
	for i := range w.servers() {
		d := clockDraws(w, n.id, Kind(i), c.polls)
		c.under[i] = exchange{o.DelayMin + exponential(o.DelayMean, d.below(ChooseRequest, 1<<32)),
			o.DelayMin + exponential(o.DelayMean, d.below(ChooseAnswer, 1<<32))}
		longest = max(longest, c.under[i].out+c.under[i].back)
	}
	d := clockDraws(w, n.id, 0, c.polls)
	c.polls++
	if at := max(c.sent.Add(longest), w.now); at < End {
		w.background++
		w.queue.push(at, w.queue.order(d.below(ChooseTie, tieBound)), event{what: evAnswer, node: n.id})
	}
}

// onAnswers handles the answers of a poll.
func (w *World) onAnswers(n *node) {
	w.background--
	w.answers++
	k := &n.keeping
	if c := k.ntp; c.silent == 0 && !c.gone && !k.suspended {
		k.sample()
		k.discipline()
	}
	k.ntp.sent = k.ntp.sent.Add(w.opts.Clock.NTP.Poll)
	w.ask(n)
}

// sample keeps what the servers answered just now.
func (k *timekeeping) sample() {
	w, c := k.n.w, k.ntp
	counted := k.n.clock.counted(k.local(w.now))
	for i := range w.servers() {
		x := c.under[i]
		offset := w.serverOff[i] + w.serverLie[i] + (x.out-x.back)/2
		c.samples[i][c.taken%ntpSamples] = sample{time.Duration(w.now) + offset - counted, x.out + x.back, counted}
	}
	c.taken++
}

// discipline corrects the time of day by the samples, as of the end of the work of a
// busy node.
func (k *timekeeping) discipline() {
	w, c, clock := k.n.w, k.ntp, &k.n.clock
	m := clock.counted(k.n.changes())
	ahead, e, agreed := k.agreement(m)
	if !agreed {
		w.change(k.n, clockNoMajority, 0)
		return
	}
	k.slewBy(m, 0)
	offset := ahead + m - time.Duration(k.day(m))
	switch far := max(offset, -offset); {
	case far > ntpPanic:
		c.gone = true
		w.change(k.n, clockNTPPanic, int64(offset))
		return
	case far >= ntpStep:
		k.step(offset)
		w.change(k.n, clockNTPStep, int64(offset))
	default:
		k.slew = offset
		w.change(k.n, clockNTPSlew, int64(offset))
	}
	clock.status = Synchronized
	k.synced, k.base = m, e
}

// agreement is where all servers but a minority put the time of day, minus what the
// oscillator has counted, and half the width of that: from the first to the last point
// that lies in so many of their intervals. True time is one of those points as long as
// no more than the minority lies (Marzullo 1984; NTP takes the narrowest such interval,
// which a liar can pull away from true time).
func (k *timekeeping) agreement(m time.Duration) (ahead, e time.Duration, agreed bool) {
	n := k.n.w.servers()
	var from, to [MaxServers]time.Duration
	for i := range n {
		s, r := k.best(i, m)
		from[i], to[i] = s.ahead-r, s.ahead+r
	}
	return common(from[:n], to[:n])
}

// common is the middle and half the width of what reaches from the first to the last
// point that lies in all but a minority of intervals.
func common(from, to []time.Duration) (middle, half time.Duration, ok bool) {
	n := len(from)
	need := n - (n-1)/2
	first, last := never, -never
	for i := range n {
		left, right := 0, 0
		for j := range n {
			if from[j] <= from[i] && from[i] <= to[j] {
				left++
			}
			if from[j] <= to[i] && to[i] <= to[j] {
				right++
			}
		}
		if left >= need {
			first = min(first, from[i])
		}
		if right >= need {
			last = max(last, to[i])
		}
	}
	if first > last {
		return 0, 0, false
	}
	half = (last - first + 1) / 2
	return first + half, half, true
}

// best is the sample of a server with the least distance: the least round trip, an older
// one counted longer by what the oscillator may have drifted since; the newest of several.
func (k *timekeeping) best(server int, m time.Duration) (best sample, distance time.Duration) {
	c := k.ntp
	distance = never
	for i := c.taken; i > 0 && c.taken-i < ntpSamples; i-- {
		s := c.samples[server][(i-1)%ntpSamples]
		if r := (s.trip+1)/2 + k.drifted(m-s.at); r < distance {
			best, distance = s, r
		}
	}
	return best, distance + k.n.w.opts.Clock.NTP.ServerMax
}

// SilenceNTP lets a firewall swallow the answers to node n's NTP client, until as many
// AnswerNTPs have come. The clock runs free, and after 64 polls nobody knows how far.
func (w *World) SilenceNTP(id NodeID) bool {
	n := w.nodes[id]
	c := n.keeping.ntp
	if n.client != nil || c == nil {
		return false
	}
	c.silent++
	w.change(n, clockSilent, int64(c.silent))
	return c.silent == 1
}

// AnswerNTP takes one SilenceNTP back.
func (w *World) AnswerNTP(id NodeID) bool {
	n := w.nodes[id]
	c := n.keeping.ntp
	if c == nil || c.silent == 0 {
		return false
	}
	c.silent--
	w.change(n, clockAnswered, int64(c.silent))
	return c.silent == 0
}

// FalseTicker makes an NTP server, counted from 1, lie to everybody by an offset; 0
// takes it back. Of three servers one may lie. The only one is believed: then the
// intervals of all nodes are lies (HonestClock).
func (w *World) FalseTicker(server int, by time.Duration) bool {
	if w.opts.Clock.NTP.Poll == 0 || server < 1 || server > w.servers() || w.serverLie[server-1] == by {
		return false
	}
	w.serverLie[server-1] = by
	w.record(TraceKeeping, 0, NodeID(server), Kind(clockFalseTicker), uint64(by), nil)
	return true
}

// resetNTP draws how far the servers' clocks are off.
func (w *World) resetNTP() {
	o := &w.opts.Clock.NTP
	w.background, w.answers = 0, 0
	w.serverOff, w.serverLie = [MaxServers]time.Duration{}, [MaxServers]time.Duration{}
	if o.Poll <= 0 {
		return
	}
	for i := range w.servers() {
		d := clockDraws(w, 0, Kind(i), 0)
		w.serverOff[i] = time.Duration(d.below(ChooseServer, uint64(2*o.ServerMax)+1)) - o.ServerMax
	}
}
