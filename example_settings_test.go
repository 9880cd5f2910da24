package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/permaudit/audit"
)

// printLog prints what stands in a log.
func printLog(path string) {
	file, err := os.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = file.Close() }()
	for decoder := json.NewDecoder(file); decoder.More(); {
		var event struct {
			Action, Manager string
			Granted         bool
		}
		if err := decoder.Decode(&event); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s %s: granted %t\n", event.Action, event.Manager, event.Granted)
	}
}

// Settings from whatever configuration library. Loading others, here none, shuts
// down what was built before.
func ExampleConfigureAuditLoggerFromSettings() {
	ctx := context.Background()
	directory, _ := os.MkdirTemp("", "audit")
	defer func() { _ = os.RemoveAll(directory) }()
	path := filepath.Join(directory, "permission.log")

	_, err := audit.ConfigureAuditLoggerFromSettings(ctx, map[string]any{
		"AUDIT_LOGGER": map[string]any{
			"class":   "FileAuditLogger",
			"options": map[string]any{"path": path, "batch_size": 500, "flush_interval": "250ms"},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = audit.EmitPermissionAuditEvent(ctx, audit.PermissionAuditEvent{Action: audit.ActionUpdate, Manager: "Project"})

	if _, err := audit.ConfigureAuditLoggerFromSettings(ctx, nil); err != nil {
		fmt.Println(err)
	}
	fmt.Println("enabled:", audit.AuditLoggingEnabled())
	printLog(path)
	// Output:
	// enabled: false
	// update Project: granted false
}

// Everything that is wrong is reported at once, and logging goes on as before.
func ExampleConfigureAuditLoggerFromSettings_errors() {
	_, err := audit.ConfigureAuditLoggerFromSettings(context.Background(), map[string]any{
		"AUDIT_LOGGER": map[string]any{
			"class":   "FileAuditLogger",
			"options": map[string]any{"path": "permission.log", "batch_size": "many", "flush_interval": -1},
		},
	})
	fmt.Println(err)
	// Output:
	// audit: settings: FileAuditLogger: option "batch_size" must be a whole number: got "many"; FileAuditLogger: option "flush_interval" must not be negative: got -1s
}

// A file may hold the settings of the whole service; the loader looks at
// GENERAL_MANAGER, AUDIT_LOGGER and DATABASES.
func ExampleConfigureAuditLoggerFromFile() {
	ctx := context.Background()
	directory, _ := os.MkdirTemp("", "audit")
	defer func() { _ = os.RemoveAll(directory) }()
	path := filepath.Join(directory, "permission.log")
	settings := filepath.Join(directory, "settings.json")
	text, _ := json.Marshal(map[string]any{
		"DEBUG": false,
		"GENERAL_MANAGER": map[string]any{"AUDIT_LOGGER": map[string]any{
			"class":   "general_manager.permission.audit.FileAuditLogger",
			"options": map[string]any{"path": path},
		}},
	})
	if err := os.WriteFile(settings, text, 0o600); err != nil {
		fmt.Println(err)
		return
	}

	if _, err := audit.ConfigureAuditLoggerFromFile(ctx, settings); err != nil {
		fmt.Println(err)
		return
	}
	_ = audit.EmitPermissionAuditEvent(ctx, audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Invoice", Granted: true})
	if err := audit.Shutdown(ctx); err != nil { // as at the end of a program
		fmt.Println(err)
	}
	printLog(path)
	// Output:
	// read Invoice: granted true
}

// One environment variable suffices.
func ExampleConfigureAuditLoggerFromEnv() {
	ctx := context.Background()
	directory, _ := os.MkdirTemp("", "audit")
	defer func() { _ = os.RemoveAll(directory) }()
	path := filepath.Join(directory, "permission.log")
	_ = os.Setenv("AUDIT_LOGGER", "file:"+filepath.ToSlash(path)+"?batch_size=500&ack=durable")
	defer func() { _ = os.Unsetenv("AUDIT_LOGGER") }()

	if _, err := audit.ConfigureAuditLoggerFromEnv(ctx); err != nil {
		fmt.Println(err)
		return
	}
	_ = audit.EmitPermissionAuditEvent(ctx, audit.PermissionAuditEvent{Action: audit.ActionDelete, Manager: "Project", Granted: true})
	printLog(path) // AckDurable: the event is in the file

	_ = os.Unsetenv("AUDIT_LOGGER") // logging is off again
	if _, err := audit.ConfigureAuditLoggerFromEnv(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// delete Project: granted true
}
