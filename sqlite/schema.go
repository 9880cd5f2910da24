package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/permaudit/audit/internal/table"
)

// Schema returns the SQL that creates the table, as Options.TableName names it, and
// its indexes, with the default of MetadataIndexes. It may be run again. It is for
// those who set SkipSchema and migrate by hand; of the indexes only the unique one on
// event_id is indispensable.
func Schema(tableName string) (string, error) {
	name, err := table.ParseName(tableName)
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	indexes, _ := table.MetadataIndexes(nil)
	return schema(name, indexes), nil
}

func schema(name table.Name, metadataIndexes []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `CREATE TABLE IF NOT EXISTS %s (
    id INTEGER PRIMARY KEY,
    event_id TEXT,
    created_at TEXT NOT NULL,
    action TEXT NOT NULL,
    attributes TEXT NOT NULL,
    granted INTEGER NOT NULL,
    bypassed INTEGER NOT NULL,
    manager TEXT,
    user_id TEXT,
    user_repr TEXT,
    permissions TEXT NOT NULL,
    metadata TEXT,
    sanitized TEXT
);
`, name.SQL())
	b.WriteString(uniqueIndex(name))
	for _, index := range [][2]string{
		{"created_at", "(created_at)"},
		{"user_id_created_at", "(user_id, created_at)"},
		{"denied", "(manager, action, created_at) WHERE NOT granted"},
		{"bypassed", "(created_at) WHERE bypassed"},
	} {
		fmt.Fprintf(&b, "CREATE INDEX IF NOT EXISTS %s ON %s %s;\n", indexSQL(name, index[0]), table.Quote(name.Table), index[1])
	}
	for _, key := range metadataIndexes {
		fmt.Fprintf(&b, "CREATE INDEX IF NOT EXISTS %s ON %s (%s) WHERE %[3]s IS NOT NULL;\n",
			indexSQL(name, "metadata_"+key), table.Quote(name.Table), indexedMetadata(key))
	}
	return b.String()
}

func uniqueIndex(name table.Name) string {
	return fmt.Sprintf("CREATE UNIQUE INDEX IF NOT EXISTS %s ON %s (event_id);\n", indexSQL(name, "event_id"), table.Quote(name.Table))
}

// indexSQL is the name of an index, which stands in the schema of its table.
func indexSQL(name table.Name, suffix string) string {
	return table.Name{Schema: name.Schema, Table: name.Index(suffix)}.SQL()
}

// ensure makes the table what it must be for writing, unless it is known to be so.
func (s *Store) ensure(ctx context.Context, conn *sql.Conn) (table.Layout, error) {
	s.ensuring.Lock()
	defer s.ensuring.Unlock()
	if s.layout != nil {
		return *s.layout, nil
	}
	layout, missing, err := s.missing(ctx, conn)
	if err == nil && missing != "" {
		if s.options.SkipSchema {
			return layout, fmt.Errorf("the table lacks what SkipSchema leaves to you; run:\n%s", missing)
		}
		err = inTransaction(ctx, conn, func() error {
			_, missing, err := s.missing(ctx, conn) // somebody may have been faster
			if err == nil {
				_, err = conn.ExecContext(ctx, missing)
			}
			return err
		})
		if err == nil {
			layout, missing, err = s.missing(ctx, conn)
		}
		if err == nil && missing != "" {
			err = fmt.Errorf("something of the same name is in the way of:\n%s", missing)
		}
	}
	if err != nil {
		return layout, fmt.Errorf("create or adopt the table: %w", err)
	}
	s.layout = &layout
	return layout, nil
}

// forget makes the next write look at the table again.
func (s *Store) forget() {
	s.ensuring.Lock()
	defer s.ensuring.Unlock()
	s.layout = nil
}

// missing returns the SQL that makes the table what it must be; "": it is.
func (s *Store) missing(ctx context.Context, q queryer) (table.Layout, string, error) {
	layout, err := inspect(ctx, q, s.name)
	if err != nil {
		return layout, "", err
	}
	if len(layout.Columns) == 0 {
		return layout, schema(s.name, s.options.MetadataIndexes), nil
	}
	if err := layout.Check(s.name); err != nil {
		return layout, "", err
	}
	var b strings.Builder
	for _, column := range layout.Lacking() {
		fmt.Fprintf(&b, "ALTER TABLE %s ADD COLUMN %s TEXT;\n", s.name.SQL(), column)
	}
	if !layout.Unique {
		b.WriteString(uniqueIndex(s.name))
	}
	return layout, b.String(), nil
}

// readLayout looks at the table for a reading, which creates nothing.
func (s *Store) readLayout(ctx context.Context) (table.Layout, error) {
	layout, err := inspect(ctx, s.reads, s.name)
	switch {
	case err != nil:
		return layout, err
	case len(layout.Columns) > 0:
		return layout, nil
	case s.options.ReadOnly || s.options.SkipSchema:
		return layout, fmt.Errorf("there is no table %s", s.name)
	}
	return layout, table.ErrNoTable
}

// queryer is a database or a connection.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// limit finds the length of a column declared as varchar(255).
var limit = regexp.MustCompile(`(?i)char.*\(\s*(\d+)\s*\)`)

// inspect returns what the table looks like; without columns there is none.
func inspect(ctx context.Context, q queryer, name table.Name) (table.Layout, error) {
	layout := table.Layout{Columns: map[string]int{}}
	args, in := []any{name.Table}, "?1"
	if name.Schema != "" {
		args, in = append(args, name.Schema), "?1, ?2"
	}
	err := each(ctx, q, "SELECT name, type FROM pragma_table_info("+in+")", args, func(scan table.Scan) (bool, error) {
		var column, declared string
		if err := scan(&column, &declared); err != nil {
			return false, err
		}
		most := 0
		if found := limit.FindStringSubmatch(declared); found != nil {
			most, _ = strconv.Atoi(found[1])
		}
		layout.Columns[strings.ToLower(column)] = most
		return true, nil
	})
	if err != nil {
		return layout, err
	}
	unique := `SELECT 1 FROM pragma_index_list(` + in + `) AS l WHERE l."unique" AND NOT l.partial ` +
		`AND (SELECT group_concat(i.name) FROM pragma_index_info(l.name` + strings.TrimPrefix(in, "?1") + `) AS i) = 'event_id'`
	err = each(ctx, q, unique, args, func(table.Scan) (bool, error) {
		layout.Unique = true
		return false, nil
	})
	return layout, err
}
