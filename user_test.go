package audit_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// Users of all kinds.
type (
	uuid       [16]byte
	oneByte    byte
	bytesOfOwn [2]oneByte
	textArray  [2]byte
	longArray  [2]uint16
	model      struct{ ID, Password string }
	identified struct{ id, name, Password string }
	anonymous  struct{ Password string }
	silent     struct{ Password string }
	byPointer  struct{ id string }
	login      string
	shouting   string
	key        int
	badID      struct{ Password string }
	badString  struct{ Password string }
	badText    [4]byte
	failing    string
)

func (textArray) MarshalText() ([]byte, error) { return []byte("text"), nil }
func (textArray) String() string               { return "not asked" }
func (u uuid) String() string                  { return "uuid-" + string('0'+rune(u[0])) }
func (u identified) AuditUserID() string       { return u.id }
func (u identified) String() string            { return "<" + u.name + ">" }
func (anonymous) String() string               { return "<AnonymousUser>" }
func (silent) String() string                  { return "" }
func (u *byPointer) AuditUserID() string       { return u.id }
func (s shouting) String() string              { return strings.ToUpper(string(s)) }
func (key) AuditUserID() string                { return "of the method" }
func (badID) AuditUserID() string              { panic("hunter2") }
func (badString) String() string               { panic("hunter2") }
func (badText) MarshalText() ([]byte, error)   { panic("hunter2") }
func (failing) MarshalText() ([]byte, error)   { return nil, errors.New("hunter2") }

func TestTheUserIsResolvedByTheRules(t *testing.T) {
	var (
		nilModel   *model
		nilPointer *byPointer
		name       = "a string"
	)
	for name, row := range map[string]struct {
		userID   string
		user     any
		id, repr string
		repaired string
	}{
		"nobody":                        {},
		"the field":                     {userID: "7", id: "7"},
		"the field and a user":          {userID: "7", user: identified{id: "8", name: "x"}, id: "7"},
		"the field and a repr":          {userID: "7", user: audit.UserRepr("<x>"), id: "7", repr: "<x>"},
		"a repr":                        {user: audit.UserRepr("<x>"), repr: "<x>"},
		"an empty repr":                 {user: audit.UserRepr("")},
		"nil of a type":                 {user: nilModel},
		"nil with a method":             {user: nilPointer},
		"nil map":                       {user: map[string]int(nil)},
		"AuditUserID":                   {user: identified{id: "8", name: "x"}, id: "8"},
		"AuditUserID of a pointer":      {user: &byPointer{"9"}, id: "9"},
		"AuditUserID before the kind":   {user: key(5), id: "of the method"},
		"AuditUserID is empty":          {user: identified{name: "guest"}, repr: "<guest>"},
		"AuditUserID empty, no String":  {user: &byPointer{}, repr: "*audit_test.byPointer"},
		"string":                        {user: "ada", id: "ada"},
		"empty string":                  {user: ""},
		"named string":                  {user: login("ada"), id: "ada"},
		"string with a String":          {user: shouting("ada"), id: "ADA"},
		"int":                           {user: -42, id: "-42"},
		"zero":                          {user: 0, id: "0"},
		"int8":                          {user: int8(-8), id: "-8"},
		"int64":                         {user: int64(1) << 62, id: "4611686018427387904"},
		"uint64":                        {user: ^uint64(0), id: "18446744073709551615"},
		"uint8":                         {user: uint8(200), id: "200"},
		"number with a name":            {user: colour(3), id: "green"},
		"bytes with a String":           {user: uuid{5}, id: "uuid-5"},
		"bytes with a text":             {user: textArray{}, id: "text"},
		"bytes alone":                   {user: [4]byte{0, 0xab, 0xff, 1}, id: "00abff01"},
		"bytes of a type":               {user: bytesOfOwn{1, 2}, id: "0102"},
		"an EventID":                    {user: referenceEvent().ID, id: referenceEvent().ID.String()},
		"an array of others":            {user: longArray{1}, repr: "audit_test.longArray"},
		"struct":                        {user: model{"1", "hunter2"}, repr: "audit_test.model"},
		"pointer to struct":             {user: &model{"1", "hunter2"}, repr: "*audit_test.model"},
		"struct without name":           {user: struct{ Password string }{"hunter2"}, repr: "struct { Password string }"},
		"Stringer":                      {user: anonymous{"hunter2"}, repr: "<AnonymousUser>"},
		"Stringer that is an address":   {user: netip.MustParseAddr("10.0.0.1"), repr: "10.0.0.1"},
		"Stringer that says nothing":    {user: silent{"hunter2"}, repr: "audit_test.silent"},
		"bool":                          {user: true, repr: "bool"},
		"float":                         {user: 1.5, repr: "float64"},
		"slice of bytes":                {user: []byte("hunter2"), repr: "[]uint8"},
		"pointer to string":             {user: &name, repr: "*string"},
		"map":                           {user: map[string]string{"password": "hunter2"}, repr: "map[string]string"},
		"error":                         {user: errors.New("hunter2"), repr: "*errors.errorString"},
		"func":                          {user: func() {}, repr: "func()"},
		"panic in AuditUserID":          {user: badID{"hunter2"}, repr: "[panic: audit_test.badID]", repaired: "user_id:panic"},
		"panic in String":               {user: badString{"hunter2"}, repr: "[panic: audit_test.badString]", repaired: "user:panic"},
		"panic in String of a string":   {user: panickingString("x"), repr: "[panic: audit_test.panickingString]", repaired: "user_id:panic"},
		"panic in MarshalText":          {user: badText{}, repr: "[panic: audit_test.badText]", repaired: "user_id:panic"},
		"error of MarshalText":          {user: failing("hunter2"), repr: "[error: audit_test.failing]", repaired: "user_id:error"},
		"nil pointer behind an adapter": {user: struct{ *byPointer }{}, repr: "[panic: struct { *audit_test.byPointer }]", repaired: "user_id:panic"},
	} {
		t.Run(name, func(t *testing.T) {
			event := decision()
			event.UserID, event.User = row.userID, row.user
			line, read := recordLine(t, event)
			require.Equal(t, row.id, read.UserID)
			require.Equal(t, row.repr, reprOf(read))
			require.NotContains(t, line, "hunter2")
			require.NotContains(t, line, `"user_id":""`, "nothing is null")
			require.NotContains(t, line, `"user":""`, "nothing is null")
			if row.repaired == "" {
				require.Empty(t, read.Sanitized)
			} else {
				require.Equal(t, []string{row.repaired}, read.Sanitized)
			}

			frozen := event.Freeze(t.Context())
			require.Equal(t, row.id, frozen.UserID)
			require.Equal(t, row.repr, reprOf(frozen))
			require.Equal(t, read.Sanitized, frozen.Sanitized)
		})
	}
}

// reprOf is the representation of an event's user, which is a UserRepr or nil.
func reprOf(event audit.PermissionAuditEvent) string {
	if event.User == nil {
		return ""
	}
	return string(event.User.(audit.UserRepr))
}

func TestWhatUserMethodsReturnIsRepairedToo(t *testing.T) {
	event := decision()
	event.UserID, event.User = "", identified{id: "a\x00b\xff" + strings.Repeat("c", audit.MaxNameBytes)}
	_, read := recordLine(t, event)
	require.Equal(t, "a\ufffdb\ufffd"+strings.Repeat("c", audit.MaxNameBytes-8), read.UserID)
	require.ElementsMatch(t, []string{"user_id:utf8", "user_id:nul", "user_id:long"}, read.Sanitized)

	event.User = identified{name: strings.Repeat("é", audit.MaxStringBytes)}
	_, read = recordLine(t, event)
	require.Equal(t, []string{"user:long"}, read.Sanitized)
}
