package raft

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/saros-sim/saros/sim"
)

// codec is a message's two halves.
type codec interface {
	append(b []byte) []byte
	decode(b []byte) bool
}

// codecs make a zero message of each kind of fixed shape.
var codecs = map[sim.Kind]func() codec{
	KindPreVote:      func() codec { return new(VoteRequest) },
	KindPreVoteReply: func() codec { return new(VoteReply) },
	KindVote:         func() codec { return new(VoteRequest) },
	KindVoteReply:    func() codec { return new(VoteReply) },
	KindAppend:       func() codec { return new(AppendRequest) },
	KindAppendReply:  func() codec { return new(AppendReply) },
}

func drawEntries(t *rapid.T) (entries []Entry) {
	for range rapid.IntRange(0, 5).Draw(t, "entries") {
		entries = append(entries, Entry{
			Term: Term(rapid.Uint64().Draw(t, "term")),
			Time: rapid.Int64().Draw(t, "time"),
			Kind: EntryKind(rapid.Byte().Draw(t, "kind")),
			Data: rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "data"),
		})
	}
	return entries
}

func drawMessage(t *rapid.T) codec {
	n := func(name string) uint64 { return rapid.Uint64().Draw(t, name) }
	switch rapid.IntRange(0, 3).Draw(t, "message") {
	case 0:
		return &VoteRequest{Term(n("term")), Index(n("last")), Term(n("last term"))}
	case 1:
		return &VoteReply{Term(n("term")), rapid.Bool().Draw(t, "granted")}
	case 2:
		return &AppendRequest{Term(n("term")), Index(n("prev")), Term(n("prev term")), Index(n("commit")), drawEntries(t)}
	}
	return &AppendReply{Term(n("term")), rapid.Bool().Draw(t, "ok"), Index(n("match")), Index(n("rejected")), Index(n("hint")), Term(n("hint term"))}
}

// TestRoundTrip: what is said is what is heard, all of it and no more: a frame that
// is cut, or goes on, is none.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b := m.append([]byte("before"))[6:]
		got := reflect.New(reflect.TypeOf(m).Elem()).Interface().(codec)
		require.True(t, got.decode(b))
		require.Equal(t, m, got)
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if a, ok := m.(*AppendRequest); !ok || !between(a, cut) {
			require.False(t, got.decode(b[:cut]), "cut to %d of %d bytes", cut, len(b))
		}
		require.False(t, got.decode(append(bytes.Clone(b), rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "more")...)))
	})
}

// between tells whether a cut falls between two entries: that is a shorter append.
func between(m *AppendRequest, cut int) bool {
	shorter := *m
	for i := range m.Entries {
		shorter.Entries = m.Entries[:i]
		if len(shorter.append(nil)) == cut {
			return true
		}
	}
	return false
}

func TestRequestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Request{ID: rapid.Uint64().Draw(t, "id"), Command: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "command")}
		var got Request
		b := m.Append([]byte("before"))[6:]
		require.True(t, got.decode(b))
		require.Equal(t, m, got)
		require.False(t, got.decode(b[:rapid.IntRange(0, 7).Draw(t, "cut")]))

		r := Reply{
			ID: rapid.Uint64().Draw(t, "id"), Status: Status(rapid.IntRange(0, int(Busy)).Draw(t, "status")),
			Leader: sim.NodeID(rapid.Uint16().Draw(t, "leader")), Result: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "result"),
		}
		var heard Reply
		b = r.append([]byte("before"))[6:]
		require.True(t, heard.Decode(b))
		require.Equal(t, r, heard)
		require.False(t, heard.Decode(b[:rapid.IntRange(0, 10).Draw(t, "cut")]))
		b[8] = byte(Busy) + 1
		require.False(t, heard.Decode(b), "an unknown status")
	})
}

// TestDecodeReuses: an append's entries are decoded into the memory of the last one,
// and nothing of that one is left.
func TestDecodeReuses(t *testing.T) {
	long := AppendRequest{Term: 1, Entries: []Entry{{Term: 1, Data: []byte("one")}, {Term: 2, Data: []byte("two")}}}
	short := AppendRequest{Term: 2, Entries: []Entry{{Term: 3}}}
	var m AppendRequest
	require.True(t, m.decode(long.append(nil)))
	require.True(t, m.decode(short.append(nil)))
	require.Equal(t, Term(3), m.Entries[0].Term)
	require.Len(t, m.Entries, 1)
	require.Empty(t, m.Entries[0].Data)
	frame := long.append(nil)
	require.True(t, m.decode(frame))
	_ = append(m.Entries[0].Data, "overwritten"...)
	require.True(t, m.decode(frame), "appending to an entry's data wrote into the frame")
	require.Equal(t, "two", string(m.Entries[1].Data))
}

// TestFormat pins the bytes of messages and records: nodes of several versions speak
// with each other, and records outlive the program.
func TestFormat(t *testing.T) {
	const u1, u2, u3, u4, u5 = "0100000000000000", "0200000000000000", "0300000000000000", "0400000000000000", "0500000000000000"
	e := Entry{Term: 1, Time: 2, Kind: EntryBarrier, Data: []byte("ab")}
	for want, m := range map[string]codec{
		u1 + u2 + u3:      &VoteRequest{1, 2, 3},
		u1 + "01":         &VoteReply{1, true},
		u1 + u2 + u3 + u4: &AppendRequest{1, 2, 3, 4, nil},
		u5 + u4 + u3 + u2 + u1 + u2 + "01" + "02000000" + "6162": &AppendRequest{5, 4, 3, 2, []Entry{e}},
		u1 + "01" + u2 + u3 + u4 + u5:                            &AppendReply{1, true, 2, 3, 4, 5},
	} {
		assert.Equal(t, want, hex.EncodeToString(m.append(nil)), "%T", m)
	}
	assert.Equal(t, u1+"6162", hex.EncodeToString((&Request{1, []byte("ab")}).Append(nil)))
	assert.Equal(t, u1+"02"+"0300"+"6162", hex.EncodeToString((&Reply{1, Unknown, 3, []byte("ab")}).append(nil)))
}

func FuzzMessages(f *testing.F) {
	f.Add(uint8(KindVote), (&VoteRequest{1, 2, 3}).append(nil))
	f.Add(uint8(KindVoteReply), (&VoteReply{1, true}).append(nil))
	f.Add(uint8(KindAppend), (&AppendRequest{Term: 1, PrevIndex: 2, Entries: []Entry{{Term: 1, Data: []byte("x")}, {Term: 2}}}).append(nil))
	f.Add(uint8(KindAppendReply), (&AppendReply{Term: 1, Rejected: 2}).append(nil))
	f.Add(uint8(KindRequest), (&Request{1, []byte("x")}).Append(nil))
	f.Add(uint8(KindReply), (&Reply{ID: 1, Result: []byte("x")}).append(nil))
	f.Add(uint8(KindAppend), append((&AppendRequest{}).append(nil), bytes.Repeat([]byte{0xff}, 21)...))
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		var again []byte
		switch sim.Kind(kind) {
		case KindRequest:
			var m Request
			if m.decode(b) {
				again = m.Append([]byte{})
			}
		case KindReply:
			var m Reply
			if m.Decode(b) {
				again = m.append([]byte{})
			}
		default:
			zero := codecs[sim.Kind(kind)]
			if zero == nil {
				return
			}
			m := zero()
			if !m.decode(b) {
				return
			}
			require.False(t, zero().decode(append(bytes.Clone(b), 0)), "a byte too many")
			again = m.append([]byte{})
			heard := zero()
			require.True(t, heard.decode(again))
			require.Equal(t, m, heard)
			switch sim.Kind(kind) { // a bool has but one byte that is true, and many that are not
			case KindVoteReply, KindPreVoteReply, KindAppendReply:
				b = bytes.Clone(b)
				if b[8] > 1 {
					b[8] = 0
				}
			}
		}
		if again != nil {
			require.Equal(t, b, again)
		}
	})
}

// FuzzReplay: whatever a record says, replay takes it in or refuses it; what it takes
// in is what is in the log.
func FuzzReplay(f *testing.F) {
	e := Entry{Term: 3, Time: 4, Kind: EntryCommand, Data: []byte("data")}
	first := e.append([]byte{recordEntry, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Add(first, []byte{recordHardState, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0})
	f.Add(first, first)
	f.Add(first, e.append([]byte{recordEntry, 3, 0, 0, 0, 0, 0, 0, 0}))
	f.Add(first, append(first, 0))
	f.Add([]byte{recordHardState}, []byte{3})
	f.Add([]byte{}, []byte{recordEntry})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		n := New(Config{}, nil)
		n.env = &actor{}
		for _, record := range [][]byte{one, two} {
			term, vote, last := n.term, n.vote, n.log.Last()
			before := termsOf(&n.log)
			if err := n.replay(record); err != nil {
				require.Equal(t, []any{term, vote, before}, []any{n.term, n.vote, termsOf(&n.log)}, "refused: %v", err)
				continue
			}
			require.Error(t, New(Config{}, nil).replay(append(bytes.Clone(record), 0)), "a byte too many")
			if record[0] == recordHardState {
				require.Equal(t, []any{before}, []any{termsOf(&n.log)})
				continue
			}
			i := n.log.Last()
			require.True(t, i >= 1 && i <= last+1)
			e := n.log.Entry(i)
			require.Equal(t, record, append([]byte{recordEntry, byte(i), 0, 0, 0, 0, 0, 0, 0}, e.append(nil)...))
		}
	})
}

// FuzzReceive: whatever frame arrives at a follower, a candidate or a leader, nothing
// panics.
func FuzzReceive(f *testing.F) {
	f.Add(uint8(KindAppend), uint8(2), (&AppendRequest{Term: 1, PrevIndex: 1, PrevTerm: 1, Commit: 9, Entries: []Entry{{Term: 1}}}).append(nil))
	f.Add(uint8(KindAppend), uint8(2), (&AppendRequest{Term: 9, PrevIndex: 1 << 63, Commit: 1 << 63, Entries: []Entry{{Term: 9}}}).append(nil))
	f.Add(uint8(KindAppendReply), uint8(3), (&AppendReply{Term: 1, OK: true, Match: 1 << 63}).append(nil))
	f.Add(uint8(KindAppendReply), uint8(3), (&AppendReply{Term: 1, Rejected: 1 << 63, Hint: 1 << 62, HintTerm: 1}).append(nil))
	f.Add(uint8(KindVote), uint8(2), (&VoteRequest{Term: 5, LastIndex: 9, LastTerm: 9}).append(nil))
	f.Add(uint8(KindVoteReply), uint8(2), (&VoteReply{Term: 2, Granted: true}).append(nil))
	f.Add(uint8(KindRequest), uint8(client), (&Request{1, []byte("x")}).Append(nil))
	for kind := KindPreVote; kind <= KindReply; kind++ {
		f.Add(uint8(kind), uint8(2), []byte("cut"))
	}
	f.Fuzz(func(t *testing.T, kind, from uint8, frame []byte) {
		if sim.Kind(kind) != KindRequest && from == uint8(client) {
			return // clients are no part of the protocol
		}
		for role := Follower; role <= Leader; role++ {
			s := inRole(t, role)
			a := s.actors[0]
			for range 2 {
				if sim.Kind(kind) == KindRequest {
					from = uint8(client)
				}
				s.arrive(&flight{sim.NodeID(from), a.id, sim.Kind(kind), frame})
			}
			s.fire(a, timerElection)
			s.fire(a, timerHeartbeat)
		}
	})
}

// TestSeal: a sealed frame is opened to what it was; one of which up to three bits have
// changed is not (CRC-32C has a Hamming distance of 4 up to 2 GB).
func TestSeal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frame := rapid.SliceOf(rapid.Byte()).Draw(t, "frame")
		sealed := Seal(bytes.Clone(frame))
		back, whole := Unseal(sealed)
		if !whole || !bytes.Equal(back, frame) {
			t.Fatalf("%x became %x, %v", frame, back, whole)
		}
		for bit := range rapid.SampledFrom([]int{1, 2, 3}).Draw(t, "bits") {
			at := rapid.IntRange(0, len(sealed)*8/3-1).Draw(t, "at")*3 + bit // no bit twice
			sealed[at/8] ^= 1 << (at % 8)
		}
		if _, whole := Unseal(sealed); whole {
			t.Fatalf("%x is not what was sealed", sealed)
		}
	})
	_, whole := Unseal([]byte{1, 2, 3})
	require.False(t, whole)
}
