// Package postgres is the place of the PostgreSQL store, behind audit.NewDatabaseAuditLogger and
// query.Open. It holds no code yet.
package postgres
