package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/saros-sim/saros/sim"
)

// model is the dumb twin of a log: a list of records, of which the first acked must
// survive. It drives a log on a fakeDisk with random appends, flushes, ends of
// operations, kills, power losses and failed syncs, and says what the log got wrong.
type model struct {
	disk   *fakeDisk
	env    *fakeEnv
	log    *Log
	rules  Rules
	choose func(n int) int

	records [][]byte // by Position-1: what was appended and may be recovered
	acked   int
	replay  [][]byte // by the recovery under way
	crashes int
	torn    int
}

func (m *model) boot() {
	o := Options{SegmentBytes: 400, Rules: m.rules}
	if m.log == nil || m.choose(2) == 0 {
		m.log = New(o)
	} else {
		m.log.Reset(o)
	}
	m.env = newFakeEnv(m.disk)
	m.replay = nil
	m.log.Open(m.env, func(record []byte) error {
		m.replay = append(m.replay, slices.Clone(record))
		return nil
	})
}

// step does one random thing.
func (m *model) step() error {
	switch m.choose(40) {
	case 0, 1, 2, 3, 4, 5, 6, 7, 8, 9:
		if m.log.Ready() {
			for range 1 + m.choose(4) {
				m.append()
			}
		}
	case 10, 11, 12, 13, 14, 15:
		m.log.Flush(m.env)
	case 16:
		m.disk.kill()
		m.crash()
	case 17:
		m.disk.powerLoss(m.choose)
		m.crash()
	case 18:
		m.disk.failing[sim.OpSync] = 1
	default:
		return m.land()
	}
	return nil
}

func (m *model) append() {
	record := make([]byte, m.choose(120))
	for i := range record {
		record[i] = byte(m.choose(256))
	}
	half := len(record) / 2
	m.records = append(m.records, record)
	if got := m.log.Append(record[:half], record[half:]); int(got) != len(m.records) {
		panic(fmt.Sprintf("Append returned %d, want %d", got, len(m.records)))
	}
}

func (m *model) crash() {
	m.crashes++
	m.torn += m.log.TornTails()
	m.boot()
}

// land ends an operation and looks at the log.
func (m *model) land() error {
	recovering := !m.log.Ready()
	if _, err := m.env.step(m.log); err != nil {
		return m.halted(err)
	}
	if m.log.Ready() && recovering {
		if err := m.recovered(); err != nil {
			return err
		}
	}
	if d := int(m.log.Durable()); m.log.Ready() {
		if d < m.acked || d > len(m.records) {
			return fmt.Errorf("durable is %d, was %d, of %d", d, m.acked, len(m.records))
		}
		m.acked = d
	}
	return nil
}

// recovered compares a recovery with the records.
func (m *model) recovered() error {
	n := len(m.replay)
	if n < m.acked {
		return fmt.Errorf("recovered %d records of %d that were acknowledged", n, m.acked)
	}
	if n > len(m.records) {
		return fmt.Errorf("recovered %d records of %d", n, len(m.records))
	}
	for i, r := range m.replay {
		if !bytes.Equal(r, m.records[i]) {
			return fmt.Errorf("record %d was recovered as %x, appended as %x", i+1, r, m.records[i])
		}
	}
	if a := int(m.log.Appended()); a != n {
		return fmt.Errorf("recovered %d records, appended is %d", n, a)
	}
	m.records = m.records[:n]
	return nil
}

// halted is what an owner does after an error. Nothing but a disk that failed may
// have caused it, and the log must not go on.
func (m *model) halted(err error) error {
	if !errors.Is(err, errIO) {
		return err
	}
	left := len(m.disk.queue)
	m.log.Flush(m.env)
	if len(m.disk.queue) > left || m.log.Ready() {
		return errors.New("the log goes on after a failed sync")
	}
	m.disk.kill() // the pages that the sync did not write are clean now
	m.crash()
	return nil
}

func (m *model) run(steps int) (err error) {
	m.disk = newFakeDisk()
	m.boot()
	for range steps {
		if err := m.step(); err != nil {
			return err
		}
	}
	clear(m.disk.failing)
	for more := true; more; { // and in the end it must come up
		more = len(m.disk.queue) > 0
		if err := m.land(); err != nil {
			return err
		}
	}
	if !m.log.Ready() {
		return errors.New("never ready")
	}
	return nil
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{choose: func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }}
		if err := m.run(rapid.IntRange(1, 150).Draw(t, "steps")); err != nil {
			t.Fatal(err)
		}
	})
}

// TestModelConvicts runs the model with one rule replaced: it must find every bug,
// with the seeds on which the correct log holds.
func TestModelConvicts(t *testing.T) {
	const seeds = 400
	run := func(seed uint64, rules Rules) (model, error) {
		m := model{rules: rules, choose: rand.New(rand.NewPCG(seed, 1)).IntN}
		return m, m.run(200)
	}
	var crashes, torn int
	for seed := range uint64(seeds) {
		m, err := run(seed, DefaultRules())
		if err != nil {
			t.Fatalf("seed %d: the correct log: %v", seed, err)
		}
		crashes += m.crashes
		torn += m.torn
	}
	t.Logf("%d crashes, %d torn tails", crashes, torn)
	if torn == 0 {
		t.Error("no tail was torn: the model does not reach what it is for")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			convicted, first := 0, error(nil)
			for seed := range uint64(seeds) {
				if _, err := run(seed, m.rules); err != nil {
					convicted++
					first = cmpOr(first, err)
				}
			}
			t.Logf("convicted by %d of %d seeds; the first: %v", convicted, seeds, first)
			if convicted == 0 {
				t.Errorf("not convicted")
			}
		})
	}
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// mutants are the rules with one replaced.
var mutants = []struct {
	name  string
	rules Rules
	faked bool // needs a fault that only the fakeDisk has
}{
	{"WhenWritten", Rules{DurableWhen: WhenWritten}, false},
	{"NeverSyncDirectory", Rules{SyncDirectory: NeverSyncDirectory}, false},
	{"RefuseTornTail", Rules{TornTail: RefuseTornTail}, false},
	{"SyncTail", Rules{SyncRecovered: SyncTail}, true},
	{"TrustPageCache", Rules{SyncRecovered: TrustPageCache}, false},
	{"RotateInFlight", Rules{SealFirst: RotateInFlight}, false},
	{"IgnoreChecksum", Rules{Checksum: IgnoreChecksum}, false},
	{"RetrySync", Rules{SyncFailed: RetrySync}, true},
}
