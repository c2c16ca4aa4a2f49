package sim

import "slices"

// Aimed interventions.

// Step is a step of a node that an intervention can be aimed at.
type Step uint8

// The steps.
const (
	StepSend    Step = iota + 1 // a frame of some kind left
	StepSync                    // a sync was submitted to the disk
	StepDurable                 // a sync ended: its data is durable
	StepWrite                   // an append or a write was submitted to the disk
	StepReceive                 // a frame of some kind is handled, and nothing it leads to has left
)

type watch struct {
	on   Step
	kind Kind
	left int
	do   func()
}

// Watch arms an intervention that runs once, right after the nth step (from 1) that
// the node makes from now on; kind tells which frames StepSend and StepReceive count.
// Disarm all with Unwatch.
func (w *World) Watch(id NodeID, on Step, kind Kind, nth int, do func()) {
	n := w.nodes[id]
	n.watches = append(n.watches, watch{on, kind, max(nth, 1), do})
	w.armed++
}

// Unwatch disarms every aimed intervention.
func (w *World) Unwatch() {
	for _, n := range w.nodes[1:] {
		n.watches = n.watches[:0]
	}
	w.armed = 0
}

// notice tells the watches that node n makes a step at a time.
func (w *World) notice(n *node, at Time, on Step, kind Kind) {
	for i := 0; i < len(n.watches); i++ {
		h := &n.watches[i]
		if h.on != on || h.kind != kind && (on == StepSend || on == StepReceive) {
			continue
		}
		if h.left--; h.left > 0 {
			continue
		}
		do := h.do
		n.watches = slices.Delete(n.watches, i, i+1)
		i--
		w.armed--
		n.holding = true
		w.intervene(at, w.queue.first(), do)
	}
}
