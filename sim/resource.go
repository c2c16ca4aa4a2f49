package sim

import (
	"errors"
	"math"
	"time"
)

// Resources: a node has one CPU and some memory. Work takes CPU time (Options.CPU,
// Env.Spend), and what arrives meanwhile waits in the run queue. A process that holds
// more memory than there is gets killed, as an operating system does it.

// MaxSlow bounds the product of all factors by which a node is slow.
const MaxSlow = 1_000_000

// Slow makes all CPU work of node n take factor times as long from now on, until as many
// calls of Quicken: a gray failure (Huang et al., HotOS 2017). Factors multiply. It is
// false, and does nothing, for a client, for a factor below 2, and beyond MaxSlow.
func (w *World) Slow(id NodeID, factor int64) bool {
	n := w.nodes[id]
	if n.client != nil || factor < 2 || max(n.slow, 1) > MaxSlow/factor {
		return false
	}
	n.slow = max(n.slow, 1) * factor
	w.record(TraceSpeed, id, 0, 0, uint64(n.slow), nil)
	return true
}

// Quicken takes back a Slow with the same factor.
func (w *World) Quicken(id NodeID, factor int64) bool {
	n := w.nodes[id]
	if factor < 2 || n.slow < factor {
		return false
	}
	n.slow /= factor
	w.record(TraceSpeed, id, 0, 0, uint64(n.slow), nil)
	return true
}

// work adds CPU time to what the handler has spent.
func (n *node) work(d time.Duration) {
	if n.slow > 1 {
		if d > math.MaxInt64/time.Duration(n.slow) {
			d = math.MaxInt64
		} else {
			d *= time.Duration(n.slow)
		}
	}
	n.cpu = n.cpu.Add(d)
}

// Waiting is how many events wait in node n's run queue.
func (w *World) Waiting(id NodeID) int { return len(w.nodes[id].inbox) - w.nodes[id].head }

// ErrOutOfMemory is what OnHalt is told of a process that held more memory than its
// node has.
var ErrOutOfMemory = errors.New("sim: out of memory, killed")

// Memory implements Env.
func (n *node) Memory(delta int64) {
	if n.mute {
		return
	}
	n.memory = max(n.memory+delta, 0)
	if n.budget > 0 && n.memory > n.budget {
		n.Halt(ErrOutOfMemory)
	}
}

// MemoryOf is how many bytes the process of node n has charged; 0 after a crash.
func (w *World) MemoryOf(id NodeID) int64 { return w.nodes[id].memory }

// SetMemory gives node n another memory budget, in bytes; 0 is no limit. A process that
// holds more than that is killed when it charges the next byte.
func (w *World) SetMemory(id NodeID, budget int64) bool {
	n := w.nodes[id]
	if n.client != nil || budget < 0 || n.budget == budget {
		return false
	}
	n.budget = budget
	w.record(TraceMemory, id, 0, 0, uint64(budget), nil)
	return true
}

// MemoryBudget is node n's memory budget in bytes; 0: no limit.
func (w *World) MemoryBudget(id NodeID) int64 { return w.nodes[id].budget }

// Upgrade gives node n another program: from its next boot on, boot makes its machines.
// The disk stays as the program before has left it, so that a rolling upgrade is an
// Upgrade, a Kill and a Restart of one node after another. Going back is another Upgrade.
func (w *World) Upgrade(id NodeID, boot func(incarnation uint32) Machine) {
	n := w.nodes[id]
	n.boot = boot
	n.version++
	w.record(TraceUpgrade, id, 0, 0, uint64(n.version), nil)
}
