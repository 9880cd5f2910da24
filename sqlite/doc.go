// Package sqlite keeps permission events in a table of an SQLite database: the
// store behind [audit.NewDatabaseAuditLogger], and a [query.Source].
//
//	store, err := sqlite.Open(ctx, "/var/lib/service/audit.db", nil)
//	if err != nil {
//		return err
//	}
//	logger, err := audit.NewDatabaseAuditLogger(store, nil) // which closes the store
//
// The store can be read while it is written:
//
//	for event, err := range store.Events(ctx, query.Filter{Granted: query.No, Newest: true}) {
//		...
//	}
//
// An import of the package also registers the driver "sqlite" for the DATABASES of
// settings, and the scheme "sqlite" for [query.Open], which opens for reading only:
//
//	source, err := query.Open(ctx, "sqlite:/var/lib/service/audit.db?table_name=permission_audit_log")
//
// # Durability
//
// A batch is one transaction. The database is in WAL mode with synchronous=FULL, so
// that a transaction that is committed survives kill -9 and a power cut. Other
// processes may read the database, and write to it: a writer waits for the other
// one's transaction.
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
// made is adopted: it gets the columns event_id and sanitized and a unique index, and
// keeps everything else. Its rows are read like ours.
//
// The package needs cgo. Where it is off, [Open] says so, and everything outside of
// this package works.
package sqlite
