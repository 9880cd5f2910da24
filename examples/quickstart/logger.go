package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/sqlite"
)

// The settings ask for the logger by this name. A single logger needs no name of its
// own: "FileAuditLogger" and "DatabaseAuditLogger" are known to the loader.
const bothLoggers = "FileAndSQLite"

var errRegister = audit.RegisterAuditLogger(bothLoggers, newBothLoggers)

// newBothLoggers returns a logger that writes each event to a file, for tail and jq,
// and to a database, for questions. They are as independent as two loggers can be:
// neither waits for the other.
func newBothLoggers(ctx context.Context, options map[string]any) (audit.AuditLogger, error) {
	path, database := options["file"], options["database"]
	if path == nil || database == nil || len(options) > 2 {
		return nil, errors.New("options must be file and database, the paths of both")
	}
	file, err := audit.NewFileAuditLogger(fmt.Sprint(path), nil)
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, fmt.Sprint(database), nil)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	table, err := audit.NewDatabaseAuditLogger(store, nil)
	if err != nil {
		return nil, errors.Join(err, store.Close(), file.Close())
	}
	return audit.MultiLogger(file, table), nil
}
