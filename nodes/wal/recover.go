package wal

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/saros-sim/saros/sim"
)

// recovery is the state of Open until Ready.
type recovery struct {
	replay    func(record []byte) error
	segments  []segmentFile // in order of numbers
	next      int           // the one to read, or being read
	relisted  bool          // the segment to read has another size than it had
	leftover  bool          // an earlier recovery died while it rewrote the tail
	tornTails int
}

type segmentFile struct {
	number uint32
	size   int64
}

// Open starts recovery: replay is called for every valid record in order, with bytes
// that are valid during the call; then the log makes sure that they are durable; then
// it is Ready. An error of replay ends the log.
func (l *Log) Open(env sim.Env, replay func(record []byte) error) {
	if l.phase != closed {
		panic(fmt.Sprintf("wal: %s: Open without Reset, with %d records appended", l.options.Name, l.appended))
	}
	l.recovery.replay = replay
	l.phase, l.file = listing, "the directory"
	l.await(env.Disk().List())
}

func (l *Log) onList(env sim.Env, files []sim.FileInfo) {
	r := &l.recovery
	r.segments = r.segments[:0]
	for _, f := range files {
		if number, ok := l.parseName(f.Name); ok {
			r.segments = append(r.segments, segmentFile{number, f.Size})
		}
		r.leftover = r.leftover || f.Name == l.rewrittenName()
	}
	slices.SortFunc(r.segments, func(a, b segmentFile) int { return cmp.Compare(a.number, b.number) })
	switch {
	case len(r.segments) == 0 && r.next == 0:
		l.open()
		return
	case len(r.segments) <= r.next:
		l.damaged(0, "it was there, and is there no more")
		return
	}
	l.read(env)
}

// read asks for the next segment, whole: SegmentBytes bounds the memory of a recovery.
func (l *Log) read(env sim.Env) {
	r := &l.recovery
	s, want := r.segments[r.next], uint32(r.next+1)
	l.file = l.fileName(want)
	if s.number != want {
		l.damaged(0, "no such file, yet there is "+l.fileName(s.number))
		return
	}
	l.phase = reading
	l.await(env.Disk().Read(l.file, 0, int(s.size)))
}

func (l *Log) onRead(env sim.Env, data []byte) {
	r := &l.recovery
	s := r.segments[r.next]
	if int64(len(data)) != s.size {
		if r.relisted {
			l.damaged(len(data), fmt.Sprintf("it has %d bytes, but only %d could be read", s.size, len(data)))
			return
		}
		// A sync of the process before may fail as late as now, and the file go back to
		// what is durable (Rebello et al., ATC 2020): look again, once.
		r.relisted, l.phase = true, listing
		l.await(env.Disk().List())
		return
	}
	r.relisted = false
	r.next++
	good := l.replaySegment(s.number, data)
	if l.phase == failed {
		return
	}
	torn := good < len(data) || good == 0
	if r.next < len(r.segments) {
		if torn {
			l.damaged(good, "bad bytes, yet a later segment was begun when they were durable")
			return
		}
		l.segment, l.size = s.number, int64(good)
		l.read(env)
		return
	}
	if torn && !l.mayCut(env, s.number, data, good) {
		return
	}
	if good > 0 { // otherwise the tail is the segment before
		l.segment, l.size = s.number, int64(good)
	}
	l.secure(env, data, good)
}

// replaySegment replays the valid records at the beginning of a segment and returns
// where they end: 0 if even the header is torn. A header that is whole and does not
// belong here is damage, for no crash makes one.
func (l *Log) replaySegment(number uint32, data []byte) (good int) {
	h, ok := parseHeader(data)
	switch {
	case !ok:
		return 0
	case h.version != version:
		l.fail(fmt.Errorf("wal: %s has version %d; this program reads %d", l.file, h.version, version))
		return 0
	case h.segment != number:
		l.damaged(0, fmt.Sprintf("its header is that of %s", l.fileName(h.segment)))
		return 0
	case h.first != l.appended+1:
		l.damaged(0, fmt.Sprintf("its first record is %d", h.first))
		return 0
	}
	good = headerSize
	for good < len(data) {
		r, ok := l.recordAt(data, number, good)
		if !ok || r.sequence != l.appended+1 {
			break
		}
		if err := l.recovery.replay(r.payload); err != nil {
			l.fail(fmt.Errorf("wal: %s at offset %d, record %d: replay: %w", l.file, good, r.sequence, err))
			break
		}
		l.appended++
		good = r.end
	}
	return good
}

// mayCut decides whether the bad bytes from offset good on, in the last segment, are
// a torn tail (true) or damage.
func (l *Log) mayCut(env sim.Env, segment uint32, data []byte, good int) bool {
	if at, r, found := l.witness(data, segment, good); found {
		l.damaged(good, fmt.Sprintf("bad bytes, yet record %d at offset %d was written when they were durable", r.sequence, at))
		return false
	}
	if good == len(data) { // a file that is empty
		return true
	}
	if l.options.Rules.TornTail == RefuseTornTail {
		l.damaged(good, "bad bytes before the end")
		return false
	}
	l.recovery.tornTails++
	env.Sometimes(true, "wal: torn tail cut")
	return true
}

// witness looks behind bad bytes for a valid record that was written when they were
// durable: its flight began behind them. What is cheap to refute is refuted first, so
// that a scan costs one checksum for each record that it meets, not for each byte.
func (l *Log) witness(data []byte, segment uint32, bad int) (at int, r record, found bool) {
	for at = bad + 1; at+recordHeader <= len(data); at++ {
		sequence, flight := numbers(data[at:])
		if flight <= int64(bad) || flight > int64(at) ||
			sequence <= l.appended || sequence-l.appended > Position(at) {
			continue
		}
		if r, found = l.recordAt(data, segment, at); found {
			return at, r, true
		}
	}
	return 0, record{}, false
}

// secure makes what was replayed durable, and cuts the tail behind it.
//
//	header torn     Remove(tail), SyncDir                      never acknowledged: the
//	                                                           next flight makes it anew
//	otherwise       Create(new), Append(new, good), Sync(new)  and when that is durable
//	                Rename(new, tail), SyncDir
//
// The old file stays as it is up to the rename, so that a crash anywhere in here
// leaves the log as this recovery found it, or as it leaves it.
func (l *Log) secure(env sim.Env, data []byte, good int) {
	disk, rule := env.Disk(), l.options.Rules.SyncRecovered
	l.phase = naming
	switch {
	case good == 0:
		env.Sometimes(true, "wal: unfinished segment removed")
		l.await(disk.Remove(l.file))
		if rule != TrustPageCache {
			l.await(disk.SyncDir())
		}
	case rule == RewriteTail:
		l.phase = rewriting
		if l.recovery.leftover {
			l.await(disk.Remove(l.rewrittenName()))
		}
		l.await(disk.Create(l.rewrittenName()))
		l.await(disk.Append(l.rewrittenName(), data[:good]))
		l.await(disk.Sync(l.rewrittenName()))
	default:
		if good < len(data) {
			l.await(disk.Truncate(l.file, int64(good)))
		}
		if rule == SyncTail {
			l.await(disk.Sync(l.file))
			l.await(disk.SyncDir())
		}
	}
	l.onNamed() // there may be nothing to wait for
}

func (l *Log) onRewritten(env sim.Env) {
	if len(l.pending) > 0 {
		return
	}
	l.phase = naming
	l.await(env.Disk().Rename(l.rewrittenName(), l.file))
	l.await(env.Disk().SyncDir())
}

func (l *Log) onNamed() {
	if len(l.pending) == 0 {
		l.open()
	}
}

// open ends recovery.
func (l *Log) open() {
	l.phase = ready
	l.durable, l.leaving = l.appended, l.appended
	l.recovery.replay = nil
	if l.segment > 0 {
		l.file = l.fileName(l.segment)
	}
}

func (l *Log) damaged(offset int, reason string) {
	l.fail(&Damage{File: l.file, Offset: int64(offset), Record: l.appended + 1, Reason: reason})
}

// rewrittenName is the file that replaces the tail at the end of a recovery.
func (l *Log) rewrittenName() string { return l.options.Name + "-rewritten" }

// fileName has eight digits, so that names sort as numbers do for the first 6 TB.
func (l *Log) fileName(segment uint32) string {
	const zeros = "00000000"
	digits := strconv.FormatUint(uint64(segment), 10)
	return l.options.Name + "-" + zeros[min(len(digits), len(zeros)):] + digits
}

// parseName is fileName's inverse; other names are not the log's.
func (l *Log) parseName(name string) (segment uint32, ok bool) {
	digits, ok := strings.CutPrefix(name, l.options.Name+"-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil && l.fileName(uint32(n)) == name
}
