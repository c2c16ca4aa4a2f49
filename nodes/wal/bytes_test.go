package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goodLog writes a log of two segments, with flights of one record and of several, and
// returns its files, its records, and how many of them the last flight did not carry.
func goodLog(t testing.TB) (files map[string][]byte, records [][]byte, before int) {
	d := newFakeDisk()
	l, env, _, err := open(d, Options{SegmentBytes: 300})
	if err != nil {
		t.Fatal(err)
	}
	for _, flight := range []int{1, 3, 1, 2, 1, 1, 2, 1, 3, 1, 2} {
		before = len(records)
		for range flight {
			r := bytes.Repeat([]byte{byte(len(records) + 1)}, len(records)*5%23)
			records = append(records, r)
			l.Append(r)
		}
		l.Flush(env)
		if err := env.settle(l); err != nil {
			t.Fatal(err)
		}
	}
	if l.Segments() != 2 || int(l.Durable()) != len(records) {
		t.Fatalf("%d segments, %d of %d records durable", l.Segments(), l.Durable(), len(records))
	}
	return d.files(), records, before
}

// prefix checks that recovered is a prefix of records.
func prefix(recovered, records [][]byte) error {
	if len(recovered) > len(records) {
		return fmt.Errorf("recovered %d records of %d", len(recovered), len(records))
	}
	for i, r := range recovered {
		if !bytes.Equal(r, records[i]) {
			return fmt.Errorf("record %d was recovered as %x, appended as %x", i+1, r, records[i])
		}
	}
	return nil
}

// TestEveryBitFlip: a flip is reported, or it is in the last flight, which is cut from
// there on. Never is a record recovered that was not written.
func TestEveryBitFlip(t *testing.T) {
	files, records, before := goodLog(t)
	for _, name := range sortedKeys(files) {
		for bit := range 8 * len(files[name]) {
			files[name][bit/8] ^= 1 << (bit % 8)
			_, _, recovered, err := open(diskWith(files), Options{})
			if wrong := prefix(recovered, records); wrong != nil {
				t.Fatalf("%s, bit %d: %v", name, bit, wrong)
			}
			var damage *Damage
			switch {
			case errors.As(err, &damage):
				if damage.File != name || damage.Offset > int64(bit/8) || int(damage.Record) != len(recovered)+1 {
					t.Fatalf("%s, bit %d, with %d records recovered, is reported as: %v", name, bit, len(recovered), err)
				}
			case err != nil:
				t.Fatalf("%s, bit %d: %v", name, bit, err)
			case len(recovered) < before || len(recovered) == len(records):
				t.Fatalf("%s, bit %d: nothing said, %d of %d records recovered", name, bit, len(recovered), len(records))
			}
			files[name][bit/8] ^= 1 << (bit % 8)
		}
	}
}

// TestEveryPrefix cuts each segment at each length. A cut in the first one is damage,
// one in the last is a torn tail; the log recovered then goes on as if nothing was.
func TestEveryPrefix(t *testing.T) {
	files, records, _ := goodLog(t)
	for i, name := range sortedKeys(files) {
		whole := files[name]
		for n := range len(whole) {
			files[name] = whole[:n]
			d := diskWith(files)
			l, env, recovered, err := open(d, Options{SegmentBytes: 300})
			if wrong := prefix(recovered, records); wrong != nil {
				t.Fatalf("%s cut to %d bytes: %v", name, n, wrong)
			}
			if damage := new(Damage); i == 0 {
				if !errors.As(err, &damage) {
					t.Fatalf("%s cut to %d bytes: %v", name, n, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s cut to %d bytes: %v", name, n, err)
			}
			l.Append([]byte("after"))
			l.Flush(env)
			if err := env.settle(l); err != nil {
				t.Fatalf("%s cut to %d bytes: %v", name, n, err)
			}
			d.powerLoss(func(int) int { return 0 })
			_, _, again, err := open(d, Options{})
			if err != nil || prefix(again[:len(again)-1], records) != nil || len(again) != len(recovered)+1 || string(again[len(recovered)]) != "after" {
				t.Fatalf("%s cut to %d bytes: %d records, then one more, then %q, %v", name, n, len(recovered), again, err)
			}
		}
		files[name] = whole
	}
}

// TestEveryHole loses the sectors of the last flight in every combination: whatever a
// power loss leaves of it is a torn tail.
func TestEveryHole(t *testing.T) {
	d := newFakeDisk()
	l, env, _, _ := open(d, Options{})
	var records [][]byte
	flight := func(n int) {
		for range n {
			records = append(records, fmt.Appendf(nil, "record %d ", len(records)+1))
			l.Append(records[len(records)-1])
		}
		l.Flush(env)
		if err := env.settle(l); err != nil {
			t.Fatal(err)
		}
	}
	flight(3)
	from := len(d.files()["wal-00000001"])
	flight(12)
	files := d.files()
	whole := files["wal-00000001"]
	sectors := (len(whole) - from + fakeSector - 1) / fakeSector
	torn := 0
	for lost := range 1 << sectors {
		data := bytes.Clone(whole)
		for s := range sectors {
			if lost>>s&1 != 0 {
				clear(data[from+s*fakeSector : min(from+(s+1)*fakeSector, len(data))])
			}
		}
		files["wal-00000001"] = data
		l, _, recovered, err := open(diskWith(files), Options{})
		if wrong := prefix(recovered, records); wrong != nil || err != nil || len(recovered) < 3 {
			t.Fatalf("sectors %b lost: %d records recovered, %v, %v", lost, len(recovered), wrong, err)
		}
		torn += l.TornTails()
	}
	if torn != 1<<sectors-1 {
		t.Errorf("%d torn tails of %d", torn, 1<<sectors-1)
	}
}

// TestMisplaced puts well-formed bytes where they do not belong.
func TestMisplaced(t *testing.T) {
	const one, two, three = "wal-00000001", "wal-00000002", "wal-00000003"
	files, records, _ := goodLog(t)
	record := func(data []byte, n int) (from, to int) { // offsets of the n-th record
		to = headerSize
		for range n {
			from, to = to, to+recordHeader+int(binary.LittleEndian.Uint32(data[to:]))
		}
		return from, to
	}
	for _, c := range []struct {
		name string
		do   func(files map[string][]byte)
		want string
	}{
		{"the first segment is missing", func(f map[string][]byte) { delete(f, one) },
			"wal: wal-00000001 is damaged at offset 0, record 1: no such file, yet there is wal-00000002"},
		{"a segment in the middle is missing", func(f map[string][]byte) { f[three] = f[two]; delete(f, two) },
			"wal: wal-00000002 is damaged at offset 0, record 12: no such file, yet there is wal-00000003"},
		{"a segment twice", func(f map[string][]byte) { f[three] = f[two] },
			"wal: wal-00000003 is damaged at offset 0, record 19: its header is that of wal-00000002"},
		{"segment 1 as segment 2", func(f map[string][]byte) { f[two] = f[one] },
			"wal: wal-00000002 is damaged at offset 0, record 12: its header is that of wal-00000001"},
		{"records are missing between segments", func(f map[string][]byte) { f[two] = appendHeader(nil, 2, 99) },
			"wal: wal-00000002 is damaged at offset 0, record 12: its first record is 99"},
		{"another version", func(f map[string][]byte) { f[two] = versioned(f[two], 7) },
			"wal: wal-00000002 has version 7; this program reads 1"},
		{"an empty segment before the last", func(f map[string][]byte) { f[one] = nil },
			"wal: wal-00000001 is damaged at offset 0, record 1: bad bytes, yet a later segment was begun when they were durable"},
		{"a record of another segment at the same offset", func(f map[string][]byte) {
			from, to := record(f[one], 1)
			copy(f[two][from:], f[one][from:to])
		}, "wal: wal-00000002 is damaged at offset 28, record 12: bad bytes, yet record 13 at offset 57 was written when they were durable"},
		{"a record at the place of its successor", func(f map[string][]byte) {
			from, to := record(f[one], 1)
			copy(f[one][to:], f[one][from:to])
		}, "wal: wal-00000001 is damaged at offset 48, record 2: bad bytes, yet a later segment was begun when they were durable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := map[string][]byte{}
			for name, data := range files {
				changed[name] = bytes.Clone(data)
			}
			c.do(changed)
			d := diskWith(changed)
			_, _, recovered, err := open(d, Options{})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if err := prefix(recovered, records); err != nil {
				t.Error(err)
			}
			for name, data := range d.files() {
				if !bytes.Equal(data, changed[name]) {
					t.Errorf("%s was changed", name)
				}
			}
		})
	}
}

func versioned(segment []byte, v uint32) []byte {
	h := appendHeader(nil, 2, 12)
	binary.LittleEndian.PutUint32(h[8:], v)
	sealHeader(h)
	return append(h, segment[headerSize:]...)
}

// FuzzOpen: whatever bytes the last segment has, with or without a good one before it,
// the log neither panics nor reads what is not there; what it recovers is valid at its
// place; and what it calls recovered it recovers again.
func FuzzOpen(f *testing.F) {
	files, records, _ := goodLog(f)
	one, two := files["wal-00000001"], files["wal-00000002"]
	f.Add([]byte{}, false)
	f.Add(one, false)
	f.Add(two, true)
	f.Add(two[:headerSize], true)
	f.Add(two[:len(two)-3], true)
	f.Add(append(bytes.Clone(two), bytes.Repeat([]byte{0}, 50)...), true)
	f.Add(append(bytes.Clone(two), bytes.Repeat([]byte{0xff}, 50)...), true)
	f.Add(append(bytes.Clone(two[:70]), make([]byte, 600)...), true)
	f.Fuzz(func(t *testing.T, data []byte, second bool) {
		name, good := "wal-00000001", 0
		files := map[string][]byte{name: data}
		if second {
			name, good = "wal-00000002", 11
			files = map[string][]byte{"wal-00000001": one, name: data}
		}
		d := diskWith(files)
		l, _, recovered, err := open(d, Options{})
		if len(recovered) < good || prefix(recovered[:good], records) != nil {
			t.Fatalf("of %d good records before it, recovered %q, %v", good, recovered, err)
		}
		offset, segment := headerSize, l.segment
		for i, r := range recovered[good:] {
			there, ok := l.recordAt(data, uint32(len(files)), offset)
			if !ok || !bytes.Equal(there.payload, r) || int(there.sequence) != good+i+1 {
				t.Fatalf("record %d, %x, is not at offset %d of segment %d", good+i+1, r, offset, segment)
			}
			offset = there.end
		}
		if err != nil {
			if !bytes.Equal(d.files()[name], data) {
				t.Fatalf("changed, though: %v", err)
			}
			return
		}
		d.powerLoss(func(int) int { return 0 })
		l, _, again, err := open(d, Options{})
		if err != nil || len(again) != len(recovered) || l.TornTails() != 0 {
			t.Fatalf("recovered %d records, and then %d, %d torn tails, %v", len(recovered), len(again), l.TornTails(), err)
		}
	})
}

// TestFormat pins the bytes on the disk: they must outlive this program.
func TestFormat(t *testing.T) {
	d := newFakeDisk()
	l, env, _, _ := open(d, Options{Name: "log", SegmentBytes: 90})
	for _, flight := range []string{"saros", "inex exeligmos", "metonic"} {
		for _, r := range strings.Fields(flight) {
			l.Append([]byte(r[:2]), nil, []byte(r[2:]))
		}
		l.Flush(env)
		if err := env.settle(l); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range d.files() {
		golden := filepath.Join("testdata", name+".golden")
		if os.Getenv("SAROS_GOLDEN") != "" {
			if err := os.WriteFile(golden, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, want) {
			t.Errorf("%s is\n%x, want\n%x", name, data, want)
		}
	}
}
