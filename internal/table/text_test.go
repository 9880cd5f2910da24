package table

import (
	"testing"
	"time"

	"github.com/permaudit/audit/internal/race"
	"github.com/stretchr/testify/require"
)

func TestATimeIsAppendedInMicroseconds(t *testing.T) {
	for _, moment := range []time.Time{
		firstTime, lastTime,
		time.Date(2026, 11, 3, 4, 5, 6, 7000, time.FixedZone("", 3600)),
		time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.UTC),
		time.Date(987, 12, 31, 10, 20, 30, 456789000, time.UTC),
	} {
		require.Equal(t, "x"+moment.UTC().Format("2006-01-02 15:04:05.000000"), string(AppendTime([]byte("x"), moment)))
	}
}

func TestATimeThatNoEventCanHaveIsTheFirstOrTheLast(t *testing.T) {
	const first, last = "0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999"
	require.Equal(t, first, string(AppendTime(nil, time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC))))
	require.Equal(t, first, string(AppendTime(nil, time.Time{})))
	require.Equal(t, last, string(AppendTime(nil, time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC))))
}

func TestATimeIsAppendedWithoutAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	buffer, now := make([]byte, 0, 100), time.Now()
	require.Zero(t, testing.AllocsPerRun(100, func() { buffer = AppendTime(buffer[:0], now) }))
}
