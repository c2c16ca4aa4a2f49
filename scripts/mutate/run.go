package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fate is what became of a mutant.
type fate string

const (
	killed     fate = "killed"
	survived   fate = "survived"
	unreached  fate = "unreached" // survived as well: no test runs it
	memoryKiB       = 4 << 20     // of address space, for a test
	batch           = 150 * time.Millisecond
	hintLength      = 3
)

// A probe is a test at one budget, as it is without a mutant.
type probe struct {
	test    string
	budget  int
	took    time.Duration
	reaches map[int]bool
}

type result struct {
	fate fate
	by   string // the test that killed it, with its budget
}

type runner struct {
	*target
	*options
	tmp    string
	flags  []string
	probes []*probe // those that pass, in the order of budgets, then the fastest first
	log    *os.File
	mu     sync.Mutex
}

// judge finds out the fate of the mutants of a package.
func judge(pattern string, o *options) (*report, error) {
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	t, err := build(o.root, pattern, tmp)
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(slices.Clone(t.mutants), func(m *mutant) bool { return !o.files.MatchString(m.file) })
	if o.list {
		for _, m := range chosen {
			fmt.Printf("%s:%d: %s\n", m.file, m.line, m.key())
		}
		return nil, nil
	}
	r := &runner{target: t, options: o, tmp: tmp, flags: []string{"-test.short", "-test.failfast"}}
	if slices.ContainsFunc(slices.Concat(t.TestImports, t.XTestImports), func(s string) bool { return s == "pgregory.net/rapid" }) {
		r.flags = append(r.flags, "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1ms")
	}
	known, hints, err := r.open()
	if err != nil {
		return nil, err
	}
	defer r.log.Close()
	if err := r.probe(); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "%s: %d mutants, %d tests, %d results known\n", t.ImportPath, len(chosen), len(r.probes), len(known))
	results := make([]result, len(chosen))
	order := make([]int, len(chosen)) // those that nobody is known to kill first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Compare(min(1, len(hints[chosen[i].key()])), min(1, len(hints[chosen[j].key()])))
	})
	var next, done int
	var wg sync.WaitGroup
	for range o.workers {
		wg.Go(func() {
			for {
				r.mu.Lock()
				n := next
				next++
				r.mu.Unlock()
				if n >= len(chosen) {
					return
				}
				i := order[n]
				m := chosen[i]
				res, ok := known[m.key()]
				if !ok {
					res = r.run(m, hints[m.key()])
				}
				r.mu.Lock()
				results[i] = res
				if !ok {
					fmt.Fprintf(r.log, "%s\t%s\t%s\n", res.fate, res.by, m.key())
				}
				if done++; r.verbose {
					fmt.Fprintf(os.Stderr, "%s:%d: %s: %s %s\n", m.file, m.line, m.key(), res.fate, res.by)
				} else if done%100 == 0 {
					fmt.Fprintf(os.Stderr, "%s: %d of %d\n", t.ImportPath, done, len(chosen))
				}
				r.mu.Unlock()
			}
		})
	}
	wg.Wait()
	listed, err := readList(filepath.Join(t.Dir, "testdata", "mutants-equivalent.txt"))
	if err != nil {
		return nil, err
	}
	report := newReport(t, chosen, results, listed, o.files.String() == "")
	report.known = len(known)
	return report, nil
}

// open reads the results of earlier runs: those of the same binary hold, of any other it is known which
// test to try first.
func (r *runner) open() (known map[string]result, hints map[string]string, err error) {
	known, hints = map[string]result{}, map[string]string{}
	dir := filepath.Join(r.root, r.cache)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	sum, err := r.sum()
	if err != nil {
		return nil, nil, err
	}
	name := filepath.Join(dir, strings.ReplaceAll(r.ImportPath, "/", "_")+".txt")
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	first, rest, _ := strings.Cut(string(old), "\n")
	for line := range strings.Lines(rest) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", hintLength)
		if len(parts) < hintLength {
			continue // cut off
		}
		if first == sum {
			known[parts[2]] = result{fate(parts[0]), parts[1]}
		}
		if parts[1] != "" {
			hints[parts[2]] = parts[1]
		}
	}
	var b strings.Builder
	b.WriteString(sum + "\n")
	for key, res := range known {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", res.fate, res.by, key)
	}
	if first != sum { // the hints of mutants that this run does not come to
		for key, by := range hints {
			fmt.Fprintf(&b, "hint\t%s\t%s\n", by, key)
		}
	}
	for key, res := range known {
		if res.fate == "hint" {
			delete(known, key)
		}
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		return nil, nil, err
	}
	r.log, err = os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0o644)
	return known, hints, err
}

// sum stands for all that decides a result: the binary and what its tests read.
func (r *runner) sum() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, r.budgets)
	add := func(name string) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(hash, f)
		return err
	}
	if err := add(r.binary); err != nil {
		return "", err
	}
	err := filepath.WalkDir(filepath.Join(r.Dir, "testdata"), func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && (d.IsDir() || d.Name() == "mutants-equivalent.txt") {
			return nil
		}
		return cmp.Or(err, add(name))
	})
	return fmt.Sprintf("%x", hash.Sum(nil)), err
}

// probe runs each test alone and without a mutant: how long it takes and which mutants it reaches.
func (r *runner) probe() error {
	out, err := command(r.Dir, r.binary, "-test.list", ".")
	if err != nil {
		return err
	}
	oracles, err := r.oracles()
	if err != nil {
		return err
	}
	reached := filepath.Join(r.tmp, "reached")
	for _, budget := range r.budgets {
		var probes []*probe
		for test := range strings.FieldsSeq(out) {
			if strings.HasPrefix(test, "Benchmark") || budget != r.budgets[0] && !oracles[test] {
				continue
			}
			p := &probe{test: test, budget: budget, reaches: map[int]bool{}}
			os.Remove(reached)
			without := r.start(-1, budget, time.Minute, "SAROS_MUTANTS_REACHED="+reached, test)
			if !without.passed {
				if budget == 0 || !oracles[test] {
					return fmt.Errorf("%s fails without a mutant:\n%s", test, without.output)
				}
				continue // it needs more histories than that
			}
			p.took = without.cpu
			text, err := os.ReadFile(reached)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			for line := range strings.Lines(string(text)) {
				id, _ := strconv.Atoi(strings.TrimSpace(line))
				p.reaches[id] = true
			}
			probes = append(probes, p)
		}
		slices.SortStableFunc(probes, func(a, b *probe) int { return cmp.Compare(a.took, b.took) })
		r.probes = append(r.probes, probes...)
	}
	return nil
}

// run gives a mutant to the tests that reach it, until one kills it.
func (r *runner) run(m *mutant, hint string) result {
	var probes []*probe
	for _, p := range r.probes {
		if p.reaches[m.id] {
			probes = append(probes, p)
		}
	}
	if len(probes) == 0 {
		return result{fate: unreached}
	}
	if i := slices.IndexFunc(probes, func(p *probe) bool { return p.name() == hint }); i >= 0 {
		if r.kills(m, probes[i:i+1]) != "" {
			return result{killed, hint}
		}
		probes = slices.Delete(probes, i, i+1)
	}
	for len(probes) > 0 {
		n, sum := 0, time.Duration(0)
		for n < len(probes) && probes[n].budget == probes[0].budget && (n == 0 || sum+probes[n].took <= batch) {
			sum += probes[n].took
			n++
		}
		if by := r.kills(m, probes[:n]); by != "" {
			return result{killed, by}
		}
		probes = probes[n:]
	}
	return result{fate: survived}
}

func (p *probe) name() string { return p.test + "@" + strconv.Itoa(p.budget) }

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: ([^\s/]+)`)

// kills runs tests of one budget with a mutant and names the one that failed, or the first if there is no
// telling.
func (r *runner) kills(m *mutant, probes []*probe) string {
	limit := time.Duration(0)
	var tests []string
	for _, p := range probes {
		limit += 5 * p.took
		tests = append(tests, p.test)
	}
	with := r.start(m.id, probes[0].budget, limit, "", tests...)
	if with.passed {
		return ""
	}
	by := probes[0]
	if name := failed.FindStringSubmatch(with.output); name != nil {
		for _, p := range probes {
			if p.test == name[1] {
				by = p
			}
		}
	}
	return by.name()
}

type outcome struct {
	passed bool
	output string
	cpu    time.Duration
}

// start runs tests with a mutant, as long as they take no more than about limit of CPU time: on a busy
// machine the time of day says nothing. It bounds only those that wait for ever.
func (r *runner) start(id, budget int, limit time.Duration, env string, tests ...string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), 20*limit+time.Minute)
	defer cancel()
	args := append([]string{"-c", fmt.Sprintf(`ulimit -v %d; ulimit -t %d; exec "$0" "$@"`, memoryKiB, limit/time.Second+1), r.binary,
		"-test.run", "^(" + strings.Join(tests, "|") + ")$"}, r.flags...)
	c := exec.CommandContext(ctx, "sh", args...)
	c.Dir = r.Dir
	c.Env = append(os.Environ(), "GOMAXPROCS=1", "SAROS_MUTANT="+strconv.Itoa(id))
	if budget > 0 {
		c.Env = append(c.Env, "SAROS_ORACLE="+strconv.Itoa(budget))
	}
	if env != "" {
		c.Env = append(c.Env, env)
	}
	out, err := c.CombinedOutput()
	o := outcome{passed: err == nil, output: string(out)}
	if c.ProcessState != nil {
		o.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	return o
}
