package histories

import (
	"errors"
	"fmt"
	"math"
	"reflect"
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
		{"INFO  jepsen.util - 0 :invoke :read nil\n\nINFO  jepsen.util - 1 :invoke", "line 3: want a form, got the end"},
		{"INFO  jepsen.util - 0 :invoke :read nil\n\n jepsen.util - 1 :invoke :read nil", "line 3: no line of jepsen.util"},
		{"INFO  jepsen.util - 0 :invoke :read nil\nINFO  jepsen.util - 0 :invoke :read nil", "line 2: process 0 invokes while"},
		{"\xff", "not UTF-8"},
		{read("-1", "nil"), "line 1: malformed event"},
		{read("2147483648", "nil"), "line 1: malformed event"},
		{"{:process 0 :type \"invoke\" :f :read}", "line 1: malformed event"},
		{"{:process 0 :type :invoke :f \"read\"}", "line 1: malformed event"},
		{read("0", "nil :time 3153600000000000001"), "line 1: time goes back from 0, or is no time"},
		{read("0", "nil :time nil"), "line 1: time goes back from 0, or is no time"},
		{"\n{:process 0 :type :invoke\n:f :fly}\n", "line 2: unknown operation"}, // it begins there
		{"[" + read("0", "nil"), "line 1: want a form, got the end"},
		{"(" + read("0", "nil") + "]", "line 1: want a form"},
		{"{:process 0 :type :invoke :f :cas :value #{1 2}}", "line 1: the value of :cas is [old new]"},
		{"{:process 0 :type :invoke :f :cas :value [1]}", "line 1: the value of :cas is [old new]"},
		{"{:process 0 :type :invoke :f :cas :value [1.5 2]}", "line 1: a value is an integer or a word"},
		{"{:process 0 :type :invoke :f :cas :value [1 2.5]}", "line 1: a value is an integer or a word"},
		{"{:process 0 :type :invoke :f :write :value [1 2] :key x}", "line 1: a key is a word or an integer"},
		{"{:process 0 :type :invoke :f :write :value [1 2] :key :x}", "line 1: a value is an integer or a word"},
		{"{:process 0 :type :invoke :f :write :value #{1 2}}", "line 1: a value is an integer or a word"},
		{"{:process 0 :type :invoke :f :write :value [1 2 3]}", "line 1: a value is an integer or a word"},
		{"{:process 0 :type :invoke :f :read :key \"\ufffd\"}", "line 1: key"},
		{read("0", "nil") + replied("read", "1.5"), "line 1: a value is an integer or a word"},
		{read("0", "nil") + replied("read", "[1 1.5]"), "line 1: a value is an integer or a word"},
		{read("0", "nil") + replied("read", "1 :key [2]"), "line 1: the reply is about another key, or about none"},
		{read("0", "nil") + replied("write", "1"), "line 1: process 0 has no such operation open"},
		{read("0", "nil") + replied("read", "1") + replied("read", "1"), "line 1: process 0 has no such operation open"},
		{"{:process 0 :type :invoke :f :read :value [:x nil]}" + replied("read", "1"), "line 1: the reply is about another key, or about none"},
		{"{:process 0 :type :invoke :f :read :value [:x nil]}" + replied("read", "#{:x 1}"), "line 1: the reply is about another key, or about none"},
		{"{:process 0 :type :invoke :f :read :value [nil nil]}" + replied("read", "[nil 1 2]"), "line 1: the reply is about another key, or about none"},
		{"{:process 0 :type :invoke :f :read :value [nil nil]}" + replied("read", "#{nil 2}"), "line 1: the reply is about another key, or about none"},
		{"{:process 0 :type :invoke :f :try-add :value 1}" + replied("try-add", "1"), "line 1: the reply to :try-add is true or false"},
		{"{:process 0 :type :invoke :f :contains :value 1}" + replied("contains", "1"), "line 1: the reply to :contains is true or false"},
	} {
		if _, err := Read(strings.NewReader(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %s", c.text, err, c.want)
		}
	}
}

func read(process, value string) string {
	return "{:process " + process + " :type :invoke :f :read :value " + value + "}"
}

func replied(f, value string) string {
	return "{:process 0 :type :ok :f :" + f + " :value " + value + "}"
}

// A form and what it says, by the specification of EDN.
func TestForms(t *testing.T) {
	one, two := value{kind: kInt, n: 1}, value{kind: kInt, n: 2}
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]value{
		"nil":                       {},
		" \t\r\n,; words\n;\ntrue ": {kind: kBool, text: "true"},
		"false":                     {kind: kBool, text: "false"},
		"-17":                       {kind: kInt, n: -17},
		"17N":                       {kind: kInt, n: 17},
		"1.5":                       {kind: kSymbol, text: "1.5"},
		"9223372036854775808":       {kind: kSymbol, text: "9223372036854775808"},
		"a/b":                       {kind: kSymbol, text: "a/b"},
		"?a":                        {kind: kSymbol, text: "?a"},
		":":                         {kind: kSymbol, text: ":"},
		":a":                        {kind: kKeyword, text: "a"},
		`"\" a \\ \u0416"`:          {kind: kString, text: `" a \ Ж`},
		"\"two\nlines\"":            {kind: kString, text: "two\nlines"},
		`""`:                        {kind: kString},
		"[1 2]":                     {kind: kVector, items: []value{one, two}},
		"(1,2)":                     {kind: kVector, items: []value{one, two}},
		"#{1 2}":                    {kind: kSet, items: []value{one, two}},
		"#{}":                       {kind: kSet},
		"{1 2}":                     {kind: kMap, items: []value{one, two}},
		"#_ 1 2":                    two,
		"#_1 2":                     two,
		"#_#_ 3 1 2":                two,
		"#tag 1":                    one,
		"#tag{1 2}":                 {kind: kMap, items: []value{one, two}},
		"#_{1 2} 1":                 one,
	} {
		p := parser{rest: text}
		got, err := p.form()
		if p.space(); err != nil || p.rest != "" || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v %+v, left %q, want %+v", text, err, got, p.rest, want)
		}
	}
	p := parser{rest: deep(32)}
	if _, err := p.form(); err != nil || p.depth != 0 {
		t.Errorf("32 levels: %v", err)
	}
	for text, want := range map[string]string{
		"": "want a form, got the end", "; words": "want a form, got the end", "#_ 1": "want a form, got the end",
		deep(33): "forms are nested deeper than 32",
		"{1}":    "a map with a key and no value", "{1 2 3}": "a map with a key and no value", "{1 2": "want '}', got the end",
		"#_{1} 1": "a map with a key", "#_": "want a form, got the end", "#_] 1": "want a form, got", "# 1": "# without a tag", "#": "# without a tag",
		`"`: "a string without an end", `"a\"`: "a string without an end", `"\q"`: "malformed string", `"\xff"`: "malformed string",
		"]": "want a form, got", "#{1": "want '}', got the end",
	} {
		p := parser{rest: text}
		if _, err := p.form(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// broken can be neither read nor written.
type broken struct{}

func (broken) Read([]byte) (int, error)  { return 0, errors.New("broken") }
func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestReadAll(t *testing.T) {
	for limit, ok := range map[int64]bool{4: false, 5: true, 6: true} {
		if text, err := readAll(strings.NewReader("hello"), limit); (err == nil) != ok || ok && string(text) != "hello" {
			t.Errorf("%d: %q, %v", limit, text, err)
		}
	}
	if _, err := Read(broken{}); err == nil || err.Error() != "broken" {
		t.Error(err)
	}
	if _, err := ReadTransactions(broken{}); err == nil || err.Error() != "broken" {
		t.Error(err)
	}
}

// calls reads a history that is in order.
func calls(t *testing.T, text string) []checker.Call[checker.Input, checker.Output] {
	t.Helper()
	log, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return log.Calls
}

// A call for each operation, as it was invoked and as it was answered.
func TestCalls(t *testing.T) {
	type (
		in  = checker.Input
		out = checker.Output
	)
	event := func(kind, f, value string) string {
		return "{:process 2147483647 :type :" + kind + " :f :" + f + " :value " + value + "}\n"
	}
	for _, c := range []struct {
		f, asked, kind, said string
		in                   in
		out                  out
		outcome              checker.Outcome
	}{
		{"get", "nil", "ok", "5", in{Do: checker.Read}, out{Found: true, Value: 5}, checker.Ok},
		{"read", "nil", "ok", "nil", in{Do: checker.Read}, out{}, checker.Ok},
		{"read", "nil", "ok", "[3 1 2]", in{Do: checker.Read}, out{Found: true, Values: []int64{1, 2, 3}}, checker.Ok}, // a set has no order
		{"read", "nil", "ok", "#{2 1}", in{Do: checker.Read}, out{Found: true, Values: []int64{1, 2}}, checker.Ok},
		{"read", "nil", "ok", "[]", in{Do: checker.Read}, out{Found: true, Values: []int64{}}, checker.Ok},
		{"read", "nil", "ok", `"a"`, in{Do: checker.Read}, out{Found: true, Value: FirstWord, Text: "a"}, checker.Ok},
		{"read", "nil", "fail", "nil", in{Do: checker.Read}, out{}, checker.Fail},
		{"read", "nil", "info", "nil", in{Do: checker.Read}, out{}, checker.Info},
		{"write", "5", "ok", "5", in{Do: checker.Write, Value: 5}, out{}, checker.Ok},
		{"put", "5", "fail", "5", in{Do: checker.Write, Value: 5}, out{}, checker.Fail},
		{"write", ":a", "info", "nil", in{Do: checker.Write, Value: FirstWord, Text: "a"}, out{}, checker.Info},
		{"cas", "[1 2]", "ok", "[1 2]", in{Do: checker.Swap, Old: 1, Value: 2}, out{Found: true}, checker.Ok},
		{"cas", "[1 2]", "fail", "[1 2]", in{Do: checker.Swap, Old: 1, Value: 2}, out{}, checker.Fail},
		{"cas", "[:a :b]", "ok", "nil", in{Do: checker.Swap, Old: FirstWord, Value: FirstWord + 1}, out{Found: true}, checker.Ok},
		{"append", "7", "ok", "7", in{Do: checker.Append, Value: 7}, out{}, checker.Ok},
		{"add", "7", "ok", "7", in{Do: checker.Add, Value: 7}, out{}, checker.Ok},
		{"remove", "7", "ok", "7", in{Do: checker.Remove, Value: 7}, out{}, checker.Ok},
		{"enqueue", "7", "ok", "7", in{Do: checker.Insert, Value: 7}, out{}, checker.Ok},
		{"dequeue", "nil", "ok", "7", in{Do: checker.Take}, out{Found: true, Value: 7}, checker.Ok},
		{"dequeue", "nil", "ok", "nil", in{Do: checker.Take}, out{}, checker.Ok},
		{"acquire", "nil", "ok", "nil", in{Do: checker.Acquire}, out{}, checker.Ok},
		{"try-add", "7", "ok", "true", in{Do: checker.TryAdd, Value: 7}, out{Found: true}, checker.Ok},
		{"try-remove", "7", "ok", "false", in{Do: checker.TryRemove, Value: 7}, out{}, checker.Ok},
		{"contains", "7", "ok", "true", in{Do: checker.Contains, Value: 7}, out{Found: true}, checker.Ok},
		{"write", "[17 5]", "ok", "[17 5]", in{Do: checker.Write, Key: "17", Value: 5}, out{}, checker.Ok},
		{"write", "[:k 5]", "fail", "[:k 5]", in{Do: checker.Write, Key: "k", Value: 5}, out{}, checker.Fail},
		{"write", ":time", "ok", ":time", in{Do: checker.Write, Value: FirstWord, Text: "time"}, out{}, checker.Ok}, // no name, here
		{"write", "[:k 5] ", "ok", "[:k 5]", in{Do: checker.Write, Key: "k", Value: 5}, out{}, checker.Ok},
		{"write", "5 :key \"k\"", "ok", "5 :key \"k\"", in{Do: checker.Write, Key: "k", Value: 5}, out{}, checker.Ok},
		{"cas", "[:k [1 2]]", "ok", "[:k [1 2]]", in{Do: checker.Swap, Key: "k", Old: 1, Value: 2}, out{Found: true}, checker.Ok},
	} {
		text := event("invoke", c.f, c.asked) + event(c.kind, c.f, c.said)
		want := []checker.Call[in, out]{{Session: math.MaxInt32, Input: c.in, Output: c.out, Outcome: c.outcome, Call: 1, Return: 2}}
		for _, text := range []string{text, " (" + text + ") ", "[" + text + "]", `{"f" 1 nil f f 1 ` + text[1:]} {
			if got := calls(t, text); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", text, got, want)
			}
		}
		line := func(kind, value string) string {
			return "INFO  jepsen.util - 2147483647\t:" + kind + "\t:" + c.f + "\t" + value + "\r\n"
		}
		if strings.Contains(c.asked, ":key") {
			continue
		}
		if c.f == "cas" && c.kind == "fail" { // refused by the comparison
			want[0].Outcome = checker.Ok
		}
		if got := calls(t, "\n"+line("invoke", c.asked)+"\n"+line(c.kind, c.said)); !reflect.DeepEqual(got, want) {
			t.Errorf("in lines, %s: %+v, want %+v", text, got, want)
		}
	}
	// a list has its order; and of a swap that came to nothing a line says no value
	if got := calls(t, "{:process 1 :type :invoke :f :append :value 1}"+read("0", "nil")+replied("read", "[3 1]")); !slices.Equal(got[1].Output.Values, []int64{3, 1}) {
		t.Errorf("%+v", got)
	}
	if got := calls(t, "INFO  jepsen.util - 0 :invoke :cas [1 2]\nINFO  jepsen.util - 0 :fail :cas :timed-out"); got[0].Outcome != checker.Fail {
		t.Errorf("%+v", got)
	}
	if got := calls(t, read("0", "nil :time 3153600000000000000")); got[0].Call != 3153600000000000000 {
		t.Errorf("%+v", got)
	}
}

func TestOnly(t *testing.T) {
	log, err := Read(strings.NewReader("{:process 0 :type :invoke :f :write :value 1}" + read("1", "nil")))
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Only(checker.Write, checker.Read, checker.Swap); err != nil {
		t.Error(err)
	}
	if err := log.Only(checker.Write); err == nil || err.Error() != "the history has operations read, which the model has not" {
		t.Error(err)
	}
}

// The operations of a register, and what is known of each.
func TestHistory(t *testing.T) {
	log := &Log{}
	add := func(do checker.Verb, old, value int64, out checker.Output, outcome checker.Outcome) {
		at := int64(len(log.Calls))
		log.Calls = append(log.Calls, checker.Call[checker.Input, checker.Output]{Session: int32(at), Call: at, Return: at + 1,
			Input: checker.Input{Do: do, Key: "x", Old: old, Value: value}, Output: out, Outcome: outcome})
	}
	add(checker.Write, 0, 1, checker.Output{}, checker.Ok)
	add(checker.Read, 0, 0, checker.Output{Found: true, Value: 1}, checker.Ok)
	add(checker.Swap, 1, 2, checker.Output{Found: true}, checker.Ok)
	add(checker.Write, 0, 3, checker.Output{}, checker.Info)
	add(checker.Swap, 1, 4, checker.Output{}, checker.Fail)
	want := []checker.Operation{
		{Kind: checker.Put, Arg: 1, Outcome: checker.Ok},
		{Kind: checker.Get, Result: 1, Found: true, Outcome: checker.Ok},
		{Kind: checker.CAS, Old: 1, Arg: 2, Swapped: true, Outcome: checker.Ok},
		{Kind: checker.Put, Arg: 3, Outcome: checker.Info},
		{Kind: checker.CAS, Old: 1, Arg: 4, Outcome: checker.Fail},
		{Kind: checker.CAS, Old: 1, Arg: 5, Outcome: checker.Fail},
	}
	for i := range want {
		want[i].ID, want[i].Session, want[i].Key, want[i].Call, want[i].Return = i, int32(i), "x", int64(i), int64(i+1)
	}
	if h, refused := log.history(); refused || !slices.Equal(h.Operations, want[:5]) {
		t.Errorf("%v, %+v", refused, h.Operations)
	}
	add(checker.Swap, 1, 5, checker.Output{}, checker.Ok) // refused
	if h, refused := log.history(); !refused || !slices.Equal(h.Operations, want) {
		t.Errorf("%v, %+v", refused, h.Operations)
	}
}

// A refused swap is left out at first; where the rest is valid a search decides, and both are counted.
func TestRefusedSwap(t *testing.T) {
	const write = "INFO  jepsen.util - 0 :invoke :write 3\nINFO  jepsen.util - 0 :ok :write 3\n"
	refused := func(old string) string {
		return strings.ReplaceAll("INFO  jepsen.util - 0 :invoke :cas [OLD 4]\nINFO  jepsen.util - 0 :fail :cas [OLD 4]\n", "OLD", old)
	}
	const stale = "INFO  jepsen.util - 0 :invoke :read nil\nINFO  jepsen.util - 0 :ok :read nil\n"
	twice := ""
	for event := range strings.SplitSeq("1 :invoke :write 3,2 :invoke :write 3,3 :invoke :write 4,"+
		"0 :invoke :read nil,0 :ok :read 3,0 :invoke :read nil,0 :ok :read 4,0 :invoke :read nil,0 :ok :read 3,"+
		"1 :ok :write 3,2 :ok :write 3,3 :ok :write 4", ",") {
		twice += fmt.Sprintf("INFO  jepsen.util - %s\n", event)
	}
	counted := false
	for _, c := range []struct {
		text    string
		search  bool
		verdict checker.Verdict
	}{
		{write, false, checker.Valid},
		{write + stale, false, checker.Invalid},
		{write + refused("5"), true, checker.Valid},
		{write + refused("3"), true, checker.Invalid},
		{write + stale + refused("5"), false, checker.Invalid},
		{twice + refused("5"), true, checker.Valid}, // the same value: both search
	} {
		log, err := Read(strings.NewReader(c.text))
		if err != nil {
			t.Fatal(err)
		}
		h, _ := log.history()
		want := checker.CheckLinearizable(h, checker.Budget{})
		if c.search {
			first := want.Steps
			want = checker.RegisterModel().Check(log.Calls, checker.Budget{})
			counted = counted || first > 0 && want.Steps > 0
			want.Steps += first
		}
		got := log.CheckRegister(checker.Budget{})
		if got.Verdict != c.verdict || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %s, as in %+v\n%s", got, c.verdict, want, c.text)
		}
		if got.Verdict == checker.Invalid {
			var b strings.Builder
			if err := log.RegisterHTML(&b, got); err != nil || !strings.Contains(b.String(), "html") {
				t.Errorf("%v, %d bytes", err, b.Len())
			}
			if err := log.RegisterHTML(broken{}, got); err == nil {
				t.Error("what was not written is no error")
			}
		}
	}
	if !counted {
		t.Error("there are not two searches anywhere")
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
