package sim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = os.Getenv("SAROS_GOLDEN") == "write"

// worlds are the worlds of which digests are compared.
var worlds = map[string]Options{
	"perfect": {},
	"rough":   rough,
	"fast disks, slow handlers": {
		Link: LinkOptions{Mean: time.Millisecond},
		CPU:  CPUOptions{Handler: 200 * time.Microsecond, Effect: 50 * time.Microsecond},
	},
	"lossy":    {Link: LinkOptions{Min: time.Microsecond, LossPPM: 200_000, DuplicatePPM: 300_000}, Disk: rough.Disk},
	"weather":  weather,
	"channels": channels,
}

// A World that was Reset is as new, whatever it went through before: memory is
// reused, and no trace of it, no slot and no stale byte, gets into the digest.
func TestResetIsAsNew(t *testing.T) {
	t.Parallel()
	used := New(Options{})
	for name, o := range worlds {
		for seed := range uint64(10) {
			fresh := New(seeded(o, seed))
			want := stormDigest(fresh)
			for other, p := range worlds { // what came before, and was left half way
				used.Reset(seeded(p, seed+1000))
				stormy(used)
				used.Trace = func(TraceLine) {}
				used.Run(stormEnd*Time(1+seed%3)/3, nil)
				used.Reset(seeded(o, seed))
				require.Nil(t, used.Trace)
				require.Equal(t, want, stormDigest(used), "%s, seed %d, after %s", name, seed, other)
			}
			require.Equal(t, fresh.Events(), used.Events())
			require.Equal(t, fresh.Messages(), used.Messages())
			require.Equal(t, fresh.Now(), used.Now())
			require.Equal(t, fresh.Reached(), used.Reached())
			require.Equal(t, fresh.Violations(), used.Violations())
			require.Equal(t, fresh.Names(), used.Names())
			fresh.Stop()
		}
	}
	used.Stop()
}

func TestResetForgets(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	addStub(w, "neptune", stub{boot: func(env Env) {
		env.Sometimes(true, "reached")
		env.Send(1, 1, nil)
		env.Always(false, "bad")
		env.Halt(assert.AnError)
	}})
	w.At(50, func() {})
	w.Run(10, nil)
	assert.NotZero(t, w.Halted())
	w.Reset(Options{Seed: 9})
	assert.Equal(t, New(Options{Seed: 9}).Digest(), w.Digest())
	assert.Zero(t, w.Halted())
	assert.Zero(t, w.Events())
	assert.Zero(t, w.Messages())
	assert.Zero(t, w.Now())
	assert.Equal(t, End, w.Next())
	assert.Empty(t, w.Reached())
	assert.Empty(t, w.Violations())
	assert.Len(t, w.Names(), 1)
	w.Run(End, nil)
	assert.Zero(t, w.Events())
}

// A smaller world after a larger one, and the other way round.
func TestResetToAnotherSize(t *testing.T) {
	t.Parallel()
	run := func(w *World, names ...string) Digest {
		gossipAmong(w, names...)
		addCaller(w, "client", []NodeID{1}, 50)
		w.At(Time(20*time.Millisecond), func() { w.PowerLoss(1); w.Restart(1) })
		w.Run(Time(50*time.Millisecond), nil)
		return w.Digest()
	}
	small := func(w *World) Digest { return run(w, "neptune", "jupiter") }
	large := func(w *World) Digest { return run(w, "neptune", "jupiter", "saturn", "uranus", "mars") }
	o := seeded(rough, 5)
	wantSmall, wantLarge := small(New(o)), large(New(o))
	w := New(o)
	for range 3 {
		w.Reset(o)
		assert.Equal(t, wantLarge, large(w))
		w.Reset(o)
		assert.Equal(t, wantSmall, small(w))
	}
	w.Stop()
}

// Who looks at a run does not change it.
func TestLookingChangesNothing(t *testing.T) {
	t.Parallel()
	for name, o := range worlds {
		plain := New(seeded(o, 3))
		want := stormDigest(plain)
		watched := New(seeded(o, 3))
		lines := 0
		last := Digest(0)
		var b []byte
		watched.Trace = func(l TraceLine) {
			lines++
			last = l.Digest
			b = l.AppendJSON(b[:0], watched.Names(), &Vocabulary{})
		}
		watched.After = func(n NodeID) { watched.Observed(n, gossipSeen); watched.MonotonicOf(n) }
		watched.OnHalt = func(NodeID, error) {}
		stormy(watched)
		for watched.Next() <= stormEnd { // an event at a time
			watched.Run(watched.Next(), func() bool { return true })
			watched.Digest()
			watched.Violations()
		}
		assert.Equal(t, want, watched.Digest(), name)
		assert.Equal(t, want, last, "the last line carries the digest of the run")
		assert.Equal(t, plain.Events(), watched.Events())
		assert.Greater(t, lines, 1000)
		plain.Stop()
		watched.Stop()
	}
}

// Runs that differ in anything that happens have digests that differ.
func TestDigestTellsRunsApart(t *testing.T) {
	t.Parallel()
	type variant struct {
		name   string
		digest Digest
	}
	var all []variant
	run := func(name string, o Options, boot func(env Env), plan func(w *World)) {
		w := New(o)
		addStub(w, "neptune", soon(boot))
		addStub(w, "jupiter", stub{})
		plan(w)
		w.Run(20, nil)
		all = append(all, variant{name, w.Digest()})
	}
	quiet, nothing := func(Env) {}, func(*World) {}
	disk := func(ops ...diskOp) func(env Env) {
		return func(env Env) {
			for _, name := range []string{"a", "b"} {
				env.Disk().Create(name)
				env.Disk().Append(name, []byte("data"))
			}
			for _, o := range ops {
				o.submitTo(env.Disk())
			}
		}
	}
	send := func(to NodeID, kind Kind, b string) func(env Env) {
		return func(env Env) { env.Send(to, kind, []byte(b)) }
	}
	run("nothing", Options{}, quiet, nothing)
	run("another seed", Options{Seed: 1}, quiet, nothing)
	run("a frame", Options{}, send(2, 1, "x"), nothing)
	run("a frame to another", Options{}, send(1, 1, "x"), nothing)
	run("a frame of another kind", Options{}, send(2, 2, "x"), nothing)
	run("a frame of other bytes", Options{}, send(2, 1, "y"), nothing)
	run("a frame of more bytes", Options{}, send(2, 1, "x\x00"), nothing)
	run("an empty frame", Options{}, send(2, 1, ""), nothing)
	run("a late frame", Options{Link: LinkOptions{Min: 5}}, send(2, 1, "x"), nothing)
	run("a lost frame", Options{Link: LinkOptions{LossPPM: million}}, send(2, 1, "x"), nothing)
	run("a frame that meets a cut", Options{}, send(2, 1, "x"), func(w *World) { w.At(0, func() { w.Cut(1, 2) }) })
	run("two frames", Options{Link: LinkOptions{DuplicatePPM: million}}, send(2, 1, "x"), nothing)
	run("a timer", Options{}, func(env Env) { env.SetTimer(98, 1) }, nothing)
	run("another timer", Options{}, func(env Env) { env.SetTimer(97, 1) }, nothing)
	run("a later timer", Options{}, func(env Env) { env.SetTimer(98, 2) }, nothing)
	run("two files", Options{}, disk(), nothing)
	run("sync", Options{}, disk(diskOp{op: OpSync, name: "a"}), nothing)
	run("sync of the other", Options{}, disk(diskOp{op: OpSync, name: "b"}), nothing)
	run("append", Options{}, disk(appending("a", "x")), nothing)
	run("append to the other", Options{}, disk(appending("b", "x")), nothing)
	run("append of other bytes", Options{}, disk(appending("a", "y")), nothing)
	run("write", Options{}, disk(writing("a", 1, "x")), nothing)
	run("write elsewhere", Options{}, disk(writing("a", 2, "x")), nothing)
	run("read", Options{}, disk(diskOp{op: OpRead, name: "a", n: 4}), nothing)
	run("read of less", Options{}, disk(diskOp{op: OpRead, name: "a", n: 3}), nothing)
	run("read of nothing", Options{}, disk(diskOp{op: OpRead, name: "a", off: 4, n: 3}), nothing)
	run("read of nothing else", Options{}, disk(diskOp{op: OpRead, name: "a", off: 4, n: 2}), nothing)
	run("remove", Options{}, disk(diskOp{op: OpRemove, name: "a"}), nothing)
	run("remove of the other", Options{}, disk(diskOp{op: OpRemove, name: "b"}), nothing)
	run("remove of none", Options{}, disk(diskOp{op: OpRemove, name: "c"}), nothing)
	run("rename", Options{}, disk(renaming("a", "c")), nothing)
	run("rename of the other", Options{}, disk(renaming("b", "c")), nothing)
	run("rename to another", Options{}, disk(renaming("a", "d")), nothing)
	run("truncate", Options{}, disk(truncating("a", 1)), nothing)
	run("kill", Options{}, quiet, func(w *World) { w.At(5, func() { w.Kill(1) }) })
	run("kill of another", Options{}, quiet, func(w *World) { w.At(5, func() { w.Kill(2) }) })
	run("later kill", Options{}, quiet, func(w *World) { w.At(6, func() { w.Kill(1) }) })
	run("power loss", Options{}, quiet, func(w *World) { w.At(5, func() { w.PowerLoss(1) }) })
	run("kill and restart", Options{}, quiet, func(w *World) { w.At(5, func() { w.Kill(1); w.Restart(1) }) })
	run("pause", Options{}, quiet, func(w *World) { w.At(5, func() { w.Pause(1) }) })
	run("pause and resume", Options{}, quiet, func(w *World) { w.At(5, func() { w.Pause(1); w.Resume(1) }) })
	run("halt", Options{}, func(env Env) { env.Halt(assert.AnError) }, nothing)
	run("halt for another reason", Options{}, func(env Env) { env.Halt(ErrExist) }, nothing)
	run("step", Options{}, quiet, func(w *World) { w.At(5, func() { w.StepClock(1, 7) }) })
	run("other step", Options{}, quiet, func(w *World) { w.At(5, func() { w.StepClock(1, 8) }) })
	run("drift", Options{}, quiet, func(w *World) { w.At(5, func() { w.SetDrift(1, 7) }) })
	run("disturbance", Options{}, quiet, func(w *World) { w.At(5, func() { w.Disturb(1, 2, Disturbance{DelayFactor: 2}) }) })
	run("cut", Options{}, quiet, func(w *World) { w.At(5, func() { w.Cut(1, 2) }) })
	run("cut of the way back", Options{}, quiet, func(w *World) { w.At(5, func() { w.Cut(2, 1) }) })
	run("cut and mend", Options{}, quiet, func(w *World) { w.At(5, func() { w.Cut(1, 2); w.Mend(1, 2) }) })
	seen := map[Digest]string{}
	for _, v := range all {
		assert.Empty(t, seen[v.digest], "%s has the digest of %s", v.name, seen[v.digest])
		seen[v.digest] = v.name
	}
}

// What is not part of a run does not get into its digest: names, fields that are
// shown, invariants that are checked, an order of nothing.
func TestDigestCoversNothingElse(t *testing.T) {
	t.Parallel()
	run := func(name string, show bool, frame []byte) Digest {
		w := New(Options{})
		addStub(w, name, soon(func(env Env) {
			if show {
				env.Observe(1, 2)
				env.Sometimes(true, "shown")
				env.Always(true, "true")
				env.StopTimer(5)
			}
			env.Send(1, 1, frame)
			env.Disk().Create("a")
			env.Disk().Append("a", frame)
		}))
		w.Run(End, nil)
		return w.Digest()
	}
	assert.Equal(t, run("neptune", false, nil), run("jupiter", true, []byte{}))
}

func TestDigestIsSensitive(t *testing.T) {
	t.Parallel()
	seen := map[Digest]string{}
	add := func(d Digest, what string) {
		require.Empty(t, seen[d], "%s is %s", what, seen[d])
		seen[d] = what
	}
	start := New(Options{}).Digest()
	b := make([]byte, 40)
	for n := range len(b) + 1 {
		add(start.Bytes(b[:n]), fmt.Sprint(n, " zeros"))
		for i := range n {
			for bit := range 8 {
				b[i] ^= 1 << bit
				add(start.Bytes(b[:n]), fmt.Sprint(n, " bytes, bit ", bit, " of byte ", i))
				b[i] ^= 1 << bit
			}
		}
	}
	for i := range uint64(64) {
		add(start.Word(1<<i), fmt.Sprint("word ", i))
		add(start.Word(1<<i).Word(0), fmt.Sprint("word and zero ", i))
		add(start.Word(0).Word(1<<i), fmt.Sprint("zero and word ", i))
	}
}

func TestDigestString(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "0000000000000000", Digest(0).String())
	assert.Equal(t, "00000000deadbeef", Digest(0xdeadbeef).String())
	assert.Equal(t, "fedcba9876543210", Digest(0xfedcba9876543210).String())
	assert.Equal(t, fmt.Sprintf("%016x", uint64(New(Options{}).Digest())), New(Options{}).Digest().String())
}

// The digests of a few worlds, for ever. They are the same for every GOOS and GOARCH,
// with and without the race detector, for every GOMAXPROCS: a run is made of integers
// of fixed size (no int reaches a draw or the digest but through 64 bits), of tables
// that are committed, of bytes that are put together one by one; of no float, no
// address, no map's order and no other goroutine. `GOARCH=386 go test ./sim` must pass.
//
// A change here is a change of every seed that anyone has written down. If it is
// meant: make golden, and say "trace change" in the commit.
func TestGoldenDigests(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, name := range []string{"perfect", "rough", "fast disks, slow handlers", "lossy"} {
		for _, seed := range []uint64{0, 1, 0xffffffffffffffff} {
			w := New(seeded(worlds[name], seed))
			d := stormDigest(w)
			require.Empty(t, w.Violations())
			fmt.Fprintf(&b, "%s@%#x: digest %v, %d events, %d messages, ends at %d ns\n", name, seed, d, w.Events(), w.Messages(), w.Now())
			w.Stop()
		}
	}
	path := filepath.Join("testdata", "digests.golden")
	if update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), b.String())
}

func TestTime(t *testing.T) {
	t.Parallel()
	const century = 100 * 365 * 24 * time.Hour
	assert.Equal(t, Time(15), Time(10).Add(5))
	assert.Equal(t, Time(5), Time(10).Add(-5))
	assert.Equal(t, Time(0), Time(10).Add(-50))
	assert.Equal(t, End, End.Add(1))
	assert.Equal(t, End, (End - 5).Add(6))
	assert.Equal(t, End, Time(century).Add(century).Add(century))
	assert.Equal(t, End, End.Add(1<<63-1))
	assert.Equal(t, 7*time.Nanosecond, Time(10).Sub(3))
	assert.Equal(t, "1.5s", Time(1_500_000_000).String())
}
