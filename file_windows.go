package audit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// errNotDirectory is what Stat says when a directory above became a file.
var errNotDirectory error = syscall.ENOTDIR

// openPlain lets a file that is only read be renamed meanwhile.
func openPlain(path string, flag int, mode fs.FileMode) (*os.File, error) {
	if flag == os.O_RDONLY {
		return createFile(path, syscall.GENERIC_READ, syscall.FILE_SHARE_READ|syscall.FILE_SHARE_WRITE|syscall.FILE_SHARE_DELETE, syscall.OPEN_EXISTING)
	}
	return os.OpenFile(path, flag, mode)
}

func createFile(path string, access, share, disposition uint32) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err == nil {
		var handle syscall.Handle
		handle, err = syscall.CreateFile(name, access, share, nil, disposition, syscall.FILE_ATTRIBUTE_NORMAL, 0)
		if err == nil {
			return os.NewFile(uintptr(handle), path), nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: err}
}

// OpenLog lets others read and rename the file, but not open it for writing: that
// is the lock.
func (osFS) OpenLog(path string, _ fs.FileMode) (logFile, error) {
	const sharingViolation = syscall.Errno(32)
	file, err := createFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, syscall.FILE_SHARE_READ|syscall.FILE_SHARE_DELETE, syscall.OPEN_ALWAYS)
	if errors.Is(err, sharingViolation) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, err
	}
	return appendedFile{file}, nil
}

// appendedFile writes at its end, as a handle that may also truncate the file does
// not do by itself.
type appendedFile struct{ *os.File }

func (f appendedFile) Write(p []byte) (int, error) {
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// SyncDir does nothing: the file system keeps its own journal of names.
func (osFS) SyncDir(string) error { return nil }

func linkCount(fs.FileInfo) uint64 { return 1 }

// isShared is false: the mode of a directory says nothing here, and making links is
// a privilege.
func isShared(fs.FileInfo) bool { return false }
