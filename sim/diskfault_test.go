package sim

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// workbench is a world of one node, whose disk a test uses like a program that waits for
// each operation.
type workbench struct {
	t     *testing.T
	w     *World
	n     NodeID
	ended map[IOID]IO
	told  []string // what the trace told of the disk's faults
}

func newWorkbench(t *testing.T, o Options) *workbench {
	b := &workbench{t: t, w: New(o), ended: map[IOID]IO{}}
	b.n = addStub(b.w, "neptune", stub{complete: func(_ Env, id IOID, io IO) {
		io.Data, io.Files = append([]byte(nil), io.Data...), slices.Clone(io.Files)
		b.ended[id] = io
	}})
	b.w.Trace = func(l TraceLine) {
		if l.Type == TraceDisk {
			b.told = append(b.told, strings.TrimSpace(fmt.Sprintf("%v %s %d %s", DiskFault(l.Kind), diskPhases[l.From], l.Arg, l.Bytes)))
		}
	}
	b.w.Run(End, nil)
	return b
}

func (b *workbench) submit(o diskOp) IOID {
	n := b.w.nodes[b.n]
	n.cpu = b.w.now
	return o.submitTo(&n.disk)
}

func (b *workbench) do(o diskOp) IO {
	b.t.Helper()
	id := b.submit(o)
	b.w.Run(End, func() bool { _, ok := b.ended[id]; return ok })
	io, ok := b.ended[id]
	require.True(b.t, ok, "%v %s did not end", o.op, o.name)
	return io
}

// ok does operations of which none may fail.
func (b *workbench) ok(ops ...diskOp) {
	b.t.Helper()
	for _, o := range ops {
		require.NoError(b.t, b.do(o).Err, "%v %s", o.op, o.name)
	}
}

func (b *workbench) read(name string) string {
	b.t.Helper()
	io := b.do(diskOp{op: OpRead, name: name, n: 1 << 20})
	require.NoError(b.t, io.Err)
	return string(io.Data)
}

// loss is a power loss of the strictest mode, and a boot.
func (b *workbench) loss() {
	b.w.nodes[b.n].w.decider = fixed{Keyed{b.w.opts.Seed}, map[Choice]uint64{ChooseCrashMode: crashDropAll}}
	b.w.PowerLoss(b.n)
	b.w.decider = nil
	clear(b.ended)
	b.w.Restart(b.n)
}

func syncFile(name string) diskOp { return diskOp{op: OpSync, name: name} }

var syncNames = diskOp{op: OpSyncDir} //saros:constant an operation

// durable makes a file with content that is on the platter.
func (b *workbench) durable(name, content string) {
	b.t.Helper()
	b.ok(create(name), appending(name, content), syncFile(name), syncNames)
}

// A sync fails once. What it was to write is clean: another sync succeeds and saves
// nothing of it, what is written later is saved.
func TestFailedSyncLosesWhatItWasToWrite(t *testing.T) {
	t.Parallel()
	for _, revert := range []bool{false, true} {
		b := newWorkbench(t, Options{})
		b.durable("a", "old.")
		require.True(t, b.w.FailSyncs(b.n, 1, revert))
		b.ok(writing("a", 0, "new!"))
		assert.Equal(t, ErrIO, b.do(syncFile("a")).Err)
		want := "new!"
		if revert {
			want = "old."
		}
		assert.Equal(t, want, b.read("a"), "revert %v", revert)
		b.ok(syncFile("a"), appending("a", "more"), syncFile("a"))
		assert.Equal(t, want+"more", b.read("a"))
		b.w.Kill(b.n)
		b.w.Restart(b.n)
		clear(b.ended)
		assert.Equal(t, want+"more", b.read("a"), "a kill keeps the page cache")
		b.loss()
		assert.Equal(t, "old.more", b.read("a"))
		assert.Equal(t, []string{"sync_error armed 1", "sync_error struck 1 a"}, b.told)
		b.ok(writing("a", 0, "good"), syncFile("a"))
		b.loss()
		assert.Equal(t, "goodmore", b.read("a"), "the disk is well again")
	}
}

// The same for names.
func TestFailedSyncOfTheDirectory(t *testing.T) {
	t.Parallel()
	for _, revert := range []bool{false, true} {
		b := newWorkbench(t, Options{})
		b.durable("a", "x")
		b.ok(renaming("a", "b"))
		require.True(t, b.w.FailSyncs(b.n, 1, revert))
		assert.Equal(t, ErrIO, b.do(syncNames).Err)
		want := "b"
		if revert {
			want = "a"
		}
		assert.Equal(t, "x", b.read(want))
		b.ok(create("c"), syncNames)
		b.loss()
		assert.Equal(t, []FileInfo{{"a", 1}, {"c", 0}}, b.do(diskOp{op: OpList}).Files)
	}
}

func TestCalmSyncsTakesBackWhatHasNotStruck(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{})
	b.durable("a", "x")
	assert.False(t, b.w.CalmSyncs(b.n), "nothing is armed")
	assert.False(t, b.w.FailSyncs(b.n, 0, false))
	require.True(t, b.w.FailSyncs(b.n, 2, false))
	require.Equal(t, ErrIO, b.do(syncFile("a")).Err)
	assert.True(t, b.w.CalmSyncs(b.n))
	b.ok(appending("a", "y"), syncFile("a"))
	b.loss()
	assert.Equal(t, "xy", b.read("a"))
	assert.False(t, b.w.nodes[b.n].disk.faulty, "an operation is not asked any more")
}

// A disk that lies saves nothing, and an honest sync afterwards all.
func TestLyingDisk(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{})
	b.durable("a", "old")
	require.True(t, b.w.SetLying(b.n, true))
	assert.False(t, b.w.SetLying(b.n, true), "it does already")
	b.ok(writing("a", 0, "new"), syncFile("a"), create("b"), syncNames)
	b.loss()
	assert.Equal(t, "old", b.read("a"))
	assert.Equal(t, ErrNotExist, b.do(syncFile("b")).Err)
	b.ok(writing("a", 0, "new"), syncFile("a"))
	require.True(t, b.w.SetLying(b.n, false))
	b.ok(syncFile("a"))
	b.loss()
	assert.Equal(t, "new", b.read("a"))
	assert.Equal(t, []string{"lie armed 0", "lie struck 1 a", "lie struck 1", "lie struck 1 a", "lie calmed 0"}, b.told)
}

// A latent sector error fails the reads that touch it until all of it is overwritten;
// an overwriting that a power loss takes back was none.
func TestUnreadableSector(t *testing.T) {
	t.Parallel()
	hit := map[int64]int{}
	for seed := range uint64(60) {
		b := newWorkbench(t, Options{Seed: seed})
		assert.False(t, b.w.SpoilSector(b.n), "there is none")
		b.durable("a", fill("x", 1300))
		require.True(t, b.w.SpoilSector(b.n))
		bad := b.w.DamageOf(b.n)
		require.Len(t, bad, 1)
		off := bad[0].Off
		hit[off]++
		require.Equal(t, Damage{"a", off, min(512, 1300-off), DiskUnreadable}, bad[0])
		for s := int64(0); s < 1300; s += 512 {
			io := b.do(diskOp{op: OpRead, name: "a", off: s, n: 1})
			if s == off {
				assert.Equal(t, ErrIO, io.Err)
				assert.Empty(t, io.Data)
			} else {
				assert.NoError(t, io.Err)
			}
		}
		assert.Equal(t, ErrIO, b.do(diskOp{op: OpRead, name: "a", n: 1300}).Err)
		b.ok(writing("a", off+1, "y"))
		assert.Len(t, b.w.DamageOf(b.n), 1, "a part is not enough")
		b.ok(writing("a", off, fill("y", int(bad[0].Size))))
		assert.Empty(t, b.w.DamageOf(b.n))
		b.read("a")
		b.loss()
		assert.Equal(t, ErrIO, b.do(diskOp{op: OpRead, name: "a", n: 1300}).Err)
		assert.Equal(t, bad, b.w.DamageOf(b.n))
		if seed%2 == 0 {
			b.ok(writing("a", off, fill("y", int(bad[0].Size))), syncFile("a"))
		} else {
			require.True(t, b.w.MendSectors(b.n))
			assert.False(t, b.w.MendSectors(b.n))
		}
		b.loss()
		assert.Len(t, b.read("a"), 1300)
		assert.Empty(t, b.w.DamageOf(b.n))
		assert.False(t, b.w.nodes[b.n].disk.faulty)
	}
	assert.Len(t, hit, 3, "every sector")
}

// Writes that fail: all of it, or behind a part that got in.
func TestFailedWrites(t *testing.T) {
	t.Parallel()
	parts := map[int]bool{}
	for seed := range uint64(100) {
		b := newWorkbench(t, Options{Seed: seed})
		b.durable("a", "12345")
		require.True(t, b.w.SpoilWrites(b.n, DiskShortWrite, 1))
		require.True(t, b.w.SpoilWrites(b.n, DiskWriteError, 1))
		io := b.do(appending("a", "abc"))
		assert.Equal(t, IO{Op: OpAppend, Err: ErrIO}, io)
		assert.Equal(t, "12345", b.read("a"))
		io = b.do(writing("a", 4, "abc"))
		assert.Equal(t, ErrIO, io.Err)
		require.Less(t, io.N, 3)
		parts[io.N] = true
		assert.Equal(t, []string{"12345", "1234a", "1234ab"}[io.N], b.read("a"))
		io = b.do(appending("a", "xyz"))
		assert.Equal(t, IO{Op: OpAppend, N: 3}, io, "the disk is well again")
	}
	assert.Len(t, parts, 3)
	b := newWorkbench(t, Options{})
	assert.False(t, b.w.SpoilWrites(b.n, DiskSyncError, 1), "no fault of a write")
	assert.False(t, b.w.SpoilWrites(b.n, DiskLost, 0))
	assert.False(t, b.w.CalmWrites(b.n, DiskLost))
	assert.True(t, b.w.SpoilWrites(b.n, DiskLost, 3))
	assert.True(t, b.w.CalmWrites(b.n, DiskLost))
	assert.False(t, b.w.nodes[b.n].disk.faulty)
}

// Bits rot on the platter and in the page cache, as many as were asked for, within the
// damage that is reported; and the atlas forgets them when they are overwritten.
func TestBitRot(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		b := newWorkbench(t, Options{Seed: seed})
		assert.False(t, b.w.RotBits(b.n, 1), "there is nothing to rot")
		content := fill("x", 700)
		b.durable("a", content)
		k := 1 + int(seed%7)
		require.True(t, b.w.RotBits(b.n, k))
		bad := b.w.DamageOf(b.n)
		require.Len(t, bad, 1)
		check := func(got string) {
			flipped := 0
			for i := range got {
				n := bits.OnesCount8(got[i] ^ content[i])
				flipped += n
				if n > 0 {
					assert.True(t, bad[0].Off <= int64(i) && int64(i) < bad[0].Off+bad[0].Size)
				}
			}
			assert.Equal(t, k, flipped)
			assert.LessOrEqual(t, bad[0].Size, int64(512))
		}
		check(b.read("a"))
		b.loss()
		check(b.read("a"))
		assert.Equal(t, bad, b.w.DamageOf(b.n))
		b.ok(writing("a", 0, content), syncFile("a"))
		assert.Empty(t, b.w.DamageOf(b.n))
		b.loss()
		assert.Equal(t, content, b.read("a"))
		assert.Empty(t, b.w.DamageOf(b.n))
	}
	b := newWorkbench(t, Options{})
	b.durable("a", "x")
	require.True(t, b.w.RotBits(b.n, 100))
	assert.Equal(t, string([]byte{'x' ^ 0xff}), b.read("a"), "all there are")
}

// What is dirty in the page cache is not hit: its sync writes it over the rot.
func TestRotBeneathADirtyPage(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{})
	b.durable("a", "old")
	b.ok(writing("a", 0, "new"))
	require.True(t, b.w.RotBits(b.n, 3))
	assert.Equal(t, "new", b.read("a"))
	assert.Empty(t, b.w.DamageOf(b.n), "it is overwritten already")
	b.ok(syncFile("a"))
	b.loss()
	assert.Equal(t, "new", b.read("a"))
}

// A lost write shows in the page cache and is never on the platter.
func TestLostWrite(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{})
	b.durable("a", "old.")
	require.True(t, b.w.SpoilWrites(b.n, DiskLost, 1))
	b.ok(writing("a", 0, "new!"), appending("a", "more"), syncFile("a"), syncFile("a"))
	assert.Equal(t, "new!more", b.read("a"))
	assert.Equal(t, []Damage{{"a", 0, 4, DiskLost}}, b.w.DamageOf(b.n))
	assert.Equal(t, []string{"lost armed 1", "lost struck 0 a"}, b.told)
	b.loss()
	assert.Equal(t, "old.more", b.read("a"))
	b.ok(writing("a", 0, "good"), syncFile("a"))
	assert.Empty(t, b.w.DamageOf(b.n))
	b.loss()
	assert.Equal(t, "goodmore", b.read("a"))

	// An append that is lost leaves a hole when its size is durable.
	require.True(t, b.w.SpoilWrites(b.n, DiskLost, 1))
	b.ok(appending("a", "hole"), syncFile("a"))
	assert.True(t, b.w.EvictCache(b.n))
	assert.False(t, b.w.EvictCache(b.n), "it is what the platter has")
	assert.Equal(t, "goodmore\x00\x00\x00\x00", b.read("a"), "no power loss is needed to see it")
}

// A misdirected write leaves its place as it was and overwrites another sector, of this
// file or of another, whose size stays.
func TestMisdirectedWrite(t *testing.T) {
	t.Parallel()
	places := map[string]int{}
	for seed := range uint64(200) {
		b := newWorkbench(t, Options{Seed: seed})
		b.durable("a", fill("a", 1024))
		b.durable("b", fill("b", 600))
		require.True(t, b.w.SpoilWrites(b.n, DiskMisdirected, 1))
		b.ok(writing("a", 100, "xyz"))
		b.ok(syncFile("a"))
		assert.Equal(t, "xyz", b.read("a")[100:103])
		bad := b.w.DamageOf(b.n)
		require.Len(t, bad, 2)
		require.Equal(t, Damage{"a", 100, 3, DiskMisdirected}, bad[0])
		stray := bad[1]
		require.Equal(t, Damage{stray.File, stray.Off, 3, DiskStray}, stray)
		places[fmt.Sprint(stray.File, stray.Off)]++
		b.loss()
		for _, name := range []string{"a", "b"} {
			want := []byte(fill(name, map[string]int{"a": 1024, "b": 600}[name]))
			if name == stray.File {
				copy(want[stray.Off:], "xyz")
			}
			require.Equal(t, string(want), b.read(name))
		}
		b.ok(writing("a", 0, fill("c", 1024)), writing("b", 0, fill("c", 600)), syncFile("a"), syncFile("b"))
		assert.Empty(t, b.w.DamageOf(b.n))
	}
	assert.Len(t, places, 3, "%v: every sector but its own", places)
	assert.NotContains(t, places, "a0")
}

// The only sector there is cannot be missed: the write is lost.
func TestMisdirectedWriteHasNowhereToGo(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{})
	b.durable("a", "old")
	require.True(t, b.w.SpoilWrites(b.n, DiskMisdirected, 1))
	b.ok(writing("a", 0, "new"), syncFile("a"))
	b.loss()
	assert.Equal(t, "old", b.read("a"))
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{Disk: DiskOptions{Capacity: 10}})
	b.durable("a", "12345678")
	assert.Equal(t, IO{Op: OpAppend, N: 2, Err: ErrNoSpace}, b.do(appending("a", "abc")), "what fits gets in")
	assert.Equal(t, IO{Op: OpAppend, Err: ErrNoSpace}, b.do(appending("a", "c")))
	assert.Equal(t, ErrNoSpace, b.do(truncating("a", 11)).Err)
	assert.Equal(t, "12345678ab", b.read("a"))
	b.ok(writing("a", 0, "87654321ab"), create("b"), syncFile("a"), syncNames)
	assert.Equal(t, IO{Op: OpWrite, Err: ErrNoSpace}, b.do(writing("b", 5, "x")))
	b.ok(truncating("a", 4), appending("b", "123456"))
	assert.True(t, b.w.SetCapacity(b.n, 5))
	assert.False(t, b.w.SetCapacity(b.n, 5))
	assert.Equal(t, ErrNoSpace, b.do(appending("a", "c")).Err)
	b.ok(writing("b", 0, "x"), truncating("b", 3)) // what shrinks or stays always may
	assert.True(t, b.w.SetCapacity(b.n, 0))
	b.ok(appending("a", fill("c", 1000)))
	b.ok(diskOp{op: OpRemove, name: "a"})
}

func TestSlowDisk(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{Disk: DiskOptions{Cache: 10, Read: 100, Sync: 1000}})
	b.ok(create("a"))
	took := func(o diskOp) time.Duration {
		start := b.w.Now()
		b.ok(o)
		return b.w.Now().Sub(start)
	}
	assert.False(t, b.w.SlowDisk(b.n, 1))
	assert.True(t, b.w.SlowDisk(b.n, 3))
	assert.True(t, b.w.SlowDisk(b.n, 5))
	assert.False(t, b.w.SlowDisk(b.n, MaxSlow))
	assert.Equal(t, time.Duration(150), took(appending("a", "x")))
	assert.Equal(t, time.Duration(15_000), took(syncFile("a")))
	assert.True(t, b.w.QuickenDisk(b.n, 3))
	assert.Equal(t, time.Duration(500), took(diskOp{op: OpRead, name: "a", n: 1}))
	assert.True(t, b.w.QuickenDisk(b.n, 5))
	assert.False(t, b.w.QuickenDisk(b.n, 5))
	assert.Equal(t, time.Duration(1000), took(syncFile("a")))
}

// While a disk is stalled nothing ends, or no sync; then all ends at once, in order.
func TestStalledDisk(t *testing.T) {
	t.Parallel()
	for _, syncsOnly := range []bool{false, true} {
		b := newWorkbench(t, Options{Disk: DiskOptions{Cache: 10, Sync: 1000}})
		b.durable("a", "old")
		require.True(t, b.w.StallDisk(b.n, syncsOnly))
		assert.False(t, b.w.StallDisk(b.n, true), "it is")
		clear(b.ended)
		write, sync, list := b.submit(writing("a", 0, "new")), b.submit(syncFile("a")), b.submit(diskOp{op: OpList})
		b.w.Run(End, nil)
		assert.NotContains(t, b.ended, sync)
		if syncsOnly {
			assert.Contains(t, b.ended, write)
			assert.Contains(t, b.ended, list)
			assert.True(t, b.w.StallDisk(b.n, false), "worse")
		} else {
			assert.Empty(t, b.ended)
		}
		now := b.w.Now()
		assert.True(t, b.w.UnstallDisk(b.n))
		assert.False(t, b.w.UnstallDisk(b.n))
		b.w.Run(End, nil)
		assert.Len(t, b.ended, 3)
		assert.Equal(t, now, b.w.Now())
		b.loss()
		assert.Equal(t, "new", b.read("a"))
	}
}

// A sync that is stalled when the power goes never happens; one of a process that was
// killed does.
func TestStallAndCrash(t *testing.T) {
	t.Parallel()
	for _, kill := range []bool{false, true} {
		b := newWorkbench(t, Options{})
		b.durable("a", "old")
		b.w.StallDisk(b.n, true)
		b.ok(writing("a", 0, "new"))
		b.submit(syncFile("a"))
		b.w.Run(End, nil)
		if kill {
			b.w.Kill(b.n)
			b.w.Restart(b.n)
		} else {
			b.loss()
		}
		b.w.UnstallDisk(b.n)
		b.w.Run(End, nil)
		b.loss()
		want := "old"
		if kill {
			want = "new"
		}
		assert.Equal(t, want, b.read("a"))
	}
}

func TestReplaceDisk(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{})
	b.durable("a", "old")
	b.w.RotBits(b.n, 1)
	b.w.SetLying(b.n, true)
	b.w.FailSyncs(b.n, 1, false)
	assert.False(t, b.w.ReplaceDisk(b.n), "it runs")
	b.w.Kill(b.n)
	assert.True(t, b.w.ReplaceDisk(b.n))
	b.w.Restart(b.n)
	clear(b.ended)
	assert.Empty(t, b.do(diskOp{op: OpList}).Files)
	assert.Empty(t, b.w.DamageOf(b.n))
	b.durable("b", "new")
	b.loss()
	assert.Equal(t, "new", b.read("b"))
}

// A client has no disk that could fail.
func TestClientsHaveNoDiskFaults(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	c := w.AddClient("client", func(*Client) {})
	assert.False(t, w.FailSyncs(c, 1, false) || w.CalmSyncs(c) || w.SetLying(c, true) || w.SpoilWrites(c, DiskLost, 1) ||
		w.CalmWrites(c, DiskLost) || w.SpoilSector(c) || w.MendSectors(c) || w.RotBits(c, 1) || w.SetCapacity(c, 1) ||
		w.SlowDisk(c, 2) || w.QuickenDisk(c, 2) || w.StallDisk(c, true) || w.UnstallDisk(c) || w.ReplaceDisk(c) ||
		w.EvictCache(c) || w.LoadDisk(c, DiskImage{}))
}

func TestLoadDisk(t *testing.T) {
	t.Parallel()
	b := newWorkbench(t, Options{})
	m := DiskImage{[]FileImage{{"b", []byte("two")}, {"a", []byte("one")}}}
	assert.False(t, b.w.LoadDisk(b.n, m), "it runs")
	b.durable("c", "three")
	b.w.Kill(b.n)
	require.True(t, b.w.LoadDisk(b.n, m))
	b.w.Restart(b.n)
	b.loss()
	got := b.w.DiskOf(b.n)
	assert.Equal(t, DiskImage{[]FileImage{{"a", []byte("one")}, {"b", []byte("two")}}}, got)
	two, ok := got.File("b")
	assert.True(t, ok)
	assert.Equal(t, "two", string(two))
	_, ok = got.File("c")
	assert.False(t, ok)
	assert.NotEqual(t, got.Digest(), DiskImage{}.Digest())
}
