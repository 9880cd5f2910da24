package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// begin is the time of the first event of tests.
var begin = time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC)

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func TestTimesAreReadInEveryForm(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"24h":                       now.Add(-24 * time.Hour),
		"30m":                       now.Add(-30 * time.Minute),
		"90s":                       now.Add(-90 * time.Second),
		"7d":                        now.AddDate(0, 0, -7),
		"2w":                        now.AddDate(0, 0, -14),
		"1d12h":                     now.Add(-36 * time.Hour),
		"0s":                        now,
		"2026-11-23":                time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC),
		"2026-11-23 07:46":          time.Date(2026, 11, 23, 7, 46, 0, 0, time.UTC),
		"2026-11-23 07:46:20":       time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC),
		"2026-11-23T07:46":          time.Date(2026, 11, 23, 7, 46, 0, 0, time.UTC),
		"2026-11-23T07:46:20Z":      time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC),
		"2026-11-23T07:46:20.5Z":    time.Date(2026, 11, 23, 7, 46, 20, 5e8, time.UTC),
		"2026-11-23T07:46:20+02:00": time.Date(2026, 11, 23, 5, 46, 20, 0, time.UTC),
	} {
		got, err := parseTime(text, now)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "yesterday", "-1h", "+1h", "7", "7D", "d", "7dd", "-7d", "1h1d", "2026-11-31", "2026-1-1", "99999999999999999999d", "40000d", "2000000h", "10:00"} {
		_, err := parseTime(text, now)
		require.EqualError(t, err, wantTime, text)
	}
}
