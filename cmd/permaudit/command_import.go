package main

import (
	"context"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

func (v *invocation) newImport() *cobra.Command {
	to := ""
	command := &cobra.Command{
		Use:   "import",
		Short: "Copy events into a database or a file",
		Long: `import copies the events that the flags select from the sources into a table or a log,
which is created if it is missing (its directory is not): a migration, or the loading of a spool or of dead
letters. Gaps are copied too. Nothing is changed or redacted.

An event that is there already, by its id, is not added: a second import adds nothing.
An event without id gets one that is derived from its line, and from how many equal lines
came before it in this import.

What cannot be recorded (an action that is empty or has more than 32 bytes), and what the
database refuses for good, is reported and left out; the exit code is 4 then.`,
		Example: `  permaudit import --from 'logs/*.log' --to 'sqlite:audit.db?table_name=decisions'
  permaudit import --from permission.spool.dead --to postgres://audit@db/app
  permaudit import --from sqlite:audit.db --since 30d --to recent.log`,
		Args: arguments(0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			if to == "" {
				return usagef("import wants --to: sqlite:audit.db?table_name=x, postgres://user@host/database, or the path of a log")
			}
			filter, err := v.filter.query(command)
			if err != nil {
				return err
			}
			return v.importTo(command.Context(), to, filter)
		},
	}
	command.Flags().StringVar(&to, "to", "", "destination: sqlite:audit.db?table_name=x, postgres://..., or a path")
	v.addFrom(command)
	v.addFilter(command)
	command.Flags().SortFlags = false
	return command
}

// importTo copies what a filter selects.
func (v *invocation) importTo(ctx context.Context, to string, filter query.Filter) (err error) {
	specs, err := v.specs()
	if err != nil {
		return err
	}
	if err := checkDestination(to, specs); err != nil {
		return err
	}
	ctx, stop := v.watch(ctx)
	defer stop()
	source, err := v.openTwice(ctx)
	if err != nil {
		return err
	}
	defer source.close(&err)
	if filter, err = withGaps(ctx, source.handle, filter); err != nil {
		return err
	}
	destination, err := v.openDestination(ctx, to)
	if err != nil {
		return err
	}
	c := copying{destination: destination, ids: newIDMaker()}
	err = c.copy(ctx, source.Events(ctx, filter))
	// What was written is durable, and a second import leaves it out.
	if closed := destination.close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	stop()
	foreign, dead := destination.refused()
	v.note("%s read, %d added, %d there already, %d refused, %s skipped", count(c.read, "event", "events"),
		c.added-dead, c.there, foreign+dead, count(source.damaged, "damaged line", "damaged lines"))
	if foreign+dead > 0 {
		return errTold
	}
	return nil
}

// withGaps makes a filter select gaps too, unless it names actions: Filter.Action must
// name each action then.
func withGaps(ctx context.Context, handle *query.Handle, filter query.Filter) (query.Filter, error) {
	if len(filter.Action.In) > 0 {
		return filter, nil
	}
	counted := filter
	counted.Fields = query.FieldTimestamp // no users
	groups, err := handle.Group(ctx, counted, []string{"action"})
	if err != nil {
		return filter, err
	}
	in := []string{string(audit.ActionGap)}
	for group, err := range groups {
		switch {
		case err == nil:
			in = append(in, group.Key[0])
		case !isRemark(err):
			return filter, err
		}
	}
	filter.Action.In = in
	return filter, nil
}
