//go:build !race

package audit

// raceEnabled says that the race detector is on, which allocates.
const raceEnabled = false
