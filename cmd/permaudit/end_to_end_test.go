package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/sample"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
)

// buildCommand builds the command as its users do.
func buildCommand(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "permaudit")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOWORK=off")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return binary
}

// sampleLog is the log of a service, with gaps and sampled events, some of them written
// twice; once more without the repeats.
func sampleLog(t *testing.T, events int) (lines, once []audit.Entry) {
	t.Helper()
	sampled, err := sample.Sampled(sample.Events(events, 5), 0.5)
	require.NoError(t, err)
	i := 0
	for event := range sampled {
		if i%5000 == 100 {
			gap := audit.PermissionAuditEvent{
				ID: audit.NewEventID(), Timestamp: event.Timestamp, Action: audit.ActionGap, Granted: true,
				Metadata: map[string]any{"dropped": i},
			}
			entry, err := audit.NewEntry(t.Context(), gap)
			require.NoError(t, err)
			once, lines = append(once, entry), append(lines, entry)
		}
		entry, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		once, lines = append(once, entry), append(lines, entry)
		if i%7000 == 6999 { // a batch whose outcome was unknown
			lines = append(lines, lines[len(lines)-500:]...)
		}
		i++
	}
	return lines, once
}

// storeSample writes the log to a file, its rotated ones compressed, and to the stores.
func storeSample(t *testing.T, directory string, lines, once []audit.Entry) (specs []string) {
	t.Helper()
	for part, name := range []string{"permission-20261101T000000.000000Z.log.gz", "permission-20261102T000000.000000Z.log", "permission.log"} {
		var text []byte
		for i := part * len(lines) / 3; i < (part+1)*len(lines)/3; i++ {
			text = append(lines[i].AppendJSON(text), '\n')
		}
		path := filepath.Join(directory, name)
		require.NoError(t, os.WriteFile(strings.TrimSuffix(path, ".gz"), text, 0o600))
		if strings.HasSuffix(name, ".gz") {
			said, err := exec.CommandContext(t.Context(), "gzip", strings.TrimSuffix(path, ".gz")).CombinedOutput()
			require.NoError(t, err, "%s", said)
		}
	}
	specs = append(specs, filepath.Join(directory, "permission*"))
	write := func(sink audit.Sink, err error) {
		require.NoError(t, err)
		for batch := range slices.Chunk(once, 4096) {
			require.NoError(t, sink.WriteBatch(t.Context(), batch))
		}
		require.NoError(t, sink.Close())
	}
	path := filepath.Join(directory, "audit.db")
	store, err := sqlite.Open(t.Context(), path, nil)
	write(store, err)
	specs = append(specs, "sqlite:"+path)
	if os.Getenv("AUDIT_TEST_POSTGRES_DSN") != "" {
		spec := postgresTable(t)
		server, err := postgres.OpenSpec(t.Context(), spec)
		write(server, err)
		specs = append(specs, spec)
	}
	return specs
}

// The same 100,000 events in files, in SQLite and in PostgreSQL have the same answers,
// byte for byte.
func TestEverySourceGivesTheSameAnswers(t *testing.T) {
	directory := t.TempDir()
	lines, once := sampleLog(t, 210_000)
	require.Greater(t, len(once), 100_000)
	specs := storeSample(t, directory, lines, once)
	if len(specs) < 3 {
		t.Log("not with PostgreSQL, for want of a server, which scripts/with-postgres.sh starts")
	}
	binary := buildCommand(t)
	ask := func(spec string, args ...string) string {
		command := exec.CommandContext(t.Context(), binary, append(args, "--from", spec)...)
		var wrong bytes.Buffer
		command.Stderr = &wrong
		out, err := command.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitFinding { // of compare
			require.NoError(t, err, "%v: %s", args, wrong.String())
		}
		return string(out)
	}
	user, rare := sample.User(0), sample.User(5000)
	middle := once[len(once)/2].Timestamp.Format("2006-01-02T15:04:05.999999Z07:00")
	for _, args := range [][]string{
		{"stats"},
		{"stats", "--since", middle},
		{"stats", "--action", "update", "--denied"},
		{"denied"},
		{"denied", "--by", "manager,attribute", "--until", middle, "-o", "csv"},
		{"denied", "--by", "action,day"},
		{"denied", "--by", "user,hour", "--manager", "!" + once[0].Manager},
		{"denied", "--by", "permission,metadata.deployment"},
		{"denied", "--by", "metadata.request_id", "--user", user},
		{"bypasses"},
		{"bypasses", "--by", "user,action,granted", "--granted"},
		compared(),
		compared("-o", "csv", "--match", "hour", "--by", "manager,permission"),
		compared("-o", "table", "--limit", "0", "--attribute", "status,owner"),
		{"compare", "--baseline", ".." + middle, "--candidate", middle + "..", "-o", "markdown"},
		{"suggest"},
		{"suggest", "-o", "csv", "--manager", "Project,Invoice"},
		{"suggest", "-o", "wide", "--since", middle},
		{"query", "--user", user, "--limit", "50"},
		{"query", "--user", rare, "--limit", "0"},
		{"query", "--denied", "--action", "delete,mutation", "--limit", "300", "-o", "csv"},
		{"query", "--action", "gap", "--limit", "0"},
		{"query", "--limit", "20", "-o", "wide"},
		{"tail", "-n", "30"},
		{"trace", "request_id=" + requestOf(t, &once[777])},
	} {
		want := ask(specs[0], args...)
		require.NotEmpty(t, want, "%v", args)
		for _, spec := range specs[1:] {
			got := ask(spec, args...)
			if want != got { // they are long
				require.Equal(t, shortened(want), shortened(got), "%v", args)
				require.Fail(t, "the answers differ further on", "%v %s", args, spec[:10])
			}
		}
	}
}

func requestOf(t *testing.T, entry *audit.Entry) string {
	t.Helper()
	event, err := entry.Event()
	require.NoError(t, err)
	request, ok := event.Metadata[audit.MetadataRequestID].(string)
	require.True(t, ok)
	return request
}

func shortened(s string) string { return s[:min(len(s), 2000)] }

// What the files hold is imported into a database and into another file, and the
// answers stay the same; a second import adds nothing.
func TestWhatIsImportedGivesTheSameAnswers(t *testing.T) {
	directory := t.TempDir()
	lines, once := sampleLog(t, 6_000)
	specs := storeSample(t, directory, lines, once)
	binary := buildCommand(t)
	permaudit := func(args ...string) string {
		command := exec.CommandContext(context.Background(), binary, args...)
		var wrong bytes.Buffer
		command.Stderr = &wrong
		out, err := command.Output()
		require.NoError(t, err, "%v: %s", args, wrong.String())
		return string(out)
	}
	require.NoError(t, os.Mkdir(filepath.Join(directory, "copy"), 0o700))
	destinations := []string{"sqlite:" + filepath.Join(directory, "copy.db"), filepath.Join(directory, "copy", "copy.log")}
	if len(specs) == 3 {
		destinations = append(destinations, postgresTable(t))
	}
	for _, to := range destinations {
		for range 2 {
			permaudit("import", "--from", specs[0], "--to", to, "--quiet")
			for _, args := range [][]string{{"stats"}, {"denied"}, {"query", "--limit", "0"}} {
				require.Equal(t, permaudit(append(args, "--from", specs[0])...), permaudit(append(args, "--from", to)...))
			}
		}
	}
}
