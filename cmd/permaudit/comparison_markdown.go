package main

import (
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/permaudit/audit/analysis"
)

// mostCode is how wide a text of the log may be in Markdown.
const mostCode = 80

// code is a text of the log in Markdown: as code, within which nothing is a link, a
// mention or HTML.
func code(text string) string {
	text = runewidth.Truncate(escape(text), mostCode, "…")
	if text == "" {
		return "-"
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") || strings.HasPrefix(text, " ") && strings.HasSuffix(text, " ") {
		text = " " + text + " " // which Markdown takes away
	}
	return fence + text + fence
}

// codeCell is code in a table, where a backslash keeps a | from ending the cell.
func codeCell(text string) string { return strings.ReplaceAll(code(text), "|", `\|`) }

// markdownComparison writes a comment for a pull request.
func (s *sheet) markdownComparison(r *comparison) error {
	var b strings.Builder
	b.WriteString("### permaudit compare: " + r.outcome() + "\n\n")
	for _, line := range r.headline(code) {
		b.WriteString("- " + strings.Join(strings.Fields(line[:11]), " ") + " " + line[11:] + "\n")
	}
	if r.alerts > 0 {
		b.WriteString("\n")
		r.markdownTable(&b, r.rows[:r.alerts], false)
	}
	if rest, probers := r.rows[r.alerts:], r.probers(code); len(rest)+len(probers) > 0 {
		b.WriteString("\n<details><summary>What is no alert</summary>\n\n")
		if len(rest) > 0 {
			r.markdownTable(&b, rest, true)
			b.WriteString("\n")
		}
		for _, line := range probers {
			b.WriteString("- " + line + "\n")
		}
		if len(probers) > 0 {
			b.WriteString("\n")
		}
		b.WriteString("</details>\n")
	}
	b.WriteString("\n" + r.summary())
	if r.left > 0 {
		b.WriteString("; " + count(int64(r.left), "more row is", "more rows are") + " left out")
	}
	if cut := r.cutAlerts(); cut > 0 {
		b.WriteString(", " + number(int64(cut)) + " of them alerts")
	}
	_, err := s.WriteString(b.String() + "\n")
	return err
}

// outcome is the shortest answer.
func (r *comparison) outcome() string {
	switch {
	case r.counts[classAlert] > 0:
		return count(int64(r.counts[classAlert]), "alert", "alerts")
	case !r.isJudged():
		return "not enough data to judge"
	}
	return "no alert"
}

func (r *comparison) markdownTable(b *strings.Builder, keys []analysis.KeyVerdict, notes bool) {
	titles := []string{"verdict"}
	for _, name := range r.By {
		titles = append(titles, markdownTitle(name))
	}
	titles = append(titles, "denied users", "ratio", "q")
	if notes {
		titles = append(titles, "note")
	}
	row := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row(titles)
	row(strings.Split(strings.TrimSuffix(strings.Repeat("---,", len(titles)), ","), ","))
	for i := range keys {
		k := &keys[i]
		cells := []string{string(k.Verdict)}
		for _, value := range k.Key {
			cells = append(cells, codeCell(value))
		}
		cells = append(cells, strings.ReplaceAll(whatHappened(k), "->", "→"), ratioOf(k), strings.ReplaceAll(qOf(k), "<", "&lt;"))
		if notes {
			cells = append(cells, r.noteOf(k, codeCell))
		}
		row(cells)
	}
}

// markdownTitle is the name of a dimension, code if the user chose a part of it.
func markdownTitle(name string) string {
	if strings.HasPrefix(name, "metadata.") {
		return codeCell(name)
	}
	return name
}
