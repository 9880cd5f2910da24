package postgres

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// Connecting to a server that does not answer takes until the connect timeout; the
// attempts that wait for it leave no room for others meanwhile.
func TestABlackHoleIsOverSoonAfterItEnds(t *testing.T) {
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	u, err := url.Parse(p.dsn)
	require.NoError(t, err)
	store := openTest(t, u.String(), nil)
	require.Equal(t, connectTimeout, store.pool.Config().ConnConfig.ConnectTimeout)
	own := withParameter(t, p.dsn, "connect_timeout", "7")
	require.Equal(t, 7*time.Second, openTest(t, own, nil).pool.Config().ConnConfig.ConnectTimeout)

	p.hit(func([]byte) (int, fault) { return 0, unanswered })
	for range 8 {
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		require.Error(t, store.WriteBatch(short, entries(t, numbered(1))))
		cancel()
	}
	p.hit(nil)
	long, cancel := context.WithTimeout(t.Context(), 4*connectTimeout)
	defer cancel()
	for err = store.WriteBatch(long, entries(t, numbered(1))); err != nil && long.Err() == nil; {
		err = store.WriteBatch(long, entries(t, numbered(1)))
	}
	require.NoError(t, err)
}

// withParameter adds a parameter to a DSN.
func withParameter(tb testing.TB, dsn, name, value string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	parameters := u.Query()
	parameters.Set(name, value)
	u.RawQuery = parameters.Encode()
	return u.String()
}

func TestRowLevelSecurityIsWrittenTo(t *testing.T) {
	dsn := newDatabase(t)
	ddl, err := Schema("")
	require.NoError(t, err)
	t.Cleanup(func() { dropRole(t, dsn, "row_level") })
	execute(t, dsn, ddl+`CREATE ROLE row_level LOGIN PASSWORD 'secret'; GRANT INSERT, SELECT (event_id) ON permission_audit_log TO row_level;
		ALTER TABLE permission_audit_log ENABLE ROW LEVEL SECURITY;
		CREATE POLICY all_rows ON permission_audit_log USING (true) WITH CHECK (true)`)
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword("row_level", "secret")
	store := openTest(t, u.String(), nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(1))))
	require.True(t, store.noCopy)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(2))))
	require.Equal(t, 2, count(t, dsn, countAll))
}

// Where a text cannot be stored, decisions would become dead letters.
func TestADatabaseOfAnotherEncodingIsRefused(t *testing.T) {
	server := newDatabase(t)
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path += "_latin"
	execute(t, server, "CREATE DATABASE "+u.Path[1:]+" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
	t.Cleanup(func() { execute(t, server, "DROP DATABASE "+u.Path[1:]+" WITH (FORCE)") })
	store, err := Open(t.Context(), u.String(), nil)
	require.NoError(t, err)
	err = store.WriteBatch(t.Context(), entries(t, numbered(1)))
	require.ErrorContains(t, err, "its encoding is LATIN1")
	require.NoError(t, store.Close())
}

func TestParametersOfLibpqAloneAreIgnored(t *testing.T) {
	dsn := newDatabase(t)
	for _, name := range libpqOnly {
		dsn = withParameter(t, dsn, name, "1")
	}
	require.NoError(t, openTest(t, dsn, nil).Ping(t.Context()))
	for _, demand := range []string{"requirepeer", "gssencmode"} {
		require.ErrorContains(t, openTest(t, withParameter(t, dsn, demand, "require"), nil).Ping(t.Context()), demand)
	}
	_, err := Open(t.Context(), withTable(t, dsn, "x"), nil)
	require.ErrorContains(t, err, "set Options.TableName")
}

// A pooler refuses parameters that it does not know in words of its own.
func TestWhatMayBeAPartOfAPasswordIsHiddenWhoeverSaysIt(t *testing.T) {
	config, err := parseDSN("host=localhost user=u password=foo hunter2=battery staple=on")
	require.NoError(t, err)
	hide := newSecrets(config.ConnConfig).hide
	text := hide(&audit.DeadLetterError{Err: context.Canceled}).Error()
	require.NotContains(t, text, "[hidden]")
	said := hide(&hiddenError{"FATAL: unsupported startup parameter: hunter2=battery, staple, foo on", nil}).Error()
	for _, piece := range []string{"hunter2", "battery", "staple", "foo"} {
		require.NotContains(t, said, piece)
	}
	require.Equal(t, 4, strings.Count(said, "[hidden]"))
}

// A unique index that ON CONFLICT cannot use is none.
func TestOnlyAUniqueIndexThatServesRetriesCounts(t *testing.T) {
	for name, index := range map[string]string{
		"partial": "CREATE UNIQUE INDEX partial ON permission_audit_log (event_id) WHERE granted",
		"wider":   "CREATE UNIQUE INDEX wider ON permission_audit_log (event_id, action)",
	} {
		dsn := newDatabase(t)
		ddl, err := Schema("")
		require.NoError(t, err)
		execute(t, dsn, ddl+"DROP INDEX permission_audit_log_event_id;"+index)
		require.ErrorContains(t, openTest(t, dsn, &Options{SkipSchema: true}).Ping(t.Context()), "CREATE UNIQUE INDEX", name)
		store := openTest(t, dsn, nil)
		batch := entries(t, numbered(1))
		require.NoError(t, store.WriteBatch(t.Context(), batch), name)
		store.unsure = true
		require.NoError(t, store.WriteBatch(t.Context(), batch), name)
		require.Equal(t, 1, count(t, dsn, countAll))
	}
}
