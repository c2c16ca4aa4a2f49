package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// timerStep is what a handler of the timer property does.
type timerStep struct {
	timer TimerID
	stop  bool
	after time.Duration
}

// timerTwin is the dumb twin of soft deadlines: a map of deadlines, searched from end
// to end. It knows how ties are drawn: each start of a timer takes the next one of
// the node's stream.
type timerTwin struct {
	seed     uint64
	node     NodeID
	starts   uint32
	seq      uint32
	deadline map[TimerID]twinEvent
}

func (tw *timerTwin) do(now Time, steps []timerStep) {
	for _, s := range steps {
		if s.stop {
			delete(tw.deadline, s.timer)
			continue
		}
		tw.seq++
		tie := Keyed{tw.seed}.Decide(NodeStream(tw.node, 1), ChooseTie, tw.starts, tieBound)
		tw.starts++
		tw.deadline[s.timer] = twinEvent{now.Add(s.after), tie, tw.seq}
	}
}

func (tw *timerTwin) next() (timer TimerID, due twinEvent) {
	due.at = End
	for t, e := range tw.deadline {
		if e.before(due) {
			timer, due = t, e
		}
	}
	return timer, due
}

// Timers that are set, moved to earlier and later, stopped and restarted, in handlers
// of timers and of frames, fire as if every deadline were an event of its own.
func TestTimersAgreeWithTwin(t *testing.T) {
	check(t, 500, func(t *rapid.T) {
		step := rapid.Custom(func(t *rapid.T) timerStep {
			return timerStep{
				timer: TimerID(rapid.IntRange(0, 3).Draw(t, "timer")),
				stop:  rapid.IntRange(0, 3).Draw(t, "stop") == 0,
				after: time.Duration(rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 60)).Draw(t, "after")),
			}
		})
		handlers := rapid.SliceOfN(rapid.SliceOfN(step, 0, 5), 1, 60).Draw(t, "handlers")
		frames := rapid.SliceOfN(rapid.Int64Range(0, 200), 0, 20).Draw(t, "frames at")
		seed := rapid.Uint64Range(0, 1000).Draw(t, "seed")

		type firing struct {
			at    Time
			timer int // -1: a frame
		}
		var got, want []firing
		ran := 0
		next := func() (steps []timerStep) {
			if ran < len(handlers) {
				steps = handlers[ran]
			}
			ran++
			return steps
		}
		w := New(Options{Seed: seed})
		do := func(env Env) {
			for _, s := range next() {
				if s.stop {
					env.StopTimer(s.timer)
				} else {
					env.SetTimer(s.timer, s.after)
				}
			}
		}
		node := addStub(w, "neptune", stub{
			boot:    do,
			fire:    func(env Env, timer TimerID) { got = append(got, firing{w.Now(), int(timer)}); do(env) },
			receive: func(env Env, _ NodeID, _ Kind, _ []byte) { got = append(got, firing{w.Now(), -1}); do(env) },
		})
		arrivals := sortedQueue{}
		for i, at := range frames {
			tie := uint64(i) * 31 % 7 * (tieBound / 7)
			arrivals.push(Time(at+1), tie) // after the boot
			w.queue.push(Time(at+1), w.queue.order(tie), event{what: evFrame, node: node, from: node, arg: w.frames.put(nil)})
		}
		w.Run(End, nil)

		twin := timerTwin{seed: seed, node: node, seq: 1000, deadline: map[TimerID]twinEvent{}}
		ran = 0
		twin.do(0, next())
		for {
			timer, due := twin.next()
			if len(arrivals.pending) > 0 && arrivals.pending[arrivals.least()].before(due) {
				f := arrivals.pop()
				want = append(want, firing{f.at, -1})
				twin.do(f.at, next())
				continue
			}
			if due.at == End {
				break
			}
			delete(twin.deadline, timer)
			want = append(want, firing{due.at, int(timer)})
			twin.do(due.at, next())
		}
		require.Equal(t, want, got)
	})
}

// Many restarts to later cost the queue one entry: that is what soft deadlines are for.
func TestTimerRestartedLaterCostsNoEvent(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var fired []Time
	addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 100); env.SetTimer(1, 10) },
		fire: func(env Env, id TimerID) {
			if id == 0 {
				fired = append(fired, w.Now())
				return
			}
			env.SetTimer(0, 100)
			if w.Now() < 10_000 {
				env.SetTimer(1, 10)
			}
		},
	})
	w.Run(End, func() bool {
		require.LessOrEqual(t, w.queue.len(), 3)
		return false
	})
	assert.Equal(t, []Time{10_100}, fired)
}

// A timer restarted within one instant, again and again, for the same deadline.
func TestTimerRestartedInOneInstantDoesNotPileUp(t *testing.T) {
	t.Parallel()
	w := New(Options{Seed: 3})
	fired := 0
	addStub(w, "neptune", stub{
		boot: func(env Env) {
			for range 1000 {
				env.SetTimer(0, time.Millisecond)
			}
		},
		fire: func(Env, TimerID) { fired++ },
	})
	w.Run(0, nil)
	assert.Less(t, w.queue.len(), 30)
	w.Run(End, nil)
	assert.Equal(t, 1, fired)
}

// However fast or slow the node's clock runs, whatever its handlers cost: by its own
// reading, a timer never fires early, and no later than rounding makes it.
func TestTimerNeverFiresBeforeItsOwnClockSaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drift := rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64Range(-500_000, 500_000)).Draw(t, "ppm")
		durations := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 10), rapid.Int64Range(0, int64(time.Hour))), 1, 20).Draw(t, "durations")
		cost := time.Duration(rapid.Int64Range(0, 1000).Draw(t, "cost"))
		w := New(Options{CPU: CPUOptions{Handler: cost}})
		var due time.Duration
		i := 0
		set := func(env Env) {
			if i < len(durations) {
				env.Spend(cost)
				due = env.Monotonic() + time.Duration(durations[i])
				env.SetTimer(TimerID(i%3), time.Duration(durations[i]))
			}
			i++
		}
		node := addStub(w, "neptune", stub{
			boot: set,
			fire: func(env Env, _ TimerID) {
				early, late := due-env.Monotonic(), env.Monotonic()-due-2*cost-2
				if early > 0 || late > 0 {
					t.Fatalf("the timer of %d ns fired at %v by its own clock, it was due at %v", durations[i-1], env.Monotonic(), due)
				}
				set(env)
			},
		})
		w.SetDrift(node, drift)
		w.Run(End, nil)
		require.Empty(t, w.Violations())
		require.Equal(t, len(durations)+1, i, "every timer must fire")
	})
}

// A deadline that is already past is due now: timers have no "never".
func TestTimerOfNegativeDurationFiresAtOnce(t *testing.T) {
	t.Parallel()
	for name, cpu := range map[string]CPUOptions{"free": {}, "held": {Handler: 10}} {
		w := New(Options{CPU: cpu})
		var fired []Time
		addStub(w, "neptune", stub{
			boot: func(env Env) { env.SetTimer(0, time.Hour); env.SetTimer(0, -1) },
			fire: func(Env, TimerID) { fired = append(fired, w.Now()) },
		})
		w.At(5, func() {}) // under "held" it stands between the handler and its effects
		w.Run(End, nil)
		assert.Equal(t, []Time{Time(cpu.Handler)}, fired, name)
	}
}

func TestTimersOfAnOldIncarnationNeverFire(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"kill", "power loss", "halt"} {
		w := New(Options{})
		type firing struct {
			incarnation uint32
			timer       TimerID
			at          Time
		}
		var fired []firing
		node := w.AddNode("neptune", func(incarnation uint32) Machine {
			return stub{
				boot: func(env Env) {
					if incarnation == 1 {
						env.SetTimer(0, 100)
						env.SetTimer(1, 100)
						env.SetTimer(2, 50)
					} else {
						env.SetTimer(0, 100) // the same timer again: only its own deadline counts
					}
				},
				fire: func(env Env, timer TimerID) {
					fired = append(fired, firing{incarnation, timer, w.Now()})
					if timer == 2 && end == "halt" {
						env.Halt(assert.AnError)
					}
				},
			}
		})
		w.At(51, func() {
			switch end {
			case "kill":
				assert.True(t, w.Kill(node))
			case "power loss":
				assert.True(t, w.PowerLoss(node))
			}
			assert.False(t, w.Up(node))
		})
		w.At(60, func() { assert.True(t, w.Restart(node)) })
		w.Run(End, nil)
		assert.Equal(t, []firing{{1, 2, 50}, {2, 0, 160}}, fired, end)
	}
}

func TestTimersDueDuringAPauseFireAtResume(t *testing.T) {
	t.Parallel()
	w := New(Options{Seed: 5})
	fired := map[TimerID]Time{}
	var order []TimerID
	node := addStub(w, "neptune", stub{
		boot: func(env Env) { env.SetTimer(0, 10); env.SetTimer(1, 40); env.SetTimer(2, 30); env.SetTimer(3, 99) },
		fire: func(_ Env, timer TimerID) { fired[timer] = w.Now(); order = append(order, timer) },
	})
	w.At(20, func() { assert.True(t, w.Pause(node)); assert.True(t, w.Paused(node)) })
	w.At(70, func() { assert.True(t, w.Resume(node)); assert.False(t, w.Paused(node)) })
	w.Run(End, nil)
	assert.Equal(t, map[TimerID]Time{0: 10, 2: 70, 1: 70, 3: 99}, fired)
	assert.Equal(t, []TimerID{0, 2, 1, 3}, order, "the burst keeps the order of the deadlines")
}

// Timer 2 comes due while the node is busy, so that its event waits in the inbox. The
// handler of timer 1, which runs before it, decides what becomes of it.
func TestTimerWhoseEventWaitsInTheInbox(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		then  func(env Env)
		fires []Time
	}{
		{"left alone", func(Env) {}, []Time{300}},
		{"stopped", func(env Env) { env.StopTimer(2) }, nil},
		{"stopped twice", func(env Env) { env.StopTimer(2); env.StopTimer(2) }, nil},
		{"restarted", func(env Env) { env.SetTimer(2, 500) }, []Time{800}},
		{"stopped and restarted", func(env Env) { env.StopTimer(2); env.SetTimer(2, 500) }, []Time{800}},
		{"restarted and stopped", func(env Env) { env.SetTimer(2, 500); env.StopTimer(2) }, nil},
	} {
		w := New(Options{CPU: CPUOptions{Handler: 100}})
		var fires []Time
		addStub(w, "neptune", stub{
			// The boot takes until 100, timer 0 until 200, timer 1 until 300.
			boot: func(env Env) { env.SetTimer(0, 0); env.SetTimer(1, 10); env.SetTimer(2, 20) },
			fire: func(env Env, timer TimerID) {
				switch timer {
				case 1:
					c.then(env)
				case 2:
					fires = append(fires, w.Now())
				}
			},
		})
		w.Run(End, nil)
		assert.Equal(t, c.fires, fires, c.name)
	}
}

// A timer waits in the inbox; a handler before it restarts it so that it comes due
// again at once. It takes its new place, behind what arrived meanwhile, and fires once.
func TestTimerRestartedInTheInboxGoesToItsEnd(t *testing.T) {
	t.Parallel()
	w := New(Options{CPU: CPUOptions{Handler: 100}})
	var order []TimerID
	addStub(w, "neptune", stub{
		// Boot until 100; 0 fires at 100 and is served until 200; 1, 2 and 3 wait.
		boot: func(env Env) { env.SetTimer(0, 0); env.SetTimer(1, 10); env.SetTimer(2, 20); env.SetTimer(3, 30) },
		fire: func(env Env, timer TimerID) {
			order = append(order, timer)
			if timer == 1 {
				env.SetTimer(2, 0)
			}
		},
	})
	w.Run(End, nil)
	assert.Equal(t, []TimerID{0, 1, 3, 2}, order)
}

// What a handler stops or moves after an intervention has come between it and its
// effects is stopped and moved all the same.
func TestHeldTimers(t *testing.T) {
	t.Parallel()
	w := New(Options{CPU: CPUOptions{Handler: 100}})
	fired := map[TimerID]Time{}
	addStub(w, "neptune", stub{
		boot: func(env Env) {
			env.SetTimer(1, 10)
			env.SetTimer(2, 10)
			env.SetTimer(2, 20)
			env.SetTimer(3, 10)
			env.StopTimer(3)
			env.SetTimer(4, 10)
			env.StopTimer(4)
			env.SetTimer(4, 1000)
			env.Spend(50)
			env.SetTimer(5, 400)
		},
		fire: func(_ Env, timer TimerID) { fired[timer] = w.Now() },
	})
	w.At(90, func() {})
	w.Run(End, nil)
	// Held until 100, but for timer 5, until 150. The node is busy until 150, and a
	// hundred for each timer that it serves.
	assert.Equal(t, map[TimerID]Time{1: 150, 2: 250, 5: 550, 4: 1100}, fired)
}
