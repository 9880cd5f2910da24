package truth

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/permaudit/audit/analysis"
)

// level is that of the intervals in the tables.
const level = 0.95

// The tables stand between them, here and in the documentation.
const (
	tablesBegin = "<!-- truth: begin -->\n"
	tablesEnd   = "<!-- truth: end -->\n"
)

// tables are the results, as markdown.
func (r *run) tables(fingerprint string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%sSeed %d; %d nights of each kind without a change, %d with changes; %d keys.\n\n", tablesBegin, r.seed, r.nulls, r.effects, Keys)
	b.WriteString("| nothing has changed | false alerts | a night | 95 % | most in a night | verdicts |\n|---|--:|--:|--:|--:|---|\n")
	for i, g := range Nulls() {
		if !g.IsBeyond {
			r.quiet[i].row(&b, g.Name)
		}
	}
	b.WriteString("\n| beyond the promise | false alerts | a night | 95 % | most in a night | verdicts |\n|---|--:|--:|--:|--:|---|\n")
	for i, g := range Nulls() {
		if g.IsBeyond {
			r.quiet[i].row(&b, g.Name)
		}
	}
	r.changed.row(&b, fmt.Sprintf("the other keys, on %d nights on which up to %d have changed", r.changed.nights, plantedEach))

	b.WriteString("\n| promised | changes | found | share | 95 % |\n|---|--:|--:|--:|--:|\n")
	for i, g := range Effects() {
		if g.Promised > 0 {
			kept := g.kept(r.found[i])
			share, low, high := kept.share(level)
			fmt.Fprintf(&b, "| %s; %d %s and more | %d | %d | %s | %s to %s |\n",
				g.Name, g.Promised, g.Size, kept.planted, kept.alerts, percent(share), percent(low), percent(high))
		}
	}
	b.WriteString("\n| what has changed | size | changes | as it should be called | as an alert | found | 95 % |\n|---|---|--:|--:|--:|--:|--:|\n")
	for i, g := range Effects() {
		g.rows(&b, r.found[i])
	}
	fmt.Fprintf(&b, "\n<!-- %s -->\n%s", fingerprint, tablesEnd)
	return b.String()
}

func (q *quiet) row(b *strings.Builder, name string) {
	rate, low, high := q.rate(level)
	var by []string
	for _, verdict := range slices.SortedFunc(maps.Keys(q.by), func(a, b analysis.Verdict) int {
		return cmp.Or(cmp.Compare(q.by[b], q.by[a]), cmp.Compare(a, b))
	}) {
		by = append(by, fmt.Sprintf("%d %s", q.by[verdict], verdict))
	}
	fmt.Fprintf(b, "| %s | %d | %.3f | %.3f to %.3f | %d | %s |\n", name, q.alerts, rate, low, high, q.most, strings.Join(by, ", "))
}

func (e *Effect) rows(b *strings.Builder, classes []found) {
	name := fmt.Sprintf("%s: `%s`", e.Name, e.Verdict)
	for i := range classes {
		size := fmt.Sprintf("%d and more", e.Bounds[i])
		if i+1 < len(e.Bounds) {
			size = fmt.Sprint(e.Bounds[i])
			if last := e.Bounds[i+1] - 1; last > e.Bounds[i] {
				size = fmt.Sprintf("%d to %d", e.Bounds[i], last)
			}
		}
		c := &classes[i]
		share, low, high := c.share(level)
		fmt.Fprintf(b, "| %s | %s %s | %d | %d | %d | %s | %s to %s |\n",
			name, size, e.Size, c.planted, c.same, c.alerts, percent(share), percent(low), percent(high))
		name = ""
	}
}

// percent never rounds up to what is not reached.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", float64(int(share*1000))/10) }
