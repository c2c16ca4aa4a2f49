// Command ratios measures Saros beside its peers and prints the ratios.
//
//	go run ./cmd/ratios [-count 5] [-benchtime 500ms] [-bench regexp] [-json]
//
// Each pass runs every benchmark once, in a process of its own, those that are compared
// one right after the other, and as many iterations of each as in the other passes;
// what is printed are medians over the passes. Everything runs on one core, and with
// the garbage collector that the saros command has (GOGC=400, unless the environment
// says otherwise).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// suite is a package whose benchmarks are run.
type suite struct {
	prefix string // of its benchmarks in samples
	dir    string // from the module bench
	bench  string // which of them
}

var suites = []suite{
	{"", ".", "."},
	{"sim.", "../sim", "^BenchmarkQueue$/^100?0?$"},
}

// samples are the values that each benchmark reported, by name and unit, a pass each.
type samples map[string]map[string][]float64

func main() {
	count := flag.Int("count", 5, "passes")
	benchtime := flag.Duration("benchtime", 500*time.Millisecond, "of each benchmark and pass, about")
	bench := flag.String("bench", "", "only benchmarks that match, as go test has it")
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	if flag.NArg() > 0 || *count < 1 {
		flag.Usage()
		os.Exit(2)
	}
	s, err := measure(*count, *benchtime, *bench)
	if err == nil {
		err = report(os.Stdout, s, *count, *bench == "", *asJSON)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

// benchmark is one line of a test binary's output.
type benchmark struct {
	name   string             // without its prefix
	values map[string]float64 // by unit
	// How to run it: the binary, and so many iterations.
	prefix, binary string
	iterations     int
}

// measure builds the suites, finds out how fast their benchmarks are, and runs passes.
func measure(count int, benchtime time.Duration, bench string) (samples, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/saros-sim/saros/bench").Output()
	if err != nil {
		return nil, fmt.Errorf("not in the module bench: %w", err)
	}
	temp, err := os.MkdirTemp("", "ratios")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	if os.Getenv("GOGC") == "" {
		os.Setenv("GOGC", "400")
	}
	var all []benchmark
	for i, u := range suites {
		binary := filepath.Join(temp, strconv.Itoa(i)+".test")
		build := exec.Command("go", "test", "-c", "-o", binary, ".")
		build.Dir = filepath.Join(strings.TrimSpace(string(root)), u.dir)
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building the benchmarks of %s: %w\n%s", u.dir, err, out)
		}
		pattern := u.bench
		if pattern == "." && bench != "" {
			pattern = bench
		}
		found, err := run(binary, pattern, "20ms")
		if err != nil {
			return nil, err
		}
		for _, b := range found {
			b.prefix, b.binary = u.prefix, binary
			b.iterations = max(1, int(float64(benchtime)/b.values["ns/op"]))
			all = append(all, b)
		}
	}
	s := make(samples)
	for pass := range count {
		begin := time.Now()
		for _, b := range all {
			pattern := "^Benchmark" + strings.ReplaceAll(regexp.QuoteMeta(b.name), "/", "$/^") + "$"
			found, err := run(b.binary, pattern, strconv.Itoa(b.iterations)+"x")
			if err != nil {
				return nil, err
			}
			s.add(b.prefix, found)
		}
		fmt.Fprintf(os.Stderr, "pass %d of %d: %.0f s\n", pass+1, count, time.Since(begin).Seconds())
	}
	return s, nil
}

// run runs benchmarks of a test binary once.
func run(binary, pattern, benchtime string) ([]benchmark, error) {
	out, err := exec.Command(binary, "-test.run=^$", "-test.bench="+pattern, "-test.benchtime="+benchtime, "-test.cpu=1").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("benchmark %s: %w\n%s", pattern, err, out)
	}
	return parse(string(out)), nil
}

var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// parse reads what a test binary printed.
func parse(out string) (found []benchmark) {
	for line := range strings.Lines(out) {
		m := benchmarkLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		b := benchmark{name: m[1], values: make(map[string]float64)}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				b.values[fields[i+1]] = v
			}
		}
		found = append(found, b)
	}
	return found
}

func (s samples) add(prefix string, found []benchmark) {
	for _, b := range found {
		name := prefix + b.name
		if s[name] == nil {
			s[name] = make(map[string][]float64)
		}
		for unit, v := range b.values {
			s[name][unit] = append(s[name][unit], v)
		}
	}
}

func (s samples) ns(name string) []float64 { return s[name]["ns/op"] }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// result is one line of the table.
type result struct {
	Name     string  `json:"name"`
	OursNS   float64 `json:"ours_ns"`
	Peer     string  `json:"peer,omitempty"`
	PeerNS   float64 `json:"peer_ns,omitempty"`
	Ratio    float64 `json:"ratio,omitempty"` // of speeds: peer_ns / ours_ns, the median over the passes
	RatioMin float64 `json:"ratio_min,omitempty"`
	RatioMax float64 `json:"ratio_max,omitempty"`
	Goal     string  `json:"goal,omitempty"`
	Met      *bool   `json:"met,omitempty"`
}

func (c comparison) result(s samples) result {
	ours := s.ns(c.ours)
	r := result{Name: c.name, OursNS: median(ours), Peer: c.against}
	var met bool
	switch {
	case c.peer != "":
		var ratios []float64
		peer := s.ns(c.peer)
		for i := range ours {
			ratios = append(ratios, peer[i]/ours[i])
		}
		r.PeerNS, r.Ratio, r.RatioMin, r.RatioMax = median(peer), median(ratios), slices.Min(ratios), slices.Max(ratios)
		if c.ratio == 0 {
			return r
		}
		r.Goal, met = fmt.Sprintf(">= %gx", c.ratio), r.Ratio >= c.ratio
	default:
		r.Goal = fmt.Sprintf("<= %g ns, 0 allocs", c.limit)
		met = r.OursNS <= c.limit && median(s[c.ours]["allocs/op"]) == 0
	}
	r.Met = &met
	return r
}

const calibration = "Calibration"

// noise is how far the calibration's slowest pass is from its fastest.
func noise(s samples) float64 {
	v := s.ns(calibration)
	if len(v) == 0 {
		return 0
	}
	return slices.Max(v)/slices.Min(v) - 1
}

// report prints the comparisons whose benchmarks ran; all of them must have run if all.
func report(out io.Writer, s samples, passes int, all, asJSON bool) error {
	var results []result
	for _, c := range comparisons() {
		if s.ns(c.ours) == nil || c.peer != "" && s.ns(c.peer) == nil {
			if all {
				return fmt.Errorf("%s: benchmark %s or %s did not run", c.name, c.ours, c.peer)
			}
			continue
		}
		results = append(results, c.result(s))
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return e.Encode(map[string]any{
			"schema": "saros/ratios/v1", "passes": passes, "go": runtime.Version(), "arch": runtime.GOARCH, "gogc": os.Getenv("GOGC"),
			"noise": noise(s), "results": results, "samples": s,
		})
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "benchmark\tours ns\tpeer\tpeer ns\tratio\tmin\tmax\tgoal\tmet\t")
	for _, r := range results {
		peer, met := "\t\t\t\t", ""
		if r.Peer != "" {
			peer = fmt.Sprintf("%s\t%.4g\t%.2f\t%.2f\t%.2f", r.Peer, r.PeerNS, r.Ratio, r.RatioMin, r.RatioMax)
		}
		if r.Met != nil {
			met = map[bool]string{true: "yes", false: "NO"}[*r.Met]
		}
		fmt.Fprintf(w, "%s\t%.4g\t%s\t%s\t%s\t\n", r.Name, r.OursNS, peer, r.Goal, met)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if v := s.ns(calibration); len(v) > 0 {
		fmt.Fprintf(out, "\n%d passes, medians; GOGC=%s; calibration %.4g ns, slowest pass %.0f %% above the fastest\n", passes, os.Getenv("GOGC"), median(v), 100*noise(s))
	}
	return nil
}
