package table

import (
	"context"

	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/query"
)

// userGrouping counts rows by key and user. To which groups rows with the same values
// belong is found out once.
type userGrouping struct {
	*counting.ByUser
	gaps

	by      []string
	windows []counting.Windows // of each set
	cells   map[string][]*counting.UserGroup
	key     []byte // of cells, for one row
	kept    int    // bytes of the keys of cells
}

// So many cells are kept, and so many bytes of their keys.
const (
	mostCells     = 1 << 16
	mostCellBytes = 16 << 20
)

func newUserGrouping(by []string, windows []counting.Windows) *userGrouping {
	return &userGrouping{ByUser: counting.NewByUser(len(windows)), by: by, windows: windows, cells: make(map[string][]*counting.UserGroup)}
}

// add counts a row in a set.
func (g *userGrouping) add(ctx context.Context, set int, row *Part) error {
	check := counting.Check{Set: set, Anonymous: row.User == "", Granted: row.Granted, Bypassed: row.Bypassed, At: row.First.UnixMicro()}
	if check.Window = g.windows[set].Index(check.At); check.Window < 0 {
		return nil
	}
	groups, err := g.groupsOf(ctx, row)
	if err != nil {
		return err
	}
	check.User = g.Users.Number([]byte(row.User))
	check.Weight, check.Sampled = counting.Weight(row.Rate)
	g.Add(groups, &check)
	return nil
}

func (g *userGrouping) groupsOf(ctx context.Context, row *Part) ([]*counting.UserGroup, error) {
	g.key = counting.AppendKey(g.key[:0], row.Values)
	groups, found := g.cells[string(g.key)]
	if found {
		return groups, nil
	}
	keys, err := keysOf(ctx, g.by, row)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		groups = append(groups, g.Group(key))
	}
	if g.kept += len(g.key); len(g.cells) == mostCells || g.kept > mostCellBytes {
		clear(g.cells)
		g.kept = len(g.key)
	}
	g.cells[string(g.key)] = groups
	return groups, nil
}

// yield yields the gaps and the groups.
func (g *userGrouping) yield(yield func(query.UserGroup, error) bool) {
	if g.Gaps > 0 && !yield(query.UserGroup{}, &g.GapError) {
		return
	}
	query.YieldByUser(g.ByUser, yield)
}
