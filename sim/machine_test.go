package sim

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// check tries a property as many times as it deserves: rapid, left alone, tries a
// hundred.
func check(t *testing.T, times int, property func(t *rapid.T)) {
	for range max(times/100, 1) {
		rapid.Check(t, property)
	}
}

// stub is a machine made of functions; a missing one does nothing.
type stub struct {
	boot     func(env Env)
	receive  func(env Env, from NodeID, kind Kind, frame []byte)
	fire     func(env Env, t TimerID)
	complete func(env Env, id IOID, result IO)
}

func (s stub) Boot(env Env) {
	if s.boot != nil {
		s.boot(env)
	}
}
func (s stub) Receive(env Env, from NodeID, kind Kind, frame []byte) {
	if s.receive != nil {
		s.receive(env, from, kind, frame)
	}
}
func (s stub) Fire(env Env, t TimerID) {
	if s.fire != nil {
		s.fire(env, t)
	}
}
func (s stub) Complete(env Env, id IOID, result IO) {
	if s.complete != nil {
		s.complete(env, id, result)
	}
}

// addStub adds a node whose every incarnation is s: for machines without memory, or
// whose memory is the test's.
func addStub(w *World, name string, s stub) NodeID {
	return w.AddNode(name, func(uint32) Machine { return s })
}

// soon is a machine that does something once, 1 ns after it has booted: by then, in a
// world that starts at time 0, all others have booted too.
func soon(do func(env Env)) stub {
	return stub{
		boot: func(env Env) { env.SetTimer(soonTimer, 1) },
		fire: func(env Env, _ TimerID) { do(env) },
	}
}

const soonTimer TimerID = 99

// gossip is a machine that does a little of everything, as its random numbers say:
// traffic of three kinds, timers set, moved and stopped, a log that is appended to,
// synced, rotated and read back at boot. It is no protocol, only a load.
type gossip struct {
	peers   []NodeID // nobody else is spoken to
	pace    time.Duration
	seen    uint64
	logSize int64
	synced  IOID
	buf     [48]byte
}

// Kinds, timers and fields of gossip.
const (
	gossipRumour Kind = iota + 1
	gossipReply
	gossipBeat
)
const (
	gossipTick TimerID = iota
	gossipLazy         // restarted by every frame, fires when nobody speaks
	gossipNever
)

const gossipSeen Field = 3

func (g *gossip) Boot(env Env) {
	g.synced = env.Disk().List()
	env.Disk().Create("log")
	env.Disk().SyncDir()
	env.SetTimer(gossipTick, g.pace)
	env.SetTimer(gossipLazy, 3*g.pace)
}

func (g *gossip) frame(env Env) []byte {
	binary.LittleEndian.PutUint64(g.buf[:], g.seen)
	binary.LittleEndian.PutUint64(g.buf[8:], uint64(env.Monotonic()))
	wall := env.Wall()
	binary.LittleEndian.PutUint64(g.buf[16:], uint64(wall.Reading))
	binary.LittleEndian.PutUint64(g.buf[24:], uint64(wall.Latest-wall.Earliest)<<8|uint64(wall.Status))
	return g.buf[:16+env.Rand(33)]
}

func (g *gossip) peer(env Env) NodeID { return g.peers[env.Rand(uint64(len(g.peers)))] }

func (g *gossip) Receive(env Env, from NodeID, kind Kind, frame []byte) {
	g.seen = g.seen*31 + uint64(Digest(kind).Bytes(frame))
	env.Observe(gossipSeen, int64(g.seen))
	env.SetTimer(gossipLazy, 3*g.pace)
	if kind != gossipRumour {
		return
	}
	env.Spend(time.Duration(env.Rand(20)) * time.Microsecond)
	env.Disk().Append("log", frame)
	g.logSize += int64(len(frame))
	env.Send(from, gossipReply, g.frame(env))
	env.SetTimer(gossipNever, g.pace)
	if env.Rand(4) == 0 {
		g.synced = env.Disk().Sync("log")
	}
	env.StopTimer(gossipNever)
	env.Send(g.peer(env), gossipBeat, nil)
}

func (g *gossip) Fire(env Env, t TimerID) {
	env.SetTimer(t, g.pace+time.Duration(env.Rand(uint64(g.pace))))
	for range 1 + env.Rand(2) {
		env.Send(g.peer(env), gossipRumour, g.frame(env))
	}
	if g.logSize > 500 {
		g.logSize = 0
		env.Disk().Rename("log", fmt.Sprint("log.", g.seen%3))
		env.Disk().Create("log")
		env.Disk().SyncDir()
	}
}

func (g *gossip) Complete(env Env, id IOID, result IO) {
	env.Sometimes(result.Err != nil, "an operation failed")
	for _, f := range result.Files {
		g.synced = env.Disk().Read(f.Name, max(f.Size-64, 0), 64)
	}
	if result.Op == OpRead {
		g.seen = g.seen*31 + uint64(Digest(0).Bytes(result.Data))
	}
	if result.Op == OpSync && id == g.synced {
		env.Send(g.peer(env), gossipBeat, g.frame(env))
	}
}

// rough is a world in which everything takes time and goes wrong now and then.
var rough = Options{
	Link:  LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond, TailPPM: 50_000, TailFactor: 20, LossPPM: 10_000, DuplicatePPM: 20_000},
	Disk:  DiskOptions{Cache: 2 * time.Microsecond, Read: 80 * time.Microsecond, Sync: 100 * time.Microsecond, SyncMean: 300 * time.Microsecond},
	Clock: ClockOptions{OffsetMax: 20 * time.Millisecond, DriftMaxPPM: 200, Bound: 25 * time.Millisecond},
	CPU:   CPUOptions{Handler: 3 * time.Microsecond, Effect: 2 * time.Microsecond},
}

func seeded(o Options, seed uint64) Options {
	o.Seed = seed
	return o
}

// gossipAmong adds nodes that speak with each other and with nobody else.
func gossipAmong(w *World, names ...string) []NodeID {
	var ids []NodeID
	for i := range names {
		ids = append(ids, NodeID(len(w.nodes)+i))
	}
	for i, name := range names {
		peers := append(append([]NodeID(nil), ids[:i]...), ids[i+1:]...)
		w.AddNode(name, func(uint32) Machine { return &gossip{peers: peers, pace: 2 * time.Millisecond} })
	}
	return ids
}

// addCaller adds a client that asks the nodes in turn, and waits for an answer or
// gives up.
func addCaller(w *World, name string, nodes []NodeID, n int) NodeID {
	return w.AddClient(name, func(c *Client) {
		for i := range n {
			to := nodes[i%len(nodes)]
			_, err := c.Call(to, gossipRumour, fmt.Appendf(nil, "%d asks %d", i, to), 5*time.Millisecond,
				func(f Frame) bool { return f.From == to && f.Kind == gossipReply })
			if err != nil || c.Rand(3) == 0 {
				if c.Sleep(time.Duration(c.Rand(uint64(2*time.Millisecond)))) != nil {
					return
				}
			}
		}
	})
}

// stormy fills a world with gossip, a client and one fault of each kind: all that a
// digest must cover. It runs for 200 ms.
func stormy(w *World) {
	nodes := gossipAmong(w, "neptune", "jupiter", "saturn")
	addCaller(w, "client", nodes, 1000)
	a, b, c := nodes[0], nodes[1], nodes[2]
	at := func(ms int, do func()) { w.At(Time(time.Duration(ms)*time.Millisecond), do) }
	at(20, func() { w.Kill(a) })
	at(30, func() { w.Restart(a) })
	at(40, func() { w.PowerLoss(b) })
	at(45, func() { w.Restart(b) })
	at(60, func() { w.Pause(c) })
	at(75, func() { w.Resume(c) })
	at(80, func() { w.Cut(a, b) })
	at(90, func() { w.Mend(a, b) })
	at(95, func() {
		w.Disturb(b, c, Disturbance{DelayFactor: 7, LossPPM: 200_000, DuplicatePPM: 100_000, TailPPM: 100_000})
	})
	at(110, func() {
		w.Calm(b, c, Disturbance{DelayFactor: 7, LossPPM: 200_000, DuplicatePPM: 100_000, TailPPM: 100_000})
	})
	at(115, func() { w.SetDrift(a, -900) })
	at(120, func() { w.StepClock(b, -time.Second) })
	at(130, func() { w.Watch(c, StepSend, gossipReply, 3, func() { w.Kill(c) }) })
	at(150, func() { w.Restart(c) })
	at(160, func() { w.Watch(a, StepSync, 0, 1, func() { w.PowerLoss(a) }) })
	at(180, func() { w.Restart(a) })
	at(185, func() { w.PowerLoss(c) })
	at(190, func() { w.Restart(c) })
}

const stormEnd = Time(200 * time.Millisecond)
