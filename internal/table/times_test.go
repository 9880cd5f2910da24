package table

import (
	"testing"
	"time"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// Databases hold microseconds of the years 1 to 9999.
func TestBoundsAreThoseThatADatabaseHolds(t *testing.T) {
	moment := time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC)
	const text, next = "2026-11-23T07:46:20.123456Z", "2026-11-23T07:46:20.123457Z"
	for name, row := range map[string]struct {
		since, until time.Time
		sql          string
		args         []any
	}{
		"none":               {},
		"since":              {since: moment, sql: "created_at >= $1 AND ", args: []any{text}},
		"until":              {until: moment, sql: "created_at < $1 AND ", args: []any{text}},
		"both":               {since: moment, until: moment.Add(time.Microsecond), sql: "created_at >= $1 AND created_at < $2 AND ", args: []any{text, next}},
		"another zone":       {since: moment.In(time.FixedZone("", 3600)), sql: "created_at >= $1 AND ", args: []any{text}},
		"a nanosecond later": {since: moment.Add(1), sql: "created_at >= $1 AND ", args: []any{next}},
		"almost the next":    {until: moment.Add(999), sql: "created_at < $1 AND ", args: []any{next}},
		"the first":          {since: firstTime},
		"the second":         {since: firstTime.Add(time.Nanosecond), sql: "created_at >= $1 AND ", args: []any{"0001-01-01T00:00:00.000001Z"}},
		"before Christ":      {since: firstTime.AddDate(-5, 0, 0)},
		"until before":       {until: firstTime.AddDate(-5, 0, 0), sql: "(1 = 0) AND "},
		"until the second":   {until: firstTime.Add(time.Nanosecond), sql: "created_at < $1 AND ", args: []any{"0001-01-01T00:00:00.000001Z"}},
		"the last":           {since: lastTime, until: lastTime, sql: "created_at >= $1 AND created_at < $2 AND ", args: []any{"9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"}},
		"after the last":     {since: lastTime.Add(1), until: lastTime.Add(1), sql: "(1 = 0) AND "},
		"year 20000":         {since: lastTime.AddDate(10000, 0, 0), sql: "(1 = 0) AND "},
		"until year 20000":   {until: lastTime.AddDate(10000, 0, 0)},
		"far zone":           {until: time.Date(10000, 1, 1, 5, 0, 0, 0, time.FixedZone("", 6*3600)), sql: "created_at < $1 AND ", args: []any{"9999-12-31T23:00:00Z"}},
	} {
		w := newWhere(plain{}, Name{}, Layout{}, query.Filter{Since: row.since, Until: row.until})
		require.Equal(t, " WHERE "+row.sql+noGaps, w.sql(), name)
		require.Equal(t, row.args, w.args, name)
	}
}
