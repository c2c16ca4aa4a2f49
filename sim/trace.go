package sim

import (
	"strconv"
	"unicode/utf8"
)

// The trace is the run (law 7): every event, with its time and bytes, feeds a 64-bit
// digest as it happens, without formatting. Two runs are the same run when their
// digests agree. A rendered trace is made only when somebody asks (World.Trace).

// TraceType is what a line of the trace tells.
type TraceType uint8

// What happens in a world.
const (
	TraceBoot      TraceType = iota + 1 // node booted; Arg: incarnation, and how far from the first version <<32
	TraceStart                          // client started
	TraceDeliver                        // frame arrived and was handled; Bytes
	TraceLost                           // frame was lost; Arg: why
	TraceDuplicate                      // frame was duplicated
	TraceTimer                          // timer fired; Arg: timer
	TraceWake                           // a client's wait ended
	TraceIO                             // disk operation submitted; Kind: Op; Arg: hash of name, offset, length; Bytes: what is written
	TraceDone                           // disk operation ended; Kind: Op; Arg: 1 when with an error
	TraceKill                           // Arg 1: for the memory that it held
	TracePowerLoss
	TracePause
	TraceResume
	TraceHalt // a machine stopped its process
	TraceCut
	TraceMend
	TraceDisturb   // Kind: what of a link was disturbed or calmed; Arg: how much of it is in force
	TraceClock     // a clock was stepped or changed its rate
	TraceStop      // client ended
	TraceSpeed     // a node's CPU became slow or quick; Arg: factor
	TraceMemory    // a node's memory budget changed; Arg: bytes
	TraceBuggify   // a Buggify point fired; Bytes: its name
	TraceAdversary // an adversary came between a node and the network (Arg 1) or left (0)
	TraceLie       // an adversary did not let a frame pass; From: its receiver; Arg: how many frames it made of it
	TraceDisk      // a disk's fault began, ended or struck; Kind: DiskFault; From: which of these; Arg: how many, a factor, bytes, an offset; Bytes: the file that was hit
	TraceClog      // frames of a link begin to wait; Arg: clogs in force
	TraceUnclog    // Arg: clogs left
	TraceCorrupt   // bits of a frame were flipped; Arg: how many
	TraceReplay    // a copy of a frame will arrive late
	TraceCutPipe   // a pipe was cut; Arg: which << 32 | cuts in force
	TraceMendPipe  // a cut of a pipe was taken back; Arg alike
	TraceReserve   // a link got a circuit; Arg: bytes a second
	TraceRelease   // and lost it
	TraceSuspend   // the machine of a node was suspended; a resume ends it
	TraceKeeping   // a clock was changed in another way; Kind: how; Arg: by how much
	TraceOpen      // a connection was accepted; Arg: its number on its link
	TraceReset     // a connection ended for its sender; Arg: CloseReason
	TraceClosed    // and its sender's machine was told; Arg alike
	traceEnd
)

var traceNames = [traceEnd]string{"none", "boot", "start", "deliver", "lost", "duplicate", "timer", "wake", "io", "done",
	"kill", "power_loss", "pause", "resume", "halt", "cut", "mend", "disturb", "clock", "stop",
	"speed", "memory", "buggify", "adversary", "lie", "disk",
	"clog", "unclog", "corrupt", "replay", "cut_pipe", "mend_pipe", "reserve", "release",
	"suspend", "timekeeping", "open", "reset", "closed"} //saros:constant names

// String names the type as traces do.
func (t TraceType) String() string {
	if t < traceEnd {
		return traceNames[t]
	}
	return "trace?"
}

// Why a frame was lost.
const (
	lostLoss = iota
	lostCut
	lostDown
	lostFull
	lostQueue
	lostReset
)

var lostNames = [...]string{"loss", "partition", "down", "run queue full", "queue full", "connection reset"} //saros:constant names

// killedForMemory is the argument of the kill of a process that held too much memory.
const killedForMemory = 1

// TraceLine is one line of a trace. Bytes are valid during the call only.
type TraceLine struct {
	Event  uint64 // of which event of the run this is part, counted from 1
	Time   Time
	Type   TraceType
	Node   NodeID // where it happened
	From   NodeID // sender
	Kind   Kind   // of a frame; an Op
	Arg    uint64
	Bytes  []byte
	Digest Digest // of the run up to and including this line
}

// Vocabulary names what traces speak of: message kinds, observed fields, timers, by
// number. Missing names are rendered as numbers.
type Vocabulary struct {
	Kinds, Fields, Timers []string
}

// KindName names a message kind.
func (v *Vocabulary) KindName(k Kind) string { return nameOf(v.Kinds, int(k)) }

func nameOf(names []string, i int) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return strconv.Itoa(i)
}

// record folds what happened into the digest, and shows it to World.Trace.
func (w *World) record(t TraceType, n, from NodeID, kind Kind, arg uint64, b []byte) {
	d := w.digest.fold(uint64(w.now), uint64(t)<<48|uint64(n)<<32|uint64(from)<<16|uint64(kind)).Word(arg)
	if len(b) > 0 { // an empty slice and nil are one: the digest knows no memory
		d = d.Bytes(b)
	}
	w.digest = d
	if w.Trace != nil {
		w.Trace(TraceLine{w.events, w.now, t, n, from, kind, arg, b, d})
	}
}

// AppendJSON appends the line as one JSON object (schema saros/trace/v1, keys in
// fixed order, integers only), without a newline. names maps NodeIDs to names.
func (l *TraceLine) AppendJSON(b []byte, names []string, v *Vocabulary) []byte {
	str := func(key, s string) {
		b = append(b, `,"`...)
		b = append(b, key...)
		b = append(b, `":`...)
		b = appendQuoted(b, s)
	}
	num := func(key string, x int64) {
		b = append(b, `,"`...)
		b = append(b, key...)
		b = append(b, `":`...)
		b = strconv.AppendInt(b, x, 10)
	}
	b = append(b, `{"event":`...)
	b = strconv.AppendUint(b, l.Event, 10)
	num("at_ns", int64(l.Time))
	str("type", l.Type.String())
	if l.Node != 0 {
		str("node", nameOf(names, int(l.Node)))
	}
	switch l.Type {
	case TraceDeliver, TraceLost, TraceDuplicate, TraceCorrupt, TraceReplay:
		str("from", nameOf(names, int(l.From)))
		str("kind", v.KindName(l.Kind))
		switch l.Type {
		case TraceLost:
			str("reason", lostNames[l.Arg])
		case TraceDeliver:
			num("bytes", int64(len(l.Bytes)))
		case TraceCorrupt:
			num("bits", int64(l.Arg))
		}
	case TraceDisturb:
		str("from", nameOf(names, int(l.From)))
		str("what", disturbanceNames[l.Kind])
		num("arg", int64(l.Arg))
	case TraceCut, TraceMend, TraceClog, TraceUnclog, TraceReserve, TraceRelease, TraceOpen:
		str("from", nameOf(names, int(l.From)))
		num("arg", int64(l.Arg))
	case TraceReset, TraceClosed:
		str("peer", nameOf(names, int(l.From)))
		str("why", CloseReason(l.Arg).String())
	case TraceCutPipe, TraceMendPipe:
		num("pipe", int64(l.Arg>>32))
		num("cuts", int64(l.Arg&(1<<32-1)))
	case TraceTimer:
		str("timer", nameOf(v.Timers, int(l.Arg)))
	case TraceIO:
		str("op", Op(l.Kind).String())
		num("bytes", int64(len(l.Bytes)))
	case TraceDone:
		str("op", Op(l.Kind).String())
		num("failed", int64(l.Arg))
	case TraceBoot:
		num("incarnation", int64(uint32(l.Arg)))
		if version := uint32(l.Arg>>32) + FirstVersion; version != FirstVersion {
			num("version", int64(version))
		}
	case TraceKill:
		if l.Arg == killedForMemory {
			str("reason", "out of memory")
		}
	case TraceBuggify:
		str("point", string(l.Bytes))
	case TraceLie:
		str("to", nameOf(names, int(l.From)))
		str("kind", v.KindName(l.Kind))
		num("frames", int64(l.Arg))
	case TraceKeeping:
		str("change", clockChange(l.Kind).String())
		if l.From != 0 {
			num("server", int64(l.From))
		}
		num("arg", int64(l.Arg))
	case TraceDisk:
		str("fault", DiskFault(l.Kind).String())
		str("phase", diskPhases[l.From])
		num("arg", int64(l.Arg))
		str("file", string(l.Bytes))
	case TraceClock, TraceSpeed, TraceMemory, TraceAdversary:
		num("arg", int64(l.Arg))
	}
	str("digest", l.Digest.String())
	return append(b, '}')
}

// appendQuoted appends s as a JSON string, with all escaped that a terminal or an HTML
// page could take for a command.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '<' || r == '>' || r == '&' || r == 0x2028 || r == 0x2029:
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

const hex = "0123456789abcdef"

// String is the digest as 16 hexadecimal digits.
func (d Digest) String() string {
	var b [16]byte
	for i := range b {
		b[i] = hex[d>>(60-4*i)&15]
	}
	return string(b[:])
}
