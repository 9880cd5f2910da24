//go:build !windows && (!unix || solaris || illumos || aix)

package audit

import (
	"errors"
	"io/fs"
	"os"
)

var errNotDirectory = errors.New("not a directory")

func openLog(path string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, mode)
}

// lock does nothing: the standard library has no lock for these systems.
func lock(*os.File) error { return nil }

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

func linkCount(fs.FileInfo) uint64 { return 1 }
