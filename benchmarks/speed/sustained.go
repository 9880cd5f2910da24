package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"
)

// producers is how many goroutines record in most measurements.
const producers = 2

// produce lets so many goroutines record as fast as they can, and says how many events
// there were.
func produce(l log, decide func(i int) *decision, goroutines, events int) (sent int, err error) {
	ctx := context.Background()
	each := max(events/goroutines, 1)
	failed := make([]error, goroutines)
	var running sync.WaitGroup
	for g := range goroutines {
		running.Go(func() {
			for i := range each {
				if err := l.record(ctx, decide(i)); err != nil {
					failed[g] = err
					return
				}
			}
		})
	}
	running.Wait()
	return each * goroutines, errors.Join(failed...)
}

// sustained measures how long events take until they are where they belong, which they
// are when close returned.
func (b *bench) sustained(s *subject, d *decision, goroutines, events int, f *figure) error {
	return b.inDir(func(dir string) error {
		return sustained(s, filepath.Join(dir, "sustained.log"), d, goroutines, events, f)
	})
}

func sustained(s *subject, path string, d *decision, goroutines, events int, f *figure) error {
	l, err := s.open(path)
	if err != nil {
		return err
	}
	writes, err := writeCalls()
	if err != nil {
		return errors.Join(err, l.close())
	}
	began := time.Now()
	sent, err := produce(l, s.decisions(d), goroutines, events)
	if err := errors.Join(err, l.close()); err != nil {
		return err
	}
	f.rate, f.sent = perSecond(sent, time.Since(began)), sent
	if !s.file {
		return nil
	}
	after, err := writeCalls()
	if err != nil {
		return err
	}
	f.delivered, f.size, err = lines(path)
	f.counted, f.piece = true, float64(f.size)/float64(after-writes)
	return err
}
