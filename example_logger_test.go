package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/permaudit/audit"
)

// shown gives an event the id and time of an example, so that its output is known.
func shown(event audit.PermissionAuditEvent) audit.PermissionAuditEvent {
	event.ID, _ = audit.ParseEventID("019ab0c4-2a5c-7000-8000-000000000001")
	event.Timestamp = time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC)
	return event
}

func ExampleNewWriterAuditLogger() {
	logger, err := audit.NewWriterAuditLogger(os.Stdout, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = logger.Record(context.Background(), shown(audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Attributes: []string{"status"}, Manager: "Project", UserID: "42",
		Permissions: []string{"isSelf"},
	}))
	fmt.Println(err, logger.Close())
	// Output:
	// {"id":"019ab0c4-2a5c-7000-8000-000000000001","timestamp":"2026-11-23T07:46:20.123456Z","action":"update","attributes":["status"],"granted":false,"bypassed":false,"manager":"Project","user_id":"42","user":null,"permissions":["isSelf"],"metadata":null}
	// <nil> <nil>
}

func ExampleNewFileAuditLogger() {
	directory, err := os.MkdirTemp("", "audit")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(directory) }()

	logger, err := audit.NewFileAuditLogger(filepath.Join(directory, "permission.log"), &audit.FileOptions{
		Buffer:     audit.BufferOptions{Ack: audit.AckCritical}, // a denied event is on the disk when Record returns
		MaxSize:    64 << 20,
		MaxBackups: 30,
		Compress:   true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = logger.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionDelete, Manager: "Project", UserID: "42"})
	fmt.Println(logger.Stats().Written, "written")
	fmt.Println(logger.Close())
	fmt.Println(logger.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionRead}))
	// Output:
	// 1 written
	// <nil>
	// audit: logger closed
}

// countingSink is a Sink of one's own: all or nothing, and nothing twice.
type countingSink struct{ seen map[audit.EventID]bool }

func (s *countingSink) WriteBatch(_ context.Context, batch []audit.Entry) error {
	for _, entry := range batch {
		if s.seen[entry.ID] {
			continue
		}
		s.seen[entry.ID] = true
		fmt.Println(entry.Action, entry.Manager, entry.UserID, string(entry.Attributes))
	}
	return nil
}

func (s *countingSink) Close() error { return nil }

func ExampleNewBufferedAuditLogger() {
	logger, err := audit.NewBufferedAuditLogger(&countingSink{seen: map[audit.EventID]bool{}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	_ = logger.Record(ctx, audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Project", UserID: "1", Attributes: []string{"name"}})
	_ = logger.Record(ctx, audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Project", UserID: "2"})
	fmt.Println(logger.Flush(ctx))
	fmt.Println(logger.Close())
	// Output:
	// read Project 1 ["name"]
	// read Project 2 []
	// <nil>
	// <nil>
}

// printer is a logger in a few lines.
func printer(prefix string) audit.AuditLogger {
	return audit.AuditLoggerFunc(func(_ context.Context, event audit.PermissionAuditEvent) error {
		fmt.Println(prefix, event.Action, event.Manager, event.Granted, event.Metadata)
		return nil
	})
}

// downAtFirst is a store that cannot be reached until it is up.
type downAtFirst struct {
	up     atomic.Bool
	stored []audit.Entry
}

func (s *downAtFirst) WriteBatch(_ context.Context, batch []audit.Entry) error {
	if !s.up.Load() {
		return errors.New("connection refused")
	}
	s.stored = append(s.stored, batch...)
	return nil
}

func (*downAtFirst) Close() error { return nil }

func ExampleDatabaseOptions_spool() {
	directory, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(directory) }()
	store := &downAtFirst{}
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{
		SpoolPath: filepath.Join(directory, "audit.spool"),
		Buffer:    audit.BufferOptions{Ack: audit.AckDurable, OnError: func(error) {}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = logger.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionDelete, Manager: "Project", UserID: "42"})
	fmt.Println("durable:", err == nil, "in the spool:", logger.Stats().Spooled)
	store.up.Store(true)
	fmt.Println("flushed:", logger.Flush(context.Background()), "in the spool:", logger.Stats().Spooled)
	fmt.Println("closed:", logger.Close(), "stored:", len(store.stored), store.stored[0].Manager)
	// Output:
	// durable: true in the spool: 1
	// flushed: <nil> in the spool: 0
	// closed: <nil> stored: 1 Project
}

func ExampleMultiLogger() {
	logger := audit.MultiLogger(
		audit.AuditLoggerFunc(func(context.Context, audit.PermissionAuditEvent) error { return errors.New("the first is broken") }),
		printer("second:"),
	)
	fmt.Println(logger.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Project"}))
	// Output:
	// second: read Project false map[]
	// the first is broken
}

func ExampleFilterLogger() {
	logger := audit.FilterLogger(printer("kept:"), func(_ context.Context, event audit.PermissionAuditEvent) bool {
		return !event.Granted || event.Action != audit.ActionRead
	})
	_ = logger.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Page", Granted: true})
	_ = logger.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Salary"})
	// Output:
	// kept: read Salary false map[]
}

func ExampleSampleLogger() {
	logger, err := audit.SampleLogger(printer("kept:"), 0.1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for user := range 20 {
		_ = logger.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Page", Granted: true, User: user})
	}
	_ = logger.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Salary"})
	// Output:
	// kept: read Page true map[sample_rate:0.1]
	// kept: read Salary false map[]
}

func ExampleContextWithMetadata() {
	defer audit.ConfigureAuditLogger(audit.AuditLoggerFunc(func(ctx context.Context, event audit.PermissionAuditEvent) error {
		fmt.Println(event.Freeze(ctx).Metadata) // what a logger of one's own keeps
		return nil
	}))()

	request := audit.ContextWithMetadata(context.Background(), map[string]any{audit.MetadataRequestID: "r-1", "tenant": "a"})
	_ = audit.EmitPermissionAuditEvent(request, audit.PermissionAuditEvent{
		Action: audit.ActionRead, Metadata: map[string]any{"tenant": "b"},
	})
	// Output:
	// map[request_id:r-1 tenant:b]
}

func ExampleConfigureAuditLogger() {
	restore := audit.ConfigureAuditLogger(printer("event:"))
	if audit.AuditLoggingEnabled() {
		_ = audit.EmitPermissionAuditEvent(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionCreate, Manager: "Project", Granted: true})
	}
	restore()
	fmt.Println(audit.AuditLoggingEnabled())
	// Output:
	// event: create Project true map[]
	// false
}
