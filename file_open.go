package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// mostLinks is how many symbolic links in a row are followed.
const mostLinks = 40

// resolveLogPath returns the absolute path of the file that path names, and refuses
// what can be no log. Links are followed here, once: what is opened later is never
// a link. The file need not be there.
func resolveLogPath(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("path is empty: name a file, such as /var/log/permission.log")
	case strings.IndexByte(path, 0) >= 0:
		return "", fmt.Errorf("path %q holds a NUL byte: no file can be named so", path)
	case os.IsPathSeparator(path[len(path)-1]):
		return "", fmt.Errorf("%s is the path of a directory: name a file in it, such as %s", path, filepath.Join(path, "permission.log"))
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for range mostLinks {
		info, err := os.Lstat(path)
		switch {
		case err != nil:
			return path, nil //nolint:nilerr // it is created, or opening it says why not
		case info.Mode()&fs.ModeSymlink == 0:
			return path, checkRegular(path, info)
		}
		if path, err = followLink(path); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: too many symbolic links", path)
}

// followLink returns the path that a symbolic link leads to, links in the
// directories resolved. It does not follow one that somebody else may have planted.
func followLink(path string) (string, error) {
	if target, err := os.Stat(path); err == nil {
		if err := checkRegular(path, target); err != nil {
			return "", err
		}
	}
	directory, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	info, err := os.Stat(directory)
	if err != nil {
		return "", err
	}
	if isShared(info) {
		return "", fmt.Errorf("%s is a symbolic link in a directory that others can write to: it may be a trap; remove it, or log to a directory of your own", path)
	}
	target, err := os.Readlink(path)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(target) {
		target = directory + string(filepath.Separator) + target
	}
	above, name := filepath.Split(target)
	if resolved, err := filepath.EvalSymlinks(above); err == nil {
		above = resolved
	}
	return filepath.Join(above, name), nil
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
		return fmt.Errorf("%w: let the user with id %d, as whom this process runs, write to the file and to its directory", err, os.Geteuid())
	}
	if errors.Is(err, ErrLocked) {
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
}
