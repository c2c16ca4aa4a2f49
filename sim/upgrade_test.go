package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leaver is a program that lists its disk and leaves a file with its name there.
func leaver(name string, log *[]string) func(uint32) Machine {
	return func(incarnation uint32) Machine {
		return stub{
			boot: func(env Env) { env.Disk().List() },
			complete: func(env Env, _ IOID, io IO) {
				if io.Op != OpList {
					return
				}
				found := fmt.Sprintf("%s, life %d, finds", name, incarnation)
				for _, f := range io.Files {
					found += " " + f.Name
				}
				*log = append(*log, found)
				env.Disk().Create(name)
				env.Disk().SyncDir()
			},
		}
	}
}

// A node runs another version from its next boot on, over the disk that the one before
// has left, there and back.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var log, boots []string
	w.Trace = func(l TraceLine) {
		if l.Type == TraceBoot {
			_, line, _ := strings.Cut(string(l.AppendJSON(nil, w.Names(), vocabulary)), `"node":`)
			boots = append(boots, line[:strings.Index(line, `,"digest"`)])
		}
	}
	n := w.AddNode("neptune", leaver("one", &log))
	client := w.AddClient("client", func(*Client) {})
	reboot := func() {
		w.Run(End-1, nil)
		require.True(t, w.Kill(n))
		require.True(t, w.Restart(n))
		w.Run(End-1, nil)
	}
	w.Run(End-1, nil)
	assert.False(t, w.Downgrade(n), "it is the first")
	before := w.Digest()
	assert.True(t, w.Upgrade(n, 2, leaver("two", &log)))
	assert.False(t, w.Upgrade(n, 2, leaver("two", &log)), "it is there")
	assert.Equal(t, before, w.Digest(), "nothing has happened yet")
	w.Run(End-1, nil)
	assert.Len(t, log, 1, "nor does it, before a boot")
	reboot()
	assert.True(t, w.Upgrade(n, 7, leaver("seven", &log)))
	assert.EqualValues(t, 7, w.Version(n))
	reboot()
	assert.True(t, w.Downgrade(n))
	reboot()
	assert.False(t, w.Upgrade(client, 2, nil))
	assert.Equal(t, []string{
		"one, life 1, finds",
		"two, life 2, finds one",
		"seven, life 3, finds one two",
		"one, life 4, finds one seven two",
	}, log)
	assert.Equal(t, []string{
		`"neptune","incarnation":1`,
		`"neptune","incarnation":2,"version":2`,
		`"neptune","incarnation":3,"version":7`,
		`"neptune","incarnation":4`,
	}, boots)
}

// A node of three after another gets the new version, while the others go on.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	w := New(seeded(rough, 3))
	nodes := gossipAmong(w, "neptune", "jupiter", "saturn")
	for i, n := range nodes {
		peers := []NodeID{nodes[(i+1)%3], nodes[(i+2)%3]}
		at := Time(10+10*i) * 1_000_000
		w.At(at, func() {
			w.Upgrade(n, 2, func(uint32) Machine { return &gossip{peers: peers, pace: 1_000_000} })
			w.Kill(n)
			w.Restart(n)
			for j, other := range nodes {
				assert.True(t, w.Up(other))
				assert.Equal(t, j <= i, w.Version(other) == 2)
			}
		})
	}
	w.Run(Time(60*1_000_000), nil)
	require.Empty(t, w.Violations())
	for _, n := range nodes {
		assert.EqualValues(t, 2, w.Incarnation(n))
		assert.NotZero(t, w.Observed(n, gossipSeen), "the new version hears the others")
	}
}
