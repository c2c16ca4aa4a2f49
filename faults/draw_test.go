package faults

import (
	"bytes"
	"cmp"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/saros-sim/saros/sim"
)

var update = os.Getenv("SAROS_GOLDEN") == "write"

var aims = []string{"ping", "vote"}

func TestDrawIsDeterministicAndValid(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 33, 100} {
		for seed := range uint64(300) {
			d, p := sim.Keyed{Seed: seed}, Profile{AimKinds: aims, Damaged: -1}
			a, b := Draw(d, p, n), Draw(d, p, n)
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("seed %d, %d servers: two plans", seed, n)
			}
			if err := a.Validate(servers(n)); err != nil {
				t.Fatalf("seed %d, %d servers: %v\n%s", seed, n, err, a.Encode())
			}
			if len(a.Faults) == 0 {
				t.Fatalf("seed %d, %d servers: no fault", seed, n)
			}
			if !slices.IsSortedFunc(a.Faults, func(x, y Fault) int { return cmp.Compare(x.At, y.At) }) {
				t.Fatalf("seed %d, %d servers: not in order of time", seed, n)
			}
			if got, err := DecodePlan(a.Encode()); err != nil || !reflect.DeepEqual(got, a) {
				t.Fatalf("seed %d, %d servers: does not survive its encoding: %v", seed, n, err)
			}
		}
	}
}

// A kind that is taken out of the profile leaves the faults of the others as they
// were (law 3). Only where nothing would be left that is certain to strike, the first
// fault is made so, and where nothing would be left at all, another kind comes in.
func TestDrawWithoutAKind(t *testing.T) {
	for seed := range uint64(300) {
		d := sim.Keyed{Seed: seed}
		full := Draw(d, Profile{AimKinds: aims, Damaged: -1, Domains: twoRacks}, 5)
		for out := range All {
			var rest []Kind
			for _, info := range All {
				if info.Kind != All[out].Kind {
					rest = append(rest, info.Kind)
				}
			}
			var want []Fault
			for _, f := range full.Faults {
				if f.Kind != All[out].Kind {
					want = append(want, f)
				}
			}
			got := Draw(d, Profile{AimKinds: aims, Kinds: rest, Damaged: -1, Domains: twoRacks}, 5)
			if slices.ContainsFunc(want, Fault.certain) && !reflect.DeepEqual(got.Faults, want) {
				t.Fatalf("seed %d without %s:\n%s\nwith it:\n%s", seed, All[out].Kind, got.Encode(), full.Encode())
			}
			if !slices.ContainsFunc(got.Faults, Fault.certain) {
				t.Fatalf("seed %d without %s: nothing is certain", seed, All[out].Kind)
			}
			if !reflect.DeepEqual(got.Core, full.Core) {
				t.Fatalf("seed %d without %s: another core", seed, All[out].Kind)
			}
		}
	}
}

// The order of Profile.Kinds does not matter, and one kind alone is always on.
func TestDrawOneKind(t *testing.T) {
	for _, info := range All {
		for seed := range uint64(50) {
			p := Draw(sim.Keyed{Seed: seed}, Profile{Kinds: []Kind{info.Kind}, Domains: twoRacks, Model: Model{Failures: Byzantine}}, 3)
			if len(p.Faults) == 0 {
				t.Fatalf("seed %d: no %s", seed, info.Kind)
			}
			for _, f := range p.Faults {
				if f.Kind != info.Kind {
					t.Fatalf("seed %d: drew %s, asked for %s", seed, f.Kind, info.Kind)
				}
			}
		}
	}
	d := sim.Keyed{Seed: 3}
	a := Draw(d, Profile{Kinds: []Kind{Loss, Kill, Tail}}, 3)
	b := Draw(d, Profile{Kinds: []Kind{Kill, Tail, Loss}}, 3)
	if !reflect.DeepEqual(a, b) {
		t.Error("the order of kinds decides")
	}
	if p := Draw(d, Profile{Kinds: []Kind{}}, 3); len(p.Faults) != 0 {
		t.Error("no kinds, but faults")
	}
}

// What a few thousand seeds have in common: sizes that a person can read, and every
// shape often enough to matter.
func TestDrawDistribution(t *testing.T) {
	const seeds = 4000
	window := int64(4 * time.Second)
	var sizes []int
	count := map[Kind]int{}    // faults
	on := map[Kind]int{}       // seeds with the kind
	shapes := map[string]int{} // seeds with the shape
	for seed := range uint64(seeds) {
		p := Draw(sim.Keyed{Seed: seed}, Profile{AimKinds: aims, Damaged: -1, Domains: twoRacks}, 5)
		sizes = append(sizes, len(p.Faults))
		has := map[string]bool{"whole core": p.Core == nil, "core of 3": len(p.Core) == 3, "core of 4": len(p.Core) == 4}
		kind := map[Kind]bool{}
		for _, f := range p.Faults {
			count[f.Kind]++
			kind[f.Kind] = true
			if f.At < 0 || f.At >= window || f.For < 0 {
				t.Fatalf("seed %d: %v is outside of the window", seed, f)
			}
			lo, hi := rangeOf(f.Kind)
			if f.For != 0 && (f.For < lo && f.Kind != Clog || f.For > hi) { // a swizzle is made of shorter ones
				t.Errorf("seed %d: %v lasts longer or shorter than %v..%v", seed, f, time.Duration(lo), time.Duration(hi))
			}
			has["aimed"] = has["aimed"] || f.On != nil
			has["aimed at a send"] = has["aimed at a send"] || f.On != nil && f.On.Step == StepSend
			has["aimed at a sync"] = has["aimed at a sync"] || f.On != nil && f.On.Step == StepSync
			has["aimed at durable"] = has["aimed at durable"] || f.On != nil && f.On.Step == StepDurable
			has["power loss of all"] = has["power loss of all"] || f.Kind == PowerLoss && f.Target == Everyone
			has["kill of all"] = has["kill of all"] || f.Kind == Kill && f.Target == Everyone
			has["crash of the leader"] = has["crash of the leader"] || (f.Kind == Kill || f.Kind == PowerLoss) && f.Target == Leader
			has["pause of the leader"] = has["pause of the leader"] || f.Kind == Pause && f.Target == Leader
			if f.Kind == Partition {
				pairs := 0
				for _, g := range p.Faults {
					if g.Kind == Partition && g.At == f.At && len(g.From) == 1 && len(g.To) == 1 {
						pairs++
					}
				}
				has["ring"] = has["ring"] || pairs == 5
				has["leader isolated"] = has["leader isolated"] || f.Target == Leader
				has["one isolated"] = has["one isolated"] || len(f.From) == 1 && len(f.To) == 4
				has["halves"] = has["halves"] || len(f.From) == 2 && len(f.To) == 3
				has["pair"] = has["pair"] || len(f.From) == 1 && len(f.To) == 1
				has["bridge"] = has["bridge"] || len(f.From) == 2 && len(f.To) == 2 && f.From[0]+f.To[0] > 0
				has["clients on a side"] = has["clients on a side"] || len(f.From) > 0 && f.From[0] == 0 || len(f.To) > 0 && f.To[0] == 0
			}
			if f.Kind == OneWay {
				has["out of one"] = has["out of one"] || len(f.From) == 1 && len(f.To) >= 4
				has["into one"] = has["into one"] || len(f.To) == 1 && len(f.From) >= 4
				has["into the leader"] = has["into the leader"] || f.Target == Leader && len(f.To) == 0 && len(f.From) > 0
			}
			has["steady tail"] = has["steady tail"] || f.Kind == Tail && f.At == 0 && f.For == 0
		}
		for k := range kind {
			on[k]++
		}
		for s, yes := range has {
			if yes {
				shapes[s]++
			}
		}
	}
	slices.Sort(sizes)
	t.Logf("faults a plan: 5%% %d, median %d, 95%% %d, most %d", sizes[seeds/20], sizes[seeds/2], sizes[seeds*19/20], sizes[seeds-1])
	if sizes[seeds/20] < 3 || sizes[seeds*19/20] > 32 || sizes[seeds-1] > 60 { // the greatest are stormy in several kinds
	}
	for _, info := range All {
		share := 100 * on[info.Kind] / seeds
		t.Logf("%-12s on in %d %% of the seeds, %d faults", info.Kind, share, count[info.Kind])
		if want := info.setting.OnPPM / 10_000; (info.lies || info.damages) != (share == 0) || share != 0 && (int64(share) < want-4 || int64(share) > want+4) {
			t.Errorf("%s is on in %d %% of the seeds, want %d", info.Kind, share, want)
		}
	}
	power := 100 * count[PowerLoss] / (count[PowerLoss] + count[Kill])
	t.Logf("%d %% of the crashes are power losses", power)
	if power < 15 || power > 35 {
		t.Errorf("%d %% of the crashes are power losses", power)
	}
	for _, c := range []struct {
		shape string
		least int // percent of the seeds
	}{
		{"whole core", 45}, {"core of 3", 15}, {"core of 4", 15}, {"aimed", 50}, {"aimed at a send", 25},
		{"aimed at a sync", 15}, {"aimed at durable", 15}, {"power loss of all", 20}, {"kill of all", 8},
		{"crash of the leader", 25}, {"pause of the leader", 10}, {"leader isolated", 15}, {"one isolated", 15},
		{"ring", 3}, {"halves", 8}, {"pair", 8}, {"bridge", 2}, {"clients on a side", 15}, {"out of one", 5}, {"into one", 5},
		{"into the leader", 3}, {"steady tail", 20},
	} {
		share := 100 * shapes[c.shape] / seeds
		t.Logf("%-20s in %d %% of the seeds", c.shape, share)
		if share < c.least {
			t.Errorf("%s in %d %% of the seeds, want %d %%", c.shape, share, c.least)
		}
	}
}

func rangeOf(k Kind) (lo, hi int64) {
	s := (&Profile{}).setting(k.index())
	return int64(s.ForMin), int64(s.ForMax)
}

func TestDrawKeepsToItsWindow(t *testing.T) {
	p := Profile{From: sim.Time(time.Second), To: sim.Time(2 * time.Second), Heal: sim.Time(3 * time.Second)}
	for seed := range uint64(200) {
		plan := Draw(sim.Keyed{Seed: seed}, p, 3)
		if plan.Heal != int64(p.Heal) {
			t.Fatalf("heal at %d, want %d", plan.Heal, p.Heal)
		}
		for _, f := range plan.Faults {
			if f.At < int64(p.From) || f.At >= int64(p.To) {
				t.Fatalf("seed %d: %v is outside of the window", seed, f)
			}
		}
	}
	// A longer window has more faults, a rate likewise, and both stay within limits.
	long := Draw(sim.Keyed{Seed: 1}, Profile{To: sim.Time(time.Minute)}, 3)
	if len(long.Faults) < 50 {
		t.Errorf("%d faults in a minute", len(long.Faults))
	}
	century := Draw(sim.Keyed{Seed: 1}, Profile{To: sim.Time(MaxTime), Rate: 1 << 40}, 3)
	if err := century.Validate(servers(3)); err != nil {
		t.Error(err)
	}
}

func TestDrawWithoutShares(t *testing.T) {
	never := Setting{AllPPM: -1}
	p := Profile{Of: map[Kind]Setting{Kill: never, PowerLoss: never}, Damaged: -1, LeaderPPM: -1, ClientsPPM: -1, SteadyPPM: -1, AimPPM: -1, PartialCorePPM: -1}
	for seed := range uint64(300) {
		plan := Draw(sim.Keyed{Seed: seed}, p, 4)
		if plan.Core != nil {
			t.Fatalf("seed %d: core %v", seed, plan.Core)
		}
		for _, f := range plan.Faults {
			if f.Target != "" || f.On != nil || slices.Contains(f.From, 0) || slices.Contains(f.To, 0) {
				t.Fatalf("seed %d: %v", seed, f)
			}
		}
	}
}

// A plan is a promise about a seed: this one moves only if all seeds do.
func TestDrawGolden(t *testing.T) {
	const file = "testdata/plan-0x9f3a.json"
	got := Draw(sim.Keyed{Seed: 0x9f3a}, Profile{AimKinds: []string{"append", "append_reply", "vote", "vote_reply"}}, 5).Encode()
	if update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s(make golden)", got, want)
	}
}

func BenchmarkDraw(b *testing.B) {
	p := Profile{AimKinds: aims}
	b.ReportAllocs()
	faults := 0
	for i := 0; b.Loop(); i++ {
		faults += len(Draw(sim.Keyed{Seed: uint64(i)}, p, 5).Faults)
	}
	b.ReportMetric(float64(faults)/float64(b.N), "faults/op")
}
