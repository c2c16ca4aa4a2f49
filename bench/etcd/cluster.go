package etcd

import (
	"encoding/binary"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/saros-sim/saros/sim"
)

// Cluster is a cluster of Machines in a World of the Saros kernel.
type Cluster struct {
	World    *sim.World
	opts     Options
	machines []machine
	commits  int
}

// NewCluster makes a cluster.
func NewCluster(o Options) *Cluster {
	return &Cluster{World: sim.New(sim.Options{}), opts: o, machines: make([]machine, o.Replicas)}
}

// Run runs a fresh cluster, its election included, until so many commands are
// committed. It reuses memory of the run before.
func (c *Cluster) Run(seed uint64, commits int) {
	w := c.World
	w.Reset(sim.Options{Seed: seed, Link: sim.LinkOptions{Min: LinkMin, Mean: LinkMean}, Disk: sim.DiskOptions{Sync: SyncTime}})
	c.commits = 0
	var voters []uint64
	for i := range c.machines {
		voters = append(voters, uint64(i+1))
	}
	for i := range c.machines {
		m := &c.machines[i]
		m.voters, m.cluster = voters, c
		w.AddNode("replica", func(uint32) sim.Machine { return m })
	}
	w.Run(sim.End-1, func() bool { return c.commits >= commits })
	if v := w.Violations(); len(v) > 0 {
		panic(v[0].Detail)
	}
}

// Messages is how many messages the last run sent.
func (c *Cluster) Messages() uint64 { return c.World.Messages() }

// machine hosts a replica on a node of the kernel.
type machine struct {
	Replica
	cluster *Cluster
	voters  []uint64
	env     sim.Env
	streams []stream // by peer
	frame   []byte
	log     []byte   // records that need not be durable, until one does
	sync    sim.IOID // under way
}

// The library is written for connections that keep the order of messages, and the
// kernel's links do not: frames are numbered, and those that came early are kept.
type stream struct {
	sent  uint32
	next  uint32   // number of the frame that is to be taken in next
	early [][]byte // by number modulo length, a power of two; empty: not here
}

const logFile = "log"

// Boot implements sim.Machine.
func (m *machine) Boot(env sim.Env) {
	m.env = env
	m.reset(uint64(env.Self()), m.cluster.opts, m, m.voters, &m.cluster.commits)
	if len(m.streams) <= len(m.voters) {
		m.streams = make([]stream, len(m.voters)+1)
	}
	for i := range m.streams {
		s := &m.streams[i]
		s.sent, s.next = 0, 0
		for j := range s.early {
			s.early[j] = s.early[j][:0]
		}
	}
	m.log = m.log[:0]
	env.Disk().Create(logFile)
	env.Disk().SyncDir()
	env.SetTimer(0, tickInterval)
}

// Receive implements sim.Machine.
func (m *machine) Receive(_ sim.Env, from sim.NodeID, _ sim.Kind, frame []byte) {
	s := &m.streams[from]
	if n := binary.LittleEndian.Uint32(frame); n != s.next {
		s.keep(n, frame)
		return
	}
	for len(frame) > 0 {
		m.step(frame[4:])
		s.next++
		frame = s.take()
	}
	m.flush()
}

func (s *stream) keep(n uint32, frame []byte) {
	for n-s.next >= uint32(len(s.early)) {
		s.grow()
	}
	place := &s.early[n%uint32(len(s.early))]
	*place = append((*place)[:0], frame...)
}

func (s *stream) grow() {
	old := s.early
	s.early = make([][]byte, max(16, 2*len(old)))
	for _, frame := range old {
		if len(frame) > 0 {
			s.early[binary.LittleEndian.Uint32(frame)%uint32(len(s.early))] = frame
		}
	}
}

// take returns the frame that is next if it came early; it is valid until keep.
func (s *stream) take() []byte {
	if len(s.early) == 0 {
		return nil
	}
	place := &s.early[s.next%uint32(len(s.early))]
	frame := *place
	*place = frame[:0]
	return frame
}

// Fire implements sim.Machine.
func (m *machine) Fire(env sim.Env, t sim.TimerID) {
	env.SetTimer(t, tickInterval)
	m.tick()
	m.flush()
}

// Complete implements sim.Machine.
func (m *machine) Complete(_ sim.Env, id sim.IOID, io sim.IO) {
	if io.Err != nil {
		panic(io.Err)
	}
	if m.syncing && id == m.sync {
		m.synced()
	}
}

func (m *machine) send(msg *raftpb.Message) {
	s := &m.streams[msg.To]
	b := binary.LittleEndian.AppendUint32(m.frame[:0], s.sent)
	s.sent++
	m.frame = appendMarshaled(b, msg.Size(), msg.MarshalToSizedBuffer)
	m.env.Send(sim.NodeID(msg.To), sim.Kind(msg.Type), m.frame)
}

func (m *machine) persist(record []byte, sync bool) {
	m.log = append(m.log, record...)
	if sync {
		disk := m.env.Disk()
		disk.Append(logFile, m.log)
		m.sync = disk.Sync(logFile)
		m.log = m.log[:0]
	}
}

func (m *machine) random(bound uint64) uint64 { return m.env.Rand(bound) }
