package histories

import (
	"reflect"
	"strings"
	"testing"

	"github.com/saros-sim/saros/checker"
	"github.com/saros-sim/saros/checker/txn"
)

func TestReadTransactions(t *testing.T) {
	log, err := ReadTransactions(strings.NewReader(`; a Jepsen store
{:process 0, :type :invoke, :f :txn, :value [[:append x 1] [:r 7 nil]], :time 5, :index 0}
{:process :nemesis, :type :info, :f :start-partition, :value nil, :time 6}
{:process 1, :type :invoke, :f :txn, :value [[:append x "one"]], :time 6}
#jepsen.history.Op{:process 0, :type :ok, :f :txn, :value [[:append x 1] [:r 7 [3 4]]], :time 9}
{:process 1, :type :info, :f :txn, :value [[:append x "one"]], :error :timeout, :time 9}
{:process 2, :type :invoke, :f :txn, :value ((:r x nil)), :time 9}
{:process 3, :type :invoke, :f :txn, :value [[:append "7" 3]], :time 10}
{:process 2, :type :fail, :f :txn, :value [[:r x nil]], :time 11}
{:process 2, :type :invoke, :f :txn, :value [], :time 12}
{:process 2, :type :ok, :f :txn, :value [], :time 12}
{:process 2147483647, :type :invoke, :f :txn, :value [[:r :k [1]] [:append 17 :k]], :time 12}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []txn.Transaction{
		{ID: 0, Session: 0, Call: 5, Return: 9, Outcome: checker.Ok, Operations: []txn.Operation{{Key: "x", Value: 1}, {Kind: txn.ReadList, Key: "7", List: []int64{3, 4}}}},
		{ID: 1, Session: 1, Call: 6, Return: 9, Outcome: checker.Info, Operations: []txn.Operation{{Key: "x", Value: FirstWord}}},
		{ID: 2, Session: 2, Call: 9, Return: 11, Outcome: checker.Fail, Operations: []txn.Operation{{Kind: txn.ReadList, Key: "x"}}},
		{ID: 3, Session: 3, Call: 10, Operations: []txn.Operation{{Key: "7", Value: 3}}},
		{ID: 4, Session: 2, Call: 12, Return: 12, Outcome: checker.Ok},
		{ID: 5, Session: 1<<31 - 1, Call: 12, Operations: []txn.Operation{{Kind: txn.ReadList, Key: "k"}, {Key: "17", Value: FirstWord + 1}}},
	}
	if !reflect.DeepEqual(log.Transactions, want) {
		t.Errorf("%+v", log.Transactions)
	}
	if err := log.Validate(); err != nil {
		t.Error(err)
	}
	if said := log.Say("x += 4611686018427387904"); said != `x += "one"` {
		t.Error(said)
	}
}

// Verdicts of small histories, in one vector and without times, where the position is the time.
func TestJudgeTransactions(t *testing.T) {
	for _, c := range []struct{ text, anomaly string }{
		{`[{:process 0 :type :invoke :f :txn :value [[:append x 1]]}
		   {:process 0 :type :ok :f :txn :value [[:append x 1]]}
		   {:process 1 :type :invoke :f :txn :value [[:r x nil]]}
		   {:process 1 :type :ok :f :txn :value [[:r x nil]]}]`, "G-single-realtime"},
		{`[{:process 0 :type :invoke :f :txn :value [[:append x 1]]}
		   {:process 0 :type :ok :f :txn :value [[:append x 1]]}
		   {:process 1 :type :invoke :f :txn :value [[:r x nil]]}
		   {:process 1 :type :ok :f :txn :value [[:r x [1]]]}]`, ""},
		{`{:process 0 :type :invoke :f :txn :value [[:append x 1] [:r y nil]]}
		  {:process 1 :type :invoke :f :txn :value [[:append y 2] [:r x nil]]}
		  {:process 0 :type :ok :f :txn :value [[:append x 1] [:r y [2]]]}
		  {:process 1 :type :ok :f :txn :value [[:append y 2] [:r x [1]]]}`, "G1c"},
		{`{:process 0 :type :invoke :f :txn :value [[:append x 1]]}
		  {:process 0 :type :fail :f :txn :value [[:append x 1]]}
		  {:process 1 :type :invoke :f :txn :value [[:r x nil]]}
		  {:process 1 :type :ok :f :txn :value [[:r x [1]]]}`, "G1a"},
		{`{:process 0 :type :invoke :f :txn :value [[:append x 1]]}
		  {:process 0 :type :info :f :txn :value [[:append x 1]]}
		  {:process 1 :type :invoke :f :txn :value [[:r x nil]]}
		  {:process 1 :type :ok :f :txn :value [[:r x [1]]]}`, ""},
	} {
		log, err := ReadTransactions(strings.NewReader(c.text))
		if err != nil {
			t.Fatal(err)
		}
		r, err := txn.Check(&log.History, txn.StrictSerializable)
		if err != nil || r.Anomaly != c.anomaly || (r.Verdict == checker.Valid) != (c.anomaly == "") {
			t.Errorf("%v, %s %q, want %q\n%s", err, r.Verdict, r.Anomaly, c.anomaly, c.text)
		}
	}
}

func TestTransactionsRefused(t *testing.T) {
	const begin = "{:process 0 :type :invoke :f :txn :value [[:append x 1] [:r y nil]]}\n"
	for _, c := range []struct{ text, want string }{
		{"{:process 0 :type :invoke :f :txn :value [[:w x 1]]}", "line 1: registers need versions"},
		{begin + "{:process 0 :type :ok :f :txn :value [[:append x 1] [:r y 3]]}", "line 2: registers need versions"},
		{begin + "{:process 0 :type :ok :f :txn :value [[:append x 1] [:r y #{3}]]}", "line 2: a read finds a list, or nil"},
		{begin + "{:process 0 :type :ok :f :txn :value [[:append x 2] [:r y nil]]}", "line 2: the reply is about other operations"},
		{begin + "{:process 0 :type :ok :f :txn :value [[:append x 1]]}", "line 2: the reply is about other operations"},
		{begin + "{:process 0 :type :ok :f :txn :value nil}", "line 2: the value of :txn is a vector"},
		{begin + "{:process 0 :type :done :f :txn :value []}", "line 2: unknown :type :done"},
		{begin + begin, "line 2: process 0 invokes while a transaction"},
		{begin + "\n{:process 1 :type :ok :f :txn :value []}", "line 3: process 1 has no transaction open"},
		{begin + "{:process 0 :type :ok :f :read :value []}", "line 2: operation :read, want :txn"},
		{"{:process -1 :type :invoke :f :txn :value []}", "line 1: malformed event"},
		{"{:process 2147483648 :type :invoke :f :txn :value []}", "line 1: malformed event"},
		{"{:process 0 :type \"invoke\" :f :txn :value []}", "line 1: malformed event"},
		{"{:process 0 :type :invoke :f \"txn\" :value []}", "line 1: malformed event"},
		{begin + "{:process 0 :type :ok :f :txn :value [[:append z 1] [:r y nil]]}", "line 2: the reply is about other operations"},
		{begin + "{:process 0 :type :ok :f :txn :value [[:append x 1] [:append y 0]]}", "line 2: the reply is about other operations"},
		{begin + "{:process 0 :type :ok :f :txn :value [[:append x 1] [:r y \"a\"]]}", "line 2: registers need versions"},
		{begin + "{:process 0 :type :ok :f :txn :value [[:append x 1] [:r y :a]]}", "line 2: registers need versions"},
		{"{:process 0 :type :invoke :f :txn :value [#{:append x 1}]}", "line 1: an operation is [:append key value]"},
		{"{:process 0 :type :invoke :f :txn :value [[\"append\" x 1]]}", "line 1: an operation is [:append key value]"},
		{"{:process 0 :type :invoke :f :txn :value [:r x nil]}", "line 1: an operation is [:append key value]"},
		{"{:process 0 :type :invoke :f :txn :value [[:r x]]}", "line 1: an operation is [:append key value]"},
		{"{:process 0 :type :invoke :f :txn :value [[:fly x 1]]}", "line 1: unknown operation :fly in a transaction"},
		{"{:process 0 :type :invoke :f :txn :value [[:append nil 1]]}", "line 1: a key is a word or an integer"},
		{"{:process 0 :type :invoke :f :txn :value [[:append \"\ufffd\" 1]]}", "line 1: key"},
		{"{:process 0 :type :invoke :f :txn :value [[:append x 1.5]]}", "line 1: a value is an integer or a word"},
		{"{:process 0 :type :invoke :f :txn :value [[:r x [nil]]]}", "line 1: a value is an integer or a word"},
		{"{:process 0 :type :invoke :f :txn :value [] :time 5}\n{:process 0 :type :ok :f :txn :value [] :time 4}", "line 2: time goes back from 5"},
		{"{:process 0 :type :invoke :f :txn :value [}", "line 1: want a form"},
	} {
		if _, err := ReadTransactions(strings.NewReader(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.text, err, c.want)
		}
	}
}

// Whatever is read is a history that package txn takes for well-formed.
func FuzzReadTransactions(f *testing.F) {
	f.Add("{:process 0 :type :invoke :f :txn :value [[:append x 1] [:r \"y\" nil]] :time 7}\n{:process 0 :type :ok :f :txn :value [[:append x 1] [:r \"y\" [:a 3]]] :time 7}")
	f.Add("[{:process 0 :type :invoke :f :txn :value []} {:process 0 :type :info :f :txn :value nil}]")
	f.Fuzz(func(t *testing.T, text string) {
		log, err := ReadTransactions(strings.NewReader(text))
		if err != nil {
			return
		}
		if err := log.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
