package raft
import ("testing";"errors";"math/rand/v2")
func TestHunt(t *testing.T) {
	for _, m := range mutants {
		bad, conv := 0, 0
	for seed := uint64(1000); seed < 4000; seed++ {
	rules, s := broken(m.name)
		c := newChaos(rand.New(rand.NewPCG(seed, 2)).IntN, 3+2*int(seed%2), rules, s)
		err := c.run(1000)
		if errors.Is(err, errTwins) {
			if bad++; bad < 4 {
			t.Errorf("%s seed %d: %v", m.name, seed, err)
			}
		} else if err != nil { conv++ }
	}
	t.Log(m.name, conv, bad)
	}
}
