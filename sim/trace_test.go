package sim

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var vocabulary = &Vocabulary{
	Kinds:  []string{gossipRumour: "rumour", gossipReply: "reply"}, // beats have no name
	Timers: []string{gossipTick: "tick", gossipLazy: "lazy"},
}

// keysOf are the keys of a line of each type, in order.
var keysOf = map[TraceType]string{
	TraceBoot:      "event at_ns type node incarnation digest",
	TraceStart:     "event at_ns type node digest",
	TraceDeliver:   "event at_ns type node from kind bytes digest",
	TraceLost:      "event at_ns type node from kind reason digest",
	TraceDuplicate: "event at_ns type node from kind digest",
	TraceTimer:     "event at_ns type node timer digest",
	TraceWake:      "event at_ns type node digest",
	TraceIO:        "event at_ns type node op bytes digest",
	TraceDone:      "event at_ns type node op failed digest",
	TraceKill:      "event at_ns type node digest",
	TracePowerLoss: "event at_ns type node digest",
	TracePause:     "event at_ns type node digest",
	TraceResume:    "event at_ns type node digest",
	TraceHalt:      "event at_ns type node digest",
	TraceCut:       "event at_ns type node from arg digest",
	TraceMend:      "event at_ns type node from arg digest",
	TraceDisturb:   "event at_ns type node from what arg digest",
	TraceClock:     "event at_ns type node arg digest",
	TraceStop:      "event at_ns type node digest",
	TraceSpeed:     "event at_ns type node arg digest",
	TraceMemory:    "event at_ns type node arg digest",
	TraceBuggify:   "event at_ns type node point digest",
	TraceAdversary: "event at_ns type node arg digest",
	TraceLie:       "event at_ns type node to kind frames digest",
	TraceDisk:      "event at_ns type node fault phase arg file digest",
	TraceClog:      "event at_ns type node from arg digest",
	TraceUnclog:    "event at_ns type node from arg digest",
	TraceCorrupt:   "event at_ns type node from kind bits digest",
	TraceReplay:    "event at_ns type node from kind digest",
	TraceCutPipe:   "event at_ns type pipe cuts digest",
	TraceMendPipe:  "event at_ns type pipe cuts digest",
	TraceReserve:   "event at_ns type node from arg digest",
	TraceRelease:   "event at_ns type node from arg digest",
	TraceSuspend:   "event at_ns type node digest",
	TraceKeeping:   "event at_ns type node change arg digest",
	TraceOpen:      "event at_ns type node from arg digest",
	TraceReset:     "event at_ns type node peer why digest",
	TraceClosed:    "event at_ns type node peer why digest",
}

// Every line of a trace is one object of JSON, with the keys of its type in their
// order, integers that are integers, and a digest of 16 hexadecimal digits.
func TestTraceIsJSON(t *testing.T) {
	t.Parallel()
	o := seeded(rough, 2)
	o.Buggify = true
	w := New(o)
	seen := map[TraceType]int{}
	hex16 := regexp.MustCompile(`^[0-9a-f]{16}$`)
	last := uint64(0)
	w.Trace = func(l TraceLine) {
		line := l.AppendJSON([]byte("before"), w.Names(), vocabulary)
		require.Equal(t, "before", string(line[:6]))
		line = line[6:]
		require.NotContains(t, string(line), "\n")
		d := json.NewDecoder(strings.NewReader(string(line)))
		d.UseNumber()
		var keys []string
		values := map[string]any{}
		token, err := d.Token()
		require.NoError(t, err, "%s", line)
		require.Equal(t, json.Delim('{'), token)
		for d.More() {
			key, err := d.Token()
			require.NoError(t, err, "%s", line)
			value, err := d.Token()
			require.NoError(t, err, "%s", line)
			keys = append(keys, key.(string))
			values[key.(string)] = value
			if n, ok := value.(json.Number); ok {
				_, err := n.Int64()
				require.NoError(t, err, "%s", line)
			}
		}
		require.True(t, json.Valid(line), "%s", line)
		require.Equal(t, keysOf[l.Type], strings.Join(keys, " "), "%s", line)
		require.Regexp(t, hex16, values["digest"])
		require.Equal(t, l.Type.String(), values["type"])
		require.Equal(t, fmt.Sprint(int64(l.Time)), values["at_ns"].(json.Number).String())
		if l.Node != 0 {
			require.Equal(t, w.Names()[l.Node], values["node"])
		}
		if kind, ok := values["kind"]; ok {
			require.Equal(t, []string{"rumour", "reply", "3"}[l.Kind-1], kind)
		}
		if timer, ok := values["timer"]; ok {
			require.Contains(t, []any{"tick", "lazy", fmt.Sprint(soonTimer)}, timer)
		}
		if l.Type == TraceDeliver || l.Type == TraceIO {
			require.Equal(t, fmt.Sprint(len(l.Bytes)), values["bytes"].(json.Number).String())
		}
		require.GreaterOrEqual(t, l.Event, last)
		last = l.Event
		seen[l.Type]++
	}
	nodes := gossipAmong(w, "neptune", "jupiter")
	addCaller(w, "client", nodes, 20)
	w.AddNode("saturn", func(uint32) Machine { return soon(func(env Env) { env.Halt(assert.AnError) }) })
	w.At(Time(5*time.Millisecond), func() {
		w.Kill(nodes[0])
		w.Restart(nodes[0])
		w.PowerLoss(nodes[1])
		w.At(w.Now()+Time(5*time.Millisecond), func() { w.Restart(nodes[1]) })
		w.Pause(nodes[0])
		w.Resume(nodes[0])
		w.Cut(1, 2)
		w.Mend(1, 2)
		w.Disturb(1, 2, Disturbance{DelayFactor: 1 << 30, LossPPM: million, DuplicatePPM: million, TailPPM: million})
		w.StepClock(1, -time.Hour)
		w.SetDrift(1, -7)
		w.FreezeClock(1)
		w.ThawClock(1, true)
		w.Suspend(nodes[0])
		w.Resume(nodes[0])
		w.Slow(1, 2)
		w.SetMemory(1, 1<<40)
		w.SetAdversary(2, Withhold{PPM: 500_000})
		w.FailSyncs(2, 1, true)
	})
	buggy := w.AddNode("uranus", func(uint32) Machine {
		return soon(func(env Env) {
			for i := range 20 {
				env.Buggify(fmt.Sprint("point", i))
			}
		})
	})
	assert.Equal(t, NodeID(5), buggy)
	caller := w.AddNode("mars", func(uint32) Machine {
		return closer{stub: soon(func(env Env) { env.Send(4, 1, nil); env.Send(buggy, 1, nil) })}
	})
	w.SetLink(caller, 4, LinkOptions{Channel: true}) // saturn is dead
	w.SetLink(caller, buggy, LinkOptions{Channel: true})
	w.At(Time(8*time.Millisecond), func() {
		w.Calm(1, 2, Disturbance{DelayFactor: 1 << 30, LossPPM: million, DuplicatePPM: million, TailPPM: million})
		w.Disturb(1, 2, Disturbance{DuplicatePPM: million, CorruptPPM: million, ReplayPPM: million, ReplayMax: 1})
		w.Clog(1, 2)
		w.Unclog(1, 2)
		pipe := w.AddPipe(PipeOptions{Bandwidth: 100})
		w.CutPipe(pipe)
		w.MendPipe(pipe)
		w.Route(1, 2, pipe)
		w.Reserve(1, 2, 50)
		w.Release(1, 2)
	})
	w.Run(Time(200*time.Millisecond), nil)
	require.Empty(t, w.Violations())
	for typ := TraceBoot; typ < traceEnd; typ++ {
		assert.NotZero(t, seen[typ], "%v was not seen", typ)
	}
}

// Names come from outside: whatever they are, a line stays one object of JSON in one
// line that means no harm to a terminal or a page.
func TestNamesInATraceAreEscaped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"", `"`, `\`, "\x00", "\x07\x0b\x7f", "\x1b[2J", "\u009b2J", "</script>", "a&b", "\u2028", "\U000e0001", "\xff\xfe", "Neptun", "海王星", "é",
		})).Draw(t, "name")
		l := TraceLine{Event: 1, Time: 2, Type: TraceDeliver, Node: 1, From: 2, Kind: 1, Digest: 3}
		line := l.AppendJSON(nil, []string{"", name, "x"}, &Vocabulary{Kinds: []string{"", name}})
		var back struct{ Node, From, Kind, Digest string }
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		want := string([]rune(name)) // what is not UTF-8 is replaced
		if name == "" {              // no name: its number
			want = "1"
		}
		if back.Node != want || back.Kind != want || back.From != "x" {
			t.Fatalf("%q became %q and %q in %s", name, back.Node, back.Kind, line)
		}
		if i := slices.IndexFunc([]rune(string(line)), func(r rune) bool {
			return r < ' ' || r >= 0x7f && r < 0xa0 || strings.ContainsRune("<>&\u2028\u2029", r)
		}); i >= 0 {
			t.Fatalf("rune %d of %q can do harm", i, line)
		}
	})
}

func TestNamesOfTraces(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for typ := TraceBoot; typ < traceEnd; typ++ {
		require.NotEmpty(t, typ.String())
		require.False(t, seen[typ.String()], typ)
		seen[typ.String()] = true
		require.NotEmpty(t, keysOf[typ])
	}
	assert.Equal(t, "trace?", traceEnd.String())
	for op := OpCreate; op < opEnd; op++ {
		require.NotEmpty(t, op.String())
		require.False(t, seen["op "+op.String()])
		seen["op "+op.String()] = true
	}
	assert.Equal(t, "op?", opEnd.String())
	assert.Equal(t, "sync_dir", OpSyncDir.String())
	v := Vocabulary{Kinds: []string{"", "vote"}}
	assert.Equal(t, "vote", v.KindName(1))
	assert.Equal(t, "0", v.KindName(0))
	assert.Equal(t, "255", v.KindName(255))
}

// A line is rendered into the caller's buffer.
func TestRenderingAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("allocations cannot be counted under the race detector")
	}
	l := TraceLine{Event: 1, Time: 2, Type: TraceDeliver, Node: 1, From: 2, Kind: 1, Digest: 3}
	names := []string{"", "neptune", "jupiter"}
	b := make([]byte, 0, 1024)
	allocations := testing.AllocsPerRun(100, func() { b = l.AppendJSON(b[:0], names, vocabulary) })
	assert.LessOrEqual(t, allocations, 1.0) // the digest's string
}
