package sim

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Resources: a node has one CPU and some memory. Work takes CPU time (Options.CPU,
// Env.Spend), and what arrives meanwhile waits in the run queue. A process that holds
// more memory than there is gets killed, as an operating system does it.

// MaxSlow bounds the product of all factors by which a node is slow.
const MaxSlow = 1_000_000

// Slow makes all CPU work of node n (handlers, effects, Env.Spend) take factor times as
// long, from the next event that it serves, until as many calls of Quicken: a gray failure
// (Huang et al., HotOS 2017). Factors multiply. It is false, and does nothing, for a
// client, for a factor below 2, and beyond MaxSlow.
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
	if factor < 2 || n.slow < factor || n.slow%factor != 0 {
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

// Memory implements Env.
func (n *node) Memory(delta int64) {
	w := n.w
	if n.mute {
		return
	}
	if n.memory+min(delta, 0) < 0 {
		panic(fmt.Sprintf("sim: node %d releases %d bytes of memory and holds %d", n.id, -delta, n.memory))
	}
	n.memory += min(delta, math.MaxInt64-n.memory)
	if delta <= 0 || n.budget == 0 || n.memory <= n.budget {
		return
	}
	if w.mustHold(n) {
		n.hold().halt = errOutOfMemory
		n.mute = true
		return
	}
	w.outOfMemory(n)
}

// errOutOfMemory tells a kill that waits among the held effects from a Halt.
var errOutOfMemory = errors.New("out of memory") //saros:constant an error

// outOfMemory is what an operating system does with a process that holds too much.
func (w *World) outOfMemory(n *node) {
	w.record(TraceKill, n.id, 0, 0, killedForMemory, nil)
	w.down(n)
	if w.OnOutOfMemory != nil {
		w.OnOutOfMemory(n.id)
	}
}

// MemoryOf is how many bytes the process of node n has charged; 0 after a crash.
func (w *World) MemoryOf(id NodeID) int64 { return w.nodes[id].memory }

// SetMemory gives node n another memory budget, in bytes; 0 is no limit. A process that
// holds more than that is killed when it charges the next byte. The budget outlives the
// process.
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
