//go:build cgo

package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestADatabaseThatWasRemovedOrReplacedIsNoticed(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(1)...)))
	aside := path + ".aside"
	require.NoError(t, os.Rename(path, aside))
	err := store.WriteBatch(t.Context(), entries(t, numbered(1)...))
	require.ErrorContains(t, err, "its file is gone")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	err = store.WriteBatch(t.Context(), entries(t, numbered(1)...))
	require.ErrorContains(t, err, "its file was replaced")
	require.NoError(t, os.Rename(aside, path))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(1)...)), "it is back")
}

func TestTablesThatWouldLoseEventsAreRefused(t *testing.T) {
	for _, name := range []string{"temp.log", "TEMP.log", "sqlite_log", "main.SQLite_log", "other.log"} {
		_, err := Open(t.Context(), newPath(t), &Options{TableName: name})
		require.ErrorContains(t, err, "table name", name)
	}
}

func TestPathsThatBeginWithTwoSlashes(t *testing.T) {
	path := newPath(t)
	store := openTest(t, "/"+path, nil)
	require.NoError(t, store.Ping(t.Context()))
	source, err := query.Open(t.Context(), "sqlite:///"+path)
	require.NoError(t, err)
	require.NoError(t, source.Close())
}

// A reader who may not write to the database is told so, unless nobody may: then it
// does not change while it is read.
func TestAFileThatIsReadOnlyForEverybodyIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "copy.db")
	store, err := Open(t.Context(), path, nil)
	require.NoError(t, err)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(3)...)))
	require.NoError(t, store.Close())
	require.NoError(t, os.Chmod(path, 0o400))
	require.Len(t, read(t, openTest(t, path, &Options{ReadOnly: true}), everything), 3)
}

func TestBooleansThatAreNoneAreDamage(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(5)...)))
	execute(t, path, "UPDATE permission_audit_log SET granted = 'maybe' WHERE id = 2; UPDATE permission_audit_log SET bypassed = 7 WHERE id = 4")
	var damaged []int
	sound := 0
	for _, err := range store.Events(t.Context(), query.Filter{}) {
		var damage *query.DamageError
		if errors.As(err, &damage) {
			damaged = append(damaged, damage.Line)
			continue
		}
		require.NoError(t, err)
		sound++
	}
	require.Equal(t, []int{2, 4}, damaged)
	require.Equal(t, 3, sound)
}

// Whoever opens a table does not know which indexes it was made with.
func TestFiltersDoNotRelyOnAnIndexThatIsNotThere(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, &Options{MetadataIndexes: []string{}})
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(5)...)))
	execute(t, path, `UPDATE permission_audit_log SET metadata = '{bad' WHERE id = 2; UPDATE permission_audit_log SET metadata = '{"request_id": "x"}' WHERE id = 3`)
	source, err := query.Open(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	defer func() { require.NoError(t, source.Close()) }()
	found := 0
	for _, err := range source.Events(t.Context(), query.Filter{Metadata: map[string]query.Terms{"request_id": {In: []string{"x"}}}}) {
		require.NoError(t, err)
		found++
	}
	require.Equal(t, 1, found)
}

func TestNumbersOfManyDigitsAreFoundByTheirText(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	store := openTest(t, ":memory:", nil)
	var events []audit.PermissionAuditEvent
	var numbers []string
	for range 2000 {
		number := fmt.Sprintf("%d.%de%d", random.Uint64(), random.Uint64(), random.IntN(60)-30)
		if random.IntN(2) == 0 {
			number = strconv.FormatUint(random.Uint64(), 10) + strconv.Itoa(random.IntN(1000))
		}
		numbers = append(numbers, number)
		events = append(events, audit.PermissionAuditEvent{Action: "x", Metadata: map[string]any{"request_id": json.Number(number)}})
	}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
	for i := 0; i < len(numbers); i += 10 {
		found := read(t, store, query.Filter{Metadata: map[string]query.Terms{"request_id": {In: numbers[i : i+10]}}})
		require.Len(t, found, 10, numbers[i:i+10])
	}
}
