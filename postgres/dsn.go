package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// parseDSN reads a dsn. Its errors show nothing of it: where the password of a
// malformed one begins and ends, nobody knows.
func parseDSN(dsn string) (*pgxpool.Config, error) {
	if err := check(dsn); err != nil {
		return nil, fmt.Errorf("postgres: open: malformed DSN: %w", err)
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("postgres: open: malformed DSN (%s): want postgres://user:password@host:port/database, "+
			"special characters of the password escaped (%%40 for @), or host=h dbname=d user=u password='p'", reason(err))
	}
	parameters := config.ConnConfig.RuntimeParams
	for _, name := range libpqOnly {
		if parameters[name] != "require" {
			delete(parameters, name)
		}
	}
	return config, nil
}

// libpqOnly are parameters of libpq that pgx does not know and would hand to the
// server, which would refuse them. Those that demand something stay: they must not be
// ignored.
var libpqOnly = []string{
	"gssencmode", "gsslib", "gssdelegation", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval",
	"load_balance_hosts", "sslcompression", "tcp_user_timeout", "fallback_application_name",
}

// keyword is a keyword with its value.
var keyword = regexp.MustCompile(`(\w+)\s*=\s*(?:'(?:\\.|[^'\\])*'|(?:\\.|[^\s\\])*)`)

// check finds the passwords with special characters that leave a DSN which means
// something else: their rest would be taken for a host, a port, a path or another
// keyword, and end up in errors.
func check(dsn string) error {
	if isURL(dsn) {
		return checkURL(dsn)
	}
	seen := map[string]bool{}
	for _, found := range keyword.FindAllStringSubmatch(dsn, -1) {
		if seen[found[1]] {
			return errors.New("a keyword is there twice: put the password in single quotes")
		}
		seen[found[1]] = true
	}
	return nil
}

func isURL(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

func checkURL(dsn string) error {
	_, rest, _ := strings.Cut(dsn, "://")
	authority, after := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, after = rest[:i], rest[i:]
	}
	switch {
	case strings.Contains(rest, "#"):
		return errors.New("a # must be written %23")
	case strings.Count(authority, "@") > 1:
		return errors.New("an @ in the user's name or the password must be written %40")
	case authority != "" && strings.Contains(after, "@"): // also if there is one before: both may be the password's
		return errors.New("special characters of the password must be escaped: %2F for /, %3F for ?; and %40 for an @ after the host")
	}
	return nil
}

// reasons are what pgx says is wrong, as far as it is not a part of the dsn.
var reasons = []string{
	"failed to parse as URL", "failed to parse as keyword/value", "failed to parse as DSN", "invalid port",
	"cannot parse port", "outside range", "sslmode is invalid", "failed to configure TLS", "invalid connect_timeout",
	"invalid keyword/value", "unterminated quoted string", "failed to read service", "unable to find service",
	"target_session_attrs", "pool_max_conns", "pool_min_conns", "pool_min_idle_conns", "pool_max_conn_lifetime",
	"pool_max_conn_idle_time", "pool_health_check_period", "pool_ping_timeout",
	"default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity",
}

// reason is why pgx refuses a dsn, in words of its own.
func reason(err error) string {
	text := err.Error()
	var parsing *pgconn.ParseConfigError
	if errors.As(err, &parsing) {
		text = strings.ReplaceAll(text, parsing.ConnString, "")
	}
	for _, known := range reasons {
		if strings.Contains(text, known) {
			return known
		}
	}
	return "not shown, it may hold a password"
}

// secrets are the texts that no error may show.
type secrets []string

// newSecrets collects the password and, where it may have lacked its quotes, what
// followed a space in it and was taken for parameters of the server.
func newSecrets(config *pgx.ConnConfig) secrets {
	all := secrets{config.Password, url.QueryEscape(config.Password), url.PathEscape(config.Password)}
	if !isURL(config.ConnString()) {
		for name, value := range config.RuntimeParams {
			if !slices.Contains(ourParameters, name) {
				all = append(all, name, value)
			}
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.SortStableFunc(all, func(a, b string) int { return len(b) - len(a) }) // a part of another one comes behind it
	return slices.DeleteFunc(all, func(text string) bool {
		// Other texts hold short ones by chance; a password is hidden all the same.
		return text == "" || len(text) < 3 && text != config.Password
	})
}

// ourParameters are those that every connection has.
var ourParameters = []string{"application_name", "client_encoding"}

// hide returns err, or one that reads like it but for the secrets.
func (s secrets) hide(err error) error {
	var pairs []string
	for _, secret := range s {
		pairs = append(pairs, secret, "[hidden]")
	}
	text := strings.NewReplacer(pairs...).Replace(err.Error())
	if text == err.Error() {
		return err
	}
	return &hiddenError{text, err}
}

// hiddenError is an error with another text.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.err }
