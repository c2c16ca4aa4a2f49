package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// liars runs a node that says 1,000 things to each of two, through an adversary, and
// returns what these heard.
func liars(t *testing.T, seed uint64, a Adversary) (heard [2][]string, lines int) {
	t.Helper()
	w := New(Options{Seed: seed, Link: LinkOptions{Min: time.Millisecond}})
	var ids [2]NodeID
	for i := range ids {
		ids[i] = addStub(w, fmt.Sprint("honest", i), stub{receive: func(_ Env, _ NodeID, _ Kind, frame []byte) {
			heard[i] = append(heard[i], string(frame))
		}})
	}
	said := 0
	n := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(1, time.Second) },
		fire: func(env Env, _ TimerID) {
			for _, id := range ids {
				env.Send(id, 1, fmt.Appendf(nil, "%04d", said))
			}
			if said++; said < 1000 {
				env.SetTimer(1, time.Second)
			}
		},
	})
	w.Trace = func(l TraceLine) {
		if l.Type == TraceLie {
			lines++
		}
	}
	require.True(t, w.SetAdversary(n, a))
	w.Run(Time(2000*time.Second), nil)
	require.Equal(t, 1000, said)
	return heard, lines
}

func TestWithhold(t *testing.T) {
	t.Parallel()
	heard, lines := liars(t, 1, Withhold{PPM: 300_000})
	assert.Equal(t, 2000-len(heard[0])-len(heard[1]), lines, "the trace tells of what does not pass")
	for _, h := range heard {
		assert.InDelta(t, 700, len(h), 4*14.5) // sqrt(1000·0.3·0.7)
	}
	heard, _ = liars(t, 1, Withhold{PPM: million})
	assert.Empty(t, heard[0])
}

func TestFlip(t *testing.T) {
	t.Parallel()
	heard, _ := liars(t, 2, Flip{PPM: 250_000})
	for _, h := range heard {
		require.Len(t, h, 1000)
		wrong := 0
		for i, s := range h {
			bits := 0
			for j, c := range []byte(fmt.Sprintf("%04d", i)) {
				for x := c ^ s[j]; x != 0; x &= x - 1 {
					bits++
				}
			}
			assert.LessOrEqual(t, bits, 1)
			wrong += bits
		}
		assert.InDelta(t, 250, wrong, 4*13.7)
	}
}

func TestReplayedFrames(t *testing.T) {
	t.Parallel()
	heard, _ := liars(t, 3, &Replay{PPM: 500_000})
	n := len(heard[0]) + len(heard[1])
	assert.InDelta(t, 3000, n, 4*22.4) // sqrt(2000/4)
	for _, h := range heard {
		seen := map[string]int{}
		for _, s := range h {
			seen[s]++
		}
		assert.Len(t, seen, 1000, "nothing is withheld, nothing invented")
	}
}

func TestEquivocate(t *testing.T) {
	t.Parallel()
	heard, _ := liars(t, 4, &Equivocate{PPM: 400_000})
	differ := 0
	for i := range 1000 {
		if heard[0][i] != heard[1][i] {
			differ++
		} else {
			assert.Equal(t, fmt.Sprintf("%04d", i), heard[0][i])
		}
	}
	assert.InDelta(t, 400, differ, 4*15.5)
}

// The adversary goes as it came, lies the same under the same seed, and moves no choice
// of anybody else.
func TestAdversaryComesAndGoes(t *testing.T) {
	t.Parallel()
	a, _ := liars(t, 5, &Equivocate{PPM: 400_000})
	b, _ := liars(t, 5, &Equivocate{PPM: 400_000})
	c, _ := liars(t, 6, &Equivocate{PPM: 400_000})
	assert.Equal(t, a, b)
	assert.NotEqual(t, a, c)
	honest, _ := liars(t, 5, Flip{})
	for _, h := range honest {
		for i, s := range h {
			require.Equal(t, fmt.Sprintf("%04d", i), s)
		}
	}
	w := New(Options{})
	n := addStub(w, "neptune", stub{})
	assert.False(t, w.SetAdversary(n, nil), "there is none")
	assert.True(t, w.SetAdversary(n, Flip{}))
	assert.True(t, w.SetAdversary(n, nil))
	assert.False(t, w.SetAdversary(w.AddClient("client", func(*Client) {}), Flip{}))
}

// twist is an adversary made of a function.
type twist func(env AdversaryEnv, to NodeID, kind Kind, frame []byte)

func (f twist) Outgoing(env AdversaryEnv, to NodeID, kind Kind, frame []byte) {
	f(env, to, kind, frame)
}

// The adversary changes a copy: neither the machine's memory nor what it handed out twice.
func TestAdversaryHasACopy(t *testing.T) {
	t.Parallel()
	for _, held := range []bool{false, true} {
		w := New(Options{CPU: CPUOptions{Effect: 10}})
		var got []arrival
		buffer := []byte("truth")
		n := addStub(w, "neptune", soon(func(env Env) { env.Send(2, 1, buffer); env.Send(2, 1, buffer) }))
		addSink(w, "jupiter", &got)
		first := true
		w.SetAdversary(n, twist(func(env AdversaryEnv, to NodeID, kind Kind, frame []byte) {
			assert.Equal(t, "truth", string(frame))
			assert.Equal(t, n, env.Self())
			if first {
				copy(frame, "falsy")
				first = false
			}
			env.Emit(to, kind, frame, 0)
		}))
		if held {
			w.At(5, func() {})
		}
		w.Run(End, nil)
		assert.Equal(t, []arrival{{11, 1, 1, "falsy"}, {21, 1, 1, "truth"}}, got)
		assert.Equal(t, "truth", string(buffer))
	}
}

// What an adversary keeps for a while leaves then: it meets the partitions of that
// moment, not those of now, and a crash of the node does not stop it; a heal does.
func TestAdversarySendsLater(t *testing.T) {
	t.Parallel()
	sent := []arrival{{11, 1, 9, "what"}, {100, 1, 7, "later"}}
	for name, c := range map[string]struct {
		between func(w *World)
		want    []arrival
	}{
		"nothing":                {func(*World) {}, sent},
		"a partition":            {func(w *World) { w.At(50, func() { w.Cut(1, 2) }) }, sent[:1]},
		"a partition that heals": {func(w *World) { w.At(0, func() { w.Cut(1, 2) }); w.At(50, func() { w.Mend(1, 2) }) }, sent[1:]},
		"a kill":                 {func(w *World) { w.At(50, func() { w.Kill(1) }) }, sent},
		"a kill before":          {func(w *World) { w.At(5, func() { w.Kill(1) }) }, nil},
		"a heal":                 {func(w *World) { w.At(50, func() { w.SetAdversary(1, nil) }) }, sent[:1]},
		"another liar":           {func(w *World) { w.At(50, func() { w.SetAdversary(1, Flip{}) }) }, sent[:1]},
	} {
		w := New(Options{CPU: CPUOptions{Effect: 10}})
		var got []arrival
		n := addStub(w, "neptune", soon(func(env Env) { env.Send(3, 1, nil) }))
		addSink(w, "jupiter", &got)
		addSink(w, "saturn", &got)
		w.SetAdversary(n, twist(func(env AdversaryEnv, to NodeID, _ Kind, frame []byte) {
			assert.Equal(t, Time(11), env.Now())
			env.Emit(2, 7, []byte("later"), 100-11)
			env.Emit(2, 9, []byte("what"), -1)
		}))
		c.between(w)
		w.Run(End, nil)
		assert.Equal(t, c.want, got, name)
		assert.Len(t, w.frames.class[0].free, len(w.frames.class[0].slots), "%s: no frame is left behind", name)
	}
}

func TestAdversaryIsBoundedAsItsNode(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	n := addStub(w, "neptune", soon(func(env Env) { env.Send(1, 1, nil) }))
	w.SetAdversary(n, twist(func(env AdversaryEnv, _ NodeID, kind Kind, _ []byte) { env.Emit(77, kind, nil, 0) }))
	w.Run(End, nil)
	require.Len(t, w.Violations(), 1)
	assert.Contains(t, w.Violations()[0].Detail, "node 1 sends to node 77, which is not there")
}
