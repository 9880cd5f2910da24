package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// withRegistry gives the test a registry of its own.
func withRegistry(t *testing.T) {
	t.Helper()
	registry.mu.Lock()
	defer registry.mu.Unlock()
	before := maps.Clone(registry.openers)
	t.Cleanup(func() { registry.openers = before })
	clear(registry.openers)
}

func TestOpenReadsTheFileThatIsNamed(t *testing.T) {
	path := writeLog(t, logOf(1, 2))
	special := filepath.Join(filepath.Dir(path), "a b%20?.log")
	if runtime.GOOS != "windows" {
		special = filepath.Join(filepath.Dir(path), "a b%20#é.log")
	}
	t.Chdir(filepath.Dir(path))
	require.NoError(t, os.WriteFile(special, []byte(logOf(1, 2)), 0o600))
	slashed := filepath.ToSlash(path)
	escaped := strings.NewReplacer("%", "%25", " ", "%20", "#", "%23").Replace(filepath.ToSlash(special))
	for _, spec := range []string{
		path, "permission.log", "./permission.log", special, "file:permission.log", "file:" + path, "FILE:" + path, "file:" + special,
		"file://" + prefixed(slashed), "file://localhost" + prefixed(slashed), "file://" + prefixed(escaped),
	} {
		handle, err := Open(t.Context(), spec)
		require.NoError(t, err, spec)
		require.Equal(t, []int{1, 2}, numbers(t, handle, Filter{}), spec)
		require.NoError(t, handle.Close())
	}
}

// prefixed has a slash in front of a drive.
func prefixed(slashed string) string { return "/" + strings.TrimPrefix(slashed, "/") }

func TestOpenSaysWhatIsWrong(t *testing.T) {
	withRegistry(t)
	directory := t.TempDir()
	missing := filepath.Join(directory, "missing.log")
	for _, row := range []struct{ spec, want string }{
		{"", "path is empty"},
		{"file:", "path is empty"},
		{"file://", "path is empty"},
		{missing, missing},
		{"file:" + missing, missing},
		{directory, "is a directory"},
		{os.DevNull, ""},
		{"none-*.log", "no file matches"},
		{"file://server/share/permission.log", "names a host"},
		{"file://admin@localhost/permission.log", "names a host"},
		{"file:///x.log?batch_size=500", "takes no options"},
		{"file:///x.log?", "takes no options"},
		{"file:///x.log#1", "takes no options"},
		{"file:///%zz", "malformed URL"},
		{"sqlite:audit.db", `import _ "github.com/permaudit/audit/sqlite"`},
		{"postgres://localhost/x", `import _ "github.com/permaudit/audit/postgres"`},
		{"postgresql://localhost/x", `import _ "github.com/permaudit/audit/postgres"`},
		{"mysql://localhost/x", "query: open mysql source: unknown scheme, want one of: file ("},
		{"kafka:x", "unknown scheme, want one of: file ("},
		{"c:no such file", "c:no such file"}, // a drive
		{"./kafka:x", "kafka:x"},
	} {
		handle, err := Open(t.Context(), row.spec)
		require.Nil(t, handle, row.spec)
		require.ErrorContains(t, err, row.want, row.spec)
		require.True(t, strings.HasPrefix(err.Error(), "query: "), "%v", err)
	}
	_, err := Open(t.Context(), missing)
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, RegisterSource("zz", failingOpener))
	require.NoError(t, RegisterSource("aa", failingOpener))
	_, err = Open(t.Context(), "kafka:x")
	require.ErrorContains(t, err, "want one of: aa, file, zz (")
}

func failingOpener(context.Context, string) (*Handle, error) { return nil, errors.New("unreachable") }

func TestOpenNeverShowsAPassword(t *testing.T) {
	withRegistry(t)
	require.NoError(t, RegisterSource("fails", failingOpener))
	require.NoError(t, RegisterSource("nothing", func(context.Context, string) (*Handle, error) { return nil, nil }))
	for _, spec := range []string{
		"postgres://admin:hunter2@db.example.com/audit",
		"POSTGRES://admin:hunter2@db.example.com/audit",
		"postgresql://admin:hunter2@[::1/audit",
		"postgres:host=db password=hunter2",
		"sqlite:audit.db?_auth_pass=hunter2",
		"mysql://admin:hunter2@db/audit",
		"admin:hunter2@db/audit",
		"a:hunter2@db/audit",
		"//admin:hunter2@db/audit",
		"host=db user=admin password=hunter2",
		"host=db user=admin PASSWORD='hunter2'",
		"host=db user=admin password=hunter2 options=-*",
		" postgres://admin:hunter2@db/audit",
		"1postgres://hunter2/audit.gz",
		"file://admin:hunter2@db/permission.log",
		"file://admin:hunter2@%zz/permission.log",
		"file:///permission.log?password=hunter2",
		"file:admin:hunter2@db",
		"fails://admin:hunter2@db/audit",
		"nothing://admin:hunter2@db/audit",
	} {
		_, err := Open(t.Context(), spec)
		require.Error(t, err, spec)
		require.NotContains(t, err.Error()+fmt.Sprintf("%+v %#v", err, err), "hunter2", spec)
	}
}

func TestRegisteredOpenerGetsTheWholeSpec(t *testing.T) {
	withRegistry(t)
	type key struct{}
	var got []string
	require.NoError(t, RegisterSource("mem+1", func(ctx context.Context, spec string) (*Handle, error) {
		got = append(got, spec, ctx.Value(key{}).(string))
		return NewHandle(Slice(nil), nil), nil
	}))
	for _, spec := range []string{"mem+1:a?b=c", "MEM+1:x"} {
		handle, err := Open(context.WithValue(t.Context(), key{}, "context"), spec)
		require.NoError(t, err)
		require.NotNil(t, handle)
	}
	require.Equal(t, []string{"mem+1:a?b=c", "context", "MEM+1:x", "context"}, got)

	cause := errors.New("unreachable")
	require.NoError(t, RegisterSource("bad", func(context.Context, string) (*Handle, error) { return nil, cause }))
	_, err := Open(t.Context(), "bad:x")
	require.ErrorIs(t, err, cause)
	require.EqualError(t, err, "query: open bad source: unreachable")
}

func TestRegisterSourceRefusesWhatCannotBeOpened(t *testing.T) {
	withRegistry(t)
	require.NoError(t, RegisterSource("taken", failingOpener))
	for _, row := range []struct {
		scheme string
		opener opener
		want   string
	}{
		{"", failingOpener, "scheme is empty"},
		{"x", failingOpener, "scheme must be"},
		{"Upper", failingOpener, "scheme must be"},
		{"with:colon", failingOpener, "scheme must be"},
		{"with space", failingOpener, "scheme must be"},
		{"1st", failingOpener, "scheme must be"},
		{"ünicode", failingOpener, "scheme must be"},
		{"new", nil, "opener is nil"},
		{"taken", failingOpener, "scheme is taken"},
		{"file", failingOpener, "scheme is taken"},
	} {
		require.ErrorContains(t, RegisterSource(row.scheme, row.opener), row.want, row.scheme)
	}
}

func TestRegistryMayBeUsedConcurrently(t *testing.T) {
	withRegistry(t)
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[i] = RegisterSource("same", failingOpener)
			_, err := Open(t.Context(), "same:x")
			if err == nil || !strings.Contains(err.Error(), "unreachable") {
				errs[i] = err
			}
		}()
	}
	all.Wait()
	registered := 0
	for _, err := range errs {
		if err == nil {
			registered++
		}
	}
	require.Equal(t, 1, registered, "%v", errs)
}
