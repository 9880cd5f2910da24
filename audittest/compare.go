package audittest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"time"

	"github.com/permaudit/audit"
)

// differences says in which fields got, which was read back, is not the frozen event
// want. Null is the same as empty, times are compared in microseconds and metadata
// as JSON. Sanitized is not compared: what it names is the logger's affair.
func differences(want, got audit.PermissionAuditEvent) []string {
	var found []string
	differ := func(field string, same bool, want, got any) {
		if !same {
			found = append(found, fmt.Sprintf("%s is %s, want %s", field, goText(got), goText(want)))
		}
	}
	differ("ID", want.ID == got.ID, want.ID, got.ID)
	differ("Timestamp", want.Timestamp.Truncate(time.Microsecond).Equal(got.Timestamp.Truncate(time.Microsecond)), want.Timestamp, got.Timestamp)
	differ("Action", want.Action == got.Action, want.Action, got.Action)
	differ("Attributes", slices.Equal(want.Attributes, got.Attributes), want.Attributes, got.Attributes)
	differ("Granted", want.Granted == got.Granted, want.Granted, got.Granted)
	differ("Bypassed", want.Bypassed == got.Bypassed, want.Bypassed, got.Bypassed)
	differ("Manager", want.Manager == got.Manager, want.Manager, got.Manager)
	differ("UserID", want.UserID == got.UserID, want.UserID, got.UserID)
	differ("User", sameUser(want.User, got.User), want.User, got.User)
	differ("Permissions", slices.Equal(want.Permissions, got.Permissions), want.Permissions, got.Permissions)
	if len(want.Metadata)+len(got.Metadata) > 0 && !sameJSON(want.Metadata, got.Metadata) {
		found = append(found, fmt.Sprintf("Metadata is %s, want %s", jsonText(got.Metadata), jsonText(want.Metadata)))
	}
	return found
}

// compareSequences says where the ids of got differ from those of want; "": nowhere.
func compareSequences(want, got []audit.PermissionAuditEvent) string {
	_, wanted := byID(want)
	first, count := byID(got)
	for _, event := range got {
		if n := count[event.ID]; n > 1 {
			return fmt.Sprintf("an event is there %d times: %s", n, shortly(event))
		}
		if wanted[event.ID] == 0 {
			return "an event is there that should not be: " + shortly(event)
		}
	}
	for _, event := range want {
		if _, found := first[event.ID]; !found {
			return "an event is missing: " + shortly(event)
		}
	}
	for i, event := range want {
		if got[i].ID != event.ID {
			return fmt.Sprintf("the events are in another order: number %d is %s (%s), should be %s (%s)", i+1, got[i].ID, shortly(got[i]), event.ID, shortly(event))
		}
	}
	return ""
}

// goText is a value of an event for a failure: its type where that may be at fault,
// never a struct's fields.
func goText(value any) string {
	switch value := value.(type) {
	case nil:
		return "nil"
	case audit.EventID:
		return value.String()
	case time.Time:
		return value.Format(time.RFC3339Nano)
	case bool:
		return fmt.Sprint(value)
	case string, audit.Action, []string:
		return fmt.Sprintf("%q", value)
	case audit.UserRepr:
		return fmt.Sprintf("audit.UserRepr(%q)", string(value))
	default:
		return fmt.Sprintf("a %T", value)
	}
}

// sameUser compares what Freeze makes of users: nil or a UserRepr. Anything else was
// kept as it came.
func sameUser(want, got any) bool {
	switch got := got.(type) {
	case nil:
		return want == nil
	case audit.UserRepr:
		return want == got
	default:
		return false
	}
}

// sameJSON reports whether two values have the same JSON form, whatever their Go
// types are. Numbers are compared by value: 1.50 is 1.5.
func sameJSON(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true // the usual case, at a tenth of the cost
	}
	left, err := normalize(a)
	if err != nil {
		return false
	}
	right, err := normalize(b)
	return err == nil && sameValue(left, right)
}

// normalize is value as it is read from JSON.
func normalize(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var read any
	err = decoder.Decode(&read)
	return read, err
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			if other, found := b[key]; !found || !sameValue(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a.String(), b.String())
	default:
		return a == b
	}
}

// sameNumber compares two JSON numbers with more digits than any database keeps.
func sameNumber(a, b string) bool {
	const bits = 1024
	left, _, errLeft := big.ParseFloat(a, 10, bits, big.ToNearestEven)
	right, _, errRight := big.ParseFloat(b, 10, bits, big.ToNearestEven)
	return errLeft == nil && errRight == nil && left.Cmp(right) == 0
}
