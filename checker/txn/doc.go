// Package txn judges the isolation of transactions: which of Adya's phenomena a history shows, in the
// manner of Elle (Kingsbury and Alvaro, VLDB 2020), for two models. In list-append a read returns the
// whole list, so that the longest read is the version order of its key. In versioned registers a reply
// names the version that was written or read.
//
// The world assumed: values are unique per key, transactions of a session are sequential, intervals are
// closed (transactions that touch are concurrent), keys are missing at the start. A failed transaction
// had no effect; one of unknown outcome counts as committed iff one of its writes was read.
//
// Of lists, sound and complete for strict serializability, serializability and read committed: the graph
// of dependencies has a cycle iff no order explains the history. Snapshot isolation is Cerone and Gotsman's
// (JACM 2018, without session order): no cycle without two adjacent anti-dependencies. There it may be
// Unknown, where the order of appends that nobody read would decide. So may registers at
// every level, where a transaction of unknown outcome was observed and the version of another of its writes
// was not.
//
// How: operations in columns with numbered keys; writes sorted by value, to find who wrote what was read;
// edges between adjacent versions only, the rest follows; real time as two sorted columns instead of
// edges. Nodes that nothing leads to are taken away until none is left (valid) or only cycles and what
// comes after them; there a search by breadth finds the shortest of the gravest kind. Nothing of that is
// worse than O(n log n).
//
// Left out: predicates (phantoms), session (process) edges, read uncommitted.
package txn
