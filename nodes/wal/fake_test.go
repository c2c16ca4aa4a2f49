package wal

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/saros-sim/saros/sim"
)

// fakeDisk is a dumb twin of the World's disk, written apart from it: small sectors,
// so that most flights span several; operations end one by one when a test says so;
// syncs that fail and leave clean pages behind.
type fakeDisk struct {
	names, platter map[string]*inode
	unsynced       []func(dir map[string]*inode)
	queue          []operation
	next           sim.IOID
	failing        map[sim.Op]int // this many operations of the kind fail
}

const fakeSector = 64

var errIO = errors.New("input/output error")

type inode struct {
	cache, platter []byte
	unsynced       []fakeWrite
}

// fakeWrite is a write of data at off, or a change of the size to off.
type fakeWrite struct {
	off      int64
	data     []byte
	truncate bool
}

type operation struct {
	id   sim.IOID
	io   sim.IO
	name string
	land func()
}

func newFakeDisk() *fakeDisk {
	return &fakeDisk{names: map[string]*inode{}, platter: map[string]*inode{}, failing: map[sim.Op]int{}}
}

// diskWith holds files that are durable.
func diskWith(files map[string][]byte) *fakeDisk {
	d := newFakeDisk()
	for name, data := range files {
		f := &inode{cache: slices.Clone(data), platter: slices.Clone(data)}
		d.names[name], d.platter[name] = f, f
	}
	return d
}

func (d *fakeDisk) submit(op sim.Op, name string, io sim.IO, land func()) sim.IOID {
	d.next++
	io.Op = op
	d.queue = append(d.queue, operation{d.next, io, name, land})
	return d.next
}

// on submits what do does to a file that must exist.
func (d *fakeDisk) on(op sim.Op, name string, do func(f *inode) (sim.IO, func())) sim.IOID {
	f := d.names[name]
	switch {
	case f == nil:
		return d.submit(op, name, sim.IO{Err: sim.ErrNotExist}, nil)
	case d.failing[op] > 0:
		d.failing[op]--
		if op == sim.OpSync { // the pages are clean now, and nobody will write them
			f.unsynced = nil
		}
		return d.submit(op, name, sim.IO{Err: errIO}, nil)
	}
	io, land := do(f)
	return d.submit(op, name, io, land)
}

func (d *fakeDisk) changeDir(op sim.Op, name string, change func(dir map[string]*inode)) sim.IOID {
	change(d.names)
	d.unsynced = append(d.unsynced, change)
	return d.submit(op, name, sim.IO{}, nil)
}

func (d *fakeDisk) Create(name string) sim.IOID {
	if d.names[name] != nil {
		return d.submit(sim.OpCreate, name, sim.IO{Err: sim.ErrExist}, nil)
	}
	f := new(inode)
	return d.changeDir(sim.OpCreate, name, func(dir map[string]*inode) { dir[name] = f })
}

func (d *fakeDisk) Append(name string, b []byte) sim.IOID {
	return d.on(sim.OpAppend, name, func(f *inode) (sim.IO, func()) {
		w := fakeWrite{off: int64(len(f.cache)), data: slices.Clone(b)}
		f.unsynced = append(f.unsynced, w)
		f.cache = w.apply(f.cache)
		return sim.IO{}, nil
	})
}

func (d *fakeDisk) Write(string, int64, []byte) sim.IOID { panic("the log writes nothing in place") }

func (d *fakeDisk) Read(name string, off int64, n int) sim.IOID {
	return d.on(sim.OpRead, name, func(f *inode) (sim.IO, func()) {
		return sim.IO{Data: slices.Clone(f.cache[off:min(int(off)+n, len(f.cache))])}, nil
	})
}

func (d *fakeDisk) Truncate(name string, size int64) sim.IOID {
	return d.on(sim.OpTruncate, name, func(f *inode) (sim.IO, func()) {
		w := fakeWrite{off: size, truncate: true}
		f.unsynced = append(f.unsynced, w)
		f.cache = w.apply(f.cache)
		return sim.IO{}, nil
	})
}

func (d *fakeDisk) Sync(name string) sim.IOID {
	return d.on(sim.OpSync, name, func(f *inode) (sim.IO, func()) {
		n := len(f.unsynced)
		return sim.IO{}, func() {
			n := min(n, len(f.unsynced)) // there may have been a crash
			for _, w := range f.unsynced[:n] {
				f.platter = w.apply(f.platter)
			}
			f.unsynced = f.unsynced[n:]
		}
	})
}

func (d *fakeDisk) Rename(from, to string) sim.IOID {
	f := d.names[from]
	if f == nil {
		return d.submit(sim.OpRename, to, sim.IO{Err: sim.ErrNotExist}, nil)
	}
	return d.changeDir(sim.OpRename, to, func(dir map[string]*inode) { delete(dir, from); dir[to] = f })
}

func (d *fakeDisk) Remove(name string) sim.IOID {
	if d.names[name] == nil {
		return d.submit(sim.OpRemove, name, sim.IO{Err: sim.ErrNotExist}, nil)
	}
	return d.changeDir(sim.OpRemove, name, func(dir map[string]*inode) { delete(dir, name) })
}

func (d *fakeDisk) List() sim.IOID {
	var io sim.IO
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		io.Files = append(io.Files, sim.FileInfo{Name: name, Size: int64(len(d.names[name].cache))})
	}
	return d.submit(sim.OpList, "", io, nil)
}

func (d *fakeDisk) SyncDir() sim.IOID {
	n := len(d.unsynced)
	return d.submit(sim.OpSyncDir, "", sim.IO{}, func() {
		n := min(n, len(d.unsynced))
		for _, change := range d.unsynced[:n] {
			change(d.platter)
		}
		d.unsynced = d.unsynced[n:]
	})
}

// apply changes a file's bytes.
func (w fakeWrite) apply(b []byte) []byte {
	end := int(w.off) + len(w.data)
	if w.truncate && end < len(b) {
		return b[:end]
	}
	for len(b) < end {
		b = append(b, 0)
	}
	copy(b[w.off:], w.data)
	return b
}

// step ends the oldest operation on the disk's side.
func (d *fakeDisk) step() (operation, bool) {
	if len(d.queue) == 0 {
		return operation{}, false
	}
	o := d.queue[0]
	d.queue = d.queue[1:]
	if o.land != nil {
		o.land()
	}
	return o, true
}

// kill loses the process: what it submitted still ends, for nobody.
func (d *fakeDisk) kill() {
	for len(d.queue) > 0 {
		d.step()
	}
}

// powerLoss keeps what is durable and, of the rest, what choose says.
func (d *fakeDisk) powerLoss(choose func(n int) int) {
	d.queue = nil
	dir := choose(len(d.unsynced) + 1)
	var files []*inode // in an order that does not depend on a map's
	seen := map[*inode]bool{}
	for _, names := range []map[string]*inode{d.names, d.platter} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if f := names[name]; !seen[f] {
				seen[f] = true
				files = append(files, f)
			}
		}
	}
	for _, change := range d.unsynced[:dir] {
		change(d.platter)
	}
	d.unsynced = nil
	d.names = maps.Clone(d.platter)
	for _, f := range files {
		f.powerLoss(choose)
	}
}

func (f *inode) powerLoss(choose func(n int) int) {
	if len(f.unsynced) == 0 { // a failed sync may have left more in the cache
		f.cache = slices.Clone(f.platter)
		return
	}
	// Sizes reach the platter in order; a size may be there without its bytes.
	for _, w := range f.unsynced[:choose(len(f.unsynced)+1)] {
		end := w.off + int64(len(w.data))
		if w.truncate || end > int64(len(f.platter)) {
			f.platter = fakeWrite{off: end, truncate: true}.apply(f.platter)
		}
	}
	lost := map[int64]bool{} // sectors that keep no later write
	for _, w := range f.unsynced {
		for off, end := w.off, w.off+int64(len(w.data)); off < end; {
			next := min(end, (off/fakeSector+1)*fakeSector)
			part := w.data[off-w.off : next-w.off]
			if !lost[off/fakeSector] && choose(2) == 0 {
				lost[off/fakeSector] = true
				part = part[:choose(len(part)+1)] // torn
			}
			if off < int64(len(f.platter)) {
				copy(f.platter[off:], part)
			}
			off = next
		}
	}
	f.unsynced = nil
	f.cache = slices.Clone(f.platter)
}

// files are the names with their bytes.
func (d *fakeDisk) files() map[string][]byte {
	files := map[string][]byte{}
	for name, f := range d.names {
		files[name] = slices.Clone(f.cache)
	}
	return files
}

// fakeEnv is all that a log sees of an Env.
type fakeEnv struct {
	sim.Env
	disk    *fakeDisk
	reached map[string]int
}

func newFakeEnv(d *fakeDisk) *fakeEnv { return &fakeEnv{disk: d, reached: map[string]int{}} }

func (e *fakeEnv) Disk() sim.Disk      { return e.disk }
func (e *fakeEnv) Memory(int64)        {}
func (e *fakeEnv) Buggify(string) bool { return false }

func (e *fakeEnv) Sometimes(cond bool, name string) {
	if cond {
		e.reached[name]++
	}
}

// step ends one operation and tells the log.
func (e *fakeEnv) step(l *Log) (more bool, err error) {
	o, ok := e.disk.step()
	if !ok {
		return false, nil
	}
	mine, err := l.Complete(e, o.id, o.io)
	if !mine {
		panic(fmt.Sprintf("operation %d, %v %s, is not the log's", o.id, o.io.Op, o.name))
	}
	return true, err
}

// settle ends operations until there are none, or an error.
func (e *fakeEnv) settle(l *Log) error {
	for {
		if more, err := e.step(l); err != nil || !more {
			return err
		}
	}
}

// open recovers a log from a disk.
func open(d *fakeDisk, o Options) (l *Log, env *fakeEnv, recovered [][]byte, err error) {
	l, env = New(o), newFakeEnv(d)
	l.Open(env, func(record []byte) error {
		recovered = append(recovered, slices.Clone(record))
		return nil
	})
	err = env.settle(l)
	if err == nil && !l.Ready() {
		err = errors.New("neither ready nor failed")
	}
	return l, env, recovered, err
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
