// Command query asks permaudit, DuckDB and jq the same questions about the same log,
// and compares their answers, their times and the memory that permaudit takes:
//
//	make bench-query
//
// It ends with 1 if answers differ or somebody gives none, never for a time. It runs on
// Unix systems.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
)

// options are the flags.
type options struct {
	dir       string
	permaudit string
	duckdb    string
	events    int
	times     int
	rounds    int
	seed      uint64
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == measureCommand {
		os.Exit(measure(os.Args[2:]))
	}
	var o options
	flag.StringVar(&o.dir, "dir", "", "the directory for the logs, which are left there")
	flag.StringVar(&o.permaudit, "permaudit", "", "the `program`; none: compare the others")
	flag.StringVar(&o.duckdb, "duckdb", "", "the `directory` of duckdb.js and its node_modules")
	flag.IntVar(&o.events, "events", 1_000_000, "the events of the log")
	flag.IntVar(&o.times, "times", 10, "how many times as large the log is that only memory is measured with; 0: none")
	flag.IntVar(&o.rounds, "rounds", 7, "how often each question is asked")
	flag.Uint64Var(&o.seed, "seed", 1, "of the logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-query:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.events < 1 || o.rounds < 1 || o.times < 0 {
		return fmt.Errorf("-events %d -rounds %d -times %d: at least 1, 1 and 0 are needed", o.events, o.rounds, o.times)
	}
	fmt.Fprintf(os.Stderr, "writing %d events\n", o.events)
	small, err := writeLog(ctx, filepath.Join(o.dir, "events.log"), o.events, o.seed)
	if err != nil {
		return err
	}
	if small.rare == "" {
		return fmt.Errorf("-events %d: everybody has more than %d of them, and nobody is rare; take fewer", o.events, rareEvents)
	}
	engine, err := startDuckDB(ctx, o.duckdb)
	if err != nil {
		return err
	}
	defer engine.stop()
	questions := ask(ctx, o, engine, small)
	for round := range o.rounds + 1 {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round, o.rounds)
		for _, q := range questions {
			if err := q.round(); err != nil {
				return err
			}
			if round == 0 {
				q.forget()
			}
		}
	}
	fmt.Printf("%d events, %d MB, seed %d; %d processors; the medians of %d rounds; DuckDB %s\n\n",
		small.events, small.size/bytesOfMB, o.seed, runtime.NumCPU(), o.rounds, engine.version)
	printTimes(questions, small.size)
	if o.permaudit == "" {
		return nil
	}
	return compareMemory(ctx, o, small)
}
