package audit_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// countShutdowns is a logger that counts how often it is shut down.
func countShutdowns(n *int) *stub {
	return &stub{shutdown: func(context.Context) error { *n++; return nil }}
}

func TestAReplacedLoggerIsShutDownAfterTheSwap(t *testing.T) {
	next := &stub{}
	shutdowns := 0
	first := &stub{shutdown: func(context.Context) error {
		shutdowns++
		require.Same(t, next, audit.CurrentAuditLogger(), "the swap comes first")
		return nil
	}}
	mustLoad(t, mapping{"AUDIT_LOGGER": factoryOf(first)})
	require.Same(t, next, mustLoad(t, mapping{"AUDIT_LOGGER": next}))
	require.Equal(t, 1, shutdowns)
	mustLoad(t, nil)
	require.Equal(t, 1, shutdowns, "once")
}

func TestReplacingAFileLoggerWritesWhatItHad(t *testing.T) {
	directory := t.TempDir()
	one, two := filepath.Join(directory, "one.log"), filepath.Join(directory, "two.log")
	first := mustLoad(t, fileSettings(one, "flush_interval", 3600))
	emit(t, "first")
	mustLoad(t, fileSettings(two, "flush_interval", 3600))
	require.Equal(t, []string{"first"}, loggedManagers(t, one))
	require.ErrorIs(t, first.Record(t.Context(), granted("late")), audit.ErrClosed)
	emit(t, "second")
	mustLoad(t, nil)
	require.Equal(t, []string{"second"}, loggedManagers(t, two), "turning logging off shuts down too")
}

func TestWhatTheLoaderDidNotBuildIsNotShutDown(t *testing.T) {
	t.Run("an instance in the settings", func(t *testing.T) {
		n := 0
		mustLoad(t, mapping{"AUDIT_LOGGER": countShutdowns(&n)})
		mustLoad(t, mapping{"AUDIT_LOGGER": mapping{"class": countShutdowns(&n)}})
		mustLoad(t, nil)
		require.Zero(t, n)
	})
	t.Run("a logger configured by hand", func(t *testing.T) {
		n := 0
		configure(t, countShutdowns(&n))
		mustLoad(t, mapping{"AUDIT_LOGGER": &stub{}})
		require.Zero(t, n)
	})
	t.Run("a logger configured by hand instead of a loaded one", func(t *testing.T) {
		byHand, loaded := 0, 0
		mustLoad(t, mapping{"AUDIT_LOGGER": factoryOf(countShutdowns(&loaded))})
		configure(t, countShutdowns(&byHand))
		require.Zero(t, loaded, "it is still the loader's")
		mustLoad(t, mapping{"AUDIT_LOGGER": &stub{}})
		require.Zero(t, byHand)
		require.Equal(t, 1, loaded)
	})
}

// A func may return the same logger each time, and settings may hold the one that
// is configured: neither must be shut down while it is in use.
func TestALoggerThatReplacesItselfIsNotShutDown(t *testing.T) {
	n := 0
	singleton := audit.MultiLogger(countShutdowns(&n))
	settings := mapping{"AUDIT_LOGGER": func() audit.AuditLogger { return singleton }}
	mustLoad(t, settings)
	mustLoad(t, settings)
	require.Zero(t, n)
	mustLoad(t, mapping{"AUDIT_LOGGER": audit.CurrentAuditLogger()})
	require.Zero(t, n)
	mustLoad(t, nil)
	require.Equal(t, 1, n, "the loader still owns it")
}

func TestEqualSettingsChangeNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	settings := func() mapping { return fileSettings(path, "batch_size", 500, "flush_interval", 0.25) }
	first := settings()
	logger := mustLoad(t, first)
	require.Same(t, logger, mustLoad(t, settings()))

	options := first["AUDIT_LOGGER"].(mapping)["options"].(mapping)
	options["batch_size"] = 7
	require.Same(t, logger, mustLoad(t, settings()), "the caller's map is not what is compared")
	require.NotSame(t, logger, mustLoad(t, first), "a change is noticed in a map that was loaded before")
	emit(t, "m")
}

func TestAChangeOfSettingsIsNoticed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := mustLoad(t, fileSettings(path))
	for _, settings := range []mapping{
		fileSettings(path, "batch_size", 5),
		fileSettings(path, "batch_size", nil),
		fileSettings(path, "max_size", 5),
		fileSettings(path, "max_size", "5B"),
		fileSettings(path),
	} {
		next := mustLoad(t, settings)
		require.NotSame(t, logger, next, "%v", settings)
		require.Same(t, next, mustLoad(t, settings), "%v", settings)
		logger = next
	}
}

func TestLoggersInSettingsAreComparedByIdentity(t *testing.T) {
	one, two := &stub{}, &stub{} // with equal fields
	require.Same(t, one, mustLoad(t, mapping{"AUDIT_LOGGER": one}))
	require.Same(t, two, mustLoad(t, mapping{"AUDIT_LOGGER": two}))
	require.Same(t, two, mustLoad(t, mapping{"AUDIT_LOGGER": two}))

	// Nothing looks into a logger, which would be a race with its worker.
	first := newBuffered(t, &memorySink{}, audit.BufferOptions{})
	second := newBuffered(t, &memorySink{}, audit.BufferOptions{})
	mustLoad(t, mapping{"AUDIT_LOGGER": first})
	emit(t, "m")
	require.Same(t, second, mustLoad(t, mapping{"AUDIT_LOGGER": second}))
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())

	unequal := mapLogger{"a": 1} // it cannot be compared
	mustLoad(t, mapping{"AUDIT_LOGGER": unequal})
	require.Equal(t, unequal, mustLoad(t, mapping{"AUDIT_LOGGER": unequal}))
}

func TestEqualSettingsReplaceALoggerConfiguredByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	mustLoad(t, fileSettings(path))
	audit.ConfigureAuditLogger(nil)
	mustLoad(t, fileSettings(path))
	emit(t, "m")
	mustLoad(t, nil)
	require.Equal(t, []string{"m"}, loggedManagers(t, path))
}

func TestEqualSettingsReviveALoggerThatWasShutDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	closed := mustLoad(t, fileSettings(path))
	require.NoError(t, audit.Shutdown(t.Context()))
	require.NotSame(t, closed, mustLoad(t, fileSettings(path)))
	emit(t, "m")
}

func TestWhatTheShutdownLosesIsReturnedBesideTheNewLogger(t *testing.T) {
	lost := &audit.UndeliveredError{Events: 3, Err: context.DeadlineExceeded}
	mustLoad(t, mapping{"AUDIT_LOGGER": factoryOf(&stub{shutdown: func(context.Context) error { return lost }})})
	next := &stub{}
	logger, err := loadSettings(t, mapping{"AUDIT_LOGGER": next})
	require.ErrorIs(t, err, lost)
	require.Same(t, next, logger)
	require.Same(t, next, audit.CurrentAuditLogger())

	mustLoad(t, mapping{"AUDIT_LOGGER": factoryOf(&stub{shutdown: func(context.Context) error { panic("boom") }})})
	_, err = loadSettings(t, mapping{"AUDIT_LOGGER": next})
	require.ErrorContains(t, err, "shut down the replaced logger: panic: boom")
	require.Same(t, next, audit.CurrentAuditLogger())
}

type closeOnly struct {
	stubRecord
	closed *int
}

type stubRecord struct{}

func (stubRecord) Record(context.Context, audit.PermissionAuditEvent) error { return nil }

func (c closeOnly) Close() error { *c.closed++; return nil }

func TestALoggerThatHasOnlyCloseIsClosed(t *testing.T) {
	closed := 0
	mustLoad(t, mapping{"AUDIT_LOGGER": factoryOf(closeOnly{closed: &closed})})
	mustLoad(t, nil)
	require.Equal(t, 1, closed)
	mustLoad(t, mapping{"AUDIT_LOGGER": factoryOf(stubRecord{})})
	mustLoad(t, nil)
}
