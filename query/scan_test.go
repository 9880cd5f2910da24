package query

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// unusual are lines that are written otherwise than this library does it, or wrongly.
func unusual() []string {
	line := eventLine(7, "Project")
	other := idOf(8).String()
	replace := func(old, by string) string { return strings.Replace(line, old, by, 1) }
	lines := []string{
		line,
		replace(`"id":`, `"ID":`), replace(`{"id":`, `{ "id": `), replace(`{"id"`, `{"\u0069\u0064"`),
		replace(`"granted"`, `"id":"`+other+`","granted"`), replace(`"granted"`, `"\u0069d":"`+other+`","granted"`),
		replace(`"granted"`, `"id":null,"granted"`), replace(`null}`, `{"id":"`+other+`"}}`),
		replace("0007", "000X"), replace("0007", "000a"), replace("0007", "000A"), replace("0007", "00/7"), replace("0007", "00:7"),
		replace("0007", "00@7"), replace("0007", "00G7"), replace("0007", "00`7"), replace("0007", "00g7"), replace("0007", "00\x807"),
		replace("0007", "000O"), replace("0000-", "0000_"), replace(`"id":"`+idOf(7).String()+`"`, `"id":null`), replace(`"id":"`+idOf(7).String()+`"`, `"id":""`),
		replace("2026-", "0000-"), replace("2026-", "0001-"), replace("2026-11-23T07:46:27.123456Z", "0001-01-01T00:00:00.000000Z"),
		replace("2026-11-23T07:46:", strings.Repeat("\x00", 17)), replace("2026-11-23", "2026-02-29"), replace("2026-11-23", "2024-02-29"),
		replace("T07:", "T24:"), replace("T07:", "T23:"), replace(":46:", ":60:"), replace(":27.", ":60."), replace("T07", " 07"),
		replace("456Z", "456+00:00"), replace("456Z", "456-00:00"), replace("456Z", "456+02:00"), replace("456Z", "456"), replace("456Z", "45xZ"),
		replace(".123456Z", "Z"), replace(".123456Z", ".1Z"), replace(".123456Z", ".123456789Z"), replace(`"timestamp"`, `"time"`),
		replace(`"read"`, `""`), replace(`"read"`, `null`), replace(`"read"`, `1`), replace(`"read"`, `"r\u0065ad"`), replace(`"read"`, `"gap"`),
		replace(`"read"`, `"g\u0061p"`), replace(`"read"`, "\"r\xffd\""), replace(`"read"`, "\"r\x00d\""), replace(`"read"`, `"\x"`), replace(`"read"`, `"\u12"`),
		replace(`"read"`, `"\ud83d"`), replace(`"read"`, `"\ud83d\ude00"`), replace(`"read"`, `"a\\"`), replace(`"read"`, `"a\"`),
		replace(`"granted":true`, `"granted":null`), replace(`"granted":true`, `"granted":"true"`), replace(`"granted":true,`, ``), replace(`"granted":true`, `"granted":tru`),
		replace(`"bypassed":false`, `"bypassed":null`), replace(`"bypassed":false,`, ``), replace(`"bypassed":false`, `"bypassed":0`),
		replace(`"user_id":null`, `"user_id":"u"`), replace(`"user_id":null,"user":null`, `"user_id":"","user":"x"`), replace(`"user_id":null`, `"user_id":7`),
		replace(`"user":null`, `"user":"Ünï"`), replace(`"user":null`, `"user":"<\u0041>"`), replace(`"user":null`, `"user":""`), replace(`"user":null`, `"user":{}`),
		line + " \t\r", " " + line, line + "x", line + line, line[:len(line)-1], line[1:], line + ",", "{}", "", "[]", "null", `""`, "{", "\x00\x00",
		replace(`}`, `,}`), replace(`}`, `,"x":1}`), replace(`}`, `,"x":{"y":[1,2,{"z":null}]}}`), replace(`}`, `,"sanitized":["metadata.ua:utf8"]}`),
		replace(`}`, `,"sanitized":[1]}`), replace(`}`, `,"sanitized":null}`), replace(`}`, `,"sanitized":[]}`), replace(`}`, `,"sanitized":[] ,"x":[ ]}`),
		`{"timestamp": "2026-11-23T09:07:37.197203+00:00", "action": "read", "granted": true}`,
		`{"granted": false, "action": "read", "timestamp": "2026-11-23T09:07:37.197203+00:00"}`,
	}
	for _, list := range []string{
		`["a"]`, `["a","b"]`, `[ "a" , "b" ]`, `["a","a"]`, `[""]`, `["",""]`, `[null]`, `[1]`, `["a",]`, `[,"a"]`, `["a" "b"]`, `["a"`, `"a"`, `{}`, `null`, `["é"]`,
		`["\u00e9","x"]`, `["a\"b"]`, `["]"]`, `["a,b","c"]`, "[\"\xff\"]",
	} {
		lines = append(lines, replace(`"attributes":[]`, `"attributes":`+list), replace(`"permissions":[]`, `"permissions": `+list))
	}
	for _, metadata := range []string{
		`{}`, `{ }`, `[]`, `1`, `"x"`, `{"x":1}`, `{"x":"1"}`, `{"x":1.50}`, `{"x":-0}`, `{"x":01}`, `{"x":1.}`, `{"x":.5}`, `{"x":1e5}`, `{"x":1E-5}`, `{"x":1e}`, `{"x":-}`,
		`{"x":1.true}`, `{"x":1etrue}`, `{"x":true}`, `{"x":false}`, `{"x":null}`, `{"x":tru}`, `{"x":[]}`, `{"x":[1,"é<",null]}`, `{"x":{"b":1,"a":2}}`, `{"x":{"a":[{"b":{}}]}}`,
		`{"x":[1 2]}`, `{"x":[1,]}`, `{"x":[}`, `{"x":{]}`, `{"x"}`, `{"x":}`, `{x:1}`, `{"x":1,}`, `{"x":1 "y":2}`, `{"x":1,"x":2}`, `{"\u0078":3}`, `{"y":{"x":9},"x":4}`, `{ "x" : 5 , "y" : 6 }`,
		`{"sample_rate":0.25}`, `{"sample_rate":"0.25"}`, `{"sample_rate":0}`, `{"sample_rate":2}`, `{"sample_rate":1e-400}`, `{"s\u0061mple_rate":0.5}`, `{"x":"sample_rate"}`, `{"sample_rate":null}`,
		`{"dropped":12}`, `{"x":"a b","y":"\n"}`, `{"x":"` + strings.Repeat("y", 300) + `"}`, `{"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, "{\"x\":\"\xff\"}",
	} {
		lines = append(lines, replace(`"metadata":null`, `"metadata":`+metadata))
	}
	return lines
}

// requireSameAsDecoded requires that what the scanner takes means what it means to
// audit's own reader, to filters and to groupings.
func requireSameAsDecoded(t *testing.T, line []byte) (scanned bool) {
	t.Helper()
	scanner := lineScanner{lists: new(knownLists)}
	var raw rawLine
	if !scanner.scan(line, &raw) {
		return false
	}
	var event audit.PermissionAuditEvent
	require.NoError(t, event.UnmarshalJSON(line), "%s", line)
	require.Equal(t, pairText(event, nil), pairText(raw.event(0), nil), "%s", line)
	for _, f := range filtersOf(&event) {
		require.Equal(t, f.Match(event), newRawFilter(f).match(&raw), "%s: %+v", line, f)
	}
	all := slices.Concat(Dimensions()[:len(Dimensions())-1], []string{"metadata.x", "metadata.", "metadata.é"})
	dimensions, err := parseDimensions(all)
	require.NoError(t, err)
	filter := Filter{Granted: Choice(len(line) % 3), Action: Terms{In: []string{"gap", "read", ""}}}
	decoded, quick := newGrouping(filter, dimensions), newRawGrouping(newGrouping(filter, dimensions), newRawFilter(checksOf(filter)))
	byEvent := newRawGrouping(decoded, quick.checks)
	byEvent.addEvent(&event)
	quick.addLine(&raw)
	require.Equal(t, groupTexts(decoded), groupTexts(quick.flush()), "%s", line)
	return true
}

// filtersOf are filters of what an event holds and does not hold.
func filtersOf(event *audit.PermissionAuditEvent) []Filter {
	terms := func(values ...string) []Terms {
		var all []Terms
		for _, value := range append(values, "", "x", "gap", "é") {
			all = append(all, in(value), notIn(value), Terms{In: []string{value, "read"}, NotIn: []string{"a"}})
		}
		return all
	}
	var filters []Filter
	for _, choice := range []Choice{Any, Yes, No} {
		filters = append(filters, Filter{Granted: choice}, Filter{Bypassed: choice})
	}
	for _, t := range terms(string(event.Action)) {
		filters = append(filters, Filter{Action: t})
	}
	for _, t := range terms(event.Manager) {
		filters = append(filters, Filter{Manager: t})
	}
	for _, t := range terms(userText(event)) {
		filters = append(filters, Filter{User: t})
	}
	for _, t := range terms(event.Attributes...) {
		filters = append(filters, Filter{Attribute: t})
	}
	for _, t := range terms(event.Permissions...) {
		filters = append(filters, Filter{Permission: t})
	}
	for key, value := range event.Metadata {
		for _, t := range terms(metadataText(value), "1") {
			filters = append(filters, Filter{Metadata: map[string]Terms{key: t}}, Filter{Metadata: map[string]Terms{"y": t}})
		}
	}
	for _, shift := range []int{-1, 0, 1} {
		at := event.Timestamp.Add(timeShift(shift))
		filters = append(filters, Filter{Since: at}, Filter{Until: at})
	}
	for i := range filters {
		filters[i].Action.In = append(filters[i].Action.In[:len(filters[i].Action.In):len(filters[i].Action.In)], string(event.Action))
	}
	return filters
}

func TestScannedLinesMeanWhatTheyMeanDecoded(t *testing.T) {
	scanned := 0
	for _, line := range unusual() {
		if requireSameAsDecoded(t, []byte(line)) {
			scanned++
		}
	}
	require.Greater(t, scanned, 80, "those that are right")
}

// What others write is read as quickly, but for what is rare.
func TestUsualLinesAreScanned(t *testing.T) {
	scanner := lineScanner{lists: new(knownLists)}
	var raw rawLine
	for _, line := range unusual() {
		usual := json.Valid([]byte(line)) && new(audit.PermissionAuditEvent).UnmarshalJSON([]byte(line)) == nil
		for _, rare := range []string{`"id":"` + idOf(8).String(), `,"id":null,"g`, `"\u0069`, `i\u0064`, "[null]", `"id":""`, `"0000-11`, "456Z-", "+02:00", "-00:00", "27Z", ".1Z", "789Z", "456\"", "0001-", "[[[[[[["} {
			usual = usual && !strings.Contains(line, rare)
		}
		if usual {
			require.True(t, scanner.scan([]byte(line), &raw), "%s", line)
		}
	}
}

// FuzzScan has every way of writing an event read twice.
func FuzzScan(f *testing.F) {
	for _, line := range unusual() {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if !strings.ContainsRune(string(line), '\n') {
			requireSameAsDecoded(t, line)
		}
	})
}

func TestScanningDoesNotAllocate(t *testing.T) {
	line := []byte(strings.Replace(eventLine(1, "Project"), `"metadata":null`, `"metadata":{"request_id":"r-1","deployment":"v2"}`, 1))
	scanner := lineScanner{lists: new(knownLists)}
	var raw rawLine
	filter := newRawFilter(Filter{Action: in("update"), Manager: in("Project"), User: in("7"), Metadata: map[string]Terms{"request_id": in("r-2")}})
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if !scanner.scan(line, &raw) || filter.match(&raw) {
			t.Error("it is an event that is not selected")
		}
	}))
}
