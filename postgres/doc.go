// Package postgres keeps permission events in a table of a PostgreSQL database: the
// store behind [audit.NewDatabaseAuditLogger], and a [query.Source].
//
//	store, err := postgres.Open(ctx, os.Getenv("DATABASE_URL"), nil)
//	if err != nil {
//		return err
//	}
//	logger, err := audit.NewDatabaseAuditLogger(store, nil) // which closes the store
//
// Open needs no server: a service starts while its database is down, its events wait
// in the queue, and are written when the database is there. A service that has a pool
// already uses [New].
//
// An import of the package also registers the driver "postgres" for the DATABASES of
// settings, and the schemes "postgres" and "postgresql" for [query.Open], which opens
// for reading only:
//
//	source, err := query.Open(ctx, "postgres://auditor@db.example/app?table_name=permission_audit_log")
//
// # Writing
//
// A batch is one COPY, which is one transaction: in binary, or as text where a column
// has another type than in our own tables or those of general_manager. Types are looked
// at before the first batch, and after an error: do not change that of a column while a
// service writes. When its outcome is unknown, since the
// connection broke or WriteTimeout passed, the next attempt inserts the rows that are
// not there yet. What the server refuses for the data (a constraint, a text that
// is too long) is [audit.Permanent]. Everything else is tried again until it succeeds:
// a server that is down or read-only, a wrong password, a missing grant or table.
//
// A batch that is committed survives a power cut of the server: connections that Open
// makes turn synchronous_commit on where it is off. A pool given to [New] keeps its
// settings.
//
// # Asking
//
// Filters and groupings ([Store.Group]) are answered in SQL, [Store.Follow] yields what
// arrives, [Store.DeleteBefore] deletes what is old. [OpenSpec] opens for writing what
// query.Open opens for reading.
//
// # The table
//
// The table is created before the first batch is written, with its indexes; reading
// never creates anything. [Schema] is it as text, for migrations. A table that general_manager
// made is adopted: it gets the columns event_id and sanitized and a unique index,
// which locks it for as long as that takes, and keeps everything else; for a large
// table call Ping, with minutes of time, before logging. Its rows are read like ours. On a table that exists, a role needs
//
//	GRANT INSERT, SELECT (event_id) ON permission_audit_log TO service
//
// The type jsonb keeps the value of a number, not its spelling: 1e2 is read back
// as 100.
package postgres
