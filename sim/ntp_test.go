package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// lan is NTP as in a data centre, with polls of a second.
var lan = NTPOptions{Poll: time.Second, Servers: 3, ServerMax: time.Millisecond, DelayMin: 100 * time.Microsecond, DelayMean: 300 * time.Microsecond}

// until lets a world go on to a time, for NTP alone keeps none alive.
func until(w *World, t Time, do func()) {
	w.At(t, do)
	w.Run(t, nil)
}

// The thresholds of ntpd: an offset below 128 ms is slewed, up to 1000 s it is stepped,
// beyond that the client gives up.
func TestNTPThresholds(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		off  time.Duration
		want string
	}{
		{1, "ntp_slew"},
		{50 * ms, "ntp_slew"},
		{128*ms - 1, "ntp_slew"},
		{128 * ms, "ntp_step"},
		{time.Hour / 4, "ntp_step"},
		{1000 * time.Second, "ntp_step"},
		{1000*time.Second + 1, "ntp_panic"},
		{time.Hour, "ntp_panic"},
	} {
		for _, sign := range []time.Duration{1, -1} {
			w, n := idle(ClockOptions{NTP: NTPOptions{Poll: time.Second}})
			until(w, 3*sec/2, func() { w.StepClock(n, sign*c.off) })
			got := changesOf(w)
			w.At(3*sec, func() {})
			w.Run(3*sec, func() bool { return len(*got) > 0 })
			require.Equal(t, []string{c.want}, *got, "%v", sign*c.off)
			off := func() time.Duration { return time.Duration(w.WallOf(n).Reading - int64(w.Now())) }
			from := w.Now()
			switch c.want {
			case "ntp_step":
				assert.Zero(t, off())
			case "ntp_panic":
				assert.Equal(t, sign*c.off, off())
				assert.Equal(t, Disrupted, w.WallOf(n).Status)
				until(w, 100*sec, func() { assert.Equal(t, sign*c.off, off()) })
				assert.Equal(t, []string{"ntp_panic"}, *got, "the client is gone")
				until(w, 101*sec, func() { assert.True(t, w.Synchronize(n)) })
				until(w, 103*sec, func() { assert.Contains(t, *got, "ntp_slew", "and back") })
			case "ntp_slew":
				// 500 µs a second. The polls after this one find what is left.
				assert.Equal(t, sign*c.off, off())
				took := c.off * million / maxSlewPPM
				until(w, from.Add(took/2), func() { assert.InDelta(t, float64(sign*c.off/2), float64(off()), 2) })
				until(w, from.Add(took+1000), func() { assert.Zero(t, off()) })
				until(w, from.Add(2*took+1000), func() { assert.Zero(t, off()) })
			}
		}
	}
}

// Nothing answers: after 8 polls the clock is FreeRunning, after 64 Unknown; the bound
// grows all the time. One answer makes it good.
func TestNTPSilence(t *testing.T) {
	t.Parallel()
	w, n := idle(ClockOptions{DriftMaxPPM: 200, OffsetMax: 50 * time.Millisecond, NTP: lan})
	until(w, 600*sec, func() {
		assert.True(t, w.SilenceNTP(n))
		assert.False(t, w.SilenceNTP(n), "another firewall changes nothing")
	})
	quiet := changesOf(w)
	width := func() int64 { r := w.WallOf(n); return r.Latest - r.Earliest }
	last := width()
	for s := Time(1); s <= 80; s++ {
		until(w, 600*sec+s*sec, func() {
			// The last answer came up to a second before the silence, on a clock that may
			// be 200 ppm off.
			switch status := w.WallOf(n).Status; {
			case s < 8:
				assert.Equal(t, Synchronized, status, "%d", s)
			case s > 8 && s < 63:
				assert.Equal(t, FreeRunning, status, "%d", s)
			case s > 64:
				assert.Equal(t, Unknown, status, "%d", s)
			}
			// 200 ppm each way, less than that by the rest of a slew (2 × 500 ppm) that goes on
			assert.InDelta(t, 400_000, width()-last, 1_000_000)
			last = width()
		})
	}
	require.Greater(t, width(), int64(70*400_000))
	assert.Empty(t, *quiet)
	until(w, 681*sec, func() {
		assert.False(t, w.AnswerNTP(n))
		assert.True(t, w.AnswerNTP(n))
		assert.False(t, w.AnswerNTP(n))
	})
	until(w, 683*sec, func() {
		assert.Equal(t, Synchronized, w.WallOf(n).Status)
		assert.Less(t, width(), int64(30*time.Millisecond), "slews are left of what 80 s of drift made (16 ms)")
	})
}

// A false ticker among three is outvoted; the only one is believed, and so are two of
// three.
func TestFalseTicker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		servers int
		liars   int
		by      time.Duration
		honest  bool
	}{
		{1, 0, 0, true},
		{3, 1, time.Second, true},
		{3, 1, -3 * time.Millisecond, true}, // within reach of the others
		{4, 1, time.Second, true},
		{5, 2, time.Hour, true},
		{1, 1, time.Second, false},
		{3, 2, time.Second, false},
		{2, 1, time.Second, true}, // no majority: nothing is done
	} {
		for seed := range uint64(10) {
			o := ClockOptions{NTP: lan}
			o.NTP.Servers = c.servers
			w := New(Options{Seed: seed, Clock: o})
			n := addStub(w, "neptune", stub{
				boot: func(env Env) { env.SetTimer(0, time.Second) },
				fire: func(env Env, _ TimerID) { env.Wall(); env.SetTimer(0, time.Second) },
			})
			w.At(20*sec, func() {
				for i := range c.liars {
					assert.True(t, w.FalseTicker(i+1, c.by))
					assert.False(t, w.FalseTicker(i+1, c.by), "as it is")
				}
			})
			w.Run(60*sec, nil)
			assert.Equal(t, c.honest, w.HonestClock(n), "%+v", c)
			r := w.WallOf(n)
			if c.honest {
				assert.InDelta(t, 0, float64(r.Reading-int64(w.Now())), float64(5*time.Millisecond), "%+v", c)
			} else {
				assert.InDelta(t, float64(c.by), float64(r.Reading-int64(w.Now())), float64(5*time.Millisecond), "%+v", c)
				assert.Equal(t, Synchronized, r.Status)
			}
			if c.servers == 2 {
				assert.Equal(t, FreeRunning, r.Status)
			}
			for i := range c.liars {
				assert.True(t, w.FalseTicker(i+1, 0))
			}
			w.Run(70*sec, nil)
			assert.InDelta(t, 0, float64(w.WallOf(n).Reading-int64(w.Now())), float64(5*time.Millisecond), "%+v, healed", c)
			assert.Equal(t, Synchronized, w.WallOf(n).Status)
		}
	}
	w, _ := idle(ClockOptions{NTP: lan})
	assert.False(t, w.FalseTicker(0, 1))
	assert.False(t, w.FalseTicker(4, 1))
}

// The agreement of intervals, by counting for every point in how many it lies; and true
// time is in it while only a minority lies.
func TestAgreementAgreesWithTwin(t *testing.T) {
	check(t, 1000, func(t *rapid.T) {
		n := rapid.IntRange(1, MaxServers).Draw(t, "servers")
		var from, to []time.Duration
		truth, liars := rapid.IntRange(0, 40).Draw(t, "truth"), 0
		for range n {
			a := rapid.IntRange(0, 40).Draw(t, "from")
			b := rapid.IntRange(a, min(a+15, 40)).Draw(t, "to")
			from, to = append(from, time.Duration(a)), append(to, time.Duration(b))
			if truth < a || b < truth {
				liars++
			}
		}
		var points []int
		for x := range 41 {
			in := 0
			for i := range n {
				if from[i] <= time.Duration(x) && time.Duration(x) <= to[i] {
					in++
				}
			}
			if 2*in > n && in >= n-(n-1)/2 {
				points = append(points, x)
			}
		}
		middle, half, ok := common(from, to)
		if ok != (len(points) > 0) {
			t.Fatalf("agreed: %v, on %v", ok, points)
		}
		if !ok {
			return
		}
		if lo, hi := int(middle-half), int(middle+half); lo != points[0] || hi-points[len(points)-1] < 0 || hi-points[len(points)-1] > 1 {
			t.Fatalf("from %d to %d, the twin: %v", lo, hi, points)
		}
		if liars <= (n-1)/2 && (truth < int(middle-half) || truth > int(middle+half)) {
			t.Fatalf("true time %d is not within %d of %d", truth, half, middle)
		}
	})
}

// With NTP a clock that drifts and began wrong is right within what a round trip and the
// servers leave.
func TestNTPKeepsClocksRight(t *testing.T) {
	t.Parallel()
	worst := int64(0)
	for seed := range uint64(50) {
		w := New(Options{Seed: seed, Clock: ClockOptions{DriftMaxPPM: 200, OffsetMax: 500 * time.Millisecond, NTP: lan}})
		n := addStub(w, "neptune", stub{})
		for s := Time(300); s < 400; s++ {
			until(w, s*sec, func() {
				r, now := w.WallOf(n), int64(w.Now())
				worst = max(worst, r.Reading-now, now-r.Reading)
				require.Equal(t, Synchronized, r.Status)
				require.LessOrEqual(t, r.Earliest, now)
				require.GreaterOrEqual(t, r.Latest, now)
				// Server 1 ms, trip 200 µs + what 600 µs of two exponentials leave at
				// the best of 8 (under 2 ms but once in e^18), drift of 8 s, and a slew
				// of as much.
				require.Less(t, r.Latest-r.Earliest, int64(12*time.Millisecond))
			})
		}
	}
	assert.Less(t, worst, int64(3*time.Millisecond))
	assert.Greater(t, worst, int64(200*time.Microsecond), "it is not an oracle")
}

// NTP keeps no world alive, counts as no event, and asks the nodes for nothing.
func TestNTPIsNoPartOfTheRun(t *testing.T) {
	t.Parallel()
	build := func(ntp NTPOptions) *World {
		w := New(Options{Seed: 3, Clock: ClockOptions{DriftMaxPPM: 100, NTP: ntp}, Link: LinkOptions{Min: time.Millisecond, Mean: time.Millisecond}})
		addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, time.Minute); env.SetTimer(1, time.Hour); env.StopTimer(1) },
			fire: func(env Env, _ TimerID) { env.Send(2, 1, nil) },
		})
		addStub(w, "jupiter", stub{})
		w.AddClient("client", func(c *Client) { c.Sleep(time.Second) })
		return w
	}
	with, without := build(lan), build(NTPOptions{})
	with.Run(End, nil)
	without.Run(End, nil)
	assert.Equal(t, without.Events(), with.Events())
	assert.Equal(t, without.Now(), with.Now())
	assert.Equal(t, End, with.Next())
	assert.Greater(t, with.Now(), Time(time.Minute))
	assert.Less(t, with.Now(), Time(61*time.Minute))
	assert.Greater(t, with.answers, uint64(100))
	// It goes on when there is something to come again, in the order of time.
	answers := with.answers
	last := Time(0)
	with.Trace = func(l TraceLine) { assert.GreaterOrEqual(t, l.Time, last); last = l.Time }
	at := Time(2 * time.Hour)
	with.At(at, func() {})
	assert.LessOrEqual(t, with.Next(), at)
	with.Run(End, nil)
	assert.Equal(t, at, with.Now())
	assert.InDelta(t, 2*float64(at.Sub(without.Now())/time.Second), float64(with.answers-answers), 10)
	// Nobody there but NTP.
	w := New(Options{Clock: ClockOptions{NTP: lan}})
	addStub(w, "neptune", stub{})
	w.Run(End, nil)
	assert.Equal(t, uint64(1), w.Events(), "the boot")
	assert.Equal(t, Time(0), w.Now())
	w.Reset(Options{})
	addStub(w, "neptune", stub{})
	w.Run(End, nil)
	assert.Equal(t, End, w.Next())
	assert.Panics(t, func() { New(Options{Clock: ClockOptions{NTP: NTPOptions{Servers: MaxServers + 1}}}) })
}

// Polls count for the bound of all runs, which the queue's numbers need.
func TestNTPIsBounded(t *testing.T) {
	t.Parallel()
	w, _ := idle(ClockOptions{NTP: lan})
	w.answers = MaxEvents
	assert.True(t, w.Exhausted())
}

// A suspended machine hears no answers.
func TestNTPIsSuspended(t *testing.T) {
	t.Parallel()
	w, n := idle(ClockOptions{NTP: lan})
	got := changesOf(w)
	until(w, 10*sec, func() { assert.NotEmpty(t, *got); *got = nil; w.Suspend(n) })
	until(w, 20*sec, func() {
		assert.Empty(t, *got)
		assert.False(t, w.Synchronize(n))
		w.Resume(n)
	})
	// What the servers say is believed once the answers from before are 8 polls old.
	until(w, 30*sec, func() {
		assert.Contains(t, *got, "ntp_step")
		assert.InDelta(t, int64(30*sec), w.WallOf(n).Reading, float64(5*time.Millisecond))
	})
}

// Slews never take a time of day back, however long a node works that has read it.
func TestSlewsOfABusyNode(t *testing.T) {
	t.Parallel()
	wide := lan
	wide.DelayMean, wide.Servers = 30*time.Millisecond, 1
	slews := 0
	for seed := range uint64(20) {
		w := New(Options{Seed: seed, Clock: ClockOptions{DriftMaxPPM: 100, NTP: wide}})
		last, reads := int64(0), 0
		addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, 0) },
			fire: func(env Env, _ TimerID) {
				for range 2 {
					r := env.Wall().Reading
					require.GreaterOrEqual(t, r, last)
					last = r
					reads++
					env.Spend(499 * time.Millisecond)
				}
				r := env.Wall().Reading
				require.GreaterOrEqual(t, r, last)
				last = r
				env.SetTimer(0, 0)
			},
		})
		w.Trace = func(l TraceLine) {
			if l.Type == TraceKeeping {
				require.Equal(t, clockNTPSlew, clockChange(l.Kind))
				slews++
			}
		}
		w.Run(100*sec, nil)
		require.Greater(t, reads, 100)
	}
	assert.Greater(t, slews, 20*90)
}

// Law 3: with NTP, or with another poll interval, no stream but the clocks' is asked
// anything else.
func TestNTPMovesNoOtherChoice(t *testing.T) {
	t.Parallel()
	ask := func(ntp NTPOptions) map[Stream][]draw {
		o := seeded(rough, 1)
		o.Clock = ClockOptions{DriftMaxPPM: 200, NTP: ntp}
		r := newRecorder(Keyed{1})
		o.Decider = r
		w := New(o)
		addPingers(w, 3)
		w.Run(Time(20*time.Millisecond), nil)
		for s := range r.asked {
			if s>>48 == purposeClock {
				delete(r.asked, s)
			}
		}
		return r.asked
	}
	none := ask(NTPOptions{})
	assert.NotEmpty(t, none)
	quick := lan
	quick.Poll = time.Millisecond
	assert.Equal(t, none, ask(quick))
	slow := quick
	slow.Poll *= 2
	assert.Equal(t, none, ask(slow))
}

// A clock's own choices are asked once, and inlined as Keyed makes them.
func TestChoicesOfClocks(t *testing.T) {
	t.Parallel()
	build := func(d Decider) *World {
		w := New(Options{Seed: 7, Decider: d, Clock: ClockOptions{NTP: lan}})
		n := addStub(w, "neptune", stub{boot: func(env Env) { env.SetTimer(0, time.Minute) }, fire: func(env Env, _ TimerID) { env.Wall() }})
		w.SetWobble(n, Wobble{Noise: time.Millisecond})
		w.Run(End, nil)
		return w
	}
	r := newRecorder(Keyed{7})
	require.Equal(t, build(nil).Digest(), build(r).Digest())
	seen := map[Choice]int{}
	for _, s := range []Stream{ClockStream(0), ClockStream(1)} {
		asked := map[draw]int{}
		for _, d := range r.asked[s] {
			seen[d.c&0xff]++
			if d.c == ChooseNoise {
				continue // a function of time: asked as often as somebody reads
			}
			asked[d]++
			require.Equal(t, 1, asked[d], "%+v", d)
		}
	}
	for _, c := range []Choice{ChooseTie, ChoosePhase, ChooseRequest, ChooseAnswer, ChooseServer, ChooseNoise} {
		assert.NotZero(t, seen[c], "%v", c)
	}
}

// NTP allocates nothing.
func TestNTPAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations cannot be counted under the race detector")
	}
	w := New(Options{Clock: ClockOptions{DriftMaxPPM: 100, NTP: lan}})
	for i := range 5 {
		addStub(w, fmt.Sprint("node ", i), stub{
			boot: func(env Env) { env.SetTimer(0, time.Second) },
			fire: func(env Env, _ TimerID) { env.Wall(); env.SetTimer(0, time.Second) },
		})
	}
	at := 100 * sec
	w.Run(at, nil)
	assert.Zero(t, testing.AllocsPerRun(20, func() { at += 10 * sec; w.Run(at, nil) }))
}

// The promises of clocks, whatever is done to them. True time is in every interval whose
// status promises it, as long as nothing is done that a node cannot know of; what a node
// cannot know of is found by HonestClock. The monotonic clock never goes back and never
// jumps. No timer is early by it.
func TestPromisesOfClocks(t *testing.T) {
	check(t, 300, func(t *rapid.T) {
		const most = 300 // ppm
		o := Options{
			Seed: rapid.Uint64Range(0, 1000).Draw(t, "seed"),
			CPU:  CPUOptions{Handler: time.Duration(rapid.IntRange(0, 20).Draw(t, "handler")) * time.Millisecond},
			Clock: ClockOptions{
				OffsetMax:      time.Duration(rapid.IntRange(0, 500).Draw(t, "offset")) * time.Millisecond,
				DriftMaxPPM:    rapid.Int64Range(0, most).Draw(t, "ppm"),
				Bound:          time.Duration(rapid.IntRange(0, 100).Draw(t, "bound")) * time.Microsecond,
				DriftBoundPPM:  most,
				DayGrain:       rapid.SampledFrom([]time.Duration{0, time.Millisecond}).Draw(t, "day"),
				MonotonicGrain: rapid.SampledFrom([]time.Duration{0, 15_600 * time.Microsecond}).Draw(t, "monotonic"),
			},
		}
		if rapid.Bool().Draw(t, "ntp") {
			o.Clock.NTP = NTPOptions{
				Poll:      time.Duration(rapid.IntRange(1, 16).Draw(t, "poll")) * time.Second,
				Servers:   rapid.IntRange(1, 5).Draw(t, "servers"),
				ServerMax: time.Duration(rapid.IntRange(0, 10).Draw(t, "server")) * time.Millisecond,
				DelayMin:  time.Duration(rapid.IntRange(0, 20).Draw(t, "min")) * time.Millisecond,
				DelayMean: time.Duration(rapid.IntRange(0, 200).Draw(t, "mean")) * time.Millisecond,
			}
		}
		lying := rapid.Bool().Draw(t, "lying")
		w := New(o)
		lies, readings, drifts := 0, 0, 0
		var id NodeID
		id = w.AddNode("neptune", func(uint32) Machine {
			type start struct {
				at     time.Duration
				drifts int
			}
			var due [3]start
			last, lastAt := time.Duration(-1), Time(0)
			read := func(env Env) {
				readings++
				m, r, now := env.Monotonic(), env.Wall(), w.nodes[id].cpu
				if m < last {
					t.Fatalf("at %v the monotonic clock went back from %v to %v", now, last, m)
				}
				if d := now.Sub(lastAt); last >= 0 && m-last > d+scale(d, most, million)+o.Clock.MonotonicGrain+2 {
					t.Fatalf("at %v the monotonic clock jumped from %v to %v", now, last, m)
				}
				last, lastAt = m, now
				if r.Earliest > r.Reading || r.Reading > r.Latest {
					if !lying {
						t.Fatalf("%+v", r)
					}
				}
				if r.Status.Honest() && (r.Earliest > int64(now) || r.Latest < int64(now)) {
					lies++
					if !lying {
						t.Fatalf("%+v does not contain true time %d", r, int64(now))
					}
				}
			}
			set := func(env Env, i TimerID) {
				d := time.Duration(env.Rand(uint64(3 * time.Second)))
				due[i] = start{env.Monotonic() + d, drifts}
				env.SetTimer(i, d)
			}
			return stub{
				boot: func(env Env) {
					for i := range due {
						set(env, TimerID(i))
					}
					read(env)
				},
				fire: func(env Env, i TimerID) {
					if s := due[i]; env.Monotonic() < s.at && s.drifts == drifts {
						t.Fatalf("timer %d is early: %v, due at %v", i, env.Monotonic(), s.at)
					}
					read(env)
					env.Spend(time.Duration(env.Rand(uint64(50 * time.Millisecond))))
					read(env)
					set(env, i)
					set(env, TimerID(env.Rand(3)))
				},
			}
		})
		lastSeen, at := time.Duration(0), Time(0)
		for range rapid.IntRange(1, 40).Draw(t, "faults") {
			at += Time(rapid.SampledFrom([]time.Duration{0, time.Millisecond, 100 * time.Millisecond, 2 * time.Second, 7 * time.Second, 30 * time.Second}).Draw(t, "after"))
			at += Time(rapid.IntRange(0, 1e6).Draw(t, "and"))
			what := rapid.IntRange(0, 16).Draw(t, "what")
			by := rapid.Int64Range(-1000, 1000).Draw(t, "by")
			w.At(at, func() {
				switch what {
				case 0:
					w.StepClock(id, time.Duration(by)*time.Millisecond)
				case 1:
					w.SlewClock(id, time.Duration(by)*time.Microsecond)
				case 2:
					drifts++
					w.SetDrift(id, by*most/1000)
				case 3:
					w.Suspend(id)
				case 4:
					if w.Suspended(id) && !lying {
						w.DisruptClock(id) // the hypervisor tells
					}
					w.Resume(id)
				case 5:
					w.SilenceNTP(id)
				case 6:
					w.AnswerNTP(id)
				case 7:
					w.Synchronize(id)
				case 8:
					w.Pause(id)
				case 9:
					if w.Suspended(id) && !lying {
						w.DisruptClock(id)
					}
					w.Kill(id)
				case 10, 11:
					w.Restart(id)
				}
				if !lying {
					return
				}
				switch what {
				case 12:
					w.FreezeClock(id)
				case 13:
					w.ThawClock(id, by > 0)
				case 14:
					w.BreakBound(id, time.Duration(by)*time.Millisecond)
				case 15:
					w.SetWobble(id, Wobble{Amplitude: time.Duration(by) * time.Millisecond, Period: 10 * time.Second, Noise: time.Millisecond})
				case 16:
					w.FalseTicker(1, time.Duration(by)*time.Millisecond)
				}
			})
		}
		w.After = func(NodeID) {
			if now := w.MonotonicOf(id); now < lastSeen {
				t.Fatalf("to a check the clock went back from %d to %d", lastSeen, now)
			} else {
				lastSeen = now
			}
			if r := w.WallOf(id); !lying && !w.Suspended(id) && r.Status.Honest() && !w.contains(r, w.now) {
				t.Fatalf("to a check %+v does not contain true time %d", r, int64(w.now))
			}
		}
		w.Run(at+10*sec, nil)
		if len(w.Violations()) > 0 {
			t.Fatalf("%+v", w.Violations())
		}
		if w.HonestClock(id) != (lies == 0) {
			t.Fatalf("honest: %v, after %d lies", w.HonestClock(id), lies)
		}
		if readings == 0 {
			t.Fatalf("vacuous")
		}
	})
}

// Every change of a clock is told by one line of the trace, which names it.
func TestClocksAreTraced(t *testing.T) {
	t.Parallel()
	w, n := idle(ClockOptions{Bound: 1, NTP: NTPOptions{Poll: time.Hour, Servers: 3}})
	w.Run(0, nil)
	got := changesOf(w)
	digests := []Digest{w.Digest()}
	want := []string{}
	for _, c := range []struct {
		name string
		do   func() bool
	}{
		{"slew", func() bool { return w.SlewClock(n, 1) }},
		{"slew", func() bool { return w.SlewClock(n, 1) }},
		{"synchronize", func() bool { return w.Synchronize(n) }},
		{"disrupt", func() bool { return w.DisruptClock(n) }},
		{"freeze", func() bool { return w.FreezeClock(n) }},
		{"thaw", func() bool { return w.ThawClock(n, false) }},
		{"leap", func() bool { return w.Leap(n, sec, 0) }},
		{"unleap", func() bool { return w.Unleap(n) }},
		{"grain", func() bool { return w.SetGrain(n, 0, 7) }},
		{"grain", func() bool { return w.SetGrain(n, 0, 8) }},
		{"break_bound", func() bool { return w.BreakBound(n, 7) }},
		{"wobble", func() bool { return w.SetWobble(n, Wobble{Noise: 1}) }},
		{"ntp_silent", func() bool { return w.SilenceNTP(n) }},
		{"ntp_answered", func() bool { return w.AnswerNTP(n) }},
		{"ntp_false_ticker", func() bool { return w.FalseTicker(2, 1) }},
	} {
		assert.True(t, c.do(), c.name)
		want = append(want, c.name)
		assert.Equal(t, want, *got)
		assert.NotContains(t, digests, w.Digest())
		digests = append(digests, w.Digest())
	}
	assert.Equal(t, "change?", clockChangeEnd.String())
	for c := range clockChangeEnd {
		assert.NotEmpty(t, c.String())
		assert.Equal(t, 1, len(slices.DeleteFunc(slices.Clone(clockChangeNames[:]), func(s string) bool { return s != c.String() })))
	}
	var line []byte
	w.Trace = func(l TraceLine) { line = l.AppendJSON(nil, w.Names(), &Vocabulary{}) }
	w.FalseTicker(3, -5)
	assert.Equal(t, fmt.Sprintf(`{"event":1,"at_ns":0,"type":"timekeeping","change":"ntp_false_ticker","server":3,"arg":-5,"digest":"%v"}`, w.Digest()), string(line))
}
