// Mutate tells how good the tests of a package are: it makes thousands of small mistakes in the code, one
// at a time, and says which of them no test notices.
//
//	go run . -C ../.. ./checker
//
// All mutants are compiled into one test binary, each behind a switch (Untch, Offutt, Harrold, "Mutation
// Analysis Using Mutant Schemata", 1993), and an environment variable chooses one. A first run without a
// mutant finds out which tests reach which; a mutant is then given to those alone, the fastest first.
// A test that fails, panics, takes five times as long or too much memory has killed it.
//
// A survivor is a hole in the tests, code that nobody needs, or no change of behaviour at all: equivalent.
// The last kind is listed in testdata/mutants-equivalent.txt of the package, each with an argument that a
// reader can check. Everything else that survives is an error, and so is an entry of the list that is
// killed or matches nothing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.root, "C", ".", "directory of the module")
	flag.StringVar(&o.cache, "cache", "bin/mutants", "directory for results, under -C: a run that was cut off goes on, and the next knows who kills whom")
	budgets := flag.String("oracle", "300,0", "values of SAROS_ORACLE, tried one after the other; 0 leaves it unset")
	files := flag.String("files", "", "only mutants in files whose name matches this `regexp`")
	flag.IntVar(&o.workers, "workers", 2, "mutants at a time")
	flag.BoolVar(&o.list, "list", false, "list the mutants and end")
	flag.BoolVar(&o.verbose, "v", false, "say of each mutant what became of it")
	flag.Parse()
	var err error
	if o.files, err = regexp.Compile(*files); err != nil {
		fail(err)
	}
	for s := range strings.SplitSeq(*budgets, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			fail(err)
		}
		o.budgets = append(o.budgets, n)
	}
	if o.root, err = filepath.Abs(o.root); err != nil {
		fail(err)
	}
	bad := false
	for _, pattern := range flag.Args() {
		begin := time.Now()
		r, err := judge(pattern, &o)
		if err != nil {
			fail(fmt.Errorf("%s: %w", pattern, err))
		}
		if o.list {
			continue
		}
		bad = r.print(os.Stdout, pattern, time.Since(begin)) || bad
	}
	if bad {
		os.Exit(1)
	}
}

type options struct {
	root, cache   string
	budgets       []int
	files         *regexp.Regexp
	workers       int
	list, verbose bool
}

func fail(err error) {
	var exit *commandError
	if errors.As(err, &exit) {
		os.Stderr.WriteString(exit.output)
	}
	fmt.Fprintln(os.Stderr, "mutate:", err)
	os.Exit(2)
}
