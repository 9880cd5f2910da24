//go:build cgo

package sqlite

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

var errLost = errors.New("the answer was lost")

func TestABatchWhoseCommitWasNotConfirmedIsStoredOnce(t *testing.T) {
	s, db := openSpy(t, newPath(t), "_journal_mode=WAL")
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	lost := true
	s.after = func(statement string, err error) error {
		if statement == "COMMIT" && lost {
			require.NoError(t, err)
			return errLost
		}
		return err
	}
	batch := entries(t, numbered(25)...)
	require.ErrorIs(t, store.WriteBatch(t.Context(), batch), errLost)
	require.Equal(t, managersOf(25), managers(t, store, everything), "it was committed")
	require.ErrorIs(t, store.WriteBatch(t.Context(), batch), errLost)
	lost = false
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.Equal(t, managersOf(25), managers(t, store, everything))
}

func TestLoggerStoresEachEventOnceWhenAnswersAreLost(t *testing.T) {
	s, db := openSpy(t, newPath(t), "_journal_mode=WAL")
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	var commits atomic.Int64
	s.after = func(statement string, err error) error {
		if statement == "COMMIT" && commits.Add(1)%2 == 1 {
			return errLost
		}
		return err
	}
	logger, failures := newLogger(t, store, audit.DatabaseOptions{Buffer: audit.BufferOptions{BatchSize: 10}})
	record(t, logger, numbered(50)...)
	require.NoError(t, logger.Flush(t.Context()))
	require.Equal(t, managersOf(50), managers(t, store, everything))
	require.EqualValues(t, 50, logger.Stats().Written)
	require.ErrorIs(t, failure(t, failures), errLost)
}

// The commit takes effect, and then hangs for longer than WriteTimeout.
func TestLoggerStoresEachEventOnceWhenACommitOutlastsItsTimeout(t *testing.T) {
	const timeout = 50 * time.Millisecond
	s, db := openSpy(t, newPath(t), "_journal_mode=WAL")
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	var hung atomic.Bool
	s.after = func(statement string, err error) error {
		if statement == "COMMIT" && !hung.Swap(true) {
			<-time.After(2 * timeout)
			return context.DeadlineExceeded
		}
		return err
	}
	logger, failures := newLogger(t, store, audit.DatabaseOptions{WriteTimeout: timeout})
	record(t, logger, numbered(5)...)
	require.NoError(t, logger.Flush(t.Context()))
	require.True(t, hung.Load())
	require.ErrorIs(t, failure(t, failures), context.DeadlineExceeded)
	require.Equal(t, managersOf(5), managers(t, store, everything))
}

func TestAnErrorInTheMiddleOfABatchLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	batch := entries(t, numbered(586)...) // in 1 + 1 + 1 + 2 statements
	for nth := range 6 {
		s, db := openSpy(t, newPath(t), "_journal_mode=WAL")
		store := newTest(t, db, nil)
		require.NoError(t, store.Ping(t.Context()))
		inserts := 0
		s.before = func(statement string) error {
			isInsert := strings.HasPrefix(statement, "INSERT")
			if isInsert && inserts == nth || nth == 5 && statement == "COMMIT" {
				return broken
			}
			if isInsert {
				inserts++
			}
			return nil
		}
		err := store.WriteBatch(t.Context(), batch)
		require.ErrorIs(t, err, broken)
		require.False(t, isPermanent(t, err))
		require.Equal(t, nth, inserts)
		require.Empty(t, managers(t, store, everything))
		s.before = nil
		require.NoError(t, store.WriteBatch(t.Context(), batch))
		require.Equal(t, managersOf(586), managers(t, store, everything))
	}
}

// A connection on which a transaction may still be open is thrown away.
func TestAConnectionThatCannotRollBackIsNotUsedAgain(t *testing.T) {
	broken, stuck := errors.New("broken"), errors.New("stuck")
	s, db := openSpy(t, newPath(t), "_journal_mode=WAL")
	db.SetMaxOpenConns(1)
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	s.before = func(statement string) error {
		switch statement {
		case "COMMIT":
			return broken
		case "ROLLBACK":
			return stuck
		}
		return nil
	}
	batch := entries(t, numbered(3)...)
	err := store.WriteBatch(t.Context(), batch)
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, err, stuck)
	s.before = nil
	require.Empty(t, managers(t, store, everything))
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.Equal(t, managersOf(3), managers(t, store, everything))
}

// isPermanent finds out how the worker sees an error: a permanent one becomes a dead
// letter, another one is tried again.
func isPermanent(tb testing.TB, err error) bool {
	tb.Helper()
	sink := &scriptedSink{errs: []error{err}}
	logger, _ := newLogger(tb, sink, audit.DatabaseOptions{})
	record(tb, logger, event("m"))
	require.NoError(tb, logger.Flush(tb.Context()))
	return logger.Stats().DeadLettered == 1
}

// scriptedSink fails so often, and then takes everything.
type scriptedSink struct{ errs []error }

func (s *scriptedSink) WriteBatch(context.Context, []audit.Entry) (err error) {
	if len(s.errs) > 0 {
		err, s.errs = s.errs[0], s.errs[1:]
	}
	return err
}

func (*scriptedSink) Close() error { return nil }

// everything is the filter of all events.
var everything = query.Filter{}
