package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/query"
	"github.com/permaudit/audit/sqlite"
)

// store is what is asked of a table.
type store interface {
	audit.Sink
	Ping(ctx context.Context) error
	Known(ctx context.Context, ids []audit.EventID) ([]audit.EventID, error)
}

// openDestination opens what --to names, and creates it if it is missing.
func (v *invocation) openDestination(ctx context.Context, to string) (*destination, error) {
	t := &trouble{invocation: v, patience: giveUp}
	path, isFile := query.FilePath(to)
	if !isFile && scheme(to) == "sqlite" {
		place, _ := parseTable(to)
		path = place.database
	}
	if err := checkDirectory(path); err != nil {
		return nil, err
	}
	if isFile {
		return openLog(ctx, path, t)
	}
	table, err := openStore(ctx, to)
	if err != nil {
		return nil, err
	}
	if err := table.Ping(ctx); err != nil {
		return nil, errors.Join(err, table.Close())
	}
	logger, err := audit.NewDatabaseAuditLogger(table, &audit.DatabaseOptions{Buffer: t.options(), WriteTimeout: giveUp})
	if err != nil {
		return nil, errors.Join(err, table.Close())
	}
	return &destination{logger: logger, known: table.Known, trouble: t}, nil
}

// checkDirectory refuses a destination in a directory that does not exist: it may be a
// slip of the pen.
func checkDirectory(path string) error {
	directory := filepath.Dir(path)
	if _, err := os.Stat(directory); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: there is no directory %s: create it first", path, directory)
	}
	return nil
}

// writable is a table that may be changed.
type writable interface {
	store
	pruner
}

// openStore opens a table for writing.
func openStore(ctx context.Context, spec string) (writable, error) {
	var opened writable
	var err error
	switch scheme(spec) {
	case "sqlite":
		var s *sqlite.Store
		if s, err = sqlite.OpenSpec(ctx, spec); err == nil {
			opened = s
		}
	case "postgres", "postgresql":
		var s *postgres.Store
		if s, err = postgres.OpenSpec(ctx, spec); err == nil {
			opened = s
		}
	default:
		err = usagef("unknown destination %q: want sqlite:audit.db?table_name=x, postgres://..., or the path of a log", scheme(spec)+":...")
	}
	return opened, err
}

// openLog opens a log to append to.
func openLog(ctx context.Context, path string, t *trouble) (*destination, error) {
	info, err := os.Stat(path)
	exists := err == nil && info.Mode().IsRegular() && info.Size() > 0
	if exists { // nothing is appended to what is no log
		log, err := query.OpenAll(ctx, path)
		if err != nil {
			return nil, err
		}
		if err := log.Close(); err != nil {
			return nil, err
		}
	}
	logger, err := audit.NewFileAuditLogger(path, &audit.FileOptions{Buffer: t.options()})
	if err != nil {
		return nil, err
	}
	d := &destination{logger: logger, trouble: t}
	ids := make(map[audit.EventID]bool)
	if exists {
		if err := readIDs(ctx, path, ids); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	d.known = func(_ context.Context, asked []audit.EventID) (known []audit.EventID, err error) {
		for _, id := range asked {
			if ids[id] {
				known = append(known, id)
			}
			ids[id] = true
		}
		return known, nil
	}
	return d, nil
}

// readIDs collects the ids of a log, 16 bytes and the map's share for each.
func readIDs(ctx context.Context, path string, ids map[audit.EventID]bool) error {
	log := query.Files(path)
	for _, in := range [][]string{nil, {string(audit.ActionGap)}} {
		f := query.Filter{Action: query.Terms{In: in}, Fields: query.FieldID | query.FieldAction}
		for event, err := range log.Events(ctx, f) {
			switch {
			case isDamage(err):
			case err != nil:
				return err
			case !event.ID.IsZero():
				ids[event.ID] = true
			}
		}
	}
	return nil
}

// scheme is what stands before the colon, in lower case.
func scheme(spec string) string {
	before, _, _ := strings.Cut(spec, ":")
	return strings.ToLower(before)
}

// checkDestination refuses what cannot be written to, and a destination that is read.
func checkDestination(to string, specs []string) error {
	if path, isFile := query.FilePath(to); isFile {
		switch {
		case path == "-" || path == "":
			return usagef("--to %q: want a file or a database; to print events: permaudit query --limit 0 -o json", to)
		case isPattern(path):
			return usagef("--to %q: it is a glob: want the path of one log", to)
		case strings.HasSuffix(strings.ToLower(path), ".gz"):
			return usagef("--to %q: compressed files cannot be appended to: want the path of a log without .gz", to)
		}
	}
	for _, spec := range specs {
		if samePlace(spec, to) {
			return usagef("--from and --to are the same, %s: name another destination", placeOf(to))
		}
	}
	return nil
}

// placeOf names what a spec names, without a password.
func placeOf(spec string) string {
	path, isFile := query.FilePath(spec)
	switch {
	case isFile:
		return path
	case scheme(spec) == "sqlite":
		return spec
	}
	table, found := parseTable(spec)
	if !found {
		return scheme(spec) + ":..."
	}
	return fmt.Sprintf("%s table %s", table.database, table.name)
}
