// Package faults is what goes wrong, as data.
//
// A Fault says what happens (Kind), when (At: true time; or On: at the n-th matching
// step of somebody from At on), to whom (Node, Target, From and To) and for how long
// (For). A Plan is a list of faults and the heal that ends them all. It is small
// enough to be read by a person, and it is a file: JSON, integers only, read
// strictly. Draw makes a Plan from a seed, Apply lets it happen to a World.
//
//	seed ──Draw──► Plan ──Apply──► World          an Injector tells what really struck
//	                ▲ │
//	      DecodePlan│ │Encode
//	                │ ▼
//	            failure file
//
// What always holds:
//
//   - Every kind of fault is drawn from a stream of its own, so that a kind taken out
//     of a Profile leaves the other kinds' faults as they were; and a plan draws
//     nothing when it is applied, so that a fault taken out of a Plan moves no other.
//   - A fault ends after For, or at the heal. What a plan did is undone by its heal,
//     but for the servers outside its core, which are gone for good, and for what a
//     clock that ran wrong is off by.
//   - Faults compose. Cuts and disturbances of a link add up and are taken away one
//     by one. A server that is down or paused belongs to the fault that took it
//     there: that fault alone brings it back.
//   - A fault that changed nothing (killing the dead) is not counted as fired.
//
// A kind of fault is one entry of All (kinds.go): what it hits, how it is drawn, what
// begins and what ends it. Which kinds a nemesis may draw depends on the Model: timing,
// failures, and how many servers may be bad for good.
//
// The model of faults follows the VOPR of TigerBeetle (crashes, restarts, network,
// and the heal of a core while the others stay dead), swarm testing (Groce et al.
// 2012: each seed leaves whole kinds of faults out, for faults mask each other) and
// Nifty (OSDI '20: partial and one-way partitions). docs/faults.md has the table of all
// kinds, with their sources. What a power loss does to unsynced data is chosen by the
// world's disk.
package faults
