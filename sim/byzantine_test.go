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
	assert.Equal(t, 2000, lines, "every frame went to the adversary")
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
