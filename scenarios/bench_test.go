package scenarios

import (
	"testing"

	"github.com/saros-sim/saros/checker"
)

// benchmarkRuns runs one seed an operation and reports what a run is made of.
func benchmarkRuns(b *testing.B, s *Scenario, set Params) {
	r, err := NewRunner(s, "", set)
	if err != nil {
		b.Fatal(err)
	}
	for seed := range uint64(20) { // memory has grown to what a run needs
		r.Run(Options{Seed: seed})
	}
	b.ReportAllocs()
	b.ResetTimer()
	var events, ok, simulated uint64
	for i := range b.N {
		res := r.Run(Options{Seed: uint64(i)})
		if res.Verdict != checker.Valid {
			b.Fatalf("seed %d: %v %s %v", i, res.Verdict, res.Reason, res.Violations)
		}
		events += res.Events
		ok += uint64(res.Operations.OK)
		simulated += uint64(res.Simulated)
	}
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(events)/seconds/1e6, "Mevents/s")
	b.ReportMetric(float64(b.N)/seconds, "seeds/s")
	b.ReportMetric(float64(events)/float64(b.N), "events/seed")
	b.ReportMetric(float64(ok)/float64(b.N), "ops/seed")
	b.ReportMetric(seconds*1e9/float64(ok), "ns/operation")
	b.ReportMetric(float64(simulated)/1e9/seconds, "simulated/wall")
}

// BenchmarkSeed is the main job: all faults, invariants, trace digest, history,
// verdict, heal and liveness.
func BenchmarkSeed(b *testing.B) {
	b.Run("kv", func(b *testing.B) { benchmarkRuns(b, kv3(), nil) })
	b.Run("kv5", func(b *testing.B) { benchmarkRuns(b, kv5(), nil) })
}

// BenchmarkCalm is 60 simulated seconds of a calm cluster: heartbeats and some 100
// operations a second, all checks.
func BenchmarkCalm(b *testing.B) {
	benchmarkRuns(b, kv3(), Params{"faults": 0, "perfect": 1, "fault_ms": 60_000, "think_ms": 45})
}

// BenchmarkClients is a cluster in a world without noise that 16 clients keep busy:
// history, invariants, verdict. ns/operation is what a commit costs.
func BenchmarkClients(b *testing.B) {
	benchmarkRuns(b, kv3(), Params{"faults": 0, "perfect": 1, "fault_ms": 2000, "think_ms": 0, "clients": 16, "registers": 48, "counters": 0})
}

// BenchmarkNodes is the main job on more and more nodes.
func BenchmarkNodes(b *testing.B) {
	for _, n := range []int64{3, 5, 7, 9} {
		b.Run(string(rune('0'+n)), func(b *testing.B) { benchmarkRuns(b, kv3(), Params{"nodes": n}) })
	}
}
