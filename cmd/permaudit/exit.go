package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// The exit codes.
const (
	exitOK          = 0
	exitFinding     = 1   // --max is exceeded, or there is an alert
	exitUsage       = 2   // a flag, a column, a time or an argument is wrong
	exitNoData      = 3   // there is not enough to judge anything
	exitTrouble     = 4   // a source could not be read, or a destination written
	exitInterrupted = 130 // by SIGINT, as shells have it
)

// usageError says what is wrong with the words of the command, and what is accepted.
type usageError struct{ text string }

// Error implements error.
func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// noDataError says why there is not enough data to judge anything, and what helps.
type noDataError struct{ text string }

// Error implements error.
func (e *noDataError) Error() string { return "not enough data to judge: " + e.text }

// errFinding is returned once a finding was reported.
var errFinding = errors.New("something was found")

// errTold is returned when what failed was reported already.
var errTold = errors.New("it was reported")

// errPipe ends a command whose output nobody reads any more.
var errPipe = errors.New("the output is closed")

// exitCode returns the exit code for the error of a command, and reports it.
func (v *invocation) exitCode(ctx context.Context, err error) int {
	var usage *usageError
	var noData *noDataError
	var stopped *interruption
	switch {
	case err == nil, errors.Is(err, errPipe):
		return exitOK
	case errors.Is(err, errFinding):
		return exitFinding
	case errors.Is(err, errTold):
		return exitTrouble
	case errors.As(err, &usage):
		v.fail(usage.text)
		return exitUsage
	case errors.As(err, &noData):
		v.fail(noData.Error())
		return exitNoData
	case errors.As(err, &stopped):
		return stopped.code()
	case ctx.Err() != nil: // whatever failed did so because of it
		if errors.As(context.Cause(ctx), &stopped) {
			return stopped.code()
		}
		return exitInterrupted
	}
	v.fail(err.Error())
	return exitTrouble
}

// fail reports an error, on one line that begins with the name of the program.
func (v *invocation) fail(text string) {
	v.tell("permaudit: " + oneLine(withoutPrefix(text)))
}

// withoutPrefix takes from an error the name of the package.
func withoutPrefix(text string) string {
	for _, prefix := range []string{"query: ", "analysis: ", "compare: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// oneLine puts the lines of a text behind one another.
func oneLine(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(strings.TrimSpace(lines[i]), ";")
	}
	return strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": ")
}

// isPipe reports whether an error of a write says that nobody reads.
func isPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }

// isClosed reports whether the output of the command is closed.
func isClosed(err error) bool { return errors.Is(err, errPipe) }
