package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/permaudit/audit/internal/table"
)

// rowReading runs statements that hand out rows. Whoever has a connection takes the next
// one. The first connection could do with all of them: the others are taken if there are
// any, so that readings never wait for one another's.
type rowReading struct {
	store      *Store
	statements []table.Parts
	newEach    func() func(int, *table.Part) error
	cancel     context.CancelCauseFunc // of everything

	mu   sync.Mutex
	next int // of statements
}

// run runs all statements.
func (r *rowReading) run(ctx context.Context, first *pgxpool.Conn) error {
	tx, err := snapshot(ctx, first, "")
	if err != nil {
		return err
	}
	defer end(ctx, tx)
	waiting, enough := context.WithCancel(ctx)
	defer enough()
	var all sync.WaitGroup
	defer all.Wait()
	if others := min(len(r.statements), int(r.store.pool.Config().MaxConns)) - 1; others > 0 {
		var name string
		if err := tx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&name); err != nil {
			return err
		}
		for range others {
			all.Go(func() { r.help(ctx, waiting, name) })
		}
	}
	r.read(ctx, tx)
	enough()
	all.Wait() // nobody imports the snapshot any more
	return context.Cause(ctx)
}

// help runs statements on another connection, if there is one while some wait. One that
// does not know the snapshot, since a proxy leads it to another server, is no help.
func (r *rowReading) help(ctx, waiting context.Context, name string) {
	conn, err := r.store.pool.Acquire(waiting)
	if err != nil {
		return
	}
	defer conn.Release()
	tx, err := snapshot(ctx, conn, name)
	if err != nil {
		return
	}
	defer end(ctx, tx)
	r.read(ctx, tx)
}

// read runs statements, until there are none, or there is an error.
func (r *rowReading) read(ctx context.Context, tx pgx.Tx) {
	var each func(int, *table.Part) error
	for {
		statement, more := r.take(&each)
		if !more {
			return
		}
		err := r.store.eachRow(ctx, r.cancel, tx, r.statements[statement], func(row *table.Part) error { return each(statement, row) })
		if err != nil {
			r.cancel(err)
			return
		}
	}
}

// take takes a statement, and each of a goroutine with its first one.
func (r *rowReading) take(each *func(int, *table.Part) error) (statement int, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == len(r.statements) {
		return 0, false
	}
	if *each == nil {
		*each = r.newEach()
	}
	r.next++
	return r.next - 1, true
}
