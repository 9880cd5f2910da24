package audit

import "time"

// The times that the file format and every database can hold. The zero time has
// a meaning of its own, so the first is a microsecond later.
var (
	minTime = time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)
	maxTime = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
)

// clampTime returns t in UTC and microseconds, moved into the range that can be
// recorded if it lies outside.
func clampTime(t time.Time) (clamped time.Time, moved bool) {
	t = t.Round(0).UTC()
	switch {
	case t.Before(minTime):
		return minTime, true
	case t.After(maxTime):
		return maxTime, t.Sub(maxTime) >= time.Microsecond
	}
	return t.Truncate(time.Microsecond), false
}

// appendTime appends t, which clampTime returned, in the file's form of fixed
// width: 2006-01-02T15:04:05.000000Z.
func appendTime(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	micros := t.Nanosecond() / 1000
	dst = append(dst,
		digit(year/1000), digit(year/100), digit(year/10), digit(year), '-',
		digit(int(month)/10), digit(int(month)), '-',
		digit(day/10), digit(day), 'T',
		digit(hour/10), digit(hour), ':',
		digit(minute/10), digit(minute), ':',
		digit(second/10), digit(second), '.')
	for unit := 100_000; unit > 0; unit /= 10 {
		dst = append(dst, digit(micros/unit))
	}
	return append(dst, 'Z')
}

func digit(n int) byte { return hexDigits[n%10] }
