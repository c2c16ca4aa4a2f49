package sim

// A rolling upgrade is an Upgrade, a Kill and a Restart of one node after another; in
// between, the versions speak with each other, and each finds on its disk what the other
// has written.

// FirstVersion is the version of the program that a node is added with.
const FirstVersion = 1

// Upgrade gives node n another version of its program: from its next boot on, boot makes
// its machines. The disk stays as it is. The trace names a version other than the first
// when it boots. It is false, and does nothing, for a client, and for the version that is
// there.
func (w *World) Upgrade(id NodeID, version uint32, boot func(incarnation uint32) Machine) bool {
	n := w.nodes[id]
	if n.client != nil || n.version == version {
		return false
	}
	if n.version == FirstVersion {
		n.first = n.boot
	}
	n.boot, n.version = boot, version
	return true
}

// Downgrade gives node n, from its next boot on, the program back that it was added with.
func (w *World) Downgrade(id NodeID) bool {
	return w.Upgrade(id, FirstVersion, w.nodes[id].first)
}

// Version is the version of node n's program that boots next; Up and Incarnation tell
// whether it has.
func (w *World) Version(id NodeID) uint32 { return w.nodes[id].version }
