package postgres

import (
	"context"
	"fmt"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// Known returns those of ids whose events are in the table, in no particular order. It
// is an error if there is no table: see Ping.
func (s *Store) Known(ctx context.Context, ids []audit.EventID) ([]audit.EventID, error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	var known []audit.EventID
	statement := "SELECT event_id::text FROM " + s.reader.Table.SQL() + " WHERE event_id = ANY($1::text[]::uuid[])"
	err := s.query(ctx, statement, []any{texts}, func(scan table.Scan) (bool, error) {
		var text string
		if err := scan(&text); err != nil {
			return false, err
		}
		id, err := audit.ParseEventID(text)
		known = append(known, id)
		return true, err
	})
	if err != nil {
		return nil, s.failed("look for events in", fmt.Errorf("read event_id: %w", err))
	}
	return known, nil
}
