package sim

import (
	"fmt"
	"slices"
	"time"
)

// Topology is a shape of network as data: pipes, the route between any two hosts, and the
// domains that fail together. Hosts, and the pipes of routes and domains, are numbered from
// 0.
type Topology struct {
	Pipes   []PipeOptions
	Routes  [][][]int // by sender and receiver: pipes
	Domains []Domain
}

// Domain is what one failure takes down: a rack with its switch, a region's cables. Hosts
// are those that live in it: what takes its power takes theirs.
type Domain struct {
	Name  string
	Pipes []int
	Hosts []int
}

// Racks puts hosts into racks, rack 0 first. A frame leaves its host and reaches another
// through a host pipe each; between racks it passes an uplink pipe each, which the rack
// shares. Domain "rack 2" is all of a rack, "uplink 2" its way to the others.
func Racks(racks, hostsPerRack int, host, uplink PipeOptions) Topology {
	var t Topology
	hosts := racks * hostsPerRack
	out, in := t.add(hosts, host), t.add(hosts, host)
	up, down := t.add(racks, uplink), t.add(racks, uplink)
	t.route(hosts, func(a, b int) []int {
		if i, j := a/hostsPerRack, b/hostsPerRack; i != j {
			return []int{out + a, up + i, down + j, in + b}
		}
		return []int{out + a, in + b}
	})
	for r := range racks {
		uplinks := []int{up + r, down + r}
		all, members := slices.Clone(uplinks), hostsFrom(r*hostsPerRack, hostsPerRack)
		for _, h := range members {
			all = append(all, out+h, in+h)
		}
		t.domain("rack", r, all, members)
		t.domain("uplink", r, uplinks, nil)
	}
	return t
}

// Regions puts hosts into regions, in the order of their names. delays[i][j] is the
// one-way delay from region i to region j, or within region i; cable is what a pipe
// between two regions, or within one, is besides. Domain "region eu" is every pipe between
// eu and another region: who lives there sees no more of the world.
func Regions(names []string, hostsPerRegion int, delays [][]time.Duration, cable PipeOptions) Topology {
	var t Topology
	n := len(names)
	for i := range n {
		for j := range n {
			cable.Delay = delays[i][j]
			t.Pipes = append(t.Pipes, cable)
		}
	}
	t.route(n*hostsPerRegion, func(a, b int) []int { return []int{a/hostsPerRegion*n + b/hostsPerRegion} })
	for i, name := range names {
		var all []int
		for j := range n {
			if i != j {
				all = append(all, i*n+j, j*n+i)
			}
		}
		t.Domains = append(t.Domains, Domain{"region " + name, all, hostsFrom(i*hostsPerRegion, hostsPerRegion)})
	}
	return t
}

// Clos is a leaf-spine network (Clos 1953; Al-Fares, Loukissas, Vahdat, SIGCOMM 2008):
// every leaf switch has a pipe to and from every spine. The spine of a pair of hosts is
// fixed; the pairs are spread over the spines. Domain "leaf 2" is a leaf with its hosts, "spine
// 1" a spine: its pairs are cut, for nothing routes around it.
func Clos(leaves, spines, hostsPerLeaf int, host, fabric PipeOptions) Topology {
	var t Topology
	hosts := leaves * hostsPerLeaf
	out, in := t.add(hosts, host), t.add(hosts, host)
	up, down := t.add(leaves*spines, fabric), t.add(leaves*spines, fabric)
	t.route(hosts, func(a, b int) []int {
		if i, j := a/hostsPerLeaf, b/hostsPerLeaf; i != j {
			s := (a + b) % spines
			return []int{out + a, up + i*spines + s, down + j*spines + s, in + b}
		}
		return []int{out + a, in + b}
	})
	for l := range leaves {
		var all []int
		for s := range spines {
			all = append(all, up+l*spines+s, down+l*spines+s)
		}
		members := hostsFrom(l*hostsPerLeaf, hostsPerLeaf)
		for _, h := range members {
			all = append(all, out+h, in+h)
		}
		t.domain("leaf", l, all, members)
	}
	for s := range spines {
		var all []int
		for l := range leaves {
			all = append(all, up+l*spines+s, down+l*spines+s)
		}
		t.domain("spine", s, all, nil)
	}
	return t
}

// Torus is a grid of columns × rows hosts whose edges meet; host number = row × columns +
// column. A pipe leads from every host to each of its four neighbours. Frames go along
// their row first, then along the column, the shorter way round (dimension order: Dally
// and Seitz 1987). Domains "row 1" and "column 2" are the pipes that leave or reach their
// hosts.
func Torus(columns, rows int, p PipeOptions) Topology {
	var t Topology
	const east, west, south, north = 0, 1, 2, 3
	t.add(4*columns*rows, p)
	move := func(h, direction int) int {
		x, y := h%columns, h/columns
		switch direction {
		case east:
			x = (x + 1) % columns
		case west:
			x = (x + columns - 1) % columns
		case south:
			y = (y + 1) % rows
		case north:
			y = (y + rows - 1) % rows
		}
		return y*columns + x
	}
	t.route(columns*rows, func(a, b int) (pipes []int) {
		walk := func(by, around, forth, back int) {
			steps, direction := (by+around)%around, forth
			if 2*steps > around {
				steps, direction = around-steps, back
			}
			for range steps {
				pipes = append(pipes, 4*a+direction)
				a = move(a, direction)
			}
		}
		walk(b%columns-a%columns, columns, east, west)
		walk(b/columns-a/columns, rows, south, north)
		return pipes
	})
	around := func(kind string, i int, in func(h int) bool) {
		var all, members []int
		for h := range columns * rows {
			if in(h) {
				members = append(members, h)
			}
			for direction := range 4 {
				if in(h) || in(move(h, direction)) {
					all = append(all, 4*h+direction)
				}
			}
		}
		t.domain(kind, i, all, members)
	}
	for y := range rows {
		around("row", y, func(h int) bool { return h/columns == y })
	}
	for x := range columns {
		around("column", x, func(h int) bool { return h%columns == x })
	}
	return t
}

// add adds n equal pipes and returns the number of the first.
func (t *Topology) add(n int, p PipeOptions) int {
	first := len(t.Pipes)
	t.Pipes = append(t.Pipes, slices.Repeat([]PipeOptions{p}, n)...)
	return first
}

// route fills the table of routes for n hosts. A host reaches itself through nothing.
func (t *Topology) route(n int, between func(a, b int) []int) {
	t.Routes = make([][][]int, n)
	for a := range n {
		t.Routes[a] = make([][]int, n)
		for b := range n {
			if a != b {
				t.Routes[a][b] = between(a, b)
			}
		}
	}
}

func (t *Topology) domain(kind string, i int, pipes, hosts []int) {
	t.Domains = append(t.Domains, Domain{fmt.Sprint(kind, " ", i), pipes, hosts})
}

// hostsFrom lists n hosts from the first on.
func hostsFrom(first, n int) (hosts []int) {
	for h := range n {
		hosts = append(hosts, first+h)
	}
	return hosts
}

// domain is a Domain of a World.
type domain struct {
	name  string
	pipes []PipeID
	nodes []NodeID
	cuts  int
}

// Lay gives the World a topology: nodes[i] is host i. Hosts may stay empty: 0, or no more
// nodes.
func (w *World) Lay(t Topology, nodes ...NodeID) {
	if len(nodes) > len(t.Routes) {
		panic(fmt.Sprintf("sim: %d nodes for the %d hosts of a topology", len(nodes), len(t.Routes)))
	}
	first := PipeID(len(w.net.pipes))
	ids := func(pipes []int) (all []PipeID) {
		for _, p := range pipes {
			all = append(all, first+PipeID(p))
		}
		return all
	}
	for _, p := range t.Pipes {
		w.AddPipe(p)
	}
	for i, from := range nodes {
		for j, to := range nodes {
			if i != j && from != 0 && to != 0 {
				w.Route(from, to, ids(t.Routes[i][j])...)
			}
		}
	}
	for _, d := range t.Domains {
		live := domain{name: d.Name, pipes: ids(d.Pipes)}
		for _, h := range d.Hosts {
			if h < len(nodes) && nodes[h] != 0 {
				live.nodes = append(live.nodes, nodes[h])
			}
		}
		w.net.domains = append(w.net.domains, live)
	}
}

// Domains lists the names of the domains that can fail, in the order of their topology.
func (w *World) Domains() (names []string) {
	for i := range w.net.domains {
		names = append(names, w.net.domains[i].name)
	}
	return names
}

// InDomain lists the nodes that live in a domain, in the order of its hosts. The caller
// must not write to it.
func (w *World) InDomain(name string) []NodeID {
	if d := w.domain(name); d != nil {
		return d.nodes
	}
	return nil
}

// CutDomain cuts every pipe of a domain until as many MendDomains have come as
// CutDomains. It is false, and does nothing, where no domain has that name.
func (w *World) CutDomain(name string) bool {
	d := w.domain(name)
	if d == nil {
		return false
	}
	if d.cuts++; d.cuts > 1 {
		return false
	}
	for _, p := range d.pipes {
		w.CutPipe(p)
	}
	return true
}

// MendDomain takes one CutDomain back.
func (w *World) MendDomain(name string) bool {
	d := w.domain(name)
	if d == nil || d.cuts == 0 {
		return false
	}
	if d.cuts--; d.cuts > 0 {
		return false
	}
	for _, p := range d.pipes {
		w.MendPipe(p)
	}
	return true
}

func (w *World) domain(name string) *domain {
	for i := range w.net.domains {
		if w.net.domains[i].name == name {
			return &w.net.domains[i]
		}
	}
	return nil
}
