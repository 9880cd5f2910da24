package query

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
)

// Open opens the source that spec names: the path of a file or a glob, "-" for standard
// input, file:path, file:///absolute/path (a URL, with % escapes), or scheme:... for a
// scheme that was registered with RegisterSource. A single letter before the colon is a
// drive of Windows. Files are looked at: one that is missing, is a directory, may not be
// read, or is a binary file is an error. See Files; but the logs that a glob names are
// read as OpenAll says.
//
// No error repeats a spec that may hold a password. The caller closes the Handle.
func Open(ctx context.Context, spec string) (*Handle, error) {
	path, isFile, err := fileSpec(spec)
	switch {
	case err != nil:
		return nil, err
	case isFile:
		return openFile(ctx, path)
	}
	scheme, _ := splitScheme(spec)
	open, err := lookUp(scheme)
	if err != nil {
		return nil, err
	}
	handle, err := open(ctx, spec)
	switch {
	case err != nil:
		return nil, fmt.Errorf("query: open %s source: %w", scheme, err)
	case handle == nil:
		return nil, fmt.Errorf("query: open %s source: its opener returned no handle", scheme)
	}
	return handle, nil
}

// FilePath returns the path, or the glob, that a spec for Open names, if it names files;
// "-" is one.
func FilePath(spec string) (path string, isFile bool) {
	path, isFile, err := fileSpec(spec)
	return path, isFile && err == nil
}

func fileSpec(spec string) (path string, isFile bool, err error) {
	scheme, rest := splitScheme(spec)
	switch scheme {
	case "":
		return spec, true, nil
	case schemeFile:
		path, err := filePath(rest)
		return path, true, err
	}
	return "", false, nil
}

// splitScheme returns the scheme in lower case, "" if spec is a path.
func splitScheme(spec string) (scheme, rest string) {
	scheme, rest, found := strings.Cut(spec, ":")
	if !found || !isScheme(scheme) {
		return "", spec
	}
	return strings.ToLower(scheme), rest
}

func isScheme(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return len(s) > 1
}

// filePath returns the path that the rest of a file: spec names.
func filePath(rest string) (string, error) {
	if !strings.HasPrefix(rest, "//") {
		return rest, nil
	}
	u, err := url.Parse(schemeFile + ":" + rest)
	switch {
	case err != nil:
		return "", errors.New("query: open file source: malformed URL, want file:///path")
	case u.User != nil || u.Host != "" && u.Host != "localhost":
		return "", errors.New("query: open file source: the URL names a host, want file:///path")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("query: open file source: it takes no options (write %3F for ? and %23 for # in a path)")
	}
	path := u.Path
	if runtime.GOOS == "windows" {
		path = strings.TrimPrefix(path, "/") // /C:/permission.log
	}
	return filepath.FromSlash(path), nil
}

func openFile(ctx context.Context, pattern string) (*Handle, error) {
	paths, err := expandOne(pattern)
	if err != nil {
		return nil, withoutSecret(pattern, err)
	}
	for _, path := range paths {
		if path == standardInput {
			continue
		}
		if err := checkFile(ctx, path); err != nil {
			return nil, withoutSecret(path, err)
		}
	}
	return NewHandle(newLogs(pattern), nil), nil
}

// checkFile looks at a file, so that a wrong one is an error before it is read.
func checkFile(ctx context.Context, path string) error {
	file, err := openSnapshot(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	isDatabase, err := file.isSQLite()
	switch {
	case err != nil:
		return err
	case isDatabase:
		return fmt.Errorf("query: open %s: it is an SQLite database: write sqlite:%s", path, path)
	}
	isPacked, err := file.isGzip()
	if err != nil || isPacked {
		return err
	}
	isBinary, err := file.isBinary()
	if err == nil && isBinary {
		err = fmt.Errorf("query: open %s: it is a binary file, not a log of one JSON object a line", path)
	}
	return err
}

// withoutSecret keeps a path out of an error that seems to be a connection string
// whose scheme was forgotten.
func withoutSecret(path string, err error) error {
	lower := strings.ToLower(path)
	if !strings.Contains(lower, "password") && !strings.ContainsAny(path, "@") && !strings.Contains(path, "://") {
		return err
	}
	why := errors.New("not a name of a log")
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		why = pathError.Err
	}
	return fmt.Errorf("query: open file: %w (it looks like a connection string, and is not shown: a database is named by its scheme, such as postgres:)", why)
}
