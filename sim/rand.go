package sim

import (
	"encoding/binary"
	"math/bits"
)

// Every choice of a run is a pure function of (seed, stream, choice, occurrence)
// (the kernel's law 3). A stream belongs to one owner: a directed link, a disk, a
// node incarnation, a client, the nemesis. Occurrences are counted by the owner,
// so taking a client or a fault away leaves the choices of all others where they
// were. That is what makes shrinking and "the same run without this crash" mean
// something.

// Stream names the owner of a sequence of choices.
type Stream uint64

// Purposes of a stream; with two 16-bit names they make its identity.
const (
	purposeLink = iota + 1
	purposeDisk
	purposeNode
	purposeClient
	purposeNemesis
	purposeWorld
	purposeBuggify
	purposeAdversary
	purposeClock
)

func stream(purpose, a, b uint64) Stream { return Stream(purpose<<48 | a<<24 | b) }

// LinkStream is the stream of the directed link from → to.
func LinkStream(from, to NodeID) Stream { return stream(purposeLink, uint64(from), uint64(to)) }

// DiskStream is the stream of a node's disk.
func DiskStream(n NodeID) Stream { return stream(purposeDisk, uint64(n), 0) }

// NodeStream is the stream of one incarnation of a node.
func NodeStream(n NodeID, incarnation uint32) Stream {
	return stream(purposeNode, uint64(n), uint64(incarnation&0xffffff))
}

// ClientStream is the stream of a client.
func ClientStream(n NodeID) Stream { return stream(purposeClient, uint64(n), 0) }

// NemesisStream is the i-th stream of whoever draws the faults.
func NemesisStream(i int) Stream { return stream(purposeNemesis, uint64(i), 0) }

// WorldStream orders the interventions of a plan.
const WorldStream = Stream(purposeWorld << 48)

// BuggifyStream is the stream of a Buggify point, given by a hash of its name, on a
// node; on node 0, of whether the run has the point at all.
func BuggifyStream(n NodeID, name uint64) Stream {
	return Stream(purposeBuggify<<48 | uint64(n)<<32 | name>>32)
}

// AdversaryStream is the stream of the adversary of a node.
func AdversaryStream(n NodeID) Stream { return stream(purposeAdversary, uint64(n), 0) }

// ClockStream is the stream of a node's clock and of its NTP client; on node 0, of the
// NTP servers.
func ClockStream(n NodeID) Stream { return stream(purposeClock, uint64(n), 0) }

// Choice is what is being chosen. Choices of a message carry its Kind in the high
// byte, so that a heartbeat less does not move the fate of the appends.
type Choice uint16

// The kernel's choices.
const (
	ChooseTie           Choice = iota // order among events of one instant
	ChooseDelay                       // quantile of a link's delay
	ChooseTail                        // ppm: is this message one of the heavy tail?
	ChooseLoss                        // ppm: is it lost?
	ChooseDuplicate                   // ppm: is it sent twice?
	ChooseDelayCopy                   // quantile of the copy's delay
	ChooseTailCopy                    // ppm: the copy's tail
	ChooseTieCopy                     // tie of the copy
	ChooseDisk                        // quantile of a disk operation's latency
	ChooseCrashMode                   // what a power loss does to a disk
	ChooseCrash                       // what it does to one sector, one size, one name
	ChooseRand                        // Env.Rand, Client.Rand
	ChooseBoot                        // a node's clock at the beginning
	ChoosePlan                        // the nemesis' draws
	ChooseBuggify                     // ppm: is a Buggify point active, does it fire?
	ChooseLie                         // AdversaryEnv.Rand
	ChooseDamage                      // where a fault of a disk strikes
	ChooseCorrupt                     // ppm: are bits of it flipped?
	ChooseFlip                        // which bits
	ChooseReplay                      // ppm: does a copy arrive late?
	ChooseReplayDelay                 // quantile of how late
	ChooseTieReplay                   // tie of the late copy
	ChooseSojourn                     // quantile of a link's n-th sojourn in its good or bad state
	ChooseNoise                       // how far a noisy clock is off in a millisecond
	ChoosePhase                       // when a node's NTP client polls first
	ChooseRequest                     // quantile of the delay of its request
	ChooseAnswer                      // quantile of the delay of the answer
	ChooseServer                      // how far an NTP server's clock is off
	ChooseHandshake                   // quantile of the delay of a connection's handshake
	ChooseHandshakeTail               // ppm: its tail
	ChooseHandshakeLoss               // ppm: is it lost, and how often in a row?
	ChooseReply                       // quantile of the delay of its answer
	ChooseReplyTail                   // ppm: its tail
	ChooseReset                       // quantile of the delay of what ends the connection
	ChooseResetTail                   // ppm: its tail
	ChooseTieChannel                  // tie of the steps of a connection
	ChooseWriteBack                   // when a page cache is written back
	chooseEnd
)

var choiceNames = [chooseEnd]string{"tie", "delay", "tail", "loss", "duplicate", "delay_copy", "tail_copy",
	"tie_copy", "disk", "crash_mode", "crash", "rand", "boot", "plan", "buggify", "lie", "damage",
	"corrupt", "flip", "replay", "replay_delay", "tie_replay", "sojourn",
	"noise", "phase", "request", "answer", "server",
	"handshake", "handshake_tail",
	"handshake_loss", "reply", "reply_tail", "reset", "reset_tail", "tie_channel",
	"write_back"} //saros:constant names

// String names the choice without the message kind.
func (c Choice) String() string {
	if c&0xff < chooseEnd {
		return choiceNames[c&0xff]
	}
	return "choice?"
}

// Decider makes every choice of a run. Decide returns a number in [0, bound) for
// the n-th occurrence of a choice on a stream; bound is at least 1. Equal arguments
// must give equal answers within a run. Smaller numbers are milder by convention
// for delays; probabilities ask with bound 1,000,000 and fire below their ppm.
type Decider interface {
	Decide(s Stream, c Choice, n uint32, bound uint64) uint64
}

// Keyed is the default Decider: a keyed hash of its arguments.
type Keyed struct{ Seed uint64 }

// Decide implements Decider.
func (k Keyed) Decide(s Stream, c Choice, n uint32, bound uint64) uint64 {
	hi, _ := bits.Mul64(fork(base(streamKey(k.Seed, s), c>>8, n), c), bound)
	return hi
}

const phi = 0x9e3779b97f4a7c15 // 2^64 / golden ratio: Weyl increments

// mix is the finalizer of splitmix64 (Steele, Lea, Flood 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func streamKey(seed uint64, s Stream) uint64 { return mix(mix(seed+phi) ^ uint64(s)*phi) }

// base hashes an occurrence once; fork derives its several choices from it.
func base(key uint64, kind Choice, n uint32) uint64 {
	return mix(key + (uint64(n)<<8|uint64(kind))*phi)
}
func fork(base uint64, c Choice) uint64 { return mix(base + uint64(c&0xff)*phi) }

// Source draws numbers one after another from one stream: the occurrence is its
// own counter. It is how clients, machines and nemeses use a Decider.
type Source struct {
	D Decider
	S Stream
	C Choice
	n uint32
}

// Below returns a number in [0, bound); bound 0 counts as 1.
func (s *Source) Below(bound uint64) uint64 {
	s.n++
	return s.D.Decide(s.S, s.C, s.n-1, max(bound, 1))
}

// Between returns a number in [lo, hi], both included; hi below lo counts as lo.
func (s *Source) Between(lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + int64(s.Below(uint64(hi-lo)+1))
}

// Chance is true with a probability of ppm parts per million.
func (s *Source) Chance(ppm int64) bool { return int64(s.Below(1_000_000)) < ppm }

// Digest folds 64-bit words and bytes into a running hash without formatting
// anything, by multiplications of 64 by 64 bits (after wyhash, Wang Yi 2019). It is not
// cryptographic: it tells runs apart, it does not sign them.
type Digest uint64

const (
	fold0 = 0xa0761d6478bd642f
	fold1 = 0xe7037ed1a0b428db
)

func (d Digest) fold(a, b uint64) Digest {
	hi, lo := bits.Mul64(a^fold0, b^fold1^uint64(d))
	return Digest(hi ^ lo ^ uint64(d)<<1)
}

// Word folds one word in.
func (d Digest) Word(x uint64) Digest { return d.fold(x, uint64(d)>>32) }

// Bytes folds b and its length in.
func (d Digest) Bytes(b []byte) Digest {
	n := uint64(len(b))
	for len(b) >= 16 {
		d = d.fold(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
		b = b[16:]
	}
	var last [16]byte
	copy(last[:], b)
	return d.fold(binary.LittleEndian.Uint64(last[:]), binary.LittleEndian.Uint64(last[8:])^n*phi)
}
