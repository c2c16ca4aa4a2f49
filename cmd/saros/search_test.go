package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/saros-sim/saros/scenarios"
	"github.com/saros-sim/saros/scenarios/hunt"
)

func quick(t *testing.T) hunt.Config {
	t.Helper()
	s, err := scenarios.Find("kv")
	require.NoError(t, err)
	return hunt.Config{Scenario: s, Params: scenarios.Params{"fault_ms": 50, "clients": 2, "registers": 1, "counters": 0}}
}

// TestSearchIsInOrder: whoever looks sees every seed once, in order, and the same
// outcomes, however many workers there are.
func TestSearchIsInOrder(t *testing.T) {
	t.Parallel()
	var first []hunt.Outcome
	for _, workers := range []int{1, 2, 5, 64} {
		var all []hunt.Outcome
		s := search{config: quick(t), base: 1000, seeds: 37, workers: workers}
		require.NoError(t, s.each(t.Context(), func(o *hunt.Outcome) bool {
			all = append(all, *o)
			return true
		}))
		require.Len(t, all, 37)
		for i, o := range all {
			require.EqualValues(t, 1000+i, o.Seed)
		}
		if first == nil {
			first = all
		}
		require.Equal(t, first, all, "%d workers", workers)
	}
}

func TestSearchStops(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3} {
		seen := 0
		s := search{config: quick(t), workers: workers} // without end
		require.NoError(t, s.each(t.Context(), func(o *hunt.Outcome) bool {
			seen++
			return seen < 10
		}))
		assert.Equal(t, 10, seen, "not one more than asked for")
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := uint64(0)
	s := search{config: quick(t), workers: 3}
	require.NoError(t, s.each(ctx, func(o *hunt.Outcome) bool {
		require.Equal(t, seen, o.Seed)
		if seen++; seen == 10 {
			cancel()
		}
		return true
	}))
	assert.GreaterOrEqual(t, seen, uint64(10))

	ticks := 0
	s = search{config: quick(t), workers: 2, budget: 500 * time.Millisecond, tick: func() { ticks++ }}
	start := time.Now()
	require.NoError(t, s.each(t.Context(), func(*hunt.Outcome) bool { return true }))
	assert.GreaterOrEqual(t, time.Since(start), 500*time.Millisecond)
	assert.NotZero(t, ticks)
}

// TestSearchPanics: a panic of the harness ends the search, in the order of the
// seeds, and names its seed.
func TestSearchPanics(t *testing.T) {
	t.Parallel()
	s := search{config: quick(t), base: 7}
	var b batch
	s.run(nil, &b, 7, 4)
	require.NotNil(t, b.crash)
	assert.Equal(t, "kv@0x7", b.crash.run)

	var errs bytes.Buffer
	a := &app{err: &errs}
	assert.Equal(t, exitFault, a.report(nil, b.crash))
	assert.Contains(t, errs.String(), "this is a bug of Saros, at kv@0x7\n\ngoroutine ")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { panic("broken\x1b") }

func TestPanicIsOurs(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	assert.Equal(t, exitFault, execute([]string{"check", "-"}, broken{}, &out, &errs))
	assert.Empty(t, out.String())
	assert.Contains(t, errs.String(), "saros: panic: broken\\x1b: this is a bug of Saros\n\ngoroutine ")
}

func TestReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{status(exitHeld), 0, ""},
		{status(exitInterrupted), 130, ""},
		{badf("a file:\n\x1b[2J%w", errors.New("no")), 2, "saros: a file: \\x1b[2Jno\n"},
		{&scenarios.Nondeterminism{Scenario: "kv", Seed: 3, First: 1, Second: 2, Event: 9}, 3,
			"saros: two runs of kv@0x3 differ: trace 0000000000000001, then 0000000000000002; the first event that differs is 9: this is a fault of the simulator\n"},
	} {
		var errs bytes.Buffer
		a := &app{err: &errs}
		assert.Equal(t, c.code, a.report(nil, c.err))
		assert.Equal(t, c.says, errs.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestResultThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	assert.Equal(t, exitUsage, execute([]string{"list", "faults"}, nil, fullDisk{}, &errs))
	assert.Equal(t, "saros: the result cannot be written: no space left on device\n", errs.String())
}

func TestWriteFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := scenarios.Failure{Scenario: "kv", Mutant: "kv-no-dedup", Seed: 31}
	write := func(want string) {
		t.Helper()
		file, err := writeFailure(dir, &f)
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(dir, want), file)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, string(f.Encode()), string(data))
	}
	write("saros-kv-kv-no-dedup-0x1f.json")
	write("saros-kv-kv-no-dedup-0x1f.json")
	f.Events = 1
	write("saros-kv-kv-no-dedup-0x1f-2.json")
	f.Events = 2
	write("saros-kv-kv-no-dedup-0x1f-3.json")
	f.Events = 1
	write("saros-kv-kv-no-dedup-0x1f-2.json")
	f.Mutant = ""
	write("saros-kv-0x1f.json")
	_, err := writeFailure(filepath.Join(dir, "nowhere"), &f)
	require.Error(t, err)
}

func TestText(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a\tb\nc é \\x1b[2J \\u202e\\xff \\x00'\"", safe("a\tb\nc é \x1b[2J \u202e\xff \x00'\""))
	assert.Equal(t, "one line", line(" one\n\tline\n"))
	assert.Equal(t, "abc...", short("\nabcdefghij\nk", 6))
	assert.Equal(t, "  a\n  \n  b\n", indent("a\n\nb\n\n", "  "))
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", 1234567: "1,234,567", -999: "-999"} {
		assert.Equal(t, want, count(n))
	}
	assert.Equal(t, "1 seed", several(1, "seed", "seeds"))
	assert.Equal(t, "0 seeds", several(0, "seed", "seeds"))
	assert.Equal(t, "a/b-c_1.json", quoteArg("a/b-c_1.json"))
	assert.Equal(t, `'it'\''s $HOME'`, quoteArg("it's $HOME"))
	assert.Equal(t, "''", quoteArg(""))
	for object, want := range map[string]string{
		`{"event":7,"at_ns":1500000,"type":"deliver","node":"neptune","from":"mars","kind":"vote","bytes":12,"digest":""}`:  "       7  1.5ms          neptune   deliver vote from mars, 12 bytes",
		`{"event":7,"at_ns":0,"type":"lost","node":"neptune","from":"mars","kind":"vote","reason":"partition","digest":""}`: "       7  0s             neptune   lost vote from mars: partition",
		`{"event":7,"at_ns":0,"type":"done","node":"neptune","op":"sync","failed":1,"digest":""}`:                           "       7  0s             neptune   disk sync failed",
		`{"event":7,"at_ns":0,"type":"kill","node":"neptune","digest":""}`:                                                  "       7  0s             neptune   kill",
	} {
		assert.Equal(t, want, readable([]byte(object)))
	}
}

// TestStatusLine: nothing where there is no terminal, unless it was asked for.
func TestStatusLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	s := newStatusLine(&b, false)
	s.show("one")
	s.clear()
	assert.Empty(t, b.String())
	s = newStatusLine(&b, true)
	s.show("one")
	s.show("two: too soon")
	s.clear()
	assert.Equal(t, "one\n", b.String())
	s.terminal = true
	b.Reset()
	s.show("three\x1b")
	s.clear()
	assert.Equal(t, "\r\x1b[Kthree\\x1b\r\x1b[K", b.String())
}

// TestEveryCommandHasHelp: with what it does and an example.
func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	root := (&app{}).root()
	for _, c := range root.Commands() {
		if c.Name() == "completion" || c.Name() == "help" { // cobra's
			continue
		}
		assert.NotEmpty(t, c.Short, c.Name())
		assert.NotEmpty(t, c.Long, c.Name())
		assert.True(t, strings.HasPrefix(c.Example, "  saros "+c.Name()) || c.Name() == "check", c.Name())
	}
}
