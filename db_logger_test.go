package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestAWriteThatHangsIsTriedAgainAfterWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		store := &memorySink{}
		store.write = func(ctx context.Context, batch []audit.Entry) error {
			if attempts++; attempts == 1 {
				store.keep(batch) // the commit succeeded, the answer was lost
				<-ctx.Done()
				return ctx.Err()
			}
			store.keep(batch)
			return nil
		}
		logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{
			Buffer: audit.BufferOptions{OnError: ignored}, WriteTimeout: 2 * time.Second,
		})
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, 2*time.Second+10*time.Millisecond, time.Since(start))
		require.Equal(t, named(1), store.managers())
		require.EqualValues(t, 1, logger.Stats().Written)
		require.NoError(t, logger.Close())
	})
}

func TestDeadLettersAreKeptInTheirFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letters", "permission.dead")
	store := &memorySink{}
	statements := 0
	poison(store, &statements, "m1")
	var reported error
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{
		Buffer: audit.BufferOptions{OnError: func(err error) { reported = err }}, DeadLetterPath: path,
	})
	require.NoError(t, err)
	secret := granted("m1")
	secret.Metadata = map[string]any{"password": "hunter2"}
	require.NoError(t, logger.Record(t.Context(), granted("m0")))
	require.NoError(t, logger.Record(t.Context(), secret))
	require.NoError(t, logger.Close())
	require.Equal(t, named(1), store.managers())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(text), "hunter2")
	var letter audit.PermissionAuditEvent
	require.NoError(t, letter.UnmarshalJSON([]byte(strings.TrimSuffix(string(text), "\n"))))
	require.Equal(t, "m1", letter.Manager)
	var dead *audit.DeadLetterError
	require.ErrorAs(t, reported, &dead)
	require.Equal(t, letter.ID, dead.ID)
}

func TestDatabaseLoggerChecksWhatItIsGiven(t *testing.T) {
	_, err := audit.NewDatabaseAuditLogger(nil, nil)
	require.ErrorContains(t, err, "nil")
	_, err = audit.NewDatabaseAuditLogger(&memorySink{}, &audit.DatabaseOptions{
		Buffer: audit.BufferOptions{QueueSize: -1}, WriteTimeout: -time.Second,
	})
	require.ErrorContains(t, err, "Buffer.QueueSize must not be negative: got -1")
	require.ErrorContains(t, err, "WriteTimeout must not be negative: got -1s")
	store := &memorySink{}
	_, err = audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{DeadLetterPath: t.TempDir()})
	require.ErrorContains(t, err, "dead letters")
	require.Zero(t, store.closed, "the store is the caller's after an error")
}

func TestTheStoreIsClosedWithTheLogger(t *testing.T) {
	broken := errors.New("broken")
	store := &memorySink{onStop: func() error { return broken }}
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{Buffer: audit.BufferOptions{OnError: ignored}})
	require.NoError(t, err)
	require.ErrorIs(t, logger.Close(), broken)
	require.Equal(t, 1, store.closed)
}
