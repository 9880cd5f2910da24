package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const foreignLine = `{"timestamp": "2026-11-23T08:07:55.123456+00:00", "action": "read", "granted": true, "manager": "other"}`

func countOf(names []string, name string) (n int) {
	for _, other := range names {
		if other == name {
			n++
		}
	}
	return n
}

// Another program appends to the idle spool. Then a batch takes too long, and while it is
// appended behind that, the database takes all of it, or half: what comes first in the
// file is delivered all the same, and stays in the file until it is.
func TestWhatComesBeforeABatchInTheSpoolIsDelivered(t *testing.T) {
	refused := Permanent(errDown)
	for name, meanwhile := range map[string][]error{"all is taken": {nil}, "half is taken": {refused, nil}} {
		for size, lines := range map[string]int{"in the same file": 3, "in the file before": (64<<10 - 200) / (len(foreignLine) + 1)} {
			t.Run(name+", "+size, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fsys := newFaultyFS(t)
					store := &turnstile{answers: make(chan error)}
					options := &DatabaseOptions{
						SpoolPath: fsys.log(), SpoolMaxBytes: 1 << 20, WriteTimeout: time.Hour,
						Buffer: BufferOptions{OnError: func(error) {}, CloseTimeout: time.Hour},
					}
					complete, err := options.withDefaults()
					require.NoError(t, err)
					logger, err := newDatabaseAuditLogger(fsys, store, complete)
					require.NoError(t, err)
					require.NoError(t, os.WriteFile(fsys.log(), []byte(strings.Repeat(foreignLine+"\n", lines)), 0o600))
					wrote, answers := false, meanwhile // the spooler's alone
					fsys.fail(func(call string) error {
						switch {
						case strings.HasPrefix(call, "write permission.log#"):
							wrote = true
						case strings.HasPrefix(call, "sync permission.log#") && wrote:
							for _, answer := range answers {
								store.answers <- answer
							}
							answers = nil
							<-time.After(time.Second)
						}
						return nil
					})
					recordNamed(t, logger, manyNames(4)...)
					<-time.After(time.Minute)
					there := 0
					for _, file := range fsys.content(t) {
						there += countOf(file, "other")
					}
					require.Equal(t, lines, there, "it is not delivered yet")
					requireLedgerHolds(t, logger)
					go func() {
						for {
							select {
							case store.answers <- nil:
							case <-logger.done:
								return
							}
						}
					}()
					require.NoError(t, logger.Flush(t.Context()))
					require.Equal(t, lines, countOf(store.managers, "other"))
					for _, name := range manyNames(4) {
						require.Contains(t, store.managers, name)
					}
					requireLedgerHolds(t, logger)
					require.Zero(t, logger.Stats().Pending+logger.Stats().Dropped)
					require.NoError(t, logger.Close())
				})
			})
		}
	}
}

// The batch that the worker is trying to write is in the spool; another program makes
// one line of two there, and cuts the file, twice.
func TestASpoolThatIsDamagedAndCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		store := &turnstile{answers: make(chan error)}
		var told []error
		options := &DatabaseOptions{
			SpoolPath: fsys.log(), WriteTimeout: time.Hour,
			Buffer: BufferOptions{BatchSize: 4, CloseTimeout: time.Hour, OnError: func(err error) { told = append(told, err) }},
		}
		complete, err := options.withDefaults()
		require.NoError(t, err)
		logger, err := newDatabaseAuditLogger(fsys, store, complete)
		require.NoError(t, err)
		recordNamed(t, logger, manyNames(4)...)
		<-time.After(time.Minute)
		recordNamed(t, logger, "b0", "b1", "b2", "b3")
		<-time.After(time.Minute)
		text, err := os.ReadFile(fsys.log())
		require.NoError(t, err)
		lines := strings.SplitAfter(string(text), "\n")
		file, err := os.OpenFile(fsys.log(), os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = file.WriteAt([]byte("x"), int64(len(lines[0])-1))
		require.NoError(t, err)
		for _, left := range []int{4, 2} { // lines, of those that there were at first
			require.NoError(t, file.Truncate(int64(len(strings.Join(lines[:left], "")))))
			recordNamed(t, logger, "c", "c", "c", "c")
			<-time.After(time.Minute)
			requireLedgerHolds(t, logger)
		}
		require.NoError(t, file.Close())
		go func() {
			for {
				select {
				case store.answers <- nil:
				case <-logger.done:
					return
				}
			}
		}()
		require.NoError(t, logger.Flush(t.Context()))
		synctest.Wait()
		require.Equal(t, append(manyNames(4), "c", "c", "c", "c"), store.managers)
		requireLedgerHolds(t, logger)
		require.Zero(t, logger.Stats().Pending)
		require.NoError(t, logger.Close())
		synctest.Wait()
		require.NotContains(t, errors.Join(told...).Error(), "18446744", "a number below zero")
	})
}

// However often another program appends to it, a file takes up what it does.
func TestAFileOfTheSpoolThatIsAppendedToCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) {
			o.SpoolMaxBytes, o.Buffer.Ack, o.Buffer.MaxWait = 200_000, AckDurable, time.Second
		})
		for range 150 {
			recordNamed(t, logger, "m")
		}
		for range 10 {
			require.NoError(t, appendTo(fsys.log(), foreignLine))
			recordNamed(t, logger, "m")
		}
		store.set(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, 160, countOf(store.managers, "m"))
		require.NoError(t, logger.Close())
	})
}

// Whether a batch stands where it should cannot be seen: it is written again, elsewhere.
func TestASpoolWhoseSizeCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) { o.Buffer.Ack = AckDurable })
		recordNamed(t, logger, "m0")
		fsys.fail(failing("fstat permission.log", 1, syscall.EIO))
		recordNamed(t, logger, "m1")
		fsys.fail(nil)
		store.set(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, manyNames(2), store.managers)
		require.Zero(t, logger.Stats().Recovered)
		require.NoError(t, logger.Close())
	})
}

// A rotated file that another program has changed is no longer what was delivered.
func TestARotatedFileOfTheSpoolThatWasChangedIsKept(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"appended to": func(path string) error { return appendTo(path, foreignLine) },
		"truncated":   func(path string) error { return os.Truncate(path, 400) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := newFaultyFS(t)
				logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) { o.SpoolMaxBytes, o.Buffer.BatchSize = 1<<20, 100 })
				recordNamed(t, logger, manyNames(1000)...)
				<-time.After(time.Minute)
				rotated, err := filepath.Glob(filepath.Join(filepath.Dir(fsys.log()), "permission-*.log"))
				require.NoError(t, err)
				require.Greater(t, len(rotated), 1)
				require.NoError(t, change(rotated[1]))
				store.set(nil)
				require.NoError(t, logger.Flush(t.Context()))
				synctest.Wait()
				require.NoError(t, logger.Close())
				synctest.Wait()
				require.FileExists(t, rotated[1]+".kept")
				require.ErrorContains(t, errors.Join(store.told...), rotated[1]+": it is now "+rotated[1]+".kept")
				requireLedgerHolds(t, logger)
				require.Zero(t, logger.Stats().Pending)
				require.Len(t, fsys.content(t), 1)
			})
		})
	}
}
