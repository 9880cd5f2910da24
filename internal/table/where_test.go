package table

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// plain is a dialect that says what it is asked.
type plain struct{ hint bool }

func (plain) Boolean(column string) string { return column }
func (plain) Placeholder(n int) string     { return "$" + strconv.Itoa(n) }
func (plain) Time(t time.Time) any         { return t.Format(time.RFC3339Nano) }

func bindAll(values []string, bind Bind) string {
	var in []string
	for _, value := range values {
		in = append(in, bind(value))
	}
	return "(" + strings.Join(in, " ") + ")"
}

func (plain) Among(text string, values []string, bind Bind) string {
	return text + " in " + bindAll(values, bind)
}

func (plain) Holds(column string, values []string, bind Bind) string {
	return column + " holds " + bindAll(values, bind)
}

func (p plain) MetadataAmong(key string, values []string, bind Bind) string {
	return p.Among("text["+bind(key)+"]", values, bind)
}

func (plain) MetadataContainer(key string, bind Bind) string { return "container[" + bind(key) + "]" }

func (plain) MetadataJSON(key string, bind Bind) string { return "json[" + bind(key) + "]" }
func (plain) Period(unit string) string                 { return unit + "(created_at)" }

func (p plain) MetadataHint(key string, values []string, bind Bind) string {
	if !p.hint {
		return ""
	}
	return "hint " + key + " " + bindAll(values, bind)
}

const noGaps = "action <> 'gap'"

func TestFiltersInSQL(t *testing.T) {
	in := func(values ...string) query.Terms { return query.Terms{In: values} }
	notIn := func(values ...string) query.Terms { return query.Terms{NotIn: values} }
	key := func(terms query.Terms) query.Filter {
		return query.Filter{Metadata: map[string]query.Terms{"k": terms}}
	}
	const bad, nul = "\xff", "\x00"
	for name, row := range map[string]struct {
		filter query.Filter
		sql    string // without noGaps
		args   []any
		match  bool // what SQL selects is for Match to decide
	}{
		"everything": {query.Filter{}, "", nil, false},
		"outcome":    {query.Filter{Granted: query.No, Bypassed: query.Yes}, "NOT granted AND bypassed", nil, false},
		"others":     {query.Filter{Granted: query.Yes, Bypassed: query.No}, "granted AND NOT bypassed", nil, false},
		"unknown":    {query.Filter{Granted: 7}, "", nil, false},
		"manager":    {query.Filter{Manager: in("a", "b")}, "manager in ($1 $2)", []any{"a", "b"}, false},
		"null too":   {query.Filter{Manager: in("a", "")}, "coalesce(manager, '') in ($1 $2)", []any{"a", ""}, false},
		"no manager": {query.Filter{Manager: notIn("a")}, "NOT coalesce(manager, '') in ($1)", []any{"a"}, false},
		"both": {
			query.Filter{Manager: query.Terms{In: []string{"a"}, NotIn: []string{"b"}}},
			"manager in ($1) AND NOT coalesce(manager, '') in ($2)",
			[]any{"a", "b"},
			false,
		},
		"unstorable":      {query.Filter{Manager: in(bad, nul)}, "(1 = 0)", nil, false},
		"some unstorable": {query.Filter{Manager: in(bad, "a", nul)}, "manager in ($1)", []any{"a"}, false},
		"not unstorable":  {query.Filter{Manager: notIn(bad)}, "NOT (1 = 0)", nil, false},
		"user": {
			query.Filter{User: in("u")},
			"(user_id in ($2) OR (user_id IS NULL AND user_repr in ($1)) OR (user_id = '' AND user_repr in ($1)))",
			[]any{"u", "u"},
			false,
		},
		"no user":             {query.Filter{User: in("")}, "coalesce(nullif(user_id, ''), user_repr, '') in ($1)", []any{""}, false},
		"not user":            {query.Filter{User: notIn("u")}, "NOT coalesce(nullif(user_id, ''), user_repr, '') in ($1)", []any{"u"}, false},
		"unstorable user":     {query.Filter{User: in(nul)}, "((1 = 0) OR (user_id IS NULL AND (1 = 0)) OR (user_id = '' AND (1 = 0)))", nil, false},
		"attribute":           {query.Filter{Attribute: in("a")}, "(attributes holds ($1))", []any{"a"}, false},
		"no attributes":       {query.Filter{Attribute: in("")}, "(attributes holds ($1) OR attributes IN ('[]', 'null'))", []any{""}, false},
		"unstorable list":     {query.Filter{Permission: in(bad)}, "(1 = 0)", nil, false},
		"not unstorable list": {query.Filter{Permission: notIn(bad)}, "NOT (1 = 0)", nil, false},
		"metadata":            {key(in("v")), "(text[$1] in ($2))", []any{"k", "v"}, false},
		"no terms":            {key(query.Terms{}), "", nil, false},
		"not metadata":        {key(notIn("v")), "NOT (text[$1] in ($2))", []any{"k", "v"}, false},
		"unstorable value":    {key(in(bad)), "(1 = 0)", nil, false},
		"not such a value":    {key(notIn(bad)), "", nil, false},
		"list":                {key(in("[1]")), "(text[$1] in ($2) OR container[$3])", []any{"k", "[1]", "k"}, true},
		"object or text":      {key(in("v", "{}")), "(text[$1] in ($2 $3) OR container[$4])", []any{"k", "v", "{}", "k"}, true},
		"not a list":          {key(notIn("[]")), "(NOT (text[$1] in ($2)) OR container[$3])", []any{"k", "[]", "k"}, true},
		"bad list":            {key(in("[" + bad)), "(container[$1])", []any{"k"}, true},
	} {
		w := newWhere(plain{}, Name{}, Layout{}, row.filter)
		conditions := noGaps
		if row.sql != "" {
			conditions = joinConditions(row.sql)
		}
		require.Equal(t, " WHERE "+conditions, w.sql(), name)
		require.Equal(t, row.args, w.args, name)
		require.Equal(t, !row.match, w.exact, name)
	}
}

// joinConditions puts noGaps where it stands: behind the outcome.
func joinConditions(sql string) string {
	for _, outcome := range []string{"NOT granted AND bypassed", "granted AND NOT bypassed"} {
		if sql == outcome {
			return sql + " AND " + noGaps
		}
	}
	return noGaps + " AND " + sql
}

func TestGapsAreLeftOutUnlessTheyAreNamed(t *testing.T) {
	require.Equal(t, " WHERE action in ($1 $2)", newWhere(plain{}, Name{}, Layout{}, query.Filter{Action: query.Terms{In: []string{"gap", "read"}}}).sql())
	require.Equal(t, " WHERE "+noGaps+" AND action in ($1)", newWhere(plain{}, Name{}, Layout{}, query.Filter{Action: query.Terms{In: []string{"read"}}}).sql())
	require.Empty(t, (&where{}).sql())
}

// A hint is asked for where it can hold: not for "", which a missing key is too, nor
// for what may be a list.
func TestAHintStandsOnlyWhereItFollows(t *testing.T) {
	for name, row := range map[string]struct {
		terms query.Terms
		want  string
	}{
		"text":       {query.Terms{In: []string{"v"}}, "hint k ($1) AND (text[$2] in ($3))"},
		"both":       {query.Terms{In: []string{"v"}, NotIn: []string{"w"}}, "hint k ($1) AND (text[$2] in ($3)) AND NOT (text[$4] in ($5))"},
		"empty":      {query.Terms{In: []string{"v", ""}}, "(text[$1] in ($2 $3))"},
		"list":       {query.Terms{In: []string{"[]"}}, "(text[$1] in ($2) OR container[$3])"},
		"not":        {query.Terms{NotIn: []string{"v"}}, "NOT (text[$1] in ($2))"},
		"unstorable": {query.Terms{In: []string{"\xff"}}, "(1 = 0)"},
	} {
		w := newWhere(plain{hint: true}, Name{}, Layout{}, query.Filter{Metadata: map[string]query.Terms{"k": row.terms}})
		require.Equal(t, " WHERE "+noGaps+" AND "+row.want, w.sql(), name)
	}
}

// A hint has the key as text: of any other than those that indexes are on, there is none.
func TestOnlyKeysOfIndexesGetAHint(t *testing.T) {
	for key, hinted := range map[string]bool{
		"k": true, "K_9": true, "": false, "a b": false, "a.b": false, "é": false, `x"') IS NULL OR 1=1 --`: false, "x'": false, `x"`: false,
		`x\`: false, "x;": false, "x\n": false, strings.Repeat("x", 63): true, strings.Repeat("x", 64): false,
	} {
		f := query.Filter{Metadata: map[string]query.Terms{key: {In: []string{"v"}}}}
		for _, layout := range []Layout{{}, {Indexes: map[string]bool{Name{}.MetadataIndex(key): true}}} {
			require.Equal(t, hinted, strings.Contains(newWhere(plain{hint: true}, Name{}, layout, f).sql(), "hint"), key)
		}
	}
}

// No event has such a key: it is missing from all of them, which may be asked for.
func TestAKeyThatNoEventHasIsMissingFromAll(t *testing.T) {
	const never = " AND (1 = 0)"
	for _, key := range []string{"\xff", "a\x00"} {
		for _, row := range []struct {
			terms query.Terms
			want  string
		}{
			{query.Terms{In: []string{"", "v"}}, ""},
			{query.Terms{NotIn: []string{"v"}}, ""},
			{query.Terms{In: []string{"v"}}, never},
			{query.Terms{NotIn: []string{""}}, never},
			{query.Terms{In: []string{""}, NotIn: []string{""}}, never},
		} {
			w := newWhere(plain{hint: true}, Name{}, Layout{}, query.Filter{Metadata: map[string]query.Terms{key: row.terms}})
			require.Equal(t, " WHERE "+noGaps+row.want, w.sql())
			require.Empty(t, w.args)
		}
	}
}

func TestKeysAreAskedForInOrderEachTime(t *testing.T) {
	f := query.Filter{Metadata: map[string]query.Terms{}}
	for _, key := range []string{"c", "a", "b", "d"} {
		f.Metadata[key] = query.Terms{In: []string{"v"}}
	}
	for range 20 {
		require.Equal(t, []any{"a", "v", "b", "v", "c", "v", "d", "v"}, newWhere(plain{}, Name{}, Layout{}, f).args)
	}
}

func TestTermsOfTheCallerAreNotChanged(t *testing.T) {
	terms := query.Terms{In: []string{"a", "\xff", "b"}, NotIn: []string{"\x00", "c"}}
	newWhere(plain{}, Name{}, Layout{}, query.Filter{Manager: terms, User: terms, Attribute: terms, Metadata: map[string]query.Terms{"k": terms}})
	require.Equal(t, query.Terms{In: []string{"a", "\xff", "b"}, NotIn: []string{"\x00", "c"}}, terms)
}

// Where there is the index on the user, it is asked in its own words, in which the
// beginning alone is not enough for a long text.
func TestTheIndexOnTheUserIsAsked(t *testing.T) {
	const index = "substr(coalesce(nullif(user_id, ''), user_repr, ''), 1, 255)"
	fits, long := strings.Repeat("ü", 254), strings.Repeat("ü", 255)+"x"
	for name, row := range map[string]struct {
		in   []string
		want string
		args []any
	}{
		"one":        {[]string{"u"}, index + " = $1", []any{"u"}},
		"none":       {[]string{""}, index + " = $1", []any{""}},
		"two":        {[]string{"u", fits}, index + " in ($1 $2)", []any{"u", fits}},
		"long":       {[]string{long}, index + " = $1 AND " + userSQL + " in ($2)", []any{long[:len(long)-1], long}},
		"unstorable": {[]string{"\xff"}, never, nil},
	} {
		w := newWhere(plain{}, Name{}, Layout{Users: true}, query.Filter{User: query.Terms{In: row.in}})
		require.Equal(t, " WHERE "+noGaps+" AND "+row.want, w.sql(), name)
		require.Equal(t, row.args, w.args, name)
	}
}
