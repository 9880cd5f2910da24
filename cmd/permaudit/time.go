package main

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

// wantTime is what is accepted.
const wantTime = "want how long ago (30m, 24h, 7d, 2w), a date (2026-11-23), or a time (2026-11-23T07:46:20Z, \"2026-11-23 07:46\"); UTC where no offset says otherwise"

// timeLayouts are those of absolute times. A fraction of a second may follow.
var timeLayouts = []string{
	time.RFC3339, time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", "2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00",
}

// parseTime reads a time: an absolute one, or how long before now it was.
func parseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	ago, err := parseDuration(text)
	if err != nil {
		return time.Time{}, errors.New(wantTime)
	}
	return now.Add(-ago), nil
}

var days = regexp.MustCompile(`^([0-9]+)([dw])(.*)$`)

// parseDuration reads what time.ParseDuration reads, with days and weeks before it. It
// is not negative.
func parseDuration(text string) (time.Duration, error) {
	total := time.Duration(0)
	if found := days.FindStringSubmatch(text); found != nil {
		n, err := strconv.Atoi(found[1])
		if found[2] == "w" {
			n *= 7
		}
		if err != nil || n < 0 || n > mostDays {
			return 0, errors.New("it is too long")
		}
		total, text = time.Duration(n)*24*time.Hour, found[3]
		if text == "" {
			return total, nil
		}
	}
	rest, err := time.ParseDuration(text)
	if err == nil && (rest < 0 || text[0] == '+' || rest > mostDays*24*time.Hour) {
		err = errors.New("it is negative, or too long")
	}
	return total + rest, err
}

// mostDays is a hundred years; a Duration holds twice that.
const mostDays = 36_525

// timeFlag is --since or --until.
type timeFlag struct {
	now  *time.Time
	text string
	time time.Time // zero: it is not set
}

func (t *timeFlag) String() string { return t.text }

func (t *timeFlag) Set(text string) error {
	moment, err := parseTime(text, *t.now)
	if err != nil {
		return err
	}
	t.text, t.time = text, moment
	return nil
}

func (t *timeFlag) Type() string { return "time" }

func (t *timeFlag) want() string { return wantTime }
