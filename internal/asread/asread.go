// Package asread is for the tests of the stores: what a database counts must be what
// reading its events says.
package asread

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/permaudit/audit/query"
)

// OneByOne is a source that counts nothing: query does, event by event.
type OneByOne struct{ query.Source }

// Groups are the groups of a source as text, and its damage and gaps.
func Groups(tb testing.TB, source query.Source, f query.Filter, by ...string) (groups, damage []string) {
	tb.Helper()
	sequence, err := query.GroupBy(tb.Context(), source, f, by)
	if err != nil {
		tb.Fatal(err)
	}
	for group, err := range sequence {
		if err != nil {
			damage = append(damage, damageOf(tb, err))
			continue
		}
		groups = append(groups, fmt.Sprintf("%q %d/%d %d %d %d %s %s", group.Key, group.Events, group.Checks, group.Users, group.Anonymous, group.Sampled,
			group.First.Format(time.RFC3339Nano), group.Last.Format(time.RFC3339Nano)))
	}
	slices.Sort(groups)
	slices.Sort(damage)
	return groups, damage
}

// Users are what a source counts by key and user as text, and its damage and gaps.
func Users(tb testing.TB, source query.Source, sets []query.Set, by ...string) (users, damage []string) {
	tb.Helper()
	sequence, err := query.GroupUsersBy(tb.Context(), source, sets, by)
	if err != nil {
		tb.Fatal(err)
	}
	for group, err := range sequence {
		if err != nil {
			damage = append(damage, damageOf(tb, err))
			continue
		}
		for i, set := range group.Sets {
			text := fmt.Sprintf("%q set %d: %v %v %v %v %d %d", group.Key, i, set.Checks, set.Granted, set.Denied, set.Bypassed, set.Anonymous, set.Sampled)
			users = append(users, text)
			for key, events := range set.DeniedWith {
				users = append(users, fmt.Sprintf("%q set %d: with %q %v", group.Key, i, key, events))
			}
		}
		for u := range group.Users {
			u.Number = 0
			users = append(users, fmt.Sprintf("%q %v", group.Key, u))
		}
	}
	slices.Sort(users)
	slices.Sort(damage)
	return users, damage
}

// damageOf is the text of an error after which the counting goes on.
func damageOf(tb testing.TB, err error) string {
	tb.Helper()
	var damaged *query.DamageError
	var gap *query.GapError
	if !errors.As(err, &damaged) && !errors.As(err, &gap) {
		tb.Fatal(err)
	}
	return err.Error()
}

// RequireGroups compares the groups of a store with its own events.
func RequireGroups(tb testing.TB, store query.Source, f query.Filter, by ...string) {
	tb.Helper()
	groups, damage := Groups(tb, store, f, by...)
	want, wantDamage := Groups(tb, OneByOne{store}, f, by...)
	requireEqual(tb, want, groups)
	requireEqual(tb, wantDamage, damage)
}

// RequireUsers compares what a store counts by user with its own events.
func RequireUsers(tb testing.TB, store query.Source, sets []query.Set, by ...string) {
	tb.Helper()
	users, damage := Users(tb, store, sets, by...)
	want, wantDamage := Users(tb, OneByOne{store}, sets, by...)
	requireEqual(tb, want, users)
	requireEqual(tb, wantDamage, damage)
}

func requireEqual(tb testing.TB, read, counted []string) {
	tb.Helper()
	if !slices.Equal(read, counted) {
		tb.Fatalf("the store counts\n%q\nreading says\n%q", counted, read)
	}
}

// Sets are sets of all kinds, some of them of the events with a metadata request_id that is
// one of requests.
func Sets(requests ...string) []query.Set {
	at := time.Now()
	return []query.Set{
		{},
		{Filter: query.Filter{Metadata: map[string]query.Terms{"request_id": {In: requests}}}},
		{Filter: query.Filter{Metadata: map[string]query.Terms{"request_id": {NotIn: requests}}, Granted: query.No}},
		{Windows: []query.Window{{Since: at.AddDate(-1, 0, 0), Until: at}, {Since: at.Add(time.Hour), Until: at.AddDate(1, 0, 0)}}},
	}
}
