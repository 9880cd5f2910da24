package audit

import (
	"errors"
	"fmt"
	"time"
)

// OverflowPolicy says what Record does while the queue has no room.
type OverflowPolicy uint8

const (
	// OverflowBlock makes Record wait, as long as its context and MaxWait allow.
	OverflowBlock OverflowPolicy = iota
	// OverflowDrop makes Record return ErrQueueFull at once. What was dropped is
	// counted in Stats.Dropped and written to the log as an ActionGap event.
	// Critical events, denied or bypassed, wait all the same.
	OverflowDrop
)

// String returns "block" or "drop", as in the settings.
func (p OverflowPolicy) String() string { return enumName(overflowNames, p) }

// AckMode says when Record returns.
type AckMode uint8

const (
	// AckQueued returns once the event is queued. What kill -9 or a power cut then loses
	// is at most FlushInterval plus the time of one write.
	AckQueued AckMode = iota
	// AckCritical returns once the event is durable if it was denied or bypassed, any
	// other once it is queued.
	AckCritical
	// AckDurable returns once the event is durable, that is fsynced or committed. A batch
	// waits for goroutines that record one event after the other, for no longer than a
	// write takes, FlushInterval or 10 ms, so that one write serves all of them.
	AckDurable
)

// String returns "queued", "critical" or "durable", as in the settings.
func (m AckMode) String() string { return enumName(ackNames, m) }

// SyncPolicy says when a file is fsynced.
type SyncPolicy uint8

const (
	// SyncBatch fsyncs every batch before it counts as written. While the disk is
	// behind, up to four that wait in line share an fsync.
	SyncBatch SyncPolicy = iota
	// SyncNone fsyncs at Flush, at rotation and at Shutdown only. A power cut then
	// loses what the operating system had not written yet. It is refused with
	// AckDurable and AckCritical, which promise more.
	SyncNone
)

// String returns "batch" or "none", as in the settings.
func (p SyncPolicy) String() string { return enumName(syncNames, p) }

// The names of the enums, in the settings and in errors, by value.
var (
	overflowNames = []string{"block", "drop"}
	ackNames      = []string{"queued", "critical", "durable"}
	syncNames     = []string{"batch", "none"}
)

func enumName[T ~uint8](names []string, value T) string {
	if int(value) < len(names) {
		return names[value]
	}
	return fmt.Sprintf("unknown(%d)", uint8(value))
}

// BufferOptions configure the queue and the worker of a logger. The zero value of
// each field means its default.
type BufferOptions struct {
	// QueueSize is the most events that wait to be written, those in the batch
	// that is being written included. Defaults to 16384.
	QueueSize int
	// QueueBytes is the most bytes that they take up, encoded. An event that is
	// larger is taken when the queue is empty. At most MaxQueueBytes. Defaults to
	// 32 MiB.
	QueueBytes int64
	// BatchSize is the most events of one write. It may not be greater than
	// QueueSize. Defaults to 4096, or to QueueSize if that is less. A batch holds
	// at most MaxBatchBytes too.
	BatchSize int
	// FlushInterval is the longest that an event nobody waits for stays in a
	// batch that is not full, while the sink is free to take it. It runs from the
	// first event of the batch, however many follow. Defaults to 500 ms.
	FlushInterval time.Duration
	// Overflow says what Record does without room. Defaults to OverflowBlock.
	Overflow OverflowPolicy
	// MaxWait is the longest that Record waits, for room and for the
	// acknowledgement together, besides its context. 0: the context alone decides.
	MaxWait time.Duration
	// Ack says when Record returns. Defaults to AckQueued: an event is then in
	// memory only when Record returns, and kill -9 or a power cut loses the events
	// of the last FlushInterval and of the write that was under way.
	Ack AckMode
	// CloseTimeout bounds Close. Defaults to 10 s.
	CloseTimeout time.Duration
	// Redact hides secrets in the metadata. Defaults to DefaultRedactor;
	// NoRedaction turns it off.
	Redact Redactor
	// OnError receives what goes wrong in the background, mostly a
	// *BackgroundError or a *DeadLetterError. It is called from a goroutine of its
	// own, one error after the other; if it hangs, later errors are counted and
	// dropped, and nobody waits for it. Defaults to an Error record on
	// slog.Default, at most one every ten seconds.
	OnError func(error)
}

// The bounds of BufferOptions that are fixed.
const (
	MaxBatchBytes = 1 << 20 // that one batch holds, encoded
	MaxQueueSize  = 1 << 24 // of QueueSize, in events
	MaxQueueBytes = 1 << 40 // of QueueBytes
)

// withDefaults returns a copy of o, which may be nil, that is complete, or an error
// that names every field that is wrong.
func (o *BufferOptions) withDefaults() (BufferOptions, error) {
	var options BufferOptions
	if o != nil {
		options = *o
	}
	var c check
	c.between("QueueSize", int64(options.QueueSize), MaxQueueSize)
	c.between("QueueBytes", options.QueueBytes, MaxQueueBytes)
	c.notNegativeInt("BatchSize", int64(options.BatchSize))
	c.notNegative("FlushInterval", options.FlushInterval)
	c.notNegative("MaxWait", options.MaxWait)
	c.notNegative("CloseTimeout", options.CloseTimeout)
	checkEnum(&c, "Overflow", overflowNames, options.Overflow)
	checkEnum(&c, "Ack", ackNames, options.Ack)

	setDefault(&options.QueueSize, 16384)
	setDefault(&options.QueueBytes, 32<<20)
	if options.BatchSize > options.QueueSize && options.QueueSize > 0 {
		c.add("BatchSize", "must be at most QueueSize, which is %d: got %d", options.QueueSize, options.BatchSize)
	}
	setDefault(&options.BatchSize, min(4096, options.QueueSize))
	setDefault(&options.FlushInterval, 500*time.Millisecond)
	setDefault(&options.CloseTimeout, 10*time.Second)
	if options.OnError == nil {
		options.OnError = logErrors()
	}
	return options, c.err()
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// optionsError names every option that is wrong.
type optionsError []optionError

// optionError is one of them: its field, and the rule that its value breaks.
type optionError struct{ field, problem string }

func (e optionsError) Error() string {
	text := "audit: invalid options"
	separator := ": "
	for _, wrong := range e {
		text += separator + wrong.field + " " + wrong.problem
		separator = "; "
	}
	return text
}

// check collects what is wrong with options, so that all of it is reported at once.
type check struct{ wrong optionsError }

func (c *check) add(field, format string, args ...any) {
	c.wrong = append(c.wrong, optionError{field, fmt.Sprintf(format, args...)})
}

func (c *check) notNegativeInt(field string, value int64) {
	if value < 0 {
		c.add(field, "must not be negative: got %d", value)
	}
}

func (c *check) between(field string, value, most int64) {
	c.notNegativeInt(field, value)
	if value > most {
		c.add(field, "must be at most %d: got %d", most, value)
	}
}

func (c *check) notNegative(field string, value time.Duration) {
	if value < 0 {
		c.add(field, "must not be negative: got %v", value)
	}
}

func checkEnum[T ~uint8](c *check, field string, names []string, value T) {
	if int(value) >= len(names) {
		c.add(field, "must be one of %v: got %d", names, value)
	}
}

// buffer completes the field Buffer of other options.
func (c *check) buffer(options BufferOptions) BufferOptions {
	complete, err := options.withDefaults()
	var wrong optionsError
	if errors.As(err, &wrong) {
		for _, w := range wrong {
			c.wrong = append(c.wrong, optionError{"Buffer." + w.field, w.problem})
		}
	}
	return complete
}

func (c *check) err() error {
	if len(c.wrong) == 0 {
		return nil
	}
	return c.wrong
}
