package saros_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stub is a command with the flags of saros hunt. HASH and EXIT stand for what a
// test wants to see judged.
const stub = `package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

var _ = runtime.GOMAXPROCS

func main() {
	n, err := strconv.Atoi(os.Args[4])
	if len(os.Args) != 8 || os.Args[1] != "hunt" || os.Args[3] != "--seeds" || err != nil || os.Args[5] != "--hashes" || os.Args[6] != "--workers" {
		os.Exit(2)
	}
	scenario, workers := os.Args[2], os.Args[7]
	_ = workers
	for seed := range uint64(n) {
		hash := (seed + 1) * 0x9e3779b97f4a7c15
		HASH
		fmt.Printf("%s@%#x %016x\n", scenario, seed+1, hash)
	}
	fmt.Fprintln(os.Stderr, "progress, and why a run ended")
	EXIT
}
`

// TestDeterminismScript: the script that judges determinism is itself judged, by
// commands that are, and are not, deterministic.
func TestDeterminismScript(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the script's first build runs on linux/amd64")
	}
	const most = "SAROS_DETERMINISM_SKIP=amd64-race 386 arm64 wasm"
	for _, c := range []struct {
		name, hash, exit string
		env              []string
		code             int
		says             []string
	}{
		{name: "equal", env: []string{most}, says: []string{
			"hunt kv, 30 seeds; hunt kv5, 5 seeds",
			"amd64, GOMAXPROCS=1, 1 worker", "amd64, GOMAXPROCS=2, 2 workers", "the first", "equal",
			"386", "skipped: SAROS_DETERMINISM_SKIP", "determinism: all runs are equal"}},
		{name: "another processor", hash: "if runtime.GOMAXPROCS(0) == 2 && seed == 3 { hash++ }", env: []string{most}, code: 1, says: []string{
			"amd64, GOMAXPROCS=2, 2 workers: kv differs from amd64, GOMAXPROCS=1, 1 worker", "kv5 differs",
			"line 4\n    amd64  kv@0x4 78dde6e5fd29f054\n    here   kv@0x4 78dde6e5fd29f055", "determinism: 2 disagreements"}},
		{name: "another worker", hash: `if workers == "2" && scenario == "kv5" && seed == 4 { continue }`, env: []string{most}, code: 1, says: []string{
			"amd64, GOMAXPROCS=1, 2 workers: kv5 differs", "here   (no more lines)", "determinism: 2 disagreements"}},
		{name: "another verdict", exit: `if workers == "2" { os.Exit(1) }`, env: []string{most}, code: 1, says: []string{
			"exit code: amd64 0, here 1"}},
		{name: "a violation is a verdict", exit: "os.Exit(1)", env: []string{most}, says: []string{
			"note: hunt kv found a violation", "determinism: all runs are equal"}},
		{name: "an error is none", exit: "os.Exit(3)", env: []string{most}, code: 2, says: []string{
			"why a run ended", "determinism: amd64: hunt kv --seeds 30 --hashes --workers 1 ended with exit code 3"}},
		{name: "no output is not equal output", hash: "continue", env: []string{most}, code: 2, says: []string{
			"hunt kv printed 0 lines"}},
		{name: "one hash for all", hash: "hash = 1", env: []string{most}, code: 2, says: []string{
			"only 1 hashes for 30 seeds"}},
		{name: "no such build", env: []string{"SAROS_DETERMINISM_SKIP=arm46"}, code: 2, says: []string{
			`names "arm46"`}},
		{name: "no such number", env: []string{most, "SEEDS=many"}, code: 2, says: []string{`"many" is no number of seeds`}},
		{name: "no tool", env: []string{"SAROS_DETERMINISM_SKIP=amd64-race 386 wasm", "PATH=" + pathWith(t, "bash", "uname", "mktemp", "rm", "dirname", "go")}, code: 2,
			says: []string{"arm64 needs qemu-aarch64: apt-get install -y qemu-user (or leave it out: SAROS_DETERMINISM_SKIP=arm64)"}},
		{name: "no build", hash: "syntax error", env: []string{most}, code: 2, says: []string{"the build amd64 of", "failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			main := strings.NewReplacer("HASH", c.hash, "EXIT", c.exit).Replace(stub)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(main), 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module stub\n\ngo 1.26\n"), 0o644))
			script := exec.Command("bash", "scripts/determinism.sh")
			script.Env = append(os.Environ(), append([]string{"SEEDS=30", "SEEDS_KV5=5", "SAROS_DETERMINISM_CMD=" + dir}, c.env...)...)
			out, err := script.CombinedOutput()
			if c.code == 0 {
				assert.NoError(t, err)
			}
			assert.Equal(t, c.code, script.ProcessState.ExitCode())
			for _, want := range c.says {
				assert.Contains(t, string(out), want)
			}
			if t.Failed() {
				t.Log(string(out))
			}
		})
	}
}

// pathWith makes a PATH in which there is nothing but the tools named.
func pathWith(t *testing.T, tools ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, tool := range tools {
		found, err := exec.LookPath(tool)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(found, filepath.Join(dir, tool)))
	}
	return dir
}
