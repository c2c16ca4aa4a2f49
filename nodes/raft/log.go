package raft

import "fmt"

// EntryKind tells entries apart that the log itself makes use of.
type EntryKind uint8

// The kinds of entry.
const (
	EntryCommand EntryKind = iota // for the state machine
	EntryBarrier                  // empty; a new leader's first (Raft 8)
)

// Entry is one agreed step. Time is the log's clock: the time of day that the leader
// read when it appended the entry, never less than the entry's before (ns).
type Entry struct {
	Term Term
	Time int64
	Kind EntryKind
	Data []byte
}

// Log is a node's copy of the replicated log, in memory; storage.go keeps it on disk.
// Entries' bytes lie one after another in one arena, in the order of the log, so that
// appending allocates nothing once it has grown, and cutting a tail cuts the arena.
type Log struct {
	entries []stored // entries[i] has index i+1
	arena   []byte
	charged int64 // bytes, up to the last call of grown
	changed Index // lowest index that changed since TakeChanged, 0: none
	cuts    uint64
}

type stored struct {
	term  Term
	time  int64
	start int // of its data in the arena; the next entry's start is its end
	kind  EntryKind
}

func (l *Log) reset() {
	l.entries, l.arena, l.charged, l.changed, l.cuts = l.entries[:0], l.arena[:0], 0, 0, 0
}

// Last is the index of the last entry, 0 for an empty log.
func (l *Log) Last() Index { return Index(len(l.entries)) }

// LastTerm is the term of the last entry, 0 for an empty log.
func (l *Log) LastTerm() Term { return l.Term(l.Last()) }

// Term is the term of entry i; 0 for i = 0, which precedes every log. It panics
// beyond the last entry.
func (l *Log) Term(i Index) Term {
	if i == 0 {
		return 0
	}
	return l.entries[i-1].term
}

// Has tells whether the log has an entry of that term at i.
func (l *Log) Has(i Index, t Term) bool { return i <= l.Last() && l.Term(i) == t }

// Entry returns entry i; Data is valid until the log changes.
func (l *Log) Entry(i Index) Entry {
	s := l.entries[i-1]
	end := len(l.arena)
	if int(i) < len(l.entries) {
		end = l.entries[i].start
	}
	return Entry{s.term, s.time, s.kind, l.arena[s.start:end:end]}
}

// append adds an entry and returns its index. Data is copied.
func (l *Log) append(e Entry) Index {
	l.entries = append(l.entries, stored{e.Term, e.Time, len(l.arena), e.Kind})
	l.arena = append(l.arena, e.Data...)
	l.mark(l.Last())
	return l.Last()
}

// cut removes entry i and all after it.
func (l *Log) cut(i Index) {
	if i == 0 || i > l.Last() {
		panic(fmt.Sprintf("raft: cut at %d of a log that ends at %d", i, l.Last()))
	}
	l.arena = l.arena[:l.entries[i-1].start]
	l.entries = l.entries[:i-1]
	l.cuts++
	l.mark(i)
}

// grown is how many bytes the log has grown by since it was asked last.
func (l *Log) grown() int64 {
	bytes := int64(len(l.entries)*entryHeader + len(l.arena))
	delta := bytes - l.charged
	l.charged = bytes
	return delta
}

func (l *Log) mark(i Index) {
	if l.changed == 0 || i < l.changed {
		l.changed = i
	}
}

// TakeChanged returns the lowest index that was appended or cut since it was asked
// last, 0 for none. It is for whoever watches the log (invariants.go).
func (l *Log) TakeChanged() Index {
	i := l.changed
	l.changed = 0
	return i
}

// agreement finds the largest index up to i at which this log could agree with one
// whose entry at i has term t: everything between is newer than t and cannot be
// there (Raft 5.3: one round trip a conflicting term, not one an entry).
func (l *Log) agreement(i Index, t Term) Index {
	i = min(i, l.Last())
	for i > 0 && l.Term(i) > t {
		i--
	}
	return i
}
