//go:build race

package sim

// raceDetector tells that allocations cannot be counted: the race detector makes
// some of its own.
const raceDetector = true
