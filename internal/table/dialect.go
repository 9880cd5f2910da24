package table

import "time"

// Dialect is how one database says what another says differently. Columns and
// expressions are SQL of ours; whatever comes from a caller goes through bind.
type Dialect interface {
	// Placeholder stands for the nth argument, counted from 1.
	Placeholder(n int) string
	// Time returns the argument for a moment in microseconds.
	Time(t time.Time) any
	// Boolean is a column of booleans as it is read: null if it is none.
	Boolean(column string) string
	// Among says that a text, which is not null, is one of values.
	Among(text string, values []string, bind Bind) string
	// Holds says that the JSON array of a column holds one of values.
	Holds(column string, values []string, bind Bind) string
	// MetadataAmong says that the value of a key of the metadata is one of values, as
	// query.Filter.Metadata compares it; null is "". Of lists and objects it is some JSON.
	MetadataAmong(key string, values []string, bind Bind) string
	// MetadataContainer says that the value of a key is a list or an object.
	MetadataContainer(key string, bind Bind) string
	// MetadataHint follows from the value of a key being one of values, none of
	// them "", and is what the index on the key serves; "": there is no such thing.
	MetadataHint(key string, values []string, bind Bind) string

	// Period is the day or the hour of created_at, as a value that is the same for
	// all moments in it, and only for those.
	Period(unit string) string
	// MetadataJSON is the JSON of the value of a key of the metadata. Where there is
	// none, it is null or "".
	MetadataJSON(key string, bind Bind) string
}

// Bind makes an argument of a value, and returns what stands for it.
type Bind func(value any) string
