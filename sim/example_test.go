package sim_test

import (
	"fmt"
	"time"

	"github.com/saros-sim/saros/sim"
)

// counter counts in memory and on its disk. It answers before the disk has the number:
// that is its bug.
type counter struct{ n byte }

const file = "count"

func (c *counter) Boot(env sim.Env) {
	env.Disk().Create(file) // fails when it is there; then the old number is read
	env.Disk().Read(file, 0, 1)
}

func (c *counter) Receive(env sim.Env, from sim.NodeID, _ sim.Kind, _ []byte) {
	c.n++
	env.Disk().Write(file, 0, []byte{c.n})
	env.Disk().Sync(file)
	env.Disk().SyncDir()
	env.Send(from, 1, []byte{c.n})
}

func (c *counter) Complete(_ sim.Env, _ sim.IOID, io sim.IO) {
	if io.Op == sim.OpRead && io.Err == nil && len(io.Data) == 1 {
		c.n = io.Data[0]
	}
}

func (c *counter) Fire(sim.Env, sim.TimerID) {}

// A machine, a client and a fault: the power fails while the third number is on its way
// to the disk, and the client counts 3 twice.
func Example() {
	w := sim.New(sim.Options{
		Seed: 3,
		Link: sim.LinkOptions{Min: time.Millisecond},
		Disk: sim.DiskOptions{Sync: 10 * time.Millisecond},
	})
	server := w.AddNode("server", func(uint32) sim.Machine { return new(counter) })
	w.AddClient("client", func(c *sim.Client) {
		for range 5 {
			any := func(sim.Frame) bool { return true }
			f, err := c.Call(server, 1, nil, 100*time.Millisecond, any)
			if err != nil {
				fmt.Println(c.Now(), err)
				continue
			}
			fmt.Println(c.Now(), "count is", f.Bytes[0])
			c.Sleep(50 * time.Millisecond)
		}
	})
	w.At(sim.Time(107*time.Millisecond), func() { w.PowerLoss(server) })
	w.At(sim.Time(120*time.Millisecond), func() { w.Restart(server) })
	w.Run(sim.Time(time.Second), nil)
	w.Stop()

	// Output:
	// 2ms count is 1
	// 54ms count is 2
	// 106ms count is 3
	// 158ms count is 3
	// 210ms count is 4
}
