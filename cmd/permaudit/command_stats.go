package main

import (
	"context"

	"github.com/permaudit/audit/analysis"
	"github.com/spf13/cobra"
)

func (v *invocation) newStats() *cobra.Command {
	command := &cobra.Command{
		Use:   "stats",
		Short: "Print totals, time range, gaps and damage",
		Long: `stats counts the events that the flags select. gaps is how many times a logger dropped
events and said so in the log, dropped how many events that were, damaged how many lines
could not be read; they are no events.`,
		Example: `  permaudit stats
  permaudit stats --from 'logs/*.log' --from sqlite:audit.db --since 30d -o json`,
		Args: arguments(0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			filter, err := v.filter.query(command)
			if err != nil {
				return err
			}
			return v.reading(command.Context(), func(ctx context.Context, source *openSource) error {
				v.noteWindow(filter)
				totals, err := analysis.Stats(ctx, source, filter)
				if err != nil {
					return err
				}
				if err := v.writeTotals(totals); err != nil {
					return err
				}
				v.noteAnswer(totals.Notes)
				return nil
			})
		},
	}
	v.addCommon(command)
	return command
}
