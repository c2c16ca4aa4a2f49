package checker

import (
	"cmp"
	"slices"
)

// fifo: what was put in behind a and taken proves that a was gone.
//
//saros:constant functions
var fifo = discipline{
	judge:  judgeQueue,
	placed: func(*stay, int32) int32 { return 0 },
	asks:   func(*stay, int32) int32 { return 1 },
	since:  func(b *stay) int32 { return b.in.call },
}

// judgeQueue decides a queue by the absence of two patterns (Henzinger, Sezgin, Vafeiadis, CONCUR 2013):
// a value put in behind another and taken before it, and a take that found nothing in a queue that was
// never empty.
func judgeQueue(c *collection) []int32 {
	if against := c.overtaken(); against != nil {
		return against
	}
	return c.neverEmpty()
}

// overtaken returns a value that was put in, then one that was put in, taken, and then the first was taken:
//
//	insert a |---|                |-------| take a, or never
//	              |---| insert b
//	                 take b |---|
//
// Of the values put in before b the one whose take was called last is enough to look at.
func (c *collection) overtaken() []int32 {
	byReturn, byCall := make([]int32, len(c.stays)), make([]int32, len(c.stays))
	for i := range c.stays {
		byReturn[i], byCall[i] = int32(i), int32(i)
	}
	slices.SortFunc(byReturn, func(a, b int32) int { return cmp.Compare(c.stays[a].in.ret, c.stays[b].in.ret) })
	slices.SortFunc(byCall, func(a, b int32) int { return cmp.Compare(c.stays[a].in.call, c.stays[b].in.call) })
	var latest *stay
	for _, i := range byCall {
		b := &c.stays[i]
		for c.stays[byReturn[0]].in.ret < b.in.call { // b at the latest was not
			if a := &c.stays[byReturn[0]]; latest == nil || a.out.call > latest.out.call {
				latest = a
			}
			byReturn = byReturn[1:]
		}
		if latest != nil && latest.out.call > b.out.ret {
			return b.tasks(latest.tasks(nil))
		}
	}
	return nil
}
