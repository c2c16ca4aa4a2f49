package faults

import "slices"

// Model is the system model under which a nemesis draws: what timing and which failures
// it may use, and so what can be asked of a protocol (Dwork, Lynch, Stockmeyer 1988;
// DDIA, "System Model and Reality"). The zero value is the usual one: partially
// synchronous, crash-recovery, within the budget.
type Model struct {
	Timing    Timing
	Failures  Failures
	Unbounded bool // more servers may be bad than a correct system must survive
}

// Timing is what is known of delays, pauses and clocks.
type Timing uint8

// The timing models. Synchronous: delays, pauses and clock errors have known bounds;
// no fault touches them. PartiallySynchronous: they have, from the heal on.
// Asynchronous: they never have; there is no heal.
const (
	PartiallySynchronous Timing = iota
	Synchronous
	Asynchronous
)

// Failures is how nodes fail.
type Failures uint8

// The models of failure. CrashRecovery: a process dies and comes back with its disk.
// CrashStop: it does not come back. Byzantine: some of them lie, too.
const (
	CrashRecovery Failures = iota
	CrashStop
	Byzantine
)

// Asks tells whether liveness can be asked for: without a heal, or with more bad servers
// than a system must survive, only safety can.
func (m Model) Asks() bool { return m.Timing != Asynchronous && !m.Unbounded }

// String names the model in the words of the field.
func (m Model) String() string {
	s := [...]string{"partially synchronous", "synchronous", "asynchronous"}[m.Timing] + ", " +
		[...]string{"crash-recovery", "crash-stop", "Byzantine"}[m.Failures]
	if m.Unbounded {
		s += ", unbounded"
	}
	if !m.Asks() {
		s += "; safety only"
	}
	return s
}

// Tolerated is how many of n servers may be bad for good, or lie, or lose what they
// had: fewer than half, for a majority has to go on.
func Tolerated(n int) int { return (n - 1) / 2 }

// admits tells whether the model has such a fault at all.
func (m Model) admits(info *Info) bool {
	if info.lies && m.Failures != Byzantine {
		return false
	}
	if info.hits == domains && info.stops && m.Failures == CrashStop {
		return false // a rack that is gone for good can be more than may be gone
	}
	return !info.timing || m.Timing != Synchronous
}

// apply makes what was drawn a plan of the model: who is bad for good is one of a few,
// and these are not of the core.
func (n *nemesis) apply(m Model) (heal int64, core []int) {
	heal, core = int64(n.p.Heal), n.core()
	hitsBad := func(f Fault) bool {
		info := &All[f.Kind.index()]
		return info.lies || info.damages || m.Failures == CrashStop && info.stops
	}
	if slices.ContainsFunc(n.faults, hitsBad) {
		bad := n.bad(m)
		if len(bad) == 0 { // one server: nobody could go on
			n.faults = slices.DeleteFunc(n.faults, hitsBad)
		}
		lasting := false
		for i := range n.faults {
			f := &n.faults[i]
			if !hitsBad(*f) {
				continue
			}
			info := &All[f.Kind.index()]
			f.Node, f.Target = bad[f.Node%len(bad)], ""
			if info.stops {
				f.For = 0
			}
			lasting = lasting || !info.lies
		}
		if lasting {
			core = n.without(bad)
		}
	}
	if m.Timing == Asynchronous {
		heal = 0
	}
	if !m.Asks() {
		core = nil
	}
	return heal, core
}

// bad draws, ascending, which servers may be bad for good: as many as a correct system
// must survive, or all.
func (n *nemesis) bad(m Model) []int {
	if m.Unbounded {
		return n.all(false, 0)
	}
	return n.some(Tolerated(n.n))
}

// without lists the servers that are not in bad.
func (n *nemesis) without(bad []int) (rest []int) {
	for s := 1; s <= n.n; s++ {
		if !slices.Contains(bad, s) {
			rest = append(rest, s)
		}
	}
	return rest
}
