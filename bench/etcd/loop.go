package etcd

import (
	"math/rand/v2"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// Loop is a cluster in a bare loop: a heap of event values, frames in buffers that are
// reused, nothing that the workload does not need. It keeps no trace.
type Loop struct {
	opts    Options
	members []member
	heap    []slot
	events  []event
	free    []uint32
	now     time.Duration
	seq     uint32
	rand    *rand.Rand

	commits  int
	messages uint64
}

// member is a replica and its surroundings.
type member struct {
	Replica
	loop  *Loop
	disk  []byte
	links []time.Duration // when the last frame to each replica arrives: a link keeps its order
}

// slot is what the heap orders: an event's time, its number, its place.
type slot struct {
	at    time.Duration
	seq   uint32
	event uint32
}

func (a slot) before(b slot) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

type event struct {
	what  uint8
	to    uint8
	frame []byte // reused
}

const (
	frameArrives = iota
	syncEnds
	tickComes
)

// NewLoop makes a cluster.
func NewLoop(o Options) *Loop {
	return &Loop{opts: o, members: make([]member, o.Replicas)}
}

// Run runs a fresh cluster, its election included, until so many commands are
// committed. It reuses memory of the run before.
func (l *Loop) Run(seed uint64, commits int) {
	l.heap, l.events, l.free, l.now, l.seq = l.heap[:0], l.events[:cap(l.events)], l.free[:0], 0, 0
	l.commits, l.messages = 0, 0
	for i := len(l.events) - 1; i >= 0; i-- {
		l.free = append(l.free, uint32(i))
	}
	l.rand = rand.New(rand.NewPCG(seed, 1))
	var voters []uint64
	for i := range l.members {
		voters = append(voters, uint64(i+1))
	}
	for i := range l.members {
		m := &l.members[i]
		m.loop, m.disk = l, m.disk[:0]
		m.links = append(m.links[:0], make([]time.Duration, len(l.members)+1)...)
		m.reset(voters[i], l.opts, m, voters, &l.commits)
		l.push(tickInterval, tickComes, voters[i])
	}
	for l.commits < commits {
		s := l.pop()
		l.now = s.at
		e := &l.events[s.event]
		m := &l.members[e.to-1]
		switch e.what {
		case frameArrives:
			m.step(e.frame)
			// What arrives at one moment is taken in together.
			for !m.syncing && len(l.heap) > 0 && l.heap[0].at == l.now {
				next := l.heap[0].event
				if f := &l.events[next]; f.what != frameArrives || f.to != e.to {
					break
				}
				l.pop()
				m.step(l.events[next].frame)
				l.free = append(l.free, next)
			}
			m.flush()
		case syncEnds:
			m.synced()
		case tickComes:
			l.push(tickInterval, tickComes, m.id)
			m.tick()
			m.flush()
		}
		l.free = append(l.free, s.event)
	}
}

// Messages is how many messages the last run sent.
func (l *Loop) Messages() uint64 { return l.messages }

func (m *member) send(msg *raftpb.Message) {
	l := m.loop
	l.messages++
	at := l.now + LinkMin + time.Duration(l.rand.ExpFloat64()*float64(LinkMean))
	at = max(at, m.links[msg.To])
	m.links[msg.To] = at
	e := l.push(at-l.now, frameArrives, msg.To)
	e.frame = appendMarshaled(e.frame[:0], msg.Size(), msg.MarshalToSizedBuffer)
}

func (m *member) persist(record []byte, sync bool) {
	m.disk = append(m.disk, record...)
	if sync {
		m.loop.push(SyncTime, syncEnds, m.id)
	}
}

func (m *member) random(bound uint64) uint64 { return m.loop.rand.Uint64N(bound) }

// push schedules an event; its frame is the caller's to fill, now.
func (l *Loop) push(after time.Duration, what uint8, to uint64) *event {
	var place uint32
	if n := len(l.free); n > 0 {
		place, l.free = l.free[n-1], l.free[:n-1]
	} else {
		place = uint32(len(l.events))
		l.events = append(l.events, event{})
	}
	e := &l.events[place]
	e.what, e.to = what, uint8(to)
	l.seq++
	s := slot{l.now + after, l.seq, place}
	l.heap = append(l.heap, s)
	i := len(l.heap) - 1
	for i > 0 {
		p := (i - 1) / 4
		if !s.before(l.heap[p]) {
			break
		}
		l.heap[i] = l.heap[p]
		i = p
	}
	l.heap[i] = s
	return e
}

func (l *Loop) pop() slot {
	h := l.heap
	top, s := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	l.heap = h
	i := 0
	for c := 1; c < len(h); c = 4*i + 1 {
		least := c
		for j := c + 1; j < min(c+4, len(h)); j++ {
			if h[j].before(h[least]) {
				least = j
			}
		}
		if !h[least].before(s) {
			break
		}
		h[i] = h[least]
		i = least
	}
	if len(h) > 0 {
		h[i] = s
	}
	return top
}
