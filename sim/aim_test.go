package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writingNode adds a node that appends twice, syncs, and tells the sink from one handler 1 ms
// after its boot: it believes what it has not waited for. Its name is durable.
func writingNode(w *World, completed *int) NodeID {
	return addStub(w, "neptune", stub{
		boot: func(env Env) {
			env.Disk().Create("log")
			env.Disk().SyncDir()
			env.SetTimer(0, time.Millisecond)
		},
		fire: func(env Env, _ TimerID) {
			*completed = 0
			env.Disk().Append("log", []byte("one "))
			env.Disk().Write("log", 4, []byte("two "))
			env.Disk().Sync("log")
			env.Disk().Append("log", []byte("three"))
			env.Send(2, 1, []byte("done"))
		},
		complete: func(Env, IOID, IO) { *completed++ },
	})
}

// A crash can be aimed into the midst of a write, and between any two effects: what was
// submitted is in the page cache, nothing after it is anywhere, and no completion comes.
//
//	append ── write ── sync ── append ── send
//	      ▲        ▲       ▲         ▲
//	      StepWrite 1, 2   StepSync  StepWrite 3
func TestAimedAtTheDisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		step   Step
		nth    int
		cached string // at the crash, and after a kill
	}{
		{StepWrite, 1, "one "},
		{StepWrite, 2, "one two "},
		{StepSync, 1, "one two "},
		{StepWrite, 3, "one two three"},
	} {
		for _, powerLoss := range []bool{false, true} {
			for _, cost := range []time.Duration{0, 10 * time.Microsecond} {
				for _, latency := range []time.Duration{0, 5 * time.Microsecond, time.Millisecond} {
					for name, d := range map[string]Decider{"seeds": nil, "least": constant(true), "most": constant(false)} {
						what := fmt.Sprintf("step %d.%d, power loss %v, effects %v, disk %v, ties %s", c.step, c.nth, powerLoss, cost, latency, name)
						w := New(Options{Seed: 7, Decider: d, CPU: CPUOptions{Effect: cost}, Disk: DiskOptions{Cache: latency, Sync: 10 * latency}})
						completed := 0
						n := writingNode(w, &completed)
						var got []arrival
						addSink(w, "jupiter", &got)
						struck := 0
						w.Watch(n, c.step, 0, c.nth, func() {
							struck++
							disk := &w.nodes[n].disk
							f := &disk.files[disk.names[0].file]
							require.Equal(t, c.cached, string(f.data), what)
							if latency >= 5*time.Microsecond { // slower than its effects, or no faster than them
								assert.Empty(t, string(f.durable), what)
							}
							if powerLoss {
								w.PowerLoss(n)
								return
							}
							w.Kill(n)
							assert.Equal(t, c.cached, string(f.data), "%s: a kill keeps the page cache", what)
						})
						w.Run(End, nil)
						require.Equal(t, 1, struck, what)
						assert.Empty(t, got, "%s: the frame comes after it", what)
						if latency > cost {
							assert.Zero(t, completed, what)
						}
					}
				}
			}
		}
	}
}

// Between the sync that made it durable and the frame that says so.
func TestAimedBetweenDurableAndSend(t *testing.T) {
	t.Parallel()
	for _, cost := range []time.Duration{0, 10 * time.Microsecond} {
		w := New(Options{CPU: CPUOptions{Effect: cost}, Disk: DiskOptions{Sync: time.Millisecond}})
		var got []arrival
		addSink(w, "jupiter", &got)
		n := w.AddNode("neptune", func(incarnation uint32) Machine {
			return stub{
				boot: func(env Env) {
					if incarnation == 1 {
						env.Disk().Create("log")
						env.Disk().SyncDir()
						env.Disk().Append("log", []byte("data"))
						env.Disk().Sync("log")
						return
					}
					env.Disk().Read("log", 0, 10)
				},
				complete: func(env Env, _ IOID, io IO) {
					if io.Op == OpSync || io.Op == OpRead {
						env.Send(1, Kind(incarnation), io.Data)
					}
				},
			}
		})
		w.Watch(n, StepDurable, 0, 1, func() { w.PowerLoss(n); w.Restart(n) })
		w.Run(End, nil)
		require.Len(t, got, 1)
		assert.Equal(t, []any{Kind(2), "data"}, []any{got[0].kind, got[0].frame}, "it was never said, and is there")
	}
}

// An aim at a frame that arrives strikes before anything that it leads to.
func TestAimedAtAFrameThatArrives(t *testing.T) {
	t.Parallel()
	for _, cost := range []time.Duration{0, 10 * time.Microsecond} {
		for nth := 1; nth <= 3; nth++ {
			for name, d := range map[string]Decider{"seeds": nil, "least": constant(true), "most": constant(false)} {
				w := New(Options{Decider: d, CPU: CPUOptions{Handler: cost, Effect: cost}})
				n := addStub(w, "neptune", stub{
					boot:    func(env Env) { env.Disk().Create("log") },
					receive: func(env Env, _ NodeID, _ Kind, _ []byte) { env.Disk().Append("log", []byte("x")); env.Send(2, 3, nil) },
				})
				addStub(w, "jupiter", stub{
					boot: func(env Env) { env.SetTimer(0, time.Millisecond) },
					fire: func(env Env, id TimerID) {
						env.Send(n, 1, nil)
						env.Send(n, 2, nil)
						if id < 5 {
							env.SetTimer(id+1, time.Millisecond)
						}
					},
				})
				struck, written := 0, 0
				w.Watch(n, StepReceive, 2, nth, func() {
					struck++
					written = len(w.nodes[n].disk.files[0].data)
					w.Kill(n)
				})
				w.Run(End, nil)
				require.Equal(t, 1, struck)
				assert.Len(t, w.nodes[n].disk.files[0].data, written, "%v, %s", cost, name)
				// Of each round before, both frames were handled; of this one, the first at
				// most: they arrive together, or one after the other.
				assert.GreaterOrEqual(t, written, 2*(nth-1), "%v, %s", cost, name)
				assert.LessOrEqual(t, written, 2*(nth-1)+1, "%v, %s", cost, name)
			}
		}
	}
}

// A crash loop: whatever step of its boot it dies at, it is the next incarnation's turn,
// and when the loop ends, the node comes up.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	for _, step := range []Step{StepWrite, StepSync, StepSend} {
		for _, cost := range []time.Duration{0, 10 * time.Microsecond} {
			for _, after := range []time.Duration{0, time.Microsecond, time.Second} {
				w := New(Options{Disk: DiskOptions{Cache: time.Microsecond, Sync: time.Millisecond}, CPU: CPUOptions{Effect: cost}})
				var got []arrival
				addSink(w, "jupiter", &got)
				booted := 0
				n := addStub(w, "neptune", stub{
					boot: func(env Env) {
						env.Disk().Create("log") // there, after the first boot
						env.Disk().Append("log", []byte("x"))
						env.Disk().Sync("log")
						env.Send(1, 1, nil)
						env.Disk().List()
					},
					complete: func(_ Env, _ IOID, io IO) {
						if io.Op == OpList {
							booted++
						}
					},
				})
				const loops = 10
				var crash func()
				crash = func() {
					require.True(t, w.Kill(n))
					if w.Incarnation(n) < loops {
						w.Watch(n, step, 1, 1, crash)
					}
					if after == 0 {
						w.Restart(n)
						return
					}
					w.At(w.Now().Add(after), func() { require.True(t, w.Restart(n)) })
				}
				w.Watch(n, step, 1, 1, crash)
				w.Run(End, nil)
				require.Empty(t, w.Violations())
				assert.EqualValues(t, loops+1, w.Incarnation(n))
				assert.True(t, w.Up(n))
				assert.Equal(t, 1, booted, "only the last one lived to see its disk")
				sent := 1
				if step == StepSend {
					sent += loops
				}
				assert.Len(t, got, sent)
				assert.Len(t, w.nodes[n].disk.files[0].data, loops+1, "kills keep what each boot wrote")
			}
		}
	}
}

// The power of several nodes fails in one instant: between the first of them and the last
// nothing happens at all, and after it nothing at any of them, until they boot.
func TestPowerLossOfAllAtOnce(t *testing.T) {
	t.Parallel()
	coarse := Options{Link: LinkOptions{Min: 100 * time.Microsecond}, CPU: CPUOptions{Handler: 100 * time.Microsecond, Effect: 100 * time.Microsecond},
		Disk: DiskOptions{Cache: 100 * time.Microsecond, Sync: 100 * time.Microsecond}} // many events in one instant
	for name, o := range map[string]Options{"rough": rough, "perfect": {}, "coarse": coarse} {
		for seed := range uint64(30) {
			w := New(seeded(o, seed))
			nodes := gossipAmong(w, "neptune", "jupiter", "saturn")
			addCaller(w, "client", nodes, 100)
			dark, lines := 0, 0
			w.Trace = func(l TraceLine) {
				switch {
				case l.Type == TracePowerLoss:
					dark++
				case dark > 0 && dark < len(nodes):
					t.Fatalf("%s, seed %d: %v of node %d between two power losses", name, seed, l.Type, l.Node)
				case l.Type == TraceBoot:
					dark = 0
				case dark > 0 && int(l.Node) <= len(nodes) && l.Type != TraceLost && l.Type != TraceDuplicate:
					t.Fatalf("%s, seed %d: %v of node %d, which is dark", name, seed, l.Type, l.Node)
				}
				lines++
			}
			all := func() {
				for _, n := range nodes {
					require.True(t, w.PowerLoss(n))
				}
				w.At(w.Now().Add(5*time.Millisecond), func() {
					for _, n := range nodes {
						require.True(t, w.Restart(n))
					}
				})
			}
			w.At(Time(20*time.Millisecond), all)
			w.At(Time(40*time.Millisecond), func() { w.Watch(nodes[seed%3], Step(1+seed%5), gossipBeat, 1, all) })
			w.Run(Time(80*time.Millisecond), nil)
			require.Empty(t, w.Violations())
			for _, n := range nodes {
				require.EqualValues(t, 3, w.Incarnation(n), "%s, seed %d", name, seed)
			}
			require.Greater(t, lines, 500)
			w.Stop()
		}
	}
}
