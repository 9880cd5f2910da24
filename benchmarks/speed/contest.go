package main

import (
	"fmt"
	"math"
)

// contestant is a line of the first table.
type contestant struct {
	name    string
	peerOf  string // the contestant of ours that it is compared with
	ceiling bool
	run     func(scale int) (figure, error) // scale: the events that a fast one gets
}

// contest is the first table.
type contest struct {
	contestants []*contestant
	results     map[string]figures
}

// The names of what is compared, besides the subjects.
const (
	rawDiskName      = "raw write+fsync"
	rawDiskGroupName = "raw write+fsync, four batches at once"
	oursSQLite       = "permaudit, SQLite"
	rawSQLiteName    = "raw go-sqlite3"
	oursPostgres     = "permaudit, PostgreSQL"
	rawPostgresName  = "raw pgx CopyFrom"
)

func (b *bench) newContest() *contest {
	c := &contest{results: map[string]figures{}}
	d := newDecision(referenceKeys)
	add := func(one contestant) {
		if b.chosen(one.name) {
			c.contestants = append(c.contestants, &one)
		}
	}
	var ours figure // the last one to a file
	var text []byte // as much as it wrote
	for _, s := range subjects() {
		if s.name == oursQueued {
			add(contestant{name: s.name, peerOf: oursQueued, run: func(scale int) (f figure, err error) {
				ours, err = b.compete(s, d, scale)
				return ours, err
			}})
			raw := func(batches float64) (figure, error) {
				for int64(len(text)) < ours.size {
					line, err := d.MarshalJSON()
					if err != nil {
						return figure{}, err
					}
					text = append(append(text, line...), '\n')
				}
				return b.rawDisk(ours, text, int(batches*ours.piece))
			}
			add(contestant{name: rawDiskName, peerOf: oursQueued, ceiling: true, run: func(int) (figure, error) { return raw(1) }})
			add(contestant{name: rawDiskGroupName, peerOf: oursQueued, ceiling: true, run: func(int) (figure, error) { return raw(mostTogether) }})
			continue
		}
		add(contestant{name: s.name, peerOf: oursQueued, run: func(scale int) (figure, error) { return b.compete(s, d, scale) }})
	}
	for _, db := range b.databases {
		add(contestant{name: db.ours, run: func(scale int) (f figure, err error) {
			return f, store(db.database, d, scale/dbShare, &f)
		}})
		add(contestant{name: db.raw, peerOf: db.ours, ceiling: true, run: func(scale int) (f figure, err error) {
			return f, db.database.raw(d, scale/dbShare, &f)
		}})
	}
	return c
}

// Shares of the events: of those who are slow, and of the bursts.
const (
	dbShare    = 5
	burstShare = 5
)

// compete measures a subject, in both ways.
func (b *bench) compete(s *subject, d *decision, scale int) (f figure, err error) {
	events := max(scale/s.share, 1)
	if f, err = b.bursts(s, d, max(events/burstShare, 1)); err != nil {
		return f, err
	}
	return f, b.sustained(s, d, producers, events, &f)
}

// mostTogether is how many batches share an fsync of ours, at most.
const mostTogether = 4

// rawDisk writes what ours wrote, in pieces.
func (b *bench) rawDisk(ours figure, text []byte, piece int) (f figure, err error) {
	if ours.sent == 0 {
		return f, fmt.Errorf("%s is measured by what %s wrote: choose that too", rawDiskName, oursQueued)
	}
	f.piece = float64(piece)
	return f, b.inDir(func(dir string) error {
		took, err := rawDisk(dir, text[:ours.size], piece)
		f.rate = perSecond(ours.sent, took)
		return err
	})
}

// round lets each of them run once.
func (c *contest) round(scale int, counts bool) error {
	for _, one := range c.contestants {
		f, err := one.run(scale)
		if err == nil {
			err = f.lost(one.name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		if counts {
			c.results[one.name] = append(c.results[one.name], f)
		}
	}
	return nil
}

func (c *contest) table() *table {
	t := newTable("The same event through each", "what", "caller, ns", "events/s", "allocations", "bytes", "delivered",
		"caller, ours / it", "events/s, ours / it", "KiB a write")
	for _, one := range c.contestants {
		f, ours := c.results[one.name], c.results[one.peerOf]
		name := one.name
		if one.ceiling {
			name = "**" + name + "**"
		}
		mallocs, bytes := f.mallocs(), f.median(func(f figure) float64 { return f.bytes })
		if one.name == rawDiskName || one.name == rawDiskGroupName {
			mallocs, bytes = none, none
		}
		t.row(name, shown(f.caller(), 0), shown(f.rate(), 0), shown(mallocs, 2), shown(bytes, 0), f.delivered(),
			shown(ratio(ours.caller(), f.caller()), 2), shown(ratio(ours.rate(), f.rate()), 2),
			shown(f.median(func(f figure) float64 { return some(f.piece) })/1024, 1))
	}
	return t
}

// goals are those that this table answers.
func (c *contest) goals(g *goals) {
	caller := func(name string) float64 { return c.results[name].caller() }
	rates := func(a, b string) float64 { return ratio(c.results[a].rate(), c.results[b].rate()) }
	g.atMost("Record to a file, bursts, against zerolog to io.Discard", ratio(caller(oursQueued), caller(zerologToNone)), 1)
	g.atMost("Record to a file: allocations an event", math.Round(100*c.results[oursQueued].mallocs())/100, 0)
	g.atLeast("to a file with fsync, end to end, against zerolog and lumberjack without", rates(oursQueued, zerologToFile), 2.5)
	g.atLeast("to a file, end to end, against raw write+fsync in pieces of our mean batch", rates(oursQueued, rawDiskName), 0.85)
	g.atLeast("SQLite, end to end, against raw multi-row inserts", rates(oursSQLite, rawSQLiteName), 0.9)
	g.atLeast("PostgreSQL, end to end, against raw CopyFrom", rates(oursPostgres, rawPostgresName), 0.9)
}
