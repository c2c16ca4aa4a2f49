package histories

import (
	"slices"
	"strings"
	"testing"

	"github.com/saros-sim/saros/checker"
)

func TestRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{:process 0, :type :invoke, :f :read, :value nil\n", "line 2: want '}', got the end"},
		{"{:process 0, :type :invoke, :f :read}\n{:process 0, :type :invoke, :f :read}", "line 2: process 0 invokes while"},
		{"{:process 0, :type :ok, :f :read, :value 1}", "line 1: process 0 has no such operation open"},
		{"{:process 0, :type :invoke, :f :read}\n{:process 0, :type :done, :f :read}", "line 2: unknown :type :done"},
		{"{:process 0, :type :invoke, :f :fly}", "line 1: unknown operation :fly"},
		{"{:process 0, :process 1, :type :invoke, :f :read}", "line 1: :process stands twice"},
		{"{:process 0, :type :invoke}", "line 1: :f is missing"},
		{"{:process 0 :type :invoke :f :read :time 5}\n{:process 0 :type :ok :f :read :time 4}", "line 2: time goes back from 5"},
		{"{:process 0 :type :invoke :f :read :time 5}\n{:process 0 :type :ok :f :read}", "line 2: some events have a :time"},
		{"{:process 0 :type :invoke :f :write :value 4611686018427387904}", "line 1: 4611686018427387904 is not below"},
		{"{:process 0 :type :invoke :f :write :value 1.5}", "line 1: a value is an integer or a word"},
		{"{:process 0 :type :invoke :f :write :value [1 2]}\n{:process 1 :type :invoke :f :write :value 2}", "line 2: some values are pairs"},
		{"{:process 0 :type :invoke :f :cas :value 1}", "line 1: the value of :cas is [old new]"},
		{"{:process 0 :type :invoke :f :read :value [1 nil]}\n{:process 0 :type :ok :f :read :value [2 3]}", "line 2: the reply is about another key"},
		{"[{:process 0 :type :invoke :f :read}] x", "line 1: want the end"},
		{"[1]", "line 1: an event is a map"},
		{strings.Repeat("[", 100), "line 1: forms are nested deeper"},
		{"INFO  jepsen.util - 0 :invoke :read nil\nINFO something else", "line 2: no line of jepsen.util"},
		{"INFO  jepsen.util - 0 :invoke :read nil nil", "line 1: want its end"},
	} {
		if _, err := Read(strings.NewReader(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.text, err, c.want)
		}
	}
}

// A history that shows what a reader must not lose: keys, words, outcomes, the nemesis, tags, comments.
func TestRead(t *testing.T) {
	log, err := Read(strings.NewReader(`; store/latest
{:process 0 :type :invoke :f :write :value [:x "one"] :time 5 :index 0}
#jepsen.history.Op{:process :nemesis :type :info :f :kill :value {:n1 #{1 2}} :time 5}
{:process 1, :type :invoke, :f :cas, :value [:x ["one" 2]], :time 6, :error #_gone [:timeout 1.5]}
{:process 0 :type :ok :f :write :value [:x "one"] :time 7}
{:process 1 :type :info :f :cas :value [:x ["one" 2]] :time 9}
{:process 2 :type :invoke :f :read :value [:x nil] :time 10}
{:process 2 :type :ok :f :read :value [:x 2] :time 11}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []checker.Call[checker.Input, checker.Output]{
		{Session: 0, Input: checker.Input{Key: "x", Do: checker.Write, Value: FirstWord, Text: "one"}, Outcome: checker.Ok, Call: 5, Return: 7},
		{Session: 1, Input: checker.Input{Key: "x", Do: checker.Swap, Old: FirstWord, Value: 2}, Outcome: checker.Info, Call: 6, Return: 9},
		{Session: 2, Input: checker.Input{Key: "x", Do: checker.Read}, Output: checker.Output{Found: true, Value: 2}, Outcome: checker.Ok, Call: 10, Return: 11},
	}
	if !slices.EqualFunc(log.Calls, want, func(a, b checker.Call[checker.Input, checker.Output]) bool {
		return a.Input == b.Input && a.Outcome == b.Outcome && a.Call == b.Call && a.Return == b.Return && a.Session == b.Session &&
			a.Output.Found == b.Output.Found && a.Output.Value == b.Output.Value
	}) {
		t.Errorf("%+v", log.Calls)
	}
	if r := log.CheckRegister(checker.Budget{}); r.Verdict != checker.Valid {
		t.Error(r.Text)
	}
	if said := log.Say("read 4611686018427387904"); said != `read "one"` {
		t.Error(said)
	}
}

// Whatever is read is a history that package checker takes for well-formed.
func FuzzRead(f *testing.F) {
	f.Add("{:process 0, :type :invoke, :f :cas, :value [1 [2 3]], :time 7}\n{:process 0, :type :ok, :f :cas, :value [1 [2 3]], :time 7}")
	f.Add("INFO  jepsen.util - 0\t:invoke\t:cas\t[3 4]\nINFO  jepsen.util - 0\t:fail\t:cas\t[3 4]")
	f.Add(`[{:process 0, :type :invoke, :f :get, :key "0", :value nil} {:process 0 :type :ok :f :get :key "0" :value #{"a\n" :b}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		log, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		h, _ := log.history()
		if err := h.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}
