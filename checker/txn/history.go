package txn

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/checker/internal/valid"
)

// Kind is what an operation asks of its key.
type Kind uint8

const (
	Append       Kind = iota // adds Value at the end of the list
	ReadList                 // List is the whole list
	Write                    // sets the register; Version is what the reply named
	ReadRegister             // Value and Version found; version 0 is a missing key
)

//saros:constant names
var kindNames = [...]string{"append", "read-list", "write", "read-register"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Operation is one step of a transaction. List, Version and the value of a read are zero unless the
// transaction is Ok.
type Operation struct {
	Kind    Kind
	Key     string
	Value   int64
	Version uint64
	List    []int64
}

// Transaction is a sequence of operations that a session asked to take effect at once. Call and Return
// are virtual ns, a closed interval; Return is 0 while Pending, and of an Info it bounds nothing.
type Transaction struct {
	ID           int // index in History.Transactions
	Session      int32
	Call, Return int64
	Outcome      checker.Outcome
	Operations   []Operation
}

// History is what all clients of a run saw.
type History struct{ Transactions []Transaction }

const (
	schema       = "saros/transactions/v1"
	maxLineBytes = 1 << 24 // a list of a million elements
)

// Validate returns an error that names the first malformed transaction and operation, or nil.
func (h *History) Validate() error {
	_, err := h.columns()
	return err
}

// table numbers keys in the order of their first use, and knows which of them are lists.
type table struct {
	number map[string]int32
	keys   []string
	list   []bool
}

// columns are the operations of a valid history, one after another.
type columns struct {
	table
	key           []int32 // by operation
	writes, reads int     // of whatever outcome
}

// columns validates h and numbers its keys, in one pass.
func (h *History) columns() (*columns, error) {
	operations := 0
	for i := range h.Transactions {
		operations += len(h.Transactions[i].Operations)
	}
	c := &columns{table: table{number: map[string]int32{}}, key: make([]int32, 0, operations)}
	for i := range h.Transactions {
		if err := c.add(i, &h.Transactions[i]); err != nil {
			return nil, fmt.Errorf("txn: transaction %d: %w", i, err)
		}
	}
	if i, err := h.sessions(); err != nil {
		return nil, fmt.Errorf("txn: transaction %d: %w", i, err)
	}
	return c, nil
}

func (c *columns) add(index int, t *Transaction) error {
	if err := t.validate(index); err != nil {
		return err
	}
	for i := range t.Operations {
		op := &t.Operations[i]
		if err := op.validate(t.Outcome); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
		k, known := c.number[op.Key]
		if !known {
			if err := valid.Key(op.Key); err != nil {
				return fmt.Errorf("operation %d: %w", i, err)
			}
			k = int32(len(c.keys))
			c.number[op.Key] = k
			c.keys, c.list = append(c.keys, op.Key), append(c.list, op.Kind <= ReadList)
		}
		if c.list[k] != (op.Kind <= ReadList) {
			return fmt.Errorf("operation %d: key %q is a list and a register", i, op.Key)
		}
		c.key = append(c.key, k)
		if op.Kind == Append || op.Kind == Write {
			c.writes++
		} else {
			c.reads++
		}
	}
	return nil
}

// sessions names a transaction that its session called while another was open.
func (h *History) sessions() (int, error) {
	i, open := valid.Sessions(len(h.Transactions), func(i int) valid.Call {
		t := &h.Transactions[i]
		return valid.Call{Session: t.Session, Call: t.Call, End: t.end()}
	})
	if i < 0 {
		return 0, nil
	}
	t := &h.Transactions[i]
	return i, fmt.Errorf("session %d calls it at %d while its transaction %d is open", t.Session, t.Call, open)
}

func (t *Transaction) end() int64 {
	if t.Outcome == checker.Pending {
		return math.MaxInt64
	}
	return t.Return
}

func (t *Transaction) validate(index int) error {
	switch {
	case t.ID != index:
		return fmt.Errorf("its ID is %d", t.ID)
	case t.Outcome > checker.Info:
		return fmt.Errorf("unknown %s", t.Outcome)
	}
	return valid.Interval(t.Call, t.Return, t.Outcome == checker.Pending)
}

func (op *Operation) validate(outcome checker.Outcome) error {
	write := op.Kind == Append || op.Kind == Write
	switch {
	case op.Kind > ReadRegister:
		return fmt.Errorf("unknown %s", op.Kind)
	case op.Kind != ReadList && len(op.List) > 0, op.Kind == ReadList && op.Value != 0, op.Kind <= ReadList && op.Version != 0:
		return fmt.Errorf("%s carries fields of another kind", op.Kind)
	case outcome != checker.Ok && (len(op.List) > 0 || op.Version != 0 || !write && op.Value != 0):
		return fmt.Errorf("%s, yet it carries a response", outcome)
	case outcome == checker.Ok && op.Kind == Write && op.Version == 0:
		return errors.New("a write that is ok has no version")
	case op.Kind == ReadRegister && op.Version == 0 && op.Value != 0:
		return fmt.Errorf("version 0 is a missing key, yet value %d", op.Value)
	}
	return nil
}

type jsonTransaction struct {
	ID         int             `json:"id"`
	Session    int32           `json:"session"`
	Call       int64           `json:"call"`
	Return     int64           `json:"return"`
	Outcome    string          `json:"outcome"`
	Operations []jsonOperation `json:"operations"`
}

type jsonOperation struct {
	Kind    string  `json:"kind"`
	Key     string  `json:"key"`
	Value   int64   `json:"value"`
	Version uint64  `json:"version"`
	List    []int64 `json:"list"`
}

// WriteHistory writes h as JSON Lines: a header, then one transaction a line, by ID.
//
//	{"schema":"saros/transactions/v1"}
//	{"id":0,"session":1,"call":0,"return":5,"outcome":"ok","operations":[{"kind":"append","key":"x","value":1,"version":0,"list":[]}]}
//
// Every field is always there, in this order. A malformed history is refused before the first byte.
func WriteHistory(w io.Writer, h *History) error {
	if err := h.Validate(); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	out.WriteString(`{"schema":"` + schema + "\"}\n") // bufio keeps the first error for Flush
	for i := range h.Transactions {
		line := encode(&h.Transactions[i])
		if len(line) >= maxLineBytes {
			return fmt.Errorf("txn: transaction %d: a line of %d bytes, the limit is %d", i, len(line), maxLineBytes)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return out.Flush()
}

func encode(t *Transaction) []byte {
	j := jsonTransaction{t.ID, t.Session, t.Call, t.Return, t.Outcome.String(), []jsonOperation{}}
	for _, op := range t.Operations {
		list := op.List
		if list == nil {
			list = []int64{}
		}
		j.Operations = append(j.Operations, jsonOperation{op.Kind.String(), op.Key, op.Value, op.Version, list})
	}
	b, _ := json.Marshal(j) // integers and strings cannot fail
	return b
}

// ReadHistory reads what WriteHistory wrote, and only that: a line must be, byte for byte, how
// WriteHistory spells it, so that no two readers can understand it differently. An error names the line.
func ReadHistory(r io.Reader) (*History, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLineBytes)
	h, c, n := &History{}, &columns{table: table{number: map[string]int32{}}}, 0
	for in.Scan() {
		n++
		if n == 1 {
			if want := `{"schema":"` + schema + `"}`; in.Text() != want {
				return nil, fmt.Errorf("line 1: want the header %s, got %.60q", want, in.Text())
			}
			continue
		}
		t, err := decode(in.Bytes())
		if err == nil {
			h.Transactions = append(h.Transactions, t)
			err = c.add(n-2, &t)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if n == 0 {
		return nil, errors.New("line 1: no header")
	}
	if i, err := h.sessions(); err != nil {
		return nil, fmt.Errorf("line %d: %w", i+2, err)
	}
	return h, nil
}

func decode(line []byte) (Transaction, error) {
	var j jsonTransaction
	if err := json.Unmarshal(line, &j); err != nil {
		return Transaction{}, err
	}
	t := Transaction{ID: j.ID, Session: j.Session, Call: j.Call, Return: j.Return}
	for t.Outcome.String() != j.Outcome {
		if t.Outcome++; t.Outcome > checker.Info {
			return t, fmt.Errorf("unknown outcome %q", j.Outcome)
		}
	}
	for _, o := range j.Operations {
		kind := slices.Index(kindNames[:], o.Kind)
		if kind < 0 {
			return t, fmt.Errorf("unknown kind %q", o.Kind)
		}
		t.Operations = append(t.Operations, Operation{Kind(kind), o.Key, o.Value, o.Version, o.List})
	}
	if want := encode(&t); !bytes.Equal(line, want) {
		return t, fmt.Errorf("not spelled as WriteHistory does: %.200s", want)
	}
	return t, nil
}
