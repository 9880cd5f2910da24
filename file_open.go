package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// resolveLogPath returns the absolute path of the file that path names, and refuses
// what can be no log.
func resolveLogPath(path string) (string, error) {
	if path == "" {
		return "", errors.New("path is empty: name a file, such as /var/log/permission.log")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return path, nil //nolint:nilerr // it is created, or opening it says why not
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		directory, err := os.Stat(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		if directory.Mode().Perm()&0o022 != 0 {
			return "", fmt.Errorf("%s is a symbolic link in a directory that others can write to: it may be a trap; remove it, or log to a directory of your own", path)
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return "", fmt.Errorf("%w: create the file that the link points to, or remove the link", err)
		}
		if info, err = os.Lstat(path); err != nil {
			return "", err
		}
	}
	return path, checkRegular(path, info)
}

func checkRegular(path string, info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return fmt.Errorf("%s is a directory: name a file in it, such as %s", path, filepath.Join(path, "permission.log"))
	default:
		return fmt.Errorf("%s is not a regular file but %v: to write there, open it and use NewWriterAuditLogger", path, mode.Type())
	}
}

// explainOpen adds to an error what can be done.
func explainOpen(path string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: let the user with id %d, as whom this process runs, write to the file and to its directory", err, os.Getuid())
	}
	if errors.Is(err, ErrLocked) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
}

// makeDirectory creates a directory and those above it, durably.
func makeDirectory(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDirectory(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return explainOpen(path, err)
	}
	return syncDirectory(parent)
}

// openLocked opens the log for appending and locks it. The lock belongs to the
// descriptor, which no child process inherits.
func openLocked(path string, mode fs.FileMode) (*os.File, error) {
	for {
		file, err := openLog(path, mode)
		if err != nil {
			return nil, err
		}
		info, err := file.Stat()
		if err == nil {
			err = checkRegular(path, info)
		}
		if err == nil {
			err = lock(file)
		}
		if err != nil {
			return nil, join(err, file.Close())
		}
		// Who had the lock may have renamed the file before letting it go.
		if now, err := os.Lstat(path); err == nil && os.SameFile(info, now) {
			return file, nil
		}
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
}
