package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/permaudit/audit/analysis"
	"github.com/spf13/cobra"
)

// acknowledged is the flag --acknowledged: a file of denials that somebody owns.
type acknowledged struct {
	path    string                    // "": the flag is not set
	entries *analysis.Acknowledgments // nil acknowledges nothing
}

func (a *acknowledged) String() string { return a.path }

func (a *acknowledged) Set(path string) error {
	switch {
	case path == "":
		return errors.New(a.want())
	case a.path != "":
		return errors.New("want one file, but it is the second: put the lines of both into one")
	}
	a.path = path
	return nil
}

func (a *acknowledged) Type() string { return "file" }

func (a *acknowledged) want() string {
	return "want a file of JSON lines, such as acknowledged.jsonl"
}

// addAcknowledged adds the flag to a command, which finds v.acknowledged.entries read.
// A file that cannot be used is wrong usage.
func (v *invocation) addAcknowledged(command *cobra.Command) {
	command.Flags().Var(&v.acknowledged, "acknowledged",
		"leave out denials that somebody owns, as this file says: JSON lines; exit code 2 if\nit cannot be read, or a line is wrong")
	command.PreRunE = func(*cobra.Command, []string) error { return v.acknowledged.read() }
}

func (a *acknowledged) read() error {
	if a.path == "" {
		return nil
	}
	file, err := os.Open(a.path)
	if err != nil {
		return usagef("--acknowledged: %v: %s", err, a.want())
	}
	defer func() { _ = file.Close() }() // it was only read
	a.entries, err = analysis.ReadAcknowledgments(file, a.path)
	if err == nil {
		return nil
	}
	problems := []error{err}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		problems = joined.Unwrap()
	}
	var line *analysis.AcknowledgmentError
	if !errors.As(problems[0], &line) { // reading failed
		return usagef("--acknowledged: %v: %s", problems[0], a.want())
	}
	more := ""
	if n := len(problems) - 1; n > 0 {
		more = " (and " + count(int64(n), "more problem", "more problems") + ")"
	}
	return usagef("--acknowledged: %v%s", problems[0], more)
}

// mostAcknowledged is how many groups, and lines of the file, are noted.
const mostAcknowledged = 20

// noteAcknowledged says what the file did to an answer. Describe says what a group is and
// how much was denied.
func (v *invocation) noteAcknowledged(report analysis.AcknowledgmentReport, describe func(c analysis.Coverage) string) {
	for i, c := range report.Covered {
		if i == mostAcknowledged {
			v.note("note: acknowledged: %s", count(int64(len(report.Covered)-i), "more group", "more groups"))
			break
		}
		v.note("note: acknowledged: %s; owner: %s, until %s: %s", describe(c), c.Entry.Owner, c.Entry.Until(), c.Entry.Reason)
	}
	for i, c := range report.Expired {
		if i == mostAcknowledged {
			v.note("note: no longer acknowledged: %s", count(int64(len(report.Expired)-i), "more group", "more groups"))
			break
		}
		v.note("note: no longer acknowledged: %s; expired %s, owner: %s (%s:%d)",
			describe(c), c.Entry.Until(), c.Entry.Owner, v.acknowledged.path, c.Entry.Line)
	}
	if n := len(report.Unused); n > 0 {
		v.note("note: %s of %s no group here: %s", count(int64(n), "entry", "entries"), v.covers(n), linesOf(report.Unused))
	}
	v.noteInapplicable(report.Inapplicable, func(missing []string) string {
		return "for want of --by " + strings.Join(missing, ",")
	})
}

// noteInapplicable says which entries name other dimensions than those of the groups, and
// why, by what is missing.
func (v *invocation) noteInapplicable(list []analysis.Inapplicable, why func(missing []string) string) {
	n := len(list)
	if n == 0 {
		return
	}
	var entries []*analysis.Acknowledgment
	var missing []string
	for _, i := range list {
		entries = append(entries, i.Entry)
		for _, name := range i.Missing {
			if !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
	}
	v.note("note: %s of %s no group here, %s: %s", count(int64(n), "entry", "entries"), v.covers(n), why(missing), linesOf(entries))
}

// covers names the file, with the verb for so many entries of it.
func (v *invocation) covers(n int) string {
	if n == 1 {
		return v.acknowledged.path + " covers"
	}
	return v.acknowledged.path + " cover"
}

// linesOf says where entries are.
func linesOf(entries []*analysis.Acknowledgment) string {
	var lines []string
	for i, entry := range entries {
		if i == mostAcknowledged {
			lines = append(lines, "...")
			break
		}
		lines = append(lines, number(int64(entry.Line)))
	}
	if len(lines) == 1 {
		return "line " + lines[0]
	}
	return "lines " + strings.Join(lines, ", ")
}

// acknowledge takes from a report what the file acknowledges. Tell notes that.
func (v *invocation) acknowledge(report *analysis.Report, at time.Time) (tell func()) {
	before := slices.Clone(report.Groups) // the report's own are filtered further
	done := report.Acknowledge(v.acknowledged.entries, at)
	return func() {
		v.noteAcknowledged(done, func(c analysis.Coverage) string {
			g := before[c.Index]
			return describe(report.By, g.Key) + ": " + number(g.Events) + " denied, " + count(g.Users, "user", "users")
		})
	}
}
