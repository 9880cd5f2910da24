//go:build unix && !solaris && !illumos && !aix

package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// errNotDirectory is what Stat says when a directory above became a file.
var errNotDirectory error = syscall.ENOTDIR

// openPlain refuses a link, and does not wait for the reader of a FIFO.
func openPlain(path string, flag int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, mode)
}

// OpenLog locks with flock(2), which conflicts within one process too. No child
// process inherits the descriptor.
func (osFS) OpenLog(path string, mode fs.FileMode) (logFile, error) {
	file, err := openPlain(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, mode)
	if err != nil {
		return nil, err
	}
	if err := flock(file, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, join(err, file.Close())
	}
	return lockedFile{file}, nil
}

// lockedFile is unlocked when it is closed, also if a child process that has yet to
// exec holds a copy of the descriptor.
type lockedFile struct{ *os.File }

func (f lockedFile) Close() error {
	return join(flock(f.File, syscall.LOCK_UN), f.File.Close())
}

func flock(file *os.File, how int) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	err = conn.Control(func(fd uintptr) {
		for {
			if locked = syscall.Flock(int(fd), how); !errors.Is(locked, syscall.EINTR) {
				return
			}
		}
	})
	switch {
	case err != nil:
		return err
	case errors.Is(locked, syscall.EWOULDBLOCK):
		return ErrLocked
	case locked != nil:
		return fmt.Errorf("lock %s: %w", file.Name(), locked)
	}
	return nil
}

// SyncDir takes it that a file system which knows no fsync of directories has no
// need of it.
func (osFS) SyncDir(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return explainOpen(path, err)
	}
	err = directory.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return join(err, directory.Close())
}

// linkCount is how many names a file has.
func linkCount(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink) //nolint:unconvert // its type differs between systems
	}
	return 1
}

// isShared reports whether somebody else than this user and root can make links in
// a directory.
func isShared(directory fs.FileInfo) bool {
	if stat, ok := directory.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return true
	}
	return directory.Mode().Perm()&0o022 != 0
}
