package histories

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type kind uint8

const (
	kNil kind = iota
	kBool
	kInt
	kString
	kKeyword
	kSymbol // and numbers that are no int64: nothing here computes with them
	kVector // and lists
	kSet
	kMap // items are key, value, key, value …
)

// value is one EDN form (github.com/edn-format/edn), tag left out.
type value struct {
	kind  kind
	n     int64
	text  string
	items []value
}

const maxDepth = 32

// parser takes forms off the front of a text. It allocates in proportion to what it has read.
type parser struct {
	rest  string
	depth int
}

// space skips white space, commas and comments.
func (p *parser) space() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n,")
		if !strings.HasPrefix(p.rest, ";") {
			return
		}
		_, p.rest, _ = strings.Cut(p.rest, "\n")
	}
}

func (p *parser) form() (value, error) {
	p.space()
	if p.rest == "" {
		return value{}, fmt.Errorf("want a form, got the end")
	}
	if p.depth++; p.depth > maxDepth {
		return value{}, fmt.Errorf("forms are nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	switch c := p.rest[0]; c {
	case '"':
		return p.quoted()
	case '[':
		return p.list(kVector, 1, ']')
	case '(':
		return p.list(kVector, 1, ')')
	case '{':
		v, err := p.list(kMap, 1, '}')
		if err == nil && len(v.items)%2 != 0 {
			err = fmt.Errorf("a map with a key and no value")
		}
		return v, err
	case '#':
		return p.dispatch()
	}
	return p.atom()
}

// dispatch reads a set, or the form behind a tag or behind what is to be left out.
func (p *parser) dispatch() (value, error) {
	if strings.HasPrefix(p.rest, "#{") {
		return p.list(kSet, 2, '}')
	}
	discard := strings.HasPrefix(p.rest, "#_")
	if p.rest = p.rest[1:]; discard {
		p.rest = p.rest[1:]
		if _, err := p.form(); err != nil {
			return value{}, err
		}
	} else if tag := p.token(); tag == "" {
		return value{}, fmt.Errorf("# without a tag")
	}
	return p.form()
}

func (p *parser) list(k kind, skip int, end byte) (value, error) {
	v := value{kind: k}
	p.rest = p.rest[skip:]
	for {
		if p.space(); p.rest == "" {
			return v, fmt.Errorf("want %q, got the end", end)
		}
		if p.rest[0] == end {
			p.rest = p.rest[1:]
			return v, nil
		}
		item, err := p.form()
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
	}
}

func (p *parser) quoted() (value, error) {
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case '"':
			text, err := strconv.Unquote(strings.ReplaceAll(p.rest[:i+1], "\n", `\n`))
			if err != nil || !utf8.ValidString(text) {
				return value{}, fmt.Errorf("malformed string %.40q", p.rest[:i+1])
			}
			p.rest = p.rest[i+1:]
			return value{kind: kString, text: text}, nil
		}
	}
	return value{}, fmt.Errorf("a string without an end: %.20q", p.rest)
}

func (p *parser) token() string {
	i := strings.IndexAny(p.rest, " \t\r\n,;\"()[]{}")
	if i < 0 {
		i = len(p.rest)
	}
	t := p.rest[:i]
	p.rest = p.rest[i:]
	return t
}

func (p *parser) atom() (value, error) {
	switch t := p.token(); {
	case t == "":
		return value{}, fmt.Errorf("want a form, got %.20q", p.rest)
	case t == "nil":
		return value{}, nil
	case t == "true" || t == "false":
		return value{kind: kBool, text: t}, nil
	case t[0] == ':' && len(t) > 1:
		return value{kind: kKeyword, text: t[1:]}, nil
	default:
		if n, err := strconv.ParseInt(strings.TrimSuffix(t, "N"), 10, 64); err == nil {
			return value{kind: kInt, n: n}, nil
		}
		return value{kind: kSymbol, text: t}, nil
	}
}
