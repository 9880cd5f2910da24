package main

import (
	"testing"
	"time"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestASideIsWhatItsTermsSelect(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return moment
	}
	in := func(values ...string) query.Terms { return query.Terms{In: values} }
	metadata := func(key string, terms query.Terms) map[string]query.Terms { return map[string]query.Terms{key: terms} }
	for _, row := range []struct {
		texts []string
		want  query.Filter
	}{
		{[]string{"metadata.deployment=v1"}, query.Filter{Metadata: metadata("deployment", in("v1"))}},
		{[]string{`metadata.a\ b=1=2`}, query.Filter{Metadata: metadata("a b", in("1=2"))}},
		{[]string{`manager=a,b,!c\,d action=read`}, query.Filter{Manager: query.Terms{In: []string{"a", "b"}, NotIn: []string{"c,d"}}, Action: in("read")}},
		{[]string{"manager=a", "manager=a,b attribute=x"}, query.Filter{Manager: in("a"), Attribute: in("x")}},
		{[]string{"manager=!a", "manager=!b"}, query.Filter{Manager: query.Terms{NotIn: []string{"a", "b"}}}},
		{[]string{"manager=a", "user=u permission=p"}, query.Filter{Manager: in("a"), User: in("u"), Permission: in("p")}},
		{[]string{`manager=two\ words  user=a..b`}, query.Filter{Manager: in("two words"), User: in("a..b")}},
		{[]string{"8d..7d"}, query.Filter{Since: at("2026-11-18T12:00:00Z"), Until: at("2026-11-19T12:00:00Z")}},
		{[]string{"2026-11-18..2026-11-19"}, query.Filter{Since: at("2026-11-18T00:00:00Z"), Until: at("2026-11-19T00:00:00Z")}},
		{[]string{"24h.."}, query.Filter{Since: at("2026-11-25T12:00:00Z")}},
		{[]string{"..1d"}, query.Filter{Until: at("2026-11-25T12:00:00Z")}},
		{[]string{"..2026-12-01"}, query.Filter{Until: at("2026-12-01T00:00:00Z")}},
		{[]string{"2026-11-18 22:00..2026-11-19 06:00 manager=a"}, query.Filter{Since: at("2026-11-18T22:00:00Z"), Until: at("2026-11-19T06:00:00Z"), Manager: in("a")}},
		{[]string{"2026-11-18T22:00:00.5+01:00.."}, query.Filter{Since: at("2026-11-18T21:00:00.5Z")}},
		{[]string{"8d..", "..7d"}, query.Filter{Since: at("2026-11-18T12:00:00Z"), Until: at("2026-11-19T12:00:00Z")}},
		{[]string{"8d..6d", "7d..1h"}, query.Filter{Since: at("2026-11-19T12:00:00Z"), Until: at("2026-11-20T12:00:00Z")}},
	} {
		s := side{now: &now}
		for _, text := range row.texts {
			require.NoError(t, s.Set(text), "%q", row.texts)
		}
		require.Equal(t, row.want, s.filter, "%q", row.texts)
	}
}
