package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

// keyDimensions are the dimensions of which both sides of a comparison may have the same
// values.
var keyDimensions = []string{"manager", "attribute", "action", "user", "permission", "metadata.KEY"}

// outcomes are the filter flags that leave a part of the checks away.
var outcomes = []string{"granted", "denied", "bypassed"}

// compareFlags are the flags of compare.
type compareFlags struct {
	baseline, candidate side
	by                  dimensions
	match               string
	alpha, minRatio     decimal
	minUsers, limit     natural
	filters             string // that hold for both sides, as they were given
}

func (v *invocation) newCompare() *cobra.Command {
	command := &cobra.Command{
		Use:   "compare --baseline SIDE --candidate SIDE",
		Short: "Judge a deployment: what does it deny that the one before granted?",
		Long: `compare judges what changed from the baseline to the candidate, two sets of checks, for each
key of manager, action and attribute. It counts users, not events, since who is denied tries
again; and it matches the times of both sides first.

A SIDE is key=value, key one of action, manager, attribute, user, permission or metadata.KEY,
its values as those of the filter flags, but none empty; or a time range FROM..TO, each as
--since has it, and either of them may be left away. Several, divided by blanks or given by
repeating the flag, must all hold; a blank in a value wants a backslash before it. The filters
below hold for both sides.

Alerts are the verdicts lost_rule, regression, new_denial, vanished and bypass_up. What another
alert explains, or the file --acknowledged covers, is no alert; nor are a retry_loop and an
improvement. docs/regression.md says what each means, and what to do.

Exit codes: 0; 1 if there is an alert; 3 if there is none, and not enough data to judge any
key, or nothing was granted on either side, as in a log that holds denials only; 2 and 4 as
everywhere.`,
		Example: `  permaudit compare --baseline metadata.deployment=v1 --candidate metadata.deployment=v2
  permaudit compare --baseline 8d..7d --candidate 24h.. --manager Invoice
  permaudit compare --baseline metadata.deployment=v1 --baseline 14d.. --candidate metadata.deployment=v2 -o markdown
  permaudit compare --baseline 2026-11-01..2026-11-22 --candidate 2026-11-22..2026-11-23 --match weekday --limit 0`,
		Args: arguments(0, ""),
	}
	c := v.addCompareFlags(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		baseline, candidate, err := v.sides(command, c)
		if err != nil {
			return err
		}
		return v.readingTwice(command.Context(), func(ctx context.Context, source *openSource) error {
			return v.compare(ctx, &judged{openSource: source}, baseline, candidate, c)
		})
	}
	return command
}

func (v *invocation) addCompareFlags(command *cobra.Command) *compareFlags {
	c := &compareFlags{
		baseline: side{now: &v.now}, candidate: side{now: &v.now},
		by:       dimensions{names: []string{"manager", "action", "attribute"}, among: keyDimensions},
		match:    "auto",
		alpha:    decimal{value: 0.05, isIn: func(x float64) bool { return x > 0 && x < 1 }, wants: "a number between 0 and 1, such as 0.05"},
		minRatio: decimal{value: 2, isIn: func(x float64) bool { return x >= 1 && x <= 1e6 }, wants: "a number from 1 to 1000000"},
		minUsers: natural{into: new(int64), least: 1},
		limit:    natural{into: new(int64)},
	}
	*c.minUsers.into = 5
	flags := command.Flags()
	flags.Var(&c.baseline, "baseline", "the checks of the deployment before: key=value, or FROM..TO; repeats must hold too")
	flags.Var(&c.candidate, "candidate", "the checks of the new one")
	flags.Var(&c.by, "by", "judge keys of some of "+strings.Join(keyDimensions, ", ")+" (repeats add up)")
	flags.Var(oneOf(&c.match, analysis.Matches()...), "match", "how times are matched: overlap (while both ran), weekday or hour (the same ones), none;\nauto: the first that is possible")
	flags.Var(&c.alpha, "alpha", "the share of false alarms that is accepted among the verdicts of a kind")
	flags.Var(&c.minRatio, "min-ratio", "an alert, a lost_rule and vanished aside, has the odds of being denied, or of a bypass,\ntimes so much, at least; RATIO in tables is that of shares")
	flags.Var(&c.minUsers, "min-users", "a lost_rule wants 3 denied users, vanished 20 in the baseline; another alert has so many\nmore who are denied, or bypass, than if nothing had changed, at least")
	v.addAcknowledged(command)
	flags.VarP(&c.limit, "limit", "n", "print at most so many keys, alerts first in tables; 0: all\n(default in tables all alerts and 10 others, in markdown 50 alerts at most, else 0);\nunchanged and too_few are in tables with --limit 0 or -o wide only")
	flags.Lookup("limit").DefValue = ""
	complete(command, "by", keyDimensions...)
	complete(command, "match", analysis.Matches()...)
	v.addCommon(command, formatMarkdown)
	for _, name := range outcomes {
		flags.Lookup(name).Hidden = true
	}
	return c
}

// sides are the filters of both sides.
func (v *invocation) sides(command *cobra.Command, c *compareFlags) (baseline, candidate query.Filter, err error) {
	if len(c.baseline.texts) == 0 || len(c.candidate.texts) == 0 {
		return baseline, candidate, usagef("compare wants --baseline and --candidate: %s", c.baseline.want())
	}
	for _, name := range outcomes {
		if command.Flags().Changed(name) {
			return baseline, candidate, usagef("compare looks at all checks, granted, denied and bypassed: leave --%s away", name)
		}
	}
	for _, name := range c.by.names {
		key, isMetadata := query.MetadataDimension(name)
		if isMetadata && !reflect.DeepEqual(c.baseline.filter.Metadata[key], c.candidate.filter.Metadata[key]) {
			return baseline, candidate, usagef("--by %q: the sides select different values of it, so that keys of one would be missing in the other: leave it away", name)
		}
		if !isMetadata && !slices.Contains(keyDimensions, name) {
			return baseline, candidate, usagef("--by %q: both sides must have the same keys: want some of %s", name, strings.Join(keyDimensions, ", "))
		}
	}
	common, err := v.filter.query(command)
	if err != nil {
		return baseline, candidate, err
	}
	c.filters = given(command)
	if baseline, err = and(c.baseline.filter, common); err != nil {
		return baseline, candidate, usagef("--baseline %q with %s, and filters hold for both sides: %v", c.baseline.String(), c.filters, err)
	}
	if candidate, err = and(c.candidate.filter, common); err != nil {
		return baseline, candidate, usagef("--candidate %q with %s, and filters hold for both sides: %v", c.candidate.String(), c.filters, err)
	}
	return baseline, candidate, nil
}

// compare prints the comparison, and reports the alerts.
func (v *invocation) compare(ctx context.Context, source *judged, baseline, candidate query.Filter, c *compareFlags) error {
	answer, err := analysis.Compare(ctx, source, baseline, candidate, &analysis.CompareOptions{
		By: c.by.names, Match: analysis.Match(c.match), Alpha: c.alpha.value, MinRatio: c.minRatio.value, MinUsers: int(*c.minUsers.into),
		Acknowledged: v.acknowledged.entries, Now: v.now,
	})
	switch {
	case errors.Is(err, analysis.ErrSameChecks):
		return usagef("--baseline and --candidate: %s", withoutPrefix(err.Error()))
	case errors.Is(err, analysis.ErrNoMatch):
		return &noDataError{withoutPrefix(err.Error())}
	case err != nil:
		return err
	}
	r := newComparison(answer, c, v.format())
	// Nobody may read it: the findings below are some all the same.
	if err := v.writeComparison(r); err != nil && !isClosed(err) {
		return err
	}
	v.noteComparison(r)
	alerts := answer.Alerts()
	switch {
	case len(alerts) > 0:
		return v.find(len(alerts), "key", func(i int) string {
			k := alerts[i]
			return describe(answer.By, k.Key) + ": " + found(&k)
		})
	case !r.isJudged():
		return whyNothing(ctx, source, baseline, candidate, r)
	}
	return nil
}

// noteComparison says what one has to know to judge the answer.
func (v *invocation) noteComparison(r *comparison) {
	acknowledged := r.Acknowledged
	if r.isForReading() {
		acknowledged.Covered = nil // their rows say it
	} else {
		for _, line := range r.headline(plain) {
			v.note("%s", line)
		}
		for _, line := range r.probers(inQuotes) {
			v.note("note: %s", line)
		}
	}
	v.noteAcknowledged(acknowledged, func(c analysis.Coverage) string {
		k := r.alertOf(c.Index)
		return describe(r.By, k.Key) + ": " + found(&k)
	})
	if r.left > 0 {
		v.note("note: %s left out; --limit 0 prints all", count(int64(r.left), "more key is", "more keys are"))
	}
	if r.counts[classAlert] > 0 && r.isAllDenied() {
		v.note("note: %s", allDenied)
	}
	v.noteAnswer(r.Notes)
	v.noteAnonymous(r.Notes)
}

// whyNothing says why nothing could be judged, and what helps.
func whyNothing(ctx context.Context, source *judged, baseline, candidate query.Filter, r *comparison) error {
	for _, s := range []emptySide{
		{"baseline", &r.flags.baseline, baseline, r.Baseline}, {"candidate", &r.flags.candidate, candidate, r.Candidate},
	} {
		if len(s.Windows) == 0 || r.isCounted() && s.Users == 0 {
			return s.why(ctx, source, r.flags.filters)
		}
	}
	if r.isAllDenied() {
		return &noDataError{allDenied}
	}
	return &noDataError{fmt.Sprintf("no key has enough users, of %d: want longer times, or wider keys, such as --by manager", len(r.Keys))}
}

// emptySide is a side without checks, at least in the times that were compared.
type emptySide struct {
	name   string
	flag   *side
	filter query.Filter // with that of both sides
	analysis.Side
}

// why says why it has none: the times, the filters of both sides, or its own terms.
func (s *emptySide) why(ctx context.Context, source *judged, filters string) error {
	var first query.Source = source
	if !source.counted { // what the sides do not select may be damaged, which is noted now
		first = source.openSource
	}
	all, err := analysis.Stats(ctx, first, query.Filter{})
	if err != nil {
		return err
	}
	has := fmt.Sprintf("the %s, %s, has no checks", s.name, s.flag)
	if len(s.Windows) > 0 {
		other, err := analysis.Stats(ctx, source, s.filter)
		if err != nil {
			return err
		}
		if other.Events > 0 {
			return &noDataError{fmt.Sprintf("%s in %s; it has %s: want longer times, or another --match", has, windowsOf(s.Side), totalOf(other))}
		}
	}
	if filters != "" {
		own, err := analysis.Stats(ctx, source, s.flag.filter)
		if err != nil {
			return err
		}
		if own.Events > 0 {
			return &noDataError{fmt.Sprintf("%s with %s, and filters hold for both sides; without it has %s: want other filters", has, filters, totalOf(own))}
		}
	}
	log := "none at all"
	if all.Events > 0 {
		log = totalOf(all)
	}
	return &noDataError{fmt.Sprintf("%s; the log has %s: want other terms or times, or another source", has, log)}
}

func totalOf(t analysis.Totals) string {
	return fmt.Sprintf("%s, from %s to %s", number(t.Events), t.First.Format(time.RFC3339), t.Last.Format(time.RFC3339))
}
