package audit

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// database finds the driver and the DSN of an entry of DATABASES. It prints no
// value of the entry: any of them may be a password that got into the wrong place.
func (r *resolver) database(alias string) (driver, dsn string, err error) {
	all, ok := asMapping(r.databases)
	if !ok && r.databases != nil {
		return "", "", fmt.Errorf("%s must be a mapping: got %T", databasesKey, r.databases)
	}
	entry, ok := asMapping(all[alias])
	if !ok {
		if has(all, alias) {
			return "", "", fmt.Errorf("%s: entry %q must be a mapping: got %T", databasesKey, shorten(alias), all[alias])
		}
		known := "it is empty or missing"
		if len(all) > 0 {
			known = "there are " + strings.Join(slices.Sorted(maps.Keys(all)), ", ")
		}
		return "", "", fmt.Errorf("%s has no entry %q: %s", databasesKey, shorten(alias), known)
	}
	r.used = entry
	e := databaseEntry{alias: alias, values: entry}
	if has(entry, "ENGINE") {
		driver, dsn = e.django()
	} else {
		driver, dsn = e.text("driver"), e.text("dsn")
		e.require("driver", driver)
		e.require("dsn", dsn)
		for key := range entry {
			if key != "driver" && key != "dsn" {
				e.problem("has an unknown key %q: accepted are driver and dsn, or ENGINE, NAME, USER, PASSWORD, HOST and PORT", shorten(key))
			}
		}
	}
	if len(e.problems) > 0 {
		slices.Sort(e.problems)
		return "", "", fmt.Errorf("%s", strings.Join(e.problems, "; "))
	}
	return driverName(driver), dsn, nil
}

// driverName accepts the other usual name of a driver.
func driverName(driver string) string {
	switch driver {
	case "sqlite3":
		return "sqlite"
	case "postgresql", "pgx":
		return "postgres"
	}
	return driver
}

// databaseEntry reads one entry of DATABASES.
type databaseEntry struct {
	alias    string
	values   map[string]any
	problems []string
}

func (e *databaseEntry) problem(format string, args ...any) {
	e.problems = append(e.problems, fmt.Sprintf("%s: entry %q ", databasesKey, shorten(e.alias))+fmt.Sprintf(format, args...))
}

// text reads a key that may hold text or a whole number, as PORT does.
func (e *databaseEntry) text(key string) string {
	switch value := e.values[key].(type) {
	case nil:
		return ""
	case string:
		return value
	case fmt.Stringer: // json.Number; a path
		return value.String()
	case int:
		return strconv.Itoa(value)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	default:
		e.problem("has a %T at %s: want text", value, key)
		return ""
	}
}

func (e *databaseEntry) require(key, value string) {
	if value == "" {
		e.problem("has no %s", key)
	}
}

// django reads Django's shape. Keys that concern Django alone are left alone.
func (e *databaseEntry) django() (driver, dsn string) {
	engine := e.text("ENGINE")
	name := e.text("NAME")
	e.require("NAME", name)
	switch backend := engine[strings.LastIndexByte(engine, '.')+1:]; backend {
	case "sqlite3":
		return "sqlite", name
	case "postgresql", "postgresql_psycopg2":
		return "postgres", e.postgresURL(name)
	}
	e.problem("has an ENGINE that is not supported: accepted are django.db.backends.sqlite3 and django.db.backends.postgresql")
	return "", ""
}

func (e *databaseEntry) postgresURL(name string) string {
	dsn := url.URL{Scheme: "postgres", Path: "/" + name}
	if user, password := e.text("USER"), e.text("PASSWORD"); password != "" {
		dsn.User = url.UserPassword(user, password)
	} else if user != "" {
		dsn.User = url.User(user)
	}
	query := url.Values{}
	host, port := e.text("HOST"), e.text("PORT")
	switch {
	case strings.HasPrefix(host, "/"): // the directory of a socket
		query.Set("host", host)
		if port != "" {
			query.Set("port", port)
		}
	case port != "":
		dsn.Host = net.JoinHostPort(host, port)
	default:
		dsn.Host = host
	}
	if options, ok := asMapping(e.values["OPTIONS"]); ok {
		for key, value := range options {
			if text, ok := value.(string); ok {
				query.Set(key, text)
			}
		}
	}
	dsn.RawQuery = query.Encode()
	return dsn.String()
}
