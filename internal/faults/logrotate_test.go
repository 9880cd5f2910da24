//go:build cgo && unix

package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// Another program renames the log again and again while eight goroutines log, as
// logrotate does it without telling the service.
func TestFault06LogsRenamedUnderLoadLoseNothing(t *testing.T) {
	directory := t.TempDir()
	j := job{Sink: "file", Path: filepath.Join(directory, "permission.log"), Goroutines: 8, Ack: audit.AckDurable, Grace: 10 * time.Second}
	var log history
	c := start(t, j, &log)
	require.Equal(t, "READY", c.next(t))
	rounds := faults.Rounds(15, 200)
	for round := range rounds {
		for acks := c.acks; c.acks < acks+20; {
			require.NotEmpty(t, c.next(t))
		}
		err := os.Rename(j.Path, filepath.Join(directory, fmt.Sprintf("permission-%06d.log", round)))
		if !os.IsNotExist(err) { // no batch has come since the last time
			require.NoError(t, err)
		}
	}
	c.signal(t, syscall.SIGTERM)
	c.end(t)
	require.Equal(t, "<nil>", c.closed.err)
	j.recover(t)
	log.judge(t, j.found(t, j.Round), 0)
	faults.Report(t, faults.Row{Fault: "6 log renamed under load", Rounds: rounds, Counts: log.end(t, j.found(t, -1))})
}
