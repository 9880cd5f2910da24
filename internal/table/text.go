package table

import "time"

// AppendTime appends created_at in UTC, 2006-01-02 15:04:05.000000. A time that no event
// can have becomes the first or the last one.
func AppendTime(dst []byte, t time.Time) []byte {
	switch { // an Entry may be made by hand
	case t.Before(firstTime):
		t = firstTime
	case t.After(lastTime):
		t = lastTime
	}
	return t.UTC().AppendFormat(dst, "2006-01-02 15:04:05.000000")
}
