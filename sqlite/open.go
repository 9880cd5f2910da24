package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// inMemory is the path of a database that is no file.
const inMemory = ":memory:"

// busyTimeout is how long SQLite itself waits for another process's lock, without
// heeding a context. The worker tries again after it.
const busyTimeout = "1000" // milliseconds

// readers is how many pages are read at once at most.
const readers = 4

// cacheSize is how much of the database the connection that writes holds: with the 2 MB
// that are the default, the pages of the indexes that a batch of many users touches are
// written out and read again several times.
const cacheSize = "-16384" // KiB, therefore negative

// writing are the settings of a connection that writes.
func writing() url.Values {
	return url.Values{
		"_busy_timeout":    {busyTimeout},
		"_journal_mode":    {"WAL"},
		"_synchronous":     {"FULL"},
		"_cache_size":      {cacheSize},
		"_stmt_cache_size": {"16"},
	}
}

// openMemory opens a database whose single connection is never given up.
func (s *Store) openMemory(ctx context.Context, _ string) error {
	db, err := open(ctx, inMemory, url.Values{"_stmt_cache_size": {"16"}}, 1)
	if err != nil {
		return err
	}
	s.writes, s.reads, s.close = db, db, db.Close
	return nil
}

func (s *Store) openFile(ctx context.Context, path string) error {
	if err := checkFile(path); errors.Is(err, fs.ErrNotExist) {
		if err := createFile(path); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return withoutPath(err)
	}
	s.path, s.file = path, info
	writes, err := open(ctx, path, writing(), 1)
	if err != nil && !isBusy(err) {
		return err
	}
	reads, err := sql.Open(driverName, dataSource(path, url.Values{"_busy_timeout": {busyTimeout}, "_query_only": {"1"}}))
	if err != nil {
		return errors.Join(err, writes.Close())
	}
	reads.SetMaxOpenConns(readers)
	reads.SetConnMaxIdleTime(time.Minute)
	s.writes, s.full, s.reads = writes, true, reads
	s.close = func() error { return errors.Join(reads.Close(), writes.Close()) }
	return nil
}

// openReadOnly opens a database that is there. SQLite leaves files behind when it
// opens one in WAL mode with mode=ro, unless they are there already; a connection
// that could write takes them away. A file that nobody may write to does not change,
// and needs neither them nor locks.
func (s *Store) openReadOnly(ctx context.Context, path string) error {
	if err := checkFile(path); err != nil {
		return err
	}
	attempts := []url.Values{{"mode": {"rw"}, "_query_only": {"1"}}, {"mode": {"ro"}}}
	if _, err := os.Stat(path + "-wal"); err == nil {
		attempts = attempts[1:]
	} else if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o222 == 0 {
		attempts[1].Set("immutable", "1")
	}
	var failed error
	for _, settings := range attempts {
		settings.Set("_busy_timeout", busyTimeout)
		db, err := open(ctx, path, settings, readers)
		if err == nil || isBusy(err) {
			db.SetConnMaxIdleTime(time.Minute)
			s.writes, s.reads, s.close = db, db, db.Close
			return nil
		}
		failed = err
	}
	return fmt.Errorf("%w (readers need to write to its directory, or a copy that is read-only for everybody)", failed)
}

// checkFile returns an error, perhaps fs.ErrNotExist, unless path is a plain file.
// It does not open it: closing it again would give up the locks that a Store of the
// same process holds.
func checkFile(path string) error {
	switch {
	case path == "":
		return errors.New("path is empty: name a file, or :memory: for none")
	case strings.HasPrefix(path, "file:"):
		return errors.New("it is a URI: name a path, or :memory: for none")
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return withoutPath(err)
	case info.IsDir():
		return errors.New("is a directory: name a file in it")
	case !info.Mode().IsRegular():
		return errors.New("is not a plain file")
	}
	return nil
}

// createFile creates an empty database for its owner alone. SQLite gives the files
// beside it the same mode.
func createFile(path string) error {
	if err := createDirectory(filepath.Dir(path)); err != nil {
		return fmt.Errorf("create its directory: %w", withoutPath(err))
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		if err := checkFile(path); err != nil { // a link to nowhere
			return err
		}
		return nil // somebody was faster
	case err != nil:
		return withoutPath(err)
	}
	return file.Close()
}

// createDirectory creates a directory, with those that it lies in, so that a power cut
// does not take it away again.
func createDirectory(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if err := createDirectory(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if runtime.GOOS == "windows" { // which syncs no directories
		return nil
	}
	directory, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// checkPlace returns an error if the database is not where it was opened: what is
// written to a file that was removed is lost when the last process closes it.
func (s *Store) checkPlace() error {
	if s.file == nil {
		return nil
	}
	info, err := os.Stat(s.path)
	switch {
	case err != nil:
		return fmt.Errorf("its file is gone: %w: put it back, or start anew", withoutPath(err))
	case !os.SameFile(info, s.file):
		return errors.New("its file was replaced by another one while it was open: start anew")
	}
	return nil
}

// withoutPath returns what is wrong with a path that the error around it names.
func withoutPath(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// open opens a database and looks at it. It is returned also with an error for which
// isBusy is true.
func open(ctx context.Context, path string, settings url.Values, connections int) (*sql.DB, error) {
	db, err := sql.Open(driverName, dataSource(path, settings))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	var version int
	err = db.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version)
	if err != nil && !isBusy(err) {
		return nil, errors.Join(err, db.Close())
	}
	return db, err
}

// dataSource is the URI of a file, with settings of SQLite and of its driver.
func dataSource(path string, settings url.Values) string {
	if path != inMemory {
		path = filepath.ToSlash(path)
		if runtime.GOOS == "windows" && filepath.VolumeName(path) != "" {
			path = "/" + path
		}
		path = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	}
	return "file:" + path + "?" + settings.Encode()
}
