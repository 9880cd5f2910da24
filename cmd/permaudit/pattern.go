package main

import "strings"

// isPattern reports whether a path is a glob.
func isPattern(path string) bool { return strings.ContainsAny(path, "*?[") }
