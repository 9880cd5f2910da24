package query

import (
	"context"
	"io"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/permaudit/audit"
)

// Files returns a Source of logs, as this library's file logger or that of
// general_manager writes them: one event a line. A pattern is the path of a file,
// plain or compressed with gzip; a glob, as filepath.Match has them; or "-" for
// standard input, which can be read once. The files are read in the order in which
// they are named, those of a glob from the oldest to the youngest, rotated ones before
// their log; for Newest from the last one's end. A glob that matches nothing is an
// error.
//
//   - A line that is no event, or has more than audit.MaxLineBytes, is yielded as
//     a *DamageError. Blank lines are skipped. Lines may end with CR LF.
//   - What follows the last LF of a plain file is still being written, or was torn by a
//     crash: it is no damage and no event. Neither is what is appended to a file
//     after it was opened. Compressed files and standard input are complete: their
//     last line needs no LF.
//   - An event whose id occurred within the 65,536 lines before it, in the same
//     file or the eight before that one, is a repeat of a write whose outcome was
//     unknown, and is skipped. Events without id are no repeats.
//
// The first file that cannot be read ends the reading with its error. Files are opened
// when they are reached and closed when the reading ends, also when the caller breaks
// the loop.
//
// Files are read in blocks, on all processors: only what the filter asks for is looked
// at, and only what is yielded is decoded. Memory does not grow with the files: what
// cannot be read backwards, because it is compressed or standard input, is unpacked
// into a temporary file for Newest, and standard input for a Limit of at most 16,384 is
// not even that.
//
// The Source is a Grouper, a UserGrouper, and a Follower if a single path is named.
func Files(patterns ...string) Source {
	return &fileSource{patterns: slices.Clone(patterns), limits: defaultLimits, stdin: stdin}
}

// stdin is shared by all sources: what one has read is gone for the others.
var stdin = &onceReader{Reader: os.Stdin}

// limits are what the reading of files is bounded by; tests have smaller ones.
type limits struct {
	line        int // bytes of the longest line
	chunk       int // bytes that are read at once
	repeatLines int // how far back a repeat is looked for
	repeatFiles int // the same, in files
}

var defaultLimits = limits{line: audit.MaxLineBytes, chunk: 128 << 10, repeatLines: 65_536, repeatFiles: 8}

type fileSource struct {
	patterns []string
	limits   limits
	stdin    io.Reader
	poll     time.Duration // how often Follow looks; 0: the default

	isExpanded bool  // patterns are paths
	places     []int // of those, see fileSet
	workers    int   // on how many goroutines they are read; 0: on all processors
}

var (
	_ Grouper     = (*fileSource)(nil)
	_ UserGrouper = (*fileSource)(nil)
)

// Events implements Source.
func (s *fileSource) Events(ctx context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		paths, err := s.paths()
		if err != nil {
			yield(audit.PermissionAuditEvent{}, err)
			return
		}
		if f.Newest {
			slices.Reverse(paths)
		}
		files := newFileSet(ctx, paths, s.stdin)
		defer files.closeAll()
		switch {
		case f.Newest && f.Limit > 0 && f.Limit <= mostKept && len(paths) == 1 && paths[0] == standardInput:
			s.lastOnes(files, f, yield)
		case f.Newest:
			s.backward(files, f, yield)
		default:
			s.forward(files, f, yield)
		}
	}
}

// paths returns what the patterns name now.
func (s *fileSource) paths() ([]string, error) {
	if s.isExpanded {
		return slices.Clone(s.patterns), nil
	}
	return expand(s.patterns)
}

// mostKept is how many events are kept in memory to know the last ones.
const mostKept = 16_384

// lastOnes yields the last events of what can be read once and forwards only. What is
// damaged is yielded first.
func (s *fileSource) lastOnes(files *fileSet, f Filter, yield func(audit.PermissionAuditEvent, error) bool) {
	kept := make([]audit.PermissionAuditEvent, 0, f.Limit)
	next := 0 // the oldest of those that are kept, once there are enough
	all := f
	all.Newest, all.Limit = false, 0
	more := true
	s.forward(files, all, func(event audit.PermissionAuditEvent, err error) bool {
		switch {
		case err != nil:
			more = yield(event, err) && isDamage(err)
		case len(kept) < f.Limit:
			kept = append(kept, event)
		default:
			kept[next] = event
			next = (next + 1) % f.Limit
		}
		return more
	})
	out := limited{ctx: files.parent, yield: yield, ended: !more}
	for i := range kept {
		if out.ended || !out.give(kept[(next+len(kept)-1-i)%len(kept)], nil) {
			return
		}
	}
}
