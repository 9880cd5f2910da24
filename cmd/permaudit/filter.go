package main

import (
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/spf13/cobra"
)

// filterFlags are the flags that select events, the same for every command.
type filterFlags struct {
	since, until                                 timeFlag
	action, manager, attribute, user, permission terms
	metadata                                     metadataTerms
	granted, denied, bypassed                    bool
}

// actions are those that have a name of their own.
var actions = []string{
	string(audit.ActionCreate), string(audit.ActionRead), string(audit.ActionUpdate), string(audit.ActionDelete),
	string(audit.ActionMutation), string(audit.ActionGap),
}

// addFilter adds the flags to a command.
func (v *invocation) addFilter(command *cobra.Command) {
	f, flags := &v.filter, command.Flags()
	f.since.now, f.until.now = &v.now, &v.now
	flags.Var(&f.since, "since", "events from this time on: 24h, 7d (ago), 2026-11-23, or RFC 3339")
	flags.Var(&f.until, "until", "events before this time")
	flags.Var(&f.action, "action", "events of these actions: create, read, update, delete, mutation, or others; gap for gaps")
	flags.Var(&f.manager, "manager", "events of these managers")
	flags.Var(&f.attribute, "attribute", "events of which an attribute is one of these")
	flags.Var(&f.user, "user", "events of these users, by id, or by name where there is no id")
	flags.Var(&f.permission, "permission", "events of which a permission is one of these")
	flags.Var(&f.metadata, "metadata", "events with these values of a metadata key; each key must hold")
	flags.BoolVar(&f.granted, "granted", false, "granted events; --granted=false: denied ones")
	flags.BoolVar(&f.denied, "denied", false, "denied events; --denied=false: granted ones")
	flags.BoolVar(&f.bypassed, "bypassed", false, "events in which a superuser skipped the rules; =false: the others")
	complete(command, "action", actions...)
}

// query returns the filter that the flags of a command make.
func (f *filterFlags) query(command *cobra.Command) (query.Filter, error) {
	filter := query.Filter{
		Since: f.since.time, Until: f.until.time,
		Action: f.action.Terms, Manager: f.manager.Terms, Attribute: f.attribute.Terms, User: f.user.Terms,
		Permission: f.permission.Terms, Metadata: f.metadata.keys,
	}
	changed := command.Flags().Changed
	granted, denied := choiceOf(changed("granted"), f.granted), choiceOf(changed("denied"), !f.denied)
	switch {
	case granted != query.Any && denied != query.Any && granted != denied:
		return filter, usagef("--granted and --denied exclude each other: leave both away for all events")
	case denied != query.Any:
		granted = denied
	}
	filter.Granted, filter.Bypassed = granted, choiceOf(changed("bypassed"), f.bypassed)
	if now := *f.since.now; filter.Since.After(now) {
		return filter, usagef("--since %q: it is in the future, now is %s", f.since.text, now.Format(time.RFC3339))
	}
	if !filter.Since.IsZero() && !filter.Until.IsZero() && !filter.Since.Before(filter.Until) {
		return filter, usagef("no time is between --since %s and --until %s: --since must be before --until", f.since.text, f.until.text)
	}
	return filter, nil
}

// given are the flags of a filter as they were given to a command.
func given(command *cobra.Command) string {
	var flags []string
	for _, name := range []string{"since", "until", "action", "manager", "attribute", "user", "permission", "metadata"} {
		if flag := command.Flags().Lookup(name); flag.Changed {
			flags = append(flags, "--"+name+" "+flag.Value.String())
		}
	}
	return strings.Join(flags, " ")
}

func choiceOf(set, yes bool) query.Choice {
	switch {
	case !set:
		return query.Any
	case yes:
		return query.Yes
	default:
		return query.No
	}
}

// noteWindow says of which time events are looked at.
func (v *invocation) noteWindow(f query.Filter) {
	since, until := "the beginning", "now"
	if !f.Since.IsZero() {
		since = f.Since.Format(time.RFC3339)
	}
	if !f.Until.IsZero() {
		until = f.Until.Format(time.RFC3339)
	}
	if f.Since.IsZero() && f.Until.IsZero() {
		v.note("window: everything")
		return
	}
	v.note("window: %s to %s", since, until)
}

// noteGivenWindow does so only if a flag bounds the time.
func (v *invocation) noteGivenWindow(f query.Filter) {
	if !f.Since.IsZero() || !f.Until.IsZero() {
		v.noteWindow(f)
	}
}
