// Package valid holds what makes any history well-formed, of whatever operations: keys that a file can
// carry, closed intervals of virtual time, sessions that do one thing after another.
package valid

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	MaxKeyBytes = 4 << 10                               // escaped six-fold, a line of the file stays far below its limit
	MaxTime     = 100 * 365 * 24 * 3600 * 1_000_000_000 // ns; a century leaves room to add without overflow
)

// Key refuses what JSON cannot carry unchanged: a reader replaces broken UTF-8 and lone surrogates by
// U+FFFD, and then two different keys are one.
func Key(key string) error {
	switch {
	case len(key) > MaxKeyBytes:
		return fmt.Errorf("key of %d bytes, more than %d", len(key), MaxKeyBytes)
	case strings.ContainsRune(key, utf8.RuneError): // which finds broken UTF-8, too
		return fmt.Errorf("key %+q is not UTF-8, or holds U+FFFD", key)
	}
	return nil
}

// Interval refuses times (ns) that are none. What is pending has not returned.
func Interval(call, ret int64, pending bool) error {
	switch {
	case call < 0 || call > MaxTime:
		return fmt.Errorf("called at %d, outside [0, %d]", call, int64(MaxTime))
	case pending && ret != 0:
		return fmt.Errorf("pending, yet it returned at %d", ret)
	case !pending && (ret < call || ret > MaxTime):
		return fmt.Errorf("called at %d, returned at %d, outside [call, %d]", call, ret, int64(MaxTime))
	}
	return nil
}

// Call is when a session called something, and when it stopped waiting for it.
type Call struct {
	Session   int32
	Call, End int64
}

// Sessions looks for a session with two calls open at a time: index is called while open is; -1: there
// is none. Calls are given by index. Sessions that call in the order of indices need no sorting.
func Sessions(n int, call func(i int) Call) (index, open int) {
	numbers := map[int32]int32{}
	var latest []int32 // by number of the session
	for i := range n {
		c := call(i)
		k, known := numbers[c.Session]
		if !known {
			numbers[c.Session] = int32(len(latest))
			latest = append(latest, int32(i))
			continue
		}
		before := call(int(latest[k]))
		if compare(before, c) > 0 {
			return sorted(n, call)
		}
		if c.Call < before.End {
			return i, int(latest[k])
		}
		latest[k] = int32(i)
	}
	return -1, -1
}

func sorted(n int, call func(i int) Call) (index, open int) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := call(i), call(j)
		return cmp.Or(cmp.Compare(a.Session, b.Session), compare(a, b), cmp.Compare(i, j))
	})
	for i := 1; i < n; i++ {
		if a, b := call(order[i-1]), call(order[i]); a.Session == b.Session && b.Call < a.End {
			return order[i], order[i-1]
		}
	}
	return -1, -1
}

func compare(a, b Call) int { return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.End, b.End)) }
