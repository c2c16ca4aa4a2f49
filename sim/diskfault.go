package sim

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// What a disk does wrong while it has power. Most of it stays hidden behind the page
// cache until a power loss, or until the cache is evicted:
//
//	                       page cache        platter
//	sync error             new, clean        old, whatever is synced later
//	  and reverted         old               old
//	lying disk             new, dirty        old; the sync said that all is well
//	lost write             new, clean        old
//	misdirected write      new, clean        old; the bytes are in another sector
//	bit rot                flipped           flipped
//	unreadable sector      reads end with ErrIO, cached or not, until it is rewritten
//
// Sources: failed syncs are those of Rebello et al., "Can Applications Recover from
// fsync Failures?", ATC 2020; the others of Bairavasundaram et al., FAST 2008, and
// Ganesan et al., FAST 2017.
//
// Where a fault strikes is drawn from the disk's stream, by an occurrence that counts
// such draws alone.

// DiskFault is something that a disk does wrong.
type DiskFault uint8

// The faults of disks.
const (
	DiskSyncError   DiskFault = iota + 1 // a sync fails
	DiskLie                              // a sync is acknowledged and does nothing
	DiskUnreadable                       // a sector cannot be read
	DiskRot                              // bits flip at rest
	DiskWriteError                       // a write fails
	DiskShortWrite                       // a write fails, and a part of it got in
	DiskMisdirected                      // a write lands elsewhere
	DiskLost                             // a write never reaches the platter (phantom write)
	DiskStray                            // what a misdirected write hit
	DiskFull                             // no space is left
	DiskSlow
	DiskStall
	DiskReplaced
	DiskEvicted   // the page cache was dropped
	DiskWriteBack // it was written back: no fault, but hidden from the machine as they are
	diskFaultEnd
)

var diskFaultNames = [diskFaultEnd]string{"none", "sync_error", "lie", "unreadable", "rot", "write_error", "short_write",
	"misdirected", "lost", "stray", "full", "slow", "stall", "replaced", "evicted", "write_back"} //saros:constant names

// String names the fault as traces do.
func (f DiskFault) String() string {
	if f < diskFaultEnd {
		return diskFaultNames[f]
	}
	return "disk_fault?"
}

// What a line TraceDisk says of its fault.
const (
	diskArmed  = iota // the fault begins; Arg: how many are to strike, a factor, bytes
	diskCalmed        // it ends
	diskStruck        // it hit the file in Bytes; Arg: where, or how many bytes got in
)

var diskPhases = [...]string{"armed", "calmed", "struck"} //saros:constant names

// syncFailure is how a sync ends.
type syncFailure uint8

const (
	syncHolds   syncFailure = iota
	syncFails               // and the page cache shows the new content until it is lost
	syncReverts             // and the page cache goes back to what the platter has
)

const (
	stallNone = iota
	stallSyncs
	stallAll
)

// diskTrouble is what is wrong with a disk. Its zero value is nothing.
type diskTrouble struct {
	syncs    int // the next ones fail
	revert   bool
	lying    bool
	lied     bool              // a sync made nothing durable and said that all is well
	writes   [diskFaultEnd]int // the next ones go wrong like this
	damages  []damage
	draws    uint32 // occurrence of ChooseDamage
	capacity int64
	slow     int64
	stall    uint8
	parked   []event // ends of operations that wait for the end of a stall
	struck   bool    // once: the page cache may show what no sync will save
}

// Damage is a range of bytes that are bad, or will be when the page cache is lost.
type Damage struct {
	File string
	Off  int64
	Size int64 // bytes
	Kind DiskFault
}

type damage struct {
	file      int32
	kind      DiskFault
	off, size int64
	over      int // the operation of the file that overwrote it in the page cache, counted from 1; 0: none
	was       Digest
}

func (t *diskTrouble) reset(o DiskOptions) {
	*t = diskTrouble{damages: t.damages[:0], parked: t.parked[:0], capacity: o.Capacity}
}

// any tells whether an operation has to look at the trouble.
func (t *diskTrouble) any() bool {
	return t.syncs > 0 || t.lying || t.writes != [diskFaultEnd]int{} || len(t.damages) > 0 || t.capacity > 0 ||
		t.slow > 1 || t.stall != stallNone
}

// announce records a fault's beginning or end.
func (d *disk) announce(f DiskFault, phase NodeID, arg uint64) bool {
	d.faulty = d.trouble.any()
	d.w.record(TraceDisk, d.n.id, phase, Kind(f), arg, nil)
	return true
}

// strikes records that a fault hit an operation or a file.
func (d *disk) strikes(f DiskFault, name string, arg int64) {
	d.scratch = append(d.scratch[:0], name...)
	d.w.record(TraceDisk, d.n.id, diskStruck, Kind(f), uint64(arg), d.scratch)
}

// The world's side.

// FailSyncs makes the next n syncs of node id's disk, of files or of the directory, end
// with ErrIO, besides those that are still to fail. What such a sync was to write is
// clean in the page cache from then on: a later sync returns without an error and does
// not write it. Reads show the new content until the cache is lost; with revert, they
// show at once what the platter has (Rebello et al., ATC 2020). False for a client and
// for n below 1.
func (w *World) FailSyncs(id NodeID, n int, revert bool) bool {
	d := w.diskOf(id)
	if d == nil || n < 1 {
		return false
	}
	d.trouble.syncs += n
	d.trouble.revert = revert
	return d.announce(DiskSyncError, diskArmed, uint64(n))
}

// CalmSyncs takes back the failures of FailSyncs that have not struck.
func (w *World) CalmSyncs(id NodeID) bool {
	d := w.diskOf(id)
	if d == nil || d.trouble.syncs == 0 {
		return false
	}
	d.trouble.syncs = 0
	return d.announce(DiskSyncError, diskCalmed, 0)
}

// SetLying makes a disk lie, or stops it: as long as it does, every sync ends well and
// makes nothing durable. A later honest sync writes what is still dirty.
func (w *World) SetLying(id NodeID, lies bool) bool {
	d := w.diskOf(id)
	if d == nil || d.trouble.lying == lies {
		return false
	}
	d.trouble.lying = lies
	return d.announce(DiskLie, calmedUnless(lies), 0)
}

// Lied tells whether a sync of this disk ever ended well and left something undone: what it
// holds may be any mixture of old and new, which DamageOf does not list.
func (w *World) Lied(id NodeID) bool { return w.nodes[id].disk.trouble.lied }

// Lying tells whether a disk lies now.
func (w *World) Lying(id NodeID) bool { return w.nodes[id].disk.trouble.lying }

// SpoilWrites makes the next n appends or writes of node id go wrong as f says:
//
//	DiskWriteError   it ends with ErrIO, and nothing of it got in
//	DiskShortWrite   it ends with ErrIO, and IO.N bytes of it got in
//	DiskMisdirected  it ends well; on the platter, its place keeps what it had, and the
//	                 bytes overwrite another sector of the same file or of another
//	DiskLost         it ends well, and no sync ever brings it to the platter
//
// The kinds add up, and strike in this order. It is false for any other fault.
func (w *World) SpoilWrites(id NodeID, f DiskFault, n int) bool {
	d := w.diskOf(id)
	if d == nil || n < 1 || f < DiskWriteError || f > DiskLost {
		return false
	}
	d.trouble.writes[f] += n
	return d.announce(f, diskArmed, uint64(n))
}

// CalmWrites takes back what SpoilWrites armed of this kind and has not struck.
func (w *World) CalmWrites(id NodeID, f DiskFault) bool {
	d := w.diskOf(id)
	if d == nil || f >= diskFaultEnd || d.trouble.writes[f] == 0 {
		return false
	}
	d.trouble.writes[f] = 0
	return d.announce(f, diskCalmed, 0)
}

// SpoilSector makes one sector that is durable unreadable: a latent sector error. Every
// read that touches it ends with ErrIO until all of it is overwritten or cut off. False
// when there is no such sector.
func (w *World) SpoilSector(id NodeID) bool {
	d := w.diskOf(id)
	if d == nil {
		return false
	}
	return d.spoil(d.somewhere(-1, 0))
}

// SpoilSectorAt does the same to the sector of a file that holds an offset.
func (w *World) SpoilSectorAt(id NodeID, name string, offset int64) bool {
	d := w.diskOf(id)
	return d != nil && d.spoil(d.at(name, offset))
}

func (d *disk) spoil(i int32, off, size int64, ok bool) bool {
	if !ok {
		return false
	}
	d.damage(i, DiskUnreadable, off, size)
	d.faulty = true
	d.strikes(DiskUnreadable, d.nameOf(i), off)
	return true
}

// MendSectors makes all sectors readable again, as they were.
func (w *World) MendSectors(id NodeID) bool {
	d := w.diskOf(id)
	if d == nil {
		return false
	}
	n := len(d.trouble.damages)
	d.trouble.damages = slices.DeleteFunc(d.trouble.damages, func(b damage) bool { return b.kind == DiskUnreadable })
	return n > len(d.trouble.damages) && d.announce(DiskUnreadable, diskCalmed, 0)
}

// RotBits flips bits, at least one and at most all, of one sector that is durable, on
// the platter and in the page cache. False when there is no such sector.
func (w *World) RotBits(id NodeID, bits int) bool {
	d := w.diskOf(id)
	if d == nil || bits < 1 {
		return false
	}
	i, off, size, ok := d.somewhere(-1, 0)
	return d.rot(i, off, size, bits, ok)
}

// RotBitsAt does the same to the sector of a file that holds an offset.
func (w *World) RotBitsAt(id NodeID, name string, offset int64, bits int) bool {
	d := w.diskOf(id)
	if d == nil || bits < 1 {
		return false
	}
	i, off, size, ok := d.at(name, offset)
	return d.rot(i, off, size, bits, ok)
}

func (d *disk) rot(i int32, off, size int64, bits int, ok bool) bool {
	if !ok {
		return false
	}
	f := &d.files[i]
	var flipped []int64
	for range min(int64(bits), 8*size) {
		bit := int64(d.choose(ChooseDamage, &d.trouble.draws, uint64(8*size)))
		for slices.Contains(flipped, bit) {
			bit = (bit + 1) % (8 * size)
		}
		flipped = append(flipped, bit)
		at := off + bit/8
		f.durable[at] ^= 1 << (bit % 8)
		if at < int64(len(f.data)) && f.overwritten(at, 1) == 0 {
			f.data[at] ^= 1 << (bit % 8)
		}
	}
	first, last := slices.Min(flipped)/8, slices.Max(flipped)/8
	d.damage(i, DiskRot, off+first, last-first+1)
	d.trouble.struck = true
	d.faulty = true
	d.strikes(DiskRot, d.nameOf(i), off+first)
	return true
}

// SetCapacity sets how many bytes all files of a disk may have together; 0: any number.
// An append, write or truncate that goes beyond ends with ErrNoSpace; of an append or
// write the part that fits gets in (IO.N). Files that are there stay.
func (w *World) SetCapacity(id NodeID, bytes int64) bool {
	d := w.diskOf(id)
	if d == nil || bytes < 0 || d.trouble.capacity == bytes {
		return false
	}
	d.trouble.capacity = bytes
	return d.announce(DiskFull, calmedUnless(bytes > 0), uint64(bytes))
}

// SlowDisk makes every operation that is submitted from now on take factor times as
// long, until as many calls of QuickenDisk. Factors multiply, up to MaxSlow.
func (w *World) SlowDisk(id NodeID, factor int64) bool {
	d := w.diskOf(id)
	if d == nil || factor < 2 || max(d.trouble.slow, 1) > MaxSlow/factor {
		return false
	}
	d.trouble.slow = max(d.trouble.slow, 1) * factor
	return d.announce(DiskSlow, diskArmed, uint64(d.trouble.slow))
}

// QuickenDisk takes back a SlowDisk with the same factor.
func (w *World) QuickenDisk(id NodeID, factor int64) bool {
	d := w.diskOf(id)
	if d == nil || factor < 2 || d.trouble.slow < factor {
		return false
	}
	d.trouble.slow /= factor
	return d.announce(DiskSlow, diskCalmed, uint64(d.trouble.slow))
}

// StallDisk stops a disk: no operation ends before UnstallDisk, or, with syncsOnly, no
// sync does. What is submitted meanwhile takes effect in the page cache as ever. False
// when the disk is stalled like this already.
func (w *World) StallDisk(id NodeID, syncsOnly bool) bool {
	d, stall := w.diskOf(id), uint8(stallAll)
	if syncsOnly {
		stall = stallSyncs
	}
	if d == nil || d.trouble.stall >= stall {
		return false
	}
	d.trouble.stall = stall
	return d.announce(DiskStall, diskArmed, uint64(stall))
}

// UnstallDisk ends a stall: what had its time meanwhile ends now, in the order in which
// it was to end.
func (w *World) UnstallDisk(id NodeID) bool {
	d := w.diskOf(id)
	if d == nil || d.trouble.stall == stallNone {
		return false
	}
	d.trouble.stall = stallNone
	for _, ev := range d.trouble.parked {
		w.queue.push(w.now, w.queue.order(tieBound-1), ev)
	}
	d.trouble.parked = d.trouble.parked[:0]
	return d.announce(DiskStall, diskCalmed, 0)
}

// parks keeps the end of an operation that a stalled disk does not finish.
func (d *disk) parks(r *ioResult, ev event) bool {
	t := &d.trouble
	if t.stall == stallNone || r.epoch != d.epoch || t.stall == stallSyncs && r.op != OpSync && r.op != OpSyncDir {
		return false
	}
	t.parked = append(t.parked, ev)
	return true
}

// ReplaceDisk gives a node that is down an empty disk, as new: what was wrong with the
// old one is gone with it, but for its capacity, its speed and a stall, which are not of
// the disk alone. False while the node runs.
func (w *World) ReplaceDisk(id NodeID) bool {
	d := w.diskOf(id)
	if d == nil || d.n.up {
		return false
	}
	d.clear()
	t := &d.trouble
	t.syncs, t.lying, t.lied, t.writes = 0, false, false, [diskFaultEnd]int{}
	return d.announce(DiskReplaced, diskArmed, 0)
}

// clear empties a disk. Operations under way never end.
func (d *disk) clear() {
	d.epoch++
	d.busy = 0
	d.synced += len(d.unsynced)
	d.names, d.platter, d.unsynced = d.names[:0], d.platter[:0], d.unsynced[:0]
	for i := range d.files {
		d.files[i].forget()
	}
	d.trouble.damages = d.trouble.damages[:0]
	d.sweep()
}

// EvictCache drops what is clean from the page cache, as a kernel may at any time: reads
// show what the platter has, and upon it what is still to be synced, and cost a miss. It
// tells whether that is any different.
func (w *World) EvictCache(id NodeID) bool {
	d := w.diskOf(id)
	if d == nil {
		return false
	}
	cooled := d.cool()
	was := w.DiskOf(id).Digest()
	for i := range d.files {
		d.files[i].reread()
	}
	d.rereadNames()
	if !cooled && w.DiskOf(id).Digest() == was {
		return false
	}
	return d.announce(DiskEvicted, diskArmed, 0)
}

// DamageOf lists the bytes of a node's disk that a fault has made bad, and nothing has
// overwritten since, in the order in which they were hit. What a lying disk did not write is
// not among them; see Lied.
func (w *World) DamageOf(id NodeID) []Damage {
	d := &w.nodes[id].disk
	var bad []Damage
	for _, b := range d.trouble.damages {
		if b.over == 0 {
			bad = append(bad, Damage{d.nameOf(b.file), b.off, b.size, b.kind})
		}
	}
	return bad
}

// diskOf is nil for a client.
func (w *World) diskOf(id NodeID) *disk {
	n := w.nodes[id]
	if n.client != nil {
		return nil
	}
	return &n.disk
}

func calmedUnless(on bool) NodeID {
	if on {
		return diskArmed
	}
	return diskCalmed
}

// The disk's side: these are called while something is not as it should be.

// applyFaulty does the operation in the page cache as far as the trouble lets it.
func (d *disk) applyFaulty(o *diskOp, r *ioResult) error {
	t := &d.trouble
	i := d.lookup(o.name)
	var fails error
	write := o.op == OpAppend || o.op == OpWrite
	if i >= 0 && (write || o.op == OpTruncate) && t.capacity > 0 {
		if fails = d.shorten(o, &d.files[i]); fails != nil {
			r.n = len(o.data)
			d.strikes(DiskFull, o.name, int64(r.n))
			if r.n == 0 {
				return fails
			}
		}
	}
	spoilt := DiskFault(0)
	if i >= 0 && write && fails == nil && len(o.data) > 0 {
		for f := DiskWriteError; f <= DiskLost && spoilt == 0; f++ {
			if t.writes[f] > 0 {
				spoilt = f
				t.writes[f]--
			}
		}
	}
	switch spoilt {
	case DiskWriteError:
		r.n, fails = 0, ErrIO
	case DiskShortWrite:
		r.n, fails = int(d.choose(ChooseDamage, &t.draws, uint64(len(o.data)))), ErrIO
	}
	if spoilt == DiskWriteError || spoilt == DiskShortWrite {
		d.strikes(spoilt, o.name, int64(r.n))
		if o.data = o.data[:r.n]; r.n == 0 {
			return fails
		}
	}
	if o.op == OpRead && i >= 0 {
		if at := d.unreadable(i, o.off, int64(o.n)); at >= 0 {
			d.strikes(DiskUnreadable, o.name, at)
			return ErrIO
		}
	}
	at := o.off
	if o.op == OpAppend && i >= 0 {
		at = int64(len(d.files[i].data))
	}
	if err := d.apply(o, r); err != nil {
		return err
	}
	if i >= 0 && write && spoilt != DiskMisdirected && spoilt != DiskLost {
		d.overwrote(i, at, int64(len(o.data)))
	}
	if o.op == OpTruncate {
		d.overwrote(i, o.off, MaxFile)
	}
	if spoilt == DiskMisdirected || spoilt == DiskLost {
		p := &d.files[i].pending[len(d.files[i].pending)-1]
		p.lost, p.stray = true, spoilt == DiskMisdirected
		d.damage(i, spoilt, at, int64(len(o.data)))
		t.struck = true
		d.strikes(spoilt, o.name, at)
	}
	if (o.op == OpSync || o.op == OpSyncDir) && t.syncs > 0 {
		t.syncs--
		r.fails = syncFails
		if t.revert {
			r.fails = syncReverts
		}
		fails = ErrIO
	}
	return fails
}

// shorten cuts a write to what the disk has space for.
func (d *disk) shorten(o *diskOp, f *file) error {
	used := int64(0)
	for _, e := range d.names {
		used += int64(len(d.files[e.file].data))
	}
	size := int64(len(f.data))
	most := size + max(d.trouble.capacity-used, 0) // that this file may have
	switch {
	case o.op == OpTruncate && o.off > max(most, size):
		o.data = nil
		return ErrNoSpace
	case o.op == OpTruncate:
		return nil
	}
	off := o.off
	if o.op == OpAppend {
		off = size
	}
	if off+int64(len(o.data)) <= most {
		return nil
	}
	o.data = o.data[:max(most-off, 0)]
	return ErrNoSpace
}

// finishFaulty is finish, with trouble.
func (d *disk) finishFaulty(r *ioResult) {
	switch {
	case r.fails != syncHolds:
		d.failSync(r)
		return
	case r.err != nil:
		return
	case r.op == OpSync && d.trouble.lying:
		f := &d.files[r.file]
		if n := r.mark - f.synced; n > 0 {
			d.trouble.lied = true
			d.strikes(DiskLie, d.nameOf(r.file), int64(n))
		}
		return
	case r.op == OpSyncDir && d.trouble.lying:
		if n := r.mark - d.synced; n > 0 {
			d.trouble.lied = true
			d.strikes(DiskLie, "", int64(n))
		}
		return
	case r.op == OpSync:
		d.persist(r.file, r.mark)
		d.healed(r.file)
		d.persistNames(r.names)
	case r.op == OpSyncDir:
		d.persistNames(r.mark)
	}
	d.faulty = d.trouble.any()
}

// failSync makes clean what a sync that fails was to write.
func (d *disk) failSync(r *ioResult) {
	d.catchUp(d.w.now)
	d.trouble.struck = true
	if r.op == OpSyncDir {
		n := max(r.mark-d.synced, 0)
		d.strikes(DiskSyncError, "", int64(n))
		d.dropNames(n)
		if r.fails == syncReverts {
			d.rereadNames()
		}
		d.sweep()
		return
	}
	f := &d.files[r.file]
	n := max(r.mark-f.synced, 0)
	d.strikes(DiskSyncError, d.nameOf(r.file), int64(n))
	f.drop(n)
	for i := range d.trouble.damages {
		// What was to overwrite it never will.
		if b := &d.trouble.damages[i]; b.file == r.file && b.over <= f.synced {
			b.over = 0
		}
	}
	if r.fails == syncReverts {
		f.reread()
	}
}

// reread makes the page cache what the platter has, and upon it what is pending.
func (f *file) reread() {
	f.data = append(f.data[:0], f.durable...)
	used := 0
	for _, o := range f.pending {
		if o.truncate {
			f.data = resize(f.data, o.off)
			continue
		}
		f.data = overwrite(f.data, o.off, f.journal[used:used+o.size])
		used += o.size
	}
}

func (d *disk) rereadNames() {
	d.names = append(d.names[:0], d.platter...)
	for _, o := range d.unsynced {
		d.names = changed(d.names, o)
	}
}

// somewhere draws one of the sectors that are durable: its bytes, as far as the file
// reaches. It is never the one of file not that holds offset at.
func (d *disk) somewhere(not int32, at int64) (i int32, off, size int64, ok bool) {
	sectors := func(i int32) int64 { return (int64(len(d.files[i].durable)) + d.sector - 1) / d.sector }
	all, skipped := int64(0), int64(-1)
	for _, e := range d.platter {
		if e.file == not && at/d.sector < sectors(e.file) {
			skipped = all + at/d.sector
		}
		all += sectors(e.file)
	}
	if skipped >= 0 {
		all--
	}
	if all == 0 {
		return 0, 0, 0, false
	}
	s := int64(d.choose(ChooseDamage, &d.trouble.draws, uint64(all)))
	if skipped >= 0 && s >= skipped {
		s++
	}
	for _, e := range d.platter {
		if s < sectors(e.file) {
			off = s * d.sector
			return e.file, off, min(d.sector, int64(len(d.files[e.file].durable))-off), true
		}
		s -= sectors(e.file)
	}
	panic(fmt.Sprintf("sim: node %d: no sector %d among %d", d.n.id, s, all))
}

// at is the sector of a file that holds an offset, if that is durable, name and byte.
func (d *disk) at(name string, offset int64) (i int32, off, size int64, ok bool) {
	for _, e := range d.platter {
		if durable := int64(len(d.files[e.file].durable)); e.name == name && offset >= 0 && offset < durable {
			off = offset / d.sector * d.sector
			return e.file, off, min(d.sector, durable-off), true
		}
	}
	return 0, 0, 0, false
}

// strays lets the misdirected writes among the first n pending operations of a file hit.
func (d *disk) strays(i int32, n int) {
	f := &d.files[i]
	used := 0
	for _, o := range f.pending[:n] {
		if o.stray {
			d.stray(i, o.off, f.journal[used:used+o.size])
		}
		used += o.size
	}
}

// stray puts the bytes of a misdirected write of file i at off elsewhere on the platter:
// at the beginning of another sector, and no further than that file's end. If there is
// no other sector, they are lost.
func (d *disk) stray(i int32, off int64, b []byte) {
	j, to, _, ok := d.somewhere(i, off)
	if !ok {
		return
	}
	n := int64(copy(d.files[j].durable[to:], b))
	d.damage(j, DiskStray, to, n)
	d.strikes(DiskStray, d.nameOf(j), to)
}

func (d *disk) damage(i int32, kind DiskFault, off, size int64) {
	d.trouble.damages = append(d.trouble.damages, damage{i, kind, off, size, 0, 0})
	if kind == DiskRot || kind == DiskStray || kind == DiskUnreadable {
		d.trouble.damages[len(d.trouble.damages)-1].over = d.files[i].overwritten(off, size)
	}
}

// overwritten is the last pending operation, counted as damage.over, after which
// nothing of the range is as it was; 0 if there is none.
func (f *file) overwritten(off, size int64) int {
	for k := len(f.pending) - 1; k >= 0; k-- {
		o := f.pending[k]
		if o.lost {
			continue
		}
		if from, to := o.within(off, off+size); from == off && to == off+size {
			return f.synced + k + 1
		}
	}
	return 0
}

// overwrote notes that the last operation of file i wrote a range.
func (d *disk) overwrote(i int32, off, size int64) {
	f := &d.files[i]
	for k := range d.trouble.damages {
		if b := &d.trouble.damages[k]; b.file == i && off <= b.off && b.off+b.size <= off+size {
			b.over = f.synced + len(f.pending)
		}
	}
}

// healed forgets the damage of file i whose overwriting is durable.
func (d *disk) healed(i int32) {
	d.trouble.damages = slices.DeleteFunc(d.trouble.damages, func(b damage) bool {
		return b.file == i && b.over > 0 && b.over <= d.files[i].synced
	})
}

// forgotten forgets all damage of a file that is gone.
func (d *disk) forgotten(i int32) {
	d.trouble.damages = slices.DeleteFunc(d.trouble.damages, func(b damage) bool { return b.file == i })
}

// beforeLoss and afterLoss find the damage that a power loss left overwritten: what has
// other bytes on the platter now.
func (d *disk) beforeLoss() {
	for k := range d.trouble.damages {
		b := &d.trouble.damages[k]
		b.was = d.files[b.file].digest(b.off, b.size)
	}
	for i := range d.files {
		for k := range d.files[i].pending {
			d.files[i].pending[k].stray = false
		}
	}
}

func (d *disk) afterLoss() {
	d.trouble.damages = slices.DeleteFunc(d.trouble.damages, func(b damage) bool {
		return b.over > 0 && d.files[b.file].digest(b.off, b.size) != b.was
	})
	for k := range d.trouble.damages {
		d.trouble.damages[k].over = 0
	}
	for i := range d.files {
		f := &d.files[i]
		f.data = append(f.data[:0], f.durable...)
	}
	d.faulty = d.trouble.any()
}

func (f *file) digest(off, size int64) Digest {
	end := int64(len(f.durable))
	return Digest(0).Bytes(f.durable[min(off, end):min(off+size, end)])
}

// unreadable is the offset of a sector in a range that cannot be read; -1 if all can be.
func (d *disk) unreadable(i int32, off, n int64) int64 {
	end := min(off+n, int64(len(d.files[i].data)))
	for _, b := range d.trouble.damages {
		if b.kind == DiskUnreadable && b.file == i && b.over == 0 && max(off, b.off) < min(end, b.off+b.size) {
			return b.off
		}
	}
	return -1
}

// nameOf is a name that leads to a file: the page cache's, or the platter's.
func (d *disk) nameOf(i int32) string {
	for _, dir := range [...][]dirent{d.names, d.platter} {
		for _, e := range dir {
			if e.file == i {
				return e.name
			}
		}
	}
	return ""
}

func slowed(t time.Duration, factor int64) time.Duration {
	if t > math.MaxInt64/time.Duration(factor) {
		return math.MaxInt64
	}
	return t * time.Duration(factor)
}
