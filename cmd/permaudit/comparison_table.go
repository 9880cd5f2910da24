package main

import (
	"fmt"
	"strconv"

	"github.com/permaudit/audit/analysis"
)

// writeComparison writes the answer of compare.
func (v *invocation) writeComparison(r *comparison) error {
	s := v.newSheet()
	var err error
	switch r.format {
	case formatJSON:
		err = s.jsonLines(len(r.rows), func(i int) any { return r.rows[i] })
	case formatCSV:
		err = s.csvComparison(r)
	case formatMarkdown:
		err = s.markdownComparison(r)
	default:
		err = s.comparisonTable(r)
	}
	if err != nil {
		return err
	}
	return s.Flush()
}

// comparisonTable writes what matters first: what was compared, the alerts, the rest.
func (s *sheet) comparisonTable(r *comparison) error {
	for _, line := range r.headline(plain) {
		if err := s.line(line); err != nil {
			return err
		}
	}
	if len(r.rows) > 0 {
		if err := s.line(""); err != nil {
			return err
		}
	}
	wide := r.format == formatWide
	titles := append([]string{"verdict"}, r.By...)
	titles = append(titles, "denied users")
	if wide {
		titles = append(titles, "users", "checks", "denied", "bypassed users", "bypassed", "exposure")
	}
	titles = append(titles, "ratio", "q", "note")
	t := s.newTable(!wide, false, titles...)
	t.whole = true
	t.right[len(titles)-3], t.right[len(titles)-2] = true, true
	for i := range r.rows {
		if r.alerts > 0 && i == r.alerts {
			if err := t.add(); err != nil {
				return err
			}
		}
		if err := t.add(r.cells(&r.rows[i], wide)...); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	last := []string{r.summary()}
	if cut := r.cutAlerts(); cut > 0 {
		is := "are"
		if cut == 1 {
			is = "is"
		}
		last = append(last, fmt.Sprintf("%d of %s %s left out: --limit 0 prints all", cut, count(int64(r.counts[classAlert]), "alert", "alerts"), is))
	}
	for _, lines := range [][]string{r.probers(inQuotes), last} {
		if len(lines) > 0 {
			lines = append([]string{""}, lines...)
		}
		for _, line := range lines {
			if err := s.line(line); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *comparison) cells(k *analysis.KeyVerdict, wide bool) []tableCell {
	color := ""
	switch classOf(k) {
	case classAlert:
		color = colorRed
	case classExplained, classLoop, classAcknowledged:
		color = colorGold
	}
	row := []tableCell{{string(k.Verdict), color}}
	for _, value := range k.Key {
		row = append(row, tableCell{text: value})
	}
	row = append(row, tableCell{whatHappened(k), color})
	if wide {
		b, c := k.Baseline, k.Candidate
		for _, pair := range [][2]int64{
			{b.Users, c.Users}, {b.Checks, c.Checks}, {b.Denied, c.Denied}, {b.BypassedUsers, c.BypassedUsers}, {b.Bypassed, c.Bypassed},
		} {
			row = append(row, tableCell{text: number(pair[0]) + " -> " + number(pair[1])})
		}
		row = append(row, tableCell{text: strconv.FormatFloat(k.Exposure, 'g', 3, 64)})
	}
	return append(row, tableCell{text: ratioOf(k)}, tableCell{text: qOf(k)}, tableCell{text: r.noteOf(k, plain)})
}

// line writes a line, without what a terminal would obey.
func (s *sheet) line(text string) error {
	_, err := s.WriteString(escape(text) + "\n")
	return err
}
