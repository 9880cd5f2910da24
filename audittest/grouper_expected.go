package audittest

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// count is a group by its definition.
type count struct {
	events, checks     float64
	users              map[string]bool
	first, last        time.Time
	anonymous, sampled int64
}

// expectedGroups are the groups of what is stored, by their keys, and its gaps.
func (r *groupReading) expectedGroups(f query.Filter, by []string) (map[string]query.Group, query.GapError) {
	counts := map[string]*count{}
	keys := map[string][]string{}
	var gaps query.GapError
	checks := f
	checks.Granted, checks.Bypassed = query.Any, query.Any
	for _, event := range r.stored {
		if event.Action == audit.ActionGap && (query.Filter{Since: f.Since, Until: f.Until, Action: in("gap")}).Match(event) {
			gaps.Gaps++
			if n, ok := event.Metadata["dropped"].(json.Number); ok {
				dropped, _ := strconv.ParseInt(n.String(), 10, 64)
				gaps.Dropped += max(dropped, 0)
			}
		}
		if !checks.Match(event) {
			continue
		}
		for _, key := range keysOf(event, by) {
			id := strings.Join(key, "\x00")
			if counts[id] == nil {
				counts[id], keys[id] = &count{users: map[string]bool{}}, key
			}
			counts[id].add(event, f.Match(event))
		}
	}
	groups := map[string]query.Group{}
	for id, c := range counts {
		if len(c.users) > 0 {
			group := query.Group{
				Key: keys[id], Events: int64(math.Round(c.events)), Checks: int64(math.Round(c.checks)), Users: int64(len(c.users)),
				First: c.first, Last: c.last, Anonymous: c.anonymous, Sampled: c.sampled,
			}
			if !f.Fields.Has(query.FieldUser) {
				group.Users, group.Anonymous = 0, 0
			}
			groups[id] = group
		}
	}
	return groups, gaps
}

func (c *count) add(event audit.PermissionAuditEvent, selected bool) {
	weight := 1.0
	if n, ok := event.Metadata[audit.MetadataSampleRate].(json.Number); ok {
		if rate, _ := n.Float64(); rate > 0 && rate <= 1 {
			weight = 1 / rate
			c.sampled++
		}
	}
	c.checks += weight
	if !selected {
		return
	}
	user := userText(event)
	if user == "" {
		c.anonymous++
	}
	if len(c.users) == 0 || event.Timestamp.Before(c.first) {
		c.first = event.Timestamp
	}
	if len(c.users) == 0 || event.Timestamp.After(c.last) {
		c.last = event.Timestamp
	}
	c.events += weight
	c.users[user] = true
}

// keysOf are the keys of the groups that an event belongs to.
func keysOf(event audit.PermissionAuditEvent, by []string) [][]string {
	keys := [][]string{nil}
	for _, name := range by {
		var longer [][]string
		for _, key := range keys {
			for _, value := range valuesOf(event, name) {
				longer = append(longer, append(slices.Clone(key), value))
			}
		}
		keys = longer
	}
	return keys
}

// valuesOf are the different values of an event in a dimension.
func valuesOf(event audit.PermissionAuditEvent, name string) []string {
	at := event.Timestamp.UTC()
	switch name {
	case "manager":
		return []string{event.Manager}
	case "action":
		return []string{string(event.Action)}
	case "user":
		return []string{userText(event)}
	case "attribute":
		return different(event.Attributes)
	case "permission":
		return different(event.Permissions)
	case "day":
		return []string{at.Format("2006-01-02")}
	case "hour":
		return []string{at.Format("2006-01-02T15") + ":00:00Z"}
	case "granted":
		return []string{strconv.FormatBool(event.Granted)}
	case "bypassed":
		return []string{strconv.FormatBool(event.Bypassed)}
	}
	return []string{textOf(event.Metadata[strings.TrimPrefix(name, "metadata.")])}
}

func different(values []string) []string {
	if len(values) == 0 {
		return []string{""}
	}
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}

// textOf is the text of a metadata value: null is "", a string is itself, everything
// else is compact JSON.
func textOf(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // it was read from JSON
	return strings.TrimSuffix(text.String(), "\n")
}
