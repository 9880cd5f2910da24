package table

import (
	"fmt"
	"slices"
	"strings"
)

// The columns that general_manager's table has, besides id, and those that it lacks.
var (
	original = []string{"created_at", "action", "attributes", "granted", "bypassed", "manager", "user_id", "user_repr", "permissions", "metadata"}
	added    = []string{"event_id", "sanitized"}
)

// Written are the columns that a store writes, in this order.
var Written = []string{
	"event_id", "created_at", "action", "attributes", "granted", "bypassed",
	"manager", "user_id", "user_repr", "permissions", "metadata", "sanitized",
}

// Indexes are those of our own tables, besides the unique one on event_id and those on
// metadata: the suffix of the name, and the SQL that follows the table's. It is the
// same in every database.
var Indexes = [][2]string{
	{"created_at", "(created_at)"},
	{"user_id_created_at", "(user_id, created_at)"},
	{"denied", "(manager, action, created_at) WHERE NOT granted"},
	{"bypassed", "(created_at) WHERE bypassed"},
	{userIndex, "(" + userBegin + ", id)"},
	{"gap_created_at", "(created_at) WHERE action = 'gap'"},
}

// The index on the user begins with as much of the text as an entry of an index has
// room for, and goes on in order of arrival.
const (
	userIndex   = "user_arrival"
	userSQL     = "coalesce(nullif(user_id, ''), user_repr, '')" // as query.Filter.User knows it
	userBegin   = "substr(" + userSQL + ", 1, 255)"
	indexedText = 255 // characters
)

// Layout is what a table looks like.
type Layout struct {
	Columns map[string]int    // the limit of each column, in characters; 0: none
	NotNull map[string]bool   // the columns that the database keeps from being null
	Types   map[string]string // of each column, as the database names it; nil: it does not matter
	Unique  bool              // there is a unique index on event_id alone
	Indexes map[string]bool   // by name; nil: it does not matter which there are
	Users   bool              // there is the index on the user
	Blind   bool              // event_id is there, but must not be read
}

// Check returns an error unless the table is there, and one of events, ours or
// general_manager's.
func (l Layout) Check(name Name) error {
	if len(l.Columns) == 0 {
		return fmt.Errorf("there is no table %s", name)
	}
	var missing []string
	for _, column := range append([]string{"id"}, original...) {
		if _, found := l.Columns[column]; !found {
			missing = append(missing, column)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("table %s is no permission log: it has no column %s", name, strings.Join(missing, ", "))
	}
	return nil
}

// lacking returns the columns that general_manager's table has not.
func (l Layout) lacking() []string {
	return slices.DeleteFunc(slices.Clone(added), l.has)
}

func (l Layout) has(column string) bool {
	_, found := l.Columns[column]
	return found
}
