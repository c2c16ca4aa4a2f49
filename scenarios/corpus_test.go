package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/saros-sim/saros/checker"
)

// The corpus of found failures: testdata/corpus/SCENARIO/*.json, files as saros hunt
// writes them (marks may be left out). What they assert is the fingerprint, not the
// trace: that one moves with the protocol. With SAROS_GOLDEN=write the failure of a
// mutant that does not come back is looked for anew, and its file written over.

const corpusDir = "../testdata/corpus"

type corpusFile struct {
	name string
	data []byte
}

func corpus(t testing.TB) []corpusFile {
	t.Helper()
	names, err := filepath.Glob(corpusDir + "/*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, names, "the corpus is gone")
	var files []corpusFile
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		rel, err := filepath.Rel(corpusDir, name)
		require.NoError(t, err)
		files = append(files, corpusFile{filepath.ToSlash(rel), data})
	}
	return files
}

// TestCorpus: a mutant's failure comes back; one that was found in the correct system
// and fixed does not.
func TestCorpus(t *testing.T) {
	t.Parallel()
	for _, file := range corpus(t) {
		t.Run(strings.TrimSuffix(file.name, ".json"), func(t *testing.T) {
			t.Parallel()
			f, err := DecodeFailure(file.data)
			require.NoError(t, err, "the file does not apply any more: find the failure anew, or take the file out")
			assert.Equal(t, filepath.Dir(file.name), f.Scenario, "it lies in another scenario's directory")
			p, err := Replay(&f)
			require.NoError(t, err)
			if f.Mutant == "" {
				assert.Equal(t, checker.Valid, p.Result.Verdict, "what was fixed is back: %v", p.Result.Violations)
				return
			}
			if p.Result.Fingerprint() != f.Fingerprint && os.Getenv("SAROS_GOLDEN") == "write" {
				f = anew(t, &f)
				require.NoError(t, os.WriteFile(filepath.Join(corpusDir, file.name), f.Encode(), 0o666))
				return
			}
			assert.Equal(t, checker.Invalid, p.Result.Verdict, "the mutant is not convicted any more (reason: %s)", p.Result.Reason)
			assert.Equal(t, f.Fingerprint, p.Result.Fingerprint())
		})
	}
}

// anew finds the failure in another seed.
func anew(t *testing.T, f *Failure) Failure {
	t.Helper()
	r, err := f.Runner()
	require.NoError(t, err)
	for seed := uint64(1); seed <= 2000; seed++ {
		if res := r.Run(Options{Seed: seed}); res.Fingerprint() == f.Fingerprint {
			found, err := Capture(r, Options{Seed: seed}, res.TraceHash, f.Version)
			require.NoError(t, err)
			found.Marks = nil
			return found
		}
	}
	t.Fatalf("no seed up to 2000 shows %s in %s", f.Fingerprint, f.Mutant)
	return Failure{}
}
