package sim

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// arrival is a frame as its receiver saw it.
type arrival struct {
	at    Time
	from  NodeID
	kind  Kind
	frame string
}

// addSink adds a node that keeps what arrives.
func addSink(w *World, name string, got *[]arrival) NodeID {
	return addStub(w, name, stub{receive: func(_ Env, from NodeID, kind Kind, frame []byte) {
		*got = append(*got, arrival{w.Now(), from, kind, string(frame)})
	}})
}

// near fails when a count of n trials is off its expectation by more than five
// standard deviations. Seeds are fixed: it either holds for ever or never.
func near(t *testing.T, what string, count, n int, ppm int64) {
	t.Helper()
	p := float64(ppm) / million
	expected, sigma := p*float64(n), math.Sqrt(p*(1-p)*float64(n))
	assert.InDelta(t, expected, count, 5*sigma+1, "%s of %d at %d ppm", what, n, ppm)
}

func TestFrequenciesOfTroubleAreTheirPPM(t *testing.T) {
	t.Parallel()
	const n = 30_000
	for i, c := range []struct {
		link    LinkOptions
		disturb Disturbance
	}{
		{link: LinkOptions{}},
		{link: LinkOptions{LossPPM: 10_000}},
		{link: LinkOptions{LossPPM: 1}},
		{link: LinkOptions{LossPPM: million}},
		{link: LinkOptions{DuplicatePPM: 50_000}},
		{link: LinkOptions{DuplicatePPM: million}},
		{link: LinkOptions{TailPPM: 80_000, TailFactor: 100}},
		{link: LinkOptions{LossPPM: 300_000, DuplicatePPM: 200_000, TailPPM: 100_000, TailFactor: 100}},
		{link: LinkOptions{LossPPM: 100_000, DuplicatePPM: 100_000, TailPPM: 50_000, TailFactor: 100},
			disturb: Disturbance{LossPPM: 50_000, DuplicatePPM: 200_000, TailPPM: 150_000}},
	} {
		c.link.Min = time.Microsecond
		w := New(Options{Seed: uint64(i), Link: c.link})
		copies := make([]int, n)
		late := 0
		from := addStub(w, "neptune", stub{fire: func(env Env, _ TimerID) {
			for i := range n {
				env.Send(2, 1, []byte{byte(i), byte(i >> 8), byte(i >> 16)})
			}
		}, boot: func(env Env) { env.SetTimer(0, 1) }})
		to := addStub(w, "jupiter", stub{receive: func(_ Env, _ NodeID, _ Kind, b []byte) {
			copies[int(b[0])|int(b[1])<<8|int(b[2])<<16]++
			if w.Now() > Time(1+time.Microsecond) {
				late++
				assert.Equal(t, Time(1+100*time.Microsecond), w.Now())
			}
		}})
		lost := 0
		w.Trace = func(l TraceLine) {
			if l.Type == TraceLost {
				lost++
			}
		}
		w.Disturb(from, to, c.disturb)
		w.Run(End, nil)
		var count [3]int
		for _, k := range copies {
			count[k]++
		}
		arrived := n - count[0]
		near(t, "losses", count[0], n, c.link.LossPPM+c.disturb.LossPPM)
		near(t, "duplicates", count[2], arrived, c.link.DuplicatePPM+c.disturb.DuplicatePPM)
		near(t, "stragglers", late, arrived+count[2], c.link.TailPPM+c.disturb.TailPPM)
		assert.Equal(t, count[0], lost)
		assert.EqualValues(t, n, w.Messages())
	}
}

// The table is what the generator says it is, and its mean is one.
func TestExponentialTable(t *testing.T) {
	t.Parallel()
	for i := range 1 << expBits {
		require.EqualValues(t, math.Round(-math.Log1p(-float64(i)/(1<<expBits))*(1<<expShift)), expTable[i], "entry %d", i)
	}
	assert.EqualValues(t, math.Round(16*math.Ln2*(1<<expShift)), expTable[1<<expBits])
	assert.True(t, slices.IsSorted(expTable[:]))

	const steps = 1 << 20
	sum := uint64(0)
	for i := range uint64(steps) {
		sum += uint64(exponential(time.Millisecond, i<<12+1<<11))
	}
	assert.InEpsilon(t, float64(time.Millisecond), float64(sum)/steps, 0.01)
}

// The quantile grows with u, stays between zero and 11.1 means, is near the exact one,
// and no mean that fits a run overflows it.
func TestExponentialIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Int64Range(1, 3).Draw(t, "mean") << rapid.IntRange(0, 57).Draw(t, "bits")
		u := rapid.Uint64Range(0, 1<<32-1).Draw(t, "u")
		v := rapid.Uint64Range(u, 1<<32-1).Draw(t, "v")
		a, b := exponential(time.Duration(mean), u), exponential(time.Duration(mean), v)
		if a < 0 || a > b || float64(b) > 11.1*float64(mean) {
			t.Fatalf("quantile %d of mean %d is %d, quantile %d is %d", u, mean, a, v, b)
		}
		exact := -math.Log1p(-float64(u)/(1<<32)) * float64(mean)
		// Between the last entries of the table the curve bends most.
		if u < 1<<32-1<<22 && math.Abs(float64(a)-exact) > float64(mean)/15+1 {
			t.Fatalf("quantile %d of mean %d is %d, exactly %.0f", u, mean, a, exact)
		}
	})
}

// The delays of a link have the mean that its options say, and the least.
func TestDelaysOfALink(t *testing.T) {
	t.Parallel()
	w := New(Options{Seed: 4, Link: LinkOptions{Min: 300 * time.Microsecond, Mean: 700 * time.Microsecond}})
	var got []arrival
	const n = 100_000
	addStub(w, "neptune", stub{boot: func(env Env) {
		for range n {
			env.Send(2, 1, nil)
		}
	}})
	addSink(w, "jupiter", &got)
	w.Run(End, nil)
	require.NotEmpty(t, got)
	sum, least := int64(0), End
	for _, a := range got {
		sum += int64(a.at)
		least = min(least, a.at)
	}
	assert.InEpsilon(t, float64(time.Millisecond), float64(sum)/float64(len(got)), 0.01)
	assert.InDelta(t, float64(300*time.Microsecond), float64(least), 1000)
}

func TestDisturbanceMultipliesDelays(t *testing.T) {
	t.Parallel()
	delay := func(disturb func(w *World)) (there, back Time) {
		w := New(Options{Seed: 9, Link: LinkOptions{Min: time.Millisecond}})
		addStub(w, "neptune", stub{
			boot:    func(env Env) { env.Send(2, 1, nil) },
			receive: func(Env, NodeID, Kind, []byte) { back = w.Now() - there },
		})
		addStub(w, "jupiter", stub{receive: func(env Env, from NodeID, _ Kind, _ []byte) { there = w.Now(); env.Send(from, 1, nil) }})
		disturb(w)
		w.Run(End, nil)
		return there, back
	}
	const ms = Time(time.Millisecond)
	slow, slower, calm := Disturbance{DelayFactor: 3}, Disturbance{DelayFactor: 5}, Disturbance{DelayFactor: 1}
	for name, c := range map[string]struct {
		do          func(w *World)
		there, back Time
	}{
		"none":     {func(*World) {}, ms, ms},
		"one way":  {func(w *World) { assert.True(t, w.Disturb(1, 2, slow)) }, 3 * ms, ms},
		"two":      {func(w *World) { w.Disturb(1, 2, slow); w.Disturb(1, 2, slower) }, 15 * ms, ms},
		"one left": {func(w *World) { w.Disturb(1, 2, slow); w.Disturb(1, 2, slower); w.Calm(1, 2, slow) }, 5 * ms, ms},
		"calmed":   {func(w *World) { w.Disturb(1, 2, slow); w.Calm(1, 2, slow) }, ms, ms},
		"nothing": {func(w *World) {
			assert.False(t, w.Disturb(1, 2, calm))
			assert.False(t, w.Disturb(1, 2, Disturbance{}))
		}, ms, ms},
	} {
		there, back := delay(c.do)
		assert.Equal(t, c.there, there, name)
		assert.Equal(t, c.back, back, name)
	}
}

// Max caps every delay of a link, tail and disturbance included; Once keeps a link from
// doubling what it carries.
func TestMaxAndOnce(t *testing.T) {
	t.Parallel()
	for _, o := range []LinkOptions{
		{Mean: time.Millisecond, TailPPM: 500_000, TailFactor: 100, DuplicatePPM: million},
		{Mean: time.Millisecond, TailPPM: 500_000, TailFactor: 100, DuplicatePPM: million, Max: 3 * time.Millisecond},
		{Mean: time.Millisecond, TailPPM: 500_000, TailFactor: 100, DuplicatePPM: million, Once: true},
	} {
		w := New(Options{Link: o})
		var got []arrival
		addStub(w, "neptune", soon(func(env Env) {
			for range 100 {
				env.Send(2, 1, nil)
			}
		}))
		addSink(w, "jupiter", &got)
		w.Disturb(1, 2, Disturbance{DelayFactor: 3, DuplicatePPM: million})
		w.Run(End, nil)
		latest := got[len(got)-1].at - 1
		if o.Max > 0 {
			assert.Equal(t, Time(o.Max), latest)
		} else {
			assert.Greater(t, latest, Time(10*time.Millisecond))
		}
		if o.Once {
			assert.Len(t, got, 100)
		} else {
			assert.Len(t, got, 200)
		}
	}
}

func TestSetLink(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var got []arrival
	addStub(w, "neptune", soon(func(env Env) { env.Send(2, 1, nil); env.Send(3, 1, nil) }))
	addSink(w, "jupiter", &got)
	addSink(w, "saturn", &got)
	w.SetLink(1, 2, LinkOptions{Min: time.Second})
	w.SetLink(2, 1, LinkOptions{Min: time.Second}) // the same options again are kept once
	assert.Len(t, w.linkOptions, 2)
	w.Run(End, nil)
	assert.Equal(t, []arrival{{1, 1, 1, ""}, {Time(1 + time.Second), 1, 1, ""}}, got)
}

// A cut is one-way, is counted, and takes what is sent, not what has left.
func TestCuts(t *testing.T) {
	t.Parallel()
	w := New(Options{Link: LinkOptions{Min: 7}})
	var at []arrival // what jupiter sees
	var back []arrival
	neptune := addStub(w, "neptune", stub{
		boot:    func(env Env) { env.SetTimer(0, 0) },
		receive: func(_ Env, from NodeID, kind Kind, b []byte) { back = append(back, arrival{w.Now(), from, kind, ""}) },
		fire: func(env Env, _ TimerID) {
			env.Send(2, 1, fmt.Append(nil, w.Now()))
			if w.Now() < 100 {
				env.SetTimer(0, 10)
			}
		},
	})
	jupiter := addStub(w, "jupiter", stub{
		boot: func(env Env) { env.SetTimer(0, 55) },
		fire: func(env Env, _ TimerID) { env.Send(1, 2, nil) },
		receive: func(_ Env, from NodeID, kind Kind, b []byte) {
			at = append(at, arrival{w.Now(), from, kind, string(b)})
		},
	})
	var lost []Time
	w.Trace = func(l TraceLine) {
		if l.Type == TraceLost {
			lost = append(lost, l.Time)
			assert.EqualValues(t, lostCut, l.Arg)
		}
	}
	w.At(25, func() { assert.True(t, w.Cut(neptune, jupiter)) })
	w.At(45, func() { assert.False(t, w.Cut(neptune, jupiter), "it is cut already") })
	w.At(65, func() { assert.False(t, w.Mend(neptune, jupiter), "one cut is left") })
	w.At(85, func() { assert.True(t, w.Mend(neptune, jupiter)) })
	w.At(86, func() { assert.False(t, w.Mend(neptune, jupiter), "nothing is cut") })
	w.Run(End, nil)
	var sent []string
	for _, a := range at {
		sent = append(sent, a.frame)
	}
	assert.Equal(t, []string{"0s", "10ns", "20ns", "90ns", "100ns"}, sent)
	assert.Equal(t, Time(27), at[2].at, "the frame that left at 20 arrives after the cut at 25")
	assert.Equal(t, []Time{30, 40, 50, 60, 70, 80}, lost)
	assert.Equal(t, []arrival{{62, 2, 2, ""}}, back, "the way back is open")
}

func TestFramesToANodeThatIsDownAreLost(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var got []arrival
	neptune := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 10) },
		fire: func(env Env, _ TimerID) {
			env.Send(2, 1, nil)
			if w.Now() < 60 {
				env.SetTimer(0, 10)
			}
		},
	})
	jupiter := addSink(w, "jupiter", &got)
	var lost []TraceLine
	w.Trace = func(l TraceLine) {
		if l.Type == TraceLost {
			lost = append(lost, l)
		}
	}
	w.At(15, func() { w.Kill(jupiter) })
	w.At(25, func() { w.Pause(neptune) }) // its timer fires at 45 instead
	w.At(35, func() { w.Restart(jupiter) })
	w.At(45, func() { w.Resume(neptune) })
	w.Run(End, nil)
	assert.Equal(t, []arrival{{10, neptune, 1, ""}, {45, neptune, 1, ""}, {55, neptune, 1, ""}, {65, neptune, 1, ""}}, got)
	require.Len(t, lost, 1)
	assert.Equal(t, Time(20), lost[0].Time)
	assert.EqualValues(t, lostDown, lost[0].Arg)
	assert.Equal(t, jupiter, lost[0].Node)
}

// Frames are copied when they are sent: their sender may overwrite its buffer.
func TestFramesAreCopied(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"at once":    {Link: LinkOptions{DuplicatePPM: million, Min: 5}},
		"held":       {Link: LinkOptions{DuplicatePPM: million, Min: 5}, CPU: CPUOptions{Effect: 10}},
		"to oneself": {Link: LinkOptions{DuplicatePPM: million, Min: 5}},
	} {
		w := New(o)
		var got []string
		receive := func(_ Env, _ NodeID, _ Kind, b []byte) { got = append(got, string(b)) }
		addStub(w, "neptune", stub{receive: receive, boot: func(env Env) {
			to := NodeID(2)
			if name == "to oneself" {
				to = 1
			}
			buf := []byte("first")
			env.Send(to, 1, buf)
			copy(buf, "other")
			env.Send(to, 1, buf)
			copy(buf, "spoil")
		}})
		addStub(w, "jupiter", stub{receive: receive})
		w.At(1, func() {}) // in "held" it stands before the effects
		w.Run(End, nil)
		slices.Sort(got)
		assert.Equal(t, []string{"first", "first", "other", "other"}, got, name)
	}
}

// The frame that a handler got may be sent on as it is.
func TestFramesCanBeForwarded(t *testing.T) {
	t.Parallel()
	w := New(Options{Link: LinkOptions{Min: 5}})
	var got []arrival
	addStub(w, "neptune", stub{boot: func(env Env) { env.Send(2, 1, []byte("a letter")) }})
	addStub(w, "jupiter", stub{receive: func(env Env, _ NodeID, kind Kind, b []byte) { env.Send(3, kind, b); env.Send(3, kind, b) }})
	addSink(w, "saturn", &got)
	w.Run(End, nil)
	assert.Equal(t, []arrival{{10, 2, 1, "a letter"}, {10, 2, 1, "a letter"}}, got)
}

// A machine that keeps a frame after its handler finds it spoiled: it can't pass for
// correct by luck.
func TestKeptFramesAreSpoiled(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var kept []byte
	addStub(w, "neptune", soon(func(env Env) { env.Send(2, 1, []byte("a letter")) }))
	addStub(w, "jupiter", stub{receive: func(_ Env, _ NodeID, _ Kind, b []byte) {
		assert.Equal(t, "a letter", string(b))
		assert.Equal(t, len(b), cap(b), "an append must not reach the neighbour's frame")
		kept = b
	}})
	w.Run(End, nil)
	assert.Equal(t, bytes.Repeat([]byte{0xdb}, len("a letter")), kept)
}

// Frames of every size, many at once: no slot is handed out twice.
func TestFrameSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f frames
		type slot struct {
			handle uint32
			want   []byte
		}
		var under []slot
		sizes := rapid.OneOf(rapid.IntRange(0, 70), rapid.SampledFrom([]int{63, 64, 65, 255, 256, 257, 1024, 1025, 4097, 70_000}))
		check := func(s slot) {
			if got := f.get(s.handle, uint32(len(s.want))); !bytes.Equal(got, s.want) {
				t.Fatalf("a frame of %d bytes was overwritten", len(s.want))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				b := bytes.Repeat([]byte{byte(len(under) + 1)}, sizes.Draw(t, "size"))
				under = append(under, slot{f.put(b), b})
			},
			"drop": func(t *rapid.T) {
				if len(under) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(under)-1).Draw(t, "which")
				check(under[i])
				f.drop(under[i].handle, uint32(len(under[i].want)))
				under = slices.Delete(under, i, i+1)
			},
			"reset": func(t *rapid.T) {
				if rapid.IntRange(0, 20).Draw(t, "really") == 0 {
					f.reset()
					under = under[:0]
				}
			},
			"": func(*rapid.T) {
				for _, s := range under {
					check(s)
				}
			},
		})
	})
}

func TestLimitsOfAFrame(t *testing.T) {
	t.Parallel()
	for _, held := range []bool{false, true} {
		for name, c := range map[string]struct {
			send func(env Env)
			want string
		}{
			"largest":  {func(env Env) { env.Send(1, 1, make([]byte, MaxFrame)) }, ""},
			"too big":  {func(env Env) { env.Send(1, 1, make([]byte, MaxFrame+1)) }, "node neptune panicked: sim: node 1 sends a frame of 1048577 bytes; the limit is 1048576"},
			"nobody":   {func(env Env) { env.Send(0, 1, nil) }, "node neptune panicked: sim: node 1 sends to node 0, which is not there (1 nodes)"},
			"stranger": {func(env Env) { env.Send(2, 1, nil) }, "node neptune panicked: sim: node 1 sends to node 2, which is not there (1 nodes)"},
		} {
			var o Options
			if held {
				o.CPU.Effect = 10
			}
			w := New(o)
			got := 0
			addStub(w, "neptune", stub{boot: c.send, receive: func(_ Env, _ NodeID, _ Kind, b []byte) { got = len(b) }})
			w.At(5, func() {})
			w.Run(End, nil)
			if c.want == "" {
				assert.Empty(t, w.Violations(), name)
				assert.Equal(t, MaxFrame, got)
				continue
			}
			require.Len(t, w.Violations(), 1, name)
			assert.Equal(t, c.want, w.Violations()[0].Detail)
		}
	}
}

// Law 3 on one link: kinds are counted apart, so a heartbeat less does not move the
// fate of the appends.
func TestKindsOfALinkAreCountedApart(t *testing.T) {
	t.Parallel()
	const heartbeat, entry = 1, 2
	run := func(send func(i int) []Kind) map[Kind][]string {
		w := New(seeded(Options{Link: LinkOptions{Mean: time.Millisecond, LossPPM: 200_000, DuplicatePPM: 200_000, TailPPM: 100_000, TailFactor: 9}}, 11))
		fate := map[Kind][]string{}
		i := 0
		addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, 0) },
			fire: func(env Env, _ TimerID) {
				for _, k := range send(i) {
					env.Send(2, k, fmt.Appendf(nil, "%03d", i))
				}
				if i++; i < 200 {
					env.SetTimer(0, time.Second)
				}
			},
		})
		addStub(w, "jupiter", stub{receive: func(_ Env, _ NodeID, kind Kind, b []byte) {
			var sent int
			fmt.Sscanf(string(b), "%d", &sent)
			fate[kind] = append(fate[kind], fmt.Sprintf("%s after %v", b, w.Now().Sub(Time(time.Duration(sent)*time.Second))))
		}})
		w.Run(End, nil)
		for _, f := range fate {
			slices.Sort(f)
		}
		return fate
	}
	both := run(func(int) []Kind { return []Kind{heartbeat, entry} })
	other := run(func(int) []Kind { return []Kind{entry, heartbeat} })
	fewer := run(func(i int) []Kind {
		if i%3 == 0 {
			return []Kind{entry}
		}
		return []Kind{heartbeat, entry}
	})
	none := run(func(int) []Kind { return []Kind{entry} })
	require.Greater(t, len(both[entry]), 150)
	assert.Equal(t, both, other)
	assert.Equal(t, both[entry], fewer[entry])
	assert.Equal(t, both[entry], none[entry])
	assert.NotEqual(t, both[heartbeat], fewer[heartbeat])
	assert.NotEqual(t, both[heartbeat], both[entry])
}
