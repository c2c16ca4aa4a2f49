package faults

import (
	"time"

	"github.com/saros-sim/saros/sim"
)

// Faults of clocks, and of what keeps them right.

func thaw(w *sim.World, id sim.NodeID, _ int64) bool { return w.ThawClock(id, true) }

func coarse(w *sim.World, id sim.NodeID, ns int64) bool {
	return w.SetGrain(id, time.Duration(ns), time.Duration(ns))
}

func fine(w *sim.World, id sim.NodeID, _ int64) bool { return w.SetGrain(id, 0, 0) }

func leapSecond(w *sim.World, id sim.NodeID, _ int64) bool {
	return w.Leap(id, sim.Time(w.WallOf(id).Reading)+1, 0)
}

func mendBound(w *sim.World, id sim.NodeID, _ int64) bool { return w.BreakBound(id, 0) }

// falseTicker makes a liar of the time server that has the number of Fault.Node.
func (in *Injector) falseTicker(i, s int) (open, changed bool) {
	changed = in.w.FalseTicker(s, time.Duration(in.p.Faults[i].Amount))
	return changed, changed
}

func (in *Injector) trueTicker(_, s int, _ bool) { in.w.FalseTicker(s, 0) }

func (in *Injector) driftClock(i, s int) (open, changed bool) {
	return true, in.drift(s, in.p.Faults[i].Amount)
}

func (in *Injector) driftBack(i, s int, heal bool) {
	if !heal {
		in.drift(s, -in.p.Faults[i].Amount)
	}
}

// drift adds to the drift that all faults together give a server's clocks. The sum
// takes the place of the drift that the clocks had of their own.
func (in *Injector) drift(s int, ppm int64) bool {
	o := &in.owner[s]
	o.drift += ppm
	return in.w.SetDrift(in.t.Servers[s-1], max(-maxDriftTotal, min(o.drift, maxDriftTotal)))
}
