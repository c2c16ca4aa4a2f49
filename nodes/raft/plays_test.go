package raft

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/saros-sim/saros/sim"
)

// TestPlays runs the scripts in testdata/plays. Nothing happens that a script does not
// say; only disks are fast, unless they are called slow. A place in a log is written
// index@term. Commands:
//
//	cluster NODE… [disks=slow] [entries=4] [window=8] [waiting=8] [rule=MUTANT]
//	log NODE… term=T entries=(1,1,2)  begin with such a log
//	campaign NODE                     time passes until its election timer fires
//	fire NODE election|heartbeat      the same for any timer
//	elect NODE by=(NODE…)             campaign, again if need be; only these get to vote
//	beats NODE n=COUNT                so many heartbeats, each settled
//	wait 50ms                         time passes and no timer fires
//	propose NODE COMMAND…             a client asks
//	deliver [late] [MATCH]            frames that are under way, not those they beget
//	drop, duplicate [MATCH]
//	delay [MATCH]                     set aside, for deliver late
//	    MATCH: from=NODE to=NODE kind=KIND n=COUNT newest
//	settle                            deliver and sync until nothing is under way
//	slow, fast, sync NODE…            its disk; sync ends all that it has to do, or n=COUNT
//	                                  operations of it
//	kill, power-loss, restart NODE…   after a power loss only what was synced is there
//	cut, mend NODE [NODE]             a node's links, or the one between two
//	state, messages
//	again rule=MUTANT                 the play since cluster, with a rule replaced
func TestPlays(t *testing.T) {
	datadriven.Walk(t, "testdata/plays", func(t *testing.T, path string) {
		var p play
		datadriven.RunTest(t, path, func(t *testing.T, c *datadriven.TestData) string {
			p.out.Reset()
			p.t = t
			if c.Cmd == "again" {
				p.again(c)
				return p.out.String()
			}
			line := *c // datadriven uses one for all
			p.script = append(p.script, &line)
			p.act(&line)
			return p.out.String()
		})
	})
}

type play struct {
	t      *testing.T
	s      *stage
	script []*datadriven.TestData // since cluster
	brief  bool                   // tells leaders, commits, answers and violations only
	indent string
	out    strings.Builder

	// Before the event at hand.
	before shown
	under  int      // frames under way
	heard  []string // during the event
	told   int      // violations that were told
}

// shown is what the audience saw of a node.
type shown struct {
	up     bool
	role   Role
	term   Term
	vote   sim.NodeID
	log    string
	commit Index
	held   int
}

func show(a *actor) shown {
	n := a.node
	if n == nil || !n.Ready() {
		return shown{}
	}
	return shown{true, n.role, n.term, n.vote, termsOf(&n.log), n.commit, len(n.deferred)}
}

func (p *play) printf(format string, args ...any) { fmt.Fprintf(&p.out, p.indent+format+"\n", args...) }

func (p *play) act(c *datadriven.TestData) {
	switch c.Cmd {
	case "cluster":
		p.script = []*datadriven.TestData{c}
		var rule string
		p.maybe(c, "rule", &rule)
		p.cluster(c, rule)
	case "log":
		p.log(c)
	case "campaign":
		p.fire(p.actor(c, 0), timerElection)
	case "elect":
		p.elect(c)
	case "fire":
		p.fire(p.actor(c, 0), sim.TimerID(p.index(c, TimerNames(), c.CmdArgs[1].Key)))
	case "beats":
		n := 1
		p.maybe(c, "n", &n)
		for range n {
			brief := p.brief
			p.brief = true
			p.fire(p.actor(c, 0), timerHeartbeat)
			p.s.settle()
			p.brief = brief
		}
	case "wait":
		d, err := time.ParseDuration(c.CmdArgs[0].Key)
		if err != nil {
			c.Fatalf(p.t, "%v", err)
		}
		p.s.now += d
	case "propose":
		for _, arg := range c.CmdArgs[1:] {
			if id := p.s.request(p.actor(c, 0), arg.Key); p.s.actors[p.id(c, c.CmdArgs[0].Key)-1].node == nil {
				p.printf("request %d is lost", id)
			}
		}
	case "deliver":
		for _, f := range p.match(c) {
			p.deliver(f)
		}
	case "drop":
		for _, f := range p.match(c) {
			p.tellFlight("lost: ", f)
		}
	case "duplicate":
		copies := p.match(c)
		p.s.flying = append(p.s.flying, append(copies, slices.Clone(copies)...)...)
	case "delay":
		p.s.late = append(p.s.late, p.match(c)...)
	case "settle":
		brief := p.brief
		p.brief = true
		n := p.s.settle()
		if p.brief = brief; !brief {
			p.printf("frames: %d", n)
		}
	case "slow", "fast":
		p.each(c, func(a *actor) {
			if a.slow = c.Cmd == "slow"; !a.slow {
				p.s.sync(a)
			}
		})
	case "sync":
		n := 1 << 30
		p.maybe(c, "n", &n)
		p.each(c, func(a *actor) {
			for ; n > 0 && a.node != nil && len(a.disk.queue) > 0; n-- {
				p.s.happens(a, func(*Node) { a.complete() })
			}
		})
	case "kill":
		p.each(c, p.s.kill)
	case "power-loss":
		p.each(c, p.s.powerLoss)
	case "restart":
		p.each(c, p.s.restart)
	case "cut", "mend":
		a, others := p.actor(c, 0), p.s.actors
		if len(c.CmdArgs) > 1 {
			others = []*actor{p.actor(c, 1)}
		}
		for _, b := range others {
			a.cut[b.id], b.cut[a.id] = c.Cmd == "cut", c.Cmd == "cut"
		}
	case "state":
		if !p.brief {
			p.state()
		}
	case "messages":
		for _, f := range p.s.flying {
			p.tellFlight("", f)
		}
	default:
		c.Fatalf(p.t, "unknown command %s", c.Cmd)
	}
}

// again plays the script since cluster once more, with a rule replaced.
func (p *play) again(c *datadriven.TestData) {
	var rule string
	c.ScanArgs(p.t, "rule", &rule)
	p.brief = true
	for i, line := range p.script {
		if i == 0 {
			p.cluster(line, rule)
			continue
		}
		p.act(line)
	}
	p.brief = false
	p.state()
}

func (p *play) cluster(c *datadriven.TestData, rule string) {
	o := stageOptions{entries: 4, window: 8, waiting: 8}
	p.maybe(c, "entries", &o.entries)
	p.maybe(c, "window", &o.window)
	p.maybe(c, "waiting", &o.waiting)
	var disks string
	p.maybe(c, "disks", &disks)
	o.slow = disks == "slow"
	for _, arg := range c.CmdArgs {
		if len(arg.Vals) == 0 {
			o.names = append(o.names, arg.Key)
		}
	}
	rules, steps := broken(rule)
	p.s = newStage(o, rules, steps)
	p.told = 0
	p.s.start()
	p.s.tell, p.s.heard = p.tell, func(line string) { p.heard = append(p.heard, line) }
}

func (p *play) log(c *datadriven.TestData) {
	var term int
	c.ScanArgs(p.t, "term", &term)
	var terms []Term
	for _, name := range p.list(c, "entries") {
		t, err := strconv.Atoi(name)
		if err != nil {
			c.Fatalf(p.t, "%v", err)
		}
		terms = append(terms, Term(t))
	}
	tell := p.s.tell
	p.s.tell = nil
	for _, arg := range c.CmdArgs {
		if len(arg.Vals) == 0 {
			a := p.s.actors[p.id(c, arg.Key)-1]
			p.s.kill(a)
			p.s.write(a, Term(term), 0, terms)
			p.s.restart(a)
		}
	}
	p.s.tell = tell
}

// elect makes a leader with the votes of some. What else is under way stays there.
func (p *play) elect(c *datadriven.TestData) {
	a := p.actor(c, 0)
	voters := p.list(c, "by")
	brief := p.brief
	p.brief = true
	for try := 0; try < 3 && a.node.role != Leader; try++ {
		p.fire(a, timerElection)
		for more := true; more; {
			p.s.sync(a)
			taken := p.s.take(func(f *flight) bool { return f.kind <= KindVoteReply && (f.from == a.id || f.to == a.id) })
			for _, f := range taken {
				other := p.s.actors[f.from+f.to-a.id-1]
				if slices.Contains(voters, other.name) {
					p.s.arrive(f)
					p.s.sync(other)
				}
			}
			more = len(taken) > 0
		}
	}
	if p.brief = brief; a.node.role != Leader {
		p.printf("%s is not elected", a.name)
	}
}

func (p *play) fire(a *actor, t sim.TimerID) {
	if !p.s.fire(a, t) {
		p.printf("%s has no %s timer running", a.name, TimerNames()[t])
	}
}

func (p *play) deliver(f *flight) {
	if !p.brief {
		p.printf("▶ %s to %s: %s", p.s.name(f.from), p.s.name(f.to), describe(f.kind, f.frame))
		p.indent = "    "
	}
	if !p.s.arrive(f) && !p.brief {
		p.printf("%s is down", p.s.name(f.to))
	}
	p.indent = ""
}

// tell prints what an event changed.
func (p *play) tell(a *actor, after bool) {
	if !after {
		p.before, p.under = show(a), len(p.s.flying)
		return
	}
	was, is := p.before, show(a)
	var parts []string
	part := func(matters, changed bool, format string, args ...any) {
		if changed && (matters || !p.brief) {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	switch {
	case a.halted != nil && was.up:
		parts = append(parts, "halts: "+a.halted.Error())
	case !is.up:
		part(false, was.up, "down")
	case !was.up:
		part(false, true, "up again in term %d, vote %s, log %s", is.term, p.s.name(is.vote), is.log)
	default:
		part(is.role == Leader, was.role != is.role || was.term != is.term, "%s in term %d", roles[is.role], is.term)
		part(false, is.vote != 0 && (was.vote != is.vote || was.term != is.term), "votes for %s", p.s.name(is.vote))
		part(false, was.log != is.log, "log %s", is.log)
		part(true, was.commit != is.commit, "commit %d", is.commit)
	}
	if len(parts) > 0 {
		p.printf("%s: %s", a.name, strings.Join(parts, ", "))
	}
	for _, line := range p.heard {
		p.printf("%s", line)
	}
	p.heard = p.heard[:0]
	for i := range p.s.violations[p.told:] {
		i += p.told
		if v := p.s.violations[i]; !slices.ContainsFunc(p.s.violations[:i], func(w violation) bool { return w.class == v.class }) {
			p.printf("VIOLATION of %v", v)
		}
	}
	p.told = len(p.s.violations)
	if p.brief {
		return
	}
	for _, f := range p.s.flying[min(p.under, len(p.s.flying)):] {
		p.tellFlight("", f)
	}
	if is.up {
		p.holds(a, was.held)
	}
}

// holds tells which frames wait for the disk.
func (p *play) holds(a *actor, from int) {
	at := 0
	for i, d := range a.node.deferred {
		if i >= from {
			p.printf("%s holds, for its disk: to %s: %s", a.name, p.s.name(d.to), describe(d.kind, a.node.held[at:at+d.size]))
		}
		at += d.size
	}
}

func (p *play) tellFlight(what string, f *flight) {
	if !p.brief {
		p.printf("%s%s to %s: %s", what, p.s.name(f.from), p.s.name(f.to), describe(f.kind, f.frame))
	}
}

var roles = [...]string{"follower", "pre-candidate", "candidate", "leader"}

func (p *play) state() {
	width := 0
	for _, a := range p.s.actors {
		width = max(width, len(a.name))
	}
	for _, a := range p.s.actors {
		n := a.node
		if n == nil {
			p.printf("%-*s down", width, a.name)
			continue
		}
		line := fmt.Sprintf("%-*s %-13s term %d, vote %-*s commit %d, applied %d, log %s", width, a.name, roles[n.role], n.term,
			width+1, p.s.name(n.vote)+",", n.commit, n.applied, termsOf(&n.log))
		if len(n.waiting) > 0 {
			line += fmt.Sprintf(", %d waiting", len(n.waiting))
		}
		p.printf("%s", strings.TrimRight(line, " "))
	}
}

// list is an argument of several values.
func (p *play) list(c *datadriven.TestData, key string) []string {
	for _, arg := range c.CmdArgs {
		if arg.Key == key {
			return arg.Vals
		}
	}
	c.Fatalf(p.t, "%s=(…) is missing", key)
	return nil
}

// match takes the frames that a command speaks of.
func (p *play) match(c *datadriven.TestData) []*flight {
	var from, to, kind string
	count := 1 << 30
	newest, late := false, false
	p.maybe(c, "from", &from)
	p.maybe(c, "to", &to)
	p.maybe(c, "kind", &kind)
	p.maybe(c, "n", &count)
	for _, arg := range c.CmdArgs {
		newest = newest || arg.Key == "newest"
		late = late || arg.Key == "late"
	}
	if kind != "" {
		p.index(c, KindNames(), kind)
	}
	if late {
		p.s.flying, p.s.late = p.s.late, p.s.flying
		defer func() { p.s.flying, p.s.late = p.s.late, p.s.flying }()
	}
	is := func(f *flight) bool {
		return (from == "" || f.from == p.id(c, from)) && (to == "" || f.to == p.id(c, to)) &&
			(kind == "" || KindNames()[f.kind] == kind)
	}
	all := 0
	for _, f := range p.s.flying {
		if is(f) {
			all++
		}
	}
	seen := 0
	taken := p.s.take(func(f *flight) bool {
		if !is(f) {
			return false
		}
		seen++
		return seen <= count && !newest || newest && seen > all-count
	})
	if newest {
		slices.Reverse(taken)
	}
	if len(taken) == 0 {
		p.printf("nothing like that is under way")
	}
	return taken
}

func (p *play) each(c *datadriven.TestData, do func(a *actor)) {
	for i, arg := range c.CmdArgs {
		if len(arg.Vals) == 0 {
			do(p.actor(c, i))
		}
	}
}

func (p *play) actor(c *datadriven.TestData, i int) *actor {
	return p.s.actors[p.id(c, c.CmdArgs[i].Key)-1]
}

func (p *play) id(c *datadriven.TestData, name string) sim.NodeID {
	return sim.NodeID(p.index(c, p.s.opts.names, name) + 1)
}

func (p *play) index(c *datadriven.TestData, names []string, name string) int {
	i := slices.Index(names, name)
	if i < 0 {
		c.Fatalf(p.t, "%q is none of %q", name, names)
	}
	return i
}

// maybe scans an argument that may be missing.
func (p *play) maybe(c *datadriven.TestData, key string, to any) {
	if c.HasArg(key) {
		c.ScanArgs(p.t, key, to)
	}
}

// describe writes a frame as a person would say it.
func describe(kind sim.Kind, frame []byte) string {
	name := KindNames()[kind]
	switch kind {
	case KindPreVote, KindVote:
		var m VoteRequest
		m.decode(frame)
		return fmt.Sprintf("%s in term %d? my log ends at %d@%d", name, m.Term, m.LastIndex, m.LastTerm)
	case KindPreVoteReply, KindVoteReply:
		var m VoteReply
		m.decode(frame)
		if m.Granted {
			return fmt.Sprintf("%s: yes, in term %d", name, m.Term)
		}
		return fmt.Sprintf("%s: no, my term is %d", name, m.Term)
	case KindAppend:
		var m AppendRequest
		m.decode(frame)
		entries := "nothing new"
		for i, e := range m.Entries {
			if i == 0 {
				entries = ""
			}
			entries += fmt.Sprintf("%d@%d ", m.PrevIndex+1+Index(i), e.Term)
		}
		return fmt.Sprintf("append of term %d: %s after %d@%d; commit %d", m.Term, strings.TrimSpace(entries), m.PrevIndex, m.PrevTerm, m.Commit)
	case KindAppendReply:
		var m AppendReply
		m.decode(frame)
		if m.OK {
			return fmt.Sprintf("%s of term %d: matches up to %d", name, m.Term, m.Match)
		}
		if m.Rejected == 0 {
			return fmt.Sprintf("%s: no, my term is %d", name, m.Term)
		}
		return fmt.Sprintf("%s of term %d: nothing fits after %d, perhaps after %d@%d", name, m.Term, m.Rejected, m.Hint, m.HintTerm)
	}
	return name
}

// TestPlaysConvict: nothing is violated in any play, but where a rule is replaced; and
// every mutant that chaos finds too seldom has a play that convicts it.
func TestPlaysConvict(t *testing.T) {
	convicted := map[string]bool{"local-read": true} // by an answer that is out of date
	datadriven.Walk(t, "testdata/plays", func(t *testing.T, path string) {
		script, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, act := range strings.Split(string(script), "\n\n") {
			if !strings.Contains(act, "\nVIOLATION") {
				continue
			}
			command, _, _ := strings.Cut(act, "\n")
			rule, again := strings.CutPrefix(command, "again rule=")
			if !again {
				t.Errorf("%s: Raft is convicted in %q", path, command)
			}
			convicted[rule] = true
		}
	})
	for _, m := range mutants {
		if m.rare && !convicted[m.name] {
			t.Errorf("no play convicts %s", m.name)
		}
	}
}
