package main

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireOneLine checks that wrong input got one line.
func requireOneLine(t *testing.T, result outcome, want string, args []string) {
	t.Helper()
	require.Contains(t, result.err, want, "%q", args)
	require.True(t, strings.HasPrefix(result.err, "permaudit: "), result.err)
	require.Equal(t, 1, strings.Count(result.err, "\n"), result.err)
	require.Empty(t, result.out)
	requireHarmless(t, result.err)
}

func TestWrongUsageGetsOneLineAndExitCode2(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	const accepted = "want how long ago (30m, 24h, 7d, 2w), a date (2026-11-23), or a time"
	for _, row := range []struct {
		want string
		args []string
	}{
		{`unknown command "quer": want one of bypasses, compare, completion, denied, import, prune, query, stats, suggest, tail, trace, version`, []string{"quer"}},
		{`unknown command "quer\x1b": want one of`, []string{"quer\x1b", "--limit", "3"}},
		{"unknown flag --nix: permaudit takes --color", []string{"--nix"}},
		{"unknown flag --nix: permaudit query takes --action --attribute --bypassed", []string{"query", "--nix"}},
		{"unknown flag -x: permaudit query takes", []string{"query", "-x"}},
		{`unknown flag --max: permaudit stats takes`, []string{"stats", "--max", "3"}},
		{`--since "yesterday": ` + accepted, []string{"query", "--since", "yesterday"}},
		{`--until "10:00": ` + accepted, []string{"stats", "--until", "10:00"}},
		{"--since must be before --until", []string{"query", "--since", "1h", "--until", "2h"}},
		{`--by "nix": group by "nix": unknown, want some of manager, attribute, action`, []string{"denied", "--by", "nix"}},
		{`"manager": it is named twice`, []string{"denied", "--by", "manager,manager"}},
		{`metadata.KEY wants a key, such as metadata.request_id`, []string{"denied", "--by", "manager,metadata."}},
		{`group by "": unknown`, []string{"bypasses", "--by", ""}},
		{`--max "-1": want a whole number from 0`, []string{"denied", "--max", "-1"}},
		{`--max "many": want a whole number from 0`, []string{"bypasses", "--max", "many"}},
		{`--limit "1.5": want a whole number from 0`, []string{"query", "--limit", "1.5"}},
		{`--limit "99999999999999": want a whole number from 0 to 2147483647`, []string{"query", "--limit", "99999999999999"}},
		{`--lines "-3": want a whole number`, []string{"tail", "-n", "-3"}},
		{`--output "xml": want one of table, wide, json, csv`, []string{"query", "-o", "xml"}},
		{`--color "red": want one of auto, always, never`, []string{"query", "--color", "red"}},
		{`--denied "maybe": want true or false`, []string{"query", "--denied=maybe"}},
		{`--metadata "key": want key=value`, []string{"query", "--metadata", "key"}},
		{"--granted and --denied exclude each other", []string{"query", "--granted", "--denied"}},
		{"denied counts denied events: leave --denied=false away", []string{"denied", "--denied=false"}},
		{"leave --granted away", []string{"denied", "--granted"}},
		{"leave --bypassed=false away", []string{"bypasses", "--bypassed=false"}},
		{"--user is without a value: want events of these users", []string{"query", "--user"}},
		{"--since is without a value: " + accepted, []string{"query", "--since"}},
		{"--output is without a value: want one of table, wide, json, csv", []string{"query", "-o"}},
		{"--from is without a value: want a source: path", []string{"query", "--from"}},
		{`--granted "maybe": want true or false`, []string{"query", "--granted=maybe"}},
		{`--since "2999-01-01": it is in the future`, []string{"query", "--since", "2999-01-01"}},
		{`--lines "16385": want a whole number from 0 to 16384`, []string{"tail", "-n", "16385"}},
		{`"manager": it is named twice`, []string{"denied", "--by", "manager", "--by", "day,manager"}},
		{`completion "nix": want one of bash, fish, powershell, zsh`, []string{"completion", "nix"}},
		{`bash takes no argument, but got "nix"`, []string{"completion", "bash", "nix"}},
		{`help "nix": want one of bypasses, compare, completion`, []string{"help", "nix"}},
		{`help "query nix": want one of bypasses, compare, completion`, []string{"help", "query", "nix"}},
		{`tail -f follows one source: the path of a log, sqlite:..., postgres://...; got "permission.log" "b.log"`, []string{"tail", "-f", "--from", "permission.log", "--from", "b.log"}},
		{`tail -f follows one source: the path of a log, sqlite:..., postgres://...; got "postgres://h/d table t" "b.log"`, []string{"tail", "-f", "--from", "postgres://u:geheim@h/d?table_name=t", "--from", "b.log"}},
		{`tail -f follows one source`, []string{"tail", "-f", "--from", "-"}},
		{`tail -f follows one source`, []string{"tail", "-f", "--from", "*.log"}},
		{`query takes no argument, but got "nix"`, []string{"query", "nix"}},
		{"trace wants one KEY=VALUE, such as request_id=r-1: got 0 arguments", []string{"trace"}},
		{`trace "r-1": want KEY=VALUE`, []string{"trace", "r-1"}},
		{`trace "=r-1": want KEY=VALUE`, []string{"trace", "=r-1"}},
		{"compare wants --baseline and --candidate: want key=value, such as metadata.deployment=v1, or a time range FROM..TO, such as 8d..7d", []string{"compare"}},
		{"compare wants --baseline and --candidate: want key=value", []string{"compare", "--baseline", "manager=a"}},
		{"--candidate is without a value: want key=value", []string{"compare", "--candidate"}},
		{`--baseline "": want key=value`, []string{"compare", "--baseline", ""}},
		{`--baseline "v1": "v1": want key=value, such as metadata.deployment=v1, or a time range`, []string{"compare", "--baseline", "v1"}},
		{`"words": want key=value, such as metadata.deployment=v1, or a time range FROM..TO, such as 8d..7d; in a value a blank wants a backslash before it`, []string{"compare", "--baseline", "manager=two words"}},
		{`key "deployment" is unknown: want one of action, manager, attribute, user, permission, metadata.KEY, such as metadata.deployment=v1`, []string{"compare", "--baseline", "deployment=v1"}},
		{`key "day" is unknown`, []string{"compare", "--baseline", "day=2026-11-23"}},
		{"metadata.KEY wants a key, such as metadata.deployment=v1", []string{"compare", "--baseline", "metadata.=v1"}},
		{`--candidate "metadata.deployment=": "metadata.deployment=" has an empty value: want one, such as metadata.deployment=v1`, []string{"compare", "--baseline", "8d..7d", "--candidate", "metadata.deployment="}},
		{`"manager=a," has an empty value`, []string{"compare", "--baseline", "1d.. manager=a,"}},
		{`"user=!" has an empty value`, []string{"compare", "--baseline", "user=!"}},
		{"want the ! before the value: manager=!a", []string{"compare", "--baseline", "manager!=a"}},
		{"want a time before the .., after it, or both", []string{"compare", "--baseline", ".."}},
		{`time "yesterday": ` + accepted, []string{"compare", "--baseline", "yesterday..1d"}},
		{`time "2d..1d": ` + accepted, []string{"compare", "--baseline", "3d..2d..1d"}},
		{`no time is in "7d..8d": want the earlier time first`, []string{"compare", "--baseline", "7d..8d"}},
		{`time "2999-01-01": it is in the future`, []string{"compare", "--baseline", "2999-01-01.."}},
		{"no time is left between", []string{"compare", "--baseline", "8d..7d 6d..5d"}},
		{`no manager is both one of ["a"] and one of ["b" "c"]`, []string{"compare", "--baseline", "manager=a", "--baseline", "manager=b,c"}},
		{`manager is wanted as ["a"], and excluded`, []string{"compare", "--baseline", "manager=a manager=!a"}},
		{`attribute is given twice, as ["a"] and ["b"]: want all alternatives in one list`, []string{"compare", "--baseline", "attribute=a attribute=b"}},
		{`--candidate "manager=b" with --manager a, and filters hold for both sides: no manager is both one of ["b"] and one of ["a"]`, []string{"compare", "--baseline", "manager=a", "--candidate", "manager=b", "--manager", "a"}},
		{`--candidate "1d.." with --until 2d, and filters hold for both sides: no time is left between`, []string{"compare", "--baseline", "8d..7d", "--candidate", "1d..", "--until", "2d"}},
		{`--baseline "metadata.deployment=v1" with --metadata deployment=v2, and filters hold for both sides: no metadata.deployment is both one of`, []string{"compare", "--baseline", "metadata.deployment=v1", "--candidate", "1d..", "--metadata", "deployment=v2"}},
		{"compare looks at all checks, granted, denied and bypassed: leave --denied away", []string{"compare", "--baseline", "8d..7d", "--candidate", "1d..", "--denied=false"}},
		{"leave --granted away", []string{"compare", "--baseline", "8d..7d", "--candidate", "1d..", "--granted"}},
		{"leave --bypassed away", []string{"compare", "--baseline", "8d..7d", "--candidate", "1d..", "--bypassed"}},
		{`--by "hour": both sides must have the same keys: want some of manager, attribute`, []string{"compare", "--baseline", "8d..7d", "--candidate", "1d..", "--by", "manager,hour"}},
		{`--by "manager,nix": group by "nix": unknown, want some of manager, attribute, action, user, permission, metadata.KEY` + "\n", []string{"compare", "--by", "manager,nix"}},
		{`--by "metadata.deployment": the sides select different values of it, so that keys of one would be missing in the other: leave it away`, []string{"compare", "--baseline", "metadata.deployment=v1", "--candidate", "metadata.deployment=v2", "--by", "manager,metadata.deployment"}},
		{`--by "metadata.deployment": the sides select different values of it`, []string{"compare", "--baseline", "8d..7d", "--candidate", "1d.. metadata.deployment=!v1", "--by", "metadata.deployment"}},
		{"suggest looks at all checks, granted, denied and bypassed: leave --denied away", []string{"suggest", "--denied"}},
		{"leave --bypassed away", []string{"suggest", "--bypassed=false"}},
		{"unknown flag --by: permaudit suggest takes", []string{"suggest", "--by", "manager"}},
		{`--output "markdown": want one of table, wide, json, csv`, []string{"suggest", "-o", "markdown"}},
		{"--acknowledged: open missing.jsonl: ", []string{"suggest", "--acknowledged", "missing.jsonl"}},
		{`--match "month": want one of auto, overlap, weekday, hour, none`, []string{"compare", "--match", "month"}},
		{`--alpha "1": want a number between 0 and 1`, []string{"compare", "--alpha", "1"}},
		{`--alpha "NaN": want a number between 0 and 1`, []string{"compare", "--alpha", "NaN"}},
		{`--min-ratio "0.5": want a number from 1 to 1000000`, []string{"compare", "--min-ratio", "0.5"}},
		{`--min-users "0": want a whole number from 1`, []string{"compare", "--min-users", "0"}},
		{`--output "xml": want one of table, wide, json, csv, markdown`, []string{"compare", "-o", "xml"}},
		{`--output "markdown": want one of table, wide, json, csv`, []string{"query", "-o", "markdown"}},
		{"--acknowledged: open missing.jsonl: ", []string{"compare", "--baseline", "8d..7d", "--candidate", "1d..", "--acknowledged", "missing.jsonl"}},
		{"select the same checks", []string{"compare", "--baseline", "2026-11-23..", "--candidate", "2026-11-01.."}},
		{"--from is empty", []string{"query", "--from", ""}},
		{"import wants --to", []string{"import"}},
		{`--to "-": want a file or a database`, []string{"import", "--to", "-"}},
		{`--to "*.log": it is a glob`, []string{"import", "--to", "*.log"}},
		{`--to "a.log.gz": compressed`, []string{"import", "--to", "a.log.gz"}},
		{`unknown destination "mysql:..."`, []string{"import", "--to", "mysql://u:geheim@h/d"}},
		{"--from and --to are the same, ./permission.log", []string{"import", "--to", "./permission.log", "--from", "permission.log"}},
		{"prune wants --older-than", []string{"prune", "--yes"}},
		{`--older-than "1x": ` + accepted, []string{"prune", "--older-than", "1x"}},
		{`--older-than "2999-01-01": it is in the future`, []string{"prune", "--older-than", "2999-01-01", "--yes"}},
		{"standard input is no terminal: give --yes", []string{"prune", "--older-than", "1d"}},
		{`prune --from "*.log": want the path of the log itself`, []string{"prune", "--older-than", "1d", "--yes", "--from", "*.log"}},
		{`prune --from "-": want the path of the log itself`, []string{"prune", "--older-than", "1d", "--yes", "--from", "-"}},
	} {
		result := c.run(row.args...)
		require.Equal(t, exitUsage, result.code, "%q: %s", row.args, result.err)
		require.NotContains(t, result.err, "geheim")
		if strings.HasPrefix(row.args[0], "quer\x1b") {
			row.want = `unknown command "quer\x1b"`
		}
		requireOneLine(t, result, row.want, row.args)
	}
}

func TestUnreadableSourcesGetOneLineAndExitCode4(t *testing.T) {
	c := inNewDirectory(t)
	c.write("empty.log", "")
	c.write("permission.log", log(t, events()...))
	require.NoError(t, os.Mkdir("directory", 0o700))
	c.write("image.png", "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	c.ok("import", "--to", "sqlite:audit.db", "-q")
	foreign, err := sql.Open("sqlite3", "audit.db")
	require.NoError(t, err)
	_, err = foreign.ExecContext(t.Context(), "CREATE TABLE invoices (id INTEGER PRIMARY KEY, action TEXT)")
	require.NoError(t, err)
	require.NoError(t, foreign.Close())
	const dsn = "postgres://auditor:geheim@127.0.0.1:1/app"
	for _, row := range []struct{ want, from string }{
		{"no such file", "missing.log"},
		{"is a directory", "directory"},
		{"it is an SQLite database: write sqlite:audit.db", "audit.db"},
		{"no such file", "sqlite:missing.db"},
		{"not a database", "sqlite:permission.log"},
		{"it is a binary file", "image.png"},
		{"no file matches", "none-*.log"},
		{"table invoices is no permission log", "sqlite:audit.db?table_name=invoices"},
		{"there is no table nix", "sqlite:audit.db?table_name=nix"},
		{`option "nix" is unknown`, "sqlite:audit.db?nix=1"},
		{"on 127.0.0.1:1", dsn},
		{"malformed DSN", "postgres://auditor:ge#heim@127.0.0.1:1/app"},
		{"unknown scheme", "mysql:audit"},
	} {
		for _, args := range [][]string{{"query"}, {"tail"}, {"tail", "-f"}, {"trace", "a=b"}, {"denied"}, {"bypasses"}, {"stats"}, versions, {"suggest"}, {"import", "--to", "copy.log"}} {
			if (row.from == "missing.log" || isPattern(row.from)) && len(args) == 2 && args[1] == "-f" {
				continue // it is waited for, or no single source
			}
			args = append(args, "--from", row.from)
			result := c.run(args...)
			require.Equal(t, exitTrouble, result.code, "%q: %s", args, result.err)
			require.NotContains(t, result.err, "heim")
			requireOneLine(t, result, row.want, args)
		}
	}
	for _, to := range []string{"directory", dsn, "audit.db", "sqlite:directory"} {
		result := c.run("import", "--to", to)
		require.Equal(t, exitTrouble, result.code, to)
		require.NotContains(t, result.err, "heim")
		requireOneLine(t, result, "", []string{to})
	}
	for _, from := range []string{dsn, "missing.log", "missing/permission.log", "sqlite:missing.db", "sqlite:audit.db?table_name=nix"} {
		result := c.run("prune", "--older-than", "1d", "--yes", "--from", from)
		require.Equal(t, exitTrouble, result.code, from)
		require.NotContains(t, result.err, "heim")
		requireOneLine(t, result, "", []string{from})
	}
	require.Empty(t, c.ok("query", "--from", "empty.log"))

	names := []string{}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	require.ElementsMatch(t, []string{"audit.db", "directory", "empty.log", "image.png", "permission.log"}, names, "reading creates nothing")
}

func TestTheSourceIsFound(t *testing.T) {
	c := inNewDirectory(t)
	result := c.run("query")
	require.Equal(t, exitUsage, result.code)
	requireOneLine(t, result, "no source: name one with --from (path, glob, -, sqlite:..., postgres://...) or PERMAUDIT_FROM; there is no permission.log here", nil)

	c.write("permission.log", log(t, event(1, nil)))
	c.write("with blank.log", log(t, event(2, nil)))
	c.write("other.log", log(t, event(3, nil)))
	require.Equal(t, []int{1}, ids(t, c.ok("query")))
	c.env[fromVariable] = "with blank.log"
	require.Equal(t, []int{2}, ids(t, c.ok("query")), "one source, which may have blanks")
	require.Equal(t, []int{3}, ids(t, c.ok("query", "--from", "other.log")))
	require.Equal(t, []int{3}, ids(t, c.ok("query", "--from", "file:other.log")))
	c.ok("import", "--to", "sqlite:audit.db?table_name=decisions", "-q")
	require.Equal(t, []int{2}, ids(t, c.ok("query", "--from", "sqlite:audit.db?table_name=decisions")))
	c.env[fromVariable] = "sqlite:audit.db?table_name=decisions"
	require.Equal(t, []int{2}, ids(t, c.ok("tail")))
}
