package faults

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of what DecodeStrict reads.
const maxDepth = 32

// DecodeStrict reads one JSON value of at most limit bytes into what into points to.
// encoding/json lets too much pass for a file that decides what happens in a run
// (the last of two equal keys wins, "Seed" and "seed" are the same, what is unknown
// is left out), so that two readers may see two runs. Here
//
//   - every key must be a field, in its very case, once; and every field without
//     omitempty must be there;
//   - numbers are integers that fit their field; no fractions, no exponents;
//   - null is allowed for a pointer, a slice or a map, and means nil;
//   - nothing but white space may follow, and all text is valid Unicode.
//
// It reads into structs, pointers, slices, maps with string keys, strings, integers
// and bools, and into a json.Unmarshaler or encoding.TextUnmarshaler that is written
// as a string; it panics at any other type. On an error, into is undefined. The error is one line.
func DecodeStrict(data []byte, into any, limit int) error {
	if len(data) > limit {
		return fmt.Errorf("%d bytes or more; the limit is %d", len(data), limit)
	}
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("faults: DecodeStrict into %T, which is no pointer", into))
	}
	d := decoder{data: data}
	if !utf8.Valid(data) {
		for i := 0; i < len(data); {
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				d.pos = i
				break
			}
			i += n
		}
		return d.fail("byte %#02x is not valid UTF-8", data[d.pos])
	}
	if err := d.value(v.Elem()); err != nil {
		return err
	}
	if d.peek() != 0 || d.pos < len(d.data) {
		d.path = d.path[:0]
		return d.fail("something follows the end: %s", d.glimpse())
	}
	return nil
}

// decoder is a recursive reader driven by the type that it fills: it recurses no
// deeper than the type does, whatever the input nests.
type decoder struct {
	data   []byte
	pos    int
	path   []step
	fields map[reflect.Type][]field
}

// step of a path: a field, or a position in a list.
type step struct {
	name  string
	index int
}

type field struct {
	name     string
	index    int
	required bool
}

// fail makes an error that says where.
func (d *decoder) fail(format string, args ...any) error {
	var b strings.Builder
	line := 1
	for _, c := range d.data[:min(d.pos, len(d.data))] {
		if c == '\n' {
			line++
		}
	}
	fmt.Fprintf(&b, "line %d: ", line)
	for i, s := range d.path {
		switch {
		case s.name == "":
			fmt.Fprintf(&b, "[%d]", s.index)
		case i > 0:
			b.WriteByte('.')
			fallthrough
		default:
			b.WriteString(s.name)
		}
	}
	if len(d.path) > 0 {
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, format, args...)
	return errors.New(b.String())
}

// peek skips white space and returns the next byte; 0 at the end.
func (d *decoder) peek() byte {
	for d.pos < len(d.data) {
		switch c := d.data[d.pos]; c {
		case ' ', '\t', '\r', '\n':
			d.pos++
		default:
			return c
		}
	}
	return 0
}

// glimpse is the next few bytes, quoted for a person.
func (d *decoder) glimpse() string {
	if d.pos >= len(d.data) {
		return "the end of the input"
	}
	rest := d.data[d.pos:]
	for i, c := range rest {
		if i > 0 && strings.IndexByte(" \t\r\n,:{}[]", c) >= 0 {
			rest = rest[:i]
			break
		}
	}
	return quote(string(rest))
}

// quote quotes what came from outside: escaped, and not too long.
func quote(s string) string {
	const most = 40
	if len(s) <= most {
		return strconv.QuoteToASCII(s)
	}
	return strconv.QuoteToASCII(s[:most]) + "..."
}

// eat takes c if it comes next.
func (d *decoder) eat(c byte) bool {
	if d.peek() != c {
		return false
	}
	d.pos++
	return true
}

func (d *decoder) value(v reflect.Value) error {
	if len(d.path) > maxDepth {
		return d.fail("nested deeper than %d", maxDepth)
	}
	d.peek()
	switch u := v.Addr().Interface().(type) {
	case json.Unmarshaler:
		start := d.pos
		if _, err := d.text("a string"); err != nil {
			return err
		}
		if err := u.UnmarshalJSON(d.data[start:d.pos]); err != nil {
			return d.fail("%v", err)
		}
		return nil
	case encoding.TextUnmarshaler:
		s, err := d.text("a string")
		if err != nil {
			return err
		}
		if err := u.UnmarshalText([]byte(s)); err != nil {
			return d.fail("%v", err)
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		if d.null() {
			v.SetZero()
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(v.Elem())
	case reflect.Struct:
		return d.object(v)
	case reflect.Slice:
		return d.list(v)
	case reflect.Map:
		return d.table(v)
	case reflect.String:
		s, err := d.text("a string")
		if err == nil {
			v.SetString(s)
		}
		return err
	case reflect.Bool:
		for _, word := range [...]string{"false", "true"} {
			if d.word(word) {
				v.SetBool(word == "true")
				return nil
			}
		}
		return d.fail("%s is neither true nor false", d.glimpse())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		lit, err := d.integer()
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(lit, 10, v.Type().Bits())
		if err != nil {
			return d.fail("%s does not fit in %d bits, signed", short(lit), v.Type().Bits())
		}
		v.SetInt(n)
		return nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		lit, err := d.integer()
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(lit, 10, v.Type().Bits())
		if err != nil {
			return d.fail("%s is not in 0..%d", short(lit), uint64(math.MaxUint64)>>(64-v.Type().Bits()))
		}
		v.SetUint(n)
		return nil
	}
	panic(fmt.Sprintf("faults: DecodeStrict into a %v", v.Type()))
}

// word takes w if it comes next, as a whole.
func (d *decoder) word(w string) bool {
	if !strings.HasPrefix(string(d.data[d.pos:min(d.pos+len(w), len(d.data))]), w) {
		return false
	}
	d.pos += len(w)
	return true
}

func (d *decoder) null() bool { return d.peek() == 'n' && d.word("null") }

// object reads into the fields of a struct.
func (d *decoder) object(v reflect.Value) error {
	if !d.eat('{') {
		return d.fail("%s is not an object", d.glimpse())
	}
	fields := d.fieldsOf(v.Type())
	var seen uint64
	err := d.members(func(key string) error {
		for i := range fields {
			f := &fields[i]
			if f.name != key {
				continue
			}
			if seen&(1<<i) != 0 {
				return d.fail("the key comes twice")
			}
			seen |= 1 << i
			return d.value(v.Field(f.index))
		}
		for i := range fields {
			if strings.EqualFold(fields[i].name, key) {
				return d.fail("there is no such key; did you mean %q?", fields[i].name)
			}
		}
		return d.fail("there is no such key")
	})
	if err != nil {
		return err
	}
	for i := range fields {
		if fields[i].required && seen&(1<<i) == 0 {
			return d.fail("%s: missing", fields[i].name)
		}
	}
	return nil
}

// members reads what follows a '{', up to the '}'. member reads one value; while it
// does, the path ends in the key.
func (d *decoder) members(member func(key string) error) error {
	if d.eat('}') {
		return nil
	}
	for {
		d.peek()
		key, err := d.text("a key")
		if err != nil {
			return err
		}
		d.path = append(d.path, step{name: printable(key)})
		if !d.eat(':') {
			return d.fail("%s follows the key instead of \":\"", d.glimpse())
		}
		if err := member(key); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
		switch {
		case d.eat(','):
		case d.eat('}'):
			return nil
		default:
			return d.fail("%s instead of \",\" or \"}\"", d.glimpse())
		}
	}
}

// printable is a key as it may be shown in a path.
func printable(key string) string {
	for i := range len(key) {
		c := key[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return quote(key)
		}
	}
	if key == "" || len(key) > 40 {
		return quote(key)
	}
	return key
}

func (d *decoder) list(v reflect.Value) error {
	v.SetZero()
	if d.null() {
		return nil
	}
	if !d.eat('[') {
		return d.fail("%s is not a list", d.glimpse())
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	if d.eat(']') {
		return nil
	}
	n := 0
	for {
		if n == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(n + 1)
		d.path = append(d.path, step{index: n})
		if err := d.value(v.Index(n)); err != nil {
			return err
		}
		d.path = d.path[:len(d.path)-1]
		n++
		switch {
		case d.eat(','):
		case d.eat(']'):
			return nil
		default:
			return d.fail("%s instead of \",\" or \"]\"", d.glimpse())
		}
	}
}

// table reads into a map.
func (d *decoder) table(v reflect.Value) error {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		panic(fmt.Sprintf("faults: DecodeStrict into a %v", t))
	}
	v.SetZero()
	if d.null() {
		return nil
	}
	if !d.eat('{') {
		return d.fail("%s is not an object", d.glimpse())
	}
	v.Set(reflect.MakeMap(t))
	return d.members(func(key string) error {
		k := reflect.ValueOf(key).Convert(t.Key())
		if v.MapIndex(k).IsValid() {
			return d.fail("the key comes twice")
		}
		e := reflect.New(t.Elem()).Elem()
		if err := d.value(e); err != nil {
			return err
		}
		v.SetMapIndex(k, e)
		return nil
	})
}

// integer takes a number that is an integer, as JSON writes it.
func (d *decoder) integer() (string, error) {
	at := d.pos
	if at < len(d.data) && d.data[at] == '-' {
		at++
	}
	digits := at
	for at < len(d.data) && d.data[at] >= '0' && d.data[at] <= '9' {
		at++
	}
	ends := at == len(d.data) || strings.IndexByte(" \t\r\n,:{}[]", d.data[at]) >= 0
	if at == digits || at > digits+1 && d.data[digits] == '0' || !ends {
		return "", d.fail("%s is not an integer", d.glimpse())
	}
	lit := string(d.data[d.pos:at])
	if len(lit) > 20 {
		return "", d.fail("%s does not fit in 64 bits", short(lit))
	}
	d.pos = at
	return lit, nil
}

func short(digits string) string {
	if len(digits) > 40 {
		return digits[:40] + "..."
	}
	return digits
}

// text takes a string.
func (d *decoder) text(what string) (string, error) {
	start := d.pos
	if start >= len(d.data) || d.data[start] != '"' {
		return "", d.fail("%s is not %s", d.glimpse(), what)
	}
	plain := true
	for at := start + 1; at < len(d.data); at++ {
		switch c := d.data[at]; {
		case c == '"':
			d.pos = at + 1
			raw := d.data[start+1 : at]
			if plain {
				return string(raw), nil
			}
			s, bad := unescape(raw)
			if bad != "" {
				d.pos = start
				return "", d.fail("%s is no character", quote(bad))
			}
			return s, nil
		case c == '\\':
			plain = false
			at++
		case c < ' ':
			d.pos = at
			return "", d.fail("byte %#02x inside %s", c, what)
		}
	}
	return "", d.fail("%s does not end", what)
}

// unescape resolves the escapes of a JSON string; bad is the first that is none.
func unescape(raw []byte) (s, bad string) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		if k := strings.IndexByte(from, raw[i]); k >= 0 {
			out = append(out, to[k])
			continue
		}
		r, ok := hex4(raw[i:])
		if !ok {
			return "", string(raw[i-1 : min(i+5, len(raw))])
		}
		if utf16.IsSurrogate(r) {
			var low rune
			if i+6 < len(raw) && raw[i+5] == '\\' {
				low, _ = hex4(raw[i+6:])
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return "", string(raw[i-1 : i+5])
			}
			i += 6
		}
		i += 4
		out = utf8.AppendRune(out, r)
	}
	return string(out), ""
}

// hex4 reads "u1f9f".
func hex4(b []byte) (rune, bool) {
	if len(b) < 5 || b[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[1:5]), 16, 16)
	return rune(n), err == nil
}

// fieldsOf lists the fields of a struct, read from their tags once a decoder.
func (d *decoder) fieldsOf(t reflect.Type) []field {
	if have, ok := d.fields[t]; ok {
		return have
	}
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case name == "" || f.Anonymous || !f.IsExported():
			panic(fmt.Sprintf("faults: DecodeStrict into %v: field %s has no json name", t, f.Name))
		}
		fields = append(fields, field{name, i, !strings.Contains(rest, "omitempty") && !strings.Contains(rest, "omitzero")})
	}
	if len(fields) > 64 {
		panic(fmt.Sprintf("faults: DecodeStrict into %v, which has %d fields; the limit is 64", t, len(fields)))
	}
	if d.fields == nil {
		d.fields = make(map[reflect.Type][]field)
	}
	d.fields[t] = fields
	return fields
}
