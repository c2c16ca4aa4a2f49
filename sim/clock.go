package sim

import (
	"math"
	"time"
)

// ClockOptions describe the clocks of all nodes. The zero value is a world of
// perfect clocks.
//
// The interval of a reading has a half width of Bound, or of the true error where that
// is more: an oracle, which never lies while a clock is synchronized. With a
// DriftBoundPPM or an NTP client there is no oracle: nodes know what a real daemon
// knows, and the half width grows from one synchronization to the next (timekeeping.go).
type ClockOptions struct {
	OffsetMax      time.Duration // time of day is off by up to ± this at the beginning
	DriftMaxPPM    int64         // both clocks run fast or slow by up to ± this
	Bound          time.Duration // half width of the interval that Wall promises; at least the offset
	DriftBoundPPM  int64         // what the nodes take for DriftMaxPPM; 0: DriftMaxPPM, and the oracle without NTP
	DayGrain       time.Duration // the time of day is rounded down to multiples of it; 0: to 1 ns
	MonotonicGrain time.Duration // the same of the monotonic clock; timers wait for its next tick
	NTP            NTPOptions    // who keeps the clocks right
}

// clock is a node's hardware opinion of time: a monotonic clock that never jumps
// and a time of day that may, both running at the same wrong rate.
type clock struct {
	rate                 // from rate.since on
	before rate          // until then: a handler has read the clock ahead of true time
	wall   time.Duration // time of day minus monotonic
	bound  time.Duration
	status ClockStatus
	keep   *timekeeping // nil: there is no more to this clock
}

// rate is a stretch of a monotonic clock.
type rate struct {
	since    Time
	mono     time.Duration // reading at since
	driftPPM int64
}

const million = 1_000_000

// scale is d × num / den without overflow for any d a run can reach.
func scale(d time.Duration, num, den int64) time.Duration {
	return d/time.Duration(den)*time.Duration(num) + d%time.Duration(den)*time.Duration(num)/time.Duration(den)
}

// at is the monotonic reading at true time t.
func (c *clock) at(t Time) time.Duration {
	if c.keep != nil {
		return c.keep.monotonic(c.counted(c.keep.local(t)))
	}
	return c.counted(t)
}

// counted is what the oscillator has counted by a time of the node's machine: true
// time, without what the machine was suspended for.
func (c *clock) counted(t Time) time.Duration {
	if t < c.since {
		return c.before.at(t)
	}
	return c.rate.at(t)
}

func (r *rate) at(t Time) time.Duration {
	d := t.Sub(r.since)
	if r.driftPPM == 0 {
		return r.mono + d
	}
	return r.mono + d + scale(d, r.driftPPM, million)
}

// real is how long d of this clock takes in true time from t on, rounded up so that a
// timer never fires before its node's own clock says so.
func (c *clock) real(t Time, d time.Duration) time.Duration {
	if k := c.keep; k != nil {
		t = k.local(t)
		d = k.ticks(c.counted(t), d)
	}
	ppm := c.driftPPM
	if t < c.since {
		ppm = min(ppm, c.before.driftPPM)
	}
	if ppm == 0 || d <= 0 {
		return max(d, 0)
	}
	den := million + ppm
	if int64(d)/den >= math.MaxInt64/million {
		return math.MaxInt64 // longer than any run
	}
	return scale(d, million, den) + 1
}

// setDrift changes the rate from a time of the machine on.
func (c *clock) setDrift(from Time, ppm int64) {
	mono := c.counted(from)
	if from > c.since {
		c.before = c.rate
	}
	c.rate = rate{from, mono, ppm}
}

// restart begins a life of the machine's process: a rate that was to change when the
// one that died was done changes now.
func (c *clock) restart(now Time) {
	if c.keep != nil {
		now = c.keep.local(now)
	}
	if c.since > now {
		c.setDrift(now, c.driftPPM)
	}
}

func (c *clock) read(t Time) Wall {
	w := int64(c.at(t) + c.wall)
	// The promise stays honest under drift: the bound never falls below the true
	// error of this very reading while the clock is synchronized.
	b := int64(c.bound)
	if c.status == Synchronized {
		b = max(b, w-int64(t), int64(t)-w)
	}
	return Wall{Reading: w, Earliest: w - b, Latest: w + b, Status: c.status}
}

// StepClock moves node n's time of day by d, behind the back of whatever keeps it
// synchronized: the clock is Disrupted until it is synchronized again.
func (w *World) StepClock(n NodeID, d time.Duration) bool {
	if d == 0 || w.nodes[n].client != nil {
		return false
	}
	c := &w.nodes[n].clock
	if c.keep != nil {
		c.keep.step(d)
	} else {
		c.wall += d
	}
	c.status = Disrupted
	w.record(TraceClock, n, 0, 0, uint64(d), nil)
	return true
}

// SetDrift makes node n's clocks run fast (ppm > 0) or slow from now on. Timers that
// are already set keep their time.
func (w *World) SetDrift(n NodeID, ppm int64) bool {
	c := &w.nodes[n].clock
	if c.driftPPM == ppm || ppm <= -million || w.nodes[n].client != nil {
		return false
	}
	c.setDrift(w.nodes[n].changes(), ppm)
	w.record(TraceClock, n, 0, 1, uint64(ppm), nil)
	return true
}

// changes is the time of the node's machine from which a change of its clock holds: a
// busy node has read its clock as of the end of its work already.
func (n *node) changes() Time {
	if k := n.clock.keep; k != nil {
		return max(k.local(n.w.now), n.cpu.Add(-k.lost))
	}
	return max(n.w.now, n.cpu)
}
