package kv

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCommandRoundTrip(t *testing.T) {
	bytes := rapid.SliceOfN(rapid.Byte(), 0, 40)
	rapid.Check(t, func(t *rapid.T) {
		c := Command{
			Op:      Op(rapid.IntRange(int(Register), int(opEnd)-1).Draw(t, "op")),
			Session: rapid.Uint64().Draw(t, "session"),
			Seq:     rapid.Uint64().Draw(t, "seq"),
			Delta:   rapid.Int64().Draw(t, "delta"),
			Key:     bytes.Draw(t, "key"),
			Old:     bytes.Draw(t, "old"),
			Value:   bytes.Draw(t, "value"),
		}
		b := c.Append([]byte("before"))
		got, err := DecodeCommand(b[6:])
		require.NoError(t, err)
		assert.Equal(t, c, got)
	})
}

func TestReplyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Reply{
			Status:  Status(rapid.IntRange(0, int(Malformed)).Draw(t, "status")),
			Found:   rapid.Bool().Draw(t, "found"),
			Swapped: rapid.Bool().Draw(t, "swapped"),
			Version: rapid.Uint64().Draw(t, "version"),
			Session: rapid.Uint64().Draw(t, "session"),
			Value:   rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value"),
		}
		b := r.Append([]byte("before"))
		got, err := DecodeReply(b[6:])
		require.NoError(t, err)
		assert.Equal(t, r, got)
	})
}

// TestFormat pins the bytes: they are in the replicated log and outlive this program.
func TestFormat(t *testing.T) {
	c := Command{Op: CompareAndSwap, Session: 0x0102, Seq: 3, Delta: -1, Key: []byte("key"), Old: []byte("a"), Value: []byte("bc")}
	assert.Equal(t, "04"+"0201000000000000"+"0300000000000000"+"ffffffffffffffff"+"0300"+"0100"+"0200"+hex.EncodeToString([]byte("keyabc")),
		hex.EncodeToString(c.Append(nil)))
	r := Reply{Status: Mismatch, Found: true, Swapped: true, Version: 4, Session: 5, Value: []byte("v")}
	assert.Equal(t, "03"+"03"+"0400000000000000"+"0500000000000000"+"76", hex.EncodeToString(r.Append(nil)))
}

// TestDecodedFieldsAreApart: appending to one decoded field must not write into the
// next one.
func TestDecodedFieldsAreApart(t *testing.T) {
	b := (&Command{Op: CompareAndSwap, Key: []byte("key"), Old: []byte("old"), Value: []byte("value")}).Append(nil)
	c, err := DecodeCommand(b)
	require.NoError(t, err)
	_ = append(c.Key, "!!!"...)
	_ = append(c.Old, "!!!"...)
	assert.Equal(t, "key/old/value", string(c.Key)+"/"+string(c.Old)+"/"+string(c.Value))
}

func TestLongestFields(t *testing.T) {
	long := bytes.Repeat([]byte("x"), MaxBytes)
	c := Command{Op: CompareAndSwap, Key: long, Old: long, Value: long}
	got, err := DecodeCommand(c.Append(nil))
	require.NoError(t, err)
	assert.Equal(t, c, got)
	for _, c := range []Command{{Key: append(long, 0)}, {Old: append(long, 0)}, {Value: append(long, 0)}} {
		assert.PanicsWithValue(t, "kv: a key or value is longer than 65,535 bytes", func() { c.Append(nil) })
	}
}

func TestNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		got, ok := Number(AppendNumber(nil, n))
		assert.True(t, ok)
		assert.Equal(t, n, got)
	})
	for _, b := range []string{"", "1234567", "123456789"} {
		_, ok := Number([]byte(b))
		assert.False(t, ok, b)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add([]byte{})
	f.Add((&Command{Op: Register}).Append(nil))
	f.Add((&Command{Op: Put, Session: 1, Seq: 2, Key: []byte("key"), Value: []byte("value")}).Append(nil))
	f.Add((&Command{Op: CompareAndSwap, Session: 1, Seq: 3, Key: []byte("key"), Old: []byte("value"), Value: []byte("other")}).Append(nil))
	f.Add(append((&Command{Op: Increment, Delta: -1}).Append(nil), 0))
	f.Add([]byte(strings.Repeat("\xff", commandHeader)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCommand(b)
		if err != nil {
			require.ErrorIs(t, err, errCommand)
			require.Equal(t, Command{}, c)
		} else {
			require.Equal(t, b, c.Append([]byte{}))
		}
		// Whatever it is, a store must answer it: it is in the log for good.
		s := NewStore(Options{})
		s.Apply(1, 0, true, (&Command{Op: Register}).Append(nil), nil)
		reply, decoded := DecodeReply(s.Apply(2, 0, true, b, nil))
		require.NoError(t, decoded)
		require.Equal(t, err != nil, reply.Status == Malformed)
	})
}

func FuzzDecodeReply(f *testing.F) {
	f.Add([]byte{})
	f.Add((&Reply{}).Append(nil))
	f.Add((&Reply{Status: Mismatch, Found: true, Swapped: true, Version: 1, Session: 2, Value: []byte("value")}).Append(nil))
	f.Add([]byte(strings.Repeat("\xff", replyHeader)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReply(b)
		if err != nil {
			require.Equal(t, Reply{}, r)
			return
		}
		require.Equal(t, b, r.Append([]byte{}))
	})
}
