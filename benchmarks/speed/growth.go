package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"
)

// growth shows what becomes of a file of ten times as many events as a subject gets, and
// of tables as large.
func (b *bench) growth() error {
	if err := b.growFile(); err != nil {
		return err
	}
	for _, db := range b.databases {
		if err := b.growTable(db); err != nil {
			return fmt.Errorf("%s: %w", db.ours, err)
		}
	}
	return nil
}

// flat is how much more is no growth.
const flat = 1.25

// decades are the powers of ten from one to another.
func decades(from, to int) (all []int) {
	for n := from; n <= to; n *= 10 {
		all = append(all, n)
	}
	return all
}

// growFile lets one log grow.
func (b *bench) growFile() error {
	const smallest = 1000
	d := newDecision(referenceKeys)
	t := newTable("A file that grows", "events", "ns an event, all", "ns an event, since the line above", "the raw disk then, ns", "resident, MB", "most resident, MB")
	var costs, memory []float64
	err := b.inDir(func(dir string) error {
		path := filepath.Join(dir, "growth.log")
		l, err := openQueued(path)
		if err != nil {
			return err
		}
		done, size, all := 0, int64(0), time.Duration(0)
		for _, n := range decades(smallest, 10*b.scale) {
			b.say("growth of a file to %d", n)
			began := time.Now()
			sent, err := produce(l, same(d), producers, n-done)
			if err := errors.Join(err, l.flush(context.Background())); err != nil {
				return errors.Join(err, l.close())
			}
			took := time.Since(began)
			all, done = all+took, done+sent
			now, most, err := resident()
			if err != nil {
				return errors.Join(err, l.close())
			}
			grown, raw, err := rawGrowth(dir, path, size)
			if err != nil {
				return errors.Join(err, l.close())
			}
			size = grown
			costs, memory = append(costs, perEvent(took, sent)), append(memory, float64(now)/1024)
			t.row(fmt.Sprint(done), shown(perEvent(all, done), 0), shown(perEvent(took, sent), 0), shown(perEvent(raw, sent), 0), shown(float64(now)/1024, 0), shown(float64(most)/1024, 0))
		}
		if err := l.close(); err != nil {
			return err
		}
		delivered, _, err := lines(path)
		return errors.Join(err, figure{sent: done, delivered: delivered, counted: true}.lost("growth"))
	})
	if err != nil {
		return err
	}
	b.print(t)
	// The first thousand are one batch, and as good as one fsync.
	middle, last := len(costs)/2, len(costs)-1
	b.goals.atMost("a file that grows: ns an event of the last decade, against the middle one", ratio(costs[last], costs[middle]), flat)
	b.goals.atMost("a file that grows: resident memory at the end, against the middle", ratio(memory[last], memory[middle]), flat)
	return nil
}

// rawGrowth is how long the raw disk takes, a megabyte and an fsync at a time, for what a
// file has grown by.
func rawGrowth(dir, path string, from int64) (size int64, took time.Duration, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	left := info.Size() - from
	text := bytes.Repeat([]byte{'x'}, 1<<20)
	_, took, err = writeAndSync(filepath.Join(dir, "raw"), func(int) []byte {
		piece := text[:min(left, int64(len(text)))]
		left -= int64(len(piece))
		return piece
	})
	return info.Size(), took, err
}

// growTable fills tables of several sizes, the small ones more than once.
func (b *bench) growTable(db namedDatabase) error {
	d := newDecision(referenceKeys)
	t := newTable(db.ours+", tables of several sizes, medians", "rows", "tables", "events/s", db.raw, "ratio")
	first, last := none, none
	for i, n := range decades(max(b.scale/10, 1), 10*b.scale) {
		tables := max(5-2*i, 1)
		var ours, raws, ratios []float64
		for range tables {
			b.say("growth: %s, %d rows", db.ours, n)
			var mine, raw figure
			err := store(db.database, d, n, &mine)
			if err == nil {
				err = db.database.raw(d, n, &raw)
			}
			if err := errors.Join(err, mine.lost(db.ours), raw.lost(db.raw)); err != nil {
				return err
			}
			ours, raws, ratios = append(ours, mine.rate), append(raws, raw.rate), append(ratios, ratio(mine.rate, raw.rate))
		}
		last = median(ratios)
		if math.IsNaN(first) {
			first = last
		}
		t.row(fmt.Sprint(n), fmt.Sprint(tables), shown(median(ours), 0), shown(median(raws), 0), shown(last, 2))
	}
	b.print(t)
	b.goals.atLeast(db.ours+": the ratio to the ceiling of the largest table, against the smallest", ratio(last, first), 0.9)
	return nil
}
