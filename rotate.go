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

// rotatedName returns a name that is not taken yet for the log at path, moved aside
// at the given moment.
func rotatedName(path string, at time.Time) (string, error) {
	base, extension := splitExtension(path)
	for ; ; at = at.Add(time.Microsecond) {
		name := base + "-" + at.UTC().Format(rotatedLayout) + extension
		taken := false
		for _, candidate := range []string{name, name + gzipSuffix} {
			switch _, err := os.Lstat(candidate); {
			case err == nil:
				taken = true
			case !errors.Is(err, fs.ErrNotExist):
				return "", err
			}
		}
		if !taken {
			return name, nil
		}
	}
}

func splitExtension(path string) (base, extension string) {
	extension = filepath.Ext(path)
	return strings.TrimSuffix(path, extension), extension
}

// rotatedFiles returns the names of the rotated files of the log at path, oldest
// first, without gzipSuffix; a file that is there in both forms once.
func rotatedFiles(path string) ([]string, error) {
	base, extension := splitExtension(path)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name := filepath.Join(filepath.Dir(path), strings.TrimSuffix(entry.Name(), gzipSuffix))
		stamp, found := strings.CutPrefix(name, base+"-")
		stamp, ok := strings.CutSuffix(stamp, extension)
		if _, err := time.Parse(rotatedLayout, stamp); found && ok && err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// janitor compresses and deletes rotated files, on a goroutine that lives while
// there is something to do. Its zero work, without either option, is free.
type janitor struct {
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

func newJanitor(path string, options FileOptions, report func(string, error)) *janitor {
	j := &janitor{path: path, compress: options.Compress, keep: options.MaxBackups, report: report}
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

// tidy deletes the oldest files and compresses the others.
func (j *janitor) tidy() error {
	names, err := rotatedFiles(j.path)
	if err != nil {
		return err
	}
	for j.keep > 0 && len(names) > j.keep {
		if err := join(remove(names[0]), remove(names[0]+gzipSuffix)); err != nil {
			return err
		}
		names = names[1:]
	}
	if !j.compress {
		return nil
	}
	for _, name := range names {
		if err := j.gzip(name); err != nil && j.ctx.Err() == nil {
			j.report("compress", err)
		}
	}
	return nil
}

// gzip compresses a rotated file. It is replaced once its compressed form is
// durable.
func (j *janitor) gzip(name string) error {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil // done before
	}
	if _, err := os.Lstat(name + gzipSuffix); err != nil {
		part := name + gzipSuffix + partSuffix
		if err := j.copyGzip(part, name); err != nil {
			return join(err, remove(part))
		}
		if err := os.Rename(part, name+gzipSuffix); err != nil {
			return err
		}
		if err := syncParent(name); err != nil {
			return err
		}
	}
	return remove(name)
}

func (j *janitor) copyGzip(to, from string) (err error) {
	source, err := os.Open(from) //nolint:gosec // G304: a rotated log
	if err != nil {
		return err
	}
	defer func() { err = join(err, source.Close()) }()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm()) //nolint:gosec // G304: beside it
	if err != nil {
		return err
	}
	defer func() { err = join(err, target.Close()) }()
	compressor := gzip.NewWriter(target)
	if _, err := io.Copy(compressor, interruptible{j.ctx, source}); err != nil {
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

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncParent(path string) error { return syncDirectory(filepath.Dir(path)) }
