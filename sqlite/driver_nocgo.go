//go:build !cgo

package sqlite

// haveDriver reports whether SQLite is in the program.
const haveDriver = false

const driverName = "sqlite3"

func isRefusal(error) bool { return false }

func isBusy(error) bool { return false }
