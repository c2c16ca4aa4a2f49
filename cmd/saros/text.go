package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/sim"
)

// safe escapes whatever a terminal might obey: all that does not print, but for new
// lines and tabs.
func safe(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r) || r == '\n' || r == '\t':
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// short is the first line of text that has something on it, at most n characters.
func short(s string, n int) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	r := []rune(line(s))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-3]) + "..."
}

// indent puts every line of text behind a margin.
func indent(s, margin string) string {
	s = safe(strings.TrimRight(s, "\n"))
	return margin + strings.ReplaceAll(s, "\n", "\n"+margin) + "\n"
}

// count renders a number with its thousands apart.
func count[T int | int64 | uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// several is a count with its noun.
func several[T int | int64 | uint64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// duration renders virtual time to the millisecond.
func duration(t sim.Time) string { return time.Duration(t).Round(time.Millisecond).String() }

// quoteArg makes a word that a shell takes as one.
func quoteArg(s string) string {
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-=@:,+%", r) {
			return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
	}
	switch {
	case s == "":
		return "''"
	case s[0] == '-':
		return "./" + s // no flag
	}
	return s
}

// encode is v as one line of JSON.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("a result of type %T cannot be encoded: %v", v, err))
	}
	return b.Bytes()
}

// print writes a line of the result.
func (a *app) print(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// emit writes an object of the result.
func (a *app) emit(v any) { a.out.Write(encode(v)) }

// planJSON is a plan on one line.
func planJSON(p faults.Plan) json.RawMessage {
	var b bytes.Buffer
	if err := json.Compact(&b, p.Encode()); err != nil {
		panic("a plan cannot be encoded: " + err.Error())
	}
	return b.Bytes()
}

// traceLine is a line of a trace, schema saros/trace/v1.
type traceLine struct {
	Event       uint64 `json:"event"`
	At          int64  `json:"at_ns"`
	Type        string `json:"type"`
	Node        string `json:"node"`
	From        string `json:"from"`
	Kind        string `json:"kind"`
	Reason      string `json:"reason"`
	Timer       string `json:"timer"`
	Op          string `json:"op"`
	Bytes       int64  `json:"bytes"`
	Failed      int64  `json:"failed"`
	Incarnation int64  `json:"incarnation"`
	Fault       string `json:"fault"`
	Phase       string `json:"phase"`
	Point       string `json:"point"`
	Pipe        int64  `json:"pipe"`
	What        string `json:"what"`
	Arg         int64  `json:"arg"`
	Digest      string `json:"digest"`
}

// readable is a line of a trace for people.
func readable(object []byte) string {
	var l traceLine
	if err := json.Unmarshal(object, &l); err != nil {
		panic(fmt.Sprintf("a line of a trace is no JSON: %v: %s", err, object))
	}
	var what string
	switch l.Type {
	case "deliver", "duplicate":
		what = fmt.Sprintf("%s %s from %s, %d bytes", l.Type, l.Kind, l.From, l.Bytes)
	case "lost":
		what = fmt.Sprintf("lost %s from %s: %s", l.Kind, l.From, l.Reason)
	case "timer":
		what = "timer " + l.Timer
	case "io":
		what = fmt.Sprintf("disk %s, %d bytes", l.Op, l.Bytes)
	case "done":
		what = fmt.Sprintf("disk %s done", l.Op)
		if l.Failed != 0 {
			what = fmt.Sprintf("disk %s failed", l.Op)
		}
	case "boot":
		what = fmt.Sprintf("boot, incarnation %d", l.Incarnation)
	case "cut", "mend":
		what = fmt.Sprintf("%s link from %s", l.Type, l.From)
	case "disturb":
		what = fmt.Sprintf("disturb link from %s, %s %d", l.From, l.What, l.Arg)
	case "disk":
		what = fmt.Sprintf("disk fault %s %s", l.Fault, l.Phase)
	case "cut_pipe", "mend_pipe":
		what = fmt.Sprintf("%s %d", l.Type, l.Pipe)
	case "buggify":
		what = "buggify " + l.Point
	default:
		what = l.Type
	}
	return fmt.Sprintf("%8d  %-14v %-9s %s", l.Event, time.Duration(l.At).Round(time.Microsecond), l.Node, what)
}
