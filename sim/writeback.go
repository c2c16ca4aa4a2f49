package sim

// Write-back: the page cache reaches the platter without being asked, as the flusher of
// an operating system does it between syncs.

// catchUp writes the page cache back, if the moment for it has come since the last
// operation. There is one in each period, a function of the period's number; nothing
// tells the machine. All that waits was submitted before that moment, for each
// operation catches up first.
func (d *disk) catchUp(at Time) {
	period := int64(d.opts.WriteBack)
	if period <= 0 {
		return
	}
	passed := int64(at) / period
	if moment := d.w.decide(DiskStream(d.n.id), ChooseWriteBack, uint32(passed), uint64(period)); int64(at)%period >= int64(moment) {
		passed++
	}
	if passed <= d.writtenBack {
		return
	}
	d.writtenBack = passed
	if d.trouble.lying { // it has the bytes, and not on the platter
		return
	}
	written := len(d.unsynced)
	for i := range d.files {
		if f := &d.files[i]; len(f.pending) > 0 {
			written += len(f.pending)
			d.persist(int32(i), f.synced+len(f.pending))
			d.healed(int32(i))
		}
	}
	d.persistNames(d.synced + len(d.unsynced))
	if written > 0 {
		d.strikes(DiskWriteBack, "", int64(written))
	}
}
