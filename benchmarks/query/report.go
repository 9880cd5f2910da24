package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Goals.
const (
	mostOfDuckDB = 1.0 // times DuckDB's time
	leastOfJQ    = 20  // times faster than jq
	mostOfMemory = 1.5 // times the memory, for the larger log
)

const (
	nothing   = "-"
	bytesOfMB = 1e6
)

// table is text in columns, the last of which ends a line.
type table struct{ lines strings.Builder }

func (t *table) row(cells ...string) { t.lines.WriteString(strings.Join(cells, "\t") + "\t\n") }

func (t *table) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = w.Write([]byte(t.lines.String())) // a Builder takes everything
	_ = w.Flush()
	return text.String()
}

// printTimes prints a line for each question, and then the queries of DuckDB.
func printTimes(questions []*question, size int64) {
	var t table
	t.row("seconds", ours, duck, jq, grep, "ours/DuckDB", "jq/ours", "ours, MB/s")
	for _, q := range questions {
		mine := q.median(ours)
		toDuckDB, toJQ := ratio(mine, q.median(duck)), ratio(q.median(jq), mine)
		rate := nothing
		if mine > 0 {
			rate = fmt.Sprintf("%.0f", float64(size)/bytesOfMB/mine.Seconds())
		}
		t.row(q.name, seconds(mine), seconds(q.median(duck)), seconds(q.median(jq)), seconds(q.median(grep)),
			mark(toDuckDB, toDuckDB > mostOfDuckDB), mark(toJQ, toJQ < leastOfJQ), rate)
	}
	fmt.Print(t.String())
	fmt.Printf("\nGoals: ours/DuckDB at most %.1f, jq/ours at least %d. Ours, jq and grep are whole processes.\n", mostOfDuckDB, leastOfJQ)
	fmt.Print("DuckDB is timed in its own process; its fastest query counts:\n")
	for _, q := range questions {
		fmt.Printf("  %s\n", q.name)
		for _, f := range q.formulations(duck) {
			fmt.Printf("    %s  %s\n", seconds(f.median()), f.name)
		}
	}
}

func seconds(d time.Duration) string {
	if d == 0 {
		return nothing
	}
	return fmt.Sprintf("%.3f", d.Seconds())
}

// ratio is 0 if one of both is missing.
func ratio(a, b time.Duration) float64 {
	if a == 0 || b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// mark shows a ratio, and whether it misses its goal.
func mark(ratio float64, missed bool) string {
	switch {
	case ratio == 0:
		return nothing
	case missed:
		return fmt.Sprintf("%.2f (missed)", ratio)
	default:
		return fmt.Sprintf("%.2f", ratio)
	}
}
