package scenarios

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/faults"
	"github.com/saros-sim/saros/sim"
)

// FailureSchema names the format of a failure file.
const FailureSchema = "saros/failure/v1"

// Limits of a failure file. What passes them is refused by name.
const (
	MaxFailureBytes = 8 << 20
	MaxMarks        = 1_000_000                  // events that are marked
	MaxHeal         = sim.Time(60 * time.Minute) // of a plan: a run is as long as that, and its bound
	maxDetailBytes  = 64 << 10
	maxWordBytes    = 200
)

// Failure is a failed run as a file: all that it takes to see it again, and what was
// seen. The program that reads it may be another one: the failure is known by its
// fingerprint, the run by its trace hash.
type Failure struct {
	Schema      string      `json:"schema"`
	Scenario    string      `json:"scenario"`
	Params      Params      `json:"params"`
	Mutant      string      `json:"mutant"` // "": the correct system
	Seed        Seed        `json:"seed"`
	Plan        faults.Plan `json:"plan"`
	Violation   Violated    `json:"violation"`
	Fingerprint string      `json:"fingerprint"`
	TraceHash   Hash        `json:"trace_hash"`
	Events      uint64      `json:"events"`
	Version     string      `json:"version"` // of the program that wrote it
	Marks       Marks       `json:"marks"`   // of all events up to MaxMarks, or none
}

// Violated is a Violation as a file has it.
type Violated struct {
	Check  string `json:"check"`
	Class  string `json:"class"`
	Detail string `json:"detail"`
	At     int64  `json:"at_ns"`
	Event  uint64 `json:"event"`
}

// Seed is a seed as people and files write it: hexadecimal with 0x, or decimal.
type Seed uint64

// ParseSeed reads a seed.
func ParseSeed(s string) (Seed, error) {
	digits, base := s, 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return 0, fmt.Errorf("\"%s\" is no seed: 64 bits, as 0x1f or 31", printable(s))
	}
	return Seed(n), nil
}

func (s Seed) String() string { return "0x" + strconv.FormatUint(uint64(s), 16) }

// MarshalText implements encoding.TextMarshaler.
func (s Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Seed) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSeed(string(text))
	return err
}

// Hash is the digest of a whole run, 16 hexadecimal digits.
type Hash sim.Digest

func (h Hash) String() string { return sim.Digest(h).String() }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil || Hash(n).String() != string(text) {
		return fmt.Errorf("\"%s\" is no hash: 16 lower-case hexadecimal digits", printable(string(text)))
	}
	*h = Hash(n)
	return nil
}

// Marks are the low 16 bits of the running digest after every event, two bytes each,
// at most MaxMarks of them: enough to name the first event in which two runs differ.
type Marks []byte

// MarshalText implements encoding.TextMarshaler.
func (m Marks) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, m), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Marks) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.Strict().DecodeString(string(text))
	switch {
	case err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(text):
		return fmt.Errorf("%d bytes that are no base64", len(text))
	case len(b)%2 != 0:
		return fmt.Errorf("%d bytes; a mark has two", len(b))
	case len(b) > 2*MaxMarks:
		return fmt.Errorf("%d marks; the limit is %d", len(b)/2, MaxMarks)
	}
	if *m = b; len(b) == 0 {
		*m = nil
	}
	return nil
}

// Len is the number of events marked.
func (m Marks) Len() int { return len(m) / 2 }

// At is the mark of an event, counted from 1, which must be there.
func (m Marks) At(event uint64) uint16 {
	return uint16(m[2*event-2])<<8 | uint16(m[2*event-1])
}

// Encode renders the failure as JSON, keys in a fixed order, one fault a line.
func (f *Failure) Encode() []byte {
	b := []byte("{")
	field := func(name string, value []byte) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "\n  %q: %s", name, value)
	}
	plan := bytes.ReplaceAll(bytes.TrimSpace(f.Plan.Encode()), []byte("\n"), []byte("\n  "))
	field("schema", compact(FailureSchema))
	field("scenario", compact(f.Scenario))
	field("params", compact(f.Params))
	field("mutant", compact(f.Mutant))
	field("seed", compact(f.Seed))
	field("plan", plan)
	field("violation", compact(f.Violation))
	field("fingerprint", compact(f.Fingerprint))
	field("trace_hash", compact(f.TraceHash))
	field("events", compact(f.Events))
	field("version", compact(f.Version))
	field("marks", compact(f.Marks))
	return append(b, "\n}\n"...)
}

// compact is v as JSON on one line, "<" and ">" left as they are.
func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("scenarios: a failure cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// DecodeFailure reads a failure file, strictly: what is wrong with it in any way is an
// error of one line that names the field, its value and what is allowed. Whatever it
// returns can be run.
func DecodeFailure(data []byte) (Failure, error) {
	var f Failure
	if err := faults.DecodeStrict(data, &f, MaxFailureBytes); err != nil {
		return Failure{}, err
	}
	if f.Schema != FailureSchema {
		return Failure{}, fmt.Errorf("schema: \"%s\" is not %q", printable(f.Schema), FailureSchema)
	}
	r, err := f.Runner()
	if err != nil {
		return Failure{}, err
	}
	f.Params = r.Params
	if f.Plan.Schema == "" {
		return Failure{}, fmt.Errorf("plan: schema: %q is not %q", "", faults.Schema)
	}
	if err := r.Accepts(f.Plan); err != nil {
		return Failure{}, err
	}
	tidy(&f.Plan)
	if err := f.check(); err != nil {
		return Failure{}, err
	}
	return f, nil
}

// check looks at what was seen.
func (f *Failure) check() error {
	v := &f.Violation
	for _, word := range [...]struct{ field, value string }{
		{"violation.check", v.Check}, {"violation.class", v.Class}, {"version", f.Version},
	} {
		if len(word.value) > maxWordBytes || strings.ContainsFunc(word.value, func(c rune) bool { return c < ' ' || c > '~' }) {
			return fmt.Errorf("%s: \"%s\" is not up to %d printable ASCII characters", word.field, printable(word.value), maxWordBytes)
		}
	}
	switch want := (Violation{Check: v.Check, Class: v.Class}).Fingerprint(); {
	case len(v.Detail) > maxDetailBytes:
		return fmt.Errorf("violation.detail: %d bytes; the limit is %d", len(v.Detail), maxDetailBytes)
	case v.At < 0 || v.At > faults.MaxTime:
		return fmt.Errorf("violation.at_ns: %d is not in 0..%d", v.At, faults.MaxTime)
	case v.Event > f.Events:
		return fmt.Errorf("violation.event: %d, but the run had %d events", v.Event, f.Events)
	case f.Marks.Len() != 0 && uint64(f.Marks.Len()) != min(f.Events, MaxMarks):
		return fmt.Errorf("marks: %d of them, but the run had %d events", f.Marks.Len(), f.Events)
	case f.Fingerprint != want:
		return fmt.Errorf("fingerprint: \"%s\", but that of the violation is %q", printable(f.Fingerprint), want)
	}
	return nil
}

// Runner makes a Runner of the failure's scenario, mutant and parameters.
func (f *Failure) Runner() (*Runner, error) {
	s, err := Find(f.Scenario)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	r, err := NewRunner(s, f.Mutant, f.Params)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Accepts tells whether a plan that came from somewhere can be run.
func (r *Runner) Accepts(p faults.Plan) error {
	if err := r.CheckPlan(p); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if p.Heal > int64(MaxHeal) {
		return fmt.Errorf("plan: heal_at_ns: %d is more than %d (%v), the longest that is run", p.Heal, int64(MaxHeal), MaxHeal)
	}
	return nil
}

// tidy makes empty lists nil, as a plan that was drawn has them.
func tidy(p *faults.Plan) {
	if len(p.Faults) == 0 {
		p.Faults = nil
	}
	for i := range p.Faults {
		f := &p.Faults[i]
		if len(f.From) == 0 {
			f.From = nil
		}
		if len(f.To) == 0 {
			f.To = nil
		}
	}
}

// Capture makes the failure file of a run that violated something and had the trace
// hash want. It runs it again, twice: once as it was, and once from the file. An error
// is a *Nondeterminism, a fault of the simulator.
func Capture(r *Runner, o Options, want sim.Digest, version string) (Failure, error) {
	again := r.Run(o)
	fault := &Nondeterminism{Scenario: r.Scenario.Name, Seed: Seed(o.Seed), First: want, Second: again.TraceHash}
	if again.TraceHash != want {
		_, before := r.RunMarked(o)
		_, after := r.RunMarked(o)
		fault.Event = before.Differ(after)
		return Failure{}, fault
	}
	if again.Verdict != checker.Invalid {
		fault.Note = fmt.Sprintf("one violated something, the other is %v", again.Verdict)
		return Failure{}, fault
	}
	v := again.Violations[0]
	f := Failure{
		Schema: FailureSchema, Scenario: r.Scenario.Name, Params: r.Params, Seed: Seed(o.Seed), Plan: again.Plan,
		Violation: Violated{v.Check, v.Class, strings.ToValidUTF8(v.Detail, "?"), int64(v.At), v.Event},
		TraceHash: Hash(want), Events: again.Events, Version: version, Fingerprint: v.Fingerprint(),
	}
	if r.Mutant != nil {
		f.Mutant = r.Mutant.Name
	}
	if len(f.Violation.Detail) > maxDetailBytes {
		f.Violation.Detail = strings.ToValidUTF8(f.Violation.Detail[:maxDetailBytes-3], "") + "..."
	}
	decoded, err := DecodeFailure(f.Encode())
	if err != nil {
		panic(fmt.Sprintf("scenarios: the failure file of %s@%v cannot be read: %v", f.Scenario, f.Seed, err))
	}
	o.Plan = &decoded.Plan
	replayed, marks := r.RunMarked(o)
	if replayed.TraceHash != want || replayed.Fingerprint() != f.Fingerprint {
		fault.Second = replayed.TraceHash
		fault.Note = fmt.Sprintf("from its failure file it is %v %s, not %s", replayed.Verdict, replayed.Fingerprint(), f.Fingerprint)
		return Failure{}, fault
	}
	f.Marks = marks
	return f, nil
}

// Fingerprint is that of the first violation; "" when nothing was violated.
func (r *Result) Fingerprint() string {
	if len(r.Violations) == 0 {
		return ""
	}
	return r.Violations[0].Fingerprint()
}
