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
	text := [27]byte{4: '-', 7: '-', 10: 'T', 13: ':', 16: ':', 19: '.', 26: 'Z'}
	twoDigits(text[0:2], year/100)
	twoDigits(text[2:4], year%100)
	twoDigits(text[5:7], int(month))
	twoDigits(text[8:10], day)
	twoDigits(text[11:13], hour)
	twoDigits(text[14:16], minute)
	twoDigits(text[17:19], second)
	twoDigits(text[20:22], micros/10_000)
	twoDigits(text[22:24], micros/100%100)
	twoDigits(text[24:26], micros%100)
	return append(dst, text[:]...)
}

func twoDigits(dst []byte, n int) {
	dst[0], dst[1] = hexDigits[n/10%10], hexDigits[n%10]
}
