package audit

import (
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// database finds the driver and the DSN of an entry of DATABASES; the driver is empty
// if that is the problem. It shows no value of the entry: any of them may be a
// password that got into the wrong place.
func (r *resolver) database(alias string) (driver, dsn string) {
	all, ok := asMapping(r.databases)
	if !ok && r.databases != nil {
		r.problem("%s must be a mapping: got %T", databasesKey, r.databases)
		return "", ""
	}
	e := &databaseEntry{resolver: r, name: fmt.Sprintf("%s: entry %s", databasesKey, show(alias))}
	if !has(all, alias) {
		r.problem("%s is missing: %s", e.name, knownEntries(all))
		return "", ""
	}
	if e.values, ok = asMapping(all[alias]); !ok {
		r.problem("%s must be a mapping: got %T", e.name, all[alias])
		return "", ""
	}
	r.used = e.values
	if has(e.values, "ENGINE") {
		return e.django()
	}
	return e.ours()
}

func knownEntries(all map[string]any) string {
	if len(all) == 0 {
		return databasesKey + " is empty or missing too"
	}
	names := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		names = append(names, show(name))
	}
	return "there are " + strings.Join(names, ", ")
}

// databaseEntry reads one entry of DATABASES.
type databaseEntry struct {
	*resolver

	name   string // for problems
	values map[string]any
}

// text reads a key that holds text, or a whole number, as PORT may. Nothing is "".
func (e *databaseEntry) text(key string) string {
	value := e.values[key]
	text, ok := asText(value)
	if !ok && value != nil {
		e.problem("%s has a %T at %s: want text", e.name, value, key)
	}
	return text
}

// required is text that must be there.
func (e *databaseEntry) required(key string) string {
	text := e.text(key)
	if value := e.values[key]; value == nil || value == "" {
		e.problem("%s has no %s", e.name, key)
	}
	return text
}

func asText(value any) (string, bool) {
	switch v := reflect.ValueOf(value); {
	case v.Kind() == reflect.String: // json.Number too
		return v.String(), true
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), true
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), true
	case v.CanFloat() && v.Float() == math.Trunc(v.Float()):
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), true
	}
	return "", false
}

// ours reads the shape with driver and dsn.
func (e *databaseEntry) ours() (driver, dsn string) {
	driver, dsn = e.required("driver"), e.required("dsn")
	for _, key := range slices.Sorted(maps.Keys(e.values)) {
		if key != "driver" && key != "dsn" {
			e.problem("%s has an unknown key %s: accepted are driver and dsn, or ENGINE, NAME, USER, PASSWORD, HOST, PORT and OPTIONS", e.name, show(key))
		}
	}
	return driver, dsn
}

// django reads Django's shape. Keys that concern Django alone are left alone.
func (e *databaseEntry) django() (driver, dsn string) {
	engine, name := e.required("ENGINE"), e.required("NAME")
	switch backend := engine[strings.LastIndexByte(engine, '.')+1:]; backend {
	case "sqlite3":
		return "sqlite", name
	case "postgresql", "postgresql_psycopg2":
		return "postgres", e.postgresDSN(name)
	case "":
	default:
		e.problem("%s has an ENGINE that is not supported: accepted are django.db.backends.sqlite3 and django.db.backends.postgresql", e.name)
	}
	return "", ""
}

func (e *databaseEntry) postgresDSN(name string) string {
	dsn := url.URL{Scheme: "postgres", Path: "/" + name, RawPath: "/" + strings.ReplaceAll(url.PathEscape(name), "@", "%40")}
	if user, password := e.text("USER"), e.text("PASSWORD"); password != "" {
		dsn.User = url.UserPassword(user, password)
	} else if user != "" {
		dsn.User = url.User(user)
	}
	query := e.driverOptions()
	host, port := e.text("HOST"), e.text("PORT")
	switch {
	case host == "" || strings.ContainsAny(host+port, "/,"): // a socket's directory, or several hosts
		setText(query, "host", host)
		setText(query, "port", port)
	case port != "":
		dsn.Host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		dsn.Host = "[" + host + "]"
	default:
		dsn.Host = host
	}
	// PostgreSQL takes a + for a plus sign.
	dsn.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return dsn.String()
}

func setText(query url.Values, key, value string) {
	if value != "" {
		query.Set(key, value)
	}
}

// djangoOnly are the keys of OPTIONS that Django or libpq keep to themselves. The
// driver would hand them to the server, which would refuse them.
var djangoOnly = []string{
	"assume_role", "cursor_factory", "isolation_level", "pool", "server_side_binding",
	"gssencmode", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout",
}

// driverOptions are OPTIONS, as far as they concern the driver.
func (e *databaseEntry) driverOptions() url.Values {
	query := url.Values{}
	options, ok := asMapping(e.values["OPTIONS"])
	if !ok && e.values["OPTIONS"] != nil {
		e.problem("%s has a %T at OPTIONS: want a mapping", e.name, e.values["OPTIONS"])
	}
	for key, value := range options {
		if value == nil || slices.Contains(djangoOnly, key) {
			continue
		}
		text, ok := asText(value)
		if !ok {
			e.problem("%s has a %T at %s in OPTIONS: want text or a whole number", e.name, value, show(key))
		}
		query.Set(key, text)
	}
	return query
}
