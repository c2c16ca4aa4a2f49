package sim

import (
	"math/bits"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// weather is a world whose links do everything that a link without a connection can.
var weather = Options{
	Link: LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond, DuplicatePPM: 20_000, CorruptPPM: 10_000,
		ReplayPPM: 20_000, ReplayMax: 50 * time.Millisecond, BurstLossPPM: 500_000, BurstGood: 10 * time.Millisecond, BurstBad: time.Millisecond},
	Disk: rough.Disk,
}

// channels is a world of connections that end often.
var channels = Options{
	Link: LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond, LossPPM: 50_000, CorruptPPM: 10_000,
		Channel: true, ChannelTimeout: 30 * time.Millisecond, Retransmit: 5 * time.Millisecond},
	Disk: rough.Disk, CPU: rough.CPU,
}

// tick sends a frame that holds its number from neptune to jupiter every period, from the
// first period on, until there are n, and returns what arrives.
func tick(w *World, period time.Duration, n int) *[]arrival {
	got := new([]arrival)
	i := 0
	addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, period) },
		fire: func(env Env, _ TimerID) {
			env.Send(2, 1, []byte{byte(i), byte(i >> 8), byte(i >> 16)})
			if i++; i < n {
				env.SetTimer(0, period)
			}
		},
	})
	addSink(w, "jupiter", got)
	return got
}

func number(a arrival) int { return int(a.frame[0]) | int(a.frame[1])<<8 | int(a.frame[2])<<16 }

func numbers(got []arrival) (all []int) {
	for _, a := range got {
		all = append(all, number(a))
	}
	return all
}

// countTrace counts the lines of a trace by type.
func countTrace(w *World) *[traceEnd]int {
	count := new([traceEnd]int)
	w.Trace = func(l TraceLine) { count[l.Type]++ }
	return count
}

// A special link on which there is no trouble does what a plain one does, to the byte.
func TestASpecialLinkIsAPlainOne(t *testing.T) {
	t.Parallel()
	for name, o := range worlds {
		if o.Link.special() {
			continue
		}
		plain, special := New(seeded(o, 7)), New(seeded(o, 7))
		stormy(plain)
		stormy(special)
		special.layout()
		for from := 1; from < special.stride; from++ {
			for to := 1; to < special.stride; to++ {
				special.special(NodeID(from), NodeID(to))
			}
		}
		plain.Run(stormEnd, nil)
		special.Run(stormEnd, nil)
		assert.Equal(t, plain.Digest(), special.Digest(), name)
		plain.Stop()
		special.Stop()
	}
}

// What is sent at a clog waits for its end, in order; clogs are counted; the way back is
// open; what is sent into a cut is lost at once, and what waits is lost if it meets one.
func TestClog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at   map[Time]func(w *World) bool
		want map[int]Time // when the frames arrive that are sent at 10, 20, …
	}{
		"once": {map[Time]func(*World) bool{
			15: func(w *World) bool { return w.Clog(1, 2) },
			35: func(w *World) bool { return w.Unclog(1, 2) },
		}, map[int]Time{0: 17, 1: 42, 2: 42, 3: 47, 4: 57}},
		"counted": {map[Time]func(*World) bool{
			15: func(w *World) bool { return w.Clog(1, 2) },
			16: func(w *World) bool { return !w.Clog(1, 2) },
			25: func(w *World) bool { return !w.Unclog(1, 2) },
			35: func(w *World) bool { return w.Unclog(1, 2) },
			36: func(w *World) bool { return !w.Unclog(1, 2) },
		}, map[int]Time{0: 17, 1: 42, 2: 42, 3: 47, 4: 57}},
		"of another": {map[Time]func(*World) bool{
			15: func(w *World) bool { return w.Clog(2, 1) },
			36: func(w *World) bool { return !w.Unclog(1, 2) },
		}, map[int]Time{0: 17, 1: 27, 2: 37, 3: 47, 4: 57}},
		"cut meanwhile": {map[Time]func(*World) bool{
			15: func(w *World) bool { return w.Clog(1, 2) },
			25: func(w *World) bool { return w.Cut(1, 2) },
			35: func(w *World) bool { return w.Mend(1, 2) },
			45: func(w *World) bool { return w.Unclog(1, 2) },
		}, map[int]Time{0: 17, 1: 52, 3: 52, 4: 57}},
		"into a cut": {map[Time]func(*World) bool{
			15: func(w *World) bool { return w.Clog(1, 2) },
			25: func(w *World) bool { return w.Cut(1, 2) },
			35: func(w *World) bool { return w.Unclog(1, 2) },
			45: func(w *World) bool { return w.Mend(1, 2) },
		}, map[int]Time{0: 17, 4: 57}},
		"the sender is dead": {map[Time]func(*World) bool{
			15: func(w *World) bool { return w.Clog(1, 2) },
			25: func(w *World) bool { return w.Kill(1) },
			35: func(w *World) bool { return w.Unclog(1, 2) },
		}, map[int]Time{0: 17, 1: 42}},
	} {
		w := New(Options{Link: LinkOptions{Min: 7}})
		got := tick(w, 10, 5)
		for at := range Time(60) { // in order
			if do := c.at[at]; do != nil {
				w.At(at, func() { assert.True(t, do(w), "%s at %d", name, at) })
			}
		}
		w.Run(End, nil)
		arrived := map[int]Time{}
		for _, a := range *got {
			arrived[number(a)] = a.at
		}
		assert.Equal(t, c.want, arrived, name)
	}
}

// Without a random delay the frames of a clog leave together; their order is that of any
// frames of one instant. With delays that grow, they leave in order, each with its own.
func TestAClogKeepsEveryFramesOwnDelay(t *testing.T) {
	t.Parallel()
	const n = 1000
	run := func(clog bool) map[int]time.Duration {
		w := New(Options{Seed: 3, Link: LinkOptions{Mean: time.Millisecond}})
		got := tick(w, 10, n)
		if clog {
			w.Clog(1, 2)
			w.At(20*n, func() { w.Unclog(1, 2) })
		}
		w.Run(End, nil)
		delay := map[int]time.Duration{}
		for _, a := range *got {
			left := Time(10 * (number(a) + 1))
			if clog {
				left = 20 * n
			}
			delay[number(a)] = a.at.Sub(left)
		}
		return delay
	}
	open := run(false)
	assert.Len(t, open, n)
	assert.Equal(t, open, run(true))
}

func TestCorruption(t *testing.T) {
	t.Parallel()
	const n = 20_000
	for i, c := range []struct {
		link    LinkOptions
		disturb Disturbance
		calm    bool
		ppm     int64
	}{
		{link: LinkOptions{CorruptPPM: 50_000}, ppm: 50_000},
		{disturb: Disturbance{CorruptPPM: 300_000}, ppm: 300_000},
		{link: LinkOptions{CorruptPPM: 50_000}, disturb: Disturbance{CorruptPPM: 100_000}, ppm: 150_000},
		{link: LinkOptions{CorruptPPM: 50_000}, disturb: Disturbance{CorruptPPM: 100_000}, calm: true, ppm: 50_000},
		{disturb: Disturbance{CorruptPPM: 100_000}, calm: true, ppm: 0},
	} {
		w := New(Options{Seed: uint64(i), Link: c.link})
		var flips [4]int
		at := [64]int{}
		addStub(w, "neptune", soon(func(env Env) {
			for range n {
				env.Send(2, 1, make([]byte, 8))
				env.Send(2, 2, nil) // nothing to flip
			}
		}))
		addStub(w, "jupiter", stub{receive: func(_ Env, _ NodeID, kind Kind, b []byte) {
			k := 0
			for i, x := range b {
				k += bits.OnesCount8(x)
				for bit := range 8 {
					at[8*i+bit] += int(x >> bit & 1)
				}
			}
			if kind == 1 {
				flips[k]++ // more than three: out of range
			}
		}})
		count := countTrace(w)
		assert.True(t, w.Disturb(1, 2, c.disturb) == (c.disturb != Disturbance{}))
		if c.calm {
			assert.True(t, w.Calm(1, 2, c.disturb))
		}
		w.Run(End, nil)
		corrupt := flips[1] + flips[2] + flips[3]
		near(t, "corrupt frames", corrupt, n, c.ppm)
		assert.Equal(t, corrupt, count[TraceCorrupt])
		for k := 1; k <= 3; k++ { // each as often
			near(t, "of so many bits", flips[k], corrupt, million/3)
		}
		all := flips[1] + 2*flips[2] + 3*flips[3]
		for bit := range at { // everywhere as often
			near(t, "flips of a bit", at[bit], all, million/64)
		}
	}
}

// The sender's bytes stay what they were, and so does the copy that the network makes.
func TestCorruptionTouchesOneCopy(t *testing.T) {
	t.Parallel()
	w := New(Options{Link: LinkOptions{CorruptPPM: million, DuplicatePPM: million, ReplayPPM: million, ReplayMax: 1}})
	var got []arrival
	letter := []byte("a letter")
	addStub(w, "neptune", soon(func(env Env) { env.Send(2, 1, letter) }))
	addSink(w, "jupiter", &got)
	w.Run(End, nil)
	assert.Equal(t, "a letter", string(letter))
	require.Len(t, got, 3)
	clean := 0
	for _, a := range got {
		if a.frame == "a letter" {
			clean++
		}
	}
	assert.Equal(t, 2, clean)
}

// One to three different bits, for every v and every frame that has a bit.
func TestFlippedBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := make([]byte, rapid.IntRange(1, 300).Draw(t, "size"))
		v := rapid.Uint64Range(0, 1<<63-1).Draw(t, "v")
		n, flipped := flip(b, v), 0
		for _, x := range b {
			flipped += bits.OnesCount8(x)
		}
		if n < 1 || n > 3 || uint64(flipped) != n {
			t.Fatalf("flip says %d and flipped %d of %d bytes", n, flipped, len(b))
		}
	})
}

// A replay arrives late, uniformly within its bound, even after a cut and at the next
// incarnation; Max holds for it, too, and Once forbids it.
func TestLateReplay(t *testing.T) {
	t.Parallel()
	const n = 20_000
	const late = time.Second
	run := func(o LinkOptions, d Disturbance) (copies []time.Duration) {
		w := New(Options{Seed: 5, Link: o})
		seen := make([]bool, n)
		addStub(w, "neptune", soon(func(env Env) {
			for i := range n {
				env.Send(2, 1, []byte{byte(i), byte(i >> 8)})
			}
		}))
		addStub(w, "jupiter", stub{receive: func(_ Env, _ NodeID, _ Kind, b []byte) {
			i := int(b[0]) | int(b[1])<<8
			if seen[i] {
				copies = append(copies, w.Now().Sub(1))
			}
			seen[i] = true
		}})
		count := countTrace(w)
		w.Disturb(1, 2, d)
		w.At(2, func() { w.Cut(1, 2); w.Kill(2); w.Restart(2) })
		w.Run(End, nil)
		assert.Equal(t, count[TraceReplay], len(copies))
		for i := range seen {
			require.True(t, seen[i])
		}
		return copies
	}
	for _, copies := range [][]time.Duration{
		run(LinkOptions{ReplayPPM: 100_000, ReplayMax: late}, Disturbance{}),
		run(LinkOptions{}, Disturbance{ReplayPPM: 100_000, ReplayMax: late}),
		run(LinkOptions{ReplayPPM: 40_000, ReplayMax: late / 2}, Disturbance{ReplayPPM: 60_000, ReplayMax: late / 2}),
	} {
		near(t, "replays", len(copies), n, 100_000)
		below := 0
		for _, d := range copies {
			require.Less(t, d, late)
			if d < late/4 {
				below++
			}
		}
		near(t, "early ones", below, len(copies), 250_000)
	}
	assert.Empty(t, run(LinkOptions{ReplayPPM: million}, Disturbance{}), "no bound, no replays")
	assert.Empty(t, run(LinkOptions{ReplayPPM: million, ReplayMax: late, Once: true}, Disturbance{ReplayPPM: million}))
	for _, d := range run(LinkOptions{ReplayPPM: million, ReplayMax: late, Max: time.Millisecond}, Disturbance{}) {
		require.LessOrEqual(t, d, time.Millisecond)
	}
}

// Losses come in the bad state, which takes its share of time; the lengths of both have
// their means. 4,000 sojourns: the error of a mean is 1.6 %, of their ratio 2.2 %.
func TestBursts(t *testing.T) {
	t.Parallel()
	const good, bad, pause = 10 * time.Millisecond, 2 * time.Millisecond, 100 * time.Microsecond
	const n = 250_000
	w := New(Options{Seed: 8, Link: LinkOptions{BurstLossPPM: million, BurstGood: good, BurstBad: bad}})
	arrived := tick(w, pause, n)
	w.Run(End, nil)
	got := numbers(*arrived)
	runs, last := 0, -1
	for _, i := range got {
		if i != last+1 {
			runs++
		}
		last = i
	}
	assert.InEpsilon(t, float64(bad)/float64(good+bad), 1-float64(len(got))/n, 0.11)
	// Bursts that fall between two frames are not seen: those below 0.1 ms, half of them.
	assert.InEpsilon(t, float64(n*pause)/float64(good+bad), float64(runs), 0.11)
}

// A burst is a function of time: the fate of a frame does not depend on which others
// were sent, nor in which order anybody asks.
func TestBurstsDependOnNoOtherFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := New(Options{Seed: rapid.Uint64().Draw(t, "seed")})
		addStub(w, "neptune", stub{})
		w.layout()
		o := &LinkOptions{BurstLossPPM: 1, BurstGood: 1000, BurstBad: 300}
		l, s := w.link(1, 1), w.special(1, 1)
		times := rapid.SliceOfN(rapid.Int64Range(0, 100_000), 1, 20).Draw(t, "times")
		for _, at := range times {
			now := w.bad(s, l, o, Time(at))
			s.bursts = bursts{}
			if alone := w.bad(s, l, o, Time(at)); alone != now {
				t.Fatalf("at %d the link is bad: %v, asked alone %v", at, now, alone)
			}
			if i := rapid.IntRange(0, len(times)-1).Draw(t, "before"); i >= 0 {
				w.bad(s, l, o, Time(times[i]))
			}
		}
	})
}

// A fault brings bursts to a link, and takes them away: meanwhile frames are lost.
func TestBurstsOfADisturbance(t *testing.T) {
	t.Parallel()
	w := New(Options{Seed: 2})
	got := tick(w, time.Millisecond, 30_000)
	w.At(0, func() {})
	w.At(Time(10*time.Second), func() { w.Disturb(1, 2, Disturbance{BurstLossPPM: 900_000}) })
	w.At(Time(20*time.Second), func() { w.Calm(1, 2, Disturbance{BurstLossPPM: 900_000}) })
	w.Run(End, nil)
	var arrived [3]int
	for _, i := range numbers(*got) {
		arrived[i/10_000]++
	}
	assert.InDelta(t, 10_000, arrived[0], 1)
	assert.InDelta(t, 10_000, arrived[2], 1)
	assert.Less(t, arrived[1], 9_900)    // some 450 of 10,000 ms are bad
	assert.Greater(t, arrived[1], 8_000) // and not more than four times that
}
