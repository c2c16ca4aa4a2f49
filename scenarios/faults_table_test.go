package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/saros-sim/saros/faults"
)

const (
	faultsDoc  = "../docs/faults.md"
	tableBegin = "<!-- written by make golden: every kind of fault -->\n"
	tableEnd   = "<!-- the end of what make golden writes -->\n"
)

// TestFaultsTable keeps the table of docs/faults.md: every kind of fault, how it is
// drawn, and how often it struck in a standard hunt of 500 seeds: kv, and for kinds
// that it does not have, kv under another model, or another scenario.
func TestFaultsTable(t *testing.T) {
	t.Parallel()
	const seeds = 500
	count := func(s *Scenario, p Params) map[faults.Kind]int {
		r, err := NewRunner(s, "", p)
		require.NoError(t, err)
		n := map[faults.Kind]int{}
		for seed := range uint64(seeds) {
			res := r.Run(Options{Seed: 1 + seed})
			for _, c := range res.Fired {
				n[c.Kind] += c.N
			}
		}
		return n
	}
	usual := count(kv3(), nil)
	others := []struct {
		flag   string
		struck map[faults.Kind]int
	}{
		{"with `--failures byzantine`", count(kv3(), Params{"failures": int64(faults.Byzantine)})},
		{"with `--unbounded`", count(kv3(), Params{"unbounded": 1})},
		{"in `kvracks`", count(kvracks(), nil)},
	}
	var b bytes.Buffer
	var lines bytes.Buffer // of struckFile
	fmt.Fprintf(&b, "%s\n| kind | what happens | amount | lasts | seeds with it | struck | models | strikes and heals: `go test ./faults -run` |\n|---|---|---|---|---|---|---|---|\n", tableBegin)
	for i := range faults.All {
		info := &faults.All[i]
		lasts, amount, percent := info.Ranges()
		if amount != "" {
			amount = info.Amount + ", " + amount
		}
		times := fmt.Sprint(usual[info.Kind])
		for i := 0; i < len(others) && times == "0"; i++ {
			if n := others[i].struck[info.Kind]; n > 0 {
				times = fmt.Sprintf("%d %s", n, others[i].flag)
			}
		}
		require.NotEqual(t, "0", times, "%s never strikes", info.Kind)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %d %% | %s | %s | `TestKind/^%s$` |\n", info.Kind, info.Doc, amount, lasts, percent, times, info.Source, info.Kind)
		fmt.Fprintf(&lines, "%s\t%s\n", info.Kind, strings.ReplaceAll(times, "`", ""))
	}
	fmt.Fprintf(&b, "\n%s", tableEnd)

	doc, err := os.ReadFile(faultsDoc)
	require.NoError(t, err)
	begin, end := bytes.Index(doc, []byte(tableBegin)), bytes.Index(doc, []byte(tableEnd))
	require.True(t, 0 <= begin && begin < end, "%s has lost the place of its table", faultsDoc)
	end += len(tableEnd)
	if os.Getenv("SAROS_GOLDEN") == "write" {
		doc = append(append(append([]byte(nil), doc[:begin]...), b.Bytes()...), doc[end:]...)
		require.NoError(t, os.WriteFile(faultsDoc, doc, 0o666))
		require.NoError(t, os.WriteFile("struck.txt", lines.Bytes(), 0o666))
		return
	}
	require.Equal(t, string(doc[begin:end]), b.String(), "make golden writes it anew")
	require.Equal(t, struck, lines.String(), "make golden writes struck.txt anew")
}
