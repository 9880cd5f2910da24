package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strconv"
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
func (s *Store) packing(p table.Parts) string {
	fields := append(append([]string(nil), p.Columns...), "created_at")
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
		" FROM " + s.reader.Table.SQL() + p.Where
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

// parts reads the rows of a statement. Where an index finds them, one statement does;
// otherwise the table is read in pieces, on several connections.
func (s *Store) parts(ctx context.Context, p table.Parts, each func(*table.Part) error) error {
	indexed, err := s.usesIndex(ctx, p)
	if err != nil {
		return err
	}
	u := &unpacker{fields: len(p.Columns), user: p.User != "", rate: p.Rate != "", each: each}
	if indexed {
		return s.run(ctx, s.packing(p)+" GROUP BY id / "+fmt.Sprint(packRows), p.Args, func(scan table.Scan) (bool, error) {
			return true, u.scan(scan)
		})
	}
	return s.scanAll(ctx, p, u)
}

// usesIndex asks SQLite how it means to find the rows.
func (s *Store) usesIndex(ctx context.Context, p table.Parts) (indexed bool, err error) {
	statement := "EXPLAIN QUERY PLAN SELECT metadata FROM " + s.reader.Table.SQL() + p.Where
	err = s.run(ctx, statement, p.Args, func(scan table.Scan) (bool, error) {
		var id, parent, unused int
		var detail string
		err := scan(&id, &parent, &unused, &detail)
		indexed = indexed || strings.Contains(detail, " USING INDEX ")
		return true, err
	})
	return indexed, err
}

// scanAll reads the whole table, as it was when that began.
func (s *Store) scanAll(ctx context.Context, p table.Parts, u *unpacker) error {
	d, n := dialect{}, len(p.Args)
	where := " AND "
	if p.Where == "" {
		where = " WHERE "
	}
	p.Where += where + "id BETWEEN " + d.Placeholder(n+1) + " AND " + d.Placeholder(n+2)
	statement := s.packing(p)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pieces, packs := make(chan [2]int64), make(chan pack)
	var workers sync.WaitGroup
	for range s.scanners() {
		workers.Go(func() {
			for piece := range pieces {
				args := slices.Concat(p.Args, []any{piece[0], piece[1]})
				var k pack
				err := s.run(ctx, statement, args, func(scan table.Scan) (bool, error) { return true, k.scan(scan) })
				if err != nil {
					cancel(err)
					return
				}
				select {
				case packs <- k:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	workers.Go(func() {
		defer close(pieces)
		if err := s.pieces(ctx, pieces); err != nil {
			cancel(err)
		}
	})
	go func() {
		workers.Wait()
		close(packs)
	}()
	for k := range packs {
		if ctx.Err() != nil {
			continue // until nobody sends any more
		}
		if err := u.unpack(&k); err != nil {
			cancel(err)
		}
	}
	return context.Cause(ctx)
}

// pieces sends ranges of ids, of packRows rows each, that hold all rows.
func (s *Store) pieces(ctx context.Context, pieces chan<- [2]int64) error {
	name := s.reader.Table.SQL()
	var start, last, end sql.NullInt64
	scan := func(into ...any) func(table.Scan) (bool, error) {
		return func(scan table.Scan) (bool, error) { return false, scan(into...) }
	}
	err := s.run(ctx, "SELECT (SELECT min(id) FROM "+name+"), (SELECT max(id) FROM "+name+")", nil, scan(&start, &last))
	if err != nil || !start.Valid {
		return err
	}
	ends := "SELECT id FROM " + name + " WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1 OFFSET " + strconv.Itoa(packRows-1)
	for {
		end = last // where nothing comes so far behind
		if err := s.run(ctx, ends, []any{start.Int64, last.Int64}, scan(&end)); err != nil {
			return err
		}
		select {
		case pieces <- [2]int64{start.Int64, end.Int64}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if end == last {
			return nil
		}
		start.Int64 = end.Int64 + 1
	}
}

// scanners is how many connections read at once.
func (s *Store) scanners() int {
	n := min(readers, runtime.GOMAXPROCS(0))
	if most := s.reads.Stats().MaxOpenConnections; most > 0 {
		n = min(n, most)
	}
	return n
}
