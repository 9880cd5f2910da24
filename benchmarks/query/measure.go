package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// measureCommand is the first argument of a process of ours that only measures
// another one: a process starts with the peak of its parent, so this must be small.
const measureCommand = "measure"

// measure runs a program with the standard files that it has itself, writes the peak
// of its resident memory in bytes to file 3, and returns its exit code.
func measure(args []string) int {
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec // G204: what the caller wants to run
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		fmt.Fprintln(os.Stderr, "this system does not say what memory a process took")
		return 1
	}
	peak := usage.Maxrss
	if runtime.GOOS != "darwin" { // where it is bytes
		peak *= 1024
	}
	_, _ = fmt.Fprint(os.NewFile(3, "peak"), peak) // a missing peak is noticed
	return cmd.ProcessState.ExitCode()
}
