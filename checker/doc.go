// Package checker turns what clients saw into a verdict: was there one order of all operations, each
// taking effect at one instant between its call and its return, that explains every reply?
//
// That property is linearizability (Herlihy and Wing, "Linearizability: A Correctness Condition for
// Concurrent Objects", 1990). It is local: a history is linearizable exactly when the operations on
// each key are, so keys are judged one at a time, in sorted order.
//
//	History ─► per key ─► zones ───► Valid
//	                        ├──────► evidence ────► confirmed ─┐
//	                        │ do not apply                     ├─► minimise ─► Invalid: core, text
//	                        └─► certificate ──────► Valid      │
//	                                 │ proves nothing          │
//	                                 └─► normalise ─► Porcupine ─► illegal
//	                                                        ├────► Valid
//	                                                        └────► Unknown: out of steps
//
// Zones are the states of a register (a value, or missing by the tombstone of a delete), each with its
// writer and its readers; where each state was left once their intervals decide, in O(n log n), and a
// contradiction is a handful of operations. They do not apply to increments, to values written twice, and
// to deletes without a tombstone that somebody may have seen. A certificate is an
// order that somebody claims (here: the log index each reply carried), replayed against the sequential
// specification; an order that replays is a proof whoever supplied it, one that does not proves nothing.
// Normalising resolves operations of unknown outcome without search where that loses nothing. Porcupine
// (A. Athalye) confirms evidence and searches for the rest, with the algorithm of Wing and Gong as
// refined by G. Lowe. (On a key with increments or such deletes the certificate goes before the zones, which
// are then rarely needed.) Stream is the zones of registers while they run: it knows at once when a
// history stops being linearizable.
//
// The world it assumes: sequential clients (sessions), one open operation each; virtual time in integer
// nanoseconds; closed intervals, so that operations which touch at one instant are concurrent; keys
// that are missing at the start. Outcomes are Jepsen's: ok, fail (proven to have had no effect), and
// info (it may take effect at any time after its call, once, or never). A client says fail only when it
// can prove it.
//
// What always holds: Valid and Invalid are proofs; what could not be decided is Unknown, with a reason,
// and never Valid. The same operations give the same report, byte for byte, in whatever order they
// stand in the slice. A malformed history is an input error (Validate, ReadHistory), not a verdict.
//
// A Model is judged by Porcupine, unless its values are its own order: queues, stacks, priority queues, sets
// and lists into which no value is put twice are decided in O(n log n) (collections.go), and only what is
// left to doubt is searched for. What they find illegal goes the same way, by evidence that is confirmed.
//
// Weaker models (Checks: sessions, staleness, timestamps), locks (CheckLocks) and retried requests
// (CheckExactlyOnce) are judged from what replies claim, by sweeps; Invalid then says that the claims
// contradict each other.
//
// History.Coverage says what a history put to the test. Transactions over several keys are judged by package
// txn; histories of other tools are read by package histories. docs/checkers.md says which check is for
// what, what it costs, and what it is held against. Left out is the search for the smallest
// core there is: the minimiser ends in a small one.
package checker
