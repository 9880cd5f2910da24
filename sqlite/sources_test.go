//go:build cgo

package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestQueryOpenReadsADatabase(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	path := filepath.Join(directory, "a b.db")
	for _, name := range []string{"", "decisions"} {
		store := openTest(t, path, &Options{TableName: name})
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("in "+store.reader.Table.String()))))
		require.NoError(t, store.Close())
	}
	before := contents(t, directory)
	slashes := filepath.ToSlash(path)
	for spec, want := range map[string]string{
		"sqlite:a b.db":                                 "permission_audit_log",
		"sqlite:a%20b.db":                               "permission_audit_log",
		"SQLite:./a%20b.db":                             "permission_audit_log",
		"sqlite:" + path:                                "permission_audit_log",
		"sqlite://" + slashes:                           "permission_audit_log",
		"sqlite:a b.db?table_name=decisions":            "decisions",
		"sqlite:a b.db?table_name=main.decisions":       "decisions",
		"sqlite:a b.db?table_name=":                     "permission_audit_log",
		"sqlite:a b.db?":                                "permission_audit_log",
		"sqlite://" + slashes + "?table_name=decisions": "decisions",
		"sqlite:a%20b.db?table_name=main%2Edecisions":   "decisions",
		"sqlite:" + slashes + "?table%5Fname=decisions": "decisions",
	} {
		source, err := query.Open(t.Context(), spec)
		require.NoError(t, err, spec)
		require.Equal(t, []string{"in " + want}, managers(t, source, everything), spec)
		require.NoError(t, source.Close())
		require.ErrorContains(t, readError(source, everything), "source is closed")
	}
	require.Equal(t, before, contents(t, directory))
}

func TestQueryOpenSaysWhatIsWrongAndCreatesNothing(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "audit.db")
	execute(t, path, "CREATE TABLE other (a)")
	text := filepath.Join(directory, "text")
	require.NoError(t, os.WriteFile(text, []byte("not a database at all"), 0o600))
	before := contents(t, directory)
	for spec, says := range map[string]string{
		"sqlite:":                                       "path is empty",
		"sqlite://":                                     "path is empty",
		"sqlite::memory:":                               "ReadOnly makes no sense",
		"sqlite:" + path:                                "there is no table permission_audit_log",
		"sqlite:" + path + "?table_name=x":              "there is no table x",
		"sqlite:" + path + "?table_name=other":          "is no permission log",
		"sqlite:" + path + "?table=x":                   `option "table" is unknown`,
		"sqlite:" + path + "?mode=rwc":                  `option "mode" is unknown`,
		"sqlite:" + path + "?table_name=a&table_name=b": "repeated",
		"sqlite:" + path + "?%zz":                       "options are malformed",
		"sqlite:%zz":                                    "path is malformed",
		"sqlite:" + path + ".missing":                   "no such file",
		"sqlite:" + directory:                           "is a directory",
		"sqlite:" + text:                                "file is not a database",
	} {
		_, err := query.Open(t.Context(), spec)
		require.ErrorContains(t, err, "query: open sqlite source: ", spec)
		require.ErrorContains(t, err, says, spec)
	}
	require.Equal(t, before, contents(t, directory))
}
