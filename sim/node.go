package sim

import (
	"errors"
	"time"
)

// NodeID names a node or a client on the network: 1, 2, 3, … in the order in which
// they were added to the World; 0 is nobody.
type NodeID uint16

// Kind is the kind of a message, named by its protocol, so that traces, anchors and
// the network can speak of kinds without decoding frames.
type Kind uint8

// TimerID names a timer of a machine: a small integer that the machine chooses.
type TimerID uint16

// Field names a piece of state that a machine shows with Env.Observe: a small
// integer that its protocol declares.
type Field uint8

// IOID names a disk operation of one incarnation; it grows with each operation.
type IOID uint64

// Machine is the logic of a node: a state machine driven by events. All its memory
// is lost in a crash; what it wants to keep goes to the disk.
//
// A handler must not keep frame, IO.Data or IO.Files after it returns, must not
// share memory with another node, and learns of the world through env alone.
type Machine interface {
	// Boot starts the node, the first time and after every crash: recover from
	// env.Disk(). A fresh Machine is made for every incarnation.
	Boot(env Env)
	// Receive handles a frame that arrived.
	Receive(env Env, from NodeID, kind Kind, frame []byte)
	// Fire handles a timer that came due.
	Fire(env Env, t TimerID)
	// Complete handles the end of a disk operation, well or with result.Err.
	Complete(env Env, id IOID, result IO)
}

// Env is all that a machine can see and do. It is an interface so that the same machine
// can run on real sockets, a real disk and a real clock.
//
// A handler is not atomic to the world: its effects (Send, disk operations) leave
// one by one, each when the CPU time spent before it has passed, and a pause or a
// crash may fall between any two.
type Env interface {
	// Self is this node.
	Self() NodeID
	// Monotonic is the node's own monotonic clock: it starts anywhere, never
	// jumps, and runs at the node's own rate (drift).
	Monotonic() time.Duration
	// Wall is the node's time of day: it may jump in both directions, stand still, and
	// run at a rate of its own.
	Wall() Wall
	// Send hands a frame to the network, which copies it; nothing says whether it
	// arrives. A frame may be at most MaxFrame bytes.
	Send(to NodeID, kind Kind, frame []byte)
	// SetTimer starts timer t, or restarts it, to fire once after d of the
	// monotonic clock. StopTimer stops it; stopping a stopped timer does nothing.
	SetTimer(t TimerID, d time.Duration)
	StopTimer(t TimerID)
	// Disk is the node's disk. Results come back through Machine.Complete.
	Disk() Disk
	// Rand returns a number in [0, bound), from a stream of this incarnation.
	Rand(bound uint64) uint64
	// Spend charges CPU time: later effects of this handler leave after it, and
	// the node serves no other event before it has passed.
	Spend(d time.Duration)
	// Memory charges delta bytes to the process, or releases -delta of them. A process
	// that holds more than its node has is killed. A crash releases all.
	Memory(delta int64)
	// Buggify is true now and then in some runs, where the author asks for trouble at a
	// point that has this name; false outside of a simulation that wants it.
	Buggify(name string) bool
	// Observe shows a named piece of state to traces, viewers and anchors.
	Observe(f Field, value int64)
	// Always reports a violation of the named assertion when cond is false.
	Always(cond bool, name string)
	// Sometimes notes that an interesting situation was reached when cond is true.
	Sometimes(cond bool, name string)
	// Halt stops this process with an error that an operator would read. It stays
	// down until somebody restarts it.
	Halt(err error)
}

// Wall is one reading of a time-of-day clock, in nanoseconds since the epoch of
// the run, with an interval that contains the true time of day unless Status says
// that it may not.
type Wall struct {
	Reading, Earliest, Latest int64
	Status                    ClockStatus
}

// ClockStatus says how far an interval of a Wall reading can be trusted, as the node can
// know it. The statuses are those of ClockBound (AWS, clock-bound-d 2.0).
type ClockStatus uint8

const (
	// Synchronized: the interval is honest.
	Synchronized ClockStatus = iota
	// Disrupted: the clock was stepped behind the back of its synchronization. The
	// interval says nothing.
	Disrupted
	// FreeRunning: nothing has corrected the clock for a while. The interval is honest,
	// and grows.
	FreeRunning
	// Unknown: nothing has corrected the clock for so long that the interval says
	// nothing.
	Unknown
)

// Honest tells whether a clock of this status promises that true time is in the
// interval.
func (s ClockStatus) Honest() bool { return s == Synchronized || s == FreeRunning }

// Op is a kind of disk operation.
type Op uint8

// The disk operations.
const (
	OpCreate Op = iota + 1
	OpAppend
	OpWrite
	OpRead
	OpTruncate
	OpSync
	OpRename
	OpRemove
	OpList
	OpSyncDir
	opEnd
)

var opNames = [opEnd]string{"none", "create", "append", "write", "read", "truncate", "sync", "rename", "remove",
	"list", "sync_dir"} //saros:constant names

// String names the operation as traces do.
func (o Op) String() string {
	if o < opEnd {
		return opNames[o]
	}
	return "op?"
}

// Disk is a node's disk: one flat directory of files behind a page cache. Every
// operation is queued, takes effect in the page cache in the order of submission,
// and completes later through Machine.Complete. What it changed survives a kill of
// the process at once, a power loss only after a Sync of the file (data and size)
// and a SyncDir (the name) completed.
//
// Bytes handed in are copied. File names are 1 to MaxName bytes.
type Disk interface {
	// Create makes an empty file; ErrExist if there is one.
	Create(name string) IOID
	// Append writes b at the end of a file; ErrNotExist.
	Append(name string, b []byte) IOID
	// Write writes b at an offset, extending the file as needed.
	Write(name string, off int64, b []byte) IOID
	// Read reads up to n bytes at an offset: IO.Data is shorter at the end of the
	// file.
	Read(name string, off int64, n int) IOID
	// Truncate cuts a file to size bytes, or extends it with zeros.
	Truncate(name string, size int64) IOID
	// Sync makes the file's data and size durable, not its name.
	Sync(name string) IOID
	// Rename renames a file, replacing newName if it exists. Atomic.
	Rename(oldName, newName string) IOID
	// Remove unlinks a file.
	Remove(name string) IOID
	// List returns the directory in order of names.
	List() IOID
	// SyncDir makes all names durable that were created, renamed or removed.
	SyncDir() IOID
}

// IO is the result of a disk operation.
type IO struct {
	Op    Op
	Data  []byte     // Read: valid only until the handler returns
	Files []FileInfo // List: valid only until the handler returns
	N     int        // Append, Write: bytes that got in; fewer than there were with ErrIO and ErrNoSpace only
	Err   error
}

// FileInfo is one name of a directory.
type FileInfo struct {
	Name string
	Size int64
}

// Errors that a disk operation can end with.
var (
	ErrNotExist = errors.New("file does not exist")
	ErrExist    = errors.New("file exists")
	ErrIO       = errors.New("input/output error")
	ErrNoSpace  = errors.New("no space left on device")
)

// Limits of one operation. A machine that passes them has a bug: the kernel panics.
const (
	MaxFrame = 1 << 20
	MaxName  = 255
	MaxFile  = 1 << 30
)
