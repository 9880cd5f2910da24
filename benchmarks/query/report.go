package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Goals.
const (
	mostOfDuckDB  = 1.0 // times DuckDB's time
	leastOfJQ     = 20  // times faster than jq
	mostOfMemory  = 1.5 // times the memory, for the larger log
	missed        = " (missed)"
	nothing       = "-"
	tablePadding  = 2
	bytesOfAMegab = 1e6
)

// printTimes prints a line for each question, and then what DuckDB was asked.
func printTimes(w io.Writer, questions []*question, size int64) error {
	t := tabwriter.NewWriter(w, 0, 0, tablePadding, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\tours/DuckDB\tjq/ours\tours, MB/s\t\n", "seconds", ours, duck, jq, grep)
	for _, q := range questions {
		mine := q.median(ours)
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t", q.name, seconds(mine), seconds(q.median(duck)), seconds(q.median(jq)), seconds(q.median(grep)))
		toDuckDB, toJQ := ratio(mine, q.median(duck)), ratio(q.median(jq), mine)
		fmt.Fprintf(t, "%s\t%s\t", mark(toDuckDB, toDuckDB > mostOfDuckDB), mark(toJQ, toJQ < leastOfJQ))
		rate := nothing
		if mine > 0 {
			rate = fmt.Sprintf("%.0f", float64(size)/bytesOfAMegab/mine.Seconds())
		}
		fmt.Fprintf(t, "%s\t\n", rate)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nGoals: ours/DuckDB at most %.1f, jq/ours at least %d. Ours, jq and grep are whole processes, DuckDB is timed in its own.\n", mostOfDuckDB, leastOfJQ)
	for _, q := range questions {
		fmt.Fprintf(w, "The fastest for DuckDB, %s: %s.\n", q.name, q.formulationOf(duck))
	}
	return nil
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

func mark(ratio float64, bad bool) string {
	switch {
	case ratio == 0:
		return nothing
	case bad:
		return fmt.Sprintf("%.2f%s", ratio, missed)
	default:
		return fmt.Sprintf("%.2f", ratio)
	}
}
