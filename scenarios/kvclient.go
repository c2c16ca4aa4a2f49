package scenarios

import (
	"time"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/nodes/kv"
	"github.com/saros-sim/saros/nodes/raft"
	"github.com/saros-sim/saros/sim"
)

// kvClient is one client of the store: a session, one operation at a time, repeated
// at one server after the other until it is answered or patience ends. What it saw
// goes into the history.
type kvClient struct {
	sys     *kvSystem
	number  int
	c       *sim.Client
	session uint64 // of the store; 0: none
	seq     uint64 // of the last request in it
	process int32  // session of the history: a new one after every unknown outcome
	target  int    // server to ask, by position
	request uint64 // last request ID
	values  int64  // written so far
	seen    []int64
	doing   string // what it waits for, for reports

	command []byte
	frame   []byte
	value   [8]byte
	old     [8]byte
}

// ClientRules are what a client of an exactly-once service must do.
type ClientRules struct {
	// RepeatsUnder is the number under which a request is repeated: its own.
	RepeatsUnder func(seq uint64) uint64
}

func (k *kvClient) reset(s *kvSystem, number int) {
	*k = kvClient{sys: s, number: number, seen: k.seen, command: k.command, frame: k.frame}
	k.seen = append(k.seen[:0], make([]int64, len(s.keys))...)
}

// A try waits from least to most: some give up before a leader that lost its majority
// knows it, some hear what it has to say.
const (
	leastWait = 60 * time.Millisecond
	mostWait  = 400 * time.Millisecond
	forever   = 1 << 30 // tries
)

func (k *kvClient) run(c *sim.Client) {
	k.c = c
	s := k.sys
	k.target = int(c.Rand(uint64(len(s.servers))))
	for c.Now() < s.healed {
		c.Sleep(k.think())
		k.operate(k.draw())
	}
	// Every key is read once more, by somebody who does not give up: what was unknown
	// is known then.
	for i := range s.keys {
		if i%len(s.ids) == k.number {
			k.operate(kvOperation{key: i, kind: checker.Get, tries: forever})
		}
	}
	k.doing = ""
	s.left--
}

func (k *kvClient) think() time.Duration {
	mean := k.sys.ms("think_ms")
	return 1 + time.Duration(k.c.Rand(uint64(2*mean)+1))
}

// kvOperation is an operation to be tried.
type kvOperation struct {
	key      int
	kind     checker.Kind
	old, arg int64
	tries    int // patience
}

// draw chooses the next operation. Written values are unique; a swap expects what
// this client saw last.
func (k *kvClient) draw() kvOperation {
	s := k.sys
	o := kvOperation{key: int(k.c.Rand(uint64(len(s.keys)))), tries: 1}
	// Some operations are tried once, some until the cluster must have recovered.
	if r := k.c.Rand(8); r > 1 {
		o.tries = 1 << (r - 1)
	}
	p := k.c.Rand(100)
	if s.keys[o.key].counter {
		o.kind, o.arg = checker.Increment, 1
		if p < 30 {
			o.kind = checker.Get
		}
		return o
	}
	k.values++
	o.arg = int64(k.number+1)<<32 | k.values
	switch {
	case p < 40:
		o.kind = checker.Get
	case p < 70:
		o.kind = checker.Put
	case p < 93:
		o.kind, o.old = checker.CAS, k.seen[o.key]
	default:
		o.kind = checker.Delete
	}
	return o
}

// operate invokes an operation and records what came of it.
func (k *kvClient) operate(o kvOperation) {
	for k.session == 0 {
		k.register()
	}
	key := &k.sys.keys[o.key]
	k.doing = o.kind.String() + " " + key.name
	h := &k.sys.history
	id := h.Invoke(k.process, o.kind, key.name, o.old, o.arg, int64(k.c.Now()))
	k.sys.stream.Call(&h.Operations[id])
	k.seq++
	reply, certain, ok := k.try(o, []byte(key.name))
	now := int64(k.c.Now())
	switch {
	case !ok && certain, ok && reply.Status == kv.Mismatch:
		h.Fail(id, now)
	case !ok, reply.Status != kv.OK:
		// It may have happened, or may happen yet. Somebody who does not know what it
		// did cannot go on in its name.
		h.Info(id, now)
		k.session = 0
	default:
		h.Complete(id, now, k.response(o, reply))
	}
	k.sys.stream.Return(&h.Operations[id])
	if !ok && certain {
		k.session = 0 // its number is spent
	}
}

func (k *kvClient) response(o kvOperation, r kv.Reply) checker.Response {
	n, _ := kv.Number(r.Value)
	if r.Found || r.Swapped {
		k.seen[o.key] = n
	}
	if o.kind == checker.Put || r.Swapped {
		k.seen[o.key] = o.arg
	}
	return checker.Response{Result: n, Found: r.Found, Swapped: r.Swapped, Version: r.Version}
}

// try sends the request until it is answered or patience ends. certain: no server can
// have accepted it.
func (k *kvClient) try(o kvOperation, key []byte) (reply kv.Reply, certain, ok bool) {
	certain = true
	first := -1
	for range o.tries {
		c := kv.Command{Op: opOf(o.kind), Session: k.session, Seq: k.seq, Delta: o.arg, Key: key}
		if o.kind != checker.Get && o.kind != checker.Increment {
			c.Value = kv.AppendNumber(k.value[:0], o.arg)
			c.Old = kv.AppendNumber(k.old[:0], o.old)
		}
		asked := k.target
		status, r, answered := k.ask(&c)
		switch {
		case !answered || status == raft.Unknown:
			certain = false
			k.seq = k.sys.guards.Client.RepeatsUnder(k.seq)
			if first < 0 {
				first = asked
			}
		case status == raft.Done:
			if r.Status == kv.Expired && certain {
				return r, true, false // this try was not done, and there was none before
			}
			k.sys.world.Sometimes(first >= 0 && first != asked, "kv: request repeated at another server")
			return r, certain, true
		}
	}
	return kv.Reply{}, certain, false
}

func opOf(kind checker.Kind) kv.Op {
	switch kind {
	case checker.Get:
		return kv.Get
	case checker.Put:
		return kv.Put
	case checker.CAS:
		return kv.CompareAndSwap
	case checker.Increment:
		return kv.Increment
	}
	return kv.Delete
}

// ask sends one request to the server that is thought to lead and waits for its
// answer. It turns to another one when that helps.
func (k *kvClient) ask(c *kv.Command) (raft.Status, kv.Reply, bool) {
	k.request++
	k.command = c.Append(k.command[:0])
	k.frame = raft.Seal((&raft.Request{ID: k.request, Command: k.command}).Append(k.frame[:0]))
	var m raft.Reply
	servers := k.sys.servers
	_, err := k.c.Call(servers[k.target], raft.KindRequest, k.frame, leastWait+time.Duration(k.c.Rand(uint64(mostWait-leastWait))), func(f sim.Frame) bool {
		b, whole := raft.Unseal(f.Bytes)
		return whole && f.Kind == raft.KindReply && m.Decode(b) && m.ID == k.request
	})
	if err != nil {
		k.target = int(k.c.Rand(uint64(len(servers))))
		return 0, kv.Reply{}, false
	}
	switch m.Status {
	case raft.Done:
		r, err := kv.DecodeReply(m.Result)
		if err != nil {
			return 0, kv.Reply{}, false
		}
		return m.Status, r, true
	case raft.NotLeader, raft.Unknown:
		if l := int(m.Leader); l > 0 && l <= len(servers) && m.Leader != servers[k.target] {
			k.target = int(m.Leader) - 1
			break
		}
		k.target = int(k.c.Rand(uint64(len(servers))))
		k.c.Sleep(time.Duration(k.c.Rand(uint64(40 * time.Millisecond))))
	case raft.Busy:
		k.c.Sleep(time.Duration(k.c.Rand(uint64(40 * time.Millisecond))))
	}
	return m.Status, kv.Reply{}, true
}

// register opens a new session, at the store and in the history.
func (k *kvClient) register() {
	k.doing = "a session"
	status, r, ok := k.ask(&kv.Command{Op: kv.Register})
	if ok && status == raft.Done && r.Status == kv.OK {
		k.session, k.seq = r.Session, 0
		k.process = k.sys.sessions
		k.sys.sessions++
	}
}
