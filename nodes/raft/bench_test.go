package raft

import (
	"fmt"
	"testing"
	"time"

	"github.com/saros-sim/saros/nodes/wal"
	"github.com/saros-sim/saros/sim"
)

// counter is a state machine that counts.
type counter struct{ n uint64 }

func (c *counter) Apply(_ uint64, _ int64, _ bool, _, reply []byte) []byte {
	c.n++
	return reply
}
func (c *counter) Read(_ uint64, _, reply []byte) ([]byte, bool) { return reply, false }
func (c *counter) Digest() uint64                                { return c.n }

// pump is a node that keeps its log busy while it leads: so many commands are always
// under way.
type pump struct {
	*Node
	window  int
	command [32]byte
	commits *int
	seen    Index
}

func (p *pump) fill() {
	if p.Role() != Leader {
		return
	}
	*p.commits += int(p.Applied() - p.seen)
	p.seen = p.Applied()
	for p.Log().Last()-p.Applied() < Index(p.window) {
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

// BenchmarkCommit is a cluster in a world without faults, with WAL bytes, checksums,
// the simulated disk and the trace digest: links of 200 µs + Exp(800 µs), syncs of
// 100 µs, 32-byte commands. A log without snapshots grows for ever, so the benchmark
// is made of runs of 10,000 commits, elections included, that reuse their memory.
func BenchmarkCommit(b *testing.B) {
	for _, nodes := range []int{3, 5} {
		for _, window := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("n=%d/W=%d", nodes, window), func(b *testing.B) { benchmarkCommit(b, nodes, window) })
		}
	}
}

func benchmarkCommit(b *testing.B, nodes, window int) {
	w := sim.New(sim.Options{})
	var peers []sim.NodeID
	machines := make([]*pump, nodes)
	commits := 0
	for i := range nodes {
		peers = append(peers, sim.NodeID(i+1))
		machines[i] = &pump{window: window, commits: &commits}
	}
	const run = 10_000
	round := func(seed uint64) {
		w.Reset(sim.Options{Seed: seed, Link: sim.LinkOptions{Min: 200 * time.Microsecond, Mean: 800 * time.Microsecond},
			Disk: sim.DiskOptions{Sync: 100 * time.Microsecond}})
		commits = 0
		for i := range nodes {
			w.AddNode("node", func(uint32) sim.Machine {
				m := machines[i]
				m.seen = 0
				m.Node = New(Config{
					Peers: peers, Machine: &counter{}, ElectionTimeout: 150 * time.Millisecond, HeartbeatInterval: 50 * time.Millisecond,
					MaxEntries: 64, Window: 256, WAL: wal.Options{Name: "wal", SegmentBytes: 1 << 20},
				}, m.Node)
				return m
			})
		}
		w.Run(sim.End-1, func() bool { return commits >= run })
	}
	round(0)
	b.ReportAllocs()
	b.ResetTimer()
	messages := uint64(0)
	for i := 0; i < b.N; i += run {
		round(uint64(i + 1))
		messages += w.Messages()
	}
	b.ReportMetric(float64(messages)/float64((b.N+run-1)/run*run), "msgs/op")
}

// BenchmarkRule is what it costs that a guard is replaceable: the same predicate called
// directly, and through a Rules.
func BenchmarkRule(b *testing.B) {
	r := DefaultRules()
	m := VoteRequest{Term: 3, LastIndex: 7, LastTerm: 2}
	n := 0
	b.Run("direct", func(b *testing.B) {
		for i := range b.N {
			if upToDate(m, Index(i&15), 2) {
				n++
			}
		}
	})
	b.Run("rule", func(b *testing.B) {
		for i := range b.N {
			if r.UpToDate(m, Index(i&15), 2) {
				n++
			}
		}
	})
	if n < 0 {
		b.Fatal(n)
	}
}

//go:noinline
func upToDate(r VoteRequest, lastIndex Index, lastTerm Term) bool {
	return r.LastTerm > lastTerm || r.LastTerm == lastTerm && r.LastIndex >= lastIndex
}
