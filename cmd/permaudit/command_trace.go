package main

import (
	"context"
	"strings"

	"github.com/permaudit/audit/analysis"
	"github.com/spf13/cobra"
)

func (v *invocation) newTrace() *cobra.Command {
	command := &cobra.Command{
		Use:   "trace KEY=VALUE",
		Short: "Print the events of one request, in order",
		Long: `trace prints the events that have a value of a metadata key, in the order of their
timestamps: what was decided for one request, one object or one job.`,
		Example: `  permaudit trace request_id=r-1
  permaudit trace trace_id=4bf92f3577b34da6a3ce929d0e0e4736 --from postgres://audit@db/app -o wide`,
		Args: arguments(1, "one KEY=VALUE, such as request_id=r-1"),
		RunE: func(command *cobra.Command, args []string) error {
			key, value, found := strings.Cut(args[0], "=")
			if !found || key == "" {
				return usagef("trace %q: want KEY=VALUE, a metadata key and its value, such as request_id=r-1", args[0])
			}
			filter, err := v.filter.query(command)
			if err != nil {
				return err
			}
			return v.reading(command.Context(), func(ctx context.Context, source *openSource) error {
				v.noteGivenWindow(filter)
				events, _, err := analysis.Trace(ctx, source, filter, key, value)
				if err != nil {
					return err
				}
				if len(events) == 0 {
					v.note("note: no event has %s=%s", key, value)
				}
				writer := v.newEventWriter(false)
				for i := range events {
					if err := writer.write(&events[i]); err != nil {
						return err
					}
				}
				return writer.flush()
			})
		},
	}
	v.addCommon(command)
	return command
}
