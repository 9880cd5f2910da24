package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// limit is how many events of a user are asked for.
const limit = "50"

// asker puts the questions about one log.
type asker struct {
	ctx context.Context // of the run
	o   options
	db  *duckdb
	log *log
}

// ask returns all questions.
func ask(ctx context.Context, o options, db *duckdb, l *log) []*question {
	a := asker{ctx, o, db, l}
	return []*question{
		a.question("update and denied, counted", statsAnswer, []string{"stats", "--action", "update", "--denied"},
			countQueries(l.path),
			a.program(jq, countAnswer, "jq", "-n", `reduce (inputs|select(.action=="update" and (.granted|not))) as $e (0; .+1)`, l.path),
			a.program(grep, countAnswer, "grep", "-c", `"action":"update".*"granted":false`, l.path)),
		a.question("denied by manager and attribute", deniedAnswer, []string{"denied", "--by", "manager,attribute"}, deniedQueries(l.path)),
		a.lastOf("last "+limit+" of a frequent user", l.frequent),
		a.lastOf("last "+limit+" of a rare user", l.rare),
	}
}

func (a asker) lastOf(name, user string) *question {
	return a.question(fmt.Sprintf("%s (of %d)", name, a.log.counts[user]), idsAnswer,
		[]string{"query", "--user", user, "--limit", limit}, lastQueries(a.log.path, user))
}

func (a asker) question(name string, answer func([]byte) (string, error), args []string, queries []duckQuery, others ...*contestant) *question {
	q := &question{name: name}
	if a.o.permaudit != "" {
		args = append(args, "--from", a.log.path, "-o", "json")
		q.contestants = append(q.contestants, a.program(ours, answer, a.o.permaudit, args...))
	}
	q.contestants = append(q.contestants, a.duckdb(queries))
	q.contestants = append(q.contestants, others...)
	return q
}

// program is a contestant that is a whole process.
func (a asker) program(name string, answer func([]byte) (string, error), program string, args ...string) *contestant {
	return &contestant{name, []*formulation{{name: name, ask: func() (string, time.Duration, error) {
		text, took, err := output(a.ctx, program, args...)
		if err != nil {
			return "", 0, err
		}
		canonical, err := answer(text)
		return canonical, took, err
	}}}}
}

func (a asker) duckdb(queries []duckQuery) *contestant {
	c := &contestant{name: duck}
	for _, query := range queries {
		c.formulations = append(c.formulations, &formulation{name: duck + ", " + query.name, ask: func() (string, time.Duration, error) {
			rows, took, err := a.db.query(query.sql)
			for i := range rows {
				rows[i] = rows[i][:query.columns]
			}
			return rowsAnswer(rows, query.ordered), took, err
		}})
	}
	return c
}

// rowsAnswer is an answer of DuckDB: a line for each row.
func rowsAnswer(rows [][]any, ordered bool) string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			cells[j] = fmt.Sprint(cell) // null is <nil>
		}
		lines[i] = strings.Join(cells, " ")
	}
	if !ordered {
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}

func countAnswer(text []byte) (string, error) { return string(bytes.TrimSpace(text)), nil }

func statsAnswer(text []byte) (string, error) {
	var stats struct {
		Events int64 `json:"events"`
	}
	err := json.Unmarshal(text, &stats)
	return strconv.FormatInt(stats.Events, 10), err
}

func deniedAnswer(text []byte) (string, error) {
	return linesAnswer(text, false, "manager", "attribute", "denied", "checks", "users", "first", "last")
}

func idsAnswer(text []byte) (string, error) { return linesAnswer(text, true, "id") }

// linesAnswer makes of NDJSON what rowsAnswer makes of rows.
func linesAnswer(text []byte, ordered bool, keys ...string) (string, error) {
	var rows [][]any
	for line := range bytes.Lines(text) {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			return "", fmt.Errorf("read %q: %w", line, err)
		}
		row := make([]any, len(keys))
		for i, key := range keys {
			row[i] = object[key]
		}
		rows = append(rows, row)
	}
	return rowsAnswer(rows, ordered), nil
}
