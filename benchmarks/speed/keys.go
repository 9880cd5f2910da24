package main

import (
	"errors"
	"fmt"
	"path/filepath"
)

// sizes are how many keys the metadata of an event has.
var sizes = []int{1, 10, 100}

// keys shows what metadata costs, ours and zerolog's.
func (b *bench) keys() error {
	mine, peer := subjectNamed(oursQueued), subjectNamed(zerologToNone)
	results, peers := map[int]figures{}, map[int]figures{}
	for run := range b.runs {
		b.say("metadata keys, run %d of %d", run+1, b.runs)
		for _, size := range sizes {
			d, events := newDecision(size), max(b.scale/(burstShare+size), 1)
			f, err := b.bursts(mine, d, events)
			if err == nil {
				err = b.sustained(mine, d, producers, events, &f)
			}
			if err == nil {
				err = f.lost(mine.name)
			}
			if err != nil {
				return err
			}
			p, err := b.bursts(peer, d, events)
			if err != nil {
				return err
			}
			results[size], peers[size] = append(results[size], f), append(peers[size], p)
		}
	}
	t := newTable("Metadata", "keys", "caller, ns", "events/s", "allocations", peer.name+", ns", "caller, ours / it")
	for _, size := range sizes {
		f, p := results[size], peers[size]
		t.row(fmt.Sprint(size), shown(f.caller(), 0), shown(f.rate(), 0), shown(f.mallocs(), 2), shown(p.caller(), 0), shown(ratio(f.caller(), p.caller()), 2))
	}
	b.print(t)
	return nil
}

// bursts measures the caller of a subject.
func (b *bench) bursts(s *subject, d *decision, events int) (f figure, err error) {
	return f, b.inDir(func(dir string) error {
		l, err := s.open(filepath.Join(dir, "bursts.log"))
		if err != nil {
			return err
		}
		return errors.Join(bursts(l, s.decisions(d), events, &f), l.close())
	})
}
