package audit

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// leaveTorn leaves a log of an event and part of a line.
func leaveTorn(t *testing.T, fsys *faultyFS) (whole string) {
	t.Helper()
	logger := fsys.start(t, FileOptions{}, nil)
	add(t, logger, "m0")
	require.NoError(t, logger.Close())
	text, err := os.ReadFile(fsys.log())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(fsys.log(), append(text, `{"torn":`...), 0o600))
	fsys.done()
	return string(text)
}

func TestATornTailIsDurableElsewhereBeforeItIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		leaveTorn(t, fsys)
		var told []error
		logger := fsys.start(t, FileOptions{}, &told)
		require.Equal(t, []string{
			"write permission.log.torn#3", "write permission.log.torn#3", "sync permission.log.torn#3", "syncdir .",
			"truncate permission.log#2", "sync permission.log#2",
		}, fsys.done("write", "sync", "syncdir", "truncate")[1:])
		require.NoError(t, logger.Close())
	})
}

func TestATailThatCannotBeSetAsideStays(t *testing.T) {
	for _, call := range []string{"open permission.log.torn", "write permission.log.torn", "sync permission.log.torn"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := newFaultyFS(t)
				whole := leaveTorn(t, fsys)
				options, err := (*FileOptions)(nil).withDefaults()
				require.NoError(t, err)
				fsys.fail(failing(call, always, shortWrite{3, syscall.ENOSPC}))
				for range 3 {
					_, err = newFileAuditLogger(fsys, fsys.log(), options)
					require.ErrorIs(t, err, syscall.ENOSPC)
					require.ErrorContains(t, err, "set torn tail aside")
				}
				text, err := os.ReadFile(fsys.log())
				require.NoError(t, err)
				require.Equal(t, whole+`{"torn":`, string(text))

				fsys.fail(nil)
				var told []error
				require.NoError(t, fsys.start(t, FileOptions{}, &told).Close())
				aside, err := os.ReadFile(fsys.log() + tornSuffix)
				require.NoError(t, err)
				require.Equal(t, `{"torn":`+"\n", string(aside), "what failed before left nothing behind")
				require.Equal(t, [][]string{{"m0"}}, fsys.content(t))
			})
		})
	}
}

// Cutting off the tail of a file that is shorter by now would make it longer.
func TestATailThatVanishesMeanwhileIsNoTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		leaveTorn(t, fsys)
		fsys.fail(func(call string) error {
			if strings.HasPrefix(call, "open ") {
				return os.Truncate(fsys.log(), 0)
			}
			return nil
		})
		options, err := (*FileOptions)(nil).withDefaults()
		require.NoError(t, err)
		_, err = newFileAuditLogger(fsys, fsys.log(), options)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.NoError(t, fsys.start(t, FileOptions{}, nil).Close())
		require.Equal(t, [][]string{{}}, fsys.content(t))
	})
}

// As after a crash between the two.
func TestATailThatIsSetAsideButNotCutOffIsSetAsideAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		leaveTorn(t, fsys)
		options, err := (*FileOptions)(nil).withDefaults()
		require.NoError(t, err)
		fsys.fail(failing("truncate", 1, syscall.EIO))
		_, err = newFileAuditLogger(fsys, fsys.log(), options)
		require.ErrorIs(t, err, syscall.EIO)
		var told []error
		require.NoError(t, fsys.start(t, FileOptions{}, &told).Close())
		aside, err := os.ReadFile(fsys.log() + tornSuffix)
		require.NoError(t, err)
		require.Equal(t, strings.Repeat(`{"torn":`+"\n", 2), string(aside))
		require.Equal(t, [][]string{{"m0"}}, fsys.content(t))
	})
}
