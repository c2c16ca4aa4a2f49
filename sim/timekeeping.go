package sim

import (
	"encoding/binary"
	"math"
	"time"
)

// Timekeeping: what a node's clock has beyond a rate and an offset. A time of day is
// made in steps, each of which a fault can spoil:
//
//	true time ─► time of the machine ─► what the oscillator counts (monotonic clock)
//	              stands while suspended   drift
//
//	counted ─► time of day ─► on its time scale ─► shown
//	            offset, slew,   leap second         rounded down to a grain
//	            freeze, wobble
//
// The interval around it is what ClockBound makes of what a daemon knows: half the
// width is the error at the last synchronization, what is yet to be slewed, and how far
// the oscillator may have drifted since, at most. Nothing of it looks at true time: it
// is honest as long as what it assumes holds, and a lie when a fault breaks that, which
// HonestClock tells the checks. A clock without all this (clock.keep is nil) costs one
// branch a reading.
//
// Synchronization works on the time of day alone: the monotonic clock is the bare
// oscillator (Linux: CLOCK_MONOTONIC_RAW), so that timers depend on drift only.
type timekeeping struct {
	n *node

	suspended bool
	stopped   Time          // true time at which the machine was suspended
	lost      time.Duration // true time that earlier suspensions took

	dayGrain, monoGrain time.Duration
	monoLeast           time.Duration // what was read before the grain became coarse

	// What follows is in readings of the monotonic clock, unrounded.
	frozen     time.Duration // when the time of day stopped; never: it runs
	stood      int64         // what it shows since; the time of day behind that goes on
	slewFrom   time.Duration
	slew       time.Duration // worked off from slewFrom on, at maxSlewPPM
	wobbleFrom time.Duration
	wobble     Wobble
	leap       leap
	broken     time.Duration // error of the time of day that no synchronization sees

	// The interval.
	daemon     bool          // no oracle
	driftBound int64         // ppm
	synced     time.Duration // when the clock was synchronized
	base       time.Duration // its error then, at most
	lied       bool          // the node was told an interval without true time

	ntp *ntp // nil: no client
}

// never is later than all readings.
const never time.Duration = math.MaxInt64

// maxSlewPPM is how fast a time of day is slewed (ntpd, adjtime).
const maxSlewPPM = 500

func (k *timekeeping) reset(n *node, o ClockOptions) {
	client := k.ntp
	*k = timekeeping{n: n, frozen: never, dayGrain: o.DayGrain, monoGrain: o.MonotonicGrain,
		driftBound: o.DriftBoundPPM}
	if o.NTP.Poll > 0 {
		if client == nil {
			client = new(ntp)
		}
		*client = ntp{}
		k.ntp = client
	}
	if o.DriftBoundPPM > 0 || k.ntp != nil {
		k.daemon = true
		if o.DriftBoundPPM == 0 {
			k.driftBound = o.DriftMaxPPM
		}
		k.driftBound = min(k.driftBound, million/2)
		k.base = max(o.Bound, o.OffsetMax)
	}
	if k.daemon || k.dayGrain > 0 || k.monoGrain > 0 {
		n.clock.keep = k
	}
}

// kept gives the node's clock its timekeeping.
func (n *node) kept() *timekeeping {
	n.clock.keep = &n.keeping
	return &n.keeping
}

// local is the time of the machine at a true time.
func (k *timekeeping) local(t Time) Time {
	if k.suspended {
		t = min(t, k.stopped)
	}
	return t.Add(-k.lost)
}

// monotonic is what the monotonic clock shows.
func (k *timekeeping) monotonic(counted time.Duration) time.Duration {
	if k.monoGrain == 0 {
		return counted
	}
	return max(time.Duration(floor(int64(counted), int64(k.monoGrain))), k.monoLeast)
}

// ticks is how much must be counted before the monotonic clock shows d more: timers
// wait for its next tick.
func (k *timekeeping) ticks(counted, d time.Duration) time.Duration {
	if k.monoGrain == 0 || d > never/2 {
		return d
	}
	due := max(counted, k.monoLeast) + d
	return -time.Duration(floor(int64(-due), int64(k.monoGrain))) - counted
}

// day is the time of day when the oscillator has counted m, on the time scale without
// leap seconds.
func (k *timekeeping) day(m time.Duration) int64 {
	if m > k.frozen {
		return k.stood
	}
	return int64(m + k.n.clock.wall + k.slewed(m) + k.wobbling(m))
}

// slewed is how much of the slew is worked off.
func (k *timekeeping) slewed(m time.Duration) time.Duration {
	if k.slew == 0 || m <= k.slewFrom {
		return 0
	}
	done := scale(m-k.slewFrom, maxSlewPPM, million)
	return max(-done, min(k.slew, done))
}

// slewBy makes what is left to be slewed from m on.
func (k *timekeeping) slewBy(m, left time.Duration) {
	k.n.clock.wall += k.slewed(m)
	k.slewFrom, k.slew = m, left
}

// step moves the time of day at once.
func (k *timekeeping) step(d time.Duration) {
	k.n.clock.wall += d
	k.stood += int64(d)
}

// error bounds the error of the time of day. (A busy node is synchronized as of the end
// of its work: until then all of the slew is left.)
func (k *timekeeping) error(m time.Duration) time.Duration {
	left := k.slew - k.slewed(m)
	return k.base + max(left, -left) + k.drifted(m-k.synced)
}

// drifted is how far the oscillator can have drifted while it counted d: its rate is
// 1 ± bound of true time, so that the error is bound/(1-bound) of d at most. (What it
// counts is rounded towards true time.)
func (k *timekeeping) drifted(d time.Duration) time.Duration {
	return scale(max(d, 0), k.driftBound, million-k.driftBound) + 1
}

// status is what the node knows of its interval.
func (k *timekeeping) status(m time.Duration) ClockStatus {
	s, poll := k.n.clock.status, k.n.w.opts.Clock.NTP.Poll
	if s != Synchronized || poll == 0 {
		return s
	}
	switch unanswered := (m - k.synced) / poll; {
	case unanswered >= pollsToUnknown:
		return Unknown
	case unanswered >= pollsToFree:
		return FreeRunning
	}
	return Synchronized
}

// read is a reading at a true time.
func (k *timekeeping) read(t Time) Wall {
	c := &k.n.clock
	m := c.counted(k.local(t))
	day := k.day(m)
	r := Wall{Status: k.status(m)}
	e := int64(c.bound)
	switch {
	case k.daemon:
		e = int64(k.error(m))
	case r.Status == Synchronized: // the oracle
		e = max(e, day-int64(t), int64(t)-day)
	}
	day += int64(k.broken)
	r.Reading = day - k.leap.shift(day)
	r.Earliest, r.Latest = k.leap.image(day-e, day+e)
	if g := int64(k.dayGrain); g > 0 {
		r.Reading, r.Earliest, r.Latest = floor(r.Reading, g), floor(r.Earliest, g), -floor(-r.Latest, g)
	}
	return r
}

// told is the reading that a node is told, and remembers whether it is a lie.
func (n *node) told(t Time) Wall {
	k := n.clock.keep
	if k == nil {
		return n.clock.read(t)
	}
	r := k.read(t)
	if !k.lied && r.Status.Honest() && !n.w.contains(r, t) {
		k.lied = true
		n.w.record(TraceKeeping, n.id, 0, Kind(clockLied), uint64(int64(t)-r.Reading), nil)
	}
	return r
}

// contains tells whether the true time of day is in an interval.
func (w *World) contains(r Wall, t Time) bool {
	earliest, latest := w.timeOfDay(t)
	return r.Earliest <= earliest && latest <= r.Latest
}

// WallOf is what node n would read now, for checks.
func (w *World) WallOf(id NodeID) Wall {
	n := w.nodes[id]
	if n.clock.keep == nil {
		return n.clock.read(w.now)
	}
	return n.clock.keep.read(w.now)
}

// HonestClock tells whether every interval that node n was told so far contained true
// time, if its status promised that. Where it is false, a protocol that trusts
// intervals may fail, and its checks say "assumption violated", not "bug".
func (w *World) HonestClock(n NodeID) bool {
	k := w.nodes[n].clock.keep
	return k == nil || !k.lied
}

// Synchronize sets node n's time of day right, by an operator's hand: the clock is
// Synchronized to within ClockOptions.Bound, whatever was done to it. Other faults of
// the clock (drift, freeze, wobble, a broken bound, a leap second) stay. Nobody can do
// that to a suspended machine.
func (w *World) Synchronize(id NodeID) bool {
	n := w.nodes[id]
	if n.client != nil || n.keeping.suspended {
		return false
	}
	before := w.WallOf(id)
	k, c := n.kept(), &n.clock
	m := c.counted(k.local(w.now))
	left := k.slew != k.slewed(m)
	k.slewBy(m, 0)
	off := int64(w.now) - k.day(m)
	k.step(time.Duration(off))
	c.status = Synchronized
	k.synced, k.base = m, c.bound
	if k.ntp != nil {
		k.ntp.gone, k.ntp.taken = false, 0
	}
	if !left && before == w.WallOf(id) {
		return false
	}
	w.change(n, clockSynchronized, off)
	return true
}

// DisruptClock tells node n that its clock may be wrong, as a hypervisor does that
// moved or suspended the machine (ClockBound's disruption marker): the clock is
// Disrupted until it is synchronized again.
func (w *World) DisruptClock(id NodeID) bool {
	n := w.nodes[id]
	c := n.keeping.ntp
	if n.client != nil || n.clock.status == Disrupted && (c == nil || c.taken == 0) {
		return false
	}
	n.clock.status = Disrupted
	if c != nil {
		c.taken = 0 // what the servers said may be about another time of the machine
	}
	w.change(n, clockDisrupted, 0)
	return true
}

// SlewClock moves node n's time of day by d little by little, behind the back of
// whatever keeps it synchronized: the clock runs 500 ppm fast or slow until d is worked
// off (1 ms in 2 s). It adds to a slew that is under way; -d takes it back. The clock is
// Disrupted until it is synchronized again.
func (w *World) SlewClock(id NodeID, d time.Duration) bool {
	n := w.nodes[id]
	if d == 0 || n.client != nil {
		return false
	}
	k, c := n.kept(), &n.clock
	m := c.counted(n.changes())
	k.slewBy(m, k.slew-k.slewed(m)+d)
	c.status = Disrupted
	w.change(n, clockSlewed, int64(d))
	return true
}

// FreezeClock stops node n's time of day where it stands. The monotonic clock goes on.
func (w *World) FreezeClock(id NodeID) bool {
	n := w.nodes[id]
	if n.client != nil || n.keeping.frozen != never {
		return false
	}
	k, m := n.kept(), n.clock.counted(n.changes())
	k.frozen, k.stood = m, k.day(m)
	w.change(n, clockFrozen, 0)
	return true
}

// ThawClock ends a freeze. With a jump the time of day is as if it had never stood
// still; without one it goes on from where it stood, and stays behind.
func (w *World) ThawClock(id NodeID, jump bool) bool {
	n := w.nodes[id]
	if n.keeping.frozen == never {
		return false
	}
	k := n.kept()
	m := n.clock.counted(n.changes())
	k.frozen = never
	behind := k.day(m) - k.stood
	if !jump {
		n.clock.wall -= time.Duration(behind)
		behind = 0
	}
	w.change(n, clockThawed, behind)
	return true
}

// SetGrain makes node n's clocks coarse: the time of day is rounded down to multiples of
// day, the monotonic clock to multiples of monotonic (1 ms, 15.6 ms), and timers wait for
// its next tick; 0 is 1 ns. Timers that are already set keep their time.
func (w *World) SetGrain(id NodeID, day, monotonic time.Duration) bool {
	n := w.nodes[id]
	if n.client != nil || day < 0 || monotonic < 0 || day == n.keeping.dayGrain && monotonic == n.keeping.monoGrain {
		return false
	}
	k := n.kept()
	k.monoLeast = k.monotonic(n.clock.counted(n.changes()))
	k.dayGrain, k.monoGrain = day, monotonic
	w.change(n, clockGrain, int64(day), int64(monotonic))
	return true
}

// BreakBound makes node n's time of day wrong by an error that neither its bound nor its
// synchronization knows of: all servers wrong together, a bug of the daemon. 0 takes it
// back.
func (w *World) BreakBound(id NodeID, by time.Duration) bool {
	n := w.nodes[id]
	if n.client != nil || n.keeping.broken == by {
		return false
	}
	n.kept().broken = by
	w.change(n, clockBroken, int64(by))
	return true
}

// clockDraws makes the choices of one occurrence on a clock's stream.
func clockDraws(w *World, n NodeID, kind Kind, occurrence uint32) draws {
	s := ClockStream(n)
	return draws{w: w, s: s, kind: kind, n: occurrence, base: base(streamKey(w.opts.Seed, s), Choice(kind), occurrence)}
}

// clockChange is what a line of the trace tells of a clock.
type clockChange Kind

const (
	clockLied clockChange = iota + 1 // the first interval without true time; by how much the reading was off
	clockSynchronized
	clockDisrupted
	clockSlewed
	clockFrozen
	clockThawed // by how much it jumped
	clockLeap
	clockUnleap
	clockGrain
	clockBroken
	clockWobbles
	clockNTPSlew
	clockNTPStep
	clockNTPPanic
	clockNoMajority // the servers disagree: nothing was done
	clockSilent
	clockAnswered
	clockFalseTicker
	clockChangeEnd
)

var clockChangeNames = [clockChangeEnd]string{"none", "lied", "synchronize", "disrupt", "slew", "freeze", "thaw", "leap", "unleap",
	"grain", "break_bound", "wobble", "ntp_slew", "ntp_step", "ntp_panic", "ntp_no_majority", "ntp_silent", "ntp_answered",
	"ntp_false_ticker"} //saros:constant names

func (c clockChange) String() string {
	if c < clockChangeEnd {
		return clockChangeNames[c]
	}
	return "change?"
}

// change records what was done to a clock: the line shows the first number, the digest
// covers all.
func (w *World) change(n *node, what clockChange, arg int64, more ...int64) {
	var b []byte
	for _, x := range more {
		b = binary.LittleEndian.AppendUint64(b, uint64(x))
	}
	w.record(TraceKeeping, n.id, 0, Kind(what), uint64(arg), b)
}

// floor rounds x down to a multiple of g.
func floor(x, g int64) int64 {
	r := x % g
	if r < 0 {
		r += g
	}
	return x - r
}
