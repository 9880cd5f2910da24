//go:build linux

package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// pinnedFS is the real file system, used by one thread alone: strace counts the calls
// of each thread apart.
type pinnedFS struct {
	osFS

	calls chan func()
}

func newPinnedFS() *pinnedFS {
	f := &pinnedFS{calls: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for call := range f.calls {
			call()
		}
	}()
	return f
}

func (f *pinnedFS) do(call func()) {
	done := make(chan struct{})
	f.calls <- func() {
		defer close(done)
		call()
	}
	<-done
}

func (f *pinnedFS) open(open func() (logFile, error)) (file logFile, err error) {
	f.do(func() { file, err = open() })
	if err != nil {
		return nil, err
	}
	return &pinnedFile{file, f}, nil
}

func (f *pinnedFS) OpenLog(path string, mode fs.FileMode) (logFile, error) {
	return f.open(func() (logFile, error) { return f.osFS.OpenLog(path, mode) })
}

func (f *pinnedFS) OpenFile(path string, flag int, mode fs.FileMode) (logFile, error) {
	return f.open(func() (logFile, error) { return f.osFS.OpenFile(path, flag, mode) })
}

func (f *pinnedFS) Rename(from, to string) (err error) {
	f.do(func() { err = f.osFS.Rename(from, to) })
	return err
}

func (f *pinnedFS) SyncDir(path string) (err error) {
	f.do(func() { err = f.osFS.SyncDir(path) })
	return err
}

type pinnedFile struct {
	logFile

	fsys *pinnedFS
}

func (f *pinnedFile) Write(p []byte) (n int, err error) {
	f.fsys.do(func() { n, err = f.logFile.Write(p) })
	return n, err
}

func (f *pinnedFile) Sync() (err error) {
	f.fsys.do(func() { err = f.logFile.Sync() })
	return err
}

func (f *pinnedFile) Truncate(size int64) (err error) {
	f.fsys.do(func() { err = f.logFile.Truncate(size) })
	return err
}

// rowFile is a database of a child: a file of lines, which outlives it.
type rowFile struct {
	path  string
	works atomic.Bool // it refuses every batch until then
	ids   map[string]bool
}

func openRowFile(path string) (*rowFile, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r := &rowFile{path: path, ids: map[string]bool{}}
	for line := range bytes.Lines(text) {
		event, err := decodeLine(line)
		if err != nil {
			return nil, err
		}
		r.ids[event.ID.String()] = true
	}
	return r, nil
}

func (r *rowFile) WriteBatch(_ context.Context, batch []Entry) error {
	if !r.works.Load() {
		return errors.New("not now")
	}
	var lines []byte
	for i := range batch {
		if id := batch[i].ID.String(); !r.ids[id] {
			r.ids[id] = true
			lines = append(batch[i].AppendJSON(lines), '\n')
		}
	}
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(lines)
	return join(err, file.Close())
}

func (*rowFile) Close() error { return nil }

// straced opens the log of the child, or of the one who looks at it afterwards.
func straced(fsys fileSystem, directory, sink string) (logger lifecycle, rows *rowFile, err error) {
	log := filepath.Join(directory, "permission.log")
	buffer := BufferOptions{Ack: AckDurable, OnError: func(error) {}, CloseTimeout: 5 * time.Second}
	if sink == "file" {
		options := &FileOptions{Buffer: buffer, MaxSize: 1} // each batch in a file of its own
		complete, err := options.withDefaults()
		if err != nil {
			return nil, nil, err
		}
		logger, err = newFileAuditLogger(fsys, log, complete)
		return logger, nil, err
	}
	if rows, err = openRowFile(filepath.Join(directory, "rows")); err != nil {
		return nil, nil, err
	}
	options := &DatabaseOptions{Buffer: buffer, SpoolPath: log, SpoolMaxBytes: 1 << 20, DeadLetterPath: filepath.Join(directory, "dead", "letters")}
	complete, err := options.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	logger, err = newDatabaseAuditLogger(fsys, rows, complete)
	return logger, rows, err
}

// TestStracedChild is the child: it records events one after the other.
func TestStracedChild(t *testing.T) {
	directory, sink := os.Getenv("AUDIT_STRACED_DIRECTORY"), os.Getenv("AUDIT_STRACED_SINK")
	if directory == "" {
		t.Skip("only run by another test, as its child process")
	}
	logger, rows, err := straced(newPinnedFS(), directory, sink)
	if err != nil {
		fmt.Println("E", err)
		os.Exit(1)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var events int
	_, err = fmt.Sscan(os.Getenv("AUDIT_STRACED_EVENTS"), &events)
	require.NoError(t, err)
	for n := range events {
		event := PermissionAuditEvent{
			ID: NewEventID(), Timestamp: time.Now(), Action: ActionRead, Granted: true, Manager: "M", UserID: fmt.Sprint(n),
		}
		if rows != nil { // two of them fill a file of the spool
			event.Permissions = []string{strings.Repeat("x", MaxStringBytes), strings.Repeat("y", MaxStringBytes), strings.Repeat("z", 5000)}
		}
		line, err := event.MarshalJSON()
		require.NoError(t, err)
		fmt.Println("S", n, event.ID, string(line))
		began := time.Now()
		err = logger.Record(ctx, event)
		if took := time.Since(began); took > 10*time.Second {
			fmt.Println("E it took", took)
		}
		if err == nil {
			fmt.Println("A", event.ID)
		} else {
			fmt.Println("X", event.ID, err)
		}
		if rows != nil && n%3 == 2 {
			rows.works.Store(true)
			_ = logger.Flush(ctx) // so that the spool is empty again
			rows.works.Store(false)
		}
		if err := faults.Balance(logger.Stats()); err != nil {
			fmt.Println("E", err)
		}
	}
	if rows != nil {
		rows.works.Store(true)
	}
	fmt.Println("C", logger.Shutdown(ctx))
	cancel()
	os.Exit(0)
}

// runStraced runs the child under strace. It returns what the child submitted, and
// whether the fault was injected.
func runStraced(t *testing.T, directory, sink, call, fault string, at int) (oracle *faults.Oracle, injected bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	trace := filepath.Join(t.TempDir(), "trace")
	events := 3*at + 9
	if call == "ftruncate" {
		events *= 2 // not every one of them leads to a truncation
	}
	args := []string{"-f", "-qq", "-o", trace, "-P", filepath.Join(directory, "permission.log"), "-P", directory}
	if strings.HasPrefix(fault, "error=") {
		args = append(args, "--seccomp-bpf") // much quicker, but it cannot inject signals then
	}
	args = append(args, "-e", "trace="+call, "-e", "inject="+call+":"+fault+":when="+strconv.Itoa(at), os.Args[0], "-test.run=^TestStracedChild$")
	command := exec.CommandContext(ctx, "strace", args...)
	command.Env = append(os.Environ(), "AUDIT_STRACED_DIRECTORY="+directory, "AUDIT_STRACED_SINK="+sink,
		"AUDIT_STRACED_EVENTS="+strconv.Itoa(events)) // so that there are as many calls, and some events after it
	output, err := command.Output()
	require.NoError(t, ctx.Err(), "it hangs:\n%s", output)
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		require.NoError(t, err)
	}
	oracle = &faults.Oracle{}
	lines := bufio.NewScanner(bytes.NewReader(output))
	for lines.Scan() {
		words := strings.SplitN(lines.Text(), " ", 4)
		switch words[0] {
		case "S":
			var n int
			_, err := fmt.Sscan(words[1], &n)
			require.NoError(t, err)
			oracle.Submit(words[2], 0, n, words[3])
		case "A":
			oracle.Ack(words[1])
		case "X":
			oracle.Refuse(words[1])
		case "E":
			require.Contains(t, lines.Text(), "E audit: open ", "only opening may fail")
		}
	}
	text, err := os.ReadFile(trace)
	require.NoError(t, err)
	return oracle, bytes.Contains(text, []byte("INJECTED")) || bytes.Contains(text, []byte("killed by SIGKILL"))
}

// recoverStraced does what the next process does, twice, and returns what is there.
func recoverStraced(t *testing.T, directory, sink string) (found []faults.Line) {
	t.Helper()
	for range 2 {
		logger, rows, err := straced(osFS{}, directory, sink)
		require.NoError(t, err)
		if rows != nil {
			rows.works.Store(true)
		}
		require.NoError(t, logger.Flush(t.Context()))
		require.NoError(t, logger.Shutdown(t.Context()))
		requireLedgerHolds(t, logger)
	}
	log := filepath.Join(directory, "permission.log")
	files, _, err := rotatedFiles(osFS{}, log)
	require.NoError(t, err)
	files = append(files, log)
	if sink == "spool" {
		require.Equal(t, []string{log}, files, "the spool is empty")
		files = []string{filepath.Join(directory, "rows")}
	}
	seen := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // there was no row
		}
		require.NoError(t, err)
		for line := range bytes.Lines(text) {
			event, err := decodeLine(line)
			require.NoError(t, err, "%s: %q", file, line)
			if id := event.ID.String(); sink == "spool" || !seen[id] { // readers of files skip repeats
				seen[id] = true
				found = append(found, faults.Line{ID: id, Text: string(bytes.TrimSuffix(line, []byte("\n")))})
			}
		}
	}
	return found
}

// Each call of a kind in turn fails, or is the last one.
func TestFault04AnyFailingSystemCallLosesNothingThatWasAcked(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("needs strace: scripts/setup.sh strace installs it")
	}
	const most = 40
	for _, sink := range []string{"file", "spool"} {
		for _, call := range []string{"openat", "write", "fsync", "renameat", "ftruncate"} {
			if sink == "file" && call == "ftruncate" {
				continue // it truncates only what it could not write
			}
			for _, fault := range []string{"error=EIO", "error=ENOSPC", "signal=SIGKILL"} {
				t.Run(sink+" "+call+" "+fault, func(t *testing.T) {
					t.Parallel() // strace waits more than it works
					var counts faults.Counts
					rounds := 0
					first, step := faults.Rounds(3, 1), faults.Rounds(most, 1)
					for at := first; at <= most; at += step {
						directory := t.TempDir()
						oracle, injected := runStraced(t, directory, sink, call, fault, at)
						require.True(t, injected, "call %d", at)
						found, problems := oracle.Judge(recoverStraced(t, directory, sink))
						require.Empty(t, problems, "call %d", at)
						require.Zero(t, found.Refused, "call %d: nobody waits for long", at)
						counts.Add(found)
						rounds++
					}
					faults.Report(t, faults.Row{Fault: fmt.Sprintf("4 strace: %s of %s, %s", call, sink, fault), Rounds: rounds, Counts: counts})
				})
			}
		}
	}
}
