//go:build cgo && unix

package faults_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// job is what a child process does: it logs, and says what it does on its standard
// output.
type job struct {
	Sink     string // file, sqlite or postgres
	Path     string // of the file or the SQLite database
	Table    string // in PostgreSQL
	Spool    string
	MaxSize  int64
	Compress bool
	Comes    bool // the database comes and goes
	Down     bool // it never comes
	Pinned   bool // the database is used by one thread alone

	Round      int
	Goroutines int
	Events     int // of each goroutine; 0: until it is killed
	Ack        audit.AckMode
	Grace      time.Duration // that SIGTERM leaves it; 0: it is killed by it
}

const jobEnv = "AUDIT_FAULTS_JOB"

func TestMain(m *testing.M) {
	if text := os.Getenv(jobEnv); text != "" {
		var j job
		if err := json.Unmarshal([]byte(text), &j); err != nil {
			say("E %v", err)
			os.Exit(2)
		}
		if j.Sink == "slow" {
			os.Exit(j.flood())
		}
		os.Exit(j.run())
	}
	goleak.VerifyTestMain(m)
}

// say prints a line, as a whole.
func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// event is the event number n of a goroutine of a round, whose bytes follow from its
// id.
func event(round, goroutine, n int, id audit.EventID) audit.PermissionAuditEvent {
	sum := fnv.New64a()
	_, _ = sum.Write(id[:])
	return audit.PermissionAuditEvent{
		ID: id, Timestamp: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Microsecond),
		Action: audit.ActionUpdate, Attributes: []string{"status", "owner"}, Granted: n%2 == 0,
		Manager: fmt.Sprintf("round %d goroutine %d", round, goroutine), UserID: fmt.Sprint(n),
		Permissions: []string{"isSelf", "isAdmin"}, Metadata: map[string]any{audit.MetadataRequestID: fmt.Sprintf("%016x", sum.Sum64())},
	}
}

// run is the child. It returns its exit status.
func (j *job) run() int {
	logger, err := j.open()
	if err != nil {
		say("O %v", err)
		return 1
	}
	stop := make(chan os.Signal, 1)
	if j.Grace > 0 {
		signal.Notify(stop, syscall.SIGTERM)
	}
	say("READY")
	done := make(chan struct{})
	go j.watchLedger(logger, done)
	var all sync.WaitGroup
	for g := range j.Goroutines {
		all.Go(func() { j.record(logger, g) })
	}
	finished := make(chan struct{})
	go func() {
		all.Wait()
		close(finished)
	}()
	ctx := context.Background()
	select {
	case <-finished:
	case <-stop:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, j.Grace)
		defer cancel()
	}
	began := time.Now()
	err = logger.Shutdown(ctx)
	took := time.Since(began)
	<-finished // each has ErrClosed by now
	close(done)
	stats := logger.Stats()
	say("C %d %d %v", took.Milliseconds(), stats.Pending-stats.Spooled, err)
	if err := faults.Balance(stats); err != nil {
		say("E %v", err)
	}
	return 0
}

// lifecycle is what file and database loggers have in common.
type lifecycle interface {
	audit.AuditLogger
	audit.Flusher
	audit.Shutdowner
	Stats() audit.Stats
}

func (j *job) open() (lifecycle, error) {
	buffer := audit.BufferOptions{Ack: j.Ack, OnError: func(error) {}}
	if j.Sink == "file" {
		return audit.NewFileAuditLogger(j.Path, &audit.FileOptions{Buffer: buffer, MaxSize: j.MaxSize, Compress: j.Compress})
	}
	store, err := j.store()
	if err != nil {
		return nil, err
	}
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{Buffer: buffer, SpoolPath: j.Spool, WriteTimeout: time.Second})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return logger, nil
}

func (j *job) store() (store audit.Sink, err error) {
	ctx := context.Background()
	switch j.Sink {
	case "sqlite":
		store, err = sqlite.Open(ctx, j.Path, nil)
	case "postgres":
		store, err = postgres.Open(ctx, os.Getenv("AUDIT_TEST_POSTGRES_DSN"), &postgres.Options{TableName: j.Table})
	}
	switch {
	case err != nil:
		return nil, err
	case j.Pinned:
		return newPinned(store), nil
	case j.Comes || j.Down:
		return &comingAndGoing{Sink: store, down: j.Down}, nil
	}
	return store, nil
}

// comingAndGoing is a database that does not answer, or refuses, for a while every now
// and then.
type comingAndGoing struct {
	audit.Sink

	down bool
}

func (s *comingAndGoing) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	if !s.down && time.Now().UnixMilli()/20%2 == 0 {
		return s.Sink.WriteBatch(ctx, batch)
	}
	if rand.IntN(4) == 0 {
		select {
		case <-time.After(30 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return errors.New("the database is down")
}

// pinned is a sink that one thread alone uses: strace counts the calls of each thread
// apart.
type pinned struct {
	audit.Sink

	calls chan func()
}

func newPinned(sink audit.Sink) *pinned {
	p := &pinned{sink, make(chan func())}
	go func() {
		runtime.LockOSThread()
		for call := range p.calls {
			call()
		}
	}()
	return p
}

func (p *pinned) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	result := make(chan error)
	// With a context that can end, the driver would use a goroutine of its own.
	p.calls <- func() { result <- p.Sink.WriteBatch(context.WithoutCancel(ctx), batch) }
	return <-result
}

func (j *job) record(logger audit.AuditLogger, goroutine int) {
	for n := 0; j.Events == 0 || n < j.Events; n++ {
		id := audit.NewEventID()
		say("S %d %d %v", goroutine, n, id)
		switch err := logger.Record(context.Background(), event(j.Round, goroutine, n, id)); {
		case errors.Is(err, audit.ErrClosed):
			say("X %v", id)
			return
		case err != nil:
			say("X %v", id)
		case j.Ack == audit.AckDurable || j.Ack == audit.AckCritical && n%2 == 1:
			say("A %v", id)
		default:
			say("Q %v", id)
		}
	}
}

// watchLedger says so when the equation of Stats does not hold.
func (j *job) watchLedger(logger lifecycle, done <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if err := faults.Balance(logger.Stats()); err != nil {
			say("E %v", err)
		}
		select {
		case <-tick.C:
		case <-done:
			return
		}
	}
}

// child is such a process.
type child struct {
	job     job
	command *exec.Cmd
	output  *bufio.Scanner
	log     *history
	acks    int // so far
	queued  []string
	closed  closing
}

// closing is how the Shutdown of a child went.
type closing struct {
	milliseconds, undelivered int
	err                       string
}

// start starts a child, below another program perhaps, and waits until it is ready.
func start(t *testing.T, j job, log *history, below ...string) *child {
	t.Helper()
	text, err := json.Marshal(j)
	require.NoError(t, err)
	itself, err := os.Executable()
	require.NoError(t, err)
	args := slices.Concat(below, []string{itself})
	command := exec.CommandContext(t.Context(), args[0], args[1:]...)
	command.Env = append(os.Environ(), jobEnv+"="+string(text))
	command.Stderr = os.Stderr
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	return &child{job: j, command: command, output: bufio.NewScanner(stdout), log: log}
}

// next notes what the child says next, and returns it; "" when it has ended.
func (c *child) next(t *testing.T) string {
	t.Helper()
	if !c.output.Scan() {
		return ""
	}
	line := c.output.Text()
	var goroutine, n int
	var id string
	switch line[0] {
	case 'S':
		if _, err := fmt.Sscanf(line, "S %d %d %s", &goroutine, &n, &id); err == nil {
			c.log.submit(t, c.job.Round, goroutine, n, id)
		}
	case 'A':
		c.acks++
		c.log.ack(line[2:])
	case 'X':
		c.log.refuse(line[2:])
	case 'Q':
		c.queued = append(c.queued, line[2:])
	case 'C':
		_, err := fmt.Sscanf(line, "C %d %d %s", &c.closed.milliseconds, &c.closed.undelivered, &c.closed.err)
		require.NoError(t, err)
		if c.closed.err == "<nil>" { // what was recorded is durable now
			for _, id := range c.queued {
				c.log.ack(id)
			}
		}
	case 'E':
		require.Fail(t, "the child said", line)
	}
	return line
}

// end notes what the child still says, and waits for its end.
func (c *child) end(t *testing.T) {
	t.Helper()
	for c.next(t) != "" {
	}
	_ = c.command.Wait()
}

func (c *child) signal(t *testing.T, what syscall.Signal) {
	t.Helper()
	require.NoError(t, c.command.Process.Signal(what))
}
