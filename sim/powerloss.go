package sim

import "bytes"

// LossMode is what a power loss may do to what was not synced.
type LossMode uint8

// The modes of a power loss.
const (
	LossAny      LossMode = iota // the seed chooses one of the others, each time
	LossKeepAll                  // the cache happened to be written back
	LossDropAll                  // nothing of it was
	LossDropSome                 // sectors, sizes and names reached the platter in any order
	LossTear                     // and the write under way was cut within a sector
)

// The same as a number that is drawn.
const (
	crashKeepAll = iota
	crashDropAll
	crashDropSome
	crashTear
	crashModes
)

// garbage is what a torn sector has where neither the old nor the new bytes are.
const garbage = 0xa5

// powerLoss leaves what the platter holds and a legal part of the rest. AllCrashes
// enumerates what it may leave.
func (d *disk) powerLoss() {
	d.epoch++
	d.catchUp(d.w.now)
	mode := uint64(d.opts.PowerLoss) - uint64(LossKeepAll)
	if d.opts.PowerLoss == LossAny {
		mode = d.choose(ChooseCrashMode, &d.crashes, crashModes)
	}
	if mode == crashTear && d.opts.Atomic {
		mode = crashDropSome
	}
	troubled := d.trouble.struck || d.faulty
	if troubled {
		d.beforeLoss() // and no misdirected write strikes any more
	}
	// The directory is journaled: of its unsynced changes a prefix survives, and a
	// name may be there before the data of its file, unless that is ordered.
	keep := -1
	if d.opts.Ordered {
		keep = d.crashNames(mode)
		d.order(keep)
	}
	for i := range d.files {
		if f := &d.files[i]; len(f.pending) > 0 {
			d.crashFile(f, mode)
		}
	}
	if keep < 0 {
		keep = d.crashNames(mode)
	}
	for _, o := range d.unsynced[:keep] {
		d.platter = changed(d.platter, o)
	}
	d.synced += len(d.unsynced)
	d.unsynced = d.unsynced[:0]
	d.names = append(d.names[:0], d.platter...)
	d.sweep()
	d.busy = 0
	if d.costly {
		d.cool()
	}
	if troubled || d.opts.Ordered {
		d.afterLoss()
	}
}

// crashNames decides how many of the unsynced changes of the directory survive.
func (d *disk) crashNames(mode uint64) int {
	switch mode {
	case crashKeepAll:
		return len(d.unsynced)
	case crashDropAll:
		return 0
	}
	return int(d.choose(ChooseCrash, &d.crashDraws, uint64(len(d.unsynced))+1))
}

func (d *disk) choose(c Choice, occurrence *uint32, bound uint64) uint64 {
	n := *occurrence
	*occurrence++
	draw := draws{w: d.w, s: DiskStream(d.n.id), n: n, base: base(d.n.diskKey, 0, n)}
	return draw.below(c, bound)
}

// crashFile decides what a power loss leaves of a file. Sizes reach the platter in
// order; sectors in any order, but the writes of one sector in theirs; a torn sector
// keeps the beginning of its write and, in the rest of that write, old bytes or
// garbage. Synced bytes beside a torn write stay (powersafe overwrite), or, by an option,
// all of the sector is garbage. A truncate is to the sectors behind it a write of zeros.
func (d *disk) crashFile(f *file, mode uint64) {
	switch mode {
	case crashKeepAll:
		f.settle(len(f.pending))
	case crashDropAll:
	default:
		sizes := int(d.choose(ChooseCrash, &d.crashDraws, uint64(len(f.pending))+1))
		size := int64(len(f.durable))
		first, last := int64(MaxFile), int64(0)
		for i, o := range f.pending {
			end := o.off + int64(o.size)
			if i < sizes {
				if o.truncate {
					size = o.off
				} else {
					size = max(size, end)
				}
			}
			if o.size > 0 {
				first, last = min(first, o.off/d.sector), max(last, (end-1)/d.sector)
			}
			if o.truncate {
				first, last = min(first, o.off/d.sector), MaxFile/d.sector
			}
		}
		last = min(last, (size-1)/d.sector)
		f.durable = resize(f.durable, size)
		for s := first; s <= last; s++ {
			d.crashSector(f, s, mode)
		}
	}
	f.forget()
	f.data = append(f.data[:0], f.durable...)
}

func (d *disk) crashSector(f *file, sector int64, mode uint64) {
	lo, hi := sector*d.sector, (sector+1)*d.sector
	touching := uint64(0)
	for _, o := range f.pending {
		if from, to := o.within(lo, hi); from < to {
			touching++
		}
	}
	if touching == 0 {
		return
	}
	keep := d.choose(ChooseCrash, &d.crashDraws, touching+1)
	used := int64(0)
	for _, o := range f.pending {
		from, to := o.within(lo, hi)
		part := f.journal[used : used+int64(o.size)]
		used += int64(o.size)
		if from >= to {
			continue
		}
		if o.truncate {
			if keep == 0 {
				return
			}
			size := int64(len(f.durable))
			clear(f.durable[min(from, size):min(to, size)])
			keep--
			continue
		}
		part = part[from-o.off : to-o.off]
		if keep == 0 {
			if mode == crashTear {
				cut := int(d.choose(ChooseCrash, &d.crashDraws, uint64(len(part))+1))
				d.scratch = append(d.scratch[:0], part...)
				how := d.choose(ChooseCrash, &d.crashDraws, 4)
				switch {
				case how == 0:
					d.scratch = append(d.scratch[:cut], bytes.Repeat([]byte{garbage}, len(part)-cut)...)
				case how == 1 && d.opts.NotPowersafe:
					from, d.scratch = lo, append(d.scratch[:0], bytes.Repeat([]byte{garbage}, int(d.sector))...)
				default:
					d.scratch = d.scratch[:cut]
				}
				f.keep(from, d.scratch)
			}
			return
		}
		f.keep(from, part)
		keep--
	}
}

// within is the part of lo to hi that the operation changes: a truncate all behind the
// new size, a write that is lost nothing.
func (o fileOp) within(lo, hi int64) (from, to int64) {
	if o.truncate {
		return max(o.off, lo), hi
	}
	if o.lost {
		return 0, 0
	}
	return max(o.off, lo), min(o.off+int64(o.size), hi)
}

// keep writes b to the platter as far as the file's surviving size reaches.
func (f *file) keep(off int64, b []byte) {
	if off < int64(len(f.durable)) {
		copy(f.durable[off:], b)
	}
}
