package main

import (
	"os"
	"strings"
)

// isPattern reports whether a path is a glob, as the reader has it: a file of that name
// is none.
func isPattern(path string) bool {
	if !strings.ContainsAny(path, "*?[") {
		return false
	}
	_, err := os.Lstat(path)
	return err != nil
}
