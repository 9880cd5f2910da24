package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheCommandsOfTheREADMEWork(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	c := inNewDirectory(t)
	n := &nights{events: events()}
	n.check("v1", "Invoice", "total", 60, 6)
	n.check("v2", "Invoice", "total", 60, 6)
	c.write("permission.log", n.log(t))
	commands := 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(readme, -1) {
		for line := range strings.Lines(string(block[1])) {
			args := strings.Fields(line)
			require.Equal(t, "permaudit", args[0])
			c.ok(args[1:]...)
			commands++
		}
	}
	require.Equal(t, 12, commands)
	for _, flag := range regexp.MustCompile("--[a-z][a-z-]*").FindAll(readme, -1) {
		if name := string(flag); name != "--help" {
			require.Contains(t, allFlags(t), name)
		}
	}
}

func allFlags(t *testing.T) (names []string) {
	t.Helper()
	for _, command := range (&invocation{}).newRoot().Commands() {
		command.InheritedFlags() // makes the others known to the command
		names = append(names, flagNames(command)...)
	}
	return names
}
