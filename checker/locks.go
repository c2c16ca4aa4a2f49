package checker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/saros-sim/saros/checker/internal/valid"
)

// Grant is a lock or lease as it was given, in true time (ns). An acquisition of unknown outcome is none:
// to leave it out may hide a violation, and makes none.
type Grant struct {
	Lock         string
	Holder       int32  // the sequential client that asked
	Token        uint64 // for fencing; at least 1
	Call, Return int64  // of the acquisition, a closed interval
	From, Until  int64  // while the holder took itself for the holder, from Call at the earliest: half-open
}

// Access is a request to a resource that a lock guards.
type Access struct {
	Lock     string
	Holder   int32
	Token    uint64 // that it carried; at least 1
	At       int64  // true time (ns) when the resource decided
	Accepted bool
}

// LockHistory is all that was granted and decided. A grant's ID is its index; accesses are numbered on
// from there, in files and in reports.
type LockHistory struct {
	Grants   []Grant
	Accesses []Access
}

// CheckLocks judges, lock by lock, that tokens are unique and rise in real time, that no two holders
// overlap, and that no resource accepts a token below the highest it accepted at an earlier instant
// (Kleppmann, "How to do distributed locking", 2016). It is an error if h is malformed. A lock with one
// grant and one accepted access says nothing.
func CheckLocks(h *LockHistory) (Report, error) {
	if err := h.Validate(); err != nil {
		return Report{}, err
	}
	names := h.names()
	grants := byLock(len(h.Grants), names, func(i int32) string { return h.Grants[i].Lock })
	accesses := byLock(len(h.Accesses), names, func(i int32) string { return h.Accesses[i].Lock })
	judged := 0
	for n := range grants {
		accepted := slices.DeleteFunc(accesses[n], func(i int32) bool { return !h.Accesses[i].Accepted })
		for _, r := range [...]Report{h.repeated(grants[n]), h.falling(grants[n]), h.overlapping(grants[n]), h.late(accepted)} {
			if r.Verdict == Invalid {
				return r, nil
			}
		}
		judged += max(0, len(grants[n])-1) + max(0, len(accepted)-1)
	}
	return passed(judged, "locks"), nil
}

// names numbers the locks in sorted order.
func (h *LockHistory) names() map[string]int32 {
	names := map[string]int32{}
	for i := range h.Grants {
		names[h.Grants[i].Lock] = 0
	}
	for i := range h.Accesses {
		names[h.Accesses[i].Lock] = 0
	}
	for n, name := range slices.Sorted(maps.Keys(names)) {
		names[name] = int32(n)
	}
	return names
}

// byLock lists the records of each lock, in the order in which they stand.
func byLock(n int, names map[string]int32, lock func(i int32) string) [][]int32 {
	number := make([]int32, n)
	count := make([]int, len(names))
	for i := range number {
		number[i] = names[lock(int32(i))]
		count[number[i]]++
	}
	flat, from := make([]int32, n), 0
	lists := make([][]int32, len(names))
	for l, c := range count {
		lists[l] = flat[from : from : from+c]
		from += c
	}
	for i, l := range number {
		lists[l] = append(lists[l], int32(i)) // into flat: the room was counted
	}
	return lists
}

// at is a record and the number that orders it.
type at struct {
	at int64
	i  int32
}

// ordered sorts records by a number and then by ID.
func ordered(list []int32, by func(i int32) int64) []at {
	out := make([]at, len(list))
	for n, i := range list {
		out[n] = at{by(i), i}
	}
	slices.SortFunc(out, func(a, b at) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.i, b.i)) })
	return out
}

func (h *LockHistory) repeated(grants []int32) Report {
	by := ordered(grants, func(i int32) int64 { return ordinal(h.Grants[i].Token) })
	for n := 1; n < len(by); n++ {
		if i, j := by[n-1].i, by[n].i; by[n-1].at == by[n].at {
			return h.asked("locks/token-repeated", i, j, fmt.Sprintf("Grants #%d and #%d carry one token, %d.", i, j, h.Grants[i].Token))
		}
	}
	return Report{}
}

// falling sweeps the calls against the highest token returned before.
func (h *LockHistory) falling(grants []int32) Report {
	returns := ordered(grants, func(i int32) int64 { return h.Grants[i].Return })
	top, next := int32(-1), 0
	for _, c := range ordered(grants, func(i int32) int64 { return h.Grants[i].Call }) {
		for ; returns[next].at < c.at; next++ {
			if r := returns[next].i; top < 0 || h.Grants[r].Token > h.Grants[top].Token {
				top = r
			}
		}
		if top < 0 || h.Grants[top].Token < h.Grants[c.i].Token {
			continue
		}
		a, b := &h.Grants[top], &h.Grants[c.i]
		return h.asked("locks/token-falls", top, c.i, fmt.Sprintf(
			"Grant #%d returned at %d, before #%d was asked for at %d, yet its token %d is not below %d.",
			top, a.Return, c.i, b.Call, a.Token, b.Token))
	}
	return Report{}
}

// overlapping sweeps the intervals by start. Of those so far, of which no two of different holders overlap,
// only the one with the latest end can matter: another that reaches as far as this start overlaps that one.
func (h *LockHistory) overlapping(grants []int32) Report {
	last := int32(-1)
	for _, f := range ordered(grants, func(i int32) int64 { return h.Grants[i].From }) {
		g := &h.Grants[f.i]
		if g.From == g.Until {
			continue // held for no time at all
		}
		if last >= 0 && h.Grants[last].Holder != g.Holder && h.Grants[last].Until > g.From {
			a := &h.Grants[last]
			return h.grants("locks/overlap", last, f.i, func(g *Grant) (int64, int64) { return g.From, g.Until }, fmt.Sprintf(
				"Holder %d held the lock until %d (#%d), and holder %d from %d (#%d).", a.Holder, a.Until, last, g.Holder, g.From, f.i))
		}
		if last < 0 || g.Until > h.Grants[last].Until {
			last = f.i
		}
	}
	return Report{}
}

// late sweeps the accepted accesses; those of one instant do not order each other.
func (h *LockHistory) late(accepted []int32) Report {
	by := ordered(accepted, func(i int32) int64 { return h.Accesses[i].At })
	top, next := int32(-1), 0
	for _, x := range by {
		for ; by[next].at < x.at; next++ {
			if i := by[next].i; top < 0 || h.Accesses[i].Token > h.Accesses[top].Token {
				top = i
			}
		}
		if top < 0 || h.Accesses[x.i].Token >= h.Accesses[top].Token {
			continue
		}
		a, b := &h.Accesses[top], &h.Accesses[x.i]
		n := len(h.Grants)
		return conflict("locks/fencing", fmt.Sprintf("lock %+q", a.Lock),
			[]string{a.line(), b.line()}, []row{a.row(n + int(top)), b.row(n + int(x.i))}, fmt.Sprintf(
				"The resource accepted token %d at %d (#%d), and later, at %d, the lower token %d (#%d).",
				a.Token, a.At, n+int(top), b.At, b.Token, n+int(x.i))).about(a.Lock)
	}
	return Report{}
}

func (r Report) about(key string) Report {
	r.Key = key
	return r
}

func (h *LockHistory) asked(class string, i, j int32, why string) Report {
	return h.grants(class, i, j, func(g *Grant) (int64, int64) { return g.Call, g.Return }, why)
}

// grants reports two grants, drawn as the intervals that contradict each other.
func (h *LockHistory) grants(class string, i, j int32, drawn func(*Grant) (int64, int64), why string) Report {
	var lines []string
	var rows []row
	for _, n := range [...]int32{i, j} {
		g := &h.Grants[n]
		from, to := drawn(g)
		lines = append(lines, g.line())
		rows = append(rows, row{int(n), g.Holder, from, to, false, fmt.Sprintf("token %d", g.Token)})
	}
	return conflict(class, fmt.Sprintf("lock %+q", h.Grants[i].Lock), lines, rows, why).about(h.Grants[i].Lock)
}

func (g *Grant) line() string {
	return fmt.Sprintf("holder %-3d token %d asked [%d, %d] held [%d, %d)", g.Holder, g.Token, g.Call, g.Return, g.From, g.Until)
}

func (a *Access) line() string {
	return fmt.Sprintf("holder %-3d token %d at %d %s", a.Holder, a.Token, a.At, a.answer())
}

func (a *Access) answer() string {
	if a.Accepted {
		return "accepted"
	}
	return "refused"
}

func (a *Access) row(id int) row {
	return row{id, a.Holder, a.At, a.At, false, fmt.Sprintf("token %d %s", a.Token, a.answer())}
}

// Validate returns an error that names the first malformed record, or nil.
func (h *LockHistory) Validate() error {
	for i := range h.Grants {
		if err := h.Grants[i].validate(); err != nil {
			return fmt.Errorf("checker: record %d: %w", i, err)
		}
	}
	for i := range h.Accesses {
		if err := h.Accesses[i].validate(); err != nil {
			return fmt.Errorf("checker: record %d: %w", len(h.Grants)+i, err)
		}
	}
	if id, err := h.sequential(); err != nil {
		return fmt.Errorf("checker: record %d: %w", id, err)
	}
	return nil
}

// sequential returns the grant, if there is one, that its holder asked for while it waited for another.
func (h *LockHistory) sequential() (id int, err error) {
	return sequential(len(h.Grants), func(i int) valid.Call {
		g := &h.Grants[i]
		return valid.Call{Session: g.Holder, Call: g.Call, End: g.Return}
	})
}

func (g *Grant) validate() error {
	switch {
	case g.Token == 0:
		return fmt.Errorf("a grant without a token")
	case g.Call < 0 || g.Return < g.Call || g.Return > maxTime:
		return fmt.Errorf("called at %d, returned at %d, outside [0, %d]", g.Call, g.Return, int64(maxTime))
	case g.From < g.Call || g.Until < g.From || g.Until > maxTime:
		return fmt.Errorf("called at %d, held from %d until %d, outside [call, %d]", g.Call, g.From, g.Until, int64(maxTime))
	}
	return valid.Key(g.Lock)
}

func (a *Access) validate() error {
	switch {
	case a.Token == 0:
		return fmt.Errorf("an access without a token")
	case a.At < 0 || a.At > maxTime:
		return fmt.Errorf("at %d, outside [0, %d]", a.At, int64(maxTime))
	}
	return valid.Key(a.Lock)
}

const lockSchema = "saros/locks/v1"

type jsonGrant struct {
	Type   string `json:"type"`
	ID     int    `json:"id"`
	Lock   string `json:"lock"`
	Holder int32  `json:"holder"`
	Token  uint64 `json:"token"`
	Call   int64  `json:"call"`
	Return int64  `json:"return"`
	From   int64  `json:"from"`
	Until  int64  `json:"until"`
}

type jsonAccess struct {
	Type     string `json:"type"`
	ID       int    `json:"id"`
	Lock     string `json:"lock"`
	Holder   int32  `json:"holder"`
	Token    uint64 `json:"token"`
	At       int64  `json:"at"`
	Accepted bool   `json:"accepted"`
}

// WriteLocks writes h as JSON Lines: a header, the grants, the accesses.
//
//	{"schema":"saros/locks/v1"}
//	{"type":"grant","id":0,"lock":"l","holder":1,"token":1,"call":0,"return":5,"from":5,"until":10}
//	{"type":"access","id":1,"lock":"l","holder":1,"token":1,"at":7,"accepted":true}
//
// Every field is always there, in this order. A malformed history is refused before the first byte.
func WriteLocks(w io.Writer, h *LockHistory) error {
	if err := h.Validate(); err != nil {
		return err
	}
	return writeRecords(w, lockSchema, len(h.Grants)+len(h.Accesses), h.record)
}

func (h *LockHistory) record(i int) any {
	if i < len(h.Grants) {
		g := &h.Grants[i]
		return jsonGrant{"grant", i, g.Lock, g.Holder, g.Token, g.Call, g.Return, g.From, g.Until}
	}
	a := &h.Accesses[i-len(h.Grants)]
	return jsonAccess{"access", i, a.Lock, a.Holder, a.Token, a.At, a.Accepted}
}

// ReadLocks reads what WriteLocks wrote, and only that, byte for byte. An error names the line.
func ReadLocks(r io.Reader) (*LockHistory, error) {
	h := &LockHistory{}
	if err := readRecords(r, lockSchema, maxOperations, h.take); err != nil {
		return nil, err
	}
	if id, err := h.sequential(); err != nil {
		return nil, fmt.Errorf("line %d: %w", lineOf(id), err)
	}
	return h, nil
}

func (h *LockHistory) take(line []byte) (any, error) {
	kind, err := typeOf(line)
	if err != nil {
		return nil, err
	}
	next := len(h.Grants) + len(h.Accesses)
	switch kind {
	case "grant":
		var g jsonGrant
		if err := json.Unmarshal(line, &g); err != nil {
			return nil, err
		}
		if len(h.Accesses) > 0 {
			return nil, fmt.Errorf("a grant behind an access")
		}
		h.Grants = append(h.Grants, Grant{g.Lock, g.Holder, g.Token, g.Call, g.Return, g.From, g.Until})
		err = h.Grants[next].validate()
	case "access":
		var a jsonAccess
		if err := json.Unmarshal(line, &a); err != nil {
			return nil, err
		}
		h.Accesses = append(h.Accesses, Access{a.Lock, a.Holder, a.Token, a.At, a.Accepted})
		err = h.Accesses[next-len(h.Grants)].validate()
	default:
		return nil, fmt.Errorf("unknown type %q", kind)
	}
	return h.record(next), err
}
