package table

import "time"

// AppendTime appends created_at in UTC, 2006-01-02 15:04:05.000000. A time that no event
// can have becomes the first or the last one.
func AppendTime(dst []byte, t time.Time) []byte {
	switch t = t.UTC(); { // an Entry may be made by hand
	case t.Before(firstTime):
		t = firstTime
	case t.After(lastTime):
		t = lastTime
	}
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	micro := t.Nanosecond() / 1000
	text := [26]byte{4: '-', 7: '-', 10: ' ', 13: ':', 16: ':', 19: '.'}
	twoDigits(text[0:2], year/100)
	twoDigits(text[2:4], year%100)
	twoDigits(text[5:7], int(month))
	twoDigits(text[8:10], day)
	twoDigits(text[11:13], hour)
	twoDigits(text[14:16], minute)
	twoDigits(text[17:19], second)
	twoDigits(text[20:22], micro/10_000)
	twoDigits(text[22:24], micro/100%100)
	twoDigits(text[24:26], micro%100)
	return append(dst, text[:]...)
}

func twoDigits(dst []byte, n int) {
	const digits = "0123456789"
	dst[0], dst[1] = digits[n/10%10], digits[n%10]
}
