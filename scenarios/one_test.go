package scenarios

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/saros-sim/saros/sim"
)

func TestOne(t *testing.T) {
	seed, _ := strconv.ParseUint(os.Getenv("SEED"), 0, 64)
	if seed == 0 {
		t.Skip()
	}
	r, _ := NewRunner(kv3(), os.Getenv("M"), nil)
	f, _ := os.Create("/tmp/trace.jsonl")
	defer f.Close()
	var buf []byte
	names := []string{"", "neptune", "jupiter", "saturn", "c1", "c2", "c3", "c4", "c5"}
	dbg := r.system.(*kvSystem)
	res := r.Run(Options{Seed: seed, Trace: func(l sim.TraceLine) {
		buf = l.AppendJSON(buf[:0], names, &r.Scenario.Vocabulary)
		f.Write(append(buf, '\n'))
		st := ""
		for i, n := range dbg.nodes {
			if n != nil && dbg.world.Up(sim.NodeID(i+1)) {
				st += fmt.Sprintf("   %d: role %d term %d vote %d last %d/%d commit %d ready %v ack %d\n", i+1, n.Role(), n.Term(), n.Vote(), n.Log().Last(), n.Log().LastTerm(), n.Commit(), n.Ready(), 0)
			}
		}
		f.Write([]byte(st))
	}})
	fmt.Println(res.Verdict, res.Violations)
	for _, f := range res.Plan.Faults {
		fmt.Println("      ", f)
	}
}
