package sqlite

import (
	"strings"
	"time"

	"github.com/permaudit/audit/internal/table"
)

// pack is the columns of some rows, as packing joins them.
type pack struct {
	rows, state int
	text        string
}

func (k *pack) scan(scan table.Scan) error { return scan(&k.rows, &k.state, &k.text) }

// unpacker takes packs to pieces.
type unpacker struct {
	fields           int // before created_at
	rows, user, rate bool
	each             func(*table.Part) error
	part             table.Part
}

func newUnpacker(p table.Parts, each func(*table.Part) error) *unpacker {
	return &unpacker{fields: len(p.Columns), rows: p.Rows, user: p.User != "", rate: p.Rate != "", each: each}
}

// unpack hands out the rows.
func (u *unpacker) unpack(k *pack) error {
	switch {
	case k.rows == 0:
		return nil
	case k.state >= packDamaged:
		return table.ErrUnsure
	case k.state == packSampled:
		return table.ErrSampled
	}
	text := k.text
	for i := range k.rows {
		var row string
		var more bool
		row, text, more = strings.Cut(text, markRow)
		if more != (i < k.rows-1) || !u.read(row) {
			return table.ErrUnsure
		}
		if err := u.each(&u.part); err != nil {
			return err
		}
	}
	return nil
}

// read reads a row into the part. It reports whether that is possible.
func (u *unpacker) read(row string) bool {
	p := &u.part
	p.Events = 1
	p.Values = p.Values[:0]
	fields := u.fields + 1
	if u.rows {
		fields += 2
	}
	if u.user {
		fields++
	}
	if u.rate {
		fields++
	}
	ok := true
	next := func() (field string) {
		var more bool
		field, row, more = strings.Cut(row, markField)
		fields--
		ok = ok && more == (fields > 0)
		return field
	}
	for range u.fields {
		p.Values = append(p.Values, next())
	}
	created, plain := plainTime(next())
	p.First, p.Last = created, created
	if u.rows {
		p.Granted, p.Bypassed = next() == "1", next() == "1"
	}
	if u.user {
		p.User = next()
	}
	if u.rate {
		p.Rate = next()
	}
	return ok && plain
}

// plainTime reads created_at as we and Django write it: in UTC, with a fraction of six
// digits or none.
func plainTime(text string) (t time.Time, ok bool) {
	const whole, micros = len(time.DateTime), len(timeLayout)
	if len(text) != whole && len(text) != micros {
		return t, false
	}
	for i := range len(text) {
		if c, form := text[i], timeLayout[i]; form >= '0' && form <= '9' {
			if c < '0' || c > '9' {
				return t, false
			}
		} else if c != form {
			return t, false
		}
	}
	number := func(i, n int) (value int) {
		for _, c := range []byte(text[i : i+n]) {
			value = 10*value + int(c-'0')
		}
		return value
	}
	fraction := 0
	if len(text) == micros {
		fraction = number(20, 6)
	}
	year, month, day := number(0, 4), time.Month(number(5, 2)), number(8, 2)
	hour, minute, second := number(11, 2), number(14, 2), number(17, 2)
	t = time.Date(year, month, day, hour, minute, second, fraction*1000, time.UTC)
	isDay := month >= 1 && month <= 12 && day >= 1 && (day <= 28 || t.Day() == day)
	return t, isDay && hour < 24 && minute < 60 && second < 60
}
