package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestRefusedEventsAreReportedAndTheRestIsCopied(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	c.ok("import", "--to", "sqlite:audit.db", "--user", "nobody")
	db, err := sql.Open("sqlite3", "audit.db")
	require.NoError(t, err)
	_, err = db.Exec(`CREATE TRIGGER picky BEFORE INSERT ON permission_audit_log WHEN NEW.manager = 'Invoice'
		BEGIN SELECT RAISE(ABORT, 'no invoices here'); END`)
	require.NoError(t, errors.Join(err, db.Close()))

	result := c.run("import", "--to", "sqlite:audit.db")
	require.Equal(t, exitTrouble, result.code)
	require.Contains(t, result.err, "permaudit: event 019a0000-0000-7000-8000-000000000003 is refused: ")
	require.Contains(t, result.err, "no invoices here")
	require.Contains(t, result.err, "6 events read, 5 added, 0 there already, 1 refused, 0 damaged lines skipped\n")
	require.Equal(t, []int{5, 2, 1, 0}, ids(t, c.ok("query", "--from", "sqlite:audit.db")))
}

// brokenSink fails for ever.
type brokenSink struct{}

func (brokenSink) WriteBatch(context.Context, []audit.Entry) error {
	return errors.New("the disk is full")
}
func (brokenSink) Close() error { return nil }

func TestADestinationThatFailsIsGivenUp(t *testing.T) {
	v := &invocation{stderr: &bytes.Buffer{}}
	trouble := &trouble{invocation: v, patience: time.Millisecond}
	options := trouble.options()
	logger, err := audit.NewBufferedAuditLogger(brokenSink{}, &options)
	require.NoError(t, err)
	d := &destination{logger: logger, trouble: trouble, known: func(context.Context, []audit.EventID) ([]audit.EventID, error) { return nil, nil }}
	added, there, err := d.add(t.Context(), events())
	require.NoError(t, err)
	require.Equal(t, int64(6), added)
	require.Zero(t, there)
	require.EqualError(t, d.flush(t.Context()), "the disk is full")
	require.NoError(t, d.close(), "the reason was returned already")
}

func TestADestinationThatRecoversIsWaitedFor(t *testing.T) {
	v := &invocation{stderr: &bytes.Buffer{}}
	trouble := &trouble{invocation: v, patience: time.Hour}
	options := trouble.options()
	sink := &recoveringSink{}
	logger, err := audit.NewBufferedAuditLogger(sink, &options)
	require.NoError(t, err)
	d := &destination{logger: logger, trouble: trouble, known: func(context.Context, []audit.EventID) ([]audit.EventID, error) { return nil, nil }}
	added, _, err := d.add(t.Context(), append(events(), events()[0]))
	require.NoError(t, err)
	require.Equal(t, int64(6), added, "a repeat is not added")
	require.NoError(t, d.flush(t.Context()))
	require.NoError(t, d.close())
	require.Equal(t, 6, sink.written)
}

// recoveringSink fails once.
type recoveringSink struct {
	failed  bool
	written int
}

func (s *recoveringSink) WriteBatch(_ context.Context, batch []audit.Entry) error {
	if !s.failed {
		s.failed = true
		return errors.New("it is locked")
	}
	s.written += len(batch)
	return nil
}

func (*recoveringSink) Close() error { return nil }

func TestTheSamePlaceIsRecognised(t *testing.T) {
	c := inNewDirectory(t)
	c.write("a.log", "")
	c.write("b.log", "")
	c.write("x.db", "")
	for _, row := range []struct {
		from, to string
		same     bool
	}{
		{"a.log", "a.log", true},
		{"a.log", "./a.log", true},
		{"file:a.log", "a.log", true},
		{"*.log", "b.log", true},
		{"new.log", "./new.log", true},
		{"a.log", "b.log", false},
		{"a.log", "sqlite:a.log", false},
		{"sqlite:x.db", "sqlite:./x.db", true},
		{"sqlite:x.db", "sqlite:x.db?table_name=permission_audit_log", true},
		{"sqlite:x.db", "sqlite:x.db?table_name=MAIN.Permission_Audit_Log", true},
		{"sqlite:x.db", "sqlite:x.db?table_name=other", false},
		{"sqlite:x.db", "sqlite:y.db", false},
		{"postgres://u:p@h/d", "postgresql://v:q@H:5432/d", true},
		{"postgres://u@h/d", "postgres://u@h/d?table_name=public.permission_audit_log", true},
		{"postgres://u@h/d", "postgres://u@h/d?table_name=other", false},
		{"postgres://u@h/d", "postgres://u@h/e", false},
		{"postgres://u@h/d", "postgres://u@h:5433/d", false},
	} {
		require.Equal(t, row.same, samePlace(row.from, row.to), "%v", row)
	}
	require.Equal(t, "postgres://h/d table x", placeOf("postgres://u:geheim@h/d?table_name=x"))
	require.NotContains(t, placeOf("postgres://u:ge#heim@h/d"), "heim")
}
