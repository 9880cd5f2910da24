package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
)

// Options configure a Store. The zero value of each field means its default.
type Options struct {
	// TableName is the table, as name or schema.name (the name under which a
	// database is attached): letters, digits and underscores, at most 63 bytes
	// each. Defaults to permission_audit_log.
	TableName string
	// ReadOnly opens an existing database for reading: nothing is created or
	// changed, and WriteBatch returns an error.
	ReadOnly bool
	// SkipSchema leaves the making and altering of the table to the user, who
	// runs the text of Schema; see there.
	SkipSchema bool
	// MetadataIndexes are metadata keys by whose values events are looked up
	// often: when the table is created it gets an index for each. Letters, digits
	// and underscores. Nil: request_id; empty: none.
	MetadataIndexes []string
}

// Store is a table of events: an audit.Sink, and a query.Source that may be read
// while it is written, and concurrently. Open and New make Stores; the zero Store
// is of no use.
type Store struct {
	options Options
	keeper  table.Keeper
	reader  table.Reader
	writes  *sql.DB
	full    bool    // connections of writes are synchronous=FULL: Open made them
	reads   *sql.DB // the same, where there can be one connection only
	close   func() error
	run     func(ctx context.Context, sql string, args []any, row func(table.Scan) (more bool, err error)) error // query, but in tests
	path    string                                                                                               // of the file that is written
	file    os.FileInfo                                                                                          // what it was when it was opened; nil: there is none to watch

	inserter *inserter // of WriteBatch, which is never called concurrently
}

var (
	_ audit.Sink        = (*Store)(nil)
	_ query.Source      = (*Store)(nil)
	_ query.Grouper     = (*Store)(nil)
	_ query.UserGrouper = (*Store)(nil)
	_ query.Follower    = (*Store)(nil)
)

var errReadOnly = errors.New("sqlite: write batch: the store is read-only")

// Open opens the database in the file path, ":memory:" for one in memory that ends
// with the Store. Nil options are the defaults. A file that is missing is created,
// for its owner alone, and so are its directories; not so with ReadOnly. Tables are
// created later: see Ping.
//
// Open returns an error for a table that has no proper name, and for a file that is
// no database or cannot be opened. A database that another process has locked is
// opened all the same, after a second.
func Open(ctx context.Context, path string, options *Options) (*Store, error) {
	s, err := newStore(options)
	if err != nil {
		return nil, err
	}
	if !haveDriver {
		return nil, errors.New("sqlite: this program was built without cgo, which SQLite needs: " +
			"build it with CGO_ENABLED=1 and a C compiler, or log to a file or to PostgreSQL")
	}
	if schema := s.reader.Table.Schema; schema != "" && !strings.EqualFold(schema, "main") {
		return nil, fmt.Errorf("sqlite: table name %q: a database that is opened has the schema main alone", s.reader.Table)
	}
	if path != "" && path != inMemory {
		path = filepath.Clean(path)
	}
	open := s.openFile
	switch {
	case path == inMemory && s.options.ReadOnly:
		return nil, errors.New("sqlite: open :memory:: ReadOnly makes no sense for a database in memory")
	case path == inMemory:
		open = s.openMemory
	case s.options.ReadOnly:
		open = s.openReadOnly
	}
	s.setPlace(path)
	if err := open(ctx, path); err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return s, nil
}

// New returns a Store in a database of the user's own, which must be one of
// go-sqlite3. Nil options are the defaults. Closing the Store leaves db open.
//
// The journal mode of db is kept. A batch is written on one connection, with
// synchronous=FULL or better for the time of its transaction.
func New(_ context.Context, db *sql.DB, options *Options) (*Store, error) {
	s, err := newStore(options)
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, errors.New("sqlite: db is nil")
	}
	s.setPlace("sqlite")
	s.writes, s.reads, s.close = db, db, func() error { return nil }
	return s, nil
}

func newStore(options *Options) (*Store, error) {
	s := &Store{}
	if options != nil {
		s.options = *options
	}
	name, indexes, err := table.CheckOptions(s.options.TableName, s.options.MetadataIndexes)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if strings.EqualFold(name.Schema, "temp") || strings.HasPrefix(strings.ToLower(name.Table), "sqlite_") {
		return nil, fmt.Errorf("sqlite: table name %q: SQLite keeps such tables for itself, or not at all", name)
	}
	s.keeper = table.Keeper{Definition: definition(name, indexes), Skip: s.options.SkipSchema}
	s.inserter = newInserter(name)
	s.run = s.query
	s.reader = table.Reader{
		Dialect:    dialect{},
		Table:      name,
		Must:       s.options.ReadOnly || s.options.SkipSchema,
		Layout:     s.layout,
		Query:      s.query,
		Parts:      s.parts,
		RowDialect: dialect{strict: true},
		Rows:       s.rows,
		Interval:   250 * time.Millisecond,
		Passing:    isBusy,
		Failed:     s.failed,
		CreatedSQL: "coalesce(CAST(created_at AS text), '')",
		Created: func() (any, func() (time.Time, error)) {
			text := new(string)
			return text, func() (time.Time, error) { return parseTime(*text) }
		},
	}
	return s, nil
}

// setPlace says where the table is, for errors.
func (s *Store) setPlace(database string) {
	s.reader.Place = database + " table " + s.reader.Table.String()
}

// Ping connects to the database and does what the first WriteBatch would do: it
// creates the table, or adopts one of general_manager's. With ReadOnly or SkipSchema
// it returns an error unless the table is there.
func (s *Store) Ping(ctx context.Context) error {
	if s.options.ReadOnly {
		return s.failed("ping", s.reader.Check(ctx))
	}
	var err error
	for range pings {
		if err = s.prepare(ctx); !isBusy(err) {
			break
		}
		// Two that open a new database at once get in each other's way, for which
		// SQLite does not wait.
		select {
		case <-time.After(pingPause):
		case <-ctx.Done():
		}
	}
	return s.failed("ping", err)
}

// How often Ping tries a database that is locked.
const (
	pings     = 10
	pingPause = 20 * time.Millisecond
)

// prepare makes the table what it must be for writing.
func (s *Store) prepare(ctx context.Context) error {
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer release(conn)
	_, err = s.ensure(ctx, conn)
	return err
}

// ReadOnly reports whether the Store was opened for reading only; no logger takes it
// then.
func (s *Store) ReadOnly() bool { return s.options.ReadOnly }

// Events implements query.Source: the filter is answered in SQL. A table that is
// not there yet reads as an empty one, unless the Store would not create it.
func (s *Store) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return s.reader.Events(ctx, f)
}

// Follow implements query.Follower: it looks for new rows four times a second, by their
// ids. A table that is not there, empty or locked is waited for. Ids that rows had which
// were deleted are given again; it notices that among the last 16,384.
func (s *Store) Follow(ctx context.Context, f query.Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	return s.reader.Follow(ctx, f, last)
}

// Close closes the database that Open opened; one that was given to New stays open.
func (s *Store) Close() error {
	if err := s.close(); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// failed says what failed, and where.
func (s *Store) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlite: %s %s: %w", op, s.reader.Place, err)
}

// release returns a connection to its pool.
func release(conn *sql.Conn) { _ = conn.Close() } // an error says that it is gone already
