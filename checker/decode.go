package checker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	maxLineBytes  = 1 << 20
	maxOperations = 10_000_000
)

// ReadHistory reads what WriteHistory wrote. It is strict, for a history that two readers understand
// differently gives two verdicts: encoding/json alone would keep the last of duplicate keys, match
// names in any case, ignore unknown ones and repair broken UTF-8. Fields may come in any order, with
// white space between. An error names the line. Ids may come in any order too, but must in the end be
// 0 to n-1.
func ReadHistory(r io.Reader) (*History, error) {
	d := decoder{position: map[int]int{}, open: map[int32]int{}}
	n, err := eachLine(r, func(n int, line []byte) error { return d.line(n, bytes.TrimSuffix(line, []byte("\n"))) })
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("line 1: no header")
	}
	h, err := d.history()
	if err != nil {
		return nil, fmt.Errorf("line %d: at the end: %w", n, err)
	}
	return h, nil
}

// A field of a line. The names are those of the file, exactly.
type field uint

const (
	fType field = iota
	fID
	fAt
	fSession
	fKind
	fKey
	fOld
	fArg
	fResult
	fFound
	fSwapped
	fVersion
	fCommitTS
	fSchema
)

//saros:constant names
var fieldNames = []string{"type", "id", "at", "session", "kind", "key", "old", "arg", "result", "found",
	"swapped", "version", "commit_ts", "schema"}

// Sets of fields, as bits: what a line of each type holds, no more and no less.
const (
	headerFields = 1 << fSchema
	closeFields  = 1<<fType | 1<<fID | 1<<fAt
	invokeFields = closeFields | 1<<fSession | 1<<fKind | 1<<fKey | 1<<fOld | 1<<fArg
	okFields     = closeFields | 1<<fResult | 1<<fFound | 1<<fSwapped | 1<<fVersion
	optional     = 1 << fCommitTS // on a line of type ok; stands there only if it is not 0
)

// record is one line, decoded.
type record struct {
	has          uint // set of fields
	schema, kind string
	typ          string
	at           int64
	op           Operation
}

type decoder struct {
	ops      []Operation
	position map[int]int   // id → index in ops
	open     map[int32]int // session → id of the operation it waits for
	now      int64
}

func (d *decoder) line(n int, line []byte) error {
	rec, err := parseRecord(line)
	if err != nil {
		return err
	}
	if n == 1 {
		if err := rec.want(headerFields, "header"); err != nil {
			return err
		}
		if rec.schema != schema {
			return fmt.Errorf("schema %q, want %q", rec.schema, schema)
		}
		return nil
	}
	if rec.has&(1<<fType) == 0 {
		return errors.New(`field "type" is missing`)
	}
	if rec.at < d.now {
		return fmt.Errorf("time goes back from %d to %d", d.now, rec.at)
	}
	d.now = rec.at
	switch rec.typ {
	case "invoke":
		return d.onInvoke(&rec)
	case "ok":
		return d.onClose(&rec, Ok, okFields|rec.has&optional)
	case "fail":
		return d.onClose(&rec, Fail, closeFields)
	case "info":
		return d.onClose(&rec, Info, closeFields)
	}
	return fmt.Errorf("unknown type %q", rec.typ)
}

func (d *decoder) onInvoke(rec *record) error {
	if err := rec.want(invokeFields, rec.typ); err != nil {
		return err
	}
	op := rec.op
	op.Call = rec.at
	kind := slices.Index(kindNames[:], rec.kind)
	if kind < 0 {
		return fmt.Errorf("unknown kind %q", rec.kind)
	}
	op.Kind = Kind(kind)
	if op.ID < 0 || op.ID >= maxOperations {
		return fmt.Errorf("id %d, the limit is %d operations", op.ID, maxOperations)
	}
	if _, taken := d.position[op.ID]; taken {
		return fmt.Errorf("id %d is invoked twice", op.ID)
	}
	if other, busy := d.open[op.Session]; busy {
		return fmt.Errorf("session %d invokes %d while %d is open", op.Session, op.ID, other)
	}
	if err := op.validate(op.ID); err != nil {
		return err
	}
	d.position[op.ID] = len(d.ops)
	d.open[op.Session] = op.ID
	d.ops = append(d.ops, op)
	return nil
}

func (d *decoder) onClose(rec *record, outcome Outcome, fields uint) error {
	if err := rec.want(fields, rec.typ); err != nil {
		return err
	}
	i, known := d.position[rec.op.ID]
	if !known {
		return fmt.Errorf("%s of id %d, which was not invoked", rec.typ, rec.op.ID)
	}
	op := &d.ops[i]
	if op.Outcome != Pending {
		return fmt.Errorf("%s of id %d, which is %s already", rec.typ, op.ID, op.Outcome)
	}
	op.Outcome, op.Return = outcome, rec.at
	op.Result, op.Found, op.Swapped = rec.op.Result, rec.op.Found, rec.op.Swapped
	op.Version, op.CommitTS = rec.op.Version, rec.op.CommitTS
	if rec.has&(1<<fCommitTS) != 0 && op.CommitTS == 0 {
		return errors.New(`field "commit_ts" is 0: none is said by leaving it out`)
	}
	delete(d.open, op.Session)
	return op.validate(op.ID)
}

// history puts the operations where their ids say.
func (d *decoder) history() (*History, error) {
	h := &History{Operations: make([]Operation, len(d.ops))}
	for _, op := range d.ops {
		if op.ID >= len(d.ops) {
			return nil, fmt.Errorf("id %d among %d operations: ids must be 0 to n-1", op.ID, len(d.ops))
		}
		h.Operations[op.ID] = op
	}
	return h, nil
}

func (rec *record) want(fields uint, typ string) error {
	for f, name := range fieldNames {
		switch bit := uint(1) << f; {
		case rec.has&bit == 0 && fields&bit != 0:
			return fmt.Errorf("field %q of %s is missing", name, typ)
		case rec.has&bit != 0 && fields&bit == 0:
			return fmt.Errorf("field %q does not belong to %s", name, typ)
		}
	}
	return nil
}

// parseRecord reads one flat JSON object of strings, integers and booleans.
func parseRecord(line []byte) (record, error) {
	var rec record
	if !utf8.Valid(line) {
		return rec, errors.New("not UTF-8")
	}
	s := scanner{rest: line}
	if !s.take('{') {
		return rec, s.unexpected(`"{"`)
	}
	for {
		name, err := s.text()
		if err != nil {
			return rec, err
		}
		f := slices.Index(fieldNames, name)
		switch {
		case f < 0:
			return rec, fmt.Errorf("unknown field %q", name)
		case rec.has&(1<<f) != 0:
			return rec, fmt.Errorf("field %q stands twice", name)
		case !s.take(':'):
			return rec, s.unexpected(`":"`)
		}
		rec.has |= 1 << f
		if err := rec.set(field(f), &s); err != nil {
			return rec, fmt.Errorf("field %q: %w", name, err)
		}
		if s.take(',') {
			continue
		}
		if !s.take('}') {
			return rec, s.unexpected(`"," or "}"`)
		}
		if s.space(); len(s.rest) > 0 {
			return rec, s.unexpected("the end of the line")
		}
		return rec, nil
	}
}

func (rec *record) set(f field, s *scanner) (err error) {
	var n int64
	switch f {
	case fType:
		rec.typ, err = s.text()
	case fSchema:
		rec.schema, err = s.text()
	case fKind:
		rec.kind, err = s.text()
	case fKey:
		rec.op.Key, err = s.text()
	case fFound:
		rec.op.Found, err = s.truth()
	case fSwapped:
		rec.op.Swapped, err = s.truth()
	case fVersion:
		rec.op.Version, err = strconv.ParseUint(s.number(), 10, 64)
	case fSession:
		n, err = strconv.ParseInt(s.number(), 10, 32)
		rec.op.Session = int32(n)
	case fID:
		n, err = strconv.ParseInt(s.number(), 10, 32)
		rec.op.ID = int(n)
	case fAt:
		rec.at, err = strconv.ParseInt(s.number(), 10, 64)
	case fOld:
		rec.op.Old, err = strconv.ParseInt(s.number(), 10, 64)
	case fArg:
		rec.op.Arg, err = strconv.ParseInt(s.number(), 10, 64)
	case fCommitTS:
		rec.op.CommitTS, err = strconv.ParseInt(s.number(), 10, 64)
	case fResult:
		rec.op.Result, err = strconv.ParseInt(s.number(), 10, 64)
	}
	return err
}

// scanner takes JSON tokens off the front of a line.
type scanner struct {
	rest []byte
}

func (s *scanner) space() { s.rest = bytes.TrimLeft(s.rest, " \t\r") }

func (s *scanner) take(c byte) bool {
	if s.space(); len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) unexpected(want string) error {
	if len(s.rest) == 0 {
		return fmt.Errorf("want %s, got the end of the line", want)
	}
	return fmt.Errorf("want %s, got %.20q", want, s.rest)
}

func (s *scanner) text() (string, error) {
	s.space()
	if len(s.rest) == 0 || s.rest[0] != '"' {
		return "", s.unexpected("a string")
	}
	escaped := false
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			return "", s.unexpected("a string without control characters")
		case c == '"':
			token := s.rest[:i+1]
			s.rest = s.rest[i+1:]
			if !escaped {
				return string(token[1:i]), nil
			}
			var text string
			err := json.Unmarshal(token, &text)
			return text, err
		}
	}
	return "", s.unexpected("a closed string")
}

// number takes the characters of a number and leaves their meaning to strconv, save that JSON knows
// neither a plus nor leading zeros, and that one number has one spelling here: no -0.
func (s *scanner) number() string {
	s.space()
	i := 0
	for i < len(s.rest) && bytes.IndexByte([]byte("+-.eE0123456789"), s.rest[i]) >= 0 {
		i++
	}
	token := string(s.rest[:i])
	s.rest = s.rest[i:]
	digits := token
	if len(digits) > 1 && digits[0] == '-' {
		digits = digits[1:]
	}
	if token == "-0" || len(token) > 0 && token[0] == '+' || len(digits) > 1 && digits[0] == '0' {
		return token + " (not JSON)" // no integer: strconv refuses it and quotes it
	}
	return token
}

func (s *scanner) truth() (bool, error) {
	s.space()
	for _, v := range [...]bool{false, true} {
		if rest, ok := bytes.CutPrefix(s.rest, strconv.AppendBool(nil, v)); ok {
			s.rest = rest
			return v, nil
		}
	}
	return false, s.unexpected("true or false")
}
