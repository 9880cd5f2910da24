//go:build !windows && (!unix || solaris || illumos || aix)

package audit

import (
	"errors"
	"io/fs"
	"os"
)

var errNotDirectory = errors.New("not a directory")

func openPlain(path string, flag int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag, mode)
}

// OpenLog does not lock: the standard library has no lock for these systems.
func (osFS) OpenLog(path string, mode fs.FileMode) (logFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, mode)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (osFS) SyncDir(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	err = directory.Sync()
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return join(err, directory.Close())
}

func linkCount(fs.FileInfo) uint64 { return 1 }

func isShared(directory fs.FileInfo) bool { return directory.Mode().Perm()&0o022 != 0 }
