package main

import (
	"fmt"
	"runtime"
	"strings"
)

// header says what the figures were measured on.
func (b *bench) header(kind string) error {
	cpu, err := field("/proc/cpuinfo", "model name")
	if err != nil {
		cpu = "of an unknown model"
	}
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	say("%s, %s/%s, %d processors, %s", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), cpu)
	err = b.inDir(func(dir string) error {
		fsync, err := rawFsync(dir, b.seconds(1))
		if err != nil {
			return err
		}
		rate, err := rawBytes(dir, b.seconds(1))
		say("%s: write+fsync of 4 KiB %s us, of 1 MiB %s MB/s", kind, micros(fsync), shown(rate/1e6, 0))
		return err
	})
	if err != nil {
		return err
	}
	versions := []string{versionSQLite()}
	for _, db := range b.databases {
		if p, ok := db.database.(*postgresDatabase); ok {
			version, err := p.driver.version()
			if err != nil {
				return err
			}
			versions = append(versions, version)
		}
	}
	say("%s", strings.Join(versions, ", "))
	say("%d runs, medians, %d events for who is fast; compare figures of one run of this program only", b.runs, b.scale)
	for _, line := range lines {
		_, _ = fmt.Fprintln(b.out, "- "+line)
	}
	return nil
}
