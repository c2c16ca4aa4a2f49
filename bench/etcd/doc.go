// Package etcd runs clusters of go.etcd.io/raft/v3, the Raft library of etcd, in
// virtual time, in two ways:
//
//	Loop     a bare loop, as somebody writes it who wants no simulator: a heap of
//	         events, first-in-first-out links, a disk that takes 100 µs
//	Cluster  the same replicas as Machines of the Saros kernel
//
// Both drive the same Replica, so that their difference is what the kernel costs.
// The library draws election timeouts from crypto/rand since v3.6: its ticks never
// start an election here, Campaign does. Neither way recovers from a disk: nobody
// crashes in a benchmark.
package etcd
