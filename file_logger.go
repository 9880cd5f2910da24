package audit

import (
	"context"
	"fmt"
	"io/fs"
	"time"
)

// FileOptions configure a FileAuditLogger. The zero value of each field means its
// default.
type FileOptions struct {
	Buffer BufferOptions
	// Mode is the permissions of files that are created, less the umask of the
	// process; the owner must be able to read and write them. Defaults to 0o600.
	// Files that exist keep theirs.
	Mode fs.FileMode
	// Sync says when the file is fsynced. Defaults to SyncBatch. After an fsync
	// that failed under SyncNone, Flush and Close return its error from then on:
	// nobody knows which events it lost.
	Sync SyncPolicy
	// MaxSize is a size in bytes that the file does not pass: it is rotated
	// before. A single batch may be larger; then it has a file of its own. While
	// the file cannot be renamed it grows all the same, and OnError hears of it.
	// 0: the file is not rotated for its size.
	MaxSize int64
	// MaxAge rotates a file that was begun longer ago, when the next batch comes.
	// What counts is the time of its first event. 0: never.
	MaxAge time.Duration
	// MaxBackups is how many rotated files are kept; the oldest are deleted.
	// 0: all of them, nothing is ever deleted.
	MaxBackups int
	// Compress gzips rotated files, in the background.
	Compress bool
}

// withDefaults returns a copy of o, which may be nil, that is complete, or an error
// that names every field that is wrong.
func (o *FileOptions) withDefaults() (FileOptions, error) {
	var options FileOptions
	if o != nil {
		options = *o
	}
	var c check
	options.Buffer = c.buffer(options.Buffer)
	if options.Mode&^fs.ModePerm != 0 {
		c.add("Mode", "must be permission bits, 0 to 0o777: got %#o", uint32(options.Mode))
	}
	if options.Mode == 0 {
		options.Mode = 0o600
	}
	if options.Mode&0o600 != 0o600 {
		c.add("Mode", "must let the owner read and write, 0o600: got %#o", uint32(options.Mode))
	}
	checkEnum(&c, "Sync", syncNames, options.Sync)
	if options.Sync == SyncNone && options.Buffer.Ack != AckQueued {
		c.add("Sync", "none cannot keep what Buffer.Ack %v promises: use Sync batch or Ack queued", options.Buffer.Ack)
	}
	c.notNegative("MaxAge", options.MaxAge)
	c.notNegativeInt("MaxSize", options.MaxSize)
	c.notNegativeInt("MaxBackups", int64(options.MaxBackups))
	return options, c.err()
}

// FileAuditLogger appends events to a file as newline-delimited JSON, a line each.
// A batch is fsynced before it counts as written.
//
// The file is locked: it has one writer. It is rotated as the options say, and a
// file that was moved, deleted or truncated by somebody else is noticed at the next
// batch: the first two begin a new file at the same path. If the file ends in the
// middle of a line when it is opened, as after a crash of the machine, that tail is
// moved aside to a file with the suffix ".torn".
type FileAuditLogger struct {
	buffered

	sink *fileSink
}

// NewFileAuditLogger opens the log at path, which is created if it is missing, as
// are its directories, with mode 0700. Nil options are the defaults. It returns
// ErrLocked if another logger has the file.
//
// A relative path is made absolute, and symbolic links are followed, now and not
// again; where one leads to nothing, the log is created there. A link in a directory
// to which somebody else than this user and root may write is refused.
func NewFileAuditLogger(path string, options *FileOptions) (*FileAuditLogger, error) {
	complete, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	return newFileAuditLogger(osFS{}, path, complete)
}

// mostTogether is how many batches share an fsync while the disk is behind. More of them
// would keep those who wait for an ack longer, and gain little.
const mostTogether = 4

// newFileAuditLogger starts a logger on a file system. Options are complete.
func newFileAuditLogger(fsys fileSystem, path string, complete FileOptions) (*FileAuditLogger, error) {
	reporter := newReporter(complete.Buffer.OnError)
	sink, err := openFileSink(fsys, path, complete, nil, func(op string, err error) {
		reporter.report(&BackgroundError{Op: op, Err: err})
	})
	if err != nil {
		return nil, fmt.Errorf("audit: open log: %w", err)
	}
	w := &worker{lines: sink, together: mostTogether, reporter: reporter}
	if complete.MaxSize > 0 {
		w.together = 1 // rotation is between batches
	}
	return &FileAuditLogger{newBuffered(complete.Buffer, w), sink}, nil
}

// Reopen goes over to the file that is now at the path, or to a new one. If that is
// still the one that is written to, nothing happens. Call it after another program
// has renamed the file, as from a handler of SIGHUP. It waits for a write that is
// under way, for at most CloseTimeout. If it fails, the logger tries again with the
// next batch, and events wait meanwhile.
func (l *FileAuditLogger) Reopen() error {
	ctx, cancel := context.WithTimeout(context.Background(), l.queue.options.CloseTimeout)
	defer cancel()
	if err := l.request(ctx, l.sink.refresh); err != nil {
		return fmt.Errorf("audit: reopen log: %w", err)
	}
	return nil
}
