package audit

import (
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// url resolves a URL whose query holds the options. No problem that it finds shows
// the URL: it may hold a password.
func (r *resolver) url(scheme, rest string) plan {
	switch scheme {
	case "file":
		return r.fileURL(rest)
	case "sqlite", "sqlite3":
		return r.sqliteURL(rest)
	case "postgres", "postgresql":
		return r.postgresURL(scheme, rest)
	}
	r.problem("%s: unknown scheme %s: accepted are file, sqlite and postgres", loggerKey, show(scheme))
	return plan{}
}

func (r *resolver) fileURL(rest string) plan {
	rest, query, _ := strings.Cut(rest, "?")
	if authority, found := strings.CutPrefix(rest, "//"); found {
		host, path, _ := strings.Cut(authority, "/")
		if host != "" && host != "localhost" {
			r.problem("%s: the file URL names a host: write file:///path, or file:path for a relative one", loggerKey)
			return plan{}
		}
		rest = "/" + path
		if runtime.GOOS == "windows" {
			rest = path // C:/permission.log
		}
	}
	path := r.urlPath("file", rest)
	reader, _ := r.urlOptions(query, nil)
	return r.filePlan(reader, filepath.FromSlash(path))
}

func (r *resolver) sqliteURL(rest string) plan {
	rest, query, _ := strings.Cut(rest, "?")
	if place, found := strings.CutPrefix(rest, "//"); found && place != "" && place[0] != '/' {
		r.problem("%s: the sqlite URL names a host: write sqlite:///path, or sqlite:path for a relative one", loggerKey)
		return plan{}
	}
	path := r.urlPath("sqlite", strings.TrimPrefix(rest, "//"))
	reader, _ := r.urlOptions(query, nil)
	return r.databaseURL("sqlite", path, reader)
}

// urlPath undoes the escapes of a path.
func (r *resolver) urlPath(scheme, escaped string) string {
	path, err := url.PathUnescape(escaped)
	switch {
	case err != nil:
		r.problem("%s: the path of the %s URL is malformed: %v", loggerKey, scheme, err)
	case path == "" || path == "/":
		r.problem("%s: the %s URL names no file", loggerKey, scheme)
	case strings.Contains(escaped, "#"):
		r.problem("%s: the %s URL has a fragment: write %%23 for # in a path", loggerKey, scheme)
	}
	return path
}

// postgresURL takes our options out of the query, and leaves everything else to the
// driver, byte for byte: its rules for escapes are not those of net/url.
func (r *resolver) postgresURL(scheme, rest string) plan {
	place, ok := strings.CutPrefix(rest, "//")
	if !ok {
		r.problem("%s: a postgres URL begins with postgres://", loggerKey)
		return plan{}
	}
	user := ""
	if i := strings.IndexAny(place, "@/"); i >= 0 && place[i] == '@' {
		user, place = place[:i+1], place[i+1:] // a ? before the @ belongs to the password
	}
	place, query, _ := strings.Cut(place, "?")
	reader, driversOwn := r.urlOptions(query, databaseURLKeys())
	dsn := scheme + "://" + user + place
	if driversOwn != "" {
		dsn += "?" + driversOwn
	}
	return r.databaseURL("postgres", dsn, reader)
}

// databaseURLKeys are the options of a database that a URL may hold.
func databaseURLKeys() []string {
	var reader optionReader
	reader.value("table_name")
	readDatabaseOptions(&reader)
	return reader.known
}

func (r *resolver) databaseURL(driver, dsn string, reader *optionReader) plan {
	table := ""
	reader.string("table_name", &table)
	options := readDatabaseOptions(reader)
	r.problemsOf(databaseClass, reader)
	return r.databasePlan(driver, DatabaseConfig{dsn, table}, options)
}

// urlOptions reads the options of a query. If ours is not nil, those that it does
// not name are returned as they stand.
func (r *resolver) urlOptions(query string, ours []string) (reader *optionReader, rest string) {
	reader = &optionReader{text: true, values: map[string]any{}}
	var others []string
	for pair := range strings.SplitSeq(query, "&") {
		escapedKey, escapedValue, _ := strings.Cut(pair, "=")
		key, badKey := url.QueryUnescape(escapedKey)
		value, badValue := url.QueryUnescape(escapedValue)
		switch {
		case pair == "":
		case ours != nil && !slices.Contains(ours, key):
			if meant := misspelt(key, ours); meant != "" {
				reader.problem(key, "is unknown: %s?", meant)
			}
			others = append(others, pair)
		case badKey != nil || badValue != nil:
			r.problem("%s: the query of the URL is malformed", loggerKey) // the errors quote it
		case has(reader.values, key):
			reader.problem(key, "is there more than once")
		default:
			reader.values[key] = value
		}
	}
	return reader, strings.Join(others, "&")
}

// misspelt finds the option that a key was to be, if only an underscore, the case or
// one letter is wrong. What the driver takes for itself looks different.
func misspelt(key string, options []string) (meant string) {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	for _, option := range options {
		a, b := plain(key), plain(option)
		if len(a) > len(b) {
			a, b = b, a
		}
		begin := 0
		for begin < len(a) && a[begin] == b[begin] {
			begin++
		}
		if len(b)-len(a) <= 1 && (begin == len(a) || a[begin+1:] == b[begin+1:] && len(a) == len(b) || a[begin:] == b[begin+1:]) {
			return option
		}
	}
	return ""
}
