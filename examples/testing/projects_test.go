package projects_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	projects "github.com/permaudit/audit/examples/testing"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	apollo = projects.Project{ID: "p1", Owner: "7"}
	owner  = projects.User{ID: "7"}
	other  = projects.User{ID: "30"}
	admin  = projects.User{ID: "1", Admin: true}

	// rename is what all the events of CanRename have in common.
	rename = audittest.Match{
		Action: audit.ActionUpdate, Manager: "Project", Attributes: []string{"name"},
		Metadata: map[string]any{audit.MetadataObjectID: "p1"},
	}
)

// A check is tested for its answer and for its event, the denial as well as the
// permission: who reads the log later needs both. Install puts a recorder in the place
// of the logger until the test ends.
func TestOwnerMayRename(t *testing.T) {
	recorder := audittest.Install(t)
	require.True(t, projects.CanRename(t.Context(), owner, apollo))

	want := rename
	want.User, want.Permissions = "7", []string{"isOwner"}
	recorder.AssertGranted(t, want)
	require.Len(t, recorder.Events(), 1)
}

func TestNobodyElseMayRename(t *testing.T) {
	recorder := audittest.Install(t)
	require.False(t, projects.CanRename(t.Context(), other, apollo))

	want := rename
	want.User, want.Permissions = "30", []string{"isOwner"}
	recorder.AssertDenied(t, want)
	require.Len(t, recorder.Events(), 1)
}

func TestAdminsBypassTheRules(t *testing.T) {
	recorder := audittest.Install(t)
	require.True(t, projects.CanRename(t.Context(), admin, apollo))

	want := rename
	want.User = "1"
	recorder.AssertBypassed(t, want)
	require.Empty(t, recorder.Events()[0].Permissions)
}

// What a middleware puts into the context is part of the event.
func TestRequestIDIsLogged(t *testing.T) {
	recorder := audittest.Install(t)
	ctx := audit.ContextWithMetadata(t.Context(), map[string]any{audit.MetadataRequestID: "r-1"})
	projects.CanRename(ctx, owner, apollo)
	recorder.AssertGranted(t, audittest.Match{Metadata: map[string]any{audit.MetadataRequestID: "r-1"}})
}

// FailWith makes the log fail, to see what the service does then.
func TestFailingLogIsReportedAndChangesNothing(t *testing.T) {
	var reported bytes.Buffer // the default logger of slog hands on to package log
	defer log.SetOutput(log.Writer())
	log.SetOutput(&reported)

	audittest.Install(t).FailWith(errors.New("disk full"))
	require.True(t, projects.CanRename(t.Context(), owner, apollo))
	require.False(t, projects.CanRename(t.Context(), other, apollo))
	require.Equal(t, 2, bytes.Count(reported.Bytes(), []byte("disk full")))
}

func TestLogDecidesNothing(t *testing.T) {
	defer audit.ConfigureAuditLogger(nil)()
	require.True(t, projects.CanRename(t.Context(), owner, apollo))
	require.True(t, projects.CanRename(t.Context(), admin, apollo))
	require.False(t, projects.CanRename(t.Context(), other, apollo))
}

// Outside of a test there is no testing.TB: a recorder is configured like any other
// logger.
func ExampleCanRename() {
	recorder := audittest.NewRecorder()
	defer audit.ConfigureAuditLogger(recorder)()

	ctx := context.Background()
	for _, user := range []projects.User{owner, other, admin} {
		fmt.Println(user.ID, projects.CanRename(ctx, user, apollo))
	}
	for _, event := range recorder.Events() {
		fmt.Println(event.UserID, event.Action, event.Manager, event.Attributes, event.Permissions, event.Granted, event.Bypassed)
	}
	// Output:
	// 7 true
	// 30 false
	// 1 true
	// 7 update Project [name] [isOwner] true false
	// 30 update Project [name] [isOwner] false false
	// 1 update Project [name] [] true true
}
