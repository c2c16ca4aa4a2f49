package sim

// Buggify points are places where a program's author asks the simulator to make life
// hard: a batch cut short, a timeout that is short, a rare branch (Zhou et al.,
// FoundationDB, SIGMOD 2021). In each run a point is active with a probability of 1/4,
// and an active one fires at one call of four. Its choices hang on its name and on the
// node, so that a new point moves no other.

const buggifyPPM = million / 4

// Point is what became of a Buggify point in a run.
type Point struct {
	Name   string
	Active bool
	Fired  uint64

	hash  uint64
	calls []uint32 // of each node, by its ID: the occurrence of ChooseBuggify
}

// Buggify implements Env.
func (n *node) Buggify(name string) bool { return n.w.opts.Buggify && n.w.buggify(n, name) }

func (w *World) buggify(n *node, name string) bool {
	p := w.point(name)
	if !p.Active {
		return false
	}
	for len(p.calls) <= int(n.id) {
		p.calls = append(p.calls, 0)
	}
	occurrence := p.calls[n.id]
	p.calls[n.id]++
	if w.decide(BuggifyStream(n.id, p.hash), ChooseBuggify, occurrence, million) >= buggifyPPM {
		return false
	}
	p.Fired++
	w.named = append(w.named[:0], name...)
	w.record(TraceBuggify, n.id, 0, 0, 0, w.named)
	return true
}

// point finds a point by its name. There are few: to compare them all, most of them
// with the very same string, costs less than a hash of the name.
func (w *World) point(name string) *Point {
	for i := range w.points {
		if w.points[i].Name == name {
			return &w.points[i]
		}
	}
	hash := hashName(name)
	k := len(w.points)
	if k < cap(w.points) { // its memory is reused
		w.points = w.points[:k+1]
	} else {
		w.points = append(w.points, Point{})
	}
	p := &w.points[k]
	active := w.decide(BuggifyStream(0, hash), ChooseBuggify, 0, million) < buggifyPPM
	*p = Point{Name: name, Active: active, hash: hash, calls: p.calls[:0]}
	return p
}

func hashName(name string) uint64 {
	d := Digest(0)
	for i := range len(name) {
		d = d.Word(uint64(name[i]))
	}
	return uint64(d)
}

// decide makes one choice of a stream that has no owner to keep its key.
func (w *World) decide(s Stream, c Choice, n uint32, bound uint64) uint64 {
	d := draws{w: w, s: s, n: n, base: base(streamKey(w.opts.Seed, s), 0, n)}
	return d.below(c, bound)
}

// Points lists the Buggify points that the run came by, in the order in which it did.
// The caller must not keep it beyond the next Reset.
func (w *World) Points() []Point { return w.points }
