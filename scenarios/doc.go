// Package scenarios puts things together: a topology of nodes, a workload of clients,
// a nemesis, and checks. A scenario is a value; running it with a seed gives a Result,
// the same one every time.
//
//	seed ─► Plan (faults, drawn by a nemesis) ─┐
//	scenario (topology, machines, workload) ───┼─► World ─► trace digest
//	                                           │        └─► History ─► checker ─► Verdict
//	invariants after every event ──────────────┘
//
// It is the only room that sees sim, nodes, faults and checker together. Mutants, the
// correct protocols with one guard taken out, live here too (mutants.go), and failure
// files (failure.go).
package scenarios
