// Package audittest helps to test code that makes permission decisions, and loggers,
// sinks and sources of one's own.
//
// # Decisions
//
// A [Recorder] is a logger that keeps what it is given. [Install] configures one for
// the time of a test. The test then asks what an auditor would ask:
//
//	func TestStatusIsTheOwners(t *testing.T) {
//		recorder := audittest.Install(t)
//		service.SetStatus(bob, project, "done")
//		recorder.AssertDenied(t, audittest.Match{
//			Action: audit.ActionUpdate, Manager: "Project", Attributes: []string{"status"}, User: "bob",
//		})
//	}
//
// A failure lists what was recorded instead, and why it does not match. What is
// configured is global, so that such a test is not parallel; a parallel test hands a
// [NewRecorder] to the code that it tests. Where decisions are made in goroutines,
// [Recorder.Wait] waits for them.
//
// # Loggers
//
// [TestLogger] checks that a logger keeps the contract of [audit.AuditLogger]:
//
//	func TestMyLogger(t *testing.T) {
//		audittest.TestLogger(t, func(tb testing.TB) audit.AuditLogger {
//			path := filepath.Join(tb.TempDir(), "permission.log")
//			logger, err := mylog.Open(path)
//			if err != nil {
//				tb.Fatal(err)
//			}
//			return audittest.WithSource(logger, query.Files(path))
//		})
//	}
//
// To see what arrived it reads the events back: from a logger that is a
// [query.Source], from one with a method
//
//	Events() []audit.PermissionAuditEvent
//
// or from what [WithSource] joins with it. Without any of them, only errors, panics,
// hangs and data races are found, and the cases that need more are skipped. Events are
// read after Flush, or after Shutdown if there is no Flush; a logger that has neither
// has stored an event when Record returns. Close stands for Shutdown where there is
// none, and is held to the same.
//
// Run it with the race detector. The cases are:
//
//   - Delivers: what was recorded can be read back, every field of it.
//   - FillsIn: the ID, the Timestamp, the user's id and the metadata of the context
//     are filled in.
//   - NullUserAndManager: no user, a nil user and no manager stay null.
//   - Once: no event is stored twice.
//   - Order: events stand in the order in which they were recorded.
//   - Concurrent: many goroutines record and flush at once; everything arrives.
//   - KeepsNothing: the caller changes slices, maps and the user after Record; the log
//     does not change with them.
//   - ChangesNothing: the caller's event is not changed, nor the arrays beyond its
//     slices.
//   - HostileUser: no user makes Record panic or fail, or has his fields logged.
//   - HostileMetadata: nor do metadata that JSON cannot express.
//   - InvalidEvent: an empty action and one that is too long are refused with
//     audit.ErrInvalidEvent, and not stored.
//   - ContextDone: a context that has ended neither hangs Record nor loses an event
//     that it accepted.
//   - FlushKeepsOpen: after Flush all is delivered, and the logger goes on.
//   - ShutdownDrains: after Shutdown all is delivered.
//   - ShutdownTwice: several calls, concurrent ones too, have the same result, and
//     none returns before all is delivered.
//   - ShutdownObeysContext: Shutdown returns soon after its context has ended.
//   - RecordAfterShutdown: it returns audit.ErrClosed, and stores nothing.
//
// # Sinks
//
// [TestSink] checks that a sink, be it a store or not, keeps the contract of
// [audit.Sink]:
//
//	func TestMyStore(t *testing.T) {
//		audittest.TestSink(t, func(tb testing.TB) (audit.Sink, query.Source) {
//			store, err := mydb.Open(filepath.Join(tb.TempDir(), "audit.db"))
//			if err != nil {
//				tb.Fatal(err)
//			}
//			return store, store
//		})
//	}
//
// The second value is the [query.Source] from which what was stored is read back, at
// any time before Close. If it is nil, only errors, panics, hangs and data races are
// found, and the cases that need more are skipped.
//
// Run it with the race detector. The cases are:
//
//   - Delivers: what was written can be read back, every field of it; null, empty and
//     nested values too.
//   - Repaired: so can what audit.NewEntry makes of hostile events: odd characters, the
//     longest texts and metadata, the first and the last year.
//   - Order: events stand in the order in which they were written, whatever their ids
//     and timestamps are.
//   - EmptyBatch: a batch without entries is no error, and stores nothing.
//   - Large: 4096 entries at once, and 1 MiB of them.
//   - Repeated: a batch that comes again is no error; nothing is doubled or changed,
//     even if other content comes under the same ids.
//   - PartlyRepeated: of old and new entries in one batch the new ones are stored, in
//     order.
//   - RepeatedInBatch: an entry that comes twice in a batch is stored once.
//   - KeepsNothing: the batch is overwritten after WriteBatch; the log does not change
//     with it.
//   - ChangesNothing: the batch is not changed, be it stored, skipped or refused.
//   - ContextDone: WriteBatch returns soon when its context has ended before or ends
//     meanwhile. After an error all of the batch is stored or nothing; when it comes
//     again, each event is there once.
//   - CancelledHalfway: the same, at many moments.
//   - ReadsMeanwhile: events are read while batches are written: without errors, in
//     order, none twice.
//   - Closes: Close returns nil, also if nothing was written.
//
// # Sources
//
// [TestSource] checks that a source keeps the contract of [query.Source], and yields
// what [query.Filter.Match] accepts:
//
//	func TestMySource(t *testing.T) {
//		audittest.TestSource(t, func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
//			table := mydb.Create(tb)
//			for _, event := range events {
//				table.Insert(event)
//			}
//			return table
//		})
//	}
//
// The cases are:
//
//   - Everything: the zero filter selects all but the gaps, in order of arrival, and
//     every field is what was stored.
//   - Empty: a source without events yields none, and no error.
//   - Newest: the order is reversed.
//   - Limit: the first ones in the order of reading, up to the limit.
//   - Time: Since is included, Until is not, whatever the zone and the nanoseconds.
//   - Action: by its terms. So are all of these, with null, and with texts that mean
//     something to SQL or to patterns:
//   - Manager: null is "".
//   - User: the id, or else the representation.
//   - Attribute: any of several values.
//   - Permission: any of several values.
//   - Metadata: values are compared by their text, whatever characters the key has.
//   - Outcome: Granted and Bypassed.
//   - Gaps: they are selected only if they are named.
//   - ManyTerms: more of them than a database takes parameters.
//   - Combined: several fields of a filter at once.
//   - Fields: those that were asked for are there, those that the filter needs need
//     not be.
//   - Again: a sequence may be ranged over more than once.
//   - Break: a caller may leave the loop, and range again.
//   - ContextDone: the last pair is the cause, and nothing comes behind it.
//   - Concurrent: several goroutines ask at once.
//
// # Groupings
//
// [TestGrouper] checks that a source groups as [query.Grouper] says. It is called like
// TestSource, counts the groups of the same events by itself, and compares. A source
// that is no Grouper is grouped by [query.GroupBy]. The cases are:
//
//   - Dimensions: each of query.Dimensions, and none, with the outcomes.
//   - Pairs: all pairs of them, and more; values that are repeated in an event count once.
//   - Filters: those of TestSource; Checks are all decisions of the same key.
//   - Order: Newest and Limit do not matter.
//   - Uncounted: without FieldUser everything but users is counted.
//   - Empty: nothing selected, no group.
//   - Gaps: they are summed up, within the bounds of time alone.
//   - Sampled: sample rates weigh; what is no rate does not.
//   - Metadata: values of every JSON type, under any key.
//   - Unknown: a dimension that is none, or is named twice, is an error of Group.
//   - Again: a sequence may be left, and ranged over again.
//   - ContextDone: the only pair is the cause.
//   - Concurrent: several goroutines ask at once.
//
// [TestUserGrouper] checks in the same way that a source counts by key and user, as
// [query.UserGrouper] says. The cases are:
//
//   - Keys: each of query.Dimensions, and none, and all.
//   - Sets: those that overlap, and the same one several times.
//   - Windows: as many as there may be, with borders between the first events, which are
//     a microsecond apart.
//   - SetFilters: those of TestSource, with windows and without.
//   - SetOrder: Newest, Limit and Fields do not matter.
//   - Weights: sample rates weigh; what is no rate does not.
//   - Numbers: each user has one, and none is left out.
//   - WindowGaps: gaps count if they are in a window of any set.
//   - Nobody: nothing selected, no group.
//   - Refused: wrong dimensions and windows are an error of GroupUsers.
//   - UsersAgain: the users and the sequence may be left, and ranged over again.
//   - UsersEnd: when ctx has ended, the only pair is the cause.
//   - UsersConcurrent: several goroutines ask at once.
//
// A failure of any suite quotes the sentence of the contract that was broken.
package audittest
