package main

import (
	"context"
	"strings"

	"github.com/permaudit/audit"
)

// transaction is how many rows the raw drivers commit at once.
const transaction = 4096

// tableName is that of every table that is measured. It is dropped: no log has it.
const tableName = "bench_permission_log"

// columns are those of a table, in the order of rows.
var columns = strings.Split("event_id created_at action attributes granted bypassed manager user_id user_repr permissions metadata sanitized", " ")

// row returns the values of an event that are the same for every driver, with the id and
// the time as this one takes them.
func row(d *decision, values func(e *audit.Entry) (id, created any)) ([]any, error) {
	e, err := audit.NewEntry(context.Background(), d.PermissionAuditEvent)
	if err != nil {
		return nil, err
	}
	id, created := values(&e)
	return []any{
		id, created, string(e.Action), string(e.Attributes), e.Granted, e.Bypassed,
		e.Manager, e.UserID, nil, string(e.Permissions), string(e.Metadata), nil,
	}, nil
}
