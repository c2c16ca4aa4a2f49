package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The dumb twin of a disk. It keeps every unsynced change as it was made, knows when
// a sync has completed, and after a power loss does not foretell what is left: it
// says whether what is left is legal.
type twinDisk struct {
	names   map[string]*twinFile // the page cache's view
	platter map[string]*twinFile
	changes []twinChange // of the directory, since the last completed sync_dir
	forgone int          // changes before them
	// A process was killed while a sync was under way: it may have completed since.
	uncertain bool
}

type twinChange struct {
	name, old string // old: where a renamed file was
	file      *twinFile
}

type twinFile struct {
	cache   []byte
	durable []byte
	ops     []twinWrite // since the last completed sync
	forgone int         // operations before them
}

type twinWrite struct {
	truncate bool
	off      int64
	data     []byte
}

func newTwinDisk() *twinDisk {
	return &twinDisk{names: map[string]*twinFile{}, platter: map[string]*twinFile{}}
}

// apply returns content after the operation.
func (o twinWrite) apply(content []byte) []byte {
	size := int64(len(content))
	if o.truncate {
		size = o.off
	} else {
		size = max(size, o.off+int64(len(o.data)))
	}
	after := make([]byte, size)
	copy(after, content)
	copy(after[min(o.off, size):], o.data)
	return after
}

func (c twinChange) apply(dir map[string]*twinFile) map[string]*twinFile {
	dir = maps.Clone(dir)
	if c.old != "" {
		delete(dir, c.old)
	}
	if c.file == nil {
		delete(dir, c.name)
	} else {
		dir[c.name] = c.file
	}
	return dir
}

func (d *twinDisk) change(c twinChange) {
	d.names = c.apply(d.names)
	d.changes = append(d.changes, c)
}

func (f *twinFile) change(o twinWrite) {
	f.cache = o.apply(f.cache)
	f.ops = append(f.ops, o)
}

// do applies an operation to the page cache. It returns what the operation must
// answer, and what the twin has to do when the answer comes.
func (d *twinDisk) do(o diskOp) (want IO, then func()) {
	want.Op = o.op
	f, there := d.names[o.name]
	switch o.op {
	case OpCreate:
		if there {
			want.Err = ErrExist
			return want, nil
		}
		d.change(twinChange{name: o.name, file: &twinFile{}})
		return want, nil
	case OpRename:
		f, there := d.names[o.old]
		if !there {
			want.Err = ErrNotExist
			return want, nil
		}
		d.change(twinChange{o.name, o.old, f})
		return want, nil
	case OpList:
		for _, name := range slices.Sorted(maps.Keys(d.names)) {
			want.Files = append(want.Files, FileInfo{name, int64(len(d.names[name].cache))})
		}
		return want, nil
	case OpSyncDir:
		mark := d.forgone + len(d.changes)
		return want, func() {
			for ; d.forgone < mark; d.forgone++ {
				d.platter = d.changes[0].apply(d.platter)
				d.changes = d.changes[1:]
			}
		}
	}
	if !there {
		want.Err = ErrNotExist
		return want, nil
	}
	size := int64(len(f.cache))
	switch o.op {
	case OpRemove:
		d.change(twinChange{name: o.name})
	case OpAppend:
		f.change(twinWrite{off: size, data: bytes.Clone(o.data)})
	case OpWrite:
		f.change(twinWrite{off: o.off, data: bytes.Clone(o.data)})
	case OpTruncate:
		f.change(twinWrite{truncate: true, off: o.off})
	case OpRead:
		want.Data = f.cache[min(o.off, size):min(o.off+int64(o.n), size)]
	case OpSync:
		mark := f.forgone + len(f.ops)
		return want, func() {
			for ; f.forgone < mark; f.forgone++ {
				f.durable = f.ops[0].apply(f.durable)
				f.ops = f.ops[1:]
			}
		}
	}
	return want, nil
}

// survive judges what a power loss of some mode has left, and goes on from there.
// What is legal, by mode:
//
//	keep all    the page cache
//	drop all    what was synced
//	drop some   a prefix of the directory's changes; of each file a prefix of its
//	            changes of size, and each sector as it was after some prefix of the
//	            operations that touched it
//	tear        also a sector within which the next write was cut: behind the cut are
//	            the bytes from before it, or garbage
func (d *twinDisk) survive(left map[string][]byte, mode uint64) error {
	first, last := 0, len(d.changes)
	switch {
	case mode == crashKeepAll:
		first = last
	case mode == crashDropAll && !d.uncertain:
		last = first
	}
	dir := d.platter
	var reason error
	for n := 0; n <= last; n++ {
		if n > 0 {
			dir = d.changes[n-1].apply(dir)
		}
		if n < first {
			continue
		}
		err := d.legal(dir, left, mode)
		if err == nil {
			for name, f := range dir {
				*f = twinFile{cache: left[name], durable: left[name]}
			}
			*d = twinDisk{names: dir, platter: maps.Clone(dir)}
			return nil
		}
		reason = cmp.Or(reason, fmt.Errorf("with %d of %d changes of the directory: %w", n, len(d.changes), err))
	}
	return reason
}

func (d *twinDisk) legal(dir map[string]*twinFile, left map[string][]byte, mode uint64) error {
	want, got := slices.Sorted(maps.Keys(dir)), slices.Sorted(maps.Keys(left))
	if !slices.Equal(want, got) {
		return fmt.Errorf("names are %q, not %q", got, want)
	}
	for _, name := range got {
		f, content := dir[name], left[name]
		switch {
		case mode == crashKeepAll && !bytes.Equal(content, f.cache):
			return fmt.Errorf("%q is %x, the page cache was %x", name, content, f.cache)
		case mode == crashDropAll && !d.uncertain && !bytes.Equal(content, f.durable):
			return fmt.Errorf("%q is %x, durable was %x", name, content, f.durable)
		}
		if err := f.legal(content, mode != crashDropSome || d.uncertain); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

func (f *twinFile) legal(content []byte, torn bool) error {
	size, sizes := int64(len(f.durable)), map[int64]bool{}
	sizes[size] = true
	for _, o := range f.ops {
		if o.truncate {
			size = o.off
		} else {
			size = max(size, o.off+int64(len(o.data)))
		}
		sizes[size] = true
	}
	if !sizes[int64(len(content))] {
		return fmt.Errorf("size %d was never its size", len(content))
	}
	for lo := 0; lo < len(content); lo += SectorSize {
		hi := min(lo+SectorSize, len(content))
		if !f.legalSector(content[lo:hi], int64(lo), torn) {
			return fmt.Errorf("sector %d of size %d was never %x", lo/SectorSize, len(content), content[lo:hi])
		}
	}
	return nil
}

// legalSector replays the file's operations on one sector, as far as it reaches into
// what is left.
func (f *twinFile) legalSector(got []byte, lo int64, torn bool) bool {
	hi := lo + int64(len(got))
	sector := make([]byte, len(got))
	if lo < int64(len(f.durable)) {
		copy(sector, f.durable[lo:])
	}
	if bytes.Equal(got, sector) {
		return true
	}
	for _, o := range f.ops {
		from, to := max(o.off, lo), min(o.off+int64(len(o.data)), hi)
		if o.truncate {
			to = hi
		}
		if from >= to {
			continue
		}
		part := make([]byte, to-from)
		if !o.truncate {
			copy(part, o.data[from-o.off:])
			if torn && legalTear(got, sector, part, int(from-lo)) {
				return true
			}
		}
		copy(sector[from-lo:], part)
		if bytes.Equal(got, sector) {
			return true
		}
	}
	return false
}

// legalTear tells whether got is the sector with a beginning of part at off, and
// behind it, as far as part goes, the sector's old bytes or garbage.
func legalTear(got, sector, part []byte, off int) bool {
	end := off + len(part)
	if !bytes.Equal(got[:off], sector[:off]) || !bytes.Equal(got[end:], sector[end:]) {
		return false
	}
	written := 0
	for written < len(part) && got[off+written] == part[written] {
		written++
	}
	old, garbage := len(part), len(part)
	for old > 0 && got[off+old-1] == sector[off+old-1] {
		old--
	}
	for garbage > 0 && got[off+garbage-1] == 0xa5 {
		garbage--
	}
	return old <= written || garbage <= written
}

// submitTo hands the operation to a disk.
func (o diskOp) submitTo(d Disk) IOID {
	switch o.op {
	case OpCreate:
		return d.Create(o.name)
	case OpAppend:
		return d.Append(o.name, o.data)
	case OpWrite:
		return d.Write(o.name, o.off, o.data)
	case OpRead:
		return d.Read(o.name, o.off, o.n)
	case OpTruncate:
		return d.Truncate(o.name, o.off)
	case OpSync:
		return d.Sync(o.name)
	case OpRename:
		return d.Rename(o.old, o.name)
	case OpRemove:
		return d.Remove(o.name)
	case OpList:
		return d.List()
	}
	return d.SyncDir()
}

// mixes are of everything; of a directory that is never quiet; of one file's bytes.
var mixes = [][]Op{
	{OpCreate, OpCreate, OpAppend, OpAppend, OpAppend, OpWrite, OpWrite, OpRead, OpTruncate, OpSync, OpSync, OpRename, OpRemove, OpList, OpSyncDir},
	{OpCreate, OpCreate, OpCreate, OpAppend, OpAppend, OpSync, OpRename, OpRemove, OpRemove, OpSyncDir},
	{OpCreate, OpAppend, OpAppend, OpWrite, OpWrite, OpWrite, OpTruncate, OpSync},
}

// drawOp draws an operation; the bytes that it writes are those of no other.
func drawOp(t *rapid.T, mix []Op, written *byte) diskOp {
	names := rapid.SampledFrom([]string{"a", "b", "c"})
	offsets := rapid.OneOf(rapid.Int64Range(0, 1600), rapid.SampledFrom([]int64{0, 1, 511, 512, 513, 1023, 1024}))
	sizes := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 1300), rapid.SampledFrom([]int{1, 511, 512, 513, 1024}))
	o := diskOp{op: rapid.SampledFrom(mix).Draw(t, "op")}
	if o.op == OpList || o.op == OpSyncDir {
		return o
	}
	o.name = names.Draw(t, "name")
	switch o.op {
	case OpRename:
		o.old = names.Draw(t, "old")
	case OpRead:
		o.off, o.n = offsets.Draw(t, "off"), sizes.Draw(t, "n")
	case OpTruncate:
		o.off = offsets.Draw(t, "size")
	case OpWrite, OpAppend:
		if o.op == OpWrite {
			o.off = offsets.Draw(t, "off")
		}
		if *written++; *written == 0xa5 || *written == 0 {
			*written++
		}
		o.data = bytes.Repeat([]byte{*written}, sizes.Draw(t, "bytes"))
	}
	return o
}

// view is what the page cache of a node shows.
func view(w *World, n NodeID) map[string][]byte {
	d := &w.nodes[n].disk
	files := map[string][]byte{}
	for _, e := range d.names {
		files[e.name] = bytes.Clone(d.files[e.file].data)
	}
	return files
}

// diskAgreesWithTwin runs lives of a process, each a script of operations that ends
// in a kill or a power loss. Every answer is the twin's; after a kill the page cache
// is as it was; after a power loss the twin finds what is left legal.
func diskAgreesWithTwin(t *rapid.T) {
	seed := rapid.Uint64Range(0, 1<<20).Draw(t, "seed")
	latency := rapid.SampledFrom([]DiskOptions{
		{}, {Sync: time.Millisecond}, {Cache: 50 * time.Microsecond, Read: 70 * time.Microsecond, SyncMean: 2 * time.Millisecond},
	}).Draw(t, "latency")
	mix := rapid.SampledFrom(mixes).Draw(t, "mix")
	type step struct {
		op    diskOp
		after time.Duration
	}
	var script []step // of this life
	twin := newTwinDisk()
	type answer struct {
		want IO
		then func()
	}
	var pending map[IOID]answer
	w := New(Options{Seed: seed, Disk: latency})
	work := func(env Env) {
		for len(script) > 0 {
			s := script[0]
			script = script[1:]
			want, then := twin.do(s.op)
			data := bytes.Clone(s.op.data)
			id := s.op.submitTo(env.Disk())
			for i := range s.op.data {
				s.op.data[i] = 0xee // the disk has its own copy
			}
			s.op.data = data
			if _, taken := pending[id]; taken {
				t.Fatalf("two operations are called %d", id)
			}
			pending[id] = answer{want, then}
			if s.after > 0 {
				env.SetTimer(0, s.after)
				return
			}
		}
	}
	n := w.AddNode("neptune", func(uint32) Machine {
		pending = map[IOID]answer{}
		return stub{
			boot: work,
			fire: func(env Env, _ TimerID) { work(env) },
			complete: func(_ Env, id IOID, got IO) {
				a, ok := pending[id]
				delete(pending, id)
				if !ok || got.Op != a.want.Op || got.Err != a.want.Err || !bytes.Equal(got.Data, a.want.Data) || !slices.Equal(got.Files, a.want.Files) {
					t.Fatalf("operation %d ended with %+v, the twin says %+v", id, got, a.want)
				}
				if a.then != nil {
					a.then()
				}
			},
		}
	})
	lives, crashes, written := rapid.IntRange(1, 5).Draw(t, "lives"), uint32(0), byte(0)
	for life := range lives {
		total := time.Duration(0)
		for range rapid.IntRange(0, 25).Draw(t, "operations") {
			s := step{op: drawOp(t, mix, &written)}
			if rapid.IntRange(0, 2).Draw(t, "wait") == 0 {
				s.after = time.Duration(rapid.Int64Range(1, int64(time.Millisecond)).Draw(t, "after"))
				total += s.after
			}
			script = append(script, s)
		}
		if life > 0 {
			w.Restart(n)
		}
		w.Run(w.Now().Add(total+time.Duration(rapid.Int64Range(0, int64(3*time.Millisecond)).Draw(t, "then"))), nil)
		if len(w.Violations()) > 0 {
			t.Fatalf("%v\n%s", w.Violations(), w.PanicStack)
		}
		script = nil
		if rapid.Bool().Draw(t, "kill") {
			twin.uncertain = twin.uncertain || len(pending) > 0
			w.Kill(n)
			for name, content := range view(w, n) {
				if f := twin.names[name]; f == nil || !bytes.Equal(f.cache, content) {
					t.Fatalf("after a kill %q is %x, the twin says %v", name, content, f)
				}
			}
			if got := view(w, n); len(got) != len(twin.names) {
				t.Fatalf("after a kill there are %d files, the twin says %d", len(got), len(twin.names))
			}
			continue
		}
		mode := Keyed{seed}.Decide(DiskStream(n), ChooseCrashMode, crashes, crashModes)
		crashes++
		w.PowerLoss(n)
		if err := twin.survive(view(w, n), mode); err != nil {
			t.Fatalf("after a power loss of mode %d: %v", mode, err)
		}
		d := &w.nodes[n].disk
		if !slices.Equal(d.names, d.platter) || len(d.unsynced) > 0 {
			t.Fatalf("after a power loss the page cache is not the platter")
		}
		for _, e := range d.names {
			if f := &d.files[e.file]; !bytes.Equal(f.data, f.durable) || len(f.pending) > 0 {
				t.Fatalf("after a power loss the page cache of %q is not the platter", e.name)
			}
		}
	}
}

func TestDiskAgreesWithTwin(t *testing.T) { check(t, 1000, diskAgreesWithTwin) }

func FuzzDisk(f *testing.F) { f.Fuzz(rapid.MakeFuzz(diskAgreesWithTwin)) }

// crashOf runs the operations, some of them before a completed sync of everything, and
// returns what a power loss leaves, with its mode.
func crashOf(t *testing.T, seed uint64, synced, unsynced []diskOp) (left map[string][]byte, mode uint64) {
	t.Helper()
	w := New(Options{Seed: seed})
	n := addStub(w, "neptune", stub{
		boot: func(env Env) {
			for _, o := range synced {
				o.submitTo(env.Disk())
			}
			env.Disk().SyncDir()
			for _, name := range []string{"a", "b"} {
				env.Disk().Sync(name)
			}
			env.SetTimer(0, 1)
		},
		fire: func(env Env, _ TimerID) {
			for _, o := range unsynced {
				o.submitTo(env.Disk())
			}
		},
	})
	w.Run(End, nil)
	w.PowerLoss(n)
	return view(w, n), Keyed{seed}.Decide(DiskStream(n), ChooseCrashMode, 0, crashModes)
}

func create(name string) diskOp       { return diskOp{op: OpCreate, name: name} }
func appending(name, b string) diskOp { return diskOp{op: OpAppend, name: name, data: []byte(b)} }
func truncating(name string, n int64) diskOp {
	return diskOp{op: OpTruncate, name: name, off: n}
}
func renaming(from, to string) diskOp { return diskOp{op: OpRename, old: from, name: to} }
func writing(name string, off int64, b string) diskOp {
	return diskOp{op: OpWrite, name: name, off: off, data: []byte(b)}
}
func fill(c string, n int) string { return string(bytes.Repeat([]byte(c), n)) }

// Over the seeds a power loss takes every mode, and leaves each of the states that
// break a careless program.
func TestPowerLossReachesEveryLegalState(t *testing.T) {
	t.Parallel()
	const seeds = 600
	modes := map[uint64]int{}
	reached := map[string]int{}
	note := func(cond bool, what string) {
		if cond {
			reached[what]++
		} else {
			reached[what] += 0
		}
	}
	for seed := range uint64(seeds) {
		// A file of three sectors, overwritten; a file that is new; a file that grows.
		left, mode := crashOf(t, seed,
			[]diskOp{create("a"), appending("a", fill("o", 1536)), create("b"), appending("b", "base")},
			[]diskOp{writing("a", 0, fill("n", 1536)), create("c"), appending("c", "new"), appending("b", fill("x", 1000)), renaming("c", "d")})
		modes[mode]++
		a, b := string(left["a"]), string(left["b"])
		require.Len(t, a, 1536, "its size did not change")
		sector := func(i int) string { return a[i*512 : (i+1)*512] }
		is := func(i int, c string) bool { return sector(i) == fill(c, 512) }
		note(is(0, "n") && is(1, "n") && is(2, "n"), "all was written")
		note(is(0, "o") && is(1, "o") && is(2, "o"), "nothing was written")
		note(is(0, "n") && is(2, "o"), "the beginning was written")
		note(is(0, "o") && is(2, "n"), "the end was written before the beginning")
		garbage := bytes.ContainsRune([]byte(a), 0xa5) || bytes.IndexByte([]byte(a), 0xa5) >= 0
		note(garbage, "garbage behind a cut")
		note(!garbage && !is(1, "o") && !is(1, "n"), "a sector is half new and half old")
		require.Equal(t, "base", b[:4], "what was synced is intact beside a torn write")
		note(b == "base", "size and data are lost")
		note(len(b) == 1004 && b[4:] == fill("x", 1000), "size and data are kept")
		note(len(b) == 1004 && b[4:] == fill("\x00", 1000), "size without data")
		c, hasC := left["c"]
		d, hasD := left["d"]
		require.False(t, hasC && hasD, "a rename is atomic")
		note(!hasC && !hasD, "the name is lost")
		note(hasC, "the old name is left")
		note(hasD, "the new name is there")
		note(mode == crashDropSome && !hasC && !hasD && b != "base", "sectors are kept and names are not")
		note(hasD && len(d) == 0 || hasC && len(c) == 0, "a name without data")
		if mode == crashDropSome {
			require.False(t, garbage)
			for i := range 3 {
				require.True(t, is(i, "o") || is(i, "n"), "only a tear cuts a sector: %q", sector(i))
			}
		}
	}
	for mode := range uint64(crashModes) {
		near(t, fmt.Sprint("mode ", mode), modes[mode], seeds, million/crashModes)
	}
	for _, what := range slices.Sorted(maps.Keys(reached)) {
		assert.GreaterOrEqual(t, reached[what], 5, what)
	}
}

// A completed sync survives every power loss; one that was only submitted may have
// been done or not; a sync of the data does not save the name, nor one of the
// directory the data.
func TestSyncs(t *testing.T) {
	t.Parallel()
	type outcome struct {
		named bool
		data  string
	}
	for name, c := range map[string]struct {
		syncs []Op // in order
		wait  bool // for them to complete
		may   []outcome
		must  []outcome // must be seen
	}{
		"both, completed":   {[]Op{OpSync, OpSyncDir}, true, []outcome{{true, "data"}}, []outcome{{true, "data"}}},
		"data, completed":   {[]Op{OpSync}, true, []outcome{{true, "data"}, {false, ""}}, []outcome{{true, "data"}, {false, ""}}},
		"name, completed":   {[]Op{OpSyncDir}, true, nil, []outcome{{true, "data"}, {true, ""}}},
		"both, under way":   {[]Op{OpSync, OpSyncDir}, false, nil, []outcome{{true, "data"}, {true, ""}, {false, ""}}},
		"neither":           {nil, true, nil, []outcome{{true, "data"}, {true, ""}, {false, ""}}},
		"data, then more":   {[]Op{OpSync, OpAppend, OpSyncDir}, true, []outcome{{true, "data"}, {true, "datamore"}, {true, "data\x00\x00\x00\x00"}}, []outcome{{true, "data"}, {true, "datamore"}}},
		"more, then a sync": {[]Op{OpAppend, OpSync, OpSyncDir}, true, []outcome{{true, "datamore"}}, []outcome{{true, "datamore"}}},
	} {
		seen := map[outcome]int{}
		for seed := range uint64(200) {
			w := New(Options{Seed: seed, Disk: DiskOptions{Sync: time.Millisecond}})
			n := addStub(w, "neptune", stub{boot: func(env Env) {
				env.Disk().Create("log")
				env.Disk().Append("log", []byte("data"))
				for _, op := range c.syncs {
					diskOp{op: op, name: "log", data: []byte("more")}.submitTo(env.Disk())
				}
			}})
			if c.wait {
				w.Run(End, nil)
			} else {
				w.Run(Time(time.Millisecond-1), nil)
			}
			w.PowerLoss(n)
			w.Run(End, nil) // nothing of what was under way ends later
			left := view(w, n)
			data, named := left["log"]
			o := outcome{named, string(data)}
			seen[o]++
			if mode := (Keyed{seed}).Decide(DiskStream(n), ChooseCrashMode, 0, crashModes); c.may != nil && mode != crashTear {
				require.Contains(t, c.may, o, name)
			}
		}
		for _, o := range c.must {
			assert.NotZero(t, seen[o], "%s: %v was never seen in %v", name, o, seen)
		}
	}
}

// A sector is never a mix that the page cache never held: a truncate takes part in
// the order of a sector's writes. Here the file was cut to nothing before the second
// write: where its bytes are, those of the first are gone.
func TestTruncateTakesPartInTheOrderOfASector(t *testing.T) {
	t.Parallel()
	seen := 0
	for seed := range uint64(400) {
		left, mode := crashOf(t, seed, []diskOp{create("a")},
			[]diskOp{writing("a", 0, fill("1", 512)), truncating("a", 0), writing("a", 500, fill("2", 12))})
		a := string(left["a"])
		if mode == crashDropSome && len(a) == 512 && a[500:] == fill("2", 12) {
			seen++
			require.Equal(t, fill("\x00", 500), a[:500], "seed %d", seed)
		}
	}
	assert.NotZero(t, seen)
}

// A truncate that a power loss keeps in part: the size is cut and has grown again, and
// behind the cut are zeros, or what was there.
func TestTruncateMayLeaveZerosOrOldBytes(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(400) {
		left, mode := crashOf(t, seed, []diskOp{create("a"), appending("a", fill("o", 1536))}, []diskOp{truncating("a", 512), truncating("a", 1536)})
		a := string(left["a"])
		if mode == crashDropSome && len(a) == 1536 {
			require.Equal(t, fill("o", 512), a[:512])
			seen[a[512:513]+a[1024:1025]]++
		}
	}
	assert.Len(t, seen, 4, "each of the two sectors either way: %q", seen)
}

// An inode is free when no name leads to it: not in the page cache, not on the
// platter, not by a change that a power loss may still keep. Here a sync_dir that
// began before ends, and a new file is made, while the old name is gone from the page
// cache only.
func TestInodesThatAPowerLossMayBringBackAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		durable bool // the old name, before it is removed
	}{"a name on the platter": {true}, "a name that was never durable": {false}} {
		old := 0
		for seed := range uint64(200) {
			w := New(Options{Seed: seed, Disk: DiskOptions{Sync: 100}})
			n := addStub(w, "neptune", stub{
				boot: func(env Env) { env.SetTimer(0, 1); env.SetTimer(1, 1000); env.SetTimer(2, 1150) },
				fire: func(env Env, timer TimerID) {
					d := env.Disk()
					switch timer {
					case 0:
						if c.durable {
							d.Create("old")
							d.Append("old", []byte("old"))
							d.Sync("old")
							d.SyncDir()
						}
					case 1: // an unlink, whose sync_dir ends at 1100 and looks for free inodes
						d.Create("x")
						d.Remove("x")
						d.SyncDir()
						if !c.durable {
							d.Create("old")
							d.Append("old", []byte("old"))
							d.Sync("old")
						}
						d.Remove("old")
					case 2:
						d.Create("new")
						d.Append("new", []byte("new"))
						d.Sync("new")
					}
				},
			})
			w.Run(End, nil)
			w.PowerLoss(n)
			for file, content := range view(w, n) {
				require.Equal(t, file, string(content), "%s: seed %d", name, seed)
				if file == "old" {
					old++
				}
			}
		}
		assert.NotZero(t, old, name)
	}
}

// The inode of a file that is gone is used again while a sync of that file is still
// under way: the sync saves nothing of the new file.
func TestInodeIsReusedUnderASync(t *testing.T) {
	t.Parallel()
	reused := 0
	for seed := range uint64(300) {
		// A disk that takes no time ends its operations of one instant in any order.
		w := New(Options{Seed: seed, Decider: fixed{Keyed{seed}, map[Choice]uint64{ChooseCrashMode: crashDropAll}}})
		var dir, sync IOID
		synced := false
		var n NodeID
		n = addStub(w, "neptune", stub{
			boot: func(env Env) {
				d := env.Disk()
				d.Create("old") // inode 0
				d.Append("old", []byte("old data"))
				sync = d.Sync("old")
				d.Remove("old")
				dir = d.SyncDir()
			},
			complete: func(env Env, id IOID, _ IO) {
				switch id {
				case sync:
					synced = true
				case dir:
					env.Disk().Create("young")
					env.Disk().Append("young", []byte("young data"))
					env.Disk().SyncDir()
					if !synced && w.nodes[n].disk.lookup("young") == 0 {
						reused++
					}
				}
			},
		})
		w.Run(End, nil)
		w.PowerLoss(n)
		left := view(w, n)
		require.Len(t, left, 1)
		require.Empty(t, left["young"])
	}
	assert.NotZero(t, reused)
}

// A disk serves one operation at a time.
func TestDiskLatency(t *testing.T) {
	t.Parallel()
	w := New(Options{Disk: DiskOptions{Cache: 10, Read: 100, Sync: 1000}})
	var got []string
	addStub(w, "neptune", stub{
		boot: func(env Env) {
			d := env.Disk()
			d.Create("a")
			d.Append("a", []byte("x"))
			d.Sync("a")
			d.Read("a", 0, 1)
			d.SyncDir()
			env.SetTimer(0, 5000)
		},
		fire:     func(env Env, _ TimerID) { env.Disk().List() },
		complete: func(_ Env, _ IOID, io IO) { got = append(got, fmt.Sprint(int64(w.Now()), " ", io.Op)) },
	})
	w.Run(End, nil)
	assert.Equal(t, []string{"10 create", "20 append", "1020 sync", "1120 read", "2120 sync_dir", "5010 list"}, got)
}

func TestSyncLatencyHasItsMean(t *testing.T) {
	t.Parallel()
	const n = 20_000
	w := New(Options{Disk: DiskOptions{Sync: time.Millisecond, SyncMean: 3 * time.Millisecond}})
	addStub(w, "neptune", stub{boot: func(env Env) {
		for range n {
			env.Disk().SyncDir()
		}
	}})
	w.Run(End, nil)
	assert.InEpsilon(t, float64(4*time.Millisecond), float64(w.Now())/n, 0.03)
}

// What is beyond the limits of a disk is a bug of the machine.
func TestLimitsOfADisk(t *testing.T) {
	t.Parallel()
	long := fill("n", MaxName+1)
	for name, o := range map[string]diskOp{
		"long name":         create(long),
		"long new name":     renaming("a", long),
		"long old name":     renaming(long, "a"),
		"no name":           create(""),
		"no new name":       renaming("a", ""),
		"no old name":       renaming("", "a"),
		"negative offset":   writing("a", -1, "x"),
		"negative size":     truncating("a", -1),
		"negative length":   {op: OpRead, name: "a", n: -1},
		"too far":           writing("a", MaxFile, "x"),
		"too large":         truncating("a", MaxFile+1),
		"read beyond limit": {op: OpRead, name: "a", off: MaxFile, n: 1},
	} {
		w := New(Options{})
		addStub(w, "neptune", stub{boot: func(env Env) { o.submitTo(env.Disk()) }})
		w.Run(End, nil)
		if assert.Len(t, w.Violations(), 1, name) {
			assert.Contains(t, w.Violations()[0].Detail, "beyond the limits of a file", name)
		}
	}
	w := New(Options{})
	var errs []error
	addStub(w, "neptune", stub{
		boot: func(env Env) {
			env.Disk().Create(long[1:])
			env.Disk().Read(long[1:], MaxFile-1, 1)
			env.Disk().Write("none", MaxFile-1, []byte("x"))
		},
		complete: func(_ Env, _ IOID, io IO) { errs = append(errs, io.Err) },
	})
	w.Run(End, nil)
	assert.Empty(t, w.Violations())
	assert.ElementsMatch(t, []error{nil, nil, ErrNotExist}, errs)
}

// Files that no name leads to are given back, so that a program that rotates its log
// runs for ever.
func TestRotatedFilesAreReused(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	rounds := 0
	n := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 1) },
		fire: func(env Env, _ TimerID) {
			d := env.Disk()
			d.Create("next")
			d.Append("next", []byte("segment"))
			d.Sync("next")
			switch rounds % 3 {
			case 0:
				d.Rename("next", "log") // over the one before
			case 1:
				d.Remove("log")
				d.Rename("next", "log")
			case 2:
				d.Remove("next") // before it was ever durable
			}
			d.SyncDir()
			if rounds++; rounds < 1000 {
				env.SetTimer(0, 1)
			}
		},
	})
	w.Run(End, nil)
	d := &w.nodes[n].disk
	assert.LessOrEqual(t, len(d.files), 4)
	assert.LessOrEqual(t, len(w.ios), 20)
	assert.Empty(t, d.unsynced)
	for i := range d.files {
		assert.Empty(t, d.files[i].pending)
	}
	free := slices.Clone(d.freeFile)
	slices.Sort(free)
	assert.Len(t, slices.Compact(free), len(d.freeFile), "no inode is free twice")
}
