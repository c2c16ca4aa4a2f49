package sim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A node is a server with a queue, and its queue is the one of theory. A source sends
// requests at random (Poisson) over a perfect wire; the server Spends a service time for
// each:
//
//	source ── λ ──▶ run queue ──▶ CPU, mean s       load ρ = λs
//
// Kleinrock, Queueing Systems I: 3.2 (M/M/1), 3.6 (M/M/1/K), 5.6 (M/G/1: Pollaczek and
// Khinchine).

const serviceTime = time.Millisecond

func exponentialService(env Env) time.Duration { return exponential(serviceTime, env.Rand(1<<32)) }
func constantService(Env) time.Duration        { return serviceTime }

// station is what one run of one server came to.
type station struct {
	sent, served int
	end          Time
	work         time.Duration // of the server
	waited       time.Duration // sum over all requests served
	area         time.Duration // integral of the queue's length over time
	astray       int           // requests that did not wait as long as Lindley's equation says
	longest      int           // queue
}

func (s *station) wait() float64        { return float64(s.waited) / float64(s.served) }
func (s *station) waiting() float64     { return float64(s.area) / float64(s.end) }
func (s *station) utilization() float64 { return float64(s.work) / float64(s.end) }
func (s *station) loss() float64        { return float64(s.sent-s.served) / float64(s.sent) }

func (s *station) add(o station) {
	s.sent, s.served, s.end = s.sent+o.sent, s.served+o.served, s.end+o.end
	s.work, s.waited, s.area = s.work+o.work, s.waited+o.waited, s.area+o.area
	s.astray, s.longest = s.astray+o.astray, max(s.longest, o.longest)
}

// queueing runs a server from empty to empty.
func queueing(o Options, requests int, interval time.Duration, slow int64, service func(env Env) time.Duration) (s station) {
	w := New(o)
	var arrivals []Time // of requests on their way to be served
	var server NodeID
	arrival := func(env Env) { env.SetTimer(1, exponential(interval, env.Rand(1<<32))) }
	addStub(w, "source", stub{
		boot: arrival,
		fire: func(env Env, _ TimerID) {
			if o.CPU.Queue == 0 { // or some are lost
				arrivals = append(arrivals, w.Now())
			}
			env.Send(server, 1, nil)
			if s.sent++; s.sent < requests {
				arrival(env)
			}
		},
	})
	var before struct { // the request before this one
		arrived Time
		sojourn time.Duration
	}
	server = addStub(w, "server", stub{receive: func(env Env, _ NodeID, _ Kind, _ []byte) {
		work := service(env)
		env.Spend(work)
		work *= time.Duration(max(slow, 1))
		s.work += work
		if o.CPU.Queue == 0 {
			arrived := arrivals[s.served]
			wait := w.Now().Sub(arrived)
			// Lindley: it waits for what is left of the one before.
			if wait != max(before.sojourn-arrived.Sub(before.arrived), 0) {
				s.astray++
			}
			before.arrived, before.sojourn = arrived, wait+work
			s.waited += wait
		}
		s.served++
	}})
	if slow > 1 {
		w.Slow(server, slow)
	}
	last, length := Time(0), 0
	w.Run(End-1, func() bool {
		s.area += time.Duration(length) * w.Now().Sub(last)
		last, length = w.Now(), w.Waiting(server)
		s.longest = max(s.longest, length)
		return false
	})
	s.end = w.nodes[server].busy
	return s
}

// over sums what several seeds came to.
func over(seeds int, o Options, requests int, interval time.Duration, slow int64, service func(env Env) time.Duration) (sum station) {
	for seed := range uint64(seeds) {
		sum.add(queueing(seeded(o, seed), requests/seeds, interval, slow, service))
	}
	return sum
}

// With a load of ρ, exponential service times of mean s make a request wait for ρs/(1-ρ),
// constant ones for half of that; the queue is λ times that long, and the server works
// for a share of ρ. At ρ = 0.9 the standard deviation of the mean of n requests is
// 190s/√n (Daley, 1968, for M/M/1): 1.5 % of what theory says for two million; at smaller
// loads, fewer do.
func TestQueueingTheory(t *testing.T) {
	t.Parallel()
	for _, load := range []struct {
		percent, requests int
		long              bool
	}{{50, 150_000, false}, {70, 300_000, true}, {80, 800_000, true}, {90, 2_000_000, true}} {
		if load.long && testing.Short() {
			continue
		}
		for _, service := range []struct {
			name string
			draw func(env Env) time.Duration
			half float64
		}{{"M/M/1", exponentialService, 1}, {"M/D/1", constantService, 0.5}} {
			what := fmt.Sprintf("%s at %d %%", service.name, load.percent)
			rho := float64(load.percent) / 100
			interval := serviceTime * 100 / time.Duration(load.percent)
			s := over(20, Options{}, load.requests, interval, 1, service.draw)
			want := service.half * rho / (1 - rho) * float64(serviceTime)
			assert.InEpsilon(t, want, s.wait(), 0.05, "%s: wait", what)
			assert.InEpsilon(t, want/float64(interval), s.waiting(), 0.05, "%s: length of the queue", what)
			assert.InEpsilon(t, rho, s.utilization(), 0.01, "%s: utilization", what)
			assert.Zero(t, s.loss(), what)
		}
	}
}

// Without a word of statistics: every request waits as long as Lindley's equation says
// (1952), to the nanosecond, and in a run that begins and ends empty Little's law (1961)
// L = λW is an identity, for whatever arrives and however long it takes.
func TestLittleAndLindley(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]func(env Env) time.Duration{
		"M/M/1": exponentialService, "M/D/1": constantService,
		"lumpy": func(env Env) time.Duration { return time.Duration(env.Rand(3)) * serviceTime },
	} {
		for _, interval := range []time.Duration{serviceTime / 2, serviceTime, 2 * serviceTime} {
			for _, slow := range []int64{1, 3} {
				s := over(10, Options{}, 5000, interval, slow, service)
				assert.Equal(t, s.waited, s.area, "%s every %v, slow by %d", name, interval, slow)
				assert.Zero(t, s.astray, "%s every %v, slow by %d", name, interval, slow)
				assert.Positive(t, s.waited)
			}
		}
	}
}

// A server that is slow by 2 at a load of 0.35 is one at a load of 0.7: a gray failure is
// a queue before it is anything else.
func TestASlowServerIsALoadedOne(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a crowded queue forgets slowly")
	}
	s := over(20, Options{}, 300_000, serviceTime*100/35, 2, exponentialService)
	assert.InEpsilon(t, 0.7/0.3*2*float64(serviceTime), s.wait(), 0.05)
	assert.InEpsilon(t, 0.7, s.utilization(), 0.01)
}

// A bounded queue sheds load: of a server that holds k requests at most, the one it serves
// included, a share (1-ρ)ρᵏ/(1-ρᵏ⁺¹) is lost, under any load.
func TestABoundedQueueShedsLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("millions of requests")
	}
	const requests = 200_000
	for _, rho := range []float64{0.5, 0.9, 1.5, 3} {
		for _, most := range []int{1, 4, 10} {
			k := float64(most + 1)
			all := 1 - math.Pow(rho, k+1)
			want := struct{ loss, waiting, utilization float64 }{
				loss:        (1 - rho) * math.Pow(rho, k) / all,
				waiting:     rho/(1-rho) - (k+1)*math.Pow(rho, k+1)/all - (1 - (1-rho)/all),
				utilization: 1 - (1-rho)/all,
			}
			what := fmt.Sprintf("load %v, %d may wait", rho, most)
			s := over(10, Options{CPU: CPUOptions{Queue: most}}, requests, time.Duration(float64(serviceTime)/rho), 1, exponentialService)
			// Losses come in bursts of two or so; a small load loses 49 requests in 200,000.
			deviation := math.Sqrt(2 * want.loss / requests)
			assert.InDelta(t, want.loss, s.loss(), max(0.05*want.loss, 3*deviation), "%s: loss", what)
			assert.InEpsilon(t, want.waiting, s.waiting(), 0.05, "%s: length of the queue", what)
			assert.InEpsilon(t, want.utilization, s.utilization(), 0.02, "%s: utilization", what)
			assert.Equal(t, most, s.longest, what)
		}
	}
}
