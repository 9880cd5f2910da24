package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// report writes to out what the logs in dir say, and how the requests were answered.
// It shows the first lines of the file, and asks the database.
func report(ctx context.Context, out io.Writer, dir string, responses []response) error {
	log, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil {
		return err
	}
	// The file would be opened in the same way, by its path.
	source, err := query.Open(ctx, "sqlite:"+filepath.Join(dir, databaseName))
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()

	// What many different users are denied is perhaps a rule that is missing.
	denied, err := groupBy(ctx, source, query.Filter{Granted: query.No}, func(event audit.PermissionAuditEvent) [2]string {
		return [2]string{event.Manager, cmp.Or(strings.Join(event.Attributes, ","), "(none)")}
	})
	if err != nil {
		return err
	}
	// What superusers do is perhaps something that the rules should allow to others.
	bypasses, err := groupBy(ctx, source, query.Filter{Bypassed: query.Yes}, func(event audit.PermissionAuditEvent) [2]string {
		return [2]string{userOf(event), event.Manager}
	})
	if err != nil {
		return err
	}
	events := 0
	for _, err := range source.Events(ctx, query.Filter{}) {
		if err != nil {
			return err
		}
		events++
	}
	statuses := map[int]int{}
	for _, r := range responses {
		statuses[r.status]++
	}

	var text strings.Builder
	text.WriteString("The first events of the file, one a line:\n")
	lines := strings.SplitAfter(string(log), "\n")
	text.WriteString(strings.Join(lines[:min(3, len(lines))], ""))
	text.WriteString("\nMANAGER\tATTRIBUTE\tDENIED\tUSERS\n")
	for _, g := range denied {
		fmt.Fprintf(&text, "%s\t%s\t%d\t%d\n", g.key[0], g.key[1], g.events, len(g.users))
	}
	text.WriteString("\nSUPERUSER\tMANAGER\tBYPASSED\n")
	for _, g := range bypasses {
		fmt.Fprintf(&text, "%s\t%s\t%d\n", g.key[0], g.key[1], g.events)
	}
	fmt.Fprintf(&text, "\n%d requests: %d answered with 200, %d with 403; %d events\n",
		len(responses), statuses[http.StatusOK], statuses[http.StatusForbidden], events)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err = io.WriteString(table, text.String())
	return errors.Join(err, table.Flush())
}

// group is some events with the same key, and who caused them.
type group struct {
	key    [2]string
	events int
	users  map[string]bool
}

// groupBy groups the events that filter selects, in the order of the keys.
func groupBy(ctx context.Context, source query.Source, filter query.Filter, keyOf func(audit.PermissionAuditEvent) [2]string) ([]*group, error) {
	groups := map[[2]string]*group{}
	for event, err := range source.Events(ctx, filter) {
		if err != nil {
			return nil, err // a damaged row too: nobody else writes to this database
		}
		key := keyOf(event)
		if groups[key] == nil {
			groups[key] = &group{key: key, users: map[string]bool{}}
		}
		groups[key].events++
		groups[key].users[userOf(event)] = true
	}
	return slices.SortedFunc(maps.Values(groups), func(a, b *group) int {
		return slices.Compare(a.key[:], b.key[:])
	}), nil
}

// userOf is the user's id or, for a user without one, what stands in its place.
func userOf(event audit.PermissionAuditEvent) string {
	if event.UserID == "" {
		return fmt.Sprint(event.User)
	}
	return event.UserID
}
