package wal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/saros-sim/saros/sim"
)

// TestPlays runs the scripts in testdata/plays: what the log asks of the disk, and what
// it answers. Commands:
//
//	open [segment=BYTES] [rule=MUTANT] [steps=COUNT]
//	                                     recover from the disk as it is
//	append [RECORD...]                   one record a word, or n=COUNT of them
//	flush
//	step [n=COUNT]                       end the oldest operations; 0 is all
//	kill, power-loss                     of what is not synced, nothing is kept
//	flip file=NAME at=OFFSET             rot of a bit
//	cut file=NAME size=BYTES             what a power loss may leave
//	fail op=OP                           the next operation of the kind fails
//	files
func TestPlays(t *testing.T) {
	datadriven.Walk(t, "testdata/plays", func(t *testing.T, path string) {
		p := &play{disk: newFakeDisk()}
		p.env = newFakeEnv(p.disk)
		datadriven.RunTest(t, path, func(t *testing.T, c *datadriven.TestData) string { return p.act(t, c) })
	})
}

type play struct {
	disk *fakeDisk
	env  *fakeEnv
	log  *Log
	out  strings.Builder
	seen sim.IOID // operations up to here were printed
	n    int      // records appended by n=
}

func (p *play) act(t *testing.T, c *datadriven.TestData) string {
	p.out.Reset()
	switch c.Cmd {
	case "open":
		var o Options
		maybe(t, c, "segment", &o.SegmentBytes)
		var rule string
		maybe(t, c, "rule", &rule)
		for _, m := range mutants {
			if m.name == rule {
				o.Rules = m.rules
			}
		}
		p.log = New(o)
		p.log.Open(p.env, func(record []byte) error {
			fmt.Fprintf(&p.out, "  replay %q\n", record)
			return nil
		})
		steps := 0
		maybe(t, c, "steps", &steps)
		p.step(steps)
	case "append":
		for _, a := range c.CmdArgs {
			if a.Key != "n" {
				p.log.Append([]byte(a.Key))
				continue
			}
			var n int
			c.ScanArgs(t, "n", &n)
			for range n {
				p.n++
				p.log.Append(fmt.Appendf(nil, "record %d", p.n))
			}
		}
	case "flush":
		p.log.Flush(p.env)
	case "step":
		n := 1
		maybe(t, c, "n", &n)
		p.step(n)
	case "kill":
		p.disk.kill()
		return ""
	case "power-loss":
		p.disk.powerLoss(func(int) int { return 0 })
		return ""
	case "flip", "cut":
		var file string
		var at, size int
		c.ScanArgs(t, "file", &file)
		f := p.disk.names[file]
		if c.Cmd == "flip" {
			c.ScanArgs(t, "at", &at)
			f.cache[at] ^= 1
		} else {
			c.ScanArgs(t, "size", &size)
			f.cache = f.cache[:size]
		}
		f.platter = bytes.Clone(f.cache)
		return ""
	case "fail":
		var op string
		c.ScanArgs(t, "op", &op)
		for o := sim.OpCreate; o <= sim.OpSyncDir; o++ {
			if o.String() == op {
				p.disk.failing[o]++
			}
		}
		return ""
	case "files":
		files := p.disk.files()
		for _, name := range sortedKeys(files) {
			fmt.Fprintf(&p.out, "%s: %d bytes, %d durable\n", name, len(files[name]), len(p.disk.names[name].platter))
		}
		return p.out.String()
	default:
		t.Fatalf("%s: unknown command %s", c.Pos, c.Cmd)
	}
	p.asked()
	if p.log.Ready() {
		fmt.Fprintf(&p.out, "ready: %d appended, %d durable, %d segments, %d torn tails\n",
			p.log.Appended(), p.log.Durable(), p.log.Segments(), p.log.TornTails())
	}
	return p.out.String()
}

// maybe scans an argument that may be missing.
func maybe(t *testing.T, c *datadriven.TestData, key string, to any) {
	if c.HasArg(key) {
		c.ScanArgs(t, key, to)
	}
}

// asked prints what the log has asked of the disk since.
func (p *play) asked() {
	for _, o := range p.disk.queue {
		if o.id > p.seen {
			p.seen = o.id
			fmt.Fprintf(&p.out, "  → %v\n", strings.TrimSpace(fmt.Sprint(o.io.Op, " ", o.name)))
		}
	}
}

func (p *play) step(n int) {
	p.asked()
	for i := 0; n == 0 || i < n; i++ {
		o, ok := p.disk.step()
		if !ok {
			return
		}
		fmt.Fprintf(&p.out, "  ✓ %v\n", strings.TrimSpace(fmt.Sprint(o.io.Op, " ", o.name)))
		if _, err := p.log.Complete(p.env, o.id, o.io); err != nil {
			fmt.Fprintf(&p.out, "%v\n", err)
			return
		}
		p.asked()
	}
}

func TestOtherOperationsAreNotMine(t *testing.T) {
	d := newFakeDisk()
	l, env, _, _ := open(d, Options{})
	l.Append([]byte("mine"))
	other := d.Create("other")
	l.Flush(env)
	for range 5 {
		o, _ := d.step()
		if mine, err := l.Complete(env, o.id, o.io); mine == (o.id == other) || err != nil {
			t.Errorf("operation %d, %v %s: mine is %v, %v", o.id, o.io.Op, o.name, mine, err)
		}
	}
	if l.Durable() != 1 {
		t.Errorf("durable is %d", l.Durable())
	}
}

// TestForeignFilesStay: names that are not the log's are not read and not touched.
func TestForeignFilesStay(t *testing.T) {
	foreign := map[string][]byte{}
	for _, name := range []string{"wal-0000001", "wal-000000001", "wal-99999999999", "wal-0000000x", "wal-+0000001", "wal", "wal-meta", "a-wal-00000001", "state"} {
		foreign[name] = []byte("not a segment")
	}
	d := diskWith(foreign)
	l, env, recovered, err := open(d, Options{})
	if err != nil || len(recovered) != 0 || l.Segments() != 0 {
		t.Fatalf("recovered %q, %d segments, %v", recovered, l.Segments(), err)
	}
	l.Append([]byte("first"))
	l.Flush(env)
	if err := env.settle(l); err != nil {
		t.Fatal(err)
	}
	files := d.files()
	for name, data := range foreign {
		if !bytes.Equal(files[name], data) {
			t.Errorf("%s was changed", name)
		}
	}
}

// TestErrorsEnd lets each kind of operation fail, in recovery and in a flight.
func TestErrorsEnd(t *testing.T) {
	files, _, _ := goodLog(t)
	for _, op := range []sim.Op{sim.OpRead, sim.OpAppend, sim.OpSync} {
		d := diskWith(files)
		d.failing[op] = 1
		l, env, _, err := open(d, Options{})
		if !errors.Is(err, errIO) || l.Ready() {
			t.Errorf("%v fails in recovery: %v", op, err)
		}
		l.Append([]byte("ignored"))
		l.Flush(env)
	}
	for _, op := range []sim.Op{sim.OpAppend, sim.OpSync} {
		d := newFakeDisk()
		l, env, _, _ := open(d, Options{})
		l.Append([]byte("lost"))
		d.failing[op] = 1
		l.Flush(env)
		first := env.settle(l)
		again := env.settle(l) // what is left of the flight
		if !errors.Is(first, errIO) || !errors.Is(again, errIO) || l.Durable() != 0 || l.Ready() {
			t.Errorf("%v fails in a flight: %v, then %v, durable is %d", op, first, again, l.Durable())
		}
	}
	// A read that is shorter than the file was: the log looks again, once.
	for _, size := range []int64{100, 99} {
		short, env := New(Options{}), newFakeEnv(newFakeDisk())
		short.Open(env, nil)
		list := func(size int64) sim.IO {
			return sim.IO{Op: sim.OpList, Files: []sim.FileInfo{{Name: "wal-00000001", Size: size}}}
		}
		read := sim.IO{Op: sim.OpRead, Data: make([]byte, 99)}
		var err error
		for id, io := range []sim.IO{list(100), read, list(size), read} {
			_, err = short.Complete(env, sim.IOID(id+1), io)
		}
		damaged := err != nil && strings.Contains(err.Error(), "it has 100 bytes, but only 99 could be read")
		if damaged != (size == 100) || !damaged && (err != nil || short.phase != naming) {
			t.Errorf("a short read of a file that has %d bytes then: %v, phase %v", size, err, short.phase)
		}
	}
	want := errors.New("I cannot read that")
	d := diskWith(files)
	l, env := New(Options{}), newFakeEnv(d)
	l.Open(env, func([]byte) error { return want })
	if err := env.settle(l); !errors.Is(err, want) {
		t.Errorf("replay fails: %v", err)
	}
}

func TestBugsOfTheOwnerPanic(t *testing.T) {
	for name, do := range map[string]func(){
		"Append before Ready":    func() { New(Options{}).Append(nil) },
		"Open without Reset":     func() { l, env, _, _ := open(newFakeDisk(), Options{}); l.Open(env, nil) },
		"segments of -1 bytes":   func() { New(Options{SegmentBytes: -1}) },
		"a record of 16777217 b": func() { l, _, _, _ := open(newFakeDisk(), Options{}); l.Append(make([]byte, MaxRecord+1)) },
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.Contains(r, "wal: ") || !strings.Contains(r, name) {
					t.Errorf("%s: panic %q", name, r)
				}
			}()
			do()
		}()
	}
}

// nullDisk ends everything at once and keeps nothing.
type nullDisk struct {
	sim.Disk
	next  sim.IOID
	queue []operation
}

func (d *nullDisk) ask(op sim.Op) sim.IOID {
	d.next++
	d.queue = append(d.queue, operation{id: d.next, io: sim.IO{Op: op}})
	return d.next
}

func (d *nullDisk) List() sim.IOID                 { return d.ask(sim.OpList) }
func (d *nullDisk) Create(string) sim.IOID         { return d.ask(sim.OpCreate) }
func (d *nullDisk) Append(string, []byte) sim.IOID { return d.ask(sim.OpAppend) }
func (d *nullDisk) Sync(string) sim.IOID           { return d.ask(sim.OpSync) }
func (d *nullDisk) SyncDir() sim.IOID              { return d.ask(sim.OpSyncDir) }

type nullEnv struct {
	sim.Env
	disk nullDisk
}

func (e *nullEnv) Disk() sim.Disk      { return &e.disk }
func (e *nullEnv) Buggify(string) bool { return false }

func (e *nullEnv) settle(l *Log) {
	for _, o := range e.disk.queue {
		l.Complete(e, o.id, o.io)
	}
	e.disk.queue = e.disk.queue[:0]
}

// flights returns a function that appends n records of some bytes and flushes them.
func flights(records, bytes int, o Options) (l *Log, fly func()) {
	l, env := New(o), new(nullEnv)
	l.Open(env, nil)
	env.settle(l)
	header, payload := make([]byte, 16), make([]byte, bytes-16)
	return l, func() {
		for range records {
			l.Append(header, payload)
		}
		l.Flush(env)
		env.settle(l)
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	l, fly := flights(4, 200, Options{SegmentBytes: 1 << 20})
	fly()
	if n := testing.AllocsPerRun(1000, fly); n != 0 {
		t.Errorf("%v allocations a flight", n)
	}
	if l.Durable() != 4*1002 || l.Segments() != 1 {
		t.Errorf("%d durable, %d segments", l.Durable(), l.Segments())
	}
	l, fly = flights(1, 200, Options{SegmentBytes: 1}) // a segment a flight
	fly()
	if n := testing.AllocsPerRun(1000, fly); n > 2 { // its name
		t.Errorf("%v allocations a segment", n)
	}
	if l.Segments() != 1002 {
		t.Errorf("%d segments", l.Segments())
	}
}

func BenchmarkFlight(b *testing.B) {
	for _, c := range []struct{ records, bytes int }{{1, 64}, {1, 1024}, {16, 64}} {
		b.Run(fmt.Sprintf("records=%d/bytes=%d", c.records, c.bytes), func(b *testing.B) {
			_, fly := flights(c.records, c.bytes, Options{})
			b.ReportAllocs()
			b.SetBytes(int64(c.records * c.bytes))
			for b.Loop() {
				fly()
			}
		})
	}
}

func BenchmarkRecovery(b *testing.B) {
	d := newFakeDisk()
	l, env, _, _ := open(d, Options{})
	for l.Segments() < 4 {
		l.Append(make([]byte, 100))
		l.Flush(env)
		env.settle(l)
	}
	files := d.files()
	b.ReportAllocs()
	b.SetBytes(int64(l.Segments()) * defaultSegmentBytes)
	for b.Loop() {
		open(diskWith(files), Options{})
	}
}
