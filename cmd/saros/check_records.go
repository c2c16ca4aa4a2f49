package main

import (
	"io"

	"github.com/saros-sim/saros/checker"
)

// loadLocks reads what was granted and what a resource decided. A refusal counts as a failure.
func loadLocks(in io.Reader) (j judge, err error) {
	h, err := checker.ReadLocks(in)
	if err != nil {
		return j, err
	}
	j.counts.OK = len(h.Grants)
	for i := range h.Accesses {
		if h.Accesses[i].Accepted {
			j.counts.OK++
		} else {
			j.counts.Fail++
		}
	}
	return recordsJudge(j, "locks exclude and fence", func() (checker.Report, error) { return checker.CheckLocks(h) }), nil
}

// loadRequests reads attempts of requests and the list that they left.
func loadRequests(in io.Reader) (j judge, err error) {
	h, err := checker.ReadRequests(in)
	if err != nil {
		return j, err
	}
	for i := range h.Attempts {
		tally(&j.counts, h.Attempts[i].Outcome)
	}
	return recordsJudge(j, "every request took effect at most once, as it was answered", func() (checker.Report, error) { return checker.CheckExactlyOnce(h) }), nil
}

// recordsJudge completes j for a history that is well formed, as it was read.
func recordsJudge(j judge, holds string, check func() (checker.Report, error)) judge {
	j.holds = holds
	j.check = func(checker.Budget) checker.Report {
		r, err := check()
		if err != nil {
			panic(err)
		}
		return r
	}
	return j
}
