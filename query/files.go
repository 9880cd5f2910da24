package query

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/permaudit/audit"
)

// Files returns a Source of logs, as this library's file logger or that of
// general_manager writes them: one event a line. The files are read in the order
// in which they are named, for Newest from the last one's end. Patterns are paths
// of plain files; globs, compressed files and "-" for standard input are an error
// for now.
//
//   - A line that is no event, or has more than audit.MaxLineBytes, is yielded as
//     a *DamageError. Blank lines are skipped. Lines may end with CR LF.
//   - What follows the last LF of a file is still being written, or was torn by a
//     crash: it is no damage and no event. Neither is what is appended to a file
//     after it was opened.
//   - An event whose id occurred within the 65,536 lines before it, in the same
//     file or the eight before that one, is a repeat of a write whose outcome was
//     unknown, and is skipped. Events without id are no repeats.
//
// The first file that cannot be read ends the reading with its error. Memory does
// not grow with the files. Files are opened when they are reached and closed when
// the reading ends, also when the caller breaks the loop.
func Files(patterns ...string) Source {
	return &fileSource{patterns: slices.Clone(patterns), limits: defaultLimits}
}

// limits are what the reading of files is bounded by; tests have smaller ones.
type limits struct {
	line        int // bytes of the longest line
	chunk       int // bytes that are read at once, backwards
	repeatLines int // how far back a repeat is looked for
	repeatFiles int // the same, in files
}

var defaultLimits = limits{line: audit.MaxLineBytes, chunk: 64 << 10, repeatLines: 65_536, repeatFiles: 8}

type fileSource struct {
	patterns []string
	limits   limits
}

// Events implements Source. It decodes every field, whatever f.Fields says.
func (s *fileSource) Events(ctx context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		if err := checkPatterns(s.patterns); err != nil {
			yield(audit.PermissionAuditEvent{}, err)
			return
		}
		r := newReading(ctx, s.patterns, f.Newest, s.limits)
		defer r.files.closeAll()
		for yielded := 0; f.Limit <= 0 || yielded < f.Limit; {
			event, damage, err := r.next()
			switch {
			case errors.Is(err, errEnd):
				return
			case err != nil:
				yield(audit.PermissionAuditEvent{}, err)
				return
			case damage != nil:
				if !yield(audit.PermissionAuditEvent{}, damage) {
					return
				}
			case f.Match(event):
				yielded++
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}

// checkPatterns refuses what this package cannot read yet, before it is taken for
// something else.
func checkPatterns(patterns []string) error {
	if len(patterns) == 0 {
		return errors.New("query: read files: no file is named")
	}
	for _, pattern := range patterns {
		if err := checkPattern(pattern); err != nil {
			return err
		}
	}
	return nil
}

func checkPattern(pattern string) error {
	switch {
	case pattern == "":
		return errors.New("query: read file: path is empty: name a file, such as permission.log")
	case pattern == "-":
		return errors.New(`query: read "-": standard input is not supported yet`)
	case strings.ContainsAny(pattern, "*?["):
		return fmt.Errorf("query: read %q: globs are not supported yet: name each file", pattern)
	case strings.HasSuffix(strings.ToLower(pattern), ".gz"):
		return fmt.Errorf("query: read %q: compressed files are not supported yet: unpack it first", pattern)
	}
	return nil
}
