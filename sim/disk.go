package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// The disk: one flat directory of files behind a page cache. What a machine writes
// is in the page cache at once and on the platter only after a sync:
//
//	          append, write,                sync
//	machine ─────────────────▶ page cache ─────────▶ platter      (data and size)
//	          create, rename,             sync_dir
//	machine ─────────────────▶ directory  ─────────▶ platter      (names)
//
// A kill loses nothing of this. A power loss leaves the platter and, of what was
// not synced, a part that the seed chooses among all that a real disk may keep
// (Pillai et al., OSDI 2014; the semantics are in docs/faults.md).

// SectorSize is the unit that a disk writes atomically, in bytes, unless its options
// have another.
const SectorSize = 512

// DiskOptions describe a disk. The zero value is a disk that takes no time. A disk
// serves one operation at a time, in the order of submission.
type DiskOptions struct {
	Sector   int64         // bytes of a sector; 0: SectorSize
	Atomic   bool          // a power loss never tears a sector
	Capacity int64         // bytes that all files together may have; 0: any
	Cache    time.Duration // an operation on the page cache or the directory's
	Read     time.Duration // a read
	Sync     time.Duration // least time of a sync or sync_dir
	SyncMean time.Duration // mean of the exponential part on top of it

	// Seek is added to a read, and to each part of a sync, that does not begin where the
	// device was last; ReadBandwidth and WriteBandwidth move that many bytes a second
	// (0: any number). With CachedReads a read of what the page cache has takes Cache
	// instead of Read; the cache is empty after a power loss.
	Seek           time.Duration
	ReadBandwidth  int64
	WriteBandwidth int64
	CachedReads    bool

	// WriteBack: the page cache is written back, names too, at a random moment in each such
	// period; 0: a sync alone does it.
	WriteBack time.Duration
	// PowerLoss is what every power loss does; LossAny: the seed chooses, each time.
	PowerLoss LossMode
	// NotPowersafe: all of a sector that a power loss tears may be garbage, also what was
	// synced beside the write. Otherwise a disk has powersafe overwrite (SQLite's word).
	NotPowersafe bool
	// SyncNames: the first sync of a file makes its name durable too, with all changes
	// of the directory before, as ext4 does.
	SyncNames bool
	// Ordered: a name that a file got by a rename is never durable before the data that
	// the file had then (ext4's auto_da_alloc).
	Ordered bool
}

// disk is one node's disk. It outlives the node's incarnations.
type disk struct {
	w    *World
	n    *node
	opts DiskOptions

	names    []dirent // page cache's directory, ordered by name
	platter  []dirent // what survives a power loss
	unsynced []dirOp  // changes of the directory that the platter has not seen
	synced   int      // changes that are no longer unsynced, ever
	files    []file   // inodes; slots are reused
	freeFile []int32

	sector  int64
	faulty  bool // something of trouble is not as it should be
	trouble diskTrouble

	costly bool // has a cost model
	head   diskHead

	writtenBack int64 // the period after the one of the last write-back

	busy       Time   // when the operation that was submitted last ends
	nextIO     IOID   // of this incarnation
	epoch      uint32 // grows with each power loss: operations of an older epoch never end
	operations uint32 // occurrence of ChooseDisk
	crashes    uint32 // occurrence of ChooseCrashMode
	crashDraws uint32 // occurrence of ChooseCrash
	scratch    []byte
}

type dirent struct {
	name string
	file int32
}

// dirOp is an unsynced change of the directory: link name to file, or unlink it
// (file < 0). A rename is one op with both names, for it is atomic.
type dirOp struct {
	name string
	file int32
	old  string
	mark int // of a rename: the file's operations before it, counted from its beginning
}

// file is an inode.
type file struct {
	data    []byte   // the page cache's view
	durable []byte   // the platter's
	pending []fileOp // unsynced operations in order
	journal []byte   // their bytes, one after another
	synced  int      // operations that are no longer pending, ever
	flushed int      // operations that some sync was submitted for, counted as synced
	warm    []uint64 // pages that the page cache has, for the cost of reads: a bit each
}

// fileOp is an unsynced write of size bytes at off, or (truncate) a change of the
// file's size to off.
type fileOp struct {
	truncate bool
	lost     bool // its bytes never reach their place on the platter
	stray    bool // and land elsewhere
	off      int64
	size     int
}

// ioResult waits for a disk operation to end.
type ioResult struct {
	id    IOID
	op    Op
	err   error
	file  int32 // Sync: which file
	n     int   // Append, Write: bytes that got in
	fails syncFailure
	names int // Sync: so many changes of the directory go with it, counted from its beginning
	mark  int // Sync: its operations up to here, counted from the file's beginning; SyncDir: the directory's
	epoch uint32
	data  []byte
	files []FileInfo
}

func (d *disk) reset(w *World, n *node, o DiskOptions) {
	d.w, d.n, d.opts = w, n, o
	d.names, d.platter, d.unsynced = d.names[:0], d.platter[:0], d.unsynced[:0]
	d.freeFile = d.freeFile[:0]
	for i := len(d.files) - 1; i >= 0; i-- {
		d.files[i].forget() // or a power loss of the next run would find it
		d.freeFile = append(d.freeFile, int32(i))
	}
	d.busy, d.nextIO, d.epoch, d.operations, d.crashes, d.crashDraws = 0, 0, 0, 0, 0, 0
	if o.Sector < 0 {
		panic(fmt.Sprintf("sim: node %d: a sector of %d bytes", n.id, o.Sector))
	}
	d.sector = cmp.Or(o.Sector, SectorSize)
	d.costly, d.head, d.writtenBack = o.costs(), diskHead{}, 0
	d.trouble.reset(o)
	d.faulty = d.trouble.any()
}

// The machine's side. Every operation takes its identity now and its effect when the
// handler's CPU time up to here has passed (law 6).

func (d *disk) Create(name string) IOID { return d.effect(diskOp{op: OpCreate, name: name}) }
func (d *disk) Append(name string, b []byte) IOID {
	return d.effect(diskOp{op: OpAppend, name: name, data: b})
}
func (d *disk) Write(name string, off int64, b []byte) IOID {
	return d.effect(diskOp{op: OpWrite, name: name, off: off, data: b})
}
func (d *disk) Read(name string, off int64, n int) IOID {
	return d.effect(diskOp{op: OpRead, name: name, off: off, n: n})
}
func (d *disk) Truncate(name string, size int64) IOID {
	return d.effect(diskOp{op: OpTruncate, name: name, off: size})
}
func (d *disk) Sync(name string) IOID { return d.effect(diskOp{op: OpSync, name: name}) }
func (d *disk) Rename(oldName, newName string) IOID {
	return d.effect(diskOp{op: OpRename, name: newName, old: oldName})
}
func (d *disk) Remove(name string) IOID { return d.effect(diskOp{op: OpRemove, name: name}) }
func (d *disk) List() IOID              { return d.effect(diskOp{op: OpList}) }
func (d *disk) SyncDir() IOID           { return d.effect(diskOp{op: OpSyncDir}) }

// diskOp is an operation on its way from the machine to the disk.
type diskOp struct {
	id   IOID
	op   Op
	name string
	old  string
	off  int64
	n    int
	data []byte
}

func (d *disk) effect(o diskOp) IOID {
	unnamed := o.name == "" && o.op != OpList && o.op != OpSyncDir || o.old == "" && o.op == OpRename
	if unnamed || len(o.name) > MaxName || len(o.old) > MaxName || o.off < 0 || o.n < 0 || o.off+int64(len(o.data))+int64(o.n) > MaxFile {
		panic(fmt.Sprintf("sim: node %d: %v %.40q at %d, %d bytes: beyond the limits of a file", d.n.id, o.op, o.name, o.off, max(o.n, len(o.data))))
	}
	d.nextIO++
	o.id = d.nextIO
	d.w.effectIO(d.n, o)
	return o.id
}

// submit is the moment at which the operation reaches the disk: it takes effect in
// the page cache and its end is scheduled.
func (d *disk) submit(at Time, o diskOp) {
	w := d.w
	d.scratch = append(append(append(d.scratch[:0], o.name...), 0), o.old...)
	w.record(TraceIO, d.n.id, 0, Kind(o.op), uint64(Digest(o.off).Word(uint64(o.n)).Bytes(d.scratch)), o.data)
	slot := w.newIO()
	r := &w.ios[slot]
	r.id, r.op, r.epoch, r.n, r.fails = o.id, o.op, d.epoch, len(o.data), syncHolds
	if d.opts.WriteBack > 0 {
		d.catchUp(at)
	}
	if d.faulty {
		r.err = d.applyFaulty(&o, r)
	} else {
		r.err = d.apply(&o, r)
	}

	occurrence := d.operations
	d.operations++
	draw := draws{w: w, s: DiskStream(d.n.id), n: occurrence, base: base(d.n.diskKey, 0, occurrence)}
	takes := d.latency(&o, r, &draw)
	if d.faulty && d.trouble.slow > 1 {
		takes = slowed(takes, d.trouble.slow)
	}
	d.busy = max(at, d.busy).Add(takes)
	w.queue.push(d.busy, w.queue.order(draw.below(ChooseTie, tieBound)),
		event{what: evIO, node: d.n.id, gen: d.n.incarnation, arg: slot})
	if r.err == nil {
		switch o.op {
		case OpSync:
			w.notice(d.n, at, StepSync, 0)
		case OpAppend, OpWrite:
			w.notice(d.n, at, StepWrite, 0)
		}
	}
}

func (d *disk) latency(o *diskOp, r *ioResult, draw *draws) time.Duration {
	extra := time.Duration(0)
	if d.costly && r.err == nil {
		if extra = d.cost(o, r); o.op == OpRead {
			return extra
		}
	}
	switch o.op {
	case OpSync, OpSyncDir:
		t := d.opts.Sync + extra
		if d.opts.SyncMean > 0 {
			t += exponential(d.opts.SyncMean, draw.below(ChooseDisk, 1<<32))
		}
		return t
	case OpRead:
		return d.opts.Read
	}
	return d.opts.Cache
}

// apply does the operation in the page cache.
func (d *disk) apply(o *diskOp, r *ioResult) error {
	switch o.op {
	case OpList:
		for _, e := range d.names {
			r.files = append(r.files, FileInfo{e.name, int64(len(d.files[e.file].data))})
		}
		return nil
	case OpSyncDir:
		r.mark = d.synced + len(d.unsynced)
		return nil
	case OpCreate:
		if d.lookup(o.name) >= 0 {
			return ErrExist
		}
		d.changeDir(dirOp{name: o.name, file: d.newFile()})
		return nil
	case OpRename:
		i := d.lookup(o.old)
		if i < 0 {
			return ErrNotExist
		}
		d.changeDir(dirOp{name: o.name, file: i, old: o.old, mark: d.files[i].synced + len(d.files[i].pending)})
		return nil
	case OpRemove:
		if d.lookup(o.name) < 0 {
			return ErrNotExist
		}
		d.changeDir(dirOp{name: o.name, file: -1})
		return nil
	}
	i := d.lookup(o.name)
	if i < 0 {
		r.n = 0
		return ErrNotExist
	}
	f := &d.files[i]
	switch o.op {
	case OpAppend:
		f.write(int64(len(f.data)), o.data)
	case OpWrite:
		f.write(o.off, o.data)
	case OpTruncate:
		f.data = resize(f.data, o.off)
		f.pending = append(f.pending, fileOp{truncate: true, off: o.off})
	case OpRead:
		if o.off < int64(len(f.data)) {
			r.data = append(r.data, f.data[o.off:min(o.off+int64(o.n), int64(len(f.data)))]...)
		}
	case OpSync:
		r.file, r.mark, r.names = i, f.synced+len(f.pending), 0
		if d.opts.SyncNames {
			r.names = d.linked(i)
		}
	}
	return nil
}

func (f *file) write(off int64, b []byte) {
	f.data = overwrite(f.data, off, b)
	f.pending = append(f.pending, fileOp{off: off, size: len(b)})
	f.journal = append(f.journal, b...)
}

// overwrite puts b at off, extending with zeros as needed.
func overwrite(data []byte, off int64, b []byte) []byte {
	if end := off + int64(len(b)); end > int64(len(data)) {
		if off == int64(len(data)) {
			return append(data, b...)
		}
		data = resize(data, end)
	}
	copy(data[off:], b)
	return data
}

// resize cuts data or extends it with zeros.
func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	n := int64(len(data))
	data = slices.Grow(data, int(size-n))[:size]
	clear(data[n:])
	return data
}

// lookup finds a name's file, -1 if there is none. It begins at the end, where the tail
// of a segmented log is.
func (d *disk) lookup(name string) int32 {
	for i := len(d.names) - 1; i >= 0; i-- {
		if d.names[i].name == name {
			return d.names[i].file
		}
	}
	return -1
}

func (d *disk) changeDir(o dirOp) {
	d.names = changed(d.names, o)
	d.unsynced = append(d.unsynced, o)
}

// changed applies o to a directory.
func changed(dir []dirent, o dirOp) []dirent {
	if o.old != "" {
		dir = slices.DeleteFunc(dir, func(e dirent) bool { return e.name == o.old })
	}
	i, found := slices.BinarySearchFunc(dir, o.name, func(e dirent, name string) int { return cmp.Compare(e.name, name) })
	switch {
	case o.file < 0 && found:
		return slices.Delete(dir, i, i+1)
	case o.file < 0:
		return dir
	case found:
		dir[i].file = o.file
		return dir
	}
	return slices.Insert(dir, i, dirent{o.name, o.file})
}

func (d *disk) newFile() int32 {
	if n := len(d.freeFile); n > 0 {
		i := d.freeFile[n-1]
		d.freeFile = d.freeFile[:n-1]
		f := &d.files[i]
		f.forget()
		f.data, f.durable, f.warm = f.data[:0], f.durable[:0], f.warm[:0]
		return i
	}
	d.files = append(d.files, file{})
	return int32(len(d.files) - 1)
}

// sweep gives back the files that no name, no platter's name and no unsynced change
// leads to.
func (d *disk) sweep() {
	for i := range d.files {
		id := int32(i)
		is := func(e dirent) bool { return e.file == id }
		if slices.ContainsFunc(d.names, is) || slices.ContainsFunc(d.platter, is) || slices.Contains(d.freeFile, id) ||
			slices.ContainsFunc(d.unsynced, func(o dirOp) bool { return o.file == id }) {
			continue
		}
		d.freeFile = append(d.freeFile, id)
		if len(d.trouble.damages) > 0 {
			d.forgotten(id)
		}
	}
}

// finish is the end of an operation on the disk's side: a sync makes durable what
// was submitted before it.
func (d *disk) finish(r *ioResult) {
	if d.faulty || r.fails != syncHolds {
		d.finishFaulty(r)
		return
	}
	if r.err != nil {
		return
	}
	switch r.op {
	case OpSync:
		d.persist(r.file, r.mark)
		d.persistNames(r.names)
	case OpSyncDir:
		d.persistNames(r.mark)
	}
}

// linked counts the changes of the directory up to the last unsynced one that names
// file i; 0 if its name is durable.
func (d *disk) linked(i int32) int {
	for k := len(d.unsynced) - 1; k >= 0; k-- {
		if d.unsynced[k].file == i {
			return d.synced + k + 1
		}
	}
	return 0
}

// order makes durable what a rename among the first n changes waits for.
func (d *disk) order(n int) {
	if !d.opts.Ordered {
		return
	}
	for _, o := range d.unsynced[:n] {
		if o.old != "" {
			d.persist(o.file, o.mark)
		}
	}
}

// persistNames writes the changes of the directory up to mark to the platter.
func (d *disk) persistNames(mark int) {
	n := mark - d.synced
	if n <= 0 {
		return
	}
	d.order(n)
	unlinked := false
	for _, o := range d.unsynced[:n] {
		d.platter = changed(d.platter, o)
		unlinked = unlinked || o.file < 0 || o.old != ""
	}
	d.dropNames(n)
	if unlinked {
		d.sweep()
	}
}

// dropNames takes the first n unsynced changes of the directory from the list.
func (d *disk) dropNames(n int) {
	d.unsynced = slices.Delete(d.unsynced, 0, n)
	d.synced += n
}

// forget drops the pending operations: nothing will make them durable.
func (f *file) forget() {
	f.synced += len(f.pending)
	f.pending, f.journal = f.pending[:0], f.journal[:0]
}

// persist writes the pending operations of a file up to mark to the platter. None may
// be left: an earlier sync that was submitted later, or a reused inode, has done them.
func (d *disk) persist(i int32, mark int) {
	f := &d.files[i]
	n := mark - f.synced
	if n <= 0 {
		return
	}
	if d.trouble.struck {
		d.strays(i, n)
	}
	f.settle(n)
	f.drop(n)
}

// settle does the first n pending operations on the platter.
func (f *file) settle(n int) {
	used := 0
	for _, o := range f.pending[:n] {
		if o.truncate {
			f.durable = resize(f.durable, o.off)
			continue
		}
		if o.lost {
			f.durable = resize(f.durable, max(int64(len(f.durable)), o.off+int64(o.size)))
		} else {
			f.durable = overwrite(f.durable, o.off, f.journal[used:used+o.size])
		}
		used += o.size
	}
}

// drop takes the first n pending operations from the list.
func (f *file) drop(n int) {
	if n == len(f.pending) {
		f.forget()
		return
	}
	used := 0
	for _, o := range f.pending[:n] {
		used += o.size
	}
	f.synced += n
	f.pending = slices.Delete(f.pending, 0, n)
	f.journal = f.journal[:copy(f.journal, f.journal[used:])]
}
