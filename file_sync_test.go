//go:build linux

package audit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Some file systems know no fsync of directories: then a log can be there all the
// same. That of /proc is one.
func TestDirectoriesThatCannotBeFsyncedAreNoError(t *testing.T) {
	require.NoError(t, osFS{}.SyncDir("/proc"))
	require.Error(t, osFS{}.SyncDir("/proc/none"))
}
