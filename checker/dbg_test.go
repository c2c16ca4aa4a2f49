package checker

import ("testing";"time")
func TestDbg(t *testing.T) {
	for _, n := range []int{300} { for _, keys := range []int{1,6} { for _, cl := range []int{5,16} { for _,lost := range []int{0,20,5} { for _, stale := range []int{0,1,2} {
		t0:=time.Now()
		var c Checker
		v := map[string]int{}
		worst := time.Duration(0); steps := int64(0)
		for seed := range uint64(50) {
			h := workload(seed, n, keys, cl, lost)
			if stale > 1 {forgetVersions(h)}
			if stale > 0 {makeStale(h)}
			t1:=time.Now()
			r := c.CheckLinearizable(h, Budget{})
			worst = max(worst, time.Since(t1))
			v[r.Verdict.String()]++
			steps = max(steps, r.Steps)
		}
		t.Log(n,keys, cl,lost,stale,v, time.Since(t0)/50, worst, steps)
	}}}}}
}
