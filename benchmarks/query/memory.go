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
	"strconv"
)

// task is something that takes memory.
type task struct {
	name   string
	args   []string // without the source
	source func(l *log) string
	all    bool // every event is wanted, the newest first
}

var tasks = []task{
	{"stats --action update --denied", []string{"stats", "--action", "update", "--denied"}, fromFile, false},
	{"denied --by manager,attribute", []string{"denied", "--by", "manager,attribute"}, fromFile, false},
	{"query --user " + unknownUser, []string{"query", "--user", unknownUser, "--limit", limit}, fromFile, false},
	{"query --limit 0", []string{"query", "--limit", "0"}, fromFile, true},
	{"query --limit 0 --from -", []string{"query", "--limit", "0"}, fromStdin, true},
}

func fromFile(l *log) string { return l.path }
func fromStdin(*log) string  { return "-" }

// compareMemory prints what permaudit takes for the log, and for one that is larger.
func compareMemory(ctx context.Context, o options, small *log) error {
	logs := []*log{small}
	if o.times > 0 {
		fmt.Fprintf(os.Stderr, "writing %d events\n", o.times*o.events)
		large, err := writeLog(ctx, filepath.Join(o.dir, "large.log"), o.times*o.events, o.seed)
		if err != nil {
			return err
		}
		logs = append(logs, large)
	}
	var t table
	head := []string{"peak of resident memory, MB"}
	for _, l := range logs {
		head = append(head, fmt.Sprintf("%d events", l.events))
	}
	t.row(append(head, "ratio")...)
	for _, task := range tasks {
		cells, ratio := []string{task.name}, 0.0
		var before int64
		for _, l := range logs {
			fmt.Fprintf(os.Stderr, "memory: %s, %d events\n", task.name, l.events)
			peak, note, err := task.run(ctx, o.permaudit, l)
			if err != nil {
				return err
			}
			if before > 0 {
				ratio = float64(peak) / float64(before)
			}
			before = peak
			cells = append(cells, fmt.Sprintf("%.1f%s", float64(peak)/bytesOfMB, note))
		}
		t.row(append(cells, mark(ratio, ratio > mostOfMemory))...)
	}
	fmt.Printf("\n%s\nGoal: at most %.1f times as much for the larger log.\n", t.String(), mostOfMemory)
	return nil
}

// run returns the peak in bytes, and a remark if the program refused.
func (t task) run(ctx context.Context, permaudit string, l *log) (peak int64, note string, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, "", err
	}
	args := append([]string{measureCommand, permaudit}, t.args...)
	cmd := exec.CommandContext(ctx, self, append(args, "--from", t.source(l), "-o", "json")...) //nolint:gosec // G204: ourselves
	input, err := os.Open(l.path)
	if err != nil {
		return 0, "", err
	}
	defer input.Close() //nolint:errcheck // it was only read
	peaks, writer, err := os.Pipe()
	if err != nil {
		return 0, "", err
	}
	defer peaks.Close() //nolint:errcheck // the same
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr, cmd.ExtraFiles = input, &stderr, []*os.File{writer}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, "", err
	}
	err = cmd.Start()
	_ = writer.Close() // the child has it
	if err != nil {
		return 0, "", err
	}
	lines, wrong := newestFirst(stdout, t.all)
	_, _ = io.Copy(io.Discard, stdout) // so that it can end
	text, _ := io.ReadAll(peaks)       // what is missing is no number
	ended := cmd.Wait()
	peak, err = strconv.ParseInt(string(text), 10, 64)
	var exit *exec.ExitError
	switch {
	case t.all && lines == 0 && errors.As(ended, &exit) && exit.ExitCode() == 2:
		return peak, " (asks for a limit)", err
	case ended != nil:
		return 0, "", fmt.Errorf("%s: %w\n%s", cmd, ended, stderr.Bytes())
	case err != nil:
		return 0, "", fmt.Errorf("%s: read its peak of memory: %w", cmd, err)
	case wrong != nil:
		return 0, "", fmt.Errorf("%s: %w", cmd, wrong)
	case t.all && lines != l.events:
		return 0, "", fmt.Errorf("%s: %d lines of %d events", cmd, lines, l.events)
	}
	return peak, "", nil
}

// newestFirst counts the lines and, if they are events, demands that their ids descend.
func newestFirst(r io.Reader, events bool) (lines int, err error) {
	const prefix, idLength = `{"id":"`, 36
	var last []byte
	scanner := bufio.NewScanner(r)
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
