//go:build cgo

package sqlite

import (
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// The child is killed with SIGKILL, round after round with the same database.
func TestAcknowledgedEventsSurviveKill(t *testing.T) {
	const rounds = 10
	path := newPath(t)
	tried, acked := map[audit.EventID]bool{}, map[audit.EventID]bool{}
	for round := range rounds {
		c := startChild(t, "acks", path)
		target, before := 20+30*round, len(acked)
		for len(acked)-before < target {
			noteAck(t, c.says(t), tried, acked)
		}
		_ = c.command.Process.Kill()
		for c.lines.Scan() { // what it still said
			noteAck(t, c.lines.Text(), tried, acked)
		}
		_ = c.command.Wait()

		start := time.Now()
		store := openTest(t, path, nil)
		found := map[audit.EventID]int{}
		for _, event := range read(t, store, everything) {
			found[event.ID]++
			require.True(t, tried[event.ID], "an event that nobody recorded: %s", event.ID)
			require.Equal(t, map[string]any{"request_id": "r-child"}, event.Metadata)
		}
		for id := range acked {
			require.Equal(t, 1, found[id], id)
		}
		for id, n := range found {
			require.Equal(t, 1, n, id)
		}
		require.Less(t, time.Since(start), 10*time.Second)
		require.Equal(t, []string{"ok"}, texts(t, store.reads, "PRAGMA integrity_check"))
		require.NoError(t, store.Close())
	}
	require.Greater(t, len(acked), rounds)
}

func noteAck(tb testing.TB, line string, tried, acked map[audit.EventID]bool) {
	tb.Helper()
	word, text, _ := strings.Cut(line, " ")
	id, err := audit.ParseEventID(text)
	if err != nil {
		return // torn by the kill
	}
	switch word {
	case "TRY":
		tried[id] = true
	case "ACK":
		require.True(tb, tried[id])
		acked[id] = true
	default:
		require.Fail(tb, "the child said: "+line)
	}
}

func TestTwoProcessesWriteToOneDatabase(t *testing.T) {
	path := newPath(t)
	children := []*child{startChild(t, "write", path), startChild(t, "write", path)}
	for _, c := range children {
		require.Equal(t, "READY", c.says(t))
	}
	for _, c := range children {
		require.NoError(t, c.stdin.Close())
	}
	for _, c := range children {
		for c.lines.Scan() {
			require.Fail(t, "the child said: "+c.lines.Text())
		}
		require.NoError(t, c.command.Wait())
	}
	store := openTest(t, path, nil)
	found := map[string]int{}
	for _, manager := range managers(t, store, everything) {
		found[manager]++
	}
	require.Len(t, found, 10_000)
	for manager, n := range found {
		require.Equal(t, 2, n, manager)
	}
}
