package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Contestants, in the order of the table.
const (
	ours = "permaudit"
	duck = "DuckDB"
	jq   = "jq"
	grep = "grep"
)

// question is what all contestants are asked.
type question struct {
	name        string
	contestants []*contestant
}

// contestant answers one question, in a form that is the same for all.
type contestant struct {
	name    string
	queries []formulation // what it can be asked; the fastest is chosen
	chosen  formulation
	times   []time.Duration
}

// formulation is one way to put a question.
type formulation struct {
	name string
	ask  func() (answer string, took time.Duration, err error)
}

// chooseQueries asks everything in every formulation, which warms the file cache too.
func chooseQueries(questions []*question) error {
	const tries = 2
	for _, q := range questions {
		for _, c := range q.contestants {
			c.chosen = c.queries[0]
			if len(c.queries) == 1 {
				continue
			}
			best := time.Duration(0)
			for _, f := range c.queries {
				for range tries {
					_, took, err := f.ask()
					if err != nil {
						return fmt.Errorf("%s, %s (%s): %w", q.name, c.name, f.name, err)
					}
					if best == 0 || took < best {
						best, c.chosen = took, f
					}
				}
			}
		}
	}
	return nil
}

// round asks everybody once and compares the answers.
func (q *question) round() error {
	var first string
	for i, c := range q.contestants {
		answer, took, err := c.chosen.ask()
		if err != nil {
			return fmt.Errorf("%s, %s: %w", q.name, c.name, err)
		}
		c.times = append(c.times, took)
		if i == 0 {
			first = answer
		} else if answer != first {
			return fmt.Errorf("%s: answers differ: %s", q.name, difference(q.contestants[0].name, first, c.name, answer))
		}
	}
	return nil
}

// difference shows the first lines that differ.
func difference(aName, a, bName, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(as), len(bs)) {
		at := func(lines []string) string {
			if i < len(lines) {
				return lines[i]
			}
			return "(nothing)"
		}
		if at(as) != at(bs) {
			return fmt.Sprintf("line %d\n  %s: %s\n  %s: %s", i+1, aName, at(as), bName, at(bs))
		}
	}
	return "not at all"
}

// median is 0 if the contestant was not asked.
func (q *question) median(name string) time.Duration {
	for _, c := range q.contestants {
		if c.name == name && len(c.times) > 0 {
			times := slices.Sorted(slices.Values(c.times))
			return times[len(times)/2]
		}
	}
	return 0
}

// formulationOf is which one was chosen of several, else "".
func (q *question) formulationOf(name string) string {
	for _, c := range q.contestants {
		if c.name == name && len(c.queries) > 1 {
			return c.chosen.name
		}
	}
	return ""
}
