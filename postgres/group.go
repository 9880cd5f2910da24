package postgres

import (
	"context"
	"iter"
	"strconv"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
)

// Group implements query.Grouper: PostgreSQL counts the rows. Rows in which a column that
// is needed is damaged, the outcome, the time or the metadata, are damage, as for Events;
// what is not needed (attributes, say, of events by manager) is not looked at, as with
// query.Filter.Fields. What is written meanwhile may be counted or not.
func (s *Store) Group(ctx context.Context, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
	return s.reader.Group(ctx, f, by)
}

// counting is the statement for parts: the values that a part has in common, how many
// rows it has, how many of them may be no events, how many have a sample rate, and
// the first and the last time. It groups by the columns as they are, which is faster
// than by what is computed from them.
func (s *Store) counting(p table.Parts) (sql string, common int) {
	fields := append([]string(nil), p.Columns...)
	for _, optional := range []string{p.User, p.Rate} {
		if optional != "" {
			fields = append(fields, optional)
		}
	}
	common = len(fields)
	texts, ordinals := make([]string, common), make([]string, common)
	for i := range fields {
		ordinals[i] = strconv.Itoa(i + 1)
		texts[i] = "coalesce(v" + ordinals[i] + "::text, '')"
		fields[i] += " AS v" + ordinals[i]
	}
	sampled := "0::bigint"
	if p.Rate == "" {
		sampled = "count(metadata -> '" + audit.MetadataSampleRate + "')"
	}
	damaged := "jsonb_typeof(metadata) <> 'object'"
	for _, column := range []string{"granted", "bypassed", "created_at"} {
		if !p.Layout.NotNull[column] {
			damaged += " OR " + column + " IS NULL"
		}
	}
	fields = append(fields, "count(*) AS events", "count(*) FILTER (WHERE "+damaged+") AS damaged",
		sampled+" AS sampled", "min(created_at) AS first", "max(created_at) AS last")
	sql = "SELECT " + strings.Join(fields, ", ") + " FROM " + s.reader.Table.SQL() + p.Where
	if common > 0 {
		sql += " GROUP BY " + strings.Join(ordinals, ", ")
	}
	texts = append(texts, "events", "damaged", "sampled", "first", "last")
	return "SELECT " + strings.Join(texts, ", ") + " FROM (" + sql + ") AS parts WHERE events > 0", common
}

// parts reads the parts of a statement.
func (s *Store) parts(ctx context.Context, p table.Parts, each func(*table.Part) error) error {
	sql, common := s.counting(p)
	var part table.Part
	values := make([]string, common)
	into := make([]any, common, common+5)
	for i := range values {
		into[i] = &values[i]
	}
	var damaged, sampled int64
	first, firstMoment := s.reader.Created()
	last, lastMoment := s.reader.Created()
	into = append(into, &part.Events, &damaged, &sampled, first, last)
	columns := len(p.Columns)
	return s.run(ctx, sql, p.Args, func(scan table.Scan) (more bool, err error) {
		if err := scan(into...); err != nil {
			return false, err
		}
		if damaged > 0 {
			return false, table.ErrUnsure
		}
		if sampled > 0 {
			return false, table.ErrSampled
		}
		part.Values = values[:columns]
		optional := values[columns:]
		if p.User != "" {
			part.User, optional = optional[0], optional[1:]
		}
		if p.Rate != "" {
			part.Rate = optional[0]
		}
		if part.First, err = firstMoment(); err != nil {
			return false, table.ErrUnsure
		}
		if part.Last, err = lastMoment(); err != nil {
			return false, table.ErrUnsure
		}
		return true, each(&part)
	})
}
