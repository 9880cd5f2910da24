package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// invocation is one run of the command: what it reads and writes, and what its flags say.
type invocation struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            time.Time // to which relative times refer

	quiet    bool    // no notes
	color    string  // auto, always, never
	from     sources // none: see specs
	output   string  // a format; "": by what the output is
	filter   filterFlags
	progress *progress // nil: there is none

	acknowledged acknowledged // of the commands that have the flag
}

// run runs the command and returns its exit code. It ends when ctx does.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	v := &invocation{stdin: stdin, stdout: stdout, stderr: stderr, getenv: getenv, now: time.Now().UTC()}
	return v.exitCode(ctx, v.execute(ctx, args))
}

// tell writes a line for humans to standard error. What comes from events is escaped.
func (v *invocation) tell(line string) {
	v.progress.hide()
	// An error cannot be reported any more.
	_, _ = io.WriteString(v.stderr, escape(line)+"\n")
}

// note writes a line that -q silences.
func (v *invocation) note(format string, args ...any) {
	if !v.quiet {
		v.tell(fmt.Sprintf(format, args...))
	}
}

// colors reports whether the output has colours.
func (v *invocation) colors() bool {
	switch v.color {
	case "always":
		return true
	case "never":
		return false
	}
	return isTerminal(v.stdout) && v.getenv("NO_COLOR") == "" && v.getenv("TERM") != "dumb"
}

// isTerminal reports whether a stream is one.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// sheet is the output of a command, buffered.
type sheet struct {
	*bufio.Writer

	invocation *invocation
}

func (v *invocation) newSheet() *sheet {
	return &sheet{bufio.NewWriterSize(hider{v}, 64<<10), v}
}

// hider takes the progress bar away before anything is written.
type hider struct{ *invocation }

// Write implements io.Writer. A closed pipe is errPipe.
func (h hider) Write(p []byte) (int, error) {
	h.progress.hide()
	n, err := h.stdout.Write(p)
	switch {
	case err == nil:
		return n, nil
	case isPipe(err):
		return n, errPipe
	}
	return n, fmt.Errorf("write output: %w", err)
}
