//go:build unix && !solaris && !illumos && !aix

package audit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func requireLocked(t *testing.T, path string) {
	t.Helper()
	second, err := audit.NewFileAuditLogger(path, nil)
	if err == nil {
		_ = second.Close()
	}
	require.ErrorIs(t, err, audit.ErrLocked)
	require.ErrorContains(t, err, path)
}

func TestASecondLoggerOfTheProcessGetsErrLocked(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "permission.log")
	logger := openLog(t, path, audit.FileOptions{MaxSize: 1})
	requireLocked(t, path)
	requireLocked(t, filepath.Join(directory, "x", "..", "permission.log"))
	link := filepath.Join(t.TempDir(), "link.log")
	require.NoError(t, os.Symlink(path, link))
	_, err := audit.NewFileAuditLogger(link, nil)
	require.ErrorIs(t, err, audit.ErrLocked)

	record(t, logger, "m0")
	record(t, logger, "m1")
	requireLocked(t, path) // the file that was begun by rotation is locked too
	require.NoError(t, logger.Reopen())
	requireLocked(t, path)

	require.NoError(t, logger.Close())
	record(t, openLog(t, path, audit.FileOptions{}), "m2")
	require.Equal(t, named(3), logged(t, allLogs(t, path)...), "who was refused did no harm")
}

func TestASecondProcessGetsErrLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{})
	require.Contains(t, startChild(t, "hold", path).says(t), audit.ErrLocked.Error())
	require.NoError(t, logger.Close())

	holder := startChild(t, "hold", path)
	require.Equal(t, "<nil>", holder.says(t), "after Close the log is free")
	requireLocked(t, path)
	holder.goOn(t)
	require.Equal(t, "<nil>", holder.says(t))
	holder.kill(t)
	record(t, openLog(t, path, audit.FileOptions{}), "m0")
	require.Equal(t, []string{"child", "m0"}, logged(t, path), "after kill -9 it is free, with what was acknowledged")
}

func TestAChildInheritsNeitherLockNorDescriptor(t *testing.T) {
	cat, err := exec.LookPath("cat")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{})
	command := exec.CommandContext(t.Context(), cat)
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", command.Process.Pid)) // where there is such a thing
	require.NoError(t, err)
	for _, descriptor := range open {
		target, err := os.Readlink(descriptor)
		require.NoError(t, err)
		require.NotEqual(t, path, target)
	}
	require.NoError(t, logger.Close())
	record(t, openLog(t, path, audit.FileOptions{}), "m0") // while the child runs
	require.NoError(t, stdin.Close())
	require.NoError(t, command.Wait())
}

// Between fork and exec a child holds copies of all descriptors: closing the log at
// that moment frees it nevertheless.
func TestTheLockIsFreeAfterCloseWhileOthersFork(t *testing.T) {
	program, err := exec.LookPath("true")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "permission.log")
	stop := make(chan struct{})
	var forks sync.WaitGroup
	for range 2 {
		forks.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = exec.Command(program).Run()
				}
			}
		})
	}
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	for range rounds {
		logger, err := audit.NewFileAuditLogger(path, nil)
		if err == nil {
			err = logger.Close()
		}
		if err != nil {
			close(stop)
			forks.Wait()
			require.NoError(t, err)
		}
	}
	close(stop)
	forks.Wait()
}
