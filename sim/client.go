package sim

import (
	"errors"
	"iter"
	"time"
)

// Client is a sequential program in the world, written in direct style:
//
//	frame, err := c.Recv(100 * time.Millisecond)
//
// It runs as a coroutine: no goroutine scheduling is involved, and the same seed
// interleaves it the same way. A client is part of the harness, not of the system:
// it does not crash, and it may look at true time to write its history.
type Client struct {
	w       *World
	n       *node
	run     func(c *Client)
	next    func() (struct{}, bool)
	end     func()
	yield   func(struct{}) bool
	mailbox []event
	head    int
	waiting clientState
	timeout bool // why the program was resumed
	stopped bool
	done    bool
	buf     []byte
	n0      uint32 // occurrence of ChooseRand
}

type clientState uint8

const (
	clientRunning clientState = iota
	clientReceiving
	clientSleeping
)

// Frame is what a client received. Bytes are valid until the client's next call.
type Frame struct {
	From  NodeID
	Kind  Kind
	Bytes []byte
}

// Errors of a client's calls.
var (
	ErrTimeout = errors.New("sim: timed out")
	ErrStopped = errors.New("sim: the run has ended")
)

// stopRequest unwinds a client's program when the run ends.
type stopRequest struct{}

func newClient(w *World, n *node, run func(c *Client)) *Client {
	c := &Client{w: w, n: n, run: run}
	c.next, c.end = iter.Pull(c.program)
	return c
}

func (c *Client) program(yield func(struct{}) bool) {
	c.yield = yield
	defer func() {
		c.done = true
		if c.stopped {
			if r := recover(); r != nil {
				if _, ours := r.(stopRequest); !ours {
					panic(r)
				}
			}
		}
	}()
	c.run(c)
}

// resume runs the program until its next call that waits.
func (c *Client) resume(timeout bool) {
	c.timeout = timeout
	c.waiting = clientRunning
	c.next()
	if c.done && !c.stopped {
		c.w.record(TraceStop, c.n.id, 0, 0, 0, nil)
	}
}

func (c *Client) stop() {
	if c.stopped {
		return
	}
	c.stopped = true
	c.end()
	for _, ev := range c.mailbox[c.head:] {
		c.w.frames.drop(ev.arg, ev.size)
	}
	c.mailbox, c.head = c.mailbox[:0], 0
}

// wait gives control back to the world until resume.
func (c *Client) wait(s clientState) {
	c.waiting = s
	if !c.yield(struct{}{}) {
		panic(stopRequest{})
	}
}

// deliver is called by the world when a frame arrives.
func (c *Client) deliver(ev event) {
	if c.done || c.stopped {
		c.w.frames.drop(ev.arg, ev.size)
		return
	}
	c.mailbox, c.head = enqueue(c.mailbox, c.head, ev)
	if c.waiting == clientReceiving {
		c.n.StopTimer(0)
		c.resume(false)
	}
}

// ID is the client's name on the network.
func (c *Client) ID() NodeID { return c.n.id }

// Now is true time.
func (c *Client) Now() Time { return c.w.now }

// Done tells whether the program has returned.
func (c *Client) Done() bool { return c.done }

// Rand returns a number in [0, bound), from the client's own stream.
func (c *Client) Rand(bound uint64) uint64 {
	c.n0++
	return c.n.draw(ChooseRand, c.n0-1, max(bound, 1))
}

// Send hands a frame to the network, which copies it.
func (c *Client) Send(to NodeID, kind Kind, frame []byte) error {
	if c.stopped {
		return ErrStopped
	}
	c.w.admit(c.n, to, frame)
	c.w.send(c.n, c.w.now, to, kind, frame)
	return nil
}

// Sleep waits for d of true time.
func (c *Client) Sleep(d time.Duration) error {
	if c.stopped {
		return ErrStopped
	}
	c.w.setTimer(c.n, 0, c.w.now, max(d, 0))
	c.wait(clientSleeping)
	return nil
}

// Recv waits for the next frame, at most for timeout: ErrTimeout. A negative timeout
// waits for ever.
func (c *Client) Recv(timeout time.Duration) (Frame, error) {
	if c.stopped {
		return Frame{}, ErrStopped
	}
	if c.head == len(c.mailbox) {
		if timeout >= 0 {
			c.w.setTimer(c.n, 0, c.w.now, timeout)
		}
		c.wait(clientReceiving)
		if c.timeout {
			return Frame{}, ErrTimeout
		}
	}
	ev := c.mailbox[c.head]
	if c.head++; c.head == len(c.mailbox) {
		c.mailbox, c.head = c.mailbox[:0], 0
	}
	c.buf = append(c.buf[:0], c.w.frames.get(ev.arg, ev.size)...)
	c.w.frames.drop(ev.arg, ev.size)
	return Frame{ev.from, ev.kind, c.buf}, nil
}

// Call sends a frame and waits for the first frame that accept takes as its answer,
// at most for timeout: ErrTimeout. Other frames that arrive meanwhile are dropped.
func (c *Client) Call(to NodeID, kind Kind, frame []byte, timeout time.Duration, accept func(Frame) bool) (Frame, error) {
	if err := c.Send(to, kind, frame); err != nil {
		return Frame{}, err
	}
	deadline := c.w.now.Add(timeout)
	for {
		f, err := c.Recv(max(deadline.Sub(c.w.now), 0))
		if err != nil || accept(f) {
			return f, err
		}
	}
}
