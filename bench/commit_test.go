package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/saros-sim/saros/bench/etcd"
	"github.com/saros-sim/saros/nodes/raft"
	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// cluster is a replicated log that can be run again and again, with memory that it
// keeps from run to run.
type cluster interface {
	// Run runs a fresh cluster of a seed until so many commands are committed.
	Run(seed uint64, commits int)
	Messages() uint64 // of the last run
}

// BenchmarkCommit is a cluster without faults: links of 200 µs + Exp(800 µs), syncs of
// 100 µs, so many 32-byte commands under way, always. Logs without snapshots grow for
// ever, so it is made of runs of 10,000 commits, elections included.
//
//	saros      nodes/raft on the kernel
//	etcd       etcd's Raft in a bare loop
//	hosted     etcd's Raft on the kernel
//	batched    as etcd, and the leader proposes at once all that there is room for
func BenchmarkCommit(b *testing.B) {
	for _, replicas := range []int{3, 5} {
		for _, window := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("n=%d/W=%d", replicas, window), func(b *testing.B) {
				alone := etcd.Options{Replicas: replicas, Window: window}
				batched := alone
				batched.Batch = true
				benchmarkCommit(b, "saros", newOwn(replicas, window))
				benchmarkCommit(b, "etcd", etcd.NewLoop(alone))
				benchmarkCommit(b, "hosted", etcd.NewCluster(alone))
				if window == 64 {
					benchmarkCommit(b, "batched", etcd.NewLoop(batched))
				}
			})
		}
	}
}

const commitsPerRun = 10_000

func benchmarkCommit(b *testing.B, name string, c cluster) {
	warm := false
	b.Run(name, func(b *testing.B) {
		// Memory grows to what a run needs, and the heap to what its garbage needs: who
		// comes first would pay for the pages of who comes next.
		for begin := time.Now(); !warm; warm = time.Since(begin) > 100*time.Millisecond {
			c.Run(0, commitsPerRun)
		}
		b.ReportAllocs()
		b.ResetTimer()
		messages := uint64(0)
		for left, seed := b.N, uint64(1); left > 0; seed++ {
			n := min(left, commitsPerRun)
			c.Run(seed, n)
			messages += c.Messages()
			left -= n
		}
		b.ReportMetric(float64(messages)/float64(b.N), "msgs/op")
	})
}

// own is a cluster of nodes/raft.
type own struct {
	world    *sim.World
	machines []pump
	peers    []sim.NodeID
	commits  int
}

func newOwn(replicas, window int) *own {
	c := &own{world: sim.New(sim.Options{})}
	for i := range replicas {
		c.peers = append(c.peers, sim.NodeID(i+1))
		c.machines = append(c.machines, pump{window: raft.Index(window), commits: &c.commits})
	}
	return c
}

func (c *own) Run(seed uint64, commits int) {
	c.world.Reset(sim.Options{Seed: seed, Link: sim.LinkOptions{Min: etcd.LinkMin, Mean: etcd.LinkMean},
		Disk: sim.DiskOptions{Sync: etcd.SyncTime}})
	c.commits = 0
	for i := range c.machines {
		c.world.AddNode("node", func(uint32) sim.Machine {
			m := &c.machines[i]
			m.seen = 0
			m.Node = raft.New(raft.Config{
				Peers: c.peers, Machine: &counter{}, ElectionTimeout: 150 * time.Millisecond, HeartbeatInterval: 50 * time.Millisecond,
				MaxEntries: 64, Window: 256, WAL: wal.Options{Name: "wal", SegmentBytes: 1 << 20},
			}, m.Node)
			return m
		})
	}
	c.world.Run(sim.End-1, func() bool { return c.commits >= commits })
	if v := c.world.Violations(); len(v) > 0 {
		panic(v[0].Detail)
	}
}

func (c *own) Messages() uint64 { return c.world.Messages() }

// pump is a node that keeps its log busy while it leads, as the benchmark of
// nodes/raft has it.
type pump struct {
	*raft.Node
	window  raft.Index
	command [32]byte
	commits *int
	seen    raft.Index
}

func (p *pump) fill() {
	if p.Role() != raft.Leader {
		return
	}
	*p.commits += int(p.Applied() - p.seen)
	p.seen = p.Applied()
	for p.Log().Last()-p.Applied() < p.window {
		p.Propose(p.command[:])
	}
}

func (p *pump) Receive(env sim.Env, from sim.NodeID, kind sim.Kind, frame []byte) {
	p.Node.Receive(env, from, kind, frame)
	p.fill()
}

func (p *pump) Complete(env sim.Env, id sim.IOID, io sim.IO) {
	p.Node.Complete(env, id, io)
	p.fill()
}

// counter is a state machine that counts.
type counter struct{ n uint64 }

func (c *counter) Apply(_ uint64, _ int64, _ bool, _, reply []byte) []byte {
	c.n++
	return reply
}
func (c *counter) Read(_ uint64, _, reply []byte) ([]byte, bool) { return reply, false }
func (c *counter) Digest() uint64                                { return c.n }
