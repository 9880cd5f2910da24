// Deployment makes up the log of a service on three nights, each with another deployment:
//
//   - rules.go has the rules of v1, v2 and v3: v2 loses one and makes another one stricter;
//   - traffic.go are the users, who try again when they are denied, and a scanner;
//   - main.go writes the log.
//
// Run it with
//
//	go run ./examples/deployment
//
// and ask the log with permaudit, as docs/regression.md and docs/suggest.md do. It has the
// same decisions each time.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/permaudit/audit"
)

func main() {
	dir, err := os.MkdirTemp("", "audit-deployment-")
	if err == nil {
		err = run(context.Background(), os.Stdout, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "deployment:", err)
		os.Exit(1)
	}
}

// run writes permission.log in dir.
func run(ctx context.Context, out io.Writer, dir string) error {
	logger, err := audit.NewFileAuditLogger(filepath.Join(dir, "permission.log"), nil)
	if err != nil {
		return err
	}
	audit.ConfigureAuditLogger(logger)
	for i, r := range []rules{v1, v2(), v3()} {
		if err := serve(ctx, i+1, r); err != nil {
			return errors.Join(err, audit.Shutdown(ctx))
		}
	}
	if err := audit.Shutdown(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "permission.log is in", dir)
	return err
}

// serve decides what is asked in a night.
func serve(ctx context.Context, number int, r rules) error {
	for i, q := range night(number, r) {
		ctx := audit.ContextWithMetadata(ctx, map[string]any{
			audit.MetadataRequestID: requestID(number, i), audit.MetadataDeployment: fmt.Sprint("v", number),
		})
		if err := r.decide(ctx, q); err != nil {
			return err
		}
	}
	return nil
}
