package faults

import (
	"fmt"
	"strings"
	"time"

	"github.com/saros-sim/saros/sim"
)

// Target is whom a fault hits where that is not known beforehand.
type Target string

// The targets. Of a fault of links, Leader is the side (From or To) that is left
// empty; if both are, the leader is From, and To is every other server.
const (
	Leader   Target = "leader" // whoever holds the role when the fault strikes, if anybody
	Everyone Target = "all"    // every server at the same instant: kill, power_loss, pause, clocks
)

// Fault is one thing that goes wrong. Server indices are 1, 2, … n in the order of
// Topology.Servers; in From and To, 0 stands for all clients.
type Fault struct {
	Kind   Kind    `json:"kind"`
	At     int64   `json:"at_ns"`            // when: true time since the beginning
	For    int64   `json:"for_ns,omitempty"` // until its end: restart, resume, mend, calm, clocks put right; 0: until the heal
	Node   int     `json:"node,omitempty"`   // the server that is hit, unless there is a Target
	From   []int   `json:"from,omitempty"`   // partition: one side; other faults of links: the senders. Ascending
	To     []int   `json:"to,omitempty"`     // partition: the other side; else: the receivers. Ascending
	Amount int64   `json:"amount,omitempty"` // delay: factor; tail, loss, duplicate: ppm; clock_step: ns (signed); clock_drift: ppm (signed, + is fast)
	On     *Anchor `json:"on,omitempty"`     // aimed: not at At, but at the first matching step from At on
	Target Target  `json:"target,omitempty"` // "" = Node, or From and To
	Domain string  `json:"domain,omitempty"` // of domain_cut and domain_power: the name of a failure domain
}

// Anchor aims a fault at a step: it strikes right after the Nth one of the server
// that it is to hit. With the target "leader", steps count while they are made by
// whoever leads; with "all", the first server to make its Nth step triggers it.
type Anchor struct {
	Step string `json:"step"`           // "send", "sync" (submitted to the disk), "durable" (the sync completed)
	Kind string `json:"kind,omitempty"` // of send: the name of a message kind
	Nth  int    `json:"nth"`            // 1 is the first
}

// Steps of an Anchor.
const (
	StepSend    = "send"
	StepSync    = "sync"
	StepDurable = "durable"
)

// Schema is the first line of every plan.
const Schema = "saros/plan/v1"

// Plan is all that goes wrong in a run. The zero value is a run in which nothing does.
type Plan struct {
	Schema string  `json:"schema"`
	Faults []Fault `json:"faults"`
	Heal   int64   `json:"heal_at_ns"`     // when every fault ends, before it every fault begins; 0: never, faults end by themselves
	Core   []int   `json:"core,omitempty"` // servers that are healed, ascending; the others are gone for good from the heal on. nil: all
}

// String describes the fault in one line.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s", sim.Time(f.At), f.Kind)
	i := f.Kind.index()
	switch {
	case f.Node != 0:
		fmt.Fprintf(&b, " server %d", f.Node)
	case f.Domain != "":
		fmt.Fprintf(&b, " %s", f.Domain)
	case f.Target != "" && !(i >= 0 && All[i].hits == links):
		fmt.Fprintf(&b, " %s", f.Target)
	case f.Kind == Partition:
		fmt.Fprintf(&b, " %s | %s", side(f.From, f.Target, ""), side(f.To, f.Target, f.restIf()))
	default:
		fmt.Fprintf(&b, " %s -> %s", side(f.From, f.Target, ""), side(f.To, f.Target, f.restIf()))
	}
	switch f.Kind {
	case Delay, Slow, DiskSlow:
		fmt.Fprintf(&b, " x%d", f.Amount)
	case Tail, Loss, Duplicate, Corrupt, LateCopy, BurstLoss, Withhold, Flip, Replay, Equivocate:
		fmt.Fprintf(&b, " %d.%04d%%", f.Amount/10_000, f.Amount%10_000)
	case ClockStep, ClockSlew, ClockLies, FalseTicker, ClockCoarse:
		fmt.Fprintf(&b, " by %v", time.Duration(f.Amount))
	case SyncError, SyncRevert, WriteError, ShortWrite, Unreadable, LostWrite, Misdirected, BitRot:
		fmt.Fprintf(&b, " %d", f.Amount)
	case DiskFull:
		fmt.Fprintf(&b, " but for %d bytes", f.Amount)
	case Memory:
		fmt.Fprintf(&b, " %d bytes", f.Amount)
	case ClockDrift:
		fmt.Fprintf(&b, " %+d ppm", f.Amount)
	}
	if f.On != nil {
		fmt.Fprintf(&b, " at %s %d", f.On.Step, f.On.Nth)
		if f.On.Kind != "" {
			fmt.Fprintf(&b, " of %s", f.On.Kind)
		}
	}
	if f.For != 0 {
		fmt.Fprintf(&b, " for %v", time.Duration(f.For))
	}
	return b.String()
}

// restIf names the To side of a fault whose sides are both empty.
func (f *Fault) restIf() string {
	if len(f.From) == 0 {
		return "others"
	}
	return ""
}

func side(s []int, target Target, empty string) string {
	if len(s) == 0 {
		if empty != "" {
			return empty
		}
		return string(target)
	}
	var b strings.Builder
	for i, n := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		if n == 0 {
			b.WriteString("clients")
		} else {
			fmt.Fprintf(&b, "%d", n)
		}
	}
	return b.String()
}
