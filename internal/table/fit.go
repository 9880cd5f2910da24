package table

import (
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/permaudit/audit"
)

// Fit returns the batch with the manager and the user's id of each entry cut to
// what the columns hold, and named in sanitized. The batch itself is not changed.
func (l Layout) Fit(batch []audit.Entry) []audit.Entry {
	managers, users := l.Columns["manager"], l.Columns["user_id"]
	if managers == 0 && users == 0 {
		return batch
	}
	fitting := batch
	for i := range batch {
		entry := batch[i]
		var cut []string
		entry.Manager, cut = fit(entry.Manager, managers, cut, "manager:long")
		entry.UserID, cut = fit(entry.UserID, users, cut, "user_id:long")
		if cut == nil {
			continue
		}
		if &fitting[0] == &batch[0] {
			fitting = slices.Clone(batch)
		}
		entry.Sanitized = addNotes(entry.Sanitized, cut)
		fitting[i] = entry
	}
	return fitting
}

// fit cuts text after most characters; 0 is no limit.
func fit(text string, most int, cut []string, note string) (string, []string) {
	if most == 0 || len(text) <= most || utf8.RuneCountInString(text) <= most {
		return text, cut
	}
	end := 0
	for range most {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	return text[:end], append(cut, note)
}

// addNotes adds to sanitized, which may be null, what is not in it.
func addNotes(sanitized []byte, notes []string) []byte {
	var names []json.RawMessage
	if sanitized != nil && json.Unmarshal(sanitized, &names) != nil {
		return sanitized // somebody put something else there
	}
	for _, note := range notes {
		known := slices.ContainsFunc(names, func(name json.RawMessage) bool { return string(name) == `"`+note+`"` })
		switch {
		case known || len(names) > audit.MaxSanitized:
		case len(names) == audit.MaxSanitized:
			names = append(names, json.RawMessage(`"..."`))
		default:
			names = append(names, json.RawMessage(`"`+note+`"`))
		}
	}
	text := []byte{'['}
	for i, name := range names {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, name...)
	}
	return append(text, ']')
}
