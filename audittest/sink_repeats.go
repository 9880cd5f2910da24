package audittest

import (
	"slices"

	"github.com/permaudit/audit"
)

// skipsBatch: a batch that comes again is a batch that was stored.
func skipsBatch(s *storing) {
	first, second := samples(s, 24), small(s, 24)
	want := eventsOf(s, first, second)
	s.write("events", first)
	before, ok := s.holds("after a batch", want[:len(first)])
	if !ok {
		return
	}
	for range 2 {
		s.write("events that were stored before, the same batch again,", first)
		after, ok := s.holds("after the same batch again", want[:len(first)])
		if !ok {
			return
		}
		s.unchanged("after the same batch again", before, after)
	}
	s.write("other events", second)
	s.write("events of the batch before the last one", first)
	s.write("events of the last batch", second)
	events, ok := s.holds("after both of two batches again", want)
	if !ok {
		return
	}
	s.unchanged("after both of two batches again", before, events)
	s.write("other content under ids that are stored", under(first, second))
	if events, ok = s.holds("after other content under the same ids", want); ok {
		s.unchanged("after other content under the same ids", before, events)
	}
}

// under is the content of the batch others under the ids of the batch ids.
func under(ids, others []audit.Entry) []audit.Entry {
	mixed := slices.Clone(others)
	for i := range mixed {
		mixed[i].ID = ids[i].ID
	}
	return mixed
}

// skipsSome: one old entry is no reason to refuse the new ones.
func skipsSome(s *storing) {
	const n = 8
	all := samples(s, 4*n)
	want := eventsOf(s, all)
	stored := 0
	for _, round := range []struct {
		what  string
		old   []int // where entries that are stored already stand among the new ones
		fresh int
	}{
		{"new events alone", nil, n},
		{"an event that is stored before new ones", []int{0}, n},
		{"new events before one that is stored", []int{n}, n},
		{"new events between those that are stored", []int{0, 2, 3, 6, 8, 9, n + 6}, n},
	} {
		batch := slices.Clone(all[stored : stored+round.fresh])
		for i, at := range round.old {
			batch = slices.Insert(batch, at, all[(i*5+3)%stored])
		}
		stored += round.fresh
		s.write(round.what, batch)
		if _, ok := s.holds("after "+round.what, want[:stored]); !ok {
			return
		}
	}
}

// skipsWithin: nor is an entry that comes twice at once.
func skipsWithin(s *storing) {
	e := samples(s, 5)
	want := eventsOf(s, e)
	s.write("an event twice", []audit.Entry{e[0], e[0]})
	if _, ok := s.holds("after a batch that holds an event twice", want[:1]); !ok {
		return
	}
	s.write("several events, some of them repeatedly,", []audit.Entry{e[1], e[2], e[1], e[0], e[3], e[1], e[4], e[4]})
	s.holds("after a batch that holds events repeatedly", want)
}
