package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// field is the value that a line of a file of Linux gives a name: "name: value".
func field(path, name string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("%s does not say %s", path, name)
}

func number(path, name string) (int64, error) {
	text, err := field(path, name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
}

// writeCalls is how many system calls of this process wrote.
func writeCalls() (int64, error) { return number("/proc/self/io", "syscw") }

// resident is the memory that this process has now, and that it had at most, in KB.
func resident() (now, most int64, err error) {
	if now, err = number("/proc/self/status", "VmRSS"); err != nil {
		return 0, 0, err
	}
	most, err = number("/proc/self/status", "VmHWM")
	return now, most, err
}

// fileSystem is the kind of the one that a directory is in.
func fileSystem(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return "", err
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	kind, longest := "", 0
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line) // device, place, kind, ...
		if len(fields) < 3 {
			continue
		}
		place := strings.TrimSuffix(fields[1], "/") + "/"
		if strings.HasPrefix(dir+"/", place) && len(place) >= longest {
			kind, longest = fields[2], len(place)
		}
	}
	if kind == "" {
		return "", fmt.Errorf("no file system is known to hold %s", dir)
	}
	return kind, nil
}

// checkDisk refuses a directory in memory, where an fsync costs nothing.
func checkDisk(dir string) (kind string, err error) {
	kind, err = fileSystem(dir)
	if err != nil {
		return "", err
	}
	if kind == "tmpfs" || kind == "ramfs" {
		return "", fmt.Errorf("%s is in memory (%s), where an fsync costs nothing: name a directory on a disk with -dir", dir, kind)
	}
	return kind, nil
}
