package main

import (
	"context"
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/postgres"
	"github.com/stretchr/testify/require"
)

// countingConn counts the statements that go through it: the messages that a server
// answers with a result, Query and Execute of its protocol.
type countingConn struct {
	net.Conn

	statements *atomic.Int64
	skip       int    // bytes that are left of a message
	head       []byte // of one that has not come whole
	started    bool   // the first message has no type
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.count(p)
	return c.Conn.Write(p)
}

func (c *countingConn) count(p []byte) {
	for len(p) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(p))
			c.skip, p = c.skip-n, p[n:]
			continue
		}
		c.head, p = append(c.head, p[0]), p[1:]
		kind := 1
		if !c.started {
			kind = 0
		}
		if len(c.head) < kind+4 {
			continue
		}
		if kind == 1 && (c.head[0] == 'Q' || c.head[0] == 'E') {
			c.statements.Add(1)
		}
		c.skip = int(binary.BigEndian.Uint32(c.head[kind:])) - 4
		c.head, c.started = c.head[:0], true
	}
}

// SQLite's statements are counted by the tests of its store.
func TestGuardABatchIsOneStatementForPostgreSQL(t *testing.T) {
	d := guard(t)
	if serverDSN() == "" {
		t.Skip("needs a PostgreSQL server: make guard starts one")
	}
	ctx := context.Background()
	driver, err := openRawPostgres(serverDSN())
	require.NoError(t, err)
	defer func() { require.NoError(t, driver.close()) }()
	require.NoError(t, driver.fresh())

	var statements atomic.Int64
	config, err := pgxpool.ParseConfig(serverDSN())
	require.NoError(t, err)
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &countingConn{Conn: conn, statements: &statements}, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	require.NoError(t, err)
	defer pool.Close()
	store, err := postgres.New(ctx, pool, &postgres.Options{TableName: tableName})
	require.NoError(t, err)
	require.NoError(t, store.Ping(ctx))
	require.Positive(t, statements.Swap(0), "they are counted")

	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{Buffer: untilFull})
	require.NoError(t, err)
	_, err = produce(ours{logger}, same(d), 1, counted)
	require.NoError(t, err)
	require.NoError(t, logger.Close())
	n, err := driver.count()
	require.NoError(t, err)
	require.Equal(t, counted, n)
	t.Logf("%d statements for %d events", statements.Load(), counted)
	require.Positive(t, statements.Load())
	require.LessOrEqual(t, int(statements.Load()), fullBatches(counted*320), "COPY is a transaction")
}
