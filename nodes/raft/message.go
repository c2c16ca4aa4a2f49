package raft

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/saros-sim/saros/sim"
)

// Term is Raft's generation clock: it numbers elections.
type Term uint64

// Index is a place in the log, from 1.
type Index uint64

// Message kinds.
const (
	KindPreVote sim.Kind = iota + 1
	KindPreVoteReply
	KindVote
	KindVoteReply
	KindAppend
	KindAppendReply
	KindRequest
	KindReply
)

// KindNames names the message kinds for traces and plans.
func KindNames() []string {
	return []string{"", "pre_vote", "pre_vote_reply", "vote", "vote_reply", "append", "append_reply", "request", "reply"}
}

// VoteRequest asks for a vote, or (KindPreVote) whether one would be given.
type VoteRequest struct {
	Term      Term
	LastIndex Index
	LastTerm  Term
}

// VoteReply answers a VoteRequest. Term is the voter's, or the asked one when granted.
type VoteReply struct {
	Term    Term
	Granted bool
}

// AppendRequest carries entries that follow (PrevIndex, PrevTerm); without entries it
// is a heartbeat.
type AppendRequest struct {
	Term      Term
	PrevIndex Index
	PrevTerm  Term
	Commit    Index
	Entries   []Entry // of one append; Data aliases the frame
}

// AppendReply answers an AppendRequest. Match is how far the follower's log agrees
// with the leader's and is durable. A rejection names the PrevIndex it rejects and
// hints at the latest place where the logs may agree (Raft 5.3, end).
type AppendReply struct {
	Term     Term
	OK       bool
	Match    Index
	Rejected Index
	Hint     Index
	HintTerm Term
}

const (
	appendHeader = 4 * 8         // bytes of an append without entries
	entryHeader  = 8 + 8 + 1 + 4 // bytes of an entry without data

	sealBytes = 4 // of every frame

	// MaxCommand is the largest command, in bytes: what fits into an append by itself.
	MaxCommand = sim.MaxFrame - appendHeader - entryHeader - sealBytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli) //saros:constant table

// Seal appends a checksum to a frame: what was said may not arrive as it was said, for the
// checksums of the network are weak and are taken too late and too early (Stone and
// Partridge, "When the CRC and TCP Checksum Disagree", SIGCOMM 2000).
func Seal(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Unseal returns a frame without its checksum, and whether that is right. A frame with
// another one counts as lost.
func Unseal(frame []byte) ([]byte, bool) {
	n := len(frame) - sealBytes
	if n < 0 {
		return nil, false
	}
	return frame[:n:n], binary.LittleEndian.Uint32(frame[n:]) == crc32.Checksum(frame[:n], castagnoli)
}

// Frames are fixed-width, little endian. A malformed frame decodes to false and is
// dropped: the network is not to be trusted with more.

type writer []byte

func (w *writer) u64(x uint64) { *w = binary.LittleEndian.AppendUint64(*w, x) }
func (w *writer) bool(x bool) {
	if x {
		*w = append(*w, 1)
	} else {
		*w = append(*w, 0)
	}
}

type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || len(r.b) < n {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// done is true when the frame was read to its end and no further.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }

func (m *VoteRequest) append(b []byte) []byte {
	w := writer(b)
	w.u64(uint64(m.Term))
	w.u64(uint64(m.LastIndex))
	w.u64(uint64(m.LastTerm))
	return w
}

func (m *VoteRequest) decode(b []byte) bool {
	r := reader{b: b}
	m.Term, m.LastIndex, m.LastTerm = Term(r.u64()), Index(r.u64()), Term(r.u64())
	return r.done()
}

func (m *VoteReply) append(b []byte) []byte {
	w := writer(b)
	w.u64(uint64(m.Term))
	w.bool(m.Granted)
	return w
}

func (m *VoteReply) decode(b []byte) bool {
	r := reader{b: b}
	m.Term, m.Granted = Term(r.u64()), r.byte() == 1
	return r.done()
}

func (m *AppendRequest) append(b []byte) []byte {
	w := writer(b)
	w.u64(uint64(m.Term))
	w.u64(uint64(m.PrevIndex))
	w.u64(uint64(m.PrevTerm))
	w.u64(uint64(m.Commit))
	for i := range m.Entries {
		w = m.Entries[i].append(w)
	}
	return w
}

// decode reuses m.Entries.
func (m *AppendRequest) decode(b []byte) bool {
	r := reader{b: b}
	m.Term, m.PrevIndex, m.PrevTerm, m.Commit = Term(r.u64()), Index(r.u64()), Term(r.u64()), Index(r.u64())
	m.Entries = m.Entries[:0]
	for !r.bad && len(r.b) > 0 {
		m.Entries = append(m.Entries, r.entry())
	}
	return r.done()
}

func (m *AppendReply) append(b []byte) []byte {
	w := writer(b)
	w.u64(uint64(m.Term))
	w.bool(m.OK)
	w.u64(uint64(m.Match))
	w.u64(uint64(m.Rejected))
	w.u64(uint64(m.Hint))
	w.u64(uint64(m.HintTerm))
	return w
}

func (m *AppendReply) decode(b []byte) bool {
	r := reader{b: b}
	m.Term, m.OK = Term(r.u64()), r.byte() == 1
	m.Match, m.Rejected, m.Hint, m.HintTerm = Index(r.u64()), Index(r.u64()), Index(r.u64()), Term(r.u64())
	return r.done()
}

func (e *Entry) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Term))
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Time))
	b = append(b, byte(e.Kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.Data)))
	return append(b, e.Data...)
}

func (r *reader) entry() Entry {
	e := Entry{Term: Term(r.u64()), Time: int64(r.u64()), Kind: EntryKind(r.byte())}
	e.Data = r.take(int(r.u32()))
	return e
}

// Request is what a client sends, sealed: a number of its own, given back in the answer, and
// a command of at most MaxCommand bytes for the state machine.
type Request struct {
	ID      uint64
	Command []byte
}

// Append appends the request's bytes.
func (m *Request) Append(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(b, m.ID), m.Command...)
}

func (m *Request) decode(b []byte) bool {
	r := reader{b: b}
	m.ID = r.u64()
	m.Command = r.b
	return !r.bad && len(m.Command) <= MaxCommand
}

// Status is how a request ended.
type Status uint8

// How a request ends. Done: the command was committed and applied, Result is the
// state machine's answer. NotLeader: it was not accepted; try Leader, if it is not 0.
// Unknown: it was accepted and then leadership was lost: it may be committed later,
// or never. Busy: too many requests wait; it was not accepted.
const (
	Done Status = iota
	NotLeader
	Unknown
	Busy
)

// Reply answers a Request, sealed.
type Reply struct {
	ID     uint64
	Status Status
	Leader sim.NodeID
	Result []byte
}

func (m *Reply) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, m.ID)
	b = append(b, byte(m.Status))
	b = binary.LittleEndian.AppendUint16(b, uint16(m.Leader))
	return append(b, m.Result...)
}

// Decode decodes a reply; Result aliases b.
func (m *Reply) Decode(b []byte) bool {
	if len(b) < 11 {
		return false
	}
	m.ID = binary.LittleEndian.Uint64(b)
	m.Status = Status(b[8])
	m.Leader = sim.NodeID(binary.LittleEndian.Uint16(b[9:]))
	m.Result = b[11:]
	return m.Status <= Busy
}
