package query

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// begin is when the events of the tests begin to happen.
var begin = time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC)

// idOf returns the id of event n.
func idOf(n int) (id audit.EventID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// eventLine is event n as a line of a log, with the given manager, without LF.
func eventLine(n int, manager string) string {
	return fmt.Sprintf(`{"id":"%s","timestamp":"%s","action":"read","attributes":[],"granted":true,"bypassed":false,`+
		`"manager":%q,"user_id":null,"user":null,"permissions":[],"metadata":null}`,
		idOf(n), begin.Add(time.Duration(n)*time.Second).Format("2006-01-02T15:04:05.000000Z"), manager)
}

// logOf is a log of those events, each with LF.
func logOf(numbers ...int) string {
	var log strings.Builder
	for _, n := range numbers {
		log.WriteString(eventLine(n, "Project") + "\n")
	}
	return log.String()
}

// writeLog writes a file and returns its path.
func writeLog(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "permission.log")
	require.NoError(tb, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// yielded is what a sequence yielded: a text for each pair.
func yielded(ctx context.Context, source Source, f Filter) []string {
	texts := []string{}
	for event, err := range source.Events(ctx, f) {
		texts = append(texts, pairText(event, err))
	}
	return texts
}

// numbers are those of the events that source yields, which eventLine made.
func numbers(tb testing.TB, source Source, f Filter) []int {
	tb.Helper()
	found := []int{}
	for event, err := range source.Events(tb.Context(), f) {
		require.NoError(tb, err)
		found = append(found, int(binary.BigEndian.Uint64(event.ID[8:])))
	}
	return found
}

// pairText is a pair with all that it says. Empty and missing lists are the same.
func pairText(event audit.PermissionAuditEvent, err error) string {
	if err != nil {
		var damage *DamageError
		if errors.As(err, &damage) {
			return "damage " + err.Error()
		}
		return "error " + err.Error()
	}
	metadata, err := json.Marshal(event.Metadata)
	if err != nil {
		metadata = []byte(err.Error())
	}
	return fmt.Sprintf("event %s %s %s %q %t %t %q %q %#v %q %s %q", event.ID, event.Timestamp.Format(time.RFC3339Nano), event.Action,
		event.Attributes, event.Granted, event.Bypassed, event.Manager, event.UserID, event.User, event.Permissions, metadata, event.Sanitized)
}
