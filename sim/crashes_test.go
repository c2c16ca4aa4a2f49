package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// show is an image on one line.
func (m DiskImage) show() string {
	var s []string
	for _, f := range m.Files {
		s = append(s, fmt.Sprintf("%s=%q", f.Name, f.Data))
	}
	return strings.Join(s, " ")
}

// crashesOf lists all crashes, in order of what they show.
func crashesOf(t require.TestingT, w *World, n NodeID, limit int) []string {
	var all []string
	count, err := w.AllCrashes(n, limit, func(m DiskImage) bool { all = append(all, m.show()); return true })
	require.NoError(t, err)
	require.Len(t, all, count)
	slices.Sort(all)
	require.Len(t, slices.Compact(slices.Clone(all)), count, "one twice")
	return all
}

// lossOf is what the k-th power loss of the seed would leave of a copy of the disk.
func lossOf(d *disk, k int) string {
	c := *d
	c.names, c.platter, c.unsynced = slices.Clone(d.names), slices.Clone(d.platter), slices.Clone(d.unsynced)
	c.freeFile, c.scratch = slices.Clone(d.freeFile), nil
	c.trouble.damages = slices.Clone(d.trouble.damages)
	c.files = nil
	for _, f := range d.files {
		c.files = append(c.files, file{data: bytes.Clone(f.data), durable: bytes.Clone(f.durable), pending: slices.Clone(f.pending), journal: bytes.Clone(f.journal), synced: f.synced})
	}
	c.crashes, c.crashDraws = uint32(k), uint32(k*1000)
	c.powerLoss()
	var m DiskImage
	for _, e := range c.names {
		m.Files = append(m.Files, FileImage{e.name, c.files[e.file].data})
	}
	return m.show()
}

// All crashes, enumerated by hand.
func TestAllCrashesByHand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		disk     DiskOptions
		synced   []diskOp
		unsynced []diskOp
		want     []string
	}{
		"nothing is unsynced": {DiskOptions{}, []diskOp{create("a"), appending("a", "x"), syncFile("a"), syncNames}, nil, []string{`a="x"`}},
		"a name":              {DiskOptions{}, nil, []diskOp{create("a")}, []string{``, `a=""`}},
		"name, size and data": {DiskOptions{Atomic: true}, nil, []diskOp{create("a"), appending("a", "xy")},
			[]string{``, `a=""`, `a="\x00\x00"`, `a="xy"`}},
		"the data is synced": {DiskOptions{}, nil, []diskOp{create("a"), appending("a", "xy"), syncFile("a")}, []string{``, `a="xy"`}},
		"and takes the name with it": {DiskOptions{SyncNames: true}, nil, []diskOp{create("b"), create("a"), create("c"), appending("a", "xy"), syncFile("a")},
			[]string{`a="xy" b=""`, `a="xy" b="" c=""`}},
		"two sectors": {DiskOptions{Sector: 2, Atomic: true}, []diskOp{create("a"), appending("a", "1234"), syncFile("a"), syncNames}, []diskOp{writing("a", 1, "xy")},
			[]string{`a="1234"`, `a="12y4"`, `a="1x34"`, `a="1xy4"`}},
		"the writes of one sector in order": {DiskOptions{Atomic: true}, []diskOp{create("a"), appending("a", "1"), syncFile("a"), syncNames},
			[]diskOp{writing("a", 0, "2"), writing("a", 0, "3")}, []string{`a="1"`, `a="2"`, `a="3"`}},
		"a torn sector": {DiskOptions{}, []diskOp{create("a"), appending("a", "123"), syncFile("a"), syncNames}, []diskOp{writing("a", 0, "xy")},
			[]string{`a="123"`, `a="x23"`, `a="x\xa53"`, `a="xy3"`, `a="\xa5\xa53"`}},
		"without powersafe overwrite": {DiskOptions{NotPowersafe: true}, []diskOp{create("a"), appending("a", "123"), syncFile("a"), syncNames}, []diskOp{writing("a", 0, "xy")},
			[]string{`a="123"`, `a="x23"`, `a="x\xa53"`, `a="xy3"`, `a="\xa5\xa53"`, `a="\xa5\xa5\xa5"`}},
		"a rename over a file": {DiskOptions{Atomic: true}, []diskOp{create("a"), appending("a", "o"), syncFile("a"), syncNames},
			[]diskOp{create("b"), appending("b", "n"), renaming("b", "a")},
			[]string{`a=""`, `a="\x00"`, `a="n"`, `a="o"`, `a="o" b=""`, `a="o" b="\x00"`, `a="o" b="n"`}},
		"and ordered": {DiskOptions{Atomic: true, Ordered: true}, []diskOp{create("a"), appending("a", "o"), syncFile("a"), syncNames},
			[]diskOp{create("b"), appending("b", "n"), renaming("b", "a")},
			[]string{`a="n"`, `a="o"`, `a="o" b=""`, `a="o" b="\x00"`, `a="o" b="n"`}},
		"a truncate": {DiskOptions{Sector: 2, Atomic: true}, []diskOp{create("a"), appending("a", "123"), syncFile("a"), syncNames}, []diskOp{truncating("a", 1), truncating("a", 3)},
			[]string{`a="1"`, `a="123"`, `a="12\x00"`, `a="1\x003"`, `a="1\x00\x00"`}},
	} {
		b := newWorkbench(t, Options{Disk: c.disk})
		b.ok(c.synced...)
		b.ok(c.unsynced...)
		slices.Sort(c.want)
		before := b.w.Digest()
		all := crashesOf(t, b.w, b.n, 100)
		assert.Equal(t, c.want, all, name)
		assert.Equal(t, before, b.w.Digest(), "%s: the run goes on as if nobody had asked", name)
		// A power loss is one of these, and each of these is a power loss.
		hit := map[string]int{}
		for k := range 600 {
			left := lossOf(&b.w.nodes[b.n].disk, k)
			require.Contains(t, all, left, name)
			hit[left]++
		}
		// The rarest above: mode tear (1/4), no write kept (1/2), one of 3 cuts, all of the
		// sector garbage (1/4): 1 of 96 without the size; with 600 losses it is missed once in e^6.
		assert.GreaterOrEqual(t, len(hit), len(all)-1, "%s: %v", name, hit)
		if len(all) < 8 && c.disk.Atomic {
			assert.Len(t, hit, len(all), "%s: %v of %q", name, hit, all)
		}
	}
}

// Whatever the operations were, what a power loss leaves is among all crashes: the draw
// is a sample of the set.
func TestPowerLossSamplesAllCrashes(t *testing.T) {
	hit, of := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		o := DiskOptions{
			Sector:       int64(rapid.IntRange(2, 5).Draw(t, "sector")),
			Atomic:       rapid.Bool().Draw(t, "atomic"),
			NotPowersafe: rapid.Bool().Draw(t, "not powersafe"),
			SyncNames:    rapid.Bool().Draw(t, "sync names"),
			Ordered:      rapid.Bool().Draw(t, "ordered"),
		}
		w := New(Options{Seed: rapid.Uint64Range(0, 1<<20).Draw(t, "seed"), Disk: o})
		n := addStub(w, "neptune", stub{})
		w.Run(End, nil)
		if rapid.IntRange(0, 3).Draw(t, "spoil") == 0 {
			w.SpoilWrites(n, rapid.SampledFrom([]DiskFault{DiskLost, DiskMisdirected, DiskShortWrite}).Draw(t, "fault"), 2)
			w.FailSyncs(n, 1, rapid.Bool().Draw(t, "revert"))
		}
		written := byte(0)
		for range rapid.IntRange(0, 12).Draw(t, "operations") {
			op := drawOp(t, mixes[0], &written)
			op.off %= 8
			op.data = op.data[:min(len(op.data), 6)]
			w.nodes[n].cpu = w.now
			op.submitTo(&w.nodes[n].disk)
			w.Run(End, nil)
		}
		const limit = 2000
		all := map[string]bool{}
		count, err := w.AllCrashes(n, limit, func(m DiskImage) bool { all[m.show()] = true; return true })
		if err != nil {
			require.ErrorIs(t, err, ErrTooManyDisks)
			return
		}
		require.Len(t, all, count)
		require.True(t, all[w.DiskOf(n).show()] || w.nodes[n].disk.trouble.struck, "the page cache may have been written back")
		found := map[string]bool{}
		for k := range 300 {
			left := lossOf(&w.nodes[n].disk, k)
			if !all[left] {
				t.Fatalf("%s is none of the %d", left, count)
			}
			found[left] = true
		}
		if count <= 6 && o.Atomic {
			hit, of = hit+len(found), of+count
		}
	})
	assert.GreaterOrEqual(t, hit, of*95/100, "of small sets all is hit")
	assert.NotZero(t, of)
}

func TestAllCrashesIsBounded(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{Disk: DiskOptions{Atomic: true}})
	b.ok(create("a"), appending("a", "xy"))
	require.Len(t, crashesOf(t, b.w, b.n, 4), 4)
	for limit := range 4 {
		visited := 0
		n, err := b.w.AllCrashes(b.n, limit, func(DiskImage) bool { visited++; return true })
		require.ErrorIs(t, err, ErrTooManyDisks)
		require.Equal(t, n, visited)
		require.LessOrEqual(t, n, limit)
	}
	n, err := b.w.AllCrashes(b.n, 100, func(DiskImage) bool { return false })
	assert.NoError(t, err)
	assert.Equal(t, 1, n, "the visitor has seen enough")
	b.ok(appending("a", fill("x", 100_000)))
	_, err = b.w.AllCrashes(b.n, 1_000_000, nil)
	assert.ErrorIs(t, err, ErrTooManyDisks, "2^196 disks are not tried")
}
