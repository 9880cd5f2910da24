//go:build !cgo

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlySQLiteFailsWithoutCgo(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	c.write("audit.db", "")
	for _, args := range [][]string{{"query", "--from", "sqlite:audit.db"}, {"import", "--to", "sqlite:audit.db"}, {"prune", "--older-than", "1d", "--yes", "--from", "sqlite:audit.db"}} {
		result := c.run(args...)
		require.Equal(t, exitTrouble, result.code)
		requireOneLine(t, result, "built without cgo", args)
	}
	require.Equal(t, []int{5, 3, 2, 1, 0}, ids(t, c.ok("query")))
	c.ok("import", "--to", "copy.log")
	require.Equal(t, c.ok("denied"), c.ok("denied", "--from", "copy.log"))
}
