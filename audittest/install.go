package audittest

import (
	"testing"

	"github.com/permaudit/audit"
)

// installed is set in the environment of a test that called Install. It makes
// t.Parallel panic, and Install panic after t.Parallel: what is configured is
// global, and two such tests would record one another's decisions.
const installed = "AUDITTEST_INSTALLED"

// Install configures a new recorder, so that audit.EmitPermissionAuditEvent records
// to it, and restores what was configured before when the test and its subtests are
// done.
//
// What is configured is global to the process: neither the test nor one of its
// parents may be parallel. Install and t.Parallel in one test panic, as t.Setenv and
// t.Parallel do. Tests that must be parallel hand a NewRecorder to the code that
// they test.
func Install(tb testing.TB) *Recorder {
	tb.Helper()
	tb.Setenv(installed, tb.Name())
	recorder := NewRecorder()
	tb.Cleanup(audit.ConfigureAuditLogger(recorder))
	return recorder
}
