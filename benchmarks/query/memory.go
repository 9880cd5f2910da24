package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
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
	peak := int64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	if runtime.GOOS != "darwin" { // where it is bytes
		peak *= 1024
	}
	_, _ = fmt.Fprint(os.NewFile(3, "peak"), peak)
	return cmd.ProcessState.ExitCode()
}

// task is something that takes memory.
type task struct {
	name  string
	args  []string // without the source
	stdin bool     // the source is standard input, and all of it is wanted, newest first
}

// compareMemory prints what permaudit takes for the log, and for one that is larger.
func compareMemory(ctx context.Context, o options, small *log) error {
	logs := []*log{small}
	if o.times > 0 {
		fmt.Fprintf(os.Stderr, "writing %d events\n", o.times*o.events)
		large, err := writeLog(filepath.Join(o.dir, "large.log"), o.times*o.events, o.seed)
		if err != nil {
			return err
		}
		logs = append(logs, large)
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, tablePadding, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\npeak of resident memory, MB\t")
	for _, l := range logs {
		fmt.Fprintf(t, "%d events\t", l.events)
	}
	fmt.Fprint(t, "ratio\t\n")
	for _, task := range []task{
		{"stats --action update --denied", []string{"stats", "--action", "update", "--denied"}, false},
		{"denied --by manager,attribute", []string{"denied", "--by", "manager,attribute"}, false},
		{"query --limit 50, a rare user", []string{"query", "--user", "RARE", "--limit", limit}, false},
		{"query --limit 0 of standard input", []string{"query", "--limit", "0"}, true},
	} {
		fmt.Fprintf(t, "%s\t", task.name)
		var peaks []float64
		for _, l := range logs {
			fmt.Fprintf(os.Stderr, "memory: %s, %d events\n", task.name, l.events)
			peak, note, err := task.run(ctx, o.permaudit, l)
			if err != nil {
				return err
			}
			fmt.Fprintf(t, "%.1f%s\t", float64(peak)/bytesOfAMegab, note)
			peaks = append(peaks, float64(peak))
		}
		if len(peaks) == 2 {
			r := peaks[1] / peaks[0]
			fmt.Fprint(t, mark(r, r > mostOfMemory))
		} else {
			fmt.Fprint(t, nothing)
		}
		fmt.Fprint(t, "\t\n")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Printf("\nGoal: at most %.1f times as much for the larger log.\n", mostOfMemory)
	return nil
}

// run returns the peak, and a remark if it refused.
func (t task) run(ctx context.Context, permaudit string, l *log) (peak int64, note string, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, "", err
	}
	source := l.path
	if t.stdin {
		source = "-"
	}
	args := append([]string{measureCommand, permaudit}, t.args...)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "RARE", l.rare)
	}
	cmd := exec.CommandContext(ctx, self, append(args, "--from", source, "-o", "json")...) //nolint:gosec // G204: ourselves
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	var peakText bytes.Buffer
	reader, writer, err := os.Pipe()
	if err != nil {
		return 0, "", err
	}
	defer reader.Close()
	cmd.ExtraFiles = []*os.File{writer}
	if t.stdin {
		file, err := os.Open(l.path)
		if err != nil {
			return 0, "", err
		}
		defer file.Close()
		cmd.Stdin = file
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", err
	}
	if err := cmd.Start(); err != nil {
		return 0, "", err
	}
	_ = writer.Close()
	lines, checkErr := newestFirst(stdout, t.stdin)
	_, _ = io.Copy(io.Discard, stdout) // so that it can end
	_, _ = peakText.ReadFrom(reader)
	runErr := cmd.Wait()
	peak, err = strconv.ParseInt(peakText.String(), 10, 64)
	var exit *exec.ExitError
	switch {
	case err != nil:
		return 0, "", fmt.Errorf("%s: no peak: %w\n%s", cmd, err, stderr.Bytes())
	case t.stdin && errors.As(runErr, &exit) && exit.ExitCode() == 2 && lines == 0:
		return peak, " (asks for a limit)", nil
	case runErr != nil:
		return 0, "", fmt.Errorf("%s: %w\n%s", cmd, runErr, stderr.Bytes())
	case checkErr != nil:
		return 0, "", fmt.Errorf("%s: %w", cmd, checkErr)
	case t.stdin && lines != l.events:
		return 0, "", fmt.Errorf("%s: %d lines of %d events", cmd, lines, l.events)
	}
	return peak, "", nil
}

// newestFirst counts the lines and, if they are events, demands that their ids descend.
func newestFirst(r io.Reader, events bool) (lines int, err error) {
	const prefix, idLength = `{"id":"`, 36
	var last []byte
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 1<<16), 1<<20)
	for scanner.Scan() {
		lines++
		if !events {
			continue
		}
		line := scanner.Bytes()
		if len(line) < len(prefix)+idLength || string(line[:len(prefix)]) != prefix {
			return lines, fmt.Errorf("line %d is no event: %s", lines, line)
		}
		id := line[len(prefix) : len(prefix)+idLength]
		if last != nil && bytes.Compare(id, last) >= 0 {
			return lines, fmt.Errorf("line %d is %s, after %s: not newest first, or twice", lines, id, last)
		}
		last = append(last[:0], id...)
	}
	return lines, scanner.Err()
}
