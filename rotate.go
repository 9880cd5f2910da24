package audit

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Rotated files stand beside the log: <base>-20261123T074620.123456Z<ext>, with
// ".gz" behind once they are compressed.
const (
	rotatedLayout = "20060102T150405.000000Z"
	gzipSuffix    = ".gz"
	partSuffix    = ".part" // of a compressed file that is not complete
)

// rotatedName returns a name for the log at path that is not taken yet: that of now,
// or the first one after that of the youngest rotated file, if the clock was set
// back. The names sort in the order of rotation.
func rotatedName(fsys fileSystem, path string, youngest time.Time) (name string, at time.Time, err error) {
	base, extension := splitExtension(path)
	at = time.Now().UTC().Truncate(time.Microsecond)
	if !at.After(youngest) {
		at = youngest.Add(time.Microsecond)
	}
	for ; ; at = at.Add(time.Microsecond) {
		name := base + "-" + at.Format(rotatedLayout) + extension
		taken := false
		for _, candidate := range []string{name, name + gzipSuffix} {
			switch _, err := fsys.Stat(candidate); {
			case err == nil:
				taken = true
			case !errors.Is(err, fs.ErrNotExist):
				return "", at, err
			}
		}
		if !taken {
			return name, at, nil
		}
	}
}

// youngestRotated is the time in the name of the youngest rotated file, zero if
// there is none to be seen.
func youngestRotated(fsys fileSystem, path string) time.Time {
	names, _, err := rotatedFiles(fsys, path)
	if err != nil || len(names) == 0 {
		return time.Time{}
	}
	at, _ := rotatedTime(path, names[len(names)-1])
	return at
}

func splitExtension(path string) (base, extension string) {
	extension = filepath.Ext(path)
	return strings.TrimSuffix(path, extension), extension
}

// rotatedTime returns the time in the name of a rotated file of the log at path, if
// it is one.
func rotatedTime(path, name string) (at time.Time, ours bool) {
	base, extension := splitExtension(path)
	stamp, found := strings.CutPrefix(name, base+"-")
	stamp, ok := strings.CutSuffix(stamp, extension)
	at, err := time.Parse(rotatedLayout, stamp)
	// Parse takes more than Format makes.
	return at, found && ok && err == nil && at.Format(rotatedLayout) == stamp
}

// rotatedFiles returns the names of the rotated files of the log at path, oldest
// first, without gzipSuffix, a file that is there in both forms once; and which of
// them an interrupted compression left a part of.
func rotatedFiles(fsys fileSystem, path string) (names, parts []string, err error) {
	directory := filepath.Dir(path)
	entries, err := fsys.ReadDir(directory)
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			continue
		}
		name, isPart := strings.CutSuffix(filepath.Join(directory, entry.Name()), gzipSuffix+partSuffix)
		if isPart {
			if _, ours := rotatedTime(path, name); ours {
				parts = append(parts, name)
			}
			continue
		}
		name = strings.TrimSuffix(name, gzipSuffix)
		if _, ours := rotatedTime(path, name); ours {
			names = append(names, name)
		}
	}
	return slices.Compact(names), parts, nil
}

// janitor compresses and deletes rotated files, on a goroutine that lives while
// there is something to do. Its zero work, without either option, is free.
type janitor struct {
	fsys     fileSystem
	path     string
	compress bool
	keep     int // 0: all
	report   func(op string, err error)

	ctx    context.Context // ends the compressing
	cancel context.CancelFunc

	mu    sync.Mutex
	again bool          // there was a kick since the goroutine looked
	idle  chan struct{} // closed by the goroutine when it ends; nil while there is none
}

func newJanitor(fsys fileSystem, path string, options FileOptions, report func(string, error)) *janitor {
	j := &janitor{fsys: fsys, path: path, compress: options.Compress, keep: options.MaxBackups, report: report}
	j.ctx, j.cancel = context.WithCancel(context.Background())
	return j
}

// kick says that there may be something to do. It does not wait.
func (j *janitor) kick() {
	if !j.compress && j.keep == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.again = true
	if j.idle == nil {
		j.idle = make(chan struct{})
		go j.run()
	}
}

func (j *janitor) run() {
	for j.more() {
		if err := j.tidy(); err != nil && j.ctx.Err() == nil {
			j.report("prune", err)
		}
	}
}

// more reports whether there was a kick; otherwise it ends the goroutine.
func (j *janitor) more() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.again && j.ctx.Err() == nil {
		j.again = false
		return true
	}
	close(j.idle)
	j.idle = nil
	return false
}

// stop waits until all is done or ctx ends; then it interrupts. What is not done is
// done when the log is opened the next time.
func (j *janitor) stop(ctx context.Context) {
	defer j.cancel()
	j.mu.Lock()
	idle := j.idle
	j.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
		j.cancel()
		<-idle
	}
}

// tidy deletes the oldest files, and compresses the others, oldest first.
func (j *janitor) tidy() error {
	names, parts, err := rotatedFiles(j.fsys, j.path)
	if err != nil {
		return err
	}
	for _, name := range parts {
		err = join(err, removeIfThere(j.fsys, name+gzipSuffix+partSuffix))
	}
	for ; j.keep > 0 && len(names) > j.keep; names = names[1:] {
		err = join(err, removeIfThere(j.fsys, names[0]), removeIfThere(j.fsys, names[0]+gzipSuffix))
	}
	for _, name := range names {
		if !j.compress || j.ctx.Err() != nil {
			break
		}
		if err := j.gzip(name); err != nil && j.ctx.Err() == nil {
			j.report("compress", err)
		}
	}
	return err
}

// gzip compresses a rotated file. It is removed once its compressed form is
// durable.
func (j *janitor) gzip(name string) error {
	if _, err := j.fsys.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return nil // done before
	}
	switch _, err := j.fsys.Stat(name + gzipSuffix); {
	case errors.Is(err, fs.ErrNotExist):
		part := name + gzipSuffix + partSuffix
		if err := j.copyGzip(part, name); err != nil {
			return join(err, removeIfThere(j.fsys, part))
		}
		if err := j.fsys.Rename(part, name+gzipSuffix); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	// Also if the compressed form was there: a crash may have come in between.
	if err := j.fsys.SyncDir(filepath.Dir(name)); err != nil {
		return err
	}
	return removeIfThere(j.fsys, name)
}

func (j *janitor) copyGzip(to, from string) (err error) {
	source, err := j.fsys.OpenFile(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = join(err, source.Close()) }()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := j.fsys.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = join(err, target.Close()) }()
	compressor := gzip.NewWriter(target)
	lines := io.NewSectionReader(source, 0, info.Size())
	if _, err := io.Copy(compressor, interruptible{j.ctx, lines}); err != nil {
		return err
	}
	if err := compressor.Close(); err != nil {
		return err
	}
	return target.Sync()
}

// interruptible is a reader that fails when ctx ends.
type interruptible struct {
	ctx context.Context //nolint:containedctx // io.Reader has no other way
	io.Reader
}

func (r interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
