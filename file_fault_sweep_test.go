package audit

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Rotation and the deletion of the directory need every call there is.
func TestEventsWaitWhileACallFails(t *testing.T) {
	for _, call := range []string{"stat permission.log", "openlog", "rename", "mkdir", "syncdir", "fstat", "close", "write", "sync"} {
		for _, times := range []int{1, 3} {
			t.Run(fmt.Sprint(call, " ", times), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fsys := newFaultyFS(t)
					fsys.root += "/logs"
					var told []error
					logger := fsys.start(t, FileOptions{MaxSize: 400}, &told)
					add(t, logger, "m0")
					fsys.fail(failing(call, times, syscall.EIO))
					add(t, logger, "m1", "m2", "m3", "m4") // rotates
					all := slices.Concat(fsys.content(t)...)
					require.Equal(t, []string{"m0", "m1", "m2", "m3", "m4"}, slices.Compact(all))
					require.NoError(t, os.RemoveAll(fsys.root))
					fsys.fail(failing(call, times, syscall.EIO))
					add(t, logger, "m5")
					require.Equal(t, []string{"m5"}, slices.Compact(slices.Concat(fsys.content(t)...)))
					fsys.fail(nil)
					require.NoError(t, logger.Close())
					require.ErrorIs(t, errors.Join(told...), syscall.EIO, "and somebody is told")
					require.NotErrorIs(t, errors.Join(told...), os.ErrClosed, "nothing touches a file that was closed")
				})
			})
		}
	}
}

// A script of all that a logger does meets a fault at each of its calls in turn.
func TestAFaultAtAnyCall(t *testing.T) {
	for name, fault := range map[string]struct {
		err   error
		calls int
	}{
		"once":              {syscall.EIO, 1},
		"after a few bytes": {shortWrite{50, syscall.ENOSPC}, 1},
		"four times":        {shortWrite{400, syscall.EIO}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			step := 1
			if testing.Short() {
				step = 7
			}
			for at, met := 0, true; met; at += step {
				synctest.Test(t, func(t *testing.T) {
					fsys := newFaultyFS(t)
					calls := 0
					fsys.fail(func(string) error {
						if calls++; calls > at && calls <= at+fault.calls {
							return fault.err
						}
						return nil
					})
					runScript(t, fsys)
					met = calls > at
				})
			}
		})
	}
}

func runScript(t *testing.T, fsys *faultyFS) {
	t.Helper()
	require.NoError(t, os.WriteFile(fsys.log(), []byte(`{"torn":`), 0o600))
	options := FileOptions{MaxSize: 700, Buffer: BufferOptions{Ack: AckDurable, CloseTimeout: time.Hour, OnError: func(error) {}}}
	complete, err := options.withDefaults()
	require.NoError(t, err)
	logger, err := newFileAuditLogger(fsys, fsys.log(), complete)
	if err != nil { // the second attempt finds what the first one left behind
		if logger, err = newFileAuditLogger(fsys, fsys.log(), complete); err != nil {
			return
		}
	}
	var want []string
	for i := range 6 {
		switch i {
		case 3:
			require.NoError(t, os.Rename(fsys.log(), fsys.log()+".moved"))
			_ = logger.Reopen()
		case 5:
			file, err := os.OpenFile(fsys.log(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
			require.NoError(t, err)
			_, err = file.WriteString(`{"foreign":`)
			require.NoError(t, join(err, file.Close()))
		}
		add(t, logger, fmt.Sprint("m", i))
		want = append(want, fmt.Sprint("m", i))
	}
	_ = logger.Close()
	moved := &faultyFS{root: fsys.root}
	all := slices.Concat(fsys.content(t)...)
	require.NoError(t, os.Rename(fsys.log()+".moved", fsys.log()))
	content := moved.content(t)
	all = append(all, content[len(content)-1]...)
	slices.Sort(all)
	require.Equal(t, want, slices.Compact(all), "every acknowledged event is there")
}
