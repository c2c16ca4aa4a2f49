package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A segment is a file of records behind a header. Numbers are little-endian.
//
//	wal-00000002
//	┌─ header ─────────────┬───────────┬───────────┬──────────────┬───────────┐
//	│ "saroswal"         8 │ version 4 │ segment 4 │ first      8 │ crc32c  4 │
//	├─ record ─┬───────────┼───────────┴──┬────────┴──┬───────────┴───────────┤
//	│ length 4 │ crc32c  4 │ sequence   8 │ flight  4 │ payload       length  │
//	├──────────┼───────────┼──────────────┼───────────┼───────────────────────┤
//	│ length 4 │ crc32c  4 │ sequence   8 │ flight  4 │ payload       length  │
//	└──────────┴───────────┴──────────────┴───────────┴───────────────────────┘
//
//	first      sequence number of the segment's first record
//	sequence   1, 2, 3, … through all segments
//	flight     offset in this segment at which the write began that carried the
//	           record: all before it was durable by then
//
// The header's checksum covers the fields before it. A record's covers its place
// (segment and offset) and all of the record but the checksum, so that a record is
// valid at its own place only.
const (
	magic         = "saroswal"
	version       = 1
	headerSize    = 28
	recordHeader  = 20
	recordNumbers = 8 // where the fields begin that follow the checksum
)

// MaxRecord is the largest payload of a record, in bytes.
const MaxRecord = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli) //saros:constant table

// Damage says that bytes are bad which had been durable: cutting them would forget
// what was acknowledged. Only a person or another replica can help.
type Damage struct {
	File   string
	Offset int64
	Record Position // the record that should be there
	Reason string
}

func (d *Damage) Error() string {
	return fmt.Sprintf("wal: %s is damaged at offset %d, record %d: %s", d.File, d.Offset, d.Record, d.Reason)
}

func appendHeader(b []byte, segment uint32, first Position) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, segment)
	b = binary.LittleEndian.AppendUint64(b, uint64(first))
	b = append(b, 0, 0, 0, 0)
	sealHeader(b[start:])
	return b
}

func sealHeader(h []byte) {
	binary.LittleEndian.PutUint32(h[headerSize-4:], crc32.Checksum(h[:headerSize-4], castagnoli))
}

// header is what a segment says of itself.
type header struct {
	version, segment uint32
	first            Position
}

// parseHeader returns the header of a segment, or false if it is torn.
func parseHeader(data []byte) (header, bool) {
	if len(data) < headerSize || string(data[:len(magic)]) != magic {
		return header{}, false
	}
	fields, sum := data[:headerSize-4], binary.LittleEndian.Uint32(data[headerSize-4:])
	if crc32.Checksum(fields, castagnoli) != sum {
		return header{}, false
	}
	return header{
		version: binary.LittleEndian.Uint32(fields[8:]),
		segment: binary.LittleEndian.Uint32(fields[12:]),
		first:   Position(binary.LittleEndian.Uint64(fields[16:])),
	}, true
}

// seal fills in the header of a record whose payload is in place. offset is the
// record's in its segment.
func (l *Log) seal(record []byte, sequence Position, flight, offset int64) {
	binary.LittleEndian.PutUint32(record, uint32(len(record)-recordHeader))
	binary.LittleEndian.PutUint64(record[recordNumbers:], uint64(sequence))
	binary.LittleEndian.PutUint32(record[recordNumbers+8:], uint32(flight))
	binary.LittleEndian.PutUint32(record[4:], l.checksum(record, l.segment, offset))
}

// record is a valid record, found at its own place.
type record struct {
	sequence Position
	flight   int64
	payload  []byte
	end      int // offset behind it
}

// recordAt returns the record at an offset of a segment, or false if there is none
// that is valid. The length is checked against what is there before it is used.
func (l *Log) recordAt(data []byte, segment uint32, offset int) (record, bool) {
	b := data[offset:]
	if len(b) < recordHeader {
		return record{}, false
	}
	length := binary.LittleEndian.Uint32(b)
	if length > MaxRecord || int(length) > len(b)-recordHeader {
		return record{}, false
	}
	b = b[:recordHeader+int(length)]
	r := record{payload: b[recordHeader:], end: offset + len(b)}
	r.sequence, r.flight = numbers(b)
	if l.options.Rules.Checksum == IgnoreChecksum {
		return r, true
	}
	return r, binary.LittleEndian.Uint32(b[4:]) == l.checksum(b, segment, int64(offset))
}

// numbers are what a record says of itself, if it is one.
func numbers(record []byte) (sequence Position, flight int64) {
	b := record[recordNumbers:recordHeader]
	return Position(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint32(b[8:]))
}

// checksum is a record's: see the box above.
func (l *Log) checksum(record []byte, segment uint32, offset int64) uint32 {
	place := l.place[:0] // a field, for what is passed to crc32 escapes
	place = binary.LittleEndian.AppendUint32(place, segment)
	place = binary.LittleEndian.AppendUint32(place, uint32(offset))
	place = append(place, record[:4]...) // the length
	return crc32.Update(crc32.Update(0, castagnoli, place), castagnoli, record[recordNumbers:])
}
