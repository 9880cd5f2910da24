package query

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

func in(values ...string) Terms    { return Terms{In: values} }
func notIn(values ...string) Terms { return Terms{NotIn: values} }

func TestTermsAcceptByInAndNotIn(t *testing.T) {
	for _, row := range []struct {
		name   string
		terms  Terms
		values []string
		want   bool
	}{
		{"zero accepts a value", Terms{}, []string{"a"}, true},
		{"zero accepts null", Terms{}, nil, true},
		{"in accepts one of its own", in("b", "a"), []string{"a"}, true},
		{"in refuses another", in("b"), []string{"a"}, false},
		{"in refuses null", in("a"), nil, false},
		{"empty in In accepts null", in(""), nil, true},
		{"empty in In accepts an empty value", in(""), []string{""}, true},
		{"empty in In refuses a value", in(""), []string{"a"}, false},
		{"in accepts several if one is its own", in("b"), []string{"a", "b"}, true},
		{"not-in accepts another", notIn("b"), []string{"a"}, true},
		{"not-in accepts null", notIn("b"), nil, true},
		{"not-in refuses its own", notIn("b", "a"), []string{"a"}, false},
		{"not-in refuses several if one is its own", notIn("b"), []string{"a", "b"}, false},
		{"empty in NotIn refuses null", notIn(""), nil, false},
		{"empty in NotIn accepts a value", notIn(""), []string{"a"}, true},
		{"not-in wins over in", Terms{In: []string{"a", "b"}, NotIn: []string{"b"}}, []string{"a", "b"}, false},
		{"both accept", Terms{In: []string{"a"}, NotIn: []string{"b"}}, []string{"a"}, true},
		{"case matters", in("A"), []string{"a"}, false},
		{"the whole value is compared", in("Pro"), []string{"Project"}, false},
	} {
		t.Run(row.name, func(t *testing.T) { require.Equal(t, row.want, row.terms.accepts(row.values...)) })
	}
}

func TestMatchAsksEveryField(t *testing.T) {
	event := audit.PermissionAuditEvent{
		Timestamp: begin, Action: audit.ActionUpdate, Attributes: []string{"status", "owner"}, Granted: false, Bypassed: true,
		Manager: "Project", UserID: "42", Permissions: []string{"isSelf", "isAdmin"},
		Metadata: map[string]any{"request_id": "r-1", "deployment": "v2"},
	}
	for _, row := range []struct {
		name     string
		yes, not Filter
	}{
		{"since, included", Filter{Since: begin}, Filter{Since: begin.Add(time.Microsecond)}},
		{"until, excluded", Filter{Until: begin.Add(time.Microsecond)}, Filter{Until: begin}},
		{"since in another zone", Filter{Since: begin.In(time.FixedZone("", 3600))}, Filter{Since: begin.Add(1).In(time.FixedZone("", 3600))}},
		{"action", Filter{Action: in("update")}, Filter{Action: notIn("update")}},
		{"manager", Filter{Manager: in("Project")}, Filter{Manager: in("Order")}},
		{"attribute", Filter{Attribute: in("owner")}, Filter{Attribute: notIn("owner")}},
		{"user", Filter{User: in("42")}, Filter{User: in("7")}},
		{"permission", Filter{Permission: in("isAdmin")}, Filter{Permission: notIn("isAdmin")}},
		{"metadata", Filter{Metadata: map[string]Terms{"deployment": in("v2")}}, Filter{Metadata: map[string]Terms{"deployment": in("v1")}}},
		{
			"every key of the metadata",
			Filter{Metadata: map[string]Terms{"deployment": in("v2"), "request_id": in("r-1"), "absent": {}}},
			Filter{Metadata: map[string]Terms{"deployment": in("v2"), "request_id": in("r-2")}},
		},
		{"granted", Filter{Granted: No}, Filter{Granted: Yes}},
		{"bypassed", Filter{Bypassed: Yes}, Filter{Bypassed: No}},
		{"fields are joined by and", Filter{Manager: in("Project"), User: in("42")}, Filter{Manager: in("Project"), User: in("7")}},
		{"order, limit and fields do not matter", Filter{Newest: true, Limit: 1, Fields: FieldID}, Filter{Manager: in("Order"), Newest: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.True(t, row.yes.Match(event), "%+v", row.yes)
			require.False(t, row.not.Match(event), "%+v", row.not)
		})
	}
}

func TestGapsMatchOnlyWhenNamed(t *testing.T) {
	gap := audit.PermissionAuditEvent{Timestamp: begin, Action: audit.ActionGap, Granted: true}
	require.True(t, Filter{Action: in("read", "gap")}.Match(gap))
	require.False(t, Filter{}.Match(gap))
	require.False(t, Filter{Action: notIn("read")}.Match(gap))
	require.False(t, Filter{Action: in("read")}.Match(gap))
	require.False(t, Filter{Action: Terms{In: []string{"gap"}, NotIn: []string{"gap"}}}.Match(gap))
	require.False(t, Filter{Action: in("gap")}.Match(audit.PermissionAuditEvent{Action: audit.ActionRead}))
}

type account struct{ number string }

func (a account) AuditUserID() string { return a.number }
func (account) String() string        { return "an account" }

func TestUserMatchesIDOrElseText(t *testing.T) {
	for _, row := range []struct {
		name  string
		event audit.PermissionAuditEvent
		text  string
	}{
		{"id", audit.PermissionAuditEvent{UserID: "42"}, "42"},
		{"id before text", audit.PermissionAuditEvent{UserID: "42", User: audit.UserRepr("Alice")}, "42"},
		{"text", audit.PermissionAuditEvent{User: audit.UserRepr("<AnonymousUser object>")}, "<AnonymousUser object>"},
		{"neither", audit.PermissionAuditEvent{}, ""},
		{"a user who was not recorded yet", audit.PermissionAuditEvent{User: 42}, "42"},
		{"with a method", audit.PermissionAuditEvent{User: account{"7"}}, "7"},
		{"with a method, anonymous", audit.PermissionAuditEvent{User: account{}}, "an account"},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.text, userText(&row.event))
			require.True(t, Filter{User: in(row.text)}.Match(row.event))
			require.False(t, Filter{User: notIn(row.text)}.Match(row.event))
			require.False(t, Filter{User: in("else")}.Match(row.event))
		})
	}
}

func TestMetadataIsComparedByItsText(t *testing.T) {
	for _, row := range []struct {
		name  string
		value any
		text  string
	}{
		{"null", nil, ""},
		{"string", `say "<hi>"`, `say "<hi>"`},
		{"empty string", "", ""},
		{"number as it is written", json.Number("1.50e2"), "1.50e2"},
		{"true", true, "true"},
		{"false", false, "false"},
		{"list", []any{json.Number("1"), "a", nil, []any{}}, `[1,"a",null,[]]`},
		{"object, by sorted keys", map[string]any{"b": json.Number("2.0"), "a": map[string]any{"<&>": true}}, `{"a":{"<&>":true},"b":2.0}`},
		{"empty containers", []any{map[string]any{}, []any{}}, `[{},[]]`},
		{"integer that was not recorded yet", 42, "42"},
		{"float that was not recorded yet", 0.5, "0.5"},
		{"what marshals as text", netip.MustParseAddr("::1"), "::1"},
		{"time", begin, "2026-11-23T07:46:20.123456Z"},
		{"nil map", map[string]any(nil), ""},
		{"what JSON cannot express", math.NaN(), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			event := audit.PermissionAuditEvent{Metadata: map[string]any{"key": row.value}}
			require.Equal(t, row.text, metadataText(row.value))
			require.True(t, Filter{Metadata: map[string]Terms{"key": in(row.text)}}.Match(event))
			require.False(t, Filter{Metadata: map[string]Terms{"key": notIn(row.text)}}.Match(event))
		})
	}
	require.True(t, Filter{Metadata: map[string]Terms{"absent": in("")}}.Match(audit.PermissionAuditEvent{}), "a missing key is null")
	require.False(t, Filter{Metadata: map[string]Terms{"a": in("1")}}.Match(audit.PermissionAuditEvent{
		Metadata: map[string]any{"nested": map[string]any{"a": "1"}},
	}), "keys of objects inside do not count")
}

func TestZeroFieldsAreAll(t *testing.T) {
	require.True(t, Fields(0).Has(FieldSanitized))
	require.True(t, (FieldID | FieldUser).Has(FieldUser))
	require.True(t, (FieldID | FieldUser).Has(FieldUser|FieldID))
	require.False(t, (FieldID | FieldUser).Has(FieldUser|FieldAction))
}

func TestChoicesHaveNames(t *testing.T) {
	require.Equal(t, "any yes no", fmt.Sprint(Any, " ", Yes, " ", No))
}
