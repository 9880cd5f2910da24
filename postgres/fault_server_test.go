//go:build linux

package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// hardship is something that befalls a server under load, and ends.
type hardship struct {
	does func(t *testing.T, s *ownServer, l *load) // from beginning to end
	says string                                    // what OnError is told meanwhile
}

// A pause in which events are recorded.
func pause(t *testing.T, l *load) {
	t.Helper()
	l.wait(t, faults.Rounds(200, 4000))
}

var hardships = map[string]hardship{
	"connections terminated again and again": {func(t *testing.T, s *ownServer, l *load) {
		for range faults.Rounds(10, 100) {
			s.execute(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'service'")
			l.wait(t, 40)
		}
	}, ""},
	"stopped as by a power cut": {func(t *testing.T, s *ownServer, l *load) {
		s.stop(t)
		pause(t, l)
		s.start(t)
	}, "connection refused"},
	"killed": {func(t *testing.T, s *ownServer, l *load) {
		s.kill(t)
		pause(t, l)
		s.start(t)
	}, "connection refused"},
	"table locked": {func(t *testing.T, s *ownServer, l *load) {
		withConn(t, s.dsn, func(ctx context.Context, conn *pgx.Conn) {
			tx, err := conn.Begin(ctx)
			require.NoError(t, err)
			_, err = tx.Exec(ctx, "LOCK permission_audit_log IN ACCESS EXCLUSIVE MODE")
			require.NoError(t, err)
			l.waitFor(t, "deadline exceeded")
			pause(t, l)
			require.NoError(t, tx.Rollback(ctx))
		})
	}, "deadline exceeded"},
	"read-only": {func(t *testing.T, s *ownServer, l *load) {
		s.execute(t, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
		l.waitFor(t, "read-only")
		pause(t, l)
		s.execute(t, "SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
	}, "read-only"},
	"connections used up": {func(t *testing.T, s *ownServer, l *load) {
		s.execute(t, "ALTER ROLE service CONNECTION LIMIT 0")
		s.disconnect(t, l, "too many connections")
		pause(t, l)
		s.execute(t, "ALTER ROLE service CONNECTION LIMIT -1")
	}, "too many connections"},
	"INSERT revoked": {func(t *testing.T, s *ownServer, l *load) {
		s.execute(t, "REVOKE INSERT ON permission_audit_log FROM service")
		l.waitFor(t, "permission denied")
		pause(t, l)
		s.execute(t, "GRANT INSERT ON permission_audit_log TO service")
	}, "permission denied"},
	"password changed": {func(t *testing.T, s *ownServer, l *load) {
		s.execute(t, "ALTER ROLE service PASSWORD 'changed'")
		s.disconnect(t, l, "password authentication failed")
		pause(t, l)
		s.execute(t, "ALTER ROLE service PASSWORD '"+servicePassword+"'")
	}, "password authentication failed"},
	"login forbidden": {func(t *testing.T, s *ownServer, l *load) {
		s.execute(t, "ALTER ROLE service NOLOGIN")
		s.disconnect(t, l, "not permitted to log in")
		pause(t, l)
		s.execute(t, "ALTER ROLE service LOGIN")
	}, "not permitted to log in"},
	"table dropped": {func(t *testing.T, s *ownServer, l *load) {
		l.forget(t, func() { s.execute(t, "DROP TABLE permission_audit_log") })
		l.waitFor(t, "permission denied for schema")
		pause(t, l)
		s.prepare(t)
	}, "permission denied for schema"},
}

// disconnect terminates the connections of the service until OnError has said why it
// gets no other: one that was just being made is not there to be terminated at first.
func (s *ownServer) disconnect(t *testing.T, l *load, text string) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.execute(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'service'")
		return strings.Contains(l.reports(), text)
	}, time.Minute, 20*time.Millisecond, "OnError is to say %q", text)
}

const servicePassword = "hunter2"

// prepare makes the table, and a role that may write to it.
func (s *ownServer) prepare(t *testing.T) {
	t.Helper()
	ddl, err := Schema("")
	require.NoError(t, err)
	s.execute(t, "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'service') THEN CREATE ROLE service LOGIN PASSWORD '"+servicePassword+"'; END IF; END $$")
	for statement := range strings.SplitSeq(ddl, ";\n") {
		if strings.TrimSpace(statement) != "" {
			s.execute(t, statement)
		}
	}
	s.execute(t, "GRANT INSERT, SELECT (event_id) ON permission_audit_log TO service")
}

// service is the DSN of that role.
func (s *ownServer) service() string {
	return strings.Replace(s.dsn, "postgres@", "service:"+servicePassword+"@", 1)
}

// Whatever befalls the server: events wait, OnError says why, and all of it is
// delivered when it is over.
func TestFault09TheServerIsInTroubleAndRecovers(t *testing.T) {
	serverDSN(t) // so that it runs where the other tests of PostgreSQL do
	s := startServer(t)
	for name, h := range hardships {
		withAndWithoutSpool(t, "9 "+name, 1, func(t *testing.T, spool bool) faults.Counts {
			s.execute(t, "DROP TABLE IF EXISTS permission_audit_log")
			s.prepare(t)
			l := startLoad(t, s.service(), spool, nil)
			l.wait(t, 100)
			h.does(t, s, l)
			l.wait(t, 100)
			counts := l.end(t, s.dsn, nil)
			require.Contains(t, l.reports(), h.says)
			require.NotContains(t, l.reports(), servicePassword)
			return counts
		})
	}
}

// The disk of the table is full, and freed again.
func TestFault09TheDiskOfTheServerIsFull(t *testing.T) {
	serverDSN(t)
	if !faults.InPrivateMounts(t) {
		return
	}
	disk := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(disk), 0o711))
	faults.SmallDisk(t, disk, "4m")
	space := filepath.Join(disk, "space")
	require.NoError(t, os.Mkdir(space, 0o700))
	s := startServer(t)
	if s.as != nil {
		require.NoError(t, os.Chmod(disk, 0o711))
		require.NoError(t, os.Chown(space, int(s.as.Credential.Uid), int(s.as.Credential.Gid)))
	}
	s.execute(t, fmt.Sprintf("CREATE TABLESPACE small LOCATION '%s'", space))
	withAndWithoutSpool(t, "9 disk of the server full", 1, func(t *testing.T, spool bool) faults.Counts {
		s.execute(t, "DROP TABLE IF EXISTS permission_audit_log")
		s.prepare(t)
		s.execute(t, "ALTER TABLE permission_audit_log SET TABLESPACE small")
		l := startLoad(t, s.service(), spool, nil)
		l.wait(t, 100)
		ballast := filepath.Join(disk, "ballast")
		fillDisk(t, ballast)
		l.waitFor(t, "No space left on device")
		pause(t, l)
		require.NoError(t, os.Remove(ballast))
		l.wait(t, 100)
		return l.end(t, s.dsn, nil)
	})
}

// fillDisk leaves no room.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	require.NoError(t, file.Close())
}
