package saros_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// Package variables. One may be declared, where policy.state holds, if
//
//   - it is the blank identifier: var _ Machine = (*Server)(nil);
//   - it is an error sentinel: errors.New, fmt.Errorf;
//   - it is a plain value (numbers, strings, arrays and structs of them), which is
//     constant if nobody assigns to it and nobody takes its address: both are seen;
//   - it is marked //saros:constant <reason>, for nobody can see all that happens
//     behind a slice, a map, a pointer or a function.
//
// In every room under the ban, nothing is ever written to any of them, marked or
// not, here or in another package, in an init function or anywhere.

// packageVars applies the rules to the declaration of package variables.
func (in *inspector) packageVars(decl ast.Decl) {
	group, ok := decl.(*ast.GenDecl)
	if !ok || group.Tok != token.VAR {
		return
	}
	for _, spec := range group.Specs {
		spec := spec.(*ast.ValueSpec)
		marked := in.isMarked(group, spec)
		for _, name := range spec.Names {
			if v := in.info.Defs[name]; v != nil && marked {
				in.marks.constants[v] = true
			}
			if !in.state || name.Name == "_" || marked || in.isSentinel(spec) {
				continue
			}
			if t := in.info.TypeOf(name); t == nil || !plain(t) {
				in.report(name.Pos(), "package variable "+name.Name, whyConstant)
			}
		}
	}
}

// isMarked reports whether a declaration is marked as constant: above it, on its
// first or last line, or above its group.
func (in *inspector) isMarked(group *ast.GenDecl, spec *ast.ValueSpec) bool {
	marked := false
	for _, pos := range []token.Pos{group.Pos(), spec.Pos(), spec.End()} {
		if in.marks.excuse("constant", in.fset.Position(pos)) {
			marked = true
		}
	}
	return marked
}

func (in *inspector) isSentinel(spec *ast.ValueSpec) bool {
	return len(spec.Values) == len(spec.Names) && !slices.ContainsFunc(spec.Values, func(e ast.Expr) bool {
		call, ok := e.(*ast.CallExpr)
		return !ok || in.callee(call, "errors", "New") == nil && in.callee(call, "fmt", "Errorf") == nil
	})
}

// plain reports whether a copy of a value shares nothing with the original.
func plain(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Kind() != types.UnsafePointer && t.Kind() != types.Invalid
	case *types.Array:
		return plain(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			if !plain(f.Type()) {
				return false
			}
		}
		return true
	}
	return false
}

// write reports an assignment to a package variable, or to what it holds.
func (in *inspector) write(target ast.Expr) {
	if v := in.packageVar(target); v != nil {
		in.report(target.Pos(), "write to package variable "+v.Name(), whyState)
	}
}

// address reports that the address of a plain package variable is taken: from there
// on nobody sees who writes to it.
func (in *inspector) address(e ast.Expr) {
	v := in.packageVar(e)
	if v == nil || !in.state || !plain(v.Type()) || in.marks.constants[v] {
		return
	}
	in.unless("constant", e.Pos(), "address of package variable "+v.Name(), whyConstant)
}

// packageVar returns the package variable that an expression is, or is a part of.
func (in *inspector) packageVar(e ast.Expr) *types.Var {
	switch e := e.(type) {
	case *ast.Ident:
		v, ok := in.info.Uses[e].(*types.Var)
		if ok && v.Pkg() != nil && v.Parent() == v.Pkg().Scope() {
			return v
		}
	case *ast.SelectorExpr:
		if id, ok := e.X.(*ast.Ident); ok {
			if _, ok := in.info.Uses[id].(*types.PkgName); ok {
				return in.packageVar(e.Sel)
			}
		}
		return in.packageVar(e.X)
	case *ast.IndexExpr:
		return in.packageVar(e.X)
	case *ast.SliceExpr:
		return in.packageVar(e.X)
	case *ast.ParenExpr:
		return in.packageVar(e.X)
	case *ast.StarExpr:
		return in.packageVar(e.X)
	}
	return nil
}
