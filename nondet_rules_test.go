package saros_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A finding is one line that a seed does not decide.
type finding struct {
	pos       token.Position
	what, why string
}

func (f finding) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.pos.Filename, f.pos.Line, f.what, f.why)
}

// Reasons that several rules share.
const (
	whyOneGoroutine = "a World is one goroutine: the scheduler must decide nothing; parallelism is many Worlds"
	whyWallTime     = "wall time differs from run to run: true time is sim.Time, a node's clock is its Env"
	whyMachine      = "it reads or changes the machine that the run happens to be on: files, network and environment belong to cmd/saros"
	whyRandom       = "its randomness is not the seed's: every choice goes through the one Decider"
	whyMapOrder     = "the order of a map changes from run to run: take slices.Sorted(maps.Keys(m)), or say //saros:unordered <reason>"
	whyFloat        = "machines round floats differently: count in integers (ppm, nanoseconds, a table), or say //saros:float <reason>"
	whyState        = "what one run leaves in a package variable, the next run reads: make it a field of the run"
	whyConstant     = whyState + "; if nobody ever writes to what it holds, say //saros:constant <reason>"
	whyPrint        = "stdout is the command's result and stderr its progress: return the text"
	whyPlatform     = "every machine must run the same source, or one seed gives two runs"
)

// bannedImports are packages no part of which fits into a run. Those below them are
// banned with them.
var bannedImports = map[string]string{
	"sync":          whyOneGoroutine,
	"context":       "its deadlines are wall time and its Done is a channel: a deadline of a run is a timer of the World",
	"math/rand":     whyRandom,
	"crypto/rand":   whyRandom,
	"crypto/ecdsa":  whyRandom + " (this package takes the machine's source even where it is given another)",
	"crypto/rsa":    whyRandom + " (this package takes the machine's source even where it is given another)",
	"hash/maphash":  "its seed is drawn anew by every process: take hash/crc32, or sim's Digest",
	"os":            whyMachine,
	"net":           whyMachine,
	"syscall":       whyMachine,
	"path/filepath": whyMachine + "; take path",
	"plugin":        whyMachine,
	"flag":          "flags belong to cmd/saros: take a parameter",
	"log":           whyPrint,
	"unsafe":        "an address differs from run to run, a layout from machine to machine",
	"runtime/trace": whyMachine,
	"runtime/pprof": whyMachine,
	"unique":        "handles compare by address and are cleared by the garbage collector",
	"weak":          "the garbage collector decides when a weak pointer is cleared",
	"C":             whyPlatform,
}

// bannedNames are the parts of allowed packages that do not fit into a run, used in
// any way: called, or passed as a value.
var bannedNames = map[string]string{
	"time.Now": whyWallTime, "time.Since": whyWallTime, "time.Until": whyWallTime, "time.Sleep": whyWallTime,
	"time.After": whyWallTime, "time.AfterFunc": whyWallTime, "time.Tick": whyWallTime,
	"time.NewTimer": whyWallTime, "time.NewTicker": whyWallTime, "time.Timer": whyWallTime, "time.Ticker": whyWallTime,
	"time.Local": whyMachine, "time.LoadLocation": whyMachine, "time.Time.Local": whyMachine, "time.Unix": whyMachine +
		" (the local time zone); add .UTC in cmd/saros, or keep the integer",
	"fmt.Print": whyPrint, "fmt.Printf": whyPrint, "fmt.Println": whyPrint,
	"fmt.Scan": whyMachine, "fmt.Scanf": whyMachine, "fmt.Scanln": whyMachine,
	"reflect.Value.MapKeys": whyMapOrder, "reflect.Value.MapRange": whyMapOrder,
	"reflect.Value.Seq": whyMapOrder, "reflect.Value.Seq2": whyMapOrder,
	"reflect.Select": whyOneGoroutine, "reflect.ChanOf": whyOneGoroutine,
	"reflect.Value.Pointer": "an address differs from run to run", "reflect.Value.UnsafePointer": "an address differs from run to run",
	"crypto/ed25519.GenerateKey": whyRandom + "; take NewKeyFromSeed",
}

// openNames are all that a run may touch of the packages in which the rest is the
// scheduler, the collector and the machine: who called, what a recovered panic is and
// where it came from.
var openNames = map[string][]string{
	"runtime":       {"Caller", "Callers", "CallersFrames", "Error", "Frame", "Frames", "Func", "FuncForPC"},
	"runtime/debug": {"Stack"},
}

// mapOrders are the functions of package maps that hand out a map's own order.
var mapOrders = []string{"All", "DeleteFunc", "Keys", "Values"}

// bannedImport says why a package must not be imported, or nothing.
func bannedImport(imported string) string {
	for p := imported; ; {
		if why := bannedImports[p]; why != "" {
			return why
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			return ""
		}
		p = p[:i]
	}
}

// inspector applies the rules to one package.
type inspector struct {
	*source
	policy
	marks    marks
	sorted   map[*ast.Ident]bool     // maps.Keys and its like, directly inside of slices.Sorted
	gathered map[*ast.RangeStmt]bool // loops over a map that gather keys which the next line sorts
	findings []finding
}

// inspect returns what breaks the rules, a line at most once for each rule, in order.
func inspect(s *source, p policy) []finding {
	in := &inspector{source: s, policy: p, marks: readMarks(s), sorted: map[*ast.Ident]bool{}, gathered: map[*ast.RangeStmt]bool{}}
	for _, file := range s.files {
		name := s.fset.Position(file.Package).Filename
		if !everywhere(name, s.texts[name]) {
			in.report(file.Package, "build constraint", whyPlatform)
		}
		for _, spec := range file.Imports {
			imported := strings.Trim(spec.Path.Value, "`\"")
			if why := bannedImport(imported); why != "" {
				in.report(spec.Pos(), "import of "+imported, why)
			}
		}
		ast.Inspect(file, in.note)
		for _, decl := range file.Decls {
			in.packageVars(decl)
		}
	}
	for _, file := range s.files { // now that every exception is known
		ast.Inspect(file, in.visit)
	}
	in.findings = append(in.findings, in.marks.leftovers()...)
	if len(in.findings) == 0 && len(s.errs) > 0 { // a banned import has no types; without one, all must be known
		in.report(s.files[0].Package, "does not type-check", s.errs[0].Error())
	}
	slices.SortStableFunc(in.findings, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.pos.Filename, b.pos.Filename), cmp.Compare(a.pos.Line, b.pos.Line),
			cmp.Compare(a.what, b.what))
	})
	return slices.CompactFunc(in.findings, func(a, b finding) bool {
		return a.pos.Filename == b.pos.Filename && a.pos.Line == b.pos.Line && a.what == b.what
	})
}

func (in *inspector) report(pos token.Pos, what, why string) {
	in.findings = append(in.findings, finding{in.fset.Position(pos), what, why})
}

// unless reports what a mark on its line does not excuse.
func (in *inspector) unless(word string, pos token.Pos, what, why string) {
	if !in.marks.excuse(word, in.fset.Position(pos)) {
		in.report(pos, what, why)
	}
}

// note finds the two shapes in which a map's order does no harm, before visit meets
// their parts.
func (in *inspector) note(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		if in.callee(n, "slices", "Sorted", "SortedFunc", "SortedStableFunc") != nil && len(n.Args) > 0 {
			if inner, ok := ast.Unparen(n.Args[0]).(*ast.CallExpr); ok {
				if name := in.callee(inner, "maps", "Keys", "Values"); name != nil {
					in.sorted[name] = true
				}
			}
		}
	case *ast.BlockStmt:
		in.noteGathered(n.List)
	case *ast.CaseClause:
		in.noteGathered(n.Body)
	}
	return true
}

func (in *inspector) noteGathered(list []ast.Stmt) {
	for i := range len(list) - 1 {
		loop, ok := list[i].(*ast.RangeStmt)
		if ok && in.gathers(loop, list[i+1]) {
			in.gathered[loop] = true
		}
	}
}

// gathers recognizes, and nothing else,
//
//	for k := range m {
//		keys = append(keys, k)
//	}
//	slices.Sort(keys)
func (in *inspector) gathers(loop *ast.RangeStmt, next ast.Stmt) bool {
	key, ok := loop.Key.(*ast.Ident)
	if !ok || loop.Value != nil || len(loop.Body.List) != 1 {
		return false
	}
	assign, ok := loop.Body.List[0].(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 || assign.Tok != token.ASSIGN {
		return false
	}
	call, ok := assign.Rhs[0].(*ast.CallExpr)
	if !ok || len(call.Args) != 2 || !in.isBuiltin(call.Fun, "append") {
		return false
	}
	sort, ok := next.(*ast.ExprStmt)
	if !ok {
		return false
	}
	sorting, ok := sort.X.(*ast.CallExpr)
	if !ok || len(sorting.Args) == 0 || in.callee(sorting, "slices", "Sort", "SortFunc", "SortStableFunc") == nil &&
		in.callee(sorting, "sort", "Strings", "Ints") == nil {
		return false
	}
	keys := in.object(assign.Lhs[0])
	return keys != nil && in.object(call.Args[0]) == keys && in.object(sorting.Args[0]) == keys &&
		in.object(call.Args[1]) == in.object(key)
}

// visit applies the rules to one node: what it does, then what it names, then what
// it is.
func (in *inspector) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		in.report(n.Pos(), "go statement", whyOneGoroutine)
	case *ast.SelectStmt:
		in.report(n.Pos(), "select", whyOneGoroutine)
	case *ast.ChanType:
		in.report(n.Pos(), "channel", whyOneGoroutine)
	case *ast.SendStmt:
		in.report(n.Pos(), "channel", whyOneGoroutine)
	case *ast.RangeStmt:
		in.rangeStmt(n)
	case *ast.AssignStmt:
		for _, target := range n.Lhs {
			in.write(target)
		}
	case *ast.IncDecStmt:
		in.write(n.X)
	case *ast.CallExpr:
		for _, name := range []string{"clear", "copy", "delete"} {
			if in.isBuiltin(n.Fun, name) && len(n.Args) > 0 {
				in.write(n.Args[0])
			}
		}
	case *ast.Ident:
		in.name(n)
	}
	if e, ok := n.(ast.Expr); ok {
		in.expression(e)
	}
	return true
}

func (in *inspector) rangeStmt(n *ast.RangeStmt) {
	if n.Key != nil && n.Tok == token.ASSIGN {
		in.write(n.Key)
		in.write(n.Value)
	}
	over := in.info.TypeOf(n.X)
	switch {
	case over == nil:
	case has[*types.Chan](over):
		in.report(n.Pos(), "range over a channel", whyOneGoroutine)
	case has[*types.Map](over):
		excused := in.marks.excuse("unordered", in.fset.Position(n.Pos())) // harmless where the keys are sorted anyway
		if !excused && !in.gathered[n] {
			in.report(n.Pos(), "range over a map", whyMapOrder)
		}
	}
}

// name applies the rules for what is named, however it is reached: with another
// name for its package, by a dot import, as a value.
func (in *inspector) name(id *ast.Ident) {
	used := in.info.Uses[id]
	if b, ok := used.(*types.Builtin); ok && strings.HasPrefix(b.Name(), "print") {
		in.report(id.Pos(), b.Name(), whyPrint)
	}
	if used == nil || used.Pkg() == nil || used.Pkg() == in.types {
		return
	}
	qualified := qualify(used)
	top := used.Parent() == used.Pkg().Scope()
	open, guarded := openNames[used.Pkg().Path()]
	switch why := bannedNames[qualified]; {
	case why != "":
		in.report(id.Pos(), qualified, why)
	case top && guarded && !slices.Contains(open, used.Name()):
		in.report(id.Pos(), qualified, whyMachine)
	case top && used.Pkg().Path() == "maps" && slices.Contains(mapOrders, used.Name()) && !in.sorted[id]:
		in.unless("unordered", id.Pos(), qualified, whyMapOrder)
	}
}

// expression applies the rules for what an expression is: a number with a fraction,
// a value from a channel, the address of a package variable.
func (in *inspector) expression(e ast.Expr) {
	if in.floats && in.isFloat(e) {
		in.unless("float", e.Pos(), "floating point", whyFloat)
	}
	switch e := e.(type) {
	case *ast.UnaryExpr:
		switch e.Op {
		case token.ARROW:
			in.report(e.Pos(), "channel", whyOneGoroutine)
		case token.AND:
			in.address(e.X)
		}
	case *ast.SliceExpr:
		if t := in.info.TypeOf(e.X); t != nil && has[*types.Array](t) {
			in.address(e.X)
		}
	case *ast.SelectorExpr:
		if s := in.info.Selections[e]; s != nil && s.Kind() == types.MethodVal {
			_, pointer := s.Obj().Type().(*types.Signature).Recv().Type().(*types.Pointer)
			if _, already := s.Recv().Underlying().(*types.Pointer); pointer && !already {
				in.address(e.X)
			}
		}
	}
}

func (in *inspector) isFloat(e ast.Expr) bool {
	if lit, ok := e.(*ast.BasicLit); ok {
		return lit.Kind == token.FLOAT || lit.Kind == token.IMAG
	}
	t := in.info.TypeOf(e)
	if t == nil {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
}

// callee returns the name that a call uses if it calls one of a package's functions.
func (in *inspector) callee(call *ast.CallExpr, pkg string, names ...string) *ast.Ident {
	fun := ast.Unparen(call.Fun)
	switch f := fun.(type) { // with type arguments
	case *ast.IndexExpr:
		fun = f.X
	case *ast.IndexListExpr:
		fun = f.X
	}
	var id *ast.Ident
	switch f := fun.(type) {
	case *ast.SelectorExpr:
		id = f.Sel
	case *ast.Ident:
		id = f
	default:
		return nil
	}
	used := in.info.Uses[id]
	if used == nil || used.Pkg() == nil || used.Pkg().Path() != pkg || !slices.Contains(names, used.Name()) {
		return nil
	}
	return id
}

func (in *inspector) isBuiltin(fun ast.Expr, name string) bool {
	id, ok := ast.Unparen(fun).(*ast.Ident)
	if !ok {
		return false
	}
	b, ok := in.info.Uses[id].(*types.Builtin)
	return ok && b.Name() == name
}

// object returns what an identifier stands for, or nil for any other expression.
func (in *inspector) object(e ast.Expr) types.Object {
	if id, ok := e.(*ast.Ident); ok {
		return in.info.ObjectOf(id)
	}
	return nil
}

// qualify names an object by its package, and a method by its receiver too.
func qualify(o types.Object) string {
	name := o.Pkg().Path() + "."
	if f, ok := o.(*types.Func); ok {
		if recv := f.Signature().Recv(); recv != nil {
			t := recv.Type()
			if p, ok := t.(*types.Pointer); ok {
				t = p.Elem()
			}
			if named, ok := t.(*types.Named); ok {
				name += named.Obj().Name() + "."
			}
		}
	}
	return name + o.Name()
}

// has reports whether values of a type, or of one that a type parameter may stand
// for, have the given shape.
func has[Shape types.Type](t types.Type) bool {
	if _, ok := t.Underlying().(Shape); ok {
		return true
	}
	if p, ok := types.Unalias(t).(*types.TypeParam); ok {
		return has[Shape](p.Constraint())
	}
	if i, ok := t.Underlying().(*types.Interface); ok {
		for e := range i.EmbeddedTypes() {
			if u, ok := e.(*types.Union); ok {
				for term := range u.Terms() {
					if has[Shape](term.Type()) {
						return true
					}
				}
			} else if has[Shape](e) {
				return true
			}
		}
	}
	return false
}
