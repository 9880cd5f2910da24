package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
)

// Options configure a Store. The zero value of each field means its default.
type Options struct {
	// TableName is the table, as name or schema.name: letters, digits and
	// underscores, at most 63 bytes each. Defaults to permission_audit_log.
	TableName string
	// ReadOnly is for reading: nothing is created or changed, and WriteBatch
	// returns an error.
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
	pool    *pgxpool.Pool
	secrets secrets
	close   func()
	run     func(ctx context.Context, sql string, args []any, row func(table.Scan) (more bool, err error)) error // query, but in tests
	users   atomic.Int64                                                                                         // who use a connection

	// Of WriteBatch, which is never called concurrently:
	unsure bool   // the batch may be there: its outcome is unknown
	noCopy bool   // the table cannot be copied to
	buffer []byte // rows for COPY
}

var (
	_ audit.Sink        = (*Store)(nil)
	_ query.Source      = (*Store)(nil)
	_ query.Grouper     = (*Store)(nil)
	_ query.UserGrouper = (*Store)(nil)
	_ query.Follower    = (*Store)(nil)
)

var errReadOnly = errors.New("postgres: write batch: the store is read-only")

// Open returns a Store in the database that dsn names, as a URL
// (postgres://user:password@host:port/database) or as host=... user=..., completed
// by the PG* variables of the environment, as libpq does it. The parameters of
// pgxpool, such as pool_max_conns, are accepted; those of libpq that pgx does not have
// (keepalives and the like) are ignored. connect_timeout defaults to 5 s.
// Nil options are the defaults.
//
// Open returns an error for a dsn that is malformed and a table that has no proper
// name. It does not connect: see Ping. No error of the Store shows a password.
func Open(ctx context.Context, dsn string, options *Options) (*Store, error) {
	config, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	if _, found := config.ConnConfig.RuntimeParams[tableName]; found {
		return nil, errors.New("postgres: open: table_name is no parameter of a connection: set Options.TableName")
	}
	return open(ctx, config, options)
}

func open(ctx context.Context, config *pgxpool.Config, options *Options) (*Store, error) {
	s, err := newStore(options)
	if err != nil {
		return nil, err
	}
	connection := config.ConnConfig
	if _, found := connection.RuntimeParams["application_name"]; !found {
		connection.RuntimeParams["application_name"] = "permaudit"
	}
	connection.RuntimeParams["client_encoding"] = "UTF8"
	if connection.ConnectTimeout == 0 {
		// pgxpool would go on for two minutes, in the place of other attempts.
		connection.ConnectTimeout = connectTimeout
	}
	config.AfterConnect = commitDurably
	dialer := newDialer(connection.DialFunc)
	connection.DialFunc = dialer.dialContext
	// The pool outlives ctx, which it would take for its own.
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("postgres: open: %w", newSecrets(connection).hide(err))
	}
	s.use(pool)
	s.close = func() { s.closePool(dialer) }
	return s, nil
}

// connectTimeout bounds an attempt to connect, unless the dsn has connect_timeout.
const connectTimeout = 5 * time.Second

// goodbye is how long connections that nobody uses any more may take to end.
const goodbye = 500 * time.Millisecond

// closePool closes the pool. It waits for those who use a connection, and not for
// servers that do not answer.
func (s *Store) closePool(dialer *dialer) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.pool.Close()
	}()
	defer dialer.cancel()
	tick := time.NewTicker(goodbye)
	defer tick.Stop()
	for {
		select {
		case <-closed:
			return
		case <-tick.C:
			if s.users.Load() == 0 {
				dialer.hangUp()
			}
		}
	}
}

// commitDurably turns synchronous_commit on where somebody turned it off.
func commitDurably(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
	return err
}

// New returns a Store in the database of a pool of the user's own. Nil options are
// the defaults. Closing the Store leaves the pool open.
func New(_ context.Context, pool *pgxpool.Pool, options *Options) (*Store, error) {
	s, err := newStore(options)
	if err != nil {
		return nil, err
	}
	if pool == nil {
		return nil, errors.New("postgres: pool is nil")
	}
	s.use(pool)
	s.close = func() {}
	return s, nil
}

func newStore(options *Options) (*Store, error) {
	s := &Store{}
	if options != nil {
		s.options = *options
	}
	name, indexes, err := table.CheckOptions(s.options.TableName, s.options.MetadataIndexes)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s.keeper = table.Keeper{Definition: definition(name, indexes), Skip: s.options.SkipSchema}
	s.run = s.query
	s.reader = table.Reader{
		Dialect:    dialect{},
		Table:      name,
		Must:       s.options.ReadOnly || s.options.SkipSchema,
		Layout:     s.layout,
		Query:      s.query,
		Parts:      s.parts,
		RowDialect: dialect{},
		Rows:       s.rows,
		Interval:   250 * time.Millisecond,
		Late:       5 * time.Second,
		Passing:    isOutage,
		Failed:     s.failed,
		CreatedSQL: "created_at",
		Created: func() (any, func() (time.Time, error)) {
			created := new(pgtype.Timestamptz)
			return created, func() (time.Time, error) { return moment(created) }
		},
	}
	return s, nil
}

// moment is created_at, which may be a time that no event has.
func moment(created *pgtype.Timestamptz) (time.Time, error) {
	if !created.Valid || created.InfinityModifier != pgtype.Finite {
		return time.Time{}, errors.New("it is infinite or null")
	}
	return created.Time.UTC(), nil
}

// use makes pool the store's own.
func (s *Store) use(pool *pgxpool.Pool) {
	connection := pool.Config().ConnConfig
	s.pool, s.secrets = pool, newSecrets(connection)
	host := connection.Host
	if !strings.HasPrefix(host, "/") {
		host = net.JoinHostPort(host, strconv.Itoa(int(connection.Port)))
	}
	s.reader.Place = "database " + cmp.Or(connection.Database, connection.User) + " on " + host + " table " + s.reader.Table.String()
}

// using counts a user of a connection, until the returned func is called.
func (s *Store) using() (end func()) {
	s.users.Add(1)
	return func() { s.users.Add(-1) }
}

// Ping connects to the database and does what the first WriteBatch would do: it
// creates the table, or adopts one of general_manager's. With ReadOnly or SkipSchema
// it returns an error unless the table is there.
func (s *Store) Ping(ctx context.Context) error {
	defer s.using()()
	if s.options.ReadOnly {
		return s.failed("ping", s.reader.Check(ctx))
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return s.failed("ping", err)
	}
	defer conn.Release()
	_, err = s.ensure(ctx, conn.Conn())
	return s.failed("ping", err)
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
// ids. A transaction that commits within 5 s after another one that took its ids later is
// noticed; one that takes longer may be missed. A table that is not there, or empty,
// is waited for, and so is a server that was there when Follow began.
func (s *Store) Follow(ctx context.Context, f query.Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	return s.reader.Follow(ctx, f, last)
}

// Close closes the connections of a Store that Open made. It waits for readings to
// come to the end of their page.
func (s *Store) Close() error {
	s.close()
	return nil
}

// failed says what failed, without a password.
func (s *Store) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("postgres: %s %s: %w", op, s.reader.Place, s.secrets.hide(err))
}
