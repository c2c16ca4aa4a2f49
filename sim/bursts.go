package sim

import (
	"math/bits"
	"time"
)

// Losses come in bursts (Gilbert 1960, Elliott 1963): a link is in a good or a bad state
// and loses more in the bad one. The state is a function of time, not of what was sent:
// the link's even sojourns are good, its odd ones bad, and the length of each is drawn by
// its number. A message less changes no other's fate.

// The means of the two states where LinkOptions leave them open.
const (
	burstGood = time.Second
	burstBad  = 50 * time.Millisecond
)

// bursts is a place in the two-state process of one link: sojourn n lasts from since until
// before until. The zero value is before sojourn 0.
type bursts struct {
	n            uint32
	since, until Time
}

// lossPPM is the share of frames that a special link loses at a time.
func (w *World) lossPPM(s *special, l *link, o *LinkOptions, at Time) int64 {
	p := o.LossPPM + int64(l.loss)
	if burst := o.BurstLossPPM + s.burst; burst > 0 && w.bad(s, l, o, at) {
		p += burst
	}
	return p
}

// bad tells whether the link is in its bad state at a time.
func (w *World) bad(s *special, l *link, o *LinkOptions, at Time) bool {
	b := &s.bursts
	if at < b.since {
		*b = bursts{} // a frame that leaves before one that was sent earlier: once more from the beginning
	}
	for b.until <= at {
		n := b.n + 1
		if b.until == 0 {
			n = 0
		}
		mean := o.BurstGood
		if n%2 == 1 {
			mean = o.BurstBad
		}
		if mean == 0 {
			mean = [2]time.Duration{burstGood, burstBad}[n%2]
		}
		draw := draws{w: w, s: LinkStream(s.from, s.to), n: n, base: base(l.key, 0, n)}
		lasts := exponential(mean, draw.below(ChooseSojourn, 1<<32))
		*b = bursts{n, b.until, b.until.Add(max(lasts, 1))}
		if b.until == End {
			break
		}
	}
	return b.n%2 == 1
}

// share is u/2^32 of d.
func share(d time.Duration, u uint64) time.Duration {
	hi, lo := bits.Mul64(uint64(d), u)
	return time.Duration(hi<<32 | lo>>32)
}
