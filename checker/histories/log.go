// Package histories reads what other tools recorded: Jepsen's histories in EDN, and the logs that
// Porcupine is tested with.
//
//	{:process 0, :type :invoke, :f :cas, :value [1 2], :time 17, :index 0}
//	{:process 0, :type :invoke, :f :append, :key "7", :value "x"}
//	INFO  jepsen.util - 0	:invoke	:write	3
//
// A process is a session. :ok, :fail and :info are outcomes as in package checker. Processes that are no
// number (:nemesis) are left out. Where there is no :time the position in the file is the time, so that
// none are equal. A key is given by :key, or by values that are pairs [key value], as Jepsen's
// independent does. What :contains, :try-add and :try-remove reply is true or false. Values are integers, or words: strings and keywords, which are numbered from
// FirstWord on, above any integer that is read.
//
// A compare and swap that a jepsen.util line calls :fail was refused by the comparison, as Porcupine's
// tests take it; in EDN :fail means, as Jepsen says, that it did not happen.
//
// Transactions are a log of their own kind: see ReadTransactions.
package histories

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/checker/internal/valid"
)

const (
	maxBytes = 1 << 30 // and with them the operations
	// FirstWord is the number of the first word.
	FirstWord = 1 << 62
)

// Log is a recorded history: its calls, in the order of invocation.
type Log struct {
	Calls []checker.Call[checker.Input, checker.Output]
	Words []string // of the numbers from FirstWord on
	verbs [checker.Contains + 1]bool
}

// Read reads a history in EDN, or jepsen.util lines. An error names the line.
func Read(r io.Reader) (*Log, error) {
	text, err := readAll(r, maxBytes)
	if err != nil {
		return nil, err
	}
	b := builder{log: &Log{}, words: map[string]int64{}, open: map[int32]int{}}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("INFO")) {
		return b.log, b.lines(text)
	}
	return b.log, events(string(text), b.add)
}

func readAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("longer than %d bytes", limit)
	case !utf8.Valid(text):
		return nil, fmt.Errorf("not UTF-8")
	}
	return text, nil
}

// builder makes calls of events.
type builder struct {
	log   *Log
	words map[string]int64
	open  map[int32]int // process → its open call
	count int64         // events
	timed bool          // they have times
	pairs bool          // values are [key value]
	now   int64
}

func (b *builder) lines(text []byte) error {
	n := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		rest, ok := strings.CutPrefix(line, "INFO")
		_, rest, found := strings.Cut(rest, "jepsen.util - ")
		if !ok || !found {
			return fmt.Errorf("line %d: no line of jepsen.util: %.40q", n, line)
		}
		p := parser{rest: rest}
		var e event
		for _, to := range []*value{&e.process, &e.typ, &e.f, &e.value} {
			v, err := p.form()
			if err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			*to = v
		}
		if p.space(); p.rest != "" {
			return fmt.Errorf("line %d: want its end, got %.20q", n, p.rest)
		}
		if e.f.text == "cas" && e.typ.text == "fail" && e.value.kind == kVector {
			e.typ.text, e.refused = "ok", true
		}
		if err := b.add(e); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

// events reads maps one after another, or one vector of them, in EDN.
func events(text string, add func(event) error) error {
	p := parser{rest: text}
	at := func() int { return 1 + strings.Count(text[:len(text)-len(p.rest)], "\n") }
	p.space()
	end := ""
	if strings.HasPrefix(p.rest, "[") || strings.HasPrefix(p.rest, "(") {
		end = map[byte]string{'[': "]", '(': ")"}[p.rest[0]]
		p.rest = p.rest[1:]
	}
	for {
		p.space()
		if p.rest == "" && end == "" {
			return nil
		}
		if end != "" && strings.HasPrefix(p.rest, end) {
			p.rest = p.rest[1:]
			if p.space(); p.rest != "" {
				return fmt.Errorf("line %d: want the end, got %.20q", at(), p.rest)
			}
			return nil
		}
		before := p
		v, err := p.form()
		if err != nil {
			return fmt.Errorf("line %d: %w", at(), err)
		}
		e, err := eventOf(v)
		if err == nil {
			err = add(e)
		}
		if err != nil {
			p = before
			return fmt.Errorf("line %d: %w", at(), err)
		}
	}
}

// event is an invocation or what came of it.
type event struct {
	process, typ, f, value, key, time value
	keyed, timed, refused             bool
}

func eventOf(v value) (e event, err error) {
	if v.kind != kMap {
		return e, fmt.Errorf("an event is a map")
	}
	has := map[string]bool{}
	for i := 0; i < len(v.items); i += 2 {
		name := v.items[i]
		if name.kind != kKeyword {
			continue
		}
		if has[name.text] {
			return e, fmt.Errorf(":%s stands twice", name.text)
		}
		has[name.text] = true
		to := map[string]*value{"process": &e.process, "type": &e.typ, "f": &e.f, "value": &e.value, "key": &e.key, "time": &e.time}[name.text]
		if to != nil {
			*to = v.items[i+1]
		}
	}
	for _, name := range []string{"process", "type", "f"} {
		if !has[name] {
			return e, fmt.Errorf(":%s is missing", name)
		}
	}
	e.keyed, e.timed = has["key"], has["time"]
	return e, nil
}

//saros:constant the names other tools have for a verb
var verbs = map[string]checker.Verb{
	"read": checker.Read, "get": checker.Read, "write": checker.Write, "put": checker.Write, "cas": checker.Swap,
	"append": checker.Append, "add": checker.Add, "remove": checker.Remove,
	"enqueue": checker.Insert, "push": checker.Insert, "insert": checker.Insert,
	"dequeue": checker.Take, "pop": checker.Take, "take": checker.Take,
	"acquire": checker.Acquire, "release": checker.Release,
	"try-add": checker.TryAdd, "try-remove": checker.TryRemove, "contains": checker.Contains,
}

// clock is when an event happened.
func (b *builder) clock(e event) (at int64, err error) {
	b.count++
	at = b.count
	if e.timed {
		at = e.time.n
	}
	switch {
	case b.count > 1 && e.timed != b.timed:
		return 0, fmt.Errorf("some events have a :time and some have none")
	case e.timed && e.time.kind != kInt, at < b.now, at > 100*365*24*3600*1e9:
		return 0, fmt.Errorf("time goes back from %d, or is no time", b.now)
	}
	b.timed, b.now = e.timed, at
	return at, nil
}

func (b *builder) add(e event) error {
	at, err := b.clock(e)
	if err != nil {
		return err
	}
	if e.process.kind != kInt {
		return nil // the nemesis
	}
	if e.process.n < 0 || e.process.n > math.MaxInt32 || e.typ.kind != kKeyword || e.f.kind != kKeyword {
		return fmt.Errorf("malformed event")
	}
	verb, known := verbs[e.f.text]
	if !known {
		return fmt.Errorf("unknown operation :%s", e.f.text)
	}
	session := int32(e.process.n)
	if e.typ.text == "invoke" {
		return b.invoke(session, verb, e, at)
	}
	return b.settle(session, verb, e, at)
}

func (b *builder) invoke(session int32, verb checker.Verb, e event, at int64) error {
	if _, busy := b.open[session]; busy {
		return fmt.Errorf("process %d invokes while an operation of its is open", session)
	}
	pair := e.value.kind == kVector && len(e.value.items) == 2 && !e.keyed &&
		(verb != checker.Swap || e.value.items[1].kind == kVector)
	if len(b.log.Calls) > 0 && pair != b.pairs {
		return fmt.Errorf("some values are pairs of a key and a value and some are not")
	}
	b.pairs = pair
	in := checker.Input{Do: verb}
	asked, err := b.keyed(e, &in.Key)
	if err != nil {
		return err
	}
	switch verb {
	case checker.Swap:
		if asked.kind != kVector || len(asked.items) != 2 {
			return fmt.Errorf("the value of :cas is [old new]")
		}
		if in.Old, err = b.number(asked.items[0]); err == nil {
			in.Value, err = b.number(asked.items[1])
		}
	case checker.Write, checker.Append, checker.Add, checker.Remove, checker.Insert,
		checker.TryAdd, checker.TryRemove, checker.Contains:
		in.Text = asked.text
		in.Value, err = b.number(asked)
	}
	if err != nil {
		return err
	}
	b.open[session] = len(b.log.Calls)
	b.log.verbs[verb] = true
	b.log.Calls = append(b.log.Calls, checker.Call[checker.Input, checker.Output]{Session: session, Input: in, Call: at})
	return nil
}

func (b *builder) settle(session int32, verb checker.Verb, e event, at int64) error {
	i, busy := b.open[session]
	if !busy || b.log.Calls[i].Input.Do != verb {
		return fmt.Errorf("process %d has no such operation open", session)
	}
	delete(b.open, session)
	c := &b.log.Calls[i]
	c.Return = at
	switch e.typ.text {
	case "fail":
		c.Outcome = checker.Fail
		return nil
	case "info":
		c.Outcome = checker.Info
		return nil
	case "ok":
		c.Outcome = checker.Ok
	default:
		return fmt.Errorf("unknown :type :%s", e.typ.text)
	}
	key := ""
	said, err := b.keyed(e, &key)
	if err != nil || key != c.Input.Key {
		return fmt.Errorf("the reply is about another key, or about none")
	}
	switch {
	case verb == checker.Swap:
		c.Output.Found = !e.refused
	case verb >= checker.TryAdd:
		if said.kind != kBool {
			return fmt.Errorf("the reply to :%s is true or false", verb)
		}
		c.Output.Found = said.text == "true"
	case verb != checker.Read && verb != checker.Take || said.kind == kNil:
	case said.kind == kVector || said.kind == kSet:
		c.Output.Found, c.Output.Values = true, []int64{}
		for _, item := range said.items {
			n, err := b.number(item)
			if err != nil {
				return err
			}
			c.Output.Values = append(c.Output.Values, n)
		}
		if !b.log.verbs[checker.Append] { // of a set; a list has its order
			slices.Sort(c.Output.Values)
		}
	default:
		c.Output.Found, c.Output.Text = true, said.text
		c.Output.Value, err = b.number(said)
	}
	return err
}

// keyed takes the key off an event and returns the rest of its value.
func (b *builder) keyed(e event, key *string) (value, error) {
	v, k := e.value, e.key
	if b.pairs {
		if v.kind != kVector || len(v.items) != 2 {
			return v, fmt.Errorf("want a pair of a key and a value")
		}
		k, v = v.items[0], v.items[1]
	}
	switch k.kind {
	case kNil:
	case kInt:
		*key = strconv.FormatInt(k.n, 10)
	case kString, kKeyword:
		*key = k.text
		return v, valid.Key(k.text)
	default:
		return v, fmt.Errorf("a key is a word or an integer")
	}
	return v, nil
}

func (b *builder) number(v value) (int64, error) {
	switch v.kind {
	case kInt:
		if v.n >= FirstWord {
			return 0, fmt.Errorf("%d is not below %d", v.n, int64(FirstWord))
		}
		return v.n, nil
	case kString, kKeyword:
		n, known := b.words[v.text]
		if !known {
			n = FirstWord + int64(len(b.log.Words))
			b.words[v.text] = n
			b.log.Words = append(b.log.Words, v.text)
		}
		return n, nil
	}
	return 0, fmt.Errorf("a value is an integer or a word")
}

// Only returns an error that names the first kind of operation that is none of verbs.
func (l *Log) Only(verbs ...checker.Verb) error {
	for v, used := range l.verbs {
		if used && !slices.Contains(verbs, checker.Verb(v)) {
			return fmt.Errorf("the history has operations %s, which the model has not", checker.Verb(v))
		}
	}
	return nil
}

// CheckRegister judges reads, writes and compare and swap. What a refused swap saw is not recorded: it
// is left out at first, and where the rest is valid, judged by search.
func (l *Log) CheckRegister(b checker.Budget) checker.Report {
	h, refused := l.history()
	r := checker.CheckLinearizable(h, b)
	if !refused || r.Verdict == checker.Invalid {
		return r
	}
	searched := checker.RegisterModel().Check(l.Calls, b)
	searched.Steps += r.Steps
	return searched
}

// RegisterHTML draws the core of an invalid report of CheckRegister.
func (l *Log) RegisterHTML(w io.Writer, r checker.Report) error {
	return checker.RegisterModel().WriteHTML(w, l.Calls, r)
}

func (l *Log) history() (h *checker.History, refused bool) {
	h = &checker.History{Operations: make([]checker.Operation, len(l.Calls))}
	kinds := map[checker.Verb]checker.Kind{checker.Read: checker.Get, checker.Write: checker.Put, checker.Swap: checker.CAS}
	for i, c := range l.Calls {
		op := checker.Operation{ID: i, Session: c.Session, Key: c.Input.Key, Kind: kinds[c.Input.Do], Old: c.Input.Old,
			Arg: c.Input.Value, Outcome: c.Outcome, Call: c.Call, Return: c.Return}
		switch {
		case c.Outcome != checker.Ok:
		case op.Kind == checker.Get:
			op.Result, op.Found = c.Output.Value, c.Output.Found
		case op.Kind == checker.CAS:
			if op.Swapped = c.Output.Found; !op.Swapped {
				op.Outcome, refused = checker.Fail, true
			}
		}
		h.Operations[i] = op
	}
	return h, refused
}

// Say puts the words in the place of their numbers in the text of a report.
func (l *Log) Say(text string) string {
	for i := len(l.Words) - 1; i >= 0; i-- {
		n := strconv.FormatInt(FirstWord+int64(i), 10)
		if strings.Contains(text, n) {
			text = strings.ReplaceAll(text, n, strconv.Quote(l.Words[i]))
		}
	}
	return text
}
