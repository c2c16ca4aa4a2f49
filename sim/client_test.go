package sim

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// addEcho adds a node that answers every frame with its bytes, under the next kind.
func addEcho(w *World, name string) NodeID {
	return addStub(w, name, stub{receive: func(env Env, from NodeID, kind Kind, b []byte) { env.Send(from, kind+1, b) }})
}

func anyFrame(Frame) bool { return true }

// A client is a program that reads from top to bottom.
func TestClientInDirectStyle(t *testing.T) {
	t.Parallel()
	w := New(Options{Link: LinkOptions{Min: 10}})
	echo, slow := addEcho(w, "echo"), addEcho(w, "slow")
	var said []string
	id := w.AddClient("client", func(c *Client) {
		say := func(f Frame, err error) {
			said = append(said, fmt.Sprintf("%d: %d %d %s %v", c.Now(), f.From, f.Kind, f.Bytes, err))
		}
		assert.NoError(t, c.Sleep(5))
		assert.NoError(t, c.Send(echo, 1, []byte("a")))
		say(c.Recv(100))
		say(c.Call(echo, 7, []byte("b"), 100, anyFrame))
		say(c.Recv(30))
		assert.NoError(t, c.Sleep(0))
		assert.NoError(t, c.Sleep(-5))
		say(c.Call(echo, 1, []byte("late"), 19, anyFrame))
		say(c.Recv(-1))
		assert.NoError(t, c.Send(echo, 1, []byte("c")))
		say(c.Recv(50)) // and no trace of this timeout afterwards
		assert.NoError(t, c.Send(slow, 1, []byte("d")))
		say(c.Recv(-1))
		assert.Less(t, c.Rand(10), uint64(10))
		assert.Zero(t, c.Rand(0))
		assert.False(t, c.Done())
	})
	w.SetLink(slow, id, LinkOptions{Min: 300})
	client := w.nodes[id].client
	assert.Equal(t, id, client.ID())
	w.Run(End, nil)
	assert.True(t, client.Done())
	assert.Equal(t, []string{
		"25: 1 2 a <nil>",
		"45: 1 8 b <nil>",
		"75: 0 0  sim: timed out",
		"94: 0 0  sim: timed out",
		"95: 1 2 late <nil>",
		"115: 1 2 c <nil>",
		"425: 2 2 d <nil>",
	}, said)
}

// A call takes the answer that it accepts and drops all others, and its timeout is
// that of the call, not of each frame.
func TestCallDropsOtherFrames(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	node := addStub(w, "neptune", stub{
		receive: func(env Env, from NodeID, _ Kind, b []byte) {
			for i := range 5 {
				env.SetTimer(TimerID(i), time.Duration(10*(i+1)))
			}
		},
		fire: func(env Env, i TimerID) { env.Send(2, Kind(i), []byte{byte(i)}) },
	})
	offered := []Kind{}
	w.AddClient("client", func(c *Client) {
		c.Sleep(100)
		f, err := c.Call(node, 1, nil, 45, func(f Frame) bool { offered = append(offered, f.Kind); return f.Kind == 3 })
		assert.NoError(t, err)
		assert.EqualValues(t, 3, f.Kind)
		assert.Equal(t, []byte{3}, f.Bytes)
		assert.Equal(t, Time(140), c.Now())
		assert.Equal(t, []Kind{0, 1, 2, 3}, offered)
		c.Sleep(100) // the last one waits in the mailbox meanwhile
		f, err = c.Recv(0)
		assert.NoError(t, err)
		assert.EqualValues(t, 4, f.Kind)

		_, err = c.Call(node, 1, nil, 45, func(Frame) bool { return false })
		assert.Equal(t, ErrTimeout, err)
		assert.Equal(t, Time(285), c.Now())
		_, err = c.Call(node, 1, nil, -45, func(Frame) bool { return false })
		assert.Equal(t, ErrTimeout, err)
		assert.Equal(t, Time(285), c.Now())
		offered = nil
	})
	w.Run(End, nil)
	assert.Nil(t, offered, "the program came to its end")
}

// Late replies wait in the mailbox, in the order in which they came, however many.
func TestLateRepliesWaitInTheMailbox(t *testing.T) {
	t.Parallel()
	w := New(Options{Link: LinkOptions{Min: 3}})
	echo := addEcho(w, "echo")
	var got []string
	w.AddClient("client", func(c *Client) {
		for i := range 100 {
			c.Send(echo, 1, fmt.Appendf(nil, "%02d", i))
			c.Sleep(1)
			if i%3 == 0 {
				if f, err := c.Recv(0); err == nil {
					got = append(got, string(f.Bytes))
				}
			}
		}
		for {
			f, err := c.Recv(10)
			if err != nil {
				assert.Equal(t, ErrTimeout, err)
				return
			}
			got = append(got, string(f.Bytes))
		}
	})
	w.Run(End, nil)
	require.Len(t, got, 100)
	for i, g := range got {
		require.Equal(t, fmt.Sprintf("%02d", i), g)
	}
}

// What a client received is its own until its next call.
func TestReceivedBytesAreTheClients(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	echo := addEcho(w, "echo")
	done := false
	w.AddClient("client", func(c *Client) {
		c.Sleep(1)
		b := []byte("first")
		c.Send(echo, 1, b)
		copy(b, "XXXXX") // the network has its own copy
		f, _ := c.Recv(-1)
		assert.Equal(t, "first", string(f.Bytes))
		c.Send(echo, 1, f.Bytes) // sending is no receiving
		assert.Equal(t, "first", string(f.Bytes))
		g, _ := c.Recv(-1)
		assert.Equal(t, "first", string(g.Bytes))
		done = true
	})
	w.Run(End, nil)
	assert.True(t, done)
}

// A stop unwinds the programs in the order in which they were added, wherever they
// wait; calls in their defers fail at once; what they would have done is not done.
func TestStopUnwindsInOrder(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	echo := addEcho(w, "echo")
	var said []string
	client := func(name string, wait func(c *Client) error) NodeID {
		return w.AddClient(name, func(c *Client) {
			defer func() { said = append(said, name+" outer") }()
			defer func() {
				_, recv := c.Recv(-1)
				_, call := c.Call(echo, 1, nil, 10, anyFrame)
				for _, err := range []error{recv, call, c.Send(echo, 1, nil), c.Sleep(1)} {
					assert.Equal(t, ErrStopped, err)
				}
				said = append(said, name)
			}()
			wait(c)
			said = append(said, name+" went on")
		})
	}
	client("receives", func(c *Client) error { _, err := c.Recv(-1); return err })
	client("sleeps", func(c *Client) error { return c.Sleep(time.Hour) })
	client("calls", func(c *Client) error {
		_, err := c.Call(echo, 1, nil, time.Hour, func(Frame) bool { return false })
		return err
	})
	finished := w.AddClient("is done", func(*Client) {})
	w.Run(Time(time.Second), nil)
	assert.Empty(t, said)
	w.Stop()
	assert.Equal(t, []string{"receives", "receives outer", "sleeps", "sleeps outer", "calls", "calls outer"}, said)
	said = nil
	w.Stop()
	w.Run(End, nil) // what is still under way finds nobody
	assert.Empty(t, said)
	assert.True(t, w.nodes[finished].client.Done())
	assert.Empty(t, w.Violations())
}

// A program that was never started is never run.
func TestStopBeforeTheStart(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	w.AddClient("client", func(*Client) { t.Error("it ran") })
	w.Stop()
	w.Run(End, nil)
}

// A client that recovers from everything finds that nothing works any more.
func TestStopOfAClientThatRecovers(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	var after error
	w.AddClient("client", func(c *Client) {
		func() {
			defer func() { recover() }()
			c.Sleep(time.Hour)
		}()
		after = c.Sleep(time.Hour)
	})
	w.Run(0, nil)
	w.Stop()
	assert.Equal(t, ErrStopped, after)
}

// A panic in a defer of a client that is being stopped is not swallowed.
func TestPanicWhileUnwindingGoesOn(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	w.AddClient("client", func(c *Client) {
		defer func() { panic(errors.New("in a defer")) }()
		c.Sleep(time.Hour)
	})
	w.Run(0, nil)
	assert.PanicsWithError(t, "in a defer", w.Stop)
}

// Programs do not outlive their run: not when it is reset, not when it is stopped, not
// when they panic.
func TestNoProgramIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	w := New(Options{})
	for round := range 50 {
		w.Reset(seeded(rough, uint64(round)))
		nodes := gossipAmong(w, "neptune", "jupiter")
		for i := range 10 {
			addCaller(w, fmt.Sprint("client ", i), nodes, 100)
		}
		w.AddClient("waits for ever", func(c *Client) { c.Recv(-1) })
		if round%3 == 0 {
			w.AddClient("panics", func(c *Client) { c.Sleep(time.Millisecond); panic("no") })
		}
		func() {
			defer func() { recover() }()
			w.Run(Time(5*time.Millisecond), nil)
		}()
		require.Greater(t, runtime.NumGoroutine(), before, "clients are coroutines, and some still wait")
	}
	w.Reset(Options{})
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// A client's program may end while frames to it are under way: they are dropped, and
// their slots are used again.
func TestFramesOfAFinishedClient(t *testing.T) {
	t.Parallel()
	w := New(Options{Link: LinkOptions{Min: 10}})
	echo := addEcho(w, "echo")
	w.AddClient("client", func(c *Client) {
		c.Sleep(1)
		for range 10 {
			c.Send(echo, 1, []byte("x"))
		}
	})
	w.AddClient("sleeper", func(c *Client) {
		c.Sleep(1)
		for range 10 {
			c.Send(echo, 1, []byte("x"))
		}
		c.Sleep(time.Hour)
		c.Recv(-1)
		c.Recv(-1)
		c.Sleep(time.Hour)
	})
	var ended []TraceLine
	w.Trace = func(l TraceLine) {
		if l.Type == TraceStop {
			ended = append(ended, l)
		}
	}
	w.Run(Time(2*time.Hour-1), nil)
	require.Len(t, ended, 1)
	assert.EqualValues(t, 2, ended[0].Node)
	assert.Equal(t, Time(1), ended[0].Time)
	assert.Empty(t, w.nodes[2].client.mailbox)
	w.Stop()
	c := &w.frames.class[0]
	assert.Len(t, c.free, len(c.slots), "every slot is free again")
}

// Clients see true time, whatever the clocks of nodes say, and draw from a stream of
// their own.
func TestClientsTimeIsTrue(t *testing.T) {
	t.Parallel()
	w := New(Options{Seed: 2, Clock: ClockOptions{DriftMaxPPM: 100_000, OffsetMax: time.Hour}, CPU: CPUOptions{Handler: time.Second, Effect: time.Second}})
	addEcho(w, "echo")
	var at []Time
	var drawn []uint64
	for i := range 2 {
		w.AddClient(fmt.Sprint("client ", i), func(c *Client) {
			for range 3 {
				c.Sleep(time.Second)
				at = append(at, c.Now())
			}
			c.Recv(time.Second)
			at = append(at, c.Now())
			drawn = append(drawn, c.Rand(1<<62))
			assert.Equal(t, Keyed{2}.Decide(ClientStream(c.ID()), ChooseRand, 0, 1<<62), drawn[len(drawn)-1])
		})
	}
	w.Run(End, nil)
	s := Time(time.Second)
	assert.Equal(t, []Time{s, s, 2 * s, 2 * s, 3 * s, 3 * s, 4 * s, 4 * s}, at)
	assert.NotEqual(t, drawn[0], drawn[1])
}

func TestClientSendsWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	w.AddClient("client", func(c *Client) { c.Send(9, 1, nil) })
	assert.PanicsWithValue(t, "sim: node 1 sends to node 9, which is not there (1 nodes)", func() { w.Run(End, nil) })
}
