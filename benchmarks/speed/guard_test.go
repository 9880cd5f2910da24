package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/race"
	"github.com/stretchr/testify/require"
)

// Guards fail when a change makes logging slower, by counts that are the same on every
// machine, and by ratios with wide margins: make guard.

func guard(t *testing.T) *decision {
	t.Helper()
	if race.Enabled {
		t.Skip("the race detector allocates, and slows some down more than others: make guard")
	}
	return newDecision(referenceKeys)
}

func TestGuardTheCallerAllocatesNothing(t *testing.T) {
	d := guard(t)
	ctx := context.Background()
	logger, err := audit.NewFileAuditLogger(filepath.Join(t.TempDir(), "permission.log"), nil)
	require.NoError(t, err)
	for range burst {
		require.NoError(t, logger.Record(ctx, d.PermissionAuditEvent))
	}
	require.Zero(t, testing.AllocsPerRun(burst, func() { _ = logger.Record(ctx, d.PermissionAuditEvent) }))
	require.NoError(t, logger.Close())
	require.Zero(t, testing.AllocsPerRun(burst, func() { _ = audit.EmitPermissionAuditEvent(ctx, d.PermissionAuditEvent) }))
}

func TestGuardTheProcessAllocatesNothingForAFile(t *testing.T) {
	d := guard(t)
	const events = 20 * burst
	for _, row := range []struct {
		name string
		most float64 // allocations an event; a Flush takes some
	}{
		{oursQueued, 0.005},
		{oursCritical, 0.05}, // a denied event waits for the disk, which takes some too
	} {
		s := subjectNamed(row.name)
		l, err := s.open(filepath.Join(t.TempDir(), "permission.log"))
		require.NoError(t, err)
		var f figure
		require.NoError(t, bursts(l, s.decisions(d), events, &f))
		require.NoError(t, l.close())
		t.Logf("%s: %.5f allocations, %.2f bytes", row.name, f.mallocs, f.bytes)
		require.Less(t, f.mallocs, row.most, row.name)
	}
}

// A batch may take some allocations, which are few for each event.
const ofBatch = 0.05

func TestGuardStoresAllocateNoMoreThanTheirDrivers(t *testing.T) {
	d := guard(t)
	for _, db := range testDatabases(t) {
		var mine, raw figure
		require.NoError(t, store(db.database, d, 20*transaction, &mine))
		require.NoError(t, db.database.raw(d, 20*transaction, &raw))
		require.NoError(t, errors.Join(mine.lost(db.ours), raw.lost(db.raw)))
		t.Logf("%s %.3f allocations, %.0f bytes; %s %.3f, %.0f", db.ours, mine.mallocs, mine.bytes, db.raw, raw.mallocs, raw.bytes)
		if mine.mallocs > raw.mallocs+ofBatch {
			t.Errorf("%s makes %.3f allocations an event, and %s %.3f", db.ours, mine.mallocs, db.raw, raw.mallocs)
		}
	}
}

// testDatabases are those that there are.
func testDatabases(t *testing.T) []namedDatabase {
	t.Helper()
	b := &bench{dir: onDisk(t)}
	require.NoError(t, b.openDatabases(serverDSN()))
	t.Cleanup(func() { require.NoError(t, b.closeDatabases()) })
	return b.databases
}

// childLog is what tells the test's program to be a child that records counted events to
// the file that it names.
const (
	childLog = "AUDIT_BENCH_CHILD_LOG"
	counted  = 10_000
)

func TestMain(m *testing.M) {
	path := os.Getenv(childLog)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := recordCounted(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// untilFull says that a batch ends when it is full, or when somebody waits, however slow
// the machine is.
var untilFull = audit.BufferOptions{FlushInterval: time.Hour}

func recordCounted(path string) error {
	logger, err := openOurs(path, &audit.FileOptions{Buffer: untilFull})
	if err != nil {
		return err
	}
	_, err = produce(logger, same(newDecision(referenceKeys)), 1, counted)
	return errors.Join(err, logger.close())
}

// batchBytes is what a batch holds, whatever the library says.
const batchBytes = 1 << 20

// fullBatches is how many batches so many bytes are, and a last one.
func fullBatches(size int64) int { return int(size/batchBytes) + 2 }

func TestGuardABatchIsOneWriteAndAtMostOneFsync(t *testing.T) {
	guard(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace, which counts system calls: scripts/setup.sh strace installs it")
	}
	if text, err := exec.CommandContext(t.Context(), strace, "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace is not allowed to trace here: %v: %s", err, text)
	}
	dir := t.TempDir()
	path, trace := filepath.Join(dir, "permission.log"), filepath.Join(dir, "trace")
	child := exec.CommandContext(t.Context(), strace, "-f", "-y", "-s", "0", "-o", trace,
		"-e", "trace=write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range", os.Args[0])
	child.Env = append(os.Environ(), childLog+"="+path)
	out, err := child.CombinedOutput()
	require.NoError(t, err, string(out))
	count, size, err := lines(path)
	require.NoError(t, err)
	require.Equal(t, counted, count)
	text, err := os.ReadFile(trace)
	require.NoError(t, err)
	calls := map[string]int{}
	for line := range strings.Lines(string(text)) {
		name, args, _ := strings.Cut(line, "(") // pid name(fd<path>, ...
		if fields := strings.Fields(name); len(fields) == 2 && strings.Contains(args, "<"+path+">") {
			calls[fields[1]]++
		}
	}
	syncs := calls["fsync"] + calls["fdatasync"] + calls["sync_file_range"]
	writes := -syncs
	for _, n := range calls {
		writes += n
	}
	t.Logf("%d bytes: %d writes, %d fsyncs", size, writes, syncs)
	require.LessOrEqual(t, writes, fullBatches(size))
	require.LessOrEqual(t, syncs, fullBatches(size)+1) // and one at the end
	require.GreaterOrEqual(t, writes, int(size/batchBytes), "they are counted")
	require.GreaterOrEqual(t, syncs, int(size/batchBytes/mostTogether), "they are, too")
}

// ratios are medians of some runs.
func ratios(t *testing.T) *contest {
	t.Helper()
	const runs, scale = 3, 200_000
	b := &bench{dir: onDisk(t), scale: scale}
	require.NoError(t, b.openDatabases(serverDSN()))
	defer func() { require.NoError(t, b.closeDatabases()) }()
	c := b.newContest()
	var some []*contestant
	for _, one := range c.contestants {
		if one.ceiling || one.name == oursQueued || one.peerOf == "" || strings.HasPrefix(one.name, "zerolog") {
			some = append(some, one)
		}
	}
	c.contestants = some
	for run := range runs + 1 {
		require.NoError(t, c.round(scale, run > 0))
	}
	return c
}

// What else runs on the machine may spoil an attempt, and no regression survives all.
const attempts = 3

func TestGuardRatios(t *testing.T) {
	guard(t)
	var wrong []string
	for range attempts {
		if wrong = slow(ratios(t)); len(wrong) == 0 {
			return
		}
		t.Log(strings.Join(wrong, "\n"))
	}
	t.Error("too slow, ", attempts, " times: ", strings.Join(wrong, "; "))
}

// slow lists what is far from its goal.
func slow(c *contest) (wrong []string) {
	least := func(name, other string, want float64) {
		mine, peer := c.results[name].rate(), c.results[other].rate()
		if mine < want*peer {
			wrong = append(wrong, fmt.Sprintf("%s takes %.0f events a second, and %s %.0f: %.2f times, at least %.2f is wanted", name, mine, other, peer, mine/peer, want))
		}
	}
	if mine, peer := c.results[oursQueued].caller(), c.results[zerologToNone].caller(); mine > 2*peer {
		wrong = append(wrong, fmt.Sprintf("%s takes its caller %.0f ns, and %s %.0f", oursQueued, mine, zerologToNone, peer))
	}
	least(oursQueued, rawDiskName, 0.4)
	if c.results[rawDiskName].rate() > 3*c.results[zerologToFile].rate() { // or the disk decides
		least(oursQueued, zerologToFile, 1.2)
	}
	least(oursSQLite, rawSQLiteName, 0.5)
	least(oursPostgres, rawPostgresName, 0.5)
	return wrong
}
