package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// trial is a log on a simulated machine, with all that an oracle must know of it.
type trial struct {
	t      *testing.T
	random *rand.Rand
	fsys   *simFS
	db     *simDB // nil: it is a log in a file

	mu     sync.Mutex
	oracle faults.Oracle
	queued []EventID // recorded, but not acked yet
	next   [trialGoroutines]int
}

const trialGoroutines, perGoroutine = 4, 2

// The last goroutine's events are refused by the database.
const poisoner = trialGoroutines - 1

func newTrial(t *testing.T, seed int, database bool) *trial {
	random := rand.New(rand.NewPCG(uint64(seed), 7))
	c := &trial{t: t, random: random, fsys: newSimFS(rand.New(rand.NewPCG(uint64(seed), 9)))}
	if database {
		c.db = &simDB{random: rand.New(rand.NewPCG(uint64(seed), 8)), ids: map[EventID]bool{}}
	}
	return c
}

// lifecycle is what file and database loggers have in common.
type lifecycle interface {
	AuditLogger
	Flusher
	Shutdowner
	Stats() Stats
}

// open starts a logger, with options that chance has chosen.
func (c *trial) open() (lifecycle, error) {
	buffer := BufferOptions{
		Ack: AckMode(c.random.IntN(3)), BatchSize: 1 + c.random.IntN(4), OnError: func(error) {}, CloseTimeout: time.Hour,
	}
	if c.db != nil {
		options := &DatabaseOptions{
			Buffer: buffer, SpoolPath: simLog, WriteTimeout: time.Second,
			SpoolMaxBytes: 1 << (9 + c.random.IntN(4)), // some are full soon
		}
		complete, err := options.withDefaults()
		require.NoError(c.t, err)
		return newDatabaseAuditLogger(c.fsys, c.db, complete)
	}
	options := &FileOptions{Buffer: buffer, MaxSize: int64(300 + c.random.IntN(1500)), Compress: c.random.IntN(3) == 0}
	complete, err := options.withDefaults()
	require.NoError(c.t, err)
	return newFileAuditLogger(c.fsys, simLog, complete)
}

// submit makes an event of a goroutine.
func (c *trial) submit(by int) PermissionAuditEvent {
	c.mu.Lock()
	defer c.mu.Unlock()
	event := PermissionAuditEvent{
		ID: NewEventID(), Timestamp: time.Now(), Action: ActionRead, Granted: c.next[by]%2 == 0,
		Manager: fmt.Sprint("goroutine ", by), UserID: fmt.Sprint(c.next[by]),
	}
	entry, err := NewEntry(context.Background(), event)
	require.NoError(c.t, err)
	c.oracle.Submit(event.ID.String(), by, c.next[by], string(entry.AppendJSON(nil)))
	c.next[by]++
	return event
}

// live is the life of a process: some goroutines record, the log is flushed and, if
// it is a file, moved away; in the end it is closed. It may end early.
func (c *trial) live(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Hour)
	defer cancel()
	logger, err := c.open()
	if err != nil {
		return
	}
	for range 2 {
		c.record(ctx, logger)
		c.flush(ctx, logger)
		requireLedgerHolds(c.t, logger)
		if file, ok := logger.(*FileAuditLogger); ok && c.random.IntN(2) == 0 {
			// As logrotate does it. The name lets the files sort in their order.
			if name, _, err := rotatedName(c.fsys, simLog, time.Time{}); err == nil {
				_ = c.fsys.Rename(simLog, name)
			}
			_ = file.Reopen()
		}
	}
	c.record(ctx, logger)
	err = logger.Shutdown(ctx)
	if err == nil {
		c.ackQueued()
	}
	requireLedgerHolds(c.t, logger)
	// Submitted = acked + refused + lost and counted.
	stats := logger.Stats()
	require.EqualValues(c.t, 3*trialGoroutines*perGoroutine, stats.Recorded+stats.Refused)
	var undelivered *UndeliveredError
	if errors.As(err, &undelivered) {
		require.EqualValues(c.t, undelivered.Events, stats.Pending-stats.Spooled)
	} else {
		require.Equal(c.t, stats.Pending, stats.Spooled)
	}
}

func (c *trial) record(ctx context.Context, logger lifecycle) {
	var producers sync.WaitGroup
	for by := range trialGoroutines {
		producers.Go(func() {
			for range perGoroutine {
				event := c.submit(by)
				err := logger.Record(ctx, event)
				requireLedgerHolds(c.t, logger)
				c.mu.Lock()
				switch ack := logger.(interface{ ackMode() AckMode }).ackMode(); {
				case err != nil:
					c.oracle.Refuse(event.ID.String())
				case ack == AckDurable || ack == AckCritical && !event.Granted:
					c.oracle.Ack(event.ID.String())
				default:
					c.queued = append(c.queued, event.ID)
				}
				c.mu.Unlock()
			}
		})
	}
	producers.Wait()
}

func (l *buffered) ackMode() AckMode { return l.queue.options.Ack }

func (c *trial) flush(ctx context.Context, logger lifecycle) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if logger.Flush(ctx) == nil {
		c.ackQueued()
	}
}

func (c *trial) ackQueued() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.queued {
		c.oracle.Ack(id.String())
	}
	c.queued = nil
}

func requireLedgerHolds(t *testing.T, logger interface{ Stats() Stats }) {
	t.Helper()
	require.NoError(t, faults.Balance(logger.Stats()))
}

// crash lets the process live until a call of the file system, cuts the power then,
// and boots the machine again. It reports whether there was such a call.
func (c *trial) crash(at int) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.fsys.crashAt, c.fsys.onCrash = at, cancel
	c.live(ctx)
	defer c.reboot()
	c.fsys.mu.Lock()
	defer c.fsys.mu.Unlock()
	return c.fsys.crashed
}

func (c *trial) reboot() {
	c.queued = nil
	c.fsys = c.fsys.reboot()
}

// recover opens the log again, as often as it takes to be whole, and once more: that
// must not change anything. It returns what is in the log.
func (c *trial) recover() []faults.Line {
	if c.db != nil {
		c.db.mu.Lock()
		c.db.recovered = true
		c.db.mu.Unlock()
	}
	var trees [2]map[string]string
	for i := range trees {
		logger, err := c.open()
		require.NoError(c.t, err, c.fsys)
		require.NoError(c.t, logger.Flush(context.Background()), c.fsys)
		require.NoError(c.t, logger.Shutdown(context.Background()), c.fsys)
		requireLedgerHolds(c.t, logger)
		trees[i] = c.fsys.tree()
	}
	if c.db != nil {
		require.Equal(c.t, trees[0], trees[1], "recovering again changes nothing: %v", c.fsys)
		require.Empty(c.t, c.fsys.read(simLog), c.fsys)
		c.db.mu.Lock()
		defer c.db.mu.Unlock()
		return append(slices.Clone(c.db.lines), c.lines(c.content(simLog+".dead"))...)
	}
	return c.lines(c.content(simLog))
}

// content is what the files of a log hold, in their order.
func (c *trial) content(log string) []byte {
	names, _, err := rotatedFiles(c.fsys, log)
	require.NoError(c.t, err)
	var content []byte
	for _, name := range append(names, log) {
		text := c.fsys.read(name)
		if text == nil {
			unzip, err := gzip.NewReader(bytes.NewReader(c.fsys.read(name + gzipSuffix)))
			require.NoError(c.t, err, c.fsys)
			text, err = io.ReadAll(unzip)
			require.NoError(c.t, err, c.fsys)
		}
		if text = text[:bytes.LastIndexByte(text, '\n')+1]; name == log {
			require.Equal(c.t, string(c.fsys.read(name)), string(text), "the log ends at a whole line: %v", c.fsys)
		}
		content = append(content, text...)
	}
	return content
}

// lines are those of a log without the repeats that readers skip. Only a power cut
// damages a line.
func (c *trial) lines(content []byte) (found []faults.Line) {
	seen := map[string]string{}
	for line := range bytes.Lines(content) {
		text := string(bytes.TrimSuffix(line, []byte("\n")))
		event, err := decodeLine([]byte(text))
		if err != nil {
			require.Contains(c.t, text, "\x00", "%v", c.fsys)
			continue
		}
		if event.Action == ActionGap {
			continue
		}
		id := event.ID.String()
		if before, again := seen[id]; again {
			require.Equal(c.t, before, text, "an id that comes again comes with the same line")
			continue
		}
		seen[id] = text
		found = append(found, faults.Line{ID: id, Text: text})
	}
	return found
}

// simDB is a database that outlives every crash, and does what chance says.
type simDB struct {
	mu        sync.Mutex
	random    *rand.Rand
	recovered bool // it works from now on
	down      bool // it does not, until then
	ids       map[EventID]bool
	lines     []faults.Line
}

func (db *simDB) WriteBatch(ctx context.Context, batch []Entry) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := refusal(batch); err != nil {
		return err
	}
	if db.recovered {
		db.commit(batch)
		return nil
	}
	if db.down {
		return errors.New("connection refused")
	}
	switch db.random.IntN(6) {
	case 0, 1:
		db.commit(batch)
		return nil
	case 2:
		db.commit(batch)
		return errors.New("the answer was lost")
	case 3:
		db.commit(batch)
		<-ctx.Done()
	case 4:
		<-ctx.Done()
	}
	return errors.New("connection refused")
}

func refusal(batch []Entry) error {
	for i := range batch {
		if batch[i].Manager == fmt.Sprint("goroutine ", poisoner) {
			return Permanent(errors.New("violates a check"))
		}
	}
	return nil
}

func (db *simDB) commit(batch []Entry) {
	for i := range batch {
		if id := batch[i].ID; !db.ids[id] && batch[i].Action != ActionGap {
			db.ids[id] = true
			db.lines = append(db.lines, faults.Line{ID: id.String(), Text: string(batch[i].AppendJSON(nil))})
		}
	}
}

func (*simDB) Close() error { return nil }
