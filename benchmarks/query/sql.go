package main

import "strings"

// duckQuery is a formulation for DuckDB. Its first columns are the answer.
type duckQuery struct {
	name    string
	columns int  // of the answer
	ordered bool // the rows of the answer are
	sql     string
}

// columnTypes are what read_json is told of the keys, so that it need not guess. The
// timestamps stay texts, which is faster, and their order is the same.
var columnTypes = []struct{ name, kind string }{
	{"id", "VARCHAR"},
	{"timestamp", "VARCHAR"},
	{"action", "VARCHAR"},
	{"attributes", "VARCHAR[]"},
	{"granted", "BOOLEAN"},
	{"bypassed", "BOOLEAN"},
	{"manager", "VARCHAR"},
	{"user_id", "VARCHAR"},
	{"user", "VARCHAR"},
	{"permissions", "VARCHAR[]"},
	{"metadata", "JSON"},
}

// readJSON reads the columns, all if there are none.
func readJSON(path string, columns ...string) string {
	wanted := map[string]bool{}
	for _, name := range columns {
		wanted[name] = true
	}
	var list []string
	for _, column := range columnTypes {
		if len(columns) == 0 || wanted[column.name] {
			list = append(list, quoted(column.name)+": "+quoted(column.kind))
		}
	}
	return "read_json(" + quoted(path) + ", format='newline_delimited', columns={" + strings.Join(list, ", ") + "})"
}

func readObjects(path string) string { return "read_ndjson_objects(" + quoted(path) + ")" }

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// countQueries count the denied events of one action.
func countQueries(path string) []duckQuery {
	return []duckQuery{
		{"read_json, two columns", 1, true, "SELECT count(*) FROM " + readJSON(path, "action", "granted") + " WHERE action = 'update' AND NOT granted"},
		{"read_json, all columns", 1, true, "SELECT count(*) FROM " + readJSON(path) + " WHERE action = 'update' AND NOT granted"},
		{"read_ndjson_objects, contains before json_extract", 1, true, "SELECT count(*) FROM " + readObjects(path) +
			` WHERE contains(json::VARCHAR, '"granted":false') AND (json->>'$.action') = 'update' AND (json->>'$.granted') = 'false'`},
	}
}

// deniedQueries group the denied events by manager and attribute. Attributes do not
// repeat in these logs, which only the last query allows for.
func deniedQueries(path string) []duckQuery {
	const user = `coalesce(user_id, "user", '') AS u`
	events := readJSON(path, "timestamp", "attributes", "granted", "manager", "user_id", "user")
	each := func(list string) string {
		return "unnest(CASE WHEN len(attributes) = 0 THEN [NULL] ELSE " + list + " END) AS attribute"
	}
	atOnce := func(list string) string {
		return "WITH e AS (SELECT manager, granted, timestamp, " + user + ", " + each(list) + " FROM " + events + ")" +
			" SELECT manager, attribute, count(*) FILTER (NOT granted) AS denied, count(*), count(DISTINCT u) FILTER (NOT granted)," +
			" min(timestamp) FILTER (NOT granted), max(timestamp) FILTER (NOT granted) FROM e GROUP BY manager, attribute HAVING denied > 0"
	}
	text := strings.ReplaceAll(events, "VARCHAR[]", "VARCHAR")
	eachText := "unnest(CASE WHEN attributes = '[]' THEN [NULL] ELSE attributes::VARCHAR[] END) AS attribute"
	return []duckQuery{
		{"one GROUP BY", 7, false, atOnce("attributes")},
		{"checks grouped by the text of the attributes first", 7, false, "WITH e AS MATERIALIZED (SELECT manager, attributes, granted, timestamp, " + user + " FROM " + text + ")," +
			" lists AS (SELECT manager, attributes, count(*) AS n FROM e GROUP BY ALL)," +
			" each AS (SELECT manager, " + eachText + ", n FROM lists)," +
			" checks AS (SELECT manager, attribute, sum(n)::BIGINT AS checks FROM each GROUP BY ALL)," +
			" refused AS (SELECT manager, " + eachText + ", u, timestamp FROM e WHERE NOT granted)," +
			" denied AS (SELECT manager, attribute, count(*) AS denied, count(DISTINCT u) AS users, min(timestamp) AS first, max(timestamp) AS last FROM refused GROUP BY ALL)" +
			" SELECT d.manager, d.attribute, denied, checks, users, first, last FROM denied d" +
			" JOIN checks c ON d.manager IS NOT DISTINCT FROM c.manager AND d.attribute IS NOT DISTINCT FROM c.attribute"},
		{"one GROUP BY, list_distinct", 7, false, atOnce("list_distinct(attributes)")},
	}
}

// lastQueries are the last events of a user. They must be whole, as ours are; to compare
// them their ids suffice.
func lastQueries(path, user string) []duckQuery {
	return []duckQuery{
		{"read_json, all columns", 1, true, "SELECT * FROM " + readJSON(path) +
			" WHERE user_id = " + quoted(user) + " ORDER BY timestamp DESC LIMIT " + limit},
		{"read_ndjson_objects, contains before json_extract", 1, true, "SELECT json->>'$.id', json FROM " + readObjects(path) +
			" WHERE contains(json::VARCHAR, " + quoted(`"user_id":"`+user+`"`) + ") AND (json->>'$.user_id') = " + quoted(user) +
			" ORDER BY json->>'$.timestamp' DESC LIMIT " + limit},
	}
}
