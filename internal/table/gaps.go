package table

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// gaps are those in a log.
type gaps struct{ query.GapError }

// add counts a gap, unless it is damaged.
func (g *gaps) add(entry *audit.Entry) {
	event, err := entry.Event()
	if err != nil {
		return
	}
	g.Gaps++
	if dropped, ok := event.Metadata["dropped"].(json.Number); ok {
		n, _ := dropped.Int64()
		g.Dropped += max(n, 0)
	}
}

// countGaps reads the gaps between two moments, which are few, with the words of their
// index. isIn reports whether one counts, by its time; nil: all do.
func (r *Reader) countGaps(ctx context.Context, g *gaps, since, until time.Time, isIn func(time.Time) bool) error {
	w := &where{dialect: r.Dialect}
	w.times(since, until)
	w.add("action = '" + string(audit.ActionGap) + "'")
	into, created := r.Created()
	sql := "SELECT metadata, " + r.CreatedSQL + " FROM " + r.Table.SQL() + w.sql()
	return r.Query(ctx, sql, w.args, func(scan Scan) (bool, error) {
		entry := audit.Entry{Action: audit.ActionGap}
		if err := scan(&entry.Metadata, into); err != nil {
			return false, fmt.Errorf("gaps: %w", err)
		}
		if isIn != nil {
			if at, err := created(); err != nil || !isIn(at) {
				return true, nil //nolint:nilerr // a gap of no time is damaged
			}
		}
		g.add(&entry)
		return true, nil
	})
}
