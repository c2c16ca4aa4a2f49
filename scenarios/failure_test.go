package scenarios

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/sim"
)

// failing is a captured failure: a mutant's first, from seed 1 on.
func failing(t testing.TB, mutant string) (*Runner, Failure) {
	t.Helper()
	r, err := NewRunner(kv3(), mutant, nil)
	require.NoError(t, err)
	for seed := uint64(1); seed <= 200; seed++ {
		if res := r.Run(Options{Seed: seed}); res.Verdict == checker.Invalid {
			f, err := Capture(r, Options{Seed: seed}, res.TraceHash, "test")
			require.NoError(t, err)
			return r, f
		}
	}
	t.Fatalf("no seed up to 200 convicts %s", mutant)
	return nil, Failure{}
}

func TestFailureComesBack(t *testing.T) {
	t.Parallel()
	_, f := failing(t, "raft-vote-twice")
	data := f.Encode()
	require.True(t, json.Valid(data))
	decoded, err := DecodeFailure(data)
	require.NoError(t, err)
	require.Equal(t, f, decoded)
	require.Equal(t, string(data), string(decoded.Encode()))
	require.Equal(t, min(f.Events, MaxMarks), uint64(f.Marks.Len()))

	p, err := Replay(&decoded)
	require.NoError(t, err)
	assert.True(t, p.SameTrace)
	assert.True(t, p.SameFailure)
	assert.Nil(t, p.Difference)
	assert.Equal(t, f.Violation.Detail, p.Result.Violations[0].Detail)
}

// TestReplayNamesTheFirstDifference: a fault that is moved to an earlier time makes
// the run another one, from the very event at which it strikes.
func TestReplayNamesTheFirstDifference(t *testing.T) {
	t.Parallel()
	_, f := failing(t, "kv-no-dedup")
	const at = int64(50_000_000)
	f.Plan.Faults = append([]faults.Fault{{Kind: faults.Kill, At: at, Node: 2, For: 1_000_000}}, f.Plan.Faults...)
	p, err := Replay(&f)
	require.NoError(t, err)
	assert.False(t, p.SameTrace)
	require.NotNil(t, p.Difference)
	assert.NotEqual(t, p.Difference.Expected, p.Difference.Actual)
	var kill bool
	for _, l := range p.Difference.Lines {
		var line struct {
			Event uint64
			At    int64 `json:"at_ns"`
			Type  string
			Node  string
		}
		require.NoError(t, json.Unmarshal(l, &line))
		if line.Type == "kill" {
			kill = true
			assert.Equal(t, p.Difference.Event, line.Event)
			assert.Equal(t, at, line.At)
			assert.Equal(t, "jupiter", line.Node)
		}
	}
	assert.True(t, kill, "%s", bytes.Join(p.Difference.Lines, []byte("\n")))

	f.Marks = nil // without marks nobody can tell
	p, err = Replay(&f)
	require.NoError(t, err)
	assert.False(t, p.SameTrace)
	assert.Nil(t, p.Difference)
}

func TestReplayOfAFixedFailure(t *testing.T) {
	t.Parallel()
	_, f := failing(t, "raft-vote-twice")
	f.Mutant = ""
	p, err := Replay(&f)
	require.NoError(t, err)
	assert.False(t, p.SameFailure)
	assert.Equal(t, checker.Valid, p.Result.Verdict, "%v", p.Result.Violations)
}

// unsteady is a Decider that does not decide by the seed alone: from one choice on it
// answers otherwise.
type unsteady struct {
	sim.Keyed
	choices *int
	until   int
}

func (u unsteady) Decide(s sim.Stream, c sim.Choice, occurrence uint32, bound uint64) uint64 {
	if *u.choices++; *u.choices > u.until {
		return (u.Keyed.Decide(s, c, occurrence, bound) + 1) % bound
	}
	return u.Keyed.Decide(s, c, occurrence, bound)
}

func TestTwice(t *testing.T) {
	t.Parallel()
	r, err := NewRunner(kv3(), "", Params{"fault_ms": 500})
	require.NoError(t, err)
	first := r.Run(Options{Seed: 5})
	res, err := r.Twice(Options{Seed: 5})
	require.NoError(t, err)
	assert.Equal(t, first.TraceHash, res.TraceHash)

	choices := 0
	r.Run(Options{Seed: 5, Decider: unsteady{sim.Keyed{Seed: 5}, &choices, 1 << 30}})
	until := choices + choices/2
	choices = 0
	_, err = r.Twice(Options{Seed: 5, Decider: unsteady{sim.Keyed{Seed: 5}, &choices, until}})
	var fault *Nondeterminism
	require.ErrorAs(t, err, &fault)
	assert.NotZero(t, fault.Event)
	assert.NotEqual(t, fault.First, fault.Second)
	assert.Contains(t, err.Error(), fmt.Sprintf("two runs of kv@0x5 differ: trace %v, then %v; the first event that differs is %d", fault.First, fault.Second, fault.Event))

	_, err = Capture(r, Options{Seed: 5}, first.TraceHash, "test")
	require.ErrorAs(t, err, &fault, "there is no failure to capture")
	assert.Contains(t, err.Error(), "one violated something, the other is valid")
	_, err = Capture(r, Options{Seed: 5}, first.TraceHash+1, "test")
	require.ErrorAs(t, err, &fault)
	assert.Zero(t, fault.Event)
	assert.Contains(t, err.Error(), "did not show again")
}

func TestMarks(t *testing.T) {
	t.Parallel()
	var m marker
	for _, l := range []sim.TraceLine{{Event: 0, Digest: 7}, {Event: 2, Digest: 0x10002}, {Event: 2, Digest: 0x3}, {Event: 5, Digest: 0xabcd}, {Event: MaxMarks + 1}} {
		m.line(l)
	}
	m.fill(6)
	require.Equal(t, Marks{0, 7, 0, 3, 0, 3, 0, 3, 0xab, 0xcd, 0xab, 0xcd}, m.marks)
	assert.EqualValues(t, 0xabcd, m.marks.At(5))
	m.fill(MaxMarks + 10)
	assert.Equal(t, MaxMarks, m.marks.Len())

	for _, c := range []struct {
		a, b Marks
		want uint64
	}{
		{nil, nil, 0},
		{Marks{0, 1}, Marks{0, 1}, 0},
		{Marks{0, 1, 0, 2}, Marks{0, 1, 1, 2}, 2},
		{Marks{0, 1, 0, 2}, Marks{0, 1}, 2},
		{Marks{0, 1}, Marks{0, 1, 0, 2, 0, 3}, 2},
		{nil, Marks{0, 1}, 1},
	} {
		assert.Equal(t, c.want, c.a.Differ(c.b))
		assert.Equal(t, c.want, c.b.Differ(c.a))
	}
}

// TestLines: the lines around an event are those of the whole trace.
func TestLines(t *testing.T) {
	t.Parallel()
	r, err := NewRunner(kv3(), "", Params{"fault_ms": 200})
	require.NoError(t, err)
	res, all := r.Lines(Options{Seed: 3}, 1<<60, 1_000_000, 0)
	upTo := func(event uint64) int { // how many lines
		n := 0
		for _, l := range all {
			var line struct{ Event uint64 }
			require.NoError(t, json.Unmarshal(l, &line))
			if line.Event <= event {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		event         uint64
		before, after int
	}{{50, 10, 3}, {50, 1, 0}, {50, 0, 2}, {2, 10, 1}, {res.Events, 7, 5}, {0, 3, 3}, {100, 13, 1}} {
		again, lines := r.Lines(Options{Seed: 3}, c.event, c.before, c.after)
		require.Equal(t, res.TraceHash, again.TraceHash)
		at := upTo(c.event)
		want := all[max(0, at-c.before):min(len(all), at+c.after)]
		if c.before == 0 {
			want = all[at:min(len(all), at+c.after)]
		}
		assert.Equal(t, string(bytes.Join(want, []byte("\n"))), string(bytes.Join(lines, []byte("\n"))), "%+v", c)
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	r, err := NewRunner(kv3(), "", nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"neptune", "jupiter", "saturn"}, r.Servers())
	assert.Equal(t, []string{"", "neptune", "jupiter", "saturn", "client1"}, r.Names()[:5])
}

func TestParseSeed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64().Draw(t, "n")
		for _, text := range []string{Seed(n).String(), fmt.Sprint(n), fmt.Sprintf("0x%X", n)} {
			s, err := ParseSeed(text)
			require.NoError(t, err)
			require.Equal(t, Seed(n), s)
		}
	})
	for _, bad := range []string{"", "0x", "-1", "+1", "1_0", "0b1", "1e3", "x1f", "0x10000000000000000", "18446744073709551616", " 1", "1\x1b"} {
		_, err := ParseSeed(bad)
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), "\x1b")
	}
}

// TestDecodeFailureRefuses: every way in which a file can be wrong is an error of one
// line that names what is wrong.
func TestDecodeFailureRefuses(t *testing.T) {
	t.Parallel()
	_, f := failing(t, "raft-vote-twice")
	f.Plan.Faults = []faults.Fault{{Kind: faults.Kill, At: 5, Node: 2}}
	good := string(f.Encode())
	_, err := DecodeFailure([]byte(good))
	require.NoError(t, err)
	marks := string(compact(f.Marks))
	for _, c := range []struct {
		name, old, new string
		want           string
	}{
		{"empty", good, "", "line 1: the end of the input"},
		{"no object", good, "[]", `"[" is not an object`},
		{"cut off", good[len(good)/2:], "", "line "},
		{"trailing data", good, good + "{}", "something follows the end"},
		{"a huge file", good, strings.Repeat(" ", MaxFailureBytes+1), "the limit is 8388608"},
		{"deep nesting", good, strings.Repeat(`{"plan":`, 10_000), "plan.plan: there is no such key"},
		{"unknown key", `"mutant"`, `"mutants"`, "mutants: there is no such key"},
		{"another case", `"mutant"`, `"Mutant"`, `did you mean "mutant"?`},
		{"key twice", `"mutant":`, `"mutant": "", "mutant":`, "mutant: the key comes twice"},
		{"key missing", `  "mutant": "raft-vote-twice",` + "\n", "", "mutant: missing"},
		{"schema", "saros/failure/v1", "saros/failure/v2", `schema: "saros/failure/v2" is not "saros/failure/v1"`},
		{"scenario", `"scenario": "kv"`, `"scenario": "../kv\u001b[2J"`, `scenario: there is no scenario "../kv`},
		{"mutant", "raft-vote-twice", "raft-vote-trice", `there is no mutant "raft-vote-trice"`},
		{"parameter unknown", `"nodes":3`, `"noodles":3`, `has no parameter "noodles"`},
		{"parameter twice", `"nodes":3`, `"nodes":3,"nodes":5`, "params.nodes: the key comes twice"},
		{"parameter out of limits", `"nodes":3`, `"nodes":1000000000`, "parameter nodes is 1000000000; it must be from 1 to 9"},
		{"parameter a fraction", `"nodes":3`, `"nodes":3.0`, "params.nodes: "},
		{"seed a number", `"seed": "` + f.Seed.String() + `"`, `"seed": 5`, "seed: "},
		{"seed too big", `"seed": "0x`, `"seed": "0x1000000000000000`, "is no seed: 64 bits, as 0x1f or 31"},
		{"seed signed", `"seed": "0x`, `"seed": "-0x`, "is no seed"},
		{"no plan", `"schema": "saros/plan/v1",`, "", "plan: schema: missing"},
		{"another plan", "saros/plan/v1", "", `plan: schema: "" is not "saros/plan/v1"`},
		{"node not there", `"node":2`, `"node":4`, "plan: faults[0].node: there is no server 4; there are 3"},
		{"no kind of fault", `"kill"`, `"skill"`, `plan: faults[0].kind: "skill" is no kind of fault`},
		{"an endless run", `"heal_at_ns": 4000000000`, `"heal_at_ns": 360000000000000`, "plan: heal_at_ns: 360000000000000 is more than 3600000000000 (1h0m0s), the longest that is run"},
		{"hash", `"trace_hash": "`, `"trace_hash": "0`, "is no hash: 16 lower-case hexadecimal digits"},
		{"events negative", `"events": `, `"events": -`, "events: "},
		{"violation later than the end", `"event":`, `"event":9`, "violation.event: 9"},
		{"time negative", `"at_ns":` + fmt.Sprint(f.Violation.At), `"at_ns":-1`, "violation.at_ns: -1 is not in 0.."},
		{"class hostile", `"class":"two leaders"`, `"class":"two\u001bleaders"`, `violation.class: "two\x1bleaders" is not up to 200 printable ASCII characters`},
		{"fingerprint", "election_safety/two_leaders", "election_safety/three_leaders", `fingerprint: "election_safety/three_leaders", but that of the violation is "election_safety/two_leaders"`},
		{"marks no base64", marks, `"AAA!"`, "marks: "},
		{"marks with a new line", marks, `"AA\nAA"`, "that are no base64"},
		{"half a mark", marks, `"AAAA"`, "marks: 3 bytes; a mark has two"},
		{"too few marks", marks, `"AAAAAA=="`, "marks: 2 of them, but the run had"},
		{"a long version", `"version": "`, `"version": "` + strings.Repeat("v", 200), "version: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, good, c.old)
			_, err := DecodeFailure([]byte(strings.Replace(good, c.old, c.new, 1)))
			require.Error(t, err)
			assert.Contains(t, err.Error(), c.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, err.Error(), "\x1b")
			assert.Less(t, len(err.Error()), 600)
		})
	}
}

func TestCaptureKeepsHostileText(t *testing.T) {
	t.Parallel()
	_, f := failing(t, "raft-vote-twice")
	f.Violation.Detail = "a panic said: \xff\x1b[2J <script>\u2028\n" + strings.Repeat("x", 1000)
	f.Violation.Detail = strings.ToValidUTF8(f.Violation.Detail, "?")
	decoded, err := DecodeFailure(f.Encode())
	require.NoError(t, err)
	assert.Equal(t, f.Violation.Detail, decoded.Violation.Detail)
}

func TestNondeterminismIsAnError(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("hunt: %w", &Nondeterminism{Scenario: "kv", Seed: 1, First: 1, Second: 1, Note: "the verdicts differ"})
	var fault *Nondeterminism
	require.True(t, errors.As(err, &fault))
	assert.Equal(t, "hunt: two runs of kv@0x1 differ: trace 0000000000000001, then 0000000000000001; the verdicts differ", err.Error())
}

// FuzzDecodeFailure: whatever comes in, an error is one line, and what is accepted is
// written and read back as it is.
func FuzzDecodeFailure(f *testing.F) {
	// Small seeds: the fuzzer minimises what it finds, in the square of the length.
	failure := Failure{Schema: FailureSchema, Scenario: "kv", Params: Params{"nodes": 3}, Mutant: "raft-vote-twice", Seed: 31,
		Plan:      faults.Plan{Schema: faults.Schema, Faults: []faults.Fault{{Kind: faults.Kill, At: 5, Node: 2}}, Heal: 9},
		Violation: Violated{"election_safety", "two leaders", "nodes 1 and 2", 7, 2}, Fingerprint: "election_safety/two_leaders",
		Events: 2, Version: "v", Marks: Marks{1, 2, 3, 4}}
	good := failure.Encode()
	if _, err := DecodeFailure(good); err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	failure.Marks, failure.Plan, failure.Params = nil, faults.Plan{Schema: faults.Schema}, nil
	f.Add(failure.Encode())
	f.Add(good[:len(good)/2])
	f.Add(bytes.Replace(good, []byte(`"kind"`), []byte(`"KIND"`), 1))
	f.Add(bytes.Replace(good, []byte(`"nodes":3`), []byte(`"nodes":9`), 1))
	f.Add([]byte(`{"schema":"saros/failure/v1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := DecodeFailure(data)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		again, err := DecodeFailure(got.Encode())
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
