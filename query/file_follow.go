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

	files   []*followed     // that are read, in their order
	inPlace bool            // the last one stood at path when that was looked at
	known   map[string]bool // rotated files: the name of ours, without .gz, the first line of others
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
	current.uncounted = current.offset
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
	files.open[0] = &snapshot{ctx: opened.ctx, file: opened.file, name: opened.name, size: opened.size, isPlain: true, kept: true}
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
	info, _ := os.Stat(w.path) // nil: it is missing, or must not be looked at for a moment
	if w.inPlace {
		last := w.files[len(w.files)-1]
		if info != nil && os.SameFile(info, last.info) {
			return nil
		}
		last.moved, w.inPlace = time.Now(), false
	}
	if info == nil {
		return nil
	}
	// Whatever was rotated meanwhile comes before the file that is there now. That is
	// opened first: it may be moved away while one looks.
	current, _ := openFollowed(w.out.ctx, w.path)
	if current == nil { // it is being replaced
		return nil
	}
	for _, f := range w.files {
		if _, err := w.read(f); err != nil {
			_ = current.file.Close()
			return err
		}
	}
	between, _ := w.rotated() // an error says that there is nothing to be seen
	for _, path := range between {
		if err := w.follow(path, current); err != nil {
			_ = current.file.Close()
			return err
		}
	}
	w.inPlace = true
	if i := w.followed(current.info); i >= 0 { // it came back
		back := w.files[i]
		w.files = append(slices.Delete(w.files, i, i+1), back)
		return current.file.Close()
	}
	w.files = append(w.files, current)
	return nil
}

// followed returns the place of a file that is read already, -1 if there is none.
func (w *follower) followed(info fs.FileInfo) int {
	return slices.IndexFunc(w.files, func(f *followed) bool { return os.SameFile(f.info, info) })
}

// follow adds a rotated file, unless it is one that is read, or current, or what became
// of one that is read when it was compressed.
func (w *follower) follow(path string, current *followed) error {
	f, err := openFollowed(w.out.ctx, path)
	if packed := path + gzipSuffix; f == nil && err == nil && !strings.HasSuffix(path, gzipSuffix) {
		path = packed // it was compressed since it was listed
		f, err = openFollowed(w.out.ctx, path)
	}
	if f == nil || err != nil {
		return err
	}
	first := firstLine(path)
	wasRead := func(other *followed) bool { return other.firstLine() == first }
	switch {
	case w.followed(f.info) >= 0 || os.SameFile(f.info, current.info):
		return f.file.Close()
	case strings.HasSuffix(path, gzipSuffix) && slices.ContainsFunc(w.files, wasRead):
		return f.file.Close()
	case strings.HasSuffix(path, gzipSuffix):
		return w.readRest(f, 0)
	}
	w.files = append(w.files, f)
	return nil
}

// copied reads what a file held when it was copied, as logrotate does it with
// copytruncate, and what is not in it any more.
func (w *follower) copied(f *followed) error {
	young, _ := w.rotated() // an error says that there is nothing to be seen
	for _, path := range young {
		if firstLine(path) != f.firstLine() {
			continue
		}
		g, err := openFollowed(w.out.ctx, path)
		if g == nil || err != nil {
			return err
		}
		g.rest, g.line, g.uncounted = f.rest, f.line, f.uncounted
		if err := w.readRest(g, f.offset); err != nil {
			return err
		}
	}
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
		if log != filepath.Clean(w.path) || age == neverRotated || !entry.Type().IsRegular() {
			continue
		}
		name := strings.TrimSuffix(path, gzipSuffix)
		if age < rotatedByUs { // which changes its name with every rotation
			name = firstLine(path)
		}
		if name != "" && !w.known[name] {
			young = append(young, path)
			w.known[name] = true
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
