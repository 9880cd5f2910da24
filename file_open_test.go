package audit

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestTheConstructorsErrorLeavesNothingLocked(t *testing.T) {
	for _, call := range []string{"openlog", "syncdir", "fstat", "read", "truncate", "sync", "stat permission.log", "open permission.log.torn", "write permission.log.torn"} {
		t.Run(call, func(t *testing.T) {
			fsys := newFaultyFS(t)
			require.NoError(t, os.WriteFile(fsys.log(), []byte("torn"), 0o600))
			options, err := (*FileOptions)(nil).withDefaults()
			require.NoError(t, err)
			fsys.fail(failing(call, always, syscall.EIO))
			logger, err := newFileAuditLogger(fsys, fsys.log(), options)
			require.Nil(t, logger)
			require.ErrorIs(t, err, syscall.EIO)
			require.ErrorContains(t, err, "audit: open log: ")
			fsys.fail(nil)
			var told []error
			require.NoError(t, fsys.start(t, FileOptions{}, &told).Close())
		})
	}
}

// Whoever had the lock may have rotated the file before letting it go: what was
// opened and locked then is not the log any more.
func TestAFileThatIsRenamedWhileItIsOpenedIsNotTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		renames, opened := 2, false
		fsys.fail(func(call string) error {
			opened = opened || strings.HasPrefix(call, "openlog ")
			if call == "stat permission.log" && opened && renames > 0 {
				renames--
				return join(os.Rename(fsys.log(), fmt.Sprint(fsys.log(), renames)), os.WriteFile(fsys.log(), nil, 0o600))
			}
			return nil
		})
		logger := fsys.start(t, FileOptions{}, nil)
		require.Len(t, fsys.done("openlog"), 3, "the constructor finds the one that is")
		add(t, logger, "m0")
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{"m0"}}, fsys.content(t))

		fsys.fail(func(call string) error {
			if call == "stat permission.log" {
				return os.Rename(fsys.log(), fsys.log()+".again")
			}
			return nil
		})
		options, err := (*FileOptions)(nil).withDefaults()
		require.NoError(t, err)
		_, err = newFileAuditLogger(fsys, fsys.log(), options)
		require.ErrorContains(t, err, "is replaced by another file again and again", "it does not try for ever")
	})
}
