package query

import "strconv"

// DamageError is a line of a file that is no event. It is yielded in the place of
// the line, and the reading goes on.
type DamageError struct {
	File string // as it was named to the Source
	Line int    // counted from 1
	Err  error  // what is wrong with it
}

// Error implements error: file:line: what.
func (e *DamageError) Error() string {
	return e.File + ":" + strconv.Itoa(e.Line) + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *DamageError) Unwrap() error { return e.Err }
