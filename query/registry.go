package query

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// opener opens what a spec of its scheme names.
type opener = func(ctx context.Context, spec string) (*Handle, error)

// schemeFile is ours: files need no registration.
const schemeFile = "file"

// registry holds the openers by scheme.
var registry = struct {
	mu      sync.RWMutex
	openers map[string]opener
}{openers: make(map[string]opener)}

// imports are the packages that register themselves for a scheme.
var imports = map[string]string{
	"sqlite":     "github.com/permaudit/audit/sqlite",
	"postgres":   "github.com/permaudit/audit/postgres",
	"postgresql": "github.com/permaudit/audit/postgres",
}

// RegisterSource makes Open call open for specs that begin with scheme and a
// colon. Packages of databases call it when they are imported.
//
// A scheme is two or more lower-case letters, digits, +, - and ., a letter first;
// a single letter is a drive of Windows. It is an error to register a scheme
// twice, or "file". open receives the whole spec, with its scheme; it opens for
// reading only, creates and changes nothing, and its errors hold no password. It
// may be called concurrently.
func RegisterSource(scheme string, open func(ctx context.Context, spec string) (*Handle, error)) error {
	switch {
	case scheme == "":
		return errors.New("query: register source: scheme is empty")
	case !isScheme(scheme) || scheme != strings.ToLower(scheme):
		return fmt.Errorf("query: register source %q: scheme must be two or more lower-case letters, digits, +, - or ., a letter first", scheme)
	case open == nil:
		return fmt.Errorf("query: register source %q: opener is nil", scheme)
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if _, taken := registry.openers[scheme]; taken || scheme == schemeFile {
		return fmt.Errorf("query: register source %q: scheme is taken", scheme)
	}
	registry.openers[scheme] = open
	return nil
}

// lookUp returns the opener of a scheme, or an error that says what can be done.
func lookUp(scheme string) (opener, error) {
	registry.mu.RLock()
	defer registry.mu.RUnlock()
	if open, found := registry.openers[scheme]; found {
		return open, nil
	}
	if path, known := imports[scheme]; known {
		return nil, fmt.Errorf("query: open %s source: its package is not imported: import _ %q", scheme, path)
	}
	schemes := append(slices.Collect(maps.Keys(registry.openers)), schemeFile)
	slices.Sort(schemes)
	return nil, fmt.Errorf("query: open %s source: unknown scheme, want one of: %s (a file of such a name: ./%s:...)",
		scheme, strings.Join(schemes, ", "), scheme)
}
