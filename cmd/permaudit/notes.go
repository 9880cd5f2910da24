package main

import (
	"strconv"

	"github.com/permaudit/audit/analysis"
)

// count is a number with the word for it.
func count(n int64, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + several
}

// noteAnswer says what one has to know to judge an answer.
func (v *invocation) noteAnswer(n analysis.Notes) {
	if n.Gaps > 0 {
		v.note("note: the log is incomplete: %s, %s dropped", count(n.Gaps, "gap", "gaps"), count(n.Dropped, "event was", "events were"))
	}
	if n.Sampled > 0 {
		v.note("note: %s a sample_rate and stand for 1/rate events each in every count", count(n.Sampled, "event has", "events have"))
	}
}

// noteAnonymous says how users are counted that nobody knows.
func (v *invocation) noteAnonymous(n analysis.Notes) {
	if n.Anonymous > 0 {
		v.note("note: %s no user: in each group they count as one user", count(n.Anonymous, "event has", "events have"))
	}
}
