package saros_test

import (
	"fmt"
	"go/types"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A run is a pure function of its seed. Whatever a seed does not decide is banned
// from the rooms that a run passes through, in every file but tests:
//
//	concurrency      go, select, channels, sync: the scheduler would decide
//	the machine      wall time, random sources, files, network, environment
//	order of maps    range over a map, maps.Keys outside of slices.Sorted
//	platform code    build constraints: every machine runs the same source
//	floats           machines round them differently (not in checker, scenarios)
//	package state    a variable written by one run is read by the next
//
// A line that looks like one of these and is none says why, on the line or in a
// comment of its own above it:
//
//	//saros:unordered <reason>   the order of this map cannot be seen
//	//saros:float <reason>       this float decides nothing
//	//saros:constant <reason>    nobody writes to what this variable holds
//
// A mark without a reason, or with nothing to excuse, is a finding too.
type policy struct {
	floats bool // no floating point
	state  bool // no package-level variable that needs a reason and has none
}

type roomPolicy struct {
	dir string
	policy
}

// policies are the rooms under the ban, each with all that is below it. cmd/saros
// is the one room that is not: wall time, files and workers live there.
var policies = []roomPolicy{
	{"sim", policy{floats: true, state: true}},
	{"nodes", policy{floats: true, state: true}},
	{"faults", policy{floats: true, state: true}},
	{"checker", policy{state: true}}, // a verdict may state a ratio
	{"scenarios", policy{}},          // and a scenario is a variable by nature
}

func TestNondeterminism(t *testing.T) {
	t.Parallel()
	world := newLoader(t)
	require.NotEmpty(t, world.dirs("sim"), "the rules must not hold for want of files")
	var all []string
	for _, p := range policies {
		for _, dir := range world.dirs(p.dir) {
			pkg, err := world.load(dir)
			require.NoError(t, err)
			for _, f := range inspect(pkg, p.policy) {
				all = append(all, f.String())
			}
		}
	}
	if len(all) > 0 {
		t.Errorf("%d findings; the rules and the marks that excuse a line stand at the top of nondet_test.go:\n%s",
			len(all), strings.Join(all, "\n"))
	}
}

// TestNoRoomIsLeftOut: a room of the lattice is under the ban unless it is named here.
func TestNoRoomIsLeftOut(t *testing.T) {
	t.Parallel()
	free := []string{"the root", "cmd/saros"}
	for _, r := range house {
		banned := slices.ContainsFunc(policies, func(p roomPolicy) bool {
			return r.name() == p.dir || strings.HasPrefix(r.name(), p.dir+"/")
		})
		assert.NotEqual(t, banned, slices.Contains(free, r.name()), r.name())
	}
}

// TestBans proves every ban by a snippet that it must find and one that it must
// not. A line of a snippet that ends in "// want: TEXT" must give a finding that
// contains TEXT, for each of them; no other line may give any.
func TestBans(t *testing.T) {
	t.Parallel()
	world := newLoader(t)
	strict := policy{floats: true, state: true}
	for _, s := range snippets {
		t.Run(s.name, func(t *testing.T) {
			p := strict
			if s.policy != nil {
				p = *s.policy
			}
			file := s.file
			if file == "" {
				file = "snippet.go"
			}
			text := "package snippet" + s.text
			pkg := world.check("snippet", map[string][]byte{file: []byte(text)})
			got := map[int][]string{}
			for _, f := range inspect(pkg, p) {
				assert.Equal(t, file, path.Base(f.pos.Filename))
				got[f.pos.Line] = append(got[f.pos.Line], f.what+": "+f.why)
			}
			for i, line := range strings.Split(text, "\n") {
				want := strings.Split(line, "// want: ")[1:]
				if found := got[i+1]; assert.Len(t, found, len(want), "line %d: %s", i+1, line) {
					for j := range want {
						assert.Contains(t, found[j], strings.TrimSpace(want[j]), "line %d: %s", i+1, line)
					}
				}
			}
		})
	}
}

// TestEveryBannedNameIsFound tries each entry of the two tables of names.
func TestEveryBannedNameIsFound(t *testing.T) {
	t.Parallel()
	world := newLoader(t)
	try := func(text, what string) {
		t.Helper()
		pkg := world.check("snippet", map[string][]byte{"snippet.go": []byte("package snippet\n" + text)})
		found := inspect(pkg, policy{})
		if assert.NotEmpty(t, found, what) {
			assert.Equal(t, what, found[0].what)
		}
	}
	for imported := range bannedImports {
		try(fmt.Sprintf("import _ %q", imported), "import of "+imported)
	}
	for name := range bannedNames {
		slash := strings.LastIndexByte(name, '/') + 1
		base, member, _ := strings.Cut(name[slash:], ".")
		imported := name[:slash] + base
		use := "_ = " + base + "." + member
		if pkg, err := outside.Import(imported); assert.NoError(t, err) {
			if _, isType := pkg.Scope().Lookup(member).(*types.TypeName); isType {
				use = "var _ " + base + "." + member
			}
		}
		if receiver, method, ok := strings.Cut(member, "."); ok {
			use = fmt.Sprintf("var v %s.%s; _ = v.%s", base, receiver, method)
		}
		try(fmt.Sprintf("import %q\nfunc f() { %s }", imported, use), name)
	}
}
