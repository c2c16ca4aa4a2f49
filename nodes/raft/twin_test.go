package raft

import "github.com/saros-sim/saros/sim"

type twin struct{}

func (*twin) after(sim.NodeID, uint32, *Node) {}
