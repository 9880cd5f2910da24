package main

import (
	"cmp"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/permaudit/audit/query"
)

// table is where a database keeps events.
type tablePlace struct {
	database string // without user and password
	name     string
}

// defaultTable is the name where a spec has none.
const defaultTable = "permission_audit_log"

// parseTable takes the spec of a database to pieces, if it is one.
func parseTable(spec string) (place tablePlace, found bool) {
	u, err := url.Parse(spec)
	if err != nil {
		return place, false
	}
	place.name = strings.ToLower(cmp.Or(u.Query().Get("table_name"), defaultTable))
	switch scheme(spec) {
	case "sqlite":
		path := u.Path
		if u.Opaque != "" {
			if path, err = url.PathUnescape(u.Opaque); err != nil {
				return place, false
			}
		}
		place.name = strings.TrimPrefix(place.name, "main.")
		place.database = path
	case "postgres", "postgresql":
		if u.Host == "" {
			return place, false
		}
		place.name = strings.TrimPrefix(place.name, "public.")
		port := u.Port()
		if port == "5432" {
			port = ""
		}
		place.database = strings.TrimSuffix("postgres://"+strings.ToLower(u.Hostname())+":"+port, ":") + cmp.Or(u.Path, "/"+u.User.Username())
	default:
		return place, false
	}
	return place, true
}

// samePlace reports whether two specs name the same file or table, as far as their
// words and the file system tell.
func samePlace(source, destination string) bool {
	from, fromFile := query.FilePath(source)
	to, toFile := query.FilePath(destination)
	if fromFile != toFile {
		return false
	}
	if fromFile {
		paths := []string{from}
		if isPattern(from) {
			if found, err := filepath.Glob(from); err == nil {
				paths = append(paths, found...)
			}
		}
		for _, path := range paths {
			if sameFile(path, to) {
				return true
			}
		}
		return false
	}
	a, okA := parseTable(source)
	b, okB := parseTable(destination)
	if !okA || !okB || a.name != b.name || scheme(source) == "sqlite" != (scheme(destination) == "sqlite") {
		return source == destination
	}
	return a.database == b.database || scheme(source) == "sqlite" && sameFile(a.database, b.database)
}

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA != nil || errB != nil {
		return filepath.Clean(a) == filepath.Clean(b)
	}
	return os.SameFile(infoA, infoB)
}
