package interop_test

import (
	"math"
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// row is one row of the table, as Django sees it.
type row struct {
	CreatedAt   string         `json:"created_at,omitempty"` // 2006-01-02T15:04:05.000000Z
	Action      string         `json:"action"`
	Attributes  []string       `json:"attributes"`
	Granted     bool           `json:"granted"`
	Bypassed    bool           `json:"bypassed"`
	Manager     *string        `json:"manager"`
	UserID      *string        `json:"user_id"`
	UserRepr    *string        `json:"user_repr"`
	Permissions []string       `json:"permissions"`
	Metadata    map[string]any `json:"metadata"`
}

// rowOf is the row that an event should be.
func rowOf(event audit.PermissionAuditEvent) row {
	text := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	repr, _ := event.User.(audit.UserRepr)
	return row{
		CreatedAt:   event.Timestamp.UTC().Format("2006-01-02T15:04:05.000000Z"),
		Action:      string(event.Action),
		Attributes:  append([]string{}, event.Attributes...),
		Granted:     event.Granted,
		Bypassed:    event.Bypassed,
		Manager:     text(event.Manager),
		UserID:      text(event.UserID),
		UserRepr:    text(string(repr)),
		Permissions: append([]string{}, event.Permissions...),
		Metadata:    event.Metadata,
	}
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// theirs are decisions that general_manager recorded.
func theirs() []row {
	text := func(s string) *string { return &s }
	list := func(texts ...string) []string { return append([]string{}, texts...) }
	return []row{
		{
			Action: "update", Attributes: list("status"), Manager: text("Project"), UserID: text("42"),
			Permissions: list("isSelf", "matches:status:open"), Metadata: map[string]any{"request_id": "r-1"},
		},
		{
			// Written by SQLite's backend without a fraction.
			CreatedAt: "2026-11-23T07:46:20Z",
			Action:    "read", Attributes: list("équipe", "salary", "status"), Granted: true, Manager: text("Projet é中🔒"), UserID: text("7"),
			Permissions: list("isAuthenticated"),
		},
		{
			CreatedAt: "2026-11-23T07:46:20.000001Z",
			Action:    "delete", Attributes: list(), Granted: true, Bypassed: true, UserRepr: text("AnonymousUser"),
			Permissions: list(), Metadata: map[string]any{},
		},
		{
			CreatedAt: "2025-03-30T01:30:00.5Z", // an hour that does not exist in many places
			Action:    "mutation", Attributes: list("name"), Manager: text("Project"), UserID: text("42"), UserRepr: text(`<User: "O'Neil" \ ü>`),
			Permissions: list(""), Metadata: map[string]any{
				"request_id": `r"'2`, "attempt": 3, "dry_run": true, "ratio": 1.5, "big": int64(math.MaxInt64), "none": nil,
				"nested": map[string]any{"é": []any{1, "two", nil, map[string]any{}}, "": ""}, "text": "a\nb\u2028\u0001🔒",
			},
		},
		{
			Action: "create", Attributes: list("owner"), Granted: true, Manager: text("JSON null"),
			Permissions: list("isSelf"),
		},
		{
			CreatedAt: "1969-12-31T23:59:59.999999Z",
			Action:    "read", Attributes: list("status"), Manager: text("Task"), UserID: text("0b5b7a0e-6f0c-4b1c-9d3e-111111111111"),
			Permissions: list("isSelf"), Metadata: map[string]any{"request_id": "r-1", "attempt": 4},
		},
	}
}

// ours are decisions that this library records.
func ours() []audit.PermissionAuditEvent {
	return []audit.PermissionAuditEvent{
		{
			ID: audit.NewEventID(), Timestamp: at("2026-11-23T07:46:20.123456Z"),
			Action: audit.ActionUpdate, Attributes: []string{"status"}, Manager: "Project", UserID: "42",
			Permissions: []string{"isSelf"}, Metadata: map[string]any{"request_id": "r-1", "attempt": 3},
		},
		{
			ID: audit.NewEventID(), Timestamp: at("2026-11-23T08:00:00Z"),
			Action: audit.ActionRead, Attributes: []string{"équipe", "status"}, Granted: true, Manager: "Projet é中🔒", UserID: "7",
		},
		{
			ID: audit.NewEventID(), Timestamp: at("2026-11-22T23:59:59.9+05:45"),
			Action: audit.ActionDelete, Granted: true, Bypassed: true, User: audit.UserRepr("AnonymousUser"), Metadata: map[string]any{},
		},
		{
			ID: audit.NewEventID(), Timestamp: at("1999-12-31T23:59:59.000001Z"),
			Action: "approve", Attributes: []string{""}, Manager: `"; DROP TABLE x; --`, UserID: "42", User: audit.UserRepr(`<User: "O'Neil" \ ü>`),
			Permissions: []string{"isSelf", "isSelf"}, Metadata: map[string]any{
				"request_id": `r"'2`, "dry_run": true, "ratio": 1.5, "big": int64(math.MaxInt64), "none": nil,
				"nested": map[string]any{"é": []any{1, "two", nil, map[string]any{}}, "": ""},
			},
		},
		{
			ID: audit.NewEventID(), Timestamp: at("2026-11-23T07:46:19.999999Z"),
			Action: audit.ActionCreate, Granted: true, Metadata: map[string]any{"request_id": "r-3", "dry_run": false},
		},
	}
}

// later are decisions that general_manager records when the table is shared.
func later() []row {
	rows := theirs()
	for i := range rows {
		rows[i].CreatedAt = ""
	}
	return rows
}

// questions are asked of Django's ORM and of query alike.
var questions = map[string]struct {
	django selection
	query  query.Filter
}{
	"everything":   {},
	"denied":       {selection{filter: map[string]any{"granted": false}}, query.Filter{Granted: query.No}},
	"granted":      {selection{filter: map[string]any{"granted": true}}, query.Filter{Granted: query.Yes}},
	"bypassed":     {selection{filter: map[string]any{"bypassed": true}}, query.Filter{Bypassed: query.Yes}},
	"not bypassed": {selection{filter: map[string]any{"bypassed": false}}, query.Filter{Bypassed: query.No}},
	"manager":      {selection{filter: map[string]any{"manager": "Project"}}, query.Filter{Manager: in("Project")}},
	"other script": {selection{filter: map[string]any{"manager": "Projet é中🔒"}}, query.Filter{Manager: in("Projet é中🔒")}},
	"injection":    {selection{filter: map[string]any{"manager": `"; DROP TABLE x; --`}}, query.Filter{Manager: in(`"; DROP TABLE x; --`)}},
	"no manager":   {selection{filter: map[string]any{"manager__isnull": true}}, query.Filter{Manager: in("")}},
	"user":         {selection{filter: map[string]any{"user_id": "42"}}, query.Filter{User: in("42")}},
	"users":        {selection{filter: map[string]any{"user_id__in": []string{"42", "7"}}}, query.Filter{User: in("7", "42")}},
	"anonymous":    {selection{filter: map[string]any{"user_id__isnull": true, "user_repr": "AnonymousUser"}}, query.Filter{User: in("AnonymousUser")}},
	"nobody":       {selection{filter: map[string]any{"user_id__isnull": true, "user_repr__isnull": true}}, query.Filter{User: in("")}},
	"action":       {selection{filter: map[string]any{"action": "read"}}, query.Filter{Action: in("read")}},
	"actions":      {selection{filter: map[string]any{"action__in": []string{"approve", "create"}}}, query.Filter{Action: in("create", "approve")}},
	"request":      {selection{filter: map[string]any{"metadata__request_id": "r-1"}}, query.Filter{Metadata: map[string]query.Terms{"request_id": in("r-1")}}},
	"quotes":       {selection{filter: map[string]any{"metadata__request_id": `r"'2`}}, query.Filter{Metadata: map[string]query.Terms{"request_id": in(`r"'2`)}}},
	"number":       {selection{filter: map[string]any{"metadata__attempt": 3}}, query.Filter{Metadata: map[string]query.Terms{"attempt": in("3")}}},
	"boolean":      {selection{filter: map[string]any{"metadata__dry_run": true}}, query.Filter{Metadata: map[string]query.Terms{"dry_run": in("true")}}},
	"two keys": {
		selection{filter: map[string]any{"metadata__request_id": "r-1", "metadata__attempt": 4}},
		query.Filter{Metadata: map[string]query.Terms{"request_id": in("r-1"), "attempt": in("4")}},
	},
	"attribute":             {selection{contains: map[string]string{"attributes": "status"}}, query.Filter{Attribute: in("status")}},
	"attribute, not ASCII":  {selection{contains: map[string]string{"attributes": "équipe"}}, query.Filter{Attribute: in("équipe")}},
	"permission":            {selection{contains: map[string]string{"permissions": "isSelf"}}, query.Filter{Permission: in("isSelf")}},
	"since":                 {selection{filter: map[string]any{"created_at__gte": "2026-11-23T07:46:20.000001Z"}}, query.Filter{Since: at("2026-11-23T07:46:20.000001Z")}},
	"since a whole second":  {selection{filter: map[string]any{"created_at__gte": "2026-11-23T07:46:20Z"}}, query.Filter{Since: at("2026-11-23T07:46:20Z")}},
	"until":                 {selection{filter: map[string]any{"created_at__lt": "2026-11-23T07:46:20.000001Z"}}, query.Filter{Until: at("2026-11-23T07:46:20.000001Z")}},
	"until a whole second":  {selection{filter: map[string]any{"created_at__lt": "2026-11-23T07:46:20Z"}}, query.Filter{Until: at("2026-11-23T07:46:20Z")}},
	"newest first":          {selection{orderBy: []string{"-id"}}, query.Filter{Newest: true}},
	"the first two":         {selection{limit: 2}, query.Filter{Limit: 2}},
	"the last three denied": {selection{filter: map[string]any{"granted": false}, orderBy: []string{"-id"}, limit: 3}, query.Filter{Granted: query.No, Newest: true, Limit: 3}},
	"all together": {
		selection{
			filter: map[string]any{
				"granted": false, "bypassed": false, "manager": "Project", "user_id": "42", "action": "update", "metadata__request_id": "r-1",
				"created_at__gte": "2026-11-01T00:00:00Z",
			},
			contains: map[string]string{"attributes": "status", "permissions": "isSelf"},
		},
		query.Filter{
			Granted: query.No, Bypassed: query.No, Manager: in("Project"), User: in("42"), Action: in("update"),
			Metadata: map[string]query.Terms{"request_id": in("r-1")}, Since: at("2026-11-01T00:00:00Z"),
			Attribute: in("status"), Permission: in("isSelf"),
		},
	},
}

func in(texts ...string) query.Terms { return query.Terms{In: texts} }

// hostile are texts that somebody may try to break a log with.
var hostile = map[string]string{
	"line feeds":             "a\nb\r\nc\u2028d\u2029e\u0085f",
	"ANSI escapes":           "\x1b[31mred\x1b[0m\u009b31m",
	"control characters":     "\x01\x02\x03\x04\x05\x06\x07\b\t\n\v\f\r\x0e\x0f\x10\x1f\x7f\u0080\u009f",
	"NUL":                    "a\x00b",
	"invalid UTF-8":          "a\xffb\x80\xc0\x80",
	"half a rune":            "a\xe2\x80",
	"half a surrogate pair":  "a\xed\xa0\x80b",
	"beyond the last rune":   "\xf4\x90\x80\x80",
	"no character":           "\uffff\U0010ffff\ufeff",
	"escapes of JSON":        `"\" \u0000 \\ \ud800 \n`,
	"SQL":                    `'; DROP TABLE gm_permission_log; -- $1 ? %s :a`,
	"COPY":                   "\\.\n\\N\t\\x00",
	"markup":                 "<b>&amp;</b>{{ x }}{% y %}",
	"bidirectional text":     "\u202eabc\u2066\u200f\u200b",
	"combining marks":        "e\u0301" + strings.Repeat("\u0316", 100),
	"other scripts":          "é中🔒日本語العربية",
	"spaces":                 "  a \t ",
	"a word of SQL":          "NULL",
	"a word of JSON":         "null",
	"a number":               "007",
	"an array of PostgreSQL": `{a,"b"}`,
}
