package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// nothing stands where there is no figure, which is NaN.
const nothing = "-"

var none = math.NaN()

// table is one in Markdown.
type table struct{ text strings.Builder }

func newTable(title string, columns ...string) *table {
	t := &table{}
	fmt.Fprintf(&t.text, "\n## %s\n\n", title)
	t.row(columns...)
	t.row("---" + strings.Repeat(" | --:", len(columns)-1))
	return t
}

func (t *table) row(cells ...string) {
	t.text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// shown is a figure with so many digits after the point.
func shown(value float64, digits int) string {
	if math.IsNaN(value) {
		return nothing
	}
	return fmt.Sprintf("%.*f", digits, value)
}

// some is a figure of which 0 says that there is none.
func some(value float64) float64 {
	if value == 0 {
		return none
	}
	return value
}

func ratio(a, b float64) float64 { return some(a) / some(b) }

// micros is a duration in microseconds.
func micros(d time.Duration) string { return shown(float64(d.Nanoseconds())/1000, 1) }
