package main

import (
	"compress/gzip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestPruneDeletesRowsOfATable(t *testing.T) {
	c := inNewDirectory(t)
	all := events()
	all[0].Metadata = map[string]any{"sample_rate": 0.001} // one row all the same
	c.write("permission.log", log(t, all...))
	c.ok("import", "--to", "sqlite:audit.db")
	rows, err := countOld(t.Context(), "sqlite:audit.db", begin.Add(minutes(5)))
	require.NoError(t, err)
	require.Equal(t, int64(5), rows, "gaps too")

	result := c.run("prune", "--older-than", "2026-11-23 07:48", "--yes", "--from", "sqlite:audit.db")
	require.Equal(t, outcome{0, "", "deleted 2 rows of sqlite:audit.db\n"}, result)
	require.Equal(t, []int{5, 3, 2}, ids(t, c.ok("query", "--from", "sqlite:audit.db")))
	result = c.run("prune", "--older-than", "2026-11-23 07:48", "--yes", "--from", "sqlite:audit.db")
	require.Equal(t, outcome{0, "", "no row of sqlite:audit.db is older than 2026-11-23T07:48:00Z\n"}, result)
}

func TestPruneDeletesWholeRotatedFiles(t *testing.T) {
	c := inNewDirectory(t)
	gap := func(e *audit.PermissionAuditEvent) { e.Action = audit.ActionGap }
	files := map[string]string{
		"logs/a.log":                              log(t, event(0, nil)),                // the log itself
		"logs/a-20261123T074900.000000Z.log":      log(t, event(0, nil), event(2, nil)), // old
		"logs/a-20261123T075000.000000Z.log":      log(t, event(0, nil), event(3, nil)), // one event is not old
		"logs/a-20261123T075100.000000Z.log":      log(t, event(0, nil), event(9, gap)), // nor is a gap
		"logs/a-20261123T074800.000000Z.log":      "damaged\n" + log(t, event(0, nil)),  // old by its name
		"logs/a-20261123T075200.000000Z.log":      "damaged\n" + log(t, event(0, nil)),  // not old by its name
		"logs/a-20261123T074700.000000Z.log":      "",                                   // old by its name
		"logs/a-20261123T075300.000000Z.log":      "",                                   // not old by its name
		"logs/a.log.1":                            log(t, event(0, nil), event(3, nil)), // logrotate's: one event is not old
		"logs/a.log.2":                            log(t, event(0, nil), event(2, nil)), // old
		"logs/a.log.3":                            "",                                   // just written
		"logs/a.log.x":                            log(t, event(0, nil)),
		"logs/ab.log.2":                           log(t, event(0, nil)),
		"logs/a-20261123T0748.log":                log(t, event(0, nil)), // of somebody else, as are the others
		"logs/a-20261123T074900.000000Z.log.part": log(t, event(0, nil)),
		"logs/ab-20261123T074900.000000Z.log":     log(t, event(0, nil)),
		"logs/a-20261123T074900.000000Z.txt":      log(t, event(0, nil)),
	}
	for path, text := range files {
		c.write(path, text)
	}
	result := c.run("prune", "--older-than", "2026-11-23T07:49:00Z", "--yes", "--from", "logs/a.log")
	require.Zero(t, result.code, result.err)
	require.Equal(t, "deleted file logs/a-20261123T074700.000000Z.log\ndeleted file logs/a-20261123T074800.000000Z.log\ndeleted file logs/a-20261123T074900.000000Z.log\ndeleted file logs/a.log.2\n", result.err)
	for path := range files {
		_, err := os.Stat(path)
		deleted := strings.Contains(result.err, path+"\n")
		require.Equal(t, deleted, err != nil, path)
	}
}

func TestPruneKeepsWhatItCannotRead(t *testing.T) {
	c := inNewDirectory(t)
	c.write("a.log", "")
	c.write("a-20261123T074900.000000Z.log", "SQLite format 3\x00")
	result := c.run("prune", "--older-than", "1d", "--yes", "--from", "a.log")
	require.Equal(t, exitTrouble, result.code)
	requireOneLine(t, result, "it is an SQLite database", nil)
	require.FileExists(t, "a-20261123T074900.000000Z.log")
}

func TestPruneDeletesCompressedFiles(t *testing.T) {
	c := inNewDirectory(t)
	c.write("a.log", "")
	const name, numbered = "a-20261123T074900.000000Z.log.gz", "a.log.12.gz"
	file, err := os.Create(name)
	require.NoError(t, err)
	packed := gzip.NewWriter(file)
	_, err = packed.Write([]byte(log(t, event(0, nil))))
	require.NoError(t, err)
	require.NoError(t, packed.Close())
	require.NoError(t, file.Close())
	c.write(numbered, read(t, name))
	result := c.run("prune", "--older-than", "2026-11-23 07:49", "--yes", "--from", "a.log")
	require.Equal(t, outcome{0, "", "deleted file " + name + "\ndeleted file " + numbered + "\n"}, result)
	require.NoFileExists(t, name)
	require.NoFileExists(t, numbered)
}

func TestPruneFindsRotatedFilesOfALogThatIsGone(t *testing.T) {
	c := inNewDirectory(t)
	c.write("a-20261123T074900.000000Z", log(t, event(0, nil)))
	require.Contains(t, c.run("prune", "--older-than", "1m", "--yes", "--from", "a").err, "deleted file a-2026")
}

func TestNamesOfRotatedFilesAreRecognised(t *testing.T) {
	at, ours := rotatedTime("permission.log", "permission-20261123T074620.123456Z.log.gz")
	require.True(t, ours)
	require.Equal(t, begin, at)
	require.Equal(t, time.UTC, at.Location())
	for _, name := range []string{
		"permission.log", "permission-20261123T074620Z.log", "permission-20261123T074620.123456789Z.log", "permission-20261323T074620.123456Z.log",
		"permission-.log", "xpermission-20261123T074620.123456Z.log", "permission-20261123T074620.123456Z.log.gz.part", "permission-20261123T074620.123456Z.log.torn",
	} {
		_, ours := rotatedTime("permission.log", name)
		require.False(t, ours, name)
	}
}

func TestPruneRefusesADirectory(t *testing.T) {
	c := inNewDirectory(t)
	c.write("logs/a.log", log(t, event(0, nil)))
	result := c.run("prune", "--older-than", "1d", "--yes", "--from", "logs")
	require.Equal(t, exitTrouble, result.code)
	requireOneLine(t, result, "logs: it is a directory: name the log in it", nil)
}

func TestPruneSaysThatLinesStay(t *testing.T) {
	c := inNewDirectory(t)
	c.write("a.log", log(t, event(0, nil)))
	result := c.run("prune", "--older-than", "2026-11-24", "--yes", "--from", "a.log")
	const want = "no rotated file of a.log is wholly older than 2026-11-24T00:00:00Z; lines of the log itself are never deleted\n"
	require.Equal(t, outcome{0, "", want}, result)
}

func TestNumberedNamesAreTheReadersRule(t *testing.T) {
	for name, is := range map[string]bool{
		"a.log.1": true, "a.log.10.gz": true, "a.log": false, "a.log.": false, "a.log.x": false, "a.log.-1": false, "a.log.1.bz2": false,
		"a.log.99999999999": false, "b.log.1": false, "a.log.1.2": false,
	} {
		require.Equal(t, is, isNumbered("a.log", name), name)
	}
}
