package etcd

import (
	"fmt"
	"testing"
)

// runs is every size that the benchmarks have.
func runs(t *testing.T, f func(t *testing.T, o Options)) {
	for _, replicas := range []int{3, 5} {
		for _, window := range []int{1, 16, 64} {
			for _, batch := range []bool{false, true} {
				t.Run(fmt.Sprintf("n=%d/W=%d/batch=%v", replicas, window, batch), func(t *testing.T) {
					f(t, Options{Replicas: replicas, Window: window, Batch: batch})
				})
			}
		}
	}
}

const commits = 2000

// The comparison is one only if both ways do the same: about as many messages for a
// commit.
func TestBothWaysSendAsManyMessages(t *testing.T) {
	runs(t, func(t *testing.T, o Options) {
		if o.Batch {
			t.Skip("so few messages are mostly those of the election")
		}
		l, c := NewLoop(o), NewCluster(o)
		l.Run(1, commits)
		c.Run(1, commits)
		bare, hosted := float64(l.Messages())/commits, float64(c.Messages())/commits
		t.Logf("messages a commit: bare %.2f, hosted %.2f; simulated: bare %v, hosted %v", bare, hosted, l.now, c.World.Now())
		if hosted < 0.95*bare || hosted > 1.05*bare {
			t.Errorf("messages a commit: bare %.2f, hosted %.2f", bare, hosted)
		}
	})
}

// Same seed, same run, whatever memory it reuses; and the logs agree.
func TestRunsAreRepeatable(t *testing.T) {
	runs(t, func(t *testing.T, o Options) {
		c := NewCluster(o)
		c.Run(1, commits)
		first := c.World.Digest()
		c.Run(2, commits)
		if c.World.Digest() == first {
			t.Errorf("seeds 1 and 2 have one digest, %v", first)
		}
		c.Run(1, commits)
		if again := c.World.Digest(); again != first {
			t.Errorf("digest of seed 1: %v, then %v", first, again)
		}
		var replicasOf []*Replica
		for i := range c.machines {
			replicasOf = append(replicasOf, &c.machines[i].Replica)
		}
		agree(t, replicasOf)

		l := NewLoop(o)
		l.Run(1, commits)
		end, sent := l.now, l.Messages()
		l.Run(2, commits)
		l.Run(1, commits)
		if l.now != end || l.Messages() != sent {
			t.Errorf("the loop's run of seed 1: %d messages in %v, then %d in %v", sent, end, l.Messages(), l.now)
		}
		replicasOf = nil
		for i := range l.members {
			replicasOf = append(replicasOf, &l.members[i].Replica)
		}
		agree(t, replicasOf)
	})
}

// agree checks that the replicas have the same log as far as each has applied it, that
// the leader's covers all commits, and that the others follow.
func agree(t *testing.T, replicas []*Replica) {
	t.Helper()
	leader := replicas[0]
	for _, r := range replicas {
		if r.applied > leader.applied {
			leader = r
		}
	}
	if leader.applied < commits {
		t.Errorf("replica %d has applied %d entries of %d", leader.id, leader.applied, commits)
	}
	for _, r := range replicas {
		if r.applied < leader.applied/2 {
			t.Errorf("replica %d has applied %d entries, replica %d %d", r.id, r.applied, leader.id, leader.applied)
		}
		for i := range r.applied {
			a, b := r.store.entries[i], leader.store.entries[i]
			if a.Index != i+1 || a.Term != b.Term || string(a.Data) != string(b.Data) {
				t.Fatalf("entry %d differs between replicas %d and %d: %v, %v", i+1, r.id, leader.id, a, b)
			}
		}
	}
}
