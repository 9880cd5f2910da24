package audittest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// after is a moment so long after the first events of the corpus.
func after(d time.Duration) time.Time { return begin.Add(d) }

// between is a set of one window.
func between(since, until time.Duration) query.Set {
	return query.Set{Windows: []query.Window{{Since: after(since), Until: after(until)}}}
}

// someSets overlap, and have filters, windows, or both.
func someSets() []query.Set {
	both := between(0, 24*time.Hour)
	both.Filter = query.Filter{Manager: notIn("Order"), Since: after(time.Hour)}
	return []query.Set{{}, between(0, 24*time.Hour), between(12*time.Hour, 48*time.Hour), {Filter: query.Filter{User: in("alice", "1", "")}}, both}
}

// userKeys asks for each dimension alone, for none, and for several.
func userKeys(r *userReading) {
	r.store(corpus(largeCorpus))
	r.groupUsers(make([]query.Set, 1))
	r.groupUsers(someSets(), "manager", "action", "attribute")
	r.store(corpus(smallCorpus))
	for _, name := range groupDimensions() {
		r.groupUsers(someSets(), name)
	}
	r.groupUsers(someSets(), groupDimensions()...)
}

// userSets: each set counts for itself, be it the same as another one.
func userSets(r *userReading) {
	r.store(corpus(smallCorpus))
	all := someSets()
	for i := range all {
		r.groupUsers(all[i:i+1], "manager", "attribute")
		r.groupUsers([]query.Set{all[i], all[i], all[0]}, "permission")
	}
	var many []query.Set
	for range 7 {
		many = append(many, all...)
	}
	r.groupUsers(many, "manager")
	r.groupUsers(nil, "manager")
}

// userFilterSets asks with the filters of TestSource, several at once.
func userFilterSets(r *userReading) {
	r.store(corpus(smallCorpus))
	filters := combined()
	for _, more := range [][]query.Filter{
		times(), actionFilters(), managerFilters(), userFilters(), attributeFilters(), permissionFilters(), metadataFilters(), outcomes(),
	} {
		for i, f := range more {
			if i%3 == len(filters)%3 { // TestSource asks with all of them
				filters = append(filters, f)
			}
		}
	}
	windows := someSets()
	for i := 0; i+1 < len(filters); i += 2 {
		sets := []query.Set{{Filter: filters[i]}, {Filter: filters[i+1], Windows: windows[i/2%3].Windows}}
		if !r.groupUsers(sets, [][]string{{"manager", "attribute"}, {"user"}, {"granted", "bypassed"}, {"action", "day"}}[i/2%4]...) {
			return
		}
	}
}

func userOrder(r *userReading) {
	r.store(corpus(smallCorpus))
	for _, f := range []query.Filter{{Newest: true}, {Limit: 3}, {Newest: true, Limit: 1, Granted: query.No}, {Fields: query.FieldID}, {Fields: query.FieldManager}} {
		r.groupUsers([]query.Set{{Filter: f}, {}}, "manager", "attribute")
	}
}

// userWeights: some events stand for several.
func userWeights(r *userReading) {
	events := corpus(smallCorpus)
	rates := []any{
		json.Number("0.5"), json.Number("0.3"), json.Number("1"), json.Number("0.1"), nil, json.Number("0"), json.Number("1.5"), "0.5", true,
		[]any{json.Number("0.5")},
	}
	for i := range events {
		if i%3 == 0 {
			metadata := maps.Clone(events[i].Metadata)
			if metadata == nil {
				metadata = map[string]any{}
			}
			metadata[audit.MetadataSampleRate] = rates[i/3%len(rates)]
			events[i].Metadata = metadata
			events[i] = readBack(events[i])
		}
	}
	r.store(events)
	for _, by := range [][]string{nil, {"manager", "attribute"}, {"metadata.sample_rate"}, {"user"}, {"hour"}} {
		r.groupUsers(someSets(), by...)
	}
}

// userNumbers: users are told apart by their id, or else their text; there may be many.
func userNumbers(r *userReading) {
	events := corpus(largeCorpus)
	for i := range events {
		if i%4 == 0 {
			events[i].UserID = fmt.Sprint("user ", i%400)
		}
	}
	r.store(events)
	r.groupUsers(someSets(), "manager", "action", "attribute")
	r.groupUsers(someSets(), "user")
}

// nobody: where nothing is selected there is no group.
func nobody(r *userReading) {
	r.store(nil)
	r.groupUsers(someSets(), "manager")
	r.store(corpus(smallCorpus))
	r.groupUsers([]query.Set{between(1000*time.Hour, 2000*time.Hour), {Filter: query.Filter{Manager: in("absent")}}})
	nowhere := between(0, time.Hour)
	nowhere.Filter.Since = after(2 * time.Hour)
	r.groupUsers([]query.Set{nowhere}, "manager")
	r.groupUsers([]query.Set{nowhere, {}}, "manager")
}

// wrongSets: the error comes before anything is read.
func wrongSets(r *userReading) {
	r.store(corpus(smallCorpus))
	refused := func(sets []query.Set, by ...string) {
		if _, err := query.GroupUsersBy(r.Context(), r.source, sets, by); err == nil {
			r.broken("GroupUsers by %q, of %s, returned no error", by, setsText(sets))
		}
	}
	for _, by := range [][]string{{"owner"}, {""}, {"manager", "manager"}, {"metadata"}, {"manager", `manager"; DROP TABLE x`}} {
		refused(make([]query.Set, 1), by...)
	}
	overlapping, many := between(0, time.Hour), between(0, time.Microsecond)
	overlapping.Windows = append(overlapping.Windows, between(time.Hour-1, 2*time.Hour).Windows...)
	for i := range time.Duration(query.MaxWindows) {
		many.Windows = append(many.Windows, between((i+1)*time.Hour, (i+2)*time.Hour).Windows...)
	}
	for _, set := range []query.Set{between(0, 0), between(time.Hour, 0), overlapping, many} {
		refused([]query.Set{{}, set}, "manager")
	}
	r.groupUsers(make([]query.Set, 1), "manager")
}

// usersAgain: a caller may leave a group and the sequence, and range again.
func usersAgain(r *userReading) {
	r.store(corpus(smallCorpus))
	by := []string{"manager"}
	sequence, err := query.GroupUsersBy(r.Context(), r.source, someSets(), by)
	if err != nil {
		r.broken("GroupUsers returned an error: %v", err)
		return
	}
	for group, err := range sequence {
		if err != nil {
			continue // of gaps
		}
		for range group.Users {
			break
		}
		break
	}
	for range 2 {
		got, numbers := newUserTally(), map[int]string{}
		problem := ""
		for group, err := range sequence {
			var gap *query.GapError
			switch {
			case errors.As(err, &gap):
				got.gaps = *gap
			case err != nil:
				r.broken("the sequence yielded an error: %v", err)
				return
			default:
				for range group.Users {
					break
				}
				problem = orProblem(problem, got.take(group, numbers))
			}
		}
		r.sameUsers(someSets(), by, got, problem)
	}
}

// usersEndWithContext: a part is not taken for the whole.
func usersEndWithContext(r *userReading) {
	r.store(corpus(smallCorpus))
	cause := errors.New("the reader gave up")
	ctx, cancel := context.WithCancelCause(r.Context())
	cancel(cause)
	for _, by := range [][]string{nil, {"manager", "attribute"}} {
		var last error
		pairs := 0
		err := r.call("the sequence, with a context that has ended,", soon, func() error {
			sequence, err := query.GroupUsersBy(ctx, r.source, someSets(), by)
			if err != nil {
				return err
			}
			for group, err := range sequence {
				pairs++
				if last = err; !reflect.ValueOf(group).IsZero() {
					last = fmt.Errorf("a group: %+v", group.Key)
				}
			}
			return nil
		})
		if err != nil || !errors.Is(last, cause) || pairs != 1 {
			r.broken("ctx had ended, and of %d pairs the last is %v: want one with the cause of ctx, which context.Cause returns", pairs, errors.Join(err, last))
		}
	}
	r.groupUsers(someSets(), "manager")
}

// usersConcurrently: several ask at once, each for something else.
func usersConcurrently(r *userReading) {
	const askers = 8
	r.store(corpus(smallCorpus))
	names := groupDimensions()
	got, problems := make([]*userTally, askers), make([]string, askers)
	for _, err := range r.all("GroupUsers, called concurrently,", patience, askers, func(i int) (err error) {
		got[i], problems[i], err = askUsers(r.Context(), r.source, someSets(), names[i:i+1])
		return err
	}) {
		if err != nil {
			r.broken("the source, asked concurrently, yielded an error: %v", err)
			return
		}
	}
	for i := range got {
		r.sameUsers(someSets(), names[i:i+1], got[i], problems[i])
	}
}
