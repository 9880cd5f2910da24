package main

import (
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// table is a table for reading. It keeps some rows back until it knows how wide they
// are; the columns never become narrower afterwards.
type table struct {
	sheet  *sheet
	titles []string
	right  []bool // numbers stand to the right
	cut    bool   // long cells are cut
	whole  bool   // but for those of the last column
	live   bool   // rows are written at once

	widths  []int
	rows    [][]tableCell
	started bool // the titles are written
}

// tableCell is a cell; it needs no escapes.
type tableCell struct {
	text  string
	color string // an escape sequence; "": none
}

const (
	rowsKept  = 256 // until they are written
	mostWidth = 44  // of a cell that may be cut
	colorRed  = "\x1b[31m"
	colorGold = "\x1b[33m"
	colorOff  = "\x1b[0m"
	colorHead = "\x1b[1m"
)

func (s *sheet) newTable(cut, live bool, titles ...string) *table {
	t := &table{sheet: s, titles: titles, right: make([]bool, len(titles)), cut: cut, live: live, widths: make([]int, len(titles))}
	for i, title := range titles {
		t.titles[i] = escape(title)
		t.widths[i] = runewidth.StringWidth(t.titles[i])
	}
	return t
}

// add adds a row, with a cell for each title, or an empty line.
func (t *table) add(row ...tableCell) error {
	for i := range row {
		row[i].text = escape(row[i].text)
		if row[i].text == "" {
			row[i].text = "-"
		}
		if t.cut && !(t.whole && i == len(t.titles)-1) {
			row[i].text = runewidth.Truncate(row[i].text, mostWidth, "…")
		}
		t.widths[i] = max(t.widths[i], runewidth.StringWidth(row[i].text))
	}
	t.rows = append(t.rows, row)
	if t.live {
		return t.flush()
	}
	if len(t.rows) >= rowsKept {
		return t.write()
	}
	return nil
}

// flush writes the rows that are kept back; there may be none at all, then nothing is
// written.
func (t *table) flush() error {
	if err := t.write(); err != nil {
		return err
	}
	return t.sheet.Flush()
}

func (t *table) write() error {
	if len(t.rows) == 0 {
		return nil
	}
	colors := t.sheet.invocation.colors()
	var line []byte
	if !t.started {
		t.started = true
		head := make([]tableCell, len(t.titles))
		for i, title := range t.titles {
			head[i] = tableCell{strings.ToUpper(title), colorHead}
		}
		line = t.appendRow(line, head, colors)
	}
	for _, row := range t.rows {
		line = t.appendRow(line, row, colors)
		if _, err := t.sheet.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	t.rows = t.rows[:0]
	return nil
}

func (t *table) appendRow(dst []byte, row []tableCell, colors bool) []byte {
	for i, c := range row {
		padding := strings.Repeat(" ", max(0, t.widths[i]-runewidth.StringWidth(c.text)))
		if i > 0 {
			dst = append(dst, "  "...)
		}
		if t.right[i] {
			dst = append(dst, padding...)
		}
		if colors && c.color != "" {
			dst = append(append(append(dst, c.color...), c.text...), colorOff...)
		} else {
			dst = append(dst, c.text...)
		}
		if !t.right[i] && i < len(row)-1 {
			dst = append(dst, padding...)
		}
	}
	return append(dst, '\n')
}

// moment is a time as logs have it, "" for the zero time.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
