package txn_test

import (
	"fmt"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/checker/txn"
)

// Two transactions read each other's list without what the other appended: snapshot isolation allows it,
// serializability does not.
func ExampleCheck() {
	h := &txn.History{Transactions: []txn.Transaction{
		{ID: 0, Session: 1, Call: 0, Return: 10, Outcome: checker.Ok, Operations: []txn.Operation{
			{Kind: txn.ReadList, Key: "x"}, {Kind: txn.Append, Key: "y", Value: 1}}},
		{ID: 1, Session: 2, Call: 0, Return: 10, Outcome: checker.Ok, Operations: []txn.Operation{
			{Kind: txn.ReadList, Key: "y"}, {Kind: txn.Append, Key: "x", Value: 2}}},
	}}
	for _, level := range []txn.Level{txn.SnapshotIsolation, txn.Serializable} {
		r, err := txn.Check(h, level)
		fmt.Println(level, r.Verdict, r.Form, err)
	}
	// Output:
	// snapshot-isolation valid  <nil>
	// serializable invalid write-skew <nil>
}
