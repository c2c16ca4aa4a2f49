package etcd

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// storage is the library's MemoryStorage without its mutex, and with memory that
// outlives a run.
type storage struct {
	voters  []uint64
	entries []raftpb.Entry // entries[i] has index i+1
}

func (s *storage) reset(voters []uint64) {
	clear(s.entries)
	s.voters, s.entries = voters, s.entries[:0]
}

func (s *storage) last() uint64 { return uint64(len(s.entries)) }

// append replaces what there is from the first new entry on.
func (s *storage) append(entries []raftpb.Entry) {
	if len(entries) == 0 {
		return
	}
	if keep := entries[0].Index - 1; keep < s.last() {
		s.entries = slices.Clip(s.entries[:keep]) // what is cut may be in a message
	}
	s.entries = append(s.entries, entries...)
}

// InitialState implements raft.Storage.
func (s *storage) InitialState() (raftpb.HardState, raftpb.ConfState, error) {
	return raftpb.HardState{}, raftpb.ConfState{Voters: s.voters}, nil
}

// Entries implements raft.Storage.
func (s *storage) Entries(lo, hi, maxSize uint64) ([]raftpb.Entry, error) {
	if hi > s.last()+1 {
		return nil, raft.ErrUnavailable
	}
	size := uint64(0)
	for i := lo; i < hi; i++ {
		size += uint64(s.entries[i-1].Size())
		if size > maxSize && i > lo {
			hi = i
		}
	}
	return s.entries[lo-1 : hi-1 : hi-1], nil
}

// Term implements raft.Storage.
func (s *storage) Term(i uint64) (uint64, error) {
	switch {
	case i == 0:
		return 0, nil
	case i > s.last():
		return 0, raft.ErrUnavailable
	}
	return s.entries[i-1].Term, nil
}

// LastIndex implements raft.Storage.
func (s *storage) LastIndex() (uint64, error) { return s.last(), nil }

// FirstIndex implements raft.Storage.
func (s *storage) FirstIndex() (uint64, error) { return 1, nil }

// Snapshot implements raft.Storage.
func (s *storage) Snapshot() (raftpb.Snapshot, error) { return raftpb.Snapshot{}, nil }
