package sim

import (
	"math"
	"time"
)

// Time is true time: nanoseconds since the world began. Nodes never see it; they
// see their own clocks (Env.Monotonic, Env.Wall). Clients and checkers do.
type Time int64

// End is later than every event of every run.
const End Time = math.MaxInt64

// Add returns t+d, saturating at End and at the beginning: time never wraps.
func (t Time) Add(d time.Duration) Time {
	s := t + Time(d)
	switch {
	case d > 0 && s < t:
		return End
	case s < 0:
		return 0
	}
	return s
}

// Sub returns the duration t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// String renders t as a duration since the beginning: "1.5s".
func (t Time) String() string { return time.Duration(t).String() }
