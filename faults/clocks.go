package faults

import (
	"time"

	"github.com/saros-sim/saros/sim"
)

// Faults of clocks, and of what keeps them right.

// timed makes a strike of a call whose amount is a time.
func timed(do func(w *sim.World, id sim.NodeID, d time.Duration) bool) func(*Injector, int, int) (bool, bool) {
	return armed(func(w *sim.World, id sim.NodeID, ns int64) bool { return do(w, id, time.Duration(ns)) })
}

// undone makes the end of a fault that only has to be taken back.
func undone(undo func(w *sim.World, id sim.NodeID, amount int64)) func(*Injector, int, int, bool) {
	return func(in *Injector, i, s int, _ bool) { undo(in.w, in.t.Servers[s-1], in.p.Faults[i].Amount) }
}

func slewClock(w *sim.World, id sim.NodeID, d time.Duration) bool { return w.SlewClock(id, d) }
func slewBack(w *sim.World, id sim.NodeID, ns int64)              { w.SlewClock(id, -time.Duration(ns)) }

func freeze(w *sim.World, id sim.NodeID, _ int64) bool { return w.FreezeClock(id) }
func thaw(w *sim.World, id sim.NodeID, _ int64)        { w.ThawClock(id, true) }

func coarse(w *sim.World, id sim.NodeID, grain time.Duration) bool {
	return w.SetGrain(id, grain, grain)
}
func fine(w *sim.World, id sim.NodeID, _ int64) { w.SetGrain(id, 0, 0) }

func leapSecond(w *sim.World, id sim.NodeID, _ int64) bool {
	return w.Leap(id, sim.Time(w.WallOf(id).Reading)+1, 0)
}
func noLeap(w *sim.World, id sim.NodeID, _ int64) { w.Unleap(id) }

func breakBound(w *sim.World, id sim.NodeID, by time.Duration) bool { return w.BreakBound(id, by) }
func mendBound(w *sim.World, id sim.NodeID, _ int64)                { w.BreakBound(id, 0) }

func silence(w *sim.World, id sim.NodeID, _ int64) bool { return w.SilenceNTP(id) }
func answer(w *sim.World, id sim.NodeID, _ int64)       { w.AnswerNTP(id) }

// falseTicker makes a liar of the time server that has the number of Fault.Node.
func (in *Injector) falseTicker(i, s int) (open, changed bool) {
	changed = in.w.FalseTicker(s, time.Duration(in.p.Faults[i].Amount))
	return changed, changed
}

func (in *Injector) trueTicker(_, s int, _ bool) { in.w.FalseTicker(s, 0) }

// suspend stops the whole machine of a server, its clock too.
func (in *Injector) suspend(i, s int) (open, changed bool) {
	return in.took(i, s, in.w.Suspend(in.t.Servers[s-1]))
}
