package sim

import (
	"math/bits"
	"time"
)

// Wobble is an error of a time of day that comes and goes: a triangle wave, and noise on
// top of it. With SetDrift and StepClock it gives the shapes of TigerBeetle's clocks
// (src/testing/time.zig: linear, periodic, step, non_ideal). The zero value is none.
type Wobble struct {
	Amplitude time.Duration // of the wave, ±
	Period    time.Duration // of the monotonic clock; 0: no wave
	Noise     time.Duration // up to ± this, another in each millisecond of the monotonic clock
}

const noiseSlot = time.Millisecond

// SetWobble makes node n's time of day wobble from now on; Wobble{} ends it.
func (w *World) SetWobble(id NodeID, o Wobble) bool {
	n := w.nodes[id]
	if n.client != nil || n.keeping.wobble == o || o.Period < 0 || o.Noise < 0 || o.Noise > never/4 {
		return false
	}
	k := n.kept()
	k.wobble, k.wobbleFrom = o, n.clock.counted(n.changes())
	w.change(n, clockWobbles, int64(o.Amplitude), int64(o.Period), int64(o.Noise))
	return true
}

func (k *timekeeping) wobbling(m time.Duration) time.Duration {
	o := &k.wobble
	if *o == (Wobble{}) || m < k.wobbleFrom {
		return 0
	}
	e := time.Duration(0)
	if quarter := o.Period / 4; quarter > 0 {
		switch x := (m - k.wobbleFrom) % (4 * quarter); {
		case x < quarter:
			e = portion(o.Amplitude, x, quarter)
		case x < 3*quarter:
			e = portion(o.Amplitude, 2*quarter-x, quarter)
		default:
			e = portion(o.Amplitude, x-4*quarter, quarter)
		}
	}
	if o.Noise > 0 {
		w, slot := k.n.w, uint32(m/noiseSlot)
		d := clockDraws(w, k.n.id, 0, slot)
		e += time.Duration(d.below(ChooseNoise, uint64(2*o.Noise)+1)) - o.Noise
	}
	return e
}

// portion is x × part / whole, rounded towards 0, for |part| ≤ whole: no overflow.
func portion(x, part, whole time.Duration) time.Duration {
	hi, lo := bits.Mul64(uint64(max(x, -x)), uint64(max(part, -part)))
	q, _ := bits.Div64(hi, lo, uint64(whole))
	if (x < 0) != (part < 0) {
		return -time.Duration(q)
	}
	return time.Duration(q)
}
