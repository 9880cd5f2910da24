// Quickstart is a small service whose permission decisions are logged, from the
// settings to the questions that the log answers:
//
//   - main.go configures the logger, runs the service and shuts everything down;
//   - logger.go makes the logger, which writes to a file and to SQLite;
//   - rules.go decides who may do what, and emits an event for each decision;
//   - server.go asks the rules before it serves a request;
//   - traffic.go are its clients;
//   - report.go reads the log back.
//
// Run it with
//
//	go run ./examples/quickstart
//
// It ends by itself and says where it left its files.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/permaudit/audit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "audit-quickstart-")
	if err == nil {
		err = run(ctx, os.Stdout, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1) //nolint:gocritic // exitAfterDefer: stop frees nothing that outlives the process
	}
}

// run is the whole story. Its files are in dir.
func run(ctx context.Context, out io.Writer, dir string) error {
	if err := configure(ctx, dir); err != nil {
		return err
	}
	responses, err := serve(ctx)
	if err != nil {
		return err
	}
	if err := report(ctx, out, dir, responses); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "settings.json, permission.log and audit.db are in", dir)
	return err
}

// The files of the program.
const (
	logName      = "permission.log"
	databaseName = "audit.db"
)

// configure writes a file of settings and configures the logger that it asks for. A
// service has such a file already; AUDIT_LOGGER is only one part of it.
func configure(ctx context.Context, dir string) error {
	if errRegister != nil {
		return errRegister
	}
	text, err := json.MarshalIndent(map[string]any{
		"GENERAL_MANAGER": map[string]any{
			"AUDIT_LOGGER": map[string]any{
				"class": bothLoggers,
				"options": map[string]any{
					"file":     filepath.Join(dir, logName),
					"database": filepath.Join(dir, databaseName),
				},
			},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	settings := filepath.Join(dir, "settings.json")
	if err := os.WriteFile(settings, append(text, '\n'), 0o600); err != nil {
		return err
	}
	_, err = audit.ConfigureAuditLoggerFromFile(ctx, settings)
	return err
}

// serve runs the service until its clients are content. When it returns, all that was
// decided is in the log.
func serve(ctx context.Context) (responses []response, err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, audit.Shutdown(ctx))
	}
	server := &http.Server{Handler: newHandler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	responses, err = sendRequests(ctx, "http://"+listener.Addr().String())

	// First the server, which waits for the requests that are being served, then the
	// logger, which writes what it still has: an event that is emitted later is
	// refused with audit.ErrClosed. Both happen after an interrupt too, hence not
	// within ctx, but not for ever.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(stopping), audit.Shutdown(stopping))
	if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return responses, err
}
