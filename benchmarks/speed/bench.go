package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// bench is one run of the program.
type bench struct {
	out       io.Writer      // of the tables
	dir       string         // of its own
	runs      int            // that count
	scale     int            // events of a fast subject
	only      *regexp.Regexp // nil: everything
	databases []namedDatabase
	goals     goals
	contest   *contest
}

// namedDatabase is one with the names of its two lines.
type namedDatabase struct {
	database

	ours, raw string
}

// print adds a table to what is there already.
func (b *bench) print(t *table) { _, _ = io.WriteString(b.out, t.text.String()) }

// chosen says whether a measurement or a subject is wanted.
func (b *bench) chosen(name string) bool { return b.only == nil || b.only.MatchString(name) }

func (*bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// seconds are so many for a million events, and fewer for fewer.
func (b *bench) seconds(n float64) time.Duration {
	return max(time.Duration(n*float64(time.Second)*min(float64(b.scale)/1e6, 1)), 20*time.Millisecond)
}

// inDir lets f use a new directory, and waits for the disk afterwards.
func (b *bench) inDir(f func(dir string) error) error {
	dir, err := os.MkdirTemp(b.dir, "")
	if err != nil {
		return err
	}
	return errors.Join(f(dir), emptied(dir), os.Remove(dir))
}

// openDatabases opens those that there are: without a DSN there is no PostgreSQL.
func (b *bench) openDatabases(dsn string) error {
	dir := filepath.Join(b.dir, "sqlite")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	b.databases = []namedDatabase{{sqliteDatabase{dir}, oursSQLite, rawSQLiteName}}
	if dsn == "" {
		b.say("AUDIT_TEST_POSTGRES_DSN is not set: there is no PostgreSQL")
		return nil
	}
	db, err := openPostgresDatabase(dsn)
	if err != nil {
		return fmt.Errorf("AUDIT_TEST_POSTGRES_DSN: %w", err)
	}
	b.databases = append(b.databases, namedDatabase{db, oursPostgres, rawPostgresName})
	return nil
}

func (b *bench) closeDatabases() error {
	var err error
	for _, db := range b.databases {
		err = errors.Join(err, db.close())
	}
	return err
}

// measurement is one that has tables of its own.
type measurement struct {
	name string
	run  func() error
}

// measure runs what is chosen, and prints it.
func (b *bench) measure(growth bool) error {
	b.contest = b.newContest()
	var chosen []measurement
	for _, one := range []measurement{
		{"emit", b.emit}, {"durable", b.durable}, {"goroutines", b.goroutines}, {"keys", b.keys}, {"steady", b.steady}, {"growth", b.growth},
	} {
		if b.chosen(one.name) && (one.name != "growth" || growth) {
			chosen = append(chosen, one)
		}
	}
	if len(chosen) == 0 && len(b.contest.contestants) == 0 {
		return fmt.Errorf("-only %s: there is nothing of that name (growth needs -growth too, PostgreSQL AUDIT_TEST_POSTGRES_DSN)", b.only)
	}
	if err := b.compare(); err != nil {
		return err
	}
	for _, one := range chosen {
		if err := one.run(); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	b.print(b.goals.table())
	return nil
}

// compare fills the first table. Its first run, a shorter one, only warms up.
func (b *bench) compare() error {
	if len(b.contest.contestants) == 0 {
		return nil
	}
	for run := range b.runs + 1 {
		b.say("run %d of %d", run, b.runs)
		scale := b.scale
		if run == 0 {
			scale = max(scale/10, 1)
		}
		if err := b.contest.round(scale, run > 0); err != nil {
			return err
		}
	}
	b.print(b.contest.table())
	b.contest.goals(&b.goals)
	return nil
}
