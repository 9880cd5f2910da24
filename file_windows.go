package audit

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// errNotDirectory is what Stat says when a directory above became a file.
var errNotDirectory error = syscall.ENOTDIR

// openLog lets others read and rename the file, but not open it for writing: that
// is the lock.
func openLog(path string, _ fs.FileMode) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	const sharingViolation = syscall.Errno(32)
	handle, err := syscall.CreateFile(name,
		syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ|syscall.FILE_SHARE_DELETE,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

func lock(*os.File) error { return nil }

// syncDirectory does nothing: the file system keeps its own journal of names.
func syncDirectory(string) error { return nil }

func linkCount(fs.FileInfo) uint64 { return 1 }
