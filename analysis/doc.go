// Package analysis asks the questions for which a permission log is kept, of any
// query.Source: which rules are missing ([Denied], and with their evidence [Suggest]),
// who uses the superuser bypass ([Bypasses]), what happened to one request ([Trace]), what
// a deployment broke ([Compare]), what would change if the rules were others ([Replay]),
// and what there is at all ([Stats]).
//
//	report, err := analysis.Denied(ctx, source, query.Filter{Since: yesterday}, "manager", "attribute")
//	if err != nil {
//		return err
//	}
//	for _, group := range report.Groups {
//		fmt.Println(group.Key, group.Events, "of", group.Checks, "denied, to", group.Users, "users")
//	}
//
// Where a source can count on its own, as files and databases do, no event is handed
// out, and memory grows with the number of groups and of different users in each. Replay
// reads the events, and keeps one of each check.
//
// Denials that are right stay in the log. What somebody looked at and owns is written
// down in a file ([ReadAcknowledgments]), and left out of a report until the entry
// expires ([Report.Acknowledge]).
//
// No function stops at a damaged line or row: they are skipped, and counted in the
// [Notes] beside the answer, which also say whether the log is complete.
package analysis
