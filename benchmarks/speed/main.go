// Command speed sends the same events through the library, its peers and what is below
// them, and compares the times:
//
//	make bench
//
// It ends with 1 if an event is lost or something fails, never for a time. It runs on
// Linux.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
)

// options are the flags.
type options struct {
	dir    string
	runs   int
	events int
	only   string
	growth bool
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", os.TempDir(), "a directory on a disk, for what is written; it is left as it was")
	flag.IntVar(&o.runs, "runs", 5, "how often each is measured")
	flag.IntVar(&o.events, "events", 1_000_000, "the events that a fast subject gets in a run")
	flag.StringVar(&o.only, "only", "", "a `regexp` of the subjects, and of the measurements (emit, durable, goroutines, keys, steady, growth)")
	flag.BoolVar(&o.growth, "growth", false, "measure growth too, to ten times as many events; some minutes more")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "bench: %q: there are flags only\n", flag.Args())
		os.Exit(2)
	}
	if err := run(o, os.Getenv("AUDIT_TEST_POSTGRES_DSN"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options, dsn string, out io.Writer) error {
	if o.runs < 1 || o.events < 1 {
		return fmt.Errorf("-runs %d -events %d: at least 1 is needed", o.runs, o.events)
	}
	b := &bench{out: out, runs: o.runs, scale: o.events}
	if o.only != "" {
		only, err := regexp.Compile(o.only)
		if err != nil {
			return err
		}
		b.only = only
	}
	kind, err := checkDisk(o.dir)
	if err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(o.dir, "bench-"); err != nil {
		return err
	}
	if err = b.openDatabases(dsn); err == nil {
		if err = b.header(kind); err == nil {
			err = b.measure(o.growth)
		}
	}
	return errors.Join(err, b.closeDatabases(), os.RemoveAll(b.dir))
}
