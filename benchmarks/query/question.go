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

// contestant answers one question. It may be asked in several ways, of which the
// fastest counts.
type contestant struct {
	name         string
	formulations []*formulation
}

// formulation is one way to put a question. Its answer has a form that is the same for
// all contestants.
type formulation struct {
	name  string
	ask   func() (answer string, took time.Duration, err error)
	times []time.Duration
}

// round asks everybody once, in every way, and compares the answers.
func (q *question) round() error {
	var first, firstName string
	for _, c := range q.contestants {
		for _, f := range c.formulations {
			answer, took, err := f.ask()
			if err != nil {
				return fmt.Errorf("%s, %s: %w", q.name, f.name, err)
			}
			f.times = append(f.times, took)
			if firstName == "" {
				first, firstName = answer, f.name
			} else if answer != first {
				return fmt.Errorf("%s: answers differ: %s", q.name, difference(firstName, first, f.name, answer))
			}
		}
	}
	return nil
}

// forget forgets the times of a round that only warmed the file cache.
func (q *question) forget() {
	for _, c := range q.contestants {
		for _, f := range c.formulations {
			f.times = nil
		}
	}
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

// median is that of the contestant's fastest formulation, 0 if it was not asked.
func (q *question) median(name string) time.Duration {
	var best time.Duration
	for _, f := range q.formulations(name) {
		if m := f.median(); best == 0 || m < best {
			best = m
		}
	}
	return best
}

func (q *question) formulations(name string) []*formulation {
	for _, c := range q.contestants {
		if c.name == name {
			return c.formulations
		}
	}
	return nil
}

func (f *formulation) median() time.Duration {
	if len(f.times) == 0 {
		return 0
	}
	times := slices.Sorted(slices.Values(f.times))
	return times[len(times)/2]
}
