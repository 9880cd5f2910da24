package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// passwords have what means something in URLs, in DSNs or in SQL.
var passwords = []string{
	"correcthorse", "correct@horse", "correct/horse", "correct:horse", "correct?horse", "correct#horse", "correct%horse", "correct%40horse",
	"correct horse", "correct'horse", `correct"horse`, `correct\horse`, "correct&horse", "correct=horse", "correct+horse", "correct;horse",
	"correct`horse", "1234/5horse", "correct]horse", "[correct", "correctünïhorse", "correct\thorse", "correct\nhorse", "$correct{horse}",
	"correct host=horse", "correct horse=battery", "correct@horse@x", "correct/horse@x?y", "correct%zzhorse", "correct@horse/battery", "correct@horse?battery",
}

// pieces are the parts of a password that no text may hold.
func pieces(password string) (all []string) {
	for _, word := range []string{"correct", "horse", "battery", "1234", "5horse", "ünï"} {
		if strings.Contains(password, word) {
			all = append(all, word)
		}
	}
	return append(all, password)
}

// dsns are all forms in which somebody may write a password, right or wrong.
func dsns(address, password string) []string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		panic(err)
	}
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
	escaped := (&url.URL{Scheme: "postgres", User: url.UserPassword("auditor", password), Host: address, Path: "/app"}).String()
	all := []string{
		escaped, strings.Replace(escaped, "postgres:", "postgresql:", 1),
		escaped + "?sslmode=disable&pool_max_conns=2",
		"postgres://auditor@" + address + "/app?password=" + url.QueryEscape(password),
		fmt.Sprintf("host=%s port=%s user=auditor password='%s' dbname=app", host, port, quoted),
		// The rest is wrong, unless the password is harmless.
		escaped + "?sslmode=" + url.QueryEscape(password), escaped + "?pool_max_conns=x", escaped + "?connect_timeout=x",
		strings.Replace(escaped, address, "[::1", 1), strings.Replace(escaped, ":"+port+"/", ":port/", 1),
		"postgres://auditor:" + password + "@" + address + "/app",
		"postgres://auditor:" + password + "@" + address + "/app?sslmode=disable",
		"postgres://" + password + "@" + address + "/app?sslmode=nonsense",
		"postgres:/auditor:" + password + "@" + address + "/app",
		"postgres:auditor:" + password + "@" + address + "/app",
		"Postgres://auditor:" + password + "@" + address + "/app",
		" postgres://auditor:" + password + "@" + address + "/app",
		"auditor:" + password + "@" + address + "/app",
		"//auditor:" + password + "@" + address + "/app",
		fmt.Sprintf("host=%s port=%s user=auditor password=%s dbname=app", host, port, password),
		fmt.Sprintf("host=%s port=%s user=auditor password='%s dbname=app", host, port, password),
		fmt.Sprintf("host=%s port=%s user=auditor password=%s' dbname=app", host, port, password),
		fmt.Sprintf("host=%s port=x user=auditor password='%s' dbname=app", host, quoted),
		fmt.Sprintf("host = %s port = %s password = %s user", host, port, password),
	}
	if !strings.Contains(password, " host=") { // nobody can tell it from a host
		all = append(all, "password="+password)
	}
	return all
}

// listening is an address where nobody answers: connections are closed at once.
func listening(tb testing.TB) string {
	tb.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

// hostless makes sure that a DSN without host does not lead to a server of the
// machine.
func hostless(tb testing.TB, address string) {
	tb.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(tb, err)
	for name, value := range map[string]string{"PGHOST": host, "PGPORT": port, "PGUSER": "auditor", "PGDATABASE": "app", "PGSSLMODE": "disable", "PGCONNECT_TIMEOUT": "1"} {
		if testing, ok := tb.(*testing.T); ok {
			testing.Setenv(name, value)
		}
	}
}

func requireHidden(tb testing.TB, password, text, about string) {
	tb.Helper()
	// What the tests name themselves is no secret.
	text = strings.NewReplacer("password='p'", "", "password@host", "").Replace(text)
	for _, piece := range pieces(password) {
		require.NotContains(tb, text, piece, about)
	}
}

func TestNoErrorShowsAPassword(t *testing.T) {
	address := listening(t)
	hostless(t, address)
	for _, password := range passwords {
		for i, dsn := range dsns(address, password) {
			about := fmt.Sprintf("password %q, form %d: %s", password, i, dsn)
			for what, err := range everyError(t, dsn) {
				if err != nil {
					requireHidden(t, password, fmt.Sprintf("%v %+v %s", err, err, errors.Unwrap(err)), about+": "+what)
				}
			}
		}
	}
}

// everyError does everything that may fail.
func everyError(tb testing.TB, dsn string) map[string]error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Second)
	defer cancel()
	errs := map[string]error{}
	store, err := Open(ctx, dsn, nil)
	errs["Open"] = err
	if err == nil {
		errs["Ping"] = store.Ping(ctx)
		errs["WriteBatch"] = store.WriteBatch(ctx, entries(tb, numbered(1)))
		for _, err := range store.Events(ctx, query.Filter{}) {
			errs["Events"] = err
		}
		require.NoError(tb, store.Close())
	}
	_, errs["query.Open"] = query.Open(ctx, dsn)
	return errs
}

func TestNeitherPGPASSWORDNorLogsShowAPassword(t *testing.T) {
	address := listening(t)
	hostless(t, address)
	var logs bytes.Buffer
	previous := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logs, nil)))
	defer slog.SetDefault(previous)
	const password = "correcthorse"
	t.Setenv("PGPASSWORD", password)
	errs := everyError(t, "user=auditor")
	require.NoError(t, errs["Open"])
	delete(errs, "Open")
	for what, err := range errs {
		require.Error(t, err, what)
		requireHidden(t, password, err.Error(), what)
	}
	store, err := Open(t.Context(), "postgres://", nil)
	require.NoError(t, err)
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{Buffer: audit.BufferOptions{CloseTimeout: 100 * time.Millisecond}})
	require.NoError(t, err)
	require.NoError(t, logger.Record(t.Context(), numbered(1)))
	err = logger.Close()
	require.Error(t, err)
	requireHidden(t, password, err.Error(), "Close")
	require.NotEmpty(t, logs.String(), "the worker complained")
	requireHidden(t, password, logs.String(), "log")
}

func TestNoErrorOfTheServerShowsAPassword(t *testing.T) {
	dsn := newDatabase(t)
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	t.Cleanup(func() { dropRole(t, dsn, "auditor") })
	execute(t, dsn, "CREATE ROLE auditor LOGIN PASSWORD 'right'")
	for _, password := range passwords {
		u.User = url.UserPassword("auditor", password)
		for what, err := range everyError(t, u.String()) {
			if err != nil {
				requireHidden(t, password, err.Error(), what)
			}
		}
		// Without quotes, the rest of it is taken for a parameter of the server.
		unquoted := fmt.Sprintf("host=%s port=%s dbname=%s user=postgres password=x %s=y", u.Hostname(), u.Port(), u.Path[1:], "horse")
		for what, err := range everyError(t, unquoted) {
			if err != nil {
				requireHidden(t, "horse", err.Error(), what)
			}
		}
	}
}

func TestNoSettingsErrorShowsAPassword(t *testing.T) {
	hostless(t, listening(t))
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	for _, password := range passwords {
		for _, database := range []map[string]any{
			{"driver": "postgres", "dsn": "postgres://auditor:" + password + "@[x/app"},
			{"driver": "postgres", "dsn": "password='" + password},
			{"ENGINE": "django.db.backends.postgresql", "NAME": "app", "USER": "auditor", "PASSWORD": password, "HOST": "[x", "PORT": "y"},
		} {
			_, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), map[string]any{
				"AUDIT_LOGGER": map[string]any{"class": "DatabaseAuditLogger"}, "DATABASES": map[string]any{"default": database},
			})
			if err != nil {
				requireHidden(t, password, err.Error(), fmt.Sprint(database))
			}
		}
	}
}

func TestHiddenErrorsStayWhatTheyAre(t *testing.T) {
	cause := errors.New("dial secret: refused")
	err := secrets{"secret"}.hide(fmt.Errorf("connect: %w", cause))
	require.EqualError(t, err, "connect: dial [hidden]: refused")
	require.ErrorIs(t, err, cause)
}

// FuzzDSN looks for panics, and for errors that show a password: it stands between
// two marks that nothing else holds.
func FuzzDSN(f *testing.F) {
	for _, dsn := range dsns("127.0.0.1:1", "@@") {
		before, after, _ := strings.Cut(dsn, "@@")
		f.Add(before, after)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		const mark = "QxZ7secretQxZ7"
		if strings.Contains(before+after, "QxZ7") {
			t.Skip("it holds the mark itself")
		}
		if _, err := parseDSN(before + mark + after); err != nil {
			require.NotContains(t, err.Error(), "QxZ7")
		}
	})
}
