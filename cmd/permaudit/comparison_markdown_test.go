package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// hostileTexts are texts that somebody could send to a service, to do harm in a comment.
var hostileTexts = []string{
	"a|b", `a\|b`, `|`, `\`, "`", "``a`", "` `", " x ", "@everyone", "a@b.example", "https://evil.example", "www.evil.example",
	"[click](https://evil.example)", "![x](https://evil.example/x.png)", "<img src=x onerror=alert(1)>", "</details>", "<!-- ", "a\nb\n\n# c",
	"a\r\nb", "\x1b[31mred", "\u202egnirts", "#1", "GH-1", "*bold*", "| a | b |\n|---|---|", "&lt;", "$x$", ":smile:", strings.Repeat("x", 300),
	"a\xffb", "```sh\nrm\n```", "~~~", "`</code>@everyone",
}

// withoutCode takes the code spans from a line; a fence that is not closed stays.
func withoutCode(t *testing.T, line string) string {
	t.Helper()
	var rest strings.Builder
	for line != "" {
		i := strings.IndexByte(line, '`')
		if i < 0 {
			rest.WriteString(line)
			break
		}
		rest.WriteString(line[:i])
		line = line[i:]
		fence := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		line = line[len(fence):]
		for {
			end := strings.Index(line, fence)
			require.GreaterOrEqual(t, end, 0, "a code span does not end: %q", line)
			run := len(line[end:]) - len(strings.TrimLeft(line[end:], "`"))
			line = line[end+run:]
			if run == len(fence) {
				break
			}
		}
		rest.WriteString("CODE")
	}
	return rest.String()
}

// What users and managers are called does nothing in a comment: no mention, no link, no
// HTML, no cell of its own.
func TestNothingOfTheLogDoesAnythingInAComment(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	for i, text := range hostileTexts {
		n.check("v1", text, text, 30, 0)
		n.check("v2", text, text, 30, 30*(i%2)) // else there is an improvement below
		for range 120 {
			n.add("v2", text, func(e *audit.PermissionAuditEvent) { e.Manager, e.Granted = "loop"+text, false })
		}
		n.check("v1", text, "better", 30, 30)
		n.check("v2", text, "better", 30, 0)
	}
	c.write("permission.log", n.log(t))
	owner := `{"manager":"` + "``a`" + `","owner":"@owner|","reason":"<b>[x](https://evil.example)","expires":"2999-12-31"}` + "\n"
	c.write("owned.jsonl", owner)
	result := c.run("compare", "--baseline", `metadata.deployment=v1 manager=!@everyone,!<b>|`, "--candidate", "metadata.deployment=v2", "-o", "markdown", "--limit", "0", "--acknowledged", "owned.jsonl")
	require.Equal(t, exitFinding, result.code, result.err)
	requireHarmless(t, result.out)
	require.Contains(t, result.out, "acknowledged by `@owner\\|` until")
	columns, details := 0, 0
	for line := range strings.Lines(result.out) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "|") {
			columns = 0
		} else {
			found := len(regexp.MustCompile(`(?:^|[^\\])\|`).FindAllString(line, -1))
			if columns == 0 {
				columns = found
			}
			require.Equal(t, columns, found, line)
		}
		rest := withoutCode(t, line)
		details += strings.Count(rest, "details>")
		for _, markup := range []string{"<details><summary>What is no alert</summary>", "</details>", "&lt;0.0001", "### permaudit", "metadata.deployment"} {
			rest = strings.ReplaceAll(rest, markup, "")
		}
		require.NotRegexp(t, "[@<&*\\[#\\\\`]|http|www|evil|GH-", rest, line)
		require.Less(t, len(line), 600, line)
	}
	require.Equal(t, 2, details, "one begins and one ends outside of code")
}

// A text is code as Markdown reads it back.
func TestCodeIsReadBackAsTheTextThatItWas(t *testing.T) {
	for text, want := range map[string]string{
		"a": "`a`", "a`b": "``a`b``", "`": "`` ` ``", "a``b`": "``` a``b` ```", " a ": "`  a  `", "": "-", "a\nb": `` + "`a\\nb`", " a": "` a`",
	} {
		require.Equal(t, want, code(text), "%q", text)
	}
	require.Equal(t, "`a\\|b\\\\|c`", codeCell(`a|b\|c`))
	require.Len(t, []rune(code(strings.Repeat("x", 300))), 82)
}
