package audittest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
)

// SetStatus is a service's method: only the owner may set the status of a project.
func SetStatus(ctx context.Context, user, owner, status string) error {
	granted := user == owner
	if err := audit.EmitPermissionAuditEvent(ctx, audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Manager: "Project", UserID: user, Granted: granted,
		Attributes: []string{"status"}, Permissions: []string{"isOwner"},
	}); err != nil {
		return err
	}
	if !granted {
		return fmt.Errorf("%s may not set the status to %s", user, status)
	}
	return nil
}

// testSetStatus is what TestSetStatus does with its *testing.T.
func testSetStatus(t testing.TB) {
	recorder := audittest.Install(t)
	if err := SetStatus(t.Context(), "bob", "alice", "done"); err == nil {
		t.Error("bob may set the status of alice's project")
	}
	recorder.AssertDenied(t, audittest.Match{Manager: "Project", Attributes: []string{"status"}, User: "bob"})
	recorder.AssertGranted(t, audittest.Match{Manager: "Project", User: "alice"}) // she never asked
}

func ExampleInstall() {
	t := &printingTB{}
	testSetStatus(t)
	t.end()
	fmt.Println("configured afterwards:", audit.AuditLoggingEnabled())
	// Output:
	// audittest: not recorded: granted, not bypassed, manager "Project", user "alice"
	// recorded 1 event:
	//   1. denied "update" of "Project" by "bob", attributes ["status"], permissions ["isOwner"]
	//      does not match: not granted, user is "bob"
	// configured afterwards: false
}

// printingTB stands for the *testing.T that there is not in an example.
type printingTB struct {
	testing.TB
	cleanups []func()
}

func (t *printingTB) Helper()                           {}
func (t *printingTB) Name() string                      { return "TestSetStatus" }
func (t *printingTB) Context() context.Context          { return context.Background() }
func (t *printingTB) Setenv(string, string)             {}
func (t *printingTB) Cleanup(cleanup func())            { t.cleanups = append(t.cleanups, cleanup) }
func (t *printingTB) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func (t *printingTB) end() {
	for _, cleanup := range t.cleanups {
		cleanup()
	}
}
