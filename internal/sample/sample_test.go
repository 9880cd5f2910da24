package sample

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

const many = 20_000

// share is the part of the events that are so, in percent.
func share(events []audit.PermissionAuditEvent, is func(audit.PermissionAuditEvent) bool) float64 {
	n := 0
	for _, event := range events {
		if is(event) {
			n++
		}
	}
	return 100 * float64(n) / float64(len(events))
}

func lines(t *testing.T, events iter.Seq[audit.PermissionAuditEvent]) []byte {
	t.Helper()
	var text []byte
	for event := range events {
		entry, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		text = append(entry.AppendJSON(text), '\n')
	}
	return text
}

func TestEventsAreTheSameForTheSameSeed(t *testing.T) {
	events := Events(1000, 1)
	text := lines(t, events)
	require.Equal(t, 1000, bytes.Count(text, []byte("\n")))
	require.True(t, bytes.Equal(text, lines(t, events)), "ranged over again")
	require.True(t, bytes.Equal(text, lines(t, Events(1000, 1))))
	require.False(t, bytes.Equal(text, lines(t, Events(1000, 2))))
	sum := sha256.Sum256(text)
	require.Equal(t, "72f2bdecfa11bf9b", hex.EncodeToString(sum[:8]), "a change of the generator makes figures incomparable: say so in the changelog")
}

func TestEventsStopWhenNoMoreAreWanted(t *testing.T) {
	n := 0
	for range Events(10, 1) {
		if n++; n == 3 {
			break
		}
	}
	require.Equal(t, 3, n)
	require.Empty(t, slices.Collect(Events(0, 1)))
}

func TestEventsAreTheCallers(t *testing.T) {
	want := slices.Collect(Events(2000, 8))
	i := 0
	for event := range Events(2000, 8) {
		if !reflect.DeepEqual(event, want[i]) {
			require.Equal(t, want[i], event, "event %d", i)
		}
		for _, list := range [][]string{event.Attributes, event.Permissions} {
			for j := range list {
				list[j] = "changed"
			}
		}
		clear(event.Metadata)
		i++
	}
}

func TestEventsMayBeRangedOverConcurrently(t *testing.T) {
	events := Events(500, 9)
	logs := make([][]audit.PermissionAuditEvent, 4)
	var group sync.WaitGroup
	for i := range logs {
		group.Go(func() { logs[i] = slices.Collect(events) })
	}
	group.Wait()
	for _, log := range logs[1:] {
		require.True(t, reflect.DeepEqual(logs[0], log))
	}
}

func TestEventsAscendOverTheDays(t *testing.T) {
	end := Start.AddDate(0, 0, Days)
	for _, n := range []int{1, 100, many} {
		var last audit.PermissionAuditEvent
		days, hours := map[time.Time]bool{}, map[int]int{}
		for event := range Events(n, 3) {
			switch {
			case !event.Timestamp.After(last.Timestamp), event.Timestamp.Before(Start), event.Timestamp.Nanosecond()%1000 != 0:
				require.FailNow(t, "timestamp", "%v after %v", event.Timestamp, last.Timestamp)
			case bytes.Compare(event.ID[:], last.ID[:]) <= 0, event.ID.Time().UnixMilli() != event.Timestamp.UnixMilli():
				require.FailNow(t, "id", "%v after %v at %v", event.ID, last.ID, event.Timestamp)
			}
			days[event.Timestamp.Truncate(24*time.Hour)] = true
			hours[event.Timestamp.Hour()]++
			last = event
		}
		require.True(t, last.Timestamp.Before(end))
		require.Len(t, days, min(n, Days))
		if n == many {
			require.Len(t, hours, 24)
			require.Greater(t, hours[10], 10*hours[2])
		}
	}
}

func TestEventsHaveTheSharesThatTheyPromise(t *testing.T) {
	for seed := range uint64(2) {
		t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) {
			events := slices.Collect(Events(many, seed))
			for _, row := range []struct {
				what        string
				least, most float64
				is          func(audit.PermissionAuditEvent) bool
			}{
				{"denied", 3.5, 4.5, func(e audit.PermissionAuditEvent) bool { return !e.Granted }},
				{"bypassed", 0.7, 1.3, func(e audit.PermissionAuditEvent) bool { return e.Bypassed }},
				{"without a user id", 2.5, 3.5, func(e audit.PermissionAuditEvent) bool { return e.UserID == "" }},
				{"without a user", 1.5, 2.5, func(e audit.PermissionAuditEvent) bool { return e.UserID == "" && e.User == nil }},
				{"of the most frequent user", 3.5, 6, func(e audit.PermissionAuditEvent) bool { return e.UserID == User(0) }},
				{"of the least frequent user", 0, 0.05, func(e audit.PermissionAuditEvent) bool { return e.UserID == User(Users-1) }},
				{"with two attributes", 70, 80, func(e audit.PermissionAuditEvent) bool { return len(e.Attributes) == 2 }},
				{"without attributes", 4, 6, func(e audit.PermissionAuditEvent) bool { return len(e.Attributes) == 0 }},
				{"of v2", 48, 52, func(e audit.PermissionAuditEvent) bool { return e.Metadata["deployment"] == "v2" }},
				{"read", 50, 60, func(e audit.PermissionAuditEvent) bool { return e.Action == audit.ActionRead }},
				{"update", 20, 30, func(e audit.PermissionAuditEvent) bool { return e.Action == audit.ActionUpdate }},
			} {
				got := share(events, row.is)
				require.GreaterOrEqual(t, got, row.least, row.what)
				require.LessOrEqual(t, got, row.most, row.what)
			}
			const some = 2000
			size := float64(len(lines(t, slices.Values(events[:some])))) / some
			require.InDelta(t, 342, size, 5, "bytes of a line")
		})
	}
}

func TestEventsOfARequestShareItsUserAndStandAmongOthers(t *testing.T) {
	type client struct{ user, manager string }
	clients, last := map[any]client{}, map[any]int{}
	shared, among, i := 0, 0, 0
	for event := range Events(many, 4) {
		id := event.Metadata[audit.MetadataRequestID]
		before, found := clients[id]
		if found {
			if before != (client{event.UserID, event.Manager}) {
				require.FailNow(t, "another client", "%v, before %v", event, before)
			}
			shared++
			if last[id] < i-1 {
				among++
			}
		}
		clients[id], last[id] = client{event.UserID, event.Manager}, i
		i++
	}
	require.Greater(t, shared, many/3)
	require.Greater(t, among, shared/3)
}

func TestHalfOfWhatIsDeniedIsTriedAgain(t *testing.T) {
	events := slices.Collect(Events(many, 5))
	denied, again := 0, 0
	for i, event := range events {
		if event.Granted {
			continue
		}
		denied++
		for _, next := range events[i+1 : min(i+40, many)] {
			if !next.Granted && next.UserID == event.UserID && next.Manager == event.Manager && next.Action == event.Action &&
				slices.Equal(next.Attributes, event.Attributes) {
				require.NotEqual(t, event.Metadata["request_id"], next.Metadata["request_id"])
				again++
				break
			}
		}
	}
	require.InDelta(t, 0.5, float64(again)/float64(denied), 0.08)
}

func TestRulesAreDeniedToEverybodyButSuperusers(t *testing.T) {
	require.False(t, MissingRule.Match(audit.PermissionAuditEvent{}))
	events := slices.Collect(Events(many, 6))
	for _, row := range []struct {
		name   string
		rule   Rule
		denied bool
	}{
		{"missing", MissingRule, true},
		{"lost in v2", LostRule, true},
		{"not yet in v1", Rule{LostRule.Manager, LostRule.Action, LostRule.Attribute, "v1"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			checks, denied, bypassed := 0, 0, 0
			for _, event := range events {
				if !row.rule.Match(event) {
					continue
				}
				checks++
				switch {
				case event.Bypassed:
					require.True(t, event.Granted)
					bypassed++
				case !event.Granted:
					denied++
				}
			}
			require.Greater(t, checks, 20)
			if row.denied {
				require.Equal(t, checks, denied+bypassed)
			} else {
				require.Less(t, denied, checks/4)
			}
		})
	}
}

func TestSampledKeepsWhatTheSampleLoggerKeeps(t *testing.T) {
	_, err := Sampled(Events(1, 1), 0)
	require.ErrorContains(t, err, "sample rate")

	all := slices.Collect(Events(many, 7))
	sampled, err := Sampled(slices.Values(all), 0.25)
	require.NoError(t, err)
	kept := slices.Collect(sampled)
	ordinary := func(e audit.PermissionAuditEvent) bool { return e.Granted && !e.Bypassed }
	rated := func(e audit.PermissionAuditEvent) bool { return e.Metadata[audit.MetadataSampleRate] == 0.25 }
	sum := 0.0
	for _, event := range kept {
		switch {
		case ordinary(event) != rated(event):
			require.FailNow(t, "wrong rate", "%v", event)
		case rated(event):
			sum += 4
		default:
			sum++
		}
	}
	require.InEpsilon(t, many, sum, 0.1)
	critical := func(e audit.PermissionAuditEvent) bool { return !ordinary(e) }
	require.InEpsilon(t, share(all, critical)*many, share(kept, critical)*float64(len(kept)), 1e-9)
	for event := range sampled {
		require.NotZero(t, event)
		break
	}
}

func TestUsersAreDistinct(t *testing.T) {
	ids := map[string]bool{}
	for rank := range Users {
		ids[User(rank)] = true
	}
	require.Len(t, ids, Users)
}

func TestIDsAscendWithinAMillisecond(t *testing.T) {
	g := generator{random: rand.New(rand.NewPCG(1, 1))}
	last := g.id(Start)
	for i := 1; i < 1000; i++ {
		id := g.id(Start.Add(time.Duration(i) * time.Microsecond))
		require.Negative(t, bytes.Compare(last[:], id[:]), "%v before %v", last, id)
		last = id
	}
}
