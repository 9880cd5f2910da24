//go:build unix && !solaris && !illumos && !aix

package audit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestAFIFOIsRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	requireRefused(t, path, "is not a regular file but p", "use NewWriterAuditLogger")
}

// What is opened beside the log is no trap either.
func TestAFIFOInPlaceOfTheFileForTornTailsIsRefusedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	require.NoError(t, os.WriteFile(path, []byte("torn"), 0o600))
	require.NoError(t, syscall.Mkfifo(path+".torn", 0o600))
	_, err := audit.NewFileAuditLogger(path, nil)
	require.ErrorContains(t, err, "set torn tail aside")
}

func TestDevicesAreRefused(t *testing.T) {
	requireRefused(t, "/dev/null", "/dev/null is not a regular file but D", "use NewWriterAuditLogger")
	link := filepath.Join(t.TempDir(), "permission.log")
	require.NoError(t, os.Symlink("/dev/null", link))
	requireRefused(t, link, "is not a regular file but D")
}

// Standard output of a container is such a link, and a tempting path.
func TestAnOpenPipeIsRefused(t *testing.T) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer func() { require.NoError(t, errors.Join(reader.Close(), writer.Close())) }()
	path := fmt.Sprintf("/dev/fd/%d", writer.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skip("no /dev/fd here:", err)
	}
	requireRefused(t, path, "is not a regular file but p", "use NewWriterAuditLogger")
}

func TestMissingPermissionSaysWhoLacksIt(t *testing.T) {
	directory := unprivilegedTempDir(t)
	require.NoError(t, os.Chmod(directory, 0o500))
	t.Cleanup(func() { _ = os.Chmod(directory, 0o700) })
	for _, path := range []string{filepath.Join(directory, "permission.log"), filepath.Join(directory, "new", "permission.log")} {
		says := startChild(t, "unprivileged", path).says(t)
		require.Contains(t, says, "permission denied: let the user with id ")
		require.Contains(t, says, "write to the file and to its directory")
	}
}

func TestALinkInASharedDirectoryIsRefused(t *testing.T) {
	directory, private := t.TempDir(), t.TempDir()
	victim := filepath.Join(private, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious\n"), 0o600))
	planted := filepath.Join(directory, "permission.log")
	require.NoError(t, os.Symlink(victim, planted))
	for _, mode := range []os.FileMode{0o777 | os.ModeSticky, 0o770} {
		require.NoError(t, os.Chmod(directory, mode))
		requireRefused(t, planted, "is a symbolic link in a directory that others can write to: it may be a trap")

		// A link of one's own that leads there is no better.
		indirect := filepath.Join(t.TempDir(), "permission.log")
		require.NoError(t, os.Symlink(planted, indirect))
		requireRefused(t, indirect, planted+" is a symbolic link in a directory that others can write to")
	}
	if os.Geteuid() == 0 { // who else could give a directory away?
		require.NoError(t, os.Chmod(directory, 0o755))
		require.NoError(t, os.Chown(directory, nobody, nobody))
		requireRefused(t, planted, "is a symbolic link in a directory that others can write to")
	}
	text, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "precious\n", string(text))
}

func TestALinkPlantedForTheTornTailIsNotFollowed(t *testing.T) {
	directory := t.TempDir()
	path, victim := filepath.Join(directory, "permission.log"), filepath.Join(directory, "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious\n"), 0o600))
	require.NoError(t, os.WriteFile(path, []byte("torn"), 0o600))
	require.NoError(t, os.Symlink(victim, path+".torn"))
	_, err := audit.NewFileAuditLogger(path, nil)
	require.ErrorIs(t, err, syscall.ELOOP)
	text, err := os.ReadFile(victim)
	require.NoError(t, err)
	require.Equal(t, "precious\n", string(text))
}

// There may be a file at the end of the link, or none; rotated files stand beside
// the file, not beside the link.
func TestALinkInAPrivateDirectoryIsFollowed(t *testing.T) {
	for name, lay := range map[string]func(t *testing.T, link, target string){
		"absolute": func(t *testing.T, link, target string) {
			require.NoError(t, os.WriteFile(target, nil, 0o600))
			require.NoError(t, os.Symlink(target, link))
		},
		"relative": func(t *testing.T, link, target string) {
			require.NoError(t, os.WriteFile(target, nil, 0o600))
			require.NoError(t, os.Symlink(filepath.Join("..", "data", "permission.log"), link))
		},
		"through a link": func(t *testing.T, link, target string) {
			require.NoError(t, os.Symlink(link+"2", link))
			require.NoError(t, os.Symlink(target, link+"2"))
		},
		"through a linked directory": func(t *testing.T, link, target string) {
			inner := filepath.Join(filepath.Dir(target), "inner")
			require.NoError(t, os.Mkdir(inner, 0o700))
			require.NoError(t, os.Symlink(inner, filepath.Join(filepath.Dir(link), "hop")))
			require.NoError(t, os.Symlink(filepath.FromSlash("hop/../permission.log"), link))
		},
		"to no file yet": func(t *testing.T, link, target string) { require.NoError(t, os.Symlink(target, link)) },
		"to no directory yet": func(t *testing.T, link, target string) {
			require.NoError(t, os.Remove(filepath.Dir(target)))
			require.NoError(t, os.Symlink(target, link))
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			link, target := filepath.Join(base, "links", "permission.log"), filepath.Join(base, "data", "permission.log")
			require.NoError(t, os.Mkdir(filepath.Dir(link), 0o700))
			require.NoError(t, os.Mkdir(filepath.Dir(target), 0o700))
			lay(t, link, target)
			logger := openLog(t, link, audit.FileOptions{MaxSize: 1})
			record(t, logger, "m0")
			record(t, logger, "m1")
			logs := allLogs(t, target)
			require.Len(t, logs, 2)
			require.Equal(t, named(2), logged(t, logs...))
			require.Equal(t, []string{"m1"}, logged(t, link))
		})
	}
}

func TestLinksInACircleAreRefused(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "permission.log")
	require.NoError(t, os.Symlink(path+"2", path))
	require.NoError(t, os.Symlink(path, path+"2"))
	requireRefused(t, path, "too many symbolic links")
}
