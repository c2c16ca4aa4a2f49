// Package wal is a write-ahead log: what it calls durable is still there after any
// crash, or it says that it is not (PoDS, "Write-Ahead Log" and "Segmented Log").
//
// A log is a part of a machine, not a machine: its owner hands it every disk
// completion and asks it afterwards how far it has come.
//
//	owner               log                          disk
//	Open ─────────────▶ ·──List, Read…──────────────▶
//	  ◀── replay(record) ·◀───────────────────────────  every record, in order
//	                    ·──rewrite the tail, sync────▶
//	  ◀── Ready          ·◀───────────────────────────
//	Append, Append ───▶ buffer
//	Flush ────────────▶ ·──Append, Sync──────────────▶  one flight
//	Append, Flush ────▶ buffer                          waits for it
//	Complete ─────────▶ ·◀───────────────────────────  it landed: Durable moves,
//	                    ·──Append, Sync──────────────▶  and the next one leaves
//
// The world it assumes. A kill of the process keeps the page cache and may fall
// between any two operations. A power loss keeps, of what was not synced, any
// sectors in any order, and any size; a sector may be torn; bytes that were synced
// stay as they are beside a torn write (powersafe overwrite). A name is durable after
// a sync of the directory. A failed sync may have dropped what it was to write and
// hide that from everyone who reads or syncs afterwards (Rebello et al., ATC 2020).
//
// What must always hold:
//
//   - A record at or below Durable survives kills and power losses.
//   - What a recovery replays is a prefix of what was appended, byte for byte.
//   - A recovery after crashes alone succeeds: the tail that a crash tore is cut.
//   - Damage to what had been durable is reported and nothing is cut: *Damage names
//     the file, the offset and the record.
//   - No bytes on the disk make the log panic or allocate more than they are.
//
// Torn or damaged? Both look like bad bytes before the end. To cut damage is to
// forget what was acknowledged, to call a torn tail damage is to stay down after a
// mere power loss. A valid record behind the bad bytes is no proof by itself, since
// the sectors of one flight reach the platter in any order:
//
//	│ durable       │ a flight, torn by a power loss    │
//	│ 5 │ 6 │ 7     │ 8 (lost)  │ 9 (there)             │   9 proves nothing of 8
//
// Therefore every record carries the offset at which its flight began. All before it
// was durable when the record was written, for a flight leaves only after the one
// before it has landed. A record is a witness against bad bytes that lie before the
// beginning of its own flight, and of nothing else. (Pebble's "WAL sync chunks" do
// the same; the problem is Alagappan et al., "Protocol-Aware Recovery for
// Consensus-Based Storage", FAST 2018.)
//
// What it leaves out. The last flight of all has no witness: bit rot in it looks like
// a torn tail and is cut, acknowledged or not; so is a tail that vanished at the
// boundary of two records. A group of replicas has to make up for that. A checksum is
// not a signature: it tells accidents apart, not forgeries. Old segments are never
// removed, so that a record's sequence number is its Position. A group that is larger
// than a segment makes that segment larger; recovery reads a segment whole.
//
// Every guard is a rule: see [Rules]. Reading order: record.go, log.go, recover.go.
package wal
