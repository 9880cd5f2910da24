package main

import (
	"context"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

func (v *invocation) newSuggest() *cobra.Command {
	var most int64
	limit := natural{into: &most}
	command := &cobra.Command{
		Use:   "suggest",
		Short: "Suggest rules that may be missing or lost, with their evidence",
		Long: `suggest looks for rules that somebody may have forgotten, or lost: what different users were
denied, and the rules never granted to anybody (missing), or granted until a moment and to
nobody since (lost). It counts users, not events, since who is denied tries again.

Apart from them it lists what only superusers got, who was denied one thing again and again
(hammering), and who was denied much of what it asked for (probers): they are no evidence.
What is granted to others is no suggestion: a user without the role.

A denial may be right. Nothing is changed.`,
		Example: `  permaudit suggest --since 30d
  permaudit suggest --manager Invoice --acknowledged acknowledged.jsonl -o json`,
		Args: arguments(0, ""),
	}
	command.RunE = func(command *cobra.Command, _ []string) error {
		for _, name := range outcomes {
			if command.Flags().Changed(name) {
				return usagef("suggest looks at all checks, granted, denied and bypassed: leave --%s away", name)
			}
		}
		filter, err := v.filter.query(command)
		if err != nil {
			return err
		}
		return v.readingTwice(command.Context(), func(ctx context.Context, source *openSource) error {
			return v.suggest(ctx, source, filter, &limit)
		})
	}
	v.addAcknowledged(command)
	flags := command.Flags()
	flags.VarP(&limit, "limit", "n", "print at most so many suggestions, and so many of each other list; 0: all\n(default 20 in tables, else 0)")
	flags.Lookup("limit").DefValue = ""
	v.addCommon(command)
	for _, name := range outcomes {
		flags.Lookup(name).Hidden = true
	}
	return command
}

// defaultSuggestions is how many suggestions a table has.
const defaultSuggestions = 20

// suggest prints the suggestions.
func (v *invocation) suggest(ctx context.Context, source *openSource, filter query.Filter, limit *natural) error {
	v.noteWindow(filter)
	log := &judged{openSource: source}
	answer, err := analysis.Suggest(ctx, log, filter, &analysis.SuggestOptions{
		Acknowledged: v.acknowledged.entries, Now: v.now,
	})
	if err != nil {
		return err
	}
	if !log.counted { // the filter selects nothing: perhaps that is damaged, which is noted now
		if _, err := analysis.Stats(ctx, source, filter); err != nil {
			return err
		}
	}
	format := v.format()
	if !limit.set && (format == formatTable || format == formatWide) {
		*limit.into = defaultSuggestions
	}
	s := newSuggested(answer, int(*limit.into))
	if err := v.writeSuggested(s, format); err != nil {
		return err
	}
	if s.isEmpty() {
		v.note("note: no events: there was nothing to look at")
	}
	if s.left > 0 {
		v.note("note: %s left out; --limit 0 prints all", count(int64(s.left), "more row is", "more rows are"))
	}
	if answer.NothingGranted {
		v.note("note: the rules granted nothing in what was read: in a log of denials alone everything looks missing")
	}
	acknowledged := answer.Acknowledged
	acknowledged.Inapplicable = nil // there is no --by that would help
	v.noteAcknowledged(acknowledged, func(c analysis.Coverage) string { return describe(suggestDimensions, c.Key) })
	v.noteInapplicable(answer.Acknowledged.Inapplicable, func([]string) string {
		return "since suggest looks at manager, action and attribute only"
	})
	v.noteAnswer(answer.Notes)
	v.noteAnonymous(answer.Notes)
	return nil
}

// suggestDimensions are what its keys are made of.
var suggestDimensions = []string{"manager", "action", "attribute"}
