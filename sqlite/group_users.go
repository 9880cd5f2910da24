package sqlite

import (
	"context"
	"iter"

	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
)

// GroupUsers implements query.UserGrouper: SQLite selects the rows of one set after the
// other, as Group does it. What is written or deleted meanwhile may be counted in some
// sets and not in others.
func (s *Store) GroupUsers(ctx context.Context, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
	return s.reader.GroupUsers(ctx, sets, by)
}

// rows hands out the rows of statements. The same goroutines' eaches serve all of them.
func (s *Store) rows(ctx context.Context, statements []table.Parts, newEach func() func(int, *table.Part) error) error {
	var eaches []func(int, *table.Part) error
	for statement, p := range statements {
		n := 0
		err := s.packs(ctx, p, func() func(*pack) error {
			if n == len(eaches) {
				eaches = append(eaches, newEach())
			}
			each := eaches[n]
			n++
			return newUnpacker(p, func(row *table.Part) error { return each(statement, row) }).unpack
		})
		switch {
		case isMalformed(err):
			return table.ErrUnsure
		case err != nil:
			return err
		}
	}
	return nil
}
