package sqlite

import (
	"context"
	"iter"
	"strings"
	"sync"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
)

// Group implements query.Grouper: SQLite selects the rows, and hands over no more than
// the columns that are needed. Rows in which one of these is damaged, the outcome, the
// time or the metadata, are damage, as for Events; what is not needed (attributes, say,
// of events by manager) is not looked at, as with query.Filter.Fields.
func (s *Store) Group(ctx context.Context, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
	return s.reader.Group(ctx, f, by)
}

// SQLite groups by sorting, and hands a row over in a microsecond. It is several times
// faster to have it join the columns of many rows to one text, and to take that to
// pieces here. The marks between columns and rows may occur in the columns, though not
// unnoticed: then there are more pieces than there are columns and rows.
const (
	packRows  = 1024 // rows of a text
	markField = "\x1f"
	markRow   = "\x1e"
)

// What the second column of a pack says.
const (
	packPlain   = iota
	packSampled // somebody has a sample rate
	packDamaged // some row may be no event
)

// packing is a statement that returns packs: how many rows, what they are, the rows.
// indexed is what follows the table's name.
func (s *Store) packing(p table.Parts, indexed string) string {
	fields := append(append([]string(nil), p.Columns...), "created_at")
	if p.Rows {
		fields = append(fields, "granted", "bypassed")
	}
	for _, optional := range []string{p.User, p.Rate} {
		if optional != "" {
			fields = append(fields, optional)
		}
	}
	for i, field := range fields {
		if !p.Layout.NotNull[field] {
			fields[i] = "coalesce(" + field + ", '')"
		}
	}
	sampled := "0"
	if p.Rate == "" {
		sampled = "metadata IS NOT NULL AND metadata GLOB '*" + audit.MetadataSampleRate + "*'"
	}
	return "SELECT count(*), coalesce(max(CASE WHEN (granted = 0 OR granted = 1) AND (bypassed = 0 OR bypassed = 1) AND " + s.soundMetadata(p.Layout) +
		" THEN " + sampled + " ELSE 2 END), 0), coalesce(group_concat(" + strings.Join(fields, "||'"+markField+"'||") + ", '" + markRow + "'), '')" +
		" FROM " + s.reader.Table.SQL() + indexed + p.Where
}

// soundMetadata says that the metadata are null or an object. Checking JSON takes longer
// than everything else. An index on a key has done that already, but for liberties that
// SQLite allows and JSON does not, in metadata that somebody else wrote.
func (s *Store) soundMetadata(layout table.Layout) string {
	sound := "metadata > '{' AND metadata < '|' AND json_valid(metadata)"
	for index := range layout.Indexes {
		if strings.HasPrefix(index, s.reader.Table.MetadataIndex("")) {
			sound = "metadata > '{\"' AND metadata < '{#' OR " + sound
			break
		}
	}
	return "(metadata IS NULL OR " + sound + ")"
}

// parts reads the rows of a statement.
func (s *Store) parts(ctx context.Context, p table.Parts, each func(*table.Part) error) error {
	u := newUnpacker(p, each)
	var mu sync.Mutex
	return s.packs(ctx, p, func() func(*pack) error {
		return func(k *pack) error {
			mu.Lock()
			defer mu.Unlock()
			return u.unpack(k)
		}
	})
}
