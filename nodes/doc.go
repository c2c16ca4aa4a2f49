// Package nodes is the ladder of protocols: each rung is a package, to be read in this
// order, and stands on those before it.
//
//	wal    one node's durable state: an append-only log of checksummed records,
//	       group commit, recovery after a crash (PoDS: Write-Ahead Log, Segmented Log)
//	kv     a state machine: versioned values, client sessions, requests done once
//	       (PoDS: Versioned Value, Idempotent Receiver)
//	raft   a replicated log over wal: leader and followers, majority quorum, terms,
//	       commit index, request waiting list (PoDS: Replicated Log and its parts)
//
// A protocol sees the world through package sim alone. It imports no fault, no check
// and no sibling but those below it, so that it runs the same on a real network and a
// real disk. Its guards are rules (docs/adr/0002-rules-and-mutants.md): start with a
// package's doc.go, then its rules.go.
package nodes
