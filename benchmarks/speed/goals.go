package main

import (
	"fmt"
	"math"
)

// goal is what a figure should be.
type goal struct {
	name     string
	measured float64 // none: it was not
	goal     string
	met      bool
	by       float64 // how much is missing
}

type goals []goal

func (g *goals) atMost(name string, measured, most float64) {
	*g = append(*g, goal{name, measured, fmt.Sprintf("at most %.3g", most), measured <= most, measured - most})
}

func (g *goals) atLeast(name string, measured, least float64) {
	*g = append(*g, goal{name, measured, fmt.Sprintf("at least %.3g", least), measured >= least, least - measured})
}

func (g goals) table() *table {
	t := newTable("Goals", "goal", "measured", "wanted", "result")
	for _, one := range g {
		result := "met"
		switch {
		case math.IsNaN(one.measured):
			result = "not measured"
		case !one.met:
			result = fmt.Sprintf("MISSED by %.2f", one.by)
		}
		t.row(one.name, shown(one.measured, 2), one.goal, result)
	}
	return t
}
