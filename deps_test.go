package saros_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// module is the path under which every room is imported.
const module = "github.com/saros-sim/saros"

// A room is a part of the module with one purpose, and the imports which that
// purpose needs. A directory belongs to the room of the longest pattern that takes
// it in; a directory of no room is a finding, so that a new one is a decision.
type room struct {
	dirs    string   // a directory; "/..." takes in all that is below it
	sees    []string // other rooms; "nodes/*" is every room of nodes
	modules []string // packages from outside the module, with all that is below them
	why     string   // the reason, printed with every finding
}

// house is the import lattice. The standard library is open to every room as far as
// nondet_test.go lets it in; "testing" and everything of testTools is not, outside
// of test files, unless a room names it here.
var house = []room{{
	dirs: ".",
	why:  "the root holds the rules of the house and no code: nobody imports it, it imports nobody",
}, {
	dirs: "sim/...",
	why: "the kernel is mechanism and stands alone: whoever imports it for a protocol of their own inherits no other " +
		"code, and no scenario can bend it",
}, {
	dirs: "nodes",
	why:  "the ladder is prose, the order in which to read the protocols: it needs no import",
}, {
	dirs: "nodes/wal/...",
	sees: []string{"sim"},
	why:  "a building block knows the world and nothing built on top of it, so that every protocol can use it",
}, {
	dirs: "nodes/kv/...",
	sees: []string{"sim"},
	why:  "a building block knows the world and nothing built on top of it, so that every protocol can use it",
}, {
	dirs: "nodes/logical/...",
	sees: []string{"sim"},
	why:  "a building block knows the world and nothing built on top of it, so that every protocol can use it",
},
	protocol("raft"), protocol("lease"), protocol("twopc"), protocol("shard"),
	protocol("gateway"), protocol("pbft"), protocol("detector"),
	{
		dirs: "nodes/store/...",
		sees: []string{"sim", "nodes/*"},
		why:  "the full node composes every protocol, and is judged like any of them: from outside, by a scenario",
	}, {
		dirs: "faults/...",
		sees: []string{"sim"},
		why: "a fault is data about the world: one that knew a protocol would break what its author had in mind and " +
			"nothing else",
	}, {
		dirs:    "checker/...",
		modules: []string{"github.com/anishathalye/porcupine"},
		why: "a checker judges a history that may come from anywhere, a real cluster too: it knows nothing of the " +
			"simulator, and time arrives as int64",
	}, {
		dirs: "checker/txn/...",
		sees: []string{"checker"},
		why:  "transactions are histories of their own, with the verdicts of all checks",
	}, {
		dirs: "checker/histories/...",
		sees: []string{"checker", "checker/txn"},
		why:  "a reader of other tools' histories knows what they are read into, and has no verdict of its own",
	}, {
		dirs: "scenarios",
		sees: []string{"sim", "nodes/*", "faults", "checker"},
		why: "the one room where world, protocols, faults and checks meet: it describes runs, others search, shrink " +
			"and print them",
	}, {
		dirs: "scenarios/hunt/...",
		sees: []string{"sim", "nodes/*", "faults", "checker", "scenarios"},
		why:  "search, shrink and why run scenarios again and again: they know no flag, no file and no terminal",
	}, {
		dirs:    "scenarios/simtest/...",
		sees:    []string{"sim", "nodes/*", "faults", "checker", "scenarios", "scenarios/hunt"},
		modules: []string{"testing", "pgregory.net/rapid"},
		why:     "the one room that meets go test and rapid outside of a test file, so that no library takes a testing.T",
	}, {
		dirs:    "cmd/saros/...",
		sees:    []string{"sim", "nodes/*", "faults", "checker", "checker/histories", "checker/txn", "scenarios", "scenarios/hunt", "scenarios/simtest"},
		modules: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"},
		why:     "the command sees everything and nothing sees the command: flags, files, wall time and goroutines end here",
	}}

// protocol is the room of one protocol family.
func protocol(name string) room {
	return room{
		dirs: "nodes/" + name + "/...",
		sees: []string{"sim", "nodes/wal", "nodes/kv", "nodes/logical"},
		why: "a protocol knows the world and the building blocks: never what is about to go wrong or who will judge it, " +
			"and it meets its siblings only in nodes/store or in a scenario",
	}
}

// testTools are open to every test file, and to no other file whose room does not
// name them.
var testTools = []string{
	"testing",                                    // the tests
	"github.com/stretchr/testify",                // assert, require
	"pgregory.net/rapid",                         // properties over generated values
	"github.com/cockroachdb/datadriven",          // protocol tests that read like a play
	"github.com/rogpeppe/go-internal/testscript", // command tests
	"github.com/anishathalye/porcupine",          // the oracle of fast checks
}

func TestImportLattice(t *testing.T) {
	t.Parallel()
	var broken []string
	for _, file := range goFiles(t, ".") {
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, filepath.FromSlash(file), nil, parser.ImportsOnly)
		require.NoError(t, err)
		if len(parsed.Imports) == 0 {
			if why := checkImport(file, ""); why != "" {
				broken = append(broken, file+":1: "+why)
			}
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if why := checkImport(file, imported); why != "" {
				broken = append(broken, fmt.Sprintf("%s:%d: %s", file, fset.Position(spec.Pos()).Line, why))
			}
		}
	}
	if len(broken) > 0 {
		t.Errorf("%d imports break the lattice of ARCHITECTURE.md:\n%s", len(broken), strings.Join(broken, "\n"))
	}
}

// checkImport says why a file (a slash path from the root) must not import a
// package, or nothing where it may. An empty import asks about the file alone.
func checkImport(file, imported string) string {
	dir := path.Dir(file)
	at, ok := roomOf(dir)
	switch {
	case !ok:
		return fmt.Sprintf("directory %s belongs to no room: add it to the table of deps_test.go, with what it may see and why", dir)
	case imported == "":
		return ""
	}
	test := strings.HasSuffix(file, "_test.go")
	target, own := "", imported == module
	if rest, below := strings.CutPrefix(imported, module+"/"); below {
		target, own = rest, true
	}
	switch {
	case own:
		to, ok := roomOf(path.Clean(target))
		if !ok {
			return fmt.Sprintf("%s imports %s, which belongs to no room", at.name(), imported)
		}
		if to.dirs == at.dirs || slices.ContainsFunc(at.sees, func(pattern string) bool { return named(pattern, to) }) {
			return ""
		}
		if test && at.dirs == "." { // tests of the whole house
			return ""
		}
		return fmt.Sprintf("%s must not import %s: %s", at.name(), to.name(), at.why)
	case under(imported, at.modules), test && under(imported, testTools):
		return ""
	case under(imported, []string{"testing"}):
		return fmt.Sprintf("%s must not import %s outside of test files: %s", at.name(), imported, at.why)
	case imported == "C":
		return fmt.Sprintf("%s must not import C: one source, pure Go, for every machine", at.name())
	case isStandard(imported):
		return ""
	}
	return fmt.Sprintf("%s must not import %s: %s", at.name(), imported, at.why)
}

// roomOf returns the room of a directory: the one of the longest pattern.
func roomOf(dir string) (room, bool) {
	var best room
	for _, r := range house {
		name, deep := strings.CutSuffix(r.dirs, "/...")
		if (dir == name || deep && strings.HasPrefix(dir, name+"/")) && len(r.dirs) > len(best.dirs) {
			best = r
		}
	}
	return best, best.dirs != ""
}

func (r room) name() string {
	if r.dirs == "." {
		return "the root"
	}
	return strings.TrimSuffix(r.dirs, "/...")
}

// named reports whether a pattern of room.sees means r.
func named(pattern string, r room) bool {
	if family, all := strings.CutSuffix(pattern, "*"); all {
		return strings.HasPrefix(r.name(), family)
	}
	return r.name() == pattern
}

// under reports whether an import path is one of roots or below one of them.
func under(imported string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return imported == root || strings.HasPrefix(imported, root+"/")
	})
}

// isStandard tells the standard library by its first element: it has no dot.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// goFiles lists the Go files of the module at root, as slash paths from there, in
// order. Nested modules, testdata and hidden directories are other worlds.
func goFiles(t *testing.T, root string) []string {
	t.Helper()
	house := os.DirFS(root)
	var files []string
	require.NoError(t, fs.WalkDir(house, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if !d.IsDir() {
			if path.Ext(name) == ".go" {
				files = append(files, name)
			}
			return nil
		}
		_, nested := fs.Stat(house, name+"/go.mod")
		if nested == nil || slices.Contains([]string{"testdata", "node_modules"}, d.Name()) || strings.ContainsAny(d.Name()[:1], "._") {
			return fs.SkipDir
		}
		return nil
	}))
	return files
}

func TestGoFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"a.go", "go.mod", "sim/b.go", "sim/b_test.go", "sim/deep/c.go", "sim/testdata/d.go", "sim/e.txt",
		"bench/go.mod", "bench/f.go", ".git/g.go", "_old/h.go", "web/node_modules/i.go", "cmd/saros/j.go"} {
		file := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, nil, 0o644))
	}
	require.Equal(t, []string{"a.go", "cmd/saros/j.go", "sim/b.go", "sim/b_test.go", "sim/deep/c.go"}, goFiles(t, root))
}

func TestCheckImport(t *testing.T) {
	t.Parallel()
	const porcupine, rapid, cobra = "github.com/anishathalye/porcupine", "pgregory.net/rapid", "github.com/spf13/cobra"
	for _, c := range []struct {
		file, imported string
		why            string // a part of the finding; empty: allowed
	}{
		{"sim/world.go", "math/bits", ""},
		{"sim/world.go", module + "/sim/internal/queue", ""},
		{"sim/world.go", module + "/faults", "sim must not import faults: the kernel is mechanism"},
		{"sim/world.go", module + "/nodes/wal", "sim must not import nodes/wal"},
		{"sim/world.go", module, "sim must not import the root"},
		{"sim/world.go", "golang.org/x/exp/rand", "sim must not import golang.org/x/exp/rand"},
		{"sim/world.go", "testing", "outside of test files"},
		{"sim/world.go", "testing/synctest", "outside of test files"},
		{"sim/world.go", "C", "pure Go"},
		{"sim/world_test.go", "testing", ""},
		{"sim/world_test.go", "testing/quick", ""},
		{"sim/world_test.go", "github.com/stretchr/testify/require", ""},
		{"sim/world_test.go", "github.com/stretchr/testifying", "must not import"},
		{"sim/world_test.go", rapid, ""},
		{"sim/world_test.go", "github.com/cockroachdb/datadriven", ""},
		{"sim/world_test.go", module + "/nodes/raft", "sim must not import nodes/raft"},

		{"nodes/doc.go", "", ""},
		{"nodes/doc.go", module + "/sim", "the ladder is prose"},
		{"nodes/wal/log.go", module + "/sim", ""},
		{"nodes/wal/log.go", module + "/nodes/kv", "a building block"},
		{"nodes/kv/store.go", module + "/nodes/raft", "a building block"},
		{"nodes/raft/raft.go", module + "/nodes/wal", ""},
		{"nodes/raft/raft.go", module + "/nodes/kv", ""},
		{"nodes/raft/raft.go", module + "/nodes/logical", ""},
		{"nodes/raft/raft.go", module + "/sim", ""},
		{"nodes/raft/raft.go", module + "/nodes/raft/quorum", ""},
		{"nodes/raft/quorum/quorum.go", module + "/nodes/wal", ""},
		{"nodes/raft/raft.go", module + "/nodes/lease", "meets its siblings only in nodes/store"},
		{"nodes/raft/raft.go", module + "/nodes/store", "nodes/raft must not import nodes/store"},
		{"nodes/raft/raft.go", module + "/faults", "never what is about to go wrong"},
		{"nodes/raft/raft_test.go", module + "/faults", "never what is about to go wrong"},
		{"nodes/raft/raft.go", module + "/checker", "who will judge it"},
		{"nodes/raft/raft.go", module + "/scenarios", "nodes/raft must not import scenarios"},
		{"nodes/store/node.go", module + "/nodes/raft", ""},
		{"nodes/store/node.go", module + "/nodes/twopc", ""},
		{"nodes/store/node.go", module + "/checker", "the full node"},
		{"nodes/paxos/paxos.go", "fmt", "directory nodes/paxos belongs to no room"},
		{"nodes/raft/raft.go", module + "/nodes/paxos", "which belongs to no room"},

		{"faults/plan.go", module + "/sim", ""},
		{"faults/plan.go", module + "/nodes/raft", "a fault is data"},
		{"faults/plan.go", module + "/checker", "faults must not import checker"},
		{"checker/register.go", porcupine, ""},
		{"checker/register.go", module + "/sim", "knows nothing of the simulator"},
		{"checker/register.go", module + "/faults", "knows nothing of the simulator"},
		{"checker/register_test.go", module + "/sim", "knows nothing of the simulator"},
		{"faults/plan.go", porcupine, "faults must not import " + porcupine},

		{"scenarios/kv.go", module + "/nodes/raft", ""},
		{"scenarios/kv.go", module + "/checker", ""},
		{"scenarios/kv.go", module + "/faults", ""},
		{"scenarios/kv.go", module + "/scenarios/hunt", "scenarios must not import scenarios/hunt"},
		{"scenarios/kv.go", module + "/cmd/saros", "scenarios must not import cmd/saros"},
		{"scenarios/lost/kv.go", "", "directory scenarios/lost belongs to no room"},
		{"scenarios/hunt/search.go", module + "/scenarios", ""},
		{"scenarios/hunt/search.go", rapid, "scenarios/hunt must not import " + rapid},
		{"scenarios/simtest/run.go", module + "/scenarios", ""},
		{"scenarios/simtest/run.go", "testing", ""},
		{"scenarios/simtest/run.go", rapid, ""},
		{"scenarios/simtest/run.go", "github.com/stretchr/testify/require", "scenarios/simtest must not import"},

		{"cmd/saros/main.go", module + "/scenarios/hunt", ""},
		{"cmd/saros/main.go", module + "/sim", ""},
		{"cmd/saros/main.go", cobra, ""},
		{"cmd/saros/main.go", "github.com/spf13/pflag", ""},
		{"cmd/saros/main.go", "github.com/spf13/viper", "cmd/saros must not import github.com/spf13/viper"},
		{"cmd/saros/main.go", "testing", "outside of test files"},
		{"cmd/saros/main_test.go", "github.com/rogpeppe/go-internal/testscript", ""},
		{"cmd/saros/main_test.go", "github.com/rogpeppe/go-internal/gotooltest", "must not import"},
		{"cmd/tool/main.go", "", "directory cmd/tool belongs to no room"},

		{"doc.go", "fmt", ""},
		{"doc.go", module + "/sim", "the root must not import sim"},
		{"house_test.go", module + "/scenarios", ""},
		{"util/strings.go", "", "directory util belongs to no room"},
	} {
		why := checkImport(c.file, c.imported)
		if c.why == "" {
			assert.Empty(t, why, "%s imports %s", c.file, c.imported)
		} else {
			assert.Contains(t, why, c.why, "%s imports %s", c.file, c.imported)
		}
	}
}

// TestLatticeIsALattice: what a room sees, its viewers may see too, and no two rooms
// see each other. Otherwise the table would promise less, or more, than it says.
func TestLatticeIsALattice(t *testing.T) {
	t.Parallel()
	sees := func(a, b room) bool {
		return a.dirs != b.dirs && slices.ContainsFunc(a.sees, func(pattern string) bool { return named(pattern, b) })
	}
	for _, a := range house {
		assert.NotEmpty(t, a.why, a.dirs)
		for _, pattern := range a.sees {
			assert.True(t, slices.ContainsFunc(house, func(b room) bool { return named(pattern, b) }),
				"%s sees %s, which is no room", a.name(), pattern)
		}
		for _, b := range house {
			assert.False(t, sees(a, b) && sees(b, a), "%s and %s see each other", a.name(), b.name())
			for _, c := range house {
				assert.False(t, sees(a, b) && sees(b, c) && !sees(a, c),
					"%s sees %s, which sees %s: let it see that too", a.name(), b.name(), c.name())
			}
		}
	}
}
