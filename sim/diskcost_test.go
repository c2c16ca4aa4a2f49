package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// took is how long an operation takes on a disk that is idle.
func (b *workbench) took(o diskOp) time.Duration {
	b.t.Helper()
	start := b.w.Now()
	b.ok(o)
	return b.w.Now().Sub(start)
}

func reading(name string, off int64, n int) diskOp {
	return diskOp{op: OpRead, name: name, off: off, n: n}
}

// A disk of 1 byte/ns for reads and half of that for writes, with a seek of 1 ms.
func TestCostOfSeeksAndBandwidth(t *testing.T) {
	t.Parallel()
	const ms, ns = time.Millisecond, time.Nanosecond
	b := newWorkbench(t, Options{Disk: DiskOptions{Sector: 4096, Cache: 10, Read: 100, Sync: 1000, Seek: ms, ReadBandwidth: 1e9, WriteBandwidth: 5e8}})
	b.ok(create("a"))
	b.ok(create("b"))
	for _, c := range []struct {
		what string
		o    diskOp
		want time.Duration
	}{
		{"a write costs the page cache", appending("a", fill("x", 8192)), 10},
		{"the device stands at the beginning of the first file", syncFile("a"), 1000 + 2*8192*ns},
		{"nothing to move", syncFile("a"), 1000},
		{"", appending("a", "x"), 10},
		{"a sector is the least, and no seek: it follows", syncFile("a"), 1000 + 2*4096*ns},
		{"", appending("a", "y"), 10},
		{"the same sector again", syncFile("a"), 1000 + 2*4096*ns},
		{"", writing("a", 0, "x"), 10},
		{"", writing("a", 8192, "x"), 10},
		{"two places, two seeks", syncFile("a"), 1000 + 2*(ms+2*4096*ns)},
		{"the directory lies elsewhere", syncNames, 1000 + ms},
		{"a read has to go back", reading("a", 0, 1000), 100 + ms + 1000*ns},
		{"it goes on", reading("a", 1000, 1000), 100 + 1000*ns},
		{"and jumps", reading("a", 8000, 10), 100 + ms + 10*ns},
		{"another file", appending("b", "x"), 10},
		{"", syncFile("b"), 1000 + ms + 2*4096*ns},
	} {
		assert.Equal(t, c.want, b.took(c.o), "%s: %v %s", c.what, c.o.op, c.o.name)
	}
}

// Reads of what was written or read before are hits, until the cache is lost.
func TestCostOfCacheMisses(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{Disk: DiskOptions{Cache: 10, Read: 1000, ReadBandwidth: 1e9, CachedReads: true}})
	b.durable("a", fill("x", 3*pageSize))
	hit, page := time.Duration(10), time.Duration(pageSize)
	assert.Equal(t, hit, b.took(reading("a", 0, 3*pageSize)), "it was written just now")
	b.w.Kill(b.n)
	b.w.Restart(b.n)
	clear(b.ended)
	assert.Equal(t, hit, b.took(reading("a", 0, 3*pageSize)), "a kill keeps the cache")
	b.loss()
	assert.Equal(t, 1000+page, b.took(reading("a", pageSize+5, 10)), "a page is the least")
	assert.Equal(t, hit, b.took(reading("a", pageSize, 100)))
	assert.Equal(t, 1000+page, b.took(reading("a", pageSize, 2*pageSize)), "one of two was there")
	assert.Equal(t, 1000+page, b.took(reading("a", 0, 3*pageSize)))
	require.True(t, b.w.EvictCache(b.n))
	assert.False(t, b.w.EvictCache(b.n), "it is cold")
	assert.Equal(t, 1000+3*page, b.took(reading("a", 0, 3*pageSize)))
}
