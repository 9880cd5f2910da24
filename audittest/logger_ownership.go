package audittest

import (
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/permaudit/audit"
)

// keepsNothing: what the caller does with an event after Record is his affair. Of two
// events alike, one is left in peace.
func keepsNothing(t *trial) {
	const n = 24
	var pairs [][2]audit.EventID
	for i := range n {
		peaceful, event := sample(i), sample(i)
		t.record(t.Context(), peaceful)
		t.record(t.Context(), event)
		scribble(event)
		pairs = append(pairs, [2]audit.EventID{peaceful.ID, event.ID})
	}
	t.deliver()
	got, _ := byID(t.events())
	for _, pair := range pairs {
		peaceful, found1 := got[pair[0]]
		stored, found2 := got[pair[1]]
		if !found1 || !found2 {
			continue // which is for Delivers to say
		}
		peaceful.ID, peaceful.Timestamp = stored.ID, stored.Timestamp
		if found := differences(peaceful, stored); len(found) > 0 {
			t.broken("the caller changed an event after Record had returned, and the log has changed with it: %s\n"+
				"Keep event.Freeze(ctx), or what audit.NewEntry returns", strings.Join(found, "; "))
			return
		}
	}
}

// scribble changes everything that event, which is a sample, refers to.
func scribble(event audit.PermissionAuditEvent) {
	const changed = "changed by the caller"
	for _, values := range [][]string{event.Attributes, event.Permissions} {
		for i := range values {
			values[i] = changed
		}
	}
	object := event.Metadata["object"].(map[string]any)
	object["list"].([]any)[0] = changed
	object[changed] = true
	event.Metadata["number"] = changed
	delete(event.Metadata, "float")
	switch user := event.User.(type) {
	case *member:
		user.id = changed
	case *guest:
		user.name = changed
	}
}

// changesNothing: the event is its caller's.
func changesNothing(t *trial) {
	var events, twins []audit.PermissionAuditEvent
	for i := range 2 * len(actions) {
		event, twin := sample(i), sample(i)
		twin.ID, twin.Timestamp = event.ID, event.Timestamp
		events, twins = append(events, event), append(twins, twin)
	}
	untouched := func(when string) bool {
		for i, event := range events {
			for _, part := range []struct {
				name      string
				got, want any
			}{
				{"Attributes", event.Attributes, twins[i].Attributes},
				{"Permissions", event.Permissions, twins[i].Permissions},
				{"Metadata", event.Metadata, twins[i].Metadata},
				{"User", event.User, twins[i].User},
				{"the array of Attributes beyond their end", beyond(event.Attributes), beyond(twins[i].Attributes)},
				{"the array of Permissions beyond their end", beyond(event.Permissions), beyond(twins[i].Permissions)},
			} {
				if !reflect.DeepEqual(part.got, part.want) {
					t.broken("%s, the logger had changed %s of the caller's event: it is %v, was %v", when, part.name, part.got, part.want)
					return false
				}
			}
		}
		return true
	}
	for _, event := range events {
		t.record(t.Context(), event)
	}
	if untouched("when Record returned") {
		t.deliver()
		untouched("after the event was delivered")
	}
}

// beyond is what stands in a slice's array behind it.
func beyond(values []string) []string { return values[len(values):cap(values)] }

// The users and values that a logger meets one day.
type (
	panickingUser     struct{ password string }
	panickingIdentity struct{ password string }
	panickingText     string
	secretUser        struct{ Name, Password string }
)

func (u *panickingUser) String() string                   { panic(u.password) }
func (u *panickingIdentity) AuditUserID() string          { panic(u.password) }
func (panickingText) MarshalText() ([]byte, error)        { panic(secret) }
func (u *panickingIdentity) MarshalJSON() ([]byte, error) { panic(u.password) }

// hostileUser: no user makes Record panic, fail, or write his secrets into the log.
func hostileUser(t *trial) {
	var want []audit.PermissionAuditEvent
	for i, user := range []any{
		&panickingUser{secret},
		&panickingIdentity{secret},
		panickingText("x"),
		secretUser{"bob", secret},
		&secretUser{"bob", secret},
		map[string]string{"password": secret},
		[]string{secret},
		func() string { return secret },
		make(chan int),
	} {
		event := sample(i)
		event.UserID, event.User = "", user
		t.record(t.Context(), event)
		want = append(want, event)
	}
	events, ok := t.delivered()
	if !ok {
		return
	}
	t.decided(events, want)
	for _, event := range events {
		switch event.User.(type) {
		case nil, audit.UserRepr:
		default:
			t.broken("User was read back as a %T: want nil or an audit.UserRepr, as Freeze makes them", event.User)
			return
		}
		if text := describe(event) + userText(event) + strings.Join(event.Sanitized, " "); strings.Contains(text, secret) {
			t.broken("the log holds a secret of the user's: %s", text)
		}
	}
}

// hostileMetadata: a decision is recorded, whatever its metadata are.
func hostileMetadata(t *trial) {
	cycle := map[string]any{}
	cycle["self"] = cycle
	var want []audit.PermissionAuditEvent
	for i, value := range []any{
		math.NaN(), math.Inf(-1), complex(1, 2), make(chan int), func() {}, cycle,
		&panickingIdentity{secret}, (*panickingIdentity)(nil), panickingText("x"),
		"not UTF-8: \xff, with NUL: \x00", time.Duration(1), []byte("bytes"),
		map[int]bool{1: true},
		strings.Repeat("long", audit.MaxMetadataBytes),
	} {
		event := sample(i)
		event.Metadata["hostile"] = value
		t.record(t.Context(), event)
		want = append(want, event)
	}
	if events, ok := t.delivered(); ok {
		t.decided(events, want)
	}
}

// decided fails the test unless the decision of each event is in the log, whatever
// became of the rest of it.
func (t *trial) decided(events, want []audit.PermissionAuditEvent) {
	t.Helper()
	t.arrived(events, want)
	got, _ := byID(events)
	for _, event := range want {
		stored, found := got[event.ID]
		if found && (stored.Action != event.Action || stored.Granted != event.Granted || stored.Bypassed != event.Bypassed) {
			t.broken("the decision was changed on the way: action %q, granted %v, bypassed %v; want %q, %v, %v",
				stored.Action, stored.Granted, stored.Bypassed, event.Action, event.Granted, event.Bypassed)
			return
		}
	}
}
