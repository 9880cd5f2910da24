//go:build !linux

package faults

import "testing"

// InPrivateMounts skips the test: only Linux has private mounts.
func InPrivateMounts(t *testing.T) bool {
	t.Helper()
	t.Skip("private mounts are Linux's")
	return false
}

// SmallDisk is never called: see InPrivateMounts.
func SmallDisk(t *testing.T, _, _ string) { t.Helper() }
