package checker

// smallest: what is larger than a and was taken after a was put in proves that a was gone.
//
//saros:constant functions
var smallest = discipline{
	judge:  judgePriorityQueue,
	placed: func(_ *stay, place int32) int32 { return -place },
	asks:   func(_ *stay, place int32) int32 { return -place },
	since:  func(b *stay) int32 { return b.out.call },
}

// judgePriorityQueue decides a queue that gives the smallest value first, from the smallest value up. The
// instants at which a smaller value is inside are closed to the take of a larger one, and each value adds the
// least that it must:
//
//   - where its insert and its take can meet at an open instant, nothing;
//   - otherwise it is inside from the return of its insert to the first open instant at which it can be
//     taken. If that is later than the return of its take, no order gives it.
//
// A take that found nothing needs an instant at which no value is inside.
func judgePriorityQueue(c *collection) []int32 {
	closed := newCover(c.last)
	var inside []int32
	for i := range c.stays {
		s := &c.stays[i]
		if meet := closed.free(max(s.in.call, s.out.call)); meet <= min(s.in.ret, s.out.ret) {
			continue
		}
		inside = s.tasks(inside)
		taken := closed.free(max(s.in.ret, s.out.call))
		if taken > s.out.ret {
			return inside
		}
		closed.fill(s.in.ret, taken)
	}
	if e := c.within(closed); e != nil {
		return append(inside, e.task)
	}
	return nil
}
