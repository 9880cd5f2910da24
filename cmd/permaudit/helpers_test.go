package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// outcome is what became of a command.
type outcome struct {
	code     int
	out, err string
}

// trial runs commands in a directory of its own.
type trial struct {
	testing.TB

	env   map[string]string
	stdin string
}

// inNewDirectory makes a new directory the current one.
func inNewDirectory(t *testing.T) *trial {
	t.Helper()
	t.Chdir(t.TempDir())
	return &trial{TB: t, env: map[string]string{}}
}

// run runs the command in this process.
func (t *trial) run(args ...string) outcome {
	t.Helper()
	return t.runIn(t.Context(), args...)
}

func (t *trial) runIn(ctx context.Context, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	code := run(ctx, args, strings.NewReader(t.stdin), &out, &err, func(name string) string { return t.env[name] })
	return outcome{code, out.String(), err.String()}
}

// ok runs a command that must work, and returns its output.
func (t *trial) ok(args ...string) string {
	t.Helper()
	result := t.run(args...)
	require.Zero(t, result.code, "%v: %s", args, result.err)
	return result.out
}

// command is the command as a process of its own.
func (t *trial) command(args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, args...)
	// The race detector would wait for a second at the end.
	command.Env = append(os.Environ(), asCommand+"=1", "GORACE=atexit_sleep_ms=0", "NO_COLOR=", "TERM=xterm", fromVariable+"=")
	return command
}

// event is a decision; the number makes its id and its time.
func event(n int, change func(*audit.PermissionAuditEvent)) audit.PermissionAuditEvent {
	id, err := audit.ParseEventID(fmt.Sprintf("019a0000-0000-7000-8000-%012d", n))
	if err != nil {
		panic(err)
	}
	e := audit.PermissionAuditEvent{
		ID: id, Timestamp: begin.Add(minutes(n)), Action: audit.ActionUpdate, Granted: true,
		Manager: "Project", UserID: "42", Attributes: []string{"status"}, Permissions: []string{"isSelf"},
		Metadata: map[string]any{"request_id": fmt.Sprintf("r-%d", n)},
	}
	if change != nil {
		change(&e)
	}
	return e
}

// events are the log of most tests: two are denied, one is bypassed, and there is a gap.
func events() []audit.PermissionAuditEvent {
	return []audit.PermissionAuditEvent{
		event(0, nil),
		event(1, func(e *audit.PermissionAuditEvent) { e.Granted = false }),
		event(2, func(e *audit.PermissionAuditEvent) { e.Granted, e.UserID = false, "7" }),
		event(3, func(e *audit.PermissionAuditEvent) { e.Bypassed, e.Manager, e.Action = true, "Invoice", "read" }),
		event(4, func(e *audit.PermissionAuditEvent) {
			e.Action, e.Manager, e.UserID, e.Attributes, e.Permissions = audit.ActionGap, "", "", nil, nil
			e.Metadata = map[string]any{"dropped": 5}
		}),
		event(5, func(e *audit.PermissionAuditEvent) {
			e.Manager, e.UserID, e.User, e.Metadata = "", "", audit.UserRepr("anna"), nil
			e.Attributes = []string{"a,b", "!c"}
		}),
	}
}

// log is the events as lines.
func log(tb testing.TB, events ...audit.PermissionAuditEvent) string {
	tb.Helper()
	var text []byte
	for i := range events {
		text = append(appendEvent(text, &events[i]), '\n')
	}
	return string(text)
}

// write writes a file below the current directory.
func (t *trial) write(path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// ids are the last digits of the ids of events that were printed as JSON.
func ids(tb testing.TB, lines string) []int {
	tb.Helper()
	all := []int{}
	for line := range strings.Lines(lines) {
		var e audit.PermissionAuditEvent
		require.NoError(tb, e.UnmarshalJSON([]byte(line)), line)
		var n int
		text := e.ID.String()
		_, err := fmt.Sscanf(text[24:], "%d", &n)
		require.NoError(tb, err)
		all = append(all, n)
	}
	return all
}

// readAll reads what a spec names, gaps too.
func readAll(tb testing.TB, spec string) (all []audit.PermissionAuditEvent) {
	tb.Helper()
	handle, err := query.OpenAll(tb.Context(), spec)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, handle.Close()) }()
	filter, err := withGaps(tb.Context(), handle, query.Filter{})
	require.NoError(tb, err)
	for e, err := range handle.Events(tb.Context(), filter) {
		require.NoError(tb, err)
		all = append(all, e)
	}
	return all
}
