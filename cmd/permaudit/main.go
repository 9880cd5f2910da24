// Command permaudit reads permission logs back, of files and of databases: what happened
// to a request, which rules are missing, who uses the superuser bypass, what a deployment
// broke. It copies logs from one place to another, and deletes what is old.
//
// See README.md, or permaudit --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "github.com/permaudit/audit/postgres" // postgres://... becomes a source
	_ "github.com/permaudit/audit/sqlite"   // sqlite:... becomes a source
)

// grace is how long a command may take to end after it was interrupted.
const grace = 300 * time.Millisecond

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// Without this, writing to a closed pipe would end the process by a signal: then
	// set -o pipefail takes `permaudit query | head` for a failure. It comes last: who
	// sees it from outside knows that the others are caught.
	signal.Ignore(syscall.SIGPIPE)
	go func() {
		received := &interruption{<-signals}
		signal.Stop(signals) // the next one ends the process
		cancel(received)
		time.Sleep(grace) // a read from a pipe that nobody writes to heeds no context
		os.Exit(received.code())
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// interruption is the cause of a context that a signal ended.
type interruption struct{ signal os.Signal }

// Error implements error.
func (i *interruption) Error() string { return "interrupted: " + i.signal.String() }

// code is what shells say of a process that the signal ended.
func (i *interruption) code() int {
	if number, ok := i.signal.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return exitInterrupted
}
