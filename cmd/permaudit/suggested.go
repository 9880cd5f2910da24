package main

import (
	"fmt"
	"strings"

	"github.com/permaudit/audit/analysis"
)

// suggested is the answer of suggest with what is printed of it.
type suggested struct {
	*analysis.Suggestions

	left int // rows that are not printed
}

// newSuggested leaves at most so many rows in each list, 0: all.
func newSuggested(answer *analysis.Suggestions, most int) *suggested {
	s := &suggested{Suggestions: answer}
	cut(s, &answer.Candidates, most)
	cut(s, &answer.Explained, most)
	cut(s, &answer.Bypasses, most)
	cut(s, &answer.Hammering, most)
	cut(s, &answer.Probers, most)
	return s
}

// isEmpty reports whether there was nothing to look at.
func (s *suggested) isEmpty() bool { return s.Since.IsZero() }

// whyNone says why there is no suggestion.
func (s *suggested) whyNone() string {
	switch {
	case s.isEmpty():
		return "no events"
	case len(s.Acknowledged.Covered) > 0:
		return "nothing but what is acknowledged looks like a missing or a lost rule"
	}
	return "nothing looks like a missing or a lost rule"
}

func cut[T any](s *suggested, rows *[]T, most int) {
	if most > 0 && len(*rows) > most {
		s.left += len(*rows) - most
		*rows = (*rows)[:most]
	}
}

// The last word of a table.
const mayBeRight = "A denial may be right: ask before you allow it. Nothing was changed."

// evidence is what speaks for a suggestion besides its numbers, and against it.
func evidence(s *analysis.Suggestion) string {
	var notes []string
	if s.DeniedWith != nil {
		notes = append(notes, "denied together with "+attributesOf(s.DeniedWith))
	}
	if s.Elsewhere > 0 {
		manager := s.Manager
		if manager == "" {
			manager = "no manager"
		}
		notes = append(notes, fmt.Sprintf("%d of them got something else of %s", s.Elsewhere, manager))
	}
	if s.Bypassed > 0 {
		notes = append(notes, count(s.BypassedUsers, "superuser", "superusers")+" did it "+count(s.Bypassed, "time", "times"))
	}
	return strings.Join(notes, "; ")
}

func attributesOf(names []string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = name
		if name == "" {
			shown[i] = "null"
		}
	}
	return strings.Join(shown, ", ")
}

// hammered is what somebody was denied again and again.
func hammered(h *analysis.Hammering) string {
	var users []string
	for _, user := range h.Users {
		users = append(users, nameOf(user, inQuotes))
	}
	what := describe(suggestDimensions[:2], []string{h.Manager, h.Action})
	if len(h.Attributes) > 0 {
		what += " attributes=" + inQuotes(attributesOf(h.Attributes))
	}
	verb := " was"
	if len(users) > 1 {
		verb = " were"
	}
	return "hammering: " + strings.Join(users, ", ") + verb + " denied " + what + " " + count(h.Denied, "time", "times")
}

// summary says what became of the keys that were denied to anybody.
func (s *suggested) summary() string {
	all := 0
	var parts []string
	for _, part := range []struct {
		class analysis.Class
		words string
	}{
		{analysis.ClassLost, "lost"},
		{analysis.ClassMissing, "missing"},
		{analysis.ClassRole, "granted to others"},
		{analysis.ClassHammering, "denied to one or two, again and again"},
		{analysis.ClassFew, "denied to too few to say anything"},
	} {
		if n := s.Classes[part.class]; n > 0 {
			all += n
			parts = append(parts, fmt.Sprintf("%d %s", n, part.words))
		}
	}
	text := count(int64(all), "key was denied", "keys were denied")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if n := len(s.Acknowledged.Covered); n > 0 {
		text += "; " + count(int64(n), "is acknowledged", "are acknowledged")
	}
	return text
}
