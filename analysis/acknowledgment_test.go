package analysis_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/permaudit/audit/analysis"
	"github.com/stretchr/testify/require"
)

func TestAFileOfAcknowledgmentsIsRead(t *testing.T) {
	read, err := analysis.ReadAcknowledgments(strings.NewReader(
		"# What only the billing job may do.\n\n \t\n"+
			`{"manager":"Invoice","action":"update","attribute":"total","owner":"billing@example.com","reason":"only the billing job may","expires":"2027-03-31"}`+"\n"+
			"  # indented\n"+
			`  {"expires":"2027-03-31T12:00:00.5+02:00","user":"7","permission":"isOwner","metadata.a b":"x","metadata.null":null,"manager":null,"owner":"o","reason":"Grüße\n"}`,
	), "a.jsonl")
	require.NoError(t, err)
	var entries []*analysis.Acknowledgment
	for entry := range read.All() {
		entries = append(entries, entry)
	}
	require.Equal(t, []*analysis.Acknowledgment{
		{
			Key:   map[string]string{"manager": "Invoice", "action": "update", "attribute": "total"},
			Owner: "billing@example.com", Reason: "only the billing job may",
			Expires: time.Date(2027, 3, 31, 23, 59, 59, 999_999_999, time.UTC), Line: 4,
		},
		{
			Key:   map[string]string{"manager": "", "user": "7", "permission": "isOwner", "metadata.a b": "x", "metadata.null": ""},
			Owner: "o", Reason: "Grüße\n", Expires: time.Date(2027, 3, 31, 10, 0, 0, 500_000_000, time.UTC), Line: 6,
		},
	}, entries)
	require.Equal(t, []string{
		`{"manager":"Invoice","action":"update","attribute":"total","owner":"billing@example.com","reason":"only the billing job may","expires":"2027-03-31"}`,
		`{"manager":null,"user":"7","permission":"isOwner","metadata.a b":"x","metadata.null":null,"owner":"o","reason":"Grüße\n","expires":"2027-03-31T10:00:00.5Z"}`,
	}, jsonLines(t, entries))
	for range read.All() {
		break
	}
}

func TestEveryProblemOfAFileIsToldWithItsLineItsValueAndWhatIsWanted(t *testing.T) {
	const rest = `"owner":"o","reason":"r","expires":"2027-03-31"}`
	const wanted = "manager, action, attribute, user, permission, metadata.KEY"
	for _, row := range []struct {
		text string
		want []string
	}{
		{`{"manger":"Invoice","manager":"a",` + rest, []string{`a:1: member "manger" with the value "Invoice": it is unknown, want some of ` + wanted + `, and owner, reason, expires`}},
		{`{"Manager":"a",` + rest, []string{`a:1: member "Manager" with the value "a": it is unknown`}},
		{`{"day":"2026-11-23",` + rest, []string{`a:1: member "day" with the value "2026-11-23": it is unknown`}},
		{`{"granted":false,` + rest, []string{`a:1: member "granted" with the value false: it is unknown`}},
		{`{"metadata.":"a",` + rest, []string{`a:1: member "metadata." with the value "a": want metadata.KEY`}},
		{`{"manager":"a","\u006danager":"b",` + rest, []string{`a:1: member "manager": it is named twice, the second time with "b": want it once`}},
		{`{"manager":"a","owner":"x",` + rest, []string{`a:1: member "owner": it is named twice, the second time with "o": want it once`}},
		{`{` + rest, []string{"a:1: it says of no denial that it is right: want at least one of " + wanted}},
		{`{"manager":7,` + rest, []string{"a:1: manager 7: want a text, or null for no value"}},
		{`{"metadata.a b":["x"],` + rest, []string{`a:1: metadata.a b ["x"]: want a text, or null for no value`}},
		{`{"user":"",` + rest, []string{`a:1: user "": want a text, or null for no value`}},
		{`{"user":"7"}`, []string{
			"a:1: it is without owner: want who answers for the denial",
			"a:1: it is without reason: want why the denial is right",
			"a:1: it is without expires: want a date (2027-03-31) or RFC 3339 (2027-03-31T12:00:00Z)",
		}},
		{`{"user":"7","owner":" ","reason":"\t\n","expires":""}`, []string{
			`a:1: owner " ": want who`, `a:1: reason "\t\n": want why`, `a:1: expires "": want a date`,
		}},
		{`{"user":"7","owner":null,"reason":{"a":1},"expires":20270331}`, []string{
			`a:1: owner null: want who`, `a:1: reason {"a":1}: want why`, `a:1: expires 20270331: want a date`,
		}},
		{`{"user":"7","owner":"o","reason":"r","expires":"31.3.2027"}`, []string{`a:1: expires "31.3.2027": want a date (2027-03-31) or RFC 3339`}},
		{`{"user":"7","owner":"o","reason":"r","expires":"2027-02-29"}`, []string{`a:1: expires "2027-02-29": want a date`}},
		{`{"user":"7","owner":"o","reason":"r","expires":"2027-03-31T12:00:00"}`, []string{`a:1: expires "2027-03-31T12:00:00": want a date`}},
		{`{"user":"7","owner":"o","reason":"r","expires":"9999-12-31T23:59:59-01:00"}`, []string{`a:1: expires "9999-12-31T23:59:59-01:00": want a date`}},
		{`["manager"]`, []string{`a:1: "[\"manager\"]": want an object, such as {"manager":"Invoice",`}},
		{`{"manager":"a",`, []string{`a:1: "{\"manager\":\"a\",": want JSON, one whole object a line: unexpected end of JSON input`}},
		{`{"manager":"a",` + rest + ` {}`, []string{"want JSON, one whole object a line: invalid character '{' after top-level value"}},
		{"{\"manager\":\"\xff\"," + rest, []string{`a:1: its byte 13 is "\xff": want UTF-8`}},
		{"\ufeff{\"manager\":\"a\"," + rest, []string{"a:1: it begins with a byte order mark, U+FEFF: want UTF-8 without one"}},
		{"# comment\r\n{\"manager\":\"a\"," + rest + "\r\n{\"manager\":\"a\"," + rest, []string{
			`a:1: it has a carriage return, "\r": want lines that end with a line feed alone, this one and all others`,
			`a:3: manager="a": line 2 has the same key: want one entry for it`,
		}},
		{"# comment\r{\"manager\":\"a\"," + rest, []string{"a:1: it has a carriage return"}},
		{
			`{"manager":"a","metadata.b":null,` + rest + "\n\n" + `{"metadata.b":null,"manager":"a",` + rest + "\n" + `{"metadata.b":null,"manager":"a"}`,
			[]string{
				`a:3: manager="a" metadata.b=null: line 1 has the same key`, "a:4: it is without owner", "a:4: it is without reason", "a:4: it is without expires",
				`a:4: manager="a" metadata.b=null: line 1 has the same key`,
			},
		},
		{"#" + strings.Repeat("x", 1<<20) + "\n{\n#" + strings.Repeat("x", 3<<20), []string{
			"a:1: it is longer than 1048576 bytes: want one object a line", "a:2: ", "a:3: it is longer than 1048576 bytes",
		}},
		{`{"manager":"` + strings.Repeat("ü", 99) + `","manager":"` + strings.Repeat("ü", 99) + `",` + rest, []string{
			`the second time with "` + strings.Repeat("ü", 30) + `"...: want it once`,
		}},
	} {
		read, err := analysis.ReadAcknowledgments(strings.NewReader(row.text), "a")
		require.Nil(t, read, row.text)
		var joined interface{ Unwrap() []error }
		require.ErrorAs(t, err, &joined, row.text)
		problems := joined.Unwrap()
		require.Len(t, problems, len(row.want), "%s: %v", row.text, err)
		for i, want := range row.want {
			require.ErrorContains(t, problems[i], want)
			var problem *analysis.AcknowledgmentError
			require.ErrorAs(t, problems[i], &problem)
			require.Equal(t, "a", problem.File)
			require.NotContains(t, problems[i].Error(), "\n")
			require.Less(t, len(problems[i].Error()), 300)
		}
	}
}

func TestALineOfOneMiBIsRead(t *testing.T) {
	for _, end := range []string{"", "\n"} {
		_, err := analysis.ReadAcknowledgments(strings.NewReader("#"+strings.Repeat("x", 1<<20-1)+end), "a")
		require.NoError(t, err)
	}
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	failed := errors.New("disk on fire")
	read, err := analysis.ReadAcknowledgments(io.MultiReader(strings.NewReader("{\nx"), iotest.ErrReader(failed)), "a.jsonl")
	require.Nil(t, read)
	require.ErrorIs(t, err, failed)
	require.ErrorContains(t, err, "a.jsonl:1: ")
	require.ErrorContains(t, err, "a.jsonl: disk on fire")
}

func TestOnlySoManyProblemsAreTold(t *testing.T) {
	_, err := analysis.ReadAcknowledgments(strings.NewReader(strings.Repeat("{}\n", 1<<20)), "a")
	var joined interface{ Unwrap() []error }
	require.ErrorAs(t, err, &joined)
	require.Len(t, joined.Unwrap(), 1000)
}
