package sim

import "time"

// Suspend stops the whole machine of node n, as a hypervisor does, and the guest does
// not see it: the process stands as in a pause, but so do its clocks. After Resume its
// timers have as long to go as before, and its time of day is behind until somebody
// corrects it. (A guest that is told reads Disrupted: DisruptClock. One whose monotonic
// clock goes on, as Linux' CLOCK_BOOTTIME does, is paused: Pause.)
func (w *World) Suspend(id NodeID) bool {
	n := w.nodes[id]
	if !n.up || n.paused || n.client != nil {
		return false
	}
	k := n.kept()
	n.paused, n.pausedAt = true, w.now
	k.suspended, k.stopped = true, w.now
	for i := range n.timers {
		if t := &n.timers[i]; t.active && !t.due {
			t.entry++ // the entry in the queue is void
			t.inQueue = false
		}
	}
	w.record(TraceSuspend, id, 0, 0, 0, nil)
	return true
}

// Suspended tells whether the machine of node n is suspended.
func (w *World) Suspended(n NodeID) bool { return w.nodes[n].keeping.suspended }

// unsuspend lets the clocks of a suspended machine go on: what it was about to do it
// does later by what it lost.
func (w *World) unsuspend(n *node, lost time.Duration) {
	k := &n.keeping
	if !k.suspended {
		return
	}
	k.suspended = false
	k.lost += lost
	if n.cpu > k.stopped {
		n.cpu = n.cpu.Add(lost)
	}
	for i := range n.timers {
		if t := &n.timers[i]; t.active && !t.due {
			t.deadline = t.deadline.Add(lost)
			w.queueTimer(n, TimerID(i), t)
		}
	}
}
