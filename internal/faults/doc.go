// Package faults is what the tests of faults have in common: an oracle that knows what
// must be in a log after a crash, and the table of results that `make faults` prints.
package faults
