package scenarios

import (
	"fmt"
	"testing"
)

func TestReuse(t *testing.T) {
	r, _ := NewRunner(kv3(), "", nil)
	bad := 0
	for seed := uint64(5000); seed < 6100; seed++ {
		a := r.Run(Options{Seed: seed})
		h, v := a.TraceHash, a.Verdict
		f, _ := NewRunner(kv3(), "", nil)
		b := f.Run(Options{Seed: seed})
		if b.TraceHash != h || v != b.Verdict {
			fmt.Println(seed, h, b.TraceHash, v, b.Verdict, a.Violations)
			if bad++; bad > 5 {
				break
			}
		}
	}
}
