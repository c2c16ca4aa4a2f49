package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// talk lets every host say its name to every other at time 1, and returns when whom they
// reached, by sender and receiver; 0: they did not.
func talk(top Topology, cut ...string) [][]Time {
	w := New(Options{})
	n := len(top.Routes)
	got := make([][]Time, n)
	var ids []NodeID
	for i := range n {
		got[i] = make([]Time, n)
		ids = append(ids, addStub(w, fmt.Sprint("host ", i), stub{
			boot: func(env Env) { env.SetTimer(0, 1) },
			fire: func(env Env, _ TimerID) {
				for to := range n {
					env.Send(NodeID(to+1), 1, make([]byte, 100))
				}
			},
			receive: func(_ Env, from NodeID, _ Kind, _ []byte) { got[from-1][i] = w.Now() },
		}))
	}
	w.Lay(top, ids...)
	for _, name := range cut {
		w.CutDomain(name)
	}
	w.Run(End, nil)
	return got
}

// A failed domain cuts the pairs that it should, and no others; without one, everybody
// reaches everybody.
func TestFailuresOfDomains(t *testing.T) {
	t.Parallel()
	table := [][]time.Duration{{1000, 10, 20}, {30, 2000, 40}, {50, 60, 3000}}
	p := PipeOptions{Delay: 5}
	for name, c := range map[string]struct {
		top  Topology
		cut  string
		fail func(a, b int) bool
	}{
		"racks":   {Racks(3, 2, p, p), "rack 1", func(a, b int) bool { return a/2 == 1 || b/2 == 1 }},
		"uplink":  {Racks(3, 2, p, p), "uplink 1", func(a, b int) bool { return (a/2 == 1) != (b/2 == 1) }},
		"regions": {Regions([]string{"eu", "us", "ap"}, 2, table, p), "region us", func(a, b int) bool { return (a/2 == 1) != (b/2 == 1) }},
		"leaf":    {Clos(3, 2, 2, p, p), "leaf 0", func(a, b int) bool { return a/2 == 0 || b/2 == 0 }},
		"spine":   {Clos(3, 2, 2, p, p), "spine 1", func(a, b int) bool { return a/2 != b/2 && (a+b)%2 == 1 }},
		// Of a torus of 3 × 3, a row takes what begins, ends or passes there; frames go
		// along their own row first, and then at most one step.
		"row":    {Torus(3, 3, p), "row 1", func(a, b int) bool { return a/3 == 1 || b/3 == 1 }},
		"column": {Torus(3, 3, p), "column 2", func(a, b int) bool { return a%3 == 2 || b%3 == 2 }},
	} {
		whole, broken := talk(c.top), talk(c.top, c.cut)
		for a := range whole {
			for b := range whole {
				require.NotZero(t, whole[a][b], "%s: %d → %d", name, a, b)
				require.Equal(t, a != b && c.fail(a, b), broken[a][b] == 0, "%s: %d → %d", name, a, b)
			}
		}
	}
}

func TestRegionsHaveTheirDelays(t *testing.T) {
	t.Parallel()
	table := [][]time.Duration{{1000, 10, 20}, {30, 2000, 40}, {50, 60, 3000}}
	got := talk(Regions([]string{"eu", "us", "ap"}, 2, table, PipeOptions{}))
	for a := range got {
		for b := range got {
			if a != b {
				assert.Equal(t, Time(1+table[a/2][b/2]), got[a][b])
			}
		}
	}
}

// A frame takes the shortest way round, pipe by pipe.
func TestRoutesOfATorus(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{1, 1}, {2, 1}, {3, 3}, {5, 4}, {4, 7}} {
		columns, rows := size[0], size[1]
		top := Torus(columns, rows, PipeOptions{Delay: 1})
		got := talk(top)
		ring := func(a, b, n int) int { return min((b-a+n)%n, (a-b+n)%n) }
		for a := range got {
			for b := range got {
				want := ring(a%columns, b%columns, columns) + ring(a/columns, b/columns, rows)
				require.Len(t, top.Routes[a][b], want)
				require.Equal(t, Time(1+want), got[a][b])
			}
		}
	}
}

// The spines carry about equal shares: of 3 hosts of a leaf, 2 have odd numbers or 1, which
// makes the one spine (2×2+1×1)/9 or (2×1+1×2)/9 of the pairs of two leaves.
func TestSpinesShareTheLoad(t *testing.T) {
	t.Parallel()
	top := Clos(4, 2, 3, PipeOptions{}, PipeOptions{})
	load := map[string]int{}
	for _, d := range top.Domains[4:] {
		for _, routes := range top.Routes {
			for _, pipes := range routes {
				for _, p := range pipes {
					if slices.Contains(d.Pipes, p) {
						load[d.Name]++
					}
				}
			}
		}
	}
	// 12 × 9 pairs of different leaves, two pipes of a spine each. Of 12 pairs of leaves 4
	// begin alike: 5 of their 9 pairs of hosts have an even sum, of the other 8's, 4.
	even := 2 * (4*5 + 8*4)
	assert.Equal(t, map[string]int{"spine 0": even, "spine 1": 2*12*9 - even}, load)
}

// Hosts of a rack share its uplink: ten frames leave one after another.
func TestARackSharesItsUplink(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var latest Time
	for i := range 20 {
		addStub(w, fmt.Sprint(i), stub{
			boot: func(env Env) { env.SetTimer(0, 1) },
			fire: func(env Env, _ TimerID) {
				if i < 10 {
					env.Send(NodeID(11+i), 1, make([]byte, 1000))
				}
			},
			receive: func(Env, NodeID, Kind, []byte) { latest = w.Now() - 1 },
		})
	}
	var ids []NodeID
	for i := range 20 {
		ids = append(ids, NodeID(i+1))
	}
	w.Lay(Racks(2, 10, PipeOptions{}, PipeOptions{Bandwidth: 1e9}), ids...)
	w.Run(End, nil)
	assert.Equal(t, Time(11*time.Microsecond), latest) // the last one goes up after ten times 1 µs, and down
}

// Domains are counted, and one that shares pipes with another does not mend its cut.
func TestDomainsAreCounted(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	a, b := addStub(w, "neptune", stub{}), addStub(w, "jupiter", stub{})
	w.Lay(Racks(2, 1, PipeOptions{}, PipeOptions{}), a, b)
	assert.Equal(t, []string{"rack 0", "uplink 0", "rack 1", "uplink 1"}, w.Domains())
	cuts := func() (n int) {
		for i := range w.net.pipes {
			n += w.net.pipes[i].cuts
		}
		return n
	}
	assert.False(t, w.MendDomain("rack 0"))
	assert.True(t, w.CutDomain("rack 0"))
	assert.False(t, w.CutDomain("rack 0"))
	assert.True(t, w.CutDomain("uplink 0"))
	assert.Equal(t, 6, cuts())
	assert.False(t, w.MendDomain("rack 0"))
	assert.True(t, w.MendDomain("rack 0"))
	assert.Equal(t, 2, cuts(), "the uplink is cut still")
	assert.True(t, w.MendDomain("uplink 0"))
	assert.Zero(t, cuts())
	assert.False(t, w.CutDomain("rack 9"))
	assert.False(t, w.MendDomain("rack 9"))
	assert.PanicsWithValue(t, "sim: 3 nodes for the 2 hosts of a topology", func() {
		w.Lay(Racks(2, 1, PipeOptions{}, PipeOptions{}), a, b, a)
	})
}
