package sim

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// shaped are distributions with their exact quantile functions, in means.
var shaped = map[string]struct {
	o     LinkOptions
	exact func(p float64) float64
}{
	"exponential": {LinkOptions{}, func(p float64) float64 { return -math.Log1p(-p) }},
	"uniform":     {LinkOptions{Shape: Uniform}, func(p float64) float64 { return 2 * p }},
	"log-normal": {LinkOptions{Shape: LogNormal, SigmaMille: 800}, func(p float64) float64 {
		return math.Exp(0.8*math.Sqrt2*math.Erfinv(2*p-1) - 0.8*0.8/2)
	}},
	"narrow": {LinkOptions{Shape: LogNormal, SigmaMille: 10}, func(p float64) float64 {
		return math.Exp(0.01*math.Sqrt2*math.Erfinv(2*p-1) - 0.01*0.01/2)
	}},
	"no sigma": {LinkOptions{Shape: LogNormal}, func(float64) float64 { return 1 }},
	"wide": {LinkOptions{Shape: LogNormal, SigmaMille: 2000}, func(p float64) float64 {
		return math.Exp(2*math.Sqrt2*math.Erfinv(2*p-1) - 2)
	}},
	"heavy tail":  {LinkOptions{Shape: Pareto, AlphaMille: 1500}, func(p float64) float64 { return (math.Pow(1-p, -1/1.5) - 1) * 0.5 }},
	"lighter one": {LinkOptions{Shape: Pareto, AlphaMille: 3000}, func(p float64) float64 { return (math.Pow(1-p, -1./3) - 1) * 2 }},
}

// Quantiles from the middle to far out in the tails are the exact ones. The tables are
// linear between two entries: the exponential one, which is the coarsest, is off by less
// than 1 part in 500 up to 99 %; the others everywhere by less than 1 in 1,000.
func TestQuantilesOfShapes(t *testing.T) {
	t.Parallel()
	const mean = time.Second
	for name, s := range shaped {
		s.o.Mean = mean
		for _, p := range []float64{1e-6, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.999999} {
			u := uint64(p * (1 << 32))
			exact := s.exact((float64(u) + 0.5) / (1 << 32))
			if s.o.Shape == Exponential && p > 0.99 {
				continue
			}
			assert.InDelta(t, exact, float64(s.o.quantile(u))/float64(mean), exact/500+1e-6, "%s, %g", name, p)
		}
	}
}

// The mean is the mean. Summed over 2^20 evenly spaced quantiles; what the rarest one in
// 2^20 adds to the mean is bounded by its integral: 1.5 (2^-20)^(1/3) for alpha 1.5.
func TestMeansOfShapes(t *testing.T) {
	t.Parallel()
	for name, s := range shaped {
		s.o.Mean = time.Millisecond
		const steps = 1 << 20
		sum := 0.
		for i := range uint64(steps) {
			sum += float64(s.o.quantile(i<<12 + 1<<11))
		}
		assert.InEpsilon(t, float64(time.Millisecond), sum/steps, 0.015, name)
	}
}

// Every shape grows with u, from 0 on, and overflows for no mean and no parameter.
func TestShapesAreMonotone(t *testing.T) {
	check(t, 1000, func(t *rapid.T) {
		o := LinkOptions{
			Mean:       time.Duration(rapid.Int64Range(1, 3).Draw(t, "mean") << rapid.IntRange(0, 57).Draw(t, "bits")),
			Shape:      DelayShape(rapid.SampledFrom([]int{int(Exponential), int(Uniform), int(LogNormal), int(Pareto), int(Measured)}).Draw(t, "shape")),
			SigmaMille: rapid.Int64Range(0, maxSigma).Draw(t, "sigma"),
			AlphaMille: rapid.Int64Range(1001, maxAlpha).Draw(t, "alpha"),
		}
		var table []time.Duration
		for _, d := range rapid.SliceOfN(rapid.Int64Range(0, 1<<50), 1, 9).Draw(t, "table") {
			table = append(table, time.Duration(d))
		}
		o.Table = NewQuantiles(table...)
		near := rapid.Uint64Range(0, 100).Draw(t, "near")
		u := rapid.OneOf(rapid.Uint64Range(0, 1<<32-1), rapid.Just(near), rapid.Just(1<<32-1-near)).Draw(t, "u")
		v := rapid.OneOf(rapid.Uint64Range(u, 1<<32-1), rapid.Just(min(u+1, 1<<32-1))).Draw(t, "v")
		o.checked()
		a, b := o.quantile(u), o.quantile(v)
		if a < 0 || a > b {
			t.Fatalf("quantile %d is %d, quantile %d is %d", u, a, v, b)
		}
	})
}

func TestMeasured(t *testing.T) {
	t.Parallel()
	q := NewQuantiles(30, 10, 20, 1000)
	for u, want := range map[uint64]time.Duration{0: 10, 1 << 32 / 6: 14, 1 << 32 / 3: 19, 1 << 31: 25, 1<<32/3*2 + 1: 30, 1<<32 - 1: 999} {
		assert.Equal(t, want, q.at(u), u)
	}
	assert.Equal(t, time.Duration(7), NewQuantiles(7).at(1<<32-1))
}

// A link draws from the shape it has, on top of its least delay; Max caps the tail.
func TestShapesOfALink(t *testing.T) {
	t.Parallel()
	const n = 20_000
	run := func(o LinkOptions) (delays []time.Duration) {
		w := New(Options{Seed: 6})
		var got []arrival
		addStub(w, "neptune", soon(func(env Env) {
			for range n {
				env.Send(2, 1, nil)
			}
		}))
		addSink(w, "jupiter", &got)
		w.SetLink(1, 2, o)
		w.Run(End, nil)
		for _, a := range got {
			delays = append(delays, a.at.Sub(1)-o.Min)
		}
		return delays
	}
	for name, s := range shaped {
		s.o.Min, s.o.Mean = 5*time.Millisecond, time.Millisecond
		delays := run(s.o)
		require.Len(t, delays, n)
		for _, p := range []float64{0.1, 0.5, 0.9} {
			if q := s.exact(p) * float64(time.Millisecond); name != "no sigma" {
				below, _ := slices.BinarySearch(delays, time.Duration(q))
				near(t, name, below, n, int64(p*million))
			}
		}
	}
	for _, d := range run(LinkOptions{Min: 3, Mean: 4, Shape: Constant}) {
		require.Equal(t, time.Duration(4), d)
	}
	for _, d := range run(LinkOptions{Min: 3, Shape: Measured, Table: NewQuantiles(4, 5)}) {
		require.Equal(t, time.Duration(4), d)
	}
	capped := run(LinkOptions{Mean: time.Millisecond, Shape: Pareto, AlphaMille: 1100, Max: 20 * time.Millisecond})
	assert.Equal(t, 20*time.Millisecond, capped[n-1])
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]LinkOptions{
		"sim: delays of shape 6; there are 6":                                                   {Shape: shapeEnd},
		"sim: log-normal delays with sigma -1/1000; the limit is 10000":                         {Shape: LogNormal, SigmaMille: -1},
		"sim: Pareto delays with alpha 1000/1000, which must be above 1000 and at most 1000000": {Shape: Pareto, AlphaMille: 1000},
		"sim: measured delays without a table":                                                  {Shape: Measured},
	} {
		assert.PanicsWithValue(t, want, func() { New(Options{Link: o}) })
	}
	assert.PanicsWithValue(t, "sim: a distribution of delays needs one at least, and none below 0", func() { NewQuantiles() })
}
