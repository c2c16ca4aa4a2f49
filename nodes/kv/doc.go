// Package kv is a key-value state machine with client sessions: what a replicated
// log replicates here.
//
// Patterns: Versioned Value and Idempotent Receiver (Joshi, Patterns of Distributed
// Systems), after Ongaro's dissertation, section 6.3. A client registers a session,
// numbers its requests, and repeats a request until it has an answer; the table of
// sessions, which is part of the replicated state, keeps the last answer of each, so
// that a repeat is answered and not done again.
//
// A delete leaves a tombstone that its client chose, as a put leaves a value: who finds the key missing
// learns who took it away, and a checker can tell one missing key from another. Nothing collects them.
//
// What must always hold: the state is a function of the log. Everything that Apply
// looks at (the clock included: it is the leader's, carried by the entry) is in the
// log, so that all replicas have equal digests at equal index.
//
// Left out: several requests of one session at a time; snapshots; the end of tombstones.
package kv
