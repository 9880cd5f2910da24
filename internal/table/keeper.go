package table

import (
	"fmt"
	"strings"
	"sync"
)

// Definition is the SQL of one database for one table.
type Definition struct {
	Name   Name
	Create string            // makes the table and its indexes
	Unique string            // makes the unique index on event_id
	Types  map[string]string // of the columns that general_manager's table lacks
}

// missing returns the SQL that makes a table what it must be; "": it is.
func (d *Definition) missing(layout Layout) (string, error) {
	if len(layout.Columns) == 0 {
		return d.Create, nil
	}
	if err := layout.Check(d.Name); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, column := range layout.lacking() {
		fmt.Fprintf(&b, "ALTER TABLE %s ADD COLUMN %s %s;\n", d.Name.SQL(), column, d.Types[column])
	}
	if !layout.Unique {
		b.WriteString(d.Unique)
	}
	if layout.Blind {
		return "", fmt.Errorf("permission denied to read event_id, without which repeats cannot be skipped: GRANT INSERT, SELECT (event_id) ON %s", d.Name)
	}
	return b.String(), nil
}

// Keeper makes a table what it must be for writing, and remembers that it is.
type Keeper struct {
	Definition

	Skip bool // somebody else makes it

	mu     sync.Mutex
	layout *Layout // nil: nobody has looked
}

// Ensure returns the layout of the table, as inspect finds it. If something is missing,
// alter calls its argument in a transaction that excludes others, with what runs SQL in
// it; an error undoes everything.
func (k *Keeper) Ensure(inspect func() (Layout, error), alter func(step func(run func(sql string) error) error) error) (Layout, error) {
	k.mu.Lock()
	known := k.layout
	k.mu.Unlock() // the database keeps two from making it at once
	if known != nil {
		return *known, nil
	}
	layout, missing, err := k.look(inspect)
	switch {
	case err == nil && missing != "" && k.Skip:
		err = fmt.Errorf("it lacks what SkipSchema leaves to you; run:\n%s", missing)
	case err == nil && missing != "":
		err = alter(func(run func(sql string) error) (err error) {
			layout, err = k.complete(inspect, run)
			return err
		})
	}
	if err != nil {
		return layout, fmt.Errorf("create or adopt the table: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.layout = &layout
	return layout, nil
}

// look inspects the table and finds out what it lacks.
func (k *Keeper) look(inspect func() (Layout, error)) (layout Layout, missing string, err error) {
	if layout, err = inspect(); err == nil {
		missing, err = k.missing(layout)
	}
	return layout, missing, err
}

// complete makes what is missing, unless somebody was faster.
func (k *Keeper) complete(inspect func() (Layout, error), run func(sql string) error) (Layout, error) {
	layout, missing, err := k.look(inspect)
	if err != nil || missing == "" {
		return layout, err
	}
	if err := run(missing); err != nil {
		return layout, err
	}
	layout, missing, err = k.look(inspect)
	if err == nil && missing != "" {
		err = fmt.Errorf("something of the same name is in the way of:\n%s", missing)
	}
	return layout, err
}

// Forget makes the next Ensure look at the table again.
func (k *Keeper) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.layout = nil
}
