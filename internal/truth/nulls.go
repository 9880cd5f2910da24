package truth

import (
	"math/rand/v2"
	"time"

	"github.com/permaudit/audit/query"
)

// Trial is a made-up comparison.
type Trial struct {
	Source interface {
		query.Source
		query.Grouper
		query.UserGrouper
		Slice() query.Source // of the same, as events
	}
	Baseline, Candidate query.Filter
	Planted             []Planted // what has changed between them; nothing else has
}

// Null makes trials in which nothing has changed that a deployment could be blamed for.
type Null struct {
	Name string
	// IsBeyond says that it is beyond what is promised: something has changed that is
	// nobody's fault.
	IsBeyond bool

	habits habits
	live   func(w *world) (baseline, candidate query.Filter)
}

// Trial makes up a trial.
func (g *Null) Trial(random *rand.Rand) *Trial {
	w := newWorld(random, g.habits)
	t := &Trial{Source: log{w}}
	t.Baseline, t.Candidate = g.live(w)
	return t
}

// lively are the habits of worlds in which there is a bit of everything.
var lively = habits{retries: true, superusers: 0.03, bypass: 0.7}

// Nulls are the generators of nights without a change.
func Nulls() []Null {
	with := func(change func(h *habits)) habits {
		h := lively
		change(&h)
		return h
	}
	return []Null{
		{Name: "no retries", live: nights(1, night{})},
		{Name: "denied clients retry", habits: habits{retries: true}, live: nights(1, night{})},
		{Name: "seasons: 1 to 7 days after 4 weeks", habits: lively, live: days},
		{Name: "traffic doubled by new users", habits: lively, live: nights(1, night{newcomers: true})},
		{Name: "a scanner", habits: lively, live: scanned(1)},
		{Name: "eight scanners", habits: lively, live: scanned(strangers)},
		{Name: "users check twice as often, 6 times in some keys", habits: lively, live: busier},
		{Name: "canary of 10 %", habits: lively, live: canary(0.1)},
		{Name: "canary of 90 %", habits: lively, live: canary(0.9)},
		{Name: "four nights before one", habits: lively, live: nights(4, night{})},
		{Name: "checks of several attributes", habits: with(func(h *habits) { h.together = true }), live: nights(1, night{})},
		{
			Name:   "superusers who bypass one check in ten, and all do three times as much",
			habits: with(func(h *habits) { h.superusers, h.bypass = 0.15, 0.1 }), live: nights(1, night{often: 3}),
		},
		{
			Name:   "who is denied is always denied, four nights before one with new users",
			habits: with(func(h *habits) { h.outsiders = true }), live: nights(4, night{newcomers: true}),
		},
		{
			Name: "keys differ from night to night on their own", IsBeyond: true,
			habits: with(func(h *habits) { h.moody = 0.5 }), live: nights(1, night{}),
		},
	}
}

// evening is when nights begin.
const evening, nightly = 21 * time.Hour, 8 * time.Hour

// nights are some of the baseline before one of the candidate, which is as given.
func nights(before int, last night) func(*world) (query.Filter, query.Filter) {
	return func(w *world) (query.Filter, query.Filter) {
		for i := range before {
			w.live(&night{begin: time.Duration(i)*day + evening, length: nightly})
		}
		this := last // which other trials use, too
		this.begin, this.length, this.side = time.Duration(before)*day+evening, nightly, candidate
		w.live(&this)
		return byDeployment()
	}
}

// scanned is a night in which some users probe every key.
func scanned(scanners int) func(*world) (query.Filter, query.Filter) {
	return func(w *world) (query.Filter, query.Filter) {
		changes := make(map[int]change, Keys)
		for i := range w.keys {
			changes[i] = change{loop: 5, loopers: scanners}
		}
		return nights(1, night{changes: changes})(w)
	}
}

// busier is a night in which there is more to do for everybody.
func busier(w *world) (query.Filter, query.Filter) {
	busy := make(map[int]float64)
	for range Keys / 10 {
		busy[w.random.IntN(Keys)] = 3
	}
	return nights(1, night{often: 2, busy: busy})(w)
}

// canary is a night of both sides, of which the candidate gets a share of the requests.
func canary(share float64) func(*world) (query.Filter, query.Filter) {
	return func(w *world) (query.Filter, query.Filter) {
		w.live(&night{begin: evening, length: nightly, canary: share, side: candidate})
		return byDeployment()
	}
}

// days are some after four weeks, in a world with seasons.
func days(w *world) (b, c query.Filter) {
	s := newSeasons()
	const weeks = 4
	begin := time.Duration(w.random.IntN(7)) * day
	after := begin + weeks*week
	length := time.Duration(1+w.random.IntN(7)) * day
	for i := range weeks {
		w.live(&night{begin: begin + time.Duration(i)*week, length: week, seasons: s})
	}
	w.live(&night{begin: after, length: week, seasons: s})
	b.Since, b.Until = Begin.Add(begin), Begin.Add(after)
	c.Since, c.Until = b.Until, Begin.Add(after+length)
	return b, c
}
