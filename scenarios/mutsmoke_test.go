package scenarios

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/saros-sim/saros/checker"
)

func TestMutSmoke(t *testing.T) {
	if os.Getenv("MUT") == "" {
		t.Skip()
	}
	for _, m := range Mutants() {
		if e := os.Getenv("M"); e != "" && e != m.Name {
			continue
		}
		r, _ := NewRunner(kv3(), m.Name, nil)
		start := time.Now()
		found := 0
		var hits []string
		for seed := range 2000 {
			res := r.Run(Options{Seed: uint64(seed) + 5000})
			if res.Verdict == checker.Invalid {
				for _, v := range res.Violations {
					tag := "?"
					if slices.Contains(m.SeenBy, v.Check) {
						tag = "+"
					}
					hits = append(hits, fmt.Sprintf("%d:%s%s", seed, tag, v.Fingerprint()))
				}
				if found++; found >= 3 {
					break
				}
			} else if res.Verdict == checker.Unknown {
				hits = append(hits, fmt.Sprintf("%d:unknown-%s", seed, res.Reason))
			}
		}
		fmt.Printf("%-28s %-5s %v %v\n", m.Name, m.Row, time.Since(start).Round(time.Millisecond), hits)
	}
}
