package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fileSystem is all that the file logger asks of the operating system once its path
// is resolved: the seam behind which tests make any call fail, or crash between two
// of them. It is called by the worker and by the janitor at the same time.
type fileSystem interface {
	// OpenLog opens a log for reading and appending, creates it if it is missing,
	// and locks it until it is closed. ErrLocked: somebody else has the lock.
	OpenLog(path string, mode fs.FileMode) (logFile, error)
	// OpenFile is os.OpenFile for the other files; it follows no link.
	OpenFile(path string, flag int, mode fs.FileMode) (logFile, error)
	Stat(path string) (fs.FileInfo, error)
	SameFile(a, b fs.FileInfo) bool
	Mkdir(path string, mode fs.FileMode) error
	Rename(from, to string) error
	Remove(path string) error
	ReadDir(path string) ([]fs.DirEntry, error) // sorted by name
	// SyncDir makes the names in a directory durable.
	SyncDir(path string) error
}

// logFile is an open file. *os.File is one.
type logFile interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// osFS is the real one. OpenLog and SyncDir differ between systems.
type osFS struct{}

func (osFS) OpenFile(path string, flag int, mode fs.FileMode) (logFile, error) {
	file, err := openPlain(path, flag, mode)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = checkRegular(path, info)
	}
	if err != nil {
		return nil, join(err, file.Close())
	}
	return file, nil
}

func (osFS) Stat(path string) (fs.FileInfo, error)      { return os.Stat(path) }
func (osFS) SameFile(a, b fs.FileInfo) bool             { return os.SameFile(a, b) }
func (osFS) Mkdir(path string, mode fs.FileMode) error  { return os.Mkdir(path, mode) }
func (osFS) Rename(from, to string) error               { return os.Rename(from, to) }
func (osFS) Remove(path string) error                   { return os.Remove(path) }
func (osFS) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }

// isGone reports whether Stat found nothing at a path, not even a directory above.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDirectory)
}

// removeIfThere removes a file that may be gone already.
func removeIfThere(fsys fileSystem, path string) error {
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// makeDirectory creates a directory and those above it, durably.
func makeDirectory(fsys fileSystem, path string) error {
	if info, err := fsys.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDirectory(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return explainOpen(path, err)
	}
	return fsys.SyncDir(parent)
}

// openLocked opens the log that is at the path once it is locked.
func openLocked(fsys fileSystem, path string, mode fs.FileMode) (logFile, fs.FileInfo, error) {
	for range 100 {
		file, err := fsys.OpenLog(path, mode)
		if err != nil {
			return nil, nil, explainOpen(path, err)
		}
		info, err := file.Stat()
		if err == nil {
			err = checkRegular(path, info)
		}
		if err != nil {
			return nil, nil, join(err, file.Close())
		}
		// Who had the lock may have renamed the file before letting it go.
		now, err := fsys.Stat(path)
		if err == nil && fsys.SameFile(info, now) {
			return file, info, nil
		}
		if isGone(err) {
			err = nil
		}
		if err := join(err, file.Close()); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, fmt.Errorf("%s is replaced by another file again and again", path)
}
