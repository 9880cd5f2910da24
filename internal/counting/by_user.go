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
	Users Users

	groups  map[string]*UserGroup // by AppendKey of its key
	sets    int
	key     []byte // of one check
	pending []pendingShare
	touched float64 // means nothing: see settle
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
func NewByUser(sets int) *ByUser { return &ByUser{groups: make(map[string]*UserGroup), sets: sets} }

// Groups are those that were counted, by AppendKey of their keys. What their users got is
// complete until the next check is added.
func (b *ByUser) Groups() map[string]*UserGroup {
	b.settle()
	return b.groups
}

// Group is the group with that key, a new one if there is none. The key is copied, and so
// are its texts.
func (b *ByUser) Group(key []string) *UserGroup {
	b.key = AppendKey(b.key[:0], key)
	g, found := b.groups[string(b.key)]
	if !found {
		g = &UserGroup{Key: make([]string, len(key)), Sets: make([]UserSet, b.sets)}
		for i, text := range key {
			g.Key[i] = strings.Clone(text)
		}
		b.groups[string(b.key)] = g
	}
	return g
}

// mostTogether is how many groups a check has at most of which pairs are counted: pairs
// grow with the square, a check of a thousand attributes would have a million of them.
// Hardly a check has more than a few.
const mostTogether = 32

// Add counts a check in all the groups that it belongs to. Those of a check with more than
// mostTogether groups are not counted as Together.
func (b *ByUser) Add(groups []*UserGroup, c *Check) {
	for _, g := range groups {
		b.add(&g.Sets[c.Set], c)
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

func (b *ByUser) add(s *UserSet, c *Check) {
	s.Checks += c.Weight
	if c.Sampled {
		s.Sampled++
	}
	if c.Anonymous {
		s.Anonymous++
	}
	if c.Bypassed {
		b.addOutcome(&s.Bypassed, c)
	}
	switch {
	case !c.Granted:
		b.addOutcome(&s.Denied, c)
	case !c.Bypassed:
		b.addOutcome(&s.Granted, c)
	}
}

func (b *ByUser) addOutcome(o *Outcome, c *Check) {
	o.count(c.Weight, c.At, c.At)
	b.pending = append(b.pending, pendingShare{&o.users, share{UserShare{c.Weight, 1 << c.Window}, c.User}})
	if len(b.pending) == mostPending {
		b.settle()
	}
}

// pendingShare is a share that is not added yet.
type pendingShare struct {
	to *shares
	share
}

// mostPending is more than a processor waits for at once, and fits its smallest cache.
const mostPending = 64

// settle adds what is pending. Of millions of shares hardly one is in a cache: touching
// many places first, the processor waits for all of them at once.
func (b *ByUser) settle() {
	if len(b.pending) == 0 { // nothing is written: several may read at once
		return
	}
	for i := range b.pending {
		b.touched += b.pending[i].to.first(b.pending[i].user)
	}
	for i := range b.pending {
		p := &b.pending[i]
		p.to.add(p.user, p.UserShare)
	}
	b.pending = b.pending[:0]
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

// Each calls f for each user of the set, until it returns false: of those that Groups has
// settled.
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
	other.settle()
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
	for _, from := range other.groups {
		pairs <- [2]*UserGroup{b.Group(from.Key), from}
	}
	close(pairs)
	workers.Wait()
	for _, from := range other.groups {
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
