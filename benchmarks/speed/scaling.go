package main

import (
	"errors"
	"fmt"
	"path/filepath"
)

// crowds are how many goroutines record at once.
var crowds = []int{1, 2, 8, 64, 512}

// goroutines shows how a file scales with them.
func (b *bench) goroutines() error {
	s, d := subjectNamed(oursQueued), newDecision(referenceKeys)
	rates, latencies := map[int]figures{}, map[int][]quantiles{}
	for run := range b.runs {
		b.say("goroutines, run %d of %d", run+1, b.runs)
		for _, crowd := range crowds {
			var f figure
			if err := b.sustained(s, d, crowd, b.scale/2, &f); err != nil {
				return err
			}
			if err := f.lost(s.name); err != nil {
				return err
			}
			q, err := b.latencies(s, d, crowd)
			if err != nil {
				return err
			}
			rates[crowd], latencies[crowd] = append(rates[crowd], f), append(latencies[crowd], q)
		}
	}
	t := newTable("Goroutines that record to a file as fast as they can: they wait for the disk when the queue is full",
		"goroutines", "events/s", "of 2", "p50, us", "p99, us", "p99.9, us", "most, us")
	for _, crowd := range crowds {
		t.row(append([]string{fmt.Sprint(crowd), shown(rates[crowd].rate(), 0), shown(ratio(rates[crowd].rate(), rates[producers].rate()), 2)},
			medians(latencies[crowd]).cells()...)...)
	}
	b.print(t)
	return nil
}

// latencies are those of Record, of a crowd that never waits for anything else.
func (b *bench) latencies(s *subject, d *decision, goroutines int) (q quantiles, err error) {
	return q, b.inDir(func(dir string) error {
		l, err := s.open(filepath.Join(dir, "crowd.log"))
		if err != nil {
			return err
		}
		_, _, all, err := timed(l, d, goroutines, b.seconds(1))
		q = merge(all)
		return errors.Join(err, l.close())
	})
}
