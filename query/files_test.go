package query

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// requireBoth requires that source yields want in order of arrival, and the reverse
// for Newest.
func requireBoth(t *testing.T, source Source, want ...string) {
	t.Helper()
	want = slices.Clone(want)
	require.Equal(t, want, append(want[:0:0], yielded(t.Context(), source, Filter{})...))
	slices.Reverse(want)
	require.Equal(t, want, append(want[:0:0], yielded(t.Context(), source, Filter{Newest: true})...), "newest first")
}

func TestLogOfGeneralManagerIsReadWhole(t *testing.T) {
	source := Files("testdata/general_manager.log")
	count := make(map[string]int)
	for event, err := range source.Events(t.Context(), Filter{}) {
		require.NoError(t, err)
		count["all"]++
		for name, holds := range map[string]bool{
			"denied": !event.Granted, "bypassed": event.Bypassed, "null manager": event.Manager == "",
			"no id": event.ID.IsZero(), "no user id": event.UserID == "", "integer key": event.UserID == "4",
			"UUID key":      event.UserID == "8f14e45f-ceea-467f-a0e6-0d1b2c3d4e5f",
			"anonymous":     event.User == audit.UserRepr("<AnonymousUser object>"),
			"quotes":        event.User == audit.UserRepr(`svc "cron" é中🔒`),
			"null metadata": event.Metadata == nil, "empty metadata": event.Metadata != nil && len(event.Metadata) == 0,
		} {
			if holds {
				count[name]++
			}
		}
		if nested, found := event.Metadata["nested"]; found {
			count["nested"]++
			require.Equal(t, map[string]any{
				"a": []any{json.Number("1"), json.Number("2.5"), nil, true}, "b": "x\ny\t\"z\"",
			}, nested)
		}
	}
	require.Equal(t, map[string]int{
		"all": 600, "denied": 151, "bypassed": 15, "null manager": 164, "no id": 600, "no user id": 57, "integer key": 25,
		"UUID key": 24, "anonymous": 24, "quotes": 17, "null metadata": 159, "empty metadata": 148, "nested": 140,
	}, count)

	requireBoth(t, source, yielded(t.Context(), source, Filter{})...)
	require.Len(t, yielded(t.Context(), source, Filter{Granted: No}), 151)
	require.Len(t, yielded(t.Context(), source, Filter{Manager: in("")}), 164)
	require.Len(t, yielded(t.Context(), source, Filter{Attribute: in("équipe")}), 87)
	require.Len(t, yielded(t.Context(), source, Filter{User: in(`svc "cron" é中🔒`)}), 17)
	require.Len(t, yielded(t.Context(), source, Filter{Metadata: map[string]Terms{"nested": in(`{"a":[1,2.5,null,true],"b":"x\ny\t\"z\""}`)}}), 140)
}

func TestWhatALoggerWroteIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger, err := audit.NewFileAuditLogger(path, nil)
	require.NoError(t, err)
	event := audit.PermissionAuditEvent{
		ID: audit.NewEventID(), Timestamp: begin, Action: audit.ActionUpdate, Attributes: []string{"status"}, Bypassed: true,
		Manager: "Project\u2028\r\n", User: account{}, Permissions: []string{"isSelf"}, Metadata: map[string]any{"n": 1.5, "secret": "x"},
	}
	require.NoError(t, logger.Record(t.Context(), event))
	source := Files(path)
	require.NoError(t, logger.Flush(t.Context()))
	event.User, event.Metadata = audit.UserRepr("an account"), map[string]any{"n": json.Number("1.5"), "secret": audit.Redacted}
	event.Sanitized = []string{"metadata.secret:redacted"}
	for read, err := range source.Events(t.Context(), Filter{}) {
		require.NoError(t, err)
		require.Equal(t, event, read)
	}
	requireBoth(t, source, pairText(event, nil))
	require.NoError(t, logger.Close())
}

func TestFilesAreReadInTheOrderGiven(t *testing.T) {
	source := Files(writeLog(t, logOf(3, 4)), writeLog(t, ""), writeLog(t, logOf(1, 2)))
	require.Equal(t, []int{3, 4, 1, 2}, numbers(t, source, Filter{}))
	require.Equal(t, []int{2, 1, 4, 3}, numbers(t, source, Filter{Newest: true}))
}

func TestFilterAndLimitAreHonoured(t *testing.T) {
	source := Files(writeLog(t, logOf(1, 2, 3)), writeLog(t, logOf(4, 5, 6)))
	for _, row := range []struct {
		filter Filter
		want   []int
	}{
		{Filter{Limit: 2}, []int{1, 2}},
		{Filter{Limit: 4}, []int{1, 2, 3, 4}},
		{Filter{Limit: 4, Newest: true}, []int{6, 5, 4, 3}},
		{Filter{Limit: 7}, []int{1, 2, 3, 4, 5, 6}},
		{Filter{Limit: -1}, []int{1, 2, 3, 4, 5, 6}},
		{Filter{Since: begin.Add(3e9), Until: begin.Add(5e9)}, []int{3, 4}},
		{Filter{Since: begin.Add(3e9), Limit: 2}, []int{3, 4}},
		{Filter{Until: begin.Add(5e9), Limit: 2, Newest: true}, []int{4, 3}},
		{Filter{Manager: notIn("Project")}, []int{}},
	} {
		require.Equal(t, row.want, numbers(t, source, row.filter), "%+v", row.filter)
	}
}

func TestNothingIsReadBehindTheLimit(t *testing.T) {
	path := writeLog(t, logOf(1)+"damage\n")
	require.Equal(t, []int{1}, numbers(t, Files(path, "missing"), Filter{Limit: 1}))
	require.Len(t, yielded(t.Context(), Files(path, "missing"), Filter{}), 3)
}

func TestWhatCannotBeReadIsTheLastPair(t *testing.T) {
	path, directory := writeLog(t, logOf(1, 2)), t.TempDir()
	missing := filepath.Join(directory, "missing.log")
	for _, row := range []struct{ name, pattern, want string }{
		{"missing", missing, "no such file"},
		{"directory", directory, "is a directory"},
		{"device", os.DevNull, "is not a plain file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && row.name != "directory" {
				t.Skip("the system says it otherwise")
			}
			pairs := yielded(t.Context(), Files(path, row.pattern, path), Filter{})
			require.Len(t, pairs, 3)
			require.Contains(t, pairs[2], "error query: ")
			require.Contains(t, pairs[2], row.pattern)
			require.Contains(t, pairs[2], row.want)
			backward := yielded(t.Context(), Files(path, row.pattern, path), Filter{Newest: true})
			require.Equal(t, []string{pairs[1], pairs[0], pairs[2]}, backward)
		})
	}
	for _, err := range Files(missing).Events(t.Context(), Filter{}) {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestUnreadableFileIsAnError(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("everything is readable")
	}
	path := writeLog(t, logOf(1))
	require.NoError(t, os.Chmod(path, 0))
	require.Contains(t, strings.Join(yielded(t.Context(), Files(path), Filter{}), "\n"), "permission denied")
	_, err := Open(t.Context(), path)
	require.ErrorIs(t, err, os.ErrPermission)
}

func TestWrongPatternsAreRefused(t *testing.T) {
	path := writeLog(t, logOf(1))
	for _, row := range []struct {
		patterns []string
		want     string
	}{
		{nil, "no file is named"},
		{[]string{""}, "path is empty"},
		{[]string{path, "none-*.log"}, `query: read "none-*.log": no file matches`},
		{[]string{path, "none[.log"}, "syntax error in pattern"},
	} {
		pairs := yielded(t.Context(), Files(row.patterns...), Filter{})
		require.Len(t, pairs, 1, "%q: nothing is read before", row.patterns)
		require.Contains(t, pairs[0], row.want)
	}
}

func TestPatternsAreCopied(t *testing.T) {
	patterns := []string{writeLog(t, logOf(1))}
	source := Files(patterns...)
	patterns[0] = "missing"
	require.Equal(t, []int{1}, numbers(t, source, Filter{}))
}
