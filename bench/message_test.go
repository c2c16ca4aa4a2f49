package bench

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/saros-sim/saros/sim"
)

// Two nodes play ping-pong with some messages under way. A message is encoded into
// 60 bytes, copied, delayed by 200 µs + Exp(800 µs), folded into a digest, decoded, and
// restarts a timer of its receiver that never fires.

const (
	linkMin  = 200 * time.Microsecond
	linkMean = 800 * time.Microsecond
	patience = 150 * time.Millisecond // of the timer, and up to 63 ms more
	kindPing = 1
)

// message is a replication message.
type message struct {
	term, index, prevTerm, prevIndex, commit uint64
	flags                                    uint32
	data                                     [16]byte
}

const messageSize = 60

func (m *message) append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, m.term)
	b = le.AppendUint64(b, m.index)
	b = le.AppendUint64(b, m.prevTerm)
	b = le.AppendUint64(b, m.prevIndex)
	b = le.AppendUint64(b, m.commit)
	b = le.AppendUint32(b, m.flags)
	return append(b, m.data[:]...)
}

func (m *message) decode(b []byte) {
	le := binary.LittleEndian
	_ = b[messageSize-1]
	m.term, m.index, m.prevTerm, m.prevIndex, m.commit = le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:])
	m.flags = le.Uint32(b[40:])
	copy(m.data[:], b[44:])
}

// answer turns a message into the next.
func (m *message) answer() {
	m.index++
	m.prevIndex++
	m.commit = m.index
}

func (m *message) wait() time.Duration { return patience + time.Duration(m.index&63)*time.Millisecond }

func BenchmarkMessage(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.Run("saros", func(b *testing.B) { messageSaros(b, n) })
			b.Run("heap", func(b *testing.B) { messageHeap(b, n) })
			b.Run("synctest", func(b *testing.B) { messageSynctest(b, n, channels) })
			b.Run("synctest-callbacks", func(b *testing.B) { messageSynctest(b, n, callbacks) })
		})
	}
}

// Saros.

type pinger struct {
	peer  sim.NodeID
	first int
	got   *int
	m     message
	buf   []byte
}

func (p *pinger) Boot(env sim.Env) {
	for range p.first {
		p.send(env, p.peer)
	}
}

func (p *pinger) send(env sim.Env, to sim.NodeID) {
	p.buf = p.m.append(p.buf[:0])
	env.Send(to, kindPing, p.buf)
}

func (p *pinger) Receive(env sim.Env, from sim.NodeID, _ sim.Kind, frame []byte) {
	*p.got++
	p.m.decode(frame)
	p.m.answer()
	env.SetTimer(0, p.m.wait())
	p.send(env, from)
}

func (p *pinger) Fire(sim.Env, sim.TimerID)          {}
func (p *pinger) Complete(sim.Env, sim.IOID, sim.IO) {}

func messageSaros(b *testing.B, inFlight int) {
	w := sim.New(sim.Options{Seed: 1, Link: sim.LinkOptions{Min: linkMin, Mean: linkMean}})
	got := 0
	for i := range 2 {
		p := &pinger{peer: sim.NodeID(2 - i), first: (inFlight + 1 - i) / 2, got: &got}
		w.AddNode("node", func(uint32) sim.Machine { return p })
	}
	w.Run(sim.Time(100*time.Millisecond), nil)
	got = 0
	b.ReportAllocs()
	b.ResetTimer()
	w.Run(sim.End-1, func() bool { return got >= b.N })
}

// container/heap, with pointers to events that are closures: the simulator that
// everybody has written once. The timer's event is moved with heap.Fix.

type heapEvent struct {
	at    time.Duration
	seq   uint64
	index int
	do    func()
}

type eventHeap []*heapEvent

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *eventHeap) Push(x any) {
	e := x.(*heapEvent)
	e.index = len(*h)
	*h = append(*h, e)
}
func (h *eventHeap) Pop() any {
	n := len(*h) - 1
	e := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	return e
}

type heapWorld struct {
	now    time.Duration
	seq    uint64
	events eventHeap
	rand   *rand.Rand
	digest sim.Digest
	got    int
}

func (w *heapWorld) after(d time.Duration, do func()) *heapEvent {
	w.seq++
	e := &heapEvent{at: w.now + d, seq: w.seq, do: do}
	heap.Push(&w.events, e)
	return e
}

type heapNode struct {
	w     *heapWorld
	peer  *heapNode
	timer *heapEvent
	m     message
	buf   []byte
}

func (n *heapNode) send() {
	n.buf = n.m.append(n.buf[:0])
	frame := append([]byte(nil), n.buf...)
	to := n.peer
	n.w.after(delay(n.w.rand), func() { to.receive(frame) })
}

func (n *heapNode) receive(frame []byte) {
	w := n.w
	w.got++
	w.digest = w.digest.Word(uint64(w.now)).Bytes(frame)
	n.m.decode(frame)
	n.m.answer()
	w.seq++
	n.timer.at, n.timer.seq = w.now+n.m.wait(), w.seq
	heap.Fix(&w.events, n.timer.index)
	n.send()
}

func delay(r *rand.Rand) time.Duration {
	return linkMin + time.Duration(r.ExpFloat64()*float64(linkMean))
}

func messageHeap(b *testing.B, inFlight int) {
	w := &heapWorld{rand: rand.New(rand.NewPCG(1, 1))}
	nodes := [2]*heapNode{{w: w}, {w: w}}
	for i, n := range nodes {
		n.peer = nodes[1-i]
		n.timer = w.after(patience, func() {})
	}
	for i := range inFlight {
		nodes[i%2].send()
	}
	run := func(messages int) {
		for w.got = 0; w.got < messages; {
			e := heap.Pop(&w.events).(*heapEvent)
			w.now = e.at
			e.do()
		}
	}
	run(100 * inFlight)
	b.ReportAllocs()
	b.ResetTimer()
	run(b.N)
}

// testing/synctest: links are timers of the bubble's clock, made once for each message
// under way. The order of events is the scheduler's, so each node keeps a digest of its
// own.

// ball is a message under way; it is passed to and fro so many times more.
type ball struct {
	frame []byte
	left  int
	to    *player
	timer *time.Timer
}

type player struct {
	peer   *player
	timer  *time.Timer
	rand   *rand.Rand
	begin  time.Time
	digest sim.Digest
	m      message

	played *sync.WaitGroup
	inbox  chan *ball // of channels
	mu     sync.Mutex // of callbacks
}

func (n *player) send(p *ball) {
	p.frame = n.m.append(p.frame[:0])
	p.to = n.peer
	p.timer.Reset(delay(n.rand))
}

func (n *player) receive(p *ball) {
	n.digest = n.digest.Word(uint64(time.Since(n.begin))).Bytes(p.frame)
	n.m.decode(p.frame)
	n.m.answer()
	n.timer.Reset(n.m.wait())
	if p.left--; p.left <= 0 {
		n.played.Done()
		return
	}
	n.send(p)
}

// newPlayers makes two players with so many balls between them. arrive is called when a
// ball is there.
func newPlayers(inFlight, messages int, arrive func(p *ball)) (players [2]*player, balls []*ball) {
	played := new(sync.WaitGroup)
	played.Add(inFlight)
	for i := range players {
		players[i] = &player{rand: rand.New(rand.NewPCG(1, uint64(i))), begin: time.Now(), played: played, inbox: make(chan *ball, inFlight)}
		players[i].timer = time.AfterFunc(patience, func() {})
	}
	players[0].peer, players[1].peer = players[1], players[0]
	for i := range inFlight {
		p := &ball{left: (messages + i) / inFlight}
		p.timer = time.AfterFunc(patience, func() { arrive(p) }) // restarted before it comes to that
		balls = append(balls, p)
	}
	return players, balls
}

// channels plays with players that are goroutines, each with a channel.
func channels(inFlight, messages int) {
	players, balls := newPlayers(inFlight, messages, func(p *ball) { p.to.inbox <- p })
	for i, n := range players {
		go func() {
			for j := i; j < len(balls); j += 2 {
				n.send(balls[j])
			}
			for p := range n.inbox {
				n.receive(p)
			}
		}()
	}
	players[0].played.Wait()
	for _, n := range players {
		n.timer.Stop()
		close(n.inbox)
	}
}

// callbacks plays with players that are objects under a mutex, called by the timers'
// goroutines: no channel, the least that a bubble can do for a message.
func callbacks(inFlight, messages int) {
	players, balls := newPlayers(inFlight, messages, func(p *ball) {
		n := p.to
		n.mu.Lock()
		n.receive(p)
		n.mu.Unlock()
	})
	for i, n := range players {
		n.mu.Lock()
		for j := i; j < len(balls); j += 2 {
			n.send(balls[j])
		}
		n.mu.Unlock()
	}
	players[0].played.Wait()
	for _, n := range players {
		n.mu.Lock()
		n.timer.Stop()
		n.mu.Unlock()
	}
}

// messageSynctest runs in a bubble, which only a test can have, and is timed outside of
// it, where time is real.
func messageSynctest(b *testing.B, inFlight int, run func(inFlight, messages int)) {
	b.ReportAllocs()
	inBubble(b, func() { run(inFlight, b.N) })
}

// inBubble runs f in a bubble of testing/synctest, on behalf of a benchmark.
func inBubble(b *testing.B, f func()) {
	done := false // -count makes RunTests repeat itself
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: b.Name(), F: func(t *testing.T) {
			if done {
				return
			}
			done = true
			synctest.Test(t, func(*testing.T) { f() })
		}}})
	if !ok || !done {
		b.Fatal("the bubble's test did not pass")
	}
}
