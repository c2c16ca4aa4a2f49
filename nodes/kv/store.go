package kv

import (
	"bytes"
	"time"

	"github.com/saros-sim/saros/sim"
)

// Options of a Store.
type Options struct {
	Sessions       int           // most sessions kept; one more evicts the idlest. 0: 1,024
	SessionTimeout time.Duration // of log time; 0: one hour
	Rules          *Rules        // nil: DefaultRules
}

// Versioned is a value and the index of the entry that wrote it.
type Versioned struct {
	Value   []byte
	Version uint64
}

// Session is a client's row in the table.
type Session struct {
	ClientID uint64 // index of the entry that registered it
	Seq      uint64 // last request done
	Active   int64  // log time of that request
	Reply    []byte // its answer
}

// Store is the state machine. Its memory is its own: commands and replies are copied.
type Store struct {
	opts     Options
	rules    Rules
	keys     map[string]int // index into cells
	cells    []cell
	sessions []Session // in order of ClientID, for they are appended as registered
	now      int64     // log time, ns: the latest that an entry carried
	digest   sim.Digest
	repeats  uint64
	expired  uint64
}

// cell is a key. One that was deleted is kept: its value is then the tombstone of the delete.
type cell struct {
	Versioned
	key  sim.Digest // digest of the key
	live bool
}

// NewStore makes an empty store.
func NewStore(o Options) *Store {
	s := &Store{keys: make(map[string]int)}
	s.Reset(o)
	return s
}

// Reset empties the store for reuse.
func (s *Store) Reset(o Options) {
	if o.Sessions <= 0 {
		o.Sessions = 1024
	}
	if o.SessionTimeout <= 0 {
		o.SessionTimeout = time.Hour
	}
	s.opts = o
	s.rules = DefaultRules()
	if o.Rules != nil {
		s.rules = *o.Rules
	}
	clear(s.keys)
	for i := range s.cells {
		s.cells[i].Value = s.cells[i].Value[:0]
	}
	s.cells, s.sessions = s.cells[:0], s.sessions[:0]
	s.now, s.digest, s.repeats, s.expired = 0, 0, 0, 0
}

// Digest tells states apart: equal logs give equal digests. It is kept as the sum of
// the digests of all keys and sessions, so that a change costs what it touches.
func (s *Store) Digest() uint64 { return uint64(s.digest) }

// Repeats counts the requests that were answered from the table.
func (s *Store) Repeats() uint64 { return s.repeats }

// Expired counts the requests whose session was gone.
func (s *Store) Expired() uint64 { return s.expired }

// Apply does the command of the entry at index. at is the log time that the entry
// carries (ns); leader tells whether this replica leads, which the state must not
// depend on. The reply is appended to reply.
func (s *Store) Apply(index uint64, at int64, leader bool, command, reply []byte) []byte {
	s.now = max(s.now, at)
	c, err := DecodeCommand(command)
	if err != nil {
		return (&Reply{Status: Malformed, Version: index}).Append(reply)
	}
	if c.Op == Register {
		s.register(index)
		return (&Reply{Session: index, Version: index}).Append(reply)
	}
	row := s.session(c.Session)
	if row == nil {
		s.expired++
		return (&Reply{Status: Expired, Version: index}).Append(reply)
	}
	if s.rules.Repeats(row, c.Seq) {
		s.repeats++
		if c.Seq < row.Seq || c.Seq == 0 { // requests are numbered from 1: nothing is stored for 0
			return (&Reply{Status: Stale, Version: index}).Append(reply)
		}
		return append(reply, s.rules.Recall(row)...)
	}
	start := len(reply)
	reply = s.do(index, &c, reply)
	if s.rules.Remember(leader) {
		s.digest -= row.digest()
		row.Seq, row.Active = c.Seq, s.now
		row.Reply = append(row.Reply[:0], reply[start:]...)
		s.digest += row.digest()
	}
	return reply
}

// Read answers a get from the present state, and false for every other command. A
// read that must be linearizable goes through the log instead.
func (s *Store) Read(index uint64, command, reply []byte) ([]byte, bool) {
	c, err := DecodeCommand(command)
	if err != nil || c.Op != Get {
		return reply, false
	}
	return s.do(index, &c, reply), true
}

func (s *Store) do(index uint64, c *Command, reply []byte) []byte {
	r := Reply{Version: index}
	i, ok := s.keys[string(c.Key)]
	if !ok {
		if c.Op == Get || c.Op == CompareAndSwap {
			return r.Append(reply)
		}
		i = s.newCell(c.Key)
	}
	v := &s.cells[i]
	r.Found = v.live
	switch c.Op {
	case Get:
		r.Value = v.Value
	case Put:
		s.write(v, index, true, c.Value)
	case CompareAndSwap:
		if v.live && bytes.Equal(v.Value, c.Old) {
			s.write(v, index, true, c.Value)
			r.Swapped = true
		} else {
			r.Value = v.Value
		}
	case Increment:
		n, ok := int64(0), true
		if v.live {
			n, ok = Number(v.Value)
		}
		if !ok {
			r.Status = Mismatch
			return r.Append(reply)
		}
		var number [8]byte
		s.write(v, index, true, AppendNumber(number[:0], n+c.Delta))
		r.Value = v.Value
	case Delete:
		r.Value = v.Value
		reply = r.Append(reply) // a copy: what was there goes now
		s.write(v, index, false, c.Value)
		return reply
	}
	return r.Append(reply)
}

func (s *Store) newCell(key []byte) int {
	i := len(s.cells)
	if i < cap(s.cells) {
		s.cells = s.cells[:i+1]
	} else {
		s.cells = append(s.cells, cell{})
	}
	v := &s.cells[i]
	*v = cell{Versioned: Versioned{Value: v.Value[:0]}, key: sim.Digest(1).Bytes(key)}
	s.keys[string(key)] = i
	return i
}

// write replaces what a key holds: a value, or a tombstone where live is false.
func (s *Store) write(v *cell, index uint64, live bool, value []byte) {
	if v.Version > 0 {
		s.digest -= v.digest()
	}
	v.live, v.Version = live, index
	v.Value = append(v.Value[:0], value...)
	s.digest += v.digest()
}

func (v *cell) digest() sim.Digest {
	d := v.key.Word(v.Version).Bytes(v.Value)
	if !v.live {
		d = d.Word(0)
	}
	return d
}

// The session table.

func (s *Store) register(id uint64) {
	if len(s.sessions) == s.opts.Sessions {
		idlest := 0
		for i := range s.sessions {
			if s.sessions[i].Active < s.sessions[idlest].Active {
				idlest = i
			}
		}
		s.drop(idlest)
	}
	n := len(s.sessions)
	if n < cap(s.sessions) {
		s.sessions = s.sessions[:n+1]
	} else {
		s.sessions = append(s.sessions, Session{})
	}
	row := &s.sessions[n]
	*row = Session{ClientID: id, Active: s.now, Reply: row.Reply[:0]}
	s.digest += row.digest()
}

// session finds a live session. One that was idle for too long, by the clock of the
// log, ends here, on every replica at the same entry.
func (s *Store) session(id uint64) *Session {
	for i := range s.sessions {
		if row := &s.sessions[i]; row.ClientID == id {
			if s.now-row.Active > int64(s.opts.SessionTimeout) {
				s.drop(i)
				return nil
			}
			return row
		}
	}
	return nil
}

func (s *Store) drop(i int) {
	s.digest -= s.sessions[i].digest()
	gone := s.sessions[i]
	copy(s.sessions[i:], s.sessions[i+1:])
	s.sessions[len(s.sessions)-1] = Session{Reply: gone.Reply} // keep its memory
	s.sessions = s.sessions[:len(s.sessions)-1]
}

func (r *Session) digest() sim.Digest {
	return sim.Digest(2).Word(r.ClientID).Word(r.Seq).Word(uint64(r.Active)).Bytes(r.Reply)
}
