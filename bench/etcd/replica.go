package etcd

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// The workload, the same for both ways and for Saros' own Raft.
const (
	LinkMin      = 200 * time.Microsecond
	LinkMean     = 800 * time.Microsecond // of the exponential part on top of LinkMin
	SyncTime     = 100 * time.Microsecond
	tickInterval = 50 * time.Millisecond
	patience     = 3 // ticks without a message before an election, and as many more by chance
	commandSize  = 32
)

// Options of a cluster.
type Options struct {
	Replicas int
	Window   int // commands under way, always
	// Batch makes the leader propose at once as many commands as there is room for.
	// Without it each command is proposed alone, as those of independent clients are.
	Batch bool
}

// host is what surrounds a replica.
type host interface {
	// send puts a message on its way. It keeps no memory of it.
	send(m *raftpb.Message)
	// persist appends a record to the log and copies it; with sync it calls
	// Replica.synced when all records so far are durable.
	persist(record []byte, sync bool)
	// random returns a number in [0, bound).
	random(bound uint64) uint64
}

// Replica drives one raft.RawNode by its contract: entries and hard state are durable
// before messages leave. While a sync is under way it takes messages in, and what
// they lead to goes out as one Ready after it. When it leads, it keeps a number of
// commands under way.
type Replica struct {
	id    uint64
	opts  Options
	host  host
	node  *raft.RawNode
	store storage

	ready   raft.Ready // being made durable
	syncing bool
	leads   bool
	heard   bool // a message came since the last tick
	quiet   int  // ticks without

	underway int    // commands proposed and not yet applied
	commits  *int   // commands applied by the cluster's leaders
	applied  uint64 // index

	in      raftpb.Message // decoded last; the slice of its entries is reused
	record  []byte
	batch   []raftpb.Entry
	command [commandSize]byte
}

// reset makes the replica as new and keeps its memory.
func (r *Replica) reset(id uint64, o Options, h host, voters []uint64, commits *int) {
	r.store.reset(voters)
	*r = Replica{id: id, opts: o, host: h, store: r.store, commits: commits, in: r.in, record: r.record, batch: r.batch}
	node, err := raft.NewRawNode(&raft.Config{
		ID: id, Storage: &r.store, HeartbeatTick: 1, ElectionTick: 1 << 30, PreVote: true,
		MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, Logger: silent{},
	})
	if err != nil {
		panic(err)
	}
	r.node = node
}

// step takes a message in. Flush must follow.
func (r *Replica) step(frame []byte) {
	r.heard = true
	m := &r.in
	*m = raftpb.Message{Entries: m.Entries[:0]}
	if err := m.Unmarshal(frame); err != nil {
		panic(err)
	}
	if len(m.Entries) > 0 && m.Index < r.store.last() {
		// The library may keep the slice when an append overlaps what it has.
		m.Entries = slices.Clone(m.Entries)
	}
	if err := r.node.Step(*m); err != nil {
		panic(err)
	}
}

// tick counts time. An election begins where nobody was heard of for long enough.
// Flush must follow.
func (r *Replica) tick() {
	r.node.Tick()
	if r.heard || r.leads {
		r.heard, r.quiet = false, 0
		return
	}
	if r.quiet++; r.quiet >= patience+int(r.host.random(patience)) {
		r.quiet = 0
		if err := r.node.Campaign(); err != nil {
			panic(err)
		}
	}
}

// flush carries out what the library is ready for, until it waits for the disk.
func (r *Replica) flush() {
	for !r.syncing {
		r.propose()
		if !r.node.HasReady() {
			return
		}
		r.ready = r.node.Ready()
		if sync := r.persist(); sync {
			r.syncing = true
			return
		}
		r.finish()
	}
}

// synced is called by the host when the record persisted last is durable.
func (r *Replica) synced() {
	r.syncing = false
	r.finish()
	r.flush()
}

// propose fills the window.
func (r *Replica) propose() {
	for r.leads && r.underway < r.opts.Window {
		n := 1
		if r.opts.Batch {
			n = r.opts.Window - r.underway
		}
		r.underway += n
		r.batch = r.batch[:0]
		for range n {
			r.batch = append(r.batch, raftpb.Entry{Data: r.command[:]})
		}
		if err := r.node.Step(raftpb.Message{Type: raftpb.MsgProp, From: r.id, Entries: r.batch}); err != nil {
			panic(err)
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// persist writes what the Ready has that is new as one record:
//
//	length, checksum | hard state (length, bytes) | entry (length, bytes) …
//
// and tells whether it must be durable before the replica goes on.
func (r *Replica) persist() (sync bool) {
	rd := &r.ready
	if len(rd.Entries) == 0 && raft.IsEmptyHardState(rd.HardState) {
		return false
	}
	b := append(r.record[:0], make([]byte, 8)...)
	b = appendSized(b, rd.HardState.Size(), rd.HardState.MarshalToSizedBuffer)
	for i := range rd.Entries {
		b = appendSized(b, rd.Entries[i].Size(), rd.Entries[i].MarshalToSizedBuffer)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-8))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	r.record = b
	r.host.persist(b, rd.MustSync)
	return rd.MustSync
}

// appendSized appends the size and the bytes of something that marshals itself.
func appendSized(b []byte, size int, marshal func([]byte) (int, error)) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	return appendMarshaled(b, size, marshal)
}

func appendMarshaled(b []byte, size int, marshal func([]byte) (int, error)) []byte {
	n := len(b)
	b = slices.Grow(b, size)[:n+size]
	if _, err := marshal(b[n:]); err != nil {
		panic(err)
	}
	return b
}

// finish does what was to wait for the disk: messages leave, entries are applied.
func (r *Replica) finish() {
	rd := &r.ready
	r.store.append(rd.Entries)
	if rd.SoftState != nil {
		leads := rd.SoftState.RaftState == raft.StateLeader
		if leads != r.leads {
			r.leads, r.underway = leads, 0
		}
	}
	for i := range rd.Messages {
		r.host.send(&rd.Messages[i])
	}
	for i := range rd.CommittedEntries {
		e := &rd.CommittedEntries[i]
		if e.Index != r.applied+1 {
			panic(fmt.Sprintf("etcd: replica %d applies entry %d after %d", r.id, e.Index, r.applied))
		}
		r.applied = e.Index
		if len(e.Data) > 0 && r.leads {
			r.underway--
			*r.commits++
		}
	}
	r.node.Advance(*rd)
}

// silent is a logger for a library that panics by logging.
type silent struct{}

func (silent) Debug(...any)            {}
func (silent) Debugf(string, ...any)   {}
func (silent) Error(...any)            {}
func (silent) Errorf(string, ...any)   {}
func (silent) Info(...any)             {}
func (silent) Infof(string, ...any)    {}
func (silent) Warning(...any)          {}
func (silent) Warningf(string, ...any) {}
func (silent) Fatal(v ...any)          { panic(fmt.Sprint(v...)) }
func (silent) Fatalf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
func (silent) Panic(v ...any) { panic(fmt.Sprint(v...)) }
func (silent) Panicf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
