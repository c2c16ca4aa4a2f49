package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// buggified asks some points a number of times in a run of their own.
func buggified(seed uint64, on bool, points []string, times int) (w *World, fired map[string][]bool) {
	w = New(Options{Seed: seed, Buggify: on})
	fired = map[string][]bool{}
	addStub(w, "neptune", soon(func(env Env) {
		for range times {
			for _, p := range points {
				fired[p] = append(fired[p], env.Buggify(p))
			}
		}
	}))
	w.Run(Time(time.Second), nil)
	return w, fired
}

// A point is active in one run of four, and an active one fires at one call of four.
func TestBuggify(t *testing.T) {
	t.Parallel()
	const seeds, times = 2000, 20
	active, fired := 0, 0
	for seed := range uint64(seeds) {
		w, calls := buggified(seed, true, []string{"short batch"}, times)
		p := w.Points()[0]
		n := 0
		for _, f := range calls["short batch"] {
			if f {
				n++
			}
		}
		assert.Equal(t, []any{"short batch", uint64(n)}, []any{p.Name, p.Fired})
		if p.Active {
			active++
			fired += n
		} else {
			assert.Zero(t, n)
		}
	}
	// Four standard deviations: of the active runs, sqrt(2000·3/16) = 19.4; of the calls,
	// sqrt(500·20·3/16) = 43.
	assert.InDelta(t, seeds/4, active, 4*19.4)
	assert.InDelta(t, active*times/4, fired, 4*45)
	w, calls := buggified(3, false, []string{"a"}, 100)
	assert.NotContains(t, calls["a"], true)
	assert.Empty(t, w.Points(), "nobody asked for trouble")
}

// A new point moves no other.
func TestBuggifyPointsAreApart(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		var names []string
		for i := range 8 {
			names = append(names, fmt.Sprint("point ", i))
		}
		_, all := buggified(seed, true, names, 10)
		_, some := buggified(seed, true, names[3:5], 10)
		for _, name := range names[3:5] {
			assert.Equal(t, all[name], some[name], "seed %d, %s", seed, name)
		}
	}
}

func TestBuggifyAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations cannot be counted under the race detector")
	}
	w := New(Options{Seed: 1 << 63, Buggify: true}) // small numbers can be boxed for nothing
	n := w.nodes[addStub(w, "neptune", stub{})]
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	ask := func() {
		for _, name := range names {
			n.Buggify(name)
		}
	}
	ask()
	assert.Zero(t, testing.AllocsPerRun(100, ask))
}
