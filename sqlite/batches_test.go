//go:build cgo

package sqlite

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// The first write is held until all events are queued, so that it does not matter how
// fast they come.
func TestTenThousandQueuedEventsAreFourTransactions(t *testing.T) {
	queued := make(chan struct{})
	s, db := openSpy(t, newPath(t), "_journal_mode=WAL&_synchronous=FULL")
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	s.forget()
	s.before = func(statement string) error {
		if statement == "BEGIN IMMEDIATE" {
			<-queued
		}
		return nil
	}
	logger, _ := newLogger(t, store, audit.DatabaseOptions{})
	record(t, logger, numbered(10_000)...)
	close(queued)
	require.NoError(t, logger.Flush(t.Context()))
	require.Equal(t, []string{"10000"}, texts(t, db, "SELECT count(*) FROM permission_audit_log"))
	commits, inserts := len(s.executed("COMMIT")), len(s.executed("INSERT"))
	t.Logf("%d transactions, %d INSERTs", commits, inserts)
	require.LessOrEqual(t, commits, 4)
	require.Len(t, s.executed("BEGIN"), commits)
	require.LessOrEqual(t, inserts, 10_000/mostRows+21*commits, "512 rows each, then 64, 8 and 1, at most seven times each")
	require.LessOrEqual(t, len(s.executed("")), inserts+4*commits, "besides: PRAGMA, BEGIN, COMMIT, and the count")
}

// What is counted are the system calls of a process that opens a database, logs
// 10,000 events with the default options, and closes it: one for each transaction,
// and those of the checkpoints and of the files' directories.
func TestFsyncsAreCountedInDozensForTenThousandEvents(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace, which counts system calls: apt-get install strace")
	}
	if text, err := exec.CommandContext(t.Context(), strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace is not allowed to trace here: %v: %s", err, text)
	}
	path, trace := newPath(t), filepath.Join(t.TempDir(), "trace")
	command := childCommand(t, "write", path, strace, "-f", "-e", "trace=fsync,fdatasync", "-o", trace)
	out, err := command.Output()
	require.NoError(t, err, string(out))
	text, err := os.ReadFile(trace)
	require.NoError(t, err)
	syncs := strings.Count(string(text), " fsync(") + strings.Count(string(text), " fdatasync(")
	t.Logf("%d system calls", syncs)
	require.GreaterOrEqual(t, syncs, 3, "it is synced at all")
	require.LessOrEqual(t, syncs, 48)
	require.Equal(t, []string{"10000"}, texts(t, openDB(t, path, ""), "SELECT count(*) FROM permission_audit_log"))
}

func TestBatchesOfEverySizeAreStoredInOrder(t *testing.T) {
	for _, size := range []int{1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 1234} {
		store := openTest(t, ":memory:", nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(size)...)))
		require.Equal(t, managersOf(size), managers(t, store, everything), size)
	}
}

func TestAnEmptyBatchDoesNothing(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), nil))
	require.Empty(t, tables(t, path))
}

func TestAnIDIsStoredOnceHoweverOftenItComes(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	batch := entries(t, numbered(150)...)
	twice := append(append([]audit.Entry{batch[7]}, batch...), batch[149], batch[0], batch[7])
	require.NoError(t, store.WriteBatch(t.Context(), twice))
	require.NoError(t, store.WriteBatch(t.Context(), batch[20:]))
	stored := managers(t, store, everything)
	require.Len(t, stored, 150)
	require.ElementsMatch(t, managersOf(150), stored)
}

// An Entry that was made by hand may have no ID. Two of them are two decisions.
func TestEntriesWithoutAnIDAreAllStored(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	batch := entries(t, numbered(120)...)
	for i := range batch {
		batch[i].ID = audit.EventID{}
	}
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.Equal(t, append(managersOf(120), managersOf(120)...), managers(t, store, everything))
}

func TestAnEntryMadeByHandHasNoNullLists(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	require.NoError(t, store.WriteBatch(t.Context(), []audit.Entry{{Action: audit.ActionRead}}))
	require.Equal(t, []string{"[] [] 1"}, texts(t, store.reads,
		"SELECT attributes || ' ' || permissions || ' ' || (manager IS NULL AND user_id IS NULL AND user_repr IS NULL AND metadata IS NULL AND sanitized IS NULL) FROM permission_audit_log"))
	require.Equal(t, audit.ActionRead, read(t, store, everything)[0].Action)
}
