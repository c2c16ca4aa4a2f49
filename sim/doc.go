// Package sim is the world of a deterministic simulation: everything nondeterministic,
// made deterministic. It has mechanism only; which faults strike when is decided by
// package faults, what runs in the world by its user.
//
// A World holds nodes (a Machine each, a state machine that sees the world through
// Env), clients (sequential programs), a network, a disk and two clocks a node, and
// one queue of events. It is a value: one goroutine, no globals, no wall time. The
// same Options, machines, clients and interventions give the same run, told by
// World.Digest.
//
// What must always hold:
//
//  1. Events are ordered by (time, tie, sequence); the tie is a choice of the seed.
//  2. Every choice goes through one Decider, as a function of (stream, choice,
//     occurrence): what is taken away moves no choice that does not depend on it.
//  3. Decisions are made with integers only, and nothing in the digest depends on
//     memory that was used before: equal runs on every machine.
//  4. Nodes share no memory. Frames and disk contents are bytes, copied at the border.
//  5. A handler's effects leave one by one, each at its CPU time: a crash or a pause
//     falls between any two.
//  6. A crash is total: memory is gone, and timers and completions of the ended
//     incarnation never come.
//  7. Steady state allocates nothing.
//
// Reading order: node.go (what a machine sees), world.go, queue.go, rand.go (choices),
// process.go (life of a node), effects.go, timer.go, client.go, trace.go. Then
//
//	the network    network.go, delay.go (distributions), special.go and bursts.go (links
//	               that clog, corrupt, lose in bursts), pipe.go (bandwidth, queues,
//	               circuits), channel.go (connections), topology.go
//	the disk       disk.go, powerloss.go, crashes.go (all that one may leave),
//	               diskfault.go, diskcost.go, diskimage.go, writeback.go
//	clocks         clock.go, suspend.go, timekeeping.go (all else that befalls clocks),
//	               leap.go, wobble.go, ntp.go
//	processes      aim.go (faults aimed at a step), resource.go (CPU, memory), upgrade.go,
//	               byzantine.go, buggify.go
package sim
