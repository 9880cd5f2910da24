// Package sqlite is the place of the SQLite store, behind audit.NewDatabaseAuditLogger and
// query.Open. It holds no code yet.
package sqlite
