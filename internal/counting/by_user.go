package counting

import (
	"iter"
	"maps"
	"runtime"
	"strings"
	"sync"
)

// ByUser counts checks by key, by set and by user. It is not safe for concurrent use.
type ByUser struct {
	Users  Users
	Groups map[string]*UserGroup // by AppendKey of its key

	sets int
	key  []byte // of one check
}

// UserGroup is what was counted of one key.
type UserGroup struct {
	Key  []string
	Sets []UserSet // those of the ByUser, in their order
}

// UserSet is what was counted of one key in one set.
type UserSet struct {
	Granted, Denied, Bypassed Outcome // granted is what was so by the rules
	Checks                    float64 // weighed
	Sampled, Anonymous        int64

	together map[*UserGroup]float64 // of the denied: those that belong to another group, too
}

// Outcome is what was counted of one of them.
type Outcome struct {
	Events      float64 // weighed
	First, Last int64   // in microseconds since 1970, if there are events

	users shares
}

// Check is a check to be counted.
type Check struct {
	Set, Window       int
	User              uint32 // its number in ByUser.Users
	Anonymous         bool
	Granted, Bypassed bool
	Weight            float64
	Sampled           bool
	At                int64 // in microseconds since 1970
}

// NewByUser returns an empty count of so many sets.
func NewByUser(sets int) *ByUser { return &ByUser{Groups: make(map[string]*UserGroup), sets: sets} }

// Group is the group with that key, a new one if there is none. The key is copied, and so
// are its texts.
func (b *ByUser) Group(key []string) *UserGroup {
	b.key = AppendKey(b.key[:0], key)
	g, found := b.Groups[string(b.key)]
	if !found {
		g = &UserGroup{Key: make([]string, len(key)), Sets: make([]UserSet, b.sets)}
		for i, text := range key {
			g.Key[i] = strings.Clone(text)
		}
		b.Groups[string(b.key)] = g
	}
	return g
}

// mostTogether is how many groups a check has at most of which pairs are counted: pairs
// grow with the square, a check of a thousand attributes would have a million of them.
// Hardly a check has more than a few.
const mostTogether = 32

// Add counts a check in all the groups that it belongs to. Those of a check with more than
// mostTogether groups are not counted as Together.
func Add(groups []*UserGroup, c *Check) {
	for _, g := range groups {
		g.add(c)
		if c.Granted || len(groups) > mostTogether {
			continue
		}
		for _, other := range groups {
			if other != g {
				g.Sets[c.Set].addTogether(other, c.Weight)
			}
		}
	}
}

func (s *UserSet) addTogether(other *UserGroup, events float64) {
	if s.together == nil {
		s.together = make(map[*UserGroup]float64)
	}
	s.together[other] += events
}

// Together yields the groups to which denied checks of the set belong as well, and how
// many of these do, weighed. Checks of more than 32 groups are left out.
func (s *UserSet) Together() iter.Seq2[*UserGroup, float64] { return maps.All(s.together) }

func (g *UserGroup) add(c *Check) {
	s := &g.Sets[c.Set]
	s.Checks += c.Weight
	if c.Sampled {
		s.Sampled++
	}
	if c.Anonymous {
		s.Anonymous++
	}
	if c.Bypassed {
		s.Bypassed.add(c)
	}
	switch {
	case !c.Granted:
		s.Denied.add(c)
	case !c.Bypassed:
		s.Granted.add(c)
	}
}

func (o *Outcome) add(c *Check) {
	o.count(c.Weight, c.At, c.At)
	o.users.add(c.User, UserShare{c.Weight, 1 << c.Window})
}

func (o *Outcome) count(events float64, first, last int64) {
	if o.Events == 0 || first < o.First {
		o.First = first
	}
	if o.Events == 0 || last > o.Last {
		o.Last = last
	}
	o.Events += events
}

// Each calls f for each user of the set, until it returns false.
func (s *UserSet) Each(f func(user uint32, granted, denied, bypassed UserShare) bool) bool {
	granted, denied, bypassed := &s.Granted.users, &s.Denied.users, &s.Bypassed.users
	return granted.each(func(user uint32, got UserShare) bool {
		return f(user, got, denied.of(user), bypassed.of(user))
	}) && denied.each(func(user uint32, got UserShare) bool {
		return granted.has(user) || f(user, UserShare{}, got, bypassed.of(user))
	}) && bypassed.each(func(user uint32, got UserShare) bool {
		return granted.has(user) || denied.has(user) || f(user, UserShare{}, UserShare{}, got)
	})
}

// Absorb adds what another has counted of the same sets, on all processors.
func (b *ByUser) Absorb(other *ByUser) {
	numbers := b.Users.NumbersOf(&other.Users)
	var workers sync.WaitGroup
	pairs := make(chan [2]*UserGroup, 64)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for pair := range pairs {
				for i := range pair[0].Sets {
					pair[0].Sets[i].absorb(&pair[1].Sets[i], numbers)
				}
			}
		})
	}
	for _, from := range other.Groups {
		pairs <- [2]*UserGroup{b.Group(from.Key), from}
	}
	close(pairs)
	workers.Wait()
	for _, from := range other.Groups {
		to := b.Group(from.Key)
		for i := range from.Sets {
			for partner, events := range from.Sets[i].together {
				to.Sets[i].addTogether(b.Group(partner.Key), events)
			}
		}
	}
}

func (s *UserSet) absorb(other *UserSet, numbers []uint32) {
	s.Checks += other.Checks
	s.Sampled += other.Sampled
	s.Anonymous += other.Anonymous
	s.Granted.absorb(&other.Granted, numbers)
	s.Denied.absorb(&other.Denied, numbers)
	s.Bypassed.absorb(&other.Bypassed, numbers)
}

func (o *Outcome) absorb(other *Outcome, numbers []uint32) {
	if other.Events == 0 {
		return
	}
	o.count(other.Events, other.First, other.Last)
	other.users.each(func(user uint32, got UserShare) bool {
		o.users.add(numbers[user], got)
		return true
	})
}
