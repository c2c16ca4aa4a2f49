// Package saros is the front door of the Saros module: a deterministic simulator for
// distributed systems, in which every failure comes back, exactly, from its seed.
//
// There is no code here. Whoever has a protocol of their own imports
// [github.com/saros-sim/saros/sim] and writes a sim.Machine; whoever wants the
// command installs github.com/saros-sim/saros/cmd/saros; ARCHITECTURE.md shows the
// rooms and how they stand to each other.
//
// The tests of this package are the rules of the house. deps_test.go holds the
// import lattice: which room may see which, and why. nondet_test.go bans from the
// rooms whatever a seed does not decide: goroutines, wall time, the order of maps,
// floats, package state.
package saros
