package faults

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of a plan. What passes them is refused by name, before memory is taken.
const (
	MaxBytes    = 1 << 20                           // of an encoded plan
	MaxFaults   = 10_000                            // of one plan
	MaxTime     = int64(100 * 365 * 24 * time.Hour) // At, For, Heal and all clock steps together: 100 years
	MaxServers  = 65_535                            // as many as there are sim.NodeIDs
	MaxFactor   = 10_000                            // of a delay
	MaxDriftPPM = 200_000                           // of a clock, fast or slow
	MaxNth      = 1_000_000                         // of an anchor
	maxDomain   = 256                               // bytes of a name
	million     = 1_000_000
)

// Validate says whether p makes sense in a topology. The error is one line and names
// the field, its value and what is allowed.
func (p Plan) Validate(t Topology) error {
	if err := p.check(); err != nil {
		return err
	}
	n := len(t.Servers)
	for i := range p.Faults {
		f := &p.Faults[i]
		if f.Node > n {
			return fmt.Errorf("faults[%d].node: there is no server %d; there are %d", i, f.Node, n)
		}
		if f.Domain != "" && !slices.Contains(t.Domains, f.Domain) {
			return fmt.Errorf("faults[%d].domain: there is no domain %s; %s", i, quote(f.Domain), listed(t.Domains))
		}
		if last := greatest(f.From); last > n {
			return fmt.Errorf("faults[%d].from: there is no server %d; there are %d", i, last, n)
		}
		if last := greatest(f.To); last > n {
			return fmt.Errorf("faults[%d].to: there is no server %d; there are %d", i, last, n)
		}
		if f.On != nil && f.On.Step == StepSend {
			known := false
			if t.Kinds != nil {
				_, known = t.Kinds(f.On.Kind)
			}
			if !known {
				return fmt.Errorf("faults[%d].on.kind: no message kind is named %s here", i, quote(f.On.Kind))
			}
		}
	}
	if last := greatest(p.Core); last > n {
		return fmt.Errorf("core: there is no server %d; there are %d", last, n)
	}
	return nil
}

// check is the part of Validate that needs no topology.
func (p *Plan) check() error {
	if p.Schema != "" && p.Schema != Schema {
		return fmt.Errorf("schema: %s is not %q", quote(p.Schema), Schema)
	}
	if len(p.Faults) > MaxFaults {
		return fmt.Errorf("faults: %d of them; the limit is %d", len(p.Faults), MaxFaults)
	}
	if err := checkTime("heal_at_ns", p.Heal); err != nil {
		return err
	}
	var stepped int64
	for i := range p.Faults {
		f := &p.Faults[i]
		err := f.check()
		if err == nil && p.Heal > 0 && f.At >= p.Heal {
			err = fmt.Errorf("at_ns: %d is not before heal_at_ns, %d", f.At, p.Heal)
		}
		if f.Kind == ClockStep && err == nil {
			if stepped += max(f.Amount, -f.Amount); stepped > MaxTime {
				err = fmt.Errorf("amount: the steps of the clocks add up to more than 100 years (%d ns)", MaxTime)
			}
		}
		if err != nil {
			return fmt.Errorf("faults[%d].%w", i, err)
		}
	}
	if p.Core != nil && len(p.Core) == 0 {
		return fmt.Errorf("core: empty, so that no server would be left; leave it out for all")
	}
	return checkSide("core", p.Core, 1)
}

// check looks at one fault alone.
func (f *Fault) check() error {
	kind := f.Kind.index()
	if kind < 0 {
		return fmt.Errorf("kind: %s is no kind of fault; saros list faults names them all", quote(string(f.Kind)))
	}
	if err := checkTime("at_ns", f.At); err != nil {
		return err
	}
	if err := checkTime("for_ns", f.For); err != nil {
		return err
	}
	if f.Target != "" && f.Target != Leader && f.Target != Everyone {
		return fmt.Errorf("target: %s is neither %q nor %q", quote(string(f.Target)), Leader, Everyone)
	}
	err := f.checkDomain(All[kind].hits == domains)
	switch {
	case err != nil || All[kind].hits == domains:
	case All[kind].hits == links:
		err = f.checkLinks()
	default:
		err = f.checkNode()
	}
	if err != nil {
		return err
	}
	if err := f.checkAmount(kind); err != nil {
		return err
	}
	return f.checkAnchor()
}

// checkDomain wants a domain, and nothing else that could be hit, of a kind that hits
// domains, and none of another.
func (f *Fault) checkDomain(hits bool) error {
	switch {
	case !hits && f.Domain != "":
		return fmt.Errorf("domain: %s, but %s hits no domain", quote(f.Domain), f.Kind)
	case !hits:
		return nil
	case f.Domain == "":
		return fmt.Errorf("domain: missing")
	case len(f.Domain) > maxDomain:
		return fmt.Errorf("domain: a name of %d bytes; the limit is %d", len(f.Domain), maxDomain)
	case f.Node != 0:
		return fmt.Errorf("node: %d, but %s hits a domain", f.Node, f.Kind)
	case f.Target != "":
		return fmt.Errorf("target: %q, but %s hits a domain", f.Target, f.Kind)
	case len(f.From)+len(f.To) > 0:
		return fmt.Errorf("from, to: %s hits a domain, not links", f.Kind)
	}
	return nil
}

func listed(domains []string) string {
	if len(domains) == 0 {
		return "this network has none"
	}
	return "there are: " + strings.Join(domains, ", ")
}

func (f *Fault) checkNode() error {
	switch {
	case len(f.From) > 0:
		return fmt.Errorf("from: %s hits a node or a target, not links", f.Kind)
	case len(f.To) > 0:
		return fmt.Errorf("to: %s hits a node or a target, not links", f.Kind)
	case f.Node < 0 || f.Node > MaxServers:
		return fmt.Errorf("node: %d is not in 1..%d", f.Node, MaxServers)
	case f.Node == 0 && f.Target == "":
		return fmt.Errorf("node: missing, and so is target")
	case f.Node != 0 && f.Target != "":
		return fmt.Errorf("node: %d, but there is a target too (%s)", f.Node, f.Target)
	}
	return nil
}

func (f *Fault) checkLinks() error {
	if f.Node != 0 {
		return fmt.Errorf("node: %d, but %s hits links: from and to", f.Node, f.Kind)
	}
	if err := checkSide("from", f.From, 0); err != nil {
		return err
	}
	if err := checkSide("to", f.To, 0); err != nil {
		return err
	}
	switch f.Target {
	case Everyone:
		return fmt.Errorf("target: %q, but %s hits links: name both sides", f.Target, f.Kind)
	case Leader:
		if len(f.From) > 0 && len(f.To) > 0 {
			return fmt.Errorf("target: %q, but neither from nor to is empty, which it would stand for", f.Target)
		}
		return nil
	}
	switch {
	case len(f.From) == 0:
		return fmt.Errorf("from: missing")
	case len(f.To) == 0:
		return fmt.Errorf("to: missing")
	}
	if f.Kind == Partition || f.Kind == OneWay {
		if n, both := common(f.From, f.To); both {
			return fmt.Errorf("to: %d is on both sides", n)
		}
	}
	return nil
}

func (f *Fault) checkAmount(kind int) error {
	lo, hi, what := All[kind].allowed[0], All[kind].allowed[1], All[kind].Amount
	if what == "" {
		if f.Amount != 0 {
			return fmt.Errorf("amount: %d, but %s has none", f.Amount, f.Kind)
		}
		return nil
	}
	if f.Amount < lo || f.Amount > hi || f.Amount == 0 {
		return fmt.Errorf("amount: %d is not in %d..%d (%s)", f.Amount, lo, hi, what)
	}
	return nil
}

func (f *Fault) checkAnchor() error {
	if f.On == nil {
		return nil
	}
	a := f.On
	switch a.Step {
	case StepSend:
		if a.Kind == "" {
			return fmt.Errorf("on.kind: missing; which message kind?")
		}
	case StepSync, StepDurable:
		if a.Kind != "" {
			return fmt.Errorf("on.kind: %s, but only %q has a kind", quote(a.Kind), StepSend)
		}
	default:
		return fmt.Errorf("on.step: %s is none of %q, %q, %q", quote(a.Step), StepSend, StepSync, StepDurable)
	}
	if a.Nth < 1 || a.Nth > MaxNth {
		return fmt.Errorf("on.nth: %d is not in 1..%d", a.Nth, MaxNth)
	}
	if f.Node == 0 && f.Target == "" {
		return fmt.Errorf("on: there is nobody to watch; it needs a node or a target")
	}
	return nil
}

func checkTime(field string, ns int64) error {
	if ns < 0 || ns > MaxTime {
		return fmt.Errorf("%s: %d is not in 0..%d (100 years)", field, ns, MaxTime)
	}
	return nil
}

// checkSide wants a set of servers in ascending order, none below least.
func checkSide(field string, s []int, least int) error {
	for i, n := range s {
		if n < least || n > MaxServers {
			return fmt.Errorf("%s[%d]: %d is not in %d..%d", field, i, n, least, MaxServers)
		}
		if i > 0 && n <= s[i-1] {
			return fmt.Errorf("%s[%d]: %d after %d; they must ascend", field, i, n, s[i-1])
		}
	}
	return nil
}

// common finds a server that is in both of two ascending sets.
func common(a, b []int) (n int, found bool) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			a = a[1:]
		case a[0] > b[0]:
			b = b[1:]
		default:
			return a[0], true
		}
	}
	return 0, false
}

// greatest is the last of an ascending set, 0 if it is empty.
func greatest(s []int) int {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1]
}
