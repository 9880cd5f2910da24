package postgres

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
)

// GroupUsers implements query.UserGrouper: PostgreSQL selects the rows of all sets at the
// same time, on connections of their own, as far as the pool has some to spare. All sets
// are those of one state of the table, whatever is written meanwhile; its gaps are
// counted a moment later.
func (s *Store) GroupUsers(ctx context.Context, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
	return s.reader.GroupUsers(ctx, sets, by)
}

// rows hands out the rows of statements. They are not grouped here: see decisions.md.
func (s *Store) rows(ctx context.Context, statements []table.Parts, newEach func() func(int, *table.Part) error) error {
	defer s.using()()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	first, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer first.Release()
	r := &rowReading{store: s, statements: statements, newEach: newEach, cancel: cancel}
	return r.run(ctx, first)
}

// snapshot begins to read in a transaction, in the state of the table that another one
// exported; "": in that of now.
func snapshot(ctx context.Context, conn *pgxpool.Conn, name string) (pgx.Tx, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err == nil && name != "" {
		if _, err = tx.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+name+"'"); err != nil {
			end(ctx, tx)
		}
	}
	return tx, err
}

// end ends a transaction that has changed nothing.
func end(ctx context.Context, tx pgx.Tx) { _ = tx.Rollback(ctx) } // an error says that it is over already
