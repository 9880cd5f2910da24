package main

import (
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
)

// csvEvents writes events as CSV. Lists and metadata are JSON.
type csvEvents struct {
	*sheet

	live   bool
	csv    *csv.Writer
	header bool // it is written
}

func newCSVEvents(s *sheet, live bool) *csvEvents {
	return &csvEvents{sheet: s, live: live, csv: csv.NewWriter(s.Writer)}
}

var csvColumns = []string{
	"id", "timestamp", "action", "attributes", "granted", "bypassed", "manager", "user_id", "user", "permissions", "metadata", "sanitized",
}

func (w *csvEvents) write(event *audit.PermissionAuditEvent) error {
	entry := audit.RecordedEntry(*event)
	if err := w.writeHeader(); err != nil {
		return err
	}
	id := ""
	if !entry.ID.IsZero() {
		id = entry.ID.String()
	}
	err := w.csv.Write([]string{
		id, moment(entry.Timestamp), cell(string(entry.Action)), jsonCell(entry.Attributes), strconv.FormatBool(entry.Granted),
		strconv.FormatBool(entry.Bypassed), cell(entry.Manager), cell(entry.UserID), cell(entry.User), jsonCell(entry.Permissions),
		jsonCell(entry.Metadata), jsonCell(entry.Sanitized),
	})
	if err == nil && w.live {
		err = w.flush()
	}
	return err
}

func (w *csvEvents) writeHeader() error {
	if w.header {
		return nil
	}
	w.header = true
	return w.csv.Write(csvColumns)
}

func (w *csvEvents) flush() error {
	if err := w.writeHeader(); err != nil {
		return err
	}
	w.csv.Flush()
	if err := w.csv.Error(); err != nil {
		return err
	}
	return w.Flush()
}

// cell is a text from an event. What a spreadsheet would take for a formula begins
// with an apostrophe.
func cell(text string) string {
	escaped := escape(text)
	if strings.HasPrefix(text, "\t") || strings.HasPrefix(text, "\r") || strings.HasPrefix(text, "\n") ||
		strings.ContainsAny(firstRune(text), "=+-@＝＋－＠") {
		return "'" + escaped
	}
	return escaped
}

func firstRune(text string) string {
	for i := range text {
		if i > 0 {
			return text[:i]
		}
	}
	return text
}

// jsonCell is JSON, which begins like no formula.
func jsonCell(text []byte) string { return string(appendSafeJSON(nil, text)) }

func (s *sheet) csvRows(rows [][]string) error {
	return csv.NewWriter(s.Writer).WriteAll(rows)
}

func (s *sheet) csvGroups(by []string, measure string, groups []analysis.Group) error {
	header := make([]string, len(by))
	for i, name := range by {
		header[i] = cell(name)
	}
	rows := [][]string{append(header, measure, "checks", "users", "first", "last")}
	for _, g := range groups {
		var row []string
		for _, value := range g.Key {
			row = append(row, cell(value))
		}
		rows = append(rows, append(row, number(g.Events), number(g.Checks), number(g.Users), moment(g.First), moment(g.Last)))
	}
	return s.csvRows(rows)
}

// csvTotals has the columns of the JSON object.
func (s *sheet) csvTotals(totals analysis.Totals) error {
	return s.csvRows([][]string{
		{"events", "granted", "denied", "bypassed", "gaps", "dropped", "damaged", "first", "last"},
		{
			number(totals.Events), number(totals.Granted), number(totals.Denied), number(totals.Bypassed),
			number(totals.Gaps), number(totals.Dropped), number(totals.Damaged), moment(totals.First), moment(totals.Last),
		},
	})
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// compactJSON is a value as JSON, for a cell.
func compactJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
