package faults

import (
	"fmt"
	"time"

	"github.com/saros-sim/saros/sim"
)

// Kind is a kind of fault.
type Kind string

// The kinds of faults; All says what they do.
const (
	Kill         Kind = "kill"
	PowerLoss    Kind = "power_loss"
	Pause        Kind = "pause"
	Partition    Kind = "partition"
	OneWay       Kind = "one_way"
	Delay        Kind = "delay"
	Tail         Kind = "tail"
	Loss         Kind = "loss"
	Duplicate    Kind = "duplicate"
	ClockStep    Kind = "clock_step"
	ClockDrift   Kind = "clock_drift"
	Slow         Kind = "slow"
	CrashLoop    Kind = "crash_loop"
	Memory       Kind = "memory"
	Withhold     Kind = "withhold"
	Flip         Kind = "flip"
	Replay       Kind = "replay"
	Equivocate   Kind = "equivocate"
	SyncError    Kind = "sync_error"
	SyncRevert   Kind = "sync_revert"
	WriteError   Kind = "write_error"
	ShortWrite   Kind = "short_write"
	Unreadable   Kind = "unreadable"
	DiskFull     Kind = "disk_full"
	DiskSlow     Kind = "disk_slow"
	DiskStall    Kind = "disk_stall"
	SyncStall    Kind = "sync_stall"
	DiskLies     Kind = "disk_lies"
	LostWrite    Kind = "lost_write"
	Misdirected  Kind = "misdirected"
	BitRot       Kind = "bit_rot"
	DiskReplaced Kind = "disk_replaced"
	Clog         Kind = "clog"
	Corrupt      Kind = "corrupt"
	LateCopy     Kind = "late_copy"
	BurstLoss    Kind = "burst_loss"
	ClockSlew    Kind = "clock_slew"
	ClockFreeze  Kind = "clock_freeze"
	ClockCoarse  Kind = "clock_coarse"
	LeapSecond   Kind = "leap_second"
	ClockLies    Kind = "clock_lies"
	Suspend      Kind = "suspend"
	NTPSilence   Kind = "ntp_silence"
	FalseTicker  Kind = "false_ticker"
	DomainCut    Kind = "domain_cut"
	DomainPower  Kind = "domain_power"
)

// Info is all that the package knows of a kind of fault: a new kind is one of these.
type Info struct {
	Kind   Kind
	Doc    string // what happens, in one line
	Amount string // what Fault.Amount means; "": the kind has none
	Source string // what it models, or who did it before

	hits    hits
	allowed [2]int64 // Amount, least and greatest; 0 is never allowed
	setting Setting  // how it is drawn, unless a Profile says otherwise
	timing  bool     // it breaks the bounds of the synchronous model
	stops   bool     // it stops a process; under crash-stop for good
	lies    bool     // Byzantine
	damages bool     // a server may lose what it had: only so many may be hit
	stormy  bool     // some plans have four times as many
	draw    func(n *nemesis, f *Fault, s Setting)

	// One of these, by what the kind hits.
	strike func(in *Injector, i, s int) (open, changed bool) // fault i hits server s; open: there is something to undo
	undo   func(in *Injector, i, s int, heal bool)           // the end of that
	link   linkAction
}

// hits is what a kind of fault hits.
type hits uint8

const (
	process hits = iota // of servers; a restart or a resume undoes it
	machine             // clock or disk of a server
	links
	domains // what fails together: a rack, a region
)

// Setting is how one kind of fault is drawn. A zero field means the kind's own; a share
// (PPM) below zero means never.
type Setting struct {
	OnPPM  int64 // how often a seed has the kind at all
	Most   int64 // and how many faults it then has, at most, in 4 s
	AllPPM int64 // how often a fault of a process hits every server at once
	// How long. Each seed draws a least duration of its own for every kind, so that
	// some seeds are stable for long and others never.
	ForMin, ForMax time.Duration
	// How bad, in the unit of the kind; either way where the sign matters.
	AmountMin, AmountMax int64
}

const milli = time.Millisecond

// All lists every kind of fault. Positions number the streams that a nemesis draws
// from: a new kind goes to the end, or every seed changes its meaning.
//
// A seed that has everything finds less than seeds that each leave something out:
// faults mask each other (Groce et al., Swarm testing, 2012). Hence OnPPM.
var All = []Info{ //saros:constant the table of kinds
	{Kind: Kill, Doc: "a process dies: its memory is lost, the page cache stays; it restarts later", Source: "VOPR (TigerBeetle): any number of replicas may crash, each comes back",
		hits: process, stops: true, stormy: true,
		setting: Setting{OnPPM: 750_000, Most: 5, AllPPM: 100_000, ForMin: 20 * milli, ForMax: 1000 * milli},
		draw:    (*nemesis).process, strike: (*Injector).kill, undo: (*Injector).restart},
	{Kind: PowerLoss, Doc: "a server loses power: memory, and a part of what was not synced; it restarts later", Source: "Pillai et al., OSDI 2014",
		hits: process, stops: true, stormy: true,
		setting: Setting{OnPPM: 500_000, Most: 2, AllPPM: 400_000, ForMin: 20 * milli, ForMax: 1000 * milli},
		draw:    (*nemesis).process, strike: (*Injector).powerLoss, undo: (*Injector).restart},
	{Kind: Pause, Doc: "a process stops for a while and keeps everything but the time", Source: "collector, SIGSTOP, migration: 50 ms to minutes; DDIA, Process Pauses",
		hits: process, timing: true, stormy: true,
		setting: Setting{OnPPM: 550_000, Most: 2, ForMin: 50 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).process, strike: (*Injector).pause, undo: (*Injector).resume},
	{Kind: Partition, Doc: "two sides of the network cannot reach each other", Source: "Alquraan et al., OSDI 2018",
		hits: links, timing: true, stormy: true,
		setting: Setting{OnPPM: 700_000, Most: 3, ForMin: 100 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).partition, link: either((*sim.World).Cut, (*sim.World).Mend)},
	{Kind: OneWay, Doc: "one side cannot reach the other, which still reaches it", Source: "Alfatafta et al. (Nifty), OSDI 2020",
		hits: links, timing: true, stormy: true,
		setting: Setting{OnPPM: 500_000, Most: 2, ForMin: 100 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).cutOneWay, link: either((*sim.World).Cut, (*sim.World).Mend)},
	{Kind: Delay, Doc: "messages take a multiple of their time", Amount: "a factor", Source: "DDIA, Unbounded Delays; VOPR",
		hits: links, timing: true, allowed: [2]int64{2, MaxFactor},
		setting: Setting{OnPPM: 550_000, Most: 2, ForMin: 50 * milli, ForMax: 500 * milli, AmountMin: 5, AmountMax: 40},
		draw:    (*nemesis).burst,
		link: disturb(func(amount int64) sim.Disturbance {
			return sim.Disturbance{DelayFactor: amount}
		})},
	{Kind: Tail, Doc: "more messages than usual are in the heavy tail of delays", Amount: "parts per million", Source: "VOPR: mean 30-100 ms; 5-8 % of x20-x100",
		hits: links, timing: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 600_000, Most: 2, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: 50_000, AmountMax: 150_000},
		draw:    (*nemesis).disturb,
		link: disturb(func(amount int64) sim.Disturbance {
			return sim.Disturbance{TailPPM: amount}
		})},
	{Kind: Loss, Doc: "a share of the messages is lost", Amount: "parts per million", Source: "VOPR: 0-30 %",
		hits: links, timing: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 500_000, Most: 2, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: 10_000, AmountMax: 300_000},
		draw:    (*nemesis).disturb,
		link: disturb(func(amount int64) sim.Disturbance {
			return sim.Disturbance{LossPPM: amount}
		})},
	{Kind: Duplicate, Doc: "a share of the messages arrives twice", Amount: "parts per million", Source: "VOPR: replay 0-50 %",
		hits: links, timing: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 600_000, Most: 1, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: 50_000, AmountMax: 500_000},
		draw:    (*nemesis).disturb,
		link: disturb(func(amount int64) sim.Disturbance {
			return sim.Disturbance{DuplicatePPM: amount}
		})},
	{Kind: ClockStep, Doc: "the time of day jumps, and jumps back in the end", Amount: "nanoseconds other than 0", Source: "NTP steps of 128 ms and more; operators",
		hits: machine, timing: true, allowed: [2]int64{-MaxTime, MaxTime},
		setting: Setting{OnPPM: 500_000, Most: 2, ForMin: 100 * milli, ForMax: 2000 * milli, AmountMin: int64(200 * milli), AmountMax: int64(10_000 * milli)},
		draw:    (*nemesis).signedAmount, strike: armed(timed((*sim.World).StepClock)), undo: undone(back((*sim.World).StepClock))},
	{Kind: ClockDrift, Doc: "the clocks of a server run fast or slow", Amount: "parts per million other than 0", Source: "Corbett et al. (Spanner), OSDI 2012: 200 ppm",
		hits: machine, timing: true, allowed: [2]int64{-MaxDriftPPM, MaxDriftPPM},
		setting: Setting{OnPPM: 500_000, Most: 2, ForMin: 100 * milli, ForMax: 2000 * milli, AmountMin: 50, AmountMax: 1000},
		draw:    (*nemesis).steadyAmount, strike: (*Injector).driftClock, undo: (*Injector).driftBack},
	{Kind: Slow, Doc: "a server computes a multiple of its time: gray failure", Amount: "a factor", Source: "Huang et al., Gray Failure, HotOS 2017",
		hits: machine, timing: true, allowed: [2]int64{2, 1000},
		setting: Setting{OnPPM: 150_000, Most: 2, ForMin: 100 * milli, ForMax: 2000 * milli, AmountMin: 2, AmountMax: 20},
		draw:    (*nemesis).steadyPlain, strike: armed((*sim.World).Slow), undo: undone((*sim.World).Quicken)},
	{Kind: CrashLoop, Doc: "a process dies again at its first write after every restart", Source: "supervisors that restart what cannot run",
		hits:    process,
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli},
		draw:    (*nemesis).plain, strike: (*Injector).crashLoop, undo: (*Injector).restart},
	{Kind: Memory, Doc: "a server has little memory: a process that holds more is killed", Amount: "bytes", Source: "the kernel that kills for want of memory",
		hits: machine, allowed: [2]int64{1, 1 << 50},
		setting: Setting{OnPPM: 100_000, Most: 1, ForMin: 100 * milli, ForMax: 1000 * milli, AmountMin: 1 << 10, AmountMax: 64 << 10},
		draw:    (*nemesis).plain, strike: (*Injector).shrinkMemory, undo: (*Injector).growMemory},
	{Kind: Withhold, Doc: "a liar: a share of what a server sends is not sent", Amount: "parts per million", Source: "Lamport, Shostak, Pease 1982",
		hits: machine, lies: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 500_000, Most: 1, ForMin: 500 * milli, ForMax: 4000 * milli, AmountMin: 100_000, AmountMax: million},
		draw:    (*nemesis).plain, strike: lies(func(ppm uint64) sim.Adversary { return sim.Withhold{PPM: ppm} }), undo: (*Injector).honest},
	{Kind: Flip, Doc: "a liar: in a share of what a server sends one bit is another", Amount: "parts per million", Source: "weak lies: a machine that computes or sends wrongly (DDIA, Byzantine Faults)",
		hits: machine, lies: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 500_000, Most: 1, ForMin: 500 * milli, ForMax: 4000 * milli, AmountMin: 10_000, AmountMax: 500_000},
		draw:    (*nemesis).plain, strike: lies(func(ppm uint64) sim.Adversary { return sim.Flip{PPM: ppm} }), undo: (*Injector).honest},
	{Kind: Replay, Doc: "a liar: a server sends old messages of its own again", Amount: "parts per million", Source: "Lamport, Shostak, Pease 1982",
		hits: machine, lies: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 500_000, Most: 1, ForMin: 500 * milli, ForMax: 4000 * milli, AmountMin: 10_000, AmountMax: 500_000},
		draw:    (*nemesis).plain, strike: lies(func(ppm uint64) sim.Adversary { return &sim.Replay{PPM: ppm} }), undo: (*Injector).honest},
	{Kind: Equivocate, Doc: "a liar: a server tells each of its peers something else", Amount: "parts per million", Source: "Lamport, Shostak, Pease 1982",
		hits: machine, lies: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 500_000, Most: 1, ForMin: 500 * milli, ForMax: 4000 * milli, AmountMin: 10_000, AmountMax: 500_000},
		draw:    (*nemesis).plain, strike: lies(func(ppm uint64) sim.Adversary { return &sim.Equivocate{PPM: ppm} }), undo: (*Injector).honest},
	{Kind: SyncError, Doc: "syncs fail; what they were to write is never written, and looks as if it were", Amount: "how many", Source: "Rebello et al., ATC 2020",
		hits: machine, allowed: [2]int64{1, 1000},
		setting: Setting{OnPPM: 100_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 3},
		draw:    (*nemesis).plain, strike: failSyncs(false), undo: calmed(simply((*sim.World).CalmSyncs))},
	{Kind: SyncRevert, Doc: "syncs fail, and the files show their old contents again", Amount: "how many", Source: "Rebello et al., ATC 2020",
		hits: machine, allowed: [2]int64{1, 1000},
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 3},
		draw:    (*nemesis).plain, strike: failSyncs(true), undo: calmed(simply((*sim.World).CalmSyncs))},
	{Kind: WriteError, Doc: "writes fail, and nothing of them gets in", Amount: "how many", Source: "Bairavasundaram et al., FAST 2008; Ganesan et al., FAST 2017",
		hits: machine, allowed: [2]int64{1, 1000},
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 3},
		draw:    (*nemesis).plain, strike: spoilWrites(sim.DiskWriteError), undo: calmWrites(sim.DiskWriteError)},
	{Kind: ShortWrite, Doc: "writes fail, and a part of them gets in", Amount: "how many", Source: "Bairavasundaram et al., FAST 2008; Ganesan et al., FAST 2017",
		hits: machine, allowed: [2]int64{1, 1000},
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 3},
		draw:    (*nemesis).plain, strike: spoilWrites(sim.DiskShortWrite), undo: calmWrites(sim.DiskShortWrite)},
	{Kind: Unreadable, Doc: "sectors cannot be read until they are written anew", Amount: "how many", Source: "latent sector errors: Bairavasundaram et al., SIGMETRICS 2007",
		hits: machine, allowed: [2]int64{1, 1000},
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 8},
		draw:    (*nemesis).plain, strike: armed(unreadable), undo: calmed(simply((*sim.World).MendSectors))},
	{Kind: DiskFull, Doc: "a disk has little room left", Amount: "bytes", Source: "etcd, raft: no half-written record followed by more",
		hits: machine, allowed: [2]int64{1, 1 << 40},
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 32 << 10},
		draw:    (*nemesis).plain, strike: armed(fillDisk), undo: calmed(emptyDisk)},
	{Kind: DiskSlow, Doc: "a disk takes a multiple of its time", Amount: "a factor", Source: "Gunawi et al., Fail-Slow at Scale, FAST 2018",
		hits: machine, timing: true, allowed: [2]int64{2, maxSlowDisk},
		setting: Setting{OnPPM: 125_000, Most: 1, ForMin: 100 * milli, ForMax: 2000 * milli, AmountMin: 5, AmountMax: 200},
		draw:    (*nemesis).steadyPlain, strike: (*Injector).slowDisk, undo: (*Injector).quickenDisk},
	{Kind: DiskStall, Doc: "nothing that a disk is asked for ends", Source: "stalls of 0.1 to 60 s; hashicorp/raft #666: heartbeats must not hide it",
		hits: machine, timing: true,
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 100 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).plain, strike: stallDisk(false), undo: calmed(simply((*sim.World).UnstallDisk))},
	{Kind: SyncStall, Doc: "no sync ends", Source: "journal stalls",
		hits: machine, timing: true,
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 100 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).plain, strike: stallDisk(true), undo: calmed(simply((*sim.World).UnstallDisk))},
	{Kind: DiskLies, Doc: "syncs end well and write nothing", Source: "firmware that lies about its cache; Zheng et al., FAST 2013",
		hits: machine, damages: true,
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 100 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).plain, strike: armed(lieDisk), undo: calmed(honestDisk)},
	{Kind: LostWrite, Doc: "writes end well and never reach the platter", Amount: "how many", Source: "Bairavasundaram et al., FAST 2008; Ganesan et al., FAST 2017",
		hits: machine, damages: true, allowed: [2]int64{1, 1000},
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 3},
		draw:    (*nemesis).plain, strike: spoilWrites(sim.DiskLost), undo: calmWrites(sim.DiskLost)},
	{Kind: Misdirected, Doc: "writes end well and land elsewhere on the disk", Amount: "how many", Source: "Bairavasundaram et al., FAST 2008; Ganesan et al., FAST 2017",
		hits: machine, damages: true, allowed: [2]int64{1, 1000},
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 2},
		draw:    (*nemesis).plain, strike: spoilWrites(sim.DiskMisdirected), undo: calmWrites(sim.DiskMisdirected)},
	{Kind: BitRot, Doc: "bits of a sector at rest flip", Amount: "how many", Source: "Bairavasundaram et al., FAST 2008; Ganesan et al., FAST 2017",
		hits: machine, damages: true, allowed: [2]int64{1, 1000},
		setting: Setting{OnPPM: 100_000, Most: 2, ForMin: 50 * milli, ForMax: 1000 * milli, AmountMin: 1, AmountMax: 8},
		draw:    (*nemesis).plain, strike: armed(rotBits), undo: calmed(nothing)},
	{Kind: DiskReplaced, Doc: "a server loses its power and comes back with an empty disk", Source: "an operator who changes the disk",
		hits: process, damages: true, stops: true,
		setting: Setting{OnPPM: 50_000, Most: 1, ForMin: 50 * milli, ForMax: 1000 * milli},
		draw:    (*nemesis).plain, strike: (*Injector).replaceDisk, undo: (*Injector).restart},
	{Kind: Clog, Doc: "messages wait, and all come when it is over; or link after link does so, and they open in another order", Source: "FoundationDB: clogging, swizzle-clogging; VOPR: path clog, 0 to 5 s",
		hits: links, timing: true,
		setting: Setting{OnPPM: 150_000, Most: 2, ForMin: 50 * milli, ForMax: 1000 * milli},
		draw:    (*nemesis).clog,
		link:    either((*sim.World).Clog, (*sim.World).Unclog)},
	{Kind: Corrupt, Doc: "in a share of the messages one to three bits flip", Amount: "parts per million", Source: "Stone and Partridge, SIGCOMM 2000",
		hits: links, timing: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 150_000, Most: 1, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: 1_000, AmountMax: 50_000},
		draw:    (*nemesis).disturb,
		link:    disturb(func(amount int64) sim.Disturbance { return sim.Disturbance{CorruptPPM: amount} })},
	{Kind: LateCopy, Doc: "of a share of the messages a copy arrives up to a second late, whatever happened since", Amount: "parts per million", Source: "VOPR: replay; old duplicates: Sunshine and Dalal 1978",
		hits: links, timing: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 150_000, Most: 1, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: 5_000, AmountMax: 100_000},
		draw:    (*nemesis).disturb,
		link:    disturb(func(amount int64) sim.Disturbance { return sim.Disturbance{ReplayPPM: amount, ReplayMax: time.Second} })},
	{Kind: BurstLoss, Doc: "links lose many messages at a time (50 ms, every second)", Amount: "parts per million, in a burst", Source: "Gilbert 1960, Elliott 1963",
		hits: links, timing: true, allowed: [2]int64{1, million},
		setting: Setting{OnPPM: 125_000, Most: 1, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: 200_000, AmountMax: million},
		draw:    (*nemesis).disturb,
		link:    disturb(func(amount int64) sim.Disturbance { return sim.Disturbance{BurstLossPPM: amount} })},
	{Kind: ClockSlew, Doc: "the time of day runs 500 ppm fast or slow until it is off by so much", Amount: "nanoseconds other than 0", Source: "ntpd: slew below 128 ms at 500 ppm",
		hits: machine, timing: true, allowed: [2]int64{-MaxTime, MaxTime},
		setting: Setting{OnPPM: 100_000, Most: 1, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: int64(milli), AmountMax: int64(100 * milli)},
		draw:    (*nemesis).signedAmount, strike: armed(timed((*sim.World).SlewClock)), undo: undone(back((*sim.World).SlewClock))},
	{Kind: ClockFreeze, Doc: "the time of day stands still, and jumps in the end", Source: "virtual clocks that stop",
		hits: machine, timing: true,
		setting: Setting{OnPPM: 100_000, Most: 1, ForMin: 100 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).plain, strike: armed(simply((*sim.World).FreezeClock)), undo: undone(thaw)},
	{Kind: ClockCoarse, Doc: "clocks tick in steps", Amount: "nanoseconds", Source: "Windows: 15.6 ms; DDIA, Clock Readings",
		hits: machine, timing: true, allowed: [2]int64{1, int64(time.Second)},
		setting: Setting{OnPPM: 100_000, Most: 1, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: int64(milli), AmountMax: int64(20 * milli)},
		draw:    (*nemesis).steadyPlain, strike: armed(coarse), undo: undone(fine)},
	{Kind: LeapSecond, Doc: "a second comes twice", Source: "Cloudflare RRDNS, 2017",
		hits: machine, timing: true,
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 500 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).plain, strike: armed(leapSecond), undo: undone(simply((*sim.World).Unleap))},
	{Kind: ClockLies, Doc: "the time of day is wrong, and its interval does not know", Amount: "nanoseconds other than 0", Source: "broken bound: only then may what trusts intervals fail",
		hits: machine, timing: true, allowed: [2]int64{-MaxTime, MaxTime},
		setting: Setting{OnPPM: 75_000, Most: 1, ForMin: 200 * milli, ForMax: 2000 * milli, AmountMin: int64(milli), AmountMax: int64(5000 * milli)},
		draw:    (*nemesis).signedAmount, strike: armed(timed((*sim.World).BreakBound)), undo: undone(mendBound)},
	{Kind: Suspend, Doc: "a whole machine is suspended, and does not see it: its clocks stand still", Source: "migration of virtual machines; ClockBound: disruption marker",
		hits: process, timing: true,
		setting: Setting{OnPPM: 125_000, Most: 1, ForMin: 50 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).process, strike: (*Injector).suspend, undo: (*Injector).resume},
	{Kind: NTPSilence, Doc: "a firewall swallows the answers of the time servers", Source: "Google, firewalls and NTP; ClockBound: free running",
		hits: machine, timing: true,
		setting: Setting{OnPPM: 100_000, Most: 1, ForMin: 200 * milli, ForMax: 4000 * milli},
		draw:    (*nemesis).steadyPlain, strike: armed(simply((*sim.World).SilenceNTP)), undo: undone(simply((*sim.World).AnswerNTP))},
	{Kind: FalseTicker, Doc: "a time server lies by so much; node is its number", Amount: "nanoseconds other than 0", Source: "RFC 5905, falsetickers; Marzullo 1984",
		hits: machine, timing: true, allowed: [2]int64{-MaxTime, MaxTime},
		setting: Setting{OnPPM: 100_000, Most: 1, ForMin: 200 * milli, ForMax: 4000 * milli, AmountMin: int64(10 * milli), AmountMax: int64(60_000 * milli)},
		draw:    (*nemesis).signedAmount, strike: (*Injector).falseTicker, undo: (*Injector).trueTicker},
	{Kind: DomainCut, Doc: "a rack, a switch, a region is cut off", Source: "Gill, Jain, Nagappan, SIGCOMM 2011: failures of switches and links",
		hits: domains, timing: true,
		setting: Setting{OnPPM: 600_000, Most: 3, ForMin: 100 * milli, ForMax: 2000 * milli},
		draw:    (*nemesis).domain, strike: (*Injector).cutDomain, undo: (*Injector).mendDomain},
	{Kind: DomainPower, Doc: "a rack, a switch, a region loses power, with all servers in it", Source: "Ford et al., OSDI 2010: 37 % of the failures of nodes come in bursts",
		hits: domains, timing: true, stops: true,
		setting: Setting{OnPPM: 400_000, Most: 2, ForMin: 20 * milli, ForMax: 1000 * milli},
		draw:    (*nemesis).domain, strike: (*Injector).darkenDomain, undo: (*Injector).lightDomain},
}

// Ranges tell how the kind is drawn, unless a Profile says otherwise: how long a fault
// lasts, how bad it is, and which share of the seeds has the kind, in percent.
func (i *Info) Ranges() (lasts, amount string, percent int64) {
	s := i.setting
	lasts = fmt.Sprintf("%v to %v", s.ForMin, s.ForMax)
	if i.Amount != "" {
		amount = fmt.Sprintf("%d to %d", s.AmountMin, s.AmountMax)
	}
	return lasts, amount, s.OnPPM / 10_000
}

// index is the position of k in All, -1 if there is no such kind.
func (k Kind) index() int {
	for i := range All {
		if All[i].Kind == k {
			return i
		}
	}
	return -1
}

// with fills in what is zero.
func (s Setting) with(d Setting) Setting {
	def(&s.OnPPM, d.OnPPM)
	def(&s.Most, d.Most)
	def(&s.AllPPM, d.AllPPM)
	def(&s.ForMin, d.ForMin)
	def(&s.ForMax, max(s.ForMin, d.ForMax))
	def(&s.AmountMin, d.AmountMin)
	def(&s.AmountMax, max(s.AmountMin, d.AmountMax))
	return s
}

// What kinds do to servers.

// action is what a World does to one server; it tells whether that changed anything.
type action func(w *sim.World, id sim.NodeID, amount int64) (changed bool)

// simply is an action that has no amount, timed one whose amount is a time, and back one
// that takes such a time back.
func simply(do func(*sim.World, sim.NodeID) bool) action {
	return func(w *sim.World, id sim.NodeID, _ int64) bool { return do(w, id) }
}

func timed(do func(*sim.World, sim.NodeID, time.Duration) bool) action {
	return func(w *sim.World, id sim.NodeID, ns int64) bool { return do(w, id, time.Duration(ns)) }
}

func back(do func(*sim.World, sim.NodeID, time.Duration) bool) action {
	return func(w *sim.World, id sim.NodeID, ns int64) bool { return do(w, id, -time.Duration(ns)) }
}

// armed makes a strike of an action: there is something to undo if it changed anything.
func armed(do action) func(*Injector, int, int) (bool, bool) {
	return func(in *Injector, i, s int) (open, changed bool) {
		changed = do(in.w, in.t.Servers[s-1], in.p.Faults[i].Amount)
		return changed, changed
	}
}

// undone makes the end of a fault that only has to be taken back.
func undone(undo action) func(*Injector, int, int, bool) {
	return func(in *Injector, i, s int, _ bool) { undo(in.w, in.t.Servers[s-1], in.p.Faults[i].Amount) }
}

// calmed makes the end of a fault that may have stopped the process: it is restarted, as an
// operator would.
func calmed(undo action) func(*Injector, int, int, bool) {
	return func(in *Injector, i, s int, heal bool) {
		undo(in.w, in.t.Servers[s-1], in.p.Faults[i].Amount)
		in.operate(s, heal)
	}
}

// What kinds do to links.

type linkAction = func(w *sim.World, from, to sim.NodeID, amount int64, begins bool) (changed bool)

func either(begin, end func(w *sim.World, from, to sim.NodeID) bool) linkAction {
	return func(w *sim.World, from, to sim.NodeID, _ int64, begins bool) bool {
		if begins {
			return begin(w, from, to)
		}
		return end(w, from, to)
	}
}

func disturb(of func(amount int64) sim.Disturbance) linkAction {
	return func(w *sim.World, from, to sim.NodeID, amount int64, begins bool) bool {
		if begins {
			return w.Disturb(from, to, of(amount))
		}
		return w.Calm(from, to, of(amount))
	}
}
