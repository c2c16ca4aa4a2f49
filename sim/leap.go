package sim

import "time"

// Leap seconds. True time (sim.Time) has none, and is the time of day of a run until
// somebody inserts one: then every clock that does so follows another time scale, one
// second behind when it is over. The three ways in which machines do it are one:
//
//	step    Leap(n, now, 0)               the time of day goes back by a second, at once
//	repeat  Leap(n, the next minute, 0)   the second before it is shown twice
//	smear   Leap(n, now, 24h)             each second lasts 11.6 µs longer (Google, AWS)
//
// Synchronization lies below the time scale: a node is synchronized with servers that
// leap as it does. A leap second that one server announces in error is a StepClock.

// LeapSmear is over what time Google and AWS smear a leap second: 11.6 ppm.
const LeapSmear = 24 * time.Hour

// leap is one leap second of a clock: the time scale falls behind by a second from a
// time of day on, at once or little by little.
type leap struct {
	on   bool
	at   int64
	over time.Duration
}

// shift is how far the scale is behind when the time of day without leap seconds is u.
func (l *leap) shift(u int64) int64 {
	switch past := time.Duration(u - l.at); {
	case !l.on || past < 0:
		return 0
	case past >= l.over:
		return int64(time.Second)
	default:
		return int64(portion(time.Second, past, l.over))
	}
}

// image is the interval in which the scale is while the time of day without leap
// seconds is in another: near a step it is a second wider.
func (l *leap) image(earliest, latest int64) (int64, int64) {
	e, f := earliest-l.shift(earliest), latest-l.shift(latest)
	if l.on && l.over == 0 && earliest < l.at && l.at <= latest {
		e, f = min(e, l.at-int64(time.Second)), max(f, l.at)
	}
	return e, f
}

// Leap inserts a leap second into node n's time of day, when that reaches at (a time of
// day of the run, as Wall.Reading is; now, if it is past): over 0 shows the second before
// it twice, otherwise the second is worked off over that long, at least 1 s (which is: the
// clock stands still for a second). A node has one at a time. Unleap takes it back.
//
// The true time of day, to which checks hold a clock, makes a leap second when all nodes
// do. One that goes back is a broken promise for the second that comes twice: a clock is
// honest then only if its interval contains both.
func (w *World) Leap(id NodeID, at Time, over time.Duration) bool {
	n := w.nodes[id]
	if n.client != nil || n.keeping.leap.on || over < 0 || over > 0 && over < time.Second {
		return false
	}
	n.kept().leap = leap{true, int64(at), over}
	w.change(n, clockLeap, int64(at), int64(over))
	return true
}

// Unleap takes node n's leap second back, at once.
func (w *World) Unleap(id NodeID) bool {
	n := w.nodes[id]
	if !n.keeping.leap.on {
		return false
	}
	n.kept().leap = leap{}
	w.change(n, clockUnleap, 0)
	return true
}

// timeOfDay is the true time of day at t: that of the node which is least behind, with
// all that it was already, as long as a step back is less than a second old.
func (w *World) timeOfDay(t Time) (earliest, latest int64) {
	behind := int64(time.Second)
	least := (*leap)(nil)
	for _, n := range w.nodes[1:] {
		if n.client != nil {
			continue
		}
		l := &n.keeping.leap
		if s := l.shift(int64(t)); s == 0 {
			return int64(t), int64(t)
		} else if least == nil || s < behind {
			behind, least = s, l
		}
	}
	earliest = int64(t) - behind
	if least.over == 0 {
		return earliest, max(earliest, least.at)
	}
	return earliest, earliest
}
