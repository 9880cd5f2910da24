package main

import (
	"encoding/json"
	"strings"

	"github.com/permaudit/audit/analysis"
)

// writeSuggested writes the answer of suggest.
func (v *invocation) writeSuggested(answer *suggested, format string) error {
	s := v.newSheet()
	var err error
	switch format {
	case formatTable, formatWide:
		err = s.suggestedTable(answer, format == formatWide)
	default:
		var lines []json.RawMessage
		if lines, err = answer.lines(); err != nil {
			return err
		}
		if format == formatCSV {
			err = s.csvObjects(suggestedColumns, lines)
		} else {
			err = s.jsonLines(len(lines), func(i int) any { return lines[i] })
		}
	}
	if err != nil {
		return err
	}
	return s.Flush()
}

// suggestedTable writes the suggestions, then what is none.
func (s *sheet) suggestedTable(answer *suggested, wide bool) error {
	if err := s.suggestions(answer, wide); err != nil {
		return err
	}
	if err := s.bypassOnly(answer.Bypasses, wide); err != nil {
		return err
	}
	var lines []string
	for i := range answer.Hammering {
		lines = append(lines, hammered(&answer.Hammering[i]))
	}
	for i := range answer.Probers {
		lines = append(lines, probed(&answer.Probers[i], inQuotes))
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	for _, line := range append(lines, answer.summary(), mayBeRight) {
		if err := s.line(line); err != nil {
			return err
		}
	}
	return nil
}

func (s *sheet) suggestions(answer *suggested, wide bool) error {
	titles := []string{"suggestion", "manager", "action", "attributes", "users", "denied", "checks", "granted until", "last denied", "permissions"}
	if wide {
		titles = append(titles, "first denied", "elsewhere", "superusers", "bypassed")
	}
	t := s.newTable(!wide, false, append(titles, "note")...)
	t.whole = true
	t.right[4], t.right[5], t.right[6] = true, true, true
	add := func(suggestion *analysis.Suggestion, color string) error {
		until := "never"
		if suggestion.Class == analysis.ClassLost {
			until = minute(suggestion.GrantedUntil)
		}
		row := []tableCell{
			{string(suggestion.Class), color},
			{text: suggestion.Manager},
			{text: suggestion.Action},
			{text: strings.Join(suggestion.Attributes, ", ")},
			{number(suggestion.Users), color},
			{text: number(suggestion.Denied)},
			{text: number(suggestion.Checks)},
			{text: until},
			{text: minute(suggestion.Last)},
			{text: strings.Join(suggestion.Permissions, ", ")},
		}
		if wide {
			row = append(row, tableCell{text: minute(suggestion.First)}, tableCell{text: number(suggestion.Elsewhere)},
				tableCell{text: number(suggestion.BypassedUsers)}, tableCell{text: number(suggestion.Bypassed)})
		}
		return t.add(append(row, tableCell{text: evidence(suggestion)})...)
	}
	for i := range answer.Candidates {
		if err := add(&answer.Candidates[i], colorRed); err != nil {
			return err
		}
	}
	for i := range answer.Explained {
		if err := add(&answer.Explained[i], ""); err != nil {
			return err
		}
	}
	if len(answer.Candidates)+len(answer.Explained) == 0 {
		_, err := s.WriteString(answer.whyNone() + "\n\n")
		return err
	}
	if err := t.add(); err != nil {
		return err
	}
	return t.flush()
}

// bypassOnly writes what only superusers got.
func (s *sheet) bypassOnly(bypasses []analysis.BypassOnly, wide bool) error {
	if len(bypasses) == 0 {
		return nil
	}
	if err := s.line("only superusers got:"); err != nil {
		return err
	}
	t := s.newTable(!wide, false, "manager", "action", "attributes", "superusers", "bypassed", "denied", "last bypassed")
	t.right[3], t.right[4], t.right[5] = true, true, true
	for _, b := range bypasses {
		if err := t.add(
			tableCell{text: b.Manager}, tableCell{text: b.Action}, tableCell{text: strings.Join(b.Attributes, ", ")},
			tableCell{number(b.BypassedUsers), colorGold}, tableCell{text: number(b.Bypassed)}, tableCell{text: number(b.Denied)}, tableCell{text: minute(b.Last)},
		); err != nil {
			return err
		}
	}
	if err := t.add(); err != nil {
		return err
	}
	return t.flush()
}

// suggestedColumns are the members of all objects.
var suggestedColumns = []string{
	"class", "manager", "action", "attributes", "permissions", "denied", "checks", "share", "users", "elsewhere",
	"bypassed", "bypassed_users", "first", "last", "granted_until", "denied_with", "denied_to", "user", "keys", "asked",
}

// lines are the objects of all lists, each of which says what it is: its class.
func (s *suggested) lines() (lines []json.RawMessage, err error) {
	add := func(class string, value any) {
		text, failed := json.Marshal(value)
		if failed != nil {
			err = failed
			return
		}
		if class != "" {
			text = append([]byte(`{"class":"`+class+`",`), text[1:]...)
		}
		lines = append(lines, text)
	}
	for _, suggestion := range s.Candidates {
		add("", suggestion)
	}
	for _, suggestion := range s.Explained {
		add("", suggestion)
	}
	for _, bypass := range s.Bypasses {
		add("only_superusers", bypass)
	}
	for _, hammering := range s.Hammering {
		add("", hammering)
	}
	for _, prober := range s.Probers {
		add("prober", prober)
	}
	return lines, err
}

// csvObjects writes objects, whose members are columns. Lists are JSON.
func (s *sheet) csvObjects(columns []string, objects []json.RawMessage) error {
	rows := [][]string{columns}
	for _, object := range objects {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(object, &members); err != nil {
			return err
		}
		row := make([]string, len(columns))
		for i, column := range columns {
			value := members[column]
			var text string
			switch {
			case len(value) == 0 || string(value) == "null":
			case json.Unmarshal(value, &text) == nil:
				row[i] = cell(text)
			default:
				row[i] = jsonCell(value)
			}
		}
		rows = append(rows, row)
	}
	return s.csvRows(rows)
}
