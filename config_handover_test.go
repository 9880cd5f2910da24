package audit_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// Reloads of the same file, while eight goroutines log, lose nothing and keep the
// order of each goroutine's events.
func TestReloadOfTheSameFileLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	mustLoad(t, fileSettings(path))
	const goroutines = 8
	var stop atomic.Bool
	var counts [goroutines]int
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for ; !stop.Load() || counts[g] < 100; counts[g]++ {
				event := granted(strconv.Itoa(g) + " " + strconv.Itoa(counts[g]))
				if err := audit.EmitPermissionAuditEvent(context.WithoutCancel(t.Context()), event); err != nil {
					t.Errorf("goroutine %d: %v", g, err)
					return
				}
			}
		})
	}
	for i := range 25 {
		mustLoad(t, fileSettings(path, "batch_size", i+1))
	}
	stop.Store(true)
	group.Wait()
	mustLoad(t, nil)

	var next [goroutines]int
	for _, manager := range loggedManagers(t, path) {
		g, number, _ := strings.Cut(manager, " ")
		goroutine, err := strconv.Atoi(g)
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(next[goroutine]), number, "goroutine %d", goroutine)
		next[goroutine]++
	}
	require.Equal(t, counts, next)
}

// sameFile is a factory that needs the file, and fails once it has it.
func sameFile(path string, then func() error) audit.LoggerFactory {
	return func(context.Context, map[string]any) (audit.AuditLogger, error) {
		logger, err := audit.NewFileAuditLogger(path, nil)
		if err != nil {
			return nil, err
		}
		if err := logger.Close(); err != nil {
			return nil, err
		}
		return nil, then()
	}
}

func TestAFailingReloadOfTheSameFileRestoresTheOldLogger(t *testing.T) {
	broken := errors.New("broken")
	for name, then := range map[string]func() error{
		"broken":    func() error { return broken },
		"panic":     func() error { panic(broken) },
		"no logger": func() error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "permission.log")
			mustLoad(t, fileSettings(path))
			emit(t, "before")
			logger, err := loadSettings(t, mapping{"AUDIT_LOGGER": sameFile(path, then)})
			requireProblems(t, err)
			require.Nil(t, logger)
			if name == "broken" {
				require.ErrorIs(t, err, broken)
			}
			emit(t, "after")
			restored := audit.CurrentAuditLogger()
			require.IsType(t, &audit.FileAuditLogger{}, restored)
			require.Same(t, restored, mustLoad(t, fileSettings(path)), "its settings are those in force")
			mustLoad(t, nil)
			require.Equal(t, []string{"before", "after"}, loggedManagers(t, path))
			require.ErrorIs(t, restored.Record(t.Context(), granted("late")), audit.ErrClosed, "the loader owns it")
		})
	}
}

func TestAFailingReloadLeavesALoggerConfiguredByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	mustLoad(t, fileSettings(path))
	byHand := &stub{}
	configure(t, byHand)
	_, err := loadSettings(t, mapping{"AUDIT_LOGGER": sameFile(path, func() error { return errors.New("broken") })})
	requireProblems(t, err, "broken")
	require.Same(t, byHand, audit.CurrentAuditLogger())
	mustLoad(t, fileSettings(path))
	emit(t, "m")
	mustLoad(t, nil)
	require.Equal(t, []string{"m"}, loggedManagers(t, path))
}

// If neither the new logger nor the old one can be built, events get an error, and
// the next load begins anew.
func TestAReloadThatCannotBeUndoneIsNotSilent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	var thief *audit.FileAuditLogger
	mustLoad(t, fileSettings(path))
	_, err := loadSettings(t, mapping{"AUDIT_LOGGER": sameFile(path, func() (err error) {
		thief, err = audit.NewFileAuditLogger(path, nil)
		require.NoError(t, err)
		return errors.New("broken")
	})})
	requireProblems(t, err, "broken")
	require.ErrorIs(t, err, audit.ErrLocked)
	require.True(t, audit.AuditLoggingEnabled())
	require.ErrorIs(t, audit.EmitPermissionAuditEvent(t.Context(), granted("m")), audit.ErrClosed)
	require.NoError(t, thief.Close())
	mustLoad(t, fileSettings(path))
	emit(t, "m")
}

// A file that somebody else has locked is no reason to let go of one's own.
func TestAForeignLockLeavesTheLoggerAlone(t *testing.T) {
	directory := t.TempDir()
	own, foreign := filepath.Join(directory, "own.log"), filepath.Join(directory, "foreign.log")
	other, err := audit.NewFileAuditLogger(foreign, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, other.Close()) }()

	logger := mustLoad(t, fileSettings(own))
	_, err = loadSettings(t, fileSettings(foreign))
	requireProblems(t, err, foreign)
	require.ErrorIs(t, err, audit.ErrLocked)
	require.Same(t, logger, audit.CurrentAuditLogger())
	require.NoError(t, logger.Record(t.Context(), granted("m")))
}

// While one logger is replaced by another on the same file, events wait, and
// Flush and Shutdown with them.
func TestEventsWaitWhileTheFileIsHandedOver(t *testing.T) {
	released, release := make(chan struct{}), make(chan struct{})
	old := &stub{
		record: func(context.Context, audit.PermissionAuditEvent) error { return audit.ErrClosed },
		shutdown: func(context.Context) error {
			close(released)
			<-release
			return nil
		},
	}
	mustLoad(t, mapping{"AUDIT_LOGGER": factoryOf(old)})
	var events []audit.PermissionAuditEvent
	calls := []string{}
	next := remember(&events)
	next.flush = func(context.Context) error { calls = append(calls, "flush"); return nil }
	next.shutdown = func(context.Context) error { calls = append(calls, "shutdown"); return nil }
	attempts := 0
	done := make(chan error)
	go func() {
		_, err := audit.ConfigureAuditLoggerFromSettings(context.WithoutCancel(t.Context()), mapping{
			"AUDIT_LOGGER": func() (audit.AuditLogger, error) {
				if attempts++; attempts == 1 {
					return nil, audit.ErrLocked
				}
				return next, nil
			},
		})
		done <- err
	}()
	<-released

	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	require.True(t, audit.AuditLoggingEnabled())
	err := audit.EmitPermissionAuditEvent(impatient, granted("m"))
	require.ErrorIs(t, err, audit.ErrQueueFull)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, audit.Flush(impatient), context.Canceled)
	require.ErrorIs(t, audit.Shutdown(impatient), context.Canceled)
	_, err = audit.ConfigureAuditLoggerFromSettings(impatient, nil)
	requireProblems(t, err, "another load of settings is under way")
	require.ErrorIs(t, err, context.Canceled)

	emitted := make(chan error)
	go func() {
		emitted <- audit.EmitPermissionAuditEvent(context.WithoutCancel(t.Context()), granted("patient"))
	}()
	held := audit.CurrentAuditLogger()
	close(release)
	require.NoError(t, <-emitted)
	require.NoError(t, <-done)
	require.Same(t, next, audit.CurrentAuditLogger())
	require.Len(t, events, 1)
	require.NoError(t, held.(audit.Flusher).Flush(t.Context()))
	require.NoError(t, held.(audit.Shutdowner).Shutdown(t.Context()))
	require.Equal(t, []string{"flush", "shutdown"}, calls, "also for who asked for the logger meanwhile")
}

func TestAContextThatHasEndedRefusesNoLoad(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cleanSettings(t)
	for range 100 {
		_, err := audit.ConfigureAuditLoggerFromSettings(ctx, mapping{"AUDIT_LOGGER": &stub{}})
		require.NoError(t, err)
	}
}

func TestLoadsFromSeveralGoroutines(t *testing.T) {
	cleanSettings(t)
	directory := t.TempDir()
	var opened, closed atomic.Int64
	factory := audit.LoggerFactory(func(context.Context, map[string]any) (audit.AuditLogger, error) {
		opened.Add(1)
		return &stub{shutdown: func(context.Context) error { closed.Add(1); return nil }}, nil
	})
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 20 {
				ctx := context.WithoutCancel(t.Context())
				settings := []mapping{
					nil,
					{"AUDIT_LOGGER": &stub{}},
					{"AUDIT_LOGGER": factory},
					fileSettings(filepath.Join(directory, "a.log"), "batch_size", 1+i%2),
					fileSettings(filepath.Join(directory, "b.log")),
				}[(g+i)%5]
				logger, err := audit.ConfigureAuditLoggerFromSettings(ctx, settings)
				if err != nil || logger == nil {
					t.Errorf("load: %v", err)
				}
				if err := audit.EmitPermissionAuditEvent(ctx, granted(strconv.Itoa(g))); err != nil {
					t.Errorf("emit: %v", err)
				}
			}
		})
	}
	group.Wait()
	mustLoad(t, nil)
	require.Equal(t, opened.Load(), closed.Load(), "each logger that was built was shut down")
	require.NotZero(t, opened.Load())
	for _, name := range []string{"a.log", "b.log"} {
		require.False(t, slices.Contains(loggedManagers(t, filepath.Join(directory, name)), ""))
	}
}
