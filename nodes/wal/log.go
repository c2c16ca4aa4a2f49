package wal

import (
	"fmt"
	"slices"

	"github.com/saros-sim/saros/sim"
)

// Position counts records: 0 is nothing, record i has Position i. The records that a
// recovery found come first.
type Position uint64

// Options of a log.
type Options struct {
	Name         string // prefix of its files: "wal" for wal-00000001; "" is "wal"
	SegmentBytes int64  // a flight that finds a segment of this size begins the next; 0 is 64 KiB
	Rules        Rules
}

// Limits of SegmentBytes: the default, and half of what a file may hold, for a
// segment is as much larger as its last flight.
const (
	defaultSegmentBytes = 64 << 10
	maxSegmentBytes     = sim.MaxFile / 2
)

// phase is how far a log has come.
type phase uint8

const (
	closed    phase = iota
	listing         // recovery: for the names of the segments
	reading         // for a segment
	rewriting       // for the tail's new file to be durable
	naming          // for the tail's name (or cut, or removal) to be durable
	ready
	failed
)

// Log is a write-ahead log. Its zero value is not usable; see New.
type Log struct {
	options Options
	phase   phase
	err     error      // why it failed
	pending []sim.IOID // operations under way; in phase ready: the flight

	segment uint32 // the last segment, with the one that buffer may begin; 0: none
	size    int64  // its bytes, with those in flight: where buffer will begin
	fresh   bool   // buffer begins it: it has no file yet
	short   bool   // nothing more goes into it, however little it holds
	file    string // the file of the operations under way
	buffer  []byte // records sealed for their place and not yet submitted
	wanted  bool   // Flush was called during the flight

	// durable ≤ leaving ≤ appended
	appended Position // in the log, with the buffer
	leaving  Position // with the flight
	durable  Position

	recovery recovery
	place    [12]byte // scratch of checksum
}

// New returns a log that waits for Open.
func New(o Options) *Log {
	l := new(Log)
	l.Reset(o)
	return l
}

// Reset makes the log as New does, and keeps its memory.
func (l *Log) Reset(o Options) {
	if o.Name == "" {
		o.Name = "wal"
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.SegmentBytes < 0 || o.SegmentBytes > maxSegmentBytes {
		panic(fmt.Sprintf("wal: segments of %d bytes: at least 1 and at most %d", o.SegmentBytes, maxSegmentBytes))
	}
	*l = Log{
		options:  o,
		pending:  l.pending[:0],
		buffer:   l.buffer[:0],
		recovery: recovery{segments: l.recovery.segments[:0]},
	}
}

// Complete takes in the end of a disk operation. mine is false when the log did not
// ask for it. After an error the log goes no further and the owner halts: a *Damage,
// a disk operation that failed, or what replay returned.
func (l *Log) Complete(env sim.Env, id sim.IOID, io sim.IO) (mine bool, err error) {
	i := slices.Index(l.pending, id)
	if i < 0 {
		return false, nil
	}
	l.pending = slices.Delete(l.pending, i, i+1)
	if l.phase != failed {
		l.onComplete(env, io)
	}
	return true, l.err
}

func (l *Log) onComplete(env sim.Env, io sim.IO) {
	if io.Err != nil {
		l.onError(env, io)
		return
	}
	switch l.phase {
	case listing:
		l.onList(env, io.Files)
	case reading:
		l.onRead(env, io.Data)
	case rewriting:
		l.onRewritten(env)
	case naming:
		l.onNamed()
	case ready:
		l.onFlight(env, io.Op)
	}
}

// Ready says that recovery has ended: what it replayed is durable.
func (l *Log) Ready() bool { return l.phase == ready }

// Append frames one record, the concatenation of parts, into the buffer. Nothing is
// written before Flush. The parts are copied.
func (l *Log) Append(parts ...[]byte) Position {
	switch l.phase {
	case ready:
	case failed: // the owner is about to halt
		return l.appended
	default:
		panic(fmt.Sprintf("wal: %s: Append before Ready, with %d records recovered", l.options.Name, l.appended))
	}
	if len(l.buffer) == 0 {
		l.beginBuffer()
	}
	start := len(l.buffer)
	l.buffer = append(l.buffer, make([]byte, recordHeader)...)
	for _, p := range parts {
		l.buffer = append(l.buffer, p...)
	}
	if n := len(l.buffer) - start - recordHeader; n > MaxRecord {
		panic(fmt.Sprintf("wal: %s: a record of %d bytes, at most %d", l.options.Name, n, MaxRecord))
	}
	l.appended++
	l.seal(l.buffer[start:], l.appended, l.size, l.size+int64(start))
	return l.appended
}

// beginBuffer decides the place of the records to come. It is known already: they
// leave with the next flight, behind all that has been submitted.
func (l *Log) beginBuffer() {
	if l.segment > 0 && l.size < l.options.SegmentBytes && !l.short {
		return
	}
	l.segment++
	l.size, l.short, l.fresh = 0, false, true
	l.buffer = appendHeader(l.buffer, l.segment, l.appended+1)
}

// Flush writes all that was appended with one write and one sync. While a flight is
// under way it waits, and what is appended meanwhile leaves with it (group commit).
func (l *Log) Flush(env sim.Env) {
	if l.phase != ready || len(l.buffer) == 0 {
		return
	}
	if len(l.pending) > 0 && !(l.fresh && l.options.Rules.SealFirst == RotateInFlight) {
		l.wanted = true
		return
	}
	l.takeOff(env)
}

// takeOff submits the buffer. A new segment is durable with its name only:
//
//	Append(tail), Sync(tail)                             or
//	Create(new), Append(new), Sync(new), SyncDir
//
// These leave back to back: a crash between any two, and a power loss that keeps any
// part of them, leaves a torn last segment, which recovery knows.
func (l *Log) takeOff(env sim.Env) {
	disk := env.Disk()
	if l.fresh {
		l.file = l.fileName(l.segment)
		l.await(disk.Create(l.file))
	}
	l.await(disk.Append(l.file, l.buffer))
	l.await(disk.Sync(l.file))
	if l.fresh && l.options.Rules.SyncDirectory == WithNewSegment {
		l.await(disk.SyncDir())
	}
	l.size += int64(len(l.buffer))
	l.leaving = l.appended
	l.buffer, l.fresh, l.wanted = l.buffer[:0], false, false
	l.short = env.Buggify("wal: segment ends early")
}

// onFlight moves Durable when all of the flight has landed.
func (l *Log) onFlight(env sim.Env, op sim.Op) {
	if op == sim.OpAppend && l.options.Rules.DurableWhen == WhenWritten {
		l.durable = l.leaving
	}
	if len(l.pending) > 0 {
		return
	}
	l.durable = l.leaving
	if l.wanted {
		l.takeOff(env)
	}
}

// onError ends the log. Nothing is retried: after a failed write or sync nobody knows
// what the platter holds.
func (l *Log) onError(env sim.Env, io sim.IO) {
	if io.Op == sim.OpSync && l.phase == ready && l.options.Rules.SyncFailed == RetrySync {
		l.await(env.Disk().Sync(l.file))
		return
	}
	file := l.file
	if l.phase == rewriting {
		file = l.rewrittenName()
	}
	l.fail(fmt.Errorf("wal: %v %s: %w", io.Op, file, io.Err))
}

func (l *Log) fail(err error) { l.phase, l.err = failed, err }

func (l *Log) await(id sim.IOID) { l.pending = append(l.pending, id) }

// Durable is the last record of those that survive a power loss.
func (l *Log) Durable() Position { return l.durable }

// Appended is the last record.
func (l *Log) Appended() Position { return l.appended }

// Segments is the number of segments that have a file.
func (l *Log) Segments() int {
	if l.fresh {
		return int(l.segment) - 1
	}
	return int(l.segment)
}

// TornTails is the number of torn tails that this recovery cut: 0 or 1.
func (l *Log) TornTails() int { return l.recovery.tornTails }
