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
	switch seconds := t.Unix(); {
	case t.Before(minTime):
		return minTime, true
	case seconds > maxTime.Unix():
		return maxTime, true
	default: // built anew, which is cheaper than Truncate
		return time.Unix(seconds, int64(t.Nanosecond()/1000*1000)).UTC(), false
	}
}

// timeText appends times. It keeps the text of the last second, which is most of the
// work. Its zero value is ready; it is not for concurrent use.
type timeText struct {
	second int64
	text   [len("2006-01-02T15:04:05.")]byte
}

// append appends t, which clampTime returned, as appendTime does.
func (c *timeText) append(dst []byte, t time.Time) []byte {
	if second := t.Unix(); second != c.second || c.text[0] == 0 {
		var text [len("2006-01-02T15:04:05.000000Z")]byte
		c.second, c.text = second, [len(c.text)]byte(appendTime(text[:0], t))
	}
	micros := t.Nanosecond() / 1000
	var rest [len("000000Z")]byte
	twoDigits(rest[0:2], micros/10_000)
	twoDigits(rest[2:4], micros/100%100)
	twoDigits(rest[4:6], micros%100)
	rest[6] = 'Z'
	return append(append(dst, c.text[:]...), rest[:]...)
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
