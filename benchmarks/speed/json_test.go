package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"
)

// decoded is a line, without what differs in each.
func decoded(t *testing.T, line []byte, frameworks ...string) map[string]any {
	t.Helper()
	var fields map[string]any
	require.NoError(t, json.Unmarshal(line, &fields), string(line))
	for _, key := range append(frameworks, "id", "timestamp") {
		require.Contains(t, fields, key)
		if key == "id" {
			require.Len(t, fields[key], 36)
		}
		delete(fields, key)
	}
	return fields
}

// written is what a subject that writes to a file makes of one event.
func written(t *testing.T, name string, d *decision) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "one.log")
	l, err := subjectNamed(name).open(path)
	require.NoError(t, err)
	require.NoError(t, l.record(t.Context(), d))
	require.NoError(t, l.close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(text, []byte{'\n'}))
	return text
}

func TestPeersWriteTheSameFields(t *testing.T) {
	for _, keys := range []int{1, referenceKeys, 10, 100} {
		for _, d := range []*decision{newDecision(keys), newDecision(keys).denied()} {
			require.Len(t, d.Metadata, keys)
			mine := decoded(t, written(t, oursQueued, d))
			for name, record := range map[string]func(io.Writer) log{
				"slog":    func(w io.Writer) log { return slogLog{handler: slog.NewJSONHandler(w, nil)} },
				"zap":     func(w io.Writer) log { return newZap(zapcore.AddSync(w)) },
				"zerolog": func(w io.Writer) log { return newZerolog(w) },
			} {
				var line bytes.Buffer
				require.NoError(t, record(&line).record(context.Background(), d))
				var frameworks []string
				if name == "slog" {
					frameworks = []string{"level", "msg"}
				}
				require.Equal(t, mine, decoded(t, line.Bytes(), frameworks...), name)
			}
			require.Equal(t, mine, decoded(t, written(t, zerologToFile, d)))

			var event struct{ Payload json.RawMessage }
			require.NoError(t, json.Unmarshal(written(t, "eventlogger, FileSink", d), &event))
			require.Equal(t, mine, decoded(t, event.Payload))
		}
	}
}

// Its events have other fields: what must be there is the information.
func TestKubernetesWritesTheSameInformation(t *testing.T) {
	d := newDecision(referenceKeys)
	var event struct {
		AuditID                  string
		Verb                     string
		User                     struct{ UID string }
		ObjectRef                struct{ Resource string }
		RequestReceivedTimestamp string
		Annotations              map[string]string
	}
	require.NoError(t, json.Unmarshal(written(t, "Kubernetes audit log, lumberjack", d), &event))
	require.Len(t, event.AuditID, 36)
	require.NotEmpty(t, event.RequestReceivedTimestamp)
	require.Equal(t, []string{string(d.Action), d.UserID, d.Manager}, []string{event.Verb, event.User.UID, event.ObjectRef.Resource})
	require.Equal(t, map[string]string{
		"attributes": "status,owner", "permissions": "isAdmin,isSelf,relatedUserField:owner", "granted": "true", "bypassed": "false",
		"deployment": "v2026.11", "request_id": "req-0123456789",
	}, event.Annotations)
}
