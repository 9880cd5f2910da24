package query

import (
	"bytes"
	"errors"

	"github.com/permaudit/audit"
)

// lookback finds repeats when files are read in their order: it remembers the ids
// of the last lines.
type lookback struct {
	limits limits
	line   int             // how many lines there were
	recent []audit.EventID // of the last repeatLines of them
	seen   map[audit.EventID]place
}

// place is where an id occurred last.
type place struct{ line, file int }

func (b *lookback) repeated(id audit.EventID, file int) bool {
	before, found := b.seen[id]
	if !id.IsZero() {
		b.seen[id] = place{b.line, file}
	}
	b.recent = append(b.recent, id)
	if n := b.limits.repeatLines; len(b.recent) > n {
		if oldest := b.recent[0]; b.seen[oldest].line == b.line-n {
			delete(b.seen, oldest)
		}
		b.recent = b.recent[1:]
	}
	b.line++
	return found && file-before.file <= b.limits.repeatFiles
}

// lookahead finds repeats when files are read backwards. Whether an event repeats
// an earlier one is known once that is read: a cursor of its own runs ahead. It
// decodes the lines whose ids occur twice, so that damage never hides an event.
type lookahead struct {
	cursor cursor
	failed bool // the cursor; the reading will meet the error where it belongs

	line   int    // the number of the line at hand, in the order of reading
	ahead  []mark // of the line at hand and those behind it
	claims map[audit.EventID]int
}

// mark is the id of a line, and whether the line repeats an earlier one.
type mark struct {
	id       audit.EventID
	repeated bool
}

func (a *lookahead) repeated(id audit.EventID, file int) bool {
	limits := a.cursor.limits
	a.cursor.most = min(file+1+limits.repeatFiles, len(a.cursor.files.paths))
	for len(a.ahead) <= limits.repeatLines && a.advance() {
	}
	if len(a.ahead) == 0 {
		return false
	}
	here := a.ahead[0]
	a.ahead = a.ahead[1:]
	if a.claims[here.id] == a.line {
		delete(a.claims, here.id)
	}
	a.line++
	return here.repeated && here.id == id
}

// advance reads one line more and reports whether there was one.
func (a *lookahead) advance() bool {
	if a.failed {
		return false
	}
	line, err := a.cursor.next()
	if err != nil && !errors.Is(err, errLong) {
		a.failed = !errors.Is(err, errEnd)
		return false
	}
	id, exact := peekID(line)
	later, claimed := a.claims[id]
	if claimed && !exact {
		id = decodeID(line)
	}
	if !id.IsZero() {
		if claimed {
			a.ahead[later-a.line].repeated = true
		}
		a.claims[id] = a.line + len(a.ahead)
	}
	a.ahead = append(a.ahead, mark{id: id})
	return true
}

// peekID returns the id that a line has if it is an event. It is quick for the
// lines of this library, which begin with their id, and for those of
// general_manager, which have none. exact says that the line was decoded.
func peekID(line []byte) (id audit.EventID, exact bool) {
	const prefix, end = `{"id":"`, len(`{"id":"`) + 36
	rest := line
	if len(line) > end && line[end] == '"' && string(line[:len(prefix)]) == prefix {
		if id.UnmarshalText(line[len(prefix):end]) == nil {
			rest = line[end+1:]
		}
	}
	// A key id further on, which may be written with escapes, would be the one
	// that counts.
	if bytes.Contains(rest, []byte(`"id"`)) || bytes.Contains(rest, []byte(`\u006`)) {
		return decodeID(line), true
	}
	return id, false
}

// decodeID returns the id of a line, zero if the line is damaged.
func decodeID(line []byte) audit.EventID {
	var event audit.PermissionAuditEvent
	_ = event.UnmarshalJSON(line) // then it has no id
	return event.ID
}
