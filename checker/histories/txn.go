package histories

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/checker/internal/valid"
	"github.com/saros-sim/saros/checker/txn"
)

// Transactions are a recorded history of transactions. Its words stand in it as numbers, from FirstWord
// on; see Log.Say.
type Transactions struct {
	txn.History
	Log
}

// ReadTransactions reads the list-append workload of Jepsen and Elle in EDN. An error names the line.
//
//	{:process 0, :type :invoke, :f :txn, :value [[:append x 1] [:r y nil]], :time 17, :index 0}
//	{:process 0, :type :ok, :f :txn, :value [[:append x 1] [:r y [2 3]]], :time 21, :index 1}
//
// A read finds a whole list; nil is the empty one. Writes of registers, [:w x 1], are refused: without
// versions nothing tells their order.
func ReadTransactions(r io.Reader) (*Transactions, error) {
	text, err := readAll(r, maxBytes)
	if err != nil {
		return nil, err
	}
	t := &Transactions{}
	b := txnBuilder{builder: builder{log: &t.Log, words: map[string]int64{}, open: map[int32]int{}}, h: &t.History}
	return t, events(string(text), b.add)
}

type txnBuilder struct {
	builder
	h *txn.History
}

func (b *txnBuilder) add(e event) error {
	at, err := b.clock(e)
	switch {
	case err != nil:
		return err
	case e.process.kind != kInt:
		return nil // the nemesis
	case e.process.n < 0 || e.process.n > math.MaxInt32 || e.typ.kind != kKeyword || e.f.kind != kKeyword:
		return fmt.Errorf("malformed event")
	case e.f.text != "txn":
		return fmt.Errorf("operation :%s, want :txn", e.f.text)
	}
	session := int32(e.process.n)
	i, busy := b.open[session]
	if e.typ.text == "invoke" {
		if busy {
			return fmt.Errorf("process %d invokes while a transaction of its is open", session)
		}
		return b.invoke(session, e, at)
	}
	if !busy {
		return fmt.Errorf("process %d has no transaction open", session)
	}
	delete(b.open, session)
	return b.settle(&b.h.Transactions[i], e, at)
}

func (b *txnBuilder) invoke(session int32, e event, at int64) error {
	id := len(b.h.Transactions)
	operations, err := b.operations(e.value)
	if err != nil {
		return err
	}
	for i := range operations {
		operations[i].List = nil // a read that is asked has no answer
	}
	b.open[session] = id
	b.h.Transactions = append(b.h.Transactions, txn.Transaction{ID: id, Session: session, Call: at, Operations: operations})
	return nil
}

func (b *txnBuilder) settle(t *txn.Transaction, e event, at int64) error {
	t.Return = at
	switch e.typ.text {
	case "fail":
		t.Outcome = checker.Fail
		return nil
	case "info":
		t.Outcome = checker.Info
		return nil
	case "ok":
		t.Outcome = checker.Ok
	default:
		return fmt.Errorf("unknown :type :%s", e.typ.text)
	}
	answered, err := b.operations(e.value)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(t.Operations, answered, func(x, y txn.Operation) bool {
		return x.Kind == y.Kind && x.Key == y.Key && x.Value == y.Value
	}) {
		return fmt.Errorf("the reply is about other operations than process %d invoked", t.Session)
	}
	t.Operations = answered
	return nil
}

// operations are those of a value [[:append x 1] [:r x [1]] …].
func (b *txnBuilder) operations(v value) (all []txn.Operation, err error) {
	if v.kind != kVector {
		return nil, fmt.Errorf("the value of :txn is a vector of operations")
	}
	for _, item := range v.items {
		if item.kind != kVector || len(item.items) != 3 || item.items[0].kind != kKeyword {
			return nil, fmt.Errorf("an operation is [:append key value] or [:r key list]")
		}
		op := txn.Operation{}
		if op.Key, err = keyOf(item.items[1]); err != nil {
			return nil, err
		}
		switch argument := item.items[2]; item.items[0].text {
		case "append":
			op.Value, err = b.number(argument)
		case "r":
			op.Kind = txn.ReadList
			op.List, err = b.list(argument)
		case "w":
			err = errVersions
		default:
			err = fmt.Errorf("unknown operation :%s in a transaction", item.items[0].text)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, op)
	}
	return all, nil
}

//saros:constant an error
var errVersions = fmt.Errorf("registers need versions: without them nothing tells the order of writes; lists, [:append key value], do without")

func (b *txnBuilder) list(v value) (list []int64, err error) {
	switch v.kind {
	case kNil:
		return nil, nil
	case kInt, kString, kKeyword:
		return nil, errVersions
	case kVector:
	default:
		return nil, fmt.Errorf("a read finds a list, or nil")
	}
	for _, item := range v.items {
		n, err := b.number(item)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

func keyOf(v value) (string, error) {
	switch v.kind {
	case kInt:
		return strconv.FormatInt(v.n, 10), nil
	case kString, kKeyword, kSymbol:
		return v.text, valid.Key(v.text)
	}
	return "", fmt.Errorf("a key is a word or an integer")
}
