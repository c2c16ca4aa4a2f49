package faults

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saros-sim/saros/sim"
	"pgregory.net/rapid"
)

// A trivial machine: every 10 ms it sends a ping to every other server (and the
// client), and syncs a file; at every third ping it sends a vote too.
const (
	kindPing sim.Kind = iota + 1
	kindVote
)

const period = 10 * time.Millisecond

type beater struct {
	b     *bench
	beats int
}

func (m *beater) Boot(env sim.Env) {
	env.Disk().Create("f")
	env.Disk().SyncDir()
	env.SetTimer(1, period)
}

func (m *beater) Fire(env sim.Env, _ sim.TimerID) {
	env.SetTimer(1, period)
	m.beats++
	var frame [8]byte
	for i := range frame {
		frame[i] = byte(m.b.w.Now() >> (8 * i)) // when it was sent, for the tests
	}
	for id := sim.NodeID(1); id <= sim.NodeID(m.b.n+1); id++ {
		if id == env.Self() {
			continue
		}
		env.Send(id, kindPing, frame[:])
		if m.beats%3 == 0 {
			env.Send(id, kindVote, frame[:])
		}
	}
	env.Disk().Append("f", frame[:])
	env.Disk().Sync("f")
	m.b.wall[env.Self()] = env.Wall().Reading
}

func (m *beater) Receive(env sim.Env, from sim.NodeID, kind sim.Kind, frame []byte) {
	var sent sim.Time
	for i, c := range frame {
		sent |= sim.Time(c) << (8 * i)
	}
	m.b.got = append(m.b.got, arrival{from, env.Self(), kind, sent, m.b.w.Now()})
}

func (m *beater) Complete(env sim.Env, _ sim.IOID, io sim.IO) {
	if io.Op == sim.OpSync && io.Err == nil {
		m.b.synced[env.Self()]++
	}
}

type arrival struct {
	from, to sim.NodeID
	kind     sim.Kind
	sent, at sim.Time
}

// kept are clocks that three time servers keep right.
var kept = sim.ClockOptions{Bound: time.Millisecond, NTP: sim.NTPOptions{Poll: 100 * time.Millisecond, Servers: 3, DelayMin: time.Millisecond, DelayMean: time.Millisecond}}

// bench is a World of n beaters and one client that pings them all.
type bench struct {
	w      *sim.World
	n      int
	t      Topology
	got    []arrival
	wall   []int64
	synced []int
}

func newBench(n int, o sim.Options) *bench {
	b := &bench{w: sim.New(o), n: n, t: servers(n), wall: make([]int64, n+2), synced: make([]int, n+2)}
	for i := range n {
		b.w.AddNode(fmt.Sprint("server", i+1), func(uint32) sim.Machine { return &beater{b: b} })
	}
	b.w.AddClient("client", func(c *sim.Client) {
		for {
			now := b.w.Now()
			var frame [8]byte
			for i := range frame {
				frame[i] = byte(now >> (8 * i))
			}
			for i := range n {
				if c.Send(sim.NodeID(i+1), kindPing, frame[:]) != nil {
					return
				}
			}
			for b.w.Now() < now.Add(period) {
				f, err := c.Recv(now.Add(period).Sub(b.w.Now()))
				if err == sim.ErrStopped {
					return
				}
				if err == nil {
					b.got = append(b.got, arrival{f.From, sim.NodeID(n + 1), f.Kind, 0, b.w.Now()})
				}
			}
		}
	})
	b.lay()
	return b
}

// lay puts the nodes into twoRacks. Nobody notices the network until it is cut.
func (b *bench) lay() {
	half := (b.n + 2) / 2
	var hosts []sim.NodeID
	for i := range b.n + 1 {
		hosts = append(hosts, sim.NodeID(i+1))
	}
	b.w.Lay(sim.Racks(2, half, sim.PipeOptions{}, sim.PipeOptions{}), hosts...)
}

const ms = int64(time.Millisecond)

// net has delays and a heavy tail, so that every disturbance shows; effects take
// time, so that faults fall between them.
var net = sim.Options{
	Seed: 1,
	Link: sim.LinkOptions{Min: time.Millisecond, TailFactor: 20},
	Disk: sim.DiskOptions{},
	CPU:  sim.CPUOptions{Handler: time.Microsecond, Effect: time.Microsecond},
}

// run applies the faults and runs for two seconds.
func (b *bench) run(t *testing.T, p Plan) *Injector {
	t.Helper()
	in := Apply(b.w, p, b.t)
	b.w.Run(sim.Time(2000*ms), nil)
	b.w.Stop()
	if v := b.w.Violations(); len(v) > 0 {
		t.Fatalf("violation %+v\n%s", v, b.w.PanicStack)
	}
	return in
}

// at looks at the world at a time, in the middle of the run.
func (b *bench) at(t int64, do func()) { b.w.At(sim.Time(t), do) }

// arrived counts frames sent in [from, to) from one node to another.
func (b *bench) arrived(a, z sim.NodeID, from, to int64) (n int) {
	for _, g := range b.got {
		if g.from == a && g.to == z && g.kind == kindPing && g.sent >= sim.Time(from) && g.sent < sim.Time(to) {
			n++
		}
	}
	return n
}

func expectFired(t *testing.T, in *Injector, want ...Count) {
	t.Helper()
	if got := in.Fired(); !slices.Equal(got, want) {
		t.Errorf("fired %v, want %v", got, want)
	}
}

// lives tells how server n is every 10 ms: up, paused, or down.
func (b *bench) lives(n sim.NodeID, until int64) *strings.Builder {
	var s strings.Builder
	for at := 5 * ms; at < until; at += 10 * ms {
		b.at(at, func() {
			switch {
			case !b.w.Up(n):
				s.WriteByte('-')
			case b.w.Paused(n):
				s.WriteByte('z')
			default:
				s.WriteByte('U')
			}
		})
	}
	return &s
}

// Faults of processes: how server 1 fares, a letter every 10 ms (U runs, z is
// paused, - is down), the heal at 100 ms.
func TestProcessFaults(t *testing.T) {
	kill := func(at, dur int64) Fault { return Fault{Kind: Kill, At: at * ms, For: dur * ms, Node: 1} }
	power := func(at, dur int64) Fault { return Fault{Kind: PowerLoss, At: at * ms, For: dur * ms, Node: 1} }
	pause := func(at, dur int64) Fault { return Fault{Kind: Pause, At: at * ms, For: dur * ms, Node: 1} }
	for _, c := range []struct {
		name   string
		faults []Fault
		want   string
		fired  []Count
	}{
		{"kill", []Fault{kill(20, 30)}, "UU---UUUUUUU", []Count{{Kill, 1}}},
		{"power loss", []Fault{power(20, 30)}, "UU---UUUUUUU", []Count{{PowerLoss, 1}}},
		{"pause", []Fault{pause(20, 30)}, "UUzzzUUUUUUU", []Count{{Pause, 1}}},
		{"kill until the heal", []Fault{kill(20, 0)}, "UU--------UU", []Count{{Kill, 1}}},
		{"power loss past the heal", []Fault{power(20, 500)}, "UU--------UU", []Count{{PowerLoss, 1}}},
		{"pause until the heal", []Fault{pause(20, 0)}, "UUzzzzzzzzUU", []Count{{Pause, 1}}},
		{"killed twice", []Fault{kill(20, 30), kill(60, 10)}, "UU---U-UUUUU", []Count{{Kill, 2}}},
		{"killing the dead", []Fault{kill(20, 30), kill(30, 50)}, "UU---UUUUUUU", []Count{{Kill, 1}}},
		{"pausing the paused", []Fault{pause(20, 30), pause(30, 50)}, "UUzzzUUUUUUU", []Count{{Pause, 1}}},
		{"pausing the dead", []Fault{kill(20, 30), pause(30, 50)}, "UU---UUUUUUU", []Count{{Kill, 1}}},
		{"killed while paused", []Fault{pause(20, 50), kill(30, 20)}, "UUz--UUUUUUU", []Count{{Kill, 1}, {Pause, 1}}},
		{"killed while paused, longer", []Fault{pause(20, 20), kill(30, 50)}, "UUz-----UUUU", []Count{{Kill, 1}, {Pause, 1}}},
		{"killed, then without power for longer", []Fault{kill(20, 20), power(30, 40)}, "UU-----UUUUU", []Count{{Kill, 1}, {PowerLoss, 1}}},
		{"killed, meanwhile without power", []Fault{kill(20, 50), power(30, 10)}, "UU-----UUUUU", []Count{{Kill, 1}, {PowerLoss, 1}}},
		{"without power twice, longer", []Fault{power(20, 20), power(30, 40)}, "UU-----UUUUU", []Count{{PowerLoss, 1}}},
		{"without power twice, shorter", []Fault{power(20, 50), power(30, 10)}, "UU-----UUUUU", []Count{{PowerLoss, 1}}},
		{"killing what has no power", []Fault{power(20, 20), kill(30, 40)}, "UU--UUUUUUUU", []Count{{PowerLoss, 1}}},
		{"at the very beginning", []Fault{kill(0, 0)}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(3, net)
			lives, other := b.lives(1, 120*ms), b.lives(2, 120*ms)
			in := b.run(t, Plan{Faults: c.faults, Heal: 100 * ms})
			if c.want == "" {
				return // whether it had booted is a matter of ties
			}
			if got := lives.String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := other.String(); got != "UUUUUUUUUUUU" {
				t.Errorf("another server suffered: %s", got)
			}
			expectFired(t, in, c.fired...)
			if !in.Healed() {
				t.Error("not healed")
			}
		})
	}
}

func TestPowerLossTakesUnsyncedData(t *testing.T) {
	// Killed, a server keeps its page cache; that power is lost only later, while it
	// is down, must still reach the disk. The trace shows it.
	b := newBench(1, net)
	var lines []string
	b.w.Trace = func(l sim.TraceLine) {
		if l.Type == sim.TraceKill || l.Type == sim.TracePowerLoss || l.Type == sim.TraceBoot {
			lines = append(lines, l.Type.String())
		}
	}
	b.run(t, Plan{Faults: []Fault{
		{Kind: Kill, At: 20 * ms, For: 20 * ms, Node: 1},
		{Kind: PowerLoss, At: 30 * ms, For: 20 * ms, Node: 1},
	}})
	if want := []string{"boot", "kill", "power_loss", "boot"}; !slices.Equal(lines, want) {
		t.Errorf("got %v, want %v", lines, want)
	}
}

func TestTargets(t *testing.T) {
	t.Run("all", func(t *testing.T) {
		b := newBench(3, net)
		var lives []*strings.Builder
		for id := range 3 {
			lives = append(lives, b.lives(sim.NodeID(id+1), 80*ms))
		}
		in := b.run(t, Plan{Faults: []Fault{
			{Kind: PowerLoss, At: 20 * ms, For: 20 * ms, Target: Everyone},
			{Kind: Kill, At: 10 * ms, For: 20 * ms, Node: 2}, // down already when the others go
		}})
		for id, want := range []string{"UU--UUUU", "U---UUUU", "UU--UUUU"} {
			if got := lives[id].String(); got != want {
				t.Errorf("server %d: got %s, want %s", id+1, got, want)
			}
		}
		expectFired(t, in, Count{Kill, 1}, Count{PowerLoss, 1})
	})
	t.Run("leader", func(t *testing.T) {
		b := newBench(3, net)
		leader := sim.NodeID(0)
		b.t.Leader = func() sim.NodeID { return leader }
		b.at(20*ms, func() { leader = 3 })
		lives := b.lives(3, 80*ms)
		in := b.run(t, Plan{Faults: []Fault{
			{Kind: Kill, At: 10 * ms, For: 20 * ms, Target: Leader}, // nobody leads yet
			{Kind: Pause, At: 30 * ms, For: 20 * ms, Target: Leader},
		}})
		if got := lives.String(); got != "UUUzzUUU" {
			t.Errorf("the leader fared %s", got)
		}
		expectFired(t, in, Count{Pause, 1})
		if got, want := in.Strikes(), []Strike{{Fault: 1, At: sim.Time(30 * ms), Node: 3}}; !slices.Equal(got, want) {
			t.Errorf("strikes %v, want %v", got, want)
		}
	})
	t.Run("isolated leader", func(t *testing.T) {
		for _, c := range []struct {
			name     string
			from, to []int
			kind     Kind
			// pings of 200 ms from the leader (2) to a server, back, and to the client
			out, in, toClient bool
		}{
			{"partition", nil, nil, Partition, false, false, true},
			{"partition with clients", nil, []int{0, 1, 2, 3}, Partition, false, false, false},
			{"out", nil, nil, OneWay, false, true, true},
			{"in", []int{0, 1, 2, 3}, nil, OneWay, true, false, true},
		} {
			b := newBench(3, net)
			b.t.Leader = func() sim.NodeID { return 2 }
			in := b.run(t, Plan{Faults: []Fault{{Kind: c.kind, At: 500 * ms, For: 200 * ms, Target: Leader, From: c.from, To: c.to}}})
			expectFired(t, in, Count{c.kind, 1})
			if got := b.arrived(2, 1, 500*ms, 700*ms) > 0; got != c.out {
				t.Errorf("%s: pings leave the leader: %v", c.name, got)
			}
			if got := b.arrived(1, 2, 500*ms, 700*ms) > 0; got != c.in {
				t.Errorf("%s: pings reach the leader: %v", c.name, got)
			}
			heard := slices.ContainsFunc(b.got, func(g arrival) bool {
				return g.from == 2 && g.to == 4 && g.at > sim.Time(510*ms) && g.at < sim.Time(700*ms)
			})
			if heard != c.toClient {
				t.Errorf("%s: the client hears the leader: %v", c.name, heard)
			}
			if b.arrived(1, 3, 500*ms, 700*ms) < 15 || b.arrived(2, 1, 700*ms, 1000*ms) < 25 {
				t.Errorf("%s: others suffer, or the end does not come", c.name)
			}
		}
	})
}

func TestPartitions(t *testing.T) {
	cut := func(at, dur int64, from, to []int) Fault {
		return Fault{Kind: Partition, At: at * ms, For: dur * ms, From: from, To: to}
	}
	for _, c := range []struct {
		name   string
		faults []Fault
		mended int64 // when 1 reaches 2 again, in ms
		fired  int
	}{
		{"one", []Fault{cut(100, 100, []int{1}, []int{2, 3})}, 200, 1},
		{"until the heal", []Fault{cut(100, 0, []int{1}, []int{2, 3})}, 1000, 1},
		{"past the heal", []Fault{cut(100, 5000, []int{1}, []int{2, 3})}, 1000, 1},
		{"two overlap", []Fault{cut(100, 100, []int{1}, []int{2, 3}), cut(150, 200, []int{1, 3}, []int{2})}, 350, 2},
		{"the same twice", []Fault{cut(100, 100, []int{1}, []int{2}), cut(150, 100, []int{1}, []int{2})}, 250, 1},
		{"one inside of another", []Fault{cut(100, 200, []int{1}, []int{2}), cut(150, 10, []int{1}, []int{2})}, 300, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(3, net)
			in := b.run(t, Plan{Faults: c.faults, Heal: 1000 * ms})
			expectFired(t, in, Count{Partition, c.fired})
			for _, pair := range [][2]sim.NodeID{{1, 2}, {2, 1}} {
				if n := b.arrived(pair[0], pair[1], 100*ms, c.mended*ms-1); n > 0 {
					t.Errorf("%d pings %v in the partition", n, pair)
				}
				if n := b.arrived(pair[0], pair[1], c.mended*ms, (c.mended+100)*ms); n < 9 {
					t.Errorf("%d pings %v after it", n, pair)
				}
			}
		})
	}
}

func TestOneWay(t *testing.T) {
	b := newBench(3, net)
	in := b.run(t, Plan{Faults: []Fault{{Kind: OneWay, At: 100 * ms, For: 100 * ms, From: []int{0, 1}, To: []int{2}}}})
	expectFired(t, in, Count{OneWay, 1})
	for _, c := range []struct {
		from, to sim.NodeID
		reaches  bool
	}{{1, 2, false}, {2, 1, true}, {4, 2, false}, {4, 1, true}, {3, 2, true}, {1, 3, true}} {
		if got := b.arrived(c.from, c.to, 101*ms, 199*ms) > 0; got != c.reaches {
			t.Errorf("%d reaches %d: %v", c.from, c.to, got)
		}
	}
}

func TestDisturbances(t *testing.T) {
	all := []int{1, 2, 3}
	fault := func(k Kind, at, dur, amount int64) Fault {
		return Fault{Kind: k, At: at * ms, For: dur * ms, From: all, To: all, Amount: amount}
	}
	// What became of the pings from 1 to 2 that were sent in a window of ms.
	type fate struct {
		arrived int           // per 10 pings
		slowest time.Duration // rounded to ms
	}
	observe := func(b *bench, from, to int64) (f fate) {
		for _, g := range b.got {
			if g.from == 1 && g.to == 2 && g.kind == kindPing && g.sent >= sim.Time(from*ms) && g.sent < sim.Time(to*ms) {
				f.arrived++
				f.slowest = max(f.slowest, g.at.Sub(g.sent).Round(time.Millisecond))
			}
		}
		f.arrived = f.arrived * 100 / int(to-from)
		return f
	}
	calm := fate{10, time.Millisecond}
	for _, c := range []struct {
		name   string
		faults []Fault
		want   []fate // of the windows 100..200, 200..300, 300..400 ms, …
	}{
		{"delay", []Fault{fault(Delay, 100, 100, 7)}, []fate{{10, 7 * time.Millisecond}, calm}},
		{"delays multiply", []Fault{fault(Delay, 100, 200, 2), fault(Delay, 200, 200, 3)},
			[]fate{{10, 2 * time.Millisecond}, {10, 6 * time.Millisecond}, {10, 3 * time.Millisecond}, calm}},
		{"delay past any sense", []Fault{fault(Delay, 100, 200, MaxFactor), fault(Delay, 150, 200, MaxFactor)},
			[]fate{{10, 10_000 * time.Millisecond}}},
		{"tail", []Fault{fault(Tail, 100, 100, million)}, []fate{{10, 20 * time.Millisecond}, calm}},
		{"loss", []Fault{fault(Loss, 100, 100, million)}, []fate{{0, 0}, calm}},
		{"losses add up", []Fault{fault(Loss, 100, 200, million/2), fault(Loss, 200, 200, million/2)},
			[]fate{{-1, 0}, {0, 0}, {-1, 0}, calm}},
		{"duplicates", []Fault{fault(Duplicate, 100, 100, million)}, []fate{{20, time.Millisecond}, calm}},
		{"until the heal", []Fault{fault(Loss, 100, 0, million)}, []fate{{0, 0}, {0, 0}, {0, 0}, calm}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(3, net)
			if strings.HasPrefix(c.name, "delay past") {
				in := Apply(b.w, Plan{Faults: c.faults, Heal: 300 * ms}, b.t)
				b.w.Run(sim.Time(11_000*ms), nil)
				b.w.Stop()
				expectFired(t, in, Count{Delay, 1})
			} else {
				b.run(t, Plan{Faults: c.faults, Heal: 400 * ms})
			}
			for i, want := range c.want {
				from := int64(100 + 100*i)
				got := observe(b, from, from+100)
				if want.arrived < 0 { // some, by chance
					if got.arrived == 0 || got.arrived == 10 {
						t.Errorf("%d ms: %d of 10 arrived, want some", from, got.arrived)
					}
				} else if got != want {
					t.Errorf("%d ms: got %v, want %v", from, got, want)
				}
			}
		})
	}
}

func TestClocks(t *testing.T) {
	b := newBench(2, net)
	var wall [8]time.Duration // of server 1, every 100 ms, less true time
	for i := range wall {
		b.at(int64(i)*100*ms+95*ms, func() { wall[i] = time.Duration(b.wall[1]) - time.Duration(int64(i)*100*ms+90*ms) })
	}
	in := b.run(t, Plan{Heal: 700 * ms, Faults: []Fault{
		{Kind: ClockStep, At: 100 * ms, For: 200 * ms, Node: 1, Amount: int64(time.Second)},
		{Kind: ClockStep, At: 200 * ms, For: 300 * ms, Node: 1, Amount: -int64(time.Hour)},
		{Kind: ClockStep, At: 600 * ms, Node: 1, Amount: int64(time.Minute)},
	}})
	expectFired(t, in, Count{ClockStep, 3})
	for i, want := range []time.Duration{0, time.Second, time.Second - time.Hour, -time.Hour, -time.Hour, 0, time.Minute, 0} {
		if got := wall[i].Round(10 * time.Millisecond); got != want {
			t.Errorf("%d ms: the time of day is off by %v, want %v", i*100+90, got, want)
		}
	}

	b = newBench(2, net)
	var mono [7]time.Duration
	for i := range mono {
		b.at(int64(i)*100*ms, func() { mono[i] = b.w.MonotonicOf(1) - time.Duration(int64(i)*100*ms) })
	}
	in = b.run(t, Plan{Heal: 500 * ms, Faults: []Fault{
		{Kind: ClockDrift, At: 0, For: 200 * ms, Node: 1, Amount: 1000},
		{Kind: ClockDrift, At: 100 * ms, For: 200 * ms, Target: Everyone, Amount: 500},
		{Kind: ClockDrift, At: 400 * ms, Node: 1, Amount: -2000},
	}})
	expectFired(t, in, Count{ClockDrift, 3})
	for i, want := range []int64{0, 100, 250, 300, 300, 100, 100} {
		if got := mono[i].Round(time.Microsecond).Microseconds(); got != want {
			t.Errorf("%d ms: the monotonic clock is ahead by %d us, want %d", i*100, got, want)
		}
	}
}

// Aimed faults: server 1 beats every 10 ms and a little, first at 10 ms: three pings
// (two servers, one client) a beat, as many votes at every third, one sync.
func TestAnchors(t *testing.T) {
	on := func(step, kind string, nth int) *Anchor { return &Anchor{Step: step, Kind: kind, Nth: nth} }
	for _, c := range []struct {
		name   string
		fault  Fault
		leader []sim.NodeID // who leads in each 100 ms
		strike int64        // in ms, rounded down; 0: none
		node   int
	}{
		{"first ping", Fault{Node: 1, On: on(StepSend, "ping", 1)}, nil, 10, 1},
		{"fourth ping", Fault{Node: 1, On: on(StepSend, "ping", 4)}, nil, 20, 1},
		{"first vote", Fault{Node: 1, On: on(StepSend, "vote", 1)}, nil, 30, 1},
		{"from then on", Fault{Node: 2, At: 45 * ms, On: on(StepSend, "vote", 1)}, nil, 60, 2},
		{"third sync", Fault{Node: 1, On: on(StepSync, "", 3)}, nil, 30, 1},
		{"third durable", Fault{Node: 1, On: on(StepDurable, "", 3)}, nil, 30, 1},
		{"after the heal", Fault{Node: 1, On: on(StepSync, "", 60)}, nil, 0, 0},
		{"nobody leads", Fault{Target: Leader, On: on(StepSync, "", 1)}, nil, 0, 0},
		{"the leader's third sync", Fault{Target: Leader, On: on(StepSync, "", 3)}, []sim.NodeID{0, 2}, 120, 2},
		{"leaders' eleventh sync", Fault{Target: Leader, On: on(StepSync, "", 12)}, []sim.NodeID{0, 2, 3, 3}, 210, 3},
		{"anybody's third vote", Fault{Target: Everyone, On: on(StepSend, "vote", 3)}, nil, 30, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(3, net)
			b.t.Leader = func() sim.NodeID {
				i := int(int64(b.w.Now()) / (100 * ms))
				if i >= len(c.leader) {
					return 0
				}
				return c.leader[i]
			}
			c.fault.Kind, c.fault.For = Kill, 50*ms
			in := b.run(t, Plan{Faults: []Fault{c.fault}, Heal: 500 * ms})
			strikes := in.Strikes()
			if c.strike == 0 {
				if len(strikes) != 0 {
					t.Errorf("struck %v", strikes)
				}
				return
			}
			if len(strikes) != 1 || int64(strikes[0].At)/ms != c.strike || strikes[0].Node != c.node {
				t.Errorf("strikes %v, want one of server %d at %d ms", strikes, c.node, c.strike)
			}
		})
	}
}

// A crash that is aimed at a send leaves the frames after it unsent.
func TestAnchorFallsBetweenTwoEffects(t *testing.T) {
	b := newBench(3, net)
	b.run(t, Plan{Faults: []Fault{{Kind: Kill, Node: 1, For: 500 * ms, On: &Anchor{Step: StepSend, Kind: "vote", Nth: 1}}}})
	votes := map[sim.NodeID]int{}
	for _, g := range b.got {
		if g.from == 1 && g.kind == kindVote && g.at < sim.Time(100*ms) {
			votes[g.to]++
		}
	}
	if votes[2] != 1 || votes[3] != 0 {
		t.Errorf("votes of server 1 that arrived: %v, want one at server 2 and none at 3", votes)
	}
}

func TestHealLeavesTheCore(t *testing.T) {
	b := newBench(5, net)
	in := b.run(t, Plan{
		Heal: 500 * ms, Core: []int{1, 2, 4},
		Faults: []Fault{
			{Kind: Kill, At: 100 * ms, Node: 1},
			{Kind: Pause, At: 100 * ms, Node: 2},
			{Kind: Kill, At: 100 * ms, For: 600 * ms, Node: 3}, // its restart comes after the heal
			{Kind: Pause, At: 100 * ms, For: 600 * ms, Node: 4},
			{Kind: Partition, At: 100 * ms, For: 600 * ms, From: []int{0, 1, 2}, To: []int{3, 4, 5}},
			{Kind: Loss, At: 100 * ms, From: []int{0, 1, 2, 3, 4, 5}, To: []int{0, 1, 2, 3, 4, 5}, Amount: million},
			{Kind: ClockDrift, At: 100 * ms, Node: 2, Amount: 1000},
			{Kind: Kill, At: 400 * ms, Node: 4, On: &Anchor{Step: StepSend, Kind: "vote", Nth: 1}},
		},
	})
	expectFired(t, in, Count{Kill, 2}, Count{Pause, 2}, Count{Partition, 1}, Count{Loss, 1}, Count{ClockDrift, 1})
	for s, up := range []bool{true, true, false, true, false} {
		id := sim.NodeID(s + 1)
		if b.w.Up(id) != up || b.w.Paused(id) {
			t.Errorf("server %d: up %v, paused %v; want up %v", id, b.w.Up(id), b.w.Paused(id), up)
		}
		for _, other := range []sim.NodeID{1, 2, 4, 6} {
			if other == id {
				continue
			}
			n := b.arrived(id, other, 500*ms, 1900*ms)
			if other == 6 { // the client does not note when a ping was sent
				n = 0
				for _, g := range b.got {
					if g.from == id && g.to == 6 && g.kind == kindPing && g.at > sim.Time(510*ms) && g.at < sim.Time(1900*ms) {
						n++
					}
				}
			}
			if up && n < 125 || !up && n > 0 {
				t.Errorf("%d of some 135 pings from %d to %d after the heal", n, id, other)
			}
		}
		before, after := b.w.MonotonicOf(id), b.w.Now()
		if up && b.w.MonotonicOf(id)-before != b.w.Now().Sub(after) {
			t.Errorf("server %d: the clock drifts", id)
		}
	}
}

// After any plan, nothing is left of it: the trace's last word on every link is calm
// and whole, every core server runs, clocks run true.
func TestHealUndoesEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 4
		p := genPlan(n).Draw(t, "plan")
		o := net
		o.Seed = rapid.Uint64().Draw(t, "seed")
		b := newBench(n, o)
		b.t.Leader = func() sim.NodeID { return sim.NodeID(1 + b.w.Now()/sim.Time(300*ms)%n) }
		inCore := func(s sim.NodeID) bool { return p.Core == nil || slices.Contains(p.Core, int(s)) || int(s) == n+1 }
		cuts, trouble := map[[2]sim.NodeID]uint64{}, map[[2]sim.NodeID]map[sim.Kind]uint64{}
		b.w.Trace = func(l sim.TraceLine) {
			switch l.Type {
			case sim.TraceCut, sim.TraceMend:
				cuts[[2]sim.NodeID{l.From, l.Node}] = l.Arg
			case sim.TraceDisturb:
				link := [2]sim.NodeID{l.From, l.Node}
				if trouble[link] == nil {
					trouble[link] = map[sim.Kind]uint64{}
				}
				trouble[link][l.Kind] = l.Arg
			}
		}
		in := Apply(b.w, p, b.t)
		var drift, rate [n + 1]time.Duration
		b.w.At(sim.Time(1100*ms), func() {
			for s := range drift {
				if s > 0 {
					drift[s] = b.w.MonotonicOf(sim.NodeID(s))
				}
			}
		})
		b.w.At(sim.Time(1200*ms), func() {
			for s := range rate {
				if s > 0 {
					rate[s] = b.w.MonotonicOf(sim.NodeID(s)) - drift[s]
				}
			}
		})
		b.w.Run(sim.Time(3000*ms), nil)
		b.w.Stop()
		if v := b.w.Violations(); len(v) > 0 {
			t.Fatalf("violation %+v\n%s", v, b.w.PanicStack)
		}
		if !in.Healed() {
			t.Fatal("not healed")
		}
		for s := sim.NodeID(1); s <= n; s++ {
			if b.w.Up(s) != inCore(s) || b.w.Paused(s) {
				t.Fatalf("server %d: up %v, paused %v, in the core %v", s, b.w.Up(s), b.w.Paused(s), inCore(s))
			}
			if inCore(s) && rate[s] != 100*time.Millisecond {
				t.Fatalf("server %d: its clock ran %v in 100ms", s, rate[s])
			}
			for to := sim.NodeID(1); to <= n+1; to++ {
				for _, link := range [][2]sim.NodeID{{s, to}, {to, s}} {
					if whole := cuts[link] == 0; s != to && whole != (inCore(s) && inCore(to)) {
						t.Fatalf("link %v: %d cuts", link, cuts[link])
					}
					for what, x := range trouble[link] {
						if calm := what == 0 && x == 1 || what > 0 && x == 0; !calm { // 0: the factor of delays
							t.Fatalf("link %v is disturbed: %d of %d", link, x, what)
						}
					}
				}
			}
		}
		total := 0
		for _, c := range in.Fired() {
			total += c.N
		}
		if total != len(in.Strikes()) || total > len(p.Faults) {
			t.Fatalf("%d faults, fired %v, strikes %v", len(p.Faults), in.Fired(), in.Strikes())
		}
	})
}

// The same seed and the same plan are the same run; and a plan that is taken apart
// and put together again as well.
func TestApplyIsDeterministic(t *testing.T) {
	for seed := range uint64(20) {
		o := net
		o.Seed, o.Link.Mean = seed, time.Millisecond
		var digests [2]sim.Digest
		var strikes [2][]Strike
		for i := range digests {
			b := newBench(5, o)
			b.t.Leader = func() sim.NodeID { return sim.NodeID(1 + b.w.Now()/sim.Time(time.Second)) }
			p := Draw(b.w.Decider(), Profile{AimKinds: aims}, 5)
			if i == 1 {
				var err error
				if p, err = DecodePlan(p.Encode()); err != nil {
					t.Fatal(err)
				}
			}
			in := Apply(b.w, p, b.t)
			b.w.Run(sim.Time(5*time.Second), nil)
			b.w.Stop()
			digests[i], strikes[i] = b.w.Digest(), in.Strikes()
			if !in.Healed() || len(strikes[i]) == 0 {
				t.Errorf("seed %d: healed %v, %d strikes", seed, in.Healed(), len(strikes[i]))
			}
		}
		if digests[0] != digests[1] || !reflect.DeepEqual(strikes[0], strikes[1]) {
			t.Errorf("seed %d: two runs", seed)
		}
	}
}

// Over some seeds every kind fires.
func TestEveryKindFires(t *testing.T) {
	fired, drawn := map[Kind]int{}, map[Kind]int{}
	aimed, struck := 0, 0
	for seed := range uint64(120) {
		o := net
		o.Seed, o.Clock = seed, kept
		b := newBench(5, o)
		b.t.Leader = func() sim.NodeID { return 1 }
		p := Draw(b.w.Decider(), Profile{AimKinds: aims, Domains: twoRacks, Model: Model{Failures: Byzantine}}, 5)
		in := Apply(b.w, p, b.t)
		b.w.Run(sim.Time(p.Heal+100*ms), nil)
		b.w.Stop()
		for _, s := range in.Strikes() {
			if p.Faults[s.Fault].On != nil {
				struck++
			}
		}
		for _, f := range p.Faults {
			drawn[f.Kind]++
			if f.On != nil {
				aimed++
			}
		}
		for _, c := range in.Fired() {
			fired[c.Kind] += c.N
		}
	}
	for _, info := range All {
		t.Logf("%-12s %d of %d fired", info.Kind, fired[info.Kind], drawn[info.Kind])
		if fired[info.Kind] == 0 {
			t.Errorf("%s never fired", info.Kind)
		}
	}
	t.Logf("of %d aimed faults %d fired", aimed, struck)
	if struck*2 < aimed {
		t.Errorf("of %d aimed faults only %d fired", aimed, struck)
	}
}

func TestApplyRefusesAnInvalidPlan(t *testing.T) {
	defer func() {
		if r := fmt.Sprint(recover()); !strings.Contains(r, "faults: Apply: faults[0].node: there is no server 4") {
			t.Errorf("panic %q", r)
		}
	}()
	b := newBench(3, net)
	defer b.w.Stop()
	Apply(b.w, Plan{Faults: []Fault{{Kind: Kill, Node: 4}}}, b.t)
}

// BenchmarkPlan is what a plan costs a seed: drawing it, applying it, and all of its
// interventions in a World in which nothing else happens.
func BenchmarkPlan(b *testing.B) {
	t := servers(5)
	t.Leader = func() sim.NodeID { return 1 }
	w := sim.New(sim.Options{})
	p := Profile{AimKinds: aims}
	run := func(b *testing.B, apply bool) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			o := sim.Options{Seed: uint64(i)}
			w.Reset(o)
			for range 6 {
				w.AddNode("", func(uint32) sim.Machine { return idle{} })
			}
			if apply {
				Apply(w, Draw(w.Decider(), p, 5), t)
			}
			w.Run(sim.Time(5*time.Second), nil)
		}
	}
	b.Run("empty", func(b *testing.B) { run(b, false) })
	b.Run("drawn", func(b *testing.B) { run(b, true) })
}

type idle struct{}

func (idle) Boot(sim.Env)                                  {}
func (idle) Receive(sim.Env, sim.NodeID, sim.Kind, []byte) {}
func (idle) Fire(sim.Env, sim.TimerID)                     {}
func (idle) Complete(sim.Env, sim.IOID, sim.IO)            {}

// A rack that is cut off hears only itself; one that loses power loses its servers as
// well, and the others go on. Both end when their time is over.
func TestDomains(t *testing.T) {
	for _, c := range []struct {
		kind   Kind
		domain string
		up     bool // the servers of rack 0, meanwhile
		inside bool // whether they hear each other
		across bool // whether the racks do
	}{
		{DomainCut, "rack 0", true, false, false},
		{DomainCut, "uplink 0", true, true, false},
		{DomainPower, "rack 0", false, false, false},
		{DomainPower, "uplink 0", true, true, false},
	} {
		t.Run(fmt.Sprint(c.kind, " of ", c.domain), func(t *testing.T) {
			b := newBench(4, net) // 1, 2, 3 | 4, client
			in := Apply(b.w, Plan{Faults: []Fault{{Kind: c.kind, Domain: c.domain, At: 500 * ms, For: 500 * ms}}}, b.t)
			heard := func(from, to sim.NodeID) (n int) {
				for _, a := range b.got {
					if a.from == from && a.to == to {
						n++
					}
				}
				return n
			}
			see := func(until int64, up, inside, across bool) {
				t.Helper()
				b.w.Run(b.w.Now().Add(100*time.Millisecond), nil) // what was under way arrives
				b.got = b.got[:0]
				b.w.Run(sim.Time(until), nil)
				if b.w.Up(1) != up || b.w.Up(2) != up || !b.w.Up(4) {
					t.Errorf("up: 1 %v, 2 %v, 4 %v", b.w.Up(1), b.w.Up(2), b.w.Up(4))
				}
				if n := heard(1, 2); n > 0 != inside {
					t.Errorf("2 heard 1 %d times", n)
				}
				if n, m := heard(1, 4), heard(4, 1); n > 0 != across || m > 0 != across {
					t.Errorf("4 heard 1 %d times, 1 heard 4 %d times", n, m)
				}
			}
			see(499*ms, true, true, true)
			b.w.Run(sim.Time(501*ms), nil)
			see(999*ms, c.up, c.inside, c.across)
			b.w.Run(sim.Time(1001*ms), nil)
			see(1499*ms, true, true, true)
			b.w.Stop()
			if len(in.Strikes()) != 1 {
				t.Errorf("strikes: %v", in.Strikes())
			}
		})
	}
}

// Without power nothing restarts, a process in a crash loop neither; it comes back when the
// loop is over.
func TestCrashLoopInTheDark(t *testing.T) {
	b := newBench(3, net)
	Apply(b.w, Plan{Faults: []Fault{
		{Kind: CrashLoop, Node: 1, At: 100 * ms, For: 1000 * ms},
		{Kind: DomainPower, Domain: "rack 0", At: 200 * ms, For: 500 * ms},
	}}, b.t)
	b.w.Run(sim.Time(150*ms), nil)
	looped := b.w.Incarnation(1)
	b.w.Run(sim.Time(210*ms), nil)
	dark := b.w.Incarnation(1)
	b.w.Run(sim.Time(699*ms), nil)
	if looped < 2 || b.w.Incarnation(1) != dark || b.w.Up(1) {
		t.Errorf("incarnation %d in the loop, %d when it went dark, then %d; up %v", looped, dark, b.w.Incarnation(1), b.w.Up(1))
	}
	b.w.Run(sim.Time(1200*ms), nil)
	if !b.w.Up(1) {
		t.Error("it did not come back")
	}
	b.w.Stop()
}
