package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
)

const databasesPage = "docs/databases.md"

func TestTheSQLiteProgramOfTheDocsRuns(t *testing.T) {
	directory, binary := build(t, blocks(t, databasesPage, "go")[0])
	require.Equal(t, "mallory update Project [status]\n", run(t, directory, binary))
	left, err := filepath.Glob(filepath.Join(directory, "audit.db*"))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing stays beside a database that is closed")
}

func TestThePostgreSQLProgramOfTheDocsRuns(t *testing.T) {
	directory, binary := build(t, blocks(t, databasesPage, "go")[1])
	dsn := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("needs a PostgreSQL server: run it with `scripts/with-postgres.sh go test .`, which starts one, or set AUDIT_TEST_POSTGRES_DSN")
	}
	t.Setenv("DATABASE_URL", dsn)
	require.Empty(t, run(t, directory, binary))
}

func TestTheSettingsOfTheDocsLoad(t *testing.T) {
	var settings map[string]any
	require.NoError(t, json.Unmarshal([]byte(blocks(t, databasesPage, "json")[0]), &settings))
	t.Chdir(t.TempDir())
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	_, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), settings)
	require.NoError(t, err)
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), audit.PermissionAuditEvent{Action: audit.ActionRead}))
	require.NoError(t, audit.Shutdown(t.Context()))
	source, err := query.Open(t.Context(), "sqlite:audit.db?table_name=permission_log")
	require.NoError(t, err)
	for event, err := range source.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		require.Equal(t, audit.ActionRead, event.Action)
	}
	require.NoError(t, source.Close())
}

// The settings of a Django project load as they are, and find the table that Django
// made for its model.
func TestTheDjangoSettingsOfTheDocsLoad(t *testing.T) {
	var settings map[string]any
	require.NoError(t, json.Unmarshal([]byte(blocks(t, databasesPage, "json")[1]), &settings))
	t.Chdir(t.TempDir())
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	logger, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), settings)
	require.NoError(t, err)
	require.IsType(t, &audit.DatabaseAuditLogger{}, logger)
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), audit.PermissionAuditEvent{Action: audit.ActionRead}))
	require.NoError(t, audit.Shutdown(t.Context()))

	store, err := sqlite.Open(t.Context(), "audit.db", &sqlite.Options{TableName: "general_manager_permissionauditlog", ReadOnly: true})
	require.NoError(t, err)
	events := 0
	for _, err := range store.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		events++
	}
	require.Equal(t, 1, events)
	require.NoError(t, store.Close())
}

const operationsPage = "docs/operations.md"

func TestTheProgramsOfTheDocsAboutOperationsRun(t *testing.T) {
	programs := blocks(t, operationsPage, "go")
	directory, binary := build(t, programs[0])
	said := strings.Split(strings.TrimSpace(run(t, directory, binary)), "\n") // first that MaxWait passed, on a busy machine
	require.Equal(t, "[]", said[len(said)-1], "there is no problem")

	// The letters that the other one records again.
	letter, err := audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Project"}.MarshalJSON()
	require.NoError(t, err)
	dead := filepath.Join(directory, "audit.spool.dead")
	require.NoError(t, os.WriteFile(dead, append(letter, "\nwhat is this?\n"...), 0o600))
	elsewhere, binary := build(t, programs[1])
	for _, file := range []string{"audit.db", "audit.spool.dead"} {
		require.NoError(t, os.Rename(filepath.Join(directory, file), filepath.Join(elsewhere, file)))
	}
	for range 2 {
		said := run(t, elsewhere, binary)
		require.Contains(t, said, "audit.spool.dead:2: ")
		require.Contains(t, said, "1 recorded, 1 written, 0 refused again\n")
	}
	source, err := query.Open(t.Context(), "sqlite:"+filepath.Join(elsewhere, "audit.db"))
	require.NoError(t, err)
	events := 0
	for _, err := range source.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		events++
	}
	require.NoError(t, source.Close())
	require.Equal(t, 2, events, "each once")
}

func TestTheSpoolIsReadAsTheDocsSay(t *testing.T) {
	text, err := os.ReadFile(operationsPage)
	require.NoError(t, err)
	command := regexp.MustCompile("`(jq [^`]*)`").FindSubmatch(text)
	require.NotNil(t, command)
	directory := t.TempDir()
	store, _ := breakable()
	logger := spooling(t, store, filepath.Join(directory, "audit.spool"), durable)
	recordAll(t, logger, named(2)...)
	require.Equal(t, "read\nread\n", run(t, directory, "sh", "-c", string(command[1])))
	require.NoError(t, logger.Close())
}

// logrotate takes the log away while it is written to.
func TestTheLogrotateConfigurationOfTheDocsLosesNothing(t *testing.T) {
	logrotate, err := exec.LookPath("logrotate")
	if err != nil {
		if logrotate, err = exec.LookPath("/usr/sbin/logrotate"); err != nil {
			t.Skip("needs logrotate: scripts/setup.sh logrotate installs it")
		}
	}
	directory := t.TempDir()
	path := filepath.Join(directory, "permission.log")
	text := blocks(t, operationsPage, "logrotate")[0]
	require.Contains(t, text, "/var/log/service/permission.log {")
	configuration := filepath.Join(directory, "logrotate.conf")
	require.NoError(t, os.WriteFile(configuration, []byte(strings.Replace(text, "/var/log/service/permission.log", path, 1)), 0o600))
	logger := openLog(t, path, audit.FileOptions{})
	for _, name := range named(5) {
		record(t, logger, name)
		run(t, directory, logrotate, "--force", "--state", filepath.Join(directory, "state"), configuration)
	}
	require.NoError(t, logger.Close())
	run(t, directory, "sh", "-c", "gunzip permission.log.*.gz")
	var found []string
	for i := 5; i > 0; i-- {
		found = append(found, logged(t, fmt.Sprint(path, ".", i))...)
	}
	require.Equal(t, named(5), found)
}

// The programs of the pages that ask the log of examples/deployment say what the pages say.
func TestTheProgramsOfTheDocsAboutDeploymentsSayWhatTheDocsSay(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	directory := regexp.MustCompile(`permission.log is in (\S+)`).FindStringSubmatch(run(t, ".", "go", "run", "./examples/deployment"))
	require.NotNil(t, directory)
	for page, n := range map[string]int{"docs/regression.md": 1, "docs/suggest.md": 1} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		programs := regexp.MustCompile("(?s)```go\n(.*?)```\n\n```text\n(.*?)```").FindAllSubmatch(text, -1)
		require.Len(t, programs, n, page)
		for _, program := range programs {
			_, binary := build(t, string(program[1]))
			require.Equal(t, string(program[2]), run(t, directory[1], binary))
		}
	}
}

// What the docs name as a proof is there.
func TestEveryTestThatTheDocsNameExists(t *testing.T) {
	var code []byte
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			var text []byte
			text, err = os.ReadFile(path)
			code = append(code, text...)
		}
		return err
	}))
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)(\\.\\.\\.)?`").FindAllSubmatch(text, -1) {
			declaration := "func " + string(name[1])
			if len(name[2]) == 0 {
				declaration += "("
			}
			require.True(t, bytes.Contains(code, []byte(declaration)), "%s names %s", page, name[1])
		}
	}
}

// The programs of the page about analysis, where the log of the quickstart is, say what
// the page says; its commands have a test beside the command.
func TestTheProgramsOfTheDocsAboutAnalysisSayWhatTheDocsSay(t *testing.T) {
	text, err := os.ReadFile("docs/analysis.md")
	require.NoError(t, err)
	t.Setenv("TMPDIR", t.TempDir())
	said := run(t, ".", "go", "run", "./examples/quickstart")
	directory := regexp.MustCompile(`audit.db are in (\S+)`).FindStringSubmatch(said)
	require.NotNil(t, directory, said)
	programs := regexp.MustCompile("(?s)```go\n(.*?)```\n\n```text\n(.*?)```").FindAllSubmatch(text, -1)
	require.Len(t, programs, 4)
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
	for _, program := range programs {
		_, binary := build(t, string(program[1]))
		require.Equal(t, times.ReplaceAllString(string(program[2]), ""), times.ReplaceAllString(run(t, directory[1], binary), ""))
	}
}
