package sim

import "time"

// What a disk operation costs beyond the fixed times: finding the place, moving the
// bytes, and whether the page cache spares both. A disk that has none of these options
// pays for none of it.

// pageSize is the unit of the page cache, in bytes.
const pageSize = 4096

// diskHead is where the device was last: what begins there is sequential.
type diskHead struct {
	file int32 // -1: the directory
	off  int64
}

// costs tells whether a disk has a cost model.
func (o *DiskOptions) costs() bool {
	return o.Seek > 0 || o.ReadBandwidth > 0 || o.WriteBandwidth > 0 || o.CachedReads
}

// cost is what an operation that just took effect takes besides d.latency's times; for a
// read, all.
func (d *disk) cost(o *diskOp, r *ioResult) time.Duration {
	if o.op == OpSyncDir {
		return d.seek(diskHead{file: -1})
	}
	i := d.lookup(o.name)
	if i < 0 {
		return 0
	}
	f := &d.files[i]
	switch o.op {
	case OpAppend:
		f.warmed(int64(len(f.data)-r.n), int64(r.n))
	case OpWrite:
		f.warmed(o.off, int64(r.n))
	case OpRead:
		return d.costOfRead(i, o.off, int64(len(r.data)))
	case OpSync:
		return d.costOfSync(i, r.mark)
	}
	return 0
}

// costOfRead: pages that the cache has cost the time of the cache, the others are read
// in one go and stay there.
func (d *disk) costOfRead(i int32, off, n int64) time.Duration {
	f := &d.files[i]
	if !d.opts.CachedReads {
		return d.opts.Read + d.move(i, off, n, d.opts.ReadBandwidth)
	}
	first, last := int64(-1), int64(-1)
	for p := off / pageSize; p*pageSize < off+n; p++ {
		if !f.isWarm(p) {
			if first < 0 {
				first = p
			}
			last = p
		}
	}
	if first < 0 {
		return d.opts.Cache
	}
	f.warmed(off, n)
	return d.opts.Read + d.move(i, first*pageSize, (last+1-first)*pageSize, d.opts.ReadBandwidth)
}

// costOfSync: what was written since the last sync was submitted moves to the platter,
// whole sectors, writes that follow each other in one go.
func (d *disk) costOfSync(i int32, mark int) (t time.Duration) {
	f := &d.files[i]
	from, to := int64(0), int64(0) // of the run so far
	flush := func() {
		if from < to {
			lo, hi := from/d.sector*d.sector, (to+d.sector-1)/d.sector*d.sector
			t += d.move(i, lo, hi-lo, d.opts.WriteBandwidth)
		}
	}
	for _, o := range f.pending[max(f.flushed-f.synced, 0):max(mark-f.synced, 0)] {
		if o.truncate || o.size == 0 {
			continue
		}
		if o.off != to {
			flush()
			from = o.off
		}
		to = o.off + int64(o.size)
	}
	flush()
	f.flushed = mark
	return t
}

// move is the time to reach a place and to move n bytes from there on. A place in the
// sector at which the device stands is no seek.
func (d *disk) move(i int32, off, n, bandwidth int64) time.Duration {
	t := time.Duration(0)
	if d.head.file != i || d.head.off < off || d.head.off-off > d.sector {
		t = d.opts.Seek
	}
	d.head = diskHead{i, off + n}
	if bandwidth > 0 {
		t += scale(time.Duration(n), int64(time.Second), bandwidth)
	}
	return t
}

func (d *disk) seek(to diskHead) time.Duration {
	if d.head == to {
		return 0
	}
	d.head = to
	return d.opts.Seek
}

func (f *file) isWarm(page int64) bool {
	return page/64 < int64(len(f.warm)) && f.warm[page/64]>>(page%64)&1 != 0
}

// warmed notes that the page cache has a range.
func (f *file) warmed(off, n int64) {
	for p := off / pageSize; p*pageSize < off+n; p++ {
		for p/64 >= int64(len(f.warm)) {
			f.warm = append(f.warm, 0)
		}
		f.warm[p/64] |= 1 << (p % 64)
	}
}

// cool empties the page cache, but for files that are dirty. It tells whether there was
// anything in it.
func (d *disk) cool() (was bool) {
	for i := range d.files {
		if f := &d.files[i]; len(f.pending) == 0 && len(f.warm) > 0 {
			f.warm, was = f.warm[:0], true
		}
	}
	return was
}
