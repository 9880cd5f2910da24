package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// place is how errors name the table of a store.
func place(tb testing.TB, dsn string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	return "database " + u.Path[1:] + " on " + u.Host + " table permission_audit_log"
}

// with is a DSN with another parameter.
func with(tb testing.TB, dsn, key, value string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	parameters := u.Query()
	parameters.Set(key, value)
	u.RawQuery = parameters.Encode()
	return u.String()
}

func TestDataThatTheServerRefusesBecomesADeadLetter(t *testing.T) {
	const alter = "ALTER TABLE permission_audit_log "
	for code, statement := range map[string]string{
		"22001": alter + "ALTER user_repr TYPE varchar(5)",
		"22P02": "DROP INDEX permission_audit_log_user_arrival; " + alter + "ALTER user_repr TYPE integer USING NULL",
		"23502": alter + "ALTER user_repr SET NOT NULL; UPDATE permission_audit_log SET user_repr = ''; " + alter + "ALTER manager SET NOT NULL",
		"23503": "CREATE TABLE managers (name text PRIMARY KEY); INSERT INTO managers VALUES ('Project'); " + alter + "ADD FOREIGN KEY (manager) REFERENCES managers",
		"23505": "CREATE UNIQUE INDEX ON permission_audit_log (manager) WHERE manager <> 'Project'; INSERT INTO permission_audit_log " +
			"(created_at, action, attributes, granted, bypassed, manager, permissions) VALUES (now(), 'read', '[]', true, false, 'Other', '[]')",
		"23514": alter + "ADD CHECK (manager = 'Project')",
		"23P01": alter + "ADD EXCLUDE (action WITH =) WHERE (manager = 'Other'); INSERT INTO permission_audit_log " +
			"(created_at, action, attributes, granted, bypassed, manager, permissions) VALUES (now(), 'delete', '[]', true, false, 'Other', '[]')",
	} {
		t.Run(code, func(t *testing.T) {
			dsn := newDatabase(t)
			store := openTest(t, dsn, nil)
			require.NoError(t, store.Ping(t.Context()))
			execute(t, dsn, statement)
			before := count(t, dsn, countAll)
			logger, reports := newLogger(t, store, nil)
			bad := numbered(1)
			bad.Action, bad.Manager, bad.UserID, bad.User = audit.ActionDelete, "Other", "", audit.UserRepr("too long a text")
			if code == "23502" {
				bad.Manager, bad.User = "", nil
			}
			good := func(n int) audit.PermissionAuditEvent {
				event := numbered(n)
				if code == "23502" {
					event.UserID, event.User = "", audit.UserRepr("x")
				}
				return event
			}
			for _, event := range []audit.PermissionAuditEvent{good(0), bad, good(2)} {
				require.NoError(t, logger.Record(t.Context(), event))
			}
			require.NoError(t, logger.Flush(t.Context()))
			require.Equal(t, before+2, count(t, dsn, countAll))
			stats := logger.Stats()
			require.Equal(t, []uint64{3, 2, 1, 0}, []uint64{stats.Recorded, stats.Written, stats.DeadLettered, stats.Pending})
			var refused *pgconn.PgError
			require.ErrorAs(t, stats.LastError, &refused)
			require.Equal(t, code, refused.Code)
			require.ErrorContains(t, stats.LastError, "write to "+place(t, dsn))
			require.Eventually(t, func() bool { return len(reports()) > 0 }, 10*time.Second, time.Millisecond)
			var letter *audit.DeadLetterError
			require.ErrorAs(t, reports()[0], &letter)
			require.Contains(t, string(letter.Line), `"action":"delete"`)
		})
	}
}

// requireTrouble records an event, which cannot be written before mend was called.
func requireTrouble(t *testing.T, dsn, says string, change func(*audit.DatabaseOptions), mend func()) {
	t.Helper()
	store, err := Open(t.Context(), dsn, nil)
	require.NoError(t, err)
	logger, reports := newLogger(t, store, change)
	require.NoError(t, logger.Record(t.Context(), numbered(1)))
	require.Eventually(t, func() bool { return len(reports()) > 0 }, time.Minute, time.Millisecond)
	short, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, logger.Flush(short), says)
	require.ErrorContains(t, reports()[0], says)
	require.ErrorContains(t, reports()[0], "write to "+place(t, dsn))
	stats := logger.Stats()
	require.Equal(t, []uint64{1, 0, 0, 1}, []uint64{stats.Recorded, stats.Written, stats.DeadLettered, stats.Pending})

	mend()
	require.NoError(t, logger.Flush(t.Context()))
	stats = logger.Stats()
	require.Equal(t, []uint64{1, 1, 0, 0}, []uint64{stats.Recorded, stats.Written, stats.DeadLettered, stats.Pending})
}

// roleIn creates a role that may do everything, and returns the DSN with it.
func roleIn(t *testing.T, dsn, role, password string) string {
	t.Helper()
	t.Cleanup(func() { dropRole(t, dsn, role) })
	execute(t, dsn, "CREATE ROLE "+role+" LOGIN SUPERUSER PASSWORD '"+password+"'")
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "expected")
	return u.String()
}

func TestAWrongPasswordIsWaitedFor(t *testing.T) {
	dsn := newDatabase(t)
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		if _, asks := u.User.Password(); !asks {
			t.Skip("the server of AUDIT_TEST_POSTGRES_DSN asks for no password; scripts/with-postgres.sh starts one that does")
		}
	}
	requireTrouble(t, roleIn(t, dsn, "wrong_password", "other"), "password authentication failed", nil, func() {
		execute(t, dsn, "ALTER ROLE wrong_password PASSWORD 'expected'")
	})
}

func TestAMissingDatabaseIsWaitedFor(t *testing.T) {
	server := newDatabase(t)
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path += "_later"
	t.Cleanup(func() { execute(t, server, "DROP DATABASE IF EXISTS "+u.Path[1:]+" WITH (FORCE)") })
	requireTrouble(t, u.String(), "does not exist", nil, func() { execute(t, server, "CREATE DATABASE "+u.Path[1:]) })
}

func TestALockTimeoutIsTriedAgain(t *testing.T) {
	dsn := newDatabase(t)
	require.NoError(t, openTest(t, dsn, nil).Ping(t.Context()))
	withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
		tx, err := conn.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, "LOCK permission_audit_log IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
		requireTrouble(t, with(t, dsn, "lock_timeout", "20"), "lock timeout", nil, func() { require.NoError(t, tx.Rollback(ctx)) })
	})
}

func TestAGrantThatIsRevokedIsWaitedFor(t *testing.T) {
	dsn := newDatabase(t)
	own := roleIn(t, dsn, "revoked", "expected")
	store, err := Open(t.Context(), own, nil)
	require.NoError(t, err)
	logger, reports := newLogger(t, store, nil)
	require.NoError(t, logger.Record(t.Context(), numbered(1)))
	require.NoError(t, logger.Flush(t.Context()))
	execute(t, dsn, "ALTER TABLE permission_audit_log OWNER TO CURRENT_USER; ALTER ROLE revoked NOSUPERUSER")
	require.NoError(t, logger.Record(t.Context(), numbered(2)))
	require.Eventually(t, func() bool { return len(reports()) > 0 }, time.Minute, time.Millisecond)
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, logger.Flush(short), "permission denied")
	execute(t, dsn, "GRANT INSERT, SELECT (event_id) ON permission_audit_log TO revoked")
	require.NoError(t, logger.Flush(t.Context()))
	require.Equal(t, 2, count(t, dsn, countAll))
	require.Zero(t, logger.Stats().DeadLettered)
}

func TestOnlyRefusedDataIsPermanent(t *testing.T) {
	for code, refusal := range map[string]bool{
		"22001": true, "22P05": true, "23502": true, "23514": true,
		"08006": false, "25006": false, "28P01": false, "40001": false, "40P01": false, "42501": false, "42P01": false,
		"53100": false, "53300": false, "55P03": false, "57014": false, "57P01": false, "XX000": false,
	} {
		require.Equal(t, refusal, isRefusal(&pgconn.PgError{Code: code}), code)
	}
	require.False(t, isRefusal(errors.New("22001")))
}

func TestCutNamesAreNamedOnceAndTheBatchIsLeftAlone(t *testing.T) {
	dsn := newDatabase(t)
	loadOriginal(t, dsn)
	store := openTest(t, dsn, &Options{TableName: originalTable})
	event := numbered(1)
	event.Manager, event.Sanitized = strings.Repeat("é", 300), []string{"manager:long", "metadata.a:utf8"}
	batch := entries(t, event, numbered(2))
	before := [][]byte{batch[0].AppendJSON(nil), batch[1].AppendJSON(nil)}
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.NoError(t, store.WriteBatch(t.Context(), batch), "a repeat")
	for i := range batch {
		require.Equal(t, string(before[i]), string(batch[i].AppendJSON(nil)), "a store changes no entry")
	}
	events := all(t, store, query.Filter{})[600:]
	require.Len(t, events, 2)
	require.Len(t, []rune(events[0].Manager), 255)
	require.Equal(t, []string{"manager:long", "metadata.a:utf8"}, events[0].Sanitized)
	require.Empty(t, events[1].Sanitized)
}
