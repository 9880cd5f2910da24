// Package race tells tests whether the race detector is on: it allocates, and it
// finds what they provoke.
package race
