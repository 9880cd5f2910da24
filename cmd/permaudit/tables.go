package main

import (
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
)

// eventTable writes events as a table.
type eventTable struct {
	*table

	wide bool
}

func newEventTable(s *sheet, wide, live bool) *eventTable {
	titles := []string{"time", "result", "action", "user", "manager", "attributes"}
	if wide {
		titles = append(titles, "permissions", "metadata", "sanitized", "id")
	}
	t := s.newTable(!wide, live, titles...)
	if live { // nobody knows what comes
		copy(t.widths, []int{23, 8, 8, 10, 16})
	}
	return &eventTable{t, wide}
}

func (t *eventTable) write(event *audit.PermissionAuditEvent) error {
	at := event.Timestamp.UTC().Format("2006-01-02 15:04:05.000")
	if t.wide {
		at = moment(event.Timestamp)
	}
	row := []tableCell{
		{text: at},
		result(event),
		{text: string(event.Action)},
		{text: userOf(event)},
		{text: event.Manager},
		{text: strings.Join(event.Attributes, ", ")},
	}
	if t.wide {
		id, metadata := "", ""
		if !event.ID.IsZero() {
			id = event.ID.String()
		}
		if event.Metadata != nil {
			metadata = compactJSON(event.Metadata)
		}
		row = append(row, tableCell{text: strings.Join(event.Permissions, ", ")}, tableCell{text: metadata},
			tableCell{text: strings.Join(event.Sanitized, ", ")}, tableCell{text: id})
	}
	return t.add(row...)
}

// result is what became of a check.
func result(event *audit.PermissionAuditEvent) tableCell {
	switch {
	case event.Bypassed && !event.Granted:
		return tableCell{"denied, bypassed", colorRed}
	case !event.Granted:
		return tableCell{"denied", colorRed}
	case event.Bypassed:
		return tableCell{"bypassed", colorGold}
	case event.Action == audit.ActionGap:
		return tableCell{"gap", colorGold}
	}
	return tableCell{text: "granted"}
}

func userOf(event *audit.PermissionAuditEvent) string {
	if event.UserID != "" {
		return event.UserID
	}
	user, _ := event.User.(audit.UserRepr) // as all that were read
	return string(user)
}

// groupTable writes the groups of an answer.
func (s *sheet) groupTable(by []string, measure string, groups []analysis.Group, wide bool) error {
	titles := append(append([]string{}, by...), measure, "checks", "share", "users", "first", "last")
	t := s.newTable(!wide, false, titles...)
	color := colorRed
	if measure == "bypassed" {
		color = colorGold
	}
	for i := len(by); i < len(by)+4; i++ {
		t.right[i] = true
	}
	at := func(moment time.Time) string { return moment.UTC().Format("2006-01-02 15:04:05") }
	if wide {
		at = moment
	}
	for _, g := range groups {
		var row []tableCell
		for _, value := range g.Key {
			row = append(row, tableCell{text: value})
		}
		row = append(row, tableCell{number(g.Events), color}, tableCell{text: number(g.Checks)}, tableCell{text: share(g.Events, g.Checks)},
			tableCell{text: number(g.Users)}, tableCell{text: at(g.First)}, tableCell{text: at(g.Last)})
		if err := t.add(row...); err != nil {
			return err
		}
	}
	return t.flush()
}

// share is a part of a whole, in whole percent; what is not all or nothing is neither
// 0 nor 100.
func share(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	percent := part * 100 / whole
	if percent == 0 && part > 0 {
		return "<1%"
	}
	return number(percent) + "%"
}

// totalsTable writes the answer of stats, a line each.
func (s *sheet) totalsTable(totals analysis.Totals) error {
	colors := s.invocation.colors()
	for _, line := range []struct {
		name, value, color string
	}{
		{"events", number(totals.Events), ""},
		{"granted", number(totals.Granted), ""},
		{"denied", number(totals.Denied), colorRed},
		{"bypassed", number(totals.Bypassed), colorGold},
		{"gaps", number(totals.Gaps), colorRed},
		{"dropped", number(totals.Dropped), colorRed},
		{"damaged", number(totals.Damaged), colorRed},
		{"first", moment(totals.First), ""},
		{"last", moment(totals.Last), ""},
	} {
		if line.value == "" {
			line.value = "-"
		}
		if colors && line.color != "" && line.value != "0" {
			line.value = line.color + line.value + colorOff
		}
		if _, err := s.WriteString(line.name + strings.Repeat(" ", 10-len(line.name)) + line.value + "\n"); err != nil {
			return err
		}
	}
	return nil
}
