package table

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/query"
)

// where collects conditions and their arguments.
type where struct {
	dialect    Dialect
	name       Name
	layout     Layout
	conditions []string
	args       []any
	// exact is false if rows are selected that query.Filter.Match may refuse: lists
	// and objects of the metadata, whose text is not that of their column.
	exact bool
}

// newWhere says in SQL what f.Match says.
func newWhere(dialect Dialect, name Name, layout Layout, f query.Filter) *where {
	w := &where{dialect: dialect, name: name, layout: layout, exact: true}
	w.times(f.Since, f.Until)
	w.choice("granted", f.Granted)
	w.choice("bypassed", f.Bypassed)
	if !slices.Contains(f.Action.In, string(audit.ActionGap)) {
		w.add("action <> '" + string(audit.ActionGap) + "'")
	}
	w.column("action", f.Action)
	w.column("manager", f.Manager)
	w.user(f.User)
	w.list("attributes", f.Attribute)
	w.list("permissions", f.Permission)
	for _, key := range slices.Sorted(maps.Keys(f.Metadata)) {
		w.metadata(key, f.Metadata[key])
	}
	return w
}

func (w *where) add(condition string) { w.conditions = append(w.conditions, condition) }

func (w *where) bind(value any) string {
	w.args = append(w.args, value)
	return w.dialect.Placeholder(len(w.args))
}

// sql is the WHERE clause, with a space before it.
func (w *where) sql() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + w.conjunction()
}

func (w *where) conjunction() string { return strings.Join(w.conditions, " AND ") }

// The first and the last moment that a database holds.
var (
	firstTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
)

// times bounds created_at, which is in microseconds: a bound between two of them
// counts as the later one. SQLite compares texts: a row that somebody else wrote with an
// offset counts as if it had none, since an index has no other order.
func (w *where) times(since, until time.Time) {
	w.conditions = append(w.conditions, w.bounds(since, until)...)
}

// bounds are the conditions of times.
func (w *where) bounds(since, until time.Time) (conditions []string) {
	roundUp := func(t time.Time) time.Time { return t.UTC().Add(999 * time.Nanosecond).Truncate(time.Microsecond) }
	if !since.IsZero() {
		switch since = roundUp(since); {
		case since.After(lastTime):
			conditions = append(conditions, never)
		case since.After(firstTime):
			conditions = append(conditions, "created_at >= "+w.bind(w.dialect.Time(since)))
		}
	}
	if !until.IsZero() {
		switch until = roundUp(until); {
		case !until.After(firstTime):
			conditions = append(conditions, never)
		case !until.After(lastTime):
			conditions = append(conditions, "created_at < "+w.bind(w.dialect.Time(until)))
		}
	}
	return conditions
}

// stretches says that created_at is in one of several, beside the bounds of all.
func (w *where) stretches(stretches counting.Windows) {
	if len(stretches) < 2 {
		return
	}
	var either []string
	for _, one := range stretches {
		either = append(either, "("+strings.Join(w.bounds(counting.Bound(one.Since), counting.Bound(one.Until)), " AND ")+")")
	}
	w.add(anyOf(either))
}

// choice compares with the words of the partial indexes.
func (w *where) choice(column string, choice query.Choice) {
	switch choice {
	case query.Yes:
		w.add(column)
	case query.No:
		w.add("NOT " + column)
	case query.Any:
	}
}

// column selects by a text column in which null counts as "".
func (w *where) column(column string, terms query.Terms) {
	text := "coalesce(" + column + ", '')"
	if len(terms.In) > 0 {
		if slices.Contains(terms.In, "") {
			w.add(w.among(text, terms.In))
		} else {
			w.add(w.among(column, terms.In)) // which an index serves
		}
	}
	if len(terms.NotIn) > 0 {
		w.add("NOT " + w.among(text, terms.NotIn))
	}
}

// user selects by the id, or by the representation where there is no id.
func (w *where) user(terms query.Terms) {
	switch {
	case len(terms.In) == 0:
	case w.layout.Users:
		w.indexedUser(storable(terms.In))
	case slices.Contains(terms.In, ""):
		w.add(w.among(userSQL, terms.In))
	default:
		repr := w.among("user_repr", terms.In)
		w.add("(" + w.among("user_id", terms.In) +
			" OR (user_id IS NULL AND " + repr + ") OR (user_id = '' AND " + repr + "))")
	}
	if len(terms.NotIn) > 0 {
		w.add("NOT " + w.among(userSQL, terms.NotIn))
	}
}

// indexedUser asks as the index on the user has it: one user's events stand in it in
// order of arrival, so that the newest are found without looking at the others.
func (w *where) indexedUser(users []string) {
	begins := make([]string, len(users))
	whole := true
	for i, user := range users {
		begins[i] = begin(user)
		whole = whole && utf8.RuneCountInString(user) < indexedText
	}
	switch len(users) {
	case 0:
		w.add(never)
	case 1:
		w.add(userBegin + " = " + w.bind(begins[0]))
	default:
		w.add(w.among(userBegin, begins))
	}
	if !whole {
		w.add(w.among(userSQL, users))
	}
}

// begin is what the index holds of a user.
func begin(user string) string {
	characters := 0
	for i := range user {
		if characters == indexedText {
			return user[:i]
		}
		characters++
	}
	return user
}

// list selects by a column with a JSON array of texts.
func (w *where) list(column string, terms query.Terms) {
	holds := func(values []string) string {
		var either []string
		if possible := storable(values); len(possible) > 0 {
			either = append(either, w.dialect.Holds(column, possible, w.bind))
		}
		if slices.Contains(values, "") {
			either = append(either, column+" IN ('[]', 'null')")
		}
		return anyOf(either)
	}
	if len(terms.In) > 0 {
		w.add(holds(terms.In))
	}
	if len(terms.NotIn) > 0 {
		w.add("NOT " + holds(terms.NotIn))
	}
}

// metadata selects by the value of a key.
func (w *where) metadata(key string, terms query.Terms) {
	if len(terms.In) == 0 && len(terms.NotIn) == 0 {
		return
	}
	if !isStorable(key) { // no event has it
		if !(query.Filter{Metadata: map[string]query.Terms{key: terms}}).Match(audit.PermissionAuditEvent{}) {
			w.add(never)
		}
		return
	}
	containers := slices.ContainsFunc(terms.In, isContainer) || slices.ContainsFunc(terms.NotIn, isContainer)
	if containers {
		w.exact = false
	}
	if len(terms.In) > 0 {
		values := storable(terms.In)
		// The hint has the key as text of the SQL: no other key may get there.
		indexed := isIndexKey(key) && (w.layout.Indexes == nil || w.layout.Indexes[w.name.MetadataIndex(key)])
		if indexed && len(values) > 0 && !containers && !slices.Contains(values, "") {
			if hint := w.dialect.MetadataHint(key, values, w.bind); hint != "" {
				w.add(hint)
			}
		}
		w.add(w.metadataAmong(key, values, containers))
	}
	if values := storable(terms.NotIn); len(values) > 0 {
		condition := "NOT " + w.metadataAmong(key, values, false)
		if containers {
			condition = "(" + condition + " OR " + w.dialect.MetadataContainer(key, w.bind) + ")"
		}
		w.add(condition)
	}
}

// metadataAmong says that the value of a key is one of values, or a list or an object
// if those are for Match to decide.
func (w *where) metadataAmong(key string, values []string, containers bool) string {
	var either []string
	if len(values) > 0 {
		either = append(either, w.dialect.MetadataAmong(key, values, w.bind))
	}
	if containers {
		either = append(either, w.dialect.MetadataContainer(key, w.bind))
	}
	return anyOf(either)
}

// isContainer reports whether a term may be the text of a list or an object.
func isContainer(term string) bool {
	return strings.HasPrefix(term, "[") || strings.HasPrefix(term, "{")
}

// among says that text is one of values.
func (w *where) among(text string, values []string) string {
	values = storable(values)
	if len(values) == 0 {
		return never
	}
	return w.dialect.Among(text, values, w.bind)
}

// never is false in every database.
const never = "(1 = 0)"

func anyOf(conditions []string) string {
	if len(conditions) == 0 {
		return never
	}
	return "(" + strings.Join(conditions, " OR ") + ")"
}

// storable returns those values that a log may hold. The others, which databases do
// not take as arguments, match nothing.
func storable(values []string) []string {
	if !slices.ContainsFunc(values, func(s string) bool { return !isStorable(s) }) {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), func(s string) bool { return !isStorable(s) })
}

func isStorable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }
