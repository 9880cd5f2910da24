package audittest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/permaudit/audit"
)

// How many events a source is asked about: enough for every filter to find some, or
// more than a page where it is read in pages.
const (
	smallCorpus = 100
	largeCorpus = 1200
)

// What the events of the corpus are made of, and what filters ask for. Values differ
// in case, contain one another, and hold what has a meaning in SQL and in patterns.
var (
	managers    = []string{"", "Project", "project", "Project ", "Projects", "Order", `O'Brien "x" %_\`, "null", "ünïcödé", "日本語🔒"}
	userIDs     = []string{"", "1", "10", "01", "alice", "Alice", "a'b\"c", "null"}
	userReprs   = []string{"", "AnonymousUser", "1", "alice", "line\nbreak", "null"}
	listValues  = []string{"status", "Status", "owner", "", "own", `"quoted"`, `back\slash`, "a,b", "[]", "%", "ünïcödé", "null"}
	metadataKey = []string{audit.MetadataRequestID, "Request_ID", "a.b", `say "x"`, "it's", "$", "[0]", "ключ", "", "x"}
	// As JSON: a value is read back as it is read from JSON.
	metadataValue = []any{
		nil, "", "r-1", "R-1", "r-10", "1", 1, 10, -1, 1.5, 9007199254740993, true, false, "true", "null",
		`"r-1"`, "ünïcödé <&>",
		[]any{},
		[]any{"r-1"},
		[]any{1, "é<", nil},
		map[string]any{},
		map[string]any{"bb": 1, "a": []any{true}},
	}
)

// begin is when the first event of the corpus may have happened; all did in the two
// days after it.
var begin = time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC)

// corpus returns n events, the same ones each time but for their ids, in order of
// arrival: which is neither that of their timestamps nor that of their ids.
func corpus(n int) []audit.PermissionAuditEvent {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // G404: it is to be the same each time
	ids := make([]audit.EventID, n)
	for i := range ids {
		ids[i] = audit.NewEventID()
	}
	random.Shuffle(n, func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	events := make([]audit.PermissionAuditEvent, n)
	for i := range events {
		events[i] = readBack(audit.PermissionAuditEvent{
			ID:          ids[i],
			Timestamp:   moment(random, i),
			Action:      pick(random, actions),
			Attributes:  pickSome(random, listValues),
			Granted:     random.IntN(2) == 0,
			Bypassed:    random.IntN(4) == 0,
			Manager:     pick(random, managers),
			UserID:      pick(random, userIDs),
			User:        audit.UserRepr(pick(random, userReprs)),
			Permissions: pickSome(random, listValues),
			Metadata:    pickMetadata(random),
		})
		if i%50 == 20 {
			events[i].Action, events[i].Granted, events[i].Bypassed = audit.ActionGap, true, false
		}
	}
	return events
}

// moment is a time in the two days. The first events lie a microsecond apart.
func moment(random *rand.Rand, i int) time.Time {
	if i < 8 {
		return begin.Add(time.Duration(i) * time.Microsecond)
	}
	return begin.Add(time.Duration(random.Int64N(int64(48*time.Hour/time.Microsecond))) * time.Microsecond)
}

func pick[T any](random *rand.Rand, values []T) T { return values[random.IntN(len(values))] }

// pickSome returns up to three values; one may come twice.
func pickSome(random *rand.Rand, values []string) []string {
	var some []string
	for range random.IntN(4) {
		some = append(some, pick(random, values))
	}
	return some
}

func pickMetadata(random *rand.Rand) map[string]any {
	n := random.IntN(5)
	if n == 0 {
		return nil
	}
	metadata := map[string]any{}
	for range n {
		metadata[pick(random, metadataKey)] = pick(random, metadataValue)
	}
	return metadata
}

// readBack is event as it is read from a log.
func readBack(event audit.PermissionAuditEvent) audit.PermissionAuditEvent {
	entry, err := audit.NewEntry(context.Background(), event)
	if err == nil {
		event, err = entry.Event()
	}
	if err != nil || len(event.Sanitized) > 0 {
		panic(fmt.Sprintf("audittest: an event of the corpus is not fit for it: %v %v", err, event.Sanitized))
	}
	return event
}
