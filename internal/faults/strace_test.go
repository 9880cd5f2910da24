//go:build cgo && linux

package faults_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// Each call of a kind in turn fails, or is the last one. The root package does the same
// for files and spools.
func TestFault04AnyFailingSystemCallOfSQLiteLosesNothingThatWasAcked(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace: scripts/setup.sh strace installs it")
	}
	const most = 40
	for _, syscall := range []string{"pwrite64", "fsync,fdatasync"} {
		for _, fault := range []string{"error=EIO", "error=ENOSPC", "signal=SIGKILL"} {
			t.Run(syscall+" "+fault, func(t *testing.T) {
				t.Parallel()
				var log history
				rounds, first, step := 0, faults.Rounds(3, 1), faults.Rounds(most, 1)
				for at := first; at <= most; at += step {
					directory := t.TempDir()
					j := job{Sink: "sqlite", Path: filepath.Join(directory, "audit.db"), Pinned: true, Goroutines: 1, Events: at + 5, Ack: audit.AckDurable}
					trace := filepath.Join(directory, "trace")
					c := start(t, j, &log, strace, "-f", "-qq", "-o", trace, "-P", j.Path, "-P", j.Path+"-wal",
						"-e", "trace="+syscall, "-e", fmt.Sprintf("inject=%s:%s:when=%d", syscall, fault, at))
					hang := time.AfterFunc(time.Minute, func() { _ = c.command.Process.Kill() })
					c.end(t)
					require.True(t, hang.Stop(), "it does not hang")
					text, err := os.ReadFile(trace)
					require.NoError(t, err)
					require.True(t, bytes.Contains(text, []byte("INJECTED")) || bytes.Contains(text, []byte("killed by SIGKILL")), "call %d", at)
					j.Pinned = false
					log.judge(t, j.recover(t))
					rounds++
				}
				faults.Report(t, faults.Row{Fault: fmt.Sprintf("4 strace: %s of SQLite, %s", syscall, fault), Rounds: rounds, Counts: log.counts})
			})
		}
	}
}
