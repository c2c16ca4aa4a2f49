package raft

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/saros-sim/saros/sim"
)

// chaos drives a stage: each step is one that a network, a disk, a clock, an operator
// or a client could make. It says what the nodes got wrong.
type chaos struct {
	*stage
	choose func(n int) int
	odds   [acts]int
	said   map[uint64]string     // command of each request
	to     map[uint64]lifeOfNode // whom it was sent to
}

// lifeOfNode is one incarnation.
type lifeOfNode struct {
	id          sim.NodeID
	incarnation uint32
}

// What may happen in a step.
const (
	arrives = iota
	overtakes
	isLost
	isCopied
	diskGoesOn
	timerFires
	timePasses
	clientAsks
	linkChanges
	crashes
	restarts
	acts
)

func newChaos(choose func(n int) int, nodes int, rules Rules, steps Steps) *chaos {
	names := []string{"neptune", "jupiter", "saturn", "uranus", "mars"}[:nodes]
	o := stageOptions{names: names, entries: 1 + choose(3), window: 4, waiting: 3, slow: true}
	// Each run has its own temper.
	odds := [acts]int{
		arrives: 50, overtakes: choose(4) * 6, isLost: choose(3) * 4, isCopied: choose(4) * 4, diskGoesOn: 10 + choose(3)*30,
		timerFires: 2 + choose(6), timePasses: choose(6), clientAsks: 2 + choose(8), linkChanges: choose(2), crashes: choose(3), restarts: 2,
	}
	c := &chaos{newStage(o, rules, steps), choose, odds, map[uint64]string{}, map[uint64]lifeOfNode{}}
	for _, a := range c.actors {
		a.rand = func(bound uint64) uint64 { return uint64(choose(int(min(bound, 1<<20)))) }
	}
	c.twin = newTwin(c.peers)
	c.start()
	return c
}

func (c *chaos) draw() int {
	sum := 0
	for _, n := range c.odds {
		sum += n
	}
	r := c.choose(sum)
	for act, n := range c.odds {
		if r -= n; r < 0 {
			return act
		}
	}
	panic("odds")
}

func (c *chaos) step() {
	act := c.draw()
	switch act {
	case arrives, overtakes, isLost, isCopied:
		c.network(act)
	case timePasses:
		c.now += stageHeartbeat
	default:
		// Whom it may happen to.
		able := slices.DeleteFunc(slices.Clone(c.actors), func(a *actor) bool {
			switch act {
			case restarts:
				return a.node != nil
			case diskGoesOn:
				return len(a.disk.queue) == 0 || a.node == nil
			}
			return a.node == nil
		})
		if len(able) > 0 {
			c.happensTo(able[c.choose(len(able))], act)
		}
	}
}

func (c *chaos) network(act int) {
	if len(c.flying) == 0 {
		return
	}
	i := 0
	if act != arrives {
		i = c.choose(len(c.flying))
	}
	f := c.flying[i]
	if act == isCopied {
		copied := *f
		c.flying = append(c.flying, &copied)
		return
	}
	c.flying = slices.Delete(c.flying, i, i+1)
	if act != isLost {
		c.arrive(f)
	}
}

func (c *chaos) happensTo(a *actor, act int) {
	switch act {
	case diskGoesOn:
		for range 1 + c.choose(4) {
			if a.node != nil && len(a.disk.queue) > 0 {
				c.happens(a, func(*Node) { a.complete() })
			}
		}
	case timerFires: // one that is due, or soon
		t := sim.TimerID(c.choose(2))
		if a.running[t] && a.due[t] < c.now+stageElection {
			c.fire(a, t)
		}
	case clientAsks:
		command := fmt.Sprintf("command %d", c.asked+1)
		c.said[c.asked+1] = command
		c.to[c.asked+1] = lifeOfNode{a.id, a.incarnation}
		c.request(a, command)
	case linkChanges:
		b := c.actors[c.choose(len(c.actors))]
		cut := !a.cut[b.id]
		a.cut[b.id], b.cut[a.id] = cut, cut
	case crashes:
		if c.choose(2) == 0 {
			c.kill(a)
		} else {
			c.powerLoss(a)
		}
	case restarts:
		c.restart(a)
	}
}

// run goes on until something is wrong.
func (c *chaos) run(steps int) error {
	for range steps {
		c.step()
		if err := c.wrong(); err != nil {
			return err
		}
	}
	c.heal()
	if err := c.wrong(); err != nil {
		return err
	}
	if err := c.converged(); err != nil {
		return err
	}
	return c.answered()
}

var errTwins = errors.New("the judges disagree")

func (c *chaos) wrong() error {
	if err := c.twin.agrees(c.violations); err != nil {
		return fmt.Errorf("%w: %w", errTwins, err)
	}
	if len(c.violations) > 0 {
		return c.violations[0]
	}
	for _, a := range c.actors {
		n := a.node
		switch {
		case a.halted != nil:
			return fmt.Errorf("%s halted: %w", a.name, a.halted)
		case n == nil || !n.Ready():
		case a.running[timerElection] != (n.role != Leader), n.role != Follower && !a.running[timerHeartbeat]:
			return fmt.Errorf("%s is a %s and will never do anything: timers %v", a.name, roles[n.role], a.running)
		}
	}
	return nil
}

// heal ends all trouble and lets time pass.
func (c *chaos) heal() {
	c.mendAll()
	for _, a := range c.actors {
		a.slow = false
		if a.node == nil {
			c.restart(a)
		}
	}
	for range 40 * len(c.actors) {
		c.settle()
		if c.wrong() != nil {
			return
		}
		next, timer := c.actors[0], timerElection
		for _, a := range c.actors {
			for t := range a.running {
				if a.running[t] && (!next.running[timer] || a.due[t] < next.due[timer]) {
					next, timer = a, sim.TimerID(t)
				}
			}
		}
		c.fire(next, timer)
	}
	c.settle()
}

// converged: after a heal somebody leads, and all have and know all.
func (c *chaos) converged() error {
	leaders := 0
	first := c.actors[0].node
	for _, a := range c.actors {
		n := a.node
		if n.role == Leader {
			leaders++
		}
		if n.commit != n.log.Last() || n.applied != n.commit || termsOf(&n.log) != termsOf(&first.log) {
			return fmt.Errorf("not converged: %s has applied %d, committed %d, and its log is %s", a.name, n.applied, n.commit, termsOf(&n.log))
		}
	}
	if leaders != 1 {
		return fmt.Errorf("not converged: %d nodes lead", leaders)
	}
	return nil
}

// answered: each request has one answer, unless the node that took it crashed, and the
// answer is true.
func (c *chaos) answered() error {
	log := &c.actors[0].node.log
	at := map[string]Index{}
	for i := Index(1); i <= log.Last(); i++ {
		if e := log.Entry(i); e.Kind == EntryCommand {
			if at[string(e.Data)] > 0 {
				return fmt.Errorf("%q is in the log twice", e.Data)
			}
			at[string(e.Data)] = i
		}
	}
	for id := uint64(1); id <= c.asked; id++ {
		answers, command := c.answers[id], c.said[id]
		life := c.to[id]
		if crashed := c.actors[life.id-1].incarnation != life.incarnation; len(answers) > 1 || len(answers) == 0 && !crashed {
			return fmt.Errorf("request %d has %d answers", id, len(answers))
		}
		for _, m := range answers {
			want := fmt.Sprintf("%s@%d", command, at[command])
			if m.Status == Done && string(m.Result) != want {
				return fmt.Errorf("request %d was answered %q; in the end it is %s", id, m.Result, want)
			}
			if (m.Status == NotLeader || m.Status == Busy) && at[command] > 0 {
				return fmt.Errorf("request %d was refused, and is in the log at %d", id, at[command])
			}
		}
	}
	return nil
}

// numbers draws from a seed.
func numbers(seed uint64) func(n int) int { return rand.New(rand.NewPCG(seed, 1)).IntN }

func TestChaos(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		rules, steps := broken("")
		c := newChaos(choose, 3+2*choose(2), rules, steps)
		if err := c.run(rapid.IntRange(1, 200).Draw(t, "steps")); err != nil {
			t.Fatal(err)
		}
	})
}

// TestChaosConvicts runs the chaos with one rule replaced: it must find the bug, with
// the seeds on which Raft holds.
func TestChaosConvicts(t *testing.T) {
	const steps = 1000
	seeds := uint64(150)
	if testing.Short() {
		seeds = 40
	}
	run := func(seed uint64, mutant string) (*chaos, error) {
		rules, s := broken(mutant)
		c := newChaos(numbers(seed), 3+2*int(seed%2), rules, s)
		return c, c.run(steps)
	}
	reached := map[string]int{}
	for seed := range seeds {
		c, err := run(seed, "")
		if err != nil {
			t.Fatalf("seed %d: Raft: %v", seed, err)
		}
		reached["leaders"] += c.judge.Leaders()
		reached["committed"] += c.judge.Committed()
		for name, n := range c.reached {
			reached[name] += n
		}
	}
	t.Log(reached)
	for _, m := range mutants {
		if m.rare {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			for seed := range seeds {
				switch _, err := run(seed, m.name); {
				case errors.Is(err, errTwins):
					t.Fatalf("seed %d: %v", seed, err)
				case err != nil:
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			if !testing.Short() {
				t.Error("not convicted")
			}
		})
	}
}
