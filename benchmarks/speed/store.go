package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/sqlite"
)

// database is one that has a store of ours, and a driver to compare it with.
type database interface {
	// open returns a store of ours over a new table.
	open() (audit.Sink, error)
	// count is how many rows the store left in it.
	count() (int, error)
	// raw writes rows into a new table with the driver alone; the figure has its rate,
	// and what it allocates.
	raw(d *decision, events int, f *figure) error
	close() error
}

// store measures a database with our logger.
func store(db database, d *decision, events int, f *figure) error {
	sink, err := db.open()
	if err != nil {
		return err
	}
	logger, err := audit.NewDatabaseAuditLogger(sink, nil)
	if err != nil {
		return errors.Join(err, sink.Close())
	}
	l := ours{logger}
	// The table is made, the buffers grow to their size.
	warm, err := produce(l, same(d), producers, min(warmUp, events))
	if err = errors.Join(err, l.flush(context.Background())); err == nil {
		err = untilFlushed(l, d, events, f)
	}
	if err := errors.Join(err, l.close()); err != nil {
		return err
	}
	f.sent += warm
	f.delivered, err = db.count()
	f.counted = true
	return err
}

const warmUp = 20_000 // events

func same(d *decision) func(int) *decision { return func(int) *decision { return d } }

func untilFlushed(l log, d *decision, events int, f *figure) error {
	var allocated allocations
	allocated.begin()
	began := time.Now()
	sent, err := produce(l, same(d), producers, events)
	if err := errors.Join(err, l.flush(context.Background())); err != nil {
		return err
	}
	f.rate, f.sent = perSecond(sent, time.Since(began)), sent
	f.mallocs, f.bytes = allocated.end(sent)
	return nil
}

// sqliteDatabase is in a file of a directory that is emptied after each use.
type sqliteDatabase struct{ dir string }

func (s sqliteDatabase) path() string { return filepath.Join(s.dir, "audit.db") }

func (s sqliteDatabase) open() (audit.Sink, error) {
	if err := emptied(s.dir); err != nil {
		return nil, err
	}
	return sqlite.Open(context.Background(), s.path(), &sqlite.Options{TableName: tableName})
}

func (s sqliteDatabase) count() (int, error) { return countSQLite(s.path()) }
func (s sqliteDatabase) close() error        { return emptied(s.dir) }

func (s sqliteDatabase) raw(d *decision, events int, f *figure) error {
	if err := emptied(s.dir); err != nil {
		return err
	}
	driver, err := openRawSQLite(s.path())
	if err != nil {
		return err
	}
	f.sent, err = inChunks(events, rowsPerStatement, f, func(n int) (func() error, error) {
		rows, err := driver.rows(d, n/rowsPerStatement)
		return func() error { return driver.insert(rows) }, err
	})
	if err == nil {
		f.delivered, err = driver.count()
		f.counted = true
	}
	return errors.Join(err, driver.close())
}

// postgresDatabase has a server; its table is made anew for each use.
type postgresDatabase struct {
	dsn    string
	driver *rawPostgres
}

func openPostgresDatabase(dsn string) (*postgresDatabase, error) {
	driver, err := openRawPostgres(dsn)
	return &postgresDatabase{dsn, driver}, err
}

func (p *postgresDatabase) open() (audit.Sink, error) {
	if err := p.driver.fresh(); err != nil {
		return nil, err
	}
	return postgres.Open(context.Background(), p.dsn, &postgres.Options{TableName: tableName})
}

func (p *postgresDatabase) count() (int, error) { return p.driver.count() }
func (p *postgresDatabase) close() error        { return p.driver.close() }

func (p *postgresDatabase) raw(d *decision, events int, f *figure) (err error) {
	if err := p.driver.fresh(); err != nil {
		return err
	}
	f.sent, err = inChunks(events, 1, f, func(n int) (func() error, error) {
		rows, err := p.driver.rows(d, n)
		return func() error { return p.driver.insert(rows) }, err
	})
	if err == nil {
		f.delivered, err = p.driver.count()
		f.counted = true
	}
	return err
}
