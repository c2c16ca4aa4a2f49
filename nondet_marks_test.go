package saros_test

import (
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A mark is a comment //saros:word reason: it excuses its own line, and if it stands
// alone, the line of code below it.
type mark struct {
	pos          token.Position
	word, reason string
	used         bool
}

type lineOf struct {
	file string
	line int
	word string
}

type marks struct {
	all       []*mark
	at        map[lineOf]*mark
	constants map[types.Object]bool // package variables that are marked as constant
}

// markWords are the marks there are.
var markWords = []string{"constant", "float", "unordered"}

func readMarks(s *source) marks {
	m := marks{at: map[lineOf]*mark{}, constants: map[types.Object]bool{}}
	for _, file := range s.files {
		for _, group := range file.Comments {
			for _, c := range group.List {
				text, ok := strings.CutPrefix(c.Text, "//saros:")
				if !ok {
					continue
				}
				word, reason, _ := strings.Cut(text, " ")
				reason, _, _ = strings.Cut(reason, "//")
				pos := s.fset.Position(c.Pos())
				k := &mark{pos: pos, word: word, reason: strings.TrimSpace(reason)}
				m.all = append(m.all, k)
				m.at[lineOf{pos.Filename, pos.Line, word}] = k
				if alone(s.texts[pos.Filename], pos) {
					m.at[lineOf{pos.Filename, s.fset.Position(group.End()).Line + 1, word}] = k
				}
			}
		}
	}
	return m
}

// alone reports whether nothing but space stands before a comment on its line.
func alone(text []byte, pos token.Position) bool {
	return strings.TrimSpace(string(text[pos.Offset-pos.Column+1:pos.Offset])) == ""
}

// excuse looks for a mark with a reason, and uses it.
func (m marks) excuse(word string, pos token.Position) bool {
	k := m.at[lineOf{pos.Filename, pos.Line, word}]
	if k == nil {
		return false
	}
	k.used = true
	return k.reason != ""
}

// leftovers are the marks that are no excuse: without a reason, without a meaning,
// or with nothing to excuse.
func (m marks) leftovers() []finding {
	var found []finding
	for _, k := range m.all {
		what := "//saros:" + k.word
		switch {
		case !slices.Contains(markWords, k.word):
			found = append(found, finding{k.pos, what, "there is no such mark: " + strings.Join(markWords, ", ")})
		case k.reason == "":
			found = append(found, finding{k.pos, what, "a mark needs its reason on the same line"})
		case !k.used:
			found = append(found, finding{k.pos, what, "it excuses nothing: delete it"})
		}
	}
	return found
}
