package query

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// expand returns the paths that patterns name.
func expand(patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, errors.New("query: read files: no file is named")
	}
	var paths []string
	for _, pattern := range patterns {
		found, err := expandOne(pattern)
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

func expandOne(pattern string) ([]string, error) {
	if pattern == "" {
		return nil, errors.New("query: read file: path is empty: name a file, such as permission.log")
	}
	if !isGlob(pattern) {
		return []string{pattern}, nil
	}
	found, err := filepath.Glob(pattern)
	switch {
	case err != nil:
		return nil, fmt.Errorf("query: read %q: %w", pattern, err)
	case len(found) == 0:
		return nil, fmt.Errorf("query: read %q: no file matches: %w", pattern, os.ErrNotExist)
	}
	slices.SortFunc(found, byAge)
	return withoutCopies(found), nil
}

// withoutCopies leaves out the compressed files of ours whose original is there as
// well: it is deleted when the other one is complete.
func withoutCopies(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		name, packed := strings.CutSuffix(path, gzipSuffix)
		_, age := rotation(name)
		return packed && age >= rotatedByUs && age < neverRotated && slices.Contains(paths, name)
	})
}

// isGlob reports whether a path is a pattern: a file of that name is none.
func isGlob(path string) bool {
	if !strings.ContainsAny(path, "*?[") {
		return false
	}
	_, err := os.Lstat(path)
	return err != nil
}

// byAge sorts rotated files before their log, and older ones before younger ones: by
// the times in the names of ours, and by the numbers that logrotate puts behind a name,
// of which greater ones are older. A compressed file is as old as what is in it.
func byAge(a, b string) int {
	logA, ageA := rotation(a)
	logB, ageB := rotation(b)
	return cmp.Or(cmp.Compare(logA, logB), cmp.Compare(ageA, ageB), cmp.Compare(a, b))
}

// How the age of a file begins: older ones come first.
const (
	rotatedByNumber = "0"
	rotatedByUs     = "1"
	neverRotated    = "2"
)

// rotation returns the log that a file was rotated from, and a text that sorts by its
// age.
func rotation(path string) (log, age string) {
	path = strings.TrimSuffix(path, gzipSuffix)
	const layout = "-20060102T150405.000000Z"
	extension := filepath.Ext(path)
	if base := strings.TrimSuffix(path, extension); len(base) > len(layout) {
		stamp := base[len(base)-len(layout):]
		if stamp[0] == '-' && stamp[9] == 'T' && stamp[16] == '.' && strings.HasSuffix(stamp, "Z") {
			return base[:len(base)-len(layout)] + extension, rotatedByUs + stamp
		}
	}
	if number, err := strconv.ParseUint(strings.TrimPrefix(extension, "."), 10, 32); err == nil {
		return strings.TrimSuffix(path, extension), rotatedByNumber + fmt.Sprintf("%010d", ^uint32(number))
	}
	return path, neverRotated
}
