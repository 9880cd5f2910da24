package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/permaudit/audit/analysis"
)

// comparison is the answer of compare with what is printed of it.
type comparison struct {
	*analysis.Comparison

	flags  *compareFlags
	format string
	rows   []analysis.KeyVerdict // of tables, the alerts first
	alerts int                   // how many of the rows are some
	left   int                   // how many more keys --limit 0 prints, if a limit cut any
	counts [classes]int
}

// class is what a key is to somebody who reads a table, in its order.
type class int

const (
	classAlert class = iota
	classExplained
	classLoop
	classAcknowledged
	classImprovement
	classUnchanged
	classTooFew
	classes
)

func classOf(k *analysis.KeyVerdict) class {
	switch {
	case k.IsAlert():
		return classAlert
	case k.DeniedWith != nil:
		return classExplained
	case k.Verdict.IsAlert():
		return classAcknowledged
	case k.Verdict == analysis.VerdictRetryLoop:
		return classLoop
	case k.Verdict == analysis.VerdictImprovement:
		return classImprovement
	case k.Verdict == analysis.VerdictTooFew:
		return classTooFew
	}
	return classUnchanged
}

const (
	mostRest    = 10 // rows of a table that are no alerts
	mostComment = 50 // alerts of a comment, which cannot be as long as one likes
)

func newComparison(answer *analysis.Comparison, flags *compareFlags, format string) *comparison {
	r := &comparison{Comparison: answer, flags: flags, format: format}
	for i := range answer.Keys {
		r.counts[classOf(&answer.Keys[i])]++
	}
	limit := int(*flags.limit.into)
	if !r.isForReading() {
		r.rows = answer.Keys // in their own order
		if limit > 0 && limit < len(r.rows) {
			r.rows, r.left = r.rows[:limit], len(r.rows)-limit
		}
		return r
	}
	rows := slices.Clone(answer.Keys)
	if everything := format == formatWide || flags.limit.set && limit == 0; !everything {
		rows = slices.DeleteFunc(rows, func(k analysis.KeyVerdict) bool { return classOf(&k) >= classUnchanged })
	}
	slices.SortStableFunc(rows, func(a, b analysis.KeyVerdict) int { return int(classOf(&a)) - int(classOf(&b)) })
	alerts := r.counts[classAlert]
	most := len(rows)
	switch {
	case flags.limit.set && limit > 0:
		most = min(most, limit)
	case flags.limit.set || format == formatWide:
	case format == formatMarkdown && alerts > mostComment:
		most = mostComment
	default:
		most = min(most, alerts+mostRest)
	}
	if most < len(rows) {
		r.left = len(answer.Keys) - most
	}
	r.rows, r.alerts = rows[:most], min(most, alerts)
	return r
}

// cutAlerts is how many alerts are not in a table.
func (r *comparison) cutAlerts() int { return r.counts[classAlert] - r.alerts }

// isForReading reports whether the format is one for people.
func (r *comparison) isForReading() bool {
	return r.format != formatJSON && r.format != formatCSV
}

// style writes a text of the log.
type style func(text string) string

func plain(text string) string { return text }

func inQuotes(text string) string { return strconv.Quote(text) }

// headline says what was compared.
func (r *comparison) headline(s style) []string {
	lines := []string{
		"baseline   " + s(r.flags.baseline.String()) + ": " + r.sideOf(r.Baseline),
		"candidate  " + s(r.flags.candidate.String()) + ": " + r.sideOf(r.Candidate),
	}
	if how := matchedBy(r.Match); how != "" {
		lines = append(lines, "matched    "+how)
	}
	return lines
}

func matchedBy(match analysis.Match) string {
	switch match {
	case analysis.MatchOverlap:
		return "by overlap: the time in which both ran"
	case analysis.MatchWeekday:
		return "by weekday: the same hours of the same weekday"
	case analysis.MatchHour:
		return "by hour: the same hours of the day"
	case analysis.MatchNone:
		return "not at all: other hours and other days may be the difference"
	}
	return ""
}

func (r *comparison) sideOf(s analysis.Side) string {
	switch {
	case len(s.Windows) == 0:
		return "no checks"
	case s.Users == 0 && !r.isCounted():
		return windowsOf(s)
	}
	return count(s.Users, "user", "users") + ", " + windowsOf(s)
}

// isCounted reports whether users were counted: they are not where a side has no checks.
func (r *comparison) isCounted() bool {
	return len(r.Baseline.Windows) > 0 && len(r.Candidate.Windows) > 0
}

// isJudged reports whether the answer says anything: there is an alert, or one could have
// been.
func (r *comparison) isJudged() bool {
	return r.counts[classAlert] > 0 || r.Judged() > 0 && !r.isAllDenied()
}

// isAllDenied reports whether both sides have no check but denied ones.
func (r *comparison) isAllDenied() bool {
	var checks, denied int64
	for _, k := range r.Keys {
		checks += k.Baseline.Checks + k.Candidate.Checks
		denied += k.Baseline.Denied + k.Candidate.Denied
	}
	return checks > 0 && checks == denied
}

// allDenied says so, and what helps.
const allDenied = "all checks of both sides were denied, so that nobody could lose anything: want a log that holds grants too"

func windowsOf(s analysis.Side) string {
	first, last := s.Windows[0], s.Windows[len(s.Windows)-1]
	text := minute(first.Since) + " to " + minute(last.Until)
	if n := len(s.Windows); n > 1 {
		text += fmt.Sprintf(" in %d windows of %s, each user once in each", n, first.Until.Sub(first.Since).Round(time.Second))
	}
	return text
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// whatHappened says how many users it happened to, before and after.
func whatHappened(k *analysis.KeyVerdict) string {
	b, c := k.Baseline, k.Candidate
	switch {
	case k.Verdict == analysis.VerdictBypassUp:
		return "bypassed " + of(b.BypassedUsers, b.AllUsers) + " -> " + of(c.BypassedUsers, c.AllUsers)
	case k.Verdict == analysis.VerdictVanished:
		return "checked " + number(b.AllUsers) + " -> " + number(c.AllUsers)
	case b.AllUsers == 0:
		return "new: " + of(c.DeniedUsers, c.Users)
	}
	return of(b.DeniedUsers, b.Users) + " -> " + of(c.DeniedUsers, c.Users)
}

// found is a key as a finding: its verdict, and what happened.
func found(k *analysis.KeyVerdict) string {
	what := whatHappened(k)
	switch k.Verdict {
	case analysis.VerdictBypassUp, analysis.VerdictVanished:
	default:
		what = "denied users " + what
	}
	return string(k.Verdict) + ", " + what
}

func of(hits, all int64) string { return number(hits) + "/" + number(all) }

func ratioOf(k *analysis.KeyVerdict) string {
	switch {
	case k.Ratio == 0:
		return ""
	case k.Ratio >= 100:
		return strconv.FormatFloat(k.Ratio, 'f', 0, 64) + "x"
	}
	return strconv.FormatFloat(k.Ratio, 'g', 2, 64) + "x"
}

func qOf(k *analysis.KeyVerdict) string {
	switch {
	case k.Verdict == analysis.VerdictRetryLoop: // which no test finds
		return ""
	case k.Q < 0.0001:
		return "<0.0001"
	}
	return strconv.FormatFloat(k.Q, 'g', 2, 64)
}

// noteOf says what else there is to know of a key.
func (r *comparison) noteOf(k *analysis.KeyVerdict, s style) string {
	var notes []string
	if k.DeniedWith != nil {
		var other []string
		for i, name := range r.By {
			if k.DeniedWith[i] != k.Key[i] {
				value := k.DeniedWith[i]
				if value == "" {
					value = "null"
				}
				other = append(other, s(name+"="+value))
			}
		}
		notes = append(notes, "denied together with "+strings.Join(other, ", "))
	}
	if len(k.Users) > 0 {
		var users []string
		for _, user := range k.Users {
			users = append(users, nameOf(user, s))
		}
		who := strings.Join(users, ", ")
		if slices.Contains(k.Users, "") {
			who += ":"
		}
		notes = append(notes, who+" denied "+count(k.Candidate.Denied, "time", "times"))
	}
	if k.Acknowledged != nil {
		notes = append(notes, "acknowledged by "+s(k.Acknowledged.Owner)+" until "+k.Acknowledged.Until()+": "+s(k.Acknowledged.Reason))
	}
	return strings.Join(notes, "; ")
}

func nameOf(user string, s style) string {
	if user == "" {
		return "somebody without a user"
	}
	return "user " + s(user)
}

// probers are told by name, a line each.
func (r *comparison) probers(s style) (lines []string) {
	for i, p := range r.Probers {
		if i == mostRest {
			return append(lines, "and "+count(int64(len(r.Probers)-i), "more prober", "more probers"))
		}
		lines = append(lines, probed(&p, s))
	}
	return lines
}

func probed(p *analysis.Prober, s style) string {
	return fmt.Sprintf("prober: %s was denied in %d of %s, %s", nameOf(p.User, s), p.Keys, count(int64(p.Asked), "key", "keys"), count(p.Denied, "time", "times"))
}

// alertOf is the alert with that index, acknowledged or not.
func (r *comparison) alertOf(index int) (k analysis.KeyVerdict) {
	for _, k = range r.Keys {
		if k.Verdict.IsAlert() {
			if index == 0 {
				break
			}
			index--
		}
	}
	return k
}

// summary says what became of all keys.
func (r *comparison) summary() string {
	n := func(c class) int64 { return int64(r.counts[c]) }
	explained := "explained by another one"
	switch r.counts[classAlert] {
	case 0:
	case 1:
		explained = "explained by it"
	default:
		explained = "explained by them"
	}
	parts := []string{count(n(classAlert), "alert", "alerts")}
	for _, part := range []struct {
		class        class
		one, several string
	}{
		{classExplained, explained, explained},
		{classAcknowledged, "acknowledged", "acknowledged"},
		{classLoop, "retry loop", "retry loops"},
		{classImprovement, "improvement", "improvements"},
		{classUnchanged, "unchanged", "unchanged"},
		{classTooFew, "with too few users to judge", "with too few users to judge"},
	} {
		if n(part.class) > 0 {
			parts = append(parts, count(n(part.class), part.one, part.several))
		}
	}
	return count(int64(len(r.Keys)), "key", "keys") + ": " + strings.Join(parts, ", ")
}
