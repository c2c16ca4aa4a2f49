package kv

import (
	"encoding/binary"
	"errors"
)

// Op is what a command does.
type Op uint8

// The commands. Register opens a session; all others belong to one.
const (
	Register Op = iota + 1
	Get
	Put
	CompareAndSwap
	Increment
	Delete
	opEnd
)

var opNames = [opEnd]string{"none", "register", "get", "put", "cas", "increment", "delete"} //saros:constant names

// String names the command as histories do.
func (o Op) String() string {
	if o < opEnd {
		return opNames[o]
	}
	return "op?"
}

// Command is a request to the state machine.
type Command struct {
	Op      Op
	Session uint64 // from Register
	Seq     uint64 // number of the request within its session, from 1
	Delta   int64  // Increment
	Key     []byte
	Old     []byte // CompareAndSwap: swaps iff the key has exactly this value
	Value   []byte // Put, CompareAndSwap; Delete: the tombstone to leave, which may be empty
}

// A command's bytes:
//
//	+----+---------+--------+---------+---------+---------+-----------+-----+-----+-------+
//	| op | session |  seq   |  delta  | len key | len old | len value | key | old | value |
//	| 1  |    8    |   8    |    8    |    2    |    2    |     2     |     |     |       |
//	+----+---------+--------+---------+---------+---------+-----------+-----+-----+-------+
const commandHeader = 1 + 8 + 8 + 8 + 2 + 2 + 2

// MaxBytes bounds a key and a value.
const MaxBytes = 1<<16 - 1

var errCommand = errors.New("kv: malformed command")

// Append appends the command's bytes. Keys and values longer than MaxBytes panic.
func (c *Command) Append(b []byte) []byte {
	if max(len(c.Key), len(c.Old), len(c.Value)) > MaxBytes {
		panic("kv: a key or value is longer than 65,535 bytes")
	}
	b = append(b, byte(c.Op))
	b = binary.LittleEndian.AppendUint64(b, c.Session)
	b = binary.LittleEndian.AppendUint64(b, c.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.Delta))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.Key)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.Old)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.Value)))
	b = append(b, c.Key...)
	b = append(b, c.Old...)
	return append(b, c.Value...)
}

// DecodeCommand decodes a command; its byte fields alias b.
func DecodeCommand(b []byte) (Command, error) {
	if len(b) < commandHeader {
		return Command{}, errCommand
	}
	c := Command{
		Op:      Op(b[0]),
		Session: binary.LittleEndian.Uint64(b[1:]),
		Seq:     binary.LittleEndian.Uint64(b[9:]),
		Delta:   int64(binary.LittleEndian.Uint64(b[17:])),
	}
	key := int(binary.LittleEndian.Uint16(b[25:]))
	old := int(binary.LittleEndian.Uint16(b[27:]))
	value := int(binary.LittleEndian.Uint16(b[29:]))
	rest := b[commandHeader:]
	if c.Op == 0 || c.Op >= opEnd || len(rest) != key+old+value {
		return Command{}, errCommand
	}
	c.Key, c.Old, c.Value = rest[:key:key], rest[key:key+old:key+old], rest[key+old:]
	return c, nil
}

// Status is how a command ended.
type Status uint8

// How a command ends. OK: it was done (a compare-and-swap that did not swap and a get
// of a missing key were done, too). Expired: the session is unknown, for it never
// was or timed out; the command was not done now, whatever an earlier try did.
// Stale: an older request than the session's last; its client has moved on.
// Mismatch: an increment of something that is not a number; nothing was done.
const (
	OK Status = iota
	Expired
	Stale
	Mismatch
	Malformed
)

// Reply is the answer to a command.
type Reply struct {
	Status  Status
	Found   bool   // the key was there before
	Swapped bool   // CompareAndSwap
	Version uint64 // index of the entry that did it: where in the log the command took effect
	Session uint64 // Register
	// Get, Delete, CompareAndSwap that did not swap: the value before, or the tombstone of the delete that
	// took the key away; Increment: the number after.
	Value []byte
}

const replyHeader = 1 + 1 + 8 + 8

// Append appends the reply's bytes.
func (r *Reply) Append(b []byte) []byte {
	flags := byte(0)
	if r.Found {
		flags |= 1
	}
	if r.Swapped {
		flags |= 2
	}
	b = append(b, byte(r.Status), flags)
	b = binary.LittleEndian.AppendUint64(b, r.Version)
	b = binary.LittleEndian.AppendUint64(b, r.Session)
	return append(b, r.Value...)
}

// DecodeReply decodes a reply; Value aliases b.
func DecodeReply(b []byte) (Reply, error) {
	if len(b) < replyHeader || b[0] > byte(Malformed) || b[1] > 3 {
		return Reply{}, errors.New("kv: malformed reply")
	}
	return Reply{
		Status:  Status(b[0]),
		Found:   b[1]&1 != 0,
		Swapped: b[1]&2 != 0,
		Version: binary.LittleEndian.Uint64(b[2:]),
		Session: binary.LittleEndian.Uint64(b[10:]),
		Value:   b[replyHeader:],
	}, nil
}

// AppendNumber appends the bytes of a number, as Increment keeps it.
func AppendNumber(b []byte, n int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(n)) }

// Number reads a number's bytes.
func Number(b []byte) (int64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return int64(binary.LittleEndian.Uint64(b)), true
}
