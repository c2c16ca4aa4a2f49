package saros_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A source is one package with its types, as the rules read it.
type source struct {
	fset  *token.FileSet
	files []*ast.File
	texts map[string][]byte // by file name, as in fset
	types *types.Package
	info  *types.Info
	errs  []error // what the type checker said
}

// A loader type-checks this module's packages from their source. It works offline
// and fast: function bodies outside of the module are not looked at, and a banned
// import, which is a finding already, is not loaded at all.
type loader struct {
	fset  *token.FileSet
	files map[string][]string // Go files that are no tests, by directory
	done  map[string]*source
}

// outside imports packages from outside the module, and keeps them for all tests.
var outside = func() *outsideImporter {
	build.Default.CgoEnabled = false // the pure Go half of the standard library has the same types
	fset := token.NewFileSet()
	return &outsideImporter{fset: fset, from: importer.ForCompiler(fset, "source", nil).(types.ImporterFrom)}
}()

type outsideImporter struct {
	fset *token.FileSet
	mu   sync.Mutex // tests run side by side, an importer does not
	from types.ImporterFrom
}

// Import implements types.Importer.
func (o *outsideImporter) Import(importPath string) (*types.Package, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.from.ImportFrom(importPath, ".", 0)
}

func newLoader(t *testing.T) *loader {
	t.Helper()
	l := &loader{fset: outside.fset, files: map[string][]string{}, done: map[string]*source{}}
	for _, file := range goFiles(t, ".") {
		if !strings.HasSuffix(file, "_test.go") {
			l.files[path.Dir(file)] = append(l.files[path.Dir(file)], file)
		}
	}
	return l
}

// dirs lists the directories with Go files at and below one, in order.
func (l *loader) dirs(below string) []string {
	var dirs []string
	for _, dir := range slices.Sorted(maps.Keys(l.files)) {
		if dir == below || strings.HasPrefix(dir, below+"/") {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// load type-checks the package of a directory, once.
func (l *loader) load(dir string) (*source, error) {
	if s, ok := l.done[dir]; ok {
		if s == nil {
			return nil, fmt.Errorf("import cycle through %s", dir)
		}
		return s, nil
	}
	l.done[dir] = nil
	texts := map[string][]byte{}
	for _, file := range l.files[dir] {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			return nil, err
		}
		if !isProgram(text) {
			texts[file] = text
		}
	}
	s := l.check(module+"/"+dir, texts)
	l.done[dir] = s
	return s, nil
}

// isProgram tells a command, a generator of tables for instance: nobody can import
// it, so that no run passes through it.
func isProgram(text []byte) bool {
	file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.PackageClauseOnly)
	return err == nil && file.Name.Name == "main"
}

// check type-checks one package given as texts by file name.
func (l *loader) check(importPath string, texts map[string][]byte) *source {
	s := &source{
		fset:  l.fset,
		texts: texts,
		info: &types.Info{
			Types:      map[ast.Expr]types.TypeAndValue{},
			Defs:       map[*ast.Ident]types.Object{},
			Uses:       map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{},
		},
	}
	fail := func(err error) { s.errs = append(s.errs, err) }
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		file, err := parser.ParseFile(l.fset, name, texts[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			fail(err)
		}
		if file != nil {
			s.files = append(s.files, file)
		}
	}
	config := types.Config{Importer: l, Error: fail}
	s.types, _ = config.Check(importPath, l.fset, s.files, s.info) // its error is the first of s.errs
	return s
}

// Import implements types.Importer.
func (l *loader) Import(importPath string) (*types.Package, error) {
	if why := bannedImport(importPath); why != "" {
		stub := types.NewPackage(importPath, path.Base(importPath))
		stub.MarkComplete()
		return stub, nil
	}
	if dir, own := strings.CutPrefix(importPath, module+"/"); own {
		s, err := l.load(dir)
		if err != nil {
			return nil, err
		}
		return s.types, nil
	}
	return outside.Import(importPath)
}

// everywhere reports whether a file is built on every machine: no build constraint,
// none in its name.
func everywhere(name string, text []byte) bool {
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "//go:build ") {
			return false
		}
	}
	for _, machine := range [][2]string{{"linux", "amd64"}, {"js", "wasm"}} {
		context := build.Default
		context.GOOS, context.GOARCH = machine[0], machine[1]
		context.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
		if match, err := context.MatchFile(filepath.Dir(name), filepath.Base(name)); err != nil || !match {
			return false
		}
	}
	return true
}

// TestEverywhere tries what tells which files are part of every run.
func TestEverywhere(t *testing.T) {
	t.Parallel()
	plain := []byte("package sim\n")
	require.True(t, everywhere("sim/world.go", plain))
	require.True(t, everywhere("sim/linux_notes.go", plain))
	for _, name := range []string{"sim/world_linux.go", "sim/world_wasm.go", "sim/world_darwin_arm64.go"} {
		require.False(t, everywhere(name, plain), name)
	}
	require.False(t, everywhere("sim/world.go", []byte("//go:build race\n\npackage sim\n")))
	require.True(t, isProgram([]byte("//go:build ignore\n\n// Tables.\npackage main\n")))
	require.True(t, isProgram([]byte("/* Tables. */ package main")))
	require.False(t, isProgram(plain))
}
