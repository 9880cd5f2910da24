// Package audit logs permission decisions.
//
// Every time a service decides "may this user do that?", the decision becomes one
// [PermissionAuditEvent]. A logger takes it off the request path, writes it as a
// line of JSON to a file or as a row to a database table, and loses none of it.
// Package query reads the events back.
//
// # Emitting events
//
// A service configures one logger at its start and emits events from its checks:
//
//	logger, err := audit.NewFileAuditLogger("/var/log/permission.log", nil)
//	if err != nil {
//		return err
//	}
//	audit.ConfigureAuditLogger(logger)
//
//	func MayUpdate(ctx context.Context, user User, project Project) bool {
//		granted := user.ID == project.OwnerID
//		err := audit.EmitPermissionAuditEvent(ctx, audit.PermissionAuditEvent{
//			Action:      audit.ActionUpdate,
//			Attributes:  []string{"status"},
//			Granted:     granted,
//			Manager:     "Project",
//			UserID:      user.ID,
//			Permissions: []string{"isOwner"},
//		})
//		...
//
// While no logger is configured, [EmitPermissionAuditEvent] costs an atomic load.
// Building the event costs more than that; [AuditLoggingEnabled] is the guard for
// checks that run very often. What belongs to a request, such as its id, is put into
// the context once, by [ContextWithMetadata].
//
// Decisions that are made only to see how they would turn out are made in a [DryRun], and
// are not logged; the Replay of package analysis does so.
//
// A logger can also be configured from settings, a JSON file or the environment; see
// [ConfigureAuditLoggerFromSettings].
//
// # The loggers
//
// [FileAuditLogger] appends to a file, [DatabaseAuditLogger] writes to a store, which
// the packages sqlite and postgres have, [NewWriterAuditLogger] writes to an
// [io.Writer], and [NewBufferedAuditLogger] to a [Sink] of your own. All four are the
// same worker: Record encodes the event on the goroutine of its caller, into a batch
// in memory; one goroutine writes full batches, and those that are older than
// [BufferOptions].FlushInterval. [MultiLogger], [FilterLogger] and [SampleLogger]
// combine loggers, and [AuditLogger] is a single method, for loggers of your own and
// for the stubs of tests (package audittest has one).
//
// While a database is down, or does not answer, its logger puts the events into a
// spool, a log beside it, if [DatabaseOptions].SpoolPath names one; a second goroutine
// does that. They are durable there, and are delivered, in order, when the database is
// back, by the next process too.
//
// # The end of a process
//
// Events that nobody waited for are in memory for a moment. Shut the logger down when
// the last request is served:
//
//	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
//	defer cancel()
//	if err := audit.Shutdown(ctx); err != nil { // says how many events were lost, if any
//		slog.Error("audit", "error", err)
//	}
//
// The logger stays configured, so that a decision that comes too late gets
// [ErrClosed] and does not vanish.
//
// # What can be lost, and when
//
// When Record returns nil, the event is
//
//   - in memory, with [AckQueued], the default. The end of the process without
//     Shutdown, kill -9 and a power cut lose what came within the last FlushInterval,
//     and what was being written;
//   - durable, with [AckDurable], or with [AckCritical] if it was denied or
//     bypassed: fsynced to the log or the spool, or committed. Nothing loses it but
//     the loss of the disk.
//
// A sink that fails does not lose events: the batch is tried again until it succeeds.
// Meanwhile, without a spool or when that is full, the queue fills up, to
// [BufferOptions].QueueSize, and then Record waits,
// as long as its context and MaxWait allow; under [OverflowDrop] it drops instead,
// counts what it dropped and writes it to the log as an [ActionGap] event. Denied and
// bypassed events are never dropped.
//
// Record returns an error when an event is not guaranteed to be stored. [Stats]
// accounts for every event at every moment:
//
//	Recorded + Recovered = Written + Dropped + DeadLettered + Pending
//
// # Bad input
//
// The decision is never lost because its decoration is bad. Text is stored as valid
// UTF-8 without NUL and on one line, metadata that JSON cannot express is replaced by
// something readable, sizes are bounded, and what was repaired is named in the
// event's Sanitized. Metadata under the usual names of secrets is redacted; see
// [DefaultRedactor]. An event without an action is refused, with [ErrInvalidEvent].
package audit
