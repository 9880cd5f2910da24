package analysis

import (
	"context"
	"time"

	"github.com/permaudit/audit/query"
)

// Totals are the answer of Stats.
type Totals struct {
	Events   int64 // decisions
	Granted  int64 // of them
	Denied   int64
	Bypassed int64 // granted or denied

	First, Last time.Time // zero if there is none
	Notes
}

// MarshalJSON implements json.Marshaler: "events", "granted", "denied", "bypassed",
// "gaps", "dropped", "damaged", "first" and "last", the last two null if there is no
// event.
func (t Totals) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	return o.close([]member{
		{"events", t.Events},
		{"granted", t.Granted},
		{"denied", t.Denied},
		{"bypassed", t.Bypassed},
		{"gaps", t.Gaps},
		{"dropped", t.Dropped},
		{"damaged", t.Damaged},
		{"first", moment(t.First)},
		{"last", moment(t.Last)},
	})
}

// Stats counts the events that f selects; its Newest, Limit and Fields do not matter. Gaps
// are counted, but are no events. It returns an error if the source cannot be read.
func Stats(ctx context.Context, source query.Source, f query.Filter) (Totals, error) {
	var t Totals
	f.Fields = 0
	groups, err := query.GroupBy(ctx, source, f, []string{"granted", "bypassed"})
	if err != nil {
		return t, err
	}
	for g, err := range groups {
		switch {
		case err == nil:
			t.add(g)
		case !t.skip(err):
			return t, err
		}
	}
	return t, nil
}

func (t *Totals) add(g query.Group) {
	t.Events += g.Events
	if g.Key[0] == "true" {
		t.Granted += g.Events
	} else {
		t.Denied += g.Events
	}
	if g.Key[1] == "true" {
		t.Bypassed += g.Events
	}
	t.Sampled += g.Sampled
	t.Anonymous += g.Anonymous
	if t.First.IsZero() || g.First.Before(t.First) {
		t.First = g.First
	}
	if g.Last.After(t.Last) {
		t.Last = g.Last
	}
}
