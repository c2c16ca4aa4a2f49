package sim

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const sec = Time(time.Second)

// idle is a world of one node that does nothing.
func idle(o ClockOptions) (*World, NodeID) {
	w := New(Options{Seed: 1, Clock: o})
	return w, addStub(w, "neptune", stub{})
}

// watchDay returns the readings of a node's time of day at some instants.
func watchDay(w *World, n NodeID, at ...Time) []int64 {
	var got []int64
	for _, t := range at {
		w.At(t, func() { got = append(got, w.WallOf(n).Reading) })
	}
	w.Run(End, nil)
	return got
}

// changes collects what is told of clocks.
func changesOf(w *World) *[]string {
	got := new([]string)
	w.Trace = func(l TraceLine) {
		if l.Type == TraceKeeping {
			*got = append(*got, clockChange(l.Kind).String())
		}
	}
	return got
}

// dumbClock is the dumb twin of timekeeping: it is told each microsecond of true time.
// Counts are in 1e-6 ns, slews in 1e-12 ns.
type dumbClock struct {
	ppm               int64
	suspended, frozen bool
	count, day, stood int64 // 1e-6 ns
	left, slewed      int64 // 1e-12 ns
}

func (c *dumbClock) microsecond() {
	if c.suspended {
		return
	}
	d := 1000 * (million + c.ppm)
	s := max(-d*maxSlewPPM, min(c.left, d*maxSlewPPM))
	c.count, c.day, c.left, c.slewed = c.count+d, c.day+d, c.left-s, c.slewed+s
}

func (c *dumbClock) now() int64 { return c.day + c.slewed/million }

func (c *dumbClock) reading() int64 {
	if c.frozen {
		return c.stood / million
	}
	return c.now() / million
}

// Whatever is done to a clock, its closed form agrees with a clock that ticks.
func TestTimekeepingAgreesWithTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, n := idle(ClockOptions{})
		var twin dumbClock
		at := Time(0)
		tick := func(to Time) {
			for ; at < to; at += us {
				twin.microsecond()
			}
		}
		ops := rapid.IntRange(1, 25).Draw(t, "ops")
		when := Time(0)
		for i := range ops {
			when += Time(rapid.IntRange(1, 1500).Draw(t, "after")) * us
			what := rapid.IntRange(0, 7).Draw(t, "what")
			by := rapid.Int64Range(-1500, 1500).Draw(t, "by")
			w.At(when, func() {
				tick(w.Now())
				tolerance := int64(2*i + 3) // each change rounds a count and a slew
				if off := w.WallOf(n).Reading - twin.reading(); off > tolerance || off < -tolerance {
					t.Fatalf("at %v the time of day is %d, the twin's %d", w.Now(), w.WallOf(n).Reading, twin.reading())
				}
				if off := int64(w.MonotonicOf(n)) - twin.count/million; off > tolerance || off < -tolerance {
					t.Fatalf("at %v the monotonic clock is %d, the twin's %d", w.Now(), w.MonotonicOf(n), twin.count/million)
				}
				switch what {
				case 0:
					w.SetDrift(n, by*100)
					twin.ppm = by * 100
				case 1, 2:
					w.SlewClock(n, time.Duration(by))
					twin.left += by * million * million
				case 3:
					if w.FreezeClock(n) {
						twin.frozen, twin.stood = true, twin.now()
					}
				case 4:
					jump := by > 0
					if w.ThawClock(n, jump) && !jump {
						twin.day -= twin.now() - twin.stood
					}
					twin.frozen = false
				case 5:
					w.Suspend(n)
					twin.suspended = true
				case 6:
					w.Resume(n)
					twin.suspended = false
				case 7:
					w.StepClock(n, time.Duration(by))
					twin.day += by * million
					twin.stood += by * million
				}
			})
		}
		w.Run(End, nil)
	})
}

func TestSlew(t *testing.T) {
	t.Parallel()
	w, n := idle(ClockOptions{})
	w.At(10*sec, func() {
		assert.False(t, w.SlewClock(n, 0))
		assert.True(t, w.SlewClock(n, 100*time.Millisecond))
		assert.Equal(t, Disrupted, w.WallOf(n).Status)
	})
	w.At(600*sec, func() { w.SlewClock(n, -100*time.Millisecond) })
	w.At(700*sec, func() { w.SlewClock(n, 100*time.Millisecond) }) // half of it is worked off
	got := watchDay(w, n, 10*sec, 110*sec, 210*sec, 211*sec, 700*sec, 750*sec, 800*sec, 900*sec)
	const ms = int64(time.Millisecond)
	for i, want := range []struct {
		at  Time
		off int64
	}{{10 * sec, 0}, {110 * sec, 50 * ms}, {210 * sec, 100 * ms}, {211 * sec, 100 * ms}, {700 * sec, 50 * ms},
		{750 * sec, 75 * ms}, {800 * sec, 100 * ms}, {900 * sec, 100 * ms}} {
		assert.Equal(t, int64(want.at)+want.off, got[i], "at %v", want.at)
	}
}

// A frozen time of day stands, the monotonic clock and timers go on.
func TestFreezeAndThaw(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	fired := Time(0)
	n := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, time.Second) },
		fire: func(Env, TimerID) { fired = w.Now() },
	})
	w.At(sec/2, func() {
		assert.False(t, w.ThawClock(n, true), "it is not frozen")
		assert.True(t, w.FreezeClock(n))
		assert.False(t, w.FreezeClock(n), "it is frozen")
	})
	w.At(2*sec, func() { assert.EqualValues(t, 2*sec, w.MonotonicOf(n)); w.StepClock(n, 7) })
	w.At(3*sec, func() { assert.True(t, w.ThawClock(n, true)) })
	w.At(4*sec, func() { w.FreezeClock(n) })
	w.At(5*sec, func() { assert.True(t, w.ThawClock(n, false)) })
	got := watchDay(w, n, sec, 2*sec+1, 3*sec+1, 5*sec-1, 6*sec)
	assert.Equal(t, []int64{int64(sec / 2), int64(sec/2) + 7, int64(3*sec + 8), int64(4*sec + 7), int64(5*sec + 7)}, got)
	assert.Equal(t, sec, fired)
}

// Three ways to insert a leap second.
func TestLeap(t *testing.T) {
	t.Parallel()
	const minute = 60 * sec
	for name, c := range map[string]struct {
		at   Time
		over time.Duration
		when []Time
		want []int64
	}{
		"step": {at: 30*sec + sec/2, when: []Time{30 * sec, 30*sec + sec/2, 31 * sec, minute},
			want: []int64{int64(30 * sec), int64(29*sec + sec/2), int64(30 * sec), int64(59 * sec)}},
		"repeat": {at: minute, when: []Time{59 * sec, minute - 1, minute, minute + sec - 1, minute + sec},
			want: []int64{int64(59 * sec), int64(minute - 1), int64(59 * sec), int64(minute - 1), int64(minute)}},
		"smear": {at: 40 * sec, over: LeapSmear, when: []Time{40 * sec, 40*sec + Time(12*time.Hour), 40*sec + Time(24*time.Hour), 41*sec + Time(24*time.Hour)},
			want: []int64{int64(40 * sec), int64(40*sec+Time(12*time.Hour)) - int64(sec/2), int64(39*sec + Time(24*time.Hour)), int64(40*sec + Time(24*time.Hour))}},
		"stand": {at: 40 * sec, over: time.Second, when: []Time{40*sec + sec/2, 41 * sec, 42 * sec},
			want: []int64{int64(40 * sec), int64(40 * sec), int64(41 * sec)}},
	} {
		w, n := idle(ClockOptions{})
		w.At(30*sec, func() {
			assert.False(t, w.Unleap(n))
			assert.False(t, w.Leap(n, c.at, time.Millisecond), "time would go back in a smear")
			assert.True(t, w.Leap(n, c.at, c.over))
			assert.False(t, w.Leap(n, c.at, c.over), "one at a time")
		})
		w.At(3*24*3600*sec, func() {
			assert.True(t, w.Unleap(n))
			assert.EqualValues(t, w.Now(), w.WallOf(n).Reading)
		})
		assert.Equal(t, c.want, watchDay(w, n, c.when...), name)
	}
	// 1 s in a day is 11.574 ppm.
	l := leap{on: true, over: LeapSmear}
	assert.EqualValues(t, 11_574, l.shift(int64(sec))/1000*1000+574) // 11,574 ns, to the microsecond
	assert.EqualValues(t, 11_574, l.shift(int64(sec)))
}

// Who leaps with all others keeps his promise, except in the second that comes twice. Who
// leaps alone does not, nor who smears what others step.
func TestHonestyOfLeaps(t *testing.T) {
	t.Parallel()
	honest := func(over [2]time.Duration, leaps int, readAt Time) (a, b bool) {
		w := New(Options{Clock: ClockOptions{DriftBoundPPM: 1, Bound: time.Millisecond}})
		read := stub{fire: func(env Env, _ TimerID) { env.Wall() }, boot: func(env Env) { env.SetTimer(0, time.Duration(readAt)) }}
		n := [2]NodeID{addStub(w, "neptune", read), addStub(w, "jupiter", read)}
		w.AddClient("client", func(c *Client) { c.Sleep(time.Second) }) // has no clock of its own
		w.At(5*sec, func() {
			for i := range leaps {
				w.Leap(n[i], 10*sec, over[i])
			}
		})
		w.Run(End, nil)
		return w.HonestClock(n[0]), w.HonestClock(n[1])
	}
	hard, smear := time.Duration(0), 100*time.Second
	for _, c := range []struct {
		name  string
		over  [2]time.Duration
		leaps int
		at    Time
		a, b  bool
	}{
		{"before", [2]time.Duration{hard, smear}, 2, 9 * sec, true, true},
		{"all step, at the step", [2]time.Duration{hard, hard}, 2, 10 * sec, true, true}, // the interval contains both
		{"all step, then", [2]time.Duration{hard, hard}, 2, 10*sec + sec/2, false, false},
		{"all step, after", [2]time.Duration{hard, hard}, 2, 11 * sec, true, true},
		{"all smear", [2]time.Duration{smear, smear}, 2, 50 * sec, true, true},
		{"one leaps", [2]time.Duration{hard, hard}, 1, 15 * sec, false, true},
		{"one steps, one smears", [2]time.Duration{hard, smear}, 2, 50 * sec, false, true},
		{"one steps, one smears, after", [2]time.Duration{hard, smear}, 2, 111 * sec, true, true},
	} {
		a, b := honest(c.over, c.leaps, c.at)
		assert.Equal(t, c.a, a, c.name)
		assert.Equal(t, c.b, b, c.name)
	}
}

func TestGrain(t *testing.T) {
	t.Parallel()
	const grain = 15_600 * time.Microsecond
	w := New(Options{Clock: ClockOptions{DayGrain: time.Millisecond, MonotonicGrain: grain, DriftBoundPPM: 1}})
	var fired []Time
	n := addStub(w, "neptune", stub{
		boot: func(env Env) {
			env.SetTimer(0, 1)
			env.SetTimer(1, grain)
			env.SetTimer(2, grain+1)
			env.SetTimer(3, 0)
		},
		fire: func(env Env, id TimerID) {
			fired = append(fired, w.Now())
			r, now := env.Wall(), int64(w.Now())
			assert.Zero(t, r.Reading%int64(time.Millisecond))
			assert.LessOrEqual(t, r.Reading, now)
			assert.LessOrEqual(t, now-r.Reading, int64(time.Millisecond))
			assert.Zero(t, env.Monotonic()%grain)
		},
	})
	w.At(Time(100*time.Millisecond), func() {
		assert.False(t, w.SetGrain(n, time.Millisecond, grain), "as it is")
		assert.True(t, w.SetGrain(n, 0, 0))
		assert.Equal(t, 100*time.Millisecond, w.MonotonicOf(n))
		assert.True(t, w.SetGrain(n, 0, grain))
		assert.Equal(t, 100*time.Millisecond, w.MonotonicOf(n), "it does not go back")
	})
	w.At(Time(109*time.Millisecond), func() { assert.Equal(t, 100*time.Millisecond, w.MonotonicOf(n)) })
	w.At(Time(7*grain), func() { assert.Equal(t, 7*grain, w.MonotonicOf(n)) })
	w.Run(End, nil)
	assert.True(t, w.HonestClock(n))
	assert.Equal(t, []Time{0, Time(grain), Time(grain), Time(2 * grain)}, fired)
}

// A wave has its amplitude after a quarter of its period; noise changes each millisecond
// and fills its range.
func TestWobble(t *testing.T) {
	t.Parallel()
	w, n := idle(ClockOptions{})
	off := func() int64 { return w.WallOf(n).Reading - int64(w.Now()) }
	at := func(t Time, do func()) { w.At(t, do) }
	at(sec, func() { assert.True(t, w.SetWobble(n, Wobble{Amplitude: 1000, Period: 8 * time.Second})) })
	for i, want := range []int64{0, 500, 1000, 500, 0, -500, -1000, -500, 0, 500} {
		at(sec+Time(i)*sec, func() { assert.Equal(t, want, off(), "%d", i) })
	}
	noise := Wobble{Noise: 100}
	at(20*sec, func() {
		assert.True(t, w.SetWobble(n, noise))
		assert.False(t, w.SetWobble(n, noise))
	})
	var low, high, sum int64
	last := int64(0)
	for i := range Time(1000) {
		at(20*sec+i*Time(noiseSlot)+Time(noiseSlot)/4, func() { last = off() })
		at(20*sec+i*Time(noiseSlot)+Time(noiseSlot)/2, func() {
			assert.Equal(t, last, off(), "within a millisecond it is one")
			low, high, sum = min(low, last), max(high, last), sum+last
		})
	}
	at(30*sec, func() { assert.True(t, w.SetWobble(n, Wobble{})); assert.Zero(t, off()) })
	w.Run(End, nil)
	// Of 1,000 draws of 201 values the outermost 10 on a side are all missed with
	// (1-10/201)^1000 < 1e-22; the mean has a deviation of 58/√1000 = 1.8.
	assert.GreaterOrEqual(t, low, int64(-100))
	assert.LessOrEqual(t, high, int64(100))
	assert.Less(t, low, int64(-90))
	assert.Greater(t, high, int64(90))
	assert.InDelta(t, 0, float64(sum)/1000, 11)
}

// While a machine is suspended its clocks stand, and it never learns of it: its timers
// have as long to go as before. A paused process finds them all due.
func TestSuspend(t *testing.T) {
	t.Parallel()
	run := func(stop func(w *World, n NodeID) bool) (fired []Time, mono []time.Duration, day int64) {
		w := New(Options{})
		n := addStub(w, "neptune", stub{
			boot: func(env Env) {
				for i := range 3 {
					env.SetTimer(TimerID(i), time.Duration(i+1)*time.Second)
				}
				env.SetTimer(3, time.Second)
				env.SetTimer(3, 10*time.Second) // its entry comes up early
				env.SetTimer(4, time.Second)
				env.StopTimer(4)
			},
			fire: func(env Env, _ TimerID) { fired = append(fired, w.Now()); mono = append(mono, env.Monotonic()) },
		})
		w.At(sec/2, func() {
			assert.False(t, w.Resume(n))
			assert.True(t, stop(w, n))
			assert.False(t, stop(w, n), "it is already")
			assert.True(t, w.Paused(n))
		})
		w.At(7*sec/2, func() { assert.True(t, w.Resume(n)); assert.False(t, w.Paused(n)); assert.False(t, w.Suspended(n)) })
		w.At(20*sec, func() { day = w.WallOf(n).Reading })
		w.Run(End, nil)
		return fired, mono, day
	}
	const s = time.Second
	fired, mono, day := run((*World).Suspend)
	assert.Equal(t, []Time{4 * sec, 5 * sec, 6 * sec, 13 * sec}, fired)
	assert.Equal(t, []time.Duration{s, 2 * s, 3 * s, 10 * s}, mono)
	assert.EqualValues(t, 17*sec, day)
	fired, mono, day = run((*World).Pause)
	assert.Equal(t, []Time{7 * sec / 2, 7 * sec / 2, 7 * sec / 2, 10 * sec}, fired)
	assert.Equal(t, []time.Duration{7 * s / 2, 7 * s / 2, 7 * s / 2, 10 * s}, mono)
	assert.EqualValues(t, 20*sec, day)
}

// A machine that is suspended in the middle of its work does the rest of it later, and
// none of its clocks tells.
func TestSuspendAtWork(t *testing.T) {
	t.Parallel()
	w := New(Options{CPU: CPUOptions{Effect: time.Second}})
	var arrived []Time
	var read []time.Duration
	n := addStub(w, "neptune", stub{
		boot: func(env Env) {
			for range 3 {
				env.Send(2, 1, nil)
				read = append(read, env.Monotonic())
			}
			env.SetTimer(0, time.Second)
		},
		fire: func(env Env, _ TimerID) { read = append(read, env.Monotonic()) },
	})
	addStub(w, "jupiter", stub{receive: func(Env, NodeID, Kind, []byte) { arrived = append(arrived, w.Now()) }})
	w.At(3*sec/2, func() { w.Suspend(n); w.SetDrift(n, 100) })
	w.At(11*sec+sec/2, func() { w.Resume(n) })
	w.At(12*sec, func() {
		assert.EqualValues(t, 2*sec, w.MonotonicOf(n), "the new rate holds from the end of its work")
		w.SetDrift(n, 200)
	})
	w.At(13*sec, func() { assert.EqualValues(t, 3*sec, w.MonotonicOf(n)) })
	w.Run(End, nil)
	assert.Equal(t, []Time{sec, 12 * sec, 13 * sec}, arrived)
	const s = time.Second
	assert.Equal(t, []time.Duration{s, 2 * s, 3 * s}, read[:3])
	assert.GreaterOrEqual(t, read[3], 4*s)
	assert.Less(t, read[3], 4*s+time.Millisecond)
}

// A process that is killed while its machine is suspended is gone, and the next one's
// clock runs.
func TestKillWhileSuspended(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	booted := []time.Duration{}
	n := addStub(w, "neptune", stub{boot: func(env Env) { booted = append(booted, env.Monotonic()); env.SetTimer(0, 1) }})
	w.At(sec, func() { w.Suspend(n) })
	w.At(3*sec, func() { assert.True(t, w.Kill(n)); assert.False(t, w.Resume(n)) })
	w.At(4*sec, func() { w.Restart(n) })
	w.Run(End, nil)
	assert.Equal(t, []time.Duration{0, 2 * time.Second}, booted)
}

// A rate that was to change when a process that died is done changes at the next boot, in
// the time of a machine that was suspended before.
func TestSetDriftAcrossLivesAfterASuspension(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	n := addStub(w, "neptune", stub{boot: func(env Env) { env.Spend(10 * time.Second) }})
	w.At(sec, func() { w.Suspend(n) })
	w.At(3*sec, func() { w.Resume(n); w.Kill(n); w.Restart(n) })
	w.At(5*sec, func() { w.SetDrift(n, 500_000); w.Kill(n) })
	w.At(7*sec, func() { w.Restart(n) })
	for i, want := range []time.Duration{4, 5, 6} {
		w.At(Time(6+i)*sec, func() {
			if i == 2 {
				assert.Equal(t, 5*time.Second+1500*time.Millisecond, w.MonotonicOf(n))
				return
			}
			assert.Equal(t, want*time.Second, w.MonotonicOf(n))
		})
	}
	w.Run(End, nil)
}

// A process that dies has read its clock ahead, in the grain before. Timers of the next
// one count from what the clock shows.
func TestGrainAcrossLives(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	w := New(Options{})
	var due, fired time.Duration
	n := w.AddNode("neptune", func(life uint32) Machine {
		return stub{
			boot: func(env Env) {
				if life == 1 {
					env.Spend(time.Second)
					return
				}
				due = env.Monotonic() + 105*ms
				env.SetTimer(0, 105*ms)
			},
			fire: func(env Env, _ TimerID) { fired = env.Monotonic() },
		}
	})
	w.At(sec/2, func() { w.SetGrain(n, 0, 10*ms); w.Kill(n); w.Restart(n) })
	w.Run(End, nil)
	assert.Equal(t, 1105*ms, due)
	assert.Equal(t, 1110*ms, fired)
}

// A disrupted clock is Synchronized again after a synchronization by hand, whatever was
// done to it.
func TestSynchronize(t *testing.T) {
	t.Parallel()
	for _, o := range []ClockOptions{{Bound: 50}, {Bound: 50, DriftBoundPPM: 100}} {
		w, n := idle(o)
		w.At(sec, func() {
			assert.Equal(t, o.DriftBoundPPM > 0, w.Synchronize(n), "a narrower bound is a change")
			assert.False(t, w.Synchronize(n), "nothing is left to do")
			w.StepClock(n, time.Hour)
			w.SlewClock(n, time.Second)
			assert.Equal(t, Disrupted, w.WallOf(n).Status)
			assert.True(t, w.Synchronize(n))
			r := w.WallOf(n)
			assert.Equal(t, Synchronized, r.Status)
			assert.EqualValues(t, sec, r.Reading)
		})
		w.At(10*sec, func() {
			assert.EqualValues(t, 10*sec, w.WallOf(n).Reading, "the slew is off")
			assert.True(t, w.DisruptClock(n))
			assert.False(t, w.DisruptClock(n))
			assert.True(t, w.Synchronize(n))
		})
		w.Run(End, nil)
	}
}

// The interval of a daemon grows by what the oscillator may drift, and by nothing else;
// with a clock that drifts more than its node believes it becomes a lie.
func TestIntervalGrows(t *testing.T) {
	t.Parallel()
	w := New(Options{Clock: ClockOptions{Bound: time.Millisecond, DriftBoundPPM: 100}})
	var got []int64
	n := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, time.Second) },
		fire: func(env Env, _ TimerID) {
			r := env.Wall()
			got = append(got, (r.Latest-r.Earliest)/2)
			env.SetTimer(0, time.Second)
		},
	})
	w.At(100*sec, func() { assert.True(t, w.HonestClock(n)); w.SetDrift(n, 100) })
	w.At(200*sec, func() { assert.True(t, w.HonestClock(n)); w.SetDrift(n, 500) })
	lies := changesOf(w)
	w.Run(300*sec, nil)
	for i, b := range got[:99] {
		// 100 µs a second, and a rounding of 100 ppm of that.
		assert.InDelta(t, 1_000_000+100_000*(i+1), b, float64(10*(i+1)+10))
	}
	assert.False(t, w.HonestClock(n))
	assert.Equal(t, []string{"lied"}, *lies, "told once")
}

// An oscillator at its very limit, slow or fast, keeps the promise.
func TestIntervalIsHonestAtTheLimit(t *testing.T) {
	t.Parallel()
	for _, ppm := range []int64{-1000, 1000} {
		w := New(Options{Clock: ClockOptions{DriftBoundPPM: 1000}})
		n := addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, 0) },
			fire: func(env Env, _ TimerID) { env.Wall(); env.SetTimer(0, 777_777*time.Microsecond) },
		})
		w.SetDrift(n, ppm)
		w.Run(1000*sec, nil)
		assert.True(t, w.HonestClock(n), "%d ppm", ppm)
	}
}

// A broken bound lies from the next reading on, and no synchronization helps.
func TestBreakBound(t *testing.T) {
	t.Parallel()
	for _, o := range []ClockOptions{{Bound: time.Millisecond}, {Bound: time.Millisecond, NTP: NTPOptions{Poll: time.Second}}} {
		w := New(Options{Clock: o})
		n := addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, time.Second/2) },
			fire: func(env Env, _ TimerID) {
				assert.Equal(t, Synchronized, env.Wall().Status)
				env.SetTimer(0, time.Second/2)
			},
		})
		w.At(9*sec, func() {
			assert.True(t, w.BreakBound(n, 5*time.Millisecond))
			assert.False(t, w.BreakBound(n, 5*time.Millisecond))
			assert.True(t, w.HonestClock(n), "nobody has read it")
		})
		w.At(19*sec, func() {
			assert.False(t, w.HonestClock(n))
			w.Synchronize(n)
			assert.EqualValues(t, 19*sec+5*Time(time.Millisecond), w.WallOf(n).Reading)
			assert.True(t, w.BreakBound(n, 0))
			assert.EqualValues(t, 19*sec, w.WallOf(n).Reading)
		})
		w.Run(30*sec, nil)
		require.Empty(t, w.Violations())
	}
}

// What cannot be done to a clock is refused, and no line of the trace tells of it.
func TestRefusalsOfClocks(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	n := addStub(w, "neptune", stub{})
	client := w.AddClient("client", func(c *Client) { c.Sleep(time.Second) })
	w.Run(0, nil)
	before := w.Digest()
	for what, did := range map[string]bool{
		"slew of a client":              w.SlewClock(client, 1),
		"freeze of a client":            w.FreezeClock(client),
		"thaw of a client":              w.ThawClock(client, true),
		"leap of a client":              w.Leap(client, 0, 0),
		"unleap of a client":            w.Unleap(client),
		"grain of a client":             w.SetGrain(client, 1, 1),
		"negative grain":                w.SetGrain(n, -1, 0),
		"broken bound of a client":      w.BreakBound(client, 1),
		"bound broken by nothing":       w.BreakBound(n, 0),
		"wobble of a client":            w.SetWobble(client, Wobble{Noise: 1}),
		"no wobble":                     w.SetWobble(n, Wobble{}),
		"suspension of a client":        w.Suspend(client),
		"synchronization of a client":   w.Synchronize(client),
		"synchronization of what is":    w.Synchronize(n),
		"disruption of a client":        w.DisruptClock(client),
		"silence without NTP":           w.SilenceNTP(n),
		"answer without silence":        w.AnswerNTP(n),
		"false ticker without a server": w.FalseTicker(1, 1),
	} {
		assert.False(t, did, what)
	}
	assert.Equal(t, before, w.Digest())
	assert.True(t, w.HonestClock(client))
	w.Kill(n)
	assert.False(t, w.Suspend(n), "it is down")
}

func TestPortion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Int64Range(-int64(never), int64(never)).Draw(t, "x")
		whole := rapid.Int64Range(1, int64(never)).Draw(t, "whole")
		part := rapid.Int64Range(-whole, whole).Draw(t, "part")
		want := new(big.Int).Mul(big.NewInt(x), big.NewInt(part))
		want.Quo(want, big.NewInt(whole))
		if got := portion(time.Duration(x), time.Duration(part), time.Duration(whole)); int64(got) != want.Int64() {
			t.Fatalf("%d × %d / %d is %d, not %d", x, part, whole, want, got)
		}
	})
}
