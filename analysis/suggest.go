package analysis

import (
	"context"
	"slices"
	"time"

	"github.com/permaudit/audit/query"
)

// SuggestOptions are what Suggest leaves out. The zero value, and nil, leave out nothing.
type SuggestOptions struct {
	// Acknowledged are keys whose denials are right. Defaults to none.
	Acknowledged *Acknowledgments
	// Now is the time at which acknowledgments must not have expired. Defaults to
	// the time of the call.
	Now time.Time
}

// Suggestions is the answer of Suggest. The zero value is that of no checks.
type Suggestions struct {
	// Since and Until are the time of the checks that were looked at: the first is
	// included, the second, a microsecond after the last check, is not. Nothing is said
	// of any other time: a missing rule was not granted in this one.
	Since, Until time.Time

	// Candidates are the suggestions: what the most users were denied first.
	Candidates []Suggestion
	// Explained are suggestions that are no more than others which explain them; see
	// Suggestion.DeniedWith. They are in the order of Candidates.
	Explained []Suggestion
	// Bypasses are keys that only superusers got, and that are no suggestion.
	Bypasses []BypassOnly
	// Hammering are keys that one or two users were denied again and again.
	Hammering []Hammering
	// Probers are users who were denied in many keys most of what they asked, and
	// hardly anybody else. Their denials are no evidence: they count in no class. Keys
	// that were always checked together count once.
	Probers []Prober
	// Classes is how many keys there are of each class, of those that were denied to
	// anybody.
	Classes map[Class]int
	// NothingGranted says that keys were denied, and that the rules granted none of all
	// checks: perhaps the log holds only denials, where everything looks missing.
	NothingGranted bool
	// Acknowledged says what the acknowledgments left out, of missing and lost keys. An
	// entry that covers another key that was denied is not Unused: Denied may need it.
	Acknowledged AcknowledgmentReport

	Notes
}

// Suggest finds rules that may be missing or lost in what f selects (Granted, Bypassed,
// Newest, Limit and Fields do not matter): it says of each manager, action and attribute
// that was denied which Class it is. ClassMissing and ClassLost become suggestions. A nil
// options stands for the defaults.
//
// It changes nothing, and it cannot know what ought to be allowed: a denial may be right.
// It counts different users, not denials, since who is denied tries again; all without any
// user are one. The time is divided into 64 parts: a loss is seen as soon as there is a part
// after that of the last grant. Up to one event of a thousand at each end, far from all
// others, does not make the parts longer.
//
// In a log of audit.SampleLogger a key is a suggestion only if so many users were denied that
// those who were granted it would be seen; and nobody is a prober there. A log that leaves
// out what was granted in another way looks as if nobody was granted anything; see
// Suggestions.NothingGranted.
//
// It returns an error if the source cannot be read. Memory grows with the number of
// different users of each key.
func Suggest(ctx context.Context, source query.Source, f query.Filter, options *SuggestOptions) (*Suggestions, error) {
	var o SuggestOptions
	if options != nil {
		o = *options
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	f.Newest, f.Limit, f.Fields = false, 0, 0
	f.Granted, f.Bypassed = query.Any, query.Any
	answer := &Suggestions{Classes: make(map[Class]int)}
	s, windows, err := answer.count(ctx, source, f)
	switch {
	case err != nil:
		return nil, err
	case windows == nil:
		return answer, nil
	}
	if s.kept = 1; answer.Sampled > 0 {
		if s.kept, err = keptShare(ctx, source, f); err != nil {
			return nil, err
		}
	}
	answer.Probers = s.classify()
	rules := s.rules(answer.Classes)
	answer.NothingGranted = len(answer.Classes) > 0 && !s.isAnyGranted()
	if err := s.explain(ctx, source, f, windows, rules); err != nil {
		return nil, err
	}
	rules = answer.acknowledge(rules, s.otherDenied(), o)
	if err := s.permissions(ctx, source, f, rules); err != nil {
		return nil, err
	}
	for _, k := range rules {
		if k.explainedBy == nil {
			answer.Candidates = append(answer.Candidates, s.suggestion(k))
		} else {
			answer.Explained = append(answer.Explained, s.suggestion(k))
		}
	}
	answer.Hammering, answer.Bypasses = s.hammering(), s.bypasses()
	return answer, nil
}

// count counts what f selects, in windows; none if it is nothing.
func (answer *Suggestions) count(ctx context.Context, source query.Source, f query.Filter) (*suggester, []query.Window, error) {
	usual, err := usualTime(ctx, source, f)
	if err != nil || usual.isEmpty() {
		return nil, nil, err
	}
	s, windows := &suggester{grants: make(grantedKeys)}, usual.divided()
	sets := []query.Set{{Filter: f, Windows: windows}}
	err = answer.readUserGroups(ctx, source, sets, suggestBy, func(group *query.UserGroup) {
		s.keys = append(s.keys, newCheckedKey(group, &s.everyone, s.grants))
	})
	all := s.span()
	answer.Since, answer.Until = all.since, all.until
	return s, windows, err
}

// usualTime is the time of what a filter selects, in whatever order it arrived, without
// strays: a few events at an end, far from all others, of a clock that was not set. They
// would leave a single window to the rest.
func usualTime(ctx context.Context, source query.Source, f query.Filter) (span, error) {
	type dayOf struct {
		span
		events int64
	}
	var days []dayOf
	var events int64
	err := eachGroup(ctx, source, f, []string{"day"}, func(group *query.Group) {
		days = append(days, dayOf{spanOf(group), group.Events})
		events += group.Events
	})
	if err != nil || len(days) == 0 {
		return span{}, err
	}
	slices.SortFunc(days, func(a, b dayOf) int { return a.since.Compare(b.since) })
	first, last := 0, len(days)-1
	whole := days[first].or(days[last].span)
	most := events / 1000 // strays at each end
	for n := days[first].events; n <= most; n += days[first].events {
		first++
	}
	for n := days[last].events; n <= most; n += days[last].events {
		last--
	}
	if usual := days[first].or(days[last].span); usual.length() < whole.length()/2 {
		return usual, nil
	}
	return whole, nil
}

// divided are windows of equal length, as many as a set has at most, but for the first and
// the last one, which have all that is outside, so that nothing is left out.
func (s span) divided() (windows []query.Window) {
	const n = query.MaxWindows
	at := func(i time.Duration) time.Time {
		length := s.length()
		return s.since.Add((length/n*i + length%n*i/n).Truncate(time.Microsecond))
	}
	for i := range time.Duration(n) {
		if w := (query.Window{Since: at(i), Until: at(i + 1)}); w.Since.Before(w.Until) {
			windows = append(windows, w)
		}
	}
	// No timestamp has fewer or more years than from 0 to 9999.
	windows[0].Since = time.Date(-1, time.January, 1, 0, 0, 0, 0, time.UTC)
	windows[len(windows)-1].Until = time.Date(10000, time.January, 1, 0, 0, 0, 0, time.UTC)
	return windows
}

// rules are the missing and the lost ones, and how many keys there are of each class.
func (s *suggester) rules(classes map[Class]int) (rules []*checkedKey) {
	for _, k := range s.keys {
		if k.class == "" {
			continue
		}
		classes[k.class] += len(k.attributes)
		if k.class.isRule() {
			rules = append(rules, k)
		}
	}
	sortRules(rules)
	return rules
}

// isAnyGranted reports whether the rules granted anything.
func (s *suggester) isAnyGranted() bool {
	return slices.ContainsFunc(s.keys, func(k *checkedKey) bool { return k.Granted.Events > 0 })
}

// otherDenied are the keys that were denied, and are neither missing nor lost.
func (s *suggester) otherDenied() (keys [][]string) {
	for _, k := range s.keys {
		if k.class == "" || k.class.isRule() {
			continue
		}
		for _, attribute := range k.attributes {
			keys = append(keys, []string{k.manager, k.action, attribute})
		}
	}
	return keys
}

// acknowledge leaves out what somebody has acknowledged. Others are keys that need no entry.
func (answer *Suggestions) acknowledge(rules []*checkedKey, others [][]string, o SuggestOptions) []*checkedKey {
	var keys [][]string
	for _, k := range rules {
		k.open = slices.DeleteFunc(slices.Clone(k.attributes), func(attribute string) bool {
			key := []string{k.manager, k.action, attribute}
			keys = append(keys, key)
			_, found := o.Acknowledged.Find(suggestBy, key, o.Now)
			return found
		})
	}
	answer.Acknowledged = o.Acknowledged.report(suggestBy, keys, others, o.Now)
	return slices.DeleteFunc(rules, func(k *checkedKey) bool { return len(k.open) == 0 })
}

// suggestion is what is told of a missing or lost rule.
func (s *suggester) suggestion(k *checkedKey) Suggestion {
	denied, checks := k.counts()
	found := Suggestion{
		Class: k.class, Manager: k.manager, Action: k.action, Attributes: withoutNull(k.open), Permissions: k.permissions,
		Denied: rounded(denied), Checks: rounded(checks), Share: denied / checks,
		Users: int64(len(k.denied)), Elsewhere: s.grants.elsewhere(k),
		Bypassed: rounded(k.Bypassed.Events), BypassedUsers: k.bypassed,
		First: k.deniedAt.since, Last: k.deniedAt.until.Add(-time.Microsecond),
	}
	if k.class == ClassLost {
		found.GrantedUntil = k.Granted.Last
	}
	for _, cause := range k.explainedBy {
		found.DeniedWith = append(found.DeniedWith, cause.attributes...)
	}
	slices.Sort(found.DeniedWith)
	return found
}

// withoutNull are the attributes as they are told.
func withoutNull(attributes []string) []string {
	if slices.Equal(attributes, []string{""}) {
		return nil
	}
	return attributes
}
