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
		v.note("note: events with a sample_rate were counted %s: each stands for 1/rate events in every count", count(n.Sampled, "time", "times"))
	}
}

// noteAnonymous says how users are counted that nobody knows. An event counts in every
// group to which it belongs.
func (v *invocation) noteAnonymous(n analysis.Notes) {
	if n.Anonymous > 0 {
		v.note("note: events without a user were counted %s: in each group they count as one user", count(n.Anonymous, "time", "times"))
	}
}

// mostFindings is how many findings are told one by one.
const mostFindings = 20

// find reports n findings, the worst first, each of which is about one thing; there may
// be none.
func (v *invocation) find(n int, thing string, finding func(i int) string) error {
	if n == 0 {
		return nil
	}
	for i := range min(n, mostFindings) {
		v.tell("permaudit: finding: " + finding(i))
	}
	if n > mostFindings {
		v.tell("permaudit: finding: and " + count(int64(n-mostFindings), "more "+thing, "more "+thing+"s"))
	}
	return errFinding
}
