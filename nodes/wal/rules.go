package wal

// Rules are the guards of the log, one field each. The zero value of a field is the
// rule that holds; every other value takes the guard away, so that a run can show what
// it is for.
type Rules struct {
	DurableWhen   DurableWhen
	SyncDirectory SyncDirectory
	TornTail      TornTail
	SyncRecovered SyncRecovered
	SealFirst     SealFirst
	Checksum      Checksum
	SyncFailed    SyncFailed
}

// DefaultRules returns the rules of a correct log: the zero value.
func DefaultRules() Rules { return Rules{} }

// DurableWhen says when the records of a flight count as durable.
type DurableWhen uint8

const (
	// WhenSynced: a write is in the page cache only, until a sync completed (PoDS,
	// "Write-Ahead Log": flush).
	WhenSynced DurableWhen = iota
	// WhenWritten acknowledges what a power loss takes back. Jepsen, NATS 2.12.1:
	// acknowledged at once, synced every two minutes.
	WhenWritten
)

// SyncDirectory says whether a new segment's name is synced with its data.
type SyncDirectory uint8

const (
	// WithNewSegment: a synced file without a durable name is lost (Pillai et al.,
	// "All File Systems Are Not Created Equal", OSDI 2014).
	WithNewSegment SyncDirectory = iota
	// NeverSyncDirectory loses the whole segment in a power loss.
	NeverSyncDirectory
)

// TornTail says what to do about the rest of a flight that a crash tore.
type TornTail uint8

const (
	// CutTornTail: it was never durable, hence never acknowledged (hashicorp/raft-wal,
	// README: recover from a crash at any point).
	CutTornTail TornTail = iota
	// RefuseTornTail stays down after an ordinary power loss.
	RefuseTornTail
)

// SyncRecovered says what makes recovered records durable before the log is Ready:
// what recovery reads may be in the page cache only, when the last process was killed
// between its write and its sync.
type SyncRecovered uint8

const (
	// RewriteTail writes the tail segment to a new file, syncs it and renames it over
	// the old one. A sync of the old file is not enough: if the last process halted
	// because a sync failed, the pages are marked clean, and another sync returns
	// without writing them (Rebello et al., "Can Applications Recover from fsync
	// Failures?", ATC 2020).
	RewriteTail SyncRecovered = iota
	// SyncTail syncs the old file and the directory: good until a sync fails.
	SyncTail
	// TrustPageCache hands out records that the next power loss takes back.
	TrustPageCache
)

// SealFirst says when a flight may begin a new segment.
type SealFirst uint8

const (
	// SealOldTail: when the last flight has landed, so that all before a segment that
	// exists is durable. Recovery relies on it: only the last segment may be torn.
	SealOldTail SealFirst = iota
	// RotateInFlight begins it while the old tail's sync is under way. A power loss
	// that keeps the new segment and not the old tail leaves a gap (a reordering of
	// the class that Pillai et al. describe).
	RotateInFlight
)

// Checksum says whether a checksum is believed.
type Checksum uint8

const (
	// CheckPlaceAndBytes: torn sectors and bit rot change a record's bytes, misdirected
	// and lost writes leave well-formed records at the wrong place (Ganesan et al.,
	// "Redundancy Does Not Imply Fault Tolerance", FAST 2017).
	CheckPlaceAndBytes Checksum = iota
	// IgnoreChecksum replays whatever has a plausible length and sequence number.
	IgnoreChecksum
)

// SyncFailed says what to do about a sync that failed.
type SyncFailed uint8

const (
	// StopForGood: nobody knows what the platter holds; the owner halts, and recovery
	// finds out (Rebello et al., ATC 2020; PostgreSQL's "fsyncgate", 2018).
	StopForGood SyncFailed = iota
	// RetrySync believes the second sync, which finds clean pages and writes nothing.
	RetrySync
)
