package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// switchable is a store that fails as long as err is set.
type switchable struct {
	mu       sync.Mutex
	err      error
	managers []string
	ids      map[EventID]bool
	told     []error
}

func (s *switchable) WriteBatch(_ context.Context, batch []Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for i := range batch {
		if !s.ids[batch[i].ID] {
			s.ids[batch[i].ID] = true
			s.managers = append(s.managers, batch[i].Manager)
		}
	}
	return nil
}

func (*switchable) Close() error { return nil }

func (s *switchable) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

var errDown = errors.New("the database is down")

// startSpooling starts a logger whose spool is f.log(), over a database that is down.
func (f *faultyFS) startSpooling(t *testing.T, change func(*DatabaseOptions)) (*DatabaseAuditLogger, *switchable) {
	t.Helper()
	store := &switchable{err: errDown, ids: map[EventID]bool{}}
	options := &DatabaseOptions{
		SpoolPath: f.log(), DeadLetterPath: filepath.Join(f.root, "dead"),
		Buffer: BufferOptions{CloseTimeout: time.Hour, OnError: func(err error) { store.told = append(store.told, err) }},
	}
	if change != nil {
		change(options)
	}
	complete, err := options.withDefaults()
	require.NoError(t, err)
	logger, err := newDatabaseAuditLogger(f, store, complete)
	require.NoError(t, err)
	return logger, store
}

func recordNamed(t *testing.T, logger AuditLogger, managers ...string) {
	t.Helper()
	for _, manager := range managers {
		require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Granted: true, Manager: manager}))
	}
}

func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("m", i))
	}
	return names
}

// Neither takes events: they wait in the queue. Either may be the first to recover.
func TestTheDatabaseIsDownAndTheSpoolCannotBeWritten(t *testing.T) {
	for name, call := range map[string]string{
		"write": "write permission.log", "fsync": "sync permission.log", "open": "openlog", "stat": "stat permission.log", "rename": "rename",
	} {
		for _, first := range []string{"database", "spool"} {
			t.Run(name+", then the "+first+" recovers", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fsys := newFaultyFS(t)
					logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) {
						o.Buffer.BatchSize, o.SpoolMaxBytes = 10, 1 // each batch has a file of its own
					})
					fsys.fail(failing(call, always, shortWrite{100, syscall.ENOSPC}))
					names := manyNames(100)
					recordNamed(t, logger, names[:50]...)
					<-time.After(time.Minute)
					requireLedgerHolds(t, logger)
					require.EqualValues(t, 50, logger.Stats().Pending)
					if first == "spool" {
						fsys.fail(nil)
						<-time.After(time.Minute)
						require.Positive(t, logger.Stats().Spooled)
					}
					store.set(nil)
					recordNamed(t, logger, names[50:]...)
					require.NoError(t, logger.Flush(t.Context()), "though the spool may still fail")
					require.Equal(t, names, store.managers)
					requireLedgerHolds(t, logger)
					require.EqualValues(t, 100, logger.Stats().Written)
					fsys.fail(nil)
					require.NoError(t, logger.Close())
				})
			})
		}
	}
}

// As with any log, what was in a file whose fsync failed comes again in the next one.
func TestAnFsyncOfTheSpoolThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) { o.Buffer.Ack = AckDurable })
		recordNamed(t, logger, "m0")
		fsys.done()
		fsys.fail(failing("sync permission.log", 1, syscall.EIO))
		recordNamed(t, logger, "m1", "m2")
		require.Equal(t, []string{
			"write permission.log#2", "sync permission.log#2", "rename permission.log", "close permission.log#2", "openlog permission.log",
			"write permission.log#4", "sync permission.log#4", "write permission.log#4", "sync permission.log#4",
		}, spoolCalls(fsys))
		require.Equal(t, [][]string{{"m0", "m1"}, {"m1", "m2"}}, fsys.content(t))
		stats := logger.Stats()
		require.Equal(t, []uint64{3, 3}, []uint64{stats.Pending, stats.Spooled}, "the event is counted once")
		store.set(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, manyNames(3), store.managers)
		stats = logger.Stats()
		require.Equal(t, []uint64{3, 0, 0}, []uint64{stats.Written, stats.Pending, stats.Spooled})
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{}}, fsys.content(t))
	})
}

func spoolCalls(fsys *faultyFS) (calls []string) {
	for _, call := range fsys.done("write", "sync", "rename", "openlog", "close") {
		if strings.Contains(call, "permission.log") {
			calls = append(calls, call)
		}
	}
	return calls
}

// Reading fails for a while, so that nothing is delivered; and nothing is lost.
func TestASpoolThatCannotBeReadForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) { o.Buffer.BatchSize = 5 })
		recordNamed(t, logger, manyNames(20)...)
		<-time.After(time.Minute)
		fsys.fail(failing("read permission.log", always, syscall.EIO))
		store.set(nil)
		<-time.After(time.Minute)
		require.EqualValues(t, 15, logger.Stats().Spooled, "but those that were read before")
		synctest.Wait()
		require.ErrorContains(t, errors.Join(store.told...), "read of the spool")
		require.ErrorIs(t, errors.Join(store.told...), syscall.EIO)
		fsys.fail(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, manyNames(20), store.managers)
		require.NoError(t, logger.Close())
	})
}

// What cannot be deleted is delivered all the same; the next process tries again.
func TestASpoolThatCannotBeEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) { o.Buffer.BatchSize, o.SpoolMaxBytes = 100, 1<<20 })
		names := manyNames(2000)
		recordNamed(t, logger, names[:1000]...)
		<-time.After(time.Minute)
		fsys.fail(func(call string) error {
			if strings.HasPrefix(call, "truncate") || strings.HasPrefix(call, "remove") {
				return syscall.EPERM
			}
			return nil
		})
		store.set(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, names[:1000], store.managers)
		synctest.Wait()
		require.ErrorIs(t, errors.Join(store.told...), syscall.EPERM)
		store.set(errDown)
		recordNamed(t, logger, names[1000:]...)
		<-time.After(time.Minute)
		require.EqualValues(t, 1000, logger.Stats().Spooled, "it goes on behind what is there")
		store.set(nil)
		require.ErrorIs(t, logger.Close(), syscall.EPERM)
		require.Equal(t, names, store.managers)
		requireLedgerHolds(t, logger)
		require.Zero(t, logger.Stats().Pending)

		fsys.fail(nil)
		again, other := fsys.startSpooling(t, nil)
		other.set(nil)
		other.ids = store.ids
		require.Positive(t, again.Stats().Recovered)
		require.NoError(t, again.Close())
		require.Empty(t, other.managers, "each is stored once")
		require.Equal(t, [][]string{{}}, fsys.content(t))
	})
}

func TestASpoolWhoseFilesCannotBeTakenUpIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		rotated := strings.TrimSuffix(fsys.log(), ".log") + "-20000101T000000.000000Z.log"
		require.NoError(t, os.WriteFile(rotated, []byte(`{"torn":`), 0o600))
		for _, call := range []string{"readdir", "open permission-", "open permission.log", "read permission", "fstat permission", "open permission.log.torn", "truncate permission-"} {
			fsys.fail(failing(call, always, syscall.EIO))
			options := &DatabaseOptions{SpoolPath: fsys.log(), DeadLetterPath: filepath.Join(fsys.root, "dead")}
			complete, err := options.withDefaults()
			require.NoError(t, err)
			_, err = newDatabaseAuditLogger(fsys, &switchable{}, complete)
			require.ErrorIs(t, err, syscall.EIO, call)
			require.ErrorContains(t, err, "audit: open spool: ", call)
		}
		fsys.fail(nil)
		logger, _ := fsys.startSpooling(t, nil)
		require.NoError(t, logger.Close(), "nothing is left locked")
	})
}

// A Flush for which nobody waits any more takes no memory.
func TestFlushesThatGaveUpAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, store := newFaultyFS(t).startSpooling(t, nil)
		recordNamed(t, logger, "m0")
		patient := make(chan error, 1)
		go func() { patient <- logger.Flush(context.Background()) }()
		for range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, logger.Flush(ctx), context.DeadlineExceeded)
			cancel()
		}
		logger.queue.mu.Lock()
		require.LessOrEqual(t, len(logger.spooler.marks), 64)
		logger.queue.mu.Unlock()
		store.set(nil)
		require.NoError(t, <-patient)
		require.NoError(t, logger.Close())
	})
}

// turnstile is a store whose every call waits to be told what to return.
type turnstile struct {
	answers  chan error
	managers []string
}

func (s *turnstile) WriteBatch(_ context.Context, batch []Entry) error {
	err := <-s.answers
	for i := range batch {
		if err == nil {
			s.managers = append(s.managers, batch[i].Manager)
		}
	}
	return err
}

func (*turnstile) Close() error { return nil }

// While a batch is being appended to the spool the database takes it at last, or a part
// of it: this is neither delivered nor counted again.
func TestWhatIsDeliveredWhileItIsSpooledIsDeliveredOnce(t *testing.T) {
	refused := Permanent(errDown)
	for name, row := range map[string]struct{ meanwhile, later []error }{
		"all of it":         {meanwhile: []error{nil}},
		"half of it":        {meanwhile: []error{refused, nil}, later: []error{nil}},
		"half, one refused": {meanwhile: []error{refused, refused, refused, nil}, later: []error{nil}},
		"nothing":           {later: []error{nil}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := newFaultyFS(t)
				store := &turnstile{answers: make(chan error)}
				options := &DatabaseOptions{SpoolPath: fsys.log(), Buffer: BufferOptions{OnError: func(error) {}, CloseTimeout: time.Hour}}
				complete, err := options.withDefaults()
				require.NoError(t, err)
				logger, err := newDatabaseAuditLogger(fsys, store, complete)
				require.NoError(t, err)
				fsys.fail(func(call string) error {
					if strings.HasPrefix(call, "sync permission.log#") {
						for _, answer := range row.meanwhile {
							store.answers <- answer
						}
						row.meanwhile = nil
						<-time.After(time.Second)
					}
					return nil
				})
				recordNamed(t, logger, manyNames(4)...)
				<-time.After(time.Minute)
				requireLedgerHolds(t, logger)
				delivered := len(store.managers)
				dead := int(logger.Stats().DeadLettered)
				require.EqualValues(t, 4-delivered-dead, logger.Stats().Spooled)
				recordNamed(t, logger, "m4")
				for _, answer := range append(row.later, nil) {
					store.answers <- answer
				}
				require.NoError(t, logger.Flush(t.Context()))
				require.Equal(t, manyNames(5)[dead:], store.managers)
				stats := logger.Stats()
				require.Equal(t, []uint64{uint64(5 - dead), uint64(dead), 0, 0}, []uint64{stats.Written, stats.DeadLettered, stats.Pending, stats.Spooled})
				requireLedgerHolds(t, logger)
				require.NoError(t, logger.Close())
				require.Equal(t, [][]string{{}}, fsys.content(t)[:1])
			})
		})
	}
}

// Otherwise what is read would be another file than that which is written.
func TestASpoolThatIsReplacedWhileItIsOpenedIsAnError(t *testing.T) {
	fsys := newFaultyFS(t)
	fsys.fail(func(call string) error {
		if strings.HasPrefix(call, "open permission.log") {
			return errors.Join(os.Rename(fsys.log(), fsys.log()+".away"), os.WriteFile(fsys.log(), nil, 0o600))
		}
		return nil
	})
	options := &DatabaseOptions{SpoolPath: fsys.log()}
	complete, err := options.withDefaults()
	require.NoError(t, err)
	_, err = newDatabaseAuditLogger(fsys, &switchable{}, complete)
	require.ErrorContains(t, err, "is replaced while it is opened")
}
