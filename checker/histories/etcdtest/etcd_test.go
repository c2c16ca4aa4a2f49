// Package etcdtest reads the public histories that Porcupine is tested with, out of the module cache, and
// compares the verdicts with those that Porcupine's tests publish. None of the files is kept here.
package etcdtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/anishathalye/porcupine" // whose files are read

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/checker/histories"
)

func read(t *testing.T, name string) *histories.Log {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine").Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "test_data", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	log, err := histories.Read(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return log
}

// linearizable are the numbers of the logs that porcupine_test.go (v1.3.1) expects to be; 95 is missing there.
var linearizable = []int{2, 5, 7, 18, 25, 31, 38, 45, 48, 49, 51, 53, 56, 67, 75, 76, 80, 87, 92, 98, 100, 101, 102}

func TestEtcd(t *testing.T) {
	judged := 0
	for n := 0; n <= 102; n++ {
		if n == 95 {
			continue
		}
		log := read(t, fmt.Sprintf("jepsen/etcd_%03d.log", n))
		want := checker.Invalid
		if slices.Contains(linearizable, n) {
			want = checker.Valid
		}
		r := log.CheckRegister(checker.Budget{})
		if r.Verdict != want {
			t.Errorf("etcd_%03d: %s %s, published is %s\n%s", n, r.Verdict, r.Reason, want, r.Text)
		}
		judged++
	}
	if judged != 102 {
		t.Errorf("%d logs judged, 102 are published", judged)
	}
}

func TestKV(t *testing.T) {
	for name, want := range map[string]checker.Verdict{
		"c01-ok": checker.Valid, "c10-ok": checker.Valid, "c50-ok": checker.Valid,
		"c01-bad": checker.Invalid, "c10-bad": checker.Invalid, "c50-bad": checker.Invalid,
	} {
		log := read(t, "kv/"+name+".txt")
		if r := checker.TextModel().Check(log.Calls, checker.Budget{}); r.Verdict != want {
			t.Errorf("%s: %s %s, published is %s\n%s", name, r.Verdict, r.Reason, want, r.Text)
		}
	}
}
