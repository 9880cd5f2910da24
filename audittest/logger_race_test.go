package audittest

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/permaudit/audit/internal/race"
	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// racing counts without a lock what it keeps with one.
type racing struct {
	memory
	recorded int
}

func (r *racing) Record(ctx context.Context, event audit.PermissionAuditEvent) error {
	r.recorded++
	return r.memory.Record(ctx, event)
}

// asChild makes TestRacyLogger the child process of TestLoggerCatchesDataRaces.
const asChild = "AUDITTEST_CHILD"

func TestRacyLogger(t *testing.T) {
	if os.Getenv(asChild) == "" {
		t.Skip("it fails: TestLoggerCatchesDataRaces runs it, as a process of its own")
	}
	TestLogger(t, func(testing.TB) audit.AuditLogger { return &racing{} })
}

func TestLoggerCatchesDataRaces(t *testing.T) {
	if !race.Enabled {
		t.Skip("it is the race detector that finds them: go test -race")
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRacyLogger$/^(Concurrent|Delivers)$", "-test.v")
	child.Env = append(os.Environ(), asChild+"=1")
	output, err := child.CombinedOutput()
	var failed *exec.ExitError
	require.ErrorAs(t, err, &failed, "%s", output)
	require.Contains(t, string(output), "WARNING: DATA RACE")
	require.Contains(t, string(output), "--- FAIL: TestRacyLogger/Concurrent")
	require.Contains(t, string(output), "--- PASS: TestRacyLogger/Delivers")
}
