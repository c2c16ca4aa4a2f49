package faults

import "github.com/saros-sim/saros/sim"

// Faults of disks: what the world's disk does wrong, for a while or for good.

func failSyncs(revert bool) func(*Injector, int, int) (bool, bool) {
	return armed(func(w *sim.World, id sim.NodeID, n int64) bool { return w.FailSyncs(id, int(n), revert) })
}

func spoilWrites(f sim.DiskFault) func(*Injector, int, int) (bool, bool) {
	return armed(func(w *sim.World, id sim.NodeID, n int64) bool { return w.SpoilWrites(id, f, int(n)) })
}

func calmWrites(f sim.DiskFault) func(*Injector, int, int, bool) {
	return calmed(func(w *sim.World, id sim.NodeID, _ int64) bool { return w.CalmWrites(id, f) })
}

func lieDisk(w *sim.World, id sim.NodeID, _ int64) bool    { return w.SetLying(id, true) }
func honestDisk(w *sim.World, id sim.NodeID, _ int64) bool { return w.SetLying(id, false) }

func unreadable(w *sim.World, id sim.NodeID, n int64) (changed bool) {
	for range n {
		changed = w.SpoilSector(id) || changed
	}
	return changed
}

func rotBits(w *sim.World, id sim.NodeID, bits int64) bool { return w.RotBits(id, int(bits)) }

func nothing(*sim.World, sim.NodeID, int64) bool { return false } // what is bad stays bad

// fillDisk leaves so much room as the amount says.
func fillDisk(w *sim.World, id sim.NodeID, room int64) bool {
	used := int64(0)
	for _, f := range w.DiskOf(id).Files {
		used += int64(len(f.Data))
	}
	return w.SetCapacity(id, used+room)
}

func emptyDisk(w *sim.World, id sim.NodeID, _ int64) bool { return w.SetCapacity(id, 0) }

func stallDisk(syncsOnly bool) func(*Injector, int, int) (bool, bool) {
	return armed(func(w *sim.World, id sim.NodeID, _ int64) bool { return w.StallDisk(id, syncsOnly) })
}

// replaceDisk takes the power of a server, and its disk; it returns with an empty one.
func (in *Injector) replaceDisk(i, s int) (open, changed bool) {
	open, changed = in.powerLoss(i, s)
	return open, in.w.ReplaceDisk(in.t.Servers[s-1]) || changed
}

// maxSlowDisk bounds the product of the factors of one disk: what was submitted while it
// was slow still takes its time after the heal.
const maxSlowDisk = 500

func (in *Injector) slowDisk(i, s int) (open, changed bool) {
	o, factor := &in.owner[s], in.p.Faults[i].Amount
	if max(o.slowDisk, 1)*factor > maxSlowDisk || !in.w.SlowDisk(in.t.Servers[s-1], factor) {
		return false, false
	}
	o.slowDisk = max(o.slowDisk, 1) * factor
	return true, true
}

func (in *Injector) quickenDisk(i, s int, _ bool) {
	factor := in.p.Faults[i].Amount
	in.owner[s].slowDisk /= factor
	in.w.QuickenDisk(in.t.Servers[s-1], factor)
}
