package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
)

// database is where Django and a store meet: a database of one test's own.
type database struct {
	*django

	spec func(table string) string // for query.Open
	open func(ctx context.Context, table string) (audit.Sink, error)
}

// inEachDatabase runs the test in a new SQLite file and in a new PostgreSQL database.
func inEachDatabase(t *testing.T, test func(t *testing.T, db *database)) {
	if os.Getenv("AUDIT_TEST_INTEROP") != "1" {
		t.Skip("needs Django: make interop runs it")
	}
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "audit.db")
		test(t, &database{
			django: startDjango(t, "sqlite3", path),
			spec:   func(table string) string { return "sqlite:" + path + "?table_name=" + table },
			open: func(ctx context.Context, table string) (audit.Sink, error) {
				return sqlite.Open(ctx, path, &sqlite.Options{TableName: table})
			},
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
		dsn, err := url.Parse(server)
		require.NoError(t, err, "AUDIT_TEST_POSTGRES_DSN")
		require.Contains(t, []string{"postgres", "postgresql"}, dsn.Scheme, "AUDIT_TEST_POSTGRES_DSN must be a URL")
		name := fmt.Sprintf("interop_%s", audit.NewEventID())
		process := startDjango(t, "postgresql", server, name)
		dsn.Path = "/" + name
		test(t, &database{
			django: process,
			spec: func(table string) string {
				with, parameters := *dsn, dsn.Query()
				parameters.Set("table_name", table)
				with.RawQuery = parameters.Encode()
				return with.String()
			},
			open: func(ctx context.Context, table string) (audit.Sink, error) {
				return postgres.Open(ctx, dsn.String(), &postgres.Options{TableName: table})
			},
		})
	})
}

// django is a process that does to one database what it is told, with Django's ORM.
// It keeps its connection, as a server does.
type django struct {
	commands *json.Encoder
	replies  *json.Decoder
}

func startDjango(t *testing.T, arguments ...string) *django {
	t.Helper()
	python := os.Getenv("AUDIT_TEST_PYTHON")
	if python == "" {
		python = "python3"
	}
	// Not the test's context: that ends before the database can be dropped.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	process := exec.CommandContext(ctx, python, append([]string{"orm.py"}, arguments...)...)
	process.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8")
	process.Stderr = t.Output()
	stdin, err := process.StdinPipe()
	require.NoError(t, err)
	stdout, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		defer cancel()
		require.NoError(t, stdin.Close())
		require.NoError(t, process.Wait(), "%s orm.py", python)
	})
	d := &django{commands: json.NewEncoder(stdin), replies: json.NewDecoder(stdout)}
	d.replies.UseNumber()
	var version string
	d.reply(t, &version)
	t.Log("Django", version)
	return d
}

// call has a function of orm.py called; result may be nil.
func (d *django) call(t *testing.T, function string, arguments map[string]any, result any) {
	t.Helper()
	command := map[string]any{"do": function}
	maps.Copy(command, arguments)
	require.NoError(t, d.commands.Encode(command))
	d.reply(t, result)
}

func (d *django) reply(t *testing.T, result any) {
	t.Helper()
	reply := struct {
		Result any
		Error  string
	}{Result: result}
	require.NoError(t, d.replies.Decode(&reply), "Django does not answer")
	require.Empty(t, reply.Error)
}

// create makes the table as Django's migrations do.
func (d *django) create(t *testing.T, table string) {
	t.Helper()
	d.call(t, "create", map[string]any{"table": table}, nil)
}

// insert adds rows to the table, with the moment of now where created_at is "".
func (d *django) insert(t *testing.T, table string, rows []row) {
	t.Helper()
	d.call(t, "insert", map[string]any{"table": table, "rows": rows}, nil)
}

// columns describes the columns of the table, in their order.
func (d *django) columns(t *testing.T, table string) (columns [][]string) {
	t.Helper()
	d.call(t, "columns", map[string]any{"table": table}, &columns)
	return columns
}

// selection is what Django's ORM is asked for; the zero selection is all rows by id.
type selection struct {
	filter   map[string]any    // keyword arguments of filter
	contains map[string]string // a JSON array, and what it contains
	orderBy  []string
	limit    int
}

// rows reads the table, and checks that Django counts as many rows as it reads.
func (d *django) rows(t *testing.T, table string, s selection) []row {
	t.Helper()
	arguments := map[string]any{"table": table}
	if s.filter != nil {
		arguments["filter"] = s.filter
	}
	if s.contains != nil {
		arguments["contains"] = s.contains
	}
	if s.orderBy != nil {
		arguments["order_by"] = s.orderBy
	}
	if s.limit > 0 {
		arguments["limit"] = s.limit
	}
	var found struct {
		Rows  []row
		Count int
	}
	d.call(t, "rows", arguments, &found)
	if s.limit == 0 {
		require.Len(t, found.Rows, found.Count)
	}
	return found.Rows
}
