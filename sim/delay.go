package sim

import (
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// Shapes of the random part of a delay. Each is a quantile function of a choice u/2^32:
// it grows with u, so that a smaller choice is a milder one, and it is made of integers
// (law 4).

// DelayShape is a distribution of delays.
type DelayShape uint8

// The shapes.
const (
	Exponential DelayShape = iota
	Constant
	Uniform   // between 0 and twice the mean
	LogNormal // LinkOptions.SigmaMille
	Pareto    // a heavy tail that begins at 0 (Pareto II, Lomax 1954): LinkOptions.AlphaMille
	Measured  // LinkOptions.Table
	shapeEnd
)

// Limits of the shapes' parameters, in thousandths, and of any quantile: 2^50 ns are 13
// days.
const (
	maxSigma    = 10_000
	maxAlpha    = 1_000_000
	maxQuantile = time.Duration(1 << 50)
)

// Quantiles is a measured distribution of delays. It never changes; options that share
// one are equal.
type Quantiles struct{ sorted []time.Duration }

// NewQuantiles makes a distribution of at least one delay, given in any order: a sample,
// or quantiles that are evenly spaced from the least to the greatest. Between two of them
// it is linear.
func NewQuantiles(delays ...time.Duration) *Quantiles {
	q := &Quantiles{slices.Clone(delays)}
	slices.Sort(q.sorted)
	if len(delays) == 0 || q.sorted[0] < 0 {
		panic("sim: a distribution of delays needs one at least, and none below 0")
	}
	return q
}

func (q *Quantiles) at(u uint64) time.Duration {
	place := u * uint64(len(q.sorted)-1)
	i := place >> 32
	lo, hi := q.sorted[i], q.sorted[min(i+1, uint64(len(q.sorted)-1))]
	return lo + share(hi-lo, place&(1<<32-1))
}

// checked panics when the options make no sense, and returns them in the form in which
// a World keeps them: a constant part is part of the least delay, and a measured one
// counts as a random part, whatever its mean.
func (o LinkOptions) checked() LinkOptions {
	switch {
	case o.Shape >= shapeEnd:
		panic(fmt.Sprintf("sim: delays of shape %d; there are %d", o.Shape, shapeEnd))
	case o.Shape == LogNormal && (o.SigmaMille < 0 || o.SigmaMille > maxSigma):
		panic(fmt.Sprintf("sim: log-normal delays with sigma %d/1000; the limit is %d", o.SigmaMille, maxSigma))
	case o.Shape == Pareto && (o.AlphaMille <= 1000 || o.AlphaMille > maxAlpha):
		panic(fmt.Sprintf("sim: Pareto delays with alpha %d/1000, which must be above 1000 and at most %d", o.AlphaMille, maxAlpha))
	case o.Shape == Measured && o.Table == nil:
		panic("sim: measured delays without a table")
	case o.Shape == Constant:
		o.Min, o.Mean, o.Shape = o.Min+o.Mean, 0, Exponential
	case o.Shape == Measured:
		o.Mean = 1
	}
	return o
}

// quantile is the quantile u/2^32 of the random part of a delay.
func (o *LinkOptions) quantile(u uint64) time.Duration {
	switch o.Shape {
	case Uniform:
		return share(2*o.Mean, u)
	case LogNormal:
		return logNormal(o.Mean, o.SigmaMille, u)
	case Pareto:
		return pareto(o.Mean, o.AlphaMille, u)
	case Measured:
		return o.Table.at(u)
	}
	return exponential(o.Mean, u)
}

// logNormal is exp(sigma z - sigma²/2) means, z being a normal quantile.
func logNormal(mean time.Duration, sigmaMille int64, u uint64) time.Duration {
	const log2e = 24204406 // log2(e), times 2^log2Shift
	ln := sigmaMille*normalQuantile(u) - sigmaMille*sigmaMille<<normShift/2000
	return timesExp2(mean, ln*log2e/(1000<<normShift))
}

// pareto is (1-u)^(-1/alpha) - 1, times what makes its mean right.
func pareto(mean time.Duration, alphaMille int64, u uint64) time.Duration {
	hi, lo := bits.Mul64(uint64(min(mean, maxQuantile)), uint64(alphaMille-1000))
	q, _ := bits.Div64(hi, lo, 1000)
	scale := time.Duration(q)
	return min(timesExp2(scale, -log2Rest(u)*1000/alphaMille)-scale, maxQuantile)
}

// normalQuantile is the quantile (u+1/2)/2^32 of the normal distribution in standard
// deviations, times 2^normShift. Its table is as fine in the tails as in the middle.
func normalQuantile(u uint64) int64 {
	p := 2*u + 1
	upper := p > 1<<32
	if upper {
		p = 1<<33 - p
	}
	i := bits.Len64(p) - 1
	x := p << (31 - i) // leading one at bit 31
	cell := i<<normBits + int(x>>(31-normBits)&(1<<normBits-1))
	frac := int64(x & (1<<(31-normBits) - 1))
	far, near := int64(normTable[cell]), int64(normTable[cell+1])
	z := far - (far-near)*frac>>(31-normBits)
	if upper {
		return z
	}
	return -z
}

// log2Rest is log2(1 - (u+1/2)/2^32), times 2^log2Shift.
func log2Rest(u uint64) int64 {
	rest := 1<<33 - (2*u + 1)
	i := bits.Len64(rest) - 1
	x := rest << (63 - i) << 1 >> 1 // without the leading one, which is worth 2^63
	cell := x >> (63 - twoBits)
	frac := x >> (63 - twoBits - 32) & (1<<32 - 1)
	lo, hi := uint64(log2Table[cell]), uint64(log2Table[cell+1])
	return int64(i-33)<<log2Shift + int64(lo+(hi-lo)*frac>>32)
}

// timesExp2 is d times 2^(y/2^log2Shift), at most maxQuantile beyond what Pareto takes
// off again.
func timesExp2(d time.Duration, y int64) time.Duration {
	e := y >> log2Shift
	f := uint64(y & (1<<log2Shift - 1))
	cell, frac := f>>(log2Shift-twoBits), f&(1<<(log2Shift-twoBits)-1)
	lo, hi := uint64(exp2Table[cell]), uint64(exp2Table[cell+1])
	high, low := bits.Mul64(uint64(d), lo+(hi-lo)*frac>>(log2Shift-twoBits))
	most := maxQuantile + d
	switch shift := exp2Shift - e; {
	case shift >= 64:
		return time.Duration(high >> (shift - 64))
	case shift > 0:
		if high>>(shift-1) != 0 { // more than 2^63
			return most
		}
		return min(time.Duration(high<<(64-shift)|low>>shift), most)
	case d > 0: // more than 2^exp2Shift times as long
		return most
	}
	return 0
}
