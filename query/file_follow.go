package query

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/permaudit/audit"
)

const (
	// followPoll is how often files are looked at.
	followPoll = 200 * time.Millisecond
	// followMoved is how long a file that was moved away is read on: its writer may
	// not have noticed.
	followMoved = time.Minute
	// followSeed is how many bytes before the place where the following begins are
	// searched for events that may come again after it.
	followSeed = 8 << 20
)

// Follow implements Follower for the path of one log that is plain. A log that is not
// there is waited for; one that is truncated is read from its beginning; one that is
// moved away is read to its end, then those that were rotated after it, then the one
// in its place.
func (s *fileSource) Follow(ctx context.Context, f Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		if len(s.patterns) != 1 || s.patterns[0] == standardInput || isGlob(s.patterns[0]) || s.patterns[0] == "" {
			yield(audit.PermissionAuditEvent{}, fmt.Errorf("query: follow %q: name one file, which is not compressed", s.patterns))
			return
		}
		f.Newest, f.Limit = false, 0
		w := &follower{
			path: s.patterns[0], limits: s.limits, filter: newRawFilter(f),
			window: window{limits: s.limits}, out: limited{ctx: ctx, yield: yield},
		}
		defer w.closeAll()
		tick := time.NewTicker(cmp.Or(s.poll, followPoll))
		defer tick.Stop()
		err := w.begin(s, f, last)
		for err == nil && !w.out.ended {
			if err = w.look(); err != nil || w.out.ended {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				err = errStopped
			}
		}
		if err != nil {
			w.out.fail(err)
		}
	}
}

// follower reads what is appended to a log.
type follower struct {
	path   string
	limits limits
	filter *rawFilter
	window window
	out    limited

	files   []*followed     // that are read, in their order; the last one is in place, if inPlace
	inPlace bool            // the last file stands, or stood a moment ago, at path
	known   map[string]bool // rotated files by the name of this library, without .gz
	others  []fs.FileInfo   // rotated files by a number
	scanner lineScanner
}

// begin opens the log, if it is there, and yields its last events.
func (w *follower) begin(s *fileSource, f Filter, last int) error {
	w.known = make(map[string]bool)
	if _, err := w.rotated(); err != nil {
		return err
	}
	current, err := openFollowed(w.out.ctx, w.path)
	if current == nil || err != nil {
		return err
	}
	w.files, w.inPlace = append(w.files, current), true
	if last < 0 {
		return nil
	}
	size := current.info.Size()
	opened := &snapshot{ctx: w.out.ctx, file: current.file, name: w.path, size: size}
	if packed, err := opened.isGzip(); err != nil || packed {
		return cmp.Or(err, fmt.Errorf("query: follow %s: it is compressed, and nobody appends to it", w.path))
	}
	blocks := backwardBlocks{limits: w.limits, snapshot: opened}
	if current.offset, err = blocks.lineStart(size); err != nil {
		return err
	}
	if err := w.seed(opened, current.offset); err != nil {
		return err
	}
	if err := current.keepHead(); err != nil || last == 0 {
		return err
	}
	return w.lastOnes(s, opened, f, last)
}

// lastOnes yields the last events of a file that is open.
func (w *follower) lastOnes(s *fileSource, opened *snapshot, f Filter, last int) error {
	files := newFileSet(w.out.ctx, []string{w.path}, nil)
	files.open[0] = &snapshot{ctx: opened.ctx, file: opened.file, name: opened.name, size: opened.size, kept: true}
	defer files.closeAll()
	f.Newest, f.Limit = true, last
	var events []audit.PermissionAuditEvent
	var failed error
	s.backward(files, f, func(event audit.PermissionAuditEvent, err error) bool {
		switch {
		case err == nil:
			events = append(events, event)
		case isDamage(err):
			return w.out.give(event, err)
		default:
			failed = err
		}
		return true
	})
	for _, event := range slices.Backward(events) {
		if failed != nil || !w.out.give(event, nil) {
			break
		}
	}
	return failed
}

// seed remembers the ids before an offset.
func (w *follower) seed(opened *snapshot, end int64) error {
	begin := max(0, end-followSeed)
	data := make([]byte, end-begin)
	if _, err := opened.ReadAt(data, begin); err != nil && end > begin {
		return err
	}
	for line := range bytes.Lines(data) {
		var l scannedLine
		l.scan(&w.scanner, bytes.TrimSuffix(line, []byte{'\n'}), w.limits)
		w.window.add(l.id(), 0)
	}
	return nil
}

// look reads what is new.
func (w *follower) look() error {
	if err := w.arrive(); err != nil {
		return err
	}
	for i := 0; i < len(w.files) && !w.out.ended; i++ {
		f := w.files[i]
		grown, err := w.read(f)
		if err != nil {
			return err
		}
		switch {
		case grown:
			f.moved = time.Now()
		case (i < len(w.files)-1 || !w.inPlace) && time.Since(f.moved) > followMoved:
			_ = f.file.Close()
			w.files = slices.Delete(w.files, i, i+1)
			i--
		}
	}
	return nil
}

// arrive looks whether another file stands at path.
func (w *follower) arrive() error {
	info, err := os.Stat(w.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("query: %w", err)
	}
	if w.inPlace {
		last := w.files[len(w.files)-1]
		if err == nil && os.SameFile(info, last.info) {
			return nil
		}
		last.moved, w.inPlace = time.Now(), false
	}
	if info == nil {
		return nil
	}
	// Whatever was rotated meanwhile comes before the file that is there now. That is
	// opened first: it may be moved away while one looks.
	current, err := openFollowed(w.out.ctx, w.path)
	if current == nil || err != nil {
		return err
	}
	between, err := w.rotated()
	if err != nil {
		_ = current.file.Close()
		return err
	}
	for _, path := range between {
		if err := w.follow(path, current); err != nil {
			_ = current.file.Close()
			return err
		}
	}
	if w.followed(current.info) {
		return current.file.Close() // it came back
	}
	w.files, w.inPlace = append(w.files, current), true
	return nil
}

// followed reports whether the file is read already.
func (w *follower) followed(info fs.FileInfo) bool {
	return slices.ContainsFunc(w.files, func(f *followed) bool { return os.SameFile(f.info, info) })
}

// follow adds a rotated file, unless it is one that is read, or current.
func (w *follower) follow(path string, current *followed) error {
	f, err := openFollowed(w.out.ctx, path)
	if f == nil || err != nil {
		return err
	}
	if w.followed(f.info) || os.SameFile(f.info, current.info) {
		return f.file.Close()
	}
	if strings.HasSuffix(path, gzipSuffix) {
		return w.readPacked(f)
	}
	w.files = append(w.files, f)
	return nil
}

const gzipSuffix = ".gz"

// rotated returns the files that were rotated since it was called last, the oldest
// first.
func (w *follower) rotated() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(w.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	var young []string
	for _, entry := range entries {
		path := filepath.Join(filepath.Dir(w.path), entry.Name())
		log, age := rotation(path)
		if log != filepath.Clean(w.path) || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		name := strings.TrimSuffix(path, gzipSuffix)
		switch {
		case err != nil: // it is gone
		case age >= rotatedByUs && age < neverRotated:
			if !w.known[name] {
				young = append(young, path)
			}
			w.known[name] = true
		case age < rotatedByUs && name == path:
			if !slices.ContainsFunc(w.others, func(known fs.FileInfo) bool { return os.SameFile(known, info) }) {
				young = append(young, path)
				w.others = append(w.others, info)
			}
		}
	}
	slices.SortFunc(young, byAge)
	return young, nil
}

func (w *follower) closeAll() {
	for _, f := range w.files {
		_ = f.file.Close()
	}
}
