package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A target is a package and its test binary with all mutants.
type target struct {
	Dir, ImportPath, Name              string
	GoFiles, TestGoFiles, XTestGoFiles []string
	TestImports, XTestImports          []string
	mutants                            []*mutant
	uncompiled                         int
	binary                             string
}

type commandError struct {
	command, output string
	err             error
}

func (e *commandError) Error() string { return e.command + ": " + e.err.Error() }

func command(dir string, args ...string) (string, error) {
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", &commandError{strings.Join(args, " "), errs.String(), err}
	}
	return out.String(), nil
}

// build makes the test binary of a package in tmp. Mutants on a line that does not compile are left out.
func build(root, pattern, tmp string) (*target, error) {
	out, err := command(root, "go", "list", "-json=Dir,ImportPath,Name,GoFiles,TestGoFiles,XTestGoFiles,TestImports,XTestImports", pattern)
	if err != nil {
		return nil, err
	}
	t := &target{binary: filepath.Join(tmp, "mutants.test")}
	if err := json.Unmarshal([]byte(out), t); err != nil {
		return nil, fmt.Errorf("one package at a time: %w", err)
	}
	loaded, err := load(root, t)
	if err != nil {
		return nil, err
	}
	skip := map[string]bool{}
	for range 20 {
		if err = t.compile(root, tmp, loaded, skip); err == nil {
			t.uncompiled = len(skip)
			return t, nil
		}
		failed, ok := err.(*commandError)
		if !ok {
			return nil, err
		}
		before := len(skip)
		for _, m := range regexp.MustCompile(`(?m)^\S*?([\w.]+\.go):(\d+)`).FindAllStringSubmatch(failed.output, -1) {
			skip[m[1]+":"+m[2]] = true
		}
		if len(skip) == before {
			return nil, err
		}
	}
	return nil, err
}

type parsed struct {
	fset  *token.FileSet
	files []*ast.File
	texts [][]byte
	pkg   *types.Package
	info  *types.Info
}

// load type-checks a package against the compiled ones that it imports.
func load(root string, t *target) (*parsed, error) {
	out, err := command(root, "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", t.ImportPath)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for line := range strings.Lines(out) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[path] = file
	}
	p := &parsed{fset: token.NewFileSet(), info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}}}
	for _, name := range t.GoFiles {
		text, err := os.ReadFile(filepath.Join(t.Dir, name))
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(p.fset, name, text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		p.files, p.texts = append(p.files, f), append(p.texts, text)
	}
	config := types.Config{Importer: importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})}
	p.pkg, err = config.Check(t.ImportPath, p.fset, p.files, p.info)
	return p, err
}

func (t *target) compile(root, tmp string, p *parsed, skip map[string]bool) error {
	r := &rewriter{fset: p.fset, pkg: p.pkg, info: p.info, skip: skip, seen: map[string]int{}}
	overlay := map[string]string{}
	put := func(name, text string) error {
		overlay[filepath.Join(t.Dir, name)] = filepath.Join(tmp, name)
		return os.WriteFile(filepath.Join(tmp, name), []byte(text), 0o644)
	}
	for i, f := range p.files {
		if err := put(t.GoFiles[i], r.rewrite(t.GoFiles[i], f, p.texts[i])); err != nil {
			return err
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, switches, t.Name)
	for _, op := range slices.Sorted(maps.Keys(ordered)) {
		o := ordered[op]
		fmt.Fprintf(&s, orderedSwitch, o.name, op, o.boundary, o.negation)
	}
	for _, op := range slices.Sorted(maps.Keys(arithmetic)) {
		o := arithmetic[op]
		form := operatorSwitch
		if op == token.SHL || op == token.SHR {
			form = shiftSwitch
		}
		fmt.Fprintf(&s, form, o.name, op, o.other)
	}
	if err := put("mutants_switches.go", s.String()); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, "overlay.json"), text, 0o644); err != nil {
		return err
	}
	t.mutants = r.found
	_, err = command(root, "go", "test", "-c", "-vet=off", "-trimpath", "-gcflags=-e", "-overlay", filepath.Join(tmp, "overlay.json"), "-o", t.binary, t.ImportPath)
	return err
}

// oracles are the tests that look at SAROS_ORACLE, by themselves or by what they call.
func (t *target) oracles() (map[string]bool, error) {
	fset := token.NewFileSet()
	uses := map[string][]string{} // function → what it names
	for _, name := range slices.Concat(t.TestGoFiles, t.XTestGoFiles) {
		f, err := parser.ParseFile(fset, filepath.Join(t.Dir, name), nil, 0)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.Ident:
					uses[fn.Name.Name] = append(uses[fn.Name.Name], n.Name)
				case *ast.BasicLit:
					uses[fn.Name.Name] = append(uses[fn.Name.Name], n.Value)
				}
				return true
			})
		}
	}
	found := map[string]bool{`"SAROS_ORACLE"`: true}
	for grown := true; grown; {
		grown = false
		for name, used := range uses {
			if !found[name] && slices.ContainsFunc(used, func(s string) bool { return found[s] }) {
				found[name], grown = true, true
			}
		}
	}
	return found, nil
}
