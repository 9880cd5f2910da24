package query

import "github.com/permaudit/audit/internal/counting"

// checkSet is a Set, ready to be asked.
type checkSet struct {
	filter  Filter // within the windows
	windows counting.Windows
}

func newCheckSet(set Set) checkSet {
	c := checkSet{filter: set.Filter, windows: WindowsOf(set)}
	c.filter.Newest, c.filter.Limit = false, 0
	if stretches := c.windows.Stretches(); len(stretches) > 0 { // what is in none need not be read
		c.filter.Since, c.filter.Until = counting.Bound(stretches[0].Since), counting.Bound(stretches[len(stretches)-1].Until)
	}
	return c
}

// WindowsOf are the windows of a set within the bounds of its filter. It is for the
// stores.
func WindowsOf(set Set) counting.Windows {
	windows := counting.Windows{counting.Always}
	if len(set.Windows) > 0 {
		windows = windows[:0]
		for _, w := range set.Windows {
			windows = append(windows, counting.Window{Since: counting.Microsecond(w.Since), Until: counting.Microsecond(w.Until)})
		}
	}
	return windows.Within(boundsOf(set.Filter))
}

// boundsOf are those of time.
func boundsOf(f Filter) counting.Window {
	bounds := counting.Always
	if !f.Since.IsZero() {
		bounds.Since = counting.Microsecond(f.Since)
	}
	if !f.Until.IsZero() {
		bounds.Until = counting.Microsecond(f.Until)
	}
	return bounds
}
