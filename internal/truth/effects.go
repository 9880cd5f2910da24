package truth

import (
	"math/rand/v2"
	"slices"
)

// Effect makes trials in which something has changed in some keys, as a deployment changes
// it. All else is as in the generator in which denied clients retry.
type Effect struct {
	Name    string
	Verdict string // that it should get
	// Size is what Bounds are about.
	Size string
	// Bounds begin the classes of sizes, ascending; the last class has no end.
	Bounds []int
	// Promised is the bound of the classes in which most of them must be found; 0: none.
	Promised int

	canary float64 // so large a share of the requests of one night is the candidate's; 0: a night before another
	change change
	isNew  bool // the baseline does not have the keys
	// size is that of a key; -1: it is not eligible.
	size func(before, after *tally) int
	// guess is the same, before the candidate's night.
	guess func(before *tally) int
}

// Planted is a change that a trial has.
type Planted struct {
	Key   []string // manager, action and attribute
	Class int      // of its size
}

// plantedEach is in how many keys of a trial something has changed, at most: each in a
// class of its own.
const plantedEach = 3

// Effects are what a deployment can do.
func Effects() []Effect {
	usersBefore := func(before, _ *tally) int { return before.users }
	deniedBefore := func(before, _ *tally) int { return before.denied }
	sizes := []int{2, 5, 8, 10, 15, 20, 30}
	return []Effect{
		{
			Name: "a lost rule: of what had been granted in more than 99 % everything is denied", Verdict: "lost_rule",
			Size: "users before", Bounds: []int{3, 5, 8, 10, 15, 20, 30, 50}, Promised: 20,
			change: change{everything: true},
			size: func(before, _ *tally) int {
				if 100*before.refused >= before.checks {
					return -1
				}
				return before.users
			},
		},
		{
			Name: "everything is denied, whatever was before", Verdict: "lost_rule",
			Size: "users before", Bounds: []int{3, 5, 8, 10, 15, 20, 30, 50}, Promised: 20,
			change: change{everything: true}, size: usersBefore,
		},
		{
			Name: "everything is denied by a canary, which gets 10 % of the requests", Verdict: "lost_rule",
			Size: "users of the canary", Bounds: []int{3, 5, 8, 10, 15, 20, 30, 50}, Promised: 20,
			canary: 0.1, change: change{everything: true},
			size:  func(_, after *tally) int { return after.users },
			guess: func(before *tally) int { return before.users / 5 },
		},
		{
			Name: "four times as many users are denied", Verdict: "regression",
			Size: "denied users before", Bounds: sizes, Promised: 10,
			change: change{rise: 4}, size: deniedBefore,
		},
		{
			Name: "twice as many users are denied", Verdict: "regression",
			Size: "denied users before", Bounds: sizes,
			change: change{rise: 2}, size: deniedBefore,
		},
		{
			Name: "a new check denies everybody", Verdict: "new_denial",
			Size: "denied users", Bounds: []int{3, 5, 8, 10, 15, 20, 30},
			change: change{everything: true}, isNew: true,
			size: func(_, after *tally) int { return after.denied }, guess: func(before *tally) int { return before.users },
		},
		{
			Name: "a check is gone", Verdict: "vanished",
			Size: "users before", Bounds: []int{10, 15, 20, 30, 50},
			change: change{gone: true}, size: usersBefore,
		},
		{
			Name: "half of the users bypass the rules", Verdict: "bypass_up",
			Size: "users who bypass", Bounds: []int{3, 5, 8, 10, 15, 20, 30},
			change: change{bypass: 0.5},
			size:   func(_, after *tally) int { return after.bypassed }, guess: func(before *tally) int { return before.users / 2 },
		},
		{
			Name: "a quarter of the users is denied of those who were", Verdict: "improvement",
			Size: "denied users before", Bounds: sizes,
			change: change{rise: 0.25}, size: deniedBefore,
		},
		{
			Name: "a client tries 300 times", Verdict: "retry_loop",
			Size: "other denied users", Bounds: []int{0, 1, 2, 3, 5, 10},
			change: change{loop: 300},
			size:   func(_, after *tally) int { return after.denied }, guess: func(before *tally) int { return before.denied },
		},
	}
}

// Trial makes up a trial.
func (e *Effect) Trial(random *rand.Rand) *Trial {
	w := newWorld(random, lively)
	last := night{begin: evening + day, length: nightly, side: candidate, canary: e.canary}
	before := w.live(&night{begin: evening, length: nightly})
	last.changes = e.plant(w, before)
	if e.isNew || e.canary > 0 {
		w.requests = slices.DeleteFunc(w.requests, func(r request) bool {
			_, found := last.changes[r.key]
			return found || e.canary > 0
		})
	}
	after := w.live(&last)

	t := &Trial{Source: log{w}}
	t.Baseline, t.Candidate = byDeployment()
	for i := range w.keys {
		if _, found := last.changes[i]; found && !after[i].cannot {
			k := &w.keys[i]
			key := []string{k.manager, string(k.action), k.attributes[0][0]}
			t.Planted = append(t.Planted, Planted{key, e.class(e.size(&before[i], &after[i]))})
		}
	}
	return t
}

// plant picks keys of some classes.
func (e *Effect) plant(w *world, before []tally) map[int]change {
	classes := make([][]int, len(e.Bounds))
	for i := range before {
		size := 0
		if e.guess != nil {
			size = e.guess(&before[i])
		} else {
			size = e.size(&before[i], nil)
		}
		if class := e.class(size); class >= 0 {
			classes[class] = append(classes[class], i)
		}
	}
	changes := make(map[int]change)
	for _, class := range w.random.Perm(len(classes)) {
		if keys := classes[class]; len(keys) > 0 && len(changes) < plantedEach {
			changes[keys[w.random.IntN(len(keys))]] = e.change
		}
	}
	return changes
}

// class is the class of a size; -1: it has none.
func (e *Effect) class(size int) int {
	class := -1
	for i, bound := range e.Bounds {
		if size >= bound {
			class = i
		}
	}
	return class
}
