package audit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// originalLines are those of a log that general_manager wrote itself.
func originalLines(t *testing.T) [][]byte {
	t.Helper()
	log, err := os.ReadFile("testdata/general_manager.log")
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSuffix(log, []byte("\n")), []byte("\n"))
	require.Len(t, lines, 600)
	return lines
}

// independently decodes a line without any of this library.
func independently(t *testing.T, line []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var fields map[string]any
	require.NoError(t, decoder.Decode(&fields))
	require.Len(t, fields, 10)
	return fields
}

func TestEveryLineOfGeneralManagerIsReadAsItStands(t *testing.T) {
	var denied, bypassed, null, integers, uuids, quoted, anonymous, empty, nested int
	for _, line := range originalLines(t) {
		var event audit.PermissionAuditEvent
		require.NoError(t, event.UnmarshalJSON(line))
		fields := independently(t, line)

		require.True(t, event.ID.IsZero(), "it has no ids")
		require.Nil(t, event.Sanitized)
		at, err := time.Parse("2006-01-02T15:04:05.000000-07:00", fields["timestamp"].(string))
		require.NoError(t, err)
		require.Equal(t, at.UTC(), event.Timestamp)
		require.Equal(t, fields["action"], string(event.Action))
		require.Equal(t, fields["granted"], event.Granted)
		require.Equal(t, fields["bypassed"], event.Bypassed)
		require.Equal(t, fields["manager"], orNil(event.Manager))
		require.Equal(t, fields["user_id"], orNil(event.UserID))
		require.Equal(t, fields["user"], orNil(reprOf(event)))
		require.Equal(t, fields["attributes"], anyList(event.Attributes))
		require.Equal(t, fields["permissions"], anyList(event.Permissions))
		if fields["metadata"] == nil {
			require.Nil(t, event.Metadata)
		} else {
			require.Equal(t, fields["metadata"], event.Metadata)
		}

		count := func(n *int, is bool) {
			if is {
				*n++
			}
		}
		_, notInteger := strconv.Atoi(event.UserID)
		count(&denied, !event.Granted)
		count(&bypassed, event.Bypassed)
		count(&null, event.Manager == "")
		count(&integers, notInteger == nil)
		count(&uuids, len(event.UserID) == 36)
		count(&quoted, event.User == audit.UserRepr(`svc "cron" é中🔒`))
		count(&anonymous, event.User == audit.UserRepr("<AnonymousUser object>"))
		count(&empty, event.Metadata != nil && len(event.Metadata) == 0)
		count(&nested, event.Metadata["nested"] != nil)
	}
	require.Equal(t, []int{151, 15, 164, 17, 24, 148}, []int{denied, bypassed, null, quoted, anonymous, empty})
	require.Positive(t, nested)
	require.Positive(t, uuids)
	require.Equal(t, 543, integers+uuids)
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func anyList(list []string) []any {
	all := []any{}
	for _, s := range list {
		all = append(all, s)
	}
	return all
}

// An imported event is written with an id, and says the same otherwise.
func TestEveryLineOfGeneralManagerIsWrittenWithTheSameContent(t *testing.T) {
	for _, line := range originalLines(t) {
		event := readLine(t, string(line))
		event.ID = audit.NewEventID()
		requireRoundTrip(t, event)

		fields := map[string]any{}
		decoder := json.NewDecoder(strings.NewReader(lineOf(t, event)))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&fields))
		require.Equal(t, event.ID.String(), fields["id"])
		delete(fields, "id")
		original := independently(t, line)
		original["timestamp"] = strings.Replace(original["timestamp"].(string), "+00:00", "Z", 1)
		require.Equal(t, original, fields)
	}
}
