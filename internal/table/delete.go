package table

import (
	"context"
	"strconv"
	"time"
)

// deleteRows is how many rows are deleted at once: others write in between.
const deleteRows = 4096

// DeleteBefore deletes the rows from before t, gaps too, in batches: run executes a
// statement as a transaction of its own, and says how many rows it deleted. sound says
// that created_at is a time. How many were deleted is returned beside an error too.
func (r *Reader) DeleteBefore(ctx context.Context, t time.Time, sound string, run func(sql string, args []any) (int64, error)) (deleted int64, err error) {
	if t.IsZero() { // nothing is older
		return 0, nil
	}
	_, there, err := r.Look(ctx)
	if err != nil || !there {
		return 0, err
	}
	w := &where{dialect: r.Dialect}
	w.times(time.Time{}, t)
	w.add(sound)
	name := r.Table.SQL()
	sql := "DELETE FROM " + name + " WHERE id IN (SELECT id FROM " + name + w.sql() + " LIMIT " + strconv.Itoa(deleteRows) + ")"
	for {
		if err := ctx.Err(); err != nil {
			return deleted, context.Cause(ctx)
		}
		n, err := run(sql, w.args)
		deleted += n
		if err != nil || n < deleteRows {
			return deleted, err
		}
	}
}
