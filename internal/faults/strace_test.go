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
	few := map[string]bool{"openat": true, "ftruncate": true} // it makes some at the start and the end, and no more
	for _, syscall := range []string{"pwrite64", "fsync,fdatasync", "openat", "ftruncate"} {
		for _, fault := range []string{"error=EIO", "error=ENOSPC", "signal=SIGKILL"} {
			t.Run(syscall+" "+fault, func(t *testing.T) {
				t.Parallel()
				var counts faults.Counts
				rounds, first, step := 0, faults.Rounds(3, 1), faults.Rounds(most, 1)
				if few[syscall] {
					first = 1
				}
				for at := first; at <= most; at += step {
					directory := t.TempDir()
					j := job{Sink: "sqlite", Path: filepath.Join(directory, "audit.db"), Pinned: true, Goroutines: 1, Events: at + 5, Ack: audit.AckDurable}
					trace := filepath.Join(directory, "trace")
					var log history
					c := start(t, j, &log, strace, "-f", "-qq", "-o", trace, "-P", j.Path, "-P", j.Path+"-wal",
						"-e", "trace="+syscall, "-e", fmt.Sprintf("inject=%s:%s:when=%d", syscall, fault, at))
					hang := time.AfterFunc(time.Minute, func() { _ = c.command.Process.Kill() })
					c.end(t)
					require.True(t, hang.Stop(), "it does not hang")
					text, err := os.ReadFile(trace)
					require.NoError(t, err)
					injected := bytes.Contains(text, []byte("INJECTED")) || bytes.Contains(text, []byte("killed by SIGKILL"))
					if !injected && few[syscall] && rounds > 0 {
						break
					}
					require.True(t, injected, "call %d", at)
					j.Pinned = false
					j.recover(t)
					log.judge(t, j.found(t, j.Round), 1)
					counts.Add(log.end(t, j.found(t, -1)))
					rounds++
				}
				faults.Report(t, faults.Row{Fault: fmt.Sprintf("4 strace: %s of SQLite, %s", syscall, fault), Rounds: rounds, Counts: counts})
			})
		}
	}
}
