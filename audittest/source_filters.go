package audittest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// in, notIn and butNot are terms.
func in(values ...string) query.Terms    { return query.Terms{In: values} }
func notIn(values ...string) query.Terms { return query.Terms{NotIn: values} }
func butNot(values []string, not string) query.Terms {
	return query.Terms{In: values, NotIn: []string{not}}
}

func everything() []query.Filter { return []query.Filter{{}} }

func newest() []query.Filter {
	return []query.Filter{{Newest: true}, {Newest: true, Manager: in("Project")}, {Newest: true, Granted: query.No}}
}

func limits() []query.Filter {
	filters := []query.Filter{{Limit: 10, Bypassed: query.Yes}, {Limit: 10, Bypassed: query.Yes, Newest: true}}
	for _, limit := range []int{1, 999, 1000, 1001, largeCorpus, largeCorpus + 1, -1} {
		filters = append(filters, query.Filter{Limit: limit, Newest: len(filters)%4 == 0})
	}
	return filters
}

// times asks around the moments of events: also between two microseconds, in other
// time zones, and for years with more or fewer digits.
func times() []query.Filter {
	var bounds []time.Time
	for _, offset := range []time.Duration{-1, 0, 1, 999, 1000, 1001, 3500, 7000, time.Hour, 24 * time.Hour, 72 * time.Hour} {
		bounds = append(bounds, begin.Add(offset))
	}
	bounds = append(bounds, begin.Add(2000).In(time.FixedZone("", -9*60*60)),
		time.Date(-44, 3, 15, 12, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC))
	var filters []query.Filter
	for i, bound := range bounds {
		filters = append(filters, query.Filter{Since: bound}, query.Filter{Until: bound}, query.Filter{Since: bound, Until: bound})
		for _, ahead := range []int{1, 3, 8} {
			filters = append(filters, query.Filter{Since: bound, Until: bounds[(i+ahead)%len(bounds)]})
		}
	}
	return filters
}

// termFilters are filters of one field by terms of every kind. set sets the field.
func termFilters(values []string, set func(*query.Filter, query.Terms)) []query.Filter {
	all := []query.Terms{
		in("absent"), notIn("absent"), notIn(values...), in(values...), in(values[1] + " "),
		in("\xff"), notIn("\xff"), in("a\x00"), notIn("a\x00"), in("%"), in("_____"), in("proj*"),
	}
	for i, value := range values {
		next := values[(i+1)%len(values)]
		all = append(all, in(value), notIn(value, next), in(value, next), butNot(values, value), in(strings.ToUpper(value)))
	}
	filters := make([]query.Filter, len(all))
	for i, terms := range all {
		set(&filters[i], terms)
	}
	return filters
}

// actionNames are the actions of the corpus.
func actionNames() []string {
	var names []string
	for _, action := range append(slices.Clone(actions), audit.ActionGap) {
		names = append(names, string(action))
	}
	return names
}

func actionFilters() []query.Filter {
	return termFilters(actionNames(), func(f *query.Filter, t query.Terms) { f.Action = t })
}

// gaps: they are named, or not there.
func gaps() []query.Filter {
	gap := string(audit.ActionGap)
	return []query.Filter{
		{},
		{Action: in(gap)},
		{Action: in(gap, "read")},
		{Action: notIn("read")},
		{Action: notIn(gap)},
		{Action: butNot([]string{gap, "read"}, gap)},
		{Action: in("read")},
		{Granted: query.Yes, Newest: true, Limit: 20},
		{Action: in(gap), Newest: true, Limit: 2},
	}
}

func managerFilters() []query.Filter {
	return termFilters(managers, func(f *query.Filter, t query.Terms) { f.Manager = t })
}

// userNames are the texts that Filter.User is compared with.
func userNames() []string {
	names := slices.Concat(userIDs, userReprs)
	slices.Sort(names)
	return slices.Compact(names)
}

func userFilters() []query.Filter {
	return termFilters(userNames(), func(f *query.Filter, t query.Terms) { f.User = t })
}

func attributeFilters() []query.Filter {
	return termFilters(listValues, func(f *query.Filter, t query.Terms) { f.Attribute = t })
}

func permissionFilters() []query.Filter {
	return termFilters(listValues, func(f *query.Filter, t query.Terms) { f.Permission = t })
}

// metadataTexts are the texts that the values of the corpus are compared by.
func metadataTexts() []string {
	return []string{
		"", "r-1", "R-1", "r-10", "1", "10", "-1", "1.5", "9007199254740993", "9007199254740992", "true", "false", "null", `"r-1"`,
		"ünïcödé <&>", "[]", `["r-1"]`, `[1,"é<",null]`, "{}", `{"a":[true],"bb":1}`,
	}
}

func metadataFilters() []query.Filter {
	filters := termFilters(metadataTexts(), func(f *query.Filter, t query.Terms) {
		f.Metadata = map[string]query.Terms{audit.MetadataRequestID: t}
	})
	for _, key := range append(slices.Clone(metadataKey), "absent") {
		filters = append(filters, query.Filter{Metadata: map[string]query.Terms{key: in("1", "r-1", "true")}},
			query.Filter{Metadata: map[string]query.Terms{key: notIn("")}},
			query.Filter{Metadata: map[string]query.Terms{key: in("")}},
			query.Filter{Metadata: map[string]query.Terms{key: {}}},
			query.Filter{Metadata: map[string]query.Terms{key: notIn(""), "x": notIn("", "1")}})
	}
	return filters
}

func outcomes() []query.Filter {
	var filters []query.Filter
	for _, granted := range []query.Choice{query.Any, query.Yes, query.No} {
		for _, bypassed := range []query.Choice{query.Any, query.Yes, query.No} {
			filters = append(filters, query.Filter{Granted: granted, Bypassed: bypassed})
		}
	}
	return filters
}

// manyTerms has more terms than a database takes parameters.
func manyTerms() []query.Filter {
	const n = 70_000
	many := make([]string, n, n+1)
	for i := range many {
		many[i] = fmt.Sprintf("user %d", i)
	}
	withAlice := append(many, "alice") //nolint:gocritic // appendAssign: many has room for it
	return []query.Filter{{User: in(withAlice...)}, {User: notIn(withAlice...)}}
}

// combined are filters of several fields.
func combined() []query.Filter {
	const n = 100
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // G404: they are to be the same each time
	some := func(values []string) query.Terms {
		switch random.IntN(5) {
		case 0:
			return in(pick(random, values), pick(random, values), pick(random, values))
		case 1:
			return notIn(pick(random, values))
		default:
			return query.Terms{}
		}
	}
	filters := make([]query.Filter, n)
	for i := range filters {
		f := query.Filter{
			Action: some(actionNames()), Manager: some(managers), User: some(userNames()),
			Attribute: some(listValues), Permission: some(listValues),
			Granted: query.Choice(random.IntN(3)), Bypassed: query.Choice(random.IntN(3)), //nolint:gosec // G115: below 3
			Newest: random.IntN(2) == 0, Limit: random.IntN(3) * random.IntN(50),
		}
		if random.IntN(2) == 0 {
			f.Metadata = map[string]query.Terms{pick(random, metadataKey): some(metadataTexts())}
		}
		if random.IntN(2) == 0 {
			f.Since = begin.Add(time.Duration(random.IntN(24)) * time.Hour)
			f.Until = f.Since.Add(time.Duration(random.IntN(36)) * time.Hour)
		}
		filters[i] = f
	}
	return filters
}

// fieldSets ask for each field alone, for two, and for none in particular, by a
// filter of other fields.
func fieldSets() []query.Filter {
	filters := []query.Filter{{}, {Fields: query.FieldID | query.FieldMetadata}}
	for field := query.FieldID; field <= query.FieldMetadata; field <<= 1 {
		filters = append(filters, query.Filter{Fields: field},
			query.Filter{
				Fields: field, Newest: true, Limit: 40, Since: begin, Until: begin.Add(40 * time.Hour), Action: notIn("read"),
				Attribute: notIn("x"), Permission: notIn("x"), User: notIn("alice"), Metadata: map[string]query.Terms{"x": notIn("1")},
			},
			query.Filter{Fields: field, Granted: query.No, Manager: notIn("Order")})
	}
	return filters
}
