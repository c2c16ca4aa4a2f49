package scenarios

import (
	"time"

	"github.com/saros-sim/saros/sim"
)

// The shapes of network that a scenario may have, by the value of its parameter topology.
const (
	flat    = iota // all reach all
	racks          // three racks, each behind an uplink
	regions        // three regions, some ms apart
	clos           // three leaves, two spines
	torus          // three columns, and as many rows as it takes
)

// groups is in how many racks, regions, leaves or columns the nodes are: of three servers or
// more, no majority is in one. (A row of a torus goes through all columns.)
const groups = 3

// layout makes room for so many nodes. What a network adds to a link is little: what
// matters is what fails together.
func layout(topology int64, nodes int) sim.Topology {
	each := (nodes + groups - 1) / groups
	port := sim.PipeOptions{Bandwidth: 125_000_000, Queue: 1 << 20, Delay: 5 * time.Microsecond} // 1 Gbit/s
	trunk := sim.PipeOptions{Bandwidth: 1_250_000_000, Queue: 4 << 20, Delay: 20 * time.Microsecond}
	switch topology {
	case racks:
		return sim.Racks(groups, each, port, trunk)
	case regions:
		near, far, farther := 100*time.Microsecond, 4*time.Millisecond, 8*time.Millisecond
		return sim.Regions([]string{"asia", "europe", "america"}, each, [][]time.Duration{
			{near, farther, far}, {farther, near, far}, {far, far, near}}, trunk)
	case clos:
		return sim.Clos(groups, 2, each, port, trunk)
	case torus:
		return sim.Torus(groups, each, port)
	}
	return sim.Topology{}
}

// place puts servers, then clients, into the network, one group after another.
func (s *kvSystem) place(w *sim.World) {
	if len(s.network.Routes) == 0 {
		return
	}
	each := len(s.network.Routes) / groups
	s.hosts = append(s.hosts[:0], make([]sim.NodeID, len(s.network.Routes))...)
	for i := range len(s.servers) + len(s.ids) {
		id, group, slot := sim.NodeID(0), i%groups, i/groups
		if i < len(s.servers) {
			id = s.servers[i]
		} else {
			id = s.ids[i-len(s.servers)]
		}
		host := group*each + slot
		if s.params["topology"] == torus { // hosts are numbered row by row
			host = slot*groups + group
		}
		s.hosts[host] = id
	}
	w.Lay(s.network, s.hosts...)
}

// domains lists the names of what may fail together.
func (s *kvSystem) domains() (names []string) {
	for _, d := range s.network.Domains {
		names = append(names, d.Name)
	}
	return names
}
