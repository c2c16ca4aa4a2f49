package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// output is what a test binary prints.
const output = `goos: linux
BenchmarkMessage/1/saros               	 4667408	        50.00 ns/op	       0 B/op	       0 allocs/op
BenchmarkMessage/1/synctest-2          	  396760	       600.0 ns/op	       0 B/op	       0 allocs/op
BenchmarkMessage/100/saros             	  396760	       90 ns/op	       0 B/op	       1 allocs/op
BenchmarkCalibration                   	  282672	      1450 ns/op
PASS
`

// Each pass is a pair; the ratio is the median of the pairs' ratios.
func TestReport(t *testing.T) {
	s := make(samples)
	for _, ours := range []string{"50.00", "100", "40"} {
		s.add("", parse(strings.Replace(output, "50.00", ours, 1)))
	}
	var out bytes.Buffer
	if err := report(&out, s, 3, false, true); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Results []result
		Noise   float64
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Results) != 3 || got.Noise != 0 {
		t.Fatalf("want 3 results without noise, got %s", out.String())
	}
	limit, synctest, allocates := got.Results[0], got.Results[1], got.Results[2]
	if limit.OursNS != 50 || !*limit.Met {
		t.Errorf("50 ns are within the limit: %+v", limit)
	}
	if synctest.Ratio != 12 || synctest.RatioMin != 6 || synctest.RatioMax != 15 || !*synctest.Met {
		t.Errorf("want 12 of 6 to 15, met: %+v", synctest)
	}
	if *allocates.Met {
		t.Errorf("an allocation breaks the limit: %+v", allocates)
	}
	if err := report(&out, s, 3, true, false); err == nil || !strings.Contains(err.Error(), "did not run") {
		t.Errorf("benchmarks are missing, and the report says %v", err)
	}
}
