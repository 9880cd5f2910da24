package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/permaudit/audit/query"
)

// side is the flag --baseline or --candidate: which checks are one side of a comparison.
type side struct {
	now    *time.Time
	texts  []string // as they were given
	filter query.Filter
}

func (s *side) String() string { return strings.Join(s.texts, " ") }

// Set adds terms, divided by blanks, all of which must hold.
func (s *side) Set(text string) error {
	words := splitWords(text)
	if len(words) == 0 {
		return errors.New(s.want())
	}
	for _, word := range words {
		term, err := parseTerm(word, *s.now)
		if err == nil {
			s.filter, err = and(s.filter, term)
		}
		if err != nil {
			return err
		}
	}
	s.texts = append(s.texts, strings.TrimSpace(text))
	return nil
}

func (s *side) Type() string { return "side" }

func (s *side) want() string {
	return "want key=value, such as metadata.deployment=v1, or a time range FROM..TO, such as 8d..7d"
}

// clock is the second word of a time such as 2026-11-23 07:46, and date the first.
var (
	clock = regexp.MustCompile(`^[0-9]{2}:[0-9]{2}`)
	date  = regexp.MustCompile(`^[^=]*[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

// splitWords splits at blanks, but for those behind a backslash and those within a time.
func splitWords(text string) []string {
	const blank = "\x00" // which no argument of a process has
	var words []string
	for _, word := range strings.Fields(strings.ReplaceAll(text, `\ `, blank)) {
		word = strings.ReplaceAll(word, blank, " ")
		if last := len(words) - 1; last >= 0 && clock.MatchString(word) && date.MatchString(words[last]) {
			words[last] += " " + word
		} else {
			words = append(words, word)
		}
	}
	return words
}

// parseTerm reads key=value, or a time range.
func parseTerm(word string, now time.Time) (f query.Filter, err error) {
	key, values, found := strings.Cut(word, "=")
	if !found {
		return parseRange(word, now)
	}
	var t query.Terms
	addTerms(&t, values)
	if slices.Contains(slices.Concat(t.In, t.NotIn), "") { // a variable of a script that is not set
		return f, fmt.Errorf("%q has an empty value: want one, such as metadata.deployment=v1", word)
	}
	for _, field := range fieldsOf(&f) {
		if key == field.name {
			*field.terms = t
			return f, nil
		}
	}
	name, isMetadata := query.MetadataDimension(key)
	switch {
	case isMetadata && name != "":
		f.Metadata = map[string]query.Terms{name: t}
		return f, nil
	case isMetadata:
		return f, errors.New("metadata.KEY wants a key, such as metadata.deployment=v1")
	case strings.HasPrefix(key, "!"), strings.HasSuffix(key, "!"):
		return f, fmt.Errorf("want the ! before the value: %s=!%s", strings.Trim(key, "!"), values)
	}
	return f, fmt.Errorf("key %q is unknown: want one of action, manager, attribute, user, permission, metadata.KEY, such as metadata.%s", key, word)
}

// field is a field of a filter.
type field struct {
	name    string
	terms   *query.Terms
	several bool // values of an event
}

func fieldsOf(f *query.Filter) []field {
	return []field{
		{"action", &f.Action, false},
		{"manager", &f.Manager, false},
		{"attribute", &f.Attribute, true},
		{"user", &f.User, false},
		{"permission", &f.Permission, true},
	}
}

// parseRange reads FROM..TO, either of which may be left away.
func parseRange(word string, now time.Time) (f query.Filter, err error) {
	since, until, found := strings.Cut(word, "..")
	if !found {
		return f, fmt.Errorf("%q: %s; in a value a blank wants a backslash before it", word, (*side)(nil).want())
	}
	for _, bound := range []struct {
		text string
		into *time.Time
	}{{since, &f.Since}, {until, &f.Until}} {
		if bound.text == "" {
			continue
		}
		if *bound.into, err = parseTime(bound.text, now); err != nil {
			return f, fmt.Errorf("time %q: %w", bound.text, err)
		}
	}
	switch {
	case since == "" && until == "":
		return f, errors.New("want a time before the .., after it, or both, such as 8d..7d")
	case f.Since.After(now):
		return f, fmt.Errorf("time %q: it is in the future, now is %s", since, now.Format(time.RFC3339))
	case since != "" && until != "" && !f.Since.Before(f.Until):
		return f, fmt.Errorf("no time is in %q: want the earlier time first, such as 8d..7d", word)
	}
	return f, nil
}

// and is the filter of what both filters select. It is an error if that is nothing.
func and(a, b query.Filter) (query.Filter, error) {
	fields, more := fieldsOf(&a), fieldsOf(&b)
	for i, f := range fields {
		if err := narrow(f, *more[i].terms); err != nil {
			return a, err
		}
	}
	metadata := make(map[string]query.Terms)
	for _, keys := range []map[string]query.Terms{a.Metadata, b.Metadata} {
		for key, terms := range keys {
			both := metadata[key]
			if err := narrow(field{"metadata." + key, &both, false}, terms); err != nil {
				return a, err
			}
			metadata[key] = both
		}
	}
	a.Metadata = nil
	if len(metadata) > 0 {
		a.Metadata = metadata
	}
	if b.Since.After(a.Since) {
		a.Since = b.Since
	}
	if a.Until.IsZero() || !b.Until.IsZero() && b.Until.Before(a.Until) {
		a.Until = b.Until
	}
	if !a.Since.IsZero() && !a.Until.IsZero() && !a.Since.Before(a.Until) {
		return a, fmt.Errorf("no time is left between %s and %s: want times that have some in common", a.Since.Format(time.RFC3339), a.Until.Format(time.RFC3339))
	}
	return a, nil
}

// narrow adds terms that must hold too.
func narrow(f field, more query.Terms) error {
	into := f.terms
	both := query.Terms{In: into.In, NotIn: slices.Concat(into.NotIn, more.NotIn)}
	switch {
	case len(into.In) == 0:
		both.In = more.In
	case len(more.In) > 0 && f.several && !slices.Equal(into.In, more.In):
		return fmt.Errorf("%s is given twice, as %q and %q: want all alternatives in one list", f.name, into.In, more.In)
	case len(more.In) > 0:
		both.In = slices.DeleteFunc(slices.Clone(into.In), func(value string) bool { return !slices.Contains(more.In, value) })
		if len(both.In) == 0 {
			return fmt.Errorf("no %s is both one of %q and one of %q: want values that have some in common", f.name, into.In, more.In)
		}
	}
	isExcluded := func(value string) bool { return slices.Contains(both.NotIn, value) }
	if len(both.In) > 0 && !slices.ContainsFunc(both.In, func(value string) bool { return !isExcluded(value) }) {
		return fmt.Errorf("%s is wanted as %q, and excluded: want some that is not", f.name, both.In)
	}
	*into = both
	return nil
}
