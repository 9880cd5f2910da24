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
	name, indexes, err := table.CheckOptions(tableName, nil)
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	return definition(name, indexes).Create, nil
}

func definition(name table.Name, metadataIndexes []string) table.Definition {
	return table.Definition{
		Name:   name,
		Create: schema(name, metadataIndexes),
		Unique: uniqueIndex(name),
		Types:  map[string]string{"event_id": "TEXT", "sanitized": "TEXT"},
	}
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
	for _, index := range table.Indexes {
		fmt.Fprintf(&b, "CREATE INDEX IF NOT EXISTS %s ON %s %s;\n", indexSQL(name, index[0]), table.Quote(name.Table), index[1])
	}
	for _, key := range metadataIndexes {
		fmt.Fprintf(&b, "CREATE INDEX IF NOT EXISTS %s ON %s (%s) WHERE %[3]s IS NOT NULL;\n",
			table.Name{Schema: name.Schema, Table: name.MetadataIndex(key)}.SQL(), table.Quote(name.Table), indexedMetadata(key))
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
	inspect := func() (table.Layout, error) { return inspect(ctx, conn, s.reader.Table) }
	return s.keeper.Ensure(inspect, func(step func(func(string) error) error) error {
		return s.inTransaction(ctx, conn, func() error {
			return step(func(statements string) error {
				_, err := conn.ExecContext(ctx, statements)
				return err
			})
		})
	})
}

// layout looks at the table for a reading.
func (s *Store) layout(ctx context.Context) (table.Layout, error) {
	return inspect(ctx, s.reads, s.reader.Table)
}

// queryer is a database or a connection.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// limit finds the length of a column declared as varchar(255).
var limit = regexp.MustCompile(`(?i)char.*\(\s*(\d+)\s*\)`)

// inspect returns what the table looks like; without columns there is none.
func inspect(ctx context.Context, q queryer, name table.Name) (table.Layout, error) {
	layout := table.Layout{Columns: map[string]int{}, NotNull: map[string]bool{}}
	args, in := []any{name.Table}, "?1"
	if name.Schema != "" {
		args, in = append(args, name.Schema), "?1, ?2"
	}
	err := each(ctx, q, `SELECT name, type, "notnull" FROM pragma_table_info(`+in+")", args, func(scan table.Scan) (bool, error) {
		var column, declared string
		var notNull bool
		if err := scan(&column, &declared, &notNull); err != nil {
			return false, err
		}
		most := 0
		if found := limit.FindStringSubmatch(declared); found != nil {
			most, _ = strconv.Atoi(found[1])
		}
		layout.Columns[strings.ToLower(column)] = most
		layout.NotNull[strings.ToLower(column)] = notNull
		return true, nil
	})
	if err != nil {
		return layout, err
	}
	layout.Indexes = map[string]bool{}
	indexes := `SELECT l.name, l."unique" AND NOT l.partial AND 'event_id' IS (SELECT group_concat(i.name) FROM pragma_index_info(l.name` +
		strings.TrimPrefix(in, "?1") + `) AS i) FROM pragma_index_list(` + in + `) AS l`
	err = each(ctx, q, indexes, args, func(scan table.Scan) (bool, error) {
		var index string
		var unique bool
		err := scan(&index, &unique)
		layout.Indexes[index] = true
		layout.Unique = layout.Unique || unique
		return true, err
	})
	layout.Users = layout.Indexes[name.UserIndex()]
	return layout, err
}
