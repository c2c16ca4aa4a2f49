// Package raft is a replicated log: Raft, after Ongaro's dissertation (2014) and the
// extended paper (Ongaro and Ousterhout, 2014), whose sections the comments cite as
// "Raft 5.4.2".
//
// Patterns (Joshi, Patterns of Distributed Systems): Leader and Followers, HeartBeat,
// Majority Quorum, Replicated Log, Generation Clock (here: Term), High-Water Mark
// (here: the commit index), Singular Update Queue, Request Waiting List.
//
// Reading order: message.go (what is said), log.go, rules.go (the guards, each with
// the argument for it), node.go (the machine), election.go, replicate.go, request.go,
// storage.go (what is durable when), invariants.go (what must always hold).
//
// The world it assumes: messages are lost, duplicated, delayed and overtaken; a node
// crashes and comes back with what its disk had made durable; clocks of nodes agree
// on nothing but, roughly, their rate, and safety does not need even that.
//
// What must always hold (Raft, Figure 3): at most one leader a term; a leader never
// overwrites its own log; logs that agree at an index and term agree before it; a
// committed entry is in the log of every later leader; no two nodes apply different
// entries at one index.
//
// Left out: snapshots and log compaction, membership change, reads that bypass the
// log.
package raft
