// Custom-logger shows two ways to a logger of one's own:
//
//   - print.go implements audit.AuditLogger in ten lines, without a queue;
//   - forward.go implements audit.Sink, one batch over HTTP, and leaves the rest to
//     audit.NewBufferedAuditLogger.
//
// main gives the same events to both: it prints their lines at once, and then the ids of
// those that the collector has received. The test shows that audittest.TestLogger accepts
// them, and what happens when the collector fails.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "custom-logger:", err)
		os.Exit(1) //nolint:gocritic // exitAfterDefer: cancel frees nothing that outlives the process
	}
}

func run(ctx context.Context, out io.Writer) error {
	var collected collector
	url, stop, err := listen(ctx, &collected)
	if err != nil {
		return err
	}
	forwarder, err := newForwarder(url, nil)
	if err != nil {
		return errors.Join(err, stop())
	}
	// Both get every event, with the same id.
	restore := audit.ConfigureAuditLogger(audit.MultiLogger(&printLogger{w: out}, forwarder))
	defer restore()
	err = errors.Join(decide(ctx), audit.Shutdown(ctx), stop())
	for event, failed := range collected.Events(ctx, query.Filter{}) {
		_, failedToPrint := fmt.Fprintf(out, "arrived at the collector: %s\n", event.ID)
		err = errors.Join(err, failed, failedToPrint)
	}
	return err
}

// decide stands for the service: it emits a few decisions.
func decide(ctx context.Context) error {
	for _, decision := range []audit.PermissionAuditEvent{
		{Action: audit.ActionUpdate, Manager: "Project", Attributes: []string{"name"}, UserID: "7", Granted: true, Permissions: []string{"isOwner"}},
		{Action: audit.ActionUpdate, Manager: "Project", Attributes: []string{"name"}, UserID: "30", Permissions: []string{"isOwner"}},
		{Action: audit.ActionDelete, Manager: "Task", UserID: "1", Granted: true, Bypassed: true},
	} {
		if err := audit.EmitPermissionAuditEvent(ctx, decision); err != nil {
			return err
		}
	}
	return nil
}

// listen serves a collector on a free port.
func listen(ctx context.Context, handler http.Handler) (url string, stop func() error, err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() error {
		err := server.Shutdown(ctx)
		if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
			err = errors.Join(err, stopped)
		}
		return err
	}, nil
}
