package audittest

import (
	"encoding/json"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// userWindows asks for as many windows as there may be, between the first events, which
// are a microsecond apart, and far from them.
func userWindows(r *userReading) {
	r.store(corpus(smallCorpus))
	stretches := func(n int, from, length, pause time.Duration) query.Set {
		var set query.Set
		for i := range time.Duration(n) {
			since := after(from + i*(length+pause))
			set.Windows = append(set.Windows, query.Window{Since: since, Until: since.Add(length)})
		}
		return set
	}
	zone := stretches(3, 2*time.Microsecond, time.Microsecond, 0)
	for i := range zone.Windows {
		zone.Windows[i].Since = zone.Windows[i].Since.In(time.FixedZone("", -9*60*60))
	}
	years := query.Set{Windows: []query.Window{
		{Since: time.Date(-44, 3, 15, 0, 0, 0, 0, time.UTC), Until: time.Time{}},
		{Since: time.Time{}, Until: after(0)},
		{Since: after(0), Until: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Since: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(22026, 1, 1, 0, 0, 0, 0, time.UTC)},
	}}
	sets := []query.Set{
		stretches(query.MaxWindows, -2*time.Microsecond, time.Microsecond, 0),
		stretches(query.MaxWindows, -2*time.Microsecond, time.Microsecond, time.Microsecond),
		stretches(query.MaxWindows, 0, 45*time.Minute, 0),
		stretches(query.MaxWindows, time.Hour, 10*time.Minute, 30*time.Minute),
		stretches(query.MaxWindows, -1, 1, 0), // nanoseconds
		stretches(20, 1, 700, 1),
		stretches(2, 1000*time.Hour, time.Hour, 0),
		zone, years,
	}
	for i := range sets {
		r.groupUsers(sets[i:i+1], "manager")
		within := sets[i]
		within.Filter = query.Filter{Since: after(3 * time.Microsecond), Until: after(20 * time.Hour)}
		r.groupUsers([]query.Set{within}, "manager")
	}
	r.groupUsers(sets, "attribute")
}

// userGaps: gaps are no decisions, unless they are named. Only when they were matters.
func userGaps(r *userReading) {
	events := corpus(smallCorpus)
	for i, dropped := range []any{json.Number("7"), json.Number("-3"), json.Number("1.5"), "many", nil} {
		events = append(events, readBack(audit.PermissionAuditEvent{
			ID: audit.NewEventID(), Timestamp: after(time.Duration(i) * time.Hour), Action: audit.ActionGap, Granted: true,
			Metadata: map[string]any{"dropped": dropped, "reason": "overflow"},
		}))
	}
	r.store(events)
	narrow := between(0, 4*time.Hour)
	narrow.Filter = query.Filter{Since: after(time.Hour), Until: after(3 * time.Hour), Manager: in("absent")}
	apart := query.Set{Windows: append(between(0, time.Microsecond).Windows, between(3*time.Hour, 3*time.Hour+time.Microsecond).Windows...)}
	for _, sets := range [][]query.Set{
		{{}},
		{between(0, time.Microsecond)},
		{between(time.Microsecond, time.Hour)},
		{narrow},
		{apart},
		{apart, narrow, apart},
		{between(1000*time.Hour, 1001*time.Hour)},
		{{Filter: query.Filter{Action: in("gap")}}, narrow},
		{{Filter: query.Filter{Action: in("gap", "read"), Granted: query.Yes}}},
		nil,
	} {
		r.groupUsers(sets, "action")
	}
}
