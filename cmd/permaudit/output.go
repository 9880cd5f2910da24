package main

import (
	"slices"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/spf13/cobra"
)

// The formats of the output.
const (
	formatTable    = "table" // for reading; long cells are cut
	formatWide     = "wide"  // the same with all columns, nothing is cut
	formatJSON     = "json"  // one object a line
	formatCSV      = "csv"
	formatMarkdown = "markdown" // for a comment
)

var formats = []string{formatTable, formatWide, formatJSON, formatCSV}

// addOutput adds the flag of the format, with others that the command has besides.
func (v *invocation) addOutput(command *cobra.Command, others ...string) {
	formats := append(slices.Clone(formats), others...)
	command.Flags().VarP(oneOf(&v.output, formats...), "output", "o",
		"table, wide (all columns, nothing cut), json (one object a line), "+strings.Join(formats[3:], ", ")+"\n(default table on a terminal, else json)")
	complete(command, "output", formats...)
}

// format returns the format that the user wants.
func (v *invocation) format() string {
	switch {
	case v.output != "":
		return v.output
	case isTerminal(v.stdout):
		return formatTable
	default:
		return formatJSON
	}
}

// eventWriter writes events in one of the formats.
type eventWriter interface {
	write(event *audit.PermissionAuditEvent) error
	// flush writes what is kept back. More events may follow.
	flush() error
}

// newEventWriter returns the writer for the format that the user wants. A live one
// writes each event at once.
func (v *invocation) newEventWriter(live bool) eventWriter {
	s := v.newSheet()
	switch format := v.format(); format {
	case formatJSON:
		return &jsonEvents{sheet: s, live: live}
	case formatCSV:
		return newCSVEvents(s, live)
	default:
		return newEventTable(s, format == formatWide, live)
	}
}

// writeReport writes an answer in groups, the first most of them; 0: all.
func (v *invocation) writeReport(report *analysis.Report, measure string, most int) error {
	groups := report.Groups
	if most > 0 && len(groups) > most {
		groups = groups[:most]
	}
	s := v.newSheet()
	var err error
	switch format := v.format(); format {
	case formatJSON:
		err = s.jsonLines(len(groups), func(i int) any { return groups[i] })
	case formatCSV:
		err = s.csvGroups(report.By, measure, groups)
	default:
		err = s.groupTable(report.By, measure, groups, format == formatWide)
	}
	if err != nil {
		return err
	}
	return s.Flush()
}

// writeTotals writes the answer of stats.
func (v *invocation) writeTotals(totals analysis.Totals) error {
	s := v.newSheet()
	var err error
	switch v.format() {
	case formatJSON:
		err = s.jsonLines(1, func(int) any { return totals })
	case formatCSV:
		err = s.csvTotals(totals)
	default:
		err = s.totalsTable(totals)
	}
	if err != nil {
		return err
	}
	return s.Flush()
}
