package audittest

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// userTally is what a sequence of query.GroupUsersBy says: what there is of each key, in
// each set, and of each user there.
type userTally struct {
	keys  map[string][]query.SetCounts
	users map[userKey]query.UserCounts // without numbers
	gaps  query.GapError
}

// userKey says whose counts they are.
type userKey struct {
	key  string // joined
	set  int
	user string
}

func newUserTally() *userTally {
	return &userTally{keys: map[string][]query.SetCounts{}, users: map[userKey]query.UserCounts{}}
}

// expectedUsers is what is stored, counted by the definition.
func (r *userReading) expectedUsers(sets []query.Set, by []string) *userTally {
	t := newUserTally()
	for _, event := range r.stored {
		isGap := false
		for i, set := range sets {
			window := windowOf(set, event.Timestamp)
			bounds := query.Filter{Since: set.Filter.Since, Until: set.Filter.Until, Action: in("gap")}
			isGap = isGap || event.Action == audit.ActionGap && window >= 0 && bounds.Match(event)
			if window < 0 || !set.Filter.Match(event) {
				continue
			}
			for _, key := range keysOf(event, by) {
				t.add(event, strings.Join(key, "\x00"), i, len(sets), uint64(1)<<window)
			}
		}
		if isGap {
			t.gaps.Gaps++
			if n, ok := event.Metadata["dropped"].(json.Number); ok {
				dropped, _ := strconv.ParseInt(n.String(), 10, 64)
				t.gaps.Dropped += max(dropped, 0)
			}
		}
	}
	return t
}

// windowOf is the window of a set in which a moment is; -1: none.
func windowOf(set query.Set, at time.Time) int {
	if len(set.Windows) == 0 {
		return 0
	}
	for i, w := range set.Windows {
		if !at.Before(w.Since) && at.Before(w.Until) {
			return i
		}
	}
	return -1
}

// add counts a check with a key in a set.
func (t *userTally) add(event audit.PermissionAuditEvent, key string, set, sets int, windows uint64) {
	if t.keys[key] == nil {
		t.keys[key] = make([]query.SetCounts, sets)
	}
	s, id := &t.keys[key][set], userKey{key, set, userText(event)}
	u := t.users[id]
	u.User, u.Set = id.user, set
	weight := 1.0
	if n, ok := event.Metadata[audit.MetadataSampleRate].(json.Number); ok {
		if rate, _ := n.Float64(); rate > 0 && rate <= 1 {
			weight = 1 / rate
			s.Sampled++
		}
	}
	s.Checks += weight
	if id.user == "" {
		s.Anonymous++
	}
	count := func(is bool, o *query.Outcome, share *query.UserShare) {
		if !is {
			return
		}
		if o.Events == 0 || event.Timestamp.Before(o.First) {
			o.First = event.Timestamp
		}
		if o.Events == 0 || event.Timestamp.After(o.Last) {
			o.Last = event.Timestamp
		}
		o.Events += weight
		share.Events += weight
		share.Windows |= windows
	}
	count(event.Granted && !event.Bypassed, &s.Granted, &u.Granted)
	count(!event.Granted, &s.Denied, &u.Denied)
	count(event.Bypassed, &s.Bypassed, &u.Bypassed)
	t.users[id] = u
}
