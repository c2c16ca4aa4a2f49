package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"saros": main})
}

// TestScripts are the command's sessions, one a file of testdata/script.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "replace": replace, "keys": keys, "lines": lines,
		},
	})
}

// exits CODE PROGRAM ARG…: the program must end with this very code. A refusal (2) is
// one line on stderr and nothing on stdout.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
	if code == exitUsage {
		stderr := ts.ReadFile("stderr")
		if !strings.HasPrefix(stderr, "saros: ") || strings.Count(stderr, "\n") != 1 || len(stderr) > 500 || strings.Contains(stderr, "\x1b") {
			ts.Fatalf("stderr is not one line that begins with \"saros: \"")
		}
		if ts.ReadFile("stdout") != "" {
			ts.Fatalf("stdout is not empty")
		}
	}
}

// replace FILE OLD NEW [TO]: replaces the first OLD, which must be there; in a copy,
// if it is given a name.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: replace FILE OLD NEW [TO]")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s holds no %q", args[0], args[1])
	}
	to := args[len(args)-1]
	if len(args) == 3 {
		to = args[0]
	}
	ts.Check(os.WriteFile(ts.MkAbs(to), []byte(strings.Replace(text, args[1], args[2], 1)), 0o666))
}

// keys FILE KEY…: every line of the file is a JSON object with at least these keys.
func keys(ts *testscript.TestScript, neg bool, args []string) {
	for _, line := range strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n") {
		var object map[string]json.RawMessage
		d := json.NewDecoder(bytes.NewReader([]byte(line)))
		ts.Check(d.Decode(&object))
		for _, key := range args[1:] {
			if _, ok := object[key]; ok == neg {
				ts.Fatalf("key %q: %v in %s", key, ok, line)
			}
		}
	}
}

// lines FILE N: the file has N lines, all different.
func lines(ts *testscript.TestScript, _ bool, args []string) {
	all := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	if strconv.Itoa(len(all)) != args[1] {
		ts.Fatalf("%s has %d lines, want %s", args[0], len(all), args[1])
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != len(all) {
		ts.Fatalf("%s has equal lines", args[0])
	}
}
