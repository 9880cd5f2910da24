package audit

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestErrorsAreLoggedAtMostEveryTenSecondsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(&text, nil)))
		defer slog.SetDefault(before)
		onError := logErrors()
		for range 25 {
			onError(errors.New("the disk is full"))
			<-time.After(time.Second)
		}
		require.Equal(t, 3, bytes.Count(text.Bytes(), []byte("the disk is full")), text.String())
		require.Contains(t, text.String(), "suppressed=9")
	})
}

func TestErrorsThatFindOnErrorBusyAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var seen []error
		r := newReporter(func(err error) {
			<-release
			seen = append(seen, err)
		})
		for range mostReports + 10 {
			r.report(errors.New("x"))
			synctest.Wait() // the first is being reported, the others wait
		}
		close(release)
		synctest.Wait()
		require.Len(t, seen, mostReports+2)
		require.ErrorContains(t, seen[len(seen)-1], "9 errors dropped, since OnError is too slow")
		r.wait(time.Second)
	})
}

func TestDeadLettersThatFindOnErrorBusyAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var seen []error
		r := newReporter(func(err error) {
			<-release
			seen = append(seen, err)
		})
		for range 2 {
			for range 10 {
				r.report(&DeadLetterError{Line: make([]byte, 1<<20), Err: ErrClosed})
				synctest.Wait()
			}
			r.report(errors.New("x"))
			close(release)
			synctest.Wait()
			require.Len(t, seen, 7, "one is being reported, four wait, beside a small error")
			require.ErrorContains(t, seen[6], "5 errors dropped")
			release, seen = make(chan struct{}), nil
		}
	})
}

func TestReportWaitsForOnErrorButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		r := newReporter(func(error) { <-release })
		r.report(errors.New("x"))
		start := time.Now()
		r.wait(time.Second)
		require.Equal(t, time.Second, time.Since(start))
		close(release)
	})
}

func TestErrorsCanBeToldApart(t *testing.T) {
	cause := errors.New("cause")
	for _, err := range []error{
		&UndeliveredError{Events: 3, Err: cause}, &BackgroundError{Op: "write", Events: 3, Err: cause},
		&BackgroundError{Op: "close", Err: cause}, &DeadLetterError{Err: cause}, &SettingsError{Err: cause},
		Permanent(cause), join(nil, cause), join(cause, ErrClosed),
	} {
		require.ErrorIs(t, err, cause)
		require.ErrorContains(t, err, "cause")
	}
	require.NoError(t, Permanent(nil))
	require.NoError(t, join(nil, nil))
	require.ErrorContains(t, &UndeliveredError{Events: 3, Err: cause}, "3 events")
	require.ErrorContains(t, &BackgroundError{Op: "write", Events: 3, Err: cause}, "write of 3 events")
	require.EqualError(t, join(cause, ErrClosed), "cause; audit: logger closed")
}

func TestEnumsHaveTheNamesOfTheSettings(t *testing.T) {
	require.Equal(t, "block drop queued critical durable batch none", OverflowBlock.String()+" "+OverflowDrop.String()+" "+
		AckQueued.String()+" "+AckCritical.String()+" "+AckDurable.String()+" "+SyncBatch.String()+" "+SyncNone.String())
	require.Equal(t, "unknown(9)", AckMode(9).String())
}
