package audit

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"sync"
)

// LifecycleLogger is what the wrappers return: they forward Flush and Shutdown to
// what they wrap, as far as it has them.
type LifecycleLogger interface {
	AuditLogger
	Flusher
	Shutdowner
}

// submitter is a logger that can take an event without waiting for anything.
type submitter interface {
	begin(ctx context.Context, event PermissionAuditEvent) submission
}

// submission is an event on its way; wait must be called once.
type submission interface {
	wait(ctx context.Context) error
}

// begin hands event to a logger and does not wait: a logger that could make it wait
// runs in a goroutine of its own.
func begin(ctx context.Context, logger AuditLogger, event PermissionAuditEvent) submission {
	if s, ok := logger.(submitter); ok {
		return s.begin(ctx, event)
	}
	result := make(running, 1)
	go func() {
		result <- guard(func() error { return logger.Record(ctx, event) })
	}()
	return result
}

// begin implements submitter.
func (l *buffered) begin(ctx context.Context, event PermissionAuditEvent) submission {
	submitted, err := l.queue.submit(ctx, &event)
	if err != nil {
		return settled{err}
	}
	return submitted
}

// settled is a submission whose result is known.
type settled struct{ err error }

func (s settled) wait(context.Context) error { return s.err }

// running is a Record in a goroutine. Its end is waited for whatever ctx says: it
// may still be using the event, which belongs to the caller.
type running chan error

func (r running) wait(context.Context) error { return <-r }

// MultiLogger returns a logger that hands every event to each of loggers, with the
// same ID and Timestamp, before it waits for any of them. One that is slow, fails
// or panics harms no other. Its Record returns nil if all returned nil, else their
// errors joined. Flush and Shutdown go to all at the same time. Nil loggers are
// left out. The methods of the event's User and metadata values may be called from
// several goroutines at once.
func MultiLogger(loggers ...AuditLogger) LifecycleLogger {
	m := &multiLogger{}
	for _, logger := range loggers {
		if !isNil(logger) {
			m.loggers = append(m.loggers, logger)
		}
	}
	return m
}

type multiLogger struct{ loggers []AuditLogger }

func (m *multiLogger) Record(ctx context.Context, event PermissionAuditEvent) error {
	return m.begin(ctx, event).wait(ctx)
}

func (m *multiLogger) begin(ctx context.Context, event PermissionAuditEvent) submission {
	if isDry(ctx) { // known here: the loggers may run in goroutines of their own
		return settled{}
	}
	event.stamp()
	begun := make(submissions, len(m.loggers))
	for i, logger := range m.loggers {
		begun[i] = begin(ctx, logger, event)
	}
	return begun
}

// submissions are those of several loggers.
type submissions []submission

func (s submissions) wait(ctx context.Context) error {
	var all []error
	for _, each := range s {
		if err := each.wait(ctx); err != nil {
			all = append(all, err)
		}
	}
	return join(all...)
}

func (m *multiLogger) Flush(ctx context.Context) error {
	return m.all(func(logger AuditLogger) error { return flushLogger(ctx, logger) })
}

func (m *multiLogger) Shutdown(ctx context.Context) error {
	return m.all(func(logger AuditLogger) error { return shutdownLogger(ctx, logger) })
}

// all calls f for each logger, at the same time, and joins the errors.
func (m *multiLogger) all(f func(AuditLogger) error) error {
	failures := make([]error, len(m.loggers))
	var group sync.WaitGroup
	for i, logger := range m.loggers {
		group.Go(func() {
			failures[i] = guard(func() error { return f(logger) })
		})
	}
	group.Wait()
	return join(failures...)
}

// FilterLogger returns a logger that hands on the events that keep wants. It asks
// about every event; a keep that panics wants it. keep must not change the event.
// What is not handed on is not checked either: Record returns nil for it.
func FilterLogger(logger AuditLogger, keep func(context.Context, PermissionAuditEvent) bool) LifecycleLogger {
	return &filterLogger{forward{orNoop(logger)}, keep}
}

type filterLogger struct {
	forward

	keep func(context.Context, PermissionAuditEvent) bool
}

func (l *filterLogger) Record(ctx context.Context, event PermissionAuditEvent) error {
	if !l.wants(ctx, event) {
		return nil
	}
	return l.logger.Record(ctx, event)
}

func (l *filterLogger) begin(ctx context.Context, event PermissionAuditEvent) submission {
	if !l.wants(ctx, event) {
		return settled{}
	}
	return begin(ctx, l.logger, event)
}

func (l *filterLogger) wants(ctx context.Context, event PermissionAuditEvent) (wanted bool) {
	if isDry(ctx) {
		return false
	}
	defer func() {
		if recover() != nil {
			wanted = true
		}
	}()
	return l.keep(ctx, event)
}

// SampleLogger returns a logger that hands on a share of the events, rate in (0, 1],
// and every critical one, denied or bypassed. What is kept is decided by a hash of
// user and action, the same in every process, so that the events of one user and
// action are kept together. Those that are kept for the sample carry its rate in
// the metadata key sample_rate; critical ones do not, since they stand for
// themselves alone. What is not handed on is not checked: Record returns nil for it.
func SampleLogger(logger AuditLogger, rate float64) (LifecycleLogger, error) {
	if !(rate > 0 && rate <= 1) { // NaN too
		return nil, fmt.Errorf("audit: sample rate must be greater than 0 and at most 1: got %v", rate)
	}
	return &sampleLogger{forward{orNoop(logger)}, rate}, nil
}

type sampleLogger struct {
	forward

	rate float64
}

func (l *sampleLogger) Record(ctx context.Context, event PermissionAuditEvent) error {
	if isDry(ctx) || !l.sample(&event) {
		return nil
	}
	return l.logger.Record(ctx, event)
}

func (l *sampleLogger) begin(ctx context.Context, event PermissionAuditEvent) submission {
	if !l.sample(&event) {
		return settled{}
	}
	return begin(ctx, l.logger, event)
}

// sample reports whether event is kept, and gives it the rate if that is by chance.
func (l *sampleLogger) sample(event *PermissionAuditEvent) bool {
	if l.rate == 1 || event.critical() || event.Action == ActionGap {
		return true
	}
	user := resolveUser(event)
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, user.id+"\x00"+user.repr+"\x00"+string(event.Action))
	if float64(mix(hash.Sum64())>>11)/(1<<53) >= l.rate {
		return false
	}
	rate := l.rate
	if sampled, ok := event.Metadata[MetadataSampleRate].(float64); ok {
		rate = min(rate, sampled) // the hash is the same: the smaller sample is part of the larger
	}
	metadata := make(map[string]any, len(event.Metadata)+1)
	maps.Copy(metadata, event.Metadata)
	metadata[MetadataSampleRate] = rate
	event.Metadata = metadata
	return true
}

// mix spreads a hash over all bits: FNV leaves texts that differ in their last bytes
// close together (the finalizer of MurmurHash3, Austin Appleby, public domain).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// forward forwards the lifecycle of a wrapper to what it wraps.
type forward struct{ logger AuditLogger }

func (f forward) Flush(ctx context.Context) error    { return flushLogger(ctx, f.logger) }
func (f forward) Shutdown(ctx context.Context) error { return shutdownLogger(ctx, f.logger) }

// orNoop replaces a nil logger.
func orNoop(logger AuditLogger) AuditLogger {
	if isNil(logger) {
		return noopLogger{}
	}
	return logger
}
