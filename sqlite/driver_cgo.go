//go:build cgo

package sqlite

import (
	"errors"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// haveDriver reports whether SQLite is in the program.
const haveDriver = true

// driverName is what go-sqlite3 registers itself as.
const driverName = "sqlite3"

// isRefusal reports whether the database refuses the rows for what they are, so that
// trying again is in vain.
func isRefusal(err error) bool {
	var failed sqlite3.Error
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Code {
	case sqlite3.ErrConstraint, sqlite3.ErrMismatch, sqlite3.ErrTooBig:
		return true
	case sqlite3.ErrError: // the index of a metadata key cannot read it: an Entry that was made by hand
		return strings.Contains(failed.Error(), "malformed JSON")
	default:
		return false
	}
}

// isBusy reports whether another connection has locked the database.
func isBusy(err error) bool {
	var failed sqlite3.Error
	return errors.As(err, &failed) && (failed.Code == sqlite3.ErrBusy || failed.Code == sqlite3.ErrLocked)
}
