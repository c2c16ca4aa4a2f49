package scenarios

import (
	_ "embed"
	"strings"

	"github.com/saros-sim/saros/faults"
)

// struck has a line a kind of fault, written by make golden (TestFaultsTable).
//
//go:embed struck.txt
var struck string

// Struck tells how often a kind of fault changed something in 500 seeds of kv, or, where kv has
// no such kind, how often where: "121 with --failures byzantine".
func Struck(k faults.Kind) string {
	for line := range strings.Lines(struck) {
		if kind, times, _ := strings.Cut(strings.TrimSpace(line), "\t"); kind == string(k) {
			return times
		}
	}
	return ""
}
