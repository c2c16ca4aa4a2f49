package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/saros-sim/saros/sim"
	"pgregory.net/rapid"
)

func TestAllIsCompleteAndDistinct(t *testing.T) {
	seen := map[Kind]bool{}
	for i, info := range All {
		if info.Kind == "" || info.Doc == "" || strings.Contains(info.Doc, "\n") {
			t.Errorf("All[%d] = %+v: wants a kind and one line", i, info)
		}
		if seen[info.Kind] || info.Kind.index() != i {
			t.Errorf("All[%d]: %q is listed twice or found at %d", i, info.Kind, info.Kind.index())
		}
		seen[info.Kind] = true
	}
	if got := Kind("Kill").index(); got != -1 {
		t.Errorf("index of an unknown kind = %d, want -1", got)
	}
}

func TestFaultString(t *testing.T) {
	for _, c := range []struct {
		fault Fault
		want  string
	}{
		{Fault{Kind: Kill, At: 1_500_000_000, Node: 2, For: 20_000_000}, "1.5s kill server 2 for 20ms"},
		{Fault{Kind: PowerLoss, Target: Everyone, On: &Anchor{Step: StepSync, Nth: 3}}, "0s power_loss all at sync 3"},
		{Fault{Kind: Kill, Target: Leader, On: &Anchor{Step: StepSend, Kind: "append", Nth: 3}}, "0s kill leader at send 3 of append"},
		{Fault{Kind: Partition, From: []int{0, 1}, To: []int{2, 3}}, "0s partition clients,1 | 2,3"},
		{Fault{Kind: Partition, Target: Leader}, "0s partition leader | others"},
		{Fault{Kind: OneWay, Target: Leader, From: []int{1, 2, 3}}, "0s one_way 1,2,3 -> leader"},
		{Fault{Kind: Delay, From: []int{1}, To: []int{2}, Amount: 7}, "0s delay 1 -> 2 x7"},
		{Fault{Kind: Loss, From: []int{1}, To: []int{2}, Amount: 125_000}, "0s loss 1 -> 2 12.5000%"},
		{Fault{Kind: ClockStep, Node: 1, Amount: -200_000_000}, "0s clock_step server 1 by -200ms"},
		{Fault{Kind: ClockDrift, Node: 1, Amount: 200}, "0s clock_drift server 1 +200 ppm"},
		{Fault{Kind: DomainPower, Domain: "rack 1", For: 20_000_000}, "0s domain_power rack 1 for 20ms"},
	} {
		if got := c.fault.String(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// twoRacks are the domains of every network here: the first half of the servers, and the
// others with the client.
var twoRacks = []string{"rack 0", "uplink 0", "rack 1", "uplink 1"}

// servers is a topology of n servers with the ids 1 to n and one client after them.
func servers(n int) Topology {
	t := Topology{Clients: []sim.NodeID{sim.NodeID(n + 1)}, Kinds: func(name string) (sim.Kind, bool) {
		switch name {
		case "ping":
			return kindPing, true
		case "vote":
			return kindVote, true
		}
		return 0, false
	}, Domains: twoRacks}
	for i := range n {
		t.Servers = append(t.Servers, sim.NodeID(i+1))
	}
	return t
}

func TestValidate(t *testing.T) {
	kill := Fault{Kind: Kill, Node: 1}
	cut := Fault{Kind: Partition, From: []int{1}, To: []int{2, 3}}
	with := func(f Fault, change func(f *Fault)) Plan {
		change(&f)
		return Plan{Faults: []Fault{f}, Heal: 1000}
	}
	for _, c := range []struct {
		name string
		plan Plan
		want string // part of the error; "" for none
	}{
		{"nothing", Plan{}, ""},
		{"no heal", Plan{Faults: []Fault{{Kind: Kill, Node: 1, At: 5}}}, ""},
		{"kill", with(kill, func(f *Fault) {}), ""},
		{"kill the leader", with(kill, func(f *Fault) { f.Node, f.Target = 0, Leader }), ""},
		{"kill all", with(kill, func(f *Fault) { f.Node, f.Target = 0, Everyone }), ""},
		{"partition", with(cut, func(f *Fault) {}), ""},
		{"partition with clients", with(cut, func(f *Fault) { f.From = []int{0, 1} }), ""},
		{"isolate the leader", with(cut, func(f *Fault) { f.From, f.To, f.Target = nil, nil, Leader }), ""},
		{"delay on all links", with(cut, func(f *Fault) { f.Kind, f.From, f.Amount = Delay, []int{1, 2, 3}, 7 }), ""},
		{"aimed", with(kill, func(f *Fault) { f.On = &Anchor{Step: StepSend, Kind: "vote", Nth: 1} }), ""},
		{"aimed partition", with(cut, func(f *Fault) { f.From, f.To, f.Target, f.On = nil, nil, Leader, &Anchor{Step: StepSync, Nth: 1} }), ""},
		{"core", Plan{Core: []int{1, 3}}, ""},

		{"other schema", Plan{Schema: "saros/plan/v2"}, `schema: "saros/plan/v2" is not "saros/plan/v1"`},
		{"too many", Plan{Faults: make([]Fault, MaxFaults+1)}, "faults: 10001 of them; the limit is 10000"},
		{"negative heal", Plan{Heal: -1}, "heal_at_ns: -1 is not in 0.."},
		{"heal in 200 years", Plan{Heal: 2 * MaxTime}, "heal_at_ns"},
		{"unknown kind", with(kill, func(f *Fault) { f.Kind = "fault\x1b[2J" }), `faults[0].kind: "fault\x1b[2J" is no kind`},
		{"negative time", with(kill, func(f *Fault) { f.At = -1 }), "faults[0].at_ns: -1 is not in 0.."},
		{"negative duration", with(kill, func(f *Fault) { f.For = -1 }), "faults[0].for_ns: -1 is not in 0.."},
		{"101 years", with(kill, func(f *Fault) { f.For = MaxTime + 1 }), "(100 years)"},
		{"at the heal", with(kill, func(f *Fault) { f.At = 1000 }), "at_ns: 1000 is not before heal_at_ns, 1000"},
		{"no node", with(kill, func(f *Fault) { f.Node = 0 }), "node: missing"},
		{"a node that is not there", with(kill, func(f *Fault) { f.Node = 4 }), "faults[0].node: there is no server 4; there are 3"},
		{"negative node", with(kill, func(f *Fault) { f.Node = -1 }), "node: -1 is not in"},
		{"node and target", with(kill, func(f *Fault) { f.Target = Leader }), "node: 1, but there is a target too"},
		{"unknown target", with(kill, func(f *Fault) { f.Node, f.Target = 0, "boss" }), `target: "boss" is neither`},
		{"sides of a kill", with(kill, func(f *Fault) { f.From = []int{1} }), "from: kill hits a node"},
		{"amount of a kill", with(kill, func(f *Fault) { f.Amount = 1 }), "amount: 1, but kill has none"},
		{"node of a partition", with(cut, func(f *Fault) { f.Node = 1 }), "node: 1, but partition hits links"},
		{"one side", with(cut, func(f *Fault) { f.To = nil }), "to: missing"},
		{"other side", with(cut, func(f *Fault) { f.From = nil }), "from: missing"},
		{"both sides overlap", with(cut, func(f *Fault) { f.From = []int{1, 2} }), "to: 2 is on both sides"},
		{"one way to itself", with(cut, func(f *Fault) { f.Kind, f.From = OneWay, []int{3} }), "to: 3 is on both sides"},
		{"a side in disorder", with(cut, func(f *Fault) { f.To = []int{3, 2} }), "to[1]: 2 after 3"},
		{"a side with a double", with(cut, func(f *Fault) { f.To = []int{3, 3} }), "to[1]: 3 after 3"},
		{"a side with a stranger", with(cut, func(f *Fault) { f.To = []int{3, 4} }), "faults[0].to: there is no server 4; there are 3"},
		{"three sides", with(cut, func(f *Fault) { f.Target = Leader }), "neither from nor to is empty"},
		{"partition of all", with(cut, func(f *Fault) { f.Target = Everyone }), "name both sides"},
		{"factor 1", with(cut, func(f *Fault) { f.Kind, f.Amount = Delay, 1 }), "amount: 1 is not in 2..10000 (a factor)"},
		{"absurd factor", with(cut, func(f *Fault) { f.Kind, f.Amount = Delay, 1<<40 }), "is not in 2..10000"},
		{"no loss", with(cut, func(f *Fault) { f.Kind = Loss }), "amount: 0 is not in 1..1000000"},
		{"more than all lost", with(cut, func(f *Fault) { f.Kind, f.Amount = Loss, 1_000_001 }), "amount: 1000001 is not in 1..1000000"},
		{"negative loss", with(cut, func(f *Fault) { f.Kind, f.Amount = Loss, -5 }), "amount: -5 is not in 1..1000000"},
		{"no step", with(kill, func(f *Fault) { f.Kind = ClockStep }), "amount: 0 is not in"},
		{"drift", with(kill, func(f *Fault) { f.Kind, f.Amount = ClockDrift, -1_000_000 }), "amount: -1000000 is not in -200000..200000"},
		{"steps of 200 years", Plan{Faults: []Fault{{Kind: ClockStep, Node: 1, Amount: MaxTime}, {Kind: ClockStep, Node: 1, Amount: -MaxTime}}}, "faults[1].amount: the steps of the clocks add up"},
		{"unknown step", with(kill, func(f *Fault) { f.On = &Anchor{Step: "vote", Nth: 1} }), `on.step: "vote" is none of`},
		{"send of what", with(kill, func(f *Fault) { f.On = &Anchor{Step: StepSend, Nth: 1} }), "on.kind: missing"},
		{"send of a stranger", with(kill, func(f *Fault) { f.On = &Anchor{Step: StepSend, Kind: "pong", Nth: 1} }), `faults[0].on.kind: no message kind is named "pong"`},
		{"sync of a kind", with(kill, func(f *Fault) { f.On = &Anchor{Step: StepSync, Kind: "vote", Nth: 1} }), "on.kind: \"vote\", but only"},
		{"the 0th", with(kill, func(f *Fault) { f.On = &Anchor{Step: StepSync} }), "on.nth: 0 is not in 1..1000000"},
		{"nobody to watch", with(cut, func(f *Fault) { f.On = &Anchor{Step: StepSync, Nth: 1} }), "on: there is nobody to watch"},
		{"no domain", with(kill, func(f *Fault) { f.Kind = DomainCut }), "domain: missing"},
		{"a domain that is not there", Plan{Faults: []Fault{{Kind: DomainCut, Domain: "rack 7"}}}, `faults[0].domain: there is no domain "rack 7"; there are: rack 0, uplink 0, rack 1, uplink 1`},
		{"a domain of 257 bytes", Plan{Faults: []Fault{{Kind: DomainCut, Domain: strings.Repeat("r", 257)}}}, "a name of 257 bytes; the limit is 256"},
		{"domain of a kill", with(kill, func(f *Fault) { f.Domain = "rack 0" }), `domain: "rack 0", but kill hits no domain`},
		{"domain of a partition", with(cut, func(f *Fault) { f.Domain = "rack 0" }), "but partition hits no domain"},
		{"domain and node", with(kill, func(f *Fault) { f.Kind, f.Domain = DomainPower, "rack 0" }), "node: 1, but domain_power hits a domain"},
		{"domain and target", Plan{Faults: []Fault{{Kind: DomainPower, Domain: "rack 0", Target: Everyone}}}, `target: "all", but domain_power hits a domain`},
		{"domain and sides", with(cut, func(f *Fault) { f.Kind, f.Domain = DomainCut, "rack 0" }), "from, to: domain_cut hits a domain"},
		{"aimed at a domain", Plan{Faults: []Fault{{Kind: DomainCut, Domain: "rack 0", On: &Anchor{Step: StepSync, Nth: 1}}}}, "on: there is nobody to watch"},
		{"empty core", Plan{Core: []int{}}, "core: empty"},
		{"core of clients", Plan{Core: []int{0, 1}}, "core[0]: 0 is not in 1.."},
		{"core of a stranger", Plan{Core: []int{4}}, "core: there is no server 4; there are 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.plan.Validate(servers(3))
			switch {
			case err == nil && c.want != "":
				t.Errorf("no error, want %q", c.want)
			case err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %q, want %q", err, c.want)
			case err != nil && strings.ContainsAny(err.Error(), "\n\x1b"):
				t.Errorf("error %q is not one printable line", err)
			}
		})
	}
}

func TestDecodePlan(t *testing.T) {
	const head = `{"schema":"saros/plan/v1","faults":[`
	const tail = `],"heal_at_ns":4000000000}`
	one := func(fault string) string { return head + "\n" + fault + tail }
	for _, c := range []struct{ name, in, want string }{
		{"good", one(`{"kind":"kill","at_ns":5,"node":1}`), ""},
		{"none", head + tail, ""},
		{"nulls", `{"schema":"saros/plan/v1","faults":null,"heal_at_ns":1,"core":null}`, ""},

		{"empty", "", "line 1: the end of the input is not an object"},
		{"null", "null", `"null" is not an object`},
		{"no schema", `{"faults":[],"heal_at_ns":1}`, "schema: missing"},
		{"empty schema", `{"schema":"","faults":[],"heal_at_ns":1}`, `schema: "" is not "saros/plan/v1"`},
		{"other schema", `{"schema":"saros/plan/v2","faults":[],"heal_at_ns":1}`, `schema: "saros/plan/v2" is not`},
		{"no heal", `{"schema":"saros/plan/v1","faults":[]}`, "heal_at_ns: missing"},
		{"no faults", `{"schema":"saros/plan/v1","heal_at_ns":1}`, "faults: missing"},
		{"typo", `{"schema":"saros/plan/v1","fualts":[],"heal_at_ns":1}`, "line 1: fualts: there is no such key"},
		{"wrong case", one(`{"kind":"kill","At_ns":5,"node":1}`), `line 2: faults[0].At_ns: there is no such key; did you mean "at_ns"?`},
		{"twice", one(`{"kind":"kill","at_ns":5,"at_ns":6,"node":1}`), "faults[0].at_ns: the key comes twice"},
		{"twice in another case", one(`{"kind":"kill","at_ns":5,"AT_NS":6,"node":1}`), `did you mean "at_ns"?`},
		{"escaped twice", one(`{"kind":"kill","at_ns":5,"\u0061t_ns":6,"node":1}`), "faults[0].at_ns: the key comes twice"},
		{"no time", one(`{"kind":"kill","node":1}`), "faults[0]: at_ns: missing"},
		{"trailing value", head + tail + "{}", `something follows the end: "{"`},
		{"trailing NUL", head + tail + "\x00", `something follows the end`},
		{"NaN", one(`{"kind":"kill","at_ns":NaN,"node":1}`), `faults[0].at_ns: "NaN" is not an integer`},
		{"fraction", one(`{"kind":"kill","at_ns":1.5,"node":1}`), `faults[0].at_ns: "1.5" is not an integer`},
		{"exponent", one(`{"kind":"kill","at_ns":1e9,"node":1}`), `"1e9" is not an integer`},
		{"leading zero", one(`{"kind":"kill","at_ns":01,"node":1}`), `"01" is not an integer`},
		{"plus", one(`{"kind":"kill","at_ns":+1,"node":1}`), `"+1" is not an integer`},
		{"just a minus", one(`{"kind":"kill","at_ns":-,"node":1}`), `"-" is not an integer`},
		{"2^63", one(`{"kind":"kill","at_ns":9223372036854775808,"node":1}`), "faults[0].at_ns: 9223372036854775808 does not fit in 64 bits"},
		{"10^100", one(`{"kind":"kill","at_ns":1` + strings.Repeat("0", 100) + `,"node":1}`), "does not fit in 64 bits"},
		{"time as text", one(`{"kind":"kill","at_ns":"5","node":1}`), `"\"5\"" is not an integer`},
		{"kind as number", one(`{"kind":5,"at_ns":5,"node":1}`), `faults[0].kind: "5" is not a string`},
		{"null time", one(`{"kind":"kill","at_ns":null,"node":1}`), `"null" is not an integer`},
		{"null fault", one(`null`), `faults[0]: "null" is not an object`},
		{"faults as object", `{"schema":"saros/plan/v1","faults":{},"heal_at_ns":1}`, `faults: "{" is not a list`},
		{"deep", head + strings.Repeat("[", 100_000), `faults[0]: "[" is not an object`},
		{"deep at an unknown key", `{"x":` + strings.Repeat("[", 100_000), `x: there is no such key`},
		{"unknown kind", one(`{"kind":"meteor","at_ns":5,"node":1}`), `faults[0].kind: "meteor" is no kind of fault`},
		{"after the heal", one(`{"kind":"kill","at_ns":4000000001,"node":1}`), "faults[0].at_ns: 4000000001 is not before heal_at_ns"},
		{"empty core", `{"schema":"saros/plan/v1","faults":[],"heal_at_ns":1,"core":[]}`, "core: empty"},
		{"comma", one(`{"kind":"kill","at_ns":5,"node":1,}`), `"}" is not a key`},
		{"no comma", one(`{"kind":"kill" "at_ns":5}`), `instead of "," or "}"`},
		{"no colon", one(`{"kind" "kill"}`), `instead of ":"`},
		{"cut short", `{"schema":"saros/plan/v1","faults":[{"kind":"ki`, "faults[0].kind: a string does not end"},
		{"not UTF-8", "{\"schema\":\"\xff\"}", "byte 0xff is not valid UTF-8"},
		{"BOM", "\ufeff" + head + tail, `is not an object`},
		{"control character", "{\"sch\nema\":1}", "byte 0x0a inside a key"},
		{"half a surrogate", `{"schema":"\ud800"}`, `"\\ud800" is no character`},
		{"bad escape", `{"schema":"\x41"}`, `is no character`},
		{"long garbage", `{"` + strings.Repeat("x", 1000) + `":1}`, `"...: there is no such key`},
		{"too big", strings.Repeat(" ", MaxBytes+1), "1048577 bytes or more; the limit is 1048576"},
		{"too many", head + strings.Repeat(`{"kind":"kill","at_ns":5,"node":1},`, MaxFaults) + `{"kind":"kill","at_ns":5,"node":1}` + tail, "faults: 10001 of them; the limit is 10000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := DecodePlan([]byte(c.in))
			switch {
			case err == nil && c.want != "":
				t.Errorf("no error, want %q", c.want)
			case err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %q, want %q", err, c.want)
			case err != nil && (strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 300):
				t.Errorf("error %q is not one short printable line", err)
			}
		})
	}
}

func TestReadPlanLimits(t *testing.T) {
	p := Plan{Schema: Schema, Faults: []Fault{{Kind: Kill, At: 1, Node: 1}, {Kind: Kill, At: 2, Node: 1}}, Heal: 9}
	data := p.Encode()
	if got, err := ReadPlan(bytes.NewReader(data), Limits{}); err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := ReadPlan(bytes.NewReader(data), Limits{Bytes: len(data)}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := ReadPlan(bytes.NewReader(data), Limits{Bytes: len(data) - 1}); err == nil || !strings.Contains(err.Error(), "the limit is") {
		t.Errorf("a byte past the limit: %v", err)
	}
	if _, err := ReadPlan(bytes.NewReader(data), Limits{Faults: 1}); err == nil || !strings.Contains(err.Error(), "faults: 2 of them; the limit is 1") {
		t.Errorf("a fault past the limit: %v", err)
	}
}

func TestEncodeIsForPeople(t *testing.T) {
	p := Plan{
		Faults: []Fault{
			{Kind: PowerLoss, At: 10, For: 20, Target: Everyone, On: &Anchor{Step: StepSend, Kind: "vote", Nth: 2}},
			{Kind: Loss, At: 30, From: []int{0, 1}, To: []int{2}, Amount: 1000},
		},
		Heal: 4_000_000_000, Core: []int{1, 2},
	}
	const want = `{
  "schema": "saros/plan/v1",
  "faults": [
    {"kind":"power_loss","at_ns":10,"for_ns":20,"on":{"step":"send","kind":"vote","nth":2},"target":"all"},
    {"kind":"loss","at_ns":30,"from":[0,1],"to":[2],"amount":1000}
  ],
  "heal_at_ns": 4000000000,
  "core": [1,2]
}
`
	if got := string(p.Encode()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// genFault makes faults that are valid in servers(n).
func genFault(n int) *rapid.Generator[Fault] {
	sub := func(t *rapid.T, from []int, label string) (some []int) {
		for _, s := range from {
			if rapid.Bool().Draw(t, label) {
				some = append(some, s)
			}
		}
		return some
	}
	all := make([]int, n+1)
	for i := range all {
		all[i] = i
	}
	return rapid.Custom(func(t *rapid.T) Fault {
		kind := rapid.IntRange(0, len(All)-1).Draw(t, "kind")
		f := Fault{Kind: All[kind].Kind, At: rapid.Int64Range(0, int64(time.Second)-1).Draw(t, "at")}
		if rapid.Bool().Draw(t, "ends") {
			f.For = rapid.Int64Range(1, int64(time.Second)).Draw(t, "for")
		}
		if info := &All[kind]; info.Amount != "" {
			f.Amount = rapid.Int64Range(max(info.allowed[0], -int64(time.Hour)), min(info.allowed[1], int64(time.Hour))).Filter(func(a int64) bool { return a != 0 }).Draw(t, "amount")
		}
		target := rapid.SampledFrom([]Target{"", "", Leader, Everyone}).Draw(t, "target")
		switch {
		case All[kind].hits == domains:
			f.Domain = rapid.SampledFrom(twoRacks).Draw(t, "domain")
		case All[kind].hits != links:
			f.Target = target
			if target == "" {
				f.Node = rapid.IntRange(1, n).Draw(t, "node")
			}
		case target == Leader:
			f.Target = Leader
			f.To = sub(t, all, "to")
			if len(f.To) == 0 {
				f.From = sub(t, all, "from")
			}
		default:
			f.From = append(sub(t, all[:n], "from"), n)
			f.To = sub(t, all, "to")
			if len(f.To) == 0 || All[kind].Amount == "" {
				f.From, f.To = []int{1}, []int{0, 2}
			}
		}
		if (f.Node != 0 || f.Target != "") && rapid.Bool().Draw(t, "aimed") {
			f.On = &Anchor{Step: rapid.SampledFrom([]string{StepSend, StepSync, StepDurable}).Draw(t, "step"), Nth: rapid.IntRange(1, 8).Draw(t, "nth")}
			if f.On.Step == StepSend {
				f.On.Kind = rapid.SampledFrom([]string{"ping", "vote"}).Draw(t, "message")
			}
		}
		return f
	})
}

func genPlan(n int) *rapid.Generator[Plan] {
	return rapid.Custom(func(t *rapid.T) Plan {
		p := Plan{Schema: Schema, Heal: int64(time.Second)}
		p.Faults = rapid.SliceOfN(genFault(n), 0, 12).Draw(t, "faults")
		if len(p.Faults) == 0 {
			p.Faults = nil
		}
		for s := 1; s <= n; s++ {
			if rapid.Bool().Draw(t, "core") {
				p.Core = append(p.Core, s)
			}
		}
		return p
	})
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPlan(5).Draw(t, "plan")
		if err := p.Validate(servers(5)); err != nil {
			t.Fatalf("generated an invalid plan: %v", err)
		}
		data := p.Encode()
		got, err := DecodePlan(data)
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if !reflect.DeepEqual(got, p) {
			t.Fatalf("got  %+v\nwant %+v", got, p)
		}
		if again := got.Encode(); !bytes.Equal(again, data) {
			t.Fatalf("encoded again:\n%s\nfirst:\n%s", again, data)
		}
		// encoding/json writes the same plan in other spaces, and it is read as well.
		other, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodePlan(other); err != nil || !reflect.DeepEqual(got, p) {
			t.Fatalf("got %+v, %v from %s", got, err, other)
		}
	})
}

// FuzzDecodePlan: never panics; what is read is written and read again to the same
// plan; and its dumb twin, encoding/json, reads the same plan from the same bytes.
func FuzzDecodePlan(f *testing.F) {
	f.Add([]byte(`{"schema":"saros/plan/v1","faults":[],"heal_at_ns":1}`))
	f.Add([]byte(`{"schema":"saros\/plan\u002fv1","faults":[{"kind":"kill","at_ns":-0,"node":1,"from":[]}],"heal_at_ns":1,"core":[1]}`))
	for seed := range uint64(20) {
		f.Add(Draw(sim.Keyed{Seed: seed}, Profile{AimKinds: []string{"vote"}}, 5).Encode())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodePlan(data)
		if err != nil {
			if msg := err.Error(); strings.ContainsAny(msg, "\n\r\x1b\x00") || len(msg) > 500 {
				t.Errorf("error is not one short printable line: %q", msg)
			}
			return
		}
		again, err := DecodePlan(p.Encode())
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Errorf("read %+v, wrote it, read %+v, %v", p, again, err)
		}
		var twin Plan
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&twin); err != nil {
			t.Fatalf("encoding/json does not read it: %v", err)
		}
		twin.tidy()
		if !reflect.DeepEqual(p, twin) {
			t.Errorf("read %+v, encoding/json %+v", p, twin)
		}
		_ = p.Validate(servers(3))
		for _, f := range p.Faults {
			_ = f.String()
		}
	})
}

// seedText is written as a string in hex, as failure files do.
type seedText uint64

func (s *seedText) UnmarshalText(b []byte) error {
	_, err := fmt.Sscanf(string(b), "0x%x", (*uint64)(s))
	return err
}

// FuzzDecodeStrict compares DecodeStrict with its twin on a type that has everything.
func FuzzDecodeStrict(f *testing.F) {
	f.Add([]byte(`{"s":"a\n\u00e9\ud83d\ude00","b":true,"u":255,"i":-9223372036854775808,"m":{"k":"v"},"p":{"s":"","b":false,"u":0,"i":0},"l":[["x"],[]],"t":"0x1f"}`))
	f.Add([]byte(`{"s":"","b":false,"u":256,"i":0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		type all struct {
			S string            `json:"s"`
			B bool              `json:"b"`
			U uint8             `json:"u"`
			I int64             `json:"i"`
			M map[string]string `json:"m,omitempty"`
			P *all              `json:"p,omitempty"`
			L [][]string        `json:"l,omitempty"`
			T *seedText         `json:"t,omitempty"`
			X string            `json:"-"`
		}
		var got, twin all
		if err := DecodeStrict(data, &got, 1<<16); err != nil {
			return
		}
		if err := json.Unmarshal(data, &twin); err != nil {
			t.Fatalf("encoding/json does not read it: %v", err)
		}
		if !reflect.DeepEqual(got, twin) {
			t.Errorf("read %+v, encoding/json %+v", got, twin)
		}
	})
}

func TestDecodeStrict(t *testing.T) {
	type inner struct {
		Seed  *seedText         `json:"seed,omitempty"`
		Set   map[string]string `json:"set,omitempty"`
		Small uint8             `json:"small,omitempty"`
		Yes   bool              `json:"yes,omitempty"`
		In    *inner            `json:"in,omitempty"`
	}
	for _, c := range []struct{ in, want string }{
		{`{}`, ""},
		{`{"seed":"0x9f3a","set":{"nodes":"5"},"small":255,"yes":true,"in":{}}`, ""},
		{`{"seed":"x"}`, "line 1: seed: "},
		{`{"seed":5}`, `seed: "5" is not a string`},
		{`{"set":{"a":"1","a":"2"}}`, "set.a: the key comes twice"},
		{`{"set":{"../x\u0000":1}}`, `set."../x\x00": "1" is not a string`},
		{`{"small":256}`, "small: 256 is not in 0..255"},
		{`{"small":-1}`, "small: -1 is not in 0..255"},
		{`{"yes":1}`, `yes: "1" is neither true nor false`},
		{`{"yes":truer}`, `"r" instead of`},
		{strings.Repeat(`{"in":`, 100), "nested deeper than 32"},
	} {
		var v inner
		err := DecodeStrict([]byte(c.in), &v, 10_000)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.in, err, c.want)
		}
	}
}
