package table

import (
	"errors"
	"time"
)

// Why a reading in parts is given up.
var (
	// ErrUnsure says that the database cannot say what query.GroupBy would: the
	// events are read then.
	ErrUnsure = errors.New("the rows must be read one by one")
	// ErrSampled says that there are events with a sample rate, which was not asked
	// for.
	ErrSampled = errors.New("some events have a sample rate")
)

// Parts is a statement that counts events, or hands them out one by one. Events with the same values of all
// Columns, User and Rate may be counted together, as one Part. All of those are SQL,
// and null if there is no value.
type Parts struct {
	Layout  Layout
	Columns []string
	User    string // "": nobody asks who it is
	Rate    string // the sample rate; "": see ErrSampled
	Where   string // with WHERE before it
	Args    []any  // of all of them

	Rows     bool   // each event is a Part: a row
	Span     string // like Where, but of created_at alone; "": there are no bounds of time
	SpanArgs []any
}

// Part is events that were counted together.
type Part struct {
	Values      []string  // of Columns, as text; null is ""
	User, Rate  string    // as text
	Events      int64     // 1 or more
	First, Last time.Time // in UTC

	Granted, Bypassed bool // of a row
}
