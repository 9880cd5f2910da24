package analysis

import (
	"iter"
	"slices"
	"strconv"
	"time"
)

// Acknowledgments are the denials that somebody owns, as ReadAcknowledgments reads
// them. A nil one acknowledges nothing. They never change, and may be used by several
// goroutines at once; what the methods return is the caller's.
type Acknowledgments struct {
	entries []*Acknowledgment // in the order of their lines
	shapes  []*shape
}

// shape is the entries that name the same dimensions.
type shape struct {
	dimensions []string
	entries    map[string]*Acknowledgment // by joined values; no two have the same
}

// newAcknowledgments takes entries of different keys, in the order of their lines.
func newAcknowledgments(entries []*Acknowledgment) *Acknowledgments {
	a := &Acknowledgments{entries: entries}
	byDimensions := make(map[string]*shape)
	for _, entry := range entries {
		dimensions, values := entry.dimensions(), make([]string, 0, len(entry.Key))
		for _, name := range dimensions {
			values = append(values, entry.Key[name])
		}
		s := byDimensions[joined(dimensions)]
		if s == nil {
			s = &shape{dimensions, make(map[string]*Acknowledgment)}
			byDimensions[joined(dimensions)] = s
			a.shapes = append(a.shapes, s)
		}
		s.entries[joined(values)] = entry
	}
	return a
}

// joined is different for different values.
func joined(values []string) string {
	var text []byte
	for _, value := range values {
		text = append(append(strconv.AppendInt(text, int64(len(value)), 10), ':'), value...)
	}
	return string(text)
}

// All yields the entries in the order of their lines.
func (a *Acknowledgments) All() iter.Seq[*Acknowledgment] {
	return func(yield func(*Acknowledgment) bool) {
		if a == nil {
			return
		}
		for _, entry := range a.entries {
			if !yield(entry.clone()) {
				return
			}
		}
	}
}

// Find returns the entry that covers the group with that key at that time: every
// dimension that it names is in by, its value is that of the key, and it has not
// expired. Of several it is the one that names the most dimensions, of those the first
// in the file.
//
// So an entry never covers a group that is wider than itself: one of manager and
// attribute does not cover a group by manager alone.
func (a *Acknowledgments) Find(by, key []string, at time.Time) (entry *Acknowledgment, found bool) {
	live, _ := a.within(by).match(key, at, nil)
	if live == nil {
		return nil, false
	}
	return live.clone(), true
}

// placed is a shape with the places of its dimensions in a key.
type placed struct {
	*shape

	places []int
}

// applicable are the shapes that can cover a group.
type applicable struct {
	width  int // of keys
	shapes []placed
}

// within are the shapes all of whose dimensions are in by.
func (a *Acknowledgments) within(by []string) applicable {
	fitting := applicable{width: len(by)}
	if a == nil {
		return fitting
	}
	for _, s := range a.shapes {
		if len(missing(s.dimensions, by)) > 0 {
			continue
		}
		places := make([]int, len(s.dimensions))
		for i, name := range s.dimensions {
			places[i] = slices.Index(by, name)
		}
		fitting.shapes = append(fitting.shapes, placed{s, places})
	}
	return fitting
}

// missing are the dimensions that are not in by.
func missing(dimensions, by []string) (names []string) {
	for _, name := range dimensions {
		if !slices.Contains(by, name) {
			names = append(names, name)
		}
	}
	return names
}

// match returns the best entry with the values of key that has not expired, and the best
// of those that have; nil is none. It calls each with every entry that has the values.
func (a applicable) match(key []string, at time.Time, each func(*Acknowledgment)) (live, expired *Acknowledgment) {
	if len(key) != a.width {
		return nil, nil
	}
	var values []string
	for _, s := range a.shapes {
		values = values[:0]
		for _, place := range s.places {
			values = append(values, key[place])
		}
		entry := s.entries[joined(values)]
		if entry == nil {
			continue
		}
		if each != nil {
			each(entry)
		}
		best := &live
		if at.After(entry.Expires) {
			best = &expired
		}
		if *best == nil || entry.moreSpecific(*best) {
			*best = entry
		}
	}
	return live, expired
}

func (a *Acknowledgment) moreSpecific(other *Acknowledgment) bool {
	if len(a.Key) != len(other.Key) {
		return len(a.Key) > len(other.Key)
	}
	return a.Line < other.Line
}
