package main

import "fmt"

// comparison is one line of the table: a benchmark of ours, and a peer's or a limit.
type comparison struct {
	name    string
	ours    string  // benchmark
	peer    string  // benchmark; empty: a limit is the goal
	against string  // what the peer is called
	ratio   float64 // the goal: so many times the peer's speed; 0: none
	limit   float64 // the goal: ns at most, and no allocation
}

// comparisons are the lines of the table in order.
func comparisons() []comparison {
	var all []comparison
	for _, m := range []struct {
		inFlight int
		limit    float64
	}{{1, 60}, {100, 110}, {1000, 170}} {
		dir := fmt.Sprintf("Message/%d/", m.inFlight)
		name := fmt.Sprintf("message, %d in flight", m.inFlight)
		all = append(all,
			comparison{name: name, ours: dir + "saros", limit: m.limit},
			comparison{name: name, ours: dir + "saros", peer: dir + "synctest", against: "synctest", ratio: 10},
			comparison{name: name, ours: dir + "saros", peer: dir + "synctest-callbacks", against: "synctest callbacks"},
			comparison{name: name, ours: dir + "saros", peer: dir + "heap", against: "container/heap"})
	}
	for _, n := range []int{3, 5} {
		for _, w := range []int{1, 16, 64} {
			dir := fmt.Sprintf("Commit/n=%d/W=%d/", n, w)
			name := fmt.Sprintf("n=%d W=%d", n, w)
			loop := comparison{name: "raft commit, " + name, ours: dir + "saros", peer: dir + "etcd", against: "etcd/raft loop", ratio: 4}
			hosted := comparison{name: "etcd/raft hosted, " + name, ours: dir + "hosted", peer: dir + "etcd", against: "etcd/raft loop", ratio: 0.9}
			all = append(all, loop, hosted)
			if w == 64 {
				all = append(all, comparison{name: "raft commit, " + name, ours: dir + "saros", peer: dir + "batched", against: "etcd/raft batched"})
			}
		}
	}
	for _, n := range []int{10, 100, 1000} {
		all = append(all, comparison{name: fmt.Sprintf("queue, %d pending", n), ours: fmt.Sprintf("sim.Queue/%d", n), peer: fmt.Sprintf("Queue/%d", n),
			against: "container/heap", ratio: 3})
	}
	return all
}
