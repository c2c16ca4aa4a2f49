package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// A mutant is one change of the code. All those of a package are compiled into one binary; id chooses.
type mutant struct {
	id       int // from 1
	file     string
	line     int
	function string // zones.bind for a method, bind for a function
	old, new string
	nth      int // of those with the same function, old and new, in source order, from 1
}

// key names a mutant, and goes on doing so when lines move.
func (m *mutant) key() string {
	s := m.function + ": " + m.old + " => " + m.new
	if m.nth > 1 {
		s += " #" + strconv.Itoa(m.nth)
	}
	return s
}

// A rewriter puts the mutants of a package into its files, each behind a switch. Nothing moves to another
// line, so that an error of the compiler names the line of the original.
type rewriter struct {
	fset  *token.FileSet
	pkg   *types.Package
	info  *types.Info
	skip  map[string]bool // "file:line" whose mutants do not compile
	found []*mutant
	seen  map[string]int // by key without number

	// of the file at hand
	file     string
	src      []byte
	imports  map[string]string // path → name
	function string
	parents  []ast.Node
	forced   map[ast.Expr]bool // conditions that are to be forced both ways
	covered  map[ast.Expr]bool // and all others whose negation would tell no more than what is there
	edits    []edit
}

// An edit puts text in the place of drop bytes at an offset. Of edits in one place those that end
// something come first, the innermost first; then those that begin something, the outermost first. depth
// tells that, and for one node the order in which they were made, which is from the outermost on.
type edit struct {
	at, drop, depth, made int
	text                  string
	ends                  bool
}

func byPlace(a, b edit) int {
	switch {
	case a.at != b.at:
		return cmp.Compare(a.at, b.at)
	case a.ends != b.ends && a.ends:
		return -1
	case a.ends != b.ends:
		return 1
	case a.ends:
		a, b = b, a
	}
	return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.made, b.made))
}

// rewrite returns the text of a file with its mutants.
func (r *rewriter) rewrite(name string, f *ast.File, src []byte) string {
	r.file, r.src, r.edits = name, src, r.edits[:0]
	r.forced, r.covered, r.imports = map[ast.Expr]bool{}, map[ast.Expr]bool{}, map[string]string{}
	for _, spec := range f.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		r.imports[path] = ""
		if spec.Name != nil {
			r.imports[path] = spec.Name.Name
		}
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil && !r.isProse(fn) {
			r.function = functionName(fn)
			r.parents = append(r.parents[:0], fn)
			r.walk(fn.Body)
		}
	}
	slices.SortFunc(r.edits, byPlace)
	var b strings.Builder
	at := 0
	for _, e := range r.edits {
		b.Write(src[at:e.at])
		b.WriteString(e.text)
		at = e.at + e.drop
	}
	b.Write(src[at:])
	if name, ok := r.imports["cmp"]; ok {
		b.WriteString("var _ = " + cmp.Or(name, "cmp") + ".Compare[int]\n") // of it there may be nothing else left
	}
	return b.String()
}

func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + fn.Name.Name
		default:
			return fn.Name.Name
		}
	}
}

// isProse tells functions that make text for people: their only result is a string, or they write into a
// strings.Builder. Whole texts are held by golden tests; verdict, class and core are made elsewhere.
func (r *rewriter) isProse(fn *ast.FuncDecl) bool {
	sig := r.info.Defs[fn.Name].Type().(*types.Signature)
	if sig.Results().Len() == 1 && sig.Results().At(0).Type() == types.Typ[types.String] {
		return true
	}
	for p := range sig.Params().Variables() {
		if p.Type().String() == "*strings.Builder" {
			return true
		}
	}
	return false
}

// nobody is the id of a mutant that is not there.
const nobody = -2

// put notes a mutant and returns its id, or 0 where there is to be none.
func (r *rewriter) put(at token.Pos, old, new string) int {
	pos := r.fset.Position(at)
	m := &mutant{file: r.file, line: pos.Line, function: r.function, old: oneLine(old), new: oneLine(new)}
	same := m.key()
	r.seen[same]++
	m.nth = r.seen[same]
	if r.skip[fmt.Sprint(r.file, ":", pos.Line)] {
		return 0
	}
	m.id = len(r.found) + 1
	r.found = append(r.found, m)
	return m.id
}

// oneLine cuts a text to a line of moderate length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 90 {
		s = strings.ToValidUTF8(s[:87], "") + "..."
	}
	return s
}

func (r *rewriter) offset(p token.Pos) int { return r.fset.PositionFor(p, false).Offset }

func (r *rewriter) text(n ast.Node) string { return string(r.src[r.offset(n.Pos()):r.offset(n.End())]) }

func (r *rewriter) edit(at token.Pos, drop int, text string, ends bool) {
	r.edits = append(r.edits, edit{r.offset(at), drop, len(r.parents), len(r.edits), text, ends})
}

// wrap puts text around n, with the id of a mutant in before, if there is one.
func (r *rewriter) wrap(n ast.Node, id int, before, after string) {
	if id > 0 {
		r.edit(n.Pos(), 0, fmt.Sprintf(before, id), false)
		r.edit(n.End(), 0, after, true)
	}
}

// walk puts mutants into n and what is below it.
func (r *rewriter) walk(n ast.Node) {
	if e, ok := n.(ast.Expr); ok {
		tv := r.info.Types[e]
		if tv.IsType() {
			return
		}
		if tv.Value != nil {
			r.constant(e, tv)
			return
		}
	}
	r.around(n)
	r.parents = append(r.parents, n)
	for _, child := range r.below(n) {
		r.walk(child)
	}
	r.parents = r.parents[:len(r.parents)-1]
}

// below lists the children of n in which mutants may be.
func (r *rewriter) below(n ast.Node) (list []ast.Node) {
	switch n := n.(type) {
	case *ast.DeclStmt: // constants stay
		for _, spec := range n.Decl.(*ast.GenDecl).Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && n.Decl.(*ast.GenDecl).Tok == token.VAR {
				for _, e := range v.Values {
					list = append(list, e)
				}
			}
		}
		return list
	case *ast.KeyValueExpr: // a field, or a key that must be constant
		return []ast.Node{n.Value}
	case *ast.SelectorExpr:
		return []ast.Node{n.X}
	case *ast.CallExpr:
		return r.arguments(n)
	case *ast.FuncLit:
		return []ast.Node{n.Body}
	case *ast.LabeledStmt:
		return []ast.Node{n.Stmt}
	case *ast.TypeSwitchStmt:
		return []ast.Node{n.Body}
	case *ast.ReturnStmt:
		for _, e := range r.meant(n) {
			list = append(list, e)
		}
		return list
	case *ast.CaseClause:
		if _, ok := r.parents[len(r.parents)-2].(*ast.TypeSwitchStmt); ok {
			for _, s := range n.Body {
				list = append(list, s)
			}
			return list
		}
	}
	ast.Inspect(n, func(child ast.Node) bool {
		if child == nil || child == n {
			return child == n
		}
		list = append(list, child)
		return false
	})
	return list
}

// arguments leaves out what is only prose or only room: the text of errors and panics, and capacities.
func (r *rewriter) arguments(call *ast.CallExpr) (list []ast.Node) {
	name := r.text(call.Fun)
	if name == "panic" || strings.HasPrefix(name, "fmt.") || strings.HasPrefix(name, "errors.") {
		return nil
	}
	errorText := func(e ast.Expr) bool {
		tv := r.info.Types[e]
		return isError(r.info.Types[call].Type) && tv.Value != nil && tv.Value.Kind() == constant.String
	}
	args := call.Args
	switch name {
	case "make":
		args = args[:min(2, len(args))]
	case "slices.Grow", "slices.Clip":
		args = args[:1]
	}
	if _, ok := call.Fun.(*ast.Ident); !ok {
		list = append(list, call.Fun)
	}
	for _, a := range args {
		if !errorText(a) {
			list = append(list, a)
		}
	}
	return list
}

func isError(t types.Type) bool { return t != nil && t.String() == "error" }

// around writes the mutants of n itself.
func (r *rewriter) around(n ast.Node) {
	if s, ok := n.(ast.Stmt); ok && r.inList(s) && removable(s) {
		r.wrap(n, r.put(n.Pos(), r.text(n), "nothing"), "if !mutant__is(%d) { ", " }")
	}
	switch n := n.(type) {
	case *ast.IfStmt:
		r.forced[n.Cond] = true
	case *ast.ForStmt:
		if n.Cond != nil {
			r.forced[n.Cond] = true
		}
	case *ast.RangeStmt:
		if id := r.put(n.Pos(), "for range "+r.text(n.X), "no iteration"); id > 0 {
			r.edit(n.Body.Lbrace+1, 0, fmt.Sprintf(" if mutant__is(%d) { break };", id), true)
		}
	case *ast.SwitchStmt:
		r.cases(n)
	case *ast.ReturnStmt:
		r.results(n)
	case *ast.AssignStmt:
		r.assignOp(n)
	case ast.Expr:
		r.expression(n)
	}
}

// inList reports whether a statement stands in a list of statements, and not in the head of another.
func (r *rewriter) inList(s ast.Stmt) bool {
	switch parent := r.parents[len(r.parents)-1].(type) {
	case *ast.BlockStmt:
		return true
	case *ast.CaseClause:
		return slices.Contains(parent.Body, s)
	}
	return false
}

func removable(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		id, ok := s.Lhs[0].(*ast.Ident)
		return s.Tok != token.DEFINE && !(ok && id.Name == "_" && len(s.Lhs) == 1)
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		id, ok := call.Fun.(*ast.Ident)
		return !ok || id.Name != "panic"
	case *ast.IncDecStmt, *ast.DeferStmt:
		return true
	case *ast.BranchStmt:
		return s.Tok == token.BREAK || s.Tok == token.CONTINUE
	}
	return false
}

var oppositeAssign = map[token.Token]string{
	token.ADD_ASSIGN: "-=", token.SUB_ASSIGN: "+=", token.MUL_ASSIGN: "/=", token.QUO_ASSIGN: "*=", token.OR_ASSIGN: "&=", token.AND_ASSIGN: "|=",
	token.SHL_ASSIGN: ">>=", token.SHR_ASSIGN: "<<=", token.XOR_ASSIGN: "|=",
}

// assignOp is x op= y by another operator.
func (r *rewriter) assignOp(n *ast.AssignStmt) {
	op, ok := oppositeAssign[n.Tok]
	x, y := r.text(n.Lhs[0]), r.text(n.Rhs[0])
	if !ok || !r.isNumber(n.Lhs[0]) || !r.inList(n) || strings.Contains(y, "func") {
		return
	}
	twin := oneLine(x + " " + op + " " + y)
	if strings.HasSuffix(twin, "...") {
		return
	}
	r.wrap(n, r.put(n.Pos(), r.text(n), twin), "if mutant__is(%d) { "+strings.ReplaceAll(twin, "%", "%%")+" } else { ", " }")
}

// cases makes a case of a switch over numbers or words match nothing, and forces conditions.
func (r *rewriter) cases(n *ast.SwitchStmt) {
	for _, s := range n.Body.List {
		for _, e := range s.(*ast.CaseClause).List {
			if n.Tag == nil {
				r.forced[e] = true
				continue
			}
			t := r.info.Types[n.Tag].Type
			basic, ok := t.Underlying().(*types.Basic)
			name, known := r.typeName(t)
			if !ok || !known || basic.Info()&(types.IsInteger|types.IsString) == 0 {
				continue
			}
			other := "mutant__other"
			if basic.Info()&types.IsString != 0 {
				other = "mutant__otherWord"
			}
			r.wrap(e, r.put(e.Pos(), "case "+r.text(e), "no case"), other+"["+name+"](%d, ", ")")
		}
	}
}

// meant are the results of a return that mean something: beside an error only the error does.
func (r *rewriter) meant(n *ast.ReturnStmt) []ast.Expr {
	if last := len(n.Results) - 1; last > 0 && !r.info.Types[n.Results[last]].IsNil() && isError(r.info.Types[n.Results[last]].Type) {
		if _, call := n.Results[last].(*ast.CallExpr); call {
			return n.Results[last:]
		}
		if id, ok := n.Results[last].(*ast.Ident); ok && id.Name == "err" {
			return n.Results[last:]
		}
	}
	return n.Results
}

// results makes what is returned the zero value, or the other bool.
func (r *rewriter) results(n *ast.ReturnStmt) {
	for _, e := range r.meant(n) {
		tv := r.info.Types[e]
		if tv.Value != nil || tv.IsNil() || tv.Type == nil {
			continue
		}
		if _, tuple := tv.Type.(*types.Tuple); tuple {
			continue
		}
		if lit, ok := e.(*ast.CompositeLit); ok && len(lit.Elts) == 0 {
			continue
		}
		if _, ok := e.(*ast.FuncLit); ok {
			continue
		}
		if b, ok := tv.Type.Underlying().(*types.Basic); ok && b.Info()&types.IsBoolean != 0 {
			if _, compares := unparen(e).(*ast.BinaryExpr); !compares {
				r.wrap(e, r.put(e.Pos(), "return "+r.text(e), "return !"+r.text(e)), "(mutant__is(%d) != (", "))")
			}
			continue
		}
		if name, ok := r.typeName(tv.Type); ok {
			r.wrap(e, r.put(e.Pos(), "return "+r.text(e), "return the zero value"), "mutant__zero["+name+"](%d, ", ")")
		}
	}
}

func unparen(e ast.Expr) ast.Expr {
	for {
		p, ok := e.(*ast.ParenExpr)
		if !ok {
			return e
		}
		e = p.X
	}
}

var arithmetic = map[token.Token]struct{ name, other string }{
	token.ADD: {"add", "-"}, token.SUB: {"sub", "+"}, token.MUL: {"mul", "+"}, token.QUO: {"quo", "*"}, token.REM: {"rem", "*"},
	token.AND: {"and", "|"}, token.OR: {"or", "&"}, token.XOR: {"xor", "|"}, token.AND_NOT: {"andNot", "&"},
	token.SHL: {"shl", ">>"}, token.SHR: {"shr", "<<"},
}

var ordered = map[token.Token]struct{ name, boundary, negation string }{
	token.LSS: {"less", "<=", ">="}, token.LEQ: {"atMost", "<", ">"}, token.GTR: {"more", ">=", "<="}, token.GEQ: {"atLeast", ">", "<"},
}

// expression writes the mutants of an expression that is no constant.
func (r *rewriter) expression(e ast.Expr) {
	if r.forced[e] {
		r.covered[e] = true
		r.wrap(e, r.put(e.Pos(), "if "+r.text(e), "false"), "(!mutant__is(%d) && (", "))")
		if _, loop := r.parents[len(r.parents)-1].(*ast.ForStmt); !loop { // it would have no end
			r.wrap(e, r.put(e.Pos(), "if "+r.text(e), "true"), "(mutant__is(%d) || (", "))")
		}
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		r.covered[e.X] = r.covered[e]
	case *ast.UnaryExpr:
		if e.Op == token.NOT && !r.covered[e] {
			r.wrap(e, r.put(e.Pos(), r.text(e), r.text(e.X)), "(mutant__is(%d) != ", ")")
		}
	case *ast.BinaryExpr:
		r.binary(e)
	case *ast.SliceExpr:
		r.bound(e, e.Low, "+", "1")
		r.bound(e, e.High, "-", "-1")
	case *ast.CallExpr:
		r.call(e)
	}
}

func (r *rewriter) binary(e *ast.BinaryExpr) {
	x, y := r.text(e.X), r.text(e.Y)
	switch {
	case e.Op == token.LAND:
		r.operand(e.X, "(mutant__is(%d) || (", r.text(e), y)
		r.operand(e.Y, "(mutant__is(%d) || (", r.text(e), x)
	case e.Op == token.LOR:
		r.operand(e.X, "(!mutant__is(%d) && (", r.text(e), y)
		r.operand(e.Y, "(!mutant__is(%d) && (", r.text(e), x)
	case e.Op == token.EQL && !r.covered[e]:
		r.wrap(e, r.put(e.Pos(), r.text(e), x+" != "+y), "(mutant__is(%d) != (", "))")
	case e.Op == token.NEQ && !r.covered[e]:
		r.wrap(e, r.put(e.Pos(), r.text(e), x+" == "+y), "(mutant__is(%d) != (", "))")
	case ordered[e.Op].name != "":
		o, of := ordered[e.Op], e.X
		if r.info.Types[of].Value != nil {
			of = e.Y
		}
		if t, ok := r.typeName(r.info.Types[of].Type); ok {
			boundary, negation := r.put(e.Pos(), r.text(e), x+" "+o.boundary+" "+y), nobody
			if !r.covered[e] {
				negation = r.put(e.Pos(), r.text(e), x+" "+o.negation+" "+y)
			}
			r.operator(e, o.name+"["+t+"]", boundary, negation)
		}
	case arithmetic[e.Op].name != "" && r.isNumber(e):
		o := arithmetic[e.Op]
		t, ok := r.typeName(r.info.Types[e].Type)
		if e.Op == token.SHL || e.Op == token.SHR {
			u, known := r.typeName(r.info.Types[e.Y].Type)
			t, ok = t+", "+u, ok && known
		}
		if ok {
			r.operator(e, o.name+"["+t+"]", r.put(e.Pos(), r.text(e), x+" "+o.other+" "+y))
		}
	}
}

// operator makes a call of a binary expression.
func (r *rewriter) operator(e *ast.BinaryExpr, function string, ids ...int) {
	if ids[0] == 0 {
		return
	}
	s := "mutant__" + function + "("
	for _, id := range ids {
		s += strconv.Itoa(id) + ", "
	}
	r.edit(e.Pos(), 0, s, false)
	r.edit(e.OpPos, len(e.Op.String()), ",", false)
	r.edit(e.End(), 0, ")", true)
}

// operand forces one side of && or ||, so that only the other counts. A history that tells && from || tells
// it from one of the two.
func (r *rewriter) operand(e ast.Expr, before, old, new string) {
	r.wrap(e, r.put(e.Pos(), old, new), before, "))")
	r.covered[e] = true
}

// bound moves an end of a slice inwards by one.
func (r *rewriter) bound(e *ast.SliceExpr, end ast.Expr, sign, by string) {
	if end == nil || r.info.Types[end].Value != nil {
		return
	}
	if t, ok := r.typeName(r.info.Types[end].Type); ok {
		r.wrap(end, r.put(end.Pos(), r.text(e), r.text(end)+sign+"1"), "mutant__number["+t+"](%d, ", ", "+by+")")
	}
}

func (r *rewriter) call(e *ast.CallExpr) {
	name := r.text(e.Fun)
	var other string
	switch name {
	case "min", "max":
		other = map[string]string{"min": "max", "max": "min"}[name] + strings.TrimPrefix(r.text(e), name)
	case "cmp.Compare":
		other = name + "(" + r.text(e.Args[1]) + ", " + r.text(e.Args[0]) + ")"
	default:
		return
	}
	t, ok := r.typeName(r.info.Types[e.Args[0]].Type)
	if name != "cmp.Compare" {
		t, ok = r.typeName(r.info.Types[e].Type)
	}
	if !ok {
		return
	}
	if id := r.put(e.Pos(), r.text(e), other); id > 0 {
		to := map[string]string{"min": "mutant__min", "max": "mutant__max", "cmp.Compare": "mutant__compare"}[name]
		r.edit(e.Fun.Pos(), len(name), to+"["+t+"]", false)
		r.edit(e.Lparen+1, 0, strconv.Itoa(id)+", ", false)
	}
}

// constant writes the mutants of a constant expression: numbers move by one, words and bools change.
func (r *rewriter) constant(e ast.Expr, tv types.TypeAndValue) {
	parent := r.parents[len(r.parents)-1]
	t, ok := r.typeName(types.Default(tv.Type))
	if !ok || isCase(parent) {
		return
	}
	old, new := r.surroundings(e)
	switch x := unparen(e).(type) {
	case *ast.Ident:
		if tv.Value.Kind() == constant.Bool && (x.Name == "true" || x.Name == "false") {
			r.wrap(e, r.put(e.Pos(), old, new(strconv.FormatBool(x.Name == "false"))), "(mutant__is(%d) != ", ")")
		} else {
			r.named(e, tv, t)
		}
	case *ast.SelectorExpr:
		r.named(e, tv, t)
	case *ast.BasicLit, *ast.UnaryExpr:
		switch {
		case tv.Value.Kind() == constant.Int && r.isNumber(e):
			if v, exact := constant.Int64Val(tv.Value); exact {
				for _, by := range r.steps(e, parent) {
					id := r.put(e.Pos(), old, new(strconv.FormatInt(v+by, 10)))
					r.wrap(e, id, "mutant__number["+t+"](%d, ", fmt.Sprintf(", %d)", by))
				}
			}
		case tv.Value.Kind() == constant.String:
			r.wrap(e, r.put(e.Pos(), old, new(`another word`)), "mutant__word["+t+"](%d, ", ")")
		}
	}
}

// named makes another of a named constant of an enumeration, where it is a value and not compared.
func (r *rewriter) named(e ast.Expr, tv types.TypeAndValue, t string) {
	if _, ok := tv.Type.(*types.Named); !ok || tv.Value.Kind() != constant.Int {
		return
	}
	if _, compared := r.parents[len(r.parents)-1].(*ast.BinaryExpr); compared {
		return
	}
	old, new := r.surroundings(e)
	r.wrap(e, r.put(e.Pos(), old, new("the next after "+r.text(e))), "mutant__number["+t+"](%d, ", ", 1)")
}

func isCase(n ast.Node) bool {
	_, ok := n.(*ast.CaseClause)
	return ok
}

// steps are by how much a number is changed. Beside an ordering the mutant of the boundary is one of the
// two; equality with a neighbour is tried on one side. No index goes below 0: that is no slip that
// could stay.
func (r *rewriter) steps(e ast.Expr, parent ast.Node) []int64 {
	switch text := r.text(e); parent.(type) {
	case *ast.IndexExpr, *ast.SliceExpr:
		if text == "0" {
			return []int64{1}
		}
	case *ast.ReturnStmt: // of a comparison only the sign matters
		switch text {
		case "1":
			return []int64{-1}
		case "-1":
			return []int64{1}
		}
	}
	b, ok := parent.(*ast.BinaryExpr)
	if !ok {
		return []int64{1, -1}
	}
	up := b.Op == token.GTR || b.Op == token.LEQ // x > 3 is x >= 4: 3 goes up; x <= 3 as well, since x < 3 is x <= 2
	if b.X == e {
		up = b.Op == token.LSS || b.Op == token.GEQ
	}
	switch {
	case up || b.Op == token.EQL || b.Op == token.NEQ:
		return []int64{1}
	case ordered[b.Op].name != "":
		return []int64{-1}
	}
	return []int64{1, -1}
}

// surroundings shows a constant with what is around it, as far as that is short, and the same with
// another in its place.
func (r *rewriter) surroundings(e ast.Expr) (old string, new func(string) string) {
	around := ast.Node(e)
	for _, n := range slices.Backward(r.parents) {
		_, block := n.(*ast.BlockStmt)
		_, clause := n.(*ast.CaseClause)
		if block || clause || len(r.text(n)) > 60 || strings.Contains(r.text(n), "\n") {
			break
		}
		around = n
	}
	whole, from, to := r.text(around), r.offset(e.Pos())-r.offset(around.Pos()), r.offset(e.End())-r.offset(around.Pos())
	return whole, func(s string) string { return whole[:from] + s + whole[to:] }
}

func (r *rewriter) isNumber(e ast.Expr) bool {
	b, ok := r.info.Types[e].Type.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsInteger != 0
}

// typeName writes a type as the file at hand can, if it can.
func (r *rewriter) typeName(t types.Type) (name string, ok bool) {
	ok = true
	t = types.Default(t)
	name = types.TypeString(t, func(p *types.Package) string {
		if p == r.pkg {
			return ""
		}
		as, imported := r.imports[p.Path()]
		ok = ok && imported
		return cmp.Or(as, p.Name())
	})
	return name, ok && !strings.Contains(name, "untyped")
}
