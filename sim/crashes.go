package sim

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// All disks after a power loss. What powerLoss draws, one of, is a product:
//
//	a prefix of the directory's unsynced changes
//	× for each file that is left: one of its sizes
//	  × for each sector: a prefix of the writes that touched it, and the next one torn
//
// so that a short run of a program on small sectors can be checked against every crash
// (after gosim's pendingops and Pillai et al., OSDI 2014).

// ErrTooManyDisks ends an enumeration that would go beyond its limit.
var ErrTooManyDisks = errors.New("more disks than the limit")

// AllCrashes calls visit once for every disk that a power loss of node id at this moment
// may leave, by content, until visit is false, and returns how many it visited. The
// world does not change. If there are more than limit it returns ErrTooManyDisks, before
// or after some were visited: the visits say nothing of all then.
//
// With DiskOptions.PowerLoss the set is that of its mode. With WriteBack, a line of the
// trace may tell now of what was written back before.
//
// Sectors of 16 bytes (DiskOptions.Sector) that are not torn (Atomic) keep the number
// small; a torn sector counts for twice its bytes.
func (w *World) AllCrashes(id NodeID, limit int, visit func(DiskImage) bool) (n int, err error) {
	d := w.diskOf(id)
	if d == nil {
		return 0, nil
	}
	tooMany := func() (int, error) {
		return n, fmt.Errorf("sim: node %s: %w of %d", d.n.name, ErrTooManyDisks, limit)
	}
	d.catchUp(w.now)
	contents := map[contentsOf][][]byte{}
	products := make([]product, len(d.unsynced)+1)
	for keep := range products {
		p := &products[keep]
		if d.opts.PowerLoss == LossKeepAll && keep < len(d.unsynced) || d.opts.PowerLoss == LossDropAll && keep > 0 {
			continue
		}
		dir, forced := d.survivors(keep)
		p.dir, p.size = dir, 1
		for _, e := range dir {
			key := contentsOf{e.file, forced[e.file]}
			of, known := contents[key]
			if !known {
				var ok bool
				if of, ok = d.files[e.file].after(forced[e.file]).crashes(d, limit); !ok {
					return tooMany()
				}
				contents[key] = of
			}
			p.contents = append(p.contents, of)
			if p.size *= len(of); p.size > limit {
				return tooMany()
			}
		}
	}
	seen := map[string]bool{}
	for k := range products {
		for i := range products[k].size {
			m := products[k].image(i)
			key := m.key()
			if seen[key] {
				continue
			}
			if n == limit {
				return tooMany()
			}
			seen[key] = true
			n++
			if !visit(m) {
				return n, nil
			}
		}
	}
	return n, nil
}

// product is a directory, and every content that each of its files may have.
type product struct {
	dir      []dirent
	contents [][][]byte
	size     int // how many images it makes
}

func (p *product) image(i int) DiskImage {
	m := DiskImage{make([]FileImage, len(p.dir))}
	for k, e := range p.dir {
		of := p.contents[k]
		m.Files[k] = FileImage{e.name, of[i%len(of)]}
		i /= len(of)
	}
	return m
}

// contentsOf names what a power loss leaves of a file of which so many pending
// operations are durable for sure.
type contentsOf struct {
	file   int32
	forced int
}

// survivors is the directory after a power loss that keeps a prefix of its changes, and
// how many pending operations of each file that makes durable.
func (d *disk) survivors(keep int) (dir []dirent, forced map[int32]int) {
	dir, forced = slices.Clone(d.platter), map[int32]int{}
	for _, o := range d.unsynced[:keep] {
		dir = changed(dir, o)
		if d.opts.Ordered && o.old != "" {
			forced[o.file] = max(forced[o.file], o.mark-d.files[o.file].synced)
		}
	}
	if d.opts.PowerLoss == LossKeepAll {
		for _, e := range dir {
			forced[e.file] = len(d.files[e.file].pending)
		}
	}
	return dir, forced
}

// after is a copy of the file of which n pending operations are durable; the page cache
// is left out.
func (f *file) after(n int) *file {
	c := &file{durable: bytes.Clone(f.durable), pending: slices.Clone(f.pending), journal: bytes.Clone(f.journal)}
	c.settle(n)
	c.drop(n)
	return c
}

// crashes is every content that a power loss may leave of the file; ok is false when
// there are more than limit.
func (f *file) crashes(d *disk, limit int) (all [][]byte, ok bool) {
	if d.opts.PowerLoss == LossDropAll {
		return [][]byte{f.durable}, limit > 0
	}
	size := int64(len(f.durable))
	sizes := []int64{size}
	for _, o := range f.pending {
		if o.truncate {
			size = o.off
		} else {
			size = max(size, o.off+int64(o.size))
		}
		if !slices.Contains(sizes, size) {
			sizes = append(sizes, size)
		}
	}
	for _, size := range sizes {
		content := resize(bytes.Clone(f.durable), size)
		var states [][][]byte
		product := 1
		for lo := int64(0); lo < size; lo += d.sector {
			of := f.sectorStates(d, content[lo:min(lo+d.sector, size)], lo)
			states = append(states, of)
			if product *= len(of); product > limit-len(all) {
				return nil, false
			}
		}
		for p := range product {
			one := make([]byte, 0, size)
			for _, of := range states {
				one = append(one, of[p%len(of)]...)
				p /= len(of)
			}
			all = append(all, one)
		}
	}
	return all, len(all) <= limit
}

// sectorStates is every content that a power loss may leave of the sector at lo, as far
// as the file reaches; old is what is durable.
func (f *file) sectorStates(d *disk, old []byte, lo int64) (states [][]byte) {
	add := func(b []byte) {
		if !slices.ContainsFunc(states, func(s []byte) bool { return bytes.Equal(s, b) }) {
			states = append(states, bytes.Clone(b))
		}
	}
	now := bytes.Clone(old)
	add(now)
	used := int64(0)
	for _, o := range f.pending {
		from, to := o.within(lo, lo+d.sector)
		part := f.journal[used : used+int64(o.size)]
		used += int64(o.size)
		if from >= to {
			continue
		}
		put := func(b []byte, off int64, with []byte) {
			if off -= lo; off < int64(len(b)) {
				copy(b[off:], with)
			}
		}
		if o.truncate {
			put(now, from, make([]byte, to-from))
			add(now)
			continue
		}
		part = part[from-o.off : to-o.off]
		if !d.opts.Atomic && d.opts.PowerLoss != LossDropSome {
			for cut := range part {
				torn := bytes.Clone(now)
				put(torn, from, part[:cut])
				add(torn)
				put(torn, from+int64(cut), bytes.Repeat([]byte{garbage}, len(part)-cut))
				add(torn)
			}
			if d.opts.NotPowersafe {
				add(bytes.Repeat([]byte{garbage}, len(now)))
			}
		}
		put(now, from, part)
		add(now)
	}
	return states
}

// key tells images apart exactly.
func (m DiskImage) key() string {
	var b []byte
	for _, f := range m.Files {
		b = fmt.Appendf(b, "%d %d ", len(f.Name), len(f.Data))
		b = append(append(b, f.Name...), f.Data...)
	}
	return string(b)
}
