package main

import (
	"context"

	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

func (v *invocation) newQuery() *cobra.Command {
	limit, newest := int64(50), true
	command := &cobra.Command{
		Use:   "query",
		Short: "Print events, newest first",
		Long: `query prints the events that the flags select, those that arrived last first.

--newest=false prints them in the order of arrival. Gaps, where a logger dropped events,
are printed only if --action names gap.`,
		Example: `  permaudit query --user 42 --since 24h
  permaudit query --denied --manager Project,Invoice --attribute '!status' -o json
  permaudit query --metadata deployment=v2 --limit 0 --from 'logs/*.log.gz' -o csv`,
		Args: arguments(0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			filter, err := v.filter.query(command)
			if err != nil {
				return err
			}
			filter.Newest, filter.Limit = newest, int(limit)
			return v.printEvents(command, filter)
		},
	}
	command.Flags().VarP(&natural{into: &limit}, "limit", "n", "at most so many events; 0: all")
	command.Flags().BoolVar(&newest, "newest", true, "newest first; =false: in order of arrival")
	v.addCommon(command)
	return command
}

// addCommon adds the flags that all commands have which print an answer.
func (v *invocation) addCommon(command *cobra.Command, otherFormats ...string) {
	v.addFrom(command)
	v.addFilter(command)
	v.addOutput(command, otherFormats...)
	command.Flags().SortFlags = false
}

// printEvents prints what a filter selects.
func (v *invocation) printEvents(command *cobra.Command, filter query.Filter) error {
	return v.reading(command.Context(), func(ctx context.Context, source *openSource) error {
		v.noteGivenWindow(filter)
		writer := v.newEventWriter(false)
		none := true
		for event, err := range source.Events(ctx, filter) {
			switch {
			case isDamage(err):
			case err != nil:
				_ = writer.flush() // what was read is worth printing; the first error counts
				return err
			default:
				none = false
				if err := writer.write(&event); err != nil {
					return err
				}
			}
		}
		if none {
			v.note(noMatch)
		}
		return writer.flush()
	})
}

// noMatch says why nothing is printed.
const noMatch = "note: no event matches"
