package scenarios

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/saros-sim/saros/checker"
)

func TestSmoke(t *testing.T) {
	r, err := NewRunner(kv3(), os.Getenv("M"), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(os.Getenv("N"))
	if n == 0 {
		n = 20
	}
	start := time.Now()
	var ev, ops uint64
	reached := make([]uint64, len(r.reached))
	bad := 0
	counts := map[string]int{}
	for seed := range n {
		res := r.Run(Options{Seed: uint64(seed)})
		ev += res.Events
		ops += uint64(res.Operations.OK)
		for i, k := range res.Reached {
			if k > 0 {
				reached[i]++
			}
		}
		if res.Verdict != checker.Valid {
			bad++
			for _, v := range res.Violations {
				counts[v.Fingerprint()]++
			}
			if bad < 4 {
				fmt.Printf("seed %d: %v %s ops %+v at %v\n", seed, res.Verdict, res.Reason, res.Operations, res.Simulated)
				for _, v := range res.Violations {
					fmt.Println("   ", v.Check, v.Class, v.At, v.Event, v.Detail)
				}
				for _, f := range res.Plan.Faults {
					fmt.Println("      ", f)
				}
				os.Stdout.Write(res.PanicStack)
			}
		}
	}
	d := time.Since(start)
	fmt.Printf("%d seeds %v: %.0f seeds/s %.2f Mev/s; events/seed %d ops/seed %d; bad %d\n", n, d, float64(n)/d.Seconds(), float64(ev)/d.Seconds()/1e6, ev/uint64(n), ops/uint64(n), bad)
	for i, s := range r.Scenario.Situations {
		fmt.Println(reached[i], s.Name)
	}
	fmt.Println(counts)
}
