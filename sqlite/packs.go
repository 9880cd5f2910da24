package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/permaudit/audit/internal/table"
)

// packs reads the packs of a statement. Where an index finds the rows, one statement does;
// otherwise the table is read in pieces, on several connections. newTake returns what one
// goroutine does with a pack.
func (s *Store) packs(ctx context.Context, p table.Parts, newTake func() func(*pack) error) error {
	indexed, byTime, err := s.usesIndex(ctx, p)
	if err != nil {
		return err
	}
	if byTime && p.Span != "" {
		if ids, dense, err := s.span(ctx, p); err != nil || dense {
			return errors.Join(err, s.scan(ctx, p, ids, newTake))
		}
	}
	if indexed {
		return s.run(ctx, s.packing(p, "")+" GROUP BY id / "+strconv.Itoa(packRows), p.Args, taking(newTake()))
	}
	ids, err := s.ids(ctx, "", nil)
	if err != nil {
		return err
	}
	return s.scan(ctx, p, ids, newTake)
}

// usesIndex asks SQLite how it means to find the rows: by an index, and whether that is
// one of created_at.
func (s *Store) usesIndex(ctx context.Context, p table.Parts) (indexed, byTime bool, err error) {
	statement := "EXPLAIN QUERY PLAN SELECT metadata FROM " + s.reader.Table.SQL() + p.Where
	err = s.run(ctx, statement, p.Args, func(scan table.Scan) (bool, error) {
		var id, parent, unused int
		var detail string
		err := scan(&id, &parent, &unused, &detail)
		_, index, found := strings.Cut(detail, " USING INDEX ")
		indexed = indexed || found
		byTime = byTime || found && (strings.Contains(index, "(created_at>") || strings.Contains(index, "(created_at<"))
		return true, err
	})
	return indexed, byTime, err
}

// idRange is where the rows of a statement are.
type idRange struct {
	first, last sql.NullInt64
	rows        int64
}

// ids are those of the rows with a WHERE clause.
func (s *Store) ids(ctx context.Context, where string, args []any) (r idRange, err error) {
	name := s.reader.Table.SQL()
	statement := "SELECT (SELECT min(id) FROM " + name + "), (SELECT max(id) FROM " + name + "), 0" // which needs no reading
	if where != "" {
		statement = "SELECT min(id), max(id), count(*) FROM " + name + where
	}
	err = s.run(ctx, statement, args, func(scan table.Scan) (bool, error) { return false, scan(&r.first, &r.last, &r.rows) })
	return r, err
}

// span looks where the rows of a time are. They are dense if there are many, and few
// others among them, as in a log that was written as things happened: it takes less time
// then to read all of these, in pieces, than to have an index find each.
func (s *Store) span(ctx context.Context, p table.Parts) (ids idRange, dense bool, err error) {
	const many, others = 16 * packRows, 4
	ids, err = s.ids(ctx, p.Span, p.SpanArgs)
	return ids, err == nil && ids.rows >= many && ids.last.Int64-ids.first.Int64 < others*ids.rows, err
}

// scan reads the rows in a range of ids, as it was when that began.
func (s *Store) scan(ctx context.Context, p table.Parts, ids idRange, newTake func() func(*pack) error) error {
	if !ids.first.Valid {
		return nil
	}
	d, n := dialect{}, len(p.Args)
	where := " AND "
	if p.Where == "" {
		where = " WHERE "
	}
	p.Where += where + "id BETWEEN " + d.Placeholder(n+1) + " AND " + d.Placeholder(n+2)
	statement := s.packing(p, " NOT INDEXED") // but by id
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pieces := make(chan [2]int64)
	var workers sync.WaitGroup
	for range s.scanners() {
		take := newTake()
		workers.Go(func() {
			for piece := range pieces {
				args := slices.Concat(p.Args, []any{piece[0], piece[1]})
				if err := s.run(ctx, statement, args, taking(take)); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	if err := s.pieces(ctx, ids.first.Int64, ids.last.Int64, pieces); err != nil {
		cancel(err)
	}
	close(pieces)
	workers.Wait()
	return context.Cause(ctx)
}

// taking scans packs for somebody who takes them.
func taking(take func(*pack) error) func(table.Scan) (bool, error) {
	return func(scan table.Scan) (bool, error) {
		var k pack
		if err := k.scan(scan); err != nil {
			return false, err
		}
		return true, take(&k)
	}
}

// pieces sends ranges of ids, of packRows rows each, that hold all rows from one to
// another.
func (s *Store) pieces(ctx context.Context, start, last int64, pieces chan<- [2]int64) error {
	ends := "SELECT id FROM " + s.reader.Table.SQL() + " WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1 OFFSET " + strconv.Itoa(packRows-1)
	for {
		end := last // where nothing comes so far behind
		err := s.run(ctx, ends, []any{start, last}, func(scan table.Scan) (bool, error) { return false, scan(&end) })
		if err != nil {
			return err
		}
		select {
		case pieces <- [2]int64{start, end}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if end == last {
			return nil
		}
		start = end + 1
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
