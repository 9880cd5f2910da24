//go:build cgo && unix

package faults_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// jobs are the logs that are killed, and so on, by name.
func jobs(t *testing.T) map[string]job {
	t.Helper()
	directory := t.TempDir()
	in := func(name string) string { return filepath.Join(directory, name) }
	all := map[string]job{
		"file":                           {Sink: "file", Path: in("permission.log")},
		"file, rotated and compressed":   {Sink: "file", Path: in("rotated.log"), MaxSize: 100_000, Compress: true},
		"SQLite":                         {Sink: "sqlite", Path: in("audit.db")},
		"SQLite that comes and goes":     {Sink: "sqlite", Path: in("spooled.db"), Spool: in("sqlite.spool"), Comes: true},
		"PostgreSQL":                     {Sink: "postgres", Table: table()},
		"PostgreSQL that comes and goes": {Sink: "postgres", Table: table(), Spool: in("postgres.spool"), Comes: true},
	}
	if os.Getenv("AUDIT_TEST_POSTGRES_DSN") == "" {
		t.Log("without PostgreSQL: run it with `scripts/with-postgres.sh go test ./internal/faults`, which starts one, or set AUDIT_TEST_POSTGRES_DSN")
		delete(all, "PostgreSQL")
		delete(all, "PostgreSQL that comes and goes")
	}
	for name, j := range all {
		j.Goroutines, j.Ack = 8, audit.AckDurable
		all[name] = j
	}
	return all
}

// table is a name that no table has yet.
func table() string {
	return fmt.Sprintf("faults_%d_%d", os.Getpid(), rand.Uint32())
}

// The child is killed at a random moment, in the same directory round after round. A
// round counts only if something was acked before.
func TestFault03KillAtAnyMomentLosesNothingThatWasAcked(t *testing.T) {
	const leastAcks = 10
	for name, j := range jobs(t) {
		t.Run(name, func(t *testing.T) {
			var log history
			var longest time.Duration
			rounds, counted := faults.Rounds(5, 100), 0
			for ; counted < rounds; j.Round++ {
				c := start(t, j, &log)
				require.Equal(t, "READY", c.next(t))
				kill := time.AfterFunc(time.Duration(1+rand.IntN(200))*time.Millisecond, func() { _ = c.command.Process.Kill() })
				c.end(t)
				kill.Stop()
				began := time.Now()
				next := j
				next.Comes = false
				logger, err := next.open() // the next process
				require.NoError(t, err)
				require.NoError(t, logger.Flush(t.Context()))
				longest = max(longest, time.Since(began))
				require.NoError(t, logger.Shutdown(t.Context()))
				if c.acks >= leastAcks {
					counted++
				}
				j.recover(t)
				log.judge(t, j.found(t, j.Round), j.Goroutines)
			}
			if faults.Full() {
				require.Less(t, longest, time.Second)
			}
			faults.Report(t, faults.Row{
				Fault: "3 kill -9, " + name, Rounds: rounds, Counts: log.end(t, j.found(t, -1)), Note: fmt.Sprintf("opened again in %d ms at most", longest.Milliseconds()),
			})
		})
	}
}

// A service gets SIGTERM, and a second to end. What Record took is not lost, also if
// the database is down and there is a spool.
func TestFault15SIGTERMWithADeadlineOfASecond(t *testing.T) {
	all := jobs(t)
	all["SQLite that is down"] = job{Sink: "sqlite", Path: filepath.Join(t.TempDir(), "audit.db"), Spool: filepath.Join(t.TempDir(), "audit.spool"), Down: true, Goroutines: 8}
	for name, j := range all {
		t.Run(name, func(t *testing.T) {
			var log history
			j.Ack, j.Grace = audit.AckQueued, time.Second
			rounds := faults.Rounds(1, 10)
			for j.Round = range rounds {
				c := start(t, j, &log)
				require.Equal(t, "READY", c.next(t))
				for range faults.Rounds(500, 2000) {
					require.NotEmpty(t, c.next(t))
				}
				c.signal(t, syscall.SIGTERM)
				c.end(t)
				require.Equal(t, closing{c.closed.milliseconds, 0, "<nil>"}, c.closed)
				if faults.Full() {
					require.Less(t, c.closed.milliseconds, 1500)
				}
				j.recover(t)
				log.judge(t, j.found(t, j.Round), 0)
			}
			faults.Report(t, faults.Row{Fault: "15 SIGTERM with a deadline of 1 s, " + name, Rounds: rounds, Counts: log.end(t, j.found(t, -1))})
		})
	}
}

func TestFault17ASecondProcessGetsErrLocked(t *testing.T) {
	for name, j := range jobs(t) {
		if j.Sink != "file" && j.Spool == "" {
			continue // databases lock for themselves
		}
		t.Run(name, func(t *testing.T) {
			var log history
			c := start(t, j, &log)
			require.Equal(t, "READY", c.next(t))
			for c.acks < 100 {
				require.NotEmpty(t, c.next(t))
			}
			_, err := j.open()
			require.ErrorIs(t, err, audit.ErrLocked)
			c.signal(t, syscall.SIGKILL)
			c.end(t)
			j.recover(t)
			log.judge(t, j.found(t, j.Round), j.Goroutines)
			faults.Report(t, faults.Row{Fault: "17 two processes on one file, " + name, Rounds: 1, Counts: log.end(t, j.found(t, -1)), Note: "the second gets ErrLocked"})
		})
	}
}
