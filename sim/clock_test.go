package sim

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const century = 100 * 365 * 24 * time.Hour

// exactly is floor(d × num / den), by arithmetic without bounds.
func exactly(d, num, den int64) *big.Int {
	x := new(big.Int).Mul(big.NewInt(d), big.NewInt(num))
	return x.Div(x, big.NewInt(den))
}

// No clock overflows in a hundred years, as fast or slow as it may be.
func TestClockIsExactForACentury(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ppm := rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64Range(-999_999, 900_000),
			rapid.SampledFrom([]int64{-999_999, -999_990, -999_000, -700_000})).Draw(t, "ppm")
		d := rapid.Int64Range(0, int64(century)).Draw(t, "d")
		var c clock
		c.setDrift(0, ppm)
		got := big.NewInt(int64(c.at(Time(d))))
		if off := new(big.Int).Sub(got, exactly(d, million+ppm, million)); off.Sign() < 0 || off.Cmp(big.NewInt(1)) > 0 {
			t.Fatalf("after %d ns at %d ppm the clock reads %v, exactly %v", d, ppm, got, exactly(d, million+ppm, million))
		}
		// And back: the least true time in which the clock has surely gone by d.
		real := c.real(0, time.Duration(d))
		want := exactly(d, million, million+ppm)
		if !want.IsInt64() {
			if real < 1<<62 {
				t.Fatalf("%d ns of a clock at %d ppm take %d, exactly %v", d, ppm, real, want)
			}
			return
		}
		if off := new(big.Int).Sub(big.NewInt(int64(real)), want); real < 1<<62 && (off.Sign() < 0 || off.Cmp(big.NewInt(1)) > 0) {
			t.Fatalf("%d ns of a clock at %d ppm take %d, exactly %v", d, ppm, real, want)
		}
		if Time(0).Add(real) < 0 {
			t.Fatalf("time went back")
		}
	})
}

// Whatever is done to its rate, its time of day and its process: within one life a
// node's monotonic clock never goes back.
func TestMonotonicNeverGoesBack(t *testing.T) {
	check(t, 500, func(t *rapid.T) {
		w := New(Options{
			CPU:   CPUOptions{Handler: time.Duration(rapid.IntRange(0, 20).Draw(t, "handler")), Effect: time.Duration(rapid.IntRange(0, 20).Draw(t, "effect"))},
			Clock: ClockOptions{DriftMaxPPM: 300_000},
			Seed:  rapid.Uint64Range(0, 100).Draw(t, "seed"),
		})
		readings := 0
		n := w.AddNode("neptune", func(uint32) Machine {
			last := time.Duration(-1)
			read := func(env Env) {
				for range 3 {
					readings++
					now := env.Monotonic()
					if now < last {
						t.Fatalf("the clock went back from %d to %d", last, now)
					}
					last = now
					env.Send(1, 1, nil)
					env.Spend(time.Duration(env.Rand(30)))
				}
			}
			return stub{
				boot:    func(env Env) { read(env); env.SetTimer(0, 10) },
				fire:    func(env Env, _ TimerID) { read(env); env.SetTimer(0, time.Duration(env.Rand(50))) },
				receive: func(env Env, _ NodeID, _ Kind, _ []byte) { read(env) },
			}
		})
		w.SetLink(n, n, LinkOptions{LossPPM: 900_000, Min: 3})
		lastSeen, at := time.Duration(0), Time(0)
		for range rapid.IntRange(1, 40).Draw(t, "faults") {
			at += Time(rapid.IntRange(0, 60).Draw(t, "after"))
			what := rapid.IntRange(0, 9).Draw(t, "what")
			ppm := rapid.Int64Range(-900_000, 900_000).Draw(t, "ppm")
			w.At(at, func() {
				switch what {
				case 0:
					w.StepClock(n, -time.Hour)
				case 1:
					w.Pause(n)
				case 2:
					w.Resume(n)
				case 3:
					w.Kill(n)
				case 4:
					w.Restart(n)
				default:
					w.SetDrift(n, ppm)
				}
			})
		}
		w.After = func(NodeID) {
			if now := w.MonotonicOf(n); now < lastSeen {
				t.Fatalf("to a check the clock went back from %d to %d", lastSeen, now)
			} else {
				lastSeen = now
			}
		}
		w.Run(at+100, nil)
		if len(w.Violations()) > 0 {
			t.Fatalf("%+v", w.Violations())
		}
		if readings < 3 {
			t.Fatalf("vacuous: %d readings", readings)
		}
	})
}

// A change of rate is seen from then on, and timers that are set keep their time.
func TestSetDrift(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	type reading struct {
		at    Time
		clock time.Duration
	}
	var got []reading
	n := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 1000) },
		fire: func(env Env, _ TimerID) {
			got = append(got, reading{w.Now(), env.Monotonic()})
			if len(got) < 4 {
				env.SetTimer(0, 1000)
			}
		},
	})
	w.At(500, func() { assert.True(t, w.SetDrift(n, 500_000)) })
	w.At(2600, func() { assert.True(t, w.SetDrift(n, -500_000)); assert.False(t, w.SetDrift(n, -500_000)) })
	w.Run(End, nil)
	assert.Equal(t, []reading{
		{1000, 1250},             // set before: true time 1000
		{1667, 2250},             // 1000 of a clock that runs half as fast again: 666.7
		{2334, 3251},             // the same
		{3001, 3650 + 401/2 + 1}, // set before the clock turned slow at 2600, when it read 3650
	}, got)
}

// A rate that changes while a handler is at work holds from the handler's end: by then
// it has read its clock. A timer that leaves before that, and was held for the change,
// is not early by the clock that was slower.
func TestSetDriftWhileANodeIsBusy(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var due, fired time.Duration
	n := addStub(w, "neptune", stub{
		boot: func(env Env) {
			env.Spend(60)
			due = env.Monotonic() + 1000
			env.SetTimer(0, 1000) // leaves at 60
			env.Spend(40)
			assert.EqualValues(t, 100, env.Monotonic())
		},
		fire: func(env Env, _ TimerID) { fired = env.Monotonic() },
	})
	w.At(50, func() {
		w.SetDrift(n, 500_000)
		assert.EqualValues(t, 50, w.MonotonicOf(n))
	})
	w.At(90, func() { assert.EqualValues(t, 90, w.MonotonicOf(n)) })
	w.At(200, func() { assert.EqualValues(t, 250, w.MonotonicOf(n)) })
	w.Run(End, nil)
	assert.GreaterOrEqual(t, fired, due)
}

// The process that was at work dies before the rate changes, and the next one is at
// work when the rate changes again.
func TestSetDriftAcrossLives(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	n := addStub(w, "neptune", stub{boot: func(env Env) { env.Spend(60) }})
	w.SetDrift(n, -500_000)
	w.At(2, func() { w.Kill(n) })
	w.At(4, func() { w.SetDrift(n, 500_000) }) // from 60 on
	w.At(10, func() {
		w.Restart(n) // from now on
		w.SetDrift(n, 0)
	})
	var readings []time.Duration
	for _, at := range []Time{3, 9, 12, 20, 70, 72} {
		w.At(at, func() { readings = append(readings, w.MonotonicOf(n)) })
	}
	w.Run(End, nil)
	assert.Equal(t, []time.Duration{2, 5, 8, 20, 95, 97}, readings)
}

// A step moves the time of day and nothing else, and the interval says so.
func TestStepClockMovesTheTimeOfDayOnly(t *testing.T) {
	t.Parallel()
	w := New(Options{Clock: ClockOptions{Bound: 50}})
	type reading struct {
		mono time.Duration
		wall Wall
	}
	var got []reading
	n := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 100) },
		fire: func(env Env, _ TimerID) {
			got = append(got, reading{env.Monotonic(), env.Wall()})
			if len(got) < 4 {
				env.SetTimer(0, 100)
			}
		},
	})
	w.At(150, func() { assert.True(t, w.StepClock(n, -10_000)) })
	w.At(250, func() { assert.True(t, w.StepClock(n, 500)) })
	w.At(350, func() { w.Kill(n); w.Restart(n) }) // a machine's clock is no process' clock
	w.Run(End, nil)
	assert.Equal(t, []reading{
		{100, Wall{100, 50, 150, Synchronized}},
		{200, Wall{200 - 10_000, 150 - 10_000, 250 - 10_000, Disrupted}},
		{300, Wall{300 - 9_500, 250 - 9_500, 350 - 9_500, Disrupted}},
		{450, Wall{450 - 9_500, 400 - 9_500, 500 - 9_500, Disrupted}},
	}, got)
}

// While it is synchronized, the interval of every reading contains true time, is no
// narrower than promised, and has the reading in its middle.
func TestIntervalContainsTrueTimeWhileSynchronized(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := ClockOptions{
			OffsetMax:   time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "offset")),
			DriftMaxPPM: rapid.Int64Range(0, 1000).Draw(t, "ppm"),
			Bound:       time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "bound")),
		}
		w := New(Options{Seed: rapid.Uint64().Draw(t, "seed"), Clock: o})
		stepped := false
		n := addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, time.Minute) },
			fire: func(env Env, _ TimerID) {
				r, now := env.Wall(), int64(w.Now())
				width := r.Latest - r.Earliest
				switch {
				case (r.Status == Disrupted) != stepped:
					t.Fatalf("status is %d, stepped: %v", r.Status, stepped)
				case r.Status == Synchronized && (r.Earliest > now || r.Latest < now):
					t.Fatalf("%+v does not contain true time %d", r, now)
				case width < 2*int64(o.Bound) || r.Reading != r.Earliest+width/2:
					t.Fatalf("%+v is not around its reading by at least %v", r, o.Bound)
				}
				env.SetTimer(0, time.Minute)
			},
		})
		drift := rapid.Int64Range(-1000, 1000).Draw(t, "drift")
		w.At(Time(5*time.Minute), func() { w.SetDrift(n, drift) })
		w.At(Time(10*time.Minute), func() { stepped = w.StepClock(n, time.Second) })
		w.Run(Time(15*time.Minute), nil)
		if len(w.Violations()) > 0 {
			t.Fatalf("%+v", w.Violations())
		}
	})
}

// Clocks begin off by what the options say, in both directions, each node's its own.
func TestClocksBeginApart(t *testing.T) {
	t.Parallel()
	const offset, ppm = 1000, 200
	var offsets, drifts [3]int // below, in the middle, above
	count := func(c *[3]int, x, most int64) {
		require.LessOrEqual(t, max(x, -x), most)
		switch {
		case x < -most/3:
			c[0]++
		case x > most/3:
			c[2]++
		default:
			c[1]++
		}
	}
	const seeds = 500
	for seed := range uint64(seeds) {
		w := New(Options{Seed: seed, Clock: ClockOptions{OffsetMax: offset, DriftMaxPPM: ppm}})
		a, b := addStub(w, "neptune", stub{}), addStub(w, "jupiter", stub{})
		client := w.AddClient("client", func(*Client) {})
		na, nb := &w.nodes[a].clock, &w.nodes[b].clock
		count(&offsets, int64(na.wall), offset)
		count(&drifts, na.driftPPM, ppm)
		count(&offsets, int64(nb.wall), offset)
		count(&drifts, nb.driftPPM, ppm)
		assert.Equal(t, clock{}, w.nodes[client].clock, "a client's clock is true")
	}
	for i := range 3 {
		near(t, "offsets", offsets[i], 2*seeds, million/3)
		near(t, "drifts", drifts[i], 2*seeds, million/3)
	}
	w := New(Options{Seed: 1})
	assert.Equal(t, clock{}, w.nodes[addStub(w, "neptune", stub{})].clock, "in a perfect world clocks are true")
}
