package audittest

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a case quotes stands in the documentation, and each case in this package's.
func TestRulesAreQuoted(t *testing.T) {
	documentation := comments(t, "..") + comments(t, "../query")
	own := comments(t, ".")
	check := func(name, rule string) {
		t.Helper()
		require.Contains(t, documentation, rule, "the case %s quotes what the comments do not say (any more)", name)
		require.Contains(t, own, "- "+name+":", "the case %s is missing from the package documentation", name)
	}
	for _, c := range loggerCases {
		check(c.name, c.rule)
	}
	for _, c := range sourceCases {
		check(c.name, c.rule)
	}
	for _, c := range sinkCases {
		check(c.name, c.rule)
	}
	for _, c := range grouperCases {
		check(c.name, c.rule)
	}
	for _, c := range userGrouperCases {
		check(c.name, c.rule)
	}
}

// comments is the text of all comments of a package, on one line.
func comments(t *testing.T, directory string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.go"))
	require.NoError(t, err)
	var text strings.Builder
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, group := range file.Comments {
			text.WriteString(strings.Join(strings.Fields(group.Text()), " "))
			text.WriteString("\n")
		}
	}
	return text.String()
}
