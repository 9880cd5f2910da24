package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/badinput"
	"github.com/permaudit/audit/internal/race"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// hardEntries are entries with every value that is hard to write.
func hardEntries(tb testing.TB) []audit.Entry {
	tb.Helper()
	var batch []audit.Entry
	for _, event := range badinput.Events() {
		if entry, err := audit.NewEntry(context.Background(), event); err == nil {
			batch = append(batch, entry)
		}
	}
	batch = append(batch, entries(tb, someEvents(1000)...)...)
	batch = append(batch, audit.Entry{Action: audit.ActionRead, Bypassed: true, Timestamp: batch[0].Timestamp})
	batch = append(batch, audit.Entry{ID: audit.NewEventID(), User: "\t\\N\n\r\\", Manager: `\.`, Granted: true, Timestamp: batch[0].Timestamp})
	return batch
}

func TestBothFormatsOfCopyStoreTheSame(t *testing.T) {
	dsn := newDatabase(t)
	batch := hardEntries(t)
	for _, format := range []*format{&textFormat, &binaryFormat} {
		store := openTest(t, dsn, &Options{TableName: "in_" + format.name})
		require.NoError(t, store.Ping(t.Context()))
		withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
			require.NoError(t, store.copy(ctx, conn, format, batch))
		})
	}
	require.Equal(t, len(batch), count(t, dsn, "SELECT count(*) FROM in_text"))
	for _, tables := range []string{"in_text EXCEPT TABLE in_binary", "in_binary EXCEPT TABLE in_text"} {
		require.Zero(t, count(t, dsn, "SELECT count(*) FROM (TABLE "+tables+") AS r"), tables)
	}
}

func TestRowsAreReadInPiecesOfAnySize(t *testing.T) {
	batch := hardEntries(t)
	for _, format := range []*format{&textFormat, &binaryFormat} {
		expected := []byte(format.begin)
		for i := range batch {
			expected = format.row(expected, &batch[i])
		}
		expected = append(expected, format.end...)
		require.NoError(t, iotest.TestReader(newRows(format, batch, nil), expected), format.name)
		whole, err := io.ReadAll(iotest.OneByteReader(newRows(format, batch, []byte("rest"))))
		require.NoError(t, err)
		require.True(t, bytes.Equal(expected, whole), format.name)
	}
}

// After an error pgx may still be reading.
func TestRowsThatEndedAreNotReadAnyMore(t *testing.T) {
	batch := entries(t, someEvents(100)...)
	rows := newRows(&binaryFormat, batch, nil)
	var reader sync.WaitGroup
	begun := make(chan struct{})
	reader.Go(func() {
		var once sync.Once
		_, err := io.Copy(writer(func(p []byte) (int, error) {
			once.Do(func() { close(begun) })
			return len(p), nil
		}), iotest.OneByteReader(rows))
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	buffer := rows.end()
	clear(batch) // under -race: nobody looks at it
	clear(buffer[:cap(buffer)])
	n, err := rows.Read(make([]byte, 10))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
	reader.Wait()
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// tracedStore is a store whose connections write down what they send.
func tracedStore(tb testing.TB, dsn string, options *Options) (store *Store, sent func() (messages []string)) {
	tb.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(tb, err)
	var trace bytes.Buffer
	config.MaxConns = 1
	config.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		conn.PgConn().Frontend().Trace(&trace, pgproto3.TracerOptions{SuppressTimestamps: true})
		return nil
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	store, err = New(context.Background(), pool, options)
	require.NoError(tb, err)
	return store, func() (messages []string) {
		for line := range strings.Lines(trace.String()) {
			fields := strings.Split(strings.TrimSpace(line), "\t") // who, what, how long, details
			if fields[0] == "F" && fields[1] != "CopyData" && fields[1] != "CopyDone" {
				messages = append(messages, strings.Join(fields[1:], " "))
			}
		}
		trace.Reset()
		return messages
	}
}

func TestABatchIsOneCopy(t *testing.T) {
	store, sent := tracedStore(t, newDatabase(t), nil)
	require.NoError(t, store.Ping(t.Context()))
	sent()
	for _, size := range []int{1, 10, 4096} {
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(size)...)))
		messages := sent()
		require.Len(t, messages, 1, size)
		require.Contains(t, messages[0], `COPY "permission_audit_log" (`)
		require.Contains(t, messages[0], "(FORMAT binary)")
	}
}

func TestATableOfOtherTypesIsCopiedToAsText(t *testing.T) {
	for _, alter := range []string{"attributes TYPE json", "sanitized TYPE text", "created_at TYPE timestamptz(3)", "manager TYPE varchar(99)", "user_repr TYPE char(200)", "created_at TYPE timestamp"} {
		dsn := newDatabase(t)
		schema, err := Schema("")
		require.NoError(t, err)
		execute(t, dsn, schema+"; ALTER TABLE permission_audit_log ALTER COLUMN "+alter)
		store, sent := tracedStore(t, dsn, nil)
		require.NoError(t, store.Ping(t.Context()))
		sent()
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(10)...)), alter)
		format := "(FORMAT text)"
		if strings.Contains(alter, "timestamptz") || strings.Contains(alter, "varchar") {
			format = "(FORMAT binary)"
		}
		require.Contains(t, strings.Join(sent(), "\n"), format, alter)
		require.Equal(t, 10, count(t, dsn, "SELECT count(*) FROM permission_audit_log WHERE created_at BETWEEN now() - interval '1 year' AND now() + interval '1 year'"), alter)
		require.Len(t, all(t, store, query.Filter{}), 10, alter)
	}
}

// Somebody gives a column another type, while the store holds it for one of ours.
func TestAnEventIsNoDeadLetterForATypeThatWasChanged(t *testing.T) {
	for _, size := range []int{1, 10} {
		dsn := newDatabase(t)
		store := openTest(t, dsn, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(1)...)))
		execute(t, dsn, "ALTER TABLE permission_audit_log ALTER COLUMN attributes TYPE json")
		logger, err := audit.NewDatabaseAuditLogger(&uncloseable{store}, nil)
		require.NoError(t, err)
		for _, event := range someEvents(size) {
			require.NoError(t, logger.Record(t.Context(), event))
		}
		require.NoError(t, logger.Close())
		require.EqualValues(t, size, logger.Stats().Written)
		require.Equal(t, 1+size, count(t, dsn, "SELECT count(*) FROM permission_audit_log"), fmt.Sprint(size))
	}
}

func TestABatchTakesFewAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	store := openTest(t, newDatabase(t), nil)
	require.NoError(t, store.Ping(t.Context()))
	batch := entries(t, someEvents(4096)...)
	n := testing.AllocsPerRun(5, func() {
		for i := range batch {
			batch[i].ID = audit.NewEventID()
		}
		require.NoError(t, store.WriteBatch(t.Context(), batch))
	})
	t.Logf("%v allocations", n)
	require.Less(t, n, 64.0)
}
