package main

import (
	"context"
	"strings"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

// grouped is a command that prints groups of events.
type grouped struct {
	measure  string // the name of what is counted
	by       dimensions
	most     natural // --max
	limit    natural
	analyze  func(ctx context.Context, source query.Source, f query.Filter, by ...string) (*analysis.Report, error)
	conflict func(f query.Filter) error // which filters make no sense
}

func (v *invocation) newDenied() *cobra.Command {
	command := &cobra.Command{
		Use:   "denied",
		Short: "Group denied events: which rules are missing?",
		Long: `denied groups the denied events, and says of each group how many there were, how many
checks of the same key there were, denied or not, and how many users were denied. Groups
with most users come first.

--max is for alerts: the exit code is 1 if a group has more denied events.`,
		Example: `  permaudit denied --since 7d
  permaudit denied --by manager,attribute,metadata.deployment -o csv
  permaudit denied --since 24h --manager Invoice --max 100`,
	}
	return v.addGrouped(command, &grouped{
		measure: "denied", by: dimensions{[]string{"manager", "attribute"}}, analyze: analysis.Denied,
		conflict: func(f query.Filter) error {
			if f.Granted == query.Yes {
				return usagef("denied counts denied events: leave --granted away")
			}
			return nil
		},
	})
}

func (v *invocation) newBypasses() *cobra.Command {
	command := &cobra.Command{
		Use:   "bypasses",
		Short: "Group bypassed events: who uses the superuser bypass?",
		Long: `bypasses groups the events in which a superuser skipped the rules, and says of each group
how many there were, and how many checks of the same key there were.

--max is for alerts: the exit code is 1 if a group has more bypassed events.`,
		Example: `  permaudit bypasses --since 7d
  permaudit bypasses --by user,day --max 20`,
	}
	return v.addGrouped(command, &grouped{
		measure: "bypassed", by: dimensions{[]string{"user", "manager"}}, analyze: analysis.Bypasses,
		conflict: func(f query.Filter) error {
			if f.Bypassed == query.No {
				return usagef("bypasses counts bypassed events: leave --bypassed=false away")
			}
			return nil
		},
	})
}

func (v *invocation) addGrouped(command *cobra.Command, g *grouped) *cobra.Command {
	var most, limit int64
	g.most.into, g.limit.into = &most, &limit
	command.Args = arguments(0, "")
	command.RunE = func(command *cobra.Command, _ []string) error {
		filter, err := v.filter.query(command)
		if err == nil {
			err = g.conflict(filter)
		}
		if err != nil {
			return err
		}
		return v.group(command.Context(), filter, g)
	}
	flags := command.Flags()
	flags.Var(&g.by, "by", "group by some of "+strings.Join(query.Dimensions(), ", "))
	flags.Var(&g.most, "max", "exit code 1 if a group has more "+g.measure+" events")
	flags.Lookup("max").DefValue = ""
	flags.VarP(&g.limit, "limit", "n", "print at most so many groups; 0: all\n(default 50 in tables, else 0)")
	flags.Lookup("limit").DefValue = ""
	complete(command, "by", query.Dimensions()...)
	v.addCommon(command)
	return command
}

// defaultGroups is how many groups a table has.
const defaultGroups = 50

// group prints the answer of a grouped command.
func (v *invocation) group(ctx context.Context, filter query.Filter, g *grouped) (err error) {
	ctx, stop := v.watch(ctx)
	defer stop()
	source, err := v.open(ctx)
	if err != nil {
		return err
	}
	defer source.close(&err)
	v.noteWindow(filter)
	report, err := g.analyze(ctx, source, filter, g.by.names...)
	if err != nil {
		return err
	}
	format := v.format()
	if !g.limit.set && (format == formatTable || format == formatWide) {
		*g.limit.into = defaultGroups
	}
	most := int(*g.limit.into)
	// Nobody may read it: the finding below is one all the same.
	if err := v.writeReport(report, g.measure, most); err != nil && !isClosed(err) {
		return err
	}
	if len(report.Groups) == 0 {
		v.note("note: no event is %s", g.measure)
	}
	if most > 0 && len(report.Groups) > most {
		v.note("note: %s left out; --limit 0 prints all", count(int64(len(report.Groups)-most), "more group is", "more groups are"))
	}
	v.noteAnswer(report.Notes)
	v.noteAnonymous(report.Notes)
	if g.most.set {
		return v.alert(report, g)
	}
	return nil
}

// mostAlerts is how many groups an alert names.
const mostAlerts = 20

// alert reports the groups with more events than --max.
func (v *invocation) alert(report *analysis.Report, g *grouped) error {
	over := 0
	for _, group := range report.Groups {
		if group.Events <= *g.most.into {
			continue
		}
		if over++; over <= mostAlerts {
			v.tell("permaudit: finding: " + describe(report.By, group.Key) + ": " + number(group.Events) + " " + g.measure + ", more than --max " + g.most.String())
		}
	}
	if over == 0 {
		return nil
	}
	if over > mostAlerts {
		v.tell("permaudit: finding: and " + count(int64(over-mostAlerts), "more group", "more groups"))
	}
	return errFinding
}

// describe names a group.
func describe(by, key []string) string {
	parts := make([]string, len(by))
	for i, name := range by {
		value := key[i]
		if value == "" {
			value = "null"
		}
		parts[i] = name + "=" + value
	}
	return strings.Join(parts, " ")
}
