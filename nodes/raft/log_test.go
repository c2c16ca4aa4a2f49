package raft

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLogTwin compares a Log with a slice of entries that share nothing.
func TestLogTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		choose := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
		var log Log
		var twin []Entry
		changed := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch r := choose(20); {
			case r < 12:
				e := Entry{Term: Term(choose(3)), Time: int64(choose(5)), Kind: EntryKind(choose(2)), Data: bytes.Repeat([]byte{byte(choose(256))}, choose(6))}
				if n := len(twin); n > 0 {
					e.Term += twin[n-1].Term
				}
				data := slices.Clone(e.Data)
				i := log.append(Entry{e.Term, e.Time, e.Kind, data})
				clear(data) // it must have been copied
				twin = append(twin, e)
				require.Equal(t, Index(len(twin)), i)
				if changed == 0 {
					changed = len(twin)
				}
			case r < 16 && len(twin) > 0:
				i := 1 + choose(len(twin))
				log.cut(Index(i))
				twin = slices.Clip(twin[:i-1])
				if changed == 0 || i < changed {
					changed = i
				}
			case r < 19:
				require.Equal(t, Index(changed), log.TakeChanged())
				changed = 0
			default:
				log.reset()
				twin, changed = nil, 0
			}
			compareLogs(t, &log, twin)
		}
	})
}

func compareLogs(t *rapid.T, log *Log, twin []Entry) {
	require.Equal(t, Index(len(twin)), log.Last())
	require.Equal(t, Term(0), log.Term(0))
	newest := Term(0)
	for i, e := range twin {
		at := Index(i + 1)
		newest = e.Term
		require.Equal(t, e.Term, log.Term(at))
		got := log.Entry(at)
		require.Equal(t, fmt.Sprint(e), fmt.Sprint(got), "entry %d", at)
		require.Equal(t, len(got.Data), cap(got.Data), "entry %d can be appended into the next", at)
		for term := range e.Term + 2 {
			require.Equal(t, term == e.Term, log.Has(at, term))
		}
	}
	require.Equal(t, newest, log.LastTerm())
	require.False(t, log.Has(log.Last()+1, newest))
	require.True(t, log.Has(0, 0))
	require.False(t, log.Has(0, 1))
	for i := range Index(len(twin) + 3) {
		for term := range newest + 2 {
			// The largest place that the other log could share.
			want := Index(0)
			for j, e := range twin {
				if Index(j+1) <= i && e.Term <= term {
					want = Index(j + 1)
				}
			}
			require.Equal(t, want, log.agreement(i, term), "agreement(%d, %d)", i, term)
		}
	}
}

func TestLogSteadyStateAllocatesNothing(t *testing.T) {
	var log Log
	fill := func() {
		for i := range 100 {
			log.append(Entry{Term: Term(i), Data: []byte("data")})
		}
		log.cut(50)
		log.reset()
	}
	fill()
	assert.Zero(t, testing.AllocsPerRun(100, fill))
}

func TestLogPanicsForItsOwner(t *testing.T) {
	var log Log
	log.append(Entry{Term: 1})
	assert.PanicsWithValue(t, "raft: cut at 2 of a log that ends at 1", func() { log.cut(2) })
	assert.PanicsWithValue(t, "raft: cut at 0 of a log that ends at 1", func() { log.cut(0) })
	assert.Panics(t, func() { log.Term(2) })
	assert.Panics(t, func() { log.Entry(2) })
	assert.Panics(t, func() { log.Entry(0) })
}
