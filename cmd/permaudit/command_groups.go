package main

import (
	"context"
	"slices"
	"strconv"
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
	conflict func(f *filterFlags, changed func(name string) bool) error // which filters make no sense
}

func (v *invocation) newDenied() *cobra.Command {
	command := &cobra.Command{
		Use:   "denied",
		Short: "Group denied events: which rules are missing?",
		Long: `denied groups the denied events, and says of each group how many there were, how many
checks of the same key there were, denied or not, and how many users were denied. Groups
with most users come first.

--max is for alerts: only the groups with more denied events are printed, and the exit code
is 1 if there is one.

--acknowledged names a file of denials that are right. Its groups are left out, and told on
standard error, until they expire. Each line is an object that says which values a group
has (of manager, action, attribute, user, permission, metadata.KEY; null for none), who
owns it, why, and until when; lines that begin with # are comments:

  {"manager":"Invoice","attribute":"total","owner":"billing@example.com",
   "reason":"only the billing job may change totals","expires":"2027-03-31"}

(that on one line). An entry covers only groups that have every column which it names in
--by. A file that is missing or wrong is wrong usage: exit code 2.`,
		Example: `  permaudit denied --since 7d
  permaudit denied --by manager,attribute,metadata.deployment -o csv
  permaudit denied --since 24h --max 0 --acknowledged acknowledged.jsonl
  permaudit denied --since 24h --manager Invoice --max 100`,
	}
	v.addGrouped(command, &grouped{
		measure: "denied", by: dimensions{names: []string{"manager", "attribute"}}, analyze: analysis.Denied,
		conflict: func(f *filterFlags, changed func(string) bool) error {
			switch {
			case changed("granted") && f.granted:
				return usagef("denied counts denied events: leave --granted away")
			case changed("denied") && !f.denied:
				return usagef("denied counts denied events: leave --denied=false away")
			}
			return nil
		},
	})
	v.addAcknowledged(command)
	return command
}

func (v *invocation) newBypasses() *cobra.Command {
	command := &cobra.Command{
		Use:   "bypasses",
		Short: "Group bypassed events: who uses the superuser bypass?",
		Long: `bypasses groups the events in which a superuser skipped the rules, and says of each group
how many there were, and how many checks of the same key there were.

--max is for alerts: only the groups with more bypassed events are printed, and the exit
code is 1 if there is one.`,
		Example: `  permaudit bypasses --since 7d
  permaudit bypasses --by user,day --max 20`,
	}
	return v.addGrouped(command, &grouped{
		measure: "bypassed", by: dimensions{names: []string{"user", "manager"}}, analyze: analysis.Bypasses,
		conflict: func(f *filterFlags, changed func(string) bool) error {
			if changed("bypassed") && !f.bypassed {
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
			err = g.conflict(&v.filter, command.Flags().Changed)
		}
		if err != nil {
			return err
		}
		return v.group(command.Context(), filter, g)
	}
	flags := command.Flags()
	flags.Var(&g.by, "by", "group by some of "+strings.Join(query.Dimensions(), ", ")+"\n(repeats add up)")
	flags.Var(&g.most, "max", "only groups with more "+g.measure+" events; exit code 1 if there is one")
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
func (v *invocation) group(ctx context.Context, filter query.Filter, g *grouped) error {
	return v.reading(ctx, func(ctx context.Context, source *openSource) error {
		v.noteWindow(filter)
		report, err := g.analyze(ctx, source, filter, g.by.names...)
		if err != nil {
			return err
		}
		all := len(report.Groups)
		noteAcknowledged := v.acknowledge(report, v.now)
		none, rest := len(report.Groups) == 0, "no"
		if all > len(report.Groups) {
			rest = "no other"
		}
		if g.most.set {
			report.Groups = slices.DeleteFunc(report.Groups, func(group analysis.Group) bool { return group.Events <= *g.most.into })
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
		noteAcknowledged()
		switch {
		case none:
			v.note("note: %s event is %s", rest, g.measure)
		case len(report.Groups) == 0:
			v.note("note: %s group has more than %s %s events", rest, g.most.String(), g.measure)
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
	})
}

// alert reports the groups, which have more events than --max.
func (v *invocation) alert(report *analysis.Report, g *grouped) error {
	return v.find(len(report.Groups), "group", func(i int) string {
		group := report.Groups[i]
		return describe(report.By, group.Key) + ": " + number(group.Events) + " " + g.measure + ", more than --max " + g.most.String()
	})
}

// describe names a group. A value in quotes is no null.
func describe(by, key []string) string {
	parts := make([]string, len(by))
	for i, name := range by {
		value := "null"
		if key[i] != "" {
			value = strconv.Quote(key[i])
		}
		parts[i] = name + "=" + value
	}
	return strings.Join(parts, " ")
}
